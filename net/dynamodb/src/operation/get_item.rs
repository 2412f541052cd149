//! GetItem: JSON to the model's request, its reply to JSON.

use model::operation::{GetItem, GetItemReply};
use serde::de::MapAccess;

use super::{attribute_selection, capacity};
use crate::json::item::write_item;
use crate::json::members::{Member, Members};
use crate::json::writer::Writer;

impl Members for GetItem {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "TableName" => self.table_name = value.text()?,
            "Key" => self.key = value.attributes()?,
            "ConsistentRead" => self.consistent_read = value.flag()?,
            "ReturnConsumedCapacity" => self.return_consumed_capacity = value.choice()?,
            _ => attribute_selection::read_member(&mut self.selection, name, value)?,
        }
        Ok(())
    }
}

pub(super) fn write(reply: &GetItemReply, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        if let Some(item) = &reply.item {
            writer.known_name("\"Item\":");
            write_item(item.as_ref(), writer);
        }
        capacity::write_member(reply.consumed.as_ref(), writer);
    });
}
