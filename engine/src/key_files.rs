//! The keyring and the file `keys`: read at start, made at the first start, replaced whole.
//!
//! Used by worker 0 alone, through the runtime. What is in them, and what a crash may leave, is `security/FORMAT.md`. Deliberately not here: when
//! keys come and go (`key_keeper.rs`), and why they cannot be used (`keys_error.rs`).

use crate::key_service::{self, KeyService};
use crate::keys_error::KeysError;
use crate::open::{EngineOptions, OpenError};
use control::CATALOG_GROUP;
use model::TableId;
use runtime::{Buffer, FileError, Runtime};
use security::{
    KEY_TABLE_BYTES_MAX, KEY_TABLE_UNIT_BYTES, KEYRING_BYTES_MAX, KeyOwner, KeyTable, Keyring, MasterKeyId, Secret,
    WrappedKey, Wrapping,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

const KEYRING_NAME: &str = "keyring";
const KEYS_NAME: &str = "keys";
/// What a file is called until it takes the place of another: its name and this.
const NEW_SUFFIX: &str = ".new";
/// What stands in a journal's folder from its first start on.
const IDENTITY_NAME: &str = "identity";

/// Where the two files are, and who unwraps what is wrapped in the first.
#[derive(Clone, Debug)]
pub(crate) struct KeyFiles {
    keyring: PathBuf,
    keys: PathBuf,
    service: Option<Arc<dyn KeyService>>,
}

impl KeyFiles {
    pub(crate) fn new(options: &EngineOptions) -> KeyFiles {
        KeyFiles::of(&options.data_directories[0], options.keyring.as_deref(), options.key_service.clone())
    }

    /// Those of a node whose first data directory this is.
    pub(crate) fn of(first: &Path, keyring: Option<&Path>, service: Option<Arc<dyn KeyService>>) -> KeyFiles {
        let keyring = keyring.map_or_else(|| first.join(KEYRING_NAME), Path::to_path_buf);
        KeyFiles { keyring, keys: first.join(KEYS_NAME), service }
    }

    /// Reads both for who looks at the data of a journal, and changes nothing: whatever master key of the keyring wraps will do.
    pub(crate) async fn read(&self, runtime: &Runtime, journal: &Path) -> Result<KeyTable, OpenError> {
        let mut keyring = self.read_keyring(runtime).await?;
        let Some(bytes) = read_blocks(runtime, &self.keys).await? else {
            return Err(KeysError::NoKeys { keys: self.keys.clone(), journal: journal.to_path_buf() }.into());
        };
        self.decode(runtime, &bytes, keyring.as_mut()).await
    }

    /// There are keys of a table above the last one that the catalog has known.
    pub(crate) fn without_catalog(&self, table: KeyOwner, last: TableId) -> KeysError {
        KeysError::NoTable { keys: self.keys.clone(), table, last }
    }

    /// Unlocks the master key that wraps, and no other.
    async fn decode(
        &self,
        runtime: &Runtime,
        bytes: &[u8],
        keyring: Option<&mut Keyring>,
    ) -> Result<KeyTable, OpenError> {
        let Some(keyring) = keyring else {
            return Err(KeysError::NoKeyring { keyring: self.keyring.clone(), keys: self.keys.clone() }.into());
        };
        let refused = |cause| {
            let (keys, keyring) = (self.keys.clone(), self.keyring.clone());
            KeysError::Keys { keys, keyring, cause }
        };
        let master = KeyTable::decode_master(bytes).map_err(refused)?;
        self.unlock(runtime, keyring, master).await?;
        Ok(KeyTable::decode(bytes, keyring).map_err(refused)?)
    }

    /// Has the key service unwrap the master key of that id, if that is wrapped.
    pub(crate) async fn unlock(
        &self,
        runtime: &Runtime,
        keyring: &mut Keyring,
        id: MasterKeyId,
    ) -> Result<(), KeysError> {
        let Some(wrapped) = keyring.locked(id) else { return Ok(()) };
        let service_key = wrapped.service_key().to_owned();
        let Some(service) = &self.service else {
            return Err(KeysError::NoService { keyring: self.keyring.clone(), id, service_key });
        };
        let not_unwrapped = |cause| KeysError::NotUnwrapped { keyring: self.keyring.clone(), id, cause };
        let secret = key_service::unwrap(service, runtime, wrapped).await;
        let secret = secret.map_err(|error| not_unwrapped(error.to_string()))?;
        let unlocked = keyring.unlock(id, secret);
        unlocked.map_err(|wrong| not_unwrapped(format!("with {service_key} of the key service {wrong}")))
    }

    /// Reads both; at the first start, makes them.
    pub(crate) async fn open(
        &self,
        runtime: &Runtime,
        options: &EngineOptions,
    ) -> Result<(Keyring, KeyTable), OpenError> {
        remove_if_there(runtime, &with_suffix(&self.keys)).await?;
        self.remove_new_keyrings(runtime).await?;
        let mut keyring = self.read_keyring(runtime).await?;
        let Some(bytes) = read_blocks(runtime, &self.keys).await? else {
            if let Some(journal) = find_journal(runtime, options).await? {
                return Err(KeysError::NoKeys { keys: self.keys.clone(), journal }.into());
            }
            return self.make(runtime, keyring).await;
        };
        let mut table = self.decode(runtime, &bytes, keyring.as_mut()).await?;
        let mut keyring = keyring.expect("the keys were unwrapped by it");
        if keyring.newest_id() != table.master() {
            // A rotation that was cut short, or a key that somebody has added.
            let newest = keyring.newest_id();
            self.unlock(runtime, &mut keyring, newest).await?;
            table.rewrap(&mut Wrapping { master: keyring.newest(), random: &mut |out| runtime.fill_secret(out) });
            self.replace_keys(runtime, &table.encode()).await?;
            tracing::info!(master = %table.master(), "every data key is wrapped by the newest master key");
        }
        if self.makes_keys() && keyring.newest_service_key().is_none() {
            tracing::warn!(
                keyring = %self.keyring.display(),
                "the master key stands in the keyring in clear; POST /keys/rotate?master has the key service make a new one"
            );
        }
        Ok((keyring, table))
    }

    /// A crash may have left a keyring that was not in place yet, with master keys in clear: beside the keyring, or where that was before somebody moved it.
    async fn remove_new_keyrings(&self, runtime: &Runtime) -> Result<(), FileError> {
        for keyring in [self.keyring.clone(), self.keys.with_file_name(KEYRING_NAME)] {
            let new = with_suffix(&keyring);
            match remove_if_there(runtime, &new).await {
                // What may not be written to refuses whether there is such a file or not.
                Err(error @ FileError::Permission { .. }) if runtime.open_file_to_read(&new).await.is_ok() => {
                    tracing::error!(%error, "a keyring that a crash has left holds master keys in clear: remove it");
                }
                Ok(()) | Err(FileError::Permission { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn make(&self, runtime: &Runtime, keyring: Option<Keyring>) -> Result<(Keyring, KeyTable), OpenError> {
        let keyring = match keyring {
            Some(mut keyring) => {
                let newest = keyring.newest_id();
                self.unlock(runtime, &mut keyring, newest).await?;
                keyring
            }
            None => self.make_keyring(runtime).await?,
        };
        let mut random = |out: &mut [u8]| runtime.fill_secret(out);
        let table = KeyTable::new(CATALOG_GROUP.0, &mut Wrapping { master: keyring.newest(), random: &mut random });
        self.replace_keys(runtime, &table.encode()).await?;
        Ok((keyring, table))
    }

    async fn make_keyring(&self, runtime: &Runtime) -> Result<Keyring, OpenError> {
        let keyring = match self.make_by_service(runtime).await? {
            Some((secret, wrapped)) => Keyring::of_wrapped(secret, wrapped),
            None => Keyring::draw(&mut |out| runtime.fill_secret(out)),
        };
        self.replace_keyring(runtime, &keyring).await?;
        tracing::warn!(
            keyring = %self.keyring.display(),
            key_service = keyring.newest_service_key(),
            "made a master key; without this file the data can never be read again: keep a copy in a safe place"
        );
        Ok(keyring)
    }

    /// Adds a new master key to the keyring, and makes that durable.
    pub(crate) async fn add_master(&self, runtime: &Runtime, keyring: &mut Keyring) -> Result<(), String> {
        let made = self.make_by_service(runtime).await.map_err(|error| error.to_string())?;
        let added = match made {
            Some((secret, wrapped)) => keyring.add_wrapped(secret, wrapped),
            None => keyring.add(&mut |out| runtime.fill_secret(out)),
        };
        added.map_err(|error| format!("the keyring {} takes no further key: {error}", self.keyring.display()))?;
        let replaced = self.replace_keyring(runtime, keyring).await;
        replaced.map_err(|error| format!("the keyring cannot be written: {error}; or add a key to it yourself"))
    }

    /// A new master key of the key service, if new ones are its to make.
    async fn make_by_service(&self, runtime: &Runtime) -> Result<Option<(Secret, WrappedKey)>, KeysError> {
        let Some(service) = self.service.as_ref().filter(|service| service.makes_keys()) else { return Ok(None) };
        let made = key_service::make(service, runtime).await;
        made.map(Some).map_err(|error| KeysError::NotMade { cause: error.to_string() })
    }

    fn makes_keys(&self) -> bool {
        self.service.as_ref().is_some_and(|service| service.makes_keys())
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

    async fn replace_keyring(&self, runtime: &Runtime, keyring: &Keyring) -> Result<(), FileError> {
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

/// Makes `path` hold `bytes`, durably: a crash leaves what was there or what is to be there. An error leaves one of them too, and no third file.
async fn replace(runtime: &Runtime, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let new = with_suffix(path);
    remove_if_there(runtime, &new).await?;
    if let Err(error) = put_in_place(runtime, &new, path, bytes).await {
        if let Err(error) = remove_if_there(runtime, &new).await {
            tracing::warn!(%error, "a new file of keys that is not in place cannot be removed; it stays until the next start");
        }
        return Err(error);
    }
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    runtime.sync_directory(directory.unwrap_or(Path::new("."))).await
}

/// Writes `new` durably, and has it take the place of `path`.
async fn put_in_place(runtime: &Runtime, new: &Path, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let file = runtime.create_file(new, bytes.len() as u64).await?;
    let mut buffer = Buffer::zeroed(bytes.len());
    buffer.as_mut_slice().copy_from_slice(bytes);
    let (mut buffer, written) = file.write_durable_at(0, buffer).await;
    zeroize::Zeroize::zeroize(buffer.as_mut_slice());
    written?;
    runtime.rename(new, path).await
}

async fn remove_if_there(runtime: &Runtime, path: &Path) -> Result<(), FileError> {
    match runtime.remove_file(path).await {
        Ok(()) | Err(FileError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A file of whole blocks; `None` if there is none. What is no whole number of blocks is read as far as it goes, what is longer than such a file may be as far
/// as that: its checksum will tell.
async fn read_blocks(runtime: &Runtime, path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    let file = match runtime.open_file_to_read(path).await {
        Ok(file) => file,
        Err(FileError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let len = usize::try_from(file.len_bytes()).unwrap_or(usize::MAX).min(KEY_TABLE_BYTES_MAX);
    let len = len / KEY_TABLE_UNIT_BYTES * KEY_TABLE_UNIT_BYTES;
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
