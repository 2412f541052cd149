//! Writes items value by value, as a request is read or a reply is made.
//!
//! One encoder lives on each core (and in each client connection) and is used again and again: its buffers grow to
//! the largest item and stay, finished items are slices of a shared arena. Steady state allocates nothing.
//!
//! Attributes may come in any order; a map that came unordered is put in order when it ends. What DynamoDB refuses is
//! remembered and told by `finish`, so that a decoder reads on to the end of its input first.

use super::Item;
use super::layout::{
    Container, NAME_LENGTH_ESCAPE, TAG_BINARY, TAG_FALSE, TAG_MAP, TAG_NULL, TAG_NUMBER, TAG_STRING, TAG_TRUE, Width,
    container_tag, split_name,
};
use super::view::{ItemRef, ValueRef};
use crate::error::Error;
use crate::limits::{ATTRIBUTE_NAME_BYTES_MAX, ITEM_ENCODED_BYTES_MAX, NESTING_LEVEL_MAX};
use crate::number::Number;
use crate::value::AttributeType;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Bytes, BytesMut};
use std::ops::Range;

/// Finished items are cut from blocks of this size.
const ARENA_BLOCK_BYTES: usize = 64 << 10;
/// An item above this has memory of its own: it would waste a block's rest.
const ARENA_ITEM_BYTES_MAX: usize = ARENA_BLOCK_BYTES / 8;
/// A buffer that one huge item left behind is given back above this.
const BUFFER_KEPT_BYTES_MAX: usize = 1 << 20;

/// A reusable writer of items.
///
/// Calls nest as the item does: `begin_item`, then for each attribute `name` and a value, then `finish`. A value is one
/// of `string`, `number`, `binary`, `boolean`, `null`, `value`, or a `begin_...`/`end_...` pair with names and values,
/// values, or (in a set) members inside. Calls that do not nest are a bug of the caller and panic. Of a name that
/// is repeated in a map the last value counts.
#[derive(Debug, Default)]
pub struct ItemEncoder {
    /// The item being written, from its version byte on.
    buffer: Vec<u8>,
    /// The containers that are open, the item first.
    frames: Vec<Frame>,
    /// The entries of the open containers, innermost last.
    marks: Vec<Mark>,
    /// Where entries are put in order.
    scratch: Vec<u8>,
    /// Where finished items are cut from.
    arena: BytesMut,
    /// Whether a name waits for its value.
    is_named: bool,
    /// The first fault.
    error: Option<Error>,
}

/// A container that is open.
#[derive(Debug)]
struct Frame {
    attribute_type: AttributeType,
    /// Where its tag is in the buffer.
    tag_at: usize,
    /// Where its entries begin in `marks`.
    first_mark: usize,
    /// Whether its names have come in order and without repetition so far.
    is_ordered: bool,
}

/// An entry of an open container: its place in the buffer.
#[derive(Clone, Copy, Debug)]
struct Mark {
    start: usize,
    /// Known when the container ends.
    end: usize,
}

impl ItemEncoder {
    /// An encoder without memory: it takes some with the first item.
    pub fn new() -> ItemEncoder {
        ItemEncoder::default()
    }

    /// Starts an item; whatever was begun before is dropped.
    pub fn begin_item(&mut self) {
        if self.buffer.capacity() > BUFFER_KEPT_BYTES_MAX {
            self.buffer = Vec::new();
            self.scratch = Vec::new();
            self.marks = Vec::new();
        }
        self.buffer.clear();
        self.frames.clear();
        self.marks.clear();
        self.is_named = false;
        self.error = None;
        self.push_frame(AttributeType::Map, TAG_MAP);
    }

    /// Ends the item. Fails with the first fault since `begin_item`, in DynamoDB's words.
    pub fn finish(&mut self) -> Result<Item, Error> {
        assert!(self.frames.len() == 1, "finish with {} containers open", self.frames.len());
        self.end_container(AttributeType::Map);
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        Ok(cut(&mut self.arena, &self.buffer))
    }

    /// A copy of an item; whatever was begun goes on.
    pub fn copy(&mut self, item: ItemRef<'_>) -> Item {
        cut(&mut self.arena, item.as_bytes())
    }

    /// Remembers a fault that the caller found in a value, unless there was one before. The value is left out or written
    /// as anything: `finish` fails.
    pub fn fail(&mut self, error: impl Into<Error>) {
        if self.error.is_none() {
            self.error = Some(error.into());
        }
    }

