//! Records that nobody waits for, kept to fill what a flush would pad.
//!
//! A flush is whole blocks: on the average half a block of it is zeros, which are dead from their beginning. Copies that cleaning makes can wait for a
//! moment, so a few are kept here, and each flush takes as many as leave the least of it empty. One a journal, in its state. Deliberately not here: what
//! is copied, and when the last of it has to be written (`partition::moving`).

use crate::block::BLOCK_BYTES;
use crate::error::AppendRefused;
use crate::position::Location;
use crate::record::RecordCopy;
use runtime::{OneShot, OneShotSender, one_shot};
use std::collections::VecDeque;

/// Records kept at most.
pub const PADDING_COUNT_MAX: usize = 8;

/// Where a record that was kept went: known once it is appended; when more were given than are kept at most, the first of them is. `None` if the journal
/// was closed before. Dropped before that, the record is not appended.
pub type Placement = OneShot<Result<Location, AppendRefused>>;

/// See the front page.
#[derive(Default)]
pub(crate) struct Paddings {
    /// Oldest first.
    waiting: VecDeque<Padding>,
}

/// A record that waits.
pub(crate) struct Padding {
    copy: RecordCopy,
    placed: OneShotSender<Result<Location, AppendRefused>>,
}

impl Paddings {
    /// Keeps a record. `None` if enough are kept, or it is no shorter than a block.
    pub(crate) fn keep(&mut self, copy: &RecordCopy) -> Option<Placement> {
        if self.waiting.len() >= PADDING_COUNT_MAX || copy.stored_bytes() >= BLOCK_BYTES {
            return None;
        }
        let (placed, placement) = one_shot();
        self.waiting.push_back(Padding { copy: copy.clone(), placed });
        Some(placement)
    }

    /// How many, oldest first, leave the least empty of the last block of a batch that is `used` so far.
    pub(crate) fn best_count(&self, used: usize) -> usize {
        let ends = self.waiting.iter().scan(used, |end, padding| {
            *end += padding.copy.with_payload(&[]).ordinary_bytes(padding.copy.stored_bytes());
            Some(*end)
        });
        let empty_bytes = |end: usize| end.next_multiple_of(BLOCK_BYTES) - end;
        let (count, _) = std::iter::once(used)
            .chain(ends)
            .enumerate()
            .min_by_key(|(_, end)| empty_bytes(*end))
            .expect("there is one");
        count
    }

    /// Takes the oldest that its owner still waits for.
    pub(crate) fn take(&mut self) -> Option<Padding> {
        std::iter::from_fn(|| self.waiting.pop_front()).find(|padding| !padding.placed.is_abandoned())
    }

    /// Takes it back as the oldest.
    pub(crate) fn take_back(&mut self, padding: Padding) {
        self.waiting.push_front(padding);
    }

    /// The owners of all learn that these will not be appended.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }
}

impl Padding {
    /// The copy to append.
    pub(crate) fn copy(&self) -> &RecordCopy {
        &self.copy
    }

    /// It was appended, or never will be.
    pub(crate) fn settle(self, placed: Result<Location, AppendRefused>) {
        self.placed.send(placed);
    }
}
