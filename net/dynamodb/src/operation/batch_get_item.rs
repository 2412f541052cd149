//! BatchGetItem: JSON to the model's request, its reply to JSON.

use model::operation::{BatchGetItem, BatchGetItemReply, KeysAndAttributes};
use serde::de::MapAccess;

use super::{attribute_selection, capacity};
use crate::json::attribute::AttributesShape;
use crate::json::item::write_item;
use crate::json::members::{ListShape, MapShape, Member, Members, Structure};
use crate::json::shape::Place;
use crate::json::writer::Writer;

impl Members for BatchGetItem {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "RequestItems" => {
                let table = || Structure::<KeysAndAttributes>::new("KeysAndAttributes", Place::Element);
                let tables = value.shape(MapShape { value: table, java: "KeysAndAttributes" })?;
                self.request_items = tables
                    .map(|tables| tables.into_iter().map(|(name, keys)| (name, keys.unwrap_or_default())).collect());
            }
            "ReturnConsumedCapacity" => self.return_consumed_capacity = value.choice()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

impl Members for KeysAndAttributes {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "Keys" => {
                let element = || AttributesShape { place: Place::GenericElement };
                self.keys = value.shape(ListShape { element, place: Place::Field })?;
            }
            "ConsistentRead" => self.consistent_read = value.flag()?,
            _ => attribute_selection::read_member(&mut self.selection, name, value)?,
        }
        Ok(())
    }
}

pub(super) fn write(reply: &BatchGetItemReply, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        writer.known_name("\"Responses\":");
        writer.object(|writer| {
            for (table_name, items) in &reply.responses {
                writer.name(table_name);
                writer.list(|writer| items.iter().for_each(|item| write_item(item.as_ref(), writer)));
            }
        });
        writer.known_name("\"UnprocessedKeys\":");
        writer.object(|writer| {
            for (table_name, keys) in &reply.unprocessed_keys {
                writer.name(table_name);
                write_keys(keys, writer);
            }
        });
        capacity::write_list_member(reply.consumed.as_deref(), writer);
    });
}

fn write_keys(wanted: &KeysAndAttributes, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        writer.known_name("\"Keys\":");
        let keys = wanted.keys.iter().flatten().filter_map(|key| key.item());
        writer.list(|writer| keys.for_each(|key| write_item(key.as_ref(), writer)));
        if wanted.consistent_read {
            writer.known_name("\"ConsistentRead\":");
            writer.boolean(true);
        }
        if let Some(selection) = &wanted.selection {
            attribute_selection::write_members(selection, writer);
        }
    });
}
