//! raft-rs logs through slog: its lines go on to tracing, one level lower, so that an election is no news.

use slog::{Drain, KV, Level, Logger, OwnedKVList, Record, Serializer};
use std::fmt::{Arguments, Write};

/// A logger for raft. Each group makes its own child of it.
pub(crate) fn new() -> Logger {
    Logger::root(ToTracing, slog::o!())
}

struct ToTracing;

impl Drain for ToTracing {
    type Ok = ();
    type Err = slog::Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), slog::Never> {
        match record.level() {
            Level::Critical | Level::Error if tracing::enabled!(tracing::Level::ERROR) => {
                tracing::error!("raft: {}", line(record, values));
            }
            Level::Warning if tracing::enabled!(tracing::Level::WARN) => {
                tracing::warn!("raft: {}", line(record, values));
            }
            Level::Info if tracing::enabled!(tracing::Level::DEBUG) => {
                tracing::debug!("raft: {}", line(record, values));
            }
            Level::Debug if tracing::enabled!(tracing::Level::TRACE) => {
                tracing::trace!("raft: {}", line(record, values));
            }
            _ => {}
        }
        Ok(())
    }
}

fn line(record: &Record<'_>, values: &OwnedKVList) -> String {
    let mut line = Line(record.msg().to_string());
    // Writing to a string does not fail; a value that cannot be shown is left out.
    let _ = record.kv().serialize(record, &mut line);
    let _ = values.serialize(record, &mut line);
    line.0
}

struct Line(String);

impl Serializer for Line {
    fn emit_arguments(&mut self, key: slog::Key, value: &Arguments<'_>) -> slog::Result {
        write!(self.0, ", {key}: {value}").map_err(slog::Error::from)
    }
}
