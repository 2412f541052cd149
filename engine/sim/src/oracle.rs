//! What a node has acknowledged, and so what must be there after any power cut.
//!
//! One per experiment, shared by its clients; it outlives the node. Each key belongs to one client, which has at most one
//! write in flight on it: so after a cut a key holds what was last acknowledged, or what was in flight, and nothing else.
//! Tables alike.

use std::collections::BTreeMap;

use model::{Item, Number, Value};

/// The key attributes of every table of an experiment.
pub(crate) const PARTITION_KEY: &str = "owner";
pub(crate) const SORT_KEY: &str = "position";
pub(crate) const VERSION: &str = "version";
pub(crate) const MARK: &str = "mark";
pub(crate) const FILLER: &str = "filler";

/// The primary key of an item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ItemKey {
    /// A string that no other client uses.
    pub partition_key: String,
    /// A number.
    pub sort_key: u64,
}

/// One write: its number is unique in an experiment, and all bytes of the item follow from key and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u64);

/// A value of which one is acknowledged and another may be in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Register<T> {
    acknowledged: T,
    in_flight: Option<T>,
}

#[derive(Clone, Debug, Default)]
struct Table {
    exists: Register<bool>,
    items: BTreeMap<ItemKey, Register<Option<Version>>>,
}

/// See the front page.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    /// Answers that may say that something cannot be read.
    unreadable_count: u32,
    tables: BTreeMap<String, Table>,
    last_version: u64,
    acknowledged_count: u64,
    refused_count: u64,
}

impl<T: Default> Default for Register<T> {
    fn default() -> Register<T> {
        Register { acknowledged: T::default(), in_flight: None }
    }
}

impl<T: Clone + PartialEq + std::fmt::Debug> Register<T> {
    fn begin(&mut self, value: T) {
        assert!(self.in_flight.is_none(), "{self:?} has a write in flight already");
        self.in_flight = Some(value);
    }

    fn acknowledge(&mut self) {
        self.acknowledged = self.in_flight.take().expect("only what is in flight is acknowledged");
    }

    fn withdraw(&mut self) {
        self.in_flight = None;
    }

    fn allows(&self, found: &T) -> bool {
        self.acknowledged == *found || self.in_flight.as_ref() == Some(found)
    }

    /// After a restart the doubt is over: what was found stays.
    fn settle(&mut self, found: T) {
        *self = Register { acknowledged: found, in_flight: None };
    }
}

impl Oracle {
    /// Reads of the disk will fail: so many requests may be told so.
    pub(crate) fn expect_unreadable(&mut self, count: u32) {
        self.unreadable_count = count;
    }

    /// A request was told that what it needs cannot be read. Whether that may be.
    pub(crate) fn take_unreadable(&mut self) -> bool {
        let may_be = self.unreadable_count > 0;
        self.unreadable_count = self.unreadable_count.saturating_sub(1);
        may_be
    }

    /// The number of the next write.
    pub fn next_version(&mut self) -> Version {
        self.last_version += 1;
        Version(self.last_version)
    }

    /// How many writes, of items and of tables, were acknowledged.
    pub fn acknowledged_count(&self) -> u64 {
        self.acknowledged_count
    }

    /// How many were refused for want of room.
    pub fn refused_count(&self) -> u64 {
        self.refused_count
    }

    /// A table is about to be created or deleted.
    pub fn begin_table(&mut self, table: &str, exists: bool) {
        self.tables.entry(table.to_string()).or_default().exists.begin(exists);
    }

    /// It has been. A new table is empty.
    pub fn acknowledge_table(&mut self, table: &str) {
        let table = self.table_mut(table);
        table.exists.acknowledge();
        table.items.clear();
        self.acknowledged_count += 1;
    }

    /// It was refused, and is as before.
    pub fn withdraw_table(&mut self, table: &str) {
        self.table_mut(table).exists.withdraw();
        self.refused_count += 1;
    }

    /// Whether the client that owns the table may use it.
    pub fn has_table(&self, table: &str) -> bool {
        self.tables.get(table).is_some_and(|table| table.exists.acknowledged)
    }

    /// An item is about to be written: None deletes it.
    pub fn begin(&mut self, table: &str, key: &ItemKey, version: Option<Version>) {
        self.table_mut(table).items.entry(key.clone()).or_default().begin(version);
    }

