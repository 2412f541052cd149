//! UpdateTimeToLive on the wire.

use model::operation::{TimeToLiveSpecification, UpdateTimeToLive, UpdateTimeToLiveReply};

use crate::error::ProtocolError;
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, refuse_unknown_fields};
use crate::writer::{BYTE, REFERENCE, Shape, Writer};

static SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);
/// Of the specification and of the reply.
static SWITCH_SHAPE: Shape<2> = Shape::new([BYTE, REFERENCE]);

pub(crate) fn encode(request: &UpdateTimeToLive, writer: &mut Writer<'_>) {
    let table = writer.root(&SHAPE);
    writer.text_option(table, fbs::UpdateTimeToLive::VT_TABLE_NAME, request.table_name.as_deref());
    if let Some(specification) = &request.time_to_live_specification {
        let child = writer.child(table, fbs::UpdateTimeToLive::VT_TIME_TO_LIVE_SPECIFICATION, &SWITCH_SHAPE);
        if let Some(is_enabled) = specification.enabled {
            writer.byte(child, fbs::TimeToLiveSpecification::VT_ENABLED, u8::from(is_enabled));
        }
        let name = specification.attribute_name.as_deref();
        writer.text_option(child, fbs::TimeToLiveSpecification::VT_ATTRIBUTE_NAME, name);
    }
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<UpdateTimeToLive, Refusal> {
    let request = payload.root::<fbs::UpdateTimeToLive<'_>>()?;
    refuse_unknown_fields(request._tab, fbs::UpdateTimeToLive::VT_TIME_TO_LIVE_SPECIFICATION)?;
    let specification = request.time_to_live_specification().map(|specification| {
        refuse_unknown_fields(specification._tab, fbs::TimeToLiveSpecification::VT_ATTRIBUTE_NAME)?;
        Ok::<_, Refusal>(TimeToLiveSpecification {
            enabled: specification.enabled(),
            attribute_name: payload.text_option(specification.attribute_name()),
        })
    });
    Ok(UpdateTimeToLive {
        table_name: payload.text_option(request.table_name()),
        time_to_live_specification: specification.transpose()?,
    })
}

pub(crate) fn encode_reply(reply: &UpdateTimeToLiveReply, writer: &mut Writer<'_>) {
    let table = writer.root(&SWITCH_SHAPE);
    writer.flag(table, fbs::UpdateTimeToLiveReply::VT_ENABLED, reply.enabled);
    writer.text(table, fbs::UpdateTimeToLiveReply::VT_ATTRIBUTE_NAME, &reply.attribute_name);
}

pub(crate) fn decode_reply(payload: Payload<'_>) -> Result<UpdateTimeToLiveReply, ProtocolError> {
    let reply = payload.root::<fbs::UpdateTimeToLiveReply<'_>>()?;
    Ok(UpdateTimeToLiveReply {
        enabled: reply.enabled(),
        attribute_name: payload.text_required("attribute_name", reply.attribute_name())?,
    })
}
