//! DescribeTimeToLive on the wire.

use model::operation::{DescribeTimeToLive, DescribeTimeToLiveReply};

use crate::error::ProtocolError;
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, refuse_unknown_fields};
use crate::writer::{REFERENCE, Shape, Writer};

static SHAPE: Shape<1> = Shape::new([REFERENCE]);
static REPLY_SHAPE: Shape<0> = Shape::new([]);

pub(crate) fn encode(request: &DescribeTimeToLive, writer: &mut Writer<'_>) {
    let table = writer.root(&SHAPE);
    writer.text_option(table, fbs::DescribeTimeToLive::VT_TABLE_NAME, request.table_name.as_deref());
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<DescribeTimeToLive, Refusal> {
    let request = payload.root::<fbs::DescribeTimeToLive<'_>>()?;
    refuse_unknown_fields(request._tab, fbs::DescribeTimeToLive::VT_TABLE_NAME)?;
    Ok(DescribeTimeToLive { table_name: payload.text_option(request.table_name()) })
}

pub(crate) fn encode_reply(_reply: &DescribeTimeToLiveReply, writer: &mut Writer<'_>) {
    writer.root(&REPLY_SHAPE);
}

pub(crate) fn decode_reply(payload: Payload<'_>) -> Result<DescribeTimeToLiveReply, ProtocolError> {
    payload.root::<fbs::DescribeTimeToLiveReply<'_>>()?;
    Ok(DescribeTimeToLiveReply)
}
