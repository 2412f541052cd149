//! The catalog while the journal is read: its newest checkpoint and the committed entries behind it make it.

use crate::checkpoint::CheckpointPart;
use crate::control::CatalogRecords;
use crate::{Catalog, CatalogChange, Control};
use journal::{GroupId, Liveness, Location, Record, RecordKind};
use replication::{Group, GroupOptions, MemberId, OpenError, RecoveredGroup};

/// The catalog's group. Partitions' groups have their partition's id, which begins at 1.
pub const CATALOG_GROUP: GroupId = GroupId(0);

/// A catalog that is being rebuilt. One a node, on worker 0, at start.
///
/// Entries wait until the whole log is read: those at its beginning may change what only a checkpoint behind them holds.
#[derive(Default)]
pub struct OpeningCatalog {
    recovered: RecoveredGroup,
    records: CatalogRecords,
    /// What the newest checkpoint holds.
    catalog: Catalog,
    /// Of the entries that it does not hold, with the places of `records.entries`.
    changes: Vec<CatalogChange>,
    /// Parts of a checkpoint that is not complete, in order.
    parts: Vec<CheckpointPart>,
}

impl OpeningCatalog {
    /// Takes a record of group 0.
    ///
    /// # Errors
    /// A phrase that says what cannot be read.
    pub fn visit(&mut self, record: Record<'_>, location: Location, liveness: &mut Liveness) -> Result<(), String> {
        let Self { recovered, records, changes, .. } = self;
        let mut result = Ok(());
        recovered.handle_record(
            record,
            location,
            liveness,
            &mut |entry, _| match CatalogChange::decode(entry.change) {
                Ok(change) => {
                    records.entries.push((entry.index, entry.location));
                    changes.push(change);
                }
                Err(error) => result = Err(error.to_string()),
            },
        )?;
        result?;
        if record.kind == RecordKind::Checkpoint {
            self.take_part(record, location, liveness)?;
        }
        Ok(())
    }

    /// Takes the catalog into service. Its group has one member, which leads. `has_states`: whether tables stay CREATING, UPDATING
    /// and DELETING for a time.
    ///
    /// # Errors
    /// If what was recovered of the group contradicts itself.
    pub fn open(self, has_states: bool) -> Result<Control, OpenError> {
        let Self { recovered, records, mut catalog, changes, .. } = self;
        for change in changes {
            catalog.apply(change).map_err(|error| OpenError::Contents(error.to_string()))?;
        }
        let group = Group::open(GroupOptions::alone(CATALOG_GROUP, MemberId(1)), recovered)?;
        Ok(Control::new(group, catalog, records, has_states))
    }

    fn take_part(&mut self, record: Record<'_>, location: Location, liveness: &mut Liveness) -> Result<(), String> {
        let part = CheckpointPart::decode(record.payload).ok_or("the catalog's checkpoint is not readable")?;
        if part.number == 0 {
            // The one before was never finished: the journal had no room for all of it.
            self.parts.clear();
            self.records.unfinished.drain(..).for_each(|location| liveness.release(location));
        }
        if usize::from(part.number) != self.parts.len() {
            return Err(format!("part {} of a checkpoint comes behind {} others", part.number, self.parts.len()));
        }
        let is_complete = part.number + 1 == part.count;
        self.parts.push(part);
        self.records.unfinished.push(location);
        if !is_complete {
            return Ok(());
        }
        let parts = std::mem::take(&mut self.parts);
        self.catalog = Catalog::of_checkpoint(&parts).map_err(|error| error.to_string())?;
        let complete = std::mem::take(&mut self.records.unfinished);
        let earlier = std::mem::replace(&mut self.records.checkpoint, complete);
        let held_count = self.records.entries.partition_point(|(index, _)| *index <= record.index);
        self.changes.drain(..held_count);
        let held = self.records.entries.drain(..held_count).map(|(_, location)| location);
        earlier.into_iter().chain(held).for_each(|location| liveness.release(location));
        Ok(())
    }
}
