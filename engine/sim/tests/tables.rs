//! Tables come, change and go on a whole node: their states between, changes from several cores at once, power cuts.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use std::time::Duration;

use engine::EngineOptions;
use model::operation::{
    AttributeDefinitionParameter, Attributes, Choice, CreateTable, DeleteTable, DescribeTable, DescribeTimeToLive,
    GetItem, IndexParameter, KeyRole, KeySchemaElement, ListTables, ListTagsOfResource, ProjectionParameter,
    ProjectionType, PutItem, Reply, Request, TableDescription, TagParameter, TagResource, ThroughputParameter,
    TimeToLiveSpecification, TimeToLiveStatus, UntagResource, UpdateTable, UpdateTimeToLive,
};
use model::table::{TableStatus, table_arn};
use model::{ErrorKind, Item, KeyType, Text, Value};
use runtime::simulated::{Halt, Machine, MachineOptions};
use runtime::{ShareClass, one_shot};
use sim::{Caller, Node, node_options, seeds};

const TABLE: &str = "things";
const DELAY: Duration = Duration::from_secs(1);

fn machine(seed: u64) -> Machine {
    Machine::with(MachineOptions { core_count: 2, ..MachineOptions::new(seed) })
}

fn options(delay: Duration) -> EngineOptions {
    EngineOptions { table_delay_ms: u64::try_from(delay.as_millis()).unwrap(), ..node_options(&["/disk-0/data"]) }
}

/// Starts the node and does `work` on it.
fn live<T>(machine: &Machine, delay: Duration, work: impl AsyncFnOnce(&Caller) -> T) -> Result<T, Halt> {
    let node = Node::start(machine, &options(delay));
    machine.run(async {
        node.opened().await.unwrap();
        work(&node.caller()).await
    })
}

fn name() -> Option<Text> {
    Some(Text::from(TABLE))
}

fn arn() -> Option<Text> {
    Some(Text::from(table_arn(TABLE)))
}

fn units(read: i64, write: i64) -> Option<ThroughputParameter> {
    Some(ThroughputParameter { read_capacity_units: Some(read), write_capacity_units: Some(write) })
}

fn create() -> Request {
    let definition = |name: &str| AttributeDefinitionParameter {
        attribute_name: Some(Text::from(name)),
        attribute_type: Choice::Known(KeyType::String),
    };
    let key = |sort_key: &str| {
        let element = |name: &str, role| KeySchemaElement {
            attribute_name: Some(Text::from(name)),
            key_type: Choice::Known(role),
        };
        Some(vec![element("pk", KeyRole::Hash), element(sort_key, KeyRole::Range)])
    };
    Request::CreateTable(Box::new(CreateTable {
        table_name: name(),
        attribute_definitions: Some(vec![definition("pk"), definition("sk"), definition("other")]),
        key_schema: key("sk"),
        local_secondary_indexes: Some(vec![IndexParameter {
            index_name: Some(Text::from("by-other")),
            key_schema: key("other"),
            projection: Some(ProjectionParameter {
                projection_type: Choice::Known(ProjectionType::All),
                non_key_attributes: None,
            }),
            provisioned_throughput: None,
        }]),
        provisioned_throughput: units(5, 5),
        ..CreateTable::default()
    }))
}

fn update(throughput: Option<ThroughputParameter>) -> Request {
    let update = UpdateTable { table_name: name(), provisioned_throughput: throughput, ..UpdateTable::default() };
    Request::UpdateTable(Box::new(update))
}

fn delete() -> Request {
    Request::DeleteTable(DeleteTable { table_name: arn() })
}

fn key() -> Attributes {
    let text = |text: &str| Value::S(text.to_owned());
    let key = [("pk".to_owned(), text("a")), ("sk".to_owned(), text("b"))].into();
    Attributes::Valid(Item::from_value_map(&key).unwrap())
}

fn get() -> Request {
    Request::GetItem(GetItem { table_name: name(), key: key(), ..GetItem::default() })
}

fn put() -> Request {
    Request::PutItem(PutItem { table_name: name(), item: key(), ..PutItem::default() })
}

