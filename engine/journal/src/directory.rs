//! The journal's directories: their identities, the segment files in them, new files.
//!
//! Used while a journal is opened, and by its background task. What the names and the identity mean is `FORMAT.md`, "Files".

use crate::block::BLOCK_BYTES;
use crate::block::{SegmentHeader, SegmentState};
use crate::error::JournalError;
use crate::identity::{BadIdentity, Identity};
use crate::journal::JournalOptions;
use crate::spares::Spare;
use runtime::{Buffer, File, FileError, Leftovers, Runtime};
use std::path::{Path, PathBuf};

const IDENTITY_NAME: &str = "identity";
const SEGMENT_PREFIX: &str = "segment-";

/// The `journal-<core>` directories of one journal.
pub(crate) struct Directories {
    paths: Vec<PathBuf>,
    segment_bytes: u64,
    leftovers: Leftovers,
}

/// A segment file by its name.
#[derive(Clone, Debug)]
pub(crate) struct SegmentFile {
    pub(crate) path: PathBuf,
    pub(crate) number: u32,
    pub(crate) len_bytes: u64,
}

/// A segment file that is to be made.
#[derive(Clone, Copy)]
pub(crate) struct NewSpare {
    pub(crate) journal_id: u64,
    pub(crate) core: u16,
    pub(crate) number: u32,
    pub(crate) filling: Filling,
}

/// What a new segment file is before its blocks are written. Either way they read as zeros.
#[derive(Clone, Copy)]
pub(crate) enum Filling {
    /// Written zeros: a flush changes nothing in the file system.
    Zeros,
    /// Reserved space: a flush also notes that its blocks are written, and nothing is written twice.
    Reserved,
}

impl Directories {
    /// Makes the directories if they are not there.
    pub(crate) async fn open(runtime: &Runtime, options: &JournalOptions) -> Result<Directories, JournalError> {
        let directories = Directories::of(options)?;
        for (path, data_directory) in directories.paths.iter().zip(&options.data_directories) {
            runtime.create_directory(path).await?;
            settle_name(runtime, path).await?;
            settle_name(runtime, data_directory).await?;
        }
        Ok(directories)
    }

    /// Those of a journal, there or not.
    pub(crate) fn of(options: &JournalOptions) -> Result<Directories, JournalError> {
        if options.data_directories.is_empty() {
            return Err(JournalError::Options("name at least one data directory"));
        }
        let mut paths = Vec::new();
        for data_directory in &options.data_directories {
            let path = data_directory.join(format!("journal-{}", options.core.0));
            if paths.contains(&path) {
                return Err(JournalError::Options("a data directory is named twice"));
            }
            paths.push(path);
        }
        Ok(Directories { paths, segment_bytes: options.segment_bytes, leftovers: Leftovers::default() })
    }

    /// All segment files, by number.
    pub(crate) async fn list_segments(&self, runtime: &Runtime) -> Result<Vec<SegmentFile>, JournalError> {
        let mut files = Vec::new();
        for directory in &self.paths {
            for entry in runtime.list_directory(directory).await? {
                let number = entry.name.strip_prefix(SEGMENT_PREFIX).and_then(|number| number.parse().ok());
                if let (Some(number), false) = (number, entry.is_directory) {
                    files.push(SegmentFile { path: directory.join(&entry.name), number, len_bytes: entry.len_bytes });
                }
            }
        }
        files.sort_by_key(|file| file.number);
        Ok(files)
    }

    /// Checks that each directory is the one it should be, and gives the journal's id. `has_files` says whether there are
    /// segment files: without any, identities that are missing are written (the journal is new, or its creation was cut short).
    pub(crate) async fn identify(&self, runtime: &Runtime, core: u16, has_files: bool) -> Result<u64, JournalError> {
        let found = self.read_identities(runtime, has_files).await?;
        let known = self.check_identities(core, &found, has_files)?;
        let journal_id = known.unwrap_or_else(|| runtime.chance());
        for (place, (directory, found)) in self.paths.iter().zip(&found).enumerate() {
            if found.is_none() {
                write_identity(runtime, directory, &self.expected_identity(core, place, journal_id)?).await?;
            }
        }
        Ok(journal_id)
    }

    /// The same for who only looks: nothing is written. `None` if the journal was never begun.
    pub(crate) async fn recognise(
        &self,
        runtime: &Runtime,
        core: u16,
        has_files: bool,
    ) -> Result<Option<u64>, JournalError> {
        let found = self.read_identities(runtime, has_files).await?;
        self.check_identities(core, &found, has_files)
    }

    async fn read_identities(&self, runtime: &Runtime, has_files: bool) -> Result<Vec<Option<Identity>>, JournalError> {
        let mut found = Vec::new();
        for directory in &self.paths {
            found.push(read_identity(runtime, directory, has_files).await?);
        }
        Ok(found)
    }

    /// The journal's id, if a directory tells it and none contradicts.
    fn check_identities(
        &self,
        core: u16,
        found: &[Option<Identity>],
        has_files: bool,
    ) -> Result<Option<u64>, JournalError> {
        let Some(journal_id) = found.iter().flatten().next().map(|identity| identity.journal_id) else {
            let missing = || JournalError::MissingIdentity { directory: self.paths[0].clone() };
            return if has_files { Err(missing()) } else { Ok(None) };
        };
        for (place, (directory, found)) in self.paths.iter().zip(found).enumerate() {
            let expected = self.expected_identity(core, place, journal_id)?;
            match found {
                Some(identity) if *identity != expected => {
                    return Err(JournalError::WrongIdentity {
                        directory: directory.clone(),
                        expected: describe(&expected),
                        found: describe(identity),
                    });
                }
                None if has_files => return Err(JournalError::MissingIdentity { directory: directory.clone() }),
                Some(_) | None => {}
            }
        }
        Ok(Some(journal_id))
    }

