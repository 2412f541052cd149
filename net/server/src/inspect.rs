//! `stator inspect`: prints what is in the data directories of a server that is not running.
//!
//! The engine gives typed facts; here they become lines on standard output. What cannot be looked at at all is one line on standard error. Exit
//! code 0: looked at, nothing wrong; 1: something is wrong, and said. Whoever reads the lines may stop before the end (`| head`).

use crate::kms;
use crate::options::{InspectArguments, SegmentName};
use engine::inspect::{
    Content, FileId, FileProperties, FileStep, InspectError, InspectOptions, Inspection, PartitionSummary,
    RecordContents, RecordFacts, RecordKind, SegmentId, SegmentStep, SetId, Summary, Tail, WorkerSummary,
};
use runtime::{CoreId, Runtime, RuntimeOptions, StallResponse};
use std::fmt;
use std::fmt::Display;
use std::io::{BufWriter, Stdout, Write};
use std::process::{self, ExitCode};
use std::sync::{Arc, Mutex};

/// Looks at what the arguments name.
///
/// # Errors
/// One line for the user that says what is wrong and what to do.
pub(crate) fn inspect(arguments: InspectArguments) -> Result<ExitCode, String> {
    let available = RuntimeOptions::default().cpus;
    let options = RuntimeOptions {
        cpus: available.into_iter().take(1).collect(),
        // Nobody waits for this core, which may wait for whoever reads its lines.
        stall_response: StallResponse::Call(Arc::new(|_| ())),
        ..RuntimeOptions::default()
    };
    let inspect_options = InspectOptions {
        data_directories: arguments.directories.clone(),
        keyring: arguments.keyring.clone(),
        key_service: kms::open(arguments.kms.clone())?,
    };
    let outcome = Arc::new(Mutex::new(None));
    let told = Arc::clone(&outcome);
    let machine = runtime::start(options, move |runtime| {
        let (options, arguments, told) = (inspect_options.clone(), arguments.clone(), Arc::clone(&told));
        async move {
            let outcome = look(&runtime, &options, &arguments).await.map_err(|error| error.to_string());
            *told.lock().expect("no holder of this lock panics") = Some(outcome);
        }
    });
    machine.map_err(|error| error.to_string())?.join();
    let outcome = outcome.lock().expect("no holder of this lock panics").take();
    outcome.expect("the core has ended")
}

