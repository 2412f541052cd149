//! A journal on a simulated machine and the oracle that knows what has to be in it.
#![allow(dead_code, reason = "each test file uses a part")]

use journal::{
    AppendRefused, GroupId, Journal, JournalError, JournalOptions, Location, LogIndex, Record, RecordKind, Term,
};
use runtime::{CoreId, Runtime, Signal};
use security::{GroupKeys, KeyOwner, KeyTable, Keyring, Wrapping};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Small, so that a workload goes through many.
pub(crate) const SEGMENT_BYTES: u32 = 64 << 10;

/// A record as a test keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) group: u64,
    /// The life that appended it: what was dropped and written again differs.
    pub(crate) term: u64,
    pub(crate) index: u64,
    pub(crate) payload: Vec<u8>,
}

impl Owned {
    /// Every other one is text, which is worth to be compressed.
    pub(crate) fn new(term: u64, index: u64, payload_bytes: u64) -> Owned {
        let byte = |at: u64| (at * 7 + index + term * 31).to_le_bytes()[0];
        let as_text = |byte: u8| if index.is_multiple_of(2) { b'a' + byte % 16 } else { byte };
        let payload = (0..payload_bytes).map(|at| as_text(byte(at))).collect();
        Owned { group: index % 3, term, index, payload }
    }

    pub(crate) fn of(record: &Record<'_>) -> Owned {
        let Record { group, term, index, payload, .. } = record;
        Owned { group: group.0, term: term.0, index: index.0, payload: payload.to_vec() }
    }

    pub(crate) fn record(&self) -> Record<'_> {
        Record {
            kind: RecordKind::Entry,
            group: GroupId(self.group),
            term: Term(self.term),
            index: LogIndex(self.index),
            payload: &self.payload,
        }
    }
}

/// What was appended, what was acknowledged, what was released.
#[derive(Default)]
pub(crate) struct Oracle {
    /// `appended[i]` has index `i`.
    pub(crate) appended: Vec<(Owned, Location)>,
    /// So many were acknowledged.
    pub(crate) acknowledged_count: usize,
    /// So many, the first ones, were released.
    pub(crate) released_count: usize,
}

impl Oracle {
    /// Holds what came back against what has to be there, and goes on from it.
    pub(crate) fn check(&mut self, found: &[(Owned, Location)]) {
        // The newest records are never released, so an empty log means that nothing was acknowledged.
        let first = found.first().map_or(0, |(owned, _)| usize::try_from(owned.index).expect("small"));
        assert!(first <= self.released_count, "record {first} comes first, {} were released", self.released_count);
        let end = first + found.len();
        assert!(end >= self.acknowledged_count, "{end} records, {} were acknowledged", self.acknowledged_count);
        assert!(end <= self.appended.len(), "{end} records, {} were appended", self.appended.len());
        assert_eq!(found, &self.appended[first..end]);
        self.appended.truncate(end);
        self.acknowledged_count = end;
    }
}

pub(crate) fn options(directory_count: usize) -> JournalOptions {
    let data_directories = (0..directory_count).map(|number| PathBuf::from(format!("/data{number}"))).collect();
    JournalOptions { segment_bytes: u64::from(SEGMENT_BYTES), ..JournalOptions::new(CoreId(0), data_directories) }
}

thread_local! {
    /// Made once: made again it would wrap the same keys under the same nonces, which the ledger takes for the mistake that it looks for.
    static TABLE: KeyTable = {
        let mut random = fastrand::Rng::with_seed(99);
        let mut random = |out: &mut [u8]| random.fill(out);
        let keyring = Keyring::draw(&mut random);
        let mut wrapping = Wrapping { master: keyring.newest(), random: &mut random };
        let mut table = KeyTable::new(0, &mut wrapping);
        table.add(KeyOwner(1), vec![1, 2], &mut wrapping);
        table
    };
}

/// The keys of the groups of [`Owned::new`], the same in each life.
pub(crate) fn keys() -> GroupKeys {
    TABLE.with(|table| GroupKeys::new(&table.owners().cloned().collect::<Vec<_>>(), table.last_group()))
}

/// Opens the journal and gives every record with its location.
pub(crate) async fn open_with(
    runtime: &Runtime,
    options: JournalOptions,
) -> Result<(Journal, Vec<(Owned, Location)>), JournalError> {
    for directory in &options.data_directories {
        runtime.create_directory(directory).await?;
    }
    let mut found = Vec::new();
    let journal = Journal::open(runtime, options, keys(), &mut |record, location, _| {
        found.push((Owned::of(&record), location));
        Ok(())
    })
    .await?;
    Ok((journal, found))
}

