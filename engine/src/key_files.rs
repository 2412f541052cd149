//! The keyring and the file `keys`: read at start, made at the first start, replaced whole.
//!
//! Used by worker 0 alone, through the runtime. What is in them, and what a crash may leave, is `security/FORMAT.md`. Deliberately not here: when
//! keys come and go (`key_keeper.rs`).

use crate::open::{EngineOptions, OpenError};
use control::CATALOG_GROUP;
use runtime::{Buffer, FileError, Runtime};
use security::{KEY_TABLE_BYTES_MIN, KEYRING_BYTES_MAX, KeyFileError, KeyTable, Keyring, KeyringError, Wrapping};
use std::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const KEYRING_NAME: &str = "keyring";
const KEYS_NAME: &str = "keys";
/// What a file is called until it takes the place of another: its name and this.
const NEW_SUFFIX: &str = ".new";
/// What stands in a journal's folder from its first start on.
const IDENTITY_NAME: &str = "identity";

/// Why the keys cannot be used. Each names the file, and says what to do.
#[derive(Debug, PartialEq, Eq)]
pub enum KeysError {
    /// There are keys and no keyring.
    NoKeyring {
        /// Where it was looked for.
        keyring: PathBuf,
        /// What it wraps.
        keys: PathBuf,
    },
    /// The keyring is not one.
    Keyring {
        /// Which file.
        keyring: PathBuf,
        /// What is wrong with it.
        cause: KeyringError,
    },
    /// There is data and no keys.
    NoKeys {
        /// Where they were looked for.
        keys: PathBuf,
        /// The data.
        journal: PathBuf,
    },
    /// The keys cannot be unwrapped.
    Keys {
        /// Which file.
        keys: PathBuf,
        /// The keyring that was tried.
        keyring: PathBuf,
        /// What is wrong.
        cause: KeyFileError,
    },
}

impl fmt::Display for KeysError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKeyring { keyring, keys } => write!(
                out,
                "the keyring {} is missing, and nothing can be read without the master keys that wrap {}: put it back, or name its place with --keyring",
                keyring.display(),
                keys.display()
            ),
            Self::Keyring { keyring, cause } => {
                write!(out, "the keyring {} cannot be used: {cause}; restore it from its copy", keyring.display())
            }
            Self::NoKeys { keys, journal } => write!(
                out,
                "{} is missing, and the data in {} cannot be read without it: restore it from a copy; data of a version that did not encrypt is not read by this one",
                keys.display(),
                journal.display()
            ),
            Self::Keys { keys, keyring, cause: cause @ KeyFileError::NoMasterKey(_) } => write!(
                out,
                "{} cannot be used: {cause}, which is not in the keyring {}; put back the keyring that belongs to this data, or name its place with --keyring",
                keys.display(),
                keyring.display()
            ),
            Self::Keys { keys, cause: cause @ KeyFileError::Version(_), .. } => {
                write!(out, "{} cannot be used: {cause}; use the program that wrote it", keys.display())
            }
            Self::Keys { keys, cause, .. } => {
                write!(out, "{} cannot be used: {cause}; restore it from a copy", keys.display())
            }
        }
    }
}

impl std::error::Error for KeysError {}

/// Where the two files are.
#[derive(Clone, Debug)]
pub(crate) struct KeyFiles {
    keyring: PathBuf,
    keys: PathBuf,
}

impl KeyFiles {
    pub(crate) fn new(options: &EngineOptions) -> KeyFiles {
        KeyFiles::of(&options.data_directories[0], options.keyring.as_deref())
    }

    /// Those of a node whose first data directory this is.
    pub(crate) fn of(first: &Path, keyring: Option<&Path>) -> KeyFiles {
        let keyring = keyring.map_or_else(|| first.join(KEYRING_NAME), Path::to_path_buf);
        KeyFiles { keyring, keys: first.join(KEYS_NAME) }
    }

    /// Reads both for who looks at the data of a journal, and changes nothing: whatever master key of the keyring wraps will do.
    pub(crate) async fn read(&self, runtime: &Runtime, journal: &Path) -> Result<KeyTable, OpenError> {
        let keyring = self.read_keyring(runtime).await?;
        let Some(bytes) = read_blocks(runtime, &self.keys).await? else {
            return Err(KeysError::NoKeys { keys: self.keys.clone(), journal: journal.to_path_buf() }.into());
        };
        self.decode(&bytes, keyring.as_ref())
    }

    fn decode(&self, bytes: &[u8], keyring: Option<&Keyring>) -> Result<KeyTable, OpenError> {
        let Some(master_keys) = keyring else {
            return Err(KeysError::NoKeyring { keyring: self.keyring.clone(), keys: self.keys.clone() }.into());
        };
        let table = KeyTable::decode(bytes, master_keys).map_err(|cause| {
            let (keys, keyring) = (self.keys.clone(), self.keyring.clone());
            KeysError::Keys { keys, keyring, cause }
        });
        Ok(table?)
    }

