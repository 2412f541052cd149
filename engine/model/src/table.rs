//! What a table is: the definition that the catalog keeps, and how its keys are divided among partitions.
//!
//! Written by `control` through its log (`table/codec.rs` has the bytes), read by everybody who serves the table.
//! How a request asks for a table is in `operation`; how many items there are is not known here.

mod codec;
mod hash_range;

pub use codec::DefinitionError;
pub use hash_range::{HashRange, PartitionId};

use crate::key::{KeySchema, KeyType};
use std::fmt;

/// The region that ARNs name. A node of its own has none; this is the one that tools take without being told.
pub const REGION: &str = "us-east-1";
/// The account that ARNs name.
pub const ACCOUNT_ID: &str = "000000000000";

/// A table, for as long as it lives; never used again after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u64);

/// All that is known of a table without looking at its items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDefinition {
    /// The id inside of Stator.
    pub id: TableId,
    /// The id that users see, a UUID as text.
    pub uuid: String,
    /// The name, unique among the tables that exist.
    pub name: String,
    /// The primary key.
    pub key_schema: KeySchema,
    /// The types of all key attributes, in the order of the request.
    pub attribute_definitions: Vec<AttributeDefinition>,
    /// How its throughput is accounted.
    pub billing_mode: BillingMode,
    /// Zero when `billing_mode` is `PayPerRequest`.
    pub provisioned_throughput: ProvisionedThroughput,
    /// Which class of storage was asked for.
    pub table_class: TableClass,
    /// Whether DeleteTable is refused.
    pub deletion_protection: bool,
    /// Tags, in the order of the request.
    pub tags: Vec<Tag>,
    /// When it was created, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// Where it is in its life.
    pub status: TableStatus,
}

/// The type of a key attribute, as users declare it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeDefinition {
    /// The attribute's name.
    pub name: String,
    /// The attribute's type.
    pub key_type: KeyType,
}

/// How throughput is accounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BillingMode {
    /// So many units a second.
    Provisioned,
    /// By request.
    PayPerRequest,
}

/// Units a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ProvisionedThroughput {
    /// Reads of 4 KiB a second.
    pub read_capacity_units: u64,
    /// Writes of 1 KiB a second.
    pub write_capacity_units: u64,
}

/// The class of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TableClass {
    /// The usual one.
    Standard,
    /// For tables that are seldom read.
    StandardInfrequentAccess,
}

/// Where a table is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TableStatus {
    /// Its partitions are being made.
    Creating,
    /// It serves.
    Active,
    /// Its partitions are being removed.
    Deleting,
}

/// A tag: what users stick to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The tag's key, unique among the table's.
    pub key: String,
    /// The tag's value.
    pub value: String,
}

impl TableDefinition {
    /// The table's ARN.
    pub fn arn(&self) -> String {
        table_arn(&self.name)
    }
}

/// The ARN of a table of that name.
pub fn table_arn(name: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{name}")
}

/// A random (version 4) UUID as text, from 128 random bits.
pub fn uuid_text(random_bits: u128) -> String {
    let bits = (random_bits & !(0xF << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

impl BillingMode {
    /// DynamoDB's name.
    pub const fn token(self) -> &'static str {
        match self {
            BillingMode::Provisioned => "PROVISIONED",
            BillingMode::PayPerRequest => "PAY_PER_REQUEST",
        }
    }
}

impl TableClass {
    /// DynamoDB's name.
    pub const fn token(self) -> &'static str {
        match self {
            TableClass::Standard => "STANDARD",
            TableClass::StandardInfrequentAccess => "STANDARD_INFREQUENT_ACCESS",
        }
    }
}

impl TableStatus {
    /// DynamoDB's name.
    pub const fn token(self) -> &'static str {
        match self {
            TableStatus::Creating => "CREATING",
            TableStatus::Active => "ACTIVE",
            TableStatus::Deleting => "DELETING",
        }
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests;
