//! The data set: what lies under item number `k`. Everything is computed from the number, nothing is stored.
//!
//! ```text
//! plain      id "user12345678901234567890"                          one item a partition key
//! ordered    id as above, of k / 1000       row_number "0042"       a thousand items a partition key
//! field i    16 hexadecimal digits: the stamp of the write | printable bytes drawn from (k, i, stamp)
//! ```
//!
//! A field is its own checksum: whoever reads it draws the bytes anew from the stamp and compares them all. A field of another
//! item, of another name, torn or damaged is found. Stale ones are not: that is `perf crash`'s business.

use model::{Item, ItemEncoder, ItemRef, ValueRef};

/// The partition key.
pub(super) const KEY_ATTRIBUTE: &str = "id";
/// The sort key of an ordered table.
pub(super) const ROW_ATTRIBUTE: &str = "row_number";
/// Items of one partition key in an ordered table.
pub(super) const ROWS_PER_KEY: u64 = 1000;
/// A field holds at least its stamp and eight drawn bytes.
pub(super) const FIELD_BYTES_MIN: usize = STAMP_BYTES + 8;

const STAMP_BYTES: usize = 16;
const KEY_BYTES: usize = 24;
const ROW_BYTES: usize = 4;

/// What all items look like.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    field_names: Vec<String>,
    field_bytes: usize,
    /// Whether there is a sort key.
    pub(super) is_ordered: bool,
}

/// Makes and checks items; its buffers are used again.
pub(super) struct Records {
    pub(super) shape: Shape,
    encoder: ItemEncoder,
    text: Vec<u8>,
}

impl Shape {
    pub(super) fn new(field_count: usize, field_bytes: usize, is_ordered: bool) -> Shape {
        assert!(field_bytes >= FIELD_BYTES_MIN, "a field of {field_bytes} bytes cannot be checked");
        // YCSB's names.
        let field_names = (0..field_count).map(|field| format!("field{field}")).collect();
        Shape { field_names, field_bytes, is_ordered }
    }

    pub(super) fn field_names(&self) -> &[String] {
        &self.field_names
    }

    /// The size of each item as DynamoDB counts it: names and values.
    pub(super) fn item_bytes(&self) -> u64 {
        let names: usize = self.field_names.iter().map(String::len).sum();
        let row_bytes = if self.is_ordered { ROW_ATTRIBUTE.len() + ROW_BYTES } else { 0 };
        (KEY_ATTRIBUTE.len() + KEY_BYTES + row_bytes + names + self.field_names.len() * self.field_bytes) as u64
    }
}

impl Records {
    pub(super) fn new(shape: Shape) -> Records {
        Records { shape, encoder: ItemEncoder::new(), text: Vec::new() }
    }

    /// The key of item `number`.
    pub(super) fn key(&mut self, number: u64) -> Item {
        self.encoder.begin_item();
        self.push_key(number);
        self.encoder.finish().expect("two short texts are a sound key")
    }

    /// Item `number`, all of it of one write.
    pub(super) fn item(&mut self, number: u64, stamp: u64) -> Item {
        self.encoder.begin_item();
        for field in 0..self.shape.field_names.len() {
            self.encoder.name(&self.shape.field_names[field]);
            self.push_field(number, field, stamp);
        }
        self.push_key(number);
        self.encoder.finish().expect("short texts are a sound item")
    }

    /// The value of one field under a placeholder's name.
    pub(super) fn field_value(&mut self, placeholder: &str, (number, field): (u64, usize), stamp: u64) -> Item {
        self.encoder.begin_item();
        self.encoder.name(placeholder);
        self.push_field(number, field, stamp);
        self.encoder.finish().expect("a short text is a sound value")
    }

    /// The values of a Query's placeholders: the partition key of item `number`, and its sort key.
    pub(super) fn query_values(&mut self, key_placeholder: &str, row_placeholder: &str, number: u64) -> Item {
        self.encoder.begin_item();
        self.encoder.name(key_placeholder);
        self.encoder.string(&key_text(number / ROWS_PER_KEY));
        self.encoder.name(row_placeholder);
        self.encoder.string(&row_text(number));
        self.encoder.finish().expect("two short texts are sound values")
    }

