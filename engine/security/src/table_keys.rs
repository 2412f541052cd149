//! The data keys of one table, or of the catalog: each wrapped as its file has it, and open.
//!
//! Made and changed by [`KeyTable`](crate::KeyTable) on worker 0; every core shares the same ones, by `Arc`, and none changes them.

use crate::cipher::{Cipher, NONCE_BYTES, NotAuthentic, TAG_BYTES};
use crate::{KeyLimit, MasterKey, Secret};
use std::fmt;
use zeroize::Zeroizing;

/// The most data keys of one table: a rotation a day for almost three years.
pub const DATA_KEY_COUNT_MAX: usize = 1_000;
/// Bytes of a wrapped key: the key and its tag.
pub(crate) const WRAPPED_BYTES: usize = Secret::BYTES + TAG_BYTES;

/// Whose keys they are: 0 the catalog, else the table of that id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyOwner(pub u64);

impl KeyOwner {
    /// The catalog.
    pub const CATALOG: KeyOwner = KeyOwner(0);
}

impl fmt::Display for KeyOwner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => write!(formatter, "the catalog"),
            table => write!(formatter, "table {table}"),
        }
    }
}

/// What a new key takes: the master key that wraps it, and chance.
pub struct Wrapping<'a> {
    /// Wraps.
    pub master: &'a MasterKey,
    /// Fills a slice with bytes that nobody can guess.
    pub random: &'a mut dyn FnMut(&mut [u8]),
}

/// A data key.
#[derive(Clone, Debug)]
pub(crate) struct DataKey {
    /// From 1.
    pub(crate) version: u16,
    pub(crate) secret: Secret,
    pub(crate) nonce: [u8; NONCE_BYTES],
    pub(crate) wrapped: [u8; WRAPPED_BYTES],
}

/// What a wrapped key is bound to.
#[derive(Clone, Copy)]
pub(crate) struct KeyName {
    pub(crate) file_id: [u8; 16],
    pub(crate) owner: KeyOwner,
    pub(crate) version: u16,
}

impl KeyName {
    fn bound(self) -> [u8; 41] {
        let mut bound = [0; 41];
        bound[..15].copy_from_slice(b"stator data key");
        bound[15..31].copy_from_slice(&self.file_id);
        bound[31..39].copy_from_slice(&self.owner.0.to_le_bytes());
        bound[39..].copy_from_slice(&self.version.to_le_bytes());
        bound
    }
}

impl DataKey {
    fn draw(name: KeyName, wrapping: &mut Wrapping<'_>) -> DataKey {
        let secret = Secret::draw(wrapping.random);
        DataKey::wrap(name, secret, wrapping)
    }

    fn wrap(name: KeyName, secret: Secret, wrapping: &mut Wrapping<'_>) -> DataKey {
        let mut nonce = [0; NONCE_BYTES];
        (wrapping.random)(&mut nonce);
        let mut wrapped = [0; WRAPPED_BYTES];
        Cipher::new(wrapping.master.secret()).seal(nonce, &name.bound(), secret.bytes(), &mut wrapped);
        DataKey { version: name.version, secret, nonce, wrapped }
    }

    pub(crate) fn unwrap_with(
        name: KeyName,
        master: &Cipher,
        nonce: [u8; NONCE_BYTES],
        wrapped: [u8; WRAPPED_BYTES],
    ) -> Result<DataKey, NotAuthentic> {
        let mut bytes = Zeroizing::new([0; Secret::BYTES]);
        master.open(nonce, &name.bound(), &wrapped, &mut *bytes)?;
        Ok(DataKey { version: name.version, secret: Secret::new(*bytes), nonce, wrapped })
    }
}

/// The data keys of one owner.
#[derive(Clone, Debug)]
pub struct TableKeys {
    pub(crate) owner: KeyOwner,
    /// The groups whose records they seal.
    pub(crate) groups: Vec<u64>,
    /// By version, at least one. The last one seals, the others open.
    pub(crate) keys: Vec<DataKey>,
}

impl TableKeys {
    pub(crate) fn draw(
        (file_id, owner): ([u8; 16], KeyOwner),
        groups: Vec<u64>,
        wrapping: &mut Wrapping<'_>,
    ) -> TableKeys {
        let name = KeyName { file_id, owner, version: 1 };
        TableKeys { owner, groups, keys: vec![DataKey::draw(name, wrapping)] }
    }

    /// The same with one more key.
    pub(crate) fn rotated(&self, file_id: [u8; 16], wrapping: &mut Wrapping<'_>) -> Result<TableKeys, KeyLimit> {
        if self.keys.len() >= DATA_KEY_COUNT_MAX {
            return Err(KeyLimit);
        }
        let version = self.newest().version.checked_add(1).ok_or(KeyLimit)?;
        let mut rotated = self.clone();
        rotated.keys.push(DataKey::draw(KeyName { file_id, owner: self.owner, version }, wrapping));
        Ok(rotated)
    }

    /// The same keys, wrapped again.
    pub(crate) fn rewrapped(&self, file_id: [u8; 16], wrapping: &mut Wrapping<'_>) -> TableKeys {
        let rewrap = |key: &DataKey| {
            let name = KeyName { file_id, owner: self.owner, version: key.version };
            DataKey::wrap(name, key.secret.clone(), wrapping)
        };
        TableKeys { owner: self.owner, groups: self.groups.clone(), keys: self.keys.iter().map(rewrap).collect() }
    }

    /// Whose they are.
    pub fn owner(&self) -> KeyOwner {
        self.owner
    }

    /// The groups whose records they seal.
    pub fn groups(&self) -> &[u64] {
        &self.groups
    }

    /// The version that seals.
    pub fn newest_version(&self) -> u16 {
        self.newest().version
    }

    pub(crate) fn newest(&self) -> &DataKey {
        self.keys.last().expect("an owner has at least one key")
    }

    pub(crate) fn find(&self, version: u16) -> Option<&DataKey> {
        let place = self.keys.binary_search_by_key(&version, |key| key.version).ok()?;
        Some(&self.keys[place])
    }
}
