//! DescribeLimits on the wire.

use model::operation::{DescribeLimits, DescribeLimitsReply};

use crate::error::ProtocolError;
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, refuse_unknown_fields};
use crate::writer::{LONG, Shape, Writer};

static SHAPE: Shape<0> = Shape::new([]);
static REPLY_SHAPE: Shape<4> = Shape::new([LONG, LONG, LONG, LONG]);

/// A vtable without fields ends where its first field would be.
const BEFORE_FIRST_FIELD: u16 = fbs::DescribeLimitsReply::VT_ACCOUNT_MAX_READ_CAPACITY_UNITS - 2;

pub(crate) fn encode(_request: &DescribeLimits, writer: &mut Writer<'_>) {
    writer.root(&SHAPE);
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<DescribeLimits, Refusal> {
    let request = payload.root::<fbs::DescribeLimits<'_>>()?;
    refuse_unknown_fields(request._tab, BEFORE_FIRST_FIELD)?;
    Ok(DescribeLimits)
}

pub(crate) fn encode_reply(reply: &DescribeLimitsReply, writer: &mut Writer<'_>) {
    let table = writer.root(&REPLY_SHAPE);
    for (field, units) in [
        (fbs::DescribeLimitsReply::VT_ACCOUNT_MAX_READ_CAPACITY_UNITS, reply.account_max_read_capacity_units),
        (fbs::DescribeLimitsReply::VT_ACCOUNT_MAX_WRITE_CAPACITY_UNITS, reply.account_max_write_capacity_units),
        (fbs::DescribeLimitsReply::VT_TABLE_MAX_READ_CAPACITY_UNITS, reply.table_max_read_capacity_units),
        (fbs::DescribeLimitsReply::VT_TABLE_MAX_WRITE_CAPACITY_UNITS, reply.table_max_write_capacity_units),
    ] {
        writer.long(table, field, units);
    }
}

pub(crate) fn decode_reply(payload: Payload<'_>) -> Result<DescribeLimitsReply, ProtocolError> {
    let reply = payload.root::<fbs::DescribeLimitsReply<'_>>()?;
    Ok(DescribeLimitsReply {
        account_max_read_capacity_units: reply.account_max_read_capacity_units(),
        account_max_write_capacity_units: reply.account_max_write_capacity_units(),
        table_max_read_capacity_units: reply.table_max_read_capacity_units(),
        table_max_write_capacity_units: reply.table_max_write_capacity_units(),
    })
}
