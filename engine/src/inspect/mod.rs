//! A data directory that no server runs on, looked at: what is in it, and whether all of it is as it was written.
//!
//! ```text
//! open       locks, keys, the journals' headers, and the log of each worker      log.rs
//! summary    workers, segments, partitions with their files, tables              summary.rs
//! segment    the records of one segment                                          segment.rs
//! file       the blocks and entries of one sorted file                           file.rs
//! verify     every byte of it, and whatever names something that is not there    verify.rs
//! ```
//!
//! For a tool in a person's hands; nothing of it is in the way of a request. One [`Inspection`] a data directory, on one core, which reads the journals of
//! all workers one after the other. Nothing is written: files are opened for reading alone, no name comes or goes, and as long as it lives no server
//! can start on the directory. What is damaged is a [`Fault`] and is read past; an [`InspectError`] is why nothing can be read at all. Deliberately
//! not here: repair, and how any of it is printed.

mod fault;
mod file;
mod key_text;
mod log;
mod segment;
mod summary;
mod verify;

pub use fault::{Fault, FaultCause, InspectError};
pub use file::{FileProperties, FileStep};
pub use journal::{RecordKind, SegmentId, Tail};
pub use partition::SetId;
pub use segment::{RecordContents, RecordFacts, SegmentStep};
pub use sstable::{BlockRef, Content, Entry, FileId};
pub use summary::{
    CheckpointSummary, FileSummary, PartitionSummary, SegmentSummary, Summary, TableSummary, WorkerSummary,
};
pub use verify::Verified;

use crate::directories::check_directories;
use crate::key_files::KeyFiles;
use crate::key_service::KeyService;
use crate::open::{JOURNAL_PREFIX, OpenError, SSTABLES_PREFIX};
use control::TableEntry;
use journal::{GroupId, JournalOptions, Survey};
use log::{GroupLog, LogReading};
use runtime::{CoreId, DirectoryLock, FileError, Runtime};
use security::GroupKeys;
use sstable::{Table, TableError, TableRecord};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is to be looked at.
#[derive(Clone, Debug)]
pub struct InspectOptions {
    /// All data directories of the node, in the order in which it is started with them; at least one.
    pub data_directories: Vec<PathBuf>,
    /// The file of the master keys; `None`: `keyring` in the first data directory.
    pub keyring: Option<PathBuf>,
    /// Unwraps the master key of the keyring that wraps the data's keys, if that is wrapped.
    pub key_service: Option<Arc<dyn KeyService>>,
}

/// See the front page.
pub struct Inspection {
    runtime: Runtime,
    data_directories: Vec<PathBuf>,
    workers: Vec<Worker>,
    /// In the order of their names.
    tables: Vec<Arc<TableEntry>>,
    /// By the group of each of their partitions.
    tables_of_groups: BTreeMap<GroupId, Arc<TableEntry>>,
    /// What was found while the logs were read.
    faults: Vec<Fault>,
    /// Keeps servers away.
    _locks: Vec<DirectoryLock>,
}

/// What a worker has left.
struct Worker {
    core: CoreId,
    /// `None` if its journal was never begun.
    survey: Option<Survey>,
    groups: BTreeMap<GroupId, GroupLog>,
}