    /// Reads both; at the first start, makes them.
    pub(crate) async fn open(
        &self,
        runtime: &Runtime,
        options: &EngineOptions,
    ) -> Result<(Keyring, KeyTable), OpenError> {
        remove_if_there(runtime, &with_suffix(&self.keys)).await?;
        let keyring = self.read_keyring(runtime).await?;
        let Some(bytes) = read_blocks(runtime, &self.keys).await? else {
            if let Some(journal) = find_journal(runtime, options).await? {
                return Err(KeysError::NoKeys { keys: self.keys.clone(), journal }.into());
            }
            return self.make(runtime, keyring).await;
        };
        let mut table = self.decode(&bytes, keyring.as_ref())?;
        let keyring = keyring.expect("the keys were unwrapped by it");
        if keyring.newest().id() != table.master() {
            // A rotation that was cut short, or a key that somebody has added.
            table.rewrap(&mut Wrapping { master: keyring.newest(), random: &mut |out| runtime.fill_secret(out) });
            self.replace_keys(runtime, &table.encode()).await?;
            tracing::info!(master = %table.master(), "every data key is wrapped by the newest master key");
        }
        Ok((keyring, table))
    }

    async fn make(&self, runtime: &Runtime, keyring: Option<Keyring>) -> Result<(Keyring, KeyTable), OpenError> {
        let mut random = |out: &mut [u8]| runtime.fill_secret(out);
        let keyring = match keyring {
            Some(keyring) => keyring,
            None => {
                let keyring = Keyring::draw(&mut random);
                self.replace_keyring(runtime, &keyring).await?;
                tracing::warn!(
                    keyring = %self.keyring.display(),
                    "made a master key; without this file the data can never be read again: keep a copy in a safe place"
                );
                keyring
            }
        };
        let table = KeyTable::new(CATALOG_GROUP.0, &mut Wrapping { master: keyring.newest(), random: &mut random });
        self.replace_keys(runtime, &table.encode()).await?;
        Ok((keyring, table))
    }

    /// The keyring as it is now; `None` if there is no such file.
    pub(crate) async fn read_keyring(&self, runtime: &Runtime) -> Result<Option<Keyring>, OpenError> {
        let text = match runtime.read_whole(&self.keyring, KEYRING_BYTES_MAX).await {
            Ok(text) => Zeroizing::new(text),
            Err(FileError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let parsed = Keyring::parse(&text);
        Ok(Some(parsed.map_err(|cause| KeysError::Keyring { keyring: self.keyring.clone(), cause })?))
    }

    /// Where the keyring is.
    pub(crate) fn keyring(&self) -> &Path {
        &self.keyring
    }

    pub(crate) async fn replace_keyring(&self, runtime: &Runtime, keyring: &Keyring) -> Result<(), FileError> {
        let mut text = keyring.text();
        // Whole blocks, for direct I/O, of bytes that mean nothing in a text.
        while !text.len().is_multiple_of(runtime::BLOCK_BYTES) {
            text.push('\n');
        }
        replace(runtime, &self.keyring, text.as_bytes()).await
    }

    pub(crate) async fn replace_keys(&self, runtime: &Runtime, bytes: &[u8]) -> Result<(), FileError> {
        replace(runtime, &self.keys, bytes).await
    }
}

fn with_suffix(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(NEW_SUFFIX);
    PathBuf::from(name)
}

/// Makes `path` hold `bytes`, durably: a crash leaves what was there or what is to be there.
async fn replace(runtime: &Runtime, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let new = with_suffix(path);
    remove_if_there(runtime, &new).await?;
    let file = runtime.create_file(&new, bytes.len() as u64).await?;
    let mut buffer = Buffer::zeroed(bytes.len());
    buffer.as_mut_slice().copy_from_slice(bytes);
    let (mut buffer, written) = file.write_durable_at(0, buffer).await;
    zeroize::Zeroize::zeroize(buffer.as_mut_slice());
    written?;
    runtime.rename(&new, path).await?;
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    runtime.sync_directory(directory.unwrap_or(Path::new("."))).await
}

async fn remove_if_there(runtime: &Runtime, path: &Path) -> Result<(), FileError> {
    match runtime.remove_file(path).await {
        Ok(()) | Err(FileError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A file of whole blocks; `None` if there is none. What is no whole number of blocks is read as far as it goes: its checksum will tell.
async fn read_blocks(runtime: &Runtime, path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    let file = match runtime.open_file_to_read(path).await {
        Ok(file) => file,
        Err(FileError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let len = usize::try_from(file.len_bytes()).unwrap_or(usize::MAX) / KEY_TABLE_BYTES_MIN * KEY_TABLE_BYTES_MIN;
    if len == 0 {
        return Ok(Some(Vec::new()));
    }
    Ok(Some(file.read_at(0, len).await?.as_slice().to_vec()))
}

/// A journal's folder that was in use: keys come before journals.
async fn find_journal(runtime: &Runtime, options: &EngineOptions) -> Result<Option<PathBuf>, FileError> {
    for directory in &options.data_directories {
        for entry in runtime.list_directory(directory).await? {
            let folder = directory.join(&entry.name);
            if entry.is_directory && entry.name.starts_with(crate::open::JOURNAL_PREFIX) {
                let names = runtime.list_directory(&folder).await?;
                if names.iter().any(|found| found.name == IDENTITY_NAME) {
                    return Ok(Some(folder));
                }
            }
        }
    }
    Ok(None)
}
