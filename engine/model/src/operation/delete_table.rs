//! DeleteTable: remove a table with all its items.

use super::TableDescription;
use super::table_name::{TableNameWording, check_table_name};
use crate::{Error, Text};

/// The request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteTable {
    /// Name or ARN.
    pub table_name: Option<Text>,
}

impl DeleteTable {
    /// Checks all that needs no table.
    pub fn validate(&self) -> Result<(), Error> {
        check_table_name(self.table_name.as_ref(), TableNameWording::Table)
    }
}

/// The reply.
#[derive(Clone, Debug, PartialEq)]
pub struct DeleteTableReply {
    /// The table, being deleted.
    pub table: TableDescription,
}
