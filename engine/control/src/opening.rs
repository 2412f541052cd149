//! The catalog while the journal is read: its log's committed entries make it.

use crate::{Catalog, CatalogChange, Control};
use journal::{GroupId, Liveness, Location, Record};
use replication::{Group, GroupOptions, MemberId, OpenError, RecoveredGroup};

/// The catalog's group. Partitions' groups have their partition's id, which begins at 1.
pub const CATALOG_GROUP: GroupId = GroupId(0);

/// A catalog that is being rebuilt. One a node, on worker 0, at start.
#[derive(Default)]
pub struct OpeningCatalog {
    recovered: RecoveredGroup,
    catalog: Catalog,
}

impl OpeningCatalog {
    /// Takes a record of group 0.
    ///
    /// # Errors
    /// A phrase that says what cannot be read.
    pub fn visit(&mut self, record: Record<'_>, location: Location, liveness: &mut Liveness) -> Result<(), String> {
        let Self { recovered, catalog } = self;
        let mut result = Ok(());
        recovered.handle_record(record, location, liveness, &mut |entry, _| {
            let changed = CatalogChange::decode(entry.change).map_err(|error| error.to_string());
            let changed = changed.and_then(|change| catalog.apply(change).map_err(|error| error.to_string()));
            if let Err(error) = changed {
                result = Err(error);
            }
        })?;
        result
    }

    /// Takes the catalog into service. Its group has one member, which leads. `has_states`: see [`Control::new`].
    ///
    /// # Errors
    /// If what was recovered of the group contradicts itself.
    pub fn open(self, has_states: bool) -> Result<Control, OpenError> {
        let group = Group::open(GroupOptions::alone(CATALOG_GROUP, MemberId(1)), self.recovered)?;
        Ok(Control::new(group, self.catalog, has_states))
    }
}
