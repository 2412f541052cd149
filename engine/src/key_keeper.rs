//! The node's keys: who has which, and what of that is durable.
//!
//! On worker 0 alone, from before any core reads its journal until the worker ends. A change is made in memory at once; the file is replaced by a task,
//! one replacement at a time, each with all changes so far; what rests on a change waits until its generation is durable.

use crate::key_files::KeyFiles;
use crate::message::KeyGrant;
use crate::open::{EngineOptions, OpenError};
use control::TableEntry;
use model::TableId;
use runtime::{FileError, Runtime, ShareClass, Signal, StopReason};
use security::{KeyLimit, KeyOwner, KeyTable, Keyring, MasterKeyId, TableKeys, Wrapping};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How long to wait before a file is tried again that had no room.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// See the front page.
///
/// Invariant: the keyring's newest key wraps `table`.
pub(crate) struct KeyKeeper {
    runtime: Runtime,
    signal: Signal,
    files: KeyFiles,
    keyring: Keyring,
    table: KeyTable,
    progress: Rc<Progress>,
}

/// What the tasks that write have reached.
#[derive(Default)]
struct Progress {
    /// Of the table that the file holds.
    durable: Cell<u64>,
    is_writing: Cell<bool>,
    is_renewing: Cell<bool>,
    /// The keyring with a key that does not wrap yet, or why there is none.
    renewed: RefCell<Option<Result<Keyring, String>>>,
}

impl KeyKeeper {
    /// Reads the keys; at the first start, makes them.
    pub(crate) async fn open(
        runtime: &Runtime,
        signal: &Signal,
        options: &EngineOptions,
    ) -> Result<KeyKeeper, OpenError> {
        let files = KeyFiles::new(options);
        let (keyring, table) = files.open(runtime, options).await?;
        let progress = Rc::new(Progress { durable: Cell::new(table.generation()), ..Progress::default() });
        Ok(KeyKeeper { runtime: runtime.clone(), signal: signal.clone(), files, keyring, table, progress })
    }

    /// All keys.
    pub(crate) fn grant(&self) -> KeyGrant {
        KeyGrant { tables: self.table.owners().cloned().collect(), last_group: self.table.last_group() }
    }

    /// The keys of one table.
    pub(crate) fn find(&self, owner: KeyOwner) -> Option<&Arc<TableKeys>> {
        self.table.find(owner)
    }

    /// The master key that wraps.
    pub(crate) fn master(&self) -> MasterKeyId {
        self.table.master()
    }

    /// The key of a key service that wraps it; `None` if none does.
    pub(crate) fn service_key(&self) -> Option<&str> {
        self.keyring.newest_service_key()
    }

    /// Makes the keys those of the tables that there are: a crash may have come between the catalog and the file. Returns whether that changed
    /// anything.
    ///
    /// # Errors
    /// Also if there are keys of a table above all that the catalog has ever known: then a part of its log was lost. No key is dropped.
    pub(crate) async fn reconcile(
        &mut self,
        tables: &[Arc<TableEntry>],
        last_table: TableId,
    ) -> Result<bool, OpenError> {
        if let Some(unknown) = self.table.owners().map(|keys| keys.owner()).find(|owner| *owner > owner_of(last_table))
        {
            return Err(self.files.without_catalog(unknown, last_table).into());
        }
        let before = self.table.generation();
        let is_there = |owner: KeyOwner| {
            owner == KeyOwner::CATALOG || tables.iter().any(|table| owner_of(table.definition.id) == owner)
        };
        let owners: Vec<KeyOwner> = self.table.owners().map(|keys| keys.owner()).collect();
        for gone in owners.into_iter().filter(|owner| !is_there(*owner)) {
            self.table.remove(gone);
        }
        for table in tables {
            if self.table.find(owner_of(table.definition.id)).is_none() {
                self.add_table(table);
            }
        }
        let is_changed = self.table.generation() != before;
        if is_changed {
            self.files.replace_keys(&self.runtime, &self.table.encode()).await?;
            self.progress.durable.set(self.table.generation());
        }
        Ok(is_changed)
    }

    /// Makes a new table's keys. They count once `generation` is durable.
    pub(crate) fn add_table(&mut self, table: &TableEntry) -> Arc<TableKeys> {
        let groups = table.partitions.iter().map(|placement| placement.partition.0).collect();
        let KeyKeeper { runtime, keyring, table: keys, .. } = self;
        let mut random = |out: &mut [u8]| runtime.fill_secret(out);
        let mut wrapping = Wrapping { master: keyring.newest(), random: &mut random };
        keys.add(owner_of(table.definition.id), groups, &mut wrapping)
    }

