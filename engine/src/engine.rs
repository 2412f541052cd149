//! A worker's state and its turn.

use crate::admission::{admit_removal, admit_write, memory_exhausted};
use crate::budget::Budget;
use crate::catalog::CatalogOwner;
use crate::coordinate::{Coordination, Coordinator, Part, Progress};
use crate::disks::Disks;
use crate::expiring::Expiring;
use crate::keyed::Keyed;
use crate::loading::{Loading, Work};
use crate::message::{Batch, Message};
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::rotation::Rotations;
use crate::router::Router;
use crate::scrubbing::Scrubbing;
use crate::storing::{Storing, wake_later};
use control::TableEntry;
use foldhash::fast::FixedState;
use journal::{FlushFigures, GroupId, Journal, Position};
use model::error::THROTTLED;
use model::operation::Reply;
use model::table::PartitionId;
use model::{Error, Text};
use partition::{Answer, Context, Missing, Operation, Outcome, Partition, ReplyToken, Storage, Ticket, Waiter};
use runtime::{Activity, CoreId, DirectoryLock, Mesh, Runtime, ShareClass, Signal};
use sstable::CacheUsage;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Batches that one turn takes from the mesh before it decides about anything.
const INBOX_BATCH_COUNT_MAX: usize = 64;

/// Writes that may wait for memory; further ones are throttled.
const HELD_COUNT_MAX: usize = 8 << 10;

/// One worker of the database. One a core, never leaves its thread.
pub struct Engine {
    pub(crate) runtime: Runtime,
    pub(crate) journal: Journal,
    pub(crate) mesh: Mesh<Batch>,
    pub(crate) signal: Signal,
    pub(crate) router: Router,
    pub(crate) partitions: HashMap<PartitionId, Partition, FixedState>,
    /// Partitions of deleted tables with entries still on their way through the journal.
    pub(crate) closing: HashMap<PartitionId, Partition>,
    /// On worker 0 alone.
    pub(crate) catalog: Option<CatalogOwner>,
    pub(crate) context: Context,
    pub(crate) coordinator: Coordinator,
    pub(crate) outbox: Outbox,
    pub(crate) metrics: Metrics,
    pub(crate) budget: Budget,
    pub(crate) disks: Disks,
    pub(crate) loading: Loading,
    pub(crate) storing: Storing,
    pub(crate) expiring: Expiring,
    pub(crate) scrubbing: Scrubbing,
    /// Operations on single keys that this turn is to do.
    pub(crate) keyed: Vec<Keyed>,
    /// Writes that wait until there is memory for them.
    held: VecDeque<(Ticket, PartitionId, Operation)>,
    /// Partitions with proposals that the journal has not got yet.
    proposing: Vec<PartitionId>,
    /// Partitions with entries that were not durable when last looked at.
    settling: Vec<PartitionId>,
    /// Empty; kept for its memory.
    settled: Vec<PartitionId>,
    durable: Position,
    /// The journal had no room for what was proposed; `apply_durable` hands it over again.
    pub(crate) is_blocked: bool,
    replies: Vec<Replied>,
    /// On worker 0 alone.
    pub(crate) rotations: Rotations,
    /// What DescribeEndpoints names to who does not tell where it has reached the server.
    pub(crate) endpoint: Text,
    /// How long tables stay CREATING, UPDATING and DELETING, and changes of expiry settle.
    pub(crate) table_delay_ms: u64,
    /// How long items stay after their time.
    pub(crate) expiry_delay_ms: u64,
    /// Held until the worker ends: no second process may use its folders.
    _locks: Vec<DirectoryLock>,
}

/// A reply that has been reached.
#[derive(Debug)]
pub struct Replied {
    /// Whose request it answers.
    pub token: ReplyToken,
    /// What came of it.
    pub result: Result<Reply, Error>,
    /// Whether another core did the work: a client that knew the owner would have asked it directly.
    pub is_forwarded: bool,
}

