//! DeleteTable: JSON to the model's request, its reply to JSON.

use model::operation::{DeleteTable, DeleteTableReply};
use serde::de::MapAccess;

use super::table_description;
use crate::json::members::{Member, Members};
use crate::json::writer::Writer;

impl Members for DeleteTable {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "TableName" => self.table_name = value.text()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

pub(super) fn write(reply: &DeleteTableReply, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        writer.known_name("\"TableDescription\":");
        table_description::write_deleted(&reply.table, writer);
    });
}
