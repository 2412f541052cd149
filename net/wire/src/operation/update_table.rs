//! UpdateTable on the wire. Its reply is a table's description (`table_description.rs`).

use model::operation::UpdateTable;

use super::{parts, table_settings};
use crate::error::EncodeError;
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, choice, refuse_unknown_fields};
use crate::writer::{BYTE, REFERENCE, Shape, Writer};

static SHAPE: Shape<9> =
    Shape::new([REFERENCE, REFERENCE, REFERENCE, REFERENCE, REFERENCE, REFERENCE, REFERENCE, BYTE, REFERENCE]);

pub(crate) fn encode(request: &UpdateTable, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
    parts::refuse(request.refused)?;
    let table = writer.root(&SHAPE);
    writer.text_option(table, fbs::UpdateTable::VT_TABLE_NAME, request.table_name.as_deref());
    let definitions = fbs::UpdateTable::VT_ATTRIBUTE_DEFINITIONS;
    table_settings::encode_definitions(request.attribute_definitions.as_deref(), table, definitions, writer);
    parts::choice(&request.billing_mode, table, fbs::UpdateTable::VT_BILLING_MODE, writer);
    let throughput = fbs::UpdateTable::VT_PROVISIONED_THROUGHPUT;
    table_settings::encode_throughput(request.provisioned_throughput.as_ref(), table, throughput, writer);
    let on_demand = fbs::UpdateTable::VT_ON_DEMAND_THROUGHPUT;
    table_settings::encode_on_demand(request.on_demand_throughput.as_ref(), table, on_demand, writer);
    let warm = fbs::UpdateTable::VT_WARM_THROUGHPUT;
    table_settings::encode_warm(request.warm_throughput.as_ref(), table, warm, writer);
    parts::choice(&request.table_class, table, fbs::UpdateTable::VT_TABLE_CLASS, writer);
    if let Some(is_protected) = request.deletion_protection_enabled {
        writer.byte(table, fbs::UpdateTable::VT_DELETION_PROTECTION_ENABLED, u8::from(is_protected));
    }
    let encryption = fbs::UpdateTable::VT_SSE_SPECIFICATION;
    table_settings::encode_encryption(request.sse_specification.as_ref(), table, encryption, writer);
    Ok(())
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<UpdateTable, Refusal> {
    let request = payload.root::<fbs::UpdateTable<'_>>()?;
    refuse_unknown_fields(request._tab, fbs::UpdateTable::VT_SSE_SPECIFICATION)?;
    let definitions = request.attribute_definitions();
    let encryption = request.sse_specification();
    Ok(UpdateTable {
        table_name: payload.text_option(request.table_name()),
        attribute_definitions: definitions
            .map(|list| payload.list(list, table_settings::decode_definition))
            .transpose()?,
        billing_mode: choice(request.billing_mode()),
        provisioned_throughput: request.provisioned_throughput().map(table_settings::decode_throughput).transpose()?,
        on_demand_throughput: request.on_demand_throughput().map(table_settings::decode_on_demand).transpose()?,
        warm_throughput: request.warm_throughput().map(table_settings::decode_warm).transpose()?,
        table_class: choice(request.table_class()),
        deletion_protection_enabled: request.deletion_protection_enabled(),
        sse_specification: encryption.map(|given| table_settings::decode_encryption(payload, given)).transpose()?,
        refused: None,
    })
}
