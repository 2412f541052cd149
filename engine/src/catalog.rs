//! Tables come, change and go: worker 0 decides, every worker opens, changes or closes its partitions.
//!
//! A change is announced to every core after its entry is durable, and a new table's keys are, and is answered when every core has opened,
//! changed or closed its partitions. With a delay, a table then stays CREATING, UPDATING or DELETING for as long, and
//! the end of that is the next change. Deliberately not here: what the catalog holds and how it is decided (`control`).

use crate::Engine;
use crate::admission::{admit_removal, admit_write};
use crate::coordinate::described;
use crate::key_keeper::KeyKeeper;
use crate::message::{KeyGrant, Message};
use crate::submit::CATALOG_CORE;
use control::{Applied, Birth, Control, Effect, TableEntry};
use journal::{GroupId, LogIndex};
use model::operation::{
    CreateTableReply, DeleteTableReply, Reply, Request, TagResourceReply, UntagResourceReply, UpdateTableReply,
    resolve_table_name, resource_not_found,
};
use model::table::{TableStatus, uuid_text};
use model::{Error, ErrorKind, TableId, Text};
use partition::{Answer, Partition, Statistics, Ticket};
use runtime::{CoreId, Runtime, ShareClass, Signal};
use security::TableKeys;
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The catalog with those who wait for it. On worker 0 alone.
pub(crate) struct CatalogOwner {
    pub(crate) control: Control,
    /// Who waits for an entry to be applied and for what, in the order of the log.
    waiting: VecDeque<(LogIndex, Ticket, Reply)>,
    /// Keys of all tables.
    pub(crate) keys: KeyKeeper,
    /// Applied changes in the order of the log, the first of which waits until its table's keys are durable.
    unannounced: VecDeque<Unannounced>,
    /// Changes that the cores are taking up.
    announced: HashMap<LogIndex, Announcement>,
    states: States,
    is_proposing: bool,
}

/// A change that no core has been told about yet.
struct Unannounced {
    change: LogIndex,
    effect: Effect,
    waiting: Option<(Ticket, Reply)>,
    /// Of a new table, durable from this generation on.
    keys: Option<(u64, Arc<TableKeys>)>,
}

/// A change that every core is told about.
struct Announcement {
    effect: Effect,
    waiting: Option<(Ticket, Reply)>,
    missing_count: usize,
}

/// The tables that are CREATING, UPDATING or DELETING, and for how long they are.
struct States {
    delay: Duration,
    /// Those whose time is over.
    ended: Rc<RefCell<Vec<TableId>>>,
    signal: Signal,
}

/// What was decided about a request.
enum Decision {
    /// The reply, once the entry at this position is applied and every core knows.
    Proposed(LogIndex, Reply),
    /// The reply, at once.
    Done(Reply),
}

impl CatalogOwner {
    /// Takes over a catalog. Tables that it holds in a state between leave it after `delay`.
    pub(crate) fn new(
        control: Control,
        keys: KeyKeeper,
        delay: Duration,
        (runtime, signal): (&Runtime, &Signal),
    ) -> Self {
        let states = States { delay, ended: Rc::default(), signal: signal.clone() };
        control.catalog().tables().for_each(|table| states.begin(table, runtime));
        // The group has just begun its term: what that proposes is to be collected.
        Self {
            control,
            waiting: VecDeque::new(),
            keys,
            unannounced: VecDeque::new(),
            announced: HashMap::new(),
            states,
            is_proposing: true,
        }
    }

    /// Proposes what follows for tables that were in a state between for long enough.
    fn end_states(&mut self, runtime: &Runtime) {
        let ended = std::mem::take(&mut *self.states.ended.borrow_mut());
        for table in ended {
            match self.control.end_state(table) {
                Ok(is_proposed) => self.is_proposing |= is_proposed,
                Err(_) => self.states.end_later(table, runtime),
            }
        }
    }
}

impl States {
    /// Notes that a table is in the state that its definition says.
    fn begin(&self, table: &TableEntry, runtime: &Runtime) {
        if table.definition.status != TableStatus::Active {
            self.end_later(table.definition.id, runtime);
        }
    }

    fn end_later(&self, table: TableId, runtime: &Runtime) {
        let (delay, ended, signal) = (self.delay, Rc::clone(&self.ended), self.signal.clone());
        let runtime_of_task = runtime.clone();
        runtime.spawn(ShareClass::Foreground, async move {
            runtime_of_task.sleep(delay).await;
            ended.borrow_mut().push(table);
            signal.notify();
        });
    }
}

