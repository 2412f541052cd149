//! Lays a FlatBuffer out front to back, straight in the send buffer.
//!
//! In the way of a reply: the operation's file calls it, the connection sends what it wrote. The library's builder works
//! back to front in a buffer of its own, which is then copied into the send buffer: a page of 1 MiB costs it 51 us, this
//! writer 13 us; a GetItem 26 against 20 ns (one run of `cargo bench -p wire`). What is written here is read back through
//! the generated code by every test.
//!
//! ```text
//!             | vtable: its bytes u16, the table's bytes u16, per field its offset in the table (0: absent) |
//!   table at ->| i32: distance back to the vtable | fields, at the offsets of the table's Shape |
//! ```
//! A field that is not set stays a gap in the table and a zero in the vtable. References point forward, so a table
//! stands before what it refers to.
//!
//! Deliberately not here: reading (`payload`, and the generated code), which fields a message has (`operation/`).

use bytes::BytesMut;

use crate::error::EncodeError;
use crate::frame::{Flags, Kind, RequestId};
use crate::limits::{FRAME_ALIGNMENT_BYTES, HEADER_BYTES, PAYLOAD_BYTES_MAX};

/// Size of a field that holds a flag or a small number.
pub(crate) const BYTE: u16 = 1;
/// Size of a field that holds a u16.
pub(crate) const SHORT: u16 = 2;
/// Size of a field that holds a u32.
pub(crate) const WORD: u16 = 4;
/// Size of a field that refers to a string, a vector or a table.
pub(crate) const REFERENCE: u16 = 4;
/// Size of a field that holds 64 bits.
pub(crate) const LONG: u16 = 8;

const VTABLE_HEADER_BYTES: usize = 4;
const OFFSET_BYTES: usize = 4;

/// Where the fields of one kind of table lie. Made at compile time, one beside each encoder.
pub(crate) struct Shape<const FIELDS: usize> {
    offsets: [u16; FIELDS],
    table_bytes: u16,
}

impl<const FIELDS: usize> Shape<FIELDS> {
    const VTABLE_BYTES: usize = VTABLE_HEADER_BYTES + 2 * FIELDS;
    const VTABLE_LENGTH: u16 = {
        assert!(Self::VTABLE_BYTES <= u8::MAX as usize, "a table has few fields");
        Self::VTABLE_BYTES.to_le_bytes()[0] as u16
    };

    /// The shape of a table with fields of these sizes, in the order of the schema.
    pub(crate) const fn new(sizes: [u16; FIELDS]) -> Shape<FIELDS> {
        let mut offsets = [0; FIELDS];
        // The distance to the vtable comes first; 8-byte fields follow at 8, so 4-byte ones go before them.
        let mut end = 4;
        let mut pass = 0;
        let order = [WORD, LONG, SHORT, BYTE];
        while pass < order.len() {
            let size = order[pass];
            let mut field = 0;
            while field < FIELDS {
                if sizes[field] == size {
                    end = next_multiple(end, size);
                    offsets[field] = end;
                    end += size;
                }
                field += 1;
            }
            pass += 1;
        }
        Shape { offsets, table_bytes: next_multiple(end, 4) }
    }
}

const fn next_multiple(number: u16, of: u16) -> u16 {
    number.div_ceil(of) * of
}

/// A table that has been laid out; its fields can be set.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    /// Where it starts in the send buffer.
    at: usize,
    offsets: &'static [u16],
}

/// A vector of references that has been laid out; its elements can be set, in any order, each once.
#[derive(Clone, Copy)]
pub(crate) struct Vector {
    at: usize,
}

/// Bytes of zeros that the writer keeps ahead of what it has written: small parts are stored into them.
const WINDOW_BYTES: usize = 256;

/// One frame being written at the end of a send buffer.
///
/// Invariants:
/// 1. `out[end..]` is zeros: leaving a gap or padding is moving `end`.
/// 2. The payload never grows past the limit by more than a table: what would not fit is left out, and `finish` then
///    takes the whole frame off again and reports it.
pub(crate) struct Writer<'a> {
    out: &'a mut BytesMut,
    /// Where the frame starts in `out`.
    start: usize,
    /// Where the next byte goes.
    end: usize,
    is_too_large: bool,
}

