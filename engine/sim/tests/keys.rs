//! Encryption at rest on a whole node: nothing of the user is on the disk in clear, keys change and are lost, and the power goes at every
//! write boundary of it.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::{EngineOptions, Rotation};
use model::operation::{
    AttributeDefinitionParameter, Attributes, Choice, CreateTable, DeleteTable, GetItem, KeyRole, KeySchemaElement,
    PutItem, Reply, Request,
};
use model::table::BillingMode;
use model::{Item, KeyType, Text, Value};
use runtime::simulated::{Fault, FileOperation, Halt, Machine, MachineOptions};
use runtime::{Buffer, Runtime};
use security::{KeyOwner, KeyTable, Keyring, Wrapping};
use sim::{Caller, Node, node_options, seeds};

const TABLE: &str = "canary-table";
const KEYRING: &str = "/disk-0/data/keyring";
const KEYS: &str = "/disk-0/data/keys";

fn machine(seed: u64) -> Machine {
    security::audit::begin();
    Machine::with(MachineOptions { core_count: 2, ..MachineOptions::new(seed) })
}

fn options() -> EngineOptions {
    node_options(&["/disk-0/data", "/disk-1/data"])
}

/// Starts the node and does `work` on it; `Ok(Err)` if it cannot open.
fn try_live<T>(machine: &Machine, work: impl AsyncFnOnce(&Caller) -> T) -> Result<Result<T, String>, Halt> {
    let node = Node::start(machine, &options());
    machine.run(async {
        node.opened().await?;
        Ok(work(&node.caller()).await)
    })
}

fn live<T>(machine: &Machine, work: impl AsyncFnOnce(&Caller) -> T) -> T {
    try_live(machine, work).expect("nothing goes down").unwrap_or_else(|failure| panic!("it opens: {failure}"))
}

/// What the node says when it cannot open.
fn failure(machine: &Machine) -> String {
    machine.restart();
    try_live(machine, async |_| ()).expect("nothing goes down").expect_err("it cannot open")
}

fn create(table: &str, key: &str) -> Request {
    let attribute_name = || Some(Text::from(key));
    let attribute_type = Choice::Known(KeyType::String);
    Request::CreateTable(Box::new(CreateTable {
        table_name: Some(Text::from(table)),
        attribute_definitions: Some(vec![AttributeDefinitionParameter {
            attribute_name: attribute_name(),
            attribute_type,
        }]),
        key_schema: Some(vec![KeySchemaElement {
            attribute_name: attribute_name(),
            key_type: Choice::Known(KeyRole::Hash),
        }]),
        billing_mode: Choice::Known(BillingMode::PayPerRequest),
        ..CreateTable::default()
    }))
}

fn item(key: &str, number: usize) -> Item {
    let value = |text: String| Value::S(text);
    let attributes = BTreeMap::from([
        (key.to_owned(), value(format!("canary-key-{number}"))),
        ("canary-attribute".to_owned(), value(format!("canary-value-{number}"))),
    ]);
    Item::from_value_map(&attributes).unwrap()
}

async fn put(caller: &Caller, number: usize) {
    let put = PutItem {
        table_name: Some(Text::from(TABLE)),
        item: Attributes::Valid(item("canary-name", number)),
        ..PutItem::default()
    };
    caller.call(number % 2, Request::PutItem(put)).await.unwrap();
}

/// Whether the item of that number is there, as it was put.
async fn has(caller: &Caller, number: usize) -> bool {
    let whole = item("canary-name", number);
    let key = BTreeMap::from([("canary-name".to_owned(), Value::S(format!("canary-key-{number}")))]);
    let key = Item::from_value_map(&key).unwrap();
    let get = GetItem {
        table_name: Some(Text::from(TABLE)),
        key: Attributes::Valid(key),
        consistent_read: true,
        ..GetItem::default()
    };
    match caller.call(0, Request::GetItem(get)).await.unwrap() {
        Reply::GetItem(reply) => reply.item.is_some_and(|found| found == whole),
        other => panic!("{other:?}"),
    }
}

fn assert_no_canary(machine: &Machine) {
    for (path, _) in machine.disk().files() {
        let bytes = machine.disk().read_live(&path);
        let has_canary = bytes.windows(6).any(|window| window == b"canary");
        assert!(!has_canary, "{} holds what a user wrote", path.display());
    }
}

