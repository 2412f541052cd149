//! Opening a worker: lock, journal, partitions, and the meeting of all cores.
//!
//! ```text
//! worker 0      reads the keys, sends them to every core                  Message::Keys
//! every core    reads its journal, rebuilds what it finds there by group
//! worker 0      makes the catalog of group 0, sends it to every core      Message::Catalog
//! every core    takes the partitions of its tables into service           Message::Opened
//! worker 0      when all are open                                         Message::Serve
//! ```
//!
//! A group that no table of the catalog owns is a deleted table's: its space is given back.

use crate::Engine;
use crate::budget::Budget;
use crate::catalog::CatalogOwner;
use crate::directories::{LostDirectory, check_directories};
use crate::engine::Parts;
use crate::key_keeper::KeyKeeper;
use crate::key_service::KeyService;
use crate::keys_error::KeysError;
use crate::message::{Batch, KeyGrant, Message};
use crate::outbox::Outbox;
use crate::submit::CATALOG_CORE;
use control::{CATALOG_GROUP, OpeningCatalog, TableEntry};
use journal::{GroupId, Journal, JournalError, JournalOptions, Liveness, Location, Record, RecoveryReport, Tail};
use model::Text;
use model::limits::ITEM_COLLECTION_BYTES_MAX;
use model::table::PartitionId;
use partition::{Context, MemtablesOptions, Opening, Pace, Partition, PartitionError, PartitionOptions, Storage};
use runtime::{CoreId, DirectoryLock, FileError, Mesh, MeshPorts, Runtime, Signal};
use security::GroupKeys;
use sstable::FileId;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Batches that each pair of cores may have under way.
pub const MESH_BATCH_COUNT_MAX: usize = 1_024;
/// Least size at which a memtable is frozen.
const TABLE_BYTES_MAX: usize = 16 << 20;
/// What the folders of the workers' journals are called, before their number.
pub(crate) const JOURNAL_PREFIX: &str = "journal-";
/// What the folders of the workers' sorted files are called, before their number.
pub(crate) const SSTABLES_PREFIX: &str = "sstables-";

/// How a database is opened. The same for all of its cores.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// At least one directory; journals are spread over all of them.
    pub data_directories: Vec<PathBuf>,
    /// The file of the master keys; `None`: `keyring` in the first data directory.
    pub keyring: Option<PathBuf>,
    /// Unwraps master keys of the keyring that are wrapped, and may make new ones; `None`: all of them stand there in clear.
    pub key_service: Option<Arc<dyn KeyService>>,
    /// Size of a journal segment in bytes, most often [`SEGMENT_BYTES`](crate::SEGMENT_BYTES).
    pub segment_bytes: u64,
    /// Bytes of memory that all workers together may take.
    pub memory_bytes_max: u64,
    /// Host and port that DescribeEndpoints names to who does not tell where it has reached the server.
    pub endpoint: Text,
    /// How long tables stay CREATING, UPDATING and DELETING, and how long a change of expiry takes to settle; 0: not at all.
    pub table_delay_ms: u64,
    /// How long items stay after the time at which they expire, in milliseconds.
    pub expiry_delay_ms: u64,
    /// How long the scrub takes to read all that is on the disk once, in milliseconds; 0: there is no scrub.
    pub scrub_period_ms: u64,
}

