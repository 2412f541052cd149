//! How much background work may do: the more the engine has fallen behind with it, the more.
//!
//! A core's background tasks go on by one slice at a time, which is how long a request may have to wait for them, and together they get a steady share of its
//! time: a burst of merging or copying would be a bad second for all requests. One a worker, shared by its merges. Deliberately not here: what is behind, and
//! by how much (the engine), and how a core keeps to the share (`runtime`).

use runtime::{Instant, Runtime};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// Percent of the core's time that merges and copies get beside requests while nothing is behind ...
const PERCENT_MIN: usize = 20;
/// ... and at most.
const PERCENT_MAX: usize = 35;
/// Keys of a slice while nothing is behind: a tenth of a millisecond or so.
const KEY_COUNT_MIN: usize = 256;
/// Keys of a slice at most.
const KEY_COUNT_MAX: usize = 2_560;
/// How long a slice is at most, however many keys it has come to.
const SLICE_TIME: Duration = Duration::from_micros(100);
/// Keys between two looks at the clock.
const LOOK_KEY_COUNT: usize = 16;
/// Bytes that may wait in the journal when a copy is appended to it, while nothing is behind: copies give way to requests ...
const WAITING_BYTES_MIN: usize = 256 << 10;
/// ... and at most: more than waits there ever, so that copies and requests take their turns.
const WAITING_BYTES_MAX: usize = 8 << 20;
/// Thousandths behind at which the most is done.
const BEHIND_MAX: usize = 20;

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

    /// What merges and copies get of the core's time beside requests, in percent.
    pub fn percent(&self) -> u32 {
        u32::try_from(self.between(PERCENT_MIN, PERCENT_MAX)).expect("a hundred at most")
    }

    /// Bytes that may wait in the journal when a copy is appended to it.
    pub(crate) fn waiting_bytes_max(&self) -> usize {
        self.between(WAITING_BYTES_MIN, WAITING_BYTES_MAX)
    }

    fn between(&self, least: usize, most: usize) -> usize {
        least + (most - least) * self.behind.get() / BEHIND_MAX
    }
}

/// What a background task does before others have their turn: so many keys, or so long. The clock of the simulated machine stands still meanwhile, so
/// there it is the keys alone.
pub(crate) struct Slice {
    runtime: Runtime,
    pace: Pace,
    key_count: usize,
    /// When it began; known from the first look at the clock on.
    began_at: Option<Instant>,
}

impl Slice {
    pub(crate) fn new(runtime: &Runtime, pace: &Pace) -> Self {
        Self { runtime: runtime.clone(), pace: pace.clone(), key_count: 0, began_at: None }
    }

    /// To be called before each key, or whatever takes as long: others have their turn if the slice is over.
    pub(crate) async fn step(&mut self) {
        if self.is_over() {
            self.end().await;
        }
        self.key_count += 1;
    }

    /// Others have their turn now.
    pub(crate) async fn end(&mut self) {
        self.runtime.yield_now().await;
        (self.key_count, self.began_at) = (0, None);
    }

    fn is_over(&mut self) -> bool {
        if !self.key_count.is_multiple_of(LOOK_KEY_COUNT) {
            return false;
        }
        let now = self.runtime.now();
        let began_at = *self.began_at.get_or_insert(now);
        self.key_count >= self.pace.key_count() || now.since(began_at) >= SLICE_TIME
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::ShareClass;
    use runtime::simulated::Machine;

    /// Keys that a task comes to before each turn of another task.
    fn keys_of_slices(pace: &Pace, slice_count: usize) -> Vec<usize> {
        let machine = Machine::new(1);
        let (runtime, done): (_, Rc<Cell<usize>>) = (machine.runtime(), Rc::default());
        let (runtime_of_task, pace, done_of_task) = (runtime.clone(), pace.clone(), Rc::clone(&done));
        runtime.spawn(ShareClass::Background, async move {
            let mut slice = Slice::new(&runtime_of_task, &pace);
            loop {
                slice.step().await;
                done_of_task.set(done_of_task.get() + 1);
            }
        });
        let looked = machine.run(async move {
            let mut seen = Vec::new();
            while seen.len() < slice_count {
                runtime.yield_now().await;
                let count = done.take();
                seen.extend((count > 0).then_some(count));
            }
            seen
        });
        looked.unwrap()
    }

    #[test]
    fn others_have_their_turn_after_a_bounded_number_of_keys() {
        let pace = Pace::default();
        assert_eq!(keys_of_slices(&pace, 4), [256; 4]);
        pace.set_behind(100);
        assert_eq!(keys_of_slices(&pace, 3), [2_560; 3]);
    }

    #[test]
    fn more_is_done_the_more_is_behind() {
        let pace = Pace::default();
        let of_engine = pace.clone();
        assert_eq!((pace.key_count(), pace.percent()), (256, 20));
        of_engine.set_behind(10);
        assert_eq!((pace.key_count(), pace.percent()), (1_408, 27));
        of_engine.set_behind(1_000);
        assert_eq!((pace.key_count(), pace.percent()), (2_560, 35));
        of_engine.set_behind(0);
        assert_eq!(pace.key_count(), 256);
    }
}
