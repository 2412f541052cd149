//! Effects: what a change does to the sets that follow from the items. The leader works them out; whoever applies the change, at once, on a
//! replica or while a log is read back, needs neither the old item nor the table's definition. Pure; the bytes are in FORMAT.md.

use crate::local_indexes::ItemChange;
use model::TableDefinition;
use model::limits::LOCAL_SECONDARY_INDEX_COUNT_MAX;
use model::operation::index_entry_bytes;

const OP_REMOVE: u8 = 1;
const OP_ADD: u8 = 2;
const OP_RESIZE: u8 = 3;
const OP_SET_VALUE: u8 = 4;
/// Set, operation, bytes of the entry, two numbers.
const HEADER_BYTES: usize = 16;

const CODE_ITEMS: u8 = 0;
const CODE_LOCAL_INDEX: u8 = 1;
const CODE_LOCAL_INDEX_END: u8 = 6;
const _: () = assert!(CODE_LOCAL_INDEX_END as usize == CODE_LOCAL_INDEX as usize + LOCAL_SECONDARY_INDEX_COUNT_MAX);
const CODE_DUE_TIMES: u8 = 64;
const CODE_COLLECTIONS: u8 = 65;

/// An ordered set of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SetId {
    /// The items.
    Items,
    /// The entries of the local index of that number.
    LocalIndex(u8),
    /// When items are due.
    DueTimes,
    /// How large item collections are.
    Collections,
}

impl SetId {
    /// As it stands in a change and in a checkpoint.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Items => CODE_ITEMS,
            Self::LocalIndex(number) => CODE_LOCAL_INDEX + number,
            Self::DueTimes => CODE_DUE_TIMES,
            Self::Collections => CODE_COLLECTIONS,
        }
    }

    /// What a code means.
    pub(crate) fn of_code(code: u8) -> Option<Self> {
        match code {
            CODE_ITEMS => Some(Self::Items),
            CODE_LOCAL_INDEX..CODE_LOCAL_INDEX_END => Some(Self::LocalIndex(code - CODE_LOCAL_INDEX)),
            CODE_DUE_TIMES => Some(Self::DueTimes),
            CODE_COLLECTIONS => Some(Self::Collections),
            _ => None,
        }
    }
}

/// One effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect<'a> {
    /// The entry goes, with what it took as DynamoDB counts it.
    Remove { entry: &'a [u8], item_bytes: u32 },
    /// The entry comes.
    Add { entry: &'a [u8], item_bytes: u32 },
    /// An entry stays, and what it takes changes.
    Resize { old_item_bytes: u32, item_bytes: u32 },
    /// The entry has this value from now on; 0: it goes.
    SetValue { entry: &'a [u8], value: u64 },
}

/// The effects of a change, encoded; checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effects<'a>(&'a [u8]);

impl<'a> Effects<'a> {
    /// A change that has none.
    pub const NONE: Effects<'static> = Effects(&[]);

    /// As they are encoded.
    pub fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Checks bytes; `None` if they are no effects.
    pub(crate) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        while !rest.is_empty() {
            (_, rest) = split(rest)?;
        }
        Some(Self(bytes))
    }

    /// One after the other.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SetId, Effect<'a>)> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (effect, behind) = split(rest)?;
            rest = behind;
            Some(effect)
        })
    }
}

fn split(bytes: &[u8]) -> Option<((SetId, Effect<'_>), &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let [set, op, e0, e1, o0, o1, o2, o3, value @ ..] = *header;
    let (entry, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([e0, e1])))?;
    let first = u32::from_le_bytes([o0, o1, o2, o3]);
    let value = u64::from_le_bytes(value);
    let set = SetId::of_code(set)?;
    let effect = match (op, set) {
        (OP_REMOVE, SetId::LocalIndex(_) | SetId::DueTimes) => Effect::Remove { entry, item_bytes: first },
        (OP_ADD, SetId::LocalIndex(_) | SetId::DueTimes) => Effect::Add { entry, item_bytes: first },
        (OP_RESIZE, SetId::LocalIndex(_)) => {
            Effect::Resize { old_item_bytes: u32::try_from(value).ok()?, item_bytes: first }
        }
        (OP_SET_VALUE, SetId::Collections) => Effect::SetValue { entry, value },
        _ => return None,
    };
    Some(((set, effect), rest))
}

/// Effects in the making.
#[derive(Default)]
pub(crate) struct EffectsBuilder {
    bytes: Vec<u8>,
    old_entry: Vec<u8>,
    new_entry: Vec<u8>,
}

