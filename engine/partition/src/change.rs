//! The Change: the payload of one entry in a partition's log, as FORMAT.md lays it out.
//!
//! Way of a request: `write.rs` encodes it once; the same bytes go to the journal, to replicas, and
//! are sliced for the table of writes in flight. Pure. What the log adds (group, term, index,
//! checksum) is deliberately not here.

use crate::effect::Effects;
use bytes::{BufMut, Bytes, BytesMut};
use model::KeyPlaces;
use model::limits::ITEM_SIZE_BYTES_MAX;
use std::fmt;

const VERSION: u8 = 3;
const KIND_PUT: u8 = 1;
const KIND_DELETE: u8 = 2;
/// Added to the kind where effects stand behind the key.
const HAS_EFFECTS: u8 = 4;
/// Added to the kind where the places of the key's attributes in the image stand for the key.
const KEY_IS_IN_IMAGE: u8 = 8;
const PUT_WITH_KEY_IN_IMAGE: u8 = KIND_PUT | KEY_IS_IN_IMAGE;
/// The bits of the second byte that tell the kind; those above tell the cause.
const KIND_MASK: u8 = 0x0F;
const CAUSE_SHIFT: u32 = 4;
const CAUSE_CALLER: u8 = 0;
const CAUSE_EXPIRY: u8 = 1;
const HEADER_BYTES: usize = 13;
/// Bytes of the key's length, or of its places.
const KEY_HEADER_BYTES: usize = 2;
/// Bits of the size of a replaced image.
const OLD_BYTES_BITS: u32 = 24;
const _: () = assert!(ITEM_SIZE_BYTES_MAX < 1 << OLD_BYTES_BITS);
/// Of the length in front of effects.
const EFFECTS_LENGTH_BYTES: usize = 4;

/// Who made a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cause {
    /// A caller asked for it.
    #[default]
    Caller,
    /// The item's time was over: the service deleted it.
    Expiry,
}

/// Why bytes are not a Change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeError {
    /// Fewer bytes than the header or the key needs.
    Truncated {
        /// Bytes there are.
        found_bytes: usize,
        /// Bytes that are needed.
        expected_bytes: usize,
    },
    /// A version of the format that this program does not know.
    Version(u8),
    /// Neither put nor delete, or by nobody who may do that.
    Kind(u8),
    /// A delete that carries an image.
    ImageOnDelete,
    /// A key in an image that has no such attributes.
    Key,
    /// Effects that mean nothing.
    Effects,
}

impl fmt::Display for ChangeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { found_bytes, expected_bytes } => {
                write!(out, "change of {found_bytes} bytes where {expected_bytes} are needed")
            }
            Self::Version(version) => write!(out, "change of unknown version {version}"),
            Self::Kind(kind) => write!(out, "change of unknown kind {kind}"),
            Self::ImageOnDelete => write!(out, "delete that carries an image"),
            Self::Key => write!(out, "change whose key is not in its image"),
            Self::Effects => write!(out, "change with malformed effects"),
        }
    }
}

impl std::error::Error for ChangeError {}

/// What happened to one item, decided by the leader. Its parts are borrowed: to be encoded, or read in place.
#[derive(Clone, Copy, Debug)]
pub struct ChangeView<'a> {
    /// Whose item it is.
    pub key: ChangeKey<'a>,
    /// The new image in its stored encoding, or `None` for a delete.
    pub image: Option<&'a [u8]>,
    /// DynamoDB's size of the image that this change replaces, in bytes; `None` if there was none.
    pub old_item_bytes: Option<u32>,
    /// The leader's wall clock in microseconds since 1970.
    pub written_at_us: u64,
    /// Who made it; an expiry deletes.
    pub cause: Cause,
    /// What becomes of the sets that follow from the items.
    pub effects: Effects<'a>,
}

/// The key of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKey<'a> {
    /// The encoded key, at most 65,535 bytes.
    Whole(&'a [u8]),
    /// The image has it.
    InImage(KeyPlaces),
}

impl<'a> ChangeView<'a> {
    /// How long it is when encoded.
    pub fn encoded_bytes(&self) -> usize {
        let key = match self.key {
            ChangeKey::Whole(key) => key.len(),
            ChangeKey::InImage(_) => 0,
        };
        let effects = self.effects.bytes().len();
        let effects = if effects == 0 { 0 } else { EFFECTS_LENGTH_BYTES + effects };
        HEADER_BYTES + KEY_HEADER_BYTES + key + effects + self.image.map_or(0, <[u8]>::len)
    }

