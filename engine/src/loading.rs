//! Operations that wait for the disk: parked, until what they need was read, then gone on with.
//!
//! ```text
//! owner says what is missing -> parked; each need read once, whoever asks -> brought -> the owner goes on with the operation
//! ```
//!
//! One a worker. Reads go to the kernel a few at a time, and a few of those that have ended are opened together in a later turn. So many are
//! in flight at a time; others queue. What lies close together is read as one (`joining.rs`). A read that fails fails the operations that wait for
//! it, and no other. Deliberately not here: what is needed, and the cache (`partition`).

use crate::Engine;
use crate::joining::{Part, Wanted, join};
use crate::slots::Slots;
use foldhash::fast::FixedState;
use model::Error;
use model::error::THROTTLED;
use model::table::PartitionId;
use partition::{Begun, Brought, Need, NeedError, NeedId, Operation, Partition, Supplies, Ticket};
use runtime::{FileError, FileSpan, ReadQueue, Runtime, Signal};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

/// Reads in flight at one time.
const READ_COUNT_MAX: usize = 64;
/// Reads that a turn takes up, unless more operations have come in: what follows from them begins further ones, and the disk does not wait for it until all
/// are taken.
const TAKEN_COUNT_MIN: usize = 16;
/// In the token of a read: it is for several loads.
const IS_JOINT: u64 = 1 << 32;
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

/// Something that is being read, or is to be.
struct Load {
    need: Need,
    /// It could not be read with others.
    is_alone: bool,
    /// Who waits for it, by the place in `parked`: one most often.
    first: u32,
    others: Vec<u32>,
}

/// What has become of a load, by its place in `loads`.
type Loaded = (u32, Result<Brought, NeedError>);

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
    parked: Slots<Parked>,
    loads: Slots<Load>,
    /// The place in `loads` of what is needed.
    places: HashMap<NeedId, u32, FixedState>,
    queued: VecDeque<u32>,
    /// Reads.
    in_flight_count: usize,
    reads: Rc<ReadQueue>,
    /// Of reads that are for several loads: the parts.
    joint: Slots<Vec<Part>>,
    /// What is about to be read; kept for its memory.
    wanted: Vec<Wanted>,
    /// What has come to an end without a read.
    loaded: Vec<Loaded>,
    /// What has all that it needs.
    ready: VecDeque<u32>,
    /// Of it, writes of partitions that have much on their way already: thousands may have waited for one block. In order; no list is empty.
    crowded: BTreeMap<PartitionId, VecDeque<u32>>,
}

impl Loading {
    pub(crate) fn new(runtime: &Runtime, signal: &Signal) -> Self {
        Self {
            signal: signal.clone(),
            parked: Slots::new(),
            loads: Slots::new(),
            places: HashMap::default(),
            queued: VecDeque::new(),
            in_flight_count: 0,
            reads: Rc::new(runtime.read_queue(signal)),
            joint: Slots::new(),
            wanted: Vec::new(),
            loaded: Vec::new(),
            ready: VecDeque::new(),
            crowded: BTreeMap::new(),
        }
    }

    /// Operations that wait for the disk.
    pub(crate) fn parked_count(&self) -> usize {
        self.parked.len()
    }

    fn park(&mut self, work: Work, (needs, supplies): (Vec<Need>, Supplies)) {
        let parked = self.parked.put(Parked { work, supplies, missing_count: 0, has_failed: false });
        let mut missing_count = 0;
        for need in needs {
            match self.places.entry(need.id()) {
                std::collections::hash_map::Entry::Occupied(place) => {
                    let load = self.loads.get_mut(*place.get());
                    // An operation that looks ahead may name a block twice.
                    if *load.others.last().unwrap_or(&load.first) != parked {
                        load.others.push(parked);
                        missing_count += 1;
                    }
                }
                std::collections::hash_map::Entry::Vacant(vacant) => {
                    let place = self.loads.put(Load { need, is_alone: false, first: parked, others: Vec::new() });
                    vacant.insert(place);
                    self.queued.push_back(place);
                    missing_count += 1;
                }
            }
        }
        self.parked.get_mut(parked).missing_count = missing_count;
        if missing_count == 0 {
            self.ready.push_back(parked);
            self.signal.notify();
        }
    }