impl<'a> Writer<'a> {
    /// Starts a frame with an empty payload.
    pub(crate) fn new(kind: Kind, flags: Flags, request_id: RequestId, out: &'a mut BytesMut) -> Writer<'a> {
        let start = out.len();
        let mut writer = Writer { out, start, end: start, is_too_large: false };
        let header = writer.advance(HEADER_BYTES);
        writer.store(header + 4, kind.0.to_le_bytes());
        writer.store(header + 6, flags.0.to_le_bytes());
        writer.store(header + 8, request_id.0.to_le_bytes());
        writer
    }

    /// Ends the frame: pads the payload and writes its length.
    ///
    /// # Errors
    /// The payload is past the limit; nothing of the frame is left in the buffer.
    pub(crate) fn finish(mut self) -> Result<(), EncodeError> {
        self.advance(self.aligned(0, FRAME_ALIGNMENT_BYTES) - self.end);
        let payload_bytes = self.end - self.start - HEADER_BYTES;
        if self.is_too_large || payload_bytes > PAYLOAD_BYTES_MAX {
            self.cancel();
            return Err(EncodeError::TooLarge { payload_bytes_max: PAYLOAD_BYTES_MAX });
        }
        let length = u32::try_from(payload_bytes).expect("the limit of a payload fits in a u32");
        self.store(self.start, length.to_le_bytes());
        self.out.truncate(self.end);
        Ok(())
    }

    /// Takes the frame off the buffer again.
    pub(crate) fn cancel(self) {
        self.out.truncate(self.start);
    }

    /// The payload's root table.
    pub(crate) fn root<const FIELDS: usize>(&mut self, shape: &'static Shape<FIELDS>) -> Table {
        let root = self.advance(OFFSET_BYTES);
        let table = self.table(shape);
        self.point(root, table.at);
        table
    }

    /// A table in `field` of `parent`.
    pub(crate) fn child<const FIELDS: usize>(
        &mut self,
        parent: Table,
        field: u16,
        shape: &'static Shape<FIELDS>,
    ) -> Table {
        let table = self.table(shape);
        self.refer(parent, field, table.at);
        table
    }

    /// A flag; false is what an absent flag means.
    pub(crate) fn flag(&mut self, table: Table, field: u16, flag: bool) {
        if flag {
            self.byte(table, field, 1);
        }
    }

    /// A field of one byte.
    pub(crate) fn byte(&mut self, table: Table, field: u16, value: u8) {
        self.set(table, field, [value]);
    }

    /// A field of two bytes.
    pub(crate) fn short(&mut self, table: Table, field: u16, value: u16) {
        self.set(table, field, value.to_le_bytes());
    }

    /// A field of four bytes that is a number.
    pub(crate) fn word(&mut self, table: Table, field: u16, value: u32) {
        self.set(table, field, value.to_le_bytes());
    }

    /// A field of eight bytes.
    pub(crate) fn long(&mut self, table: Table, field: u16, value: u64) {
        self.set(table, field, value.to_le_bytes());
    }

    /// A field of eight bytes that may be absent.
    pub(crate) fn long_option(&mut self, table: Table, field: u16, value: Option<u64>) {
        if let Some(value) = value {
            self.long(table, field, value);
        }
    }

    /// A signed field of eight bytes that may be absent.
    pub(crate) fn signed_option(&mut self, table: Table, field: u16, value: Option<i64>) {
        if let Some(value) = value {
            self.set(table, field, value.to_le_bytes());
        }
    }

    /// A string.
    pub(crate) fn text(&mut self, table: Table, field: u16, text: &str) {
        let at = self.string(text);
        self.refer(table, field, at);
    }

    /// A string that may be absent.
    pub(crate) fn text_option(&mut self, table: Table, field: u16, text: Option<&str>) {
        if let Some(text) = text {
            self.text(table, field, text);
        }
    }

    /// A vector of bytes.
    pub(crate) fn bytes(&mut self, table: Table, field: u16, bytes: &[u8]) {
        let at = self.length(bytes.len(), 1, OFFSET_BYTES);
        self.append(bytes);
        self.refer(table, field, at);
    }

    /// A vector of bytes that may be absent.
    pub(crate) fn bytes_option(&mut self, table: Table, field: u16, bytes: Option<&[u8]>) {
        if let Some(bytes) = bytes {
            self.bytes(table, field, bytes);
        }
    }

    /// A vector of bytes that is made of `parts`, one after the other.
    pub(crate) fn concatenation<'p>(
        &mut self,
        table: Table,
        field: u16,
        parts: impl Iterator<Item = &'p [u8]> + Clone,
    ) {
        let total_bytes = parts.clone().map(<[u8]>::len).sum();
        let at = self.length(total_bytes, 1, OFFSET_BYTES);
        parts.for_each(|part| self.append(part));
        self.refer(table, field, at);
    }

    /// A vector of numbers or structs of `SIZE` bytes each, aligned to `alignment`.
    pub(crate) fn scalars<const SIZE: usize>(
        &mut self,
        table: Table,
        field: u16,
        alignment: usize,
        scalars: impl ExactSizeIterator<Item = [u8; SIZE]>,
    ) {
        let at = self.length(scalars.len(), SIZE, alignment.max(OFFSET_BYTES));
        scalars.for_each(|scalar| self.append(&scalar));
        self.refer(table, field, at);
    }

