//! Capacity units: what each operation consumes, to the half unit.
//!
//! In the way of a request: the owner sums up what it read or wrote, the reply carries the sum when
//! `ReturnConsumedCapacity` asks for it. Deliberately not here: admission, which compares units with a rate.

use std::ops::{Add, AddAssign};

use super::{Choice, ReturnConsumedCapacity};
use crate::Text;
use crate::limits::{LOCAL_SECONDARY_INDEX_COUNT_MAX, READ_UNIT_BYTES, WRITE_UNIT_BYTES};
use crate::table::TableDefinition;

/// An amount of read or write capacity, exact: DynamoDB counts in halves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CapacityUnits {
    half_unit_count: u64,
}

impl CapacityUnits {
    /// No capacity.
    pub const ZERO: CapacityUnits = CapacityUnits { half_unit_count: 0 };

    /// What it costs to read `size_bytes`: an item, or the sum of the items of a page.
    ///
    /// A missing item and an empty page cost as much as the smallest one.
    // DynamoDB: developer guide: 4 KB a unit, rounded up, half of it for an eventually consistent read.
    pub fn for_read(size_bytes: usize, is_consistent: bool) -> CapacityUnits {
        let unit_count = size_bytes.div_ceil(READ_UNIT_BYTES).max(1) as u64;
        CapacityUnits { half_unit_count: if is_consistent { 2 * unit_count } else { unit_count } }
    }

    /// What it costs to replace an item of `old_size_bytes` by one of `new_size_bytes`; a missing one has size 0.
    // DynamoDB: developer guide: 1 KB a unit, rounded up, of the larger of the two images, at least one unit.
    pub fn for_write(old_size_bytes: usize, new_size_bytes: usize) -> CapacityUnits {
        let size_bytes = old_size_bytes.max(new_size_bytes);
        CapacityUnits { half_unit_count: 2 * size_bytes.div_ceil(WRITE_UNIT_BYTES).max(1) as u64 }
    }

    /// The amount in half units.
    pub fn half_unit_count(self) -> u64 {
        self.half_unit_count
    }

    /// The amount from a count of half units.
    pub fn from_half_unit_count(half_unit_count: u64) -> CapacityUnits {
        CapacityUnits { half_unit_count }
    }

    /// The amount in units, as replies print it.
    #[expect(clippy::cast_precision_loss, reason = "a request never reaches 2^52 units")]
    pub fn as_f64(self) -> f64 {
        self.half_unit_count as f64 / 2.0
    }
}

impl Add for CapacityUnits {
    type Output = CapacityUnits;

    fn add(self, other: CapacityUnits) -> CapacityUnits {
        CapacityUnits { half_unit_count: self.half_unit_count.saturating_add(other.half_unit_count) }
    }
}

impl AddAssign for CapacityUnits {
    fn add_assign(&mut self, other: CapacityUnits) {
        *self = *self + other;
    }
}

/// What a request consumed, on the table and on each of its local indexes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnitsByIndex {
    /// The table's own share.
    pub table: CapacityUnits,
    /// The share of each local index, by its place in the definition.
    pub local_indexes: [CapacityUnits; LOCAL_SECONDARY_INDEX_COUNT_MAX],
}

impl UnitsByIndex {
    /// Units of the table alone.
    pub fn of_table(table: CapacityUnits) -> UnitsByIndex {
        UnitsByIndex { table, ..UnitsByIndex::default() }
    }

    /// All together: local indexes use the table's throughput.
    pub fn total(&self) -> CapacityUnits {
        self.local_indexes.iter().fold(self.table, |sum, units| sum + *units)
    }
}

impl AddAssign for UnitsByIndex {
    fn add_assign(&mut self, other: UnitsByIndex) {
        self.table += other.table;
        for (units, more) in self.local_indexes.iter_mut().zip(other.local_indexes) {
            *units += more;
        }
    }
}

/// The `ConsumedCapacity` of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumedCapacity {
    /// The table as the caller named it: name or ARN.
    pub table_name: Text,
    /// What the request consumed on the table and its indexes together.
    pub capacity_units: CapacityUnits,
    /// The same by table and index (`INDEXES`).
    pub itemised: Option<Box<ItemisedCapacity>>,
}

