//! DescribeContinuousBackups on the wire.

use model::operation::{DescribeContinuousBackups, DescribeContinuousBackupsReply};

use crate::error::ProtocolError;
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, refuse_unknown_fields};
use crate::writer::{REFERENCE, Shape, Writer};

static SHAPE: Shape<1> = Shape::new([REFERENCE]);
static REPLY_SHAPE: Shape<0> = Shape::new([]);

pub(crate) fn encode(request: &DescribeContinuousBackups, writer: &mut Writer<'_>) {
    let table = writer.root(&SHAPE);
    writer.text_option(table, fbs::DescribeContinuousBackups::VT_TABLE_NAME, request.table_name.as_deref());
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<DescribeContinuousBackups, Refusal> {
    let request = payload.root::<fbs::DescribeContinuousBackups<'_>>()?;
    refuse_unknown_fields(request._tab, fbs::DescribeContinuousBackups::VT_TABLE_NAME)?;
    Ok(DescribeContinuousBackups { table_name: payload.text_option(request.table_name()) })
}

pub(crate) fn encode_reply(_reply: &DescribeContinuousBackupsReply, writer: &mut Writer<'_>) {
    writer.root(&REPLY_SHAPE);
}

pub(crate) fn decode_reply(payload: Payload<'_>) -> Result<DescribeContinuousBackupsReply, ProtocolError> {
    payload.root::<fbs::DescribeContinuousBackupsReply<'_>>()?;
    Ok(DescribeContinuousBackupsReply)
}
