//! A partition whose records are cleaned away while its items change: what is live is moved, nothing is moved behind a newer change of its key.

mod world;

use journal::{Journal, JournalOptions, Location, RecordKind, ScannedRecord, SegmentId};
use model::operation::{Attributes, DeleteItem, GetItem, PutItem, Reply};
use model::table::{HashRange, PartitionId};
use model::{EncodedKey, Item, KeyAttribute, KeySchema, KeyType, TableDefinition, Value};
use partition::{Answer, Context, Opening, Operation, Partition, ReplyToken, Ticket, Waiter};
use replication::Cleaned;
use runtime::simulated::Machine;
use runtime::{CoreId, Runtime, Signal};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use world::keys;

struct World {
    journal: Journal,
    signal: Signal,
    partition: Partition,
    context: Context,
    schema: KeySchema,
}

impl World {
    async fn open(runtime: &Runtime) -> World {
        let options =
            JournalOptions { segment_bytes: 64 << 10, ..JournalOptions::new(CoreId(0), vec!["/data".into()]) };
        runtime.create_directory(Path::new("/data")).await.expect("the simulated disk works");
        let mut opening = Opening::new(PartitionId(1), world::options());
        let journal = Journal::open(runtime, options, keys(), &mut |record, location, liveness| {
            opening.visit(record, location, liveness)
        })
        .await
        .expect("the journal opens");
        let signal = Signal::new();
        journal.on_durable(signal.clone());
        let partition_key = KeyAttribute { name: "pk".to_owned(), key_type: KeyType::String };
        let schema = KeySchema { partition_key, sort_key: None };
        let definition = Arc::new(TableDefinition::new("table", schema.clone()));
        let partition = opening.open(definition, HashRange::FULL).expect("it is whole");
        let mut world = World { journal, signal, partition, context: Context::default(), schema };
        world.settle().await;
        world
    }

    /// Proposes and hands to the journal; the change is not durable yet.
    fn write(&mut self, key: &str, value: Option<&str>) {
        let encoded = self.key(key);
        let operation = match value {
            Some(value) => {
                let item = Attributes::Valid(item(key, Some(value)));
                Operation::PutItem(encoded, PutItem { item, ..PutItem::default() })
            }
            None => {
                let key = Attributes::Valid(item(key, None));
                Operation::DeleteItem(encoded, DeleteItem { key, ..DeleteItem::default() })
            }
        };
        self.partition.execute(&mut self.context, ticket(), operation);
        self.partition.collect(&self.journal);
    }

    async fn settle(&mut self) {
        self.partition.collect(&self.journal);
        while !self.partition.is_settled() {
            self.signal.wait().await;
            self.partition.apply_durable(&self.journal, &mut self.context);
        }
        self.context.outcomes.clear();
    }

    fn read(&mut self, key: &str) -> Option<Item> {
        let get = GetItem { key: Attributes::Valid(item(key, None)), ..GetItem::default() };
        let key = self.key(key);
        self.partition.execute(&mut self.context, ticket(), Operation::GetItem(key, get));
        match self.context.outcomes.pop() {
            Some((_, Ok(Answer::Reply(Reply::GetItem(reply))))) => reply.item,
            other => panic!("{other:?}"),
        }
    }

    fn key(&self, key: &str) -> EncodedKey {
        let mut encoded = Vec::new();
        self.schema.encode_item_key(item(key, None).as_ref(), &mut encoded).expect("it has the key");
        EncodedKey::new(encoded)
    }

    /// Writes other items until the log has a segment more.
    async fn fill_segment(&mut self) {
        let segment_count = self.journal.log_segment_count();
        for number in 0.. {
            self.write("filler", Some(&format!("{number:0500}")));
            self.settle().await;
            if self.journal.log_segment_count() > segment_count {
                return;
            }
        }
    }

    /// The records of a segment that carry the item.
    async fn records_of(&self, segment: SegmentId, key: &str) -> Vec<ScannedRecord> {
        let key = self.key(key);
        let mut scan = self.journal.scan(segment).expect("it is complete");
        let mut found = Vec::new();
        while let Some(records) = scan.next().await.expect("it is whole") {
            let is_of_key = |record: &ScannedRecord| record.payload.windows(key.len()).any(|bytes| bytes == &key[..]);
            found.extend(records.into_iter().filter(is_of_key));
        }
        found
    }

