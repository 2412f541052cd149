//! Cleaning: the oldest segment of the journal's log is emptied, so that space stays in proportion to what is live.
//!
//! ```text
//! turn         the log is longer than its live items warrant: the oldest segment is the victim
//! background   reads the victim, a piece of records at a time, slower or faster as the log grows
//! turn         asks the owner of each record of a piece: what is live is appended again
//! turn         when all of that is durable: the log begins behind the victim, whose file is used again
//! ```
//!
//! One victim at a time, always the oldest. What is visited at a start is then a suffix of the log, which is what keeps deleted items
//! deleted (`journal/FORMAT.md`), and no segment is copied more often than the log turns round: with a log of twice what is live, at most
//! two bytes are written for one, whatever is overwritten. A turn does one piece, so no request waits for more.
//!
//! Deliberately not here: what is live (`partition`, `control`, `replication`), and bytes (`journal`).

use crate::Engine;
use control::CATALOG_GROUP;
use journal::{Journal, Position, Scan, ScannedRecord, SegmentId};
use model::table::PartitionId;
use partition::Partition;
use replication::Cleaned;
use runtime::{Runtime, ShareClass, Signal};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

/// Segments of the log that are not worth cleaning, whatever they hold.
const SEGMENT_COUNT_MIN: u64 = 4;
/// Bytes of log per hundred live bytes at which cleaning begins, as slowly as it goes ...
const BEGIN_PERCENT: u64 = 160;
/// ... and at which it goes as fast as its share allows, with one segment more than the minimum.
const LIMIT_PERCENT: u64 = 200;
/// The same on a full disk, where any space that can be had is wanted.
const FULL_PERCENT: u64 = 102;
/// How long the slowest cleaning waits between two pieces.
const PAUSE_MAX: Duration = Duration::from_millis(10);
/// Records of a piece, at most.
const PIECE_RECORD_COUNT_MAX: usize = 64;
/// Bytes of payload that end a piece.
const PIECE_BYTES: usize = 64 << 10;
/// So many times as much is in a piece while cleaning is behind.
const BEHIND_FACTOR: usize = 4;
/// Turns between two looks at how much is live.
const LOOK_TURN_COUNT: u32 = 256;

/// The cleaning of one worker's journal.
#[derive(Default)]
pub(crate) struct Cleaning {
    victim: Option<Victim>,
    turn_count: u32,
    /// Segments of the log at the last look.
    segment_count: usize,
    /// Cannot be read: what was written after it can no longer be used again.
    unreadable: Option<SegmentId>,
}

/// A segment that is being emptied.
struct Victim {
    segment: SegmentId,
    feed: Rc<Feed>,
    /// What is left of the piece that is being looked at.
    piece: VecDeque<ScannedRecord>,
    /// When this is durable nothing in the segment is needed; known when all of it was looked at.
    position: Option<Position>,
}

/// Between the task that reads the victim and the turns that look at what it holds.
struct Feed {
    next: RefCell<VecDeque<ScannedRecord>>,
    progress: Cell<Progress>,
    taken: Signal,
    pause: Cell<Duration>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Reading,
    Ended,
    Failed,
}

impl Engine {
    /// Goes on with cleaning, or begins it if it is due: a bounded piece of work.
    pub(crate) fn clean(&mut self) {
        self.look_at_log();
        let Some(mut victim) = self.cleaning.victim.take() else { return };
        if let Some(position) = victim.position {
            if self.journal.durable() < position {
                self.cleaning.victim = Some(victim);
                return;
            }
            self.journal.set_replay_start(SegmentId(victim.segment.0 + 1));
            self.journal.release_segment(victim.segment);
            self.metrics.cleaned_segment_count += 1;
            // The next one may be due.
            self.cleaning.turn_count = 0;
            self.signal.notify();
            return;
        }
        victim.take_piece();
        while let Some(record) = victim.piece.front() {
            if self.clean_record(record) == Cleaned::Later {
                break;
            }
            victim.piece.pop_front();
        }
        if victim.piece.is_empty() {
            match victim.feed.progress.get() {
                Progress::Failed => {
                    self.cleaning.unreadable = Some(victim.segment);
                    return;
                }
                Progress::Ended if victim.feed.next.borrow().is_empty() => {
                    victim.position = Some(self.journal.appended());
                    self.signal.notify();
                }
                Progress::Ended | Progress::Reading => victim.feed.taken.notify(),
            }
        }
        self.cleaning.victim = Some(victim);
    }

