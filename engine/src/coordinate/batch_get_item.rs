//! BatchGetItem: each key is a read of its own; what one reply may not hold is handed back unprocessed.

use super::{Part, Progress, add_units, check_distinct_parts, reply};
use crate::router::Router;
use control::TableEntry;
use model::limits::BATCH_GET_BYTES_MAX;
use model::operation::{
    AttributeSelection, Attributes, BatchGetItem, BatchGetItemReply, Choice, Evaluator, GetItem, KeysAndAttributes,
    Reply, ReturnConsumedCapacity, UnitsByIndex, answer_by_table,
};
use model::{Error, Text};
use partition::{Operation, Outcome};
use std::sync::Arc;

/// A batch of reads in progress.
#[derive(Debug)]
pub(crate) struct BatchGet {
    asked: Choice<ReturnConsumedCapacity>,
    tables: Vec<TableReads>,
    /// For each part: its table and its key in the request.
    reads: Vec<(usize, Attributes)>,
    item_bytes: usize,
    missing_count: usize,
    refusal: Option<Error>,
    answered_count: usize,
}

#[derive(Debug)]
struct TableReads {
    name: Text,
    table: Arc<TableEntry>,
    consistent_read: bool,
    selection: Option<Box<AttributeSelection>>,
    units: UnitsByIndex,
    reply: BatchGetItemReplyPart,
}

/// Items found and keys handed back, of one table.
#[derive(Debug, Default)]
struct BatchGetItemReplyPart {
    items: Vec<model::Item>,
    unprocessed: Vec<Attributes>,
}

impl BatchGet {
    /// Routes every key; nothing is read if one of them cannot be.
    ///
    /// # Errors
    /// ResourceNotFound, or Validation for a key that does not fit or is there twice.
    pub(crate) fn begin(
        router: &mut Router,
        evaluator: &mut Evaluator,
        request: BatchGetItem,
    ) -> Result<(Self, Vec<Part>), Error> {
        let tables = request.request_items.expect("validated: tables are named");
        let mut batch = Self {
            asked: request.return_consumed_capacity,
            tables: Vec::with_capacity(tables.len()),
            reads: Vec::new(),
            item_bytes: 0,
            missing_count: 0,
            refusal: None,
            answered_count: 0,
        };
        let mut parts = Vec::new();
        for (name, wanted) in tables {
            let table = Arc::clone(router.table(Some(&name))?);
            wanted.check_selection(evaluator, &table.definition)?;
            batch.add_table(router, &mut parts, (name, table), wanted)?;
        }
        check_distinct_parts(&parts)?;
        batch.missing_count = parts.len();
        Ok((batch, parts))
    }

    fn add_table(
        &mut self,
        router: &mut Router,
        parts: &mut Vec<Part>,
        (name, table): (Text, Arc<TableEntry>),
        wanted: KeysAndAttributes,
    ) -> Result<(), Error> {
        for key in wanted.keys.expect("validated: keys are given") {
            let (placement, encoded) = router.route_key(&table, &key)?;
            let number = u32::try_from(self.reads.len()).expect("at most 100 keys");
            let read = GetItem {
                table_name: Some(name.clone()),
                consistent_read: wanted.consistent_read,
                return_consumed_capacity: self.asked.clone(),
                selection: wanted.selection.clone(),
                ..GetItem::default()
            };
            self.reads.push((self.tables.len(), key));
            parts.push(Part { number, placement, operation: Operation::GetItem(encoded, read) });
        }
        self.tables.push(TableReads {
            name,
            table,
            consistent_read: wanted.consistent_read,
            selection: wanted.selection,
            units: UnitsByIndex::default(),
            reply: BatchGetItemReplyPart::default(),
        });
        Ok(())
    }

    pub(super) fn handle_outcome(&mut self, part: u32, outcome: Outcome) -> Progress {
        let (table, key) = &mut self.reads[part as usize];
        let table = &mut self.tables[*table];
        match reply(outcome) {
            Ok(Reply::GetItem(read)) => {
                let size_bytes = read.item.as_ref().map_or(0, |item| item.as_ref().size_bytes());
                if self.item_bytes + size_bytes > BATCH_GET_BYTES_MAX {
                    table.reply.unprocessed.push(std::mem::take(key));
                } else {
                    self.item_bytes += size_bytes;
                    add_units(&mut table.units, &table.table.definition, read.consumed.as_ref());
                    table.reply.items.extend(read.item);
                    self.answered_count += 1;
                }
            }
            Ok(other) => panic!("asked for an item, answered {other:?}"),
            Err(error) if error.kind.is_retryable() => {
                table.reply.unprocessed.push(std::mem::take(key));
                self.refusal = Some(error);
            }
            Err(error) => return Progress::Done(Err(error)),
        }
        self.missing_count -= 1;
        if self.missing_count > 0 { Progress::Waits(Vec::new()) } else { Progress::Done(self.take_reply()) }
    }

    fn take_reply(&mut self) -> Result<Reply, Error> {
        // DynamoDB: API reference: an error only if nothing at all could be read.
        if let Some(refusal) = self.refusal.take_if(|_| self.answered_count == 0) {
            return Err(refusal);
        }
        let mut reply = BatchGetItemReply::default();
        let units = self.tables.iter().map(|table| (&table.name, &table.table.definition, table.units));
        reply.consumed = answer_by_table(&self.asked, units);
        for table in self.tables.drain(..) {
            if !table.reply.unprocessed.is_empty() {
                let keys = KeysAndAttributes {
                    keys: Some(table.reply.unprocessed),
                    consistent_read: table.consistent_read,
                    selection: table.selection,
                };
                reply.unprocessed_keys.push((table.name.clone(), keys));
            }
            reply.responses.push((table.name, table.reply.items));
        }
        Ok(Reply::BatchGetItem(reply))
    }
}
