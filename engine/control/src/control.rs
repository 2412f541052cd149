//! Owner of the catalog: decides about tables against the newest state, proposes to group 0, applies.

use crate::catalog::TABLE_COUNT_MAX;
use crate::{Catalog, CatalogChange, TableEntry};
use bytes::Bytes;
use journal::{Journal, LogIndex};
use model::operation::{CreateTable, TableIdentity};
use model::table::{PartitionId, uuid_text};
use model::{Error, ErrorKind, TableId};
use replication::{Group, Progress};
use runtime::CoreId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The owner of group 0. One a node, on worker 0.
///
/// Invariant: a name in `creating` or `deleting` has a proposal in flight, or its cores are being told.
pub struct Control {
    group: Group,
    catalog: Catalog,
    /// Names that a proposal in flight takes, or whose partitions are being opened.
    creating: BTreeSet<String>,
    /// Names that a proposal in flight frees, or whose partitions are being closed.
    deleting: BTreeMap<String, TableId>,
    /// Ids given to proposals in flight, so that two of them never share one.
    reserved_tables: u64,
    reserved_partitions: u64,
    /// The journal had no room for what was proposed.
    is_blocked: bool,
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
    /// The table is gone; its partitions are to be closed.
    Deleted(Arc<TableEntry>),
}

impl Control {
    /// Takes over the group and the catalog that its log made.
    pub fn new(group: Group, catalog: Catalog) -> Self {
        Self {
            group,
            catalog,
            creating: BTreeSet::new(),
            deleting: BTreeMap::new(),
            reserved_tables: 0,
            reserved_partitions: 0,
            is_blocked: false,
        }
    }

    /// The catalog as of the last applied change.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Decides whether the table can be created, and proposes it with one partition on each of `cores`.
    /// Returns the position of its entry.
    ///
    /// # Errors
    /// ResourceInUse if the name is taken, LimitExceeded if there are too many tables.
    pub fn create_table(&mut self, request: &CreateTable, birth: Birth, cores: Vec<CoreId>) -> Result<LogIndex, Error> {
        let table = TableId(self.catalog.next_table().0 + self.reserved_tables);
        let identity =
            TableIdentity { id: table, uuid: uuid_text(birth.random_bits), created_at_ms: birth.created_at_ms };
        let definition = request.definition(identity)?;
        let name = definition.name.clone();
        if self.deleting.contains_key(&name) {
            return Err(in_use(format!(
                "Attempt to change a resource which is still in use: Table is being deleted: {name}"
            )));
        }
        if self.creating.contains(&name) || self.catalog.table(&name).is_some() {
            return Err(in_use(format!("Table already exists: {name}")));
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
        Ok(index)
    }

    /// Decides whether the table can be deleted, and proposes it. Returns the position of its entry.
    ///
    /// # Errors
    /// ResourceNotFound, ResourceInUse while it is being created, Validation if it is protected.
    pub fn delete_table(&mut self, name: &str) -> Result<LogIndex, Error> {
        if self.creating.contains(name) {
            return Err(in_use(format!(
                "Attempt to change a resource which is still in use: Table is being created: {name}"
            )));
        }
        if self.deleting.contains_key(name) {
            return Err(in_use(format!(
                "Attempt to change a resource which is still in use: Table is being deleted: {name}"
            )));
        }
        let entry = self.catalog.table(name).ok_or_else(|| Error::table_not_found(name))?;
        if entry.definition.deletion_protection {
            // DynamoDB: observed: the text of a refused deletion.
            return Err(Error::validation(
                "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.",
            ));
        }
        let table = entry.definition.id;
        let index = self.propose(&CatalogChange::Delete(table))?;
        self.deleting.insert(name.to_owned(), table);
        Ok(index)
    }

    /// Every core has opened the table's partitions, or closed them: its name is free for the next change.
    pub fn settle(&mut self, name: &str) {
        self.creating.remove(name);
        self.deleting.remove(name);
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
        for entry in committed {
            let change = CatalogChange::decode(&entry.change).expect("only `propose` writes to this log");
            let is_create = matches!(change, CatalogChange::Create { .. });
            let table = self.catalog.apply(change).expect("decided against the state that it changes");
            if is_create {
                self.reserved_tables -= 1;
                self.reserved_partitions -= table.partitions.len() as u64;
            }
            let effect = if is_create { Effect::Created(table) } else { Effect::Deleted(table) };
            applied.push(Applied { index: entry.index, effect });
        }
        applied
    }

    fn propose(&mut self, change: &CatalogChange) -> Result<LogIndex, Error> {
        self.group.propose(Bytes::from(change.encode())).map_err(|error| Error::internal(error.to_string()))
    }
}

impl Effect {
    /// The table that came or went.
    pub fn table(&self) -> &Arc<TableEntry> {
        match self {
            Self::Created(table) | Self::Deleted(table) => table,
        }
    }
}

/// What chance and the clock give a new table.
#[derive(Clone, Copy, Debug)]
pub struct Birth {
    /// 128 random bits.
    pub random_bits: u128,
    /// Milliseconds since 1970.
    pub created_at_ms: u64,
}

fn in_use(message: String) -> Error {
    Error::new(ErrorKind::ResourceInUse, message)
}
