//! The data keys of all tables, as the file `keys` holds them. The layout is `FORMAT.md`'s.
//!
//! One a node, on worker 0. A change here is a change in memory: it counts once the file is replaced by what [`KeyTable::encode`] gives, and
//! only then are the cores told. Decoding takes any bytes and never panics.

use crate::cipher::{Cipher, NONCE_BYTES};
use crate::table_keys::{DATA_KEY_COUNT_MAX, DataKey, KeyName, KeyOwner, TableKeys, WRAPPED_BYTES, Wrapping};
use crate::{KeyFileError, KeyLimit, Keyring, MasterKeyId};
use std::collections::BTreeMap;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// The file is a multiple of this, and so at least as long.
pub const KEY_TABLE_UNIT_BYTES: usize = 4096;
/// No file is longer: 2,500 tables with 1,000 keys of 72 bytes each are 180 MB.
pub const KEY_TABLE_BYTES_MAX: usize = 512 << 20;
const MAGIC: u32 = u32::from_le_bytes(*b"STKY");
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 80;
/// Where the id of the master key that wraps stands.
const MASTER_OFFSET: usize = 48;
const KEY_BYTES: usize = 72;

/// See the front page.
///
/// Invariants:
/// 1. Every wrapped key is wrapped by `master`, under a nonce of its own.
/// 2. `last_group` is not below any group.
#[derive(Clone, Debug)]
pub struct KeyTable {
    file_id: [u8; 16],
    generation: u64,
    master: MasterKeyId,
    last_group: u64,
    owners: BTreeMap<KeyOwner, Arc<TableKeys>>,
}

impl KeyTable {
    /// The table of a new node: a key for the catalog, whose group is `catalog_group`.
    pub fn new(catalog_group: u64, wrapping: &mut Wrapping<'_>) -> KeyTable {
        let mut file_id = [0; 16];
        (wrapping.random)(&mut file_id);
        let master = wrapping.master.id();
        let mut table = KeyTable { file_id, generation: 0, master, last_group: catalog_group, owners: BTreeMap::new() };
        table.add(KeyOwner::CATALOG, vec![catalog_group], wrapping);
        table
    }

    /// How often it was changed.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The master key that wraps.
    pub fn master(&self) -> MasterKeyId {
        self.master
    }

    /// The highest group that was ever given keys.
    pub fn last_group(&self) -> u64 {
        self.last_group
    }

    /// The keys of all owners.
    pub fn owners(&self) -> impl Iterator<Item = &Arc<TableKeys>> {
        self.owners.values()
    }

    /// The keys of one owner.
    pub fn find(&self, owner: KeyOwner) -> Option<&Arc<TableKeys>> {
        self.owners.get(&owner)
    }

    /// Gives an owner its first key.
    pub fn add(&mut self, owner: KeyOwner, groups: Vec<u64>, wrapping: &mut Wrapping<'_>) -> Arc<TableKeys> {
        self.check_master(wrapping);
        self.last_group = groups.iter().fold(self.last_group, |last, group| last.max(*group));
        let keys = Arc::new(TableKeys::draw((self.file_id, owner), groups, wrapping));
        let earlier = self.owners.insert(owner, Arc::clone(&keys));
        assert!(earlier.is_none(), "{owner} has keys already");
        self.generation += 1;
        keys
    }

    /// Gives an owner one more key, which seals from then on. `None` if it has none to begin with.
    ///
    /// # Errors
    /// [`KeyLimit`].
    pub fn rotate(&mut self, owner: KeyOwner, wrapping: &mut Wrapping<'_>) -> Option<Result<Arc<TableKeys>, KeyLimit>> {
        self.check_master(wrapping);
        let keys = self.owners.get_mut(&owner)?;
        Some(keys.rotated(self.file_id, wrapping).map(|rotated| {
            *keys = Arc::new(rotated);
            self.generation += 1;
            Arc::clone(keys)
        }))
    }

    /// Shreds the keys of an owner; false if it has none.
    pub fn remove(&mut self, owner: KeyOwner) -> bool {
        let was_there = self.owners.remove(&owner).is_some();
        self.generation += u64::from(was_there);
        was_there
    }

    /// Wraps every key again, by another master key.
    pub fn rewrap(&mut self, wrapping: &mut Wrapping<'_>) {
        for keys in self.owners.values_mut() {
            *keys = Arc::new(keys.rewrapped(self.file_id, wrapping));
        }
        self.master = wrapping.master.id();
        self.generation += 1;
    }

