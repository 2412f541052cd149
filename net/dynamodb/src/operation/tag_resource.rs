//! TagResource: JSON to the model's request. Its reply has no body.

use model::operation::TagResource;
use serde::de::MapAccess;

use crate::json::members::{Member, Members};

impl Members for TagResource {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "ResourceArn" => self.resource_arn = value.text()?,
            "Tags" => self.tags = value.structures("Tag")?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}