    /// Shreds a deleted table's keys.
    pub(crate) fn remove_table(&mut self, table: TableId) {
        self.table.remove(owner_of(table));
    }

    /// Makes one more key, which seals once `generation` is durable. `None` if the owner has none to begin with.
    pub(crate) fn rotate(&mut self, owner: KeyOwner) -> Option<Result<Arc<TableKeys>, KeyLimit>> {
        let KeyKeeper { runtime, keyring, table, .. } = self;
        let mut random = |out: &mut [u8]| runtime.fill_secret(out);
        table.rotate(owner, &mut Wrapping { master: keyring.newest(), random: &mut random })
    }

    /// Begins to bring a newer master key into the keyring, if there is none yet; [`KeyKeeper::take_renewed`] tells when it is there.
    /// False if that is under way already.
    pub(crate) fn renew_master(&self) -> bool {
        if self.progress.is_renewing.replace(true) {
            return false;
        }
        let (runtime, files, signal) = (self.runtime.clone(), self.files.clone(), self.signal.clone());
        let (progress, wraps) = (Rc::clone(&self.progress), self.table.master());
        self.runtime.spawn(ShareClass::Foreground, async move {
            progress.renewed.replace(Some(renew(&runtime, &files, wraps).await));
            signal.notify();
        });
        true
    }

    /// If a newer master key is in the keyring now: wraps every key by it, which counts once `generation` is durable.
    pub(crate) fn take_renewed(&mut self) -> Option<Result<(), String>> {
        let renewed = self.progress.renewed.take()?;
        self.progress.is_renewing.set(false);
        Some(renewed.map(|keyring| {
            self.keyring = keyring;
            let KeyKeeper { runtime, keyring, table, .. } = self;
            let mut random = |out: &mut [u8]| runtime.fill_secret(out);
            table.rewrap(&mut Wrapping { master: keyring.newest(), random: &mut random });
        }))
    }

    /// Counts the changes so far.
    pub(crate) fn generation(&self) -> u64 {
        self.table.generation()
    }

    /// Up to this generation the changes are durable. Those behind it are on their way when this returns.
    pub(crate) fn write_and_tell_durable(&self) -> u64 {
        let durable = self.progress.durable.get();
        if durable < self.table.generation() && !self.progress.is_writing.replace(true) {
            let (runtime, files, signal) = (self.runtime.clone(), self.files.clone(), self.signal.clone());
            let (progress, generation) = (Rc::clone(&self.progress), self.table.generation());
            let bytes = self.table.encode();
            self.runtime.spawn(ShareClass::Foreground, async move {
                write(&runtime, &files, &bytes).await;
                progress.durable.set(generation);
                progress.is_writing.set(false);
                signal.notify();
            });
        }
        durable
    }
}

/// Whose keys a table's are.
pub(crate) fn owner_of(table: TableId) -> KeyOwner {
    KeyOwner(table.0)
}

async fn write(runtime: &Runtime, files: &KeyFiles, bytes: &[u8]) {
    loop {
        match files.replace_keys(runtime, bytes).await {
            Ok(()) => return,
            // Each attempt is a new file: nothing of the failed one counts. And a file that could not be opened has not failed to be made durable.
            Err(error @ (FileError::NoSpace { .. } | FileError::TooManyOpenFiles { .. })) => {
                tracing::error!(%error, "no room to write the keys; tables cannot come or go until there is");
                runtime.sleep(RETRY_DELAY).await;
            }
            // Which of the two files a crash would leave is unknown.
            Err(error) => runtime.stop(StopReason::FlushFailed(error)).await,
        }
    }
}

/// The keyring with a key newer than the one that wraps: one that somebody has added, or one that is added now.
async fn renew(runtime: &Runtime, files: &KeyFiles, wraps: MasterKeyId) -> Result<Keyring, String> {
    let path = files.keyring().display();
    let keyring = files.read_keyring(runtime).await.map_err(|error| error.to_string())?;
    let mut keyring = keyring.ok_or_else(|| format!("the keyring {path} is missing; put it back"))?;
    if !keyring.contains(wraps) {
        return Err(format!("the keyring {path} does not hold master key {wraps}, which wraps; put it back"));
    }
    if keyring.newest_id() == wraps {
        files.add_master(runtime, &mut keyring).await?;
    }
    let newest = keyring.newest_id();
    files.unlock(runtime, &mut keyring, newest).await.map_err(|error| error.to_string())?;
    Ok(keyring)
}
