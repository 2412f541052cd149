//! Scrubbing: everything that a worker holds on the disk is read once in a period and held against what was written, so that rot is found
//! while there is still a copy of what it has hit, and not when somebody asks for it.
//!
//! ```text
//! pass: files of all partitions, then segments that are no longer written
//!   pause -> one read of at most 128 KiB, in the background -> verdict: counted, and what is wrong told -> pause -> ..
//! rest until the period is over, then the next pass
//! ```
//!
//! One a worker, with one read in flight at most. Pauses are such that a pass takes a period. A file that a merge has replaced and a segment that
//! was given back meanwhile are passed over. What a disk does not bring counts with its errors (`disks.rs`), not as rot. What is found stays as it is: reads
//! of it fail as they did before. Deliberately not here: how a file (`sstable`) and a segment (`journal`) are verified.

use crate::Engine;
use control::CATALOG_GROUP;
use journal::{GroupId, JournalError, SegmentId};
use model::table::PartitionId;
use partition::Partition;
use runtime::{FileError, Instant, Runtime, ShareClass, Signal};
use sstable::{Content, Entry, FileId, Table, TableError};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// The longest pause between two reads: little data is read at this pace, and then there is a rest.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Things that are wrong with one file or segment which a pass tells of one by one; further ones are counted alone.
const TOLD_COUNT_MAX: usize = 16;

/// Where the last record ends that a file names, by its segment.
type LiveEnds = BTreeMap<SegmentId, u32>;

/// See the front page.
pub(crate) struct Scrubbing {
    /// How long a pass takes; zero: there is none.
    period: Duration,
    signal: Signal,
    finished: Rc<RefCell<Option<Finished>>>,
    is_waiting: bool,
    pass: Option<Pass>,
}

/// One pass over all there is.
struct Pass {
    began: Instant,
    /// Of all that was there when it began.
    total_bytes: u64,
    targets: VecDeque<Target>,
    live_ends: LiveEnds,
    /// What was wrong with the target that was looked at last.
    told_count: usize,
}

/// Something to be looked at.
#[derive(Clone, Copy)]
enum Target {
    File(PartitionId, FileId),
    Segment(SegmentId),
}

/// Something that is being looked at.
enum Check {
    File(PartitionId, Rc<Table>, sstable::Verification),
    Segment(journal::Verification),
}

/// What the background has come to.
enum Finished {
    /// A rest is over.
    Rest,
    Step(Box<Step>),
}

/// A read and what it has shown.
struct Step {
    check: Check,
    bytes: u64,
    faults: Vec<Fault>,
    live_ends: LiveEnds,
}

/// Something that is wrong, and with whose data, as far as it can be told.
struct Fault {
    error: FaultError,
    group: Option<GroupId>,
}

enum FaultError {
    File(TableError),
    Segment(JournalError),
}

impl FaultError {
    /// What the disk has said, where it did not bring anything to judge: that is no rot.
    fn of_disk(&self) -> Option<&FileError> {
        match self {
            Self::File(TableError::File(error)) | Self::Segment(JournalError::File(error)) => {
                Some(error).filter(|error| error.is_of_disk())
            }
            Self::File(_) | Self::Segment(_) => None,
        }
    }
}

impl fmt::Display for FaultError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(out),
            Self::Segment(error) => error.fmt(out),
        }
    }
}

impl Scrubbing {
    /// Passes that take `period`; none if that is zero.
    pub(crate) fn new(period: Duration, signal: &Signal) -> Self {
        Self { period, signal: signal.clone(), finished: Rc::default(), is_waiting: false, pass: None }
    }

    /// How long to wait before a read, where the one before it has brought so many bytes.
    fn pause_after(&self, bytes: u64) -> Duration {
        let total_bytes = self.pass.as_ref().map_or(1, |pass| pass.total_bytes.max(1));
        let share = u128::from(bytes) * self.period.as_nanos() / u128::from(total_bytes);
        Duration::from_nanos(u64::try_from(share).unwrap_or(u64::MAX)).min(PAUSE_MAX)
    }

