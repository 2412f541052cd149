//! UpdateTimeToLive: JSON to the model's request, its reply to JSON.

use model::operation::{TimeToLiveSpecification, UpdateTimeToLive, UpdateTimeToLiveReply};
use serde::de::MapAccess;

use crate::json::members::{Member, Members};
use crate::json::writer::Writer;

impl Members for UpdateTimeToLive {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "TableName" => self.table_name = value.text()?,
            "TimeToLiveSpecification" => {
                self.time_to_live_specification = value.structure("TimeToLiveSpecification")?;
            }
            _ => value.ignore()?,
        }
        Ok(())
    }
}

impl Members for TimeToLiveSpecification {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "Enabled" => self.enabled = value.boolean()?,
            "AttributeName" => self.attribute_name = value.text()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

pub(super) fn write(reply: &UpdateTimeToLiveReply, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        writer.known_name("\"TimeToLiveSpecification\":");
        writer.object(|writer| {
            writer.known_name("\"Enabled\":");
            writer.boolean(reply.enabled);
            writer.known_name("\"AttributeName\":");
            writer.string(&reply.attribute_name);
        });
    });
}