/// A file that was not put in place would hold master keys in clear for ever.
#[track_caller]
fn assert_no_new_file(machine: &Machine) {
    for (path, _) in machine.disk().files() {
        assert!(path.extension().is_none_or(|extension| extension != "new"), "{} is left", path.display());
    }
}

/// The keys as the disk has them.
fn keys_on_disk(machine: &Machine) -> KeyTable {
    let keyring = Keyring::parse(&machine.disk().read_live(Path::new(KEYRING))).unwrap();
    KeyTable::decode(&machine.disk().read_live(Path::new(KEYS)), &keyring).unwrap()
}

async fn write_file(runtime: &Runtime, path: &str, bytes: &[u8]) {
    let path = Path::new(path);
    let _ = runtime.remove_file(path).await;
    let file = runtime.create_file(path, bytes.len() as u64).await.unwrap();
    let mut buffer = Buffer::zeroed(bytes.len());
    buffer.as_mut_slice().copy_from_slice(bytes);
    file.write_durable_at(0, buffer).await.1.unwrap();
}

#[test]
fn a_canary_is_found_in_no_file() {
    for seed in seeds(0..4) {
        let machine = machine(seed);
        live(&machine, async |caller| {
            caller.call(0, create(TABLE, "canary-name")).await.unwrap();
            for number in 0..200 {
                put(caller, number).await;
            }
        });
        assert_no_canary(&machine);
        machine.cut_power();
        machine.restart();
        live(&machine, async |caller| {
            for number in 0..200 {
                assert!(has(caller, number).await, "item {number}");
            }
            caller.call(1, Request::DeleteTable(DeleteTable { table_name: Some(Text::from(TABLE)) })).await.unwrap();
        });
        assert_no_canary(&machine);
        assert!(security::audit::count() > 200, "every record is sealed, and noted");
    }
}

/// Writes, and changes every key in between. Gives how many items were acknowledged.
async fn rotate_everything(caller: &Caller, acknowledged: &std::cell::Cell<usize>) {
    let rotations = [Rotation::Master, Rotation::Table(TABLE.to_owned()), Rotation::Catalog, Rotation::Master];
    let write = async |from: usize| {
        for number in from..from + 3 {
            put(caller, number).await;
            acknowledged.set(number + 1);
        }
    };
    write(0).await;
    for (from, rotation) in (3..).step_by(3).zip(rotations) {
        caller.rotate_keys(rotation).await.unwrap();
        write(from).await;
    }
    caller.call(0, create("another", "canary-name")).await.unwrap();
}

/// The table is made, then everything happens with a cut at `boundary` (none: as it goes). Gives how many boundaries there were.
fn rotate_with_cut(seed: u64, boundary: Option<u64>) -> (u64, u64) {
    let machine = machine(seed);
    live(&machine, async |caller| caller.call(0, create(TABLE, "canary-name")).await.unwrap());
    let first = machine.boundary_count();
    if let Some(boundary) = boundary {
        machine.cut_power_at(boundary);
    }
    machine.restart();
    let acknowledged = std::cell::Cell::new(0);
    match try_live(&machine, async |caller| rotate_everything(caller, &acknowledged).await) {
        Ok(opened) => opened.unwrap(),
        Err(halt) => assert!(matches!(halt, Halt::PowerCut { .. }), "{halt:?}"),
    }
    let last = machine.boundary_count();
    // Again while it recovers, then unharmed.
    machine.cut_power();
    machine.restart();
    machine.cut_power_at(last + boundary.unwrap_or(0) % 9);
    let _ = try_live(&machine, async |_| ());
    machine.cut_power();
    machine.restart();
    machine.cut_power_at(u64::MAX);
    live(&machine, async |caller| {
        assert_no_new_file(&machine);
        for number in 0..acknowledged.get() {
            assert!(has(caller, number).await, "seed {seed}, cut at {boundary:?}: item {number} is lost");
        }
        // And keys can be changed again.
        caller.rotate_keys(Rotation::Master).await.unwrap();
        caller.rotate_keys(Rotation::Table(TABLE.to_owned())).await.unwrap();
        put(caller, 99).await;
    });
    let keys = keys_on_disk(&machine);
    assert_eq!(keys.find(KeyOwner(2)).is_some(), keys.owners().count() == 3, "keys of tables that there are");
    (first, last)
}

