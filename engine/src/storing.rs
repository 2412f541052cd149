//! Storing: memtables become files, files are merged, segments of the journal that are mostly dead are emptied, the log is kept short.
//!
//! ```text
//! look (now and then)   memtables too large, or the log too long: flush a partition         at most two at a time
//!                       too many runs: merge them                                         at most two at a time, with the next
//!                       too much dead space: a round of cleaning (`rounds.rs`)
//!                       all that is needed lies further on: the log begins there
//! turn                  what background tasks have done is named in a checkpoint
//! ```
//!
//! Requests never wait for any of it, but where memtables have used up what they may have: writes are held until a flush is done. Deliberately not
//! here: rounds of cleaning (`rounds.rs`), how a flush and a merge go (`partition`), what a segment holds (`journal`).

use crate::Engine;
use crate::backoff::{Backoff, RETRY_DELAY};
use crate::cleaning::Space;
use crate::rounds::Rounds;
use model::table::PartitionId;
use partition::{Flushed, MergeId, MergeWork, Merged, Partition, Storage, StorageError};
use runtime::{Instant, Runtime, ShareClass, Signal};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

/// Turns between two looks.
const LOOK_TURN_COUNT: u32 = 32;
/// Flushes at one time.
const FLUSH_COUNT_MAX: usize = 2;
/// Flushes that fail one after the other until writes do not wait for the next one any more.
const FAILED_FLUSH_COUNT_MAX: u32 = 3;
/// Merges at one time.
const MERGE_COUNT_MAX: usize = 2;
/// Segments that the log may have whatever the memory is.
const LOG_SEGMENT_COUNT_MIN: u64 = 4;
/// How long a turn waits that another core's full inbox made necessary.
const WAKE_DELAY: Duration = Duration::from_millis(1);
/// How long to wait after a file was removed: the disk is told of all its blocks, and does nothing else meanwhile. Of many files at once that is a tenth of
/// a second.
const REMOVAL_DELAY: Duration = Duration::from_millis(250);
/// How long until the next look if nothing else makes for one, while the log is too long or there is too much dead space.
const LOOK_DELAY: Duration = Duration::from_millis(100);
/// How long a segment or a file that is rotten is left alone ...
pub(crate) const SPOILED_DELAY: Duration = Duration::from_secs(3_600);
/// ... and a file for which the disk has reported an error, which may pass.
const UNREADABLE_DELAY: Duration = Duration::from_secs(60);
/// What the background gets of a core's time while writes wait for memory.
const PERCENT_WHILE_HELD: u32 = 50;

/// What a background task has come to.
enum Finished {
    Flush(PartitionId, Result<Flushed, StorageError>),
    Merge(PartitionId, MergeId, Result<Merged, StorageError>),
    /// Time to try again.
    Retry,
    /// Time to look again.
    Look,
}

/// See the front page. One a worker.
pub(crate) struct Storing {
    pub(crate) storage: Storage,
    signal: Signal,
    finished: Rc<RefCell<Vec<Finished>>>,
    flushing_count: usize,
    /// Partitions whose flush is in files that no durable checkpoint names yet: what was flushed is in memory still.
    naming: BTreeSet<PartitionId>,
    merging_count: usize,
    pub(crate) rounds: Rounds,
    turn_count: u32,
    /// A look is to come whether there are turns or not.
    is_look_coming: bool,
    /// A file could not be written: nothing new is begun for a while.
    is_resting: bool,
    /// Of merges that keep reads short.
    merges: Backoff,
    /// The last flush failed for want of space.
    is_disk_full: bool,
    /// Flushes that have failed since the last one that did not.
    failed_flush_count: u32,
}

impl Storing {
    pub(crate) fn new(storage: Storage, signal: &Signal) -> Self {
        Self {
            storage,
            signal: signal.clone(),
            finished: Rc::default(),
            flushing_count: 0,
            naming: BTreeSet::new(),
            merging_count: 0,
            rounds: Rounds::default(),
            turn_count: 0,
            is_look_coming: false,
            is_resting: false,
            merges: Backoff::default(),
            is_disk_full: false,
            failed_flush_count: 0,
        }
    }

