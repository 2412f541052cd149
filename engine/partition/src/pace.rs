//! How much background work does at a time: the more the engine has fallen behind with it, the more.
//!
//! A core's background tasks go on by one slice in each turn of its loop, so the length of a slice decides what they get beside requests, and how long
//! a request may have to wait for one. One a worker, shared by its merges. Deliberately not here: what is behind, and by how much (the engine).

use std::cell::Cell;
use std::rc::Rc;

/// Keys of a slice while nothing is behind: a tenth of a millisecond or so.
const KEY_COUNT_MIN: usize = 256;
/// Keys of a slice at most: not more than a millisecond.
const KEY_COUNT_MAX: usize = 1_536;
/// Records that are read at one time, while nothing is behind ...
const RECORD_COUNT_MIN: usize = 16;
/// ... and at most.
const RECORD_COUNT_MAX: usize = 96;
/// Thousandths behind at which the most is done.
const BEHIND_MAX: usize = 40;

/// See the front page. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    behind: Rc<Cell<usize>>,
}

impl Pace {
    /// Says by how many thousandths of what may be there is more: 0 if nothing is behind.
    pub fn set_behind(&self, thousandths: u64) {
        let thousandths = usize::try_from(thousandths).unwrap_or(usize::MAX);
        self.behind.set(thousandths.min(BEHIND_MAX));
    }

    /// Keys that are merged before others have their turn.
    pub(crate) fn key_count(&self) -> usize {
        self.between(KEY_COUNT_MIN, KEY_COUNT_MAX)
    }

    /// Records that are read at one time.
    pub(crate) fn record_count(&self) -> usize {
        self.between(RECORD_COUNT_MIN, RECORD_COUNT_MAX)
    }

    fn between(&self, least: usize, most: usize) -> usize {
        least + (most - least) * self.behind.get() / BEHIND_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_done_the_more_is_behind() {
        let pace = Pace::default();
        let of_engine = pace.clone();
        assert_eq!((pace.key_count(), pace.record_count()), (256, 16));
        of_engine.set_behind(20);
        assert_eq!((pace.key_count(), pace.record_count()), (896, 56));
        of_engine.set_behind(1_000);
        assert_eq!((pace.key_count(), pace.record_count()), (1_536, 96));
        of_engine.set_behind(0);
        assert_eq!(pace.key_count(), 256);
    }
}
