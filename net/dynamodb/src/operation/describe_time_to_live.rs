//! DescribeTimeToLive: JSON to the model's request, its reply to JSON.

use model::operation::{DescribeTimeToLive, DescribeTimeToLiveReply};
use serde::de::MapAccess;

use crate::json::members::{Member, Members};
use crate::json::writer::Writer;

impl Members for DescribeTimeToLive {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "TableName" => self.table_name = value.text()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

pub(super) fn write(reply: &DescribeTimeToLiveReply, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        writer.known_name("\"TimeToLiveDescription\":");
        writer.object(|writer| {
            writer.known_name("\"TimeToLiveStatus\":");
            writer.string(reply.status.token());
            if let Some(name) = &reply.attribute_name {
                writer.known_name("\"AttributeName\":");
                writer.string(name);
            }
        });
    });
}
