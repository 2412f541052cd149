//! BatchWriteItem: JSON to the model's request, its reply to JSON.

use model::operation::{Attributes, BatchWriteItem, BatchWriteItemReply, WriteRequest};
use serde::de::MapAccess;

use super::{capacity, item_collection};
use crate::json::item::write_item;
use crate::json::members::{ListShape, MapShape, Member, Members, Structure};
use crate::json::shape::Place;
use crate::json::writer::Writer;

impl Members for BatchWriteItem {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "RequestItems" => {
                let write = || Structure::<OneWrite>::new("WriteRequest", Place::Element);
                let writes = || ListShape { element: write, place: Place::GenericElement };
                let java = "java.util.List<com.amazonaws.dynamodb.v20120810.WriteRequest>";
                let tables = value.shape(MapShape { value: writes, java })?;
                self.request_items = tables.map(|tables| {
                    let of_table = |writes: Vec<Option<OneWrite>>| {
                        writes.into_iter().map(|write| write.unwrap_or_default().into_request()).collect()
                    };
                    tables.into_iter().map(|(name, writes)| (name, writes.map_or_else(Vec::new, of_table))).collect()
                });
            }
            "ReturnConsumedCapacity" => self.return_consumed_capacity = value.choice()?,
            "ReturnItemCollectionMetrics" => self.return_item_collection_metrics = value.choice()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

/// A write as JSON has it: a structure of which one member should be there.
#[derive(Default)]
struct OneWrite {
    put: Option<PutRequest>,
    delete: Option<DeleteRequest>,
}

impl OneWrite {
    fn into_request(self) -> WriteRequest {
        match (self.put, self.delete) {
            (Some(put), None) => WriteRequest::Put(put.item),
            (None, Some(delete)) => WriteRequest::Delete(delete.key),
            (None, None) => WriteRequest::Neither,
            (Some(_), Some(_)) => WriteRequest::Both,
        }
    }
}

impl Members for OneWrite {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "PutRequest" => self.put = value.structure("PutRequest")?,
            "DeleteRequest" => self.delete = value.structure("DeleteRequest")?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct PutRequest {
    item: Attributes,
}

impl Members for PutRequest {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "Item" => self.item = value.attributes()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct DeleteRequest {
    key: Attributes,
}

impl Members for DeleteRequest {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "Key" => self.key = value.attributes()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

pub(super) fn write(reply: &BatchWriteItemReply, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        writer.known_name("\"UnprocessedItems\":");
        writer.object(|writer| {
            for (table_name, writes) in &reply.unprocessed_items {
                writer.name(table_name);
                writer.list(|writer| writes.iter().for_each(|write| write_request(write, writer)));
            }
        });
        capacity::write_list_member(reply.consumed.as_deref(), writer);
        item_collection::write_map_member(reply.item_collection_metrics.as_deref(), writer);
    });
}

fn write_request(request: &WriteRequest, writer: &mut Writer<'_>) {
    let (outer, inner, attributes) = match request {
        WriteRequest::Put(item) => ("\"PutRequest\":", "\"Item\":", item),
        WriteRequest::Delete(key) => ("\"DeleteRequest\":", "\"Key\":", key),
        WriteRequest::Neither | WriteRequest::Both => return,
    };
    writer.object(|writer| {
        writer.known_name(outer);
        writer.object(|writer| {
            if let Some(item) = attributes.item() {
                writer.known_name(inner);
                write_item(item.as_ref(), writer);
            }
        });
    });
}
