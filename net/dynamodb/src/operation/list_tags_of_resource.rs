//! ListTagsOfResource: JSON to the model's request, its reply to JSON.

use model::operation::{ListTagsOfResource, ListTagsOfResourceReply};
use serde::de::MapAccess;

use crate::json::members::{Member, Members};
use crate::json::writer::Writer;

impl Members for ListTagsOfResource {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "ResourceArn" => self.resource_arn = value.text()?,
            "NextToken" => self.next_token = value.text()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

pub(super) fn write(reply: &ListTagsOfResourceReply, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        writer.known_name("\"Tags\":");
        writer.list(|writer| {
            for (key, value) in &reply.tags {
                writer.object(|writer| {
                    writer.known_name("\"Key\":");
                    writer.string(key);
                    writer.known_name("\"Value\":");
                    writer.string(value);
                });
            }
        });
    });
}
