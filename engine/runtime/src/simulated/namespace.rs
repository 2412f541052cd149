//! The names of one simulated disk: directories and the files in them.
//!
//! A disk keeps two of these, live and durable, and the list of changes between them: a change becomes durable when a
//! directory that it touches is synced, or perhaps at a power cut. Owned by the disk of one node. Bytes are in `contents`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A file, whatever its name: names come and go, an inode stays until the node restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct InodeId(pub(super) u64);

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Directory,
    File(InodeId),
}

/// One change of names. Each is atomic: a cut leaves all of it or nothing.
#[derive(Clone, Debug)]
pub(super) enum NameChange {
    CreateDirectory { path: PathBuf },
    CreateFile { path: PathBuf, inode: InodeId },
    Remove { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf },
}

/// Why a change of names is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameError {
    NotFound,
    AlreadyExists,
}

impl NameChange {
    /// The names it is about.
    pub(super) fn paths(&self) -> Vec<&Path> {
        match self {
            NameChange::CreateDirectory { path }
            | NameChange::CreateFile { path, .. }
            | NameChange::Remove { path } => vec![path],
            NameChange::Rename { from, to } => vec![from, to],
        }
    }

    /// Whether a sync of `directory` makes this change durable.
    pub(super) fn touches(&self, directory: &Path) -> bool {
        match self {
            NameChange::CreateDirectory { path }
            | NameChange::CreateFile { path, .. }
            | NameChange::Remove { path } => path.parent() == Some(directory),
            NameChange::Rename { from, to } => from.parent() == Some(directory) || to.parent() == Some(directory),
        }
    }
}

/// Directories and files by their whole path. The root (`/`, or the empty relative path) is always there.
#[derive(Clone, Debug, Default)]
pub(super) struct Namespace {
    entries: BTreeMap<PathBuf, Entry>,
}

impl Namespace {
    pub(super) fn entry(&self, path: &Path) -> Option<Entry> {
        if is_root(path) {
            return Some(Entry::Directory);
        }
        self.entries.get(path).copied()
    }

    pub(super) fn file(&self, path: &Path) -> Option<InodeId> {
        match self.entry(path) {
            Some(Entry::File(inode)) => Some(inode),
            Some(Entry::Directory) | None => None,
        }
    }

    pub(super) fn is_directory(&self, path: &Path) -> bool {
        self.entry(path) == Some(Entry::Directory)
    }

    /// What is directly inside `directory`, by name.
    pub(super) fn list(&self, directory: &Path) -> impl Iterator<Item = (&Path, Entry)> {
        self.entries
            .iter()
            .filter(move |(path, _)| path.parent() == Some(directory))
            .map(|(path, &entry)| (path.as_path(), entry))
    }

    /// Every file, by path.
    pub(super) fn files(&self) -> impl Iterator<Item = (&Path, InodeId)> {
        self.entries.iter().filter_map(|(path, &entry)| match entry {
            Entry::File(inode) => Some((path.as_path(), inode)),
            Entry::Directory => None,
        })
    }

    /// Says why `change` cannot be made, if so.
    pub(super) fn check(&self, change: &NameChange) -> Result<(), NameError> {
        match change {
            NameChange::CreateDirectory { path } | NameChange::CreateFile { path, .. } => {
                if self.entry(path).is_some() {
                    return Err(NameError::AlreadyExists);
                }
                let has_parent = path.parent().is_some_and(|parent| self.is_directory(parent));
                has_parent.then_some(()).ok_or(NameError::NotFound)
            }
            NameChange::Remove { path } => self.file(path).map(drop).ok_or(NameError::NotFound),
            NameChange::Rename { from, to } => {
                self.file(from).ok_or(NameError::NotFound)?;
                if self.is_directory(to) {
                    return Err(NameError::AlreadyExists);
                }
                let has_parent = to.parent().is_some_and(|parent| self.is_directory(parent));
                has_parent.then_some(()).ok_or(NameError::NotFound)
            }
        }
    }

    /// Makes `change`, where what it starts from is there. Parents are not asked for: on the medium a directory's own name
    /// may arrive after what is in it.
    pub(super) fn apply(&mut self, change: &NameChange) {
        match change {
            NameChange::CreateDirectory { path } => {
                self.entries.insert(path.clone(), Entry::Directory);
            }
            NameChange::CreateFile { path, inode } => {
                self.entries.insert(path.clone(), Entry::File(*inode));
            }
            NameChange::Remove { path } => {
                self.entries.remove(path);
            }
            NameChange::Rename { from, to } => {
                if let Some(entry) = self.entries.remove(from) {
                    self.entries.insert(to.clone(), entry);
                }
            }
        }
    }

    /// Forgets what lies in directories that are not there: a name is reachable only through its parents.
    pub(super) fn drop_orphans(&mut self) {
        let reachable: Vec<PathBuf> = self
            .entries
            .keys()
            .filter(|path| path.ancestors().skip(1).all(|ancestor| self.is_directory(ancestor)))
            .cloned()
            .collect();
        self.entries.retain(|path, _| reachable.binary_search(path).is_ok());
    }
}

fn is_root(path: &Path) -> bool {
    path.parent().is_none() || path.as_os_str().is_empty()
}
