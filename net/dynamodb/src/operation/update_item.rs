//! UpdateItem: JSON to the model's request, its reply to JSON.

use model::operation::{AttributeUpdate, UpdateItem, UpdateItemReply};
use serde::de::MapAccess;

use super::{capacity, item_collection};
use crate::json::item::write_item;
use crate::json::members::{Member, Members};
use crate::json::writer::Writer;

impl Members for UpdateItem {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "TableName" => self.table_name = value.text()?,
            "Key" => self.key = value.attributes()?,
            "UpdateExpression" => self.update_expression = value.text()?,
            "AttributeUpdates" => self.attribute_updates = value.structures_by_name("AttributeValueUpdate")?,
            "ReturnValues" => self.return_values = value.choice()?,
            "ReturnConsumedCapacity" => self.return_consumed_capacity = value.choice()?,
            "ReturnItemCollectionMetrics" => self.return_item_collection_metrics = value.choice()?,
            _ => self.conditional.member(name, value)?,
        }
        Ok(())
    }
}

impl Members for AttributeUpdate {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "Action" => self.action = value.choice()?,
            "Value" => self.value = value.single_value()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

pub(super) fn write(reply: &UpdateItemReply, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        if let Some(attributes) = &reply.attributes {
            writer.known_name("\"Attributes\":");
            write_item(attributes.as_ref(), writer);
        }
        capacity::write_member(reply.consumed.as_ref(), writer);
        item_collection::write_member(reply.item_collection_metrics.as_deref(), writer);
    });
}
