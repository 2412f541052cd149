//! The catalog as its log has it, for who looks at it and takes nothing into service: no group, and nothing is said to the journal. Pure.

use crate::checkpoint::CheckpointPart;
use crate::{Catalog, CatalogChange};
use journal::{LogIndex, Record, RecordKind};

/// A catalog that is being read, record by record, in the order of the log. One a data directory that is inspected.
///
/// Entries wait for the end, as those of an [`OpeningCatalog`](crate::OpeningCatalog) do: what they change may be in a checkpoint behind them.
#[derive(Default)]
pub struct ReadCatalog {
    /// What the newest checkpoint holds.
    catalog: Catalog,
    /// Of the entries that it does not hold, in order.
    changes: Vec<(LogIndex, CatalogChange)>,
    /// Parts of a checkpoint that is not complete, in order.
    parts: Vec<CheckpointPart>,
}

impl ReadCatalog {
    /// Takes a record of group 0.
    ///
    /// # Errors
    /// A phrase that says what cannot be read.
    pub fn visit(&mut self, record: Record<'_>) -> Result<(), String> {
        match record.kind {
            RecordKind::Entry | RecordKind::CommittedEntry if !record.payload.is_empty() => {
                let change = CatalogChange::decode(record.payload).map_err(|error| error.to_string())?;
                // One that takes the place of another was written by a later leader.
                self.changes.truncate(self.changes.partition_point(|(index, _)| *index < record.index));
                self.changes.push((record.index, change));
            }
            RecordKind::Checkpoint => self.take_part(record)?,
            RecordKind::Entry | RecordKind::CommittedEntry | RecordKind::GroupState | RecordKind::Moved => {}
        }
        Ok(())
    }

    /// Whether a checkpoint begins with the record, of group 0.
    pub fn is_first_part(record: Record<'_>) -> bool {
        let is_first = |part: CheckpointPart| part.number == 0;
        record.kind == RecordKind::Checkpoint && CheckpointPart::decode(record.payload).is_some_and(is_first)
    }

    /// The catalog, and a phrase for each change that contradicts it: part of the log was not readable.
    pub fn finish(self) -> (Catalog, Vec<String>) {
        let mut catalog = self.catalog;
        let mut refused = Vec::new();
        for (index, change) in self.changes {
            let is_taken = matches!(&change, CatalogChange::Create { definition, .. } if catalog.table(&definition.name).is_some());
            let applied = match is_taken {
                true => Err("it creates a table whose name is taken".to_owned()),
                false => catalog.apply(change).map(drop).map_err(|error| error.to_string()),
            };
            if let Err(cause) = applied {
                refused.push(format!("entry {index} of the catalog: {cause}"));
            }
        }
        (catalog, refused)
    }

    fn take_part(&mut self, record: Record<'_>) -> Result<(), String> {
        let part = CheckpointPart::decode(record.payload).ok_or("the catalog's checkpoint is not readable")?;
        if part.number == 0 {
            // The one before was never finished.
            self.parts.clear();
        }
        if usize::from(part.number) != self.parts.len() {
            return Err(format!("part {} of a checkpoint comes behind {} others", part.number, self.parts.len()));
        }
        let is_complete = part.number + 1 == part.count;
        self.parts.push(part);
        if is_complete {
            let parts = std::mem::take(&mut self.parts);
            self.catalog = Catalog::of_checkpoint(&parts).map_err(|error| error.to_string())?;
            self.changes.retain(|(index, _)| *index > record.index);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint;
    use journal::{GroupId, Term};
    use model::table::PartitionId;
    use model::{KeyAttribute, KeySchema, KeyType, TableDefinition, TableId};
    use runtime::CoreId;

    fn create(id: u64, name: &str) -> CatalogChange {
        let partition_key = KeyAttribute { name: "pk".to_owned(), key_type: KeyType::String };
        let definition = TableDefinition::new(name, KeySchema { partition_key, sort_key: None });
        CatalogChange::Create {
            definition: Box::new(TableDefinition { id: TableId(id), ..definition }),
            first_partition: PartitionId(id),
            cores: vec![CoreId(0)],
        }
    }

    fn visit(reading: &mut ReadCatalog, kind: RecordKind, index: u64, payload: &[u8]) -> Result<(), String> {
        reading.visit(Record { kind, group: GroupId(0), term: Term(1), index: LogIndex(index), payload })
    }

    fn names(reading: ReadCatalog) -> Vec<String> {
        reading.finish().0.tables().map(|table| table.definition.name.clone()).collect()
    }

    #[test]
    fn a_checkpoint_and_the_entries_behind_it_make_the_catalog() {
        let mut held = Catalog::default();
        held.apply(create(1, "one")).unwrap();
        held.apply(create(2, "two")).unwrap();
        let mut reading = ReadCatalog::default();
        visit(&mut reading, RecordKind::CommittedEntry, 1, &[]).unwrap();
        visit(&mut reading, RecordKind::CommittedEntry, 2, &create(2, "two").encode()).unwrap();
        // It changes what only the checkpoint behind it holds.
        visit(&mut reading, RecordKind::CommittedEntry, 3, &CatalogChange::Delete(TableId(1)).encode()).unwrap();
        for part in checkpoint::encode(&held) {
            visit(&mut reading, RecordKind::Checkpoint, 2, &part).unwrap();
        }
        visit(&mut reading, RecordKind::CommittedEntry, 4, &create(3, "three").encode()).unwrap();
        visit(&mut reading, RecordKind::CommittedEntry, 4, &create(4, "four").encode()).unwrap();
        assert_eq!(names(reading), ["four", "two"]);
    }

    #[test]
    fn what_is_none_of_ours_or_contradicts_itself_is_refused() {
        let mut reading = ReadCatalog::default();
        assert!(visit(&mut reading, RecordKind::CommittedEntry, 1, &[9, 9]).is_err());
        assert!(visit(&mut reading, RecordKind::Checkpoint, 1, &[]).is_err());
        visit(&mut reading, RecordKind::CommittedEntry, 1, &CatalogChange::Delete(TableId(1)).encode()).unwrap();
        visit(&mut reading, RecordKind::CommittedEntry, 2, &create(3, "three").encode()).unwrap();
        visit(&mut reading, RecordKind::CommittedEntry, 3, &create(4, "three").encode()).unwrap();
        let (catalog, refused) = reading.finish();
        assert_eq!((catalog.tables().count(), refused.len()), (1, 2), "{refused:?}");
    }
}
