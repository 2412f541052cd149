//! The parts of CreateTable, UpdateTable and TagResource that they have in common: throughput, tags, indexes.

use model::operation::{
    AttributeDefinitionParameter, EncryptionParameter, IndexParameter, KeySchemaElement, OnDemandThroughputParameter,
    ProjectionParameter, TagParameter, ThroughputParameter, WarmThroughputParameter,
};

use super::parts;
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, choice, refuse_unknown_fields};
use crate::writer::{BYTE, LONG, REFERENCE, Shape, Table, Writer};

static PAIR_SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);
static ENCRYPTION_SHAPE: Shape<3> = Shape::new([BYTE, REFERENCE, REFERENCE]);
static LONG_PAIR_SHAPE: Shape<2> = Shape::new([LONG, LONG]);
static INDEX_SHAPE: Shape<4> = Shape::new([REFERENCE, REFERENCE, REFERENCE, REFERENCE]);

pub(super) fn encode_definitions(
    definitions: Option<&[AttributeDefinitionParameter]>,
    table: Table,
    field: u16,
    writer: &mut Writer<'_>,
) {
    let Some(definitions) = definitions else { return };
    let vector = writer.vector(table, field, definitions.len());
    for (index, definition) in definitions.iter().enumerate() {
        let element = writer.element(vector, index, &PAIR_SHAPE);
        let name = definition.attribute_name.as_deref();
        writer.text_option(element, fbs::AttributeDefinition::VT_ATTRIBUTE_NAME, name);
        let attribute_type = fbs::AttributeDefinition::VT_ATTRIBUTE_TYPE;
        parts::choice(&definition.attribute_type, element, attribute_type, writer);
    }
}

pub(super) fn decode_definition<'a>(
    payload: Payload<'a>,
    definition: fbs::AttributeDefinition<'a>,
) -> Result<AttributeDefinitionParameter, Refusal> {
    refuse_unknown_fields(definition._tab, fbs::AttributeDefinition::VT_ATTRIBUTE_TYPE)?;
    Ok(AttributeDefinitionParameter {
        attribute_name: payload.text_option(definition.attribute_name()),
        attribute_type: choice(definition.attribute_type()),
    })
}

pub(super) fn encode_throughput(
    throughput: Option<&ThroughputParameter>,
    table: Table,
    field: u16,
    writer: &mut Writer<'_>,
) {
    if let Some(throughput) = throughput {
        let child = writer.child(table, field, &LONG_PAIR_SHAPE);
        writer.signed_option(child, fbs::Throughput::VT_READ_CAPACITY_UNITS, throughput.read_capacity_units);
        writer.signed_option(child, fbs::Throughput::VT_WRITE_CAPACITY_UNITS, throughput.write_capacity_units);
    }
}

pub(super) fn decode_throughput(throughput: fbs::Throughput<'_>) -> Result<ThroughputParameter, Refusal> {
    refuse_unknown_fields(throughput._tab, fbs::Throughput::VT_WRITE_CAPACITY_UNITS)?;
    Ok(ThroughputParameter {
        read_capacity_units: throughput.read_capacity_units(),
        write_capacity_units: throughput.write_capacity_units(),
    })
}

pub(super) fn encode_on_demand(
    bounds: Option<&OnDemandThroughputParameter>,
    table: Table,
    field: u16,
    writer: &mut Writer<'_>,
) {
    if let Some(bounds) = bounds {
        let child = writer.child(table, field, &LONG_PAIR_SHAPE);
        writer.signed_option(child, fbs::OnDemandThroughput::VT_MAX_READ_REQUEST_UNITS, bounds.max_read_request_units);
        writer.signed_option(
            child,
            fbs::OnDemandThroughput::VT_MAX_WRITE_REQUEST_UNITS,
            bounds.max_write_request_units,
        );
    }
}

pub(super) fn decode_on_demand(bounds: fbs::OnDemandThroughput<'_>) -> Result<OnDemandThroughputParameter, Refusal> {
    refuse_unknown_fields(bounds._tab, fbs::OnDemandThroughput::VT_MAX_WRITE_REQUEST_UNITS)?;
    Ok(OnDemandThroughputParameter {
        max_read_request_units: bounds.max_read_request_units(),
        max_write_request_units: bounds.max_write_request_units(),
    })
}

pub(super) fn encode_warm(warm: Option<&WarmThroughputParameter>, table: Table, field: u16, writer: &mut Writer<'_>) {
    if let Some(warm) = warm {
        let child = writer.child(table, field, &LONG_PAIR_SHAPE);
        writer.signed_option(child, fbs::WarmThroughput::VT_READ_UNITS_PER_SECOND, warm.read_units_per_second);
        writer.signed_option(child, fbs::WarmThroughput::VT_WRITE_UNITS_PER_SECOND, warm.write_units_per_second);
    }
}

pub(super) fn decode_warm(warm: fbs::WarmThroughput<'_>) -> Result<WarmThroughputParameter, Refusal> {
    refuse_unknown_fields(warm._tab, fbs::WarmThroughput::VT_WRITE_UNITS_PER_SECOND)?;
    Ok(WarmThroughputParameter {
        read_units_per_second: warm.read_units_per_second(),
        write_units_per_second: warm.write_units_per_second(),
    })
}

