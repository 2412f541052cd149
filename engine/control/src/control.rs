//! Owner of the catalog: decides about tables against the newest state, proposes to group 0, applies.

use crate::catalog::TABLE_COUNT_MAX;
use crate::opening::CATALOG_GROUP;
use crate::{Catalog, CatalogChange, TableEntry, checkpoint};
use bytes::Bytes;
use journal::{AppendRefused, Journal, Location, LogIndex, Position, Record, RecordKind, SegmentId};
use model::operation::{CreateTable, TableIdentity, UpdateTable};
use model::table::{PartitionId, TableStatus, uuid_text};
use model::{Error, ErrorKind, TableDefinition, TableId};
use replication::{Group, Progress};
use runtime::CoreId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// The owner of group 0. One a node, on worker 0.
///
/// Invariants:
/// 1. A name in `creating`, `updating` or `deleting` has a proposal in flight, or its cores are being told.
/// 2. Definitions are decided in the order of the log: each from the one proposed before it.
pub struct Control {
    group: Group,
    catalog: Catalog,
    /// Names that a proposal in flight takes, or whose partitions are being opened.
    creating: BTreeSet<String>,
    /// The newest definitions of names with updates in flight, and how many those are.
    updating: BTreeMap<String, (TableDefinition, usize)>,
    /// Names that a proposal in flight frees, or whose partitions are being closed.
    deleting: BTreeMap<String, TableId>,
    /// Ids given to proposals in flight, so that two of them never share one.
    reserved_tables: u64,
    reserved_partitions: u64,
    /// Whether tables stay CREATING, UPDATING and DELETING until [`Control::end_state`].
    has_states: bool,
    /// The journal had no room for what was proposed.
    is_blocked: bool,
    records: CatalogRecords,
    /// Dead as soon as the journal is durable up to the position.
    dying: VecDeque<(Position, Location)>,
}

/// The records that make the catalog.
#[derive(Debug, Default)]
pub(crate) struct CatalogRecords {
    /// The parts of the newest checkpoint.
    pub(crate) checkpoint: Vec<Location>,
    /// The entries behind it.
    pub(crate) entries: Vec<(LogIndex, Location)>,
    /// Parts of a checkpoint that was never finished.
    pub(crate) unfinished: Vec<Location>,
}

/// An entry of the catalog's log that took effect.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Its position in the log.
    pub index: LogIndex,
    /// What it did.
    pub effect: Effect,
}

/// What a catalog change did.
#[derive(Clone, Debug)]
pub enum Effect {
    /// The table is there; its partitions are to be opened.
    Created(Arc<TableEntry>),
    /// The table is otherwise; its partitions are to know.
    Updated(Arc<TableEntry>),
    /// The table is gone; its partitions are to be closed.
    Deleted(Arc<TableEntry>),
}

impl Control {
    /// Takes over the group and the catalog that its log made. `has_states`: whether tables stay in the states between.
    pub(crate) fn new(group: Group, catalog: Catalog, mut records: CatalogRecords, has_states: bool) -> Self {
        let unfinished = std::mem::take(&mut records.unfinished);
        Self {
            records,
            dying: unfinished.into_iter().map(|location| (Position::default(), location)).collect(),
            group,
            catalog,
            creating: BTreeSet::new(),
            updating: BTreeMap::new(),
            deleting: BTreeMap::new(),
            reserved_tables: 0,
            reserved_partitions: 0,
            has_states,
            is_blocked: false,
        }
    }

