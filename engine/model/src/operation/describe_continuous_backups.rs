//! DescribeContinuousBackups: whether a table can be restored to a point in time.

use super::table_name::{TableNameWording, check_table_name};
use crate::{Error, Text};

/// The request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeContinuousBackups {
    /// Name or ARN.
    pub table_name: Option<Text>,
}

impl DescribeContinuousBackups {
    /// Checks all that needs no table.
    pub fn validate(&self) -> Result<(), Error> {
        check_table_name(self.table_name.as_ref(), TableNameWording::Table)
    }
}

/// The reply.
///
/// There is no point-in-time recovery yet: replies print `ContinuousBackupsStatus` `ENABLED`, as DynamoDB always
/// does, and `PointInTimeRecoveryStatus` `DISABLED`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DescribeContinuousBackupsReply;
