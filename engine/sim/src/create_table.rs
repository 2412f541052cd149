//! The table that tests of whole nodes most often need.

use model::operation::{AttributeDefinitionParameter, Choice, CreateTable, KeyRole, KeySchemaElement, Request};
use model::table::BillingMode;
use model::{KeyType, Text};

/// The creation of a table whose key is one string attribute.
pub fn create_table(table: &str, key: &str) -> Request {
    let name = || Some(Text::from(key));
    Request::CreateTable(Box::new(CreateTable {
        table_name: Some(Text::from(table)),
        attribute_definitions: Some(vec![AttributeDefinitionParameter {
            attribute_name: name(),
            attribute_type: Choice::Known(KeyType::String),
        }]),
        key_schema: Some(vec![KeySchemaElement { attribute_name: name(), key_type: Choice::Known(KeyRole::Hash) }]),
        billing_mode: Choice::Known(BillingMode::PayPerRequest),
        ..CreateTable::default()
    }))
}