    /// The catalog as of the last applied change.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Decides whether the table can be created, and proposes it with one partition on each of `cores`.
    /// Returns the position of its entry, and what is told of the table.
    ///
    /// # Errors
    /// ResourceInUse if the name is taken, LimitExceeded if there are too many tables.
    pub fn create_table(
        &mut self,
        request: &CreateTable,
        birth: Birth,
        cores: Vec<CoreId>,
    ) -> Result<(LogIndex, TableDefinition), Error> {
        let table = TableId(self.catalog.next_table().0 + self.reserved_tables);
        let identity =
            TableIdentity { id: table, uuid: uuid_text(birth.random_bits), created_at_ms: birth.created_at_ms };
        let mut definition = request.definition(identity)?;
        if let Some(encryption) = &request.sse_specification {
            definition.encryption_key = encryption.key("CreateTable", &birth.key)?;
        }
        let told = definition.clone();
        if !self.has_states {
            definition.status = TableStatus::Active;
        }
        let name = definition.name.clone();
        let known = self.catalog.table(&name);
        let is_deleting = known.is_some_and(|entry| entry.definition.status == TableStatus::Deleting);
        if is_deleting || self.deleting.contains_key(&name) {
            return Err(in_use("deleted", &name));
        }
        if self.creating.contains(&name) || known.is_some() {
            return Err(Error::resource_in_use(format!("Table already exists: {name}")));
        }
        if self.catalog.len() + self.creating.len() >= TABLE_COUNT_MAX {
            // DynamoDB: developer guide: the quota of tables answers with LimitExceededException.
            let text =
                format!("Subscriber limit exceeded: There is a limit of {TABLE_COUNT_MAX} tables per subscriber");
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        let first_partition = PartitionId(self.catalog.next_partition().0 + self.reserved_partitions);
        let partition_count = cores.len() as u64;
        let change = CatalogChange::Create { definition: Box::new(definition), first_partition, cores };
        let index = self.propose(&change)?;
        self.reserved_tables += 1;
        self.reserved_partitions += partition_count;
        self.creating.insert(name);
        Ok((index, told))
    }

    /// Decides whether the table can be deleted, and proposes it. Returns the position of its entry, none if it is being
    /// deleted already, and what is told of the table.
    ///
    /// # Errors
    /// ResourceNotFound, ResourceInUse while it is being created or updated, Validation if it is protected.
    pub fn delete_table(&mut self, name: &str) -> Result<(Option<LogIndex>, TableDefinition), Error> {
        if self.deleting.contains_key(name)
            && let Some(entry) = self.catalog.table(name)
        {
            let definition = TableDefinition { status: TableStatus::Deleting, ..entry.definition.clone() };
            return Ok((None, definition));
        }
        let mut definition = self.newest(name)?.clone();
        let status = std::mem::replace(&mut definition.status, TableStatus::Deleting);
        match status {
            // DynamoDB: API reference, DeleteTable: no error for a table that is being deleted.
            TableStatus::Deleting => return Ok((None, definition)),
            TableStatus::Creating => return Err(in_use("created", name)),
            TableStatus::Updating => return Err(in_use("updated", name)),
            TableStatus::Active => {}
        }
        if definition.deletion_protection {
            // DynamoDB: observed: the text of a refused deletion.
            return Err(Error::validation(
                "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.",
            ));
        }
        let index =
            if self.has_states { self.propose_update(definition.clone())? } else { self.propose_deletion(name)? };
        Ok((Some(index), definition))
    }

    /// Decides whether the table can be changed as UpdateTable asks, and proposes it. Returns the position of its entry,
    /// and what is told of the table.
    ///
    /// # Errors
    /// ResourceNotFound, ResourceInUse unless it is ACTIVE, Validation if the change is not possible.
    pub fn update_table(
        &mut self,
        name: &str,
        request: &UpdateTable,
        (now_ms, key): (u64, &str),
    ) -> Result<(LogIndex, TableDefinition), Error> {
        let current = self.newest(name)?;
        match current.status {
            TableStatus::Active => {}
            TableStatus::Creating => return Err(in_use("created", name)),
            TableStatus::Updating => return Err(in_use("updated", name)),
            TableStatus::Deleting => return Err(in_use("deleted", name)),
        }
        let mut next = request.apply(current, now_ms)?;
        if let Some(encryption) = &request.sse_specification {
            next.encryption_key = encryption.key("UpdateTable", key)?;
        }
        let told = UpdateTable::told(current, &next, now_ms);
        if self.has_states {
            next.status = TableStatus::Updating;
        }
        Ok((self.propose_update(next)?, told))
    }

    /// Decides about a change that leaves the table in the state in which it is, and proposes it. Returns the position of
    /// its entry.
    ///
    /// # Errors
    /// ResourceNotFound, ResourceInUse while the table comes or goes, and what `change` answers.
    pub fn change_table(
        &mut self,
        name: &str,
        change: impl FnOnce(&TableDefinition) -> Result<TableDefinition, Error>,
    ) -> Result<LogIndex, Error> {
        let current = self.newest(name)?;
        match current.status {
            TableStatus::Active | TableStatus::Updating => {}
            TableStatus::Creating => return Err(in_use("created", name)),
            TableStatus::Deleting => return Err(in_use("deleted", name)),
        }
        let next = change(current)?;
        self.propose_update(next)
    }

    /// The table has been CREATING, UPDATING or DELETING for long enough: proposes what follows. Returns whether there was
    /// anything to follow.
    ///
    /// # Errors
    /// If the group takes no proposals.
    pub fn end_state(&mut self, table: TableId) -> Result<bool, Error> {
        let Some(entry) = self.catalog.tables().find(|entry| entry.definition.id == table) else {
            return Ok(false);
        };
        let name = entry.definition.name.clone();
        if self.deleting.contains_key(&name) {
            return Ok(false);
        }
        let mut next = self.newest(&name)?.clone();
        match next.status {
            TableStatus::Active => return Ok(false),
            TableStatus::Deleting => self.propose_deletion(&name)?,
            TableStatus::Creating | TableStatus::Updating => {
                next.status = TableStatus::Active;
                self.propose_update(next)?
            }
        };
        Ok(true)
    }

    /// Every core knows of the effect: opened the table's partitions, closed them, or changed them.
    pub fn settle(&mut self, effect: &Effect) {
        let name = &effect.table().definition.name;
        match effect {
            Effect::Created(_) => {
                self.creating.remove(name);
            }
            Effect::Deleted(_) => {
                self.deleting.remove(name);
            }
            Effect::Updated(_) => {
                let (_, count) = self.updating.get_mut(name).expect("counted when it was proposed");
                *count -= 1;
                if *count == 0 {
                    self.updating.remove(name);
                }
            }
        }
    }

    /// Hands new entries of the group to the journal. What the journal refuses is handed over again by
    /// [`Control::apply_durable`].
    pub fn collect(&mut self, journal: &Journal) {
        self.is_blocked = self.group.collect(journal) == Progress::Blocked;
    }

    /// Whether the journal had no room for what was proposed.
    pub fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// Applies what the journal has made durable.
    pub fn apply_durable(&mut self, journal: &Journal) -> Vec<Applied> {
        let mut applied = Vec::new();
        let mut committed = Vec::new();
        self.is_blocked = self.group.handle_durable(journal, &mut committed) == Progress::Blocked;
        while self.dying.front().is_some_and(|(position, _)| *position <= journal.durable()) {
            let (_, location) = self.dying.pop_front().expect("there is one");
            journal.release(location);
        }
        for entry in committed {
            self.records.entries.push((entry.index, entry.location));
            let change = CatalogChange::decode(&entry.change).expect("only `propose` writes to this log");
            let effect: fn(Arc<TableEntry>) -> Effect = match change {
                CatalogChange::Create { .. } => Effect::Created,
                CatalogChange::Update(_) => Effect::Updated,
                CatalogChange::Delete(_) => Effect::Deleted,
            };
            let table = self.catalog.apply(change).expect("decided against the state that it changes");
            let effect = effect(table);
            if let Effect::Created(table) = &effect {
                self.reserved_tables -= 1;
                self.reserved_partitions -= table.partitions.len() as u64;
            }
            applied.push(Applied { index: entry.index, effect });
        }
        applied
    }

    /// The first segment of the log in which there is a record that makes the catalog, or the group; what is replaced counts until what
    /// replaces it is durable.
    pub fn floor(&self) -> Option<SegmentId> {
        let CatalogRecords { checkpoint, entries, .. } = &self.records;
        let records = checkpoint.iter().chain(entries.iter().map(|(_, location)| location));
        let records = records.chain(self.dying.iter().map(|(_, location)| location));
        records.map(|location| location.segment).chain(self.group.floor()).min()
    }

    /// Writes state and catalog anew at the end of the log: once that is durable, [`Control::floor`] is there. Nothing, while what was written
    /// before is on its way.
    ///
    /// # Errors
    /// If the journal refuses; then what there was still counts.
    pub fn renew(&mut self, journal: &Journal) -> Result<(), AppendRefused> {
        if !self.dying.is_empty() {
            return Ok(());
        }
        self.group.renew(journal)?;
        self.write_checkpoint(journal)
    }

    /// Appends the catalog as the applied entries made it. These, and the checkpoint before, are dead once it is durable.
    fn write_checkpoint(&mut self, journal: &Journal) -> Result<(), AppendRefused> {
        let applied = self.group.applied();
        let mut written = Vec::new();
        for payload in checkpoint::encode(&self.catalog) {
            let record = Record {
                kind: RecordKind::Checkpoint,
                group: CATALOG_GROUP,
                term: applied.term,
                index: applied.index,
                payload: &payload,
            };
            match journal.append(record) {
                Ok(location) => written.push(location),
                Err(refused) => {
                    self.let_go(journal.appended(), written);
                    return Err(refused);
                }
            }
        }
        let held = std::mem::replace(&mut self.records.checkpoint, written);
        // Every entry here is applied.
        let entries = std::mem::take(&mut self.records.entries).into_iter().map(|(_, location)| location);
        self.let_go(journal.appended(), held.into_iter().chain(entries).collect());
        Ok(())
    }

    fn let_go(&mut self, position: Position, locations: Vec<Location>) {
        self.dying.extend(locations.into_iter().map(|location| (position, location)));
    }

    /// The table as the newest proposal leaves it; a proposal that creates it or deletes it is the state it is in.
    fn newest(&self, name: &str) -> Result<&TableDefinition, Error> {
        if self.creating.contains(name) {
            return Err(in_use("created", name));
        }
        if self.deleting.contains_key(name) {
            return Err(in_use("deleted", name));
        }
        if let Some((definition, _)) = self.updating.get(name) {
            return Ok(definition);
        }
        let entry = self.catalog.table(name).ok_or_else(|| Error::table_not_found(name))?;
        Ok(&entry.definition)
    }

    fn propose_update(&mut self, definition: TableDefinition) -> Result<LogIndex, Error> {
        let index = self.propose(&CatalogChange::Update(Box::new(definition.clone())))?;
        let (_, count) = self.updating.remove(&definition.name).unwrap_or((definition.clone(), 0));
        self.updating.insert(definition.name.clone(), (definition, count + 1));
        Ok(index)
    }

    fn propose_deletion(&mut self, name: &str) -> Result<LogIndex, Error> {
        let table = self.newest(name)?.id;
        let index = self.propose(&CatalogChange::Delete(table))?;
        self.deleting.insert(name.to_owned(), table);
        Ok(index)
    }

    fn propose(&mut self, change: &CatalogChange) -> Result<LogIndex, Error> {
        self.group.propose(Bytes::from(change.encode())).map_err(|error| Error::internal(error.to_string()))
    }
}

impl Effect {
    /// The table that came, went or is otherwise now.
    pub fn table(&self) -> &Arc<TableEntry> {
        match self {
            Self::Created(table) | Self::Updated(table) | Self::Deleted(table) => table,
        }
    }
}

/// What chance, the clock and the keyring give a new table.
#[derive(Clone, Debug)]
pub struct Birth {
    /// 128 random bits.
    pub random_bits: u128,
    /// Milliseconds since 1970.
    pub created_at_ms: u64,
    /// Id of the key that wraps its keys.
    pub key: String,
}

fn in_use(doing: &str, name: &str) -> Error {
    Error::resource_in_use(format!(
        "Attempt to change a resource which is still in use: Table is being {doing}: {name}"
    ))
}