    /// How long to wait before the next pass, where the last one, if there was one, ends now.
    fn rest_after(&self, pass: Option<Pass>, now: Instant) -> Duration {
        let shortest = PAUSE_MAX.min(self.period);
        pass.map_or(shortest, |pass| self.period.saturating_sub(now.since(pass.began)).max(shortest))
    }

    /// Does nothing for a while.
    fn rest(&mut self, runtime: &Runtime, delay: Duration) {
        let runtime_of_task = runtime.clone();
        self.begin(runtime, async move {
            runtime_of_task.sleep(delay).await;
            Finished::Rest
        });
    }

    /// Reads the next piece of what is looked at, after a pause.
    fn read(&mut self, runtime: &Runtime, check: Check, pause: Duration) {
        let runtime_of_task = runtime.clone();
        self.begin(runtime, async move {
            runtime_of_task.sleep(pause).await;
            Finished::Step(Box::new(check.step().await))
        });
    }

    fn begin(&mut self, runtime: &Runtime, work: impl Future<Output = Finished> + 'static) {
        assert!(!std::mem::replace(&mut self.is_waiting, true), "one at a time");
        let (finished, signal) = (Rc::clone(&self.finished), self.signal.clone());
        runtime.spawn(ShareClass::Background, async move {
            let done = work.await;
            finished.replace(Some(done));
            signal.notify();
        });
    }
}

impl Check {
    async fn step(mut self) -> Step {
        let mut live_ends = LiveEnds::new();
        let (bytes, faults): (u64, Vec<Fault>) = match &mut self {
            Self::File(partition, table, verification) => {
                let mut visit = |_: &[u8], entry: Entry<'_>| {
                    if let Content::InJournal { place, .. } = entry.content {
                        let end = live_ends.entry(SegmentId(place.segment)).or_default();
                        *end = (*end).max(place.offset.saturating_add(place.bytes));
                    }
                };
                let verified = verification.step(table, &mut visit).await;
                let group = Some(GroupId(partition.0));
                let fault = |error| Fault { error: FaultError::File(error), group };
                (verified.bytes, verified.errors.into_iter().map(fault).collect())
            }
            Self::Segment(verification) => {
                let verified = verification.step().await;
                let faults = verified.findings.into_iter();
                let fault =
                    |found: journal::Finding| Fault { error: FaultError::Segment(found.error), group: found.group };
                (verified.bytes, faults.map(fault).collect())
            }
        };
        Step { check: self, bytes, faults, live_ends }
    }

    fn is_at_end(&self) -> bool {
        match self {
            Self::File(_, _, verification) => verification.is_at_end(),
            Self::Segment(verification) => verification.is_at_end(),
        }
    }
}

/// Its length on the disk.
fn bytes_of(file: &Table) -> u64 {
    file.record().file_bytes()
}

impl Engine {
    /// Goes on with the scrub if what it waited for has come.
    pub(crate) fn scrub(&mut self) {
        if self.scrubbing.period.is_zero() {
            return;
        }
        if !self.scrubbing.is_waiting {
            // Who starts has other things to read first.
            let delay = self.scrubbing.rest_after(None, self.runtime.now());
            self.scrubbing.rest(&self.runtime, delay);
        }
        let finished = self.scrubbing.finished.take();
        let (check, bytes) = match finished {
            None => return,
            Some(Finished::Rest) => {
                self.scrubbing.pass = Some(self.plan_pass());
                (None, 0)
            }
            Some(Finished::Step(step)) => self.finish_scrub_step(*step),
        };
        self.scrubbing.is_waiting = false;
        match check.or_else(|| self.next_check()) {
            Some(check) => {
                let pause = self.scrubbing.pause_after(bytes);
                self.scrubbing.read(&self.runtime, check, pause);
            }
            None => {
                let pass = self.scrubbing.pass.take().filter(|pass| pass.total_bytes > 0);
                let delay = self.scrubbing.rest_after(pass, self.runtime.now());
                self.scrubbing.rest(&self.runtime, delay);
            }
        }
    }

