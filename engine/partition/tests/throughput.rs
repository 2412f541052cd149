//! A table's throughput: what is bounded is refused with DynamoDB's reasons, and comes back with time.
#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

mod world;

use std::sync::Arc;
use std::time::Duration;

use memtable::SpareChunks;
use model::operation::{GetItem, Query, QueryRange, Scan};
use model::table::{BillingMode, IndexProjection, OnDemandThroughput, ProvisionedThroughput};
use model::{Error, ErrorDetail, ErrorKind, KeyRange, KeyType, TableDefinition, Value, ValueRef};
use partition::{Answer, MemtablesOptions, Operation, PartitionOptions, QueryWork, ScanStretch};
use runtime::simulated::Machine;
use world::{Owner, item, key, live, options, table, text};

/// Seconds of unused throughput that are kept.
const BURST: u64 = 300;

/// With room for the large items of these tests.
fn roomy() -> PartitionOptions {
    PartitionOptions {
        memtables: MemtablesOptions { table_bytes_max: 1 << 20, seed: 1, spare: SpareChunks::default() },
        ..options()
    }
}

fn provisioned(read_capacity_units: u64, write_capacity_units: u64) -> TableDefinition {
    let index = ("by-x", "x", KeyType::String, IndexProjection::KeysOnly);
    TableDefinition {
        billing_mode: BillingMode::Provisioned,
        provisioned_throughput: ProvisionedThroughput { read_capacity_units, write_capacity_units },
        ..table(&[index])
    }
}

/// How often `operation` may be done before it is refused, and how it is refused then.
async fn count(owner: &mut Owner, operation: impl Fn(&Owner) -> Operation) -> (u64, Error) {
    let mut done_count = 0;
    loop {
        let operation = operation(owner);
        match owner.call(operation).await {
            Ok(_) => done_count += 1,
            Err(error) => return (done_count, error),
        }
    }
}

fn get(owner: &Owner, consistent_read: bool) -> Operation {
    Operation::GetItem(owner.key_of(&key("a", 1)), GetItem { consistent_read, ..GetItem::default() })
}

fn reason(error: &Error) -> (&str, &str) {
    let Some(ErrorDetail::ThrottlingReasons(reasons)) = error.detail.as_deref() else { panic!("{error:?}") };
    (&reasons[0].reason, &reasons[0].resource)
}

fn pass(owner: &mut Owner, second_count: u64) {
    owner.context.now = owner.context.now + Duration::from_secs(second_count);
}

/// The wall clock may be set back by an hour: nothing came into the bucket until the hour was over.
#[test]
fn throughput_comes_back_while_the_wall_clock_is_set_back() {
    let machine = Machine::new(4);
    live(&machine, (&provisioned(1, 2), roomy()), async |owner| {
        let put = |owner: &Owner| owner.put_of(&key("a", 1));
        assert!(count(owner, put).await.0 > 0);
        owner.context.now_us -= 3_600 * 1_000_000;
        assert_eq!(count(owner, put).await.0, 0);
        pass(owner, 1);
        assert_eq!(count(owner, put).await.0, 2);
    });
}

#[test]
fn writes_are_paid_by_size_and_by_index() {
    let machine = Machine::new(1);
    live(&machine, (&provisioned(1, 1), roomy()), async |owner| {
        let put = |owner: &Owner| owner.put_of(&key("a", 1));
        let (done_count, error) = count(owner, put).await;
        assert_eq!(done_count, BURST);
        assert_eq!(error.kind, ErrorKind::ProvisionedThroughputExceeded);
        let arn = "arn:aws:dynamodb:us-east-1:123456789012:table/things";
        assert_eq!(reason(&error), ("TableWriteProvisionedThroughputExceeded", arn));
        assert!(owner.call(get(owner, true)).await.is_ok(), "reads have a bucket of their own");
        pass(owner, 10);
        // An entry of an index costs as much again.
        let indexed = item("a", 2, &[("x", text("x"))]);
        owner.put(&indexed).await.unwrap();
        let delete = |owner: &Owner| owner.delete_of(&key("b", 3));
        assert_eq!(count(owner, delete).await.0, 8, "of nothing: a unit each");
        pass(owner, 10);
        let large = item("a", 3, &[("filler", Value::B(vec![1; 20 << 10]))]);
        owner.put(&large).await.unwrap();
        let (done_count, _) = count(owner, put).await;
        assert_eq!(done_count, 0, "21 units were taken of 10");
        pass(owner, 11);
        assert_eq!(count(owner, put).await.0, 0);
        pass(owner, 1);
        assert_eq!(count(owner, put).await.0, 1);
    });
}