    fn clean_record(&mut self, record: &ScannedRecord) -> Cleaned {
        if record.group == CATALOG_GROUP
            && let Some(owner) = &mut self.catalog
        {
            return owner.control.clean(&self.journal, record);
        }
        let id = PartitionId(record.group.0);
        let Some(owner) = self.partitions.get_mut(&id) else {
            // Of a table that is gone: what of it is on its way still comes to its end.
            return if self.is_closing(id) { Cleaned::Later } else { Cleaned::Done };
        };
        let cleaned = owner.clean(&self.journal, record);
        if owner.is_cleaning() {
            self.settle_soon(id);
        }
        cleaned
    }

    /// Chooses a victim if there is none and the log is too long, or adjusts the speed.
    fn look_at_log(&mut self) {
        let segment_count = self.journal.log_segment_count();
        let cleaning = &mut self.cleaning;
        cleaning.turn_count = cleaning.turn_count.saturating_sub(1);
        if cleaning.turn_count > 0 && segment_count == cleaning.segment_count {
            return;
        }
        (cleaning.turn_count, cleaning.segment_count) = (LOOK_TURN_COUNT, segment_count);
        let Some(pause) = pause(&self.journal, &self.partitions) else { return };
        match &cleaning.victim {
            Some(victim) => victim.feed.pause.set(pause),
            None => {
                let segment = self.journal.replay_start();
                if cleaning.unreadable != Some(segment)
                    && let Some(scan) = self.journal.scan(segment)
                {
                    cleaning.victim = Some(Victim::begin(&self.runtime, &self.signal, (segment, scan), pause));
                }
            }
        }
    }
}

impl Victim {
    fn begin(runtime: &Runtime, signal: &Signal, (segment, scan): (SegmentId, Scan), pause: Duration) -> Victim {
        let feed = Rc::new(Feed {
            next: RefCell::default(),
            progress: Cell::new(Progress::Reading),
            taken: Signal::new(),
            pause: Cell::new(pause),
        });
        runtime.spawn(ShareClass::Background, read(runtime.clone(), signal.clone(), scan, Rc::clone(&feed)));
        Victim { segment, feed, piece: VecDeque::new(), position: None }
    }

    fn take_piece(&mut self) {
        if self.piece.is_empty() {
            std::mem::swap(&mut self.piece, &mut self.feed.next.borrow_mut());
        }
    }
}

/// Reads the segment and offers its records, piece by piece.
async fn read(runtime: Runtime, signal: Signal, mut scan: Scan, feed: Rc<Feed>) {
    let progress = loop {
        let mut records = match scan.next().await {
            Ok(Some(records)) => records.into_iter().peekable(),
            Ok(None) => break Progress::Ended,
            Err(error) => {
                tracing::error!(%error, "a journal segment cannot be cleaned; the space behind it is not used again");
                break Progress::Failed;
            }
        };
        while records.peek().is_some() {
            let factor = if feed.pause.get().is_zero() { BEHIND_FACTOR } else { 1 };
            let mut bytes = 0;
            while bytes < PIECE_BYTES * factor && feed.next.borrow().len() < PIECE_RECORD_COUNT_MAX * factor {
                let Some(record) = records.next() else { break };
                bytes += record.payload.len();
                feed.next.borrow_mut().push_back(record);
            }
            signal.notify();
            feed.taken.wait().await;
            match feed.pause.get() {
                Duration::ZERO => runtime.yield_now().await,
                pause => runtime.sleep(pause).await,
            }
        }
    };
    feed.progress.set(progress);
    signal.notify();
}

/// How long to wait between two pieces; `None` if the log is short enough. The longer the log, the faster: it settles where segments are
/// emptied as fast as they are filled.
fn pause(journal: &Journal, partitions: &HashMap<PartitionId, Partition>) -> Option<Duration> {
    let live_bytes: u64 = partitions.values().map(Partition::log_bytes).sum();
    let (begin_percent, begin_count) =
        if journal.is_full() { (FULL_PERCENT, 2) } else { (BEGIN_PERCENT, SEGMENT_COUNT_MIN) };
    let log_bytes = journal.log_segment_count() as u64 * journal.segment_bytes();
    let begin = live_bytes * begin_percent / 100 + begin_count * journal.segment_bytes();
    let limit = live_bytes * LIMIT_PERCENT / 100 + (SEGMENT_COUNT_MIN + 1) * journal.segment_bytes();
    let excess = log_bytes.checked_sub(begin).filter(|excess| *excess > 0)?;
    if log_bytes >= limit || journal.is_full() {
        return Some(Duration::ZERO);
    }
    let share = excess as f64 / (limit - begin) as f64;
    Some(PAUSE_MAX.mul_f64((1.0 - share).powi(2)))
}
