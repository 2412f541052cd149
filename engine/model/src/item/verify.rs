//! Checking bytes that claim to be an item: what stands between the network and the store.
//!
//! One pass over the bytes, nothing allocated, recursion bounded by the nesting limit. Strict: whatever the encoder
//! would not have written is refused, so that equal items have equal bytes wherever they come from. Sizes as
//! DynamoDB counts them fall out on the way. What a key may be is not checked here but in `key`.

use super::layout::{
    CONTAINER_KIND_MASK, Container, TAG_BINARY, TAG_BINARY_SET, TAG_FALSE, TAG_LIST, TAG_MAP, TAG_NULL, TAG_NUMBER,
    TAG_NUMBER_SET, TAG_STRING, TAG_STRING_SET, TAG_TRUE, Width, compare, split_name,
};
use super::view::{DOCUMENT_SIZE_BYTES, ELEMENT_SIZE_BYTES};
use crate::limits::{ITEM_ENCODED_BYTES_MAX, NESTING_LEVEL_MAX};
use crate::number::ordered_size_bytes;
use crate::text::is_ascii;
use std::fmt;

/// Why bytes are not an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodingError {
    /// Longer than any item may be.
    TooLong,
    /// The first byte is not a version that this build knows.
    UnknownVersion,
    /// Bytes end where more are needed, or a count claims more than there are.
    Truncated,
    /// Offsets are not in order, or wider than needed.
    BadDirectory,
    /// A name is empty, or written longer than needed.
    BadName,
    /// Names are not in order, or one is there twice.
    NamesNotInOrder,
    /// Text is not UTF-8.
    NotUtf8,
    /// A number is not one, or not in its only form.
    BadNumber,
    /// A value's tag is not known, or it has bytes where none belong.
    BadValue,
    /// A set is empty.
    EmptySet,
    /// A set's members are not in order, or one is there twice.
    MembersNotInOrder,
    /// Values inside one another beyond the limit.
    TooDeep,
}

impl fmt::Display for EncodingError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            EncodingError::TooLong => "item encoding too long",
            EncodingError::UnknownVersion => "unknown version of the item encoding",
            EncodingError::Truncated => "item encoding truncated",
            EncodingError::BadDirectory => "bad directory in the item encoding",
            EncodingError::BadName => "bad attribute name in the item encoding",
            EncodingError::NamesNotInOrder => "attribute names not in order in the item encoding",
            EncodingError::NotUtf8 => "text that is not UTF-8 in the item encoding",
            EncodingError::BadNumber => "bad number in the item encoding",
            EncodingError::BadValue => "bad value in the item encoding",
            EncodingError::EmptySet => "empty set in the item encoding",
            EncodingError::MembersNotInOrder => "set members not in order in the item encoding",
            EncodingError::TooDeep => "item encoding nested too deeply",
        })
    }
}

impl std::error::Error for EncodingError {}

/// Checks an item and returns its size as DynamoDB counts it.
pub(super) fn verify_item(bytes: &[u8]) -> Result<usize, EncodingError> {
    if bytes.len() > ITEM_ENCODED_BYTES_MAX {
        return Err(EncodingError::TooLong);
    }
    match bytes.first() {
        None => Err(EncodingError::Truncated),
        Some(version) if version & CONTAINER_KIND_MASK != TAG_MAP => Err(EncodingError::UnknownVersion),
        Some(_) => verify_map(&open(bytes)?, 1),
    }
}

/// Checks tag and payload of a value at a level; an attribute of the item is at level 1.
#[inline]
fn verify_value(bytes: &[u8], level: usize) -> Result<usize, EncodingError> {
    let (&tag, payload) = bytes.split_first().ok_or(EncodingError::Truncated)?;
    match tag {
        TAG_STRING => verify_text(payload),
        TAG_NUMBER => verify_number(payload),
        TAG_BINARY => Ok(payload.len()),
        TAG_FALSE | TAG_TRUE | TAG_NULL => {
            if payload.is_empty() {
                Ok(1)
            } else {
                Err(EncodingError::BadValue)
            }
        }
        _ => verify_container(bytes, tag & CONTAINER_KIND_MASK, level),
    }
}

// Apart from the values without others inside, which most are: those are checked where the loop over entries is.
#[inline(never)]
fn verify_container(bytes: &[u8], kind: u8, level: usize) -> Result<usize, EncodingError> {
    match kind {
        TAG_MAP => {
            let container = open(bytes)?;
            Ok(DOCUMENT_SIZE_BYTES + ELEMENT_SIZE_BYTES * container.count + verify_map(&container, level + 1)?)
        }
        TAG_LIST => {
            let container = open(bytes)?;
            Ok(DOCUMENT_SIZE_BYTES + ELEMENT_SIZE_BYTES * container.count + verify_list(&container, level + 1)?)
        }
        TAG_STRING_SET => verify_set(&open(bytes)?, verify_text),
        TAG_NUMBER_SET => verify_set(&open(bytes)?, verify_number),
        TAG_BINARY_SET => verify_set(&open(bytes)?, |member| Ok(member.len())),
        _ => Err(EncodingError::BadValue),
    }
}

