//! DescribeTable: the catalog knows what a table is, its owners know how much it holds.
//!
//! UpdateTable and DeleteTable answer with a description as well: their figures are asked for before the catalog is.

use super::{Part, Progress};
use control::TableEntry;
use model::operation::{DescribeTableReply, Reply, Request, TableDescription};
use model::{Error, ErrorKind, TableDefinition};
use partition::{Answer, Operation, Outcome, Statistics};
use std::sync::Arc;

/// A description that waits for the owners' figures.
#[derive(Debug)]
pub(crate) struct Describe {
    table: Arc<TableEntry>,
    now_ms: u64,
    /// The change of the table that is to be decided then.
    change: Option<Box<Request>>,
    statistics: Statistics,
    missing_count: usize,
}

impl Describe {
    /// Asks every owner, to describe the table, or to decide about a change of it.
    pub(crate) fn begin(table: &Arc<TableEntry>, now_ms: u64, change: Option<Box<Request>>) -> (Self, Vec<Part>) {
        let parts: Vec<Part> = (0..)
            .zip(&table.partitions)
            .map(|(number, placement)| Part { number, placement: *placement, operation: Operation::Statistics })
            .collect();
        let missing_count = parts.len();
        let describe =
            Self { table: Arc::clone(table), now_ms, change, statistics: Statistics::default(), missing_count };
        (describe, parts)
    }

    pub(super) fn handle_outcome(&mut self, outcome: Outcome) -> Progress {
        match outcome {
            Ok(Answer::Statistics(statistics)) => self.statistics.add(statistics),
            Ok(other) => panic!("asked for statistics, answered {other:?}"),
            // The table has gone meanwhile.
            Err(error) if error.kind == ErrorKind::ResourceNotFound => {
                return Progress::Done(Err(Error::table_not_found(&self.table.definition.name)));
            }
            Err(error) => return Progress::Done(Err(error)),
        }
        self.missing_count -= 1;
        if self.missing_count > 0 {
            return Progress::Waits(Vec::new());
        }
        if let Some(request) = self.change.take() {
            return Progress::Decides(request, self.statistics);
        }
        let mut definition = self.table.definition.clone();
        definition.history.throughput_decrease_count = definition.history.decrease_count_today(self.now_ms);
        let table = described(definition, &self.statistics);
        Progress::Done(Ok(Reply::DescribeTable(Box::new(DescribeTableReply { table }))))
    }
}

/// The description of a table that holds so much.
pub(crate) fn described(definition: TableDefinition, statistics: &Statistics) -> TableDescription {
    TableDescription {
        item_count: statistics.item_count,
        table_size_bytes: statistics.size_bytes,
        local_indexes: statistics.local_indexes[..definition.local_indexes.len()].to_vec(),
        definition,
    }
}
