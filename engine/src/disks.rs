//! The data directories while the node runs: what their disks report is counted by directory, and told once in a while.
//!
//! The loss of a disk is one event, and every request, flush and merge meets it: told each time, it would fill the disks that are left. Deliberately
//! not here: what a failed operation means (its handler), rot, want of space, and directories at a start (`directories.rs`).

use partition::Storage;
use runtime::{FileError, Instant};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a directory that fails is told of.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// See the front page. One a worker.
pub(crate) struct Disks {
    disks: Vec<Disk>,
}

struct Disk {
    directory: PathBuf,
    error_count: u64,
    told_at: Option<Instant>,
}

impl Disks {
    pub(crate) fn new(storage: &Storage) -> Self {
        let data_directory = |folder: &PathBuf| folder.parent().map(Path::to_path_buf).unwrap_or_default();
        let disk = |directory| Disk { directory, error_count: 0, told_at: None };
        Self { disks: storage.directories.iter().map(data_directory).map(disk).collect() }
    }

    /// Counts what a disk has said of a file, and tells it if that directory was not told of for a while. `consequence` says what comes of it.
    pub(crate) fn note(&mut self, error: &FileError, consequence: &'static str, now: Instant) {
        let mine = |disk: &&mut Disk| error.path().starts_with(&disk.directory);
        // One may lie in the other.
        let nearest = self.disks.iter_mut().filter(mine).max_by_key(|disk| disk.directory.as_os_str().len());
        let Some(disk) = nearest else {
            tracing::error!(%error, consequence, "a file cannot be used");
            return;
        };
        disk.error_count += 1;
        if disk.told_at.is_some_and(|told_at| now.since(told_at) < TELL_EVERY) {
            return;
        }
        disk.told_at = Some(now);
        let (directory, count) = (disk.directory.display(), disk.error_count);
        tracing::error!(
            %directory, count, %error, consequence,
            "a data directory fails: is its disk lost, or not mounted any more? What needs it fails, nothing wrong is answered. Put it back and start again"
        );
    }

    /// Errors of each data directory since the start, in the order in which they were given.
    pub(crate) fn error_counts(&self) -> impl Iterator<Item = u64> {
        self.disks.iter().map(|disk| disk.error_count)
    }
}
