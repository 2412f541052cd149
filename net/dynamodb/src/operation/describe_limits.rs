//! DescribeLimits: JSON to the model's request, its reply to JSON.

use model::operation::{DescribeLimits, DescribeLimitsReply};
use serde::de::MapAccess;

use crate::json::members::{Member, Members};
use crate::json::writer::Writer;

impl Members for DescribeLimits {
    fn member<'de, A: MapAccess<'de>>(&mut self, _: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        value.ignore()
    }
}

pub(super) fn write(reply: &DescribeLimitsReply, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        writer.known_name("\"AccountMaxReadCapacityUnits\":");
        writer.unsigned(reply.account_max_read_capacity_units);
        writer.known_name("\"AccountMaxWriteCapacityUnits\":");
        writer.unsigned(reply.account_max_write_capacity_units);
        writer.known_name("\"TableMaxReadCapacityUnits\":");
        writer.unsigned(reply.table_max_read_capacity_units);
        writer.known_name("\"TableMaxWriteCapacityUnits\":");
        writer.unsigned(reply.table_max_write_capacity_units);
    });
}
