//! The bytes of the item encoding: tags, and the container that maps, lists and sets have in common (FORMAT.md).
//!
//! The encoder, the verifier and the view agree through this file. Nothing here checks bytes from outside but
//! `Container::parse`, which says `None`.

use crate::value::AttributeType;
use std::cmp::Ordering;
use std::ops::Range;

/// Of a value, before its payload.
pub(crate) const TAG_BYTES: usize = 1;
pub(crate) const TAG_STRING: u8 = 0x01;
pub(crate) const TAG_NUMBER: u8 = 0x02;
pub(crate) const TAG_BINARY: u8 = 0x03;
pub(crate) const TAG_FALSE: u8 = 0x04;
pub(crate) const TAG_TRUE: u8 = 0x05;
pub(crate) const TAG_NULL: u8 = 0x06;
/// Of a container's tag, these bits say what it is; the lowest two say its width.
pub(crate) const CONTAINER_KIND_MASK: u8 = 0xFC;
/// Also the first byte of an item, where it stands for version 1 of the format.
pub(crate) const TAG_MAP: u8 = 0x10;
pub(crate) const TAG_LIST: u8 = 0x20;
pub(crate) const TAG_STRING_SET: u8 = 0x30;
pub(crate) const TAG_NUMBER_SET: u8 = 0x40;
pub(crate) const TAG_BINARY_SET: u8 = 0x50;

/// The item without attributes: version, count 0.
pub(crate) const EMPTY_MAP: [u8; 2] = [TAG_MAP, 0];

/// A name's first byte that says that two bytes with its length follow. Shorter names have their length there.
pub(crate) const NAME_LENGTH_ESCAPE: u8 = 0xFF;

/// The tag of a container, its width bits clear.
pub(crate) fn container_tag(attribute_type: AttributeType) -> Option<u8> {
    match attribute_type {
        AttributeType::Map => Some(TAG_MAP),
        AttributeType::List => Some(TAG_LIST),
        AttributeType::StringSet => Some(TAG_STRING_SET),
        AttributeType::NumberSet => Some(TAG_NUMBER_SET),
        AttributeType::BinarySet => Some(TAG_BINARY_SET),
        AttributeType::String
        | AttributeType::Number
        | AttributeType::Binary
        | AttributeType::Bool
        | AttributeType::Null => None,
    }
}

/// How many bytes an offset and the count take in a container: the fewest that hold both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    One,
    Two,
    Four,
}

impl Width {
    /// The width of a container whose entries take so many bytes and are so many. `None` beyond 32 bits.
    #[inline]
    pub(crate) fn needed(entries_bytes: usize, count: usize) -> Option<Width> {
        match entries_bytes.max(count) {
            0..=0xFF => Some(Width::One),
            0x100..=0xFFFF => Some(Width::Two),
            0x1_0000..=0xFFFF_FFFF => Some(Width::Four),
            _ => None,
        }
    }

    fn from_tag(tag: u8) -> Option<Width> {
        match tag & !CONTAINER_KIND_MASK {
            0 => Some(Width::One),
            1 => Some(Width::Two),
            2 => Some(Width::Four),
            _ => None,
        }
    }

    /// The bits in the tag.
    pub(crate) fn tag_bits(self) -> u8 {
        match self {
            Width::One => 0,
            Width::Two => 1,
            Width::Four => 2,
        }
    }

    pub(crate) fn bytes(self) -> usize {
        match self {
            Width::One => 1,
            Width::Two => 2,
            Width::Four => 4,
        }
    }

    /// Appends a number of this width; the caller has chosen the width so that it fits.
    pub(crate) fn write(self, out: &mut Vec<u8>, number: usize) {
        let number = u32::try_from(number).expect("a width is needed only up to 32 bits");
        out.extend_from_slice(&number.to_le_bytes()[..self.bytes()]);
    }

    /// The number at `position` of `bytes`, counted in numbers. Panics outside.
    #[inline]
    fn read(self, bytes: &[u8], position: usize) -> usize {
        match self {
            Width::One => usize::from(bytes[position]),
            Width::Two => {
                let at = position * 2;
                usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
            }
            Width::Four => {
                let at = position * 4;
                u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
            }
        }
    }
}

/// The number in so many bytes, 1, 2 or 4.
#[inline]
fn number<const WIDTH: usize>(bytes: &[u8; WIDTH]) -> usize {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// A container taken apart.
///
/// ```text
/// | entry 0 | entry 1 | ... | start of entry 1, of entry 2, ... | count |
/// ```
///
/// Entry 0 starts at 0, each entry ends where the next one starts, the last one where the directory starts.
#[derive(Clone, Copy)]
pub(crate) struct Container<'a> {
    /// All entries.
    pub(crate) entries: &'a [u8],
    /// The starts of all entries but the first, relative to the first.
    directory: &'a [u8],
    pub(crate) width: Width,
    pub(crate) count: usize,
}