/// What a request consumed, by table and index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemisedCapacity {
    /// The table's own share.
    pub table: CapacityUnits,
    /// The share of each local index that the request touched, in the order of the definition.
    pub local_indexes: Vec<(Text, CapacityUnits)>,
}

impl ConsumedCapacity {
    /// What a reply tells for `asked`: nothing when the caller did not ask.
    pub fn answer(
        asked: &Choice<ReturnConsumedCapacity>,
        table_name: Option<&Text>,
        definition: &TableDefinition,
        units: &UnitsByIndex,
    ) -> Option<ConsumedCapacity> {
        let itemised = match asked.known()? {
            ReturnConsumedCapacity::None => return None,
            ReturnConsumedCapacity::Total => None,
            ReturnConsumedCapacity::Indexes => Some(Box::new(ItemisedCapacity::of(definition, units))),
        };
        Some(ConsumedCapacity { table_name: table_name?.clone(), capacity_units: units.total(), itemised })
    }
}

impl ItemisedCapacity {
    fn of(definition: &TableDefinition, units: &UnitsByIndex) -> ItemisedCapacity {
        let indexes = definition.local_indexes.iter().zip(units.local_indexes);
        let touched = indexes.filter(|(_, units)| *units > CapacityUnits::ZERO);
        let local_indexes = touched.map(|(index, units)| (Text::from(index.name.as_str()), units)).collect();
        ItemisedCapacity { table: units.table, local_indexes }
    }
}

/// The `ConsumedCapacity` of a batch's reply: what each of its tables consumed. In a batch every item is rounded by
/// itself: `units` are sums of units by item.
pub fn answer_by_table<'a>(
    asked: &Choice<ReturnConsumedCapacity>,
    tables: impl IntoIterator<Item = (&'a Text, &'a TableDefinition, UnitsByIndex)>,
) -> Option<Vec<ConsumedCapacity>> {
    tables
        .into_iter()
        .map(|(name, definition, units)| ConsumedCapacity::answer(asked, Some(name), definition, &units))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::tests::indexed_table;

    #[test]
    fn reads_cost_a_unit_for_4_kib_and_half_of_it_when_eventual() {
        for (size_bytes, is_consistent, units) in [
            (0, true, 1.0),
            (0, false, 0.5),
            (1, true, 1.0),
            (4096, true, 1.0),
            (4097, true, 2.0),
            (4097, false, 1.0),
            (409_600, true, 100.0),
            (409_600, false, 50.0),
            (1 << 20, false, 128.0),
        ] {
            assert_eq!(CapacityUnits::for_read(size_bytes, is_consistent).as_f64(), units, "{size_bytes}");
        }
    }

    #[test]
    fn writes_cost_a_unit_for_1_kib_of_the_larger_image() {
        for (old, new, units) in
            [(0, 0, 1.0), (0, 1, 1.0), (0, 1024, 1.0), (0, 1025, 2.0), (5000, 100, 5.0), (100, 5000, 5.0)]
        {
            assert_eq!(CapacityUnits::for_write(old, new).as_f64(), units, "{old} -> {new}");
        }
    }

    #[test]
    fn a_reply_tells_what_was_asked() {
        let name = Text::from("t");
        let definition = indexed_table(&["i", "j"]);
        let half = CapacityUnits::for_read(1, false);
        let mut units = UnitsByIndex::of_table(CapacityUnits::for_read(1, true));
        units.local_indexes[1] = half;
        let answer = |asked| ConsumedCapacity::answer(&asked, Some(&name), &definition, &units);
        assert_eq!(answer(Choice::Absent), None);
        assert_eq!(answer(Choice::Known(ReturnConsumedCapacity::None)), None);
        let total = answer(Choice::Known(ReturnConsumedCapacity::Total)).unwrap();
        assert_eq!((total.capacity_units.as_f64(), total.itemised.clone()), (1.5, None));
        let itemised = answer(Choice::Known(ReturnConsumedCapacity::Indexes)).unwrap().itemised.unwrap();
        assert_eq!((itemised.table, &itemised.local_indexes[..]), (units.table, &[(Text::from("j"), half)][..]));
        let asked = Choice::Known(ReturnConsumedCapacity::Total);
        assert_eq!(answer_by_table(&asked, [(&name, &definition, units)]).unwrap(), [total]);
        assert_eq!(answer_by_table(&Choice::Absent, [(&name, &definition, units)]), None);
    }
}
