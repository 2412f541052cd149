//! DescribeTimeToLive: whether and by which attribute a table's items expire.

use super::table_name::{TableNameWording, check_table_name};
use crate::{Error, Text};

/// The request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeTimeToLive {
    /// Name or ARN.
    pub table_name: Option<Text>,
}

impl DescribeTimeToLive {
    /// Checks all that needs no table.
    pub fn validate(&self) -> Result<(), Error> {
        check_table_name(self.table_name.as_ref(), TableNameWording::Table)
    }
}

/// The reply.
///
/// Items do not expire yet, so that the status that replies print is always `DISABLED`, without an attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DescribeTimeToLiveReply;