    /// Whether there is no room on the disk for a flush.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.is_disk_full
    }

    /// Whether a flush is under way.
    fn is_flushing(&self) -> bool {
        self.flushing_count > 0
    }

    /// Whether there is likely to be room for what is written: a flush is under way, has still to be named, or will be when what has failed is tried again.
    pub(crate) fn is_flush_coming(&self) -> bool {
        let is_failing = self.is_disk_full || self.failed_flush_count >= FAILED_FLUSH_COUNT_MAX;
        (self.is_flushing() || !self.naming.is_empty() || self.is_resting) && !is_failing
    }

    /// What becomes of the partition's flush is settled: it takes effect, or the partition is gone. There is another look in this turn.
    pub(crate) fn note_named(&mut self, partition: PartitionId) {
        if self.naming.remove(&partition) {
            self.turn_count = 0;
        }
    }

    /// What a background task has come to, in the order of its coming.
    fn report(&self) -> impl Fn(Finished) + use<> {
        let (finished, signal) = (Rc::clone(&self.finished), self.signal.clone());
        move |done| {
            finished.borrow_mut().push(done);
            signal.notify();
        }
    }

    /// A merge has failed. Unless a run is left alone, which makes the next try another, it is tried less and less often.
    fn note_merge_failed(&mut self, merge: &MergeId, error: &StorageError, is_run_left_alone: bool, now: Instant) {
        if merge.is_cleaning() {
            self.rounds.note_failed(error, is_run_left_alone, now);
        } else if !is_run_left_alone {
            self.merges.note_failed(now);
        }
    }

    fn note_merged(&mut self, merge: &MergeId) {
        if merge.is_cleaning() { self.rounds.note_merged() } else { self.merges.note_done() }
    }

    /// Makes sure of another look.
    fn look_after(&mut self, delay: Duration, runtime: &Runtime) {
        if !std::mem::replace(&mut self.is_look_coming, true) {
            self.report_after(delay, Finished::Look, runtime);
        }
    }

    fn rest(&mut self, runtime: &Runtime) {
        if !std::mem::replace(&mut self.is_resting, true) {
            self.report_after(RETRY_DELAY, Finished::Retry, runtime);
        }
    }

    fn report_after(&self, delay: Duration, finished: Finished, runtime: &Runtime) {
        let (report, runtime_of_task) = (self.report(), runtime.clone());
        runtime.spawn(ShareClass::Background, async move {
            runtime_of_task.sleep(delay).await;
            report(finished);
        });
    }
}

impl Engine {
    /// Goes on with all that this file's front page names: a bounded piece of work.
    pub(crate) fn store(&mut self) {
        let finished = self.storing.finished.take();
        let has_finished = !finished.is_empty();
        finished.into_iter().for_each(|done| self.finish_storing(done));
        self.budget.release_spare();
        self.storing.turn_count = self.storing.turn_count.saturating_sub(1);
        if self.storing.turn_count > 0 && !has_finished {
            return;
        }
        self.storing.turn_count = LOOK_TURN_COUNT;
        for error in self.journal.take_file_errors().iter().filter(|error| error.is_of_disk()) {
            self.disks.note(error, "the journal uses the other data directories, if there are any", self.runtime.now());
        }
        if self.budget.wants_resident(self.runtime.now())
            && let Some(resident_bytes) = self.runtime.resident_bytes()
        {
            self.budget.follow(resident_bytes);
        }
        self.budget.observe(&self.partitions, &mut self.context.reads);
        let space = self.weigh_space();
        if !self.storing.is_resting {
            self.begin_flushes();
            // Whatever needed room for its files is gone, or has become small.
            self.storing.is_disk_full &= self.storing.is_flushing();
            self.begin_merges(space);
        }
        self.shorten_log();
        self.look_again(space);
    }

    /// Makes sure of another look where there is something to do: a core that nobody asks anything has no turns.
    fn look_again(&mut self, space: Space) {
        let now = self.runtime.now();
        if self.journal.log_segment_count() as u64 > self.log_segment_count_max() {
            self.storing.look_after(LOOK_DELAY, &self.runtime);
        } else if space.is_too_much() && self.storing.merging_count < MERGE_COUNT_MAX {
            let rest = self.storing.rounds.rest(now);
            self.storing.look_after(rest.max(LOOK_DELAY), &self.runtime);
        }
    }

    fn finish_storing(&mut self, done: Finished) {
        match done {
            Finished::Retry => self.storing.is_resting = false,
            Finished::Look => self.storing.is_look_coming = false,
            Finished::Flush(id, result) => {
                self.storing.flushing_count -= 1;
                self.finish_flush(id, result);
            }
            Finished::Merge(id, merge, result) => {
                self.storing.merging_count -= 1;
                self.finish_merge(id, merge, result);
            }
        }
    }