/// What a worker is made of once its journal is read.
pub(crate) struct Parts {
    pub(crate) runtime: Runtime,
    pub(crate) journal: Journal,
    pub(crate) mesh: Mesh<Batch>,
    pub(crate) signal: Signal,
    pub(crate) outbox: Outbox,
    pub(crate) catalog: Option<CatalogOwner>,
    pub(crate) budget: Budget,
    pub(crate) context: Context,
    pub(crate) storage: Storage,
    pub(crate) endpoint: Text,
    pub(crate) table_delay_ms: u64,
    pub(crate) expiry_delay_ms: u64,
    pub(crate) scrub_period: Duration,
    pub(crate) locks: Vec<DirectoryLock>,
}

impl Engine {
    pub(crate) fn assemble(parts: Parts) -> Self {
        Self {
            disks: Disks::new(&parts.storage),
            storing: Storing::new(parts.storage, &parts.signal),
            loading: Loading::new(&parts.runtime, &parts.signal),
            budget: parts.budget,
            expiring: Expiring::new(&parts.signal),
            scrubbing: Scrubbing::new(parts.scrub_period, &parts.signal),
            outbox: parts.outbox,
            runtime: parts.runtime,
            journal: parts.journal,
            mesh: parts.mesh,
            signal: parts.signal,
            catalog: parts.catalog,
            router: Router::default(),
            partitions: HashMap::default(),
            closing: HashMap::new(),
            context: parts.context,
            coordinator: Coordinator::default(),
            metrics: Metrics::default(),
            keyed: Vec::new(),
            held: VecDeque::new(),
            proposing: Vec::new(),
            settling: Vec::new(),
            settled: Vec::new(),
            durable: Position::default(),
            is_blocked: false,
            replies: Vec::new(),
            rotations: Rotations::default(),
            endpoint: parts.endpoint,
            table_delay_ms: parts.table_delay_ms,
            expiry_delay_ms: parts.expiry_delay_ms,
            _locks: parts.locks,
        }
    }

    /// Which core this is.
    pub fn core(&self) -> CoreId {
        self.runtime.core()
    }

    /// Notified when there is something to do: a flush is complete, or another core has sent a batch.
    pub fn signal(&self) -> &Signal {
        &self.signal
    }

    /// What has been counted since the start.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Errors that the disk of each data directory has reported since the start, in the order in which the directories were given.
    pub fn io_error_counts(&self) -> impl Iterator<Item = u64> {
        self.disks.error_counts()
    }

    /// Bytes that the data of this core takes in memory, the cache included, as of a moment ago.
    pub fn memory_bytes(&self) -> u64 {
        self.budget.bytes()
    }

    /// Bytes that wait in this core's journal for their flush.
    pub fn journal_waiting_bytes(&self) -> u64 {
        self.journal.waiting_bytes() as u64
    }

    /// How often this core's cache had what was looked for: blocks, index pages and items.
    pub fn cache_usage(&self) -> CacheUsage {
        self.context.reads.cache_usage()
    }

    /// What the flushes of this core's journal have taken since the start.
    pub fn flush_figures(&self) -> FlushFigures {
        self.journal.flush_figures()
    }

    /// Ends the journal cleanly: what was proposed becomes durable, and the next start finds no torn end.
    pub async fn close(&self) {
        self.journal.close().await;
    }

    /// Where the partitions of a table are, if the table may be used. `name` is a name or an ARN.
    pub fn table(&self, name: &str) -> Option<&Arc<TableEntry>> {
        self.router.find(name)
    }

    /// One pass of the worker's loop. Nothing waits in it; call it after requests were submitted and whenever the
    /// signal is notified, then take the replies.
    pub fn turn(&mut self) {
        self.context.now_us = self.runtime.wall_clock_ms() * 1_000;
        self.context.now = self.runtime.now();
        self.runtime.set_activity(&Activity("messages of other cores"));
        self.drain_inbox();
        self.runtime.set_activity(&Activity("applying what is durable"));
        self.apply_durable();
        let arrived_count = self.keyed.len();
        // Before what was read is taken up, for the disk has what they read meanwhile.
        self.runtime.set_activity(&Activity("doing single-key operations"));
        self.execute_keyed();
        self.runtime.set_activity(&Activity("going on with what was read"));
        self.finish_reads(arrived_count);
        self.announce_changes();
        self.runtime.set_activity(&Activity("storing"));
        self.store();
        self.metrics.io_error_count = self.disks.error_counts().sum();
        self.runtime.set_activity(&Activity("scrubbing"));
        self.scrub();
        self.runtime.set_activity(&Activity("letting held writes go on"));
        self.release_held();
        self.runtime.set_activity(&Activity("delivering outcomes"));
        self.deliver_outcomes();
        self.runtime.set_activity(&Activity("expiring items"));
        self.expire_items();
        self.runtime.set_activity(&Activity("collecting"));
        self.collect();
        if !self.outbox.send(&self.mesh) {
            wake_later(&self.runtime, &self.signal);
        }
    }