async fn look(
    runtime: &Runtime,
    options: &InspectOptions,
    arguments: &InspectArguments,
) -> Result<ExitCode, InspectError> {
    let inspection = Inspection::open(runtime, options).await?;
    let mut page = Page::new();
    let fault_count = if let Some(name) = arguments.segment {
        print_segment(&inspection, name, &mut page).await?
    } else if let Some(file) = arguments.file {
        print_file(&inspection, file, &mut page).await?
    } else if arguments.verify {
        verify(&inspection, &mut page).await
    } else {
        let summary = inspection.summary().await;
        print_summary(&summary, &mut page);
        summary.faults.len() as u64
    };
    page.finish();
    Ok(if fault_count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Standard output, line by line.
struct Page(BufWriter<Stdout>);

impl Page {
    fn new() -> Self {
        Self(BufWriter::with_capacity(64 << 10, std::io::stdout()))
    }

    fn line(&mut self, line: impl Display) {
        if let Err(error) = writeln!(self.0, "{line}") {
            end(&error);
        }
    }

    fn finish(mut self) {
        if let Err(error) = self.0.flush() {
            end(&error);
        }
    }
}

/// Nobody takes the lines any more.
fn end(error: &std::io::Error) -> ! {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        process::exit(0);
    }
    eprintln!("stator: standard output cannot be written: {error}");
    process::exit(1)
}

fn print_summary(summary: &Summary, page: &mut Page) {
    for worker in &summary.workers {
        print_worker(worker, page);
    }
    page.line("tables");
    for table in &summary.tables {
        page.line(format_args!(
            "  {} (id {}, {}): {} items of {} in {}; on disk {} in sstables and {} alive in journals",
            table.name,
            table.id,
            table.status,
            table.item_count,
            Size(table.item_bytes),
            counted(table.partition_count, "partition"),
            Size(table.sstable_bytes),
            Size(table.journal_bytes)
        ));
    }
    if summary.tables.is_empty() {
        page.line("  none");
    }
    for fault in &summary.faults {
        page.line(format_args!("fault: {fault}"));
    }
}

fn print_worker(worker: &WorkerSummary, page: &mut Page) {
    page.line(format_args!("worker {}", worker.core.0));
    page.line(format_args!(
        "  log: begins with segment {}, {}; {} of {}",
        worker.replay_start,
        tail(&worker.tail),
        counted(worker.spare_count, "spare segment"),
        Size(worker.spare_bytes)
    ));
    for summary in &worker.segments {
        let segment = &summary.segment;
        let used = segment.end_bytes.map_or(segment.file_bytes, u64::from);
        let live_bytes = summary.live.encoded_bytes();
        page.line(format_args!(
            "  segment {} ({}): epoch {:016x}, {}{}, {} records alive of {} ({} %); {}",
            segment.segment,
            if segment.is_visited { "log" } else { "store" },
            segment.epoch,
            if segment.end_bytes.is_some() { "" } else { "at most " },
            Size(used),
            summary.live.count,
            Size(live_bytes),
            live_bytes * 100 / used.max(1),
            segment.path.display()
        ));
    }
    for path in &worker.doubtful {
        page.line(format_args!("  no segment, by its header: {}", path.display()));
    }
    for partition in &worker.partitions {
        print_partition(partition, page);
    }
    for (path, bytes) in &worker.unnamed {
        page.line(format_args!(
            "  named by no checkpoint, removed at the next start: {} ({})",
            path.display(),
            Size(*bytes)
        ));
    }
}

fn print_partition(partition: &PartitionSummary, page: &mut Page) {
    let owner = match (&partition.table, partition.group.0) {
        (Some(table), _) => format!("table {table}"),
        (None, 0) => "the catalog".to_owned(),
        (None, _) => "a deleted table".to_owned(),
    };
    let checkpoint = partition.checkpoint.map_or("no checkpoint".to_owned(), |checkpoint| {
        format!("checkpoint of index {} at {}", checkpoint.index, checkpoint.location)
    });
    let floor = partition.floor.map_or("nothing".to_owned(), |floor| format!("segment {floor} on"));
    page.line(format_args!(
        "  partition {} of {owner}: term {}, last index {}, {checkpoint}, {} entries behind it, needs {floor}; {} alive in the journal",
        partition.group,
        partition.term,
        partition.last,
        partition.behind_count,
        Size(partition.journal_bytes)
    ));
    for file in &partition.files {
        page.line(format_args!(
            "    sstable {:016x}: {} run {}, {}, {} entries ({} tombstones), names {} in the journal, {} to {}",
            file.file.0,
            set_name(file.set),
            file.run,
            Size(file.bytes),
            file.entry_count,
            file.tombstone_count,
            Size(file.journal_bytes),
            file.first_key,
            file.last_key
        ));
    }
}

async fn print_segment(inspection: &Inspection, name: SegmentName, page: &mut Page) -> Result<u64, InspectError> {
    let mut fault_count = 0;
    let mut step = |step: SegmentStep<'_>| match step {
        SegmentStep::Record(record) => print_record(&record, page),
        SegmentStep::Fault(fault) => {
            fault_count += 1;
            page.line(format_args!("fault: {fault}"));
        }
    };
    let end = inspection.read_segment(CoreId(name.worker), SegmentId(name.segment), &mut step).await?;
    page.line(format_args!("end of the segment at {end}"));
    Ok(fault_count)
}

fn print_record(record: &RecordFacts<'_>, page: &mut Page) {
    let kind = match record.kind {
        RecordKind::Entry => "entry",
        RecordKind::CommittedEntry => "committed entry",
        RecordKind::GroupState => "state",
        RecordKind::Checkpoint => "checkpoint",
        RecordKind::Moved => "moved entry",
    };
    let position =
        record.position.map_or("term ? index ?".to_owned(), |(term, index)| format!("term {term} index {index}"));
    let table = record.table.map_or(String::new(), |table| format!(" ({table})"));
    page.line(format_args!(
        "{:>10}  group {}{table} {position} {kind}, {} bytes: {}",
        record.location.offset,
        record.group,
        record.location.len,
        Words(&record.contents)
    ));
}

async fn print_file(inspection: &Inspection, file: u64, page: &mut Page) -> Result<u64, InspectError> {
    let mut fault_count = 0;
    let mut step = |step: FileStep<'_>| match step {
        FileStep::Properties(properties) => print_properties(&properties, page),
        FileStep::Page(reference, block_count) => page.line(format_args!(
            "index page at {}, {} bytes, {block_count} blocks",
            reference.offset(),
            reference.len_bytes()
        )),
        FileStep::Block(reference, entry_count, key) => page.line(format_args!(
            "  block at {}, {} bytes, {entry_count} entries from {key}",
            reference.offset(),
            reference.len_bytes()
        )),
        FileStep::Entry(key, entry) => {
            page.line(format_args!("    {key} version {}: {}", entry.version, Held(entry.content)));
        }
        FileStep::Fault(fault) => {
            fault_count += 1;
            page.line(format_args!("fault: {fault}"));
        }
    };
    inspection.read_file(FileId(file), &mut step).await?;
    Ok(fault_count)
}