impl Engine {
    pub(crate) fn handle_catalog_message(&mut self, message: Message) {
        match message {
            Message::Control { ticket, request, statistics } => match self.decide_about_table(&request, &statistics) {
                Ok(Decision::Proposed(index, reply)) => {
                    let owner = self.catalog.as_mut().expect("it has just decided");
                    owner.waiting.push_back((index, ticket, reply));
                    owner.is_proposing = true;
                }
                Ok(Decision::Done(reply)) => self.context.outcomes.push((ticket, Ok(Answer::Reply(reply)))),
                Err(error) => self.context.outcomes.push((ticket, Err(error))),
            },
            Message::TableChanged { change, effect } => {
                match &effect {
                    Effect::Created(table) => self.open_table(table),
                    Effect::Updated(table) => self.change_table(table),
                    Effect::Deleted(table) => self.close_table(table),
                }
                let core = self.core();
                self.outbox.push(CATALOG_CORE, Message::ChangeSettled { change, core });
            }
            Message::ChangeSettled { change, core: _ } => self.core_settled(change),
            Message::Keys(KeyGrant { tables, .. }) => {
                tables.iter().for_each(|table| self.journal.grant_keys(table));
            }
            Message::KeysRotated(keys) => self.journal.renew_keys(&keys),
            Message::Operation { .. } | Message::Outcome { .. } => panic!("handled by the worker's turn"),
            Message::Catalog(_) | Message::Opened(_) | Message::Serve => panic!("sent before any core serves"),
        }
    }

    /// Opens this core's partitions of the table. From now on it can be found here.
    fn open_table(&mut self, table: &Arc<TableEntry>) {
        for placement in table.partitions_of(self.core()) {
            let (definition, options) = (Arc::new(table.definition.clone()), self.partition_options());
            let partition = Partition::create(placement.partition, (definition, placement.range), options);
            self.serve_partition(partition.expect("a new group of one member opens"));
        }
        self.router.open(Arc::clone(table));
    }

    /// Takes a partition into service.
    pub(crate) fn serve_partition(&mut self, partition: Partition) {
        let id = partition.id();
        self.expiring.look_at(&self.runtime, &partition);
        self.partitions.insert(id, partition);
        // Its group has just begun its term.
        self.collect_later(id);
    }

    /// From now on the table is otherwise here.
    fn change_table(&mut self, table: &Arc<TableEntry>) {
        let definition = Arc::new(table.definition.clone());
        for placement in table.partitions_of(self.core()) {
            if let Some(partition) = self.partitions.get_mut(&placement.partition) {
                partition.set_definition(Arc::clone(&definition), self.context.now);
                self.expiring.look_at(&self.runtime, partition);
                // Files of due times that are not wanted any more: a checkpoint that waited for the next write would hold up the log.
                if partition.is_changing_files() {
                    self.name_files(placement.partition);
                }
            }
        }
        self.router.open(Arc::clone(table));
    }

    /// From now on the table cannot be found here. What is in flight is still applied and answered.
    fn close_table(&mut self, table: &Arc<TableEntry>) {
        self.router.close(table);
        for placement in &table.partitions {
            match self.partitions.remove(&placement.partition) {
                Some(partition) => {
                    self.expiring.forget(placement.partition);
                    self.storing.note_named(placement.partition);
                    self.close_when_settled(partition);
                }
                // Another core's: here its keys were granted and never used.
                None => self.journal.forget_keys(GroupId(placement.partition.0)),
            }
        }
    }

    fn decide_about_table(&mut self, request: &Request, statistics: &Statistics) -> Result<Decision, Error> {
        let admitted = match request {
            Request::DeleteTable(_) => admit_removal(&self.journal),
            _ => admit_write(&self.journal, self.storing.is_disk_full()),
        };
        admitted.inspect_err(|_| self.metrics.refused_count += 1)?;
        let now_ms = self.runtime.wall_clock_ms();
        let delay_ms = self.table_delay_ms;
        let owner = self.catalog.as_mut().expect("asked on the core that owns the catalog");
        let key = match owner.keys.service_key() {
            Some(service_key) => service_key.to_owned(),
            None => uuid_text(u128::from_be_bytes(owner.keys.master().0)),
        };
        let control = &mut owner.control;
        let (index, reply) = match request {
            Request::CreateTable(create) => {
                let random_bits = (u128::from(self.runtime.chance()) << 64) | u128::from(self.runtime.chance());
                let birth = Birth { random_bits, created_at_ms: now_ms, key };
                let cores = (0..self.runtime.core_count()).map(CoreId::from_usize).collect();
                let (index, definition) = control.create_table(create, birth, cores)?;
                let table = described(definition, statistics);
                (index, Reply::CreateTable(Box::new(CreateTableReply { table })))
            }
            Request::UpdateTable(update) => {
                let (index, definition) =
                    control.update_table(table_name(update.table_name.as_ref())?, update, (now_ms, &key))?;
                let table = described(definition, statistics);
                (index, Reply::UpdateTable(Box::new(UpdateTableReply { table })))
            }
            Request::DeleteTable(delete) => {
                let (index, definition) = control.delete_table(table_name(delete.table_name.as_ref())?)?;
                let table = described(definition, statistics);
                let reply = Reply::DeleteTable(Box::new(DeleteTableReply { table }));
                match index {
                    Some(index) => (index, reply),
                    None => return Ok(Decision::Done(reply)),
                }
            }
            Request::UpdateTimeToLive(update) => {
                let name = table_name(update.table_name.as_ref())?;
                let index = control.change_table(name, |current| update.apply(current, now_ms, delay_ms))?;
                (index, Reply::UpdateTimeToLive(update.reply()))
            }
            Request::TagResource(tag) => {
                let index = control.change_table(tag.resolve()?, |current| tag.apply(current));
                let index = index.map_err(|error| by_arn(error, tag.resource_arn.as_ref()))?;
                (index, Reply::TagResource(TagResourceReply))
            }
            Request::UntagResource(untag) => {
                let index = control.change_table(untag.resolve()?, |current| Ok(untag.apply(current)));
                let index = index.map_err(|error| by_arn(error, untag.resource_arn.as_ref()))?;
                (index, Reply::UntagResource(UntagResourceReply))
            }
            _ => panic!("no other request changes the catalog"),
        };
        Ok(Decision::Proposed(index, reply))
    }

