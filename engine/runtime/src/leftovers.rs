//! Files that nothing needs any more and that cannot be removed: told of once in a while.
//!
//! One for each kind of files of a worker. A file that stays takes space until the next start, and nothing else. What refuses one refuses every
//! other too, and some owners remove hundreds an hour: told each time, they would fill the disks that are left.

use crate::{FileError, Instant};
use std::cell::Cell;
use std::time::Duration;

/// How often they are told of.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// See the front page.
#[derive(Default)]
pub struct Leftovers {
    told_at: Cell<Option<Instant>>,
    /// Since they were told of.
    untold_count: Cell<u64>,
}

impl Leftovers {
    /// Notes that a file stays, and why; tells of it, and of those since the last that was told of, unless that was just now.
    pub fn note(&self, error: &FileError, now: Instant) {
        if let Some(count) = self.count_to_tell(now) {
            tracing::warn!(%error, count, "files that are not needed any more cannot be removed; they stay until the next start");
        }
    }

    /// One more at `now`: how many there are to tell of, if they are to be.
    fn count_to_tell(&self, now: Instant) -> Option<u64> {
        self.untold_count.set(self.untold_count.get() + 1);
        if self.told_at.get().is_some_and(|told_at| now.since(told_at) < TELL_EVERY) {
            return None;
        }
        self.told_at.set(Some(now));
        Some(self.untold_count.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_told_of_once_a_minute_with_their_count() {
        let leftovers = Leftovers::default();
        let begin = Instant(7);
        let noted = |seconds: u64| leftovers.count_to_tell(begin + Duration::from_secs(seconds));
        assert_eq!([0, 0, 1, 59].map(noted), [Some(1), None, None, None]);
        assert_eq!([60, 61, 119].map(noted), [Some(4), None, None]);
        assert_eq!([500, 560].map(noted), [Some(3), Some(1)]);
    }
}