    /// Writes the change to the end of `out` and splits it off: no allocation while `out` has room.
    pub fn encode(&self, out: &mut BytesMut) -> Bytes {
        out.put_u8(VERSION);
        out.put_u8(self.kind());
        let old_item_bytes = self.old_item_bytes.unwrap_or(0);
        assert!(old_item_bytes < 1 << OLD_BYTES_BITS, "an image of {old_item_bytes} bytes is longer than any item");
        out.put_uint_le(u64::from(old_item_bytes), OLD_BYTES_BITS as usize / 8);
        out.put_u64_le(self.written_at_us);
        match self.key {
            ChangeKey::Whole(key) => {
                out.put_u16_le(u16::try_from(key.len()).expect("a key is checked against its limits before"));
                out.put_slice(key);
            }
            ChangeKey::InImage(places) => out.put_slice(&places.to_bytes()),
        }
        if !self.effects.bytes().is_empty() {
            out.put_u32_le(u32::try_from(self.effects.bytes().len()).expect("entries of at most six sets"));
            out.put_slice(self.effects.bytes());
        }
        out.put_slice(self.image.unwrap_or_default());
        out.split().freeze()
    }

    /// Reads a change in place. Whether a key is where it is said to be shows when it is asked for.
    ///
    /// # Errors
    /// [`ChangeError`] if the bytes are not a change of a known version.
    pub fn decode(payload: &'a [u8]) -> Result<Self, ChangeError> {
        let expected_bytes = HEADER_BYTES + KEY_HEADER_BYTES;
        let truncated = |expected_bytes| ChangeError::Truncated { found_bytes: payload.len(), expected_bytes };
        let (header, rest) = payload.split_first_chunk::<HEADER_BYTES>().ok_or_else(|| truncated(expected_bytes))?;
        let [version, kind, old_0, old_1, old_2, ref written_at @ ..] = *header;
        if version != VERSION {
            return Err(ChangeError::Version(version));
        }
        let (key_header, rest) =
            rest.split_first_chunk::<KEY_HEADER_BYTES>().ok_or_else(|| truncated(expected_bytes))?;
        let (key, rest) = if kind & KEY_IS_IN_IMAGE == 0 {
            let key_bytes = usize::from(u16::from_le_bytes(*key_header));
            let split = rest.split_at_checked(key_bytes).ok_or_else(|| truncated(expected_bytes + key_bytes))?;
            (ChangeKey::Whole(split.0), split.1)
        } else {
            (ChangeKey::InImage(KeyPlaces::from_bytes(*key_header)), rest)
        };
        let (effects, image) = match kind & HAS_EFFECTS {
            0 => (Effects::NONE, rest),
            _ => split_effects(rest)?,
        };
        let (image, cause) = match (kind & KIND_MASK & !HAS_EFFECTS, kind >> CAUSE_SHIFT) {
            (KIND_PUT | PUT_WITH_KEY_IN_IMAGE, CAUSE_CALLER) => (Some(image), Cause::Caller),
            (KIND_DELETE, CAUSE_CALLER | CAUSE_EXPIRY) if !image.is_empty() => return Err(ChangeError::ImageOnDelete),
            (KIND_DELETE, CAUSE_CALLER) => (None, Cause::Caller),
            (KIND_DELETE, CAUSE_EXPIRY) => (None, Cause::Expiry),
            _ => return Err(ChangeError::Kind(kind)),
        };
        let old_item_bytes = u32::from_le_bytes([old_0, old_1, old_2, 0]);
        Ok(Self {
            key,
            image,
            old_item_bytes: (old_item_bytes != 0).then_some(old_item_bytes),
            written_at_us: u64::from_le_bytes(*written_at),
            cause,
            effects,
        })
    }

    /// The encoded key, which is put together in `out` where the image has it.
    ///
    /// # Errors
    /// [`ChangeError::Key`] if the image does not have it.
    pub fn key<'k>(&self, out: &'k mut Vec<u8>) -> Result<&'k [u8], ChangeError>
    where
        'a: 'k,
    {
        match self.key {
            ChangeKey::Whole(key) => Ok(key),
            ChangeKey::InImage(places) => {
                out.clear();
                places.encode_key(self.image.ok_or(ChangeError::Key)?, out).ok_or(ChangeError::Key)?;
                Ok(out)
            }
        }
    }

    /// The second byte.
    fn kind(&self) -> u8 {
        assert!(self.image.is_none() || self.cause == Cause::Caller, "an expiry deletes");
        let kind = match (self.image, self.key) {
            (Some(_), ChangeKey::Whole(_)) => KIND_PUT,
            (Some(_), ChangeKey::InImage(_)) => PUT_WITH_KEY_IN_IMAGE,
            (None, ChangeKey::Whole(_)) => KIND_DELETE,
            (None, ChangeKey::InImage(_)) => panic!("a delete has no image for its key to be in"),
        };
        let cause = match self.cause {
            Cause::Caller => CAUSE_CALLER,
            Cause::Expiry => CAUSE_EXPIRY,
        };
        let effects = if self.effects.bytes().is_empty() { 0 } else { HAS_EFFECTS };
        kind | effects | cause << CAUSE_SHIFT
    }
}

