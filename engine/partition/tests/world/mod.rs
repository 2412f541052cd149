//! A partition on a simulated machine, as these tests use it: opened from the journal, asked, settled, brought down.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use journal::{Journal, JournalOptions, Record, SegmentId};
use memtable::SpareChunks;
use model::operation::{Attributes, Choice, DeleteItem, GetItem, PutItem, Reply, ReturnValues};
use model::table::{HashRange, IndexProjection, LocalIndex, PartitionId};
use model::{EncodedKey, Error, Item, KeyAttribute, KeySchema, KeyType, Number, TableDefinition, Text, Value};
use partition::{
    Answer, Begun, Brought, Cause, ChangeView, Cleaning, CleaningWork, Context, Foreseen, LookAhead, MemtablesOptions,
    Missing, Need, Opening, Operation, Outcome, Pace, Partition, PartitionOptions, ReplyToken, Storage, Supplies,
    Ticket, Waiter,
};
use runtime::simulated::{Machine, NodeId};
use runtime::{CoreId, Signal};
use security::{GroupKeys, KeyOwner, KeyTable, Keyring, Wrapping};

const ID: PartitionId = PartitionId(1);
/// Bytes of the cache: too few for what tests write.
const CACHE_BYTES: usize = 64 << 10;
/// Settlings between two flushes.
const FLUSH_SETTLE_COUNT: usize = 8;
/// Segments of the journal past which space is looked for.
const SEGMENT_COUNT_MAX: usize = 2;

/// Attempts of one operation, each after something was brought or a turn was over.
const ATTEMPT_COUNT_MAX: usize = 1_000;

/// Some moment in 2023, in seconds since 1970.
pub(crate) const NOW_SECOND: u64 = 1_700_000_000;

/// A partition and all that it needs. Lives for one life of the machine's node.
pub(crate) struct Owner {
    pub(crate) partition: Partition,
    pub(crate) context: Context,
    pub(crate) journal: Journal,
    /// Changes by expiry that the journal has told of.
    pub(crate) recovered_expiry_count: usize,
    /// Flushes done.
    pub(crate) flush_count: usize,
    /// Merges done.
    pub(crate) merge_count: usize,
    /// Merges that looked for dead space.
    pub(crate) cleaning_count: usize,
    pub(crate) storage: Storage,
    /// What waits for the disk.
    parked: Vec<(Ticket, Operation, (Vec<Need>, Supplies))>,
    settle_count: usize,
    signal: Signal,
    next_request: u64,
}

pub(crate) fn options() -> PartitionOptions {
    PartitionOptions {
        memtables: MemtablesOptions { table_bytes_max: 16 << 10, seed: 1, spare: SpareChunks::default() },
        collection_bytes_max: 10 << 30,
        expiry_delay_ms: 0,
    }
}

/// The keys of the partition's group, the same in each life.
pub(crate) fn keys() -> GroupKeys {
    let mut random = |out: &mut [u8]| out.fill(7);
    let keyring = Keyring::draw(&mut random);
    let mut wrapping = Wrapping { master: keyring.newest(), random: &mut random };
    let mut table = KeyTable::new(0, &mut wrapping);
    table.add(KeyOwner(1), vec![1], &mut wrapping);
    GroupKeys::new(&table.owners().cloned().collect::<Vec<_>>(), table.last_group())
}

/// A table with partition key `p`, sort key `s` and these local indexes: name, key, type, projection.
pub(crate) fn table(indexes: &[(&str, &str, KeyType, IndexProjection)]) -> TableDefinition {
    let key = |name: &str, key_type| KeyAttribute { name: name.to_owned(), key_type };
    let schema = KeySchema { partition_key: key("p", KeyType::String), sort_key: Some(key("s", KeyType::Number)) };
    let local_indexes = indexes.iter().map(|(name, sort_key, key_type, projection)| LocalIndex {
        name: (*name).to_owned(),
        sort_key: key(sort_key, *key_type),
        projection: projection.clone(),
    });
    TableDefinition { local_indexes: local_indexes.collect(), ..TableDefinition::new("things", schema) }
}

/// Lets a partition live on the machine until `work` is done or the power is cut. Whether it came to its end.
pub(crate) fn live_until_cut(
    machine: &Machine,
    (definition, options): (&TableDefinition, PartitionOptions),
    work: impl AsyncFnOnce(&mut Owner),
) -> bool {
    let result = machine.run(async {
        let mut owner = Owner::open(machine, definition, options).await;
        owner.settle().await;
        work(&mut owner).await;
    });
    result.is_ok()
}

