//! A table's description: the reply to CreateTable, DescribeTable and DeleteTable.

use model::operation::{Parameter, TableDescription};
use model::table::{AttributeDefinition, ProvisionedThroughput, TableStatus, Tag};
use model::{KeyAttribute, KeySchema, TableDefinition, TableId, Text};

use crate::error::ProtocolError;
use crate::generated as fbs;
use crate::partition_map::{decode_key_attribute, encode_key_attribute, encode_key_attributes, token_value};
use crate::payload::Payload;
use crate::writer::{BYTE, LONG, REFERENCE, Shape, Table, Writer};

static SHAPE: Shape<16> = Shape::new([
    LONG, REFERENCE, REFERENCE, REFERENCE, REFERENCE, REFERENCE, REFERENCE, LONG, LONG, REFERENCE, BYTE, REFERENCE,
    LONG, REFERENCE, LONG, LONG,
]);
static TAG_SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);

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
        ..TableDefinition::new(&text("table_name", table.table_name())?, decode_key_schema(payload, table)?)
    };
    Ok(TableDescription { definition, item_count: table.item_count(), table_size_bytes: table.table_size_bytes() })
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
        let element = writer.element(vector, index, &TAG_SHAPE);
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