fn print_properties(properties: &FileProperties, page: &mut Page) {
    let FileProperties { record, keys: [first, last], .. } = properties;
    let table = properties.table.as_deref().unwrap_or("a deleted table");
    page.line(format_args!("file {}", properties.path.display()));
    page.line(format_args!(
        "  worker {}, partition {} of {table}, {} run {}",
        properties.core.0,
        properties.group,
        set_name(properties.set),
        properties.run
    ));
    page.line(format_args!(
        "  {} units of 4096 bytes, {} entries ({} tombstones), versions {} to {}",
        record.units, record.entry_count, record.tombstone_count, record.least_version, record.greatest_version
    ));
    page.line(format_args!("  keys {first} to {last}"));
    for used in &properties.usage {
        let is_emptied = properties.emptied.iter().any(|segment| segment.0 == used.segment);
        page.line(format_args!(
            "  names {} records of segment {}, {} bytes of payload{}",
            used.record_count,
            used.segment,
            used.payload_bytes,
            if is_emptied { ": emptied, newer runs have the keys" } else { "" }
        ));
    }
}

async fn verify(inspection: &Inspection, page: &mut Page) -> u64 {
    let verified = inspection.verify(&mut |fault| page.line(fault)).await;
    page.line(format_args!(
        "read {} segments with {} records, {} sstables with {} entries that name {} records: {}",
        verified.segment_count,
        verified.record_count,
        verified.file_count,
        verified.entry_count,
        verified.name_count,
        match verified.fault_count {
            0 => "all as it was written".to_owned(),
            1 => "1 fault".to_owned(),
            count => format!("{count} faults"),
        }
    ));
    verified.fault_count
}

fn tail(tail: &Tail) -> String {
    match tail {
        Tail::New => "is empty".to_owned(),
        Tail::Closed => "was closed by the server".to_owned(),
        Tail::Open => "was not closed: the server was killed".to_owned(),
        Tail::Torn { path, damage } => {
            format!("ends in a write that was cut short and never acknowledged ({} {damage})", path.display())
        }
    }
}

fn set_name(set: SetId) -> String {
    match set {
        SetId::Items => "items".to_owned(),
        SetId::LocalIndex(number) => format!("local index {number}"),
        SetId::DueTimes => "due times".to_owned(),
        SetId::Collections => "collections".to_owned(),
    }
}

fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// Bytes as people say them.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1_u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        match units.iter().find(|(unit, _)| self.0 >= *unit) {
            Some((unit, name)) => {
                let tenths = u128::from(self.0) * 10 / u128::from(*unit);
                write!(out, "{}.{} {name}", tenths / 10, tenths % 10)
            }
            None => write!(out, "{} B", self.0),
        }
    }
}

/// What a record says.
struct Words<'r>(&'r RecordContents);

impl fmt::Display for Words<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            RecordContents::TermMark => write!(out, "a new term"),
            RecordContents::Put { key, item_bytes, written_at_us } => {
                write!(out, "put {key}, item of {item_bytes} bytes, at {written_at_us} us")
            }
            RecordContents::Delete { key, is_expiry, written_at_us } => {
                write!(out, "{} {key}, at {written_at_us} us", if *is_expiry { "expiry of" } else { "delete" })
            }
            RecordContents::CreateTable(name) => write!(out, "create table {name}"),
            RecordContents::UpdateTable(name) => write!(out, "update table {name}"),
            RecordContents::DeleteTable(id) => write!(out, "delete table of id {id}"),
            RecordContents::State => write!(out, "the group's state"),
            RecordContents::CatalogCheckpoint => write!(out, "the catalog, or a part of it"),
            RecordContents::Checkpoint { file_count, item_count } => {
                write!(out, "{file_count} sstables, {item_count} items")
            }
            RecordContents::Shredded => write!(out, "of a deleted table, its key is gone"),
            RecordContents::Unreadable(cause) => write!(out, "not readable: {cause}"),
        }
    }
}

/// What a key has.
struct Held<'e>(Content<'e>);

impl fmt::Display for Held<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Content::Tombstone => write!(out, "deleted"),
            Content::Inline { item_bytes, value } => {
                write!(out, "inline, {} bytes, counted as {item_bytes}", value.len())
            }
            Content::InJournal { item_bytes, place } => write!(
                out,
                "in the journal, segment {} offset {} ({} bytes), counted as {item_bytes}",
                place.segment, place.offset, place.bytes
            ),
            Content::BareKey { item_bytes } => write!(out, "key alone, counted as {item_bytes}"),
        }
    }
}
