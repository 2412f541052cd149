//! DescribeLimits: how much throughput may be provisioned.

/// The request; it has no parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DescribeLimits;

/// The reply, in units a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescribeLimitsReply {
    /// Reads of all tables together.
    pub account_max_read_capacity_units: u64,
    /// Writes of all tables together.
    pub account_max_write_capacity_units: u64,
    /// Reads of one table.
    pub table_max_read_capacity_units: u64,
    /// Writes of one table.
    pub table_max_write_capacity_units: u64,
}

impl DescribeLimitsReply {
    /// DynamoDB's own.
    // DynamoDB: service quotas: the defaults of an account in a region.
    pub const DEFAULT: DescribeLimitsReply = DescribeLimitsReply {
        account_max_read_capacity_units: 80_000,
        account_max_write_capacity_units: 80_000,
        table_max_read_capacity_units: 40_000,
        table_max_write_capacity_units: 40_000,
    };
}