impl EffectsBuilder {
    /// What has been added.
    pub(crate) fn effects(&self) -> Effects<'_> {
        Effects(&self.bytes)
    }

    /// Begins anew.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// An entry comes.
    pub(crate) fn add(&mut self, set: SetId, entry: &[u8], item_bytes: u32) {
        push(&mut self.bytes, (set, OP_ADD), entry, (item_bytes, 0));
    }

    /// An entry goes.
    pub(crate) fn remove(&mut self, set: SetId, entry: &[u8], item_bytes: u32) {
        push(&mut self.bytes, (set, OP_REMOVE), entry, (item_bytes, 0));
    }

    /// An entry has a value.
    pub(crate) fn set_value(&mut self, set: SetId, entry: &[u8], value: u64) {
        push(&mut self.bytes, (set, OP_SET_VALUE), entry, (0, value));
    }

    /// What a change of an item does to the local indexes of its table.
    pub(crate) fn change_local_indexes(&mut self, definition: &TableDefinition, change: ItemChange<'_>) {
        let schema = &definition.key_schema;
        let ItemChange { key, old, new } = change;
        for (number, index) in (0_u8..).zip(&definition.local_indexes) {
            self.old_entry.clear();
            self.new_entry.clear();
            let old = old.filter(|old| schema.encode_entry(index, *old, key, &mut self.old_entry));
            let new = new.filter(|new| schema.encode_entry(index, *new, key, &mut self.new_entry));
            let bytes_of = |item| {
                u32::try_from(index_entry_bytes(definition, index, item)).expect("an entry is not larger than its item")
            };
            let (old_bytes, new_bytes) = (old.map_or(0, bytes_of), new.map_or(0, bytes_of));
            let set = SetId::LocalIndex(number);
            if old.is_some() && new.is_some() && self.old_entry == self.new_entry {
                if old_bytes != new_bytes {
                    push(&mut self.bytes, (set, OP_RESIZE), &[], (new_bytes, u64::from(old_bytes)));
                }
                continue;
            }
            if old.is_some() {
                push(&mut self.bytes, (set, OP_REMOVE), &self.old_entry, (old_bytes, 0));
            }
            if new.is_some() {
                push(&mut self.bytes, (set, OP_ADD), &self.new_entry, (new_bytes, 0));
            }
        }
    }
}

fn push(out: &mut Vec<u8>, (set, op): (SetId, u8), entry: &[u8], (first, value): (u32, u64)) {
    out.push(set.code());
    out.push(op);
    let entry_bytes = u16::try_from(entry.len()).expect("keys are bounded where they are made");
    out.extend_from_slice(&entry_bytes.to_le_bytes());
    out.extend_from_slice(&first.to_le_bytes());
    out.extend_from_slice(&value.to_le_bytes());
    out.extend_from_slice(entry);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_and_no_truncation_passes() {
        let mut builder = EffectsBuilder::default();
        builder.remove(SetId::LocalIndex(4), b"old", 5);
        builder.add(SetId::DueTimes, b"new entry", 6);
        builder.set_value(SetId::Collections, b"hash", u64::MAX);
        push(&mut builder.bytes, (SetId::LocalIndex(0), OP_RESIZE), &[], (8, 9));
        let expected = [
            (SetId::LocalIndex(4), Effect::Remove { entry: b"old", item_bytes: 5 }),
            (SetId::DueTimes, Effect::Add { entry: b"new entry", item_bytes: 6 }),
            (SetId::Collections, Effect::SetValue { entry: b"hash", value: u64::MAX }),
            (SetId::LocalIndex(0), Effect::Resize { old_item_bytes: 9, item_bytes: 8 }),
        ];
        let effects = Effects::decode(&builder.bytes).unwrap();
        assert_eq!(effects.iter().collect::<Vec<_>>(), expected);
        let whole: Vec<usize> =
            (0..builder.bytes.len()).filter(|end| Effects::decode(&builder.bytes[..*end]).is_some()).collect();
        assert_eq!(whole, [0, 19, 44, 64]);
        for set in [CODE_ITEMS, CODE_LOCAL_INDEX_END, 63, CODE_COLLECTIONS, 66, 255] {
            let mut bytes = builder.bytes.clone();
            bytes[0] = set;
            assert_eq!(Effects::decode(&bytes), None, "an entry of set {set} goes");
        }
        let last = whole[3];
        for set in [CODE_DUE_TIMES, CODE_COLLECTIONS] {
            let mut bytes = builder.bytes.clone();
            bytes[last] = set;
            assert_eq!(Effects::decode(&bytes), None, "an entry of set {set} has another size");
        }
    }
}
