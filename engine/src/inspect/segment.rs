//! The records of one segment, as far as they mean something to a person.

use super::Inspection;
use super::fault::{Fault, FaultCause, InspectError};
use super::key_text::item_key_text;
use control::{CATALOG_GROUP, CatalogChange};
use journal::{Found, GroupId, Location, LogIndex, Record, RecordKind, SegmentId, Term};
use partition::{Cause, ChangeView, Checkpoint};
use runtime::CoreId;

/// What comes next in a segment.
pub enum SegmentStep<'i> {
    /// A record.
    Record(RecordFacts<'i>),
    /// What is not as it was written.
    Fault(Fault),
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFacts<'i> {
    /// Where it lies.
    pub location: Location,
    /// Its group.
    pub group: GroupId,
    /// The name of the group's table, if it has one.
    pub table: Option<&'i str>,
    /// What it holds.
    pub kind: RecordKind,
    /// The entry's term and index, by the meaning of the kind; `None` if its keys are gone.
    pub position: Option<(Term, LogIndex)>,
    /// What it says.
    pub contents: RecordContents,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordContents {
    /// A new leader's mark.
    TermMark,
    /// An item that was put.
    Put {
        /// Its key, readable.
        key: String,
        /// Bytes of its stored encoding.
        item_bytes: usize,
        /// The leader's clock, microseconds since 1970.
        written_at_us: u64,
    },
    /// An item that was deleted.
    Delete {
        /// Its key, readable.
        key: String,
        /// Whether its time was over.
        is_expiry: bool,
        /// The leader's clock, microseconds since 1970.
        written_at_us: u64,
    },
    /// A table that came.
    CreateTable(String),
    /// A table that is otherwise.
    UpdateTable(String),
    /// The number of a table that went.
    DeleteTable(u64),
    /// A group's state.
    State,
    /// A part of the catalog as a whole.
    CatalogCheckpoint,
    /// What a partition's files hold.
    Checkpoint {
        /// Files that it names.
        file_count: usize,
        /// Items in them.
        item_count: u64,
    },
    /// The keys of its table were deleted with it.
    Shredded,
    /// It cannot be read: why.
    Unreadable(String),
}

impl Inspection {
    /// Calls `visit` with each record of a segment, in order, and with what is wrong in it. Gives the segment's end in its file, in bytes.
    ///
    /// # Errors
    /// If there is no such segment, or its file cannot be read.
    pub async fn read_segment(
        &self,
        core: CoreId,
        segment: SegmentId,
        visit: &mut dyn FnMut(SegmentStep<'_>),
    ) -> Result<u32, InspectError> {
        let survey = self.worker(core).and_then(|worker| worker.survey.as_ref());
        let none = || InspectError::NoSegment(core, segment);
        let survey = survey.ok_or_else(none)?;
        let mut found = |found: Found<'_>| match found {
            Found::Record(record, location) => {
                let table = self.table_of(record.group);
                visit(SegmentStep::Record(RecordFacts {
                    location,
                    group: record.group,
                    table: table.map(|table| table.definition.name.as_str()),
                    kind: record.kind,
                    position: Some((record.term, record.index)),
                    contents: self.contents_of(record),
                }));
            }
            Found::Shredded { group, kind, location } => {
                let contents = RecordContents::Shredded;
                visit(SegmentStep::Record(RecordFacts {
                    location,
                    group,
                    table: None,
                    kind,
                    position: None,
                    contents,
                }));
            }
            Found::Fault(error) => visit(SegmentStep::Fault(Fault { core, cause: FaultCause::Journal(error) })),
        };
        let end = survey.read_segment(segment, &mut found).await;
        end.map_err(|error| InspectError::Open(error.into()))?.ok_or_else(none)
    }

    fn contents_of(&self, record: Record<'_>) -> RecordContents {
        let is_catalog = record.group == CATALOG_GROUP;
        match record.kind {
            RecordKind::GroupState => RecordContents::State,
            RecordKind::Checkpoint if is_catalog => RecordContents::CatalogCheckpoint,
            RecordKind::Checkpoint => match Checkpoint::decode(record.payload) {
                Some(checkpoint) => RecordContents::Checkpoint {
                    file_count: checkpoint.sets.iter().flat_map(|(_, runs)| runs).map(|run| run.files.len()).sum(),
                    item_count: checkpoint.statistics.item_count,
                },
                None => RecordContents::Unreadable("no checkpoint".to_owned()),
            },
            _ if record.payload.is_empty() => RecordContents::TermMark,
            _ if is_catalog => match CatalogChange::decode(record.payload) {
                Ok(CatalogChange::Create { definition, .. }) => RecordContents::CreateTable(definition.name),
                Ok(CatalogChange::Update(definition)) => RecordContents::UpdateTable(definition.name),
                Ok(CatalogChange::Delete(table)) => RecordContents::DeleteTable(table.0),
                Err(error) => RecordContents::Unreadable(error.to_string()),
            },
            RecordKind::Entry | RecordKind::CommittedEntry | RecordKind::Moved => self.change_of(record),
        }
    }

    fn change_of(&self, record: Record<'_>) -> RecordContents {
        let mut key = Vec::new();
        let decoded = ChangeView::decode(record.payload).and_then(|change| Ok((change, change.key(&mut key)?)));
        let (change, key) = match decoded {
            Ok(decoded) => decoded,
            Err(error) => return RecordContents::Unreadable(error.to_string()),
        };
        let (key, written_at_us) = (item_key_text(self.table_of(record.group), key), change.written_at_us);
        match change.image {
            Some(image) => RecordContents::Put { key, item_bytes: image.len(), written_at_us },
            None => RecordContents::Delete { key, is_expiry: change.cause == Cause::Expiry, written_at_us },
        }
    }
}
