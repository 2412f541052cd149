//! CreateTable on the wire. Its reply is a table's description (`table_description.rs`).

use model::operation::{
    AttributeDefinitionParameter, CreateTable, KeySchemaElement, TagParameter, ThroughputParameter,
};

use super::parts;
use crate::error::EncodeError;
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, choice, refuse_unknown_fields};
use crate::writer::{BYTE, LONG, REFERENCE, Shape, Table, Writer};

static SHAPE: Shape<8> =
    Shape::new([REFERENCE, REFERENCE, REFERENCE, REFERENCE, REFERENCE, REFERENCE, REFERENCE, BYTE]);
static PAIR_SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);
static THROUGHPUT_SHAPE: Shape<2> = Shape::new([LONG, LONG]);

pub(crate) fn encode(request: &CreateTable, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
    parts::refuse(request.refused)?;
    let table = writer.root(&SHAPE);
    writer.text_option(table, fbs::CreateTable::VT_TABLE_NAME, request.table_name.as_deref());
    encode_keys(request, table, writer);
    parts::choice(&request.billing_mode, table, fbs::CreateTable::VT_BILLING_MODE, writer);
    if let Some(throughput) = &request.provisioned_throughput {
        let child = writer.child(table, fbs::CreateTable::VT_PROVISIONED_THROUGHPUT, &THROUGHPUT_SHAPE);
        writer.signed_option(child, fbs::Throughput::VT_READ_CAPACITY_UNITS, throughput.read_capacity_units);
        writer.signed_option(child, fbs::Throughput::VT_WRITE_CAPACITY_UNITS, throughput.write_capacity_units);
    }
    if let Some(tags) = &request.tags {
        let vector = writer.vector(table, fbs::CreateTable::VT_TAGS, tags.len());
        for (index, tag) in tags.iter().enumerate() {
            let element = writer.element(vector, index, &PAIR_SHAPE);
            writer.text_option(element, fbs::Tag::VT_KEY, tag.key.as_deref());
            writer.text_option(element, fbs::Tag::VT_VALUE, tag.value.as_deref());
        }
    }
    parts::choice(&request.table_class, table, fbs::CreateTable::VT_TABLE_CLASS, writer);
    if let Some(is_protected) = request.deletion_protection_enabled {
        writer.byte(table, fbs::CreateTable::VT_DELETION_PROTECTION_ENABLED, u8::from(is_protected));
    }
    Ok(())
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<CreateTable, Refusal> {
    let request = payload.root::<fbs::CreateTable<'_>>()?;
    refuse_unknown_fields(request._tab, fbs::CreateTable::VT_DELETION_PROTECTION_ENABLED)?;
    let definitions = request.attribute_definitions();
    Ok(CreateTable {
        table_name: payload.text_option(request.table_name()),
        attribute_definitions: definitions.map(|list| payload.list(list, decode_definition)).transpose()?,
        key_schema: request.key_schema().map(|list| payload.list(list, decode_element)).transpose()?,
        billing_mode: choice(request.billing_mode()),
        provisioned_throughput: request.provisioned_throughput().map(decode_throughput).transpose()?,
        tags: request.tags().map(|list| payload.list(list, decode_tag)).transpose()?,
        table_class: choice(request.table_class()),
        deletion_protection_enabled: request.deletion_protection_enabled(),
        refused: None,
    })
}

fn encode_keys(request: &CreateTable, table: Table, writer: &mut Writer<'_>) {
    if let Some(definitions) = &request.attribute_definitions {
        let vector = writer.vector(table, fbs::CreateTable::VT_ATTRIBUTE_DEFINITIONS, definitions.len());
        for (index, definition) in definitions.iter().enumerate() {
            let element = writer.element(vector, index, &PAIR_SHAPE);
            let name = definition.attribute_name.as_deref();
            writer.text_option(element, fbs::AttributeDefinition::VT_ATTRIBUTE_NAME, name);
            let attribute_type = fbs::AttributeDefinition::VT_ATTRIBUTE_TYPE;
            parts::choice(&definition.attribute_type, element, attribute_type, writer);
        }
    }
    if let Some(key_schema) = &request.key_schema {
        let vector = writer.vector(table, fbs::CreateTable::VT_KEY_SCHEMA, key_schema.len());
        for (index, key) in key_schema.iter().enumerate() {
            let element = writer.element(vector, index, &PAIR_SHAPE);
            writer.text_option(element, fbs::KeySchemaElement::VT_ATTRIBUTE_NAME, key.attribute_name.as_deref());
            parts::choice(&key.key_type, element, fbs::KeySchemaElement::VT_KEY_TYPE, writer);
        }
    }
}

fn decode_definition<'a>(
    payload: Payload<'a>,
    definition: fbs::AttributeDefinition<'a>,
) -> Result<AttributeDefinitionParameter, Refusal> {
    refuse_unknown_fields(definition._tab, fbs::AttributeDefinition::VT_ATTRIBUTE_TYPE)?;
    Ok(AttributeDefinitionParameter {
        attribute_name: payload.text_option(definition.attribute_name()),
        attribute_type: choice(definition.attribute_type()),
    })
}

fn decode_element<'a>(payload: Payload<'a>, key: fbs::KeySchemaElement<'a>) -> Result<KeySchemaElement, Refusal> {
    refuse_unknown_fields(key._tab, fbs::KeySchemaElement::VT_KEY_TYPE)?;
    Ok(KeySchemaElement { attribute_name: payload.text_option(key.attribute_name()), key_type: choice(key.key_type()) })
}

fn decode_throughput(throughput: fbs::Throughput<'_>) -> Result<ThroughputParameter, Refusal> {
    refuse_unknown_fields(throughput._tab, fbs::Throughput::VT_WRITE_CAPACITY_UNITS)?;
    Ok(ThroughputParameter {
        read_capacity_units: throughput.read_capacity_units(),
        write_capacity_units: throughput.write_capacity_units(),
    })
}

fn decode_tag<'a>(payload: Payload<'a>, tag: fbs::Tag<'a>) -> Result<TagParameter, Refusal> {
    refuse_unknown_fields(tag._tab, fbs::Tag::VT_VALUE)?;
    Ok(TagParameter { key: payload.text_option(tag.key()), value: payload.text_option(tag.value()) })
}