    /// The first fault so far.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// Names the next value, in the item or in a map.
    pub fn name(&mut self, name: &str) {
        assert!(!self.is_named, "a name follows a name");
        self.is_named = true;
        let name = match name.len() {
            0 => {
                self.fail(Error::validation("Empty attribute name"));
                name
            }
            1..=ATTRIBUTE_NAME_BYTES_MAX => name,
            _ => {
                self.fail(Error::validation("Attribute name is too large, must be less than 65536 bytes"));
                ""
            }
        };
        self.note_order(name.as_bytes());
        self.push_mark();
        push_name(&mut self.buffer, name.as_bytes());
    }

    /// Names the next value with bytes that are an attribute's name.
    pub(crate) fn checked_name(&mut self, name: &[u8]) {
        assert!(!self.is_named, "a name follows a name");
        debug_assert!((1..=ATTRIBUTE_NAME_BYTES_MAX).contains(&name.len()), "{} bytes of name", name.len());
        self.is_named = true;
        self.note_order(name);
        self.push_mark();
        push_name(&mut self.buffer, name);
    }

    /// Copies entries of a verified container of the kind that is open, from where they are as deep as here.
    pub(crate) fn entries(&mut self, container: &Container<'_>, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let frame = self.frames.last().expect("entries after begin_item");
        if frame.attribute_type == AttributeType::Map {
            let (name, _) = split_name(container.entry(range.start)).expect("a verified name");
            self.note_order(name);
        }
        let first = container.start(range.start);
        let offset = self.buffer.len();
        self.marks.extend(range.clone().map(|position| {
            let start = offset + (container.start(position) - first);
            Mark { start, end: start }
        }));
        self.buffer.extend_from_slice(container.entries_of(range));
    }

    /// A copy of tag and payload of a verified value, in a map or a list.
    pub(crate) fn encoded_value(&mut self, encoded: &[u8]) {
        // What is in a verified item is as deep as it may be; only further down it may be too deep.
        if self.frames.len() > 1
            && !is_within_levels(encoded, (NESTING_LEVEL_MAX + 1).saturating_sub(self.frames.len()))
        {
            self.fail_too_deep();
        }
        self.begin_value(encoded[0], AttributeType::Map);
        self.buffer.extend_from_slice(&encoded[1..]);
    }

    /// A copy of the bytes of a member of a verified set, into a set of the same kind.
    pub(crate) fn encoded_member(&mut self, member: &[u8]) {
        self.push_mark();
        self.buffer.extend_from_slice(member);
    }

    /// Remembers when a name does not come after the one before it.
    #[inline]
    fn note_order(&mut self, name: &[u8]) {
        let frame = self.frames.last_mut().expect("a name after begin_item");
        assert!(frame.attribute_type == AttributeType::Map, "a name in {}", frame.attribute_type);
        if frame.is_ordered && self.marks.len() > frame.first_mark {
            let previous = self.marks[self.marks.len() - 1];
            frame.is_ordered = entry_name(&self.buffer[previous.start..]) < name;
        }
    }

    /// A string, or a member of a string set.
    pub fn string(&mut self, text: &str) {
        self.begin_value(TAG_STRING, AttributeType::StringSet);
        self.buffer.extend_from_slice(text.as_bytes());
    }

    /// A number, or a member of a number set.
    pub fn number(&mut self, number: Number) {
        self.begin_value(TAG_NUMBER, AttributeType::NumberSet);
        number.encode_ordered(&mut self.buffer);
    }

    /// Bytes, or a member of a binary set.
    pub fn binary(&mut self, bytes: &[u8]) {
        self.begin_value(TAG_BINARY, AttributeType::BinarySet);
        self.buffer.extend_from_slice(bytes);
    }

    /// True or false.
    pub fn boolean(&mut self, boolean: bool) {
        self.begin_value(if boolean { TAG_TRUE } else { TAG_FALSE }, AttributeType::Bool);
    }

    /// Null.
    pub fn null(&mut self) {
        self.begin_value(TAG_NULL, AttributeType::Null);
    }

