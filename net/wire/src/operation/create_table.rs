//! CreateTable on the wire. Its reply is a table's description (`table_description.rs`).

use model::operation::CreateTable;

use super::{parts, table_settings};
use crate::error::EncodeError;
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, choice, refuse_unknown_fields};
use crate::writer::{BYTE, REFERENCE, Shape, Writer};

static SHAPE: Shape<13> = Shape::new([
    REFERENCE, REFERENCE, REFERENCE, REFERENCE, REFERENCE, REFERENCE, REFERENCE, BYTE, REFERENCE, REFERENCE, REFERENCE,
    REFERENCE, REFERENCE,
]);

pub(crate) fn encode(request: &CreateTable, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
    parts::refuse(request.refused)?;
    let table = writer.root(&SHAPE);
    writer.text_option(table, fbs::CreateTable::VT_TABLE_NAME, request.table_name.as_deref());
    let definitions = fbs::CreateTable::VT_ATTRIBUTE_DEFINITIONS;
    table_settings::encode_definitions(request.attribute_definitions.as_deref(), table, definitions, writer);
    let key_schema = fbs::CreateTable::VT_KEY_SCHEMA;
    table_settings::encode_key_schema(request.key_schema.as_deref(), table, key_schema, writer);
    let local = fbs::CreateTable::VT_LOCAL_SECONDARY_INDEXES;
    table_settings::encode_indexes(request.local_secondary_indexes.as_deref(), table, local, writer);
    let global = fbs::CreateTable::VT_GLOBAL_SECONDARY_INDEXES;
    table_settings::encode_indexes(request.global_secondary_indexes.as_deref(), table, global, writer);
    parts::choice(&request.billing_mode, table, fbs::CreateTable::VT_BILLING_MODE, writer);
    let throughput = fbs::CreateTable::VT_PROVISIONED_THROUGHPUT;
    table_settings::encode_throughput(request.provisioned_throughput.as_ref(), table, throughput, writer);
    let on_demand = fbs::CreateTable::VT_ON_DEMAND_THROUGHPUT;
    table_settings::encode_on_demand(request.on_demand_throughput.as_ref(), table, on_demand, writer);
    let warm = fbs::CreateTable::VT_WARM_THROUGHPUT;
    table_settings::encode_warm(request.warm_throughput.as_ref(), table, warm, writer);
    table_settings::encode_tags(request.tags.as_deref(), table, fbs::CreateTable::VT_TAGS, writer);
    parts::choice(&request.table_class, table, fbs::CreateTable::VT_TABLE_CLASS, writer);
    if let Some(is_protected) = request.deletion_protection_enabled {
        writer.byte(table, fbs::CreateTable::VT_DELETION_PROTECTION_ENABLED, u8::from(is_protected));
    }
    let encryption = fbs::CreateTable::VT_SSE_SPECIFICATION;
    table_settings::encode_encryption(request.sse_specification.as_ref(), table, encryption, writer);
    Ok(())
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<CreateTable, Refusal> {
    let request = payload.root::<fbs::CreateTable<'_>>()?;
    refuse_unknown_fields(request._tab, fbs::CreateTable::VT_SSE_SPECIFICATION)?;
    let definitions = request.attribute_definitions();
    let encryption = request.sse_specification();
    let indexes = |list: Option<_>| list.map(|list| payload.list(list, table_settings::decode_index)).transpose();
    let key_schema = request.key_schema();
    Ok(CreateTable {
        table_name: payload.text_option(request.table_name()),
        attribute_definitions: definitions
            .map(|list| payload.list(list, table_settings::decode_definition))
            .transpose()?,
        key_schema: key_schema.map(|list| payload.list(list, table_settings::decode_element)).transpose()?,
        local_secondary_indexes: indexes(request.local_secondary_indexes())?,
        global_secondary_indexes: indexes(request.global_secondary_indexes())?,
        billing_mode: choice(request.billing_mode()),
        provisioned_throughput: request.provisioned_throughput().map(table_settings::decode_throughput).transpose()?,
        on_demand_throughput: request.on_demand_throughput().map(table_settings::decode_on_demand).transpose()?,
        warm_throughput: request.warm_throughput().map(table_settings::decode_warm).transpose()?,
        tags: request.tags().map(|list| payload.list(list, table_settings::decode_tag)).transpose()?,
        table_class: choice(request.table_class()),
        deletion_protection_enabled: request.deletion_protection_enabled(),
        sse_specification: encryption.map(|given| table_settings::decode_encryption(payload, given)).transpose()?,
        refused: None,
    })
}