/// Why a worker cannot be opened.
#[derive(Debug)]
pub enum OpenError {
    /// The data directory.
    File(FileError),
    /// A data directory that is not there, and that holds a part of the data.
    Lost(LostDirectory),
    /// The keys.
    Keys(KeysError),
    /// The journal in it.
    Journal(JournalError),
    /// A group whose log is in the journal.
    Group(replication::OpenError),
    /// A partition: its log, or its files.
    Partition(PartitionError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(out, "{error}"),
            Self::Lost(lost) => write!(out, "{lost}"),
            Self::Keys(error) => write!(out, "{error}"),
            Self::Journal(error) => write!(out, "{error}"),
            Self::Group(error) => write!(out, "{error}"),
            Self::Partition(error) => write!(out, "{error}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<FileError> for OpenError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<LostDirectory> for OpenError {
    fn from(lost: LostDirectory) -> Self {
        Self::Lost(lost)
    }
}

impl From<KeysError> for OpenError {
    fn from(error: KeysError) -> Self {
        Self::Keys(error)
    }
}

impl From<replication::OpenError> for OpenError {
    fn from(error: replication::OpenError) -> Self {
        Self::Group(error)
    }
}

impl From<PartitionError> for OpenError {
    fn from(error: PartitionError) -> Self {
        Self::Partition(error)
    }
}

impl From<JournalError> for OpenError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

/// How many workers the data in `directory` was made with, or `wanted` if that is more: a partition stays with the
/// journal of the worker that made it. Asked before any core runs.
///
/// # Errors
/// If the directory cannot be listed.
pub fn worker_count(directory: &Path, wanted: usize) -> Result<usize, OpenError> {
    let names = runtime::names_before_start(directory)?;
    let numbers = names.iter().filter_map(|name| name.strip_prefix(JOURNAL_PREFIX)?.parse::<usize>().ok());
    Ok(numbers.map(|number| number + 1).max().unwrap_or(0).max(wanted))
}

impl Engine {
    /// Opens this core's worker: reads its journal, meets the other cores, takes its partitions into service. All cores
    /// of the node open with the same options and `ports`.
    ///
    /// # Errors
    /// [`OpenError`]; the node cannot start then.
    pub async fn open(runtime: Runtime, ports: &MeshPorts<Batch>, options: &EngineOptions) -> Result<Self, OpenError> {
        let signal = Signal::new();
        let mesh = runtime.mesh(ports, &signal);
        let core = runtime.core();
        let core_count = runtime.core_count() as u64;
        let budget = Budget::new(options.memory_bytes_max, core_count);
        let mut recovery = Recovery::new(core, partition_options(&runtime, &budget, options.expiry_delay_ms));
        check_directories(&runtime, &options.data_directories).await?;
        let locks = lock_directories(&runtime, &options.data_directories).await?;
        let mut outbox = Outbox::new(runtime.core_count());
        let mut keeper = None;
        let grant = if core == CATALOG_CORE {
            probe_flush_methods(&runtime, &options.data_directories).await?;
            let opened = KeyKeeper::open(&runtime, &signal, options).await?;
            let grant = opened.grant();
            keeper = Some(opened);
            let others = (1..runtime.core_count()).map(CoreId::from_usize);
            others.for_each(|other| outbox.push(other, Message::Keys(grant.clone())));
            assert!(outbox.send(&mesh), "nothing was sent before");
            grant
        } else {
            receive_keys(&mesh, &signal).await
        };
        let journal_options = JournalOptions {
            segment_bytes: options.segment_bytes,
            ..JournalOptions::new(core, options.data_directories.clone())
        };
        let mut visit = |record: Record<'_>, location: Location, liveness: &mut Liveness| {
            recovery.visit(record, location, liveness)
        };
        let keys = GroupKeys::new(&grant.tables, grant.last_group);
        let journal = Journal::open_with_store(&runtime, journal_options, keys, &mut visit).await?;
        tell_recovery(core, journal.recovery());
        journal.on_durable(signal.clone());
        let directories = create_folders(&runtime, &options.data_directories).await?;
        let storage = Storage {
            runtime: runtime.clone(),
            journal: journal.clone(),
            directories,
            pace: Pace::default(),
            gathered_bytes_max: budget.gathered_bytes_max(),
            leftovers: Rc::default(),
            failing: Rc::default(),
        };
        let delay = Duration::from_millis(options.table_delay_ms);
        let control = recovery.catalog.take().map(|catalog| catalog.open(!delay.is_zero())).transpose()?;
        let catalog = control.zip(keeper);
        let mut engine = Self::assemble(Parts {
            catalog: catalog.map(|(control, keys)| CatalogOwner::new(control, keys, delay, (&runtime, &signal))),
            context: Context::new(budget.cache_bytes_at_start(), draw_seed(&runtime)),
            budget,
            storage,
            endpoint: options.endpoint.clone(),
            table_delay_ms: options.table_delay_ms,
            expiry_delay_ms: options.expiry_delay_ms,
            scrub_period: Duration::from_millis(options.scrub_period_ms),
            runtime,
            journal,
            mesh,
            signal,
            outbox,
            locks,
        });
        engine.meet(recovery.openings).await?;
        Ok(engine)
    }

    /// How this worker's partitions are made.
    pub(crate) fn partition_options(&self) -> PartitionOptions {
        partition_options(&self.runtime, &self.budget, self.expiry_delay_ms)
    }

    /// The exchange at start that this file's front page draws.
    async fn meet(&mut self, mut openings: HashMap<GroupId, Opening>) -> Result<(), OpenError> {
        let core_count = self.runtime.core_count();
        if let Some(owner) = &mut self.catalog {
            let tables: Vec<Arc<TableEntry>> = owner.control.catalog().tables().cloned().collect();
            let (last_table, _) = owner.control.catalog().last_ids();
            if owner.keys.reconcile(&tables, last_table).await? {
                let grant = owner.keys.grant();
                self.tell_all(core_count, || Message::Keys(grant.clone()));
            }
            self.tell_all(core_count, || Message::Catalog(tables.clone()));
        }
        let mut opened_count = 0;
        let mut may_serve = false;
        while !may_serve {
            if !self.outbox.send(&self.mesh) {
                panic!("the mesh holds more batches than cores say at start");
            }
            let Some((_, batch)) = self.mesh.try_receive() else {
                self.signal.wait().await;
                continue;
            };
            for message in batch {
                match message {
                    Message::Catalog(tables) => {
                        self.open_tables(&tables, &mut openings).await?;
                        self.outbox.push(CoreId(0), Message::Opened(self.core()));
                    }
                    Message::Opened(_) => {
                        opened_count += 1;
                        if opened_count == core_count {
                            self.tell_all(core_count, || Message::Serve);
                        }
                    }
                    Message::Serve => may_serve = true,
                    // From a core that serves already.
                    other => self.handle_message(other),
                }
            }
        }
        self.signal.notify();
        Ok(())
    }

    /// Opens the partitions of this core, and then lets go of all that none of them names: records, segments, files.
    async fn open_tables(
        &mut self,
        tables: &[Arc<TableEntry>],
        openings: &mut HashMap<GroupId, Opening>,
    ) -> Result<(), OpenError> {
        for table in tables {
            for placement in table.partitions_of(self.core()) {
                let opening = openings
                    .remove(&GroupId(placement.partition.0))
                    .unwrap_or_else(|| Opening::new(placement.partition, self.partition_options()));
                let part = (Arc::new(table.definition.clone()), placement.range);
                let partition = opening.open(part, &self.storing.storage).await?;
                self.serve_partition(partition);
            }
            self.router.open(Arc::clone(table));
        }
        // Groups that no table owns are of deleted tables.
        for (group, opening) in openings.drain() {
            opening.release(&self.journal);
            self.journal.forget_keys(group);
        }
        self.journal.settle_store().await?;
        self.remove_unnamed_files().await
    }

    /// Removes files that no partition names: those of a flush that a crash cut short, and of deleted tables.
    async fn remove_unnamed_files(&mut self) -> Result<(), OpenError> {
        let named: HashSet<FileId> = self.partitions.values().flat_map(Partition::file_ids).collect();
        for directory in self.storing.storage.directories.iter() {
            for entry in self.runtime.list_directory(directory).await? {
                let file = sstable::parse_file_name(&entry.name);
                if file.is_some_and(|file| !named.contains(&file)) {
                    self.runtime.remove_file(&directory.join(&entry.name)).await?;
                }
            }
        }
        Ok(())
    }

    fn tell_all(&mut self, core_count: usize, message: impl Fn() -> Message) {
        for core in 0..core_count {
            self.outbox.push(CoreId::from_usize(core), message());
        }
    }
}

async fn probe_flush_methods(runtime: &Runtime, directories: &[PathBuf]) -> Result<(), FileError> {
    for directory in directories {
        match runtime.probe_flush_method(directory).await {
            // A full disk is no reason not to read what is there.
            Ok(_) | Err(FileError::NoSpace { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Waits for the keys, which are the first that a core hears of.
async fn receive_keys(mesh: &Mesh<Batch>, signal: &Signal) -> KeyGrant {
    loop {
        if let Some((_, batch)) = mesh.try_receive() {
            let [Message::Keys(grant)] = batch.as_slice() else { panic!("the keys come first, and alone") };
            return grant.clone();
        }
        signal.wait().await;
    }
}

/// Takes this worker's folder in every data directory for this process alone.
async fn lock_directories(runtime: &Runtime, directories: &[PathBuf]) -> Result<Vec<DirectoryLock>, FileError> {
    let mut locks = Vec::with_capacity(directories.len());
    for directory in directories {
        let folder = directory.join(format!("{JOURNAL_PREFIX}{}", runtime.core().as_usize()));
        runtime.create_directory(&folder).await?;
        locks.push(runtime.lock_directory(&folder).await?);
    }
    Ok(locks)
}

/// Makes this worker's folder of sorted files in every data directory.
async fn create_folders(runtime: &Runtime, directories: &[PathBuf]) -> Result<Rc<[PathBuf]>, FileError> {
    let mut folders = Vec::with_capacity(directories.len());
    for directory in directories {
        let folder = directory.join(format!("{SSTABLES_PREFIX}{}", runtime.core().as_usize()));
        runtime.create_directory(&folder).await?;
        folders.push(folder);
    }
    Ok(folders.into())
}

/// What a journal's records are made into, group by group.
struct Recovery {
    options: PartitionOptions,
    /// On worker 0 alone.
    catalog: Option<OpeningCatalog>,
    openings: HashMap<GroupId, Opening>,
}

impl Recovery {
    fn new(core: CoreId, options: PartitionOptions) -> Self {
        let catalog = (core == CoreId(0)).then(OpeningCatalog::default);
        Self { options, catalog, openings: HashMap::new() }
    }

    fn visit(&mut self, record: Record<'_>, location: Location, liveness: &mut Liveness) -> Result<(), String> {
        let group = record.group;
        match &mut self.catalog {
            Some(catalog) if group == CATALOG_GROUP => catalog.visit(record, location, liveness),
            _ => {
                let options = &self.options;
                let opening = self.openings.entry(group);
                let opening = opening.or_insert_with(|| Opening::new(PartitionId(group.0), options.clone()));
                opening.visit(record, location, liveness)
            }
        }
        .map_err(|cause| format!("group {group}: {cause}"))
    }
}

/// A number that nobody else knows.
fn draw_seed(runtime: &Runtime) -> u64 {
    let mut seed = [0; 8];
    runtime.fill_secret(&mut seed);
    u64::from_le_bytes(seed)
}

fn partition_options(runtime: &Runtime, budget: &Budget, expiry_delay_ms: u64) -> PartitionOptions {
    // Not of `chance`, whose next numbers follow from the ids of new tables, which clients see.
    let seed = draw_seed(runtime);
    PartitionOptions {
        memtables: MemtablesOptions { table_bytes_max: TABLE_BYTES_MAX, seed, spare: budget.spare() },
        collection_bytes_max: ITEM_COLLECTION_BYTES_MAX,
        expiry_delay_ms,
    }
}

/// Says in the log how the journal ended that was read back, and what was found in it.
fn tell_recovery(core: CoreId, report: &RecoveryReport) {
    let RecoveryReport { tail, segment_count, record_count, shredded_count, .. } = report;
    let core = core.0;
    match tail {
        Tail::New => {}
        Tail::Closed => tracing::info!(core, segment_count, record_count, shredded_count, "the journal was closed"),
        Tail::Open => tracing::info!(core, segment_count, record_count, shredded_count, "the journal was not closed"),
        Tail::Torn { path, damage } => {
            let path = path.display();
            let what = "the journal was not closed; its last flush was never reported durable, and what there is of it is dropped";
            tracing::warn!(core, segment_count, record_count, shredded_count, %path, %damage, "{what}");
        }
    }
}
