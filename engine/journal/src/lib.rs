//! The log of a core: segments, group commit, recovery.
