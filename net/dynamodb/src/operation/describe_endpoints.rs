//! DescribeEndpoints: JSON to the model's request, its reply to JSON.

use model::operation::{DescribeEndpoints, DescribeEndpointsReply};
use serde::de::MapAccess;

use crate::json::members::{Member, Members};
use crate::json::writer::Writer;

impl Members for DescribeEndpoints {
    fn member<'de, A: MapAccess<'de>>(&mut self, _: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        value.ignore()
    }
}

pub(super) fn write(reply: &DescribeEndpointsReply, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        writer.known_name("\"Endpoints\":");
        writer.list(|writer| {
            for endpoint in &reply.endpoints {
                writer.object(|writer| {
                    writer.known_name("\"Address\":");
                    writer.string(&endpoint.address);
                    writer.known_name("\"CachePeriodInMinutes\":");
                    writer.unsigned(u64::from(endpoint.cache_period_minutes));
                });
            }
        });
    });
}