    /// The bytes of its file: whole blocks.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; HEADER_BYTES];
        for keys in self.owners.values() {
            out.extend_from_slice(&keys.owner.0.to_le_bytes());
            out.extend_from_slice(&count_of(keys.groups.len()).to_le_bytes());
            out.extend_from_slice(&count_of(keys.keys.len()).to_le_bytes());
            keys.groups.iter().for_each(|group| out.extend_from_slice(&group.to_le_bytes()));
            for key in &keys.keys {
                out.extend_from_slice(&key.version.to_le_bytes());
                out.extend_from_slice(&[0; 6]);
                out.extend_from_slice(&key.nonce);
                out.extend_from_slice(&key.wrapped);
                out.extend_from_slice(&[0; 4]);
            }
        }
        let length = out.len();
        out[8..12].copy_from_slice(&MAGIC.to_le_bytes());
        out[12..14].copy_from_slice(&VERSION.to_le_bytes());
        out[16..24].copy_from_slice(&(length as u64).to_le_bytes());
        out[24..40].copy_from_slice(&self.file_id);
        out[40..48].copy_from_slice(&self.generation.to_le_bytes());
        out[MASTER_OFFSET..64].copy_from_slice(&self.master.0);
        out[64..72].copy_from_slice(&self.last_group.to_le_bytes());
        out[72..76].copy_from_slice(&count_of(self.owners.len()).to_le_bytes());
        let checksum = xxh3_64(&out[8..]);
        out[..8].copy_from_slice(&checksum.to_le_bytes());
        out.resize(length.next_multiple_of(KEY_TABLE_UNIT_BYTES), 0);
        out
    }

    /// Which master key wraps the keys of these bytes of its file.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn decode_master(bytes: &[u8]) -> Result<MasterKeyId, KeyFileError> {
        let mut reader = Reader { bytes: check_frame(bytes)? };
        reader.skip(MASTER_OFFSET)?;
        reader.array().map(MasterKeyId)
    }

    /// Reads the bytes of its file, and unwraps every key.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn decode(bytes: &[u8], keyring: &Keyring) -> Result<KeyTable, KeyFileError> {
        let mut reader = Reader { bytes: check_frame(bytes)? };
        reader.skip(24)?;
        let file_id = reader.array()?;
        let generation = reader.number()?;
        let id = MasterKeyId(reader.array()?);
        let last_group = reader.number()?;
        let owner_count = u32::from_le_bytes(reader.array()?);
        reader.skip(4)?;
        let master = Cipher::new(keyring.find(id).ok_or(KeyFileError::NoMasterKey(id))?.secret());
        let mut owners = BTreeMap::new();
        for _ in 0..owner_count {
            let keys = decode_owner(&mut reader, file_id, &master)?;
            let is_known = keys.groups.iter().all(|group| *group <= last_group);
            if !is_known || owners.insert(keys.owner, Arc::new(keys)).is_some() {
                return Err(KeyFileError::Damaged);
            }
        }
        if !reader.bytes.is_empty() || !owners.contains_key(&KeyOwner::CATALOG) {
            return Err(KeyFileError::Damaged);
        }
        Ok(KeyTable { file_id, generation, master: id, last_group, owners })
    }

    fn check_master(&self, wrapping: &Wrapping<'_>) {
        assert_eq!(wrapping.master.id(), self.master, "one master key wraps all");
    }
}

fn count_of(count: usize) -> u32 {
    u32::try_from(count).expect("owners, groups and keys are far fewer than 2^32")
}

/// The bytes that count, if the file is whole.
fn check_frame(bytes: &[u8]) -> Result<&[u8], KeyFileError> {
    let mut reader = Reader { bytes };
    let checksum = reader.number()?;
    let magic = u32::from_le_bytes(reader.array()?);
    let version = u16::from_le_bytes(reader.array()?);
    reader.skip(2)?;
    let length = usize::try_from(reader.number()?).map_err(|_| KeyFileError::Damaged)?;
    let (counted, padding) = bytes.split_at_checked(length).ok_or(KeyFileError::Damaged)?;
    let is_framed = magic == MAGIC && length >= HEADER_BYTES && xxh3_64(&counted[8..]) == checksum;
    if !is_framed || padding.iter().any(|byte| *byte != 0) {
        return Err(KeyFileError::Damaged);
    }
    if version != VERSION {
        return Err(KeyFileError::Version(version));
    }
    Ok(counted)
}

fn decode_owner(reader: &mut Reader<'_>, file_id: [u8; 16], master: &Cipher) -> Result<TableKeys, KeyFileError> {
    let owner = KeyOwner(reader.number()?);
    let group_count = u32::from_le_bytes(reader.array()?) as usize;
    let key_count = u32::from_le_bytes(reader.array()?) as usize;
    if key_count == 0 || key_count > DATA_KEY_COUNT_MAX {
        return Err(KeyFileError::Damaged);
    }
    let groups = reader.take(group_count.checked_mul(8).ok_or(KeyFileError::Damaged)?)?;
    let groups = groups.as_chunks::<8>().0.iter().map(|group| u64::from_le_bytes(*group)).collect();
    let keys = reader.take(key_count * KEY_BYTES)?;
    let mut decoded: Vec<DataKey> = Vec::with_capacity(key_count);
    for key in keys.as_chunks::<KEY_BYTES>().0 {
        let mut key = Reader { bytes: key };
        let version = u16::from_le_bytes(key.array()?);
        if decoded.last().map_or(0, |earlier| earlier.version) >= version {
            return Err(KeyFileError::Damaged);
        }
        key.skip(6)?;
        let nonce: [u8; NONCE_BYTES] = key.array()?;
        let wrapped: [u8; WRAPPED_BYTES] = key.array()?;
        let key = DataKey::unwrap_with(KeyName { file_id, owner, version }, master, nonce, wrapped);
        decoded.push(key.map_err(|_| KeyFileError::NotAuthentic { owner, version })?);
    }
    Ok(TableKeys { owner, groups, keys: decoded })
}

/// What is left to read.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], KeyFileError> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(KeyFileError::Damaged)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn skip(&mut self, length: usize) -> Result<(), KeyFileError> {
        self.take(length).map(drop)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], KeyFileError> {
        Ok(self.take(N)?.try_into().expect("as many were taken"))
    }

    fn number(&mut self) -> Result<u64, KeyFileError> {
        self.array().map(u64::from_le_bytes)
    }
}