    /// Checks every byte of an item that was read as number `number`. What is wrong, in words.
    pub(super) fn check(&mut self, number: u64, item: ItemRef<'_>) -> Result<(), String> {
        let attribute_count = self.shape.field_names.len() + 1 + usize::from(self.shape.is_ordered);
        if item.len() != attribute_count {
            return Err(format!("item {number} has {} attributes and not {attribute_count}", item.len()));
        }
        let id = if self.shape.is_ordered { number / ROWS_PER_KEY } else { number };
        if item.attribute(KEY_ATTRIBUTE) != Some(ValueRef::S(&key_text(id))) {
            return Err(format!("item {number} is another key's: {:?}", item.attribute(KEY_ATTRIBUTE)));
        }
        if self.shape.is_ordered && item.attribute(ROW_ATTRIBUTE) != Some(ValueRef::S(&row_text(number))) {
            return Err(format!("item {number} is another row: {:?}", item.attribute(ROW_ATTRIBUTE)));
        }
        for field in 0..self.shape.field_names.len() {
            let Some(ValueRef::S(found)) = item.attribute(&self.shape.field_names[field]) else {
                return Err(format!("item {number} has no text in field {field}"));
            };
            let stamp = found.get(..STAMP_BYTES).and_then(|digits| u64::from_str_radix(digits, 16).ok());
            let stamp = stamp.ok_or_else(|| format!("item {number}, field {field}: no stamp"))?;
            self.draw_field(number, field, stamp);
            if found.as_bytes() != self.text {
                return Err(format!("item {number}, field {field}: not what was written with stamp {stamp:016x}"));
            }
        }
        Ok(())
    }

    fn push_key(&mut self, number: u64) {
        let id = if self.shape.is_ordered { number / ROWS_PER_KEY } else { number };
        self.encoder.name(KEY_ATTRIBUTE);
        self.encoder.string(&key_text(id));
        if self.shape.is_ordered {
            self.encoder.name(ROW_ATTRIBUTE);
            self.encoder.string(&row_text(number));
        }
    }

    fn push_field(&mut self, number: u64, field: usize, stamp: u64) {
        self.draw_field(number, field, stamp);
        self.encoder.string(std::str::from_utf8(&self.text).expect("drawn bytes are printable"));
    }

    /// Leaves a field's bytes in `text`.
    fn draw_field(&mut self, number: u64, field: usize, stamp: u64) {
        const HEXADECIMAL: &[u8; 16] = b"0123456789abcdef";
        self.text.clear();
        self.text.extend((0..STAMP_BYTES).rev().map(|digit| HEXADECIMAL[(stamp >> (4 * digit) & 15) as usize]));
        let mut state = mix(stamp ^ mix(number)).wrapping_add(field as u64);
        while self.text.len() < self.shape.field_bytes {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            // Six bits a byte, from the space on: printable, and no quotation mark is in need of an escape's length.
            let printable = (mix(state) & 0x3F3F_3F3F_3F3F_3F3F) + 0x2020_2020_2020_2020;
            self.text.extend_from_slice(&printable.to_le_bytes());
        }
        self.text.truncate(self.shape.field_bytes);
    }
}

/// The partition key of a number: spread over the keys, no two alike.
fn key_text(number: u64) -> String {
    format!("user{:020}", mix(number))
}

fn row_text(number: u64) -> String {
    format!("{:0ROW_BYTES$}", number % ROWS_PER_KEY)
}

/// SplitMix64's finalizer: a bijection of 64 bits.
fn mix(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_as_large_as_told_and_check() {
        for is_ordered in [false, true] {
            let shape = Shape::new(10, 100, is_ordered);
            let mut records = Records::new(shape.clone());
            for number in [0, 999, 1000, 20_000_000] {
                let item = records.item(number, number + 7);
                assert_eq!(item.as_ref().size_bytes() as u64, shape.item_bytes());
                assert_eq!(records.check(number, item.as_ref()), Ok(()));
                assert!(records.check(number + 1, item.as_ref()).is_err(), "{number}");
                let key = records.key(number);
                let has = |name| key.as_ref().attribute(name) == item.as_ref().attribute(name);
                assert!(has(KEY_ATTRIBUTE) && has(ROW_ATTRIBUTE));
            }
        }
        assert_eq!(key_text(0).len(), KEY_BYTES);
        assert_eq!(key_text(u64::MAX).len(), KEY_BYTES);
    }

    #[test]
    fn every_damaged_byte_of_a_value_is_found() {
        let mut records = Records::new(Shape::new(2, 33, false));
        let item = records.item(42, 9);
        let mut tree = item.as_ref().to_value_map();
        let model::Value::S(field) = tree["field1"].clone() else { panic!("a field is text") };
        for position in 0..field.len() {
            let mut damaged = field.clone().into_bytes();
            damaged[position] ^= 1;
            tree.insert("field1".to_owned(), model::Value::S(String::from_utf8(damaged).unwrap()));
            let damaged = Item::from_value_map(&tree).unwrap();
            assert!(records.check(42, damaged.as_ref()).is_err(), "byte {position}");
        }
        // A field of a later write is sound beside the others; one of another name is not.
        let later = records.field_value("field1", (42, 1), 10);
        tree.extend(later.as_ref().to_value_map());
        assert_eq!(records.check(42, Item::from_value_map(&tree).unwrap().as_ref()), Ok(()));
        let other = tree["field0"].clone();
        tree.insert("field1".to_owned(), other);
        assert!(records.check(42, Item::from_value_map(&tree).unwrap().as_ref()).is_err());
    }
}
