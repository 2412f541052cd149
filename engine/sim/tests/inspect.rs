//! Looking at what a node has left: figures are those of what was written, everything is whole after any cut, every flipped byte is named, and the disk is
//! as it was.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine::EngineOptions;
use engine::inspect::{
    Content, Fault, FaultCause, FileStep, InspectError, InspectOptions, Inspection, RecordContents, SegmentStep,
    Summary, Verified,
};
use model::operation::{
    AttributeDefinitionParameter, Attributes, Choice, CreateTable, DeleteItem, DeleteTable, KeyRole, KeySchemaElement,
    PutItem, Request,
};
use model::table::BillingMode;
use model::{Item, KeyType, Text, Value};
use runtime::simulated::{Machine, MachineOptions};
use sim::{Caller, Experiment, Node, Workload, node_options, seeds};

const TABLE: &str = "things";
const SEGMENT_BYTES: u64 = 64 << 10;
/// So little that memtables are flushed all the time.
const MEMORY_BYTES: u64 = 256 << 10;
const KEY_COUNT: usize = 200;

fn engine_options() -> EngineOptions {
    EngineOptions {
        data_directories: inspect_options(2).data_directories,
        segment_bytes: SEGMENT_BYTES,
        memory_bytes_max: MEMORY_BYTES,
        ..node_options(&[])
    }
}

fn inspect_options(directory_count: usize) -> InspectOptions {
    let directory = |number| PathBuf::from(format!("/disk-{number}/data"));
    InspectOptions { data_directories: (0..directory_count).map(directory).collect(), keyring: None, key_service: None }
}

fn create(table: &str) -> Request {
    let attribute_name = || Some(Text::from("name"));
    let attribute_type = Choice::Known(KeyType::String);
    let definition = AttributeDefinitionParameter { attribute_name: attribute_name(), attribute_type };
    Request::CreateTable(Box::new(CreateTable {
        table_name: Some(Text::from(table)),
        attribute_definitions: Some(vec![definition]),
        key_schema: Some(vec![KeySchemaElement {
            attribute_name: attribute_name(),
            key_type: Choice::Known(KeyRole::Hash),
        }]),
        billing_mode: Choice::Known(BillingMode::PayPerRequest),
        ..CreateTable::default()
    }))
}

fn key(number: usize) -> BTreeMap<String, Value> {
    BTreeMap::from([("name".to_owned(), Value::S(format!("thing-{number}")))])
}

/// Writes over and over, with deletions; gives the bytes of the items that are left, by number.
async fn write(caller: &Caller, seed: u64) -> BTreeMap<usize, usize> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut left = BTreeMap::new();
    for table in [TABLE, "gone"] {
        caller.call(0, create(table)).await.unwrap();
    }
    for step in 0..1_500 {
        let (number, table_name) = (random.usize(..KEY_COUNT), Some(Text::from(TABLE)));
        if random.u8(..10) == 0 {
            let key = Attributes::Valid(Item::from_value_map(&key(number)).unwrap());
            let delete = DeleteItem { table_name, key, ..DeleteItem::default() };
            caller.call(step % 2, Request::DeleteItem(delete)).await.unwrap();
            left.remove(&number);
            continue;
        }
        let bytes = if random.bool() { random.usize(10..150) } else { random.usize(400..3_000) };
        let mut attributes = key(number);
        attributes.insert("data".to_owned(), Value::S("x".repeat(bytes)));
        let item = Item::from_value_map(&attributes).unwrap();
        left.insert(number, item.as_ref().size_bytes());
        let put = PutItem { table_name, item: Attributes::Valid(item.clone()), ..PutItem::default() };
        caller.call(step % 2, Request::PutItem(put)).await.unwrap();
        if step % 10 == 0 {
            let put =
                PutItem { table_name: Some(Text::from("gone")), item: Attributes::Valid(item), ..PutItem::default() };
            caller.call(0, Request::PutItem(put)).await.unwrap();
        }
    }
    caller.call(0, Request::DeleteTable(DeleteTable { table_name: Some(Text::from("gone")) })).await.unwrap();
    left
}

/// A machine whose node has written and was killed, and what it has written.
fn written(seed: u64) -> (Machine, BTreeMap<usize, usize>) {
    security::audit::begin();
    let machine = Machine::with(MachineOptions { core_count: 2, ..MachineOptions::new(seed) });
    let node = Node::start(&machine, &engine_options());
    let left = machine
        .run(async {
            node.opened().await.unwrap();
            write(&node.caller(), seed).await
        })
        .unwrap();
    match seed % 2 {
        0 => machine.cut_power(),
        _ => machine.kill(runtime::simulated::NodeId(0)),
    }
    machine.restart();
    (machine, left)
}

fn contents(machine: &Machine) -> Vec<(PathBuf, Vec<u8>)> {
    let disk = machine.disk();
    disk.files().into_iter().map(|(path, _)| (path.clone(), disk.read_live(&path))).collect()
}

/// What is found in a directory.
struct Seen {
    summary: Summary,
    verified: Verified,
    faults: Vec<Fault>,
}

