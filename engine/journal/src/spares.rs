//! Segment files that are not part of the log and can become so: how many are kept, and which are removed.
//!
//! ```text
//! a dead segment ─▶ dying: until a durable flush names a replay start behind it
//!                   ─▶ ready ─▶ the log's next segment
//!                   ─▶ surplus ─▶ removed      too many, of another length, or ready and not used for long
//! ```
//!
//! One a journal, in its state. Deliberately not here: making files (`directory.rs`), and when segments die (`liveness.rs`).

use crate::block::ChecksumKey;
use crate::liveness::Segment;
use crate::position::SegmentId;
use runtime::File;
use std::collections::VecDeque;

/// Spares kept ready: the next segment of the log, and the reserve.
const READY_COUNT: usize = 1 + RESERVE_COUNT;
/// Spares that are left, on a full disk, to what frees space. A process begins a segment of its own, so what there is of the last one is of no use to
/// it after a restart.
pub(crate) const RESERVE_COUNT: usize = 1;
/// Files kept for use again, if there are not many segments in use ...
const KEPT_COUNT_MAX: usize = 4;
/// ... and one in so many of those in use, where that is more.
const KEPT_SHARE: usize = 128;
/// So many times as many are kept for a moment: a round of cleaning gives several back at once.
const KEPT_BURST: usize = 4;

/// A segment file that is not part of the log and can become so.
pub(crate) struct Spare {
    pub(crate) file: File,
    pub(crate) file_number: u32,
    /// The epoch of its next use.
    pub(crate) epoch: u64,
}

/// See the front page.
///
/// Invariant: a file in `ready` or `surplus` holds nothing live, and a durable flush names a replay start behind it.
#[derive(Default)]
pub(crate) struct Spares {
    ready: VecDeque<Spare>,
    /// Dead segments until a durable flush names a replay start behind them.
    dying: Vec<(SegmentId, Spare)>,
    /// Files that are to be removed.
    surplus: Vec<File>,
    /// Spares that are too many are going to be removed, if they are not used before.
    is_retirement_coming: bool,
    /// The fewest spares that there were since that was decided.
    least_count: usize,
}

impl Spare {
    /// Of a dead segment. Its next epoch has to be new for this file and not to be guessed: a step of the old one, keyed by the segment's id and by this
    /// process, which may not be the first to take the file out of use.
    pub(crate) fn of_dead(segment: Segment, opening: u64) -> Spare {
        let Segment { id, file, file_number, epoch, .. } = segment;
        let epoch = ChecksumKey::new(epoch, opening).checksum(id.0, &epoch.to_le_bytes());
        Spare { file, file_number, epoch }
    }
}

impl Spares {
    /// How many are kept, of a journal with so many segments.
    pub(crate) fn count_max(segment_count: usize) -> usize {
        KEPT_COUNT_MAX.max(segment_count / KEPT_SHARE)
    }

    #[cfg(test)]
    pub(crate) fn dying_count(&self) -> usize {
        self.dying.len()
    }

    /// How many are ready.
    pub(crate) fn count(&self) -> usize {
        self.ready.len()
    }

    /// Takes in one that is ready.
    pub(crate) fn add(&mut self, spare: Spare) {
        self.ready.push_back(spare);
    }

    /// Takes one out, to be the log's next segment.
    pub(crate) fn take(&mut self) -> Option<Spare> {
        let spare = self.ready.pop_front()?;
        self.least_count = self.least_count.min(self.ready.len());
        Some(spare)
    }

    /// Keeps a dead segment until a durable flush names a replay start behind it.
    pub(crate) fn add_dying(&mut self, id: SegmentId, spare: Spare) {
        self.dying.push((id, spare));
    }

    /// The dead segments before what a durable flush names.
    pub(crate) fn take_dead_before(&mut self, replay_start: SegmentId) -> impl Iterator<Item = Spare> + use<> {
        let (dead, dying) =
            std::mem::take(&mut self.dying).into_iter().partition::<Vec<_>, _>(|(id, _)| *id < replay_start);
        self.dying = dying;
        dead.into_iter().map(|(_, spare)| spare)
    }

