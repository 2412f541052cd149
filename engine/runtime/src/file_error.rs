//! What can go wrong with a file or a directory, sorted by what the caller does about it.
//!
//! Errors carry facts. What a failed *flush* means is not decided here: see `StopReason::FlushFailed`.

use std::path::{Path, PathBuf};

/// A failed operation on a file or a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileError {
    /// There is no such file or directory.
    NotFound {
        /// Which one.
        path: PathBuf,
    },
    /// It was to be created, and is there.
    AlreadyExists {
        /// Which one.
        path: PathBuf,
    },
    /// The file system, or the quota, is full.
    NoSpace {
        /// Of which file.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
    },
    /// This process, or the machine, may have no more files open. Tried again once others are closed, it may well be done.
    TooManyOpenFiles {
        /// Which one was to be opened.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
    },
    /// Another process holds the directory.
    Locked {
        /// Which one.
        path: PathBuf,
    },
    /// This process may not do that.
    Permission {
        /// To which file.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
    },
    /// A read went past the end of the file.
    PastEnd {
        /// Of which file.
        path: PathBuf,
        /// Where the read began, in bytes.
        offset: u64,
        /// How many bytes were wanted.
        len: usize,
    },
    /// Anything else that the kernel reported.
    Io {
        /// Of which file.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
        /// The kernel's error number.
        errno: i32,
    },
}

impl FileError {
    /// Sorts the kernel's `errno` of `operation` on `path`.
    pub fn from_errno(path: &Path, operation: &'static str, errno: i32) -> FileError {
        let path = path.to_path_buf();
        match errno {
            libc::ENOENT => FileError::NotFound { path },
            libc::EEXIST => FileError::AlreadyExists { path },
            libc::ENOSPC | libc::EDQUOT => FileError::NoSpace { path, operation },
            libc::EMFILE | libc::ENFILE => FileError::TooManyOpenFiles { path, operation },
            libc::EACCES | libc::EPERM | libc::EROFS => FileError::Permission { path, operation },
            _ => FileError::Io { path, operation, errno },
        }
    }

    /// The same for an error of the standard library.
    pub(crate) fn from_io(path: &Path, operation: &'static str, error: &std::io::Error) -> FileError {
        FileError::from_errno(path, operation, error.raw_os_error().unwrap_or(libc::EIO))
    }

    /// Whether the disk or its mount has failed or gone, as far as an operation can tell on a file that was there. Neither want of space, nor of
    /// files that may be open, nor a file that is shorter than it was.
    pub fn is_of_disk(&self) -> bool {
        matches!(self, FileError::Io { .. } | FileError::Permission { .. } | FileError::NotFound { .. })
    }

    /// The file or directory that it is about.
    pub fn path(&self) -> &Path {
        match self {
            FileError::NotFound { path }
            | FileError::AlreadyExists { path }
            | FileError::NoSpace { path, .. }
            | FileError::TooManyOpenFiles { path, .. }
            | FileError::Locked { path }
            | FileError::Permission { path, .. }
            | FileError::PastEnd { path, .. }
            | FileError::Io { path, .. } => path,
        }
    }
}

impl std::fmt::Display for FileError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.path().display();
        match self {
            FileError::NotFound { .. } => write!(formatter, "{path} does not exist"),
            FileError::AlreadyExists { .. } => write!(formatter, "{path} exists already"),
            FileError::NoSpace { operation, .. } => {
                write!(formatter, "no space left for {operation} of {path}")
            }
            FileError::TooManyOpenFiles { operation, .. } => {
                write!(formatter, "{operation} of {path} failed: too many files are open; raise the limit (ulimit -n)")
            }
            FileError::Locked { .. } => {
                write!(formatter, "{path} is in use by another process; stop it, or name another directory")
            }
            FileError::Permission { operation, .. } => {
                write!(formatter, "no permission for {operation} of {path}")
            }
            FileError::PastEnd { offset, len, .. } => {
                write!(formatter, "read of {len} bytes at {offset} goes past the end of {path}")
            }
            FileError::Io { operation, errno, .. } => {
                let cause = std::io::Error::from_raw_os_error(*errno);
                write!(formatter, "{operation} of {path} failed: {cause}")
            }
        }
    }
}

impl std::error::Error for FileError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Many connections use up what may be open: that is no reason to think that a disk is lost.
    #[test]
    fn a_limit_of_open_files_is_not_of_the_disk() {
        for errno in [libc::EMFILE, libc::ENFILE] {
            let error = FileError::from_errno(Path::new("/data/segment-7"), "open", errno);
            assert!(!error.is_of_disk(), "{error:?}");
            assert_eq!(error.path(), Path::new("/data/segment-7"));
            let told = "open of /data/segment-7 failed: too many files are open; raise the limit (ulimit -n)";
            assert_eq!(error.to_string(), told);
        }
        assert!(FileError::from_errno(Path::new("/data/segment-7"), "open", libc::EIO).is_of_disk());
    }
}
