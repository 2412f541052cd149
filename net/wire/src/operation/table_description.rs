//! A table's description: the reply to CreateTable, DescribeTable, UpdateTable and DeleteTable.

use model::operation::{IndexSize, Parameter, TableDescription};
use model::table::{
    AttributeDefinition, IndexProjection, LocalIndex, OnDemandThroughput, ProvisionedThroughput, TableHistory,
    TableStatus, Tag, TimeToLiveChange, WarmThroughput,
};
use model::{KeyAttribute, KeySchema, TableDefinition, TableId, Text};

use super::parts;
use crate::error::ProtocolError;
use crate::generated as fbs;
use crate::partition_map::{decode_key_attribute, encode_key_attribute, encode_key_attributes, token_value};
use crate::payload::Payload;
use crate::writer::{BYTE, LONG, REFERENCE, Shape, Table, Writer};

static SHAPE: Shape<23> = Shape::new([
    LONG, REFERENCE, REFERENCE, REFERENCE, REFERENCE, REFERENCE, REFERENCE, LONG, LONG, REFERENCE, BYTE, REFERENCE,
    LONG, REFERENCE, LONG, LONG, REFERENCE, LONG, LONG, REFERENCE, REFERENCE, REFERENCE, REFERENCE,
]);
static PAIR_SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);
static INDEX_SHAPE: Shape<5> = Shape::new([REFERENCE, REFERENCE, REFERENCE, LONG, LONG]);
static WARM_SHAPE: Shape<2> = Shape::new([LONG, LONG]);
static HISTORY_SHAPE: Shape<8> = Shape::new([LONG, LONG, LONG, LONG, LONG, LONG, REFERENCE, LONG]);

const STATUSES: [TableStatus; 4] =
    [TableStatus::Creating, TableStatus::Active, TableStatus::Updating, TableStatus::Deleting];

pub(super) fn encode_reply(description: &TableDescription, writer: &mut Writer<'_>) {
    let definition = &description.definition;
    let table = writer.root(&SHAPE);
    writer.long(table, fbs::TableDescription::VT_TABLE_ID, definition.id.0);
    writer.text(table, fbs::TableDescription::VT_UUID, &definition.uuid);
    writer.text(table, fbs::TableDescription::VT_TABLE_NAME, &definition.name);
    encode_keys(definition, table, writer);
    writer.text(table, fbs::TableDescription::VT_BILLING_MODE, definition.billing_mode.token());
    let throughput = &definition.provisioned_throughput;
    writer.long(table, fbs::TableDescription::VT_READ_CAPACITY_UNITS, throughput.read_capacity_units);
    writer.long(table, fbs::TableDescription::VT_WRITE_CAPACITY_UNITS, throughput.write_capacity_units);
    writer.text(table, fbs::TableDescription::VT_TABLE_CLASS, definition.table_class.token());
    writer.flag(table, fbs::TableDescription::VT_DELETION_PROTECTION_ENABLED, definition.deletion_protection);
    let tags = definition.tags.iter().map(|tag| (&tag.key[..], &tag.value[..]));
    encode_tags(tags, table, fbs::TableDescription::VT_TAGS, writer);
    writer.long(table, fbs::TableDescription::VT_CREATED_AT_MS, definition.created_at_ms);
    writer.text(table, fbs::TableDescription::VT_STATUS, definition.status.token());
    writer.long(table, fbs::TableDescription::VT_ITEM_COUNT, description.item_count);
    writer.long(table, fbs::TableDescription::VT_TABLE_SIZE_BYTES, description.table_size_bytes);
    encode_indexes(description, table, writer);
    let bounds = &definition.on_demand_throughput;
    writer.long_option(table, fbs::TableDescription::VT_MAX_READ_REQUEST_UNITS, bounds.max_read_request_units);
    writer.long_option(table, fbs::TableDescription::VT_MAX_WRITE_REQUEST_UNITS, bounds.max_write_request_units);
    if let Some(warm) = &definition.warm_throughput {
        let child = writer.child(table, fbs::TableDescription::VT_WARM_THROUGHPUT, &WARM_SHAPE);
        writer.long(child, fbs::WarmThroughput::VT_READ_UNITS_PER_SECOND, warm.read_units_per_second);
        writer.long(child, fbs::WarmThroughput::VT_WRITE_UNITS_PER_SECOND, warm.write_units_per_second);
    }
    writer.text_option(table, fbs::TableDescription::VT_TIME_TO_LIVE, definition.time_to_live.as_deref());
    encode_history(&definition.history, table, writer);
    writer.text_option(table, fbs::TableDescription::VT_ENCRYPTION_KEY, definition.encryption_key.as_deref());
}

