//! The catalog's state: which tables there are and where their partitions lie. Pure.

use crate::CatalogChange;
use crate::checkpoint::CheckpointPart;
use model::table::{HashRange, PartitionId};
use model::{Error, KeyHash, TableDefinition, TableId};
use runtime::CoreId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Tables that one node may hold.
// DynamoDB: service quotas: 2,500 tables an account and region by default.
pub(crate) const TABLE_COUNT_MAX: usize = 2_500;

/// A table as every core knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct TableEntry {
    /// What the table is.
    pub definition: TableDefinition,
    /// Its partitions in the order of their hash ranges, which together cover the whole hash space.
    pub partitions: Vec<Placement>,
}

/// A partition and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The partition; also the id of its group.
    pub partition: PartitionId,
    /// The hashes it owns.
    pub range: HashRange,
    /// The core whose worker owns it.
    pub core: CoreId,
}

impl TableEntry {
    /// The partitions that live on `core`.
    pub fn partitions_of(&self, core: CoreId) -> impl Iterator<Item = &Placement> {
        self.partitions.iter().filter(move |placement| placement.core == core)
    }

    /// The partition that owns `hash`.
    pub fn placement(&self, hash: KeyHash) -> Placement {
        let after = self.partitions.partition_point(|placement| placement.range.first() <= hash);
        self.partitions[after.checked_sub(1).expect("the first range starts at 0")]
    }
}

/// All tables, and the next free ids. One a node, on worker 0.
#[derive(Debug, Default)]
pub struct Catalog {
    tables: BTreeMap<String, Arc<TableEntry>>,
    last_table: u64,
    last_partition: u64,
}

impl Catalog {
    /// The catalog that the parts of a checkpoint, all of them, are of.
    ///
    /// # Errors
    /// If they contradict each other.
    pub(crate) fn of_checkpoint(parts: &[CheckpointPart]) -> Result<Catalog, Error> {
        let mut catalog = Catalog::default();
        for part in parts {
            for create in &part.tables {
                catalog.apply(create.clone())?;
            }
            catalog.last_table = catalog.last_table.max(part.last_table.0);
            catalog.last_partition = catalog.last_partition.max(part.last_partition.0);
        }
        Ok(catalog)
    }

    /// The greatest ids that were ever used, 0 if none was.
    pub fn last_ids(&self) -> (TableId, PartitionId) {
        (TableId(self.last_table), PartitionId(self.last_partition))
    }

    /// The table of that name.
    pub fn table(&self, name: &str) -> Option<&Arc<TableEntry>> {
        self.tables.get(name)
    }

    /// All tables, in the order of their names.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<TableEntry>> {
        self.tables.values()
    }

    /// How many tables there are.
    pub(crate) fn len(&self) -> usize {
        self.tables.len()
    }

    /// The id that the next table will have.
    pub(crate) fn next_table(&self) -> TableId {
        TableId(self.last_table + 1)
    }

    /// The id that the next partition will have. 0 is the catalog's own group.
    pub(crate) fn next_partition(&self) -> PartitionId {
        PartitionId(self.last_partition + 1)
    }

    /// Applies a committed change. Returns the table that came, went or is otherwise now.
    ///
    /// # Errors
    /// If the change contradicts the catalog, which the leader's decision excludes.
    pub(crate) fn apply(&mut self, change: CatalogChange) -> Result<Arc<TableEntry>, Error> {
        match change {
            CatalogChange::Create { definition, first_partition, cores } => {
                let entry = Arc::new(new_entry(*definition, first_partition, &cores));
                self.last_table = self.last_table.max(entry.definition.id.0);
                self.last_partition = self.last_partition.max(first_partition.0 + cores.len() as u64 - 1);
                let name = entry.definition.name.clone();
                let replaced = self.tables.insert(name, Arc::clone(&entry));
                assert!(replaced.is_none(), "a name is taken by one table at a time");
                Ok(entry)
            }
            CatalogChange::Delete(table) => {
                let name = self.name_of(table)?;
                Ok(self.tables.remove(&name).expect("found a moment ago"))
            }
            CatalogChange::Update(definition) => {
                let name = self.name_of(definition.id)?;
                let entry = self.tables.get_mut(&name).expect("found a moment ago");
                *entry = Arc::new(TableEntry { definition: *definition, partitions: entry.partitions.clone() });
                Ok(Arc::clone(entry))
            }
        }
    }

    fn name_of(&self, table: TableId) -> Result<String, Error> {
        let found = self.tables.iter().find(|(_, entry)| entry.definition.id == table);
        let name = found.map(|(name, _)| name.clone());
        name.ok_or_else(|| Error::internal("the catalog changes a table that it does not hold"))
    }
}

fn new_entry(definition: TableDefinition, first_partition: PartitionId, cores: &[CoreId]) -> TableEntry {
    let partitions = HashRange::split_evenly(cores.len())
        .zip(cores)
        .zip(first_partition.0..)
        .map(|((range, core), id)| Placement { partition: PartitionId(id), range, core: *core })
        .collect();
    TableEntry { definition, partitions }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{KeyAttribute, KeySchema, KeyType};

    fn definition(id: u64, name: &str) -> TableDefinition {
        let partition_key = KeyAttribute { name: "pk".to_owned(), key_type: KeyType::String };
        TableDefinition { id: TableId(id), ..TableDefinition::new(name, KeySchema { partition_key, sort_key: None }) }
    }

    fn create(id: u64, name: &str, first_partition: u64) -> CatalogChange {
        CatalogChange::Create {
            definition: Box::new(definition(id, name)),
            first_partition: PartitionId(first_partition),
            cores: vec![CoreId(0), CoreId(1)],
        }
    }

    #[test]
    fn an_update_replaces_the_definition_and_moves_nothing() {
        let mut catalog = Catalog::default();
        let before = catalog.apply(create(7, "abc", 3)).unwrap();
        let next = TableDefinition { deletion_protection: true, ..definition(7, "abc") };
        let after = catalog.apply(CatalogChange::Update(Box::new(next.clone()))).unwrap();
        assert_eq!((&after.definition, &after.partitions), (&next, &before.partitions));
        assert_eq!(catalog.table("abc"), Some(&after));
        assert_eq!((catalog.next_table(), catalog.next_partition()), (TableId(8), PartitionId(5)));
        assert_eq!(catalog.apply(CatalogChange::Delete(TableId(7))).unwrap(), after);
        assert_eq!(catalog.len(), 0);
    }

    #[test]
    fn only_tables_that_are_there_change() {
        let mut catalog = Catalog::default();
        catalog.apply(create(1, "abc", 1)).unwrap();
        for change in [CatalogChange::Delete(TableId(2)), CatalogChange::Update(Box::new(definition(2, "abc")))] {
            assert!(catalog.apply(change).is_err());
        }
        assert_eq!(catalog.table("abc").unwrap().definition.id, TableId(1));
    }
}
