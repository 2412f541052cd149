//! Items that tell who wrote them: key, round, sequence, a body that follows from those, a checksum over all.
//!
//! An item is a function of its key and its version, so one that was read back is compared with what it has to be, byte for
//! byte. The checksum would let a reader without the oracle see damage as well.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use client::{AttributeMap, Value};
use fastrand::Rng;
use model::{Item, Number};

/// Keys of one writer.
pub(super) const SLOTS_PER_WRITER: u16 = 48;
/// Partition keys over which a writer's keys are spread.
pub(super) const PARTITION_KEYS_PER_WRITER: u16 = 4;
/// Bytes of the largest body.
const BODY_BYTES_MAX: usize = 50_000;

/// The attributes of the primary key.
pub(super) const PARTITION_KEY: &str = "pk";
pub(super) const SORT_KEY: &str = "sk";
const ROUND: &str = "round";
const SEQUENCE: &str = "sequence";
const CHECKSUM: &str = "checksum";

/// A primary key. One writer writes it, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) writer: u16,
    /// Below [`SLOTS_PER_WRITER`].
    pub(super) slot: u16,
}

/// Which write an item is from: the writer counts its operations in each round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) round: u32,
    pub(super) sequence: u32,
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.partition_key(), self.sort_key())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "round {} write {}", self.round, self.sequence)
    }
}

impl Key {
    pub(super) fn partition_key(self) -> String {
        partition_key(self.writer, self.slot % PARTITION_KEYS_PER_WRITER)
    }

    fn sort_key(self) -> i64 {
        i64::from(self.slot / PARTITION_KEYS_PER_WRITER)
    }

    /// The key's attributes.
    pub(super) fn attributes(self) -> AttributeMap {
        BTreeMap::from([
            (PARTITION_KEY.to_owned(), Value::S(self.partition_key())),
            (SORT_KEY.to_owned(), Value::from(self.sort_key())),
        ])
    }

    /// The key of an item, or of LastEvaluatedKey.
    pub(super) fn of(item: &AttributeMap) -> Option<Key> {
        let Value::S(partition_key) = item.get(PARTITION_KEY)? else { return None };
        let (writer, place) = partition_key.strip_prefix("writer-")?.split_once('-')?;
        let sort_key = u16::try_from(integer(item.get(SORT_KEY)?)?).ok()?;
        let slot = sort_key.checked_mul(PARTITION_KEYS_PER_WRITER)?.checked_add(place.parse().ok()?)?;
        Some(Key { writer: writer.parse().ok()?, slot })
    }
}

/// One of the partition keys of a writer.
pub(super) fn partition_key(writer: u16, place: u16) -> String {
    format!("writer-{writer:03}-{place}")
}

/// The item that `version` writes under `key`.
pub(super) fn item(key: Key, version: Version) -> AttributeMap {
    let seed = u64::from(key.writer) << 48 | u64::from(key.slot) << 32 | u64::from(version.round) << 20;
    let mut chance = Rng::with_seed(seed ^ u64::from(version.sequence));
    let body_bytes = match chance.u8(0..100) {
        0 => chance.usize(5_000..=BODY_BYTES_MAX),
        1..10 => chance.usize(500..5_000),
        _ => chance.usize(0..500),
    };
    let body: String = (0..body_bytes).map(|_| chance.alphanumeric()).collect();
    let tags = BTreeSet::from_iter((0..chance.usize(1..4)).map(|_| format!("tag-{}", chance.u16(..))));
    let nested = Value::L(vec![Value::Bool(chance.bool()), Value::Null, Value::from(i64::from(chance.u32(..)))]);
    let mut item = key.attributes();
    item.extend([
        (ROUND.to_owned(), Value::from(i64::from(version.round))),
        (SEQUENCE.to_owned(), Value::from(i64::from(version.sequence))),
        ("body".to_owned(), Value::S(body)),
        ("binary".to_owned(), Value::B((0..16).map(|_| chance.u8(..)).collect())),
        ("tags".to_owned(), Value::Ss(tags)),
        ("nested".to_owned(), Value::M(BTreeMap::from([("list".to_owned(), nested)]))),
    ]);
    let checksum = checksum(&item);
    item.insert(CHECKSUM.to_owned(), checksum);
    item
}

/// The version that an item is of; why it cannot be one that was ever written.
pub(super) fn identify(item_read: &AttributeMap) -> Result<(Key, Version), String> {
    let key = Key::of(item_read).ok_or("an item whose key nobody writes")?;
    let mut rest = item_read.clone();
    if rest.remove(CHECKSUM) != Some(checksum(&rest)) {
        return Err(format!("{key}: an item whose checksum is wrong or missing"));
    }
    let number = |name| item_read.get(name).and_then(integer).and_then(|number| u32::try_from(number).ok());
    let (Some(round), Some(sequence)) = (number(ROUND), number(SEQUENCE)) else {
        return Err(format!("{key}: an item without a version"));
    };
    let version = Version { round, sequence };
    if *item_read != item(key, version) {
        return Err(format!("{key}: an item that is not what {version} wrote"));
    }
    Ok((key, version))
}

fn checksum(item: &AttributeMap) -> Value {
    let encoded = Item::from_value_map(item).expect("what was decoded or made can be encoded");
    Value::from(i64::from(crc32fast::hash(encoded.bytes())))
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::N(number) => Number::to_i64(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key { writer: 3, slot: 7 };
    const VERSION: Version = Version { round: 2, sequence: 40 };

    #[test]
    fn an_item_tells_its_key_and_version() {
        for slot in 0..SLOTS_PER_WRITER {
            let (key, version) = (Key { slot, ..KEY }, Version { sequence: u32::from(slot), ..VERSION });
            assert_eq!(identify(&item(key, version)), Ok((key, version)));
        }
        assert_ne!(item(KEY, VERSION), item(KEY, Version { round: 3, ..VERSION }));
    }

    #[test]
    fn sizes_vary_from_small_to_fifty_kilobytes() {
        let size = |sequence| Item::from_value_map(&item(KEY, Version { sequence, ..VERSION })).unwrap().bytes().len();
        let sizes: Vec<usize> = (0..2000).map(size).collect();
        assert!(sizes.iter().any(|size| *size > 30_000) && sizes.iter().any(|size| *size < 300));
        assert!(sizes.iter().all(|size| *size < BODY_BYTES_MAX + 500));
    }

    #[test]
    fn damage_and_mixtures_are_found() {
        let sound = item(KEY, VERSION);
        for name in sound.keys() {
            let mut damaged = sound.clone();
            damaged.remove(name);
            assert!(identify(&damaged).is_err(), "without {name}");
        }
        // Half of one write and half of another, with a checksum to match.
        let mut mixed = sound;
        mixed.insert("body".to_owned(), Value::S("another".to_owned()));
        mixed.remove(CHECKSUM);
        let checksum = checksum(&mixed);
        mixed.insert(CHECKSUM.to_owned(), checksum);
        assert!(identify(&mixed).unwrap_err().contains("is not what round 2 write 40 wrote"));
    }
}