    fn finish_flush(&mut self, id: PartitionId, result: Result<Flushed, StorageError>) {
        let partition = self.partitions.get_mut(&id);
        match (result, partition) {
            (Ok(flushed), Some(partition)) => {
                self.storing.is_disk_full = false;
                self.storing.failed_flush_count = 0;
                self.metrics.flush_count += 1;
                partition.finish_flush(flushed);
                self.storing.naming.insert(id);
                self.name_files(id);
            }
            (Ok(flushed), None) => self.discard(|storage| async move { flushed.discard(&storage).await }),
            // Whatever it was: of a table that is gone.
            (Err(_), None) => {}
            (Err(error), Some(partition)) => {
                self.storing.is_disk_full = error.is_no_space();
                self.storing.failed_flush_count += 1;
                partition.abandon_flush();
                self.make_room_after(&error);
                self.tell_not_stored(&error, "memtables could not be written to files; they stay in memory");
                self.storing.rest(&self.runtime);
            }
        }
    }

    fn finish_merge(&mut self, id: PartitionId, merge: MergeId, result: Result<Merged, StorageError>) {
        let partition = self.partitions.get_mut(&id);
        match (result, partition) {
            (Ok(merged), Some(partition)) => {
                self.metrics.merge_count += 1;
                self.storing.note_merged(&merge);
                partition.finish_merge(merged);
                self.name_files(id);
            }
            (Ok(merged), None) => {
                self.storing.note_merged(&merge);
                self.discard(|storage| async move { merged.discard(&storage).await });
            }
            // Whatever it was: of a table that is gone.
            (Err(_), None) => self.storing.note_merged(&merge),
            (Err(error), Some(partition)) => {
                let now = self.runtime.now();
                let delay = if error.is_lasting() { SPOILED_DELAY } else { UNREADABLE_DELAY };
                let is_left_alone = partition.abandon_merge(&merge, error.bad_file(), now + delay);
                self.make_room_after(&error);
                self.tell_not_stored(&error, "files could not be merged; they stay as they are");
                self.storing.note_merge_failed(&merge, &error, is_left_alone, now);
                // What could not be read is no reason to keep memtables waiting.
                if error.bad_record().is_none() && !is_left_alone {
                    self.storing.rest(&self.runtime);
                }
            }
        }
    }

    /// A file could not be written: if that was for want of space the journal gives back what it has to spare.
    fn make_room_after(&self, error: &StorageError) {
        if error.is_no_space() {
            self.journal.give_space_back();
        }
    }

    /// A disk that is lost fails everything, again and again: that is one thing to tell.
    fn tell_not_stored(&mut self, error: &StorageError, consequence: &'static str) {
        match error.file_error() {
            Some(disk) if disk.is_of_disk() => self.disks.note(disk, consequence, self.runtime.now()),
            _ => tracing::error!(%error, "{consequence}"),
        }
    }

    /// New files wait for their checkpoint.
    pub(crate) fn name_files(&mut self, id: PartitionId) {
        let partition = self.partitions.get_mut(&id).expect("it has just got them");
        partition.advance_files(&self.journal);
        self.is_blocked |= partition.is_blocked();
        if let Some(checkpoint_bytes) = partition.take_oversized() {
            tracing::error!(
                partition = id.0,
                checkpoint_bytes,
                "a partition has too many files to name: it can flush no more"
            );
            self.storing.naming.remove(&id);
        }
        self.apply_later(id);
    }