    /// Hands the catalog's proposals to the journal.
    pub(crate) fn collect_catalog(&mut self) {
        let Some(owner) = &mut self.catalog else { return };
        owner.end_states(&self.runtime);
        if std::mem::take(&mut owner.is_proposing) {
            owner.control.collect(&self.journal);
            self.is_blocked |= owner.control.is_blocked();
        }
    }

    /// Takes what the catalog's log has made durable; a new table gets its keys.
    pub(crate) fn apply_catalog(&mut self) {
        let Some(owner) = &mut self.catalog else { return };
        let applied = owner.control.apply_durable(&self.journal);
        self.is_blocked |= owner.control.is_blocked();
        for Applied { index: change, effect } in applied {
            let is_waited_for = owner.waiting.front().is_some_and(|(waiting, ..)| *waiting == change);
            let waiting = is_waited_for.then(|| owner.waiting.pop_front()).flatten();
            let waiting = waiting.map(|(_, ticket, reply)| (ticket, reply));
            let keys = match &effect {
                Effect::Created(table) => Some(owner.keys.add_table(table)),
                Effect::Updated(_) | Effect::Deleted(_) => None,
            };
            let keys = keys.map(|keys| (owner.keys.generation(), keys));
            owner.unannounced.push_back(Unannounced { change, effect, waiting, keys });
        }
    }

    /// Tells every core of applied changes, and of keys that were rotated: once what they need of the keys is durable.
    pub(crate) fn announce_changes(&mut self) {
        self.rewrap_by_renewed();
        let Some(owner) = &mut self.catalog else { return };
        let durable = owner.keys.write_and_tell_durable();
        let core_count = self.runtime.core_count();
        while let Some(next) = owner.unannounced.front() {
            if next.keys.as_ref().is_some_and(|(generation, _)| *generation > durable) {
                break;
            }
            let Unannounced { change, effect, waiting, keys } = owner.unannounced.pop_front().expect("looked at");
            for core in (0..core_count).map(CoreId::from_usize) {
                if let Some((_, keys)) = &keys {
                    let grant = KeyGrant { tables: vec![Arc::clone(keys)], last_group: 0 };
                    self.outbox.push(core, Message::Keys(grant));
                }
                self.outbox.push(core, Message::TableChanged { change, effect: effect.clone() });
            }
            owner.announced.insert(change, Announcement { effect, waiting, missing_count: core_count });
        }
        self.end_rotations(durable);
    }

    /// One more core has taken up the change.
    fn core_settled(&mut self, change: LogIndex) {
        let owner = self.catalog.as_mut().expect("told to the core that owns the catalog");
        let announcement = owner.announced.get_mut(&change).expect("settled once by each core");
        announcement.missing_count -= 1;
        if announcement.missing_count > 0 {
            return;
        }
        let done = owner.announced.remove(&change).expect("found a moment ago");
        owner.control.settle(&done.effect);
        if let Effect::Deleted(table) = &done.effect {
            owner.keys.remove_table(table.definition.id);
            self.signal.notify();
        }
        if let Effect::Created(table) | Effect::Updated(table) = &done.effect {
            owner.states.begin(table, &self.runtime);
        }
        if let Some((ticket, reply)) = done.waiting {
            self.context.outcomes.push((ticket, Ok(Answer::Reply(reply))));
        }
    }
}

fn table_name(name: Option<&Text>) -> Result<&str, Error> {
    resolve_table_name(name.expect("validated: the table is named"))
}

/// The error as requests about tags word it, which name the table by its ARN.
fn by_arn(error: Error, arn: Option<&Text>) -> Error {
    match error.kind {
        ErrorKind::ResourceNotFound => resource_not_found(arn.expect("validated: the resource is named")),
        _ => error,
    }
}
