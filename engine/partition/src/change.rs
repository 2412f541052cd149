//! The Change: the payload of one entry in a partition's log, as FORMAT.md lays it out.
//!
//! Way of a request: `owner` encodes it once; the same bytes go to the journal, to replicas, and
//! are sliced for the table of writes in flight. Pure. What the log adds (group, term, index,
//! checksum) is deliberately not here.

use crate::effect::Effects;
use bytes::{BufMut, Bytes, BytesMut};
use std::fmt;

const VERSION: u8 = 2;
const KIND_PUT: u8 = 1;
const KIND_DELETE: u8 = 2;
/// Added to the kind where effects stand behind the key.
const HAS_EFFECTS: u8 = 4;
/// The bits of the second byte that tell the kind; those above tell the cause.
const KIND_MASK: u8 = 0x0F;
const CAUSE_SHIFT: u32 = 4;
const CAUSE_CALLER: u8 = 0;
const CAUSE_EXPIRY: u8 = 1;
const HEADER_BYTES: usize = 16;
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

/// What happened to one item, decided by the leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The encoded key.
    pub key: Bytes,
    /// The new image in its stored encoding, or `None` if the item is deleted.
    pub image: Option<Bytes>,
    /// DynamoDB's size of the image that this change replaces, in bytes; `None` if there was none.
    pub old_item_bytes: Option<u32>,
    /// The leader's wall clock in microseconds since 1970.
    pub written_at_us: u64,
    /// Who made it.
    pub cause: Cause,
    /// What becomes of the sets that follow from the items.
    pub effects: Bytes,
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
            Self::Effects => write!(out, "change with malformed effects"),
        }
    }
}

impl std::error::Error for ChangeError {}

/// A change whose parts are borrowed: to be encoded, or read in place.
#[derive(Clone, Copy, Debug)]
pub struct ChangeView<'a> {
    /// The encoded key, at most 65,535 bytes.
    pub key: &'a [u8],
    /// The new image, or `None` for a delete.
    pub image: Option<&'a [u8]>,
    /// DynamoDB's size of the replaced image in bytes.
    pub old_item_bytes: Option<u32>,
    /// Microseconds since 1970.
    pub written_at_us: u64,
    /// Who made it; an expiry deletes.
    pub cause: Cause,
    /// What becomes of the sets that follow from the items.
    pub effects: Effects<'a>,
}

impl<'a> ChangeView<'a> {
    /// How long it is when encoded.
    pub fn encoded_bytes(&self) -> usize {
        let effects = self.effects.bytes().len();
        let effects = if effects == 0 { 0 } else { EFFECTS_LENGTH_BYTES + effects };
        HEADER_BYTES + self.key.len() + effects + self.image.map_or(0, <[u8]>::len)
    }

    /// Writes the change to the end of `out` and splits it off: no allocation while `out` has room.
    pub fn encode(&self, out: &mut BytesMut) -> Bytes {
        let key_bytes = u16::try_from(self.key.len()).expect("a key is checked against its limits before");
        let image = self.image.unwrap_or_default();
        out.put_u8(VERSION);
        out.put_u8(self.kind());
        out.put_u16_le(key_bytes);
        out.put_u32_le(self.old_item_bytes.unwrap_or(0));
        out.put_u64_le(self.written_at_us);
        out.put_slice(self.key);
        if !self.effects.bytes().is_empty() {
            out.put_u32_le(u32::try_from(self.effects.bytes().len()).expect("entries of at most six sets"));
            out.put_slice(self.effects.bytes());
        }
        out.put_slice(image);
        out.split().freeze()
    }