#[test]
fn keys_change_and_the_power_goes_at_every_boundary_and_nothing_is_lost() {
    for seed in seeds(0..3) {
        let (first, last) = rotate_with_cut(seed, None);
        println!("seed {seed}: {} boundaries", last - first);
        assert!(last - first > 40);
        for boundary in first..last {
            rotate_with_cut(seed, Some(boundary));
        }
    }
}

#[test]
fn a_rotation_changes_what_is_on_the_disk() {
    let machine = machine(1);
    let (before, after) = live(&machine, async |caller| {
        caller.call(0, create(TABLE, "canary-name")).await.unwrap();
        let before = keys_on_disk(&machine);
        let told = caller.rotate_keys(Rotation::Master).await.unwrap();
        assert!(told.contains("wraps every data key"), "{told}");
        let told = caller.rotate_keys(Rotation::Table(TABLE.to_owned())).await.unwrap();
        assert!(told.contains(&format!("key 2 of table {TABLE} ")), "{told}");
        let error = caller.rotate_keys(Rotation::Table("absent".to_owned())).await.unwrap_err();
        assert!(error.contains("no table absent"), "{error}");
        (before, keys_on_disk(&machine))
    });
    assert_ne!(before.master(), after.master());
    assert_eq!(before.find(KeyOwner(1)).unwrap().newest_version(), 1);
    assert_eq!(after.find(KeyOwner(1)).unwrap().newest_version(), 2);
    assert_eq!(after.find(KeyOwner::CATALOG).unwrap().newest_version(), 1);
}

#[test]
fn a_keyring_that_cannot_be_written_leaves_no_other() {
    let machine = machine(6);
    live(&machine, async |caller| {
        caller.call(0, create(TABLE, "canary-name")).await.unwrap();
        machine.runtime().sleep(Duration::from_secs(1)).await;
        machine.disk().arm(Fault::Error, FileOperation::Write, 0);
        let error = caller.rotate_keys(Rotation::Master).await.unwrap_err();
        assert!(error.contains("the keyring cannot be written"), "{error}");
        assert_no_new_file(&machine);
        caller.rotate_keys(Rotation::Master).await.unwrap();
    });
}

#[test]
fn a_new_keyring_that_a_crash_left_is_removed_where_the_keyring_was_too() {
    let machine = machine(7);
    live(&machine, async |_| ());
    let keyring = machine.disk().read_live(Path::new(KEYRING));
    machine.restart();
    machine.run(write_file(&machine.runtime(), "/disk-0/data/keyring.new", &keyring)).unwrap();
    machine.run(write_file(&machine.runtime(), "/disk-1/elsewhere.new", &keyring)).unwrap();
    machine.run(write_file(&machine.runtime(), "/disk-1/elsewhere", &keyring)).unwrap();
    let node = Node::start(&machine, &EngineOptions { keyring: Some(PathBuf::from("/disk-1/elsewhere")), ..options() });
    machine.run(node.opened()).unwrap().unwrap();
    assert_no_new_file(&machine);
}

#[test]
fn a_deleted_tables_keys_are_shredded_and_its_records_are_passed_over() {
    for seed in seeds(0..4) {
        let machine = machine(seed);
        live(&machine, async |caller| {
            caller.call(0, create(TABLE, "canary-name")).await.unwrap();
            for number in 0..20 {
                put(caller, number).await;
            }
            caller.call(0, create("another", "canary-name")).await.unwrap();
            caller.call(1, Request::DeleteTable(DeleteTable { table_name: Some(Text::from(TABLE)) })).await.unwrap();
            machine.runtime().sleep(std::time::Duration::from_millis(100)).await;
        });
        let owners: Vec<u64> = keys_on_disk(&machine).owners().map(|keys| keys.owner().0).collect();
        assert_eq!(owners, [0, 2]);
        // Its records are still in the journals.
        machine.cut_power();
        machine.restart();
        live(&machine, async |caller| {
            caller.call(0, create(TABLE, "canary-name")).await.unwrap();
            put(caller, 7).await;
            assert!(has(caller, 7).await && !has(caller, 8).await);
        });
        let owners: Vec<u64> = keys_on_disk(&machine).owners().map(|keys| keys.owner().0).collect();
        assert_eq!(owners, [0, 2, 3]);
    }
}