/// Takes a container apart and checks that it is as narrow as can be.
fn open(bytes: &[u8]) -> Result<Container<'_>, EncodingError> {
    let container = Container::parse(bytes).ok_or(EncodingError::Truncated)?;
    if Width::needed(container.entries.len(), container.count) != Some(container.width) {
        return Err(EncodingError::BadDirectory);
    }
    if container.count == 0 && !container.entries.is_empty() {
        return Err(EncodingError::BadDirectory);
    }
    Ok(container)
}

/// Checks names and values of a map whose values are at `level`.
fn verify_map(container: &Container<'_>, level: usize) -> Result<usize, EncodingError> {
    match container.width {
        Width::One => verify_map_of::<1>(container, level),
        Width::Two => verify_map_of::<2>(container, level),
        Width::Four => verify_map_of::<4>(container, level),
    }
}

fn verify_map_of<const WIDTH: usize>(container: &Container<'_>, level: usize) -> Result<usize, EncodingError> {
    if level > NESTING_LEVEL_MAX && container.count > 0 {
        return Err(EncodingError::TooDeep);
    }
    let mut previous: &[u8] = &[];
    let mut size_bytes = 0;
    for_each_entry::<WIDTH>(container, |entry| {
        let (name, value) = split_name(entry).ok_or(EncodingError::BadName)?;
        if name.is_empty() {
            return Err(EncodingError::BadName);
        }
        if compare(name, previous).is_le() {
            return Err(EncodingError::NamesNotInOrder);
        }
        previous = name;
        size_bytes += verify_text(name)? + verify_value(value, level)?;
        Ok(())
    })?;
    Ok(size_bytes)
}

fn verify_list(container: &Container<'_>, level: usize) -> Result<usize, EncodingError> {
    match container.width {
        Width::One => verify_list_of::<1>(container, level),
        Width::Two => verify_list_of::<2>(container, level),
        Width::Four => verify_list_of::<4>(container, level),
    }
}

fn verify_list_of<const WIDTH: usize>(container: &Container<'_>, level: usize) -> Result<usize, EncodingError> {
    if level > NESTING_LEVEL_MAX && container.count > 0 {
        return Err(EncodingError::TooDeep);
    }
    let mut size_bytes = 0;
    for_each_entry::<WIDTH>(container, |entry| {
        size_bytes += verify_value(entry, level)?;
        Ok(())
    })?;
    Ok(size_bytes)
}

fn verify_set(
    container: &Container<'_>,
    verify_member: impl Fn(&[u8]) -> Result<usize, EncodingError>,
) -> Result<usize, EncodingError> {
    match container.width {
        Width::One => verify_set_of::<1>(container, verify_member),
        Width::Two => verify_set_of::<2>(container, verify_member),
        Width::Four => verify_set_of::<4>(container, verify_member),
    }
}

fn verify_set_of<const WIDTH: usize>(
    container: &Container<'_>,
    verify_member: impl Fn(&[u8]) -> Result<usize, EncodingError>,
) -> Result<usize, EncodingError> {
    if container.count == 0 {
        return Err(EncodingError::EmptySet);
    }
    let mut previous: Option<&[u8]> = None;
    let mut size_bytes = 0;
    for_each_entry::<WIDTH>(container, |member| {
        if previous.is_some_and(|previous| compare(member, previous).is_le()) {
            return Err(EncodingError::MembersNotInOrder);
        }
        previous = Some(member);
        size_bytes += verify_member(member)?;
        Ok(())
    })?;
    Ok(size_bytes)
}

/// Walks the entries, checking that each ends at or after its start.
#[inline]
fn for_each_entry<'a, const WIDTH: usize>(
    container: &Container<'a>,
    mut visit: impl FnMut(&'a [u8]) -> Result<(), EncodingError>,
) -> Result<(), EncodingError> {
    container.visit_entries::<WIDTH, _>(|entry| visit(entry.ok_or(EncodingError::BadDirectory)?))
}

#[inline]
fn verify_text(bytes: &[u8]) -> Result<usize, EncodingError> {
    // Most text is ASCII, and asking that first is several times as fast.
    if is_ascii(bytes) || std::str::from_utf8(bytes).is_ok() { Ok(bytes.len()) } else { Err(EncodingError::NotUtf8) }
}

#[inline]
fn verify_number(bytes: &[u8]) -> Result<usize, EncodingError> {
    ordered_size_bytes(bytes).ok_or(EncodingError::BadNumber)
}