    /// A copy of a value; of a map, list or set its bytes are taken as they are.
    pub fn value(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::S(text) => self.string(text),
            ValueRef::N(number) => self.number(number),
            ValueRef::B(bytes) => self.binary(bytes),
            ValueRef::Bool(boolean) => self.boolean(boolean),
            ValueRef::Null => self.null(),
            ValueRef::M(_) | ValueRef::L(_) | ValueRef::Ss(_) | ValueRef::Ns(_) | ValueRef::Bs(_) => {
                self.encoded_value(value.container_bytes().expect("a container"));
            }
        }
    }

    /// Starts a map; names and values follow.
    pub fn begin_map(&mut self) {
        self.begin_container(AttributeType::Map);
    }

    /// Ends a map.
    pub fn end_map(&mut self) {
        assert!(self.frames.len() > 1, "end_map without begin_map");
        self.end_container(AttributeType::Map);
    }

    /// Starts a list; values follow.
    pub fn begin_list(&mut self) {
        self.begin_container(AttributeType::List);
    }

    /// Ends a list.
    pub fn end_list(&mut self) {
        self.end_container(AttributeType::List);
    }

    /// Starts a set: `StringSet`, `NumberSet` or `BinarySet`; members follow, in any order.
    pub fn begin_set(&mut self, set_type: AttributeType) {
        assert!(is_set(set_type), "begin_set of {set_type}");
        self.begin_container(set_type);
    }

    /// Ends a set.
    pub fn end_set(&mut self) {
        let set_type = self.frames.last().expect("end_set after begin_set").attribute_type;
        assert!(is_set(set_type), "end_set in {set_type}");
        self.end_container(set_type);
    }

    /// Writes what comes before a value: its tag, or nothing where it is a member of a set of `set_type`.
    #[inline]
    fn begin_value(&mut self, tag: u8, set_type: AttributeType) {
        let frame = self.frames.last().expect("a value after begin_item");
        let parent = frame.attribute_type;
        match parent {
            AttributeType::Map => assert!(self.is_named, "a value without a name"),
            AttributeType::List => self.push_mark(),
            _ => {
                assert!(parent == set_type, "a member that does not belong into {parent}");
                self.push_mark();
                return;
            }
        }
        self.is_named = false;
        if self.frames.len() > NESTING_LEVEL_MAX {
            self.fail_too_deep();
        }
        self.buffer.push(tag);
    }

    fn begin_container(&mut self, attribute_type: AttributeType) {
        let tag = container_tag(attribute_type).expect("a container");
        // No set has containers as members: asked for a member of a map, `begin_value` refuses.
        self.begin_value(tag, AttributeType::Map);
        self.buffer.pop();
        self.push_frame(attribute_type, tag);
    }

    fn push_frame(&mut self, attribute_type: AttributeType, tag: u8) {
        let (tag_at, first_mark) = (self.buffer.len(), self.marks.len());
        self.buffer.push(tag);
        self.frames.push(Frame { attribute_type, tag_at, first_mark, is_ordered: true });
    }

    fn push_mark(&mut self) {
        let start = self.buffer.len();
        self.marks.push(Mark { start, end: start });
    }

    fn end_container(&mut self, attribute_type: AttributeType) {
        assert!(!self.is_named, "a name without a value");
        let frame = self.frames.pop().expect("an end after a begin");
        assert!(frame.attribute_type == attribute_type, "the end of {attribute_type} in {}", frame.attribute_type);
        if attribute_type == AttributeType::Map {
            if !frame.is_ordered {
                self.order_names(&frame);
            }
        } else if is_set(attribute_type) {
            self.order_members(&frame);
        }
        self.push_directory(&frame);
    }

    fn push_directory(&mut self, frame: &Frame) {
        let entries_at = frame.tag_at + 1;
        let marks = &self.marks[frame.first_mark..];
        let count = marks.len();
        let width = Width::needed(self.buffer.len() - entries_at, count);
        if let Some(width) = width.filter(|_| self.buffer.len() <= ITEM_ENCODED_BYTES_MAX) {
            self.buffer[frame.tag_at] |= width.tag_bits();
            self.buffer.reserve(width.bytes() * count.max(1));
            for mark in marks.iter().skip(1) {
                width.write(&mut self.buffer, mark.start - entries_at);
            }
            width.write(&mut self.buffer, count);
        }
        if self.buffer.len() > ITEM_ENCODED_BYTES_MAX {
            self.fail(Error::validation("Item size has exceeded the maximum allowed size"));
        }
        self.marks.truncate(frame.first_mark);
    }

    /// Puts the entries of a map in the order of their names, and keeps the last of those with one name.
    fn order_names(&mut self, frame: &Frame) {
        self.set_ends(frame);
        let buffer = &self.buffer;
        let marks = &mut self.marks[frame.first_mark..];
        let name = |mark: &Mark| entry_name(&buffer[mark.start..mark.end]);
        marks.sort_unstable_by(|left, right| name(left).cmp(name(right)).then(left.start.cmp(&right.start)));
        let mut kept = 0;
        for position in 0..marks.len() {
            let is_last = marks.get(position + 1).is_none_or(|next| name(next) != name(&marks[position]));
            if is_last {
                marks[kept] = marks[position];
                kept += 1;
            }
        }
        self.marks.truncate(frame.first_mark + kept);
        self.rewrite_entries(frame);
    }

    /// Puts the members of a set in order, and refuses an empty set or one with duplicates.
    fn order_members(&mut self, frame: &Frame) {
        self.set_ends(frame);
        let buffer = &self.buffer;
        let marks = &mut self.marks[frame.first_mark..];
        let member = |mark: &Mark| &buffer[mark.start..mark.end];
        if marks.is_empty() {
            self.fail(empty_set(frame.attribute_type));
            return;
        }
        if marks.is_sorted_by(|left, right| member(left) < member(right)) {
            return;
        }
        marks.sort_unstable_by(|left, right| member(left).cmp(member(right)));
        if marks.windows(2).any(|pair| member(&pair[0]) == member(&pair[1])) {
            marks.sort_unstable_by_key(|mark| mark.start);
            let error = duplicates(frame.attribute_type, marks.iter().map(member));
            self.fail(error);
            return;
        }
        self.rewrite_entries(frame);
    }

    /// Each entry ends where the next one starts, as long as they stand in the order of their coming.
    fn set_ends(&mut self, frame: &Frame) {
        let mut end = self.buffer.len();
        for mark in self.marks[frame.first_mark..].iter_mut().rev() {
            mark.end = end;
            end = mark.start;
        }
    }

    /// Copies the entries into the order of their marks.
    fn rewrite_entries(&mut self, frame: &Frame) {
        let entries_at = frame.tag_at + 1;
        self.scratch.clear();
        for mark in &mut self.marks[frame.first_mark..] {
            let start = entries_at + self.scratch.len();
            self.scratch.extend_from_slice(&self.buffer[mark.start..mark.end]);
            *mark = Mark { start, end: entries_at + self.scratch.len() };
        }
        self.buffer.truncate(entries_at);
        self.buffer.extend_from_slice(&self.scratch);
    }

    fn fail_too_deep(&mut self) {
        self.fail(Error::validation(
            "Nesting Levels have exceeded supported limits: \
             Attributes in the item have nested levels beyond supported limit",
        ));
    }
}