    /// Replies that have been reached, each once. The caller drains it.
    pub fn replies(&mut self) -> &mut Vec<Replied> {
        &mut self.replies
    }

    pub(crate) fn reply(&mut self, token: ReplyToken, result: Result<Reply, Error>) {
        self.replies.push(Replied { token, result, is_forwarded: false });
    }

    /// Does an operation on a partition of this core, or sends it to the core that has it.
    pub(crate) fn dispatch(&mut self, ticket: Ticket, part: (CoreId, PartitionId), operation: Operation) {
        let (core, partition) = part;
        if core == self.core() {
            self.execute(ticket, partition, operation);
        } else {
            self.metrics.forwarded_count += 1;
            self.outbox.push(core, Message::Operation { ticket, partition, operation: Box::new(operation) });
        }
    }

    /// Begins an operation over several partitions.
    pub(crate) fn coordinate(&mut self, token: ReplyToken, coordination: Coordination, parts: Vec<Part>) {
        match self.coordinator.begin(token, coordination) {
            Some(place) => self.dispatch_parts(place, parts),
            None => {
                self.metrics.refused_count += 1;
                self.reply(
                    token,
                    Err(Error::throttling("Too many operations over several partitions are in progress")),
                );
            }
        }
    }

    fn dispatch_parts(&mut self, (slot, generation): (u32, u32), parts: Vec<Part>) {
        for part in parts {
            let waiter = Waiter::Coordination { slot, generation, part: part.number };
            let ticket = Ticket { core: self.core(), waiter };
            self.dispatch(ticket, (part.placement.core, part.placement.partition), part.operation);
        }
    }

    /// Does an operation on a partition of this core: one on a single key later in this turn, together with others.
    fn execute(&mut self, ticket: Ticket, partition: PartitionId, operation: Operation) {
        if operation.key().is_some() {
            self.keyed.push((ticket, partition, operation));
        } else {
            self.execute_now(ticket, partition, &mut { operation });
        }
    }

    /// Begins an operation. It is taken, and another left in its place, where it has to wait.
    pub(crate) fn execute_now(&mut self, ticket: Ticket, partition: PartitionId, operation: &mut Operation) {
        if let Err(refusal) = self.admit_to_journal(operation) {
            self.refuse(ticket, refusal);
            return;
        }
        // Only until a flush is done, whose end lets them go on.
        if operation.is_write() && self.waits_for_memory() {
            self.hold(ticket, partition, take(operation));
            return;
        }
        if let Err(refusal) = self.admit_to_memory(operation) {
            self.refuse(ticket, refusal);
            return;
        }
        let Some(owner) = self.partitions.get_mut(&partition) else {
            self.context.outcomes.push((ticket, Err(Error::resource_not_found())));
            return;
        };
        let is_write = operation.is_write();
        self.context.reads.begin();
        match owner.execute(&mut self.context, ticket, operation) {
            Ok(()) => note_proposal(owner, is_write, &mut self.proposing),
            Err(Missing) => self.park(Work::Operation(ticket, partition, Box::new(take(operation)))),
        }
    }

    /// Has the journal room for what the operation may write?
    fn admit_to_journal(&self, operation: &Operation) -> Result<(), Error> {
        match (operation.is_write(), operation.is_removal()) {
            (false, _) => Ok(()),
            (true, true) => admit_removal(&self.journal),
            (true, false) => admit_write(&self.journal, self.storing.is_disk_full()),
        }
    }

