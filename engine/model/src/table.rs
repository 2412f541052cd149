//! What a table is: the definition that the catalog keeps, and how its keys are divided among partitions.
//!
//! Written by `control` through its log (`table/codec.rs` has the bytes), read by everybody who serves the table.
//! How a request asks for a table is in `operation`; how many items there are is not known here.

mod codec;
mod hash_range;
mod history;
mod local_index;
mod throughput;

pub use codec::DefinitionError;
pub use hash_range::{HashRange, PartitionId};
pub use history::{TableHistory, TimeToLiveChange};
pub use local_index::{IndexProjection, LocalIndex};
pub use throughput::{OnDemandThroughput, ProvisionedThroughput, WarmThroughput};

use crate::key::{KeyAttribute, KeySchema, KeyType};
use std::fmt;

/// The region that ARNs name. A node of its own has none; this is the one that tools take without being told.
pub const REGION: &str = "us-east-1";
/// The account that ARNs name.
pub const ACCOUNT_ID: &str = "123456789012";

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
    /// The local secondary indexes, in the order of the request; they live as long as the table.
    pub local_indexes: Vec<LocalIndex>,
    /// How its throughput is accounted.
    pub billing_mode: BillingMode,
    /// Zero when `billing_mode` is `PayPerRequest`.
    pub provisioned_throughput: ProvisionedThroughput,
    /// The most that may be used when `billing_mode` is `PayPerRequest`.
    pub on_demand_throughput: OnDemandThroughput,
    /// What was asked to be taken at once; see [`TableDefinition::warm_throughput_in_force`].
    pub warm_throughput: Option<WarmThroughput>,
    /// Which class of storage was asked for.
    pub table_class: TableClass,
    /// Whether DeleteTable is refused.
    pub deletion_protection: bool,
    /// The attribute by which items expire; `None` while they do not.
    pub time_to_live: Option<String>,
    /// Id of the key that the description names, if it is to name one; the table is encrypted either way.
    pub encryption_key: Option<String>,
    /// Tags, in the order of the request.
    pub tags: Vec<Tag>,
    /// When it was created, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// What was changed since, and when.
    pub history: TableHistory,
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
    /// It serves, while one of its settings is being changed.
    Updating,
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
    /// A table by request of that name and key, being created; everything else as when nothing is asked for.
    pub fn new(name: &str, key_schema: KeySchema) -> TableDefinition {
        let key = std::iter::once(&key_schema.partition_key).chain(&key_schema.sort_key);
        let definition = |key: &KeyAttribute| AttributeDefinition { name: key.name.clone(), key_type: key.key_type };
        TableDefinition {
            id: TableId(0),
            uuid: uuid_text(0),
            name: name.to_owned(),
            attribute_definitions: key.map(definition).collect(),
            key_schema,
            local_indexes: Vec::new(),
            billing_mode: BillingMode::PayPerRequest,
            provisioned_throughput: ProvisionedThroughput::default(),
            on_demand_throughput: OnDemandThroughput::default(),
            warm_throughput: None,
            table_class: TableClass::Standard,
            deletion_protection: false,
            time_to_live: None,
            encryption_key: None,
            tags: Vec::new(),
            created_at_ms: 0,
            history: TableHistory::default(),
            status: TableStatus::Creating,
        }
    }

    /// The table's ARN.
    pub fn arn(&self) -> String {
        table_arn(&self.name)
    }

    /// The ARN of an index of the table.
    pub fn index_arn(&self, index_name: &str) -> String {
        format!("{}/index/{index_name}", self.arn())
    }

    /// The local secondary index of that name.
    pub fn local_index(&self, name: &str) -> Option<&LocalIndex> {
        self.local_indexes.iter().find(|index| index.name == name)
    }

    /// What the table can take at once, by what was asked for and by how it is billed.
    pub fn warm_throughput_in_force(&self) -> WarmThroughput {
        // DynamoDB: developer guide, "warm throughput": 12,000 and 4,000 by request, else what is provisioned.
        let base = match self.billing_mode {
            BillingMode::PayPerRequest => WarmThroughput::ON_DEMAND,
            BillingMode::Provisioned => WarmThroughput {
                read_units_per_second: self.provisioned_throughput.read_capacity_units,
                write_units_per_second: self.provisioned_throughput.write_capacity_units,
            },
        };
        self.warm_throughput.map_or(base, |asked| asked.max_with(base))
    }
}

/// The ARN of a table of that name.
pub fn table_arn(name: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{name}")
}

/// The ARN of a master key: its own if a key service has given it one, else one made of its id.
pub fn key_arn(key: &str) -> String {
    if key.starts_with("arn:") { key.to_owned() } else { format!("arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/{key}") }
}

/// The id of a master key: what it is, or the end of its ARN.
pub(crate) fn key_id(key: &str) -> &str {
    if key.starts_with("arn:") { key.rsplit_once(":key/").map_or(key, |(_, id)| id) } else { key }
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
            TableStatus::Updating => "UPDATING",
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
