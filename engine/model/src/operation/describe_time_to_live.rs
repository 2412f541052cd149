//! DescribeTimeToLive: whether and by which attribute a table's items expire.

use super::table_name::{TableNameWording, check_table_name};
use crate::{Error, TableDefinition, Text};

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribeTimeToLiveReply {
    /// Whether items expire.
    pub status: TimeToLiveStatus,
    /// By which attribute; none when disabled.
    pub attribute_name: Option<Text>,
}

/// Whether a table's items expire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeToLiveStatus {
    /// They are about to.
    Enabling,
    /// They are about to cease.
    Disabling,
    /// They do.
    Enabled,
    /// They do not.
    #[default]
    Disabled,
}

impl TimeToLiveStatus {
    /// Every status.
    pub const ALL: [TimeToLiveStatus; 4] = [
        TimeToLiveStatus::Enabling,
        TimeToLiveStatus::Disabling,
        TimeToLiveStatus::Enabled,
        TimeToLiveStatus::Disabled,
    ];

    /// DynamoDB's name.
    pub const fn token(self) -> &'static str {
        match self {
            TimeToLiveStatus::Enabling => "ENABLING",
            TimeToLiveStatus::Disabling => "DISABLING",
            TimeToLiveStatus::Enabled => "ENABLED",
            TimeToLiveStatus::Disabled => "DISABLED",
        }
    }
}

impl DescribeTimeToLiveReply {
    /// What there is to tell of a table. A change is on its way for `settle_ms`.
    pub fn of(table: &TableDefinition, now_ms: u64, settle_ms: u64) -> DescribeTimeToLiveReply {
        let change = table.history.time_to_live.as_ref();
        let settling = change.filter(|change| now_ms < change.changed_at_ms.saturating_add(settle_ms));
        let (status, attribute_name) = match (&table.time_to_live, settling) {
            (Some(name), Some(_)) => (TimeToLiveStatus::Enabling, Some(name)),
            (Some(name), None) => (TimeToLiveStatus::Enabled, Some(name)),
            (None, Some(change)) => (TimeToLiveStatus::Disabling, Some(&change.attribute_name)),
            (None, None) => (TimeToLiveStatus::Disabled, None),
        };
        DescribeTimeToLiveReply { status, attribute_name: attribute_name.map(|name| name.as_str().into()) }
    }
}