    /// It has been.
    pub fn acknowledge(&mut self, table: &str, key: &ItemKey) {
        self.item_mut(table, key).acknowledge();
        self.acknowledged_count += 1;
    }

    /// It was refused, and is not written.
    pub fn withdraw(&mut self, table: &str, key: &ItemKey) {
        self.item_mut(table, key).withdraw();
        self.refused_count += 1;
    }

    /// What a consistent read of a key with no write in flight finds.
    pub fn item(&self, table: &str, key: &ItemKey) -> Option<Item> {
        let register = self.tables[table].items.get(key)?;
        assert!(register.in_flight.is_none(), "{key:?} of {table} has a write in flight");
        register.acknowledged.map(|version| item_of(key, version))
    }

    /// What a consistent query of a partition key with no write in flight finds, in order.
    pub fn items(&self, table: &str, partition_key: &str) -> Vec<Item> {
        let keys = self.tables[table].items.keys().filter(|key| key.partition_key == partition_key);
        keys.filter_map(|key| self.item(table, key)).collect()
    }

    /// The keys ever written in a table since it was created.
    pub fn keys(&self, table: &str) -> Vec<ItemKey> {
        self.tables[table].items.keys().cloned().collect()
    }

    /// Holds the tables that are there against those that may be, and takes over what was found.
    pub fn settle_tables(&mut self, found: &[String]) -> Result<(), String> {
        if let Some(unknown) = found.iter().find(|name| !self.tables.contains_key(*name)) {
            return Err(format!("table {unknown} was never created"));
        }
        for (name, table) in &mut self.tables {
            let is_found = found.contains(name);
            if !table.exists.allows(&is_found) {
                return Err(format!("table {name} found: {is_found}, known: {:?}", table.exists));
            }
            if table.exists.acknowledged != is_found {
                table.items.clear();
            }
            table.exists.settle(is_found);
        }
        Ok(())
    }

    /// Holds all items of a table against those that may be there, and takes over what was found.
    pub fn settle_items(&mut self, table: &str, found: &[Item]) -> Result<(), String> {
        let mut versions = BTreeMap::new();
        for item in found {
            let (key, version) = read_item(item).ok_or_else(|| format!("{table} holds a strange {item:?}"))?;
            if *item != item_of(&key, version) {
                return Err(format!("{key:?} of {table} at {version:?} is not what was written: {item:?}"));
            }
            if versions.insert(key.clone(), version).is_some() {
                return Err(format!("{key:?} is in {table} twice"));
            }
        }
        let items = &mut self.table_mut(table).items;
        if let Some(unknown) = versions.keys().find(|key| !items.contains_key(*key)) {
            return Err(format!("{unknown:?} was never written to {table}"));
        }
        for (key, register) in items {
            let version = versions.get(key).copied();
            if !register.allows(&version) {
                return Err(format!("{key:?} of {table} found: {version:?}, known: {register:?}"));
            }
            register.settle(version);
        }
        Ok(())
    }

    fn table_mut(&mut self, table: &str) -> &mut Table {
        self.tables.get_mut(table).expect("begun before it is used")
    }

    fn item_mut(&mut self, table: &str, key: &ItemKey) -> &mut Register<Option<Version>> {
        self.table_mut(table).items.get_mut(key).expect("begun before it is answered")
    }
}

/// The attributes of a key.
pub(crate) fn key_of(key: &ItemKey) -> Item {
    encode(key_attributes(key))
}

/// The item of a key and a version: from a few bytes to a few blocks, each byte decided by both.
pub(crate) fn item_of(key: &ItemKey, version: Version) -> Item {
    let mut random = fastrand::Rng::with_seed(version.0.wrapping_mul(31) ^ key.sort_key);
    let length = match random.u8(0..16) {
        0 => random.usize(4096..16_384),
        1..4 => random.usize(512..4096),
        _ => random.usize(0..200),
    };
    let filler: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
    let mut attributes = key_attributes(key);
    if random.bool() {
        attributes.insert(MARK.to_string(), Value::S(format!("mark {}", random.u8(0..3))));
    }
    attributes.insert(VERSION.to_string(), number(version.0));
    attributes.insert(FILLER.to_string(), Value::B(filler));
    encode(attributes)
}