/// Lets a partition live on the machine, does `work` with it, and kills the node: what is not durable is gone.
pub(crate) fn live<T>(
    machine: &Machine,
    (definition, options): (&TableDefinition, PartitionOptions),
    work: impl AsyncFnOnce(&mut Owner) -> T,
) -> T {
    let result = machine
        .run(async {
            let mut owner = Owner::open(machine, definition, options).await;
            owner.settle().await;
            assert!(owner.context.outcomes.is_empty(), "nobody waits for a partition that opens");
            work(&mut owner).await
        })
        .unwrap();
    machine.kill(NodeId(0));
    machine.restart();
    result
}

/// Removes the files that a crash has left behind.
async fn remove_unnamed(storage: &Storage, partition: &Partition) {
    let named = partition.file_ids();
    for entry in storage.runtime.list_directory(Path::new("/data/sstables")).await.unwrap() {
        let file = sstable::parse_file_name(&entry.name).unwrap();
        if !named.contains(&file) {
            storage.remove(file).await;
        }
    }
}

impl Owner {
    pub(crate) async fn open(machine: &Machine, definition: &TableDefinition, options: PartitionOptions) -> Owner {
        let runtime = machine.runtime();
        runtime.create_directory(Path::new("/data")).await.unwrap();
        runtime.create_directory(Path::new("/data/sstables")).await.unwrap();
        let mut opening = Opening::new(ID, options);
        let mut recovered_expiry_count = 0;
        let directories = vec![Path::new("/data").to_path_buf()];
        let journal_options =
            JournalOptions { segment_bytes: 128 << 10, ..JournalOptions::new(CoreId(0), directories) };
        let mut visit = |record: Record<'_>, location, liveness: &mut _| {
            let cause = ChangeView::decode(record.payload).map(|change| change.cause);
            recovered_expiry_count += usize::from(cause == Ok(Cause::Expiry));
            opening.visit(record, location, liveness)
        };
        let journal = Journal::open_with_store(&runtime, journal_options, keys(), &mut visit).await.unwrap();
        let signal = Signal::new();
        journal.on_durable(signal.clone());
        let storage = Storage {
            runtime,
            journal: journal.clone(),
            directories: [Path::new("/data/sstables").into()].into(),
            pace: Pace::default(),
            gathered_bytes_max: 1 << 20,
            leftovers: Rc::default(),
            failing: Rc::default(),
        };
        let mut context = Context::new(CACHE_BYTES, 7);
        context.now_us = NOW_SECOND * 1_000_000;
        let part = (Arc::new(definition.clone()), HashRange::FULL);
        let partition = opening.open(part, &storage).await.unwrap();
        journal.settle_store().await.unwrap();
        remove_unnamed(&storage, &partition).await;
        Owner {
            partition,
            context,
            journal,
            recovered_expiry_count,
            flush_count: 0,
            merge_count: 0,
            cleaning_count: 0,
            storage,
            parked: Vec::new(),
            settle_count: 0,
            signal,
            next_request: 0,
        }
    }

    /// What a look ahead of an operation finds out, which changes nothing.
    pub(crate) fn foreseen(&self, operation: &Operation) -> Option<Foreseen> {
        let usage = self.context.reads.cache_usage();
        let mut ahead = LookAhead::begin(&self.partition, operation.key()?, &self.context.reads)?;
        while ahead.advance(&self.context.reads) {}
        assert_eq!(self.context.reads.cache_usage(), usage);
        ahead.into_foreseen()
    }

    /// Begins an operation and gives its number. Every other one is looked ahead of.
    pub(crate) fn begin(&mut self, operation: Operation) -> u64 {
        let is_ahead = self.next_request.is_multiple_of(2);
        let foreseen = if is_ahead { self.foreseen(&operation) } else { None };
        self.begin_foreseen(operation, foreseen)
    }

    /// The same, with what is said to have been found out about its key.
    pub(crate) fn begin_foreseen(&mut self, mut operation: Operation, foreseen: Option<Foreseen>) -> u64 {
        self.next_request += 1;
        let token = ReplyToken { connection: 1, request: self.next_request };
        let ticket = Ticket { core: CoreId(0), waiter: Waiter::Caller(token) };
        self.context.reads.begin();
        self.context.reads.foresee(foreseen);
        if !self.parked.is_empty() {
            self.parked.push((ticket, operation, (Vec::new(), Supplies::default())));
        } else if self.partition.execute(&mut self.context, ticket, &mut operation).is_err() {
            self.parked.push((ticket, operation, self.context.reads.take_missing()));
        }
        self.context.reads.foresee(None);
        self.next_request
    }

    /// Lets items expire, whatever has to be brought for it.
    pub(crate) async fn expire(&mut self, item_count: usize) -> partition::Expired {
        let mut supplies = Supplies::default();
        for _ in 0..ATTEMPT_COUNT_MAX {
            self.context.reads.begin_with(supplies);
            match self.partition.expire(&mut self.context, item_count) {
                Ok(expired) => return expired,
                Err(Missing) => supplies = self.bring().await,
            }
        }
        panic!("it comes no further")
    }

    async fn bring(&mut self) -> Supplies {
        let (needs, mut supplies) = self.context.reads.take_missing();
        for need in needs {
            let brought = load(&self.journal, &need).await;
            self.context.reads.keep(&need, &brought);
            supplies.add(&need, &brought);
        }
        supplies
    }

    /// Goes on with what waits for the disk, until nothing does.
    async fn finish_parked(&mut self) {
        for (ticket, mut operation, (mut needs, mut supplies)) in std::mem::take(&mut self.parked) {
            // One after the other, so that writes of one key stay in their order.
            let mut is_parked = true;
            for attempt in 0.. {
                if !is_parked {
                    break;
                }
                assert!(attempt < ATTEMPT_COUNT_MAX, "it comes no further: {operation:?}");
                for need in needs {
                    let brought = load(&self.journal, &need).await;
                    self.context.reads.keep(&need, &brought);
                    supplies.add(&need, &brought);
                }
                // Behind another that was parked: it is done for the first time.
                let foreseen = if attempt == 0 { self.foreseen(&operation) } else { None };
                self.context.reads.begin_with(supplies);
                self.context.reads.foresee(foreseen);
                is_parked = self.partition.go_on(&mut self.context, ticket, &mut operation).is_err();
                self.context.reads.foresee(None);
                (needs, supplies) = self.context.reads.take_missing();
            }
        }
    }

    /// The outcomes reached since the last call, by number of the operation, in the order in which they were.
    pub(crate) fn take_outcomes(&mut self) -> Vec<(u64, Outcome)> {
        let number = |ticket: Ticket| match ticket.waiter {
            Waiter::Caller(token) => token.request,
            Waiter::Coordination { .. } => panic!("nothing is coordinated here"),
        };
        self.context.outcomes.drain(..).map(|(ticket, outcome)| (number(ticket), outcome)).collect()
    }

    /// Makes durable and applies what is in flight; now and then flushes, merges and cleans.
    pub(crate) async fn settle(&mut self) {
        self.finish_parked().await;
        self.apply_all().await;
        self.settle_count += 1;
        if self.settle_count.is_multiple_of(FLUSH_SETTLE_COUNT) {
            self.store().await;
        }
    }

    /// Flushes, merges what is due, looks for dead space if there is much, and lets the log begin as late as it may.
    pub(crate) async fn store(&mut self) {
        self.flush().await;
        while let Some(work) = self.partition.take_merge_work(self.storage.runtime.now()) {
            let merged = work.run(&self.storage).await.unwrap();
            self.partition.finish_merge(merged);
            self.merge_count += 1;
            self.apply_all().await;
        }
        let usage = self.journal.usage();
        if usage.len() > SEGMENT_COUNT_MAX {
            let victims: BTreeSet<SegmentId> =
                usage.iter().filter(|usage| !usage.is_visited).map(|usage| usage.segment).take(2).collect();
            self.clean(&Rc::new(victims)).await;
        }
        if let Some(floor) = self.partition.floor() {
            self.journal.set_replay_start(floor);
        }
    }

    /// Goes on with what waits for the disk, makes durable and applies what is in flight, and flushes it.
    pub(crate) async fn flush(&mut self) {
        self.finish_parked().await;
        self.apply_all().await;
        if let Some(work) = self.partition.begin_flush() {
            let flushed = work.run(&self.storage).await.unwrap();
            self.partition.finish_flush(flushed);
            self.flush_count += 1;
            self.apply_all().await;
        }
    }

    /// Empties the victims; without any, merges everything.
    pub(crate) async fn clean(&mut self, victims: &Rc<BTreeSet<SegmentId>>) {
        let cleaning = if victims.is_empty() { Cleaning::Thorough } else { Cleaning::Empty(Rc::clone(victims)) };
        if let CleaningWork::Merge(work) = self.partition.take_cleaning_work(&cleaning, self.storage.runtime.now()) {
            let merged = work.run(&self.storage).await.unwrap();
            self.partition.finish_merge(merged);
            self.cleaning_count += 1;
            self.apply_all().await;
        }
    }

    async fn apply_all(&mut self) {
        self.partition.collect(&self.journal);
        loop {
            self.partition.apply_durable(&self.journal, &mut self.context);
            for file in self.partition.take_removable_files() {
                self.storage.remove(file).await;
            }
            if self.partition.is_settled() {
                return;
            }
            self.signal.wait().await;
        }
    }

    /// Does one operation to its end.
    pub(crate) async fn call(&mut self, operation: Operation) -> Result<Answer, Error> {
        let number = self.begin(operation);
        self.settle().await;
        let mut outcomes = self.take_outcomes();
        assert_eq!(outcomes.len(), 1, "{outcomes:?}");
        let (answered, outcome) = outcomes.remove(0);
        assert_eq!(answered, number);
        outcome
    }

    pub(crate) async fn put(&mut self, item: &Item) -> Result<Answer, Error> {
        let operation = self.put_of(item);
        self.call(operation).await
    }

    pub(crate) async fn delete(&mut self, key: &Item) -> Result<Answer, Error> {
        let operation = self.delete_of(key);
        self.call(operation).await
    }

    /// What a read finds now.
    pub(crate) async fn item(&mut self, key: &Item) -> Option<Item> {
        let encoded = self.key_of(key);
        match self.call(Operation::GetItem(encoded, GetItem::default())).await {
            Ok(Answer::Reply(Reply::GetItem(reply))) => reply.item,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn put_of(&self, item: &Item) -> Operation {
        let put = PutItem {
            table_name: Some(Text::from("things")),
            item: Attributes::Valid(item.clone()),
            return_values: Choice::Known(ReturnValues::AllOld),
            ..PutItem::default()
        };
        Operation::PutItem(self.key_of(item), put)
    }

    pub(crate) fn delete_of(&self, key: &Item) -> Operation {
        let delete = DeleteItem {
            table_name: Some(Text::from("things")),
            key: Attributes::Valid(key.clone()),
            return_values: Choice::Known(ReturnValues::AllOld),
            ..DeleteItem::default()
        };
        Operation::DeleteItem(self.key_of(key), delete)
    }

    /// The encoded key of an item, or of a key alone.
    pub(crate) fn key_of(&self, item: &Item) -> EncodedKey {
        let mut encoded = Vec::new();
        self.partition.table().key_schema.encode_item_key(item.as_ref(), &mut encoded).unwrap();
        EncodedKey::new(&encoded)
    }
}

pub(crate) fn text(text: &str) -> Value {
    Value::S(text.to_owned())
}

pub(crate) fn number(number: impl ToString) -> Value {
    Value::N(Number::parse(&number.to_string()).unwrap())
}

/// The item with that key and these other attributes.
pub(crate) fn item(partition_key: &str, sort_key: u64, others: &[(&str, Value)]) -> Item {
    let mut attributes: BTreeMap<String, Value> =
        others.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    attributes.insert("p".to_owned(), text(partition_key));
    attributes.insert("s".to_owned(), number(sort_key));
    Item::from_value_map(&attributes).unwrap()
}

pub(crate) fn key(partition_key: &str, sort_key: u64) -> Item {
    item(partition_key, sort_key, &[])
}

/// Brings what is needed.
async fn load(journal: &Journal, need: &Need) -> Brought {
    match need.begin(journal).unwrap() {
        Begun::Read(span) => {
            let buffer = span.file.read_at(span.offset, span.len_bytes).await.unwrap();
            need.finish(journal, buffer.as_slice()).unwrap()
        }
        Begun::Gone => Brought::Gone,
    }
}
