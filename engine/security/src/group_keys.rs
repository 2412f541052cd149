//! The keys of a core's groups, and the record keys that were derived from them a moment ago.
//!
//! One per journal, on its core; told of tables as they come and go. Sealing keeps one record key per group, for the segment that is being
//! written; opening keeps a bounded number, for reads and recovery jump between segments.

use crate::CodeKey;
use crate::file_key::FileKey;
use crate::record_key::{KeyPlace, RecordKey, Sealing};
use crate::table_keys::DataKey;
use crate::{KeyOwner, TableKeys};
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Record keys kept for opening: about 600 bytes each.
const OPENING_KEY_COUNT_MAX: usize = 1_024;

/// Why a record has no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKey {
    /// Its table was deleted, and the keys with it: the record is dead.
    Shredded,
    /// No group so high was ever given keys: the key file is older than the record.
    Unknown,
    /// Its owner has no key of that version: the key file is older than the record. Of the code of a segment the owner is the catalog.
    Version {
        /// Whose key it is.
        owner: KeyOwner,
        /// Which of them.
        version: u16,
    },
}

impl fmt::Display for NoKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoKey::Shredded => return write!(formatter, "the keys of its table were deleted with it"),
            NoKey::Unknown => write!(formatter, "the file `keys` does not know its group")?,
            NoKey::Version { owner, version } => {
                write!(formatter, "the file `keys` has no version {version} of the key of {owner}")?;
            }
        }
        write!(formatter, ": restore the newest copy of `keys` in the first data directory")
    }
}

fn find(keys: &TableKeys, version: u16) -> Result<&DataKey, NoKey> {
    keys.find(version).ok_or(NoKey::Version { owner: keys.owner, version })
}

/// See the front page.
#[derive(Default)]
pub struct GroupKeys {
    groups: HashMap<u64, GroupSlot, FixedState>,
    /// Of what is all tables': the catalog's.
    catalog: Option<Arc<TableKeys>>,
    /// The highest group that was ever given keys, on any core.
    last_group: u64,
    opening: HashMap<(KeyOwner, u16, KeyPlace), RecordKey, FixedState>,
}

struct GroupSlot {
    table: Arc<TableKeys>,
    /// Of the table's newest key, where it sealed last.
    sealing: Option<(KeyPlace, RecordKey)>,
}

impl fmt::Debug for GroupKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "GroupKeys of {} groups", self.groups.len())
    }
}

impl GroupKeys {
    /// The keys of these tables, where groups up to `last_group` were ever given keys.
    pub fn new(tables: &[Arc<TableKeys>], last_group: u64) -> GroupKeys {
        let mut keys = GroupKeys { last_group, ..GroupKeys::default() };
        tables.iter().for_each(|table| keys.grant(table));
        keys
    }

    /// From now on the table's groups seal with its newest key.
    pub fn grant(&mut self, table: &Arc<TableKeys>) {
        self.note_catalog(table);
        for group in &table.groups {
            self.last_group = self.last_group.max(*group);
            self.groups.insert(*group, GroupSlot { table: Arc::clone(table), sealing: None });
        }
    }

    /// The same of a table's keys that were rotated; but a group that was forgotten meanwhile stays so.
    pub fn renew(&mut self, table: &Arc<TableKeys>) {
        self.note_catalog(table);
        for group in &table.groups {
            if let Some(slot) = self.groups.get_mut(group) {
                *slot = GroupSlot { table: Arc::clone(table), sealing: None };
            }
        }
    }

    /// Nothing of the group will be sealed or opened again. Keys that were derived of its table's go with the last group of that.
    pub fn forget(&mut self, group: u64) {
        let Some(GroupSlot { table, .. }) = self.groups.remove(&group) else { return };
        if !table.groups.iter().any(|group| self.groups.contains_key(group)) {
            self.opening.retain(|(owner, ..), _| *owner != table.owner);
        }
    }

    /// Whether the group has keys.
    pub fn knows(&self, group: u64) -> bool {
        self.groups.contains_key(&group)
    }

    /// What seals the group's next record, if that lies at `place`.
    pub fn sealing(&mut self, group: u64, place: KeyPlace) -> Option<Sealing<'_>> {
        let GroupSlot { table, sealing } = self.groups.get_mut(&group)?;
        let newest = table.newest();
        if sealing.as_ref().is_none_or(|(known, _)| *known != place) {
            *sealing = Some((place, RecordKey::derive(newest, place)));
        }
        sealing.as_ref().map(|(_, key)| Sealing { key, version: newest.version })
    }

    /// What opens a record of the group at `place` that says `version`.
    ///
    /// # Errors
    /// [`NoKey`].
    pub fn opening(&mut self, group: u64, version: u16, place: KeyPlace) -> Result<&RecordKey, NoKey> {
        let slot = self.groups.get(&group);
        let slot = slot.ok_or(if group <= self.last_group { NoKey::Shredded } else { NoKey::Unknown })?;
        let data_key = find(&slot.table, version)?;
        let name = (slot.table.owner, version, place);
        if self.opening.len() >= OPENING_KEY_COUNT_MAX && !self.opening.contains_key(&name) {
            self.opening.clear();
        }
        Ok(self.opening.entry(name).or_insert_with(|| RecordKey::derive(data_key, place)))
    }

    /// What seals the code of the segment at `place`: the version of the catalog's newest data key, and the key that follows from it. `None` if the catalog's are not here.
    pub fn sealing_code(&self, place: KeyPlace) -> Option<(u16, CodeKey)> {
        let newest = self.catalog.as_ref()?.newest();
        Some((newest.version, CodeKey::derive(newest, place)))
    }

    /// What opens the code of the segment at `place` that says `version`.
    ///
    /// # Errors
    /// [`NoKey`].
    pub fn opening_code(&self, version: u16, place: KeyPlace) -> Result<CodeKey, NoKey> {
        let catalog = self.catalog.as_ref().ok_or(NoKey::Version { owner: KeyOwner::CATALOG, version })?;
        Ok(CodeKey::derive(find(catalog, version)?, place))
    }

    fn note_catalog(&mut self, table: &Arc<TableKeys>) {
        if table.owner == KeyOwner::CATALOG {
            self.catalog = Some(Arc::clone(table));
        }
    }

    /// What seals the blocks of a new file of the group: the version of its newest data key, and the key that follows from it.
    pub fn sealing_file(&self, group: u64, file: u64) -> Option<(u16, FileKey)> {
        let newest = self.groups.get(&group)?.table.newest();
        Some((newest.version, FileKey::derive(&newest.secret, file)))
    }

    /// What opens the blocks of a file of the group that says `version`.
    ///
    /// # Errors
    /// [`NoKey`].
    pub fn opening_file(&self, group: u64, version: u16, file: u64) -> Result<FileKey, NoKey> {
        let slot = self.groups.get(&group);
        let slot = slot.ok_or(if group <= self.last_group { NoKey::Shredded } else { NoKey::Unknown })?;
        Ok(FileKey::derive(&find(&slot.table, version)?.secret, file))
    }
}