/// An item of these bytes, cut from the arena unless it is large.
fn cut(arena: &mut BytesMut, encoded: &[u8]) -> Item {
    if encoded.len() > ARENA_ITEM_BYTES_MAX {
        return Item::uncounted(Bytes::copy_from_slice(encoded));
    }
    if arena.capacity() < encoded.len() {
        arena.reserve(ARENA_BLOCK_BYTES);
    }
    arena.extend_from_slice(encoded);
    Item::uncounted(arena.split().freeze())
}

fn is_set(attribute_type: AttributeType) -> bool {
    matches!(attribute_type, AttributeType::StringSet | AttributeType::NumberSet | AttributeType::BinarySet)
}

fn push_name(buffer: &mut Vec<u8>, name: &[u8]) {
    match u8::try_from(name.len()) {
        Ok(length) if length < NAME_LENGTH_ESCAPE => buffer.push(length),
        _ => {
            let length = u16::try_from(name.len()).expect("checked against the limit of 65535 bytes");
            buffer.push(NAME_LENGTH_ESCAPE);
            buffer.extend_from_slice(&length.to_le_bytes());
        }
    }
    buffer.extend_from_slice(name);
}

/// The name at the front of an entry that this encoder has written.
fn entry_name(entry: &[u8]) -> &[u8] {
    split_name(entry).expect("written by push_name").0
}

/// Whether an encoded value takes at most so many levels.
fn is_within_levels(encoded: &[u8], levels: usize) -> bool {
    if levels == 0 {
        return false;
    }
    match ValueRef::from_encoded(encoded) {
        ValueRef::M(_) => {
            let container = Container::of_verified(encoded);
            (0..container.count).all(|position| {
                is_within_levels(split_name(container.entry(position)).expect("a verified name").1, levels - 1)
            })
        }
        ValueRef::L(_) => {
            let container = Container::of_verified(encoded);
            (0..container.count).all(|position| is_within_levels(container.entry(position), levels - 1))
        }
        _ => true,
    }
}

/// DynamoDB: observed: three wordings, one with two spaces.
fn empty_set(set_type: AttributeType) -> Error {
    Error::invalid_parameter(match set_type {
        AttributeType::StringSet => "An string set  may not be empty",
        AttributeType::NumberSet => "An number set  may not be empty",
        _ => "Binary sets should not be empty",
    })
}

/// DynamoDB: observed: three wordings; members in the order of the request.
fn duplicates<'a>(set_type: AttributeType, members: impl Iterator<Item = &'a [u8]>) -> Error {
    match set_type {
        AttributeType::StringSet => {
            let members: Vec<_> = members.map(String::from_utf8_lossy).collect();
            Error::invalid_parameter(format_args!("Input collection [{}] contains duplicates.", members.join(", ")))
        }
        AttributeType::NumberSet => Error::validation("Input collection contains duplicates"),
        _ => {
            let members: Vec<_> = members.map(|member| BASE64.encode(member)).collect();
            Error::invalid_parameter(format_args!(
                "Input collection [{}]of type BS contains duplicates.",
                members.join(", ")
            ))
        }
    }
}