async fn look(machine: &Machine, directory_count: usize) -> Result<(Inspection, Seen), InspectError> {
    let inspection = Inspection::open(&machine.runtime(), &inspect_options(directory_count)).await?;
    let mut faults = Vec::new();
    let verified = inspection.verify(&mut |fault| faults.push(fault)).await;
    assert_eq!(verified.fault_count, faults.len() as u64);
    let seen = Seen { summary: inspection.summary().await, verified, faults };
    Ok((inspection, seen))
}

/// Everything that the dumps of the segments and the files tell.
#[derive(Debug, Default, PartialEq, Eq)]
struct Dumped {
    record_count: u64,
    /// Of the table that was deleted.
    ownerless_count: u64,
    put_count: u64,
    entry_count: u64,
    block_count: usize,
    named_count: u64,
}

async fn dump(inspection: &Inspection, summary: &Summary) -> Dumped {
    let mut dumped = Dumped::default();
    for worker in &summary.workers {
        for segment in &worker.segments {
            let mut step = |step: SegmentStep<'_>| {
                let SegmentStep::Record(record) = step else { panic!("a fault") };
                dumped.record_count += 1;
                match record.contents {
                    // A cut may come between the end of a table and that of its keys.
                    RecordContents::Put { .. } if record.table.is_none() => dumped.ownerless_count += 1,
                    RecordContents::Put { key, .. } => {
                        assert!(key.starts_with("{\"name\": \"thing-"), "{key}");
                        assert_eq!(record.table, Some(TABLE));
                        dumped.put_count += 1;
                    }
                    RecordContents::Shredded => dumped.ownerless_count += 1,
                    RecordContents::Unreadable(cause) => panic!("{cause}"),
                    _ => {}
                }
            };
            inspection.read_segment(worker.core, segment.segment.segment, &mut step).await.unwrap();
        }
        let partitions = worker.partitions.iter().filter(|partition| partition.table.is_some());
        for file in partitions.flat_map(|partition| &partition.files) {
            let (mut block_count, mut told_count) = (0, 0);
            let mut emptied = Vec::new();
            let mut step = |step: FileStep<'_>| match step {
                FileStep::Properties(properties) => {
                    assert_eq!(properties.record.file, file.file);
                    emptied = properties.emptied;
                }
                FileStep::Page(_, count) => told_count += count,
                FileStep::Block(..) => block_count += 1,
                FileStep::Entry(key, entry) => {
                    assert!(key.starts_with("{\"name\": \"thing-"), "{key}");
                    dumped.entry_count += 1;
                    let is_there = matches!(entry.content, Content::InJournal { place, .. }
                        if emptied.iter().all(|segment| segment.0 != place.segment));
                    dumped.named_count += u64::from(is_there);
                }
                FileStep::Fault(fault) => panic!("{fault}"),
            };
            inspection.read_file(file.file, &mut step).await.unwrap();
            assert_eq!(block_count, told_count);
            dumped.block_count += block_count;
        }
    }
    dumped
}

#[test]
fn figures_are_those_of_what_was_written_and_nothing_is_changed() {
    // The last one dies between the end of a table's files and that of its keys.
    for seed in seeds(0..4).chain(seeds(111..112)) {
        let (machine, left) = written(seed);
        let before = contents(&machine);
        let looked = machine.run(async {
            let (inspection, seen) = look(&machine, 2).await.unwrap();
            let dumped = dump(&inspection, &seen.summary).await;
            (seen, dumped)
        });
        let (Seen { summary, verified, faults }, dumped) = looked.unwrap();
        assert!(faults.is_empty() && summary.faults.is_empty(), "seed {seed}: {faults:?} {:?}", summary.faults);
        assert_eq!(contents(&machine), before, "seed {seed}: the disk has changed");
        let [table] = &summary.tables[..] else { panic!("{:?}", summary.tables) };
        assert_eq!((table.name.as_str(), table.item_count), (TABLE, left.len() as u64), "seed {seed}");
        assert_eq!(table.item_bytes, left.values().sum::<usize>() as u64);
        assert!(table.sstable_bytes > 0 && table.journal_bytes > 0, "{table:?}");
        assert_eq!(dumped.record_count, verified.record_count);
        assert_eq!((dumped.entry_count, dumped.named_count), (verified.entry_count, verified.name_count));
        assert!(verified.name_count > 50 && dumped.ownerless_count > 0 && dumped.put_count > 250, "{dumped:?}");
        for worker in &summary.workers {
            for segment in &worker.segments {
                let (live, bytes) = (segment.live.encoded_bytes(), segment.segment.file_bytes);
                assert!(live <= bytes && bytes == SEGMENT_BYTES, "{segment:?}");
            }
        }
        // Whoever has looked is no hindrance to a start.
        let node = Node::start(&machine, &engine_options());
        machine.run(node.opened()).unwrap().unwrap();
    }
}