    fn expected_identity(&self, core: u16, place: usize, journal_id: u64) -> Result<Identity, JournalError> {
        let directory_count =
            u16::try_from(self.paths.len()).map_err(|_| JournalError::Options("too many data directories"))?;
        let place = u16::try_from(place).expect("the count fits");
        Ok(Identity { core, place, directory_count, journal_id })
    }

    /// Creates a segment file with a spare header: in the directory whose turn it is, or in the next one that takes it. Tells why the others do not.
    pub(crate) async fn create_spare(&self, runtime: &Runtime, spare: NewSpare) -> (Option<Spare>, Vec<FileError>) {
        let number = spare.number;
        let mut errors = Vec::new();
        for step in 0..self.paths.len() {
            let directory = &self.paths[(number as usize + step) % self.paths.len()];
            let path = directory.join(format!("{SEGMENT_PREFIX}{number}"));
            match self.create_spare_at(runtime, &spare, &path).await {
                Ok(spare) => return (Some(spare), errors),
                Err(error) => {
                    // A part may be there: it would only take space.
                    if let Err(error) = runtime.remove_file(&path).await
                        && !error.is_of_disk()
                    {
                        self.leftovers.note(&error, runtime.now());
                    }
                    errors.push(error);
                }
            }
        }
        (None, errors)
    }

    async fn create_spare_at(&self, runtime: &Runtime, spare: &NewSpare, path: &Path) -> Result<Spare, FileError> {
        let file = match spare.filling {
            Filling::Zeros => runtime.create_file(path, self.segment_bytes).await?,
            Filling::Reserved => {
                let file = runtime.create_file(path, 0).await?;
                file.extend_to(self.segment_bytes).await?;
                file.sync().await?;
                file
            }
        };
        let header = SegmentHeader {
            journal_id: spare.journal_id,
            core: spare.core,
            file_number: spare.number,
            segment_bytes: self.segment_bytes,
            state: SegmentState::Spare,
        };
        let mut block = Buffer::zeroed(BLOCK_BYTES);
        header.encode(block.as_mut_slice());
        file.write_durable_at(0, block).await.1?;
        Ok(Spare { file, file_number: spare.number, epoch: runtime.chance() })
    }

    /// Bytes of new segment files.
    pub(crate) fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    /// Removes a segment that nothing needs. One that cannot be removed now is dead at the next start too.
    pub(crate) async fn discard_segment(&self, runtime: &Runtime, file: &File) {
        if let Err(error) = self.remove_segment(runtime, file).await {
            self.leftovers.note(&error, runtime.now());
        }
    }

    pub(crate) async fn remove_segment(&self, runtime: &Runtime, file: &File) -> Result<(), FileError> {
        remove(runtime, file.path()).await
    }
}

/// Makes the name of a directory durable, whoever created it: a process that was killed may have been in the middle of it.
async fn settle_name(runtime: &Runtime, directory: &Path) -> Result<(), JournalError> {
    let parent = match directory.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Ok(()),
    };
    match runtime.sync_directory(parent).await {
        // Then it was not us who created what is in it.
        Ok(()) | Err(FileError::Permission { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Removes a file for good.
pub(crate) async fn remove(runtime: &Runtime, path: &Path) -> Result<(), FileError> {
    runtime.remove_file(path).await?;
    match path.parent() {
        Some(directory) => runtime.sync_directory(directory).await,
        None => Ok(()),
    }
}

fn describe(identity: &Identity) -> String {
    format!(
        "directory {} of {} of journal {:016x} of core {}",
        identity.place + 1,
        identity.directory_count,
        identity.journal_id,
        identity.core
    )
}

async fn read_identity(runtime: &Runtime, directory: &Path, has_files: bool) -> Result<Option<Identity>, JournalError> {
    let path = directory.join(IDENTITY_NAME);
    let file = match runtime.open_file_to_read(&path).await {
        Ok(file) => file,
        Err(FileError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let damaged = || JournalError::DamagedIdentity { path: path.clone() };
    if file.len_bytes() != BLOCK_BYTES as u64 {
        // Its creation was cut short, unless there is data already.
        return if has_files { Err(damaged()) } else { Ok(None) };
    }
    let block = file.read_at(0, BLOCK_BYTES).await?;
    match Identity::decode(block.as_slice()) {
        Ok(identity) => Ok(Some(identity)),
        Err(BadIdentity::Version(found)) => Err(JournalError::Version { path, found }),
        Err(BadIdentity::Blank | BadIdentity::Damaged) if !has_files => Ok(None),
        Err(BadIdentity::Blank | BadIdentity::Damaged) => Err(damaged()),
    }
}

async fn write_identity(runtime: &Runtime, directory: &Path, identity: &Identity) -> Result<(), JournalError> {
    let path = directory.join(IDENTITY_NAME);
    match runtime.remove_file(&path).await {
        Ok(()) | Err(FileError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let file = runtime.create_file(&path, BLOCK_BYTES as u64).await?;
    let mut block = Buffer::zeroed(BLOCK_BYTES);
    identity.encode(block.as_mut_slice());
    file.write_durable_at(0, block).await.1?;
    Ok(())
}