pub(super) fn decode_reply(payload: Payload<'_>) -> Result<TableDescription, ProtocolError> {
    let table = payload.root::<fbs::TableDescription<'_>>()?;
    let text = |field: &'static str, text: Option<&str>| text.map(str::to_owned).ok_or_else(|| payload.missing(field));
    let definitions = table.attribute_definitions().ok_or_else(|| payload.missing("attribute_definitions"))?;
    let tags = table.tags().ok_or_else(|| payload.missing("tags"))?;
    let status = STATUSES.into_iter().find(|status| table.status() == Some(status.token()));
    let definition = TableDefinition {
        id: TableId(table.table_id()),
        uuid: text("uuid", table.uuid())?,
        attribute_definitions: payload.list(definitions, |payload, definition| {
            let KeyAttribute { name, key_type } = decode_key_attribute(payload, definition)?;
            Ok::<_, ProtocolError>(AttributeDefinition { name, key_type })
        })?,
        billing_mode: token(payload, "billing_mode", table.billing_mode())?,
        provisioned_throughput: ProvisionedThroughput {
            read_capacity_units: table.read_capacity_units(),
            write_capacity_units: table.write_capacity_units(),
        },
        table_class: token(payload, "table_class", table.table_class())?,
        deletion_protection: table.deletion_protection_enabled(),
        tags: payload.list(tags, |payload, tag| {
            decode_tag(payload, tag).map(|(key, value)| Tag { key: key.to_string(), value: value.to_string() })
        })?,
        created_at_ms: table.created_at_ms(),
        status: status.ok_or_else(|| payload.wrong("status"))?,
        ..decode_settings(payload, table)?
    };
    let sizes = table.local_indexes().map(|indexes| {
        let size =
            |index: fbs::LocalIndex<'_>| IndexSize { item_count: index.item_count(), size_bytes: index.size_bytes() };
        indexes.iter().map(size).collect()
    });
    Ok(TableDescription {
        definition,
        item_count: table.item_count(),
        table_size_bytes: table.table_size_bytes(),
        local_indexes: sizes.unwrap_or_default(),
    })
}

/// Name, key and what the first version of a description did not have; the rest as of a new table.
fn decode_settings<'a>(
    payload: Payload<'a>,
    table: fbs::TableDescription<'a>,
) -> Result<TableDefinition, ProtocolError> {
    let name = table.table_name().ok_or_else(|| payload.missing("table_name"))?;
    let indexes = table.local_indexes();
    let history = table.history().map(|history| decode_history(payload, history)).transpose()?;
    Ok(TableDefinition {
        local_indexes: indexes.map(|list| payload.list(list, decode_index)).transpose()?.unwrap_or_default(),
        on_demand_throughput: OnDemandThroughput {
            max_read_request_units: table.max_read_request_units(),
            max_write_request_units: table.max_write_request_units(),
        },
        warm_throughput: table.warm_throughput().map(|warm| decode_warm(payload, warm)).transpose()?,
        time_to_live: table.time_to_live().map(str::to_owned),
        encryption_key: table.encryption_key().map(str::to_owned),
        history: history.unwrap_or_default(),
        ..TableDefinition::new(name, decode_key_schema(payload, table)?)
    })
}

fn encode_indexes(description: &TableDescription, table: Table, writer: &mut Writer<'_>) {
    let indexes = &description.definition.local_indexes;
    let vector = writer.vector(table, fbs::TableDescription::VT_LOCAL_INDEXES, indexes.len());
    for (number, (index, size)) in indexes.iter().zip(&description.local_indexes).enumerate() {
        let element = writer.element(vector, number, &INDEX_SHAPE);
        writer.text(element, fbs::LocalIndex::VT_INDEX_NAME, &index.name);
        encode_key_attribute(&index.sort_key, element, fbs::LocalIndex::VT_SORT_KEY, writer);
        let projection = writer.child(element, fbs::LocalIndex::VT_PROJECTION, &PAIR_SHAPE);
        writer.text(projection, fbs::Projection::VT_PROJECTION_TYPE, index.projection.token());
        if let IndexProjection::Include(names) = &index.projection {
            let names = names.iter().map(String::as_str);
            parts::texts(names, projection, fbs::Projection::VT_NON_KEY_ATTRIBUTES, writer);
        }
        writer.long(element, fbs::LocalIndex::VT_ITEM_COUNT, size.item_count);
        writer.long(element, fbs::LocalIndex::VT_SIZE_BYTES, size.size_bytes);
    }
}

fn decode_index<'a>(payload: Payload<'a>, index: fbs::LocalIndex<'a>) -> Result<LocalIndex, ProtocolError> {
    let name = index.index_name().ok_or_else(|| payload.missing("index_name"))?;
    let sort_key = index.sort_key().ok_or_else(|| payload.missing("sort_key"))?;
    let projection = index.projection().ok_or_else(|| payload.missing("projection"))?;
    let names = || projection.non_key_attributes().map(|names| names.iter().map(str::to_owned).collect());
    Ok(LocalIndex {
        name: name.to_owned(),
        sort_key: decode_key_attribute(payload, sort_key)?,
        projection: match projection.projection_type() {
            Some("ALL") => IndexProjection::All,
            Some("KEYS_ONLY") => IndexProjection::KeysOnly,
            Some("INCLUDE") => IndexProjection::Include(names().ok_or_else(|| payload.missing("non_key_attributes"))?),
            _ => return Err(payload.wrong("projection_type")),
        },
    })
}

