//! A change of the catalog: the payload of one entry of group 0, as FORMAT.md lays it out. Pure.

use model::table::PartitionId;
use model::{TableDefinition, TableId};
use runtime::CoreId;
use std::fmt;

const VERSION: u8 = 1;
const KIND_CREATE: u8 = 1;
const KIND_DELETE: u8 = 2;
const KIND_UPDATE: u8 = 3;

/// What happened to the catalog.
#[derive(Clone, Debug, PartialEq)]
pub enum CatalogChange {
    /// A new table.
    Create {
        /// What the table is.
        definition: Box<TableDefinition>,
        /// The first of its partitions; the others follow without gaps.
        first_partition: PartitionId,
        /// Where each partition lives, in the order of their hash ranges.
        cores: Vec<CoreId>,
    },
    /// A table is gone.
    Delete(TableId),
    /// A table is otherwise from now on: the whole new definition, under the id that it has.
    Update(Box<TableDefinition>),
}

/// Why bytes are not a change of the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatalogChangeError {
    /// The bytes end too early.
    Truncated,
    /// A version of the format that this program does not know.
    Version(u8),
    /// Neither create, delete nor update.
    Kind(u8),
    /// A table without partitions.
    NoPartition,
    /// The definition inside is not one.
    Definition,
}

impl fmt::Display for CatalogChangeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => write!(out, "catalog change cut short"),
            Self::Version(version) => write!(out, "catalog change of unknown version {version}"),
            Self::Kind(kind) => write!(out, "catalog change of unknown kind {kind}"),
            Self::NoPartition => write!(out, "table without partitions"),
            Self::Definition => write!(out, "table definition that cannot be read"),
        }
    }
}

impl std::error::Error for CatalogChangeError {}

impl CatalogChange {
    /// The payload of its entry.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        match self {
            Self::Create { definition, first_partition, cores } => {
                let count = u16::try_from(cores.len()).expect("a table has fewer partitions than 65,536");
                out.push(KIND_CREATE);
                out.extend_from_slice(&count.to_le_bytes());
                out.extend_from_slice(&first_partition.0.to_le_bytes());
                cores.iter().for_each(|core| out.extend_from_slice(&core.0.to_le_bytes()));
                definition.encode(&mut out);
            }
            Self::Delete(table) => {
                out.push(KIND_DELETE);
                out.extend_from_slice(&table.0.to_le_bytes());
            }
            Self::Update(definition) => {
                out.push(KIND_UPDATE);
                definition.encode(&mut out);
            }
        }
        out
    }

    /// Reads the payload of an entry.
    ///
    /// # Errors
    /// [`CatalogChangeError`] if it is not a change of a known version.
    pub fn decode(payload: &[u8]) -> Result<Self, CatalogChangeError> {
        let (&[version, kind], rest) = payload.split_first_chunk().ok_or(CatalogChangeError::Truncated)?;
        match (version, kind) {
            (VERSION, KIND_CREATE) => Self::decode_create(rest),
            (VERSION, KIND_DELETE) => {
                let table = rest.try_into().map_err(|_| CatalogChangeError::Truncated)?;
                Ok(Self::Delete(TableId(u64::from_le_bytes(table))))
            }
            (VERSION, KIND_UPDATE) => Ok(Self::Update(Box::new(decode_definition(rest)?))),
            (VERSION, _) => Err(CatalogChangeError::Kind(kind)),
            _ => Err(CatalogChangeError::Version(version)),
        }
    }

    fn decode_create(rest: &[u8]) -> Result<Self, CatalogChangeError> {
        let (&count, rest) = rest.split_first_chunk().ok_or(CatalogChangeError::Truncated)?;
        let (&first, rest) = rest.split_first_chunk().ok_or(CatalogChangeError::Truncated)?;
        let core_bytes = 2 * usize::from(u16::from_le_bytes(count));
        let (cores, definition) = rest.split_at_checked(core_bytes).ok_or(CatalogChangeError::Truncated)?;
        if cores.is_empty() {
            return Err(CatalogChangeError::NoPartition);
        }
        Ok(Self::Create {
            definition: Box::new(decode_definition(definition)?),
            first_partition: PartitionId(u64::from_le_bytes(first)),
            cores: cores.as_chunks().0.iter().map(|core| CoreId(u16::from_le_bytes(*core))).collect(),
        })
    }
}

fn decode_definition(bytes: &[u8]) -> Result<TableDefinition, CatalogChangeError> {
    TableDefinition::decode(bytes).map_err(|_| CatalogChangeError::Definition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::KeyType;
    use model::Text;
    use model::operation::{
        AttributeDefinitionParameter, Choice, CreateTable, KeyRole, KeySchemaElement, TableIdentity,
    };
    use model::table::BillingMode;

    fn definition() -> TableDefinition {
        let name = || Some(Text::from("id"));
        let request = CreateTable {
            table_name: Some("things".into()),
            attribute_definitions: Some(vec![AttributeDefinitionParameter {
                attribute_name: name(),
                attribute_type: Choice::Known(KeyType::String),
            }]),
            key_schema: Some(vec![KeySchemaElement { attribute_name: name(), key_type: Choice::Known(KeyRole::Hash) }]),
            billing_mode: Choice::Known(BillingMode::PayPerRequest),
            ..CreateTable::default()
        };
        request.definition(TableIdentity { id: TableId(7), uuid: "u".to_owned(), created_at_ms: 5 }).unwrap()
    }

    #[test]
    fn what_is_encoded_is_decoded_and_no_truncation_passes() {
        let create = CatalogChange::Create {
            definition: Box::new(definition()),
            first_partition: PartitionId(9),
            cores: vec![CoreId(0), CoreId(300)],
        };
        let update = CatalogChange::Update(Box::new(definition()));
        for change in [create, update, CatalogChange::Delete(TableId(u64::MAX))] {
            let payload = change.encode();
            assert_eq!(CatalogChange::decode(&payload), Ok(change));
            for length in 0..payload.len() {
                assert!(CatalogChange::decode(&payload[..length]).is_err(), "cut at {length}");
            }
        }
    }

    #[test]
    fn what_is_not_a_change_is_named() {
        let check = |payload: &[u8], expect| assert_eq!(CatalogChange::decode(payload), Err(expect));
        check(&[9, 1], CatalogChangeError::Version(9));
        check(&[1, 7], CatalogChangeError::Kind(7));
        check(&[1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], CatalogChangeError::NoPartition);
        check(&[1, 2, 0], CatalogChangeError::Truncated);
    }
}