pub(super) fn encode_encryption(
    encryption: Option<&EncryptionParameter>,
    table: Table,
    field: u16,
    writer: &mut Writer<'_>,
) {
    let Some(encryption) = encryption else { return };
    let child = writer.child(table, field, &ENCRYPTION_SHAPE);
    if let Some(is_enabled) = encryption.enabled {
        writer.byte(child, fbs::SseSpecification::VT_ENABLED, u8::from(is_enabled));
    }
    parts::choice(&encryption.sse_type, child, fbs::SseSpecification::VT_SSE_TYPE, writer);
    let key = encryption.kms_master_key_id.as_deref();
    writer.text_option(child, fbs::SseSpecification::VT_KMS_MASTER_KEY_ID, key);
}

pub(super) fn decode_encryption<'a>(
    payload: Payload<'a>,
    encryption: fbs::SseSpecification<'a>,
) -> Result<EncryptionParameter, Refusal> {
    refuse_unknown_fields(encryption._tab, fbs::SseSpecification::VT_KMS_MASTER_KEY_ID)?;
    Ok(EncryptionParameter {
        enabled: encryption.enabled(),
        sse_type: choice(encryption.sse_type()),
        kms_master_key_id: payload.text_option(encryption.kms_master_key_id()),
    })
}

pub(super) fn encode_tags(tags: Option<&[TagParameter]>, table: Table, field: u16, writer: &mut Writer<'_>) {
    let Some(tags) = tags else { return };
    let vector = writer.vector(table, field, tags.len());
    for (index, tag) in tags.iter().enumerate() {
        let element = writer.element(vector, index, &PAIR_SHAPE);
        writer.text_option(element, fbs::Tag::VT_KEY, tag.key.as_deref());
        writer.text_option(element, fbs::Tag::VT_VALUE, tag.value.as_deref());
    }
}

pub(super) fn decode_tag<'a>(payload: Payload<'a>, tag: fbs::Tag<'a>) -> Result<TagParameter, Refusal> {
    refuse_unknown_fields(tag._tab, fbs::Tag::VT_VALUE)?;
    Ok(TagParameter { key: payload.text_option(tag.key()), value: payload.text_option(tag.value()) })
}

pub(super) fn encode_key_schema(
    key_schema: Option<&[KeySchemaElement]>,
    table: Table,
    field: u16,
    writer: &mut Writer<'_>,
) {
    let Some(key_schema) = key_schema else { return };
    let vector = writer.vector(table, field, key_schema.len());
    for (index, key) in key_schema.iter().enumerate() {
        let element = writer.element(vector, index, &PAIR_SHAPE);
        writer.text_option(element, fbs::KeySchemaElement::VT_ATTRIBUTE_NAME, key.attribute_name.as_deref());
        parts::choice(&key.key_type, element, fbs::KeySchemaElement::VT_KEY_TYPE, writer);
    }
}

pub(super) fn decode_element<'a>(
    payload: Payload<'a>,
    key: fbs::KeySchemaElement<'a>,
) -> Result<KeySchemaElement, Refusal> {
    refuse_unknown_fields(key._tab, fbs::KeySchemaElement::VT_KEY_TYPE)?;
    Ok(KeySchemaElement { attribute_name: payload.text_option(key.attribute_name()), key_type: choice(key.key_type()) })
}

pub(super) fn encode_indexes(indexes: Option<&[IndexParameter]>, table: Table, field: u16, writer: &mut Writer<'_>) {
    let Some(indexes) = indexes else { return };
    let vector = writer.vector(table, field, indexes.len());
    for (number, index) in indexes.iter().enumerate() {
        let element = writer.element(vector, number, &INDEX_SHAPE);
        writer.text_option(element, fbs::SecondaryIndex::VT_INDEX_NAME, index.index_name.as_deref());
        encode_key_schema(index.key_schema.as_deref(), element, fbs::SecondaryIndex::VT_KEY_SCHEMA, writer);
        if let Some(projection) = &index.projection {
            let child = writer.child(element, fbs::SecondaryIndex::VT_PROJECTION, &PAIR_SHAPE);
            parts::choice(&projection.projection_type, child, fbs::Projection::VT_PROJECTION_TYPE, writer);
            if let Some(names) = &projection.non_key_attributes {
                let names = names.iter().map(|name| &name[..]);
                parts::texts(names, child, fbs::Projection::VT_NON_KEY_ATTRIBUTES, writer);
            }
        }
        let throughput = fbs::SecondaryIndex::VT_PROVISIONED_THROUGHPUT;
        encode_throughput(index.provisioned_throughput.as_ref(), element, throughput, writer);
    }
}

pub(super) fn decode_index<'a>(
    payload: Payload<'a>,
    index: fbs::SecondaryIndex<'a>,
) -> Result<IndexParameter, Refusal> {
    refuse_unknown_fields(index._tab, fbs::SecondaryIndex::VT_PROVISIONED_THROUGHPUT)?;
    Ok(IndexParameter {
        index_name: payload.text_option(index.index_name()),
        key_schema: index.key_schema().map(|list| payload.list(list, decode_element)).transpose()?,
        projection: index.projection().map(|projection| decode_projection(payload, projection)).transpose()?,
        provisioned_throughput: index.provisioned_throughput().map(decode_throughput).transpose()?,
    })
}

fn decode_projection<'a>(
    payload: Payload<'a>,
    projection: fbs::Projection<'a>,
) -> Result<ProjectionParameter, Refusal> {
    refuse_unknown_fields(projection._tab, fbs::Projection::VT_NON_KEY_ATTRIBUTES)?;
    let names = projection.non_key_attributes();
    Ok(ProjectionParameter {
        projection_type: choice(projection.projection_type()),
        non_key_attributes: names.map(|names| names.iter().map(|name| payload.text(name)).collect()),
    })
}
