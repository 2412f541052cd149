//! The table that tests of whole nodes most often need, and what goes into it.

use model::operation::{AttributeDefinitionParameter, Choice, CreateTable, KeyRole, KeySchemaElement, Request};
use model::table::BillingMode;
use model::{Item, KeyType, Text, Value};
use std::collections::BTreeMap;

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

/// An item of these attributes.
///
/// # Panics
/// If they are none, by DynamoDB's rules.
pub fn item_of(attributes: &[(&str, Value)]) -> Item {
    let attributes: BTreeMap<String, Value> =
        attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Item::from_value_map(&attributes).expect("a test's items are valid")
}