fn expire(is_enabled: bool) -> Request {
    let specification =
        TimeToLiveSpecification { enabled: Some(is_enabled), attribute_name: Some(Text::from("expires")) };
    Request::UpdateTimeToLive(UpdateTimeToLive { table_name: name(), time_to_live_specification: Some(specification) })
}

fn tag(key: &str, value: &str) -> Request {
    let tag = TagParameter { key: Some(Text::from(key)), value: Some(Text::from(value)) };
    Request::TagResource(TagResource { resource_arn: arn(), tags: Some(vec![tag]) })
}

async fn describe(caller: &Caller, core: usize) -> TableDescription {
    let describe = Request::DescribeTable(DescribeTable { table_name: name() });
    match caller.call(core, describe).await {
        Ok(Reply::DescribeTable(reply)) => reply.table,
        other => panic!("{other:?}"),
    }
}

async fn status(caller: &Caller) -> TableStatus {
    let [first, second] = [describe(caller, 0).await, describe(caller, 1).await];
    assert_eq!(first.definition, second.definition, "every core tells the same");
    first.definition.status
}

async fn expiry(caller: &Caller) -> (TimeToLiveStatus, Option<String>) {
    let describe = Request::DescribeTimeToLive(DescribeTimeToLive { table_name: name() });
    match caller.call(1, describe).await {
        Ok(Reply::DescribeTimeToLive(reply)) => (reply.status, reply.attribute_name.map(|name| name.to_string())),
        other => panic!("{other:?}"),
    }
}

async fn tags(caller: &Caller) -> Vec<String> {
    let list = ListTagsOfResource { resource_arn: arn(), next_token: None };
    match caller.call(1, Request::ListTagsOfResource(list)).await {
        Ok(Reply::ListTagsOfResource(reply)) => {
            let mut tags: Vec<String> = reply.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
            tags.sort();
            tags
        }
        other => panic!("{other:?}"),
    }
}

async fn names(caller: &Caller) -> usize {
    match caller.call(0, Request::ListTables(ListTables::default())).await {
        Ok(Reply::ListTables(reply)) => reply.table_names.len(),
        other => panic!("{other:?}"),
    }
}

/// The status in a reply about a table.
async fn status_of(caller: &Caller, request: Request) -> TableStatus {
    table_of(caller, request).await.definition.status
}

async fn table_of(caller: &Caller, request: Request) -> TableDescription {
    match caller.call(1, request).await {
        Ok(Reply::CreateTable(reply)) => reply.table,
        Ok(Reply::UpdateTable(reply)) => reply.table,
        Ok(Reply::DeleteTable(reply)) => reply.table,
        other => panic!("{other:?}"),
    }
}

async fn refused(caller: &Caller, request: Request) -> String {
    let error = caller.call(1, request).await.expect_err("refused");
    assert!(matches!(error.kind, ErrorKind::ResourceInUse | ErrorKind::ResourceNotFound), "{error}");
    error.message.into_owned()
}

#[test]
fn without_a_delay_tables_are_there_and_gone_when_it_is_said() {
    let machine = machine(1);
    let work = async |caller: &Caller| {
        assert_eq!(status_of(caller, create()).await, TableStatus::Creating);
        assert_eq!(status(caller).await, TableStatus::Active);
        assert!(caller.call(0, get()).await.is_ok());
        caller.call(0, put()).await.unwrap();
        let updated = table_of(caller, update(units(7, 5))).await;
        assert_eq!((updated.definition.status, updated.item_count), (TableStatus::Updating, 1));
        let table = describe(caller, 0).await.definition;
        assert_eq!((table.status, table.provisioned_throughput.read_capacity_units), (TableStatus::Active, 7));
        caller.call(1, expire(true)).await.unwrap();
        assert_eq!(expiry(caller).await, (TimeToLiveStatus::Enabled, Some("expires".to_owned())));
        caller.call(0, expire(false)).await.unwrap();
        assert_eq!(expiry(caller).await, (TimeToLiveStatus::Disabled, None));
        let deleted = table_of(caller, delete()).await;
        assert_eq!((deleted.definition.status, deleted.item_count), (TableStatus::Deleting, 1));
        assert_eq!(refused(caller, delete()).await, "Requested resource not found: Table: things not found");
        assert_eq!(refused(caller, update(units(1, 1))).await, "Requested resource not found: Table: things not found");
        let untag = UntagResource { resource_arn: arn(), tag_keys: Some(vec![Text::from("k")]) };
        let expected = format!("Requested resource not found: ResourcArn: {} not found", table_arn(TABLE));
        assert_eq!(refused(caller, Request::UntagResource(untag)).await, expected);
        assert_eq!(refused(caller, tag("k", "v")).await, expected);
        assert_eq!(status_of(caller, create()).await, TableStatus::Creating);
    };
    live(&machine, Duration::ZERO, work).unwrap();
}