    /// Have memtables room for it?
    fn admit_to_memory(&self, operation: &Operation) -> Result<(), Error> {
        let grows = operation.is_write() && !operation.is_removal();
        if grows && self.budget.is_exhausted() { Err(memory_exhausted()) } else { Ok(()) }
    }

    /// Goes on with an operation for which something was brought. What it is to write into may have filled up meanwhile.
    pub(crate) fn go_on_with(&mut self, ticket: Ticket, partition: PartitionId, mut operation: Box<Operation>) {
        if let Err(refusal) = self.admit_to_journal(&operation).and_then(|()| self.admit_to_memory(&operation)) {
            self.refuse(ticket, refusal);
            return;
        }
        let Some(owner) = self.partitions.get_mut(&partition) else {
            self.context.outcomes.push((ticket, Err(Error::resource_not_found())));
            return;
        };
        let is_write = operation.is_write();
        match owner.go_on(&mut self.context, ticket, &mut operation) {
            Ok(()) => note_proposal(owner, is_write, &mut self.proposing),
            Err(Missing) => self.park(Work::Operation(ticket, partition, operation)),
        }
    }

    /// A limit of the node is reached: the operation is not done.
    pub(crate) fn refuse(&mut self, ticket: Ticket, refusal: Error) {
        self.metrics.refused_count += 1;
        self.context.outcomes.push((ticket, Err(refusal)));
    }

    /// Whether writes wait for a flush that makes room in memory. Not where the journal has no room to name what was flushed: that is for deletes to make.
    fn waits_for_memory(&self) -> bool {
        self.budget.is_used_up() && self.storing.is_flush_coming() && !self.journal.is_full()
    }

    /// A write waits until a flush has made room in memory.
    fn hold(&mut self, ticket: Ticket, partition: PartitionId, operation: Operation) {
        if self.held.len() >= HELD_COUNT_MAX {
            self.refuse(ticket, Error::throttling(THROTTLED));
        } else {
            self.metrics.held_count += 1;
            self.held.push_back((ticket, partition, operation));
        }
    }

    /// Writes that were held are done when there is room again, as many at a time as their partitions take: what is durable makes room for more.
    fn release_held(&mut self) {
        if self.held.is_empty() {
            return;
        }
        self.budget.observe(&self.partitions, &mut self.context.reads);
        while !self.waits_for_memory()
            && let Some((ticket, partition, mut operation)) = self.held.pop_front()
        {
            if !self.has_room_for_writes(partition) {
                self.held.push_front((ticket, partition, operation));
                return;
            }
            self.execute_now(ticket, partition, &mut operation);
        }
    }

    pub(crate) fn handle_message(&mut self, message: Message) {
        match message {
            Message::Operation { ticket, partition, operation } => self.execute(ticket, partition, *operation),
            Message::Outcome { ticket, outcome } => self.deliver(ticket, outcome, true),
            other => self.handle_catalog_message(other),
        }
    }

    /// Brings outcomes to those who wait, until no operation has a further step to take.
    fn deliver_outcomes(&mut self) {
        self.execute_keyed();
        while !self.context.outcomes.is_empty() {
            let mut outcomes = std::mem::take(&mut self.context.outcomes);
            for (ticket, outcome) in outcomes.drain(..) {
                if ticket.core == self.core() {
                    self.deliver(ticket, outcome, false);
                } else {
                    self.outbox.push(ticket.core, Message::Outcome { ticket, outcome });
                }
            }
            self.execute_keyed();
            if self.context.outcomes.is_empty() {
                // The allocation is used again.
                self.context.outcomes = outcomes;
            }
        }
    }

