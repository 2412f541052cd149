//! The data directories at a start: each holds a part of what every worker has, so that none can be done without.
//!
//! A disk that is not mounted leaves an empty directory, or none. That has to be said before anything is made in it, and of whom it is. Every core
//! looks before it makes its folders, so none of them takes another's new folder for old ones. Deliberately not here: whether what is in a directory
//! is the right data (`journal`: identities), and the keys (`key_files.rs`).

use crate::open::JOURNAL_PREFIX;
use runtime::{FileError, Runtime};
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// What the files of a journal that hold data are called, before their number.
const SEGMENT_PREFIX: &str = "segment-";

/// A data directory that is not there, or cannot be read, while others hold data that it has a part of.
#[derive(Debug)]
pub struct LostDirectory {
    directory: PathBuf,
    /// Who has a part of its data there.
    workers: BTreeSet<u16>,
    /// `None`: it is not there, or nothing is in it.
    cause: Option<FileError>,
}

impl fmt::Display for LostDirectory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directory = self.directory.display();
        match &self.cause {
            Some(cause) => write!(out, "data directory {directory} cannot be read ({cause})")?,
            None => write!(out, "data directory {directory} is missing or empty")?,
        }
        let workers: Vec<String> = self.workers.iter().map(u16::to_string).collect();
        write!(
            out,
            ", and a part of all data of worker{} {} is in it, whose tables cannot be opened without: is its disk mounted? Put it back, or restore it from a \
             copy; if it was not given before, leave it out, for directories cannot be added to data that is there",
            if workers.len() == 1 { "" } else { "s" },
            workers.join(", ")
        )
    }
}

/// Makes sure that all data directories are there, or none is in use yet.
///
/// # Errors
/// The first one that is lost.
pub(crate) async fn check_directories(runtime: &Runtime, directories: &[PathBuf]) -> Result<(), LostDirectory> {
    let mut workers = BTreeSet::new();
    let mut lost = None;
    for directory in directories {
        let cause = match journals_in(runtime, directory).await {
            Ok(journals) if journals.is_empty() => None,
            Ok(journals) => {
                let with_data = journals.into_iter().filter(|(_, has_data)| *has_data);
                workers.extend(with_data.map(|(worker, _)| worker));
                continue;
            }
            Err(cause) => Some(cause),
        };
        lost.get_or_insert((directory.clone(), cause));
    }
    match lost {
        Some((directory, cause)) if !workers.is_empty() => Err(LostDirectory { directory, workers, cause }),
        // The first start; whatever else is wrong shows when folders are made.
        _ => Ok(()),
    }
}

/// The workers whose journals have a folder in a data directory, and whether there is data in it.
async fn journals_in(runtime: &Runtime, directory: &Path) -> Result<Vec<(u16, bool)>, FileError> {
    let mut journals = Vec::new();
    for entry in list(runtime, directory).await? {
        let Some(worker) = entry.strip_prefix(JOURNAL_PREFIX).and_then(|number| number.parse().ok()) else { continue };
        let files = list(runtime, &directory.join(&entry)).await?;
        journals.push((worker, files.iter().any(|file| file.starts_with(SEGMENT_PREFIX))));
    }
    Ok(journals)
}

/// The names in a directory; none if it is not there.
async fn list(runtime: &Runtime, directory: &Path) -> Result<Vec<String>, FileError> {
    match runtime.list_directory(directory).await {
        Ok(entries) => Ok(entries.into_iter().map(|entry| entry.name).collect()),
        Err(FileError::NotFound { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