#[test]
fn with_a_delay_tables_stay_in_the_states_between() {
    let machine = machine(2);
    let in_use =
        |doing: &str| format!("Attempt to change a resource which is still in use: Table is being {doing}: {TABLE}");
    let work = async |caller: &Caller| {
        let rest = async || machine.runtime().sleep(DELAY * 2).await;
        assert_eq!(status_of(caller, create()).await, TableStatus::Creating);
        assert_eq!((status(caller).await, names(caller).await), (TableStatus::Creating, 1));
        assert_eq!(refused(caller, get()).await, "Requested resource not found");
        assert_eq!(refused(caller, create()).await, "Table already exists: things");
        for request in [update(units(9, 9)), delete(), expire(true), tag("k", "v")] {
            assert_eq!(refused(caller, request).await, in_use("created"));
        }
        rest().await;
        assert_eq!(status(caller).await, TableStatus::Active);
        assert_eq!(status_of(caller, update(units(9, 9))).await, TableStatus::Updating);
        assert_eq!(status(caller).await, TableStatus::Updating);
        assert!(caller.call(0, get()).await.is_ok());
        for request in [update(units(1, 1)), delete()] {
            assert_eq!(refused(caller, request).await, in_use("updated"));
        }
        caller.call(0, expire(true)).await.unwrap();
        assert_eq!(expiry(caller).await.0, TimeToLiveStatus::Enabling);
        rest().await;
        assert_eq!(status(caller).await, TableStatus::Active);
        assert_eq!(expiry(caller).await.0, TimeToLiveStatus::Enabled);
        for _ in 0..2 {
            assert_eq!(status_of(caller, delete()).await, TableStatus::Deleting);
            assert_eq!(status(caller).await, TableStatus::Deleting);
        }
        assert_eq!(refused(caller, create()).await, in_use("deleted"));
        assert_eq!(refused(caller, update(units(1, 1))).await, in_use("deleted"));
        rest().await;
        assert_eq!(names(caller).await, 0);
        assert_eq!(status_of(caller, create()).await, TableStatus::Creating);
    };
    live(&machine, DELAY, work).unwrap();
}

#[test]
fn changes_from_several_cores_at_once_are_all_kept() {
    const COUNT: usize = 40;
    let machine = machine(3);
    let work = async |caller: &Caller| {
        caller.call(0, create()).await.unwrap();
        let start = |number: usize| {
            let (caller, (sender, end)) = (caller.clone(), one_shot());
            machine.runtime().spawn(ShareClass::Foreground, async move {
                let key = format!("k{number:02}");
                sender.send(caller.call(number % 2, tag(&key, "v")).await.map(|_| ()));
            });
            end
        };
        let ends: Vec<_> = (0..COUNT).map(start).collect();
        let protect = UpdateTable { table_name: name(), deletion_protection_enabled: Some(true), ..Default::default() };
        caller.call(1, Request::UpdateTable(Box::new(protect))).await.unwrap();
        for end in ends {
            assert_eq!(end.await, Some(Ok(())));
        }
        let expected: Vec<String> = (0..COUNT).map(|number| format!("k{number:02}=v")).collect();
        assert_eq!(tags(caller).await, expected);
        let error = caller.call(0, delete()).await.expect_err("it is protected");
        assert!(error.message.starts_with("Resource cannot be deleted as it is currently protected"), "{error}");
    };
    live(&machine, Duration::ZERO, work).unwrap();
}