/// The key and the version that an item claims to have.
pub(crate) fn read_item(item: &Item) -> Option<(ItemKey, Version)> {
    let attributes = item.to_value_map();
    Some((read_key(item)?, Version(read_number(attributes.get(VERSION)?)?)))
}

/// The key that an item, or a key alone, claims to have.
pub(crate) fn read_key(item: &Item) -> Option<ItemKey> {
    let attributes = item.to_value_map();
    let Value::S(partition_key) = attributes.get(PARTITION_KEY)? else { return None };
    Some(ItemKey { partition_key: partition_key.clone(), sort_key: read_number(attributes.get(SORT_KEY)?)? })
}

pub(crate) fn number(value: u64) -> Value {
    Value::N(Number::parse(&value.to_string()).expect("digits are a number"))
}

pub(crate) fn encode(attributes: BTreeMap<String, Value>) -> Item {
    Item::from_value_map(&attributes).expect("few attributes, no sets, no nesting")
}

fn read_number(value: &Value) -> Option<u64> {
    match value {
        Value::N(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

fn key_attributes(key: &ItemKey) -> BTreeMap<String, Value> {
    BTreeMap::from([
        (PARTITION_KEY.to_string(), Value::S(key.partition_key.clone())),
        (SORT_KEY.to_string(), number(key.sort_key)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "table";

    fn key(sort_key: u64) -> ItemKey {
        ItemKey { partition_key: "a".to_string(), sort_key }
    }

    /// A table with item 1 acknowledged at version 1, then overwritten by version 2 in flight.
    fn oracle() -> Oracle {
        let mut oracle = Oracle::default();
        oracle.begin_table(TABLE, true);
        oracle.acknowledge_table(TABLE);
        oracle.begin(TABLE, &key(1), Some(Version(1)));
        oracle.acknowledge(TABLE, &key(1));
        oracle.begin(TABLE, &key(1), Some(Version(2)));
        oracle
    }

    #[test]
    fn allows_the_acknowledged_and_what_is_in_flight_alone() {
        let check = |found: &[(u64, u64)], expect: Result<(), &str>| {
            let items: Vec<Item> =
                found.iter().map(|&(sort_key, version)| item_of(&key(sort_key), Version(version))).collect();
            let result = oracle().settle_items(TABLE, &items);
            match expect {
                Ok(()) => assert_eq!(result, Ok(())),
                Err(part) => assert!(result.clone().is_err_and(|error| error.contains(part)), "{result:?}"),
            }
        };
        check(&[(1, 1)], Ok(()));
        check(&[(1, 2)], Ok(()));
        check(&[], Err("found: None"));
        check(&[(1, 3)], Err("found: Some(Version(3))"));
        check(&[(1, 1), (2, 1)], Err("never written"));
        check(&[(1, 1), (1, 2)], Err("twice"));
    }

    #[test]
    fn refuses_an_item_that_is_not_whole() {
        let mut attributes = item_of(&key(1), Version(1)).to_value_map();
        attributes.insert(FILLER.to_string(), Value::B(vec![0; 3]));
        let result = oracle().settle_items(TABLE, &[encode(attributes)]);
        assert!(result.is_err_and(|error| error.contains("not what was written")));
    }

    #[test]
    fn knows_which_tables_may_be_there() {
        assert_eq!(oracle().settle_tables(&[TABLE.to_string()]), Ok(()));
        assert!(oracle().settle_tables(&[]).is_err(), "it was acknowledged");
        assert!(oracle().settle_tables(&[TABLE.to_string(), "other".to_string()]).is_err());
        let mut deleting = oracle();
        deleting.begin_table(TABLE, false);
        assert_eq!(deleting.clone().settle_tables(&[]), Ok(()));
        assert_eq!(deleting.settle_tables(&[TABLE.to_string()]), Ok(()));
        assert!(deleting.settle_tables(&[]).is_err(), "found once, it stays");
    }

    #[test]
    fn items_differ_by_key_and_version_and_say_so() {
        let item = item_of(&key(1), Version(7));
        assert_eq!(read_item(&item), Some((key(1), Version(7))));
        assert_ne!(item, item_of(&key(1), Version(8)));
        assert_eq!(read_key(&key_of(&key(5))), Some(key(5)));
        assert_eq!(read_item(&key_of(&key(5))), None);
    }
}
