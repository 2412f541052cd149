//! Flush: what the memtables of a partition hold becomes files, all sets as of one applied index.
//!
//! ```text
//! partition   begin_flush: freezes the memtables of every set             FlushWork
//! background  writes a run for each set, syncs, opens                     Flushed
//! partition   names the runs in a checkpoint; when that is durable they take the memtables' place
//! ```
//!
//! The owner goes on reading the memtables meanwhile. Small items are in the file itself and their records dead then; larger ones stay where they are in
//! the journal, and the file says where. Deliberately not here: when (the engine), and the checkpoint (`file_set.rs`).

use crate::effect::SetId;
use crate::file_set::Snapshot;
use crate::image::image_of;
use crate::pace::Slice;
use crate::record_sums::RecordSums;
use crate::run::RunFiles;
use crate::storage::{RunWriter, Storage, StorageError};
use crate::table_set::{Content, NEWEST, place_of};
use journal::GroupId;
use memtable::{Direction, Entry, Found, KeySpan, Merge, Reader};
use sstable::Content as FileContent;

/// Bytes of an item, in its stored encoding, up to which it is in the file itself: reading it takes one read and not two, and it is written twice, and again
/// with each merge.
pub(crate) const INLINE_BYTES_MAX: usize = 256;

/// A flush that is to be done.
pub struct FlushWork {
    pub(crate) group: GroupId,
    pub(crate) snapshot: Snapshot,
    pub(crate) sets: Vec<FlushSet>,
}

/// What is to be flushed of a set.
pub(crate) struct FlushSet {
    pub(crate) set: SetId,
    pub(crate) content: Content,
    /// Newest first.
    pub(crate) tables: Vec<Reader>,
    /// The records of versions in them that newer ones supersede.
    pub(crate) superseded: RecordSums,
    /// Whether files hold older versions: then deletions have to hide them.
    pub(crate) has_runs: bool,
}

/// A flush that is done, and not in a checkpoint yet.
pub struct Flushed {
    pub(crate) snapshot: Snapshot,
    pub(crate) outputs: Vec<(SetId, RunFiles)>,
    /// Once the checkpoint is durable.
    pub(crate) dead: RecordSums,
}

impl FlushWork {
    /// Writes the files. When this returns they are durable, and nothing names them yet.
    ///
    /// # Errors
    /// If one cannot be written; then none is there.
    pub async fn run(self, storage: &Storage) -> Result<Flushed, StorageError> {
        let mut flushed = Flushed { snapshot: self.snapshot, outputs: Vec::new(), dead: RecordSums::default() };
        for set in &self.sets {
            let mut writer = RunWriter::new(storage, self.group);
            let written = write_set(set, &mut writer, &mut flushed.dead, storage).await;
            let finished = match written {
                Ok(()) => writer.finish().await,
                Err(error) => Err(error),
            };
            match finished {
                Ok(files) => flushed.outputs.push((set.set, files)),
                Err(error) => {
                    writer.discard().await;
                    flushed.discard(storage).await;
                    return Err(error);
                }
            }
        }
        Ok(flushed)
    }
}

impl Flushed {
    /// It is of no use: its files go.
    pub async fn discard(self, storage: &Storage) {
        for table in self.outputs.iter().flat_map(|(_, files)| &files.tables) {
            storage.remove(table.id()).await;
        }
    }
}

async fn write_set(
    set: &FlushSet,
    writer: &mut RunWriter,
    dead: &mut RecordSums,
    storage: &Storage,
) -> Result<(), StorageError> {
    dead.add_all(&set.superseded);
    let tables = set.tables.iter().map(|table| &**table);
    let mut slice = Slice::new(&storage.runtime);
    for found in Merge::new(tables, KeySpan::ALL, NEWEST, Direction::Forward) {
        slice.step().await;
        let content = file_content(set.content, found);
        if set.content == Content::Items && !matches!(content, FileContent::InJournal { .. }) {
            dead.add_record(image_of(found).location);
        }
        if content != FileContent::Tombstone || set.has_runs {
            writer.push(found.key, sstable::Entry { version: found.version, content }).await?;
        }
    }
    Ok(())
}

/// What a file holds for the newest version of a key.
fn file_content(content: Content, found: Found<'_>) -> FileContent<'_> {
    match (content, found.entry) {
        (Content::Items, _) => {
            let image = image_of(found);
            let Some(item) = image.item else { return FileContent::Tombstone };
            let item_bytes = image.item_bytes;
            if item.len() <= INLINE_BYTES_MAX {
                FileContent::Inline { item_bytes, value: item }
            } else {
                FileContent::InJournal { item_bytes, place: place_of(image.location) }
            }
        }
        (_, Entry::Tombstone) => FileContent::Tombstone,
        (Content::Entries, Entry::Put(_)) => FileContent::BareKey { item_bytes: 0 },
        (Content::Values, Entry::Put(value)) => FileContent::Inline { item_bytes: 0, value },
    }
}
