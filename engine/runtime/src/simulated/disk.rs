//! The disk of one simulated node: files, names, operations in flight, and what goes wrong.
//!
//! An operation is begun (its fault, if any, is decided; what a sync will cover is fixed) and completed some simulated time
//! later (its effect, all at once). A power cut in between leaves what `fate` decides. Owned by the node's state in the
//! world, which knows the time and wakes whoever waits; there is neither clock nor task here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::chance::Chance;
use super::contents::{Contents, PAGE_BYTES, Sequence, UnsettledWrite};
use super::fate::{self, CutFate};
use super::fault::{ArmedFault, Fault, FileOperation};
use super::namespace::{InodeId, NameChange, NameError, Namespace};

/// One operation in flight, unique in its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OperationId(pub(super) u64);

/// What a task asks of the disk.
#[derive(Clone, Debug)]
pub(super) enum Request {
    Read { inode: InodeId, offset: u64, len: usize },
    Write { inode: InodeId, offset: u64, bytes: Rc<[u8]>, is_durable: bool },
    Sync { inode: InodeId },
    Allocate { inode: InodeId, len_bytes: u64 },
    Names(NameChange),
    SyncDirectory { path: PathBuf },
}

impl Request {
    pub(super) fn operation(&self) -> FileOperation {
        match self {
            Request::Read { .. } => FileOperation::Read,
            Request::Write { .. } => FileOperation::Write,
            Request::Sync { .. } | Request::SyncDirectory { .. } => FileOperation::Sync,
            Request::Allocate { .. } | Request::Names(_) => FileOperation::Metadata,
        }
    }
}

/// What a read brings; nothing for the other operations.
pub(super) type Outcome = Result<Vec<u8>, DiskError>;

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DiskError {
    NotFound,
    AlreadyExists,
    NoSpace,
    /// Too many are open: EMFILE.
    NoFile,
    /// The medium failed: EIO.
    Io,
}

impl From<NameError> for DiskError {
    fn from(error: NameError) -> DiskError {
        match error {
            NameError::NotFound => DiskError::NotFound,
            NameError::AlreadyExists => DiskError::AlreadyExists,
        }
    }
}

#[derive(Debug)]
struct InFlight {
    request: Request,
    /// Of the file or directory.
    path: PathBuf,
    /// A sync makes durable what had completed when it was begun: up to here.
    covered: Sequence,
    /// The file's length at that moment, in bytes.
    len_bytes: u64,
    fault: Option<Fault>,
}

/// A node's disk. Survives the node's restarts.
#[derive(Debug)]
pub(super) struct Disk {
    chance: Chance,
    contents: BTreeMap<InodeId, Contents>,
    live: Namespace,
    durable: Namespace,
    /// Changes from `durable` to `live`, oldest first.
    unsettled_names: Vec<(Sequence, NameChange)>,
    in_flight: BTreeMap<OperationId, InFlight>,
    faults: Vec<ArmedFault>,
    locks: BTreeSet<PathBuf>,
    /// Directories whose medium is gone, with all below them.
    lost: BTreeSet<PathBuf>,
    capacity_bytes: u64,
    last_sequence: Sequence,
    next_inode: InodeId,
}

impl Disk {
    pub(super) fn new(chance: Chance, capacity_bytes: u64) -> Disk {
        Disk {
            chance,
            contents: BTreeMap::new(),
            live: Namespace::default(),
            durable: Namespace::default(),
            unsettled_names: Vec::new(),
            in_flight: BTreeMap::new(),
            faults: Vec::new(),
            locks: BTreeSet::new(),
            lost: BTreeSet::new(),
            capacity_bytes,
            last_sequence: Sequence(0),
            next_inode: InodeId(1),
        }
    }

    pub(super) fn live(&self) -> &Namespace {
        &self.live
    }

    pub(super) fn contents(&self, inode: InodeId) -> &Contents {
        &self.contents[&inode]
    }

    pub(super) fn contents_mut(&mut self, inode: InodeId) -> &mut Contents {
        self.contents.get_mut(&inode).expect("an inode stays while its node runs")
    }

    pub(super) fn arm(&mut self, fault: ArmedFault) {
        self.faults.push(fault);
    }

    pub(super) fn armed_count(&self) -> usize {
        self.faults.len()
    }

    pub(super) fn set_capacity_bytes(&mut self, capacity_bytes: u64) {
        self.capacity_bytes = capacity_bytes;
    }

    pub(super) fn free_bytes(&self) -> u64 {
        self.capacity_bytes.saturating_sub(self.used_bytes())
    }