pub(crate) async fn open(runtime: &Runtime) -> Result<(Journal, Vec<(Owned, Location)>), JournalError> {
    open_with(runtime, options(1)).await
}

/// Appends, waiting as long as the journal is busy or has no space.
pub(crate) async fn append(journal: &Journal, signal: &Signal, owned: &Owned) -> Location {
    append_record(journal, signal, owned.record()).await
}

pub(crate) async fn append_record(journal: &Journal, signal: &Signal, record: Record<'_>) -> Location {
    loop {
        match journal.append(record) {
            Ok(location) => return location,
            Err(AppendRefused::Busy | AppendRefused::NoSpace) => signal.wait().await,
            Err(refused) => panic!("{refused}"),
        }
    }
}

/// Appends a copy of the record that lies at `location`.
pub(crate) async fn append_copy_of(journal: &Journal, signal: &Signal, location: Location) -> Location {
    let copy = journal.read_copy(location).await.expect("it is durable");
    loop {
        match journal.append_copy(&copy) {
            Ok(location) => return location,
            Err(AppendRefused::Busy | AppendRefused::NoSpace) => signal.wait().await,
            Err(refused) => panic!("{refused}"),
        }
    }
}

/// Waits until all that was appended is durable.
pub(crate) async fn flush(journal: &Journal, signal: &Signal) {
    while journal.durable() < journal.appended() {
        signal.wait().await;
    }
}

/// One life of a journal: opens it, checks it against the oracle, appends `count` records in bursts, releases old ones.
pub(crate) async fn live(
    runtime: Runtime,
    oracle: Rc<RefCell<Oracle>>,
    options: JournalOptions,
    (life, seed, count): (u64, u64, usize),
) -> Result<(), JournalError> {
    let mut random = fastrand::Rng::with_seed(seed ^ (life << 32));
    let (journal, found) = open_with(&runtime, options).await?;
    oracle.borrow_mut().check(&found);
    let kept_count = random.usize(10..60);
    {
        // What was released before is not known to the new journal: it is released again, as its owners do while it is read back.
        let mut oracle = oracle.borrow_mut();
        let Oracle { appended, released_count, .. } = &mut *oracle;
        *released_count = appended.len() - found.len();
    }
    let signal = Signal::new();
    journal.on_durable(signal.clone());
    for _ in 0..count {
        let index = oracle.borrow().appended.len() as u64;
        let payload_bytes = if random.u8(..10) == 0 { random.u64(..20_000) } else { random.u64(..600) };
        let owned = Owned::new(life, index, payload_bytes);
        let location = append(&journal, &signal, &owned).await;
        oracle.borrow_mut().appended.push((owned, location));
        let acknowledged_count = acknowledge(&journal, &oracle);
        if random.u8(..4) == 0 {
            flush(&journal, &signal).await;
            acknowledge(&journal, &oracle);
        }
        release_old(&journal, &oracle, acknowledged_count.saturating_sub(kept_count));
    }
    flush(&journal, &signal).await;
    acknowledge(&journal, &oracle);
    if random.bool() {
        journal.close().await;
    }
    Ok(())
}

fn acknowledge(journal: &Journal, oracle: &RefCell<Oracle>) -> usize {
    let mut oracle = oracle.borrow_mut();
    let waiting = usize::try_from(journal.appended().0 - journal.durable().0).expect("small");
    oracle.acknowledged_count = oracle.appended.len() - waiting;
    oracle.acknowledged_count
}

fn release_old(journal: &Journal, oracle: &RefCell<Oracle>, end: usize) {
    let mut oracle = oracle.borrow_mut();
    while oracle.released_count < end {
        journal.release(oracle.appended[oracle.released_count].1);
        oracle.released_count += 1;
    }
    drop(oracle);
    advance(journal);
}

/// Lets the log begin with the first segment that holds something live, as an owner does that needs nothing else.
pub(crate) fn advance(journal: &Journal) {
    let usage = journal.usage();
    let mut log = usage.iter().filter(|usage| usage.is_visited);
    let first = log.find(|usage| usage.live_bytes > 0).or(usage.last()).expect("there is a segment");
    journal.set_replay_start(first.segment);
}

/// The paths of the segment files in `directory`.
pub(crate) fn segment_paths(files: &[(PathBuf, u64)]) -> Vec<PathBuf> {
    let is_segment = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("segment-"));
    files.iter().map(|(path, _)| path.clone()).filter(|path| is_segment(path)).collect()
}
