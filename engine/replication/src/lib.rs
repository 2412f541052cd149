//! Drives raft-rs: a group whose log is in the journal.