    /// Begins a read that is for one load, or for several.
    fn begin_parts(&mut self, span: FileSpan, parts: &[Part]) {
        let token = match parts {
            [part] => u64::from(part.load),
            parts => IS_JOINT | u64::from(self.joint.put(parts.to_vec())),
        };
        self.begin_read(span, token);
    }

    fn begin_read(&mut self, span: FileSpan, token: u64) {
        self.in_flight_count += 1;
        self.reads.begin(&span, token);
    }

    /// What was read, or could not be, goes to all who wait for it.
    fn supply(&mut self, load: Load, brought: Option<&Brought>) {
        for waiting in std::iter::once(load.first).chain(load.others) {
            let parked = self.parked.get_mut(waiting);
            match brought {
                Some(brought) => parked.supplies.add(&load.need, brought),
                None => parked.has_failed = true,
            }
            parked.missing_count -= 1;
            if parked.missing_count == 0 {
                self.ready.push_back(waiting);
            }
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
            self.refuse(ticket, Error::throttling(THROTTLED));
            return;
        }
        self.metrics.parked_count += 1;
        self.loading.park(work, missing);
        self.start_reads();
    }

    /// Takes in some of what was read, and goes on with the operations that have all they need. So many have come in meanwhile.
    pub(crate) fn finish_reads(&mut self, arrived_count: usize) {
        let reads = Rc::clone(&self.loading.reads);
        reads.drain(arrived_count.max(TAKEN_COUNT_MIN), |token, result| self.finish_read(token, result));
        for (place, brought) in std::mem::take(&mut self.loading.loaded) {
            self.loading.in_flight_count -= 1;
            self.finish_load(place, brought.map_err(unread));
        }
        self.go_on_with_crowded();
        // What is parked again meanwhile has its turn in the next one.
        for _ in 0..self.loading.ready.len() {
            let place = self.loading.ready.pop_front().expect("counted");
            match self.crowded_partition_of(place) {
                Some(partition) => self.loading.crowded.entry(partition).or_default().push_back(place),
                None => self.go_on(place),
            }
        }
        self.start_reads();
    }

    /// Writes go on as their partitions have room again, which what becomes durable makes.
    fn go_on_with_crowded(&mut self) {
        for (partition, mut places) in std::mem::take(&mut self.loading.crowded) {
            while self.has_room_for_writes(partition)
                && let Some(place) = places.pop_front()
            {
                self.go_on(place);
            }
            if !places.is_empty() {
                self.loading.crowded.insert(partition, places);
            }
        }
    }

    /// The partition, if what is parked is a write that has to wait for room there or for others that do.
    fn crowded_partition_of(&mut self, place: u32) -> Option<PartitionId> {
        let partition = match &self.loading.parked.get_mut(place).work {
            Work::Operation(_, partition, operation) if operation.is_write() => *partition,
            Work::Operation(..) | Work::Expiry(_) => return None,
        };
        let is_crowded = self.loading.crowded.contains_key(&partition) || !self.has_room_for_writes(partition);
        is_crowded.then_some(partition)
    }

    /// Of a partition that is gone, yes: its writes are refused.
    pub(crate) fn has_room_for_writes(&self, partition: PartitionId) -> bool {
        self.partitions.get(&partition).is_none_or(Partition::has_room_for_writes)
    }

    fn finish_read(&mut self, token: u64, result: Result<&[u8], FileError>) {
        self.loading.in_flight_count -= 1;
        self.metrics.read_count += 1;
        let place = u32::try_from(token & !IS_JOINT).expect("it was made of a place");
        if token & IS_JOINT != 0 {
            return self.finish_joint_read(place, result);
        }
        let brought = match result {
            Ok(bytes) => self.loading.loads.get_mut(place).need.finish(&self.journal, bytes).map_err(unread),
            Err(error) => Err(unread_file(error)),
        };
        self.finish_load(place, brought);
    }

