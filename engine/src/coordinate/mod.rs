//! Operations over several partitions: split into parts, joined again.
//!
//! In the way of a request they stand between the router and the owners: a part is an operation on
//! one partition whose outcome comes back here. The state lives on the core that received the
//! request, one slot for each operation in progress. Deliberately not here: transactions.

mod batch_get_item;
mod batch_write_item;
mod describe_table;
mod scan;

pub(crate) use batch_get_item::BatchGet;
pub(crate) use batch_write_item::BatchWrite;
pub(crate) use describe_table::{Describe, described};
pub(crate) use scan::ScanAll;

use control::Placement;
use model::operation::{ConsumedCapacity, Reply, Request, UnitsByIndex, check_distinct_keys};
use model::{Error, TableDefinition};
use partition::{Answer, Operation, Outcome, ReplyToken, Statistics, Waiter};

/// Operations over several partitions that one core may have in progress.
pub(crate) const COORDINATION_COUNT_MAX: usize = 4_096;

/// A part that is to be sent to its owner.
#[derive(Debug)]
pub(crate) struct Part {
    /// Which part of the operation it is.
    pub(crate) number: u32,
    /// Its owner.
    pub(crate) placement: Placement,
    /// What the owner shall do.
    pub(crate) operation: Operation,
}

/// How far an operation is.
#[derive(Debug)]
pub(crate) enum Progress {
    /// It waits for parts; these are to be sent now.
    Waits(Vec<Part>),
    /// It is done.
    Done(Result<Reply, Error>),
    /// The owners are heard: the catalog is to decide about the request, for a table that holds so much.
    Decides(Box<Request>, Statistics),
}

/// An operation in progress.
#[derive(Debug)]
pub(crate) enum Coordination {
    BatchGet(BatchGet),
    BatchWrite(BatchWrite),
    Describe(Describe),
    Scan(Box<ScanAll>),
}

impl Coordination {
    fn handle_outcome(&mut self, part: u32, outcome: Outcome) -> Progress {
        match self {
            Self::BatchGet(batch) => batch.handle_outcome(part, outcome),
            Self::BatchWrite(batch) => batch.handle_outcome(part, outcome),
            Self::Describe(describe) => describe.handle_outcome(outcome),
            Self::Scan(scan) => scan.handle_outcome(outcome),
        }
    }
}

/// The operations in progress on one core.
///
/// Invariant: a slot's generation changes whenever its operation ends, so an outcome that comes late finds nobody.
#[derive(Debug, Default)]
pub(crate) struct Coordinator {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    running: Option<(ReplyToken, Coordination)>,
}

impl Coordinator {
    /// Begins an operation and returns the waiter for its parts; `None` if too many are in progress.
    pub(crate) fn begin(&mut self, token: ReplyToken, coordination: Coordination) -> Option<(u32, u32)> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.slots.len() >= COORDINATION_COUNT_MAX => return None,
            None => {
                self.slots.push(Slot::default());
                u32::try_from(self.slots.len() - 1).expect("bounded by COORDINATION_COUNT_MAX")
            }
        };
        let state = &mut self.slots[slot as usize];
        state.running = Some((token, coordination));
        Some((slot, state.generation))
    }

    /// A part has ended. Returns the operation's caller and what is to be done next, unless the operation ended before.
    pub(crate) fn handle_outcome(&mut self, waiter: Waiter, outcome: Outcome) -> Option<(ReplyToken, Progress)> {
        let Waiter::Coordination { slot, generation, part } = waiter else { return None };
        let state = &mut self.slots[slot as usize];
        if state.generation != generation {
            return None;
        }
        let (token, running) = state.running.as_mut()?;
        let token = *token;
        let progress = running.handle_outcome(part, outcome);
        if !matches!(progress, Progress::Waits(_)) {
            state.running = None;
            state.generation = state.generation.wrapping_add(1);
            self.free.push(slot);
        }
        Some((token, progress))
    }
}

/// Refuses a batch that is for one item twice, also where its table is named in two ways: by its name and by its ARN.
// Ours: what DynamoDB says of two names is not known; that it refuses one item twice is.
fn check_distinct_parts(parts: &[Part]) -> Result<(), Error> {
    let mut items: Vec<_> = parts.iter().map(|part| (part.placement.partition, part.operation.key())).collect();
    check_distinct_keys(&mut items)
}

/// Adds what one part of a batch tells that it consumed.
fn add_units(units: &mut UnitsByIndex, definition: &TableDefinition, consumed: Option<&ConsumedCapacity>) {
    let Some(consumed) = consumed else { return };
    let Some(itemised) = &consumed.itemised else {
        *units += UnitsByIndex::of_table(consumed.capacity_units);
        return;
    };
    units.table += itemised.table;
    for (name, more) in &itemised.local_indexes {
        let position = definition.local_indexes.iter().position(|index| index.name == **name);
        units.local_indexes[position.expect("an owner tells of the indexes that there are")] += *more;
    }
}

/// The whole reply inside an outcome.
fn reply(outcome: Outcome) -> Result<Reply, Error> {
    match outcome? {
        Answer::Reply(reply) => Ok(reply),
        Answer::Scan(_) | Answer::Statistics(_) => panic!("an owner answers what it was asked"),
    }
}
