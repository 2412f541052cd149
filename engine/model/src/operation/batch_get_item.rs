//! BatchGetItem: up to 100 items by their primary keys, of several tables.

use super::batch::{check_distinct_keys, check_table_names, too_many_items};
use super::constraint::{Constraints, echo, enveloped};
use super::{AttributeSelection, Attributes, Choice, ConsumedCapacity, Evaluator, ReturnConsumedCapacity};
use crate::limits::BATCH_GET_KEY_COUNT_MAX;
use crate::table::TableDefinition;
use crate::{Error, Item, Text};

/// The request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BatchGetItem {
    /// By table (name or ARN), each table once, in the order given.
    pub request_items: Option<Vec<(Text, KeysAndAttributes)>>,
    /// Whether the reply tells the capacity.
    pub return_consumed_capacity: Choice<ReturnConsumedCapacity>,
}

impl BatchGetItem {
    /// How many items are asked for.
    pub fn key_count(&self) -> usize {
        let tables = self.request_items.iter().flatten();
        tables.map(|(_, wanted)| wanted.keys.as_ref().map_or(0, Vec::len)).sum()
    }

    /// Checks all that needs no table.
    pub fn validate(&self, evaluator: &mut Evaluator) -> Result<(), Error> {
        let tables = self.request_items.as_deref().unwrap_or_default();
        let mut constraints = Constraints::new();
        constraints.choice("returnConsumedCapacity", &self.return_consumed_capacity);
        check_table_names(&mut constraints, tables.iter().map(|(name, _)| name));
        for (name, wanted) in tables {
            check_keys(&mut constraints, echo(name), wanted.keys.as_deref());
            if let Some(selection) = &wanted.selection {
                let path = format_args!("requestItems.{}.member.attributesToGet", echo(name)).to_string();
                constraints.attributes_to_get(path, selection.attributes_to_get.as_deref());
            }
        }
        constraints.finish()?;
        if tables.is_empty() {
            // DynamoDB: observed (2026): so whether it is missing or empty.
            return Err(Error::validation("The requestItems parameter is required for BatchGetItem"));
        }
        check_one_style(tables)?;
        let mut key_count = 0;
        for (name, wanted) in tables {
            key_count += wanted.keys().len();
            wanted.check(name, evaluator)?;
        }
        if key_count > BATCH_GET_KEY_COUNT_MAX {
            return Err(too_many_items("BatchGetItem"));
        }
        Ok(())
    }
}

impl KeysAndAttributes {
    /// The keys; none when they were not given.
    pub fn keys(&self) -> &[Attributes] {
        self.keys.as_deref().unwrap_or_default()
    }

    /// Checks what is selected against the definition of the table.
    ///
    /// # Errors
    /// Validation.
    pub fn check_selection(&self, evaluator: &mut Evaluator, definition: &TableDefinition) -> Result<(), Error> {
        self.selection.as_ref().map_or(Ok(()), |selection| selection.check_paths(evaluator, definition))
    }

    fn check(&self, table_name: &str, evaluator: &mut Evaluator) -> Result<(), Error> {
        if self.keys().len() > BATCH_GET_KEY_COUNT_MAX {
            // DynamoDB: observed (2026): this one stands without the value and with capital letters.
            return Err(enveloped(format_args!(
                "Value at 'RequestItems.{table_name}.member.Keys' failed to satisfy constraint: Member must have \
                 length less than or equal to {BATCH_GET_KEY_COUNT_MAX}"
            )));
        }
        if let Some(selection) = &self.selection {
            selection.check_style()?;
            selection.check_parameters(evaluator)?;
        }
        self.keys().iter().try_for_each(Attributes::check_values)?;
        // Equal keys are equal bytes, whatever the schema.
        let mut keys: Vec<&[u8]> =
            self.keys().iter().filter_map(|key| key.item()).map(|key| key.bytes().as_ref()).collect();
        check_distinct_keys(&mut keys)
    }
}

/// Refuses a batch that selects with an expression from one table and without from another.
// DynamoDB: observed: worded as if both were for one table.
fn check_one_style(tables: &[(Text, KeysAndAttributes)]) -> Result<(), Error> {
    let selections = || tables.iter().filter_map(|(_, wanted)| wanted.selection.as_deref());
    let style = AttributeSelection {
        projection_expression: selections().find_map(|selection| selection.projection_expression.clone()),
        attributes_to_get: selections().find_map(|selection| selection.attributes_to_get.clone()),
        expression_attribute_names: None,
    };
    style.check_style()
}

fn check_keys(constraints: &mut Constraints, table_name: &str, keys: Option<&[Attributes]>) {
    let path = format_args!("requestItems.{table_name}.member.keys").to_string();
    constraints.not_null(&path, keys.is_some());
    if keys.is_some_and(<[Attributes]>::is_empty) {
        constraints.fail(&path, "[]", "Member must have length greater than or equal to 1");
    }
    for (index, key) in keys.unwrap_or_default().iter().enumerate() {
        if constraints.is_full() {
            return;
        }
        if !key.is_given() {
            constraints.not_null(format_args!("{path}.{}.member", index + 1), false);
        }
    }
}

/// What is wanted of one table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeysAndAttributes {
    /// Each exactly the key attributes.
    pub keys: Option<Vec<Attributes>>,
    /// A read of the newest acknowledged writes.
    pub consistent_read: bool,
    /// Which attributes are wanted, when not all.
    pub selection: Option<Box<AttributeSelection>>,
}

/// The reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BatchGetItemReply {
    /// The items found, by table as the caller named it; each requested table is there.
    pub responses: Vec<(Text, Vec<Item>)>,
    /// What the caller should ask for again.
    pub unprocessed_keys: Vec<(Text, KeysAndAttributes)>,
    /// By table, when asked for.
    pub consumed: Option<Vec<ConsumedCapacity>>,
}
