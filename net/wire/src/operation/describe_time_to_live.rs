//! DescribeTimeToLive on the wire.

use model::operation::{DescribeTimeToLive, DescribeTimeToLiveReply, TimeToLiveStatus};

use crate::error::ProtocolError;
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, refuse_unknown_fields};
use crate::writer::{REFERENCE, Shape, Writer};

static SHAPE: Shape<1> = Shape::new([REFERENCE]);
static REPLY_SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);

pub(crate) fn encode(request: &DescribeTimeToLive, writer: &mut Writer<'_>) {
    let table = writer.root(&SHAPE);
    writer.text_option(table, fbs::DescribeTimeToLive::VT_TABLE_NAME, request.table_name.as_deref());
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<DescribeTimeToLive, Refusal> {
    let request = payload.root::<fbs::DescribeTimeToLive<'_>>()?;
    refuse_unknown_fields(request._tab, fbs::DescribeTimeToLive::VT_TABLE_NAME)?;
    Ok(DescribeTimeToLive { table_name: payload.text_option(request.table_name()) })
}

pub(crate) fn encode_reply(reply: &DescribeTimeToLiveReply, writer: &mut Writer<'_>) {
    let table = writer.root(&REPLY_SHAPE);
    writer.text(table, fbs::DescribeTimeToLiveReply::VT_STATUS, reply.status.token());
    let name = reply.attribute_name.as_deref();
    writer.text_option(table, fbs::DescribeTimeToLiveReply::VT_ATTRIBUTE_NAME, name);
}

pub(crate) fn decode_reply(payload: Payload<'_>) -> Result<DescribeTimeToLiveReply, ProtocolError> {
    let reply = payload.root::<fbs::DescribeTimeToLiveReply<'_>>()?;
    let token = reply.status().ok_or_else(|| payload.missing("status"))?;
    let status = TimeToLiveStatus::ALL.into_iter().find(|status| status.token() == token);
    Ok(DescribeTimeToLiveReply {
        status: status.ok_or_else(|| payload.wrong("status"))?,
        attribute_name: payload.text_option(reply.attribute_name()),
    })
}
