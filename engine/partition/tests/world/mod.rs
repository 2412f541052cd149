//! A partition on a simulated machine, as these tests use it: opened from the journal, asked, settled, brought down.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use journal::{Journal, JournalOptions, Record, SegmentId};
use model::operation::{Attributes, Choice, DeleteItem, GetItem, PutItem, Reply, ReturnValues};
use model::table::{HashRange, IndexProjection, LocalIndex, PartitionId};
use model::{EncodedKey, Error, Item, KeyAttribute, KeySchema, KeyType, Number, TableDefinition, Text, Value};
use partition::{
    Answer, Cause, ChangeView, Context, MemtablesOptions, Opening, Operation, Outcome, Partition, PartitionOptions,
    ReplyToken, Ticket, Waiter,
};
use replication::Cleaned;
use runtime::simulated::{Machine, NodeId};
use runtime::{CoreId, Signal};
use security::{GroupKeys, KeyOwner, KeyTable, Keyring, Wrapping};

const ID: PartitionId = PartitionId(1);
/// Segments of the log past which the oldest is emptied.
const LOG_SEGMENT_COUNT_MAX: usize = 3;

/// Some moment in 2023, in seconds since 1970.
pub(crate) const NOW_SECOND: u64 = 1_700_000_000;

/// A partition and all that it needs. Lives for one life of the machine's node.
pub(crate) struct Owner {
    pub(crate) partition: Partition,
    pub(crate) context: Context,
    pub(crate) journal: Journal,
    /// Changes by expiry that the journal has told of.
    pub(crate) recovered_expiry_count: usize,
    /// Merges done.
    pub(crate) merge_count: usize,
    /// Segments emptied.
    pub(crate) cleaned_count: usize,
    signal: Signal,
    next_request: u64,
}

pub(crate) fn options() -> PartitionOptions {
    PartitionOptions {
        memtables: MemtablesOptions { table_bytes_max: 16 << 10, seed: 1 },
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

impl Owner {
    async fn open(machine: &Machine, definition: &TableDefinition, options: PartitionOptions) -> Owner {
        let runtime = machine.runtime();
        runtime.create_directory(Path::new("/data")).await.unwrap();
        let mut opening = Opening::new(ID, options);
        let mut recovered_expiry_count = 0;
        let directories = vec![Path::new("/data").to_path_buf()];
        let journal_options =
            JournalOptions { segment_bytes: 128 << 10, ..JournalOptions::new(CoreId(0), directories) };
        let journal =
            Journal::open(&runtime, journal_options, keys(), &mut |record: Record<'_>, location, liveness| {
                let cause = ChangeView::decode(record.payload).map(|change| change.cause);
                recovered_expiry_count += usize::from(cause == Ok(Cause::Expiry));
                opening.visit(record, location, liveness)
            })
            .await
            .unwrap();
        let signal = Signal::new();
        journal.on_durable(signal.clone());
        let partition = opening.open(Arc::new(definition.clone()), HashRange::FULL).unwrap();
        let mut context = Context::default();
        context.now_us = NOW_SECOND * 1_000_000;
        Owner {
            partition,
            context,
            journal,
            recovered_expiry_count,
            merge_count: 0,
            cleaned_count: 0,
            signal,
            next_request: 0,
        }
    }

    /// Begins an operation and gives its number.
    pub(crate) fn begin(&mut self, operation: Operation) -> u64 {
        self.next_request += 1;
        let token = ReplyToken { connection: 1, request: self.next_request };
        let ticket = Ticket { core: CoreId(0), waiter: Waiter::Caller(token) };
        self.partition.execute(&mut self.context, ticket, operation);
        self.next_request
    }

    /// The outcomes reached since the last call, by number of the operation, in the order in which they were.
    pub(crate) fn take_outcomes(&mut self) -> Vec<(u64, Outcome)> {
        let number = |ticket: Ticket| match ticket.waiter {
            Waiter::Caller(token) => token.request,
            Waiter::Coordination { .. } => panic!("nothing is coordinated here"),
        };
        self.context.outcomes.drain(..).map(|(ticket, outcome)| (number(ticket), outcome)).collect()
    }

    /// Makes durable and applies what is in flight, and merges and cleans what is due.
    pub(crate) async fn settle(&mut self) {
        self.apply_all().await;
        while let Some(mut work) = self.partition.take_merge_work() {
            while !work.step(100) {}
            work.take_superseded().into_iter().for_each(|location| self.journal.release(location));
            self.partition.finish_merge(work);
            self.merge_count += 1;
        }
        while self.journal.log_segment_count() > LOG_SEGMENT_COUNT_MAX {
            self.clean_oldest().await;
        }
    }

    async fn apply_all(&mut self) {
        self.partition.collect(&self.journal);
        loop {
            self.partition.apply_durable(&self.journal, &mut self.context);
            if self.partition.is_settled() {
                return;
            }
            self.signal.wait().await;
        }
    }

    /// Moves what is live out of the oldest segment of the log.
    async fn clean_oldest(&mut self) {
        let victim = self.journal.replay_start();
        let mut scan = self.journal.scan(victim).expect("it is complete");
        while let Some(records) = scan.next().await.unwrap() {
            for record in records {
                assert_eq!(self.partition.clean(&self.journal, &record), Cleaned::Done);
            }
        }
        self.apply_all().await;
        self.journal.set_replay_start(SegmentId(victim.0 + 1));
        self.journal.release_segment(victim);
        self.cleaned_count += 1;
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
        EncodedKey::new(encoded)
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
