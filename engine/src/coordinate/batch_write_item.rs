//! BatchWriteItem: each put and delete is a write of its own; what is refused for now is handed back unprocessed.

use super::{Part, Progress, add_units, check_distinct_parts, reply};
use crate::router::Router;
use control::TableEntry;
use model::operation::{
    BatchWriteItem, BatchWriteItemReply, Choice, ConsumedCapacity, DeleteItem, ItemCollectionMetrics, PutItem, Reply,
    ReturnConsumedCapacity, ReturnItemCollectionMetrics, UnitsByIndex, WriteRequest, answer_by_table,
};
use model::{EncodedKey, Error, Text};
use partition::{Operation, Outcome};
use std::sync::Arc;

/// A batch of writes in progress.
#[derive(Debug)]
pub(crate) struct BatchWrite {
    asked: Asked,
    tables: Vec<TableWrites>,
    /// For each part: its table and what is handed back should it be refused.
    writes: Vec<(usize, WriteRequest)>,
    missing_count: usize,
    refusal: Option<Error>,
    answered_count: usize,
}

/// What the reply tells besides.
#[derive(Debug)]
struct Asked {
    consumed: Choice<ReturnConsumedCapacity>,
    metrics: Choice<ReturnItemCollectionMetrics>,
}

#[derive(Debug)]
struct TableWrites {
    name: Text,
    table: Arc<TableEntry>,
    units: UnitsByIndex,
    metrics: Vec<ItemCollectionMetrics>,
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
            asked: Asked {
                consumed: request.return_consumed_capacity,
                metrics: request.return_item_collection_metrics,
            },
            tables: Vec::with_capacity(tables.len()),
            writes: Vec::new(),
            missing_count: 0,
            refusal: None,
            answered_count: 0,
        };
        let mut parts = Vec::new();
        for (name, writes) in tables {
            let table = Arc::clone(router.table(Some(&name))?);
            for write in writes {
                let (placement, key) = router.route_write(&table, &write)?;
                let number = u32::try_from(parts.len()).expect("at most 25 writes");
                parts.push(Part { number, placement, operation: batch.asked.operation(&name, key, &write) });
                batch.writes.push((batch.tables.len(), write));
            }
            let (units, metrics, unprocessed) = (UnitsByIndex::default(), Vec::new(), Vec::new());
            batch.tables.push(TableWrites { name, table, units, metrics, unprocessed });
        }
        check_distinct_parts(&parts)?;
        batch.missing_count = parts.len();
        Ok((batch, parts))
    }

    pub(super) fn handle_outcome(&mut self, part: u32, outcome: Outcome) -> Progress {
        let (table, write) = &mut self.writes[part as usize];
        let table = &mut self.tables[*table];
        match reply(outcome) {
            Ok(Reply::PutItem(put)) => {
                table.add(put.consumed.as_ref(), put.item_collection_metrics);
                self.answered_count += 1;
            }
            Ok(Reply::DeleteItem(delete)) => {
                table.add(delete.consumed.as_ref(), delete.item_collection_metrics);
                self.answered_count += 1;
            }
            Ok(other) => panic!("asked to write an item, answered {other:?}"),
            Err(error) if error.kind.is_retryable() => {
                table.unprocessed.push(std::mem::replace(write, WriteRequest::Neither));
                self.refusal = Some(error);
            }
            Err(error) => return Progress::Done(Err(error)),
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
        let units = self.tables.iter().map(|table| (&table.name, &table.table.definition, table.units));
        reply.consumed = answer_by_table(&self.asked.consumed, units);
        let mut metrics = Vec::new();
        for table in self.tables.drain(..) {
            if !table.metrics.is_empty() {
                metrics.push((table.name.clone(), table.metrics));
            }
            if !table.unprocessed.is_empty() {
                reply.unprocessed_items.push((table.name, table.unprocessed));
            }
        }
        reply.item_collection_metrics = (!metrics.is_empty()).then_some(metrics);
        Ok(Reply::BatchWriteItem(reply))
    }
}

impl TableWrites {
    /// One more write is done. Of each collection the last figure is told.
    fn add(&mut self, consumed: Option<&ConsumedCapacity>, metrics: Option<Box<ItemCollectionMetrics>>) {
        add_units(&mut self.units, &self.table.definition, consumed);
        let Some(metrics) = metrics else { return };
        self.metrics.retain(|earlier| earlier.item_collection_key != metrics.item_collection_key);
        self.metrics.push(*metrics);
    }
}

impl Asked {
    /// The owner's part. Its capacity is asked for whenever the batch's is.
    fn operation(&self, name: &Text, key: EncodedKey, write: &WriteRequest) -> Operation {
        let table_name = Some(name.clone());
        let (return_consumed_capacity, return_item_collection_metrics) = (self.consumed.clone(), self.metrics.clone());
        match write {
            WriteRequest::Put(item) => {
                let item = item.clone();
                let put = PutItem {
                    table_name,
                    item,
                    return_consumed_capacity,
                    return_item_collection_metrics,
                    ..PutItem::default()
                };
                Operation::PutItem(key, put)
            }
            WriteRequest::Delete(item_key) => {
                let delete = DeleteItem {
                    table_name,
                    key: item_key.clone(),
                    return_consumed_capacity,
                    return_item_collection_metrics,
                    ..DeleteItem::default()
                };
                Operation::DeleteItem(key, delete)
            }
            WriteRequest::Neither | WriteRequest::Both => panic!("refused when it was validated"),
        }
    }
}