#[test]
fn lost_wrong_and_old_keys_are_named_and_what_is_put_back_works() {
    let machine = machine(3);
    let old_keys = live(&machine, async |_| machine.disk().read_live(Path::new(KEYS)));
    machine.restart();
    live(&machine, async |caller| {
        caller.call(0, create(TABLE, "canary-name")).await.unwrap();
        put(caller, 1).await;
    });
    let keyring = machine.disk().read_live(Path::new(KEYRING));
    let keys = machine.disk().read_live(Path::new(KEYS));
    let remove = |path: &str| machine.run(machine.runtime().remove_file(Path::new(path))).unwrap().unwrap();
    let write = |path: &str, bytes: &[u8]| machine.run(write_file(&machine.runtime(), path, bytes)).unwrap();
    let check = |phrases: &[&str]| {
        let failure = failure(&machine);
        assert!(phrases.iter().all(|phrase| failure.contains(phrase)), "{failure}");
    };
    machine.restart();
    remove(KEYRING);
    check(&[KEYRING, "missing", "put it back", "--keyring"]);
    machine.restart();
    let mut number = 0;
    let mut random = |out: &mut [u8]| {
        number += 1;
        out.fill(number);
    };
    let mut other = Keyring::draw(&mut random).text().as_bytes().to_vec();
    other.resize(4096, b'\n');
    write(KEYRING, &other);
    check(&[KEYS, KEYRING, "wrapped by master key", "put back the keyring"]);
    write(KEYRING, &[b'x'; 4096]);
    check(&[KEYRING, "cannot be used", "restore"]);
    write(KEYRING, &keyring);
    remove(KEYS);
    check(&[KEYS, "missing", "journal-0", "restore"]);
    write(KEYS, &old_keys);
    check(&["journal-", "restore the newest copy of `keys`"]);
    let mut damaged = keys.clone();
    damaged[200] ^= 1;
    write(KEYS, &damaged);
    check(&[KEYS, "damaged", "restore"]);
    // The catalog's log is older than the keys: what is dropped then could open nothing again.
    let keyring = Keyring::parse(&keyring).unwrap();
    let mut newer = KeyTable::decode(&keys, &keyring).unwrap();
    newer.add(KeyOwner(7), vec![99], &mut Wrapping { master: keyring.newest(), random: &mut random });
    let newer = newer.encode();
    write(KEYS, &newer);
    check(&[KEYS, "table 7", "journal-0", "no key was dropped"]);
    assert_eq!(machine.disk().read_live(Path::new(KEYS)), newer);
    write(KEYS, &keys);
    machine.restart();
    live(&machine, async |caller| assert!(has(caller, 1).await));
}

#[test]
fn a_master_key_that_somebody_adds_to_the_keyring_wraps_from_the_next_start_on() {
    let machine = machine(4);
    live(&machine, async |caller| {
        caller.call(0, create(TABLE, "canary-name")).await.unwrap();
        put(caller, 1).await;
    });
    let text = String::from_utf8(machine.disk().read_live(Path::new(KEYRING))).unwrap();
    let mut more = format!("{}\nkey {}\n", text.trim_end(), "5a".repeat(32)).into_bytes();
    more.resize(4096, b'\n');
    machine.restart();
    machine.run(write_file(&machine.runtime(), KEYRING, &more)).unwrap();
    live(&machine, async |caller| assert!(has(caller, 1).await));
    assert_eq!(keys_on_disk(&machine).master(), Keyring::parse(&more).unwrap().newest().id());
    // The older one is of no use any more.
    let newest = format!("stator-keyring 1\nkey {}\n", "5a".repeat(32));
    let mut newest = newest.into_bytes();
    newest.resize(4096, b'\n');
    machine.restart();
    machine.run(write_file(&machine.runtime(), KEYRING, &newest)).unwrap();
    live(&machine, async |caller| assert!(has(caller, 1).await));
}