#[test]
fn reads_are_paid_for_what_they_evaluate() {
    let machine = Machine::new(2);
    live(&machine, (&provisioned(2, 1_000), roomy()), async |owner| {
        let (done_count, error) = count(owner, |owner| get(owner, true)).await;
        assert_eq!((done_count, reason(&error).0), (2 * BURST, "TableReadProvisionedThroughputExceeded"));
        pass(owner, 10);
        assert_eq!(count(owner, |owner| get(owner, false)).await.0, 40, "an eventual read costs half");
        for sort_key in 0..10 {
            owner.put(&item("a", sort_key, &[("filler", Value::B(vec![1; 4_000]))])).await.unwrap();
        }
        pass(owner, 10);
        let query = |owner: &Owner| {
            let keys = KeyRange::of_partition_key(&owner.partition.table().key_schema, ValueRef::S("a")).unwrap();
            let query = Query { consistent_read: true, ..Query::default() };
            Operation::Query(Box::new(QueryWork::new(QueryRange { index: None, keys }, query)))
        };
        assert_eq!(count(owner, query).await.0, 2, "10 units each");
        pass(owner, 10);
        let request = Arc::new(Scan { consistent_read: true, ..Scan::default() });
        let stretch = |page| ScanStretch {
            request: Arc::clone(&request),
            index: None,
            lower: bytes::Bytes::new(),
            upper: None,
            page,
            progress: None,
        };
        let whole = |_: &Owner| Operation::Scan(Box::new(stretch(request.page())));
        let Ok(Answer::Scan(part)) = owner.call(whole(owner)).await else { panic!("a part of a scan") };
        // A scan that comes with a page has paid for what is in it.
        let onwards = ScanStretch { lower: bytes::Bytes::from(vec![0xFF; 9]), ..stretch(part.page) };
        for _ in 0..1_000 {
            assert!(owner.call(Operation::Scan(Box::new(onwards.clone()))).await.is_ok());
        }
        owner.partition.set_definition(Arc::new(provisioned(0, 0)), owner.context.now);
        assert_eq!(count(owner, whole).await.0, 0);
    });
}

#[test]
fn a_table_by_request_has_the_bounds_that_it_was_given() {
    let machine = Machine::new(3);
    let bounded = |units| TableDefinition {
        on_demand_throughput: OnDemandThroughput { max_read_request_units: None, max_write_request_units: units },
        ..table(&[])
    };
    live(&machine, (&bounded(Some(1)), roomy()), async |owner| {
        let put = |owner: &Owner| owner.put_of(&key("a", 1));
        let (done_count, error) = count(owner, put).await;
        assert_eq!((done_count, error.kind), (BURST, ErrorKind::Throttling));
        assert_eq!(reason(&error).0, "TableWriteMaxOnDemandThroughputExceeded");
        for _ in 0..1_000 {
            assert!(owner.call(get(owner, true)).await.is_ok());
        }
        // The rate changes while the bucket is empty.
        owner.partition.set_definition(Arc::new(bounded(Some(50))), owner.context.now);
        assert_eq!(count(owner, put).await.0, 0);
        pass(owner, 1);
        assert_eq!(count(owner, put).await.0, 50);
        owner.partition.set_definition(Arc::new(bounded(None)), owner.context.now);
        for _ in 0..1_000 {
            assert!(owner.call(put(owner)).await.is_ok());
        }
    });
}
