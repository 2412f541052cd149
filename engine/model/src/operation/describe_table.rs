//! DescribeTable: what a table is and how it is doing.

use super::table_name::{TableNameWording, check_table_name};
use crate::{Error, TableDefinition, Text};

/// The request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeTable {
    /// Name or ARN.
    pub table_name: Option<Text>,
}

impl DescribeTable {
    /// Checks all that needs no table.
    pub fn validate(&self) -> Result<(), Error> {
        check_table_name(self.table_name.as_ref(), TableNameWording::Table)
    }
}

/// A table, as CreateTable, DescribeTable, UpdateTable and DeleteTable describe it.
#[derive(Clone, Debug, PartialEq)]
pub struct TableDescription {
    /// What the table is.
    pub definition: TableDefinition,
    /// How many items it holds.
    pub item_count: u64,
    /// The sum of their sizes.
    pub table_size_bytes: u64,
    /// The same of each local index, in the order of the definition.
    pub local_indexes: Vec<IndexSize>,
}

/// How much an index holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexSize {
    /// How many items it holds.
    pub item_count: u64,
    /// The sum of their sizes.
    pub size_bytes: u64,
}

impl TableDescription {
    /// The description of a table that holds nothing.
    pub fn of_empty(definition: TableDefinition) -> TableDescription {
        let local_indexes = vec![IndexSize::default(); definition.local_indexes.len()];
        TableDescription { definition, item_count: 0, table_size_bytes: 0, local_indexes }
    }
}

/// The reply.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeTableReply {
    /// The table.
    pub table: TableDescription,
}
