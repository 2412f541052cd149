//! The catalog of tables: durable, replicated as group 0, known to every core.
