//! The server from outside: its memory, its CPU time, what it reads and writes, what lies in its data directories.
//!
//! Sampled each second by a thread, since a directory of many files takes its time; the load takes the latest sample.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::rhythm::Rhythm;
use crate::machine;

/// stat(2): `st_blocks` counts units of 512 bytes, whatever the file system.
const ALLOCATED_UNIT_BYTES: u64 = 512;

/// What the server has come to. CPU time and bytes are since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Sample {
    pub(super) resident_bytes: u64,
    pub(super) cpu_s: f64,
    /// To and from the disk, not the page cache: proc(5), /proc/PID/io.
    pub(super) disk_read_bytes: u64,
    pub(super) disk_written_bytes: u64,
    pub(super) file_count: u64,
    /// Lengths of the files.
    pub(super) file_bytes: u64,
    /// What the files take on the disk.
    pub(super) allocated_bytes: u64,
    /// Time that the hypervisor gave to others, of all CPUs, since the machine's start.
    pub(super) stolen_s: f64,
}

/// What to look at.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) process: Option<u32>,
    pub(super) directories: Vec<PathBuf>,
}

/// Watches until it is dropped.
pub(super) struct Watch {
    latest: Arc<Mutex<Sample>>,
    _rhythm: Rhythm,
}

impl Watched {
    /// Looks now. What cannot be read is told as 0: the process may be gone, or a file may have just been deleted.
    pub(super) fn sample(&self) -> Sample {
        let mut sample = Sample { stolen_s: machine::stolen_seconds().unwrap_or_default(), ..Sample::default() };
        if let Some(process) = self.process {
            sample.cpu_s = machine::cpu_seconds_of(process).unwrap_or_default();
            sample.resident_bytes = figure(process, "status", "VmRSS:").unwrap_or_default() * 1024;
            sample.disk_read_bytes = figure(process, "io", "read_bytes:").unwrap_or_default();
            sample.disk_written_bytes = figure(process, "io", "write_bytes:").unwrap_or_default();
        }
        for directory in &self.directories {
            // A directory that is being changed is counted as far as it can be.
            let _ = add_files(directory, &mut sample);
        }
        sample
    }

    /// Looks each second from now on.
    pub(super) fn watch(self) -> io::Result<Watch> {
        let latest = Arc::new(Mutex::new(self.sample()));
        let of_thread = Arc::clone(&latest);
        let rhythm = Rhythm::start("watch", std::time::Duration::from_secs(1), move |_| {
            let sample = self.sample();
            *of_thread.lock().unwrap_or_else(PoisonError::into_inner) = sample;
        })?;
        Ok(Watch { latest, _rhythm: rhythm })
    }
}

impl Watch {
    pub(super) fn latest(&self) -> Sample {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number after `name` in a file of a process.
fn figure(process: u32, file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/{file}")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn add_files(directory: &Path, sample: &mut Sample) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            // As above.
            let _ = add_files(&entry.path(), sample);
        } else {
            sample.file_count += 1;
            sample.file_bytes += metadata.len();
            sample.allocated_bytes += metadata.blocks() * ALLOCATED_UNIT_BYTES;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_and_its_files_are_seen() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("inner")).unwrap();
        std::fs::write(directory.path().join("inner/a"), vec![1; 10_000]).unwrap();
        std::fs::write(directory.path().join("b"), b"b").unwrap();
        let watched = Watched { process: Some(std::process::id()), directories: vec![directory.path().to_owned()] };
        let sample = watched.sample();
        assert_eq!((sample.file_count, sample.file_bytes), (2, 10_001));
        assert!(sample.resident_bytes > 1 << 20);
        assert_eq!(watched.watch().unwrap().latest().file_count, 2);
        let nobody = Watched { process: Some(u32::MAX), directories: vec!["/does/not/exist".into()] }.sample();
        assert_eq!((nobody.resident_bytes, nobody.file_count), (0, 0));
    }
}
