//! ListTables: JSON to the model's request, its reply to JSON.

use model::operation::{ListTables, ListTablesReply};
use serde::de::MapAccess;

use crate::json::members::{Member, Members};
use crate::json::writer::Writer;

impl Members for ListTables {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "ExclusiveStartTableName" => self.exclusive_start_table_name = value.text()?,
            "Limit" => self.limit = value.integer()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

pub(super) fn write(reply: &ListTablesReply, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        writer.known_name("\"TableNames\":");
        writer.list(|writer| reply.table_names.iter().for_each(|name| writer.string(name)));
        if let Some(last) = &reply.last_evaluated_table_name {
            writer.known_name("\"LastEvaluatedTableName\":");
            writer.string(last);
        }
    });
}
