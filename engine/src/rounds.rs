//! Rounds of cleaning, one at a time: the partitions of the worker move what they have in its victims, one after the other.
//!
//! Begun when there is too much dead space, by whoever looks after files (`storing.rs`). Deliberately not here: which segments are emptied, and what that
//! costs (`cleaning.rs`).

use crate::Engine;
use crate::backoff::{Backoff, RETRY_DELAY};
use crate::cleaning::{self, Round, Space};
use crate::storing::SPOILED_DELAY;
use journal::SegmentId;
use model::table::PartitionId;
use partition::{Cleaning, CleaningWork, MergeWork, Partition, StorageError};
use runtime::Instant;
use std::collections::BTreeMap;
use std::time::Duration;

/// See the front page. One a worker.
#[derive(Default)]
pub(crate) struct Rounds {
    round: Option<Round>,
    /// No round was worth it: none is looked for before this.
    plans_rest_until: Option<Instant>,
    /// Of rounds whose merges fail.
    backoff: Backoff,
    /// Segments that hold something live which cannot be read, so that no round can empty them; and until when that is taken for granted.
    spoiled: BTreeMap<SegmentId, Instant>,
}

impl Rounds {
    fn may_begin(&self, now: Instant) -> bool {
        self.round.is_none() && self.rest(now).is_zero()
    }

    /// How long until a round may be looked for.
    pub(crate) fn rest(&self, now: Instant) -> Duration {
        let rests = [self.plans_rest_until, self.backoff.until].into_iter().flatten();
        rests.map(|until| until.since(now)).max().unwrap_or_default()
    }

    /// A merge is done: the next partition has its turn.
    pub(crate) fn note_merged(&mut self) {
        if let Some(round) = &mut self.round {
            round.is_merging = false;
        }
    }

    /// A merge has failed, and the round with it. The next one leaves alone what could not be read.
    pub(crate) fn note_failed(&mut self, error: &StorageError, is_run_left_alone: bool, now: Instant) {
        self.round = None;
        if let Some(record) = error.bad_record() {
            self.spoiled.insert(record.segment, now + SPOILED_DELAY);
        }
        if !is_run_left_alone {
            self.backoff.note_failed(now);
        }
    }
}

impl Engine {
    /// Begins a round of cleaning unless one is under way, if one is worth it. One that brings no space itself is not followed by another for a while.
    pub(crate) fn begin_round(&mut self, space: Space) {
        let now = self.runtime.now();
        if !self.storing.rounds.may_begin(now) {
            return;
        }
        let usage = self.journal.usage();
        self.storing.rounds.spoiled.retain(|_, until| now < *until);
        let behind_files = self.partitions.values().flat_map(|partition| partition.spoiled_segments(now));
        let spoiled = self.storing.rounds.spoiled.keys().copied().chain(behind_files).collect();
        self.storing.rounds.round = cleaning::plan(space, (&usage, &spoiled), self.partitions.values());
        let Space { used_bytes, live, .. } = space;
        match &self.storing.rounds.round {
            Some(Round { cleaning: Cleaning::Empty(victims), forecast, .. }) => {
                self.storing.rounds.plans_rest_until = None;
                let victim_count = victims.len();
                tracing::debug!(victim_count, ?forecast, used_bytes, ?live, "segments of the journal are emptied");
                return;
            }
            Some(Round { cleaning: Cleaning::Thorough, .. }) => {
                tracing::debug!(used_bytes, ?live, "dead space is looked for")
            }
            None => {}
        }
        self.storing.rounds.plans_rest_until = Some(now + RETRY_DELAY);
    }

    /// Of the round. A partition that is at another merge has its turn when the others have had theirs.
    pub(crate) fn next_cleaning_merge(&mut self) -> Option<(PartitionId, MergeWork)> {
        let now = self.runtime.now();
        let round = self.storing.rounds.round.as_mut().filter(|round| !round.is_merging)?;
        for _ in 0..round.partitions.len() {
            let id = round.partitions.pop_front().expect("counted a moment ago");
            let partition = self.partitions.get_mut(&id);
            let work = partition.map(|partition| partition.take_cleaning_work(&round.cleaning, now));
            match work.unwrap_or(CleaningWork::Nothing) {
                CleaningWork::Nothing => {}
                CleaningWork::Later => round.partitions.push_back(id),
                CleaningWork::Merge(work) => {
                    round.is_merging = true;
                    return Some((id, work));
                }
            }
        }
        if round.partitions.is_empty() {
            self.storing.rounds.round = None;
            self.storing.rounds.backoff.note_done();
        }
        None
    }

    pub(crate) fn weigh_space(&self) -> Space {
        Space {
            live: self.partitions.values().map(Partition::live_bytes).sum(),
            used_bytes: self.journal.segment_count() as u64 * self.journal.segment_bytes(),
            log_segment_count: self.journal.log_segment_count() as u64,
            segment_bytes: self.journal.segment_bytes(),
            copies_room_bytes: self.journal.copies_room_bytes(),
        }
    }
}
