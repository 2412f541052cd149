//! BatchWriteItem: each put and delete is a write of its own; what is refused for now is handed back unprocessed.

use super::{Part, Progress, reply};
use crate::router::Router;
use model::operation::{
    BatchWriteItem, BatchWriteItemReply, CapacityUnits, Choice, ConsumedCapacity, DeleteItem, PutItem, Reply,
    ReturnConsumedCapacity, WriteRequest, check_distinct_keys,
};
use model::{EncodedKey, Error, Text};
use partition::{Operation, Outcome};
use std::sync::Arc;

/// A batch of writes in progress.
#[derive(Debug)]
pub(crate) struct BatchWrite {
    asked: Choice<ReturnConsumedCapacity>,
    tables: Vec<TableWrites>,
    /// For each part: its table and what is handed back should it be refused.
    writes: Vec<(usize, WriteRequest)>,
    missing_count: usize,
    refusal: Option<Error>,
    answered_count: usize,
}

#[derive(Debug)]
struct TableWrites {
    name: Text,
    units: CapacityUnits,
    unprocessed: Vec<WriteRequest>,
}

impl BatchWrite {
    /// Routes every write; nothing is written if one of them cannot be.
    ///
    /// # Errors
    /// ResourceNotFound, or Validation for a key that does not fit or is there twice.
    pub(crate) fn begin(router: &mut Router, request: BatchWriteItem) -> Result<(Self, Vec<Part>), Error> {
        let tables = request.request_items.expect("validated: tables are named");
        let mut batch = Self {
            asked: request.return_consumed_capacity,
            tables: Vec::with_capacity(tables.len()),
            writes: Vec::new(),
            missing_count: 0,
            refusal: None,
            answered_count: 0,
        };
        let mut parts = Vec::new();
        for (name, writes) in tables {
            let table = Arc::clone(router.table(Some(&name))?);
            let mut distinct = Vec::new();
            for write in writes {
                let (placement, key) = router.route_write(&table, &write)?;
                distinct.push(key.clone());
                let number = u32::try_from(parts.len()).expect("at most 25 writes");
                parts.push(Part { number, placement, operation: operation(&name, key, &write) });
                batch.writes.push((batch.tables.len(), write));
            }
            check_distinct_keys(&mut distinct)?;
            batch.tables.push(TableWrites { name, units: CapacityUnits::ZERO, unprocessed: Vec::new() });
        }
        batch.missing_count = parts.len();
        Ok((batch, parts))
    }

    pub(super) fn handle_outcome(&mut self, part: u32, outcome: Outcome) -> Progress {
        let (table, write) = &mut self.writes[part as usize];
        let table = &mut self.tables[*table];
        let consumed = match reply(outcome) {
            Ok(Reply::PutItem(put)) => put.consumed,
            Ok(Reply::DeleteItem(delete)) => delete.consumed,
            Ok(other) => panic!("asked to write an item, answered {other:?}"),
            Err(error) if error.kind.is_retryable() => {
                table.unprocessed.push(std::mem::replace(write, WriteRequest::Neither));
                self.refusal = Some(error);
                None
            }
            Err(error) => return Progress::Done(Err(error)),
        };
        if let Some(consumed) = consumed {
            table.units += consumed.capacity_units;
            self.answered_count += 1;
        }
        self.missing_count -= 1;
        if self.missing_count > 0 { Progress::Waits(Vec::new()) } else { Progress::Done(self.take_reply()) }
    }

    fn take_reply(&mut self) -> Result<Reply, Error> {
        // DynamoDB: API reference: an error only if nothing at all could be written.
        if let Some(refusal) = self.refusal.take_if(|_| self.answered_count == 0) {
            return Err(refusal);
        }
        let mut reply = BatchWriteItemReply::default();
        let mut consumed = Vec::new();
        for table in self.tables.drain(..) {
            consumed.extend(ConsumedCapacity::answer(&self.asked, &table.name, table.units));
            if !table.unprocessed.is_empty() {
                reply.unprocessed_items.push((table.name, table.unprocessed));
            }
        }
        reply.consumed = (!consumed.is_empty()).then_some(consumed);
        Ok(Reply::BatchWriteItem(reply))
    }
}

/// The owner's part; its capacity is always told, for the sum.
fn operation(name: &Text, key: EncodedKey, write: &WriteRequest) -> Operation {
    let total = Choice::Known(ReturnConsumedCapacity::Total);
    let table_name = Some(name.clone());
    match write {
        WriteRequest::Put(item) => {
            let put = PutItem { table_name, item: item.clone(), return_consumed_capacity: total, ..PutItem::default() };
            Operation::PutItem(key, put)
        }
        _ => {
            let delete = DeleteItem { table_name, return_consumed_capacity: total, ..DeleteItem::default() };
            Operation::DeleteItem(key, delete)
        }
    }
}
