//! Lays a FlatBuffer out front to back, straight in the send buffer.
//!
//! In the way of a reply: the operation's file calls it, the connection sends what it wrote. The library's builder works
//! back to front in a buffer of its own, which is then copied and cleared: GetItem costs it four times as much, a page of
//! items three copies instead of one. What is written here is read back through the generated code by every test.
//!
//! ```text
//!             | vtable: its bytes u16, the table's bytes u16, per field its offset in the table (0: absent) |
//!   table at ->| i32: distance back to the vtable | fields, at the offsets of the table's Shape |
//! ```
//! A field that is not set stays a gap in the table and a zero in the vtable. References point forward, so a table
//! stands before what it refers to.
//!
//! Deliberately not here: reading (`payload`, and the generated code), which fields a message has (`operation/`).

use bytes::{BufMut, BytesMut};

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

/// One frame being written at the end of a send buffer.
///
/// Invariant: the frame never grows past the limit: what would not fit is left out, and `finish` then takes the whole
/// frame off again and reports it.
pub(crate) struct Writer<'a> {
    out: &'a mut BytesMut,
    start: usize,
    excess_bytes: usize,
}

impl<'a> Writer<'a> {
    /// Starts a frame with an empty payload.
    pub(crate) fn new(kind: Kind, flags: Flags, request_id: RequestId, out: &'a mut BytesMut) -> Writer<'a> {
        let start = out.len();
        let mut header = [0; HEADER_BYTES];
        header[4..6].copy_from_slice(&kind.0.to_le_bytes());
        header[6..8].copy_from_slice(&flags.0.to_le_bytes());
        header[8..].copy_from_slice(&request_id.0.to_le_bytes());
        out.extend_from_slice(&header);
        Writer { out, start, excess_bytes: 0 }
    }

    /// Ends the frame: pads the payload and writes its length.
    ///
    /// # Errors
    /// The payload is past the limit; nothing of the frame is left in the buffer.
    pub(crate) fn finish(self) -> Result<(), EncodeError> {
        let unpadded = self.out.len() - self.start - HEADER_BYTES;
        let payload_bytes = unpadded.next_multiple_of(FRAME_ALIGNMENT_BYTES);
        if self.excess_bytes > 0 || payload_bytes > PAYLOAD_BYTES_MAX {
            self.cancel();
            return Err(EncodeError::TooLarge { payload_bytes_max: PAYLOAD_BYTES_MAX });
        }
        self.out.put_bytes(0, payload_bytes - unpadded);
        let length = u32::try_from(payload_bytes).expect("the limit of a payload fits in a u32");
        self.out[self.start..self.start + 4].copy_from_slice(&length.to_le_bytes());
        Ok(())
    }

    /// Takes the frame off the buffer again.
    pub(crate) fn cancel(self) {
        self.out.truncate(self.start);
    }

    /// The payload's root table.
    pub(crate) fn root<const FIELDS: usize>(&mut self, shape: &'static Shape<FIELDS>) -> Table {
        let root = self.out.len();
        self.out.put_u32_le(0);
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
        let at = self.length(scalars.len(), SIZE, alignment);
        scalars.for_each(|scalar| self.append(&scalar));
        self.refer(table, field, at);
    }

    /// A vector of references to strings or tables, to be set one by one.
    pub(crate) fn vector(&mut self, table: Table, field: u16, count: usize) -> Vector {
        let at = self.length(count, OFFSET_BYTES, OFFSET_BYTES);
        let references_bytes = count.saturating_mul(OFFSET_BYTES);
        if self.has_room(references_bytes) {
            self.out.put_bytes(0, references_bytes);
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
        let vtable_bytes = VTABLE_HEADER_BYTES + 2 * FIELDS;
        // Every table is aligned for the widest field: one rule, at most four bytes of padding.
        let vtable = self.aligned(vtable_bytes, FRAME_ALIGNMENT_BYTES) - vtable_bytes;
        self.out.put_bytes(0, vtable + vtable_bytes + usize::from(shape.table_bytes) - self.out.len());
        let at = vtable + vtable_bytes;
        let vtable_length = u16::try_from(vtable_bytes).expect("a table has few fields");
        self.out[vtable..vtable + 2].copy_from_slice(&vtable_length.to_le_bytes());
        self.out[vtable + 2..vtable + 4].copy_from_slice(&shape.table_bytes.to_le_bytes());
        self.out[at..at + 4].copy_from_slice(&u32::from(vtable_length).to_le_bytes());
        Table { at, offsets: &shape.offsets }
    }

    /// Where something starts that is aligned to `alignment` after `gap_bytes` more.
    fn aligned(&self, gap_bytes: usize, alignment: usize) -> usize {
        self.start + (self.out.len() - self.start + gap_bytes).next_multiple_of(alignment)
    }

    fn set<const SIZE: usize>(&mut self, table: Table, field: u16, value: [u8; SIZE]) {
        let at = self.present(table, field);
        self.out[at..at + SIZE].copy_from_slice(&value);
    }

    fn refer(&mut self, table: Table, field: u16, target: usize) {
        let at = self.present(table, field);
        self.point(at, target);
    }

    /// Marks a field present; returns where its value goes. `field` is the field's place in the vtable, as the generated
    /// code's `VT_` constants give it.
    fn present(&mut self, table: Table, field: u16) -> usize {
        let vtable = table.at - VTABLE_HEADER_BYTES - 2 * table.offsets.len();
        let entry = vtable + usize::from(field);
        let offset = table.offsets[(usize::from(field) - VTABLE_HEADER_BYTES) / 2];
        self.out[entry..entry + 2].copy_from_slice(&offset.to_le_bytes());
        table.at + usize::from(offset)
    }

    fn point_element(&mut self, vector: Vector, index: usize, target: usize) {
        if self.excess_bytes == 0 {
            self.point(vector.at + OFFSET_BYTES * (index + 1), target);
        }
    }

    fn point(&mut self, from: usize, target: usize) {
        let distance = u32::try_from(target - from).expect("a payload is shorter than 4 GiB");
        self.out[from..from + OFFSET_BYTES].copy_from_slice(&distance.to_le_bytes());
    }

    fn string(&mut self, text: &str) -> usize {
        let at = self.length(text.len(), 1, OFFSET_BYTES);
        self.append(text.as_bytes());
        self.append(&[0]);
        at
    }

    /// Writes the length of a vector of `count` elements, so that they follow it aligned; returns where it stands.
    fn length(&mut self, count: usize, element_bytes: usize, alignment: usize) -> usize {
        let at = self.aligned(OFFSET_BYTES, alignment.max(OFFSET_BYTES)) - OFFSET_BYTES;
        self.has_room(count.saturating_mul(element_bytes).saturating_add(at - self.start));
        self.out.put_bytes(0, at - self.out.len());
        self.out.put_u32_le(u32::try_from(count).unwrap_or(u32::MAX));
        at
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.has_room(bytes.len()) {
            self.out.extend_from_slice(bytes);
        }
    }

    /// Whether so many bytes more fit in the frame; if not, the frame is lost.
    fn has_room(&mut self, bytes: usize) -> bool {
        let payload_bytes = self.out.len() - self.start - HEADER_BYTES;
        if payload_bytes.saturating_add(bytes) > PAYLOAD_BYTES_MAX {
            self.excess_bytes = self.excess_bytes.saturating_add(bytes.max(1));
        }
        self.excess_bytes == 0
    }
}
