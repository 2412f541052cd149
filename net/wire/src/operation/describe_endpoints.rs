//! DescribeEndpoints on the wire.

use model::operation::{DescribeEndpoints, DescribeEndpointsReply, Endpoint};

use crate::error::ProtocolError;
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, refuse_unknown_fields};
use crate::writer::{REFERENCE, Shape, WORD, Writer};

static SHAPE: Shape<0> = Shape::new([]);
static REPLY_SHAPE: Shape<1> = Shape::new([REFERENCE]);
static ENDPOINT_SHAPE: Shape<2> = Shape::new([REFERENCE, WORD]);

/// A vtable without fields ends where its first field would be.
const BEFORE_FIRST_FIELD: u16 = fbs::Endpoint::VT_ADDRESS - 2;

pub(crate) fn encode(_request: &DescribeEndpoints, writer: &mut Writer<'_>) {
    writer.root(&SHAPE);
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<DescribeEndpoints, Refusal> {
    let request = payload.root::<fbs::DescribeEndpoints<'_>>()?;
    refuse_unknown_fields(request._tab, BEFORE_FIRST_FIELD)?;
    Ok(DescribeEndpoints::default())
}

pub(crate) fn encode_reply(reply: &DescribeEndpointsReply, writer: &mut Writer<'_>) {
    let table = writer.root(&REPLY_SHAPE);
    let vector = writer.vector(table, fbs::DescribeEndpointsReply::VT_ENDPOINTS, reply.endpoints.len());
    for (index, endpoint) in reply.endpoints.iter().enumerate() {
        let element = writer.element(vector, index, &ENDPOINT_SHAPE);
        writer.text(element, fbs::Endpoint::VT_ADDRESS, &endpoint.address);
        writer.word(element, fbs::Endpoint::VT_CACHE_PERIOD_MINUTES, endpoint.cache_period_minutes);
    }
}

pub(crate) fn decode_reply(payload: Payload<'_>) -> Result<DescribeEndpointsReply, ProtocolError> {
    let reply = payload.root::<fbs::DescribeEndpointsReply<'_>>()?;
    let endpoints = reply.endpoints().ok_or_else(|| payload.missing("endpoints"))?;
    Ok(DescribeEndpointsReply { endpoints: payload.list(endpoints, decode_endpoint)? })
}

fn decode_endpoint<'a>(payload: Payload<'a>, endpoint: fbs::Endpoint<'a>) -> Result<Endpoint, ProtocolError> {
    Ok(Endpoint {
        address: payload.text_required("address", endpoint.address())?,
        cache_period_minutes: endpoint.cache_period_minutes(),
    })
}