    /// Cleans the oldest segment and lets the log begin behind it. How many records were appended.
    async fn clean_oldest(&mut self) -> u64 {
        let victim = self.journal.replay_start();
        let before = self.journal.appended();
        let mut scan = self.journal.scan(victim).expect("it is complete");
        while let Some(records) = scan.next().await.expect("it is whole") {
            for record in records {
                assert_eq!(self.partition.clean(&self.journal, &record), Cleaned::Done);
            }
        }
        let appended_count = self.journal.appended().0 - before.0;
        self.settle().await;
        self.journal.set_replay_start(SegmentId(victim.0 + 1));
        self.journal.release_segment(victim);
        appended_count
    }

    fn live_bytes(&self) -> u64 {
        self.journal.usage().iter().map(|usage| usage.live_bytes).sum()
    }
}

fn item(key: &str, value: Option<&str>) -> Item {
    let mut attributes = BTreeMap::from([("pk".to_owned(), Value::S(key.to_owned()))]);
    attributes.extend(value.map(|value| ("value".to_owned(), Value::S(value.to_owned()))));
    Item::from_value_map(&attributes).expect("it is small")
}

fn ticket() -> Ticket {
    Ticket { core: CoreId(0), waiter: Waiter::Caller(ReplyToken { connection: 0, request: 0 }) }
}

#[test]
fn what_is_live_is_moved_and_comes_back_without_its_entry() {
    let machine = Machine::new(1);
    machine
        .run(async {
            let mut world = World::open(&machine.runtime()).await;
            world.write("kept", Some("1"));
            world.write("replaced", Some("1"));
            world.write("deleted", Some("1"));
            world.settle().await;
            world.write("replaced", Some("2"));
            world.write("deleted", None);
            world.settle().await;
            for _ in 0..3 {
                world.fill_segment().await;
                // What is kept, what replaces, and at the first the state, for it lies there.
                assert!((2..=3).contains(&world.clean_oldest().await));
            }
        })
        .unwrap();
    machine.cut_power();
    machine.restart();
    machine
        .run(async {
            let mut world = World::open(&machine.runtime()).await;
            // That the log begins behind the third may not have become durable.
            assert!(world.journal.replay_start() >= SegmentId(3));
            assert_eq!(world.read("kept"), Some(item("kept", Some("1"))));
            assert_eq!(world.read("replaced"), Some(item("replaced", Some("2"))));
            assert_eq!(world.read("deleted"), None);
            assert_eq!(world.partition.statistics().item_count, 3);
        })
        .unwrap();
}

/// A copy behind a deletion would outlive it: the deletion's segment leaves the log first.
#[test]
fn nothing_is_moved_behind_a_change_that_is_on_its_way() {
    let machine = Machine::new(2);
    machine
        .run(async {
            let mut world = World::open(&machine.runtime()).await;
            world.write("item", Some("1"));
            world.settle().await;
            world.fill_segment().await;
            let victim = world.journal.replay_start();
            let records = world.records_of(victim, "item").await;
            let [record] = &records[..] else { panic!("{records:?}") };
            world.write("item", None);
            let appended = world.journal.appended();
            assert_eq!(world.partition.clean(&world.journal, record), Cleaned::Later);
            world.settle().await;
            assert_eq!(world.partition.clean(&world.journal, record), Cleaned::Done);
            assert_eq!(world.journal.appended(), appended, "what is deleted is not moved");
        })
        .unwrap();
}

#[test]
fn a_copy_that_was_overtaken_before_it_was_durable_is_given_back() {
    let machine = Machine::new(3);
    machine
        .run(async {
            let mut world = World::open(&machine.runtime()).await;
            world.write("item", Some("1"));
            world.settle().await;
            world.fill_segment().await;
            let victim = world.journal.replay_start();
            let records = world.records_of(victim, "item").await;
            let [record] = &records[..] else { panic!("{records:?}") };
            let before = world.live_bytes();
            assert_eq!(world.partition.clean(&world.journal, record), Cleaned::Done);
            let copy = world.live_bytes() - before;
            assert!(copy > 0, "it is live until something newer is");
            world.write("item", Some("2"));
            let change = world.live_bytes() - before - copy;
            world.settle().await;
            assert_eq!(world.live_bytes(), before + change);
            assert_eq!(world.read("item"), Some(item("item", Some("2"))));
            let location: Location = record.location;
            assert_eq!((location.segment, record.kind), (victim, RecordKind::CommittedEntry));
        })
        .unwrap();
}
