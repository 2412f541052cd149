//! A local secondary index: another order of the items of one partition key.
//!
//! Part of the definition, made with the table and never changed. Which entries it has and where they lie is the
//! partition's matter.

use crate::key::{KeyAttribute, KeySchema};

/// A local secondary index. Its partition key is the table's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalIndex {
    /// The name, unique among the indexes of the table.
    pub name: String,
    /// What orders the items of one partition key; items without it are not in the index.
    pub sort_key: KeyAttribute,
    /// What a read of the index finds without asking the table.
    pub projection: IndexProjection,
}

/// Which attributes an index holds, besides the keys of the table and its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexProjection {
    /// All.
    All,
    /// None.
    KeysOnly,
    /// These, in the order of the request.
    Include(Vec<String>),
}

impl LocalIndex {
    /// The key of the index, for the table's key.
    pub fn key_schema(&self, table: &KeySchema) -> KeySchema {
        KeySchema { partition_key: table.partition_key.clone(), sort_key: Some(self.sort_key.clone()) }
    }
}

impl IndexProjection {
    /// DynamoDB's name.
    pub const fn token(&self) -> &'static str {
        match self {
            IndexProjection::All => "ALL",
            IndexProjection::KeysOnly => "KEYS_ONLY",
            IndexProjection::Include(_) => "INCLUDE",
        }
    }

    /// The attributes that are named, in the order of the request.
    pub fn non_key_attributes(&self) -> &[String] {
        match self {
            IndexProjection::Include(names) => names,
            IndexProjection::All | IndexProjection::KeysOnly => &[],
        }
    }
}
