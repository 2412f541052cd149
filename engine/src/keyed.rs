//! The single-key operations of a turn: done in the order in which they came, a few at a time.
//!
//! ```text
//! a group -> memory asked for, a step for all before the next: memtables, then the cache and files -> each is done
//! ```
//!
//! The memory that they look at is asked for before the first of them looks, so that their cache misses overlap. Deliberately not here: what is looked at
//! (`memtable`, `partition`), and how an operation is done (`engine.rs`).

use crate::Engine;
use memtable::PrefetchStep;
use model::table::PartitionId;
use partition::{Foreseen, LookAhead, Operation, Ticket};

/// Operations for which memtables' memory is asked for together: enough to overlap, few enough to stay in the cache until they are done.
const GROUP_COUNT_MAX: usize = 32;
/// Operations whose keys are looked for together where no memtable has them: fewer, for what they read begins when they are done, and the disk waits.
const AHEAD_COUNT_MAX: usize = 8;

/// An operation on one key, with who waits for it and whose it is.
pub(crate) type Keyed = (Ticket, PartitionId, Operation);

impl Engine {
    /// See the front page.
    pub(crate) fn execute_keyed(&mut self) {
        let mut keyed = std::mem::take(&mut self.keyed);
        for group in keyed.chunks_mut(GROUP_COUNT_MAX) {
            let are_in_memtables = self.prefetch(group);
            let are_in_memtables = &are_in_memtables[..group.len()];
            if are_in_memtables.iter().all(|is_there| *is_there) {
                self.execute_all(group);
                continue;
            }
            let few = group.chunks_mut(AHEAD_COUNT_MAX).zip(are_in_memtables.chunks(AHEAD_COUNT_MAX));
            few.for_each(|(group, are_in_memtables)| self.execute_ahead(group, are_in_memtables));
        }
        keyed.clear();
        // Nothing came meanwhile: the allocation is used again.
        self.keyed = keyed;
    }

    /// Asks for the memory in memtables that the operations of a group look at. Tells which of them find their keys there, as far as tags do.
    fn prefetch(&self, group: &[Keyed]) -> [bool; GROUP_COUNT_MAX] {
        let mut sought = [None; GROUP_COUNT_MAX];
        for (sought, (_, partition, operation)) in sought.iter_mut().zip(group) {
            let owner = self.partitions.get(partition);
            *sought = owner.zip(operation.key()).map(|(owner, key)| (owner, owner.tag_of(key)));
        }
        let mut are_there = [false; GROUP_COUNT_MAX];
        for step in PrefetchStep::ALL {
            for (is_there, sought) in are_there.iter_mut().zip(&sought[..group.len()]) {
                if let Some((owner, tag)) = sought {
                    *is_there = owner.prefetch(*tag, step);
                }
            }
        }
        are_there
    }

    /// Does them one after the other.
    fn execute_all(&mut self, group: &mut [Keyed]) {
        for (ticket, partition, operation) in group {
            self.execute_now(*ticket, *partition, operation);
        }
    }

    /// The same, after a look for the keys that no memtable has.
    fn execute_ahead(&mut self, group: &mut [Keyed], are_in_memtables: &[bool]) {
        let mut foreseen = self.look_ahead(group, are_in_memtables).into_iter().peekable();
        for (place, (ticket, partition, operation)) in group.iter_mut().enumerate() {
            let of_this = foreseen.next_if(|(of, _)| *of == place);
            self.context.reads.foresee(of_this.map(|(_, foreseen)| foreseen));
            self.execute_now(*ticket, *partition, operation);
        }
        self.context.reads.foresee(None);
    }

    /// Looks for keys that no memtable has, each step for all before the next. Tells what came of it, with the operations' places in the group.
    fn look_ahead(&self, group: &[Keyed], are_in_memtables: &[bool]) -> Vec<(usize, Foreseen)> {
        let reads = &self.context.reads;
        let begin = |place: usize| {
            let (_, partition, operation) = &group[place];
            Some((place, LookAhead::begin(self.partitions.get(partition)?, operation.key()?, reads)?))
        };
        let mut ahead: Vec<_> = (0..group.len()).filter(|place| !are_in_memtables[*place]).filter_map(begin).collect();
        let mut is_further = !ahead.is_empty();
        while is_further {
            is_further = ahead.iter_mut().fold(false, |is_further, (_, ahead)| ahead.advance(reads) | is_further);
        }
        ahead.into_iter().filter_map(|(place, ahead)| Some((place, ahead.into_foreseen()?))).collect()
    }
}
