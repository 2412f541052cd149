//! The local indexes of the tables of an experiment, and what each must hold of the items that are there.

use model::operation::{IndexParameter, KeyRole, ProjectionParameter, ProjectionType};
use model::{Item, KeyType, Text, Value};

use crate::client::{SHARED_TABLE, key_element};
use crate::oracle::{MARK, PARTITION_KEY, SORT_KEY, VERSION, encode};

/// A local index. See the front page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// Every item, by the number of the write that made it.
    ByVersion,
    /// The items that have a mark, of few different ones; keys alone.
    ByMark,
}

impl Index {
    /// The indexes of a table: the one that all clients use has them all, the others none.
    pub fn of_table(table: &str) -> &'static [Index] {
        if table == SHARED_TABLE { &[Index::ByVersion, Index::ByMark] } else { &[] }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Index::ByVersion => "by-version",
            Index::ByMark => "by-mark",
        }
    }

    /// The attribute that orders it, with its type.
    pub(crate) fn sort_key(self) -> (&'static str, KeyType) {
        match self {
            Index::ByVersion => (VERSION, KeyType::Number),
            Index::ByMark => (MARK, KeyType::String),
        }
    }

    /// As CreateTable asks for it.
    pub(crate) fn parameter(self) -> IndexParameter {
        let projection = match self {
            Index::ByVersion => ProjectionType::All,
            Index::ByMark => ProjectionType::KeysOnly,
        };
        IndexParameter {
            index_name: Some(Text::from(self.name())),
            key_schema: Some(vec![
                key_element(PARTITION_KEY, KeyRole::Hash),
                key_element(self.sort_key().0, KeyRole::Range),
            ]),
            projection: Some(ProjectionParameter {
                projection_type: model::operation::Choice::Known(projection),
                non_key_attributes: None,
            }),
            provisioned_throughput: None,
        }
    }

    /// What it holds of the items of one partition key, given in the order of the table: in its own order.
    pub(crate) fn entries(self, items: &[Item]) -> Vec<Item> {
        let mut entries: Vec<(Order, Item)> = items.iter().filter_map(|item| self.entry(item)).collect();
        // Stable: equal ones stay in the order of the table.
        entries.sort_by(|left, right| left.0.cmp(&right.0));
        entries.into_iter().map(|(_, entry)| entry).collect()
    }

    fn entry(self, item: &Item) -> Option<(Order, Item)> {
        let mut attributes = item.to_value_map();
        let order = match attributes.get(self.sort_key().0)? {
            Value::N(number) => (number.to_i64()?, String::new()),
            Value::S(text) => (0, text.clone()),
            _ => return None,
        };
        if self == Index::ByMark {
            attributes.retain(|name, _| [PARTITION_KEY, SORT_KEY, MARK].contains(&name.as_str()));
        }
        Some((order, encode(attributes)))
    }
}

/// The value of an index's key, as it is ordered.
type Order = (i64, String);
