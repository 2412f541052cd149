//! Operations that wait for the disk: parked, until what they need was read, then done again.
//!
//! ```text
//! owner says what is missing -> parked; each need read once, whoever asks -> brought -> the owner goes on with the operation
//! ```
//!
//! One a worker. So many reads are in flight at a time; others queue. A read that fails fails the operations that wait for it, and no other.
//! Deliberately not here: what is needed, and the cache (`partition`).

use crate::Engine;
use foldhash::fast::FixedState;
use model::Error;
use model::error::THROTTLED;
use model::table::PartitionId;
use partition::{Brought, Need, NeedId, Operation, Supplies, Ticket};
use runtime::{FileError, ShareClass, Signal};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// Reads in flight at one time.
const READ_COUNT_MAX: usize = 64;
/// Operations that may be parked; further ones are throttled.
const PARKED_COUNT_MAX: usize = 16 << 10;

/// What is parked.
pub(crate) enum Work {
    /// Somebody waits for its outcome.
    Operation(Ticket, PartitionId, Box<Operation>),
    /// Items of the partition are to expire.
    Expiry(PartitionId),
}

struct Parked {
    work: Work,
    supplies: Supplies,
    missing_count: usize,
    /// Something that it needs cannot be read.
    has_failed: bool,
}

/// What a read has come to.
type Loaded = (Need, Result<Brought, Unread>);

/// Why a read has brought nothing.
enum Unread {
    /// The disk cannot be read.
    Disk(FileError),
    /// It does not hold what was written, which the log tells of.
    Rot,
}

/// See the front page.
pub(crate) struct Loading {
    signal: Signal,
    parked: HashMap<u64, Parked, FixedState>,
    last: u64,
    /// Who waits for which read.
    waiting: HashMap<NeedId, Vec<u64>, FixedState>,
    queued: VecDeque<Need>,
    in_flight_count: usize,
    loaded: Rc<RefCell<Vec<Loaded>>>,
    ready: VecDeque<u64>,
}

impl Loading {
    pub(crate) fn new(signal: &Signal) -> Self {
        Self {
            signal: signal.clone(),
            parked: HashMap::default(),
            last: 0,
            waiting: HashMap::default(),
            queued: VecDeque::new(),
            in_flight_count: 0,
            loaded: Rc::default(),
            ready: VecDeque::new(),
        }
    }

    /// Operations that wait for the disk.
    pub(crate) fn parked_count(&self) -> usize {
        self.parked.len()
    }

    fn park(&mut self, work: Work, (needs, supplies): (Vec<Need>, Supplies)) {
        self.last += 1;
        let id = self.last;
        let mut missing_count = 0;
        for need in needs {
            match self.waiting.entry(need.id()) {
                std::collections::hash_map::Entry::Occupied(mut waiting) => {
                    // An operation that looks ahead may name a block twice.
                    if waiting.get().last() != Some(&id) {
                        waiting.get_mut().push(id);
                        missing_count += 1;
                    }
                }
                std::collections::hash_map::Entry::Vacant(vacant) => {
                    vacant.insert(vec![id]);
                    self.queued.push_back(need);
                    missing_count += 1;
                }
            }
        }
        self.parked.insert(id, Parked { work, supplies, missing_count, has_failed: false });
        if missing_count == 0 {
            self.ready.push_back(id);
            self.signal.notify();
        }
    }
}

impl Engine {
    /// Parks what cannot go on without what the context has noted.
    pub(crate) fn park(&mut self, work: Work) {
        let missing = self.context.reads.take_missing();
        if self.loading.parked_count() >= PARKED_COUNT_MAX
            && let Work::Operation(ticket, ..) = work
        {
            self.context.outcomes.push((ticket, Err(Error::throttling(THROTTLED))));
            return;
        }
        self.metrics.parked_count += 1;
        self.loading.park(work, missing);
        self.start_reads();
    }

    /// Takes in what was read since the last turn, and goes on with the operations that have all they need.
    pub(crate) fn finish_reads(&mut self) {
        let loaded = self.loading.loaded.take();
        for (need, brought) in loaded {
            self.loading.in_flight_count -= 1;
            self.metrics.read_count += 1;
            match &brought {
                Ok(brought) => self.context.reads.keep(&need, brought),
                Err(Unread::Disk(error)) => {
                    self.disks.note(error, "requests that need what is there fail", self.runtime.now());
                }
                Err(Unread::Rot) => self.metrics.corruption_count += 1,
            }
            let waiting = self.loading.waiting.remove(&need.id()).unwrap_or_default();
            for id in waiting {
                let Some(parked) = self.loading.parked.get_mut(&id) else { continue };
                match &brought {
                    Ok(brought) => parked.supplies.add(&need, brought),
                    Err(_) => parked.has_failed = true,
                }
                parked.missing_count -= 1;
                if parked.missing_count == 0 {
                    self.loading.ready.push_back(id);
                }
            }
        }
        // What is parked again meanwhile has its turn in the next one.
        for _ in 0..self.loading.ready.len() {
            let id = self.loading.ready.pop_front().expect("counted");
            let parked = self.loading.parked.remove(&id).expect("it is ready");
            self.go_on(parked);
        }
        self.start_reads();
    }

    fn go_on(&mut self, parked: Parked) {
        let Parked { work, supplies, has_failed, .. } = parked;
        match work {
            Work::Operation(ticket, ..) if has_failed => {
                self.context.outcomes.push((ticket, Err(unreadable())));
            }
            Work::Operation(ticket, partition, operation) => {
                self.context.reads.begin(supplies);
                self.go_on_with(ticket, partition, *operation);
            }
            // What cannot be read cannot expire: the next round tries again.
            Work::Expiry(_) if has_failed => {}
            Work::Expiry(partition) => {
                self.context.reads.begin(supplies);
                self.expire_items_of(partition);
            }
        }
    }

    fn start_reads(&mut self) {
        while self.loading.in_flight_count < READ_COUNT_MAX
            && let Some(need) = self.loading.queued.pop_front()
        {
            self.loading.in_flight_count += 1;
            let (journal, loaded, signal) =
                (self.journal.clone(), Rc::clone(&self.loading.loaded), self.loading.signal.clone());
            self.runtime.spawn(ShareClass::Foreground, async move {
                let brought = need.load(&journal).await.map_err(|error| match error.file_error() {
                    Some(disk) if disk.is_of_disk() => Unread::Disk(disk.clone()),
                    _ => {
                        tracing::error!(%error, "what a request needs cannot be read");
                        Unread::Rot
                    }
                });
                loaded.borrow_mut().push((need, brought));
                signal.notify();
            });
        }
    }
}

/// The answer where the disk does not hold what was written.
fn unreadable() -> Error {
    Error::internal("The item cannot be read from the disk; the node's log says why")
}
