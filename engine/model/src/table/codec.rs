//! A table's definition as bytes, for the catalog's log (FORMAT.md, "Table definitions").
//!
//! Decoding takes any bytes and answers; only what `encode` writes is accepted.

use super::{
    AttributeDefinition, BillingMode, IndexProjection, LocalIndex, OnDemandThroughput, ProvisionedThroughput,
    TableClass, TableDefinition, TableHistory, TableId, TableStatus, Tag, TimeToLiveChange, WarmThroughput,
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
        push_count(out, self.local_indexes.len());
        self.local_indexes.iter().for_each(|index| push_local_index(out, index));
        self.encode_settings(out);
        push_count(out, self.tags.len());
        for tag in &self.tags {
            push_text(out, &tag.key);
            push_text(out, &tag.value);
        }
        push_u64(out, self.created_at_ms);
        push_history(out, &self.history);
        out.push(match self.status {
            TableStatus::Creating => 0,
            TableStatus::Active => 1,
            TableStatus::Deleting => 2,
            TableStatus::Updating => 3,
        });
    }

    fn encode_settings(&self, out: &mut Vec<u8>) {
        out.push(match self.billing_mode {
            BillingMode::Provisioned => 0,
            BillingMode::PayPerRequest => 1,
        });
        push_u64(out, self.provisioned_throughput.read_capacity_units);
        push_u64(out, self.provisioned_throughput.write_capacity_units);
        push_option(out, self.on_demand_throughput.max_read_request_units, push_u64);
        push_option(out, self.on_demand_throughput.max_write_request_units, push_u64);
        push_option(out, self.warm_throughput, |out, warm| {
            push_u64(out, warm.read_units_per_second);
            push_u64(out, warm.write_units_per_second);
        });
        out.push(match self.table_class {
            TableClass::Standard => 0,
            TableClass::StandardInfrequentAccess => 1,
        });
        out.push(u8::from(self.deletion_protection));
        push_option(out, self.time_to_live.as_deref(), push_text);
        push_option(out, self.encryption_key.as_deref(), push_text);
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

fn push_local_index(out: &mut Vec<u8>, index: &LocalIndex) {
    push_text(out, &index.name);
    push_key_attribute(out, &index.sort_key.name, index.sort_key.key_type);
    match &index.projection {
        IndexProjection::All => out.push(0),
        IndexProjection::KeysOnly => out.push(1),
        IndexProjection::Include(names) => {
            out.push(2);
            push_count(out, names.len());
            names.iter().for_each(|name| push_text(out, name));
        }
    }
}

fn push_history(out: &mut Vec<u8>, history: &TableHistory) {
    push_option(out, history.on_demand_since_ms, push_u64);
    push_option(out, history.throughput_increased_at_ms, push_u64);
    push_option(out, history.throughput_decreased_at_ms, push_u64);
    push_u64(out, history.throughput_decrease_count);
    push_option(out, history.table_class_changed_at_ms, push_u64);
    push_option(out, history.time_to_live.as_ref(), |out, change| {
        push_u64(out, change.changed_at_ms);
        push_text(out, &change.attribute_name);
    });
    push_option(out, history.updated_at_ms, push_u64);
}

fn push_option<T>(out: &mut Vec<u8>, value: Option<T>, push: impl FnOnce(&mut Vec<u8>, T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        push(out, value);
    }
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
            local_indexes: self.list(Self::local_index)?,
            billing_mode: self.choice([BillingMode::Provisioned, BillingMode::PayPerRequest])?,
            provisioned_throughput: ProvisionedThroughput {
                read_capacity_units: self.number()?,
                write_capacity_units: self.number()?,
            },
            on_demand_throughput: OnDemandThroughput {
                max_read_request_units: self.option(Self::number)?,
                max_write_request_units: self.option(Self::number)?,
            },
            warm_throughput: self.option(|reader| {
                Some(WarmThroughput {
                    read_units_per_second: reader.number()?,
                    write_units_per_second: reader.number()?,
                })
            })?,
            table_class: self.choice([TableClass::Standard, TableClass::StandardInfrequentAccess])?,
            deletion_protection: self.choice([false, true])?,
            time_to_live: self.option(Self::text)?,
            encryption_key: self.option(Self::text)?,
            tags: self.list(|reader| Some(Tag { key: reader.text()?, value: reader.text()? }))?,
            created_at_ms: self.number()?,
            history: self.history()?,
            status: self.choice([
                TableStatus::Creating,
                TableStatus::Active,
                TableStatus::Deleting,
                TableStatus::Updating,
            ])?,
        })
    }

    fn local_index(&mut self) -> Option<LocalIndex> {
        let name = self.text()?;
        let sort_key = self.key_attribute()?;
        let projection = match self.choice([0, 1, 2])? {
            0 => IndexProjection::All,
            1 => IndexProjection::KeysOnly,
            _ => IndexProjection::Include(self.list(Self::text)?),
        };
        Some(LocalIndex { name, sort_key, projection })
    }

    fn history(&mut self) -> Option<TableHistory> {
        Some(TableHistory {
            on_demand_since_ms: self.option(Self::number)?,
            throughput_increased_at_ms: self.option(Self::number)?,
            throughput_decreased_at_ms: self.option(Self::number)?,
            throughput_decrease_count: self.number()?,
            table_class_changed_at_ms: self.option(Self::number)?,
            time_to_live: self.option(|reader| {
                Some(TimeToLiveChange { changed_at_ms: reader.number()?, attribute_name: reader.text()? })
            })?,
            updated_at_ms: self.option(Self::number)?,
        })
    }

    fn key_schema(&mut self) -> Option<KeySchema> {
        let partition_key = self.key_attribute()?;
        let sort_key = self.option(Self::key_attribute)?;
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

    fn option<T>(&mut self, value: impl Fn(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.choice([false, true])? { value(self).map(Some) } else { Some(None) }
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
