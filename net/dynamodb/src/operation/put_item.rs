//! PutItem: JSON to the model's request, its reply to JSON.

use model::operation::{PutItem, PutItemReply};
use serde::de::MapAccess;

use super::{capacity, conditional_write, item_collection};
use crate::json::item::write_item;
use crate::json::members::{Member, Members};
use crate::json::writer::Writer;

impl Members for PutItem {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "TableName" => self.table_name = value.text()?,
            "Item" => self.item = value.attributes()?,
            "ReturnValues" => self.return_values = value.choice()?,
            "ReturnConsumedCapacity" => self.return_consumed_capacity = value.choice()?,
            "ReturnItemCollectionMetrics" => self.return_item_collection_metrics = value.choice()?,
            _ => conditional_write::read_member(&mut self.conditional, name, value)?,
        }
        Ok(())
    }
}

pub(super) fn write(reply: &PutItemReply, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        if let Some(attributes) = &reply.attributes {
            writer.known_name("\"Attributes\":");
            write_item(attributes.as_ref(), writer);
        }
        capacity::write_member(reply.consumed.as_ref(), writer);
        item_collection::write_member(reply.item_collection_metrics.as_deref(), writer);
    });
}
