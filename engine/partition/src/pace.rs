//! How much background work may do: the more the engine has fallen behind with it, the more.
//!
//! A core's background tasks go on by one slice at a time, which is how long a request may have to wait for them, and together they get a steady share of its
//! time: a burst of merging or copying would be a bad second for all requests. One a worker, shared by its merges. Deliberately not here: what is behind, and
//! by how much (the engine), and how a core keeps to the share (`runtime`).

use runtime::{Instant, Runtime};
use std::cell::Cell;
use std::rc::Rc;

/// Percent of the core's time that merges and copies get beside requests while nothing is behind ...
const PERCENT_MIN: usize = 20;
/// ... and at most.
const PERCENT_MAX: usize = 30;
/// Keys of a slice at most.
const KEY_COUNT: usize = 2_048;
/// Keys between two looks at the clock ...
const LOOK_KEY_COUNT: usize = 16;
/// ... and so many bytes of values count as one.
const KEY_VALUE_BYTES: usize = 2 << 10;
/// Bytes that may wait in the journal when a copy is appended to it, while nothing is behind: copies give way to requests ...
const WAITING_BYTES_MIN: usize = 256 << 10;
/// ... and at most: more than waits there ever, so that copies and requests take their turns.
const WAITING_BYTES_MAX: usize = 16 << 20;
/// Thousandths behind at which the most is done.
const BEHIND_MAX: usize = 30;

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

/// What a background task does before others have their turn: for as long as it may, and no more than some keys. The clock of the simulated machine stands still
/// meanwhile, so there it is the keys alone.
pub(crate) struct Slice {
    runtime: Runtime,
    key_count: usize,
    /// The count at the next look at the clock.
    look_at: usize,
    /// When it is over; known from the first look on.
    ends_at: Option<Instant>,
}

impl Slice {
    pub(crate) fn new(runtime: &Runtime) -> Self {
        Self { runtime: runtime.clone(), key_count: 0, look_at: 0, ends_at: None }
    }

    /// To be called before each key, or whatever takes as long: others have their turn if the slice is over.
    pub(crate) async fn step(&mut self) {
        if self.key_count >= self.look_at && self.is_over() {
            self.runtime.yield_now().await;
            (self.key_count, self.ends_at) = (0, None);
            // The next one begins.
            self.is_over();
        }
        self.key_count += 1;
    }

    /// What was done since the last step took time for so many bytes.
    pub(crate) fn note_bytes(&mut self, bytes: usize) {
        self.key_count += bytes / KEY_VALUE_BYTES;
    }

    fn is_over(&mut self) -> bool {
        let now = self.runtime.now();
        let ends_at = *self.ends_at.get_or_insert_with(|| now + self.runtime.background_slice());
        self.look_at = self.key_count + LOOK_KEY_COUNT;
        self.key_count >= KEY_COUNT || now >= ends_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::ShareClass;
    use runtime::simulated::Machine;

    #[test]
    fn others_have_their_turn_after_a_bounded_number_of_keys() {
        let machine = Machine::new(1);
        let (runtime, done): (_, Rc<Cell<usize>>) = (machine.runtime(), Rc::default());
        let (runtime_of_task, done_of_task) = (runtime.clone(), Rc::clone(&done));
        runtime.spawn(ShareClass::Background, async move {
            let mut slice = Slice::new(&runtime_of_task);
            loop {
                slice.step().await;
                done_of_task.set(done_of_task.get() + 1);
            }
        });
        let looked = machine.run(async move {
            let mut seen = Vec::new();
            while seen.len() < 4 {
                runtime.yield_now().await;
                let count = done.take();
                seen.extend((count > 0).then_some(count));
            }
            seen
        });
        assert_eq!(looked.unwrap(), [KEY_COUNT; 4]);
    }

    #[test]
    fn more_is_done_the_more_is_behind() {
        let pace = Pace::default();
        let of_engine = pace.clone();
        let percents = [0, 15, 1_000, 0].map(|behind| {
            of_engine.set_behind(behind);
            pace.percent()
        });
        assert_eq!(percents, [20, 25, 30, 20]);
    }
}
