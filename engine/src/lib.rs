//! The front door of the database: one worker per core, router, admission, coordination.