    /// Counts and tells what a read has shown. Gives what is to be looked at further.
    fn finish_scrub_step(&mut self, step: Step) -> (Option<Check>, u64) {
        let Step { check, bytes, faults, live_ends } = step;
        self.metrics.scrubbed_bytes += bytes;
        let (unread, faults): (Vec<Fault>, Vec<Fault>) =
            faults.into_iter().partition(|fault| fault.error.of_disk().is_some());
        for error in unread.iter().filter_map(|fault| fault.error.of_disk()) {
            self.disks.note(error, "the scrub cannot check what is there", self.runtime.now());
        }
        self.metrics.corruption_count += faults.len() as u64;
        let pass = self.scrubbing.pass.as_mut().expect("a read belongs to a pass");
        for (segment, end) in live_ends {
            let known = pass.live_ends.entry(segment).or_default();
            *known = (*known).max(end);
        }
        let told_count = pass.told_count;
        pass.told_count += faults.len();
        for fault in faults.iter().take(TOLD_COUNT_MAX.saturating_sub(told_count)) {
            let table = self.table_name(fault.group);
            tracing::error!(table, error = %fault.error, "the scrub has found data on the disk that is not as it was written; reads of it fail");
        }
        let is_there = match &check {
            Check::File(partition, table, _) => self.find_file(*partition, table.id()).is_some(),
            Check::Segment(_) => true,
        };
        ((is_there && !check.is_at_end()).then_some(check), bytes)
    }

    /// All that is to be looked at: files first, for they say how far segments reach.
    fn plan_pass(&self) -> Pass {
        let mut partitions: Vec<&Partition> = self.partitions.values().collect();
        partitions.sort_unstable_by_key(|partition| partition.id());
        let files = partitions.iter().flat_map(|partition| partition.files().map(move |file| (partition.id(), file)));
        let files: Vec<(Target, u64)> = files.map(|(id, file)| (Target::File(id, file.id()), bytes_of(file))).collect();
        let last = self.journal.last_segment();
        let usage = self.journal.usage();
        let segments = usage.iter().filter(|usage| Some(usage.segment) != last);
        let segments: Vec<(Target, u64)> =
            segments.map(|usage| (Target::Segment(usage.segment), usage.used_bytes)).collect();
        let total_bytes = files.iter().chain(&segments).map(|(_, bytes)| bytes).sum();
        // A node that is often restarted comes to everything all the same.
        let chance = self.runtime.chance();
        let targets = [files, segments].into_iter().flat_map(|mut targets| {
            let first = usize::try_from(chance % targets.len().max(1) as u64).expect("below a length");
            targets.rotate_left(first);
            targets.into_iter().map(|(target, _)| target)
        });
        Pass {
            began: self.runtime.now(),
            total_bytes,
            targets: targets.collect(),
            live_ends: LiveEnds::new(),
            told_count: 0,
        }
    }

    /// The next thing to be looked at that is still there.
    fn next_check(&mut self) -> Option<Check> {
        loop {
            let pass = self.scrubbing.pass.as_mut()?;
            pass.told_count = 0;
            let target = pass.targets.pop_front()?;
            let check = match target {
                Target::File(partition, file) => self
                    .find_file(partition, file)
                    .map(|table| Check::File(partition, Rc::clone(table), sstable::Verification::new())),
                Target::Segment(segment) => {
                    let live_end = pass.live_ends.get(&segment).copied().unwrap_or(0);
                    self.journal.verify(segment, live_end).map(Check::Segment)
                }
            };
            if check.is_some() {
                return check;
            }
        }
    }

    fn find_file(&self, partition: PartitionId, file: FileId) -> Option<&Rc<Table>> {
        self.partitions.get(&partition)?.files().find(|table| table.id() == file)
    }

    /// Whose data it is, for people.
    fn table_name(&self, group: Option<GroupId>) -> &str {
        match group {
            Some(CATALOG_GROUP) => "(the catalog)",
            Some(GroupId(id)) => {
                self.partitions.get(&PartitionId(id)).map_or("(unknown)", |partition| partition.table().name.as_str())
            }
            None => "(unknown)",
        }
    }
}