    /// The medium of a directory is gone: everything at or below it fails and has no effect, what is on its way to it included. What is on
    /// it stays as it is.
    pub(super) fn lose(&mut self, directory: &Path) {
        self.lost.insert(directory.to_path_buf());
    }

    /// It is back.
    pub(super) fn bring_back(&mut self, directory: &Path) {
        assert!(self.lost.remove(directory), "{} is not lost", directory.display());
    }

    pub(super) fn is_lost(&self, path: &Path) -> bool {
        self.lost.iter().any(|directory| path.starts_with(directory))
    }

    /// Takes the lock of a directory. False if it is held.
    pub(super) fn lock(&mut self, directory: &Path) -> bool {
        self.locks.insert(directory.to_path_buf())
    }

    pub(super) fn unlock(&mut self, directory: &Path) {
        self.locks.remove(directory);
    }

    /// A new file without a name yet.
    pub(super) fn new_inode(&mut self) -> InodeId {
        let inode = self.next_inode;
        self.next_inode = InodeId(inode.0 + 1);
        self.contents.insert(inode, Contents::default());
        inode
    }

    /// Accepts an operation. It has no effect before `complete`, unless the node goes down.
    pub(super) fn begin(&mut self, operation: OperationId, path: &Path, request: Request) {
        let len_bytes = match request {
            Request::Sync { inode } => self.contents(inode).len_bytes(),
            _ => 0,
        };
        let fault = self.draw_fault(request.operation());
        let in_flight = InFlight { request, path: path.to_path_buf(), covered: self.last_sequence, len_bytes, fault };
        let previous = self.in_flight.insert(operation, in_flight);
        assert!(previous.is_none(), "{operation:?} is in flight already");
    }

    /// Gives an operation its effect. The caller has kept it in flight for its simulated time.
    pub(super) fn complete(&mut self, operation: OperationId) -> Outcome {
        let in_flight = self.in_flight.remove(&operation).expect("completed once, by its own event");
        if self.is_lost(&in_flight.path) {
            return Err(DiskError::Io);
        }
        match in_flight.fault {
            None => self.perform(in_flight),
            Some(Fault::NoFile) => Err(DiskError::NoFile),
            Some(Fault::Lost) => Ok(Vec::new()),
            Some(Fault::Error) => {
                self.perform_badly(in_flight);
                Err(DiskError::Io)
            }
        }
    }

    /// The power goes: what is not durable meets its fate, and the durable bytes are what readers see from now on.
    pub(super) fn cut_power(&mut self, fate: CutFate) {
        self.land_writes_at_cut(fate);
        self.land_names_at_cut(fate);
        for contents in self.contents.values_mut() {
            let (durable_bytes, live_bytes) = contents.unsettled_len_bytes();
            contents.lose_live(match fate {
                CutFate::Lost => durable_bytes,
                CutFate::Whole => live_bytes,
                _ if live_bytes <= durable_bytes => live_bytes,
                _ => fate::draw_len_bytes(durable_bytes, live_bytes, &mut self.chance),
            });
        }
        self.forget_process();
    }

    /// The process goes, the power stays: what was in flight lands or not, what was live stays live.
    pub(super) fn kill_process(&mut self) {
        let operations: Vec<OperationId> = self.in_flight.keys().copied().collect();
        for operation in operations {
            if self.chance.coin() {
                // An operation that fails has nobody left to hear of it.
                let _ = self.complete(operation);
            }
        }
        self.forget_process();
    }

    fn forget_process(&mut self) {
        self.in_flight.clear();
        self.locks.clear();
        let named: BTreeSet<InodeId> = self.live.files().chain(self.durable.files()).map(|(_, inode)| inode).collect();
        self.contents.retain(|inode, _| named.contains(inode));
    }

    fn draw_fault(&mut self, operation: FileOperation) -> Option<Fault> {
        let mut fired = None;
        self.faults.retain_mut(|armed| {
            if armed.operation != operation {
                return true;
            }
            if armed.remaining_count > 0 {
                armed.remaining_count -= 1;
                return true;
            }
            if fired.is_some() {
                return true;
            }
            fired = Some(armed.fault);
            false
        });
        fired
    }

    fn perform(&mut self, in_flight: InFlight) -> Outcome {
        match in_flight.request {
            Request::Read { inode, offset, len } => {
                return Ok(self.contents(inode).read(offset, len));
            }
            Request::Write { inode, offset, bytes, is_durable } => {
                self.reserve(inode, offset + bytes.len() as u64)?;
                if is_durable {
                    self.contents_mut(inode).land_durable(offset, &bytes);
                } else {
                    let write = UnsettledWrite::new(self.next_sequence(), offset, bytes);
                    self.contents_mut(inode).land(write);
                }
            }
            Request::Sync { inode } => self.contents_mut(inode).settle(in_flight.covered, in_flight.len_bytes),
            Request::Allocate { inode, len_bytes } => {
                self.reserve(inode, len_bytes)?;
                self.contents_mut(inode).allocate(len_bytes);
            }
            Request::Names(change) => self.change_names(change)?,
            Request::SyncDirectory { path } => self.settle_names(&path, in_flight.covered)?,
        }
        Ok(Vec::new())
    }