impl Inspection {
    /// Looks at the data of a node: reads its keys, and the log of each worker as a start would.
    ///
    /// # Errors
    /// [`InspectError`]: there is no data, a server runs on it, its keys are not there, or its files cannot be read.
    pub async fn open(runtime: &Runtime, options: &InspectOptions) -> Result<Inspection, InspectError> {
        let directories = &options.data_directories;
        let cores = find_workers(runtime, directories).await?;
        let locks = lock(runtime, directories, &cores).await?;
        let journal = directories[0].join(format!("{JOURNAL_PREFIX}{}", cores[0].0));
        let keys = KeyFiles::of(&directories[0], options.keyring.as_deref(), options.key_service.clone());
        let keys = keys.read(runtime, &journal).await.map_err(InspectError::Open)?;
        let owners: Vec<_> = keys.owners().cloned().collect();
        let mut inspection = Inspection {
            runtime: runtime.clone(),
            data_directories: directories.clone(),
            workers: Vec::new(),
            tables: Vec::new(),
            tables_of_groups: BTreeMap::new(),
            faults: Vec::new(),
            _locks: locks,
        };
        let mut reading = LogReading::default();
        for core in cores {
            let journal_options = JournalOptions::new(core, directories.clone());
            let keys = GroupKeys::new(&owners, keys.last_group());
            let survey = Survey::open(runtime, &journal_options, keys).await;
            let survey = survey.map_err(|error| InspectError::Open(OpenError::Journal(error)))?;
            if let Some(survey) = &survey {
                reading.read(core, survey).await;
            }
            inspection.workers.push(Worker { core, survey, groups: reading.take_groups() });
        }
        let (tables, faults) = reading.finish();
        for table in &tables {
            let groups = table.partitions.iter().map(|placement| GroupId(placement.partition.0));
            inspection.tables_of_groups.extend(groups.map(|group| (group, Arc::clone(table))));
        }
        inspection.tables = tables;
        inspection.faults = faults;
        Ok(inspection)
    }

    /// What could not be read of the logs; everything else is left to `verify`.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    fn worker(&self, core: CoreId) -> Option<&Worker> {
        self.workers.iter().find(|worker| worker.core == core)
    }

    /// The table of a group; `None` for the catalog's, and for those of deleted tables.
    fn table_of(&self, group: GroupId) -> Option<&TableEntry> {
        self.tables_of_groups.get(&group).map(|table| &**table)
    }

    /// The folder of a worker's file.
    fn folder_of(&self, core: CoreId, file: FileId) -> PathBuf {
        let place = sstable::directory_of(file, self.data_directories.len());
        self.data_directories[place].join(format!("{SSTABLES_PREFIX}{}", core.0))
    }

    /// Opens a file that a checkpoint of the group names.
    async fn open_table(
        &self,
        (core, survey): (CoreId, &Survey),
        group: GroupId,
        record: &TableRecord,
    ) -> Result<Table, TableError> {
        let file = record.file;
        let key = |version| survey.file_key(group, version, file.0);
        Table::open(&self.runtime, &self.folder_of(core, file), record.clone(), key).await
    }
}

/// The workers that have left a journal in the first data directory, ascending.
async fn find_workers(runtime: &Runtime, directories: &[PathBuf]) -> Result<Vec<CoreId>, InspectError> {
    let twice = (1..directories.len()).find(|place| directories[..*place].contains(&directories[*place]));
    if let Some(place) = twice {
        return Err(InspectError::NamedTwice(directories[place].clone()));
    }
    check_directories(runtime, directories).await.map_err(|lost| InspectError::Open(lost.into()))?;
    let first = &directories[0];
    let listed = runtime.list_directory(first).await.map_err(|error| match error {
        FileError::NotFound { path } => InspectError::NoDirectory(path),
        error => InspectError::Open(error.into()),
    })?;
    let folders = listed.iter().filter(|entry| entry.is_directory);
    let numbers = folders.filter_map(|entry| entry.name.strip_prefix(JOURNAL_PREFIX)?.parse().ok());
    let mut cores: Vec<CoreId> = numbers.map(CoreId).collect();
    cores.sort();
    if cores.is_empty() { Err(InspectError::NoData(first.clone())) } else { Ok(cores) }
}

/// Takes every worker's folders, as a server does, but makes none.
async fn lock(
    runtime: &Runtime,
    directories: &[PathBuf],
    cores: &[CoreId],
) -> Result<Vec<DirectoryLock>, InspectError> {
    let mut locks = Vec::new();
    for core in cores {
        for directory in directories {
            let folder = directory.join(format!("{JOURNAL_PREFIX}{}", core.0));
            let lock = runtime.lock_directory(&folder).await;
            locks.push(lock.map_err(|error| lock_failure(error, directory))?);
        }
    }
    Ok(locks)
}

fn lock_failure(error: FileError, directory: &Path) -> InspectError {
    match error {
        FileError::Locked { .. } => InspectError::InUse(directory.to_path_buf()),
        FileError::NotFound { path } => InspectError::NoDirectory(path),
        error => InspectError::Open(error.into()),
    }
}
