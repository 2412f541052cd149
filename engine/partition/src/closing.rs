//! The end of a partition whose table is gone: the journal gets back the space of all that it held, and its files go.

use crate::Partition;
use crate::file_set::FileChange;
use crate::image::image_of;
use crate::record_sums::RecordSums;
use crate::storage::Storage;

impl Partition {
    /// Gives everything back. What flushes and merges that are still under way bring is for the caller to discard.
    pub async fn destroy(mut self, storage: &Storage) {
        let mut dead = RecordSums::default();
        self.items.set().visit_versions(&mut |found| dead.add_record(image_of(found).location));
        self.files.take_checkpoints().into_iter().for_each(|location| dead.add_record(location));
        dead.release_to(&storage.journal);
        for change in self.files.take_changes() {
            match change {
                FileChange::Flush(flushed) => flushed.discard(storage).await,
                FileChange::Merge(merged) => merged.discard(storage).await,
                FileChange::Renew => {}
            }
        }
        let runs: Vec<_> = self.sets().flat_map(|(_, set)| set.runs()).cloned().collect();
        for run in runs {
            run.named.release_to(&storage.journal);
            for file in &run.files {
                storage.remove(file.id()).await;
            }
        }
        for file in self.take_removable_files() {
            storage.remove(file).await;
        }
        let mut dead = RecordSums::default();
        self.group.into_locations().into_iter().for_each(|location| dead.add_record(location));
        dead.release_to(&storage.journal);
    }
}
