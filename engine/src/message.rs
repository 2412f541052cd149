//! What cores say to each other, in batches, over the mesh.

use control::{Effect, TableEntry};
use journal::LogIndex;
use model::operation::Request;
use model::table::PartitionId;
use partition::{Operation, Outcome, Statistics, Ticket};
use runtime::CoreId;
use security::TableKeys;
use std::sync::Arc;

/// Everything that one turn of a worker has to say to one other core.
pub type Batch = Vec<Message>;

/// Keys of tables, durable.
#[derive(Clone, Debug)]
pub struct KeyGrant {
    /// Whose: at start everybody's, later those that are new.
    pub tables: Vec<Arc<TableKeys>>,
    /// The highest group that was ever given keys; at start alone.
    pub last_group: u64,
}

/// One message between two workers of a node.
#[derive(Debug)]
pub enum Message {
    /// To a partition's owner: do this.
    Operation {
        /// Who waits.
        ticket: Ticket,
        /// Which partition.
        partition: PartitionId,
        /// What to do.
        operation: Box<Operation>,
    },
    /// To the core of the one who waits: this came of it.
    Outcome {
        /// Who waits.
        ticket: Ticket,
        /// What came of it.
        outcome: Outcome,
    },
    /// To worker 0: decide about a table.
    Control {
        /// Who waits.
        ticket: Ticket,
        /// CreateTable, or another that changes the catalog.
        request: Box<Request>,
        /// How much the table holds, for requests whose replies tell it.
        statistics: Statistics,
    },
    /// From worker 0: a change of the catalog took effect; open, change or close your partitions of the table.
    TableChanged {
        /// Which change.
        change: LogIndex,
        /// What it did.
        effect: Effect,
    },
    /// To worker 0: opened, changed or closed.
    ChangeSettled {
        /// Which change.
        change: LogIndex,
        /// Who is done.
        core: CoreId,
    },
    /// From worker 0, before anything else at start, and before a table's first record: these keys seal from now on.
    Keys(KeyGrant),
    /// From worker 0, once they are durable: these keys of a table that there was seal from now on, if it is still there.
    KeysRotated(Arc<TableKeys>),
    /// From worker 0, once, at start: these are all the tables there are.
    Catalog(Vec<Arc<TableEntry>>),
    /// To worker 0, once, at start: all partitions are open.
    Opened(CoreId),
    /// From worker 0, once, at start: every core is open, requests may come.
    Serve,
}