fn decode_warm(payload: Payload<'_>, warm: fbs::WarmThroughput<'_>) -> Result<WarmThroughput, ProtocolError> {
    let units = |field: &'static str, units: Option<i64>| {
        let units = units.ok_or_else(|| payload.missing(field))?;
        Ok::<_, ProtocolError>(units.cast_unsigned())
    };
    Ok(WarmThroughput {
        read_units_per_second: units("read_units_per_second", warm.read_units_per_second())?,
        write_units_per_second: units("write_units_per_second", warm.write_units_per_second())?,
    })
}

fn encode_history(history: &TableHistory, table: Table, writer: &mut Writer<'_>) {
    let child = writer.child(table, fbs::TableDescription::VT_HISTORY, &HISTORY_SHAPE);
    let time_to_live = history.time_to_live.as_ref();
    for (field, time_ms) in [
        (fbs::TableHistory::VT_ON_DEMAND_SINCE_MS, history.on_demand_since_ms),
        (fbs::TableHistory::VT_THROUGHPUT_INCREASED_AT_MS, history.throughput_increased_at_ms),
        (fbs::TableHistory::VT_THROUGHPUT_DECREASED_AT_MS, history.throughput_decreased_at_ms),
        (fbs::TableHistory::VT_TABLE_CLASS_CHANGED_AT_MS, history.table_class_changed_at_ms),
        (fbs::TableHistory::VT_TIME_TO_LIVE_CHANGED_AT_MS, time_to_live.map(|change| change.changed_at_ms)),
        (fbs::TableHistory::VT_UPDATED_AT_MS, history.updated_at_ms),
    ] {
        writer.long_option(child, field, time_ms);
    }
    writer.long(child, fbs::TableHistory::VT_THROUGHPUT_DECREASE_COUNT, history.throughput_decrease_count);
    let attribute = time_to_live.map(|change| &change.attribute_name[..]);
    writer.text_option(child, fbs::TableHistory::VT_TIME_TO_LIVE_ATTRIBUTE, attribute);
}

fn decode_history<'a>(payload: Payload<'a>, history: fbs::TableHistory<'a>) -> Result<TableHistory, ProtocolError> {
    let attribute = || history.time_to_live_attribute().ok_or_else(|| payload.missing("time_to_live_attribute"));
    let time_to_live = history.time_to_live_changed_at_ms().map(|changed_at_ms| {
        Ok::<_, ProtocolError>(TimeToLiveChange { changed_at_ms, attribute_name: attribute()?.to_owned() })
    });
    Ok(TableHistory {
        on_demand_since_ms: history.on_demand_since_ms(),
        throughput_increased_at_ms: history.throughput_increased_at_ms(),
        throughput_decreased_at_ms: history.throughput_decreased_at_ms(),
        throughput_decrease_count: history.throughput_decrease_count(),
        table_class_changed_at_ms: history.table_class_changed_at_ms(),
        time_to_live: time_to_live.transpose()?,
        updated_at_ms: history.updated_at_ms(),
    })
}

/// Writes tags as a vector into `field` of `table`.
pub(super) fn encode_tags<'a>(
    tags: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
    table: Table,
    field: u16,
    writer: &mut Writer<'_>,
) {
    let vector = writer.vector(table, field, tags.len());
    for (index, (key, value)) in tags.enumerate() {
        let element = writer.element(vector, index, &PAIR_SHAPE);
        writer.text(element, fbs::Tag::VT_KEY, key);
        writer.text(element, fbs::Tag::VT_VALUE, value);
    }
}

/// Reads a tag that has a key and a value.
pub(super) fn decode_tag<'a>(payload: Payload<'a>, tag: fbs::Tag<'a>) -> Result<(Text, Text), ProtocolError> {
    Ok((payload.text_required("key", tag.key())?, payload.text_required("value", tag.value())?))
}

fn encode_keys(definition: &TableDefinition, table: Table, writer: &mut Writer<'_>) {
    let KeySchema { partition_key, sort_key } = &definition.key_schema;
    encode_key_attribute(partition_key, table, fbs::TableDescription::VT_PARTITION_KEY, writer);
    if let Some(sort_key) = sort_key {
        encode_key_attribute(sort_key, table, fbs::TableDescription::VT_SORT_KEY, writer);
    }
    let definitions = fbs::TableDescription::VT_ATTRIBUTE_DEFINITIONS;
    let attributes = definition.attribute_definitions.iter().map(|attribute| (&attribute.name[..], attribute.key_type));
    encode_key_attributes(attributes, table, definitions, writer);
}

fn decode_key_schema<'a>(payload: Payload<'a>, table: fbs::TableDescription<'a>) -> Result<KeySchema, ProtocolError> {
    let partition_key = table.partition_key().ok_or_else(|| payload.missing("partition_key"))?;
    Ok(KeySchema {
        partition_key: decode_key_attribute(payload, partition_key)?,
        sort_key: table.sort_key().map(|key| decode_key_attribute(payload, key)).transpose()?,
    })
}

fn token<T: Parameter>(payload: Payload<'_>, field: &'static str, token: Option<&str>) -> Result<T, ProtocolError> {
    let token = token.ok_or_else(|| payload.missing(field))?;
    token_value(token).ok_or_else(|| payload.wrong(field))
}
