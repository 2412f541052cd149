//! A table's definition as bytes, for the catalog's log (FORMAT.md, "Table definitions").
//!
//! Decoding takes any bytes and answers; only what `encode` writes is accepted.

use super::{
    AttributeDefinition, BillingMode, ProvisionedThroughput, TableClass, TableDefinition, TableId, TableStatus, Tag,
};
use crate::key::{KeyAttribute, KeySchema, KeyType};
use std::fmt;

/// The first byte.
const VERSION: u8 = 1;

/// Why bytes are not a table's definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefinitionError {
    /// Written by a later version.
    UnknownVersion,
    /// Cut short, too long, or not what `encode` writes.
    Malformed,
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            DefinitionError::UnknownVersion => "unknown version of a table definition",
            DefinitionError::Malformed => "malformed table definition",
        })
    }
}

impl std::error::Error for DefinitionError {}

impl TableDefinition {
    /// Appends the definition.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        push_u64(out, self.id.0);
        push_text(out, &self.uuid);
        push_text(out, &self.name);
        push_key_attribute(out, &self.key_schema.partition_key.name, self.key_schema.partition_key.key_type);
        out.push(u8::from(self.key_schema.sort_key.is_some()));
        if let Some(sort_key) = &self.key_schema.sort_key {
            push_key_attribute(out, &sort_key.name, sort_key.key_type);
        }
        push_count(out, self.attribute_definitions.len());
        for definition in &self.attribute_definitions {
            push_key_attribute(out, &definition.name, definition.key_type);
        }
        out.push(match self.billing_mode {
            BillingMode::Provisioned => 0,
            BillingMode::PayPerRequest => 1,
        });
        push_u64(out, self.provisioned_throughput.read_capacity_units);
        push_u64(out, self.provisioned_throughput.write_capacity_units);
        out.push(match self.table_class {
            TableClass::Standard => 0,
            TableClass::StandardInfrequentAccess => 1,
        });
        out.push(u8::from(self.deletion_protection));
        push_count(out, self.tags.len());
        for tag in &self.tags {
            push_text(out, &tag.key);
            push_text(out, &tag.value);
        }
        push_u64(out, self.created_at_ms);
        out.push(match self.status {
            TableStatus::Creating => 0,
            TableStatus::Active => 1,
            TableStatus::Deleting => 2,
        });
    }

    /// Reads a definition that is exactly `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<TableDefinition, DefinitionError> {
        match bytes.split_first() {
            Some((&VERSION, fields)) => {
                let mut reader = Reader { rest: fields };
                reader.definition().filter(|_| reader.rest.is_empty()).ok_or(DefinitionError::Malformed)
            }
            Some(_) => Err(DefinitionError::UnknownVersion),
            None => Err(DefinitionError::Malformed),
        }
    }
}

fn push_u64(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn push_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&u32::try_from(count).expect("a definition's parts are few and short").to_le_bytes());
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    push_count(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn push_key_attribute(out: &mut Vec<u8>, name: &str, key_type: KeyType) {
    push_text(out, name);
    out.push(match key_type {
        KeyType::String => 0,
        KeyType::Number => 1,
        KeyType::Binary => 2,
    });
}

/// Takes fields from the front of bytes; `None` where there is no such field.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn definition(&mut self) -> Option<TableDefinition> {
        Some(TableDefinition {
            id: TableId(self.number()?),
            uuid: self.text()?,
            name: self.text()?,
            key_schema: self.key_schema()?,
            attribute_definitions: self.list(|reader| {
                let KeyAttribute { name, key_type } = reader.key_attribute()?;
                Some(AttributeDefinition { name, key_type })
            })?,
            billing_mode: self.choice([BillingMode::Provisioned, BillingMode::PayPerRequest])?,
            provisioned_throughput: ProvisionedThroughput {
                read_capacity_units: self.number()?,
                write_capacity_units: self.number()?,
            },
            table_class: self.choice([TableClass::Standard, TableClass::StandardInfrequentAccess])?,
            deletion_protection: self.choice([false, true])?,
            tags: self.list(|reader| Some(Tag { key: reader.text()?, value: reader.text()? }))?,
            created_at_ms: self.number()?,
            status: self.choice([TableStatus::Creating, TableStatus::Active, TableStatus::Deleting])?,
        })
    }

    fn key_schema(&mut self) -> Option<KeySchema> {
        let partition_key = self.key_attribute()?;
        let sort_key = if self.choice([false, true])? { Some(self.key_attribute()?) } else { None };
        Some(KeySchema { partition_key, sort_key })
    }

    fn key_attribute(&mut self) -> Option<KeyAttribute> {
        let name = self.text()?;
        let key_type = self.choice([KeyType::String, KeyType::Number, KeyType::Binary])?;
        Some(KeyAttribute { name, key_type })
    }

    fn take<const LENGTH: usize>(&mut self) -> Option<[u8; LENGTH]> {
        let (taken, rest) = self.rest.split_first_chunk::<LENGTH>()?;
        self.rest = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn choice<T: Copy, const COUNT: usize>(&mut self, choices: [T; COUNT]) -> Option<T> {
        let [position] = self.take::<1>()?;
        choices.get(usize::from(position)).copied()
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.take()?)).ok()
    }

    fn text(&mut self) -> Option<String> {
        let length = self.count()?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }

    /// A list whose elements take at least a byte each: a count beyond the bytes ends with them.
    fn list<T>(&mut self, element: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count()?;
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(element(self)?);
        }
        Some(list)
    }
}
