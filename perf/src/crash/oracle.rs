//! The oracle: what each key of one writer may hold after a crash.
//!
//! Pure and deterministic. A key has one writer and at most one write in flight, so after a crash it holds what was last
//! acknowledged or what was in flight, whole, and nothing else. What was then found is what it holds from there on.

use std::fmt;

use super::item::{Key, SLOTS_PER_WRITER, Version};

/// What a key holds: an item of a version, or nothing.
pub(super) type Content = Option<Version>;

/// What one writer knows of its keys.
#[derive(Clone, Debug)]
pub(super) struct Oracle {
    writer: u16,
    keys: Vec<KeyState>,
    /// Writes acknowledged since it was made.
    pub(super) acknowledged_count: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct KeyState {
    settled: Content,
    in_flight: Option<Content>,
}

/// A key that holds what it must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    key: Key,
    expected: Content,
    in_flight: Option<Content>,
    found: Content,
}

/// What became of the writes that were in flight at a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct InFlightCount {
    /// They are there.
    pub(super) kept: u64,
    /// They are not.
    pub(super) dropped: u64,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |content: Content| content.map_or("nothing".to_owned(), |version| version.to_string());
        let what = match (self.expected, self.found) {
            (Some(_), None) => "an acknowledged item is lost",
            (None, Some(_)) => "a deleted or never acknowledged item is there",
            _ => "another version is there",
        };
        write!(formatter, "{}: {what}: found {}, expected {}", self.key, text(self.found), text(self.expected))?;
        match self.in_flight {
            Some(in_flight) => write!(formatter, " or {}, which was in flight", text(in_flight)),
            None => Ok(()),
        }
    }
}

impl Oracle {
    /// A writer that has written nothing, on an empty table.
    pub(super) fn new(writer: u16) -> Oracle {
        let keys = vec![KeyState::default(); usize::from(SLOTS_PER_WRITER)];
        Oracle { writer, keys, acknowledged_count: 0 }
    }

    pub(super) fn writer(&self) -> u16 {
        self.writer
    }

    /// All keys of the writer.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> + use<> {
        let writer = self.writer;
        (0..SLOTS_PER_WRITER).map(move |slot| Key { writer, slot })
    }

    /// A write leaves: from now on its outcome is unknown.
    pub(super) fn begin(&mut self, key: Key, content: Content) {
        let state = self.state(key);
        assert!(state.in_flight.is_none(), "{key} has a write in flight already");
        state.in_flight = Some(content);
    }

    /// The server says that the write is done.
    pub(super) fn acknowledge(&mut self, key: Key) {
        let state = self.state(key);
        state.settled = state.in_flight.take().expect("a write was in flight");
        self.acknowledged_count += 1;
    }

    /// The server says that the write is not done.
    pub(super) fn refuse(&mut self, key: Key) {
        self.state(key).in_flight.take().expect("a write was in flight");
    }

    /// A read after a crash found this. Adds to `in_flight_count` what became of a write in flight.
    pub(super) fn observe(
        &mut self,
        key: Key,
        found: Content,
        in_flight_count: &mut InFlightCount,
    ) -> Result<(), Violation> {
        let state = self.state(key);
        let KeyState { settled: expected, in_flight } = *state;
        if found != expected && Some(found) != in_flight {
            return Err(Violation { key, expected, in_flight, found });
        }
        match in_flight {
            Some(content) if content == found => in_flight_count.kept += 1,
            Some(_) => in_flight_count.dropped += 1,
            None => {}
        }
        *state = KeyState { settled: found, in_flight: None };
        Ok(())
    }

    /// What a key holds for certain. Panics while a write is in flight.
    pub(super) fn content(&self, key: Key) -> Content {
        let state = self.keys[usize::from(key.slot)];
        assert!(state.in_flight.is_none(), "{key} was not observed since the crash");
        state.settled
    }

    fn state(&mut self, key: Key) -> &mut KeyState {
        assert_eq!(key.writer, self.writer, "a key has one writer");
        &mut self.keys[usize::from(key.slot)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key { writer: 1, slot: 5 };
    const OLD: Content = Some(Version { round: 0, sequence: 1 });
    const NEW: Content = Some(Version { round: 0, sequence: 2 });

    /// A key that holds `settled`, with a write of `in_flight` under way, and what is then found.
    fn observe(settled: Content, in_flight: Option<Content>, found: Content) -> (Result<(), Violation>, InFlightCount) {
        let mut oracle = Oracle::new(1);
        oracle.begin(KEY, settled);
        oracle.acknowledge(KEY);
        if let Some(content) = in_flight {
            oracle.begin(KEY, content);
        }
        let mut count = InFlightCount::default();
        let result = oracle.observe(KEY, found, &mut count);
        if result.is_ok() {
            assert_eq!(oracle.content(KEY), found);
        }
        (result, count)
    }

    #[test]
    fn what_was_acknowledged_or_in_flight_may_be_found_and_nothing_else() {
        let (kept, dropped, none) = ((1, 0), (0, 1), (0, 0));
        let allowed = [
            (OLD, None, OLD, none),
            (None, None, None, none),
            (OLD, Some(NEW), OLD, dropped),
            (OLD, Some(NEW), NEW, kept),
            (OLD, Some(None), None, kept),
            (OLD, Some(None), OLD, dropped),
            (None, Some(NEW), None, dropped),
            (None, Some(NEW), NEW, kept),
        ];
        for (settled, in_flight, found, (kept, dropped)) in allowed {
            assert_eq!(observe(settled, in_flight, found), (Ok(()), InFlightCount { kept, dropped }));
        }
        let forbidden = [
            (OLD, None, None, "is lost"),
            (OLD, None, NEW, "another version"),
            (None, None, OLD, "is there"),
            (OLD, Some(NEW), None, "is lost"),
            (NEW, Some(None), OLD, "another version"),
            (None, Some(NEW), OLD, "is there"),
        ];
        for (settled, in_flight, found, words) in forbidden {
            let violation = observe(settled, in_flight, found).0.unwrap_err();
            assert!(violation.to_string().contains(words), "{violation}");
        }
    }

    #[test]
    fn what_was_found_stays_and_what_was_refused_never_comes() {
        let mut oracle = Oracle::new(1);
        let mut count = InFlightCount::default();
        oracle.begin(KEY, OLD);
        assert_eq!(oracle.observe(KEY, None, &mut count), Ok(()));
        assert!(oracle.observe(KEY, OLD, &mut count).is_err(), "a dropped write comes back");
        oracle.begin(KEY, NEW);
        oracle.refuse(KEY);
        assert!(oracle.observe(KEY, NEW, &mut count).is_err(), "a refused write is there");
        assert_eq!(oracle.observe(KEY, None, &mut count), Ok(()));
        assert_eq!(oracle.acknowledged_count, 0);
    }
}