    /// What cannot be read together may be one by one: each load stands for itself again.
    fn finish_joint_read(&mut self, place: u32, result: Result<&[u8], FileError>) {
        for part in self.loading.joint.take(place) {
            match &result {
                Ok(bytes) => {
                    let need = &self.loading.loads.get_mut(part.load).need;
                    let brought = need.finish(&self.journal, part.of(bytes)).map_err(unread);
                    self.finish_load(part.load, brought);
                }
                Err(_) => {
                    self.loading.loads.get_mut(part.load).is_alone = true;
                    self.loading.queued.push_front(part.load);
                }
            }
        }
    }

    fn finish_load(&mut self, place: u32, brought: Result<Brought, Unread>) {
        let load = self.loading.loads.take(place);
        self.loading.places.remove(&load.need.id());
        match &brought {
            Ok(brought) => self.context.reads.keep(&load.need, brought),
            Err(Unread::Disk(error)) => {
                self.disks.note(error, "requests that need what is there fail", self.runtime.now());
            }
            Err(Unread::Rot) => self.metrics.corruption_count += 1,
        }
        self.loading.supply(load, brought.as_ref().ok());
    }

    fn go_on(&mut self, place: u32) {
        let Parked { work, supplies, has_failed, .. } = self.loading.parked.take(place);
        match work {
            Work::Operation(ticket, ..) if has_failed => {
                self.context.outcomes.push((ticket, Err(unreadable())));
            }
            Work::Operation(ticket, partition, operation) => {
                self.context.reads.begin_with(supplies);
                self.go_on_with(ticket, partition, operation);
            }
            // What cannot be read cannot expire: the next round tries again.
            Work::Expiry(_) if has_failed => {}
            Work::Expiry(partition) => {
                self.context.reads.begin_with(supplies);
                self.expire_items_of(partition);
            }
        }
    }

    fn start_reads(&mut self) {
        let mut wanted = std::mem::take(&mut self.loading.wanted);
        while self.loading.in_flight_count < READ_COUNT_MAX && !self.loading.queued.is_empty() {
            while self.loading.in_flight_count + wanted.len() < READ_COUNT_MAX
                && let Some(load) = self.loading.queued.pop_front()
            {
                let Some(span) = self.begin_load(load) else { continue };
                let Load { need, is_alone, .. } = self.loading.loads.get_mut(load);
                if *is_alone {
                    self.loading.begin_read(span, u64::from(load));
                } else {
                    let file = need.file();
                    wanted.push(Wanted { file, span, load });
                }
            }
            join(&mut wanted, |span, parts| self.loading.begin_parts(span, parts));
        }
        self.loading.wanted = wanted;
    }

    /// Says what is to be read for a load; `None` if nothing is.
    fn begin_load(&mut self, place: u32) -> Option<FileSpan> {
        match self.loading.loads.get_mut(place).need.begin(&self.journal) {
            Ok(Begun::Read(span)) => return Some(span),
            Ok(Begun::Gone) => self.end_load(place, Ok(Brought::Gone)),
            Err(error) => self.end_load(place, Err(error)),
        }
        None
    }

    /// A load has come to its end without a read: its operations go on in the next turn.
    fn end_load(&mut self, place: u32, brought: Result<Brought, NeedError>) {
        self.loading.in_flight_count += 1;
        self.loading.loaded.push((place, brought));
        self.loading.signal.notify();
    }
}

fn unread(error: NeedError) -> Unread {
    match error.file_error() {
        Some(disk) if disk.is_of_disk() => Unread::Disk(disk.clone()),
        _ => rot(&error),
    }
}

fn unread_file(error: FileError) -> Unread {
    if error.is_of_disk() { Unread::Disk(error) } else { rot(&error) }
}

fn rot(error: &dyn std::error::Error) -> Unread {
    tracing::error!(%error, "what a request needs cannot be read");
    Unread::Rot
}

/// The answer where the disk does not hold what was written.
fn unreadable() -> Error {
    Error::internal("The item cannot be read from the disk; the node's log says why")
}