#[test]
fn states_between_go_on_after_a_power_cut_and_end_without_the_option() {
    let machine = machine(4);
    let rest = async || machine.runtime().sleep(DELAY * 2).await;
    live(&machine, DELAY, async |caller| caller.call(0, create()).await.unwrap()).unwrap();
    machine.cut_power();
    machine.restart();
    let work = async |caller: &Caller| {
        assert_eq!(status(caller).await, TableStatus::Creating);
        rest().await;
        assert_eq!(status(caller).await, TableStatus::Active);
        caller.call(0, update(units(2, 8))).await.unwrap();
    };
    live(&machine, DELAY, work).unwrap();
    machine.cut_power();
    machine.restart();
    let work = async |caller: &Caller| {
        rest().await;
        let table = describe(caller, 1).await.definition;
        assert_eq!((table.status, table.provisioned_throughput.read_capacity_units), (TableStatus::Active, 2));
        caller.call(0, delete()).await.unwrap();
        assert_eq!(status(caller).await, TableStatus::Deleting);
    };
    live(&machine, DELAY, work).unwrap();
    machine.cut_power();
    machine.restart();
    let work = async |caller: &Caller| {
        rest().await;
        assert_eq!(names(caller).await, 0);
    };
    live(&machine, Duration::ZERO, work).unwrap();
}

/// Changes a table `COUNT` times over, tells how far it came through `done`, and is cut anywhere.
async fn change_often(caller: &Caller, done: &std::cell::Cell<usize>) {
    caller.call(0, create()).await.unwrap();
    done.set(1);
    for step in 0..6_usize {
        let request = match step {
            0 | 3 => expire(step == 0),
            1 | 4 => tag("step", &step.to_string()),
            _ => update(units(5 + i64::try_from(step).unwrap(), 5)),
        };
        caller.call(step % 2, request).await.unwrap();
        done.set(step + 2);
    }
}

/// What the table is after that many acknowledged changes: expiry, tags, read units.
fn expected(done: usize) -> (bool, Option<&'static str>, u64) {
    let has_expiry = (2..5).contains(&done);
    let tag = [None, Some("step=1"), Some("step=4")][usize::from(done >= 3) + usize::from(done >= 6)];
    let read_units = [5, 7, 10][usize::from(done >= 4) + usize::from(done >= 7)];
    (has_expiry, tag, read_units)
}

#[test]
fn acknowledged_changes_survive_a_cut_at_every_boundary() {
    for seed in seeds(10..12) {
        let boundaries = {
            let machine = machine(seed);
            let done = std::cell::Cell::new(0);
            live(&machine, Duration::ZERO, async |caller| change_often(caller, &done).await).unwrap();
            machine.boundary_count()
        };
        assert!(boundaries > 7, "seed {seed}: {boundaries}, one for each change at least");
        let mut cut_at = std::collections::BTreeSet::new();
        for boundary in 0..=boundaries {
            let machine = machine(seed);
            machine.cut_power_at(boundary);
            let done = std::cell::Cell::new(0);
            let outcome = live(&machine, Duration::ZERO, async |caller| change_often(caller, &done).await);
            assert!(matches!(outcome, Err(Halt::PowerCut { .. })) || done.get() == 7, "{outcome:?}");
            machine.cut_power();
            machine.restart();
            let work = async |caller: &Caller| {
                // The change in flight may have been kept.
                let found = if names(caller).await == 0 {
                    None
                } else {
                    let table = describe(caller, 0).await.definition;
                    assert_eq!((table.status, table.local_indexes.len()), (TableStatus::Active, 1));
                    let tag = tags(caller).await.into_iter().next();
                    Some((table.time_to_live.is_some(), tag, table.provisioned_throughput.read_capacity_units))
                };
                let is_like = |done: usize| match &found {
                    None => done == 0,
                    Some((has_expiry, tag, units)) => {
                        done > 0 && expected(done) == (*has_expiry, tag.as_deref(), *units)
                    }
                };
                let done = done.get();
                cut_at.insert(done);
                assert!(is_like(done) || is_like(done + 1), "seed {seed}, boundary {boundary}: {done} {found:?}");
            };
            live(&machine, Duration::ZERO, work).unwrap();
        }
        assert_eq!(cut_at.len(), 8, "seed {seed}: before, between and after all changes");
    }
}