/// Splits what is behind the key into effects and image.
fn split_effects(rest: &[u8]) -> Result<(Effects<'_>, &[u8]), ChangeError> {
    let (length, rest) = rest.split_first_chunk::<EFFECTS_LENGTH_BYTES>().ok_or(ChangeError::Effects)?;
    let length = u32::from_le_bytes(*length) as usize;
    let (effects, image) = rest.split_at_checked(length).ok_or(ChangeError::Effects)?;
    Ok((Effects::decode(effects).ok_or(ChangeError::Effects)?, image))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::{EffectsBuilder, SetId};
    use model::{ItemEncoder, KeyAttribute, KeySchema, KeyType, Number};

    fn put() -> ChangeView<'static> {
        let (key, image, cause) = (ChangeKey::Whole(b"key"), Some(b"image".as_slice()), Cause::Caller);
        ChangeView { key, image, old_item_bytes: Some(7), written_at_us: 1, cause, effects: Effects::NONE }
    }

    fn check(parts: ChangeView<'_>) {
        let payload = parts.encode(&mut BytesMut::new());
        assert_eq!(payload.len(), parts.encoded_bytes());
        let change = ChangeView::decode(&payload).unwrap();
        assert_eq!((change.key, change.image), (parts.key, parts.image));
        assert_eq!(change.old_item_bytes, parts.old_item_bytes);
        assert_eq!(change.written_at_us, parts.written_at_us);
        assert_eq!(change.cause, parts.cause);
        assert_eq!(change.effects.bytes(), parts.effects.bytes());
        for length in 0..payload.len() - parts.image.map_or(0, <[u8]>::len) {
            assert!(ChangeView::decode(&payload[..length]).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn what_is_encoded_is_decoded_and_no_truncation_passes() {
        let put = put();
        check(put);
        check(ChangeView { image: None, ..put });
        check(ChangeView { image: None, cause: Cause::Expiry, ..put });
        let mut effects = EffectsBuilder::default();
        effects.add(SetId::LocalIndex(1), b"entry", 9);
        effects.set_value(SetId::Collections, b"hash", 7);
        check(ChangeView { effects: effects.effects(), ..put });
        check(ChangeView { image: None, effects: effects.effects(), ..put });
        check(ChangeView { key: ChangeKey::Whole(&[0; 5000]), old_item_bytes: None, written_at_us: u64::MAX, ..put });
        let key = ChangeKey::InImage(KeyPlaces::from_bytes([3, 0xFF]));
        check(ChangeView { key, old_item_bytes: Some((1 << OLD_BYTES_BITS) - 1), ..put });
        check(ChangeView { key, effects: effects.effects(), ..put });
    }

    #[test]
    fn a_key_that_the_image_has_is_not_written_twice() {
        let attribute = |name: &str, key_type| KeyAttribute { name: name.to_owned(), key_type };
        let sort_key = Some(attribute("at", KeyType::Number));
        let schema = KeySchema { partition_key: attribute("who", KeyType::String), sort_key };
        let mut encoder = ItemEncoder::new();
        encoder.begin_item();
        encoder.name("who");
        encoder.string("somebody");
        encoder.name("at");
        encoder.number(Number::parse("17").unwrap());
        encoder.name("what");
        encoder.string("something");
        let item = encoder.finish().unwrap();
        let mut key = Vec::new();
        schema.encode_item_key(item.as_ref(), &mut key).unwrap();

        let places = schema.places_in(item.as_ref()).unwrap();
        let change = ChangeView { key: ChangeKey::InImage(places), image: Some(item.bytes()), ..put() };
        let payload = change.encode(&mut BytesMut::new());
        assert_eq!(payload.len(), HEADER_BYTES + KEY_HEADER_BYTES + item.bytes().len());
        let mut scratch = b"of another change".to_vec();
        assert_eq!(ChangeView::decode(&payload).unwrap().key(&mut scratch), Ok(&key[..]));

        let elsewhere = ChangeView { key: ChangeKey::InImage(KeyPlaces::from_bytes([3, 0xFF])), ..change };
        assert_eq!(elsewhere.key(&mut scratch), Err(ChangeError::Key));
    }

    #[test]
    fn what_is_not_a_change_is_named() {
        let good = put().encode(&mut BytesMut::new());
        let altered = |at: usize, value: u8| {
            let mut bytes = good.to_vec();
            bytes[at] = value;
            ChangeView::decode(&bytes).unwrap_err()
        };
        assert_eq!(altered(0, 9), ChangeError::Version(9));
        for kind in [0, 3, 8, 0x0A, 0x11, 0x19, 0x21, 0x22] {
            assert_eq!(altered(1, kind), ChangeError::Kind(kind));
        }
        assert_eq!(altered(1, KIND_DELETE), ChangeError::ImageOnDelete);
        assert_eq!(altered(1, KIND_DELETE | CAUSE_EXPIRY << CAUSE_SHIFT), ChangeError::ImageOnDelete);
    }
}
