//! BatchWriteItem: up to 25 puts and deletes over several tables; each is atomic, the batch is not.

use super::batch::{check_table_names, too_many_items};
use super::constraint::{Constraints, echo};
use super::put_item::check_item_size;
use super::{
    Attributes, Choice, ConsumedCapacity, ItemCollectionMetrics, ReturnConsumedCapacity, ReturnItemCollectionMetrics,
};
use crate::limits::BATCH_WRITE_COUNT_MAX;
use crate::{Error, KeyHash, KeySchema, Text};

/// The request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BatchWriteItem {
    /// By table (name or ARN), each table once, in the order given.
    pub request_items: Option<Vec<(Text, Vec<WriteRequest>)>>,
    /// Whether the reply tells the capacity.
    pub return_consumed_capacity: Choice<ReturnConsumedCapacity>,
    /// Tells nothing on tables without local indexes.
    pub return_item_collection_metrics: Choice<ReturnItemCollectionMetrics>,
}

/// One write of the batch.
#[derive(Clone, Debug, PartialEq)]
pub enum WriteRequest {
    /// `PutRequest`: the item.
    Put(Attributes),
    /// `DeleteRequest`: exactly the key attributes.
    Delete(Attributes),
    /// Neither of the two was given; `validate()` reports it.
    Neither,
    /// Both of the two were given; `validate()` reports it.
    Both,
}

impl BatchWriteItem {
    /// Checks all that needs no table. Whether two writes have one key: [`super::check_distinct_keys`].
    pub fn validate(&self) -> Result<(), Error> {
        let tables = self.request_items.as_deref().unwrap_or_default();
        let mut constraints = Constraints::new();
        constraints.choice("returnConsumedCapacity", &self.return_consumed_capacity);
        constraints.choice("returnItemCollectionMetrics", &self.return_item_collection_metrics);
        check_table_names(&mut constraints, tables.iter().map(|(name, _)| name));
        for (name, writes) in tables {
            check_write_count(&mut constraints, echo(name), writes.len());
        }
        for (name, writes) in tables {
            check_members(&mut constraints, echo(name), writes);
        }
        constraints.finish()?;
        if tables.is_empty() {
            // DynamoDB: observed (2026): so whether it is missing or empty.
            return Err(Error::validation("The requestItems parameter is required for BatchWriteItem"));
        }
        if tables.iter().map(|(_, writes)| writes.len()).sum::<usize>() > BATCH_WRITE_COUNT_MAX {
            return Err(too_many_items("BatchWriteItem"));
        }
        tables.iter().flat_map(|(_, writes)| writes).try_for_each(WriteRequest::check)
    }
}

impl WriteRequest {
    /// Appends the encoded key of the item that it writes.
    pub fn encode_key(&self, schema: &KeySchema, out: &mut Vec<u8>) -> Result<KeyHash, Error> {
        match self {
            WriteRequest::Put(Attributes::Valid(item)) => schema.encode_batch_item_key(item.as_ref(), out),
            WriteRequest::Delete(Attributes::Valid(key)) => schema.encode_key(key.as_ref(), out),
            _ => Err(Error::validation("The provided key element does not match the schema")),
        }
    }

    fn check(&self) -> Result<(), Error> {
        match self {
            WriteRequest::Put(attributes) => {
                attributes.check_values()?;
                attributes.item().map_or(Ok(()), |item| check_item_size(item.as_ref()))
            }
            WriteRequest::Delete(attributes) => attributes.check_values(),
            // DynamoDB: observed: the same text for none and for both.
            WriteRequest::Neither | WriteRequest::Both => Err(Error::validation(
                "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported \
                 datatypes",
            )),
        }
    }
}

fn check_write_count(constraints: &mut Constraints, table_name: &str, write_count: usize) {
    if (1..=BATCH_WRITE_COUNT_MAX).contains(&write_count) {
        return;
    }
    // Ours: DynamoDB prints all writes inside the brackets.
    let shown = if write_count == 0 { "" } else { "..." };
    constraints.fail(
        "requestItems",
        format_args!("{{{table_name}=[{shown}]}}"),
        format_args!(
            "Map value must satisfy constraint: [Member must have length less than or equal to \
             {BATCH_WRITE_COUNT_MAX}, Member must have length greater than or equal to 1]"
        ),
    );
}

fn check_members(constraints: &mut Constraints, table_name: &str, writes: &[WriteRequest]) {
    for (index, write) in writes.iter().enumerate() {
        let member = match write {
            WriteRequest::Put(Attributes::Absent) => "putRequest.item",
            WriteRequest::Delete(Attributes::Absent) => "deleteRequest.key",
            _ => continue,
        };
        if constraints.is_full() {
            return;
        }
        let position = index + 1;
        constraints.not_null(format_args!("requestItems.{table_name}.member.{position}.member.{member}"), false);
    }
}

/// The reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BatchWriteItemReply {
    /// What the caller should write again.
    pub unprocessed_items: Vec<(Text, Vec<WriteRequest>)>,
    /// By table, when asked for.
    pub consumed: Option<Vec<ConsumedCapacity>>,
    /// By table with local indexes, when asked for.
    pub item_collection_metrics: Option<Vec<(Text, Vec<ItemCollectionMetrics>)>>,
}