impl<'a> Container<'a> {
    /// Takes apart a container whose tag and body are exactly `bytes`; the starts are not checked.
    #[inline]
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Container<'a>> {
        let (&tag, body) = bytes.split_first()?;
        let width = Width::from_tag(tag)?;
        let count_at = body.len().checked_sub(width.bytes())?;
        let (rest, count) = body.split_at(count_at);
        let count = width.read(count, 0);
        let directory_at = rest.len().checked_sub(count.saturating_sub(1).checked_mul(width.bytes())?)?;
        let (entries, directory) = rest.split_at(directory_at);
        Some(Container { entries, directory, width, count })
    }

    /// Goes through the entries in order, with `None` in the place of one that ends before it starts or after the last byte.
    /// `WIDTH` is the container's, in bytes.
    #[inline]
    pub(crate) fn visit_entries<const WIDTH: usize, E>(
        &self,
        mut visit: impl FnMut(Option<&'a [u8]>) -> Result<(), E>,
    ) -> Result<(), E> {
        debug_assert_eq!(WIDTH, self.width.bytes());
        if self.count == 0 {
            return Ok(());
        }
        let mut start = 0;
        let mut ends = self.directory.as_chunks::<WIDTH>().0.iter();
        loop {
            let end = ends.next().map(number);
            visit(self.entries.get(start..end.unwrap_or(self.entries.len())))?;
            start = match end {
                Some(end) => end,
                None => return Ok(()),
            };
        }
    }

    /// Takes apart a container that was verified.
    #[inline]
    pub(crate) fn of_verified(bytes: &'a [u8]) -> Container<'a> {
        Container::parse(bytes).expect("a verified container")
    }

    /// Where an entry starts. Not defined for positions from `count` on.
    #[inline]
    pub(crate) fn start(&self, position: usize) -> usize {
        if position == 0 { 0 } else { self.width.read(self.directory, position - 1) }
    }

    /// Where an entry ends.
    #[inline]
    pub(crate) fn end(&self, position: usize) -> usize {
        if position + 1 == self.count { self.entries.len() } else { self.width.read(self.directory, position) }
    }

    /// Where the entry with that name is in a verified map, or where it would be.
    #[inline]
    pub(crate) fn find_name(&self, name: &[u8]) -> Result<usize, usize> {
        match self.width {
            Width::One => self.find_name_of::<1>(name),
            Width::Two => self.find_name_of::<2>(name),
            Width::Four => self.find_name_of::<4>(name),
        }
    }

    fn find_name_of<const WIDTH: usize>(&self, name: &[u8]) -> Result<usize, usize> {
        let starts = self.directory.as_chunks::<WIDTH>().0;
        let mut low = 0;
        let mut high = self.count;
        while low < high {
            let middle = (low + high) / 2;
            let start = if middle == 0 { 0 } else { number(&starts[middle - 1]) };
            // A name says how long it is: where its entry ends need not be looked up.
            let (found, _) = split_name(&self.entries[start..]).expect("a verified name");
            match compare(found, name) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    /// The bytes of the name of an entry of a verified map.
    #[inline]
    pub(crate) fn name(&self, position: usize) -> &'a [u8] {
        split_name(&self.entries[self.start(position)..]).expect("a verified name").0
    }

    /// The value of an entry of a verified map.
    #[inline]
    pub(crate) fn value(&self, position: usize) -> &'a [u8] {
        split_name(self.entry(position)).expect("a verified name").1
    }

    /// The value of the entry with that name in a verified map.
    #[inline]
    pub(crate) fn value_of(&self, name: &[u8]) -> Option<&'a [u8]> {
        let entry = self.entry(self.find_name(name).ok()?);
        // Its name is this one: what it takes need not be read again.
        let is_short = name.len() < usize::from(NAME_LENGTH_ESCAPE);
        Some(&entry[if is_short { 1 } else { 3 } + name.len()..])
    }

    /// Whether a verified set has a member with these bytes, which are those of its kind without a tag.
    pub(crate) fn has_member(&self, member: &[u8]) -> bool {
        let mut low = 0;
        let mut high = self.count;
        while low < high {
            let middle = low.midpoint(high);
            match self.entry(middle).cmp(member) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return true,
            }
        }
        false
    }

    /// The bytes of all entries of a range of a verified container.
    #[inline]
    pub(crate) fn entries_of(&self, range: Range<usize>) -> &'a [u8] {
        if range.is_empty() { &[] } else { &self.entries[self.start(range.start)..self.end(range.end - 1)] }
    }

    /// The bytes of an entry of a verified container.
    #[inline]
    pub(crate) fn entry(&self, position: usize) -> &'a [u8] {
        &self.entries[self.start(position)..self.end(position)]
    }
}

/// The order of names and of members: that of their bytes. The first mostly tells.
#[inline]
pub(crate) fn compare(left: &[u8], right: &[u8]) -> Ordering {
    match (left.first(), right.first()) {
        (Some(first_left), Some(first_right)) if first_left != first_right => first_left.cmp(first_right),
        _ => left.cmp(right),
    }
}

/// Splits a map's entry into name and value. `None` if the name does not fit, or is written longer than needed.
#[inline]
pub(crate) fn split_name(entry: &[u8]) -> Option<(&[u8], &[u8])> {
    match *entry {
        [NAME_LENGTH_ESCAPE, low, high, ref rest @ ..] => {
            let length = usize::from(u16::from_le_bytes([low, high]));
            if length < usize::from(NAME_LENGTH_ESCAPE) { None } else { rest.split_at_checked(length) }
        }
        [NAME_LENGTH_ESCAPE, ..] | [] => None,
        [length, ref rest @ ..] => rest.split_at_checked(usize::from(length)),
    }
}