    /// A vector of references to strings or tables, to be set one by one.
    pub(crate) fn vector(&mut self, table: Table, field: u16, count: usize) -> Vector {
        let at = self.length(count, OFFSET_BYTES, OFFSET_BYTES);
        if !self.is_too_large {
            self.advance(count * OFFSET_BYTES);
        }
        self.refer(table, field, at);
        Vector { at }
    }

    /// The table that is element `index` of a vector.
    pub(crate) fn element<const FIELDS: usize>(
        &mut self,
        vector: Vector,
        index: usize,
        shape: &'static Shape<FIELDS>,
    ) -> Table {
        let table = self.table(shape);
        self.point_element(vector, index, table.at);
        table
    }

    /// The string that is element `index` of a vector.
    pub(crate) fn text_element(&mut self, vector: Vector, index: usize, text: &str) {
        let at = self.string(text);
        self.point_element(vector, index, at);
    }

    fn table<const FIELDS: usize>(&mut self, shape: &'static Shape<FIELDS>) -> Table {
        // Every table is aligned for the widest field: one rule, at most four bytes of padding.
        let at = self.aligned(Shape::<FIELDS>::VTABLE_BYTES, FRAME_ALIGNMENT_BYTES);
        let vtable = at - Shape::<FIELDS>::VTABLE_BYTES;
        self.advance(at + usize::from(shape.table_bytes) - self.end);
        self.store(vtable, Shape::<FIELDS>::VTABLE_LENGTH.to_le_bytes());
        self.store(vtable + 2, shape.table_bytes.to_le_bytes());
        self.store(at, u32::from(Shape::<FIELDS>::VTABLE_LENGTH).to_le_bytes());
        Table { at, offsets: &shape.offsets }
    }

    #[inline]
    fn set<const SIZE: usize>(&mut self, table: Table, field: u16, value: [u8; SIZE]) {
        let at = self.present(table, field);
        self.store(at, value);
    }

    #[inline]
    fn refer(&mut self, table: Table, field: u16, target: usize) {
        let at = self.present(table, field);
        self.point(at, target);
    }

    /// Marks a field present; returns where its value goes. `field` is the field's place in the vtable, as the generated
    /// code's `VT_` constants give it.
    #[inline]
    fn present(&mut self, table: Table, field: u16) -> usize {
        let vtable = table.at - VTABLE_HEADER_BYTES - 2 * table.offsets.len();
        let offset = table.offsets[(usize::from(field) - VTABLE_HEADER_BYTES) / 2];
        self.store(vtable + usize::from(field), offset.to_le_bytes());
        table.at + usize::from(offset)
    }

    fn point_element(&mut self, vector: Vector, index: usize, target: usize) {
        if !self.is_too_large {
            self.point(vector.at + OFFSET_BYTES * (index + 1), target);
        }
    }

    #[inline]
    fn point(&mut self, from: usize, target: usize) {
        let distance = u32::try_from(target - from).expect("a payload is shorter than 4 GiB");
        self.store(from, distance.to_le_bytes());
    }

    #[inline]
    fn string(&mut self, text: &str) -> usize {
        let at = self.length(text.len(), 1, OFFSET_BYTES);
        self.append(text.as_bytes());
        self.advance(1);
        at
    }

    /// Writes the length of a vector of `count` elements, so that they follow it aligned; returns where it stands.
    #[inline]
    fn length(&mut self, count: usize, element_bytes: usize, alignment: usize) -> usize {
        let at = self.aligned(OFFSET_BYTES, alignment) - OFFSET_BYTES;
        let end = (at - self.start).saturating_add(count.saturating_mul(element_bytes));
        self.is_too_large |= end > PAYLOAD_BYTES_MAX;
        self.advance(at + OFFSET_BYTES - self.end);
        self.store(at, u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
        at
    }

    /// Where something starts that is aligned to `alignment`, a power of two, after `gap_bytes` more.
    #[inline]
    fn aligned(&self, gap_bytes: usize, alignment: usize) -> usize {
        let from_start = self.end - self.start + gap_bytes;
        self.start + ((from_start + alignment - 1) & !(alignment - 1))
    }

    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        if self.is_too_large {
            return;
        }
        if bytes.len() <= WINDOW_BYTES {
            let at = self.advance(bytes.len());
            self.out[at..at + bytes.len()].copy_from_slice(bytes);
        } else {
            // Not to clear first what is then overwritten.
            self.out.truncate(self.end);
            self.out.extend_from_slice(bytes);
            self.end = self.out.len();
        }
    }

    /// Moves on over zeros, which may then be stored into; returns where they start.
    #[inline]
    fn advance(&mut self, bytes: usize) -> usize {
        let at = self.end;
        self.end += bytes;
        if self.end > self.out.len() {
            self.out.resize(self.end + WINDOW_BYTES, 0);
        }
        at
    }

    #[inline]
    fn store<const SIZE: usize>(&mut self, at: usize, bytes: [u8; SIZE]) {
        self.out[at..at + SIZE].copy_from_slice(&bytes);
    }
}
