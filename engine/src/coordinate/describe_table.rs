//! DescribeTable: the catalog knows what a table is, its owners know how much it holds.

use super::{Part, Progress};
use control::TableEntry;
use model::operation::{DescribeTableReply, Reply, TableDescription};
use model::{Error, ErrorKind};
use partition::{Answer, Operation, Outcome, Statistics};
use std::sync::Arc;

/// A description that waits for the owners' figures.
#[derive(Debug)]
pub(crate) struct Describe {
    table: Arc<TableEntry>,
    now_ms: u64,
    statistics: Statistics,
    missing_count: usize,
}

impl Describe {
    /// Asks every owner.
    pub(crate) fn begin(table: &Arc<TableEntry>, now_ms: u64) -> (Self, Vec<Part>) {
        let parts: Vec<Part> = (0..)
            .zip(&table.partitions)
            .map(|(number, placement)| Part { number, placement: *placement, operation: Operation::Statistics })
            .collect();
        let missing_count = parts.len();
        let describe = Self { table: Arc::clone(table), now_ms, statistics: Statistics::default(), missing_count };
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
        let mut definition = self.table.definition.clone();
        definition.history.throughput_decrease_count = definition.history.decrease_count_today(self.now_ms);
        let table = TableDescription {
            item_count: self.statistics.item_count,
            table_size_bytes: self.statistics.size_bytes,
            local_indexes: self.statistics.local_indexes[..definition.local_indexes.len()].to_vec(),
            definition,
        };
        Progress::Done(Ok(Reply::DescribeTable(Box::new(DescribeTableReply { table }))))
    }
}
