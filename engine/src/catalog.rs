//! Tables come and go: worker 0 decides, every worker opens or closes its partitions.
//!
//! A table is announced to every core after its entry is durable, and its creation is answered when
//! every core has opened its partitions; the same for its end. Deliberately not here: what the
//! catalog holds and how it is decided (`control`).

use crate::Engine;
use crate::message::Message;
use crate::submit::CATALOG_CORE;
use control::{Applied, Birth, Control, Effect, TableEntry};
use journal::LogIndex;
use model::operation::{CreateTableReply, DeleteTableReply, Reply, Request, TableDescription, resolve_table_name};
use model::table::TableStatus;
use model::{Error, TableId};
use partition::{Answer, Opening, Ticket};
use replication::OpenError;
use runtime::CoreId;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// The catalog with those who wait for it. On worker 0 alone.
pub(crate) struct CatalogOwner {
    pub(crate) control: Control,
    /// Who waits for an entry to be applied, in the order of the log.
    waiting: VecDeque<(LogIndex, Ticket)>,
    /// Tables that the cores are opening or closing.
    announced: HashMap<TableId, Announcement>,
    is_proposing: bool,
}

/// A change that every core is told about.
struct Announcement {
    effect: Effect,
    ticket: Option<Ticket>,
    missing_count: usize,
}

impl CatalogOwner {
    pub(crate) fn new(control: Control) -> Self {
        // The group has just begun its term: what that proposes is to be collected.
        Self { control, waiting: VecDeque::new(), announced: HashMap::new(), is_proposing: true }
    }
}

impl Engine {
    pub(crate) fn handle_catalog_message(&mut self, message: Message) {
        match message {
            Message::Control { ticket, request } => {
                if let Err(error) = self.decide_about_table(ticket, &request) {
                    self.context.outcomes.push((ticket, Err(error)));
                }
            }
            Message::OpenTable(table) => {
                self.open_table(&table);
                self.table_settled(table.definition.id);
            }
            Message::CloseTable(table) => {
                self.close_table(&table);
                self.table_settled(table.definition.id);
            }
            Message::TableSettled { table, core: _ } => self.core_settled(table),
            Message::Operation { .. } | Message::Outcome { .. } => panic!("handled by the worker's turn"),
            Message::Catalog(_) | Message::Opened(_) | Message::Serve => panic!("sent before any core serves"),
        }
    }

    /// Opens this core's partitions of the table. From now on it can be found here.
    fn open_table(&mut self, table: &Arc<TableEntry>) {
        for placement in table.partitions_of(self.core()) {
            let opening = Opening::new(placement.partition, self.memtables_options());
            self.open_partition(table, opening).expect("a new group of one member opens");
        }
        self.router.open(Arc::clone(table));
    }

    /// Takes a partition into service.
    ///
    /// # Errors
    /// If what was recovered of its group contradicts itself.
    pub(crate) fn open_partition(&mut self, table: &Arc<TableEntry>, opening: Opening) -> Result<(), OpenError> {
        let partition = opening.open(Arc::new(table.definition.clone()))?;
        let id = partition.id();
        self.partitions.insert(id, partition);
        // Its group has just begun its term.
        self.settle_later(id);
        Ok(())
    }

    /// From now on the table cannot be found here. What is in flight is still applied and answered.
    fn close_table(&mut self, table: &Arc<TableEntry>) {
        self.router.close(table);
        for placement in &table.partitions {
            if let Some(partition) = self.partitions.remove(&placement.partition) {
                self.close_when_settled(partition);
            }
        }
    }

    fn table_settled(&mut self, table: TableId) {
        let core = self.core();
        self.outbox.push(CATALOG_CORE, Message::TableSettled { table, core });
    }

    fn decide_about_table(&mut self, ticket: Ticket, request: &Request) -> Result<(), Error> {
        let is_removal = matches!(request, Request::DeleteTable(_));
        self.admission.admit_write(&self.journal, is_removal)?;
        let cores =
            (0..self.runtime.core_count()).map(|core| CoreId(u16::try_from(core).expect("core ids are 16 bits")));
        let owner = self.catalog.as_mut().expect("asked on the core that owns the catalog");
        let index = match request {
            Request::CreateTable(create) => {
                let random_bits = (u128::from(self.runtime.chance()) << 64) | u128::from(self.runtime.chance());
                let birth = Birth { random_bits, created_at_ms: self.runtime.wall_clock_ms() };
                owner.control.create_table(create, birth, cores.collect())?
            }
            Request::DeleteTable(delete) => {
                let name = delete.table_name.as_ref().expect("validated: the table is named");
                owner.control.delete_table(resolve_table_name(name)?)?
            }
            _ => panic!("only these two change the catalog"),
        };
        owner.waiting.push_back((index, ticket));
        owner.is_proposing = true;
        Ok(())
    }

    /// Hands the catalog's proposals to the journal.
    pub(crate) fn collect_catalog(&mut self) {
        if let Some(owner) = &mut self.catalog
            && std::mem::take(&mut owner.is_proposing)
        {
            owner.control.collect(&self.journal);
            self.is_blocked |= owner.control.is_blocked();
        }
    }

    /// Announces what the catalog's log has made durable.
    pub(crate) fn apply_catalog(&mut self) {
        let Some(owner) = &mut self.catalog else { return };
        let applied = owner.control.apply_durable(&self.journal);
        self.is_blocked |= owner.control.is_blocked();
        for Applied { index, effect } in applied {
            let is_waited_for = owner.waiting.front().is_some_and(|(waiting, _)| *waiting == index);
            let ticket = is_waited_for.then(|| owner.waiting.pop_front()).flatten().map(|(_, ticket)| ticket);
            let core_count = self.runtime.core_count();
            for core in 0..core_count {
                let core = CoreId(u16::try_from(core).expect("core ids are 16 bits"));
                self.outbox.push(core, announcement(&effect));
            }
            let table = effect.table().definition.id;
            owner.announced.insert(table, Announcement { effect, ticket, missing_count: core_count });
        }
    }

    /// One more core has opened or closed its partitions of the table.
    fn core_settled(&mut self, table: TableId) {
        let owner = self.catalog.as_mut().expect("told to the core that owns the catalog");
        let announcement = owner.announced.get_mut(&table).expect("settled once by each core");
        announcement.missing_count -= 1;
        if announcement.missing_count > 0 {
            return;
        }
        let done = owner.announced.remove(&table).expect("found a moment ago");
        owner.control.settle(&done.effect.table().definition.name);
        if let Some(ticket) = done.ticket {
            self.context.outcomes.push((ticket, Ok(Answer::Reply(reply(&done.effect)))));
        }
    }
}

fn announcement(effect: &Effect) -> Message {
    match effect {
        Effect::Created(table) => Message::OpenTable(Arc::clone(table)),
        Effect::Deleted(table) => Message::CloseTable(Arc::clone(table)),
    }
}

fn reply(effect: &Effect) -> Reply {
    let mut definition = effect.table().definition.clone();
    // DynamoDB: API reference: the reply tells the state in which the operation left the table for now.
    definition.status = match effect {
        Effect::Created(_) => TableStatus::Creating,
        Effect::Deleted(_) => TableStatus::Deleting,
    };
    let table = TableDescription::of_empty(definition);
    match effect {
        Effect::Created(_) => Reply::CreateTable(Box::new(CreateTableReply { table })),
        Effect::Deleted(_) => Reply::DeleteTable(Box::new(DeleteTableReply { table })),
    }
}