    /// Reads a change in place.
    ///
    /// # Errors
    /// [`ChangeError`] if the bytes are not a change of a known version.
    pub fn decode(payload: &'a [u8]) -> Result<Self, ChangeError> {
        let truncated = |expected_bytes| ChangeError::Truncated { found_bytes: payload.len(), expected_bytes };
        let (header, rest) = payload.split_first_chunk::<HEADER_BYTES>().ok_or_else(|| truncated(HEADER_BYTES))?;
        let [version, kind, key_0, key_1, old_0, old_1, old_2, old_3, ref written_at @ ..] = *header;
        if version != VERSION {
            return Err(ChangeError::Version(version));
        }
        let key_bytes = usize::from(u16::from_le_bytes([key_0, key_1]));
        let (key, image) = rest.split_at_checked(key_bytes).ok_or_else(|| truncated(HEADER_BYTES + key_bytes))?;
        let (effects, image) = match kind & HAS_EFFECTS {
            0 => (Effects::NONE, image),
            _ => split_effects(image)?,
        };
        let (image, cause) = match (kind & KIND_MASK & !HAS_EFFECTS, kind >> CAUSE_SHIFT) {
            (KIND_PUT, CAUSE_CALLER) => (Some(image), Cause::Caller),
            (KIND_DELETE, CAUSE_CALLER | CAUSE_EXPIRY) if !image.is_empty() => return Err(ChangeError::ImageOnDelete),
            (KIND_DELETE, CAUSE_CALLER) => (None, Cause::Caller),
            (KIND_DELETE, CAUSE_EXPIRY) => (None, Cause::Expiry),
            _ => return Err(ChangeError::Kind(kind)),
        };
        let old_item_bytes = u32::from_le_bytes([old_0, old_1, old_2, old_3]);
        Ok(Self {
            key,
            image,
            old_item_bytes: (old_item_bytes != 0).then_some(old_item_bytes),
            written_at_us: u64::from_le_bytes(*written_at),
            cause,
            effects,
        })
    }

    /// The second byte.
    fn kind(&self) -> u8 {
        assert!(self.image.is_none() || self.cause == Cause::Caller, "an expiry deletes");
        let kind = if self.image.is_some() { KIND_PUT } else { KIND_DELETE };
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

impl Change {
    /// Reads a change; key and image share memory with `payload`.
    ///
    /// # Errors
    /// [`ChangeError`] if the bytes are not a change of a known version.
    pub fn decode(payload: &Bytes) -> Result<Self, ChangeError> {
        let view = ChangeView::decode(payload)?;
        Ok(Self {
            key: payload.slice_ref(view.key),
            image: view.image.map(|image| payload.slice_ref(image)),
            old_item_bytes: view.old_item_bytes,
            written_at_us: view.written_at_us,
            cause: view.cause,
            effects: payload.slice_ref(view.effects.bytes()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::{EffectsBuilder, SetId};

    fn put() -> ChangeView<'static> {
        let (key, image, cause) = (b"key".as_slice(), Some(b"image".as_slice()), Cause::Caller);
        ChangeView { key, image, old_item_bytes: Some(7), written_at_us: 1, cause, effects: Effects::NONE }
    }

    fn check(parts: ChangeView<'_>) {
        let mut out = BytesMut::new();
        let payload = parts.encode(&mut out);
        let change = Change::decode(&payload).unwrap();
        assert_eq!(&change.key[..], parts.key);
        assert_eq!(change.image.as_deref(), parts.image);
        assert_eq!(change.old_item_bytes, parts.old_item_bytes);
        assert_eq!(change.written_at_us, parts.written_at_us);
        assert_eq!(change.cause, parts.cause);
        assert_eq!(&change.effects[..], parts.effects.bytes());
        for length in 0..HEADER_BYTES + parts.key.len() {
            assert!(Change::decode(&payload.slice(..length)).is_err(), "cut at {length}");
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
        check(ChangeView { key: &[0; 5000], old_item_bytes: None, written_at_us: u64::MAX, ..put });
    }

    #[test]
    fn what_is_not_a_change_is_named() {
        let good = put().encode(&mut BytesMut::new());
        let altered = |at: usize, value: u8| {
            let mut bytes = good.to_vec();
            bytes[at] = value;
            Change::decode(&Bytes::from(bytes)).unwrap_err()
        };
        assert_eq!(altered(0, 9), ChangeError::Version(9));
        for kind in [0, 3, 8, 0x11, 0x21, 0x22] {
            assert_eq!(altered(1, kind), ChangeError::Kind(kind));
        }
        assert_eq!(altered(1, KIND_DELETE), ChangeError::ImageOnDelete);
        assert_eq!(altered(1, KIND_DELETE | CAUSE_EXPIRY << CAUSE_SHIFT), ChangeError::ImageOnDelete);
    }
}