    /// The effect of an operation that reports an error: any part of it, or none.
    fn perform_badly(&mut self, in_flight: InFlight) {
        match in_flight.request {
            Request::Write { inode, offset, bytes, .. } => {
                let write = UnsettledWrite::new(self.next_sequence(), offset, bytes);
                let landed = fate::tear(&write, super::contents::SECTOR_BYTES, &mut self.chance);
                self.contents_mut(inode).land_partly(write, landed);
            }
            Request::Sync { inode } => {
                let Disk { contents, chance, .. } = self;
                contents
                    .get_mut(&inode)
                    .expect("an inode stays while its node runs")
                    .abandon(in_flight.covered, || chance.coin());
            }
            Request::Read { .. } | Request::Allocate { .. } | Request::Names(_) | Request::SyncDirectory { .. } => {}
        }
    }

    fn change_names(&mut self, change: NameChange) -> Result<(), DiskError> {
        self.live.check(&change)?;
        self.live.apply(&change);
        let sequence = self.next_sequence();
        self.unsettled_names.push((sequence, change));
        Ok(())
    }

    fn settle_names(&mut self, directory: &Path, covered: Sequence) -> Result<(), DiskError> {
        if !self.live.is_directory(directory) {
            return Err(DiskError::NotFound);
        }
        let Disk { unsettled_names, durable, .. } = self;
        unsettled_names.retain(|(sequence, change)| {
            let is_covered = *sequence <= covered && change.touches(directory);
            if is_covered {
                durable.apply(change);
            }
            !is_covered
        });
        Ok(())
    }

    fn land_writes_at_cut(&mut self, fate: CutFate) {
        let mut landing: Vec<(InodeId, UnsettledWrite)> = Vec::new();
        for (&inode, contents) in &self.contents {
            landing.extend(contents.unsettled().map(|write| (inode, write.clone())));
        }
        landing.sort_by_key(|(_, write)| write.sequence);
        let in_flight = std::mem::take(&mut self.in_flight);
        for (_, operation) in in_flight {
            if self.is_lost(&operation.path) {
                continue;
            }
            match operation.request {
                Request::Write { inode, offset, bytes, .. } if operation.fault.is_none() => {
                    let write = UnsettledWrite::new(self.next_sequence(), offset, bytes);
                    landing.push((inode, write));
                }
                Request::Names(change) if self.live.check(&change).is_ok() => {
                    let sequence = self.next_sequence();
                    self.unsettled_names.push((sequence, change));
                }
                _ => {}
            }
        }
        let writes: Vec<&UnsettledWrite> = landing.iter().map(|(_, write)| write).collect();
        let decided = fate::decide_sectors(fate, &writes, &mut self.chance);
        for ((inode, write), kept) in landing.iter().zip(&decided) {
            self.contents_mut(*inode).keep(write, kept);
        }
    }

    /// Each change of names is there or not; a journalling file system keeps a first part of them, others keep any.
    fn land_names_at_cut(&mut self, fate: CutFate) {
        let changes = std::mem::take(&mut self.unsettled_names);
        let in_order = self.chance.coin();
        let kept_count = self.chance.index(changes.len() + 1);
        for (position, (_, change)) in changes.iter().enumerate() {
            let is_kept = match fate {
                CutFate::Lost => false,
                CutFate::Whole => true,
                _ if in_order => position < kept_count,
                _ => self.chance.coin(),
            };
            if is_kept {
                self.durable.apply(change);
            }
        }
        self.durable.drop_orphans();
        self.live = self.durable.clone();
    }

    fn reserve(&mut self, inode: InodeId, end: u64) -> Result<(), DiskError> {
        let growth = end.saturating_sub(self.contents(inode).len_bytes());
        if growth > self.free_bytes() {
            return Err(DiskError::NoSpace);
        }
        Ok(())
    }

    fn used_bytes(&self) -> u64 {
        self.live.files().map(|(_, inode)| self.contents(inode).len_bytes().next_multiple_of(PAGE_BYTES as u64)).sum()
    }

    fn next_sequence(&mut self) -> Sequence {
        self.last_sequence = Sequence(self.last_sequence.0 + 1);
        self.last_sequence
    }
}