    fn discard<F: Future<Output = ()> + 'static>(&self, work: impl FnOnce(Storage) -> F) {
        self.runtime.spawn(ShareClass::Background, work(self.storing.storage.clone()));
    }

    /// Removes files that a durable checkpoint no longer names.
    pub(crate) fn remove_files(&mut self, id: PartitionId) {
        let Some(partition) = self.partitions.get_mut(&id) else { return };
        let files = partition.take_removable_files();
        if !files.is_empty() {
            self.discard(|storage| async move {
                for file in files {
                    storage.remove(file).await;
                    storage.runtime.sleep(REMOVAL_DELAY).await;
                }
            });
        }
    }

    /// Flushes the partitions that have enough in memory; and those that hold up the log or the memory.
    fn begin_flushes(&mut self) {
        while self.storing.flushing_count < FLUSH_COUNT_MAX {
            let Some(id) = self.partition_to_flush() else { return };
            let work = self.partitions.get_mut(&id).and_then(Partition::begin_flush);
            let Some(work) = work else { return };
            self.storing.flushing_count += 1;
            let (report, storage) = (self.storing.report(), self.storing.storage.clone());
            self.runtime.spawn(ShareClass::Background, async move {
                let result = work.run(&storage).await;
                report(Finished::Flush(id, result));
            });
        }
    }

    fn partition_to_flush(&self) -> Option<PartitionId> {
        let flushable = self.partitions.values().filter(|partition| partition.can_flush());
        // First, or a small one would hold up the log for as long as there are large ones.
        if self.journal.log_segment_count() as u64 > self.log_segment_count_max() {
            let oldest = flushable.clone().filter_map(|partition| Some((partition.floor()?, partition.id()))).min();
            if let Some((_, id)) = oldest.filter(|(floor, _)| *floor == self.journal.replay_start()) {
                return Some(id);
            }
        }
        let largest = flushable.max_by_key(|partition| (partition.unflushed_bytes(), partition.id()))?;
        let is_due = largest.unflushed_bytes() as u64 >= self.budget.flush_bytes() || self.budget.wants_flush();
        is_due.then(|| largest.id())
    }

    fn log_segment_count_max(&self) -> u64 {
        LOG_SEGMENT_COUNT_MIN + self.budget.memtable_bytes_max() / self.journal.segment_bytes()
    }

    /// Lets the log begin where the first thing lies that a start needs, and moves on what holds it up though it has nothing to flush.
    fn shorten_log(&mut self) {
        let floors = self.partitions.values().chain(self.closing.values()).filter_map(Partition::floor);
        let catalog = self.catalog.as_ref().and_then(|owner| owner.control.floor());
        let Some(floor) = floors.chain(catalog).min() else { return };
        if floor > self.journal.replay_start() {
            self.journal.set_replay_start(floor);
        }
        if self.journal.log_segment_count() as u64 <= self.log_segment_count_max() {
            return;
        }
        let start = self.journal.replay_start();
        if catalog == Some(start)
            && let Some(owner) = &mut self.catalog
        {
            // Refused: the next look tries again.
            let _ = owner.control.renew(&self.journal);
        }
        let idle = self.partitions.values().filter(|partition| partition.floor() == Some(start));
        let idle = idle.filter(|partition| !partition.has_unflushed() && !partition.is_changing_files());
        if let Some(id) = idle.map(Partition::id).min() {
            self.partitions.get_mut(&id).expect("found a moment ago").renew();
            self.name_files(id);
        }
    }

    fn begin_merges(&mut self, space: Space) {
        // The backlog decides how much the merges do beside requests.
        let pace = &self.storing.storage.pace;
        pace.set_behind(space.behind());
        // Writes that are held wait for a flush.
        let percent = if self.budget.is_used_up() { PERCENT_WHILE_HELD } else { pace.percent() };
        self.runtime.set_background_percent(percent);
        if space.is_too_much() {
            self.begin_round(space);
        }
        while self.storing.merging_count < MERGE_COUNT_MAX
            && let Some((id, work)) = self.next_merge()
        {
            self.begin_merge(id, work);
        }
    }

    /// Merges that keep reads short go first.
    fn next_merge(&mut self) -> Option<(PartitionId, MergeWork)> {
        self.next_due_merge().or_else(|| self.next_cleaning_merge())
    }

    fn next_due_merge(&mut self) -> Option<(PartitionId, MergeWork)> {
        let now = self.runtime.now();
        if !self.storing.merges.is_over(now) {
            return None;
        }
        // By id: the order of a map is not the same in each run.
        let id = self.partitions.values().filter(|partition| partition.is_merge_due(now)).map(Partition::id).min()?;
        Some((id, self.partitions.get_mut(&id)?.take_merge_work(now)?))
    }

    fn begin_merge(&mut self, id: PartitionId, work: MergeWork) {
        self.storing.merging_count += 1;
        let (report, storage, merge) = (self.storing.report(), self.storing.storage.clone(), work.id());
        self.runtime.spawn(ShareClass::Background, async move {
            let result = work.run(&storage).await;
            report(Finished::Merge(id, merge, result));
        });
    }
}

/// Makes sure that another turn comes soon.
pub(crate) fn wake_later(runtime: &Runtime, signal: &Signal) {
    let (runtime_of_task, signal) = (runtime.clone(), signal.clone());
    runtime.spawn(ShareClass::Foreground, async move {
        runtime_of_task.sleep(WAKE_DELAY).await;
        signal.notify();
    });
}
