//! UntagResource: JSON to the model's request. Its reply has no body.

use model::operation::UntagResource;
use serde::de::MapAccess;

use crate::json::members::{Member, Members};

impl Members for UntagResource {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "ResourceArn" => self.resource_arn = value.text()?,
            "TagKeys" => self.tag_keys = value.texts()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}