    /// Takes in what was a segment, of a journal that has so many; true: it is kept. One of another length than segments have, or too many, is removed.
    pub(crate) fn give_back(&mut self, spare: Spare, segment_bytes: u64, segment_count: usize) -> bool {
        let is_kept = self.ready.len() < KEPT_BURST * Self::count_max(segment_count);
        let is_kept = is_kept && spare.file.len_bytes() == segment_bytes;
        if is_kept {
            self.ready.push_back(spare);
        } else {
            self.surplus.push(spare.file);
        }
        is_kept
    }

    /// A file that is to be removed.
    pub(crate) fn take_surplus(&mut self) -> Option<File> {
        self.surplus.pop()
    }

    /// Whether there is any.
    pub(crate) fn has_surplus(&self) -> bool {
        !self.surplus.is_empty()
    }

    /// Whether one is to be made.
    pub(crate) fn are_few(&self) -> bool {
        self.ready.len() + self.dying.len() < READY_COUNT
    }

    /// Whether they are too many, of a journal with so many segments, and that was not decided yet.
    pub(crate) fn wants_retirement(&self, segment_count: usize) -> bool {
        !self.is_retirement_coming && self.ready.len() > Self::count_max(segment_count)
    }

    /// Decides that those that are too many are removed in a while, if they are not used before.
    pub(crate) fn announce_retirement(&mut self) {
        (self.is_retirement_coming, self.least_count) = (true, self.ready.len());
    }

    /// Has those removed that are too many and were so since it was decided, unless that has happened meanwhile.
    pub(crate) fn retire(&mut self, segment_count: usize) {
        if !std::mem::take(&mut self.is_retirement_coming) {
            return;
        }
        let count = self.least_count.min(self.ready.len()).saturating_sub(Self::count_max(segment_count));
        self.surplus.extend(self.ready.drain(..count).map(|spare| spare.file));
    }

    /// Has all removed that are too many: others need the space.
    pub(crate) fn retire_now(&mut self, segment_count: usize) {
        self.announce_retirement();
        self.retire(segment_count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::simulated::Machine;
    use std::path::Path;

    const SEGMENT_BYTES: u64 = 64 << 10;

    fn filled(machine: &Machine, count: u32) -> Spares {
        let mut spares = Spares::default();
        for file_number in 0..count {
            let path = format!("/segment-{file_number}");
            let create = async |path: &Path| machine.runtime().create_file(path, SEGMENT_BYTES).await;
            let file = machine.run(create(Path::new(&path))).unwrap().unwrap();
            spares.add(Spare { file, file_number, epoch: 1 });
        }
        spares
    }

    /// A full disk has them removed at once, while the moment that was announced is still to come.
    #[test]
    fn what_is_too_many_is_removed_once() {
        for count in 5..=16 {
            let mut spares = filled(&Machine::new(1), count);
            assert!(spares.wants_retirement(1));
            spares.announce_retirement();
            spares.retire_now(1);
            assert_eq!(spares.count(), KEPT_COUNT_MAX);
            spares.retire(1);
            assert_eq!(spares.count(), KEPT_COUNT_MAX);
            assert_eq!(std::iter::from_fn(|| spares.take_surplus()).count(), count as usize - KEPT_COUNT_MAX);
        }
    }

    #[test]
    fn what_was_used_meanwhile_stays() {
        let machine = Machine::new(2);
        let mut spares = filled(&machine, 10);
        spares.announce_retirement();
        let used: Vec<Spare> = (0..5).filter_map(|_| spares.take()).collect();
        used.into_iter().for_each(|spare| assert!(spares.give_back(spare, SEGMENT_BYTES, 1)));
        spares.retire(1);
        assert_eq!(spares.count(), 10 - (5 - KEPT_COUNT_MAX));
        let spare = spares.take().unwrap();
        assert!(!spares.give_back(spare, 2 * SEGMENT_BYTES, 1), "it is not as long as segments are now");
    }
}
