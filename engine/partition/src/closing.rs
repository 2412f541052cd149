//! The end of a partition whose table is gone: the journal gets back the space of all that it held, and its files go.

use crate::Partition;
use crate::file_set::{FileChange, release};
use crate::flush::{DeadRecords, add_sum, note_dead};
use crate::image::image_of;
use crate::merge::sum_of;
use crate::storage::Storage;
use journal::SegmentId;

impl Partition {
    /// Gives everything back. What flushes and merges that are still under way bring is for the caller to discard.
    pub async fn destroy(mut self, storage: &Storage) {
        let mut dead = DeadRecords::new();
        self.items.set().visit_versions(&mut |found| note_dead(&mut dead, image_of(found).location));
        self.files.take_checkpoints().into_iter().for_each(|location| note_dead(&mut dead, location));
        release(&storage.journal, &dead);
        for change in self.files.take_changes() {
            match change {
                FileChange::Flush(flushed) => flushed.discard(storage).await,
                FileChange::Merge(merged) => merged.discard(storage).await,
                FileChange::Renew => {}
            }
        }
        let tables: Vec<_> = self.sets().flat_map(|(_, set)| set.runs()).flat_map(|run| &run.files).cloned().collect();
        for table in tables {
            match table.read_usage().await {
                Ok(usage) => {
                    let mut dead = DeadRecords::new();
                    usage.into_iter().for_each(|used| add_sum(&mut dead, SegmentId(used.segment), sum_of(used)));
                    release(&storage.journal, &dead);
                }
                // The space is given back at the next start, when nobody retains it.
                Err(error) => tracing::warn!(%error, "what a file of a deleted table kept alive is not known"),
            }
            storage.remove(table.id()).await;
        }
        for file in self.take_removable_files() {
            storage.remove(file).await;
        }
        let mut dead = DeadRecords::new();
        self.group.into_locations().into_iter().for_each(|location| note_dead(&mut dead, location));
        release(&storage.journal, &dead);
    }
}