    fn deliver(&mut self, ticket: Ticket, outcome: Outcome, is_forwarded: bool) {
        match ticket.waiter {
            Waiter::Caller(token) => {
                let result = outcome.map(|answer| match answer {
                    Answer::Reply(reply) => reply,
                    Answer::Scan(_) | Answer::Statistics(_) => {
                        panic!("parts are asked for by coordinated operations alone")
                    }
                });
                self.replies.push(Replied { token, result, is_forwarded });
            }
            Waiter::Coordination { slot, generation, .. } => {
                match self.coordinator.handle_outcome(ticket.waiter, outcome) {
                    Some((_, Progress::Waits(parts))) => self.dispatch_parts((slot, generation), parts),
                    Some((token, Progress::Done(result))) => self.reply(token, result),
                    Some((token, Progress::Decides(request, statistics))) => {
                        self.ask_catalog(token, request, statistics);
                    }
                    None => {}
                }
            }
        }
    }

    fn drain_inbox(&mut self) {
        for _ in 0..INBOX_BATCH_COUNT_MAX {
            let Some((_, batch)) = self.mesh.try_receive() else { return };
            for message in batch {
                self.handle_message(message);
            }
        }
        // More may wait, and nobody will say so again.
        self.signal.notify();
    }

    /// Hands proposals to the journal: all groups of this core share its next flush.
    fn collect(&mut self) {
        for id in self.proposing.drain(..) {
            let owner = self.partitions.get_mut(&id).or_else(|| self.closing.get_mut(&id));
            let Some(owner) = owner else { continue };
            owner.set_proposing(false);
            owner.collect(&self.journal);
            self.is_blocked |= owner.is_blocked();
            if !owner.set_settling(true) {
                self.settling.push(id);
            }
        }
        self.collect_catalog();
    }

    /// Applies what the journal has made durable since the last turn.
    fn apply_durable(&mut self) {
        let durable = self.journal.durable();
        // The journal also notifies when it has room again for what it refused.
        if durable == self.durable && !self.is_blocked {
            return;
        }
        self.is_blocked = false;
        self.durable = durable;
        let mut settling = std::mem::replace(&mut self.settling, std::mem::take(&mut self.settled));
        for id in settling.drain(..) {
            if let Some(owner) = self.partitions.get_mut(&id) {
                owner.apply_durable(&self.journal, &mut self.context);
                self.is_blocked |= owner.is_blocked();
                if !owner.is_flushing() {
                    self.storing.note_named(id);
                }
                if owner.is_settled() {
                    owner.set_settling(false);
                } else {
                    self.settling.push(id);
                }
                self.remove_files(id);
            } else if let Some(mut owner) = self.closing.remove(&id) {
                owner.apply_durable(&self.journal, &mut self.context);
                self.is_blocked |= owner.is_blocked();
                owner.set_settling(false);
                self.close_when_settled(owner);
            }
        }
        self.settled = settling;
        self.apply_catalog();
    }

    /// Gives back the space of a partition that is of no table any more, once its log is applied.
    pub(crate) fn close_when_settled(&mut self, mut owner: Partition) {
        if owner.is_settled() {
            let (storage, group) = (self.storing.storage.clone(), GroupId(owner.id().0));
            self.runtime.spawn(ShareClass::Background, async move {
                owner.destroy(&storage).await;
                storage.journal.forget_keys(group);
            });
            return;
        }
        if !owner.is_proposing() && !owner.set_settling(true) {
            self.settling.push(owner.id());
        }
        self.closing.insert(owner.id(), owner);
    }

    /// The partition has something in the journal, to be applied when it is durable.
    pub(crate) fn apply_later(&mut self, partition: PartitionId) {
        let owner = self.partitions.get_mut(&partition).expect("it waits");
        if !owner.set_settling(true) {
            self.settling.push(partition);
        }
    }

    /// The partition has proposed something, to be collected at the end of the turn.
    pub(crate) fn collect_later(&mut self, partition: PartitionId) {
        let owner = self.partitions.get_mut(&partition).expect("it has proposed something");
        note_proposal(owner, true, &mut self.proposing);
    }
}

/// The owner has done an operation. If that was a write it may have proposed something, which is to be collected.
fn note_proposal(owner: &mut Partition, is_write: bool, proposing: &mut Vec<PartitionId>) {
    if is_write && !owner.set_proposing(true) {
        proposing.push(owner.id());
    }
}

/// An operation that has to wait, taken from a place that is not looked at any more.
fn take(operation: &mut Operation) -> Operation {
    std::mem::replace(operation, Operation::Statistics)
}