#[test]
fn whatever_was_cut_is_whole() {
    for seed in seeds(0..12) {
        let workload = Workload {
            segment_bytes: SEGMENT_BYTES,
            memory_bytes: MEMORY_BYTES,
            step_count: 60,
            ..Workload::small(seed)
        };
        let mut experiment = Experiment::new(workload);
        for life in 0..3 {
            let machine = experiment.machine();
            let next = machine.boundary_count() + 40 + seed * 17 % 90;
            experiment.run_cut_life(next);
            experiment.machine().cut_power_at(u64::MAX);
            let before = contents(experiment.machine());
            let looked = experiment.machine().run(look(experiment.machine(), workload.directory_count)).unwrap();
            let (_, seen) = looked.unwrap_or_else(|error| panic!("seed {seed}, life {life}: {error}"));
            assert!(seen.faults.is_empty(), "seed {seed}, life {life}: {}", seen.faults[0]);
            assert_eq!(contents(experiment.machine()), before);
        }
    }
}

#[test]
fn every_flipped_byte_is_named() {
    let (machine, _) = written(1);
    let summary = machine.run(look(&machine, 2)).unwrap().unwrap().1.summary;
    let mut flipped_count = 0;
    let mut flip = |path: &Path, offset: u64| {
        machine.disk().flip(path, offset, 0x10);
        let (_, seen) = machine.run(look(&machine, 2)).unwrap().unwrap();
        machine.disk().flip(path, offset, 0x10);
        let is_named = seen.faults.iter().any(|fault| fault.to_string().contains(&*path.to_string_lossy()));
        assert!(is_named, "byte {offset} of {}: {:?}", path.display(), seen.faults);
        flipped_count += 1;
    };
    let files = machine.disk().files();
    let path_of = |name: &str| files.iter().find(|(path, _)| path.to_string_lossy().ends_with(name)).unwrap();
    for worker in &summary.workers {
        // What a deleted table has left is nobody's any more.
        let partitions = worker.partitions.iter().filter(|partition| partition.table.is_some());
        for file in partitions.flat_map(|partition| &partition.files).take(3) {
            let (path, bytes) = path_of(&format!("sstable-{:016x}", file.file.0));
            for offset in (3..*bytes).step_by(4_999) {
                flip(path, offset);
            }
        }
        // Segments that are complete: what is in the middle of them was proven durable.
        let complete = worker.segments.iter().filter(|segment| segment.segment.end_bytes.is_some());
        for segment in complete.take(6) {
            let end = u64::from(segment.segment.end_bytes.unwrap());
            for offset in [4096 + 3, 4096 + 70, end / 2, end - 4096 + 20] {
                flip(&segment.segment.path, offset);
            }
        }
    }
    assert!(flipped_count > 30, "{flipped_count} flips");
}

#[test]
fn a_segment_that_is_gone_is_missed_by_what_names_it() {
    let (machine, _) = written(2);
    let (_, seen) = machine.run(look(&machine, 2)).unwrap().unwrap();
    let mut segments = seen.summary.workers.iter().flat_map(|worker| &worker.segments);
    let named = segments.find(|segment| !segment.segment.is_visited && segment.live.count > 0).unwrap();
    let removed = machine.run(async {
        machine.runtime().remove_file(&named.segment.path).await.unwrap();
        look(&machine, 2).await.unwrap().1
    });
    let is_missed = |fault: &Fault| matches!(&fault.cause, FaultCause::MissingSegment { segment, .. } if *segment == named.segment.segment);
    let faults = removed.unwrap().faults;
    assert!(faults.iter().any(is_missed), "{faults:?}");
}

#[test]
fn what_cannot_be_looked_at_says_what_to_do() {
    let (machine, _) = written(3);
    let open = |directories: &[&str], keyring: Option<&str>| {
        let options = InspectOptions {
            data_directories: directories.iter().map(PathBuf::from).collect(),
            keyring: keyring.map(PathBuf::from),
            key_service: None,
        };
        let opened = machine.run(async { Inspection::open(&machine.runtime(), &options).await.map(drop) });
        opened.unwrap().map_err(|error| error.to_string())
    };
    let check = |opened: Result<(), String>, phrases: &[&str]| {
        let told = opened.unwrap_err();
        assert!(phrases.iter().all(|phrase| told.contains(phrase)) && !told.contains('\n'), "{told}");
    };
    let both = ["/disk-0/data", "/disk-1/data"];
    assert_eq!(open(&both, None), Ok(()));
    check(open(&["/nowhere"], None), &["/nowhere does not exist", "name the data directories"]);
    check(open(&["/disk-1"], None), &["no data in /disk-1", "name the directory"]);
    check(open(&["/disk-1/data"], None), &["missing", "restore"]);
    check(open(&["/disk-0/data", "/nowhere"], None), &["/nowhere is missing or empty", "Put it back"]);
    check(open(&["/disk-0/data"; 2], None), &["named twice"]);
    check(open(&["/disk-0/data"], None), &["expected directory 1 of 1", "same order"]);
    check(open(&both, Some("/disk-0/other")), &["/disk-0/other is missing", "--keyring"]);
    assert!(!machine.disk().files().iter().any(|(path, _)| path.ends_with("other")));
    let node = Node::start(&machine, &engine_options());
    machine.run(node.opened()).unwrap().unwrap();
    check(open(&both, None), &["/disk-0/data is in use", "stop it"]);
}
