//! The table that tests of whole nodes most often need, and what goes into it.

use crate::{Caller, Node};
use engine::EngineOptions;
use model::operation::{AttributeDefinitionParameter, Choice, CreateTable, KeyRole, KeySchemaElement, Request};
use model::table::BillingMode;
use model::{Item, KeyType, Text, Value};
use runtime::simulated::Machine;
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

/// Does `work` on a node of the machine that has the table.
///
/// # Panics
/// If the node does not open, or goes down.
pub fn with_table<T>(
    machine: &Machine,
    options: &EngineOptions,
    create: Request,
    work: impl AsyncFnOnce(&Caller) -> T,
) -> T {
    let node = Node::start(machine, options);
    let done = machine.run(async {
        node.opened().await.expect("it opens");
        let caller = node.caller();
        caller.call(0, create).await.expect("the table is made");
        work(&caller).await
    });
    done.expect("nothing goes down")
}

/// A value of so many bytes that the journal cannot compress: each byte occurs as often as any other.
pub fn noise(bytes: usize) -> Value {
    Value::B((0..=u8::MAX).cycle().take(bytes).collect())
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
