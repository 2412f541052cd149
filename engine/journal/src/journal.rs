//! The journal's door: append, read, release, and the moments to wait for.
//!
//! On the way of a request this is step "durable": `replication` appends, the committer flushes, the engine's loop is woken. One
//! journal per core; handles are clones of one. Deliberately not here: what a record means, and the decision when a record is dead.

use crate::block::{BLOCK_BYTES, BLOCK_BYTES_U32, ChecksumKey};
use crate::coding::{Opener, Origin};
use crate::committer;
use crate::directory::Directories;
use crate::directory::remove;
use crate::error::{AppendRefused, JournalError, ReadError, Unopened};
use crate::flush_figures::{FlushFigures, Pace};
use crate::liveness::{Liveness, RecordSum, SegmentUsage};
use crate::padding::Placement;
use crate::position::{GroupId, Location, Position, SegmentId};
use crate::record::{self, OwnedRecord, Record, RecordCopy, SealedRecord, encoded_bytes_max};
use crate::recovery::{self, DoubtfulFile, RecoveryReport, Source, doubtful_rot};
use crate::spares::Spare;
use crate::state::State;
use crate::verify::Verification;
use crate::walk::{Damage, DamageKind};
use bytes::Bytes;
use runtime::{Buffer, CoreId, File, FileError, FileSpan, Instant, Runtime, Signal};
use security::{FileKey, GroupKeys, NoKey, TableKeys};
use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

/// Bytes of a segment file, unless the options say otherwise.
pub const SEGMENT_BYTES: u64 = 64 << 20;

/// Errors kept until somebody asks.
const FILE_ERROR_COUNT_MAX: usize = 64;

/// Where a journal is and how it is cut.
#[derive(Clone, Debug)]
pub struct JournalOptions {
    /// Whose journal it is.
    pub core: CoreId,
    /// The node's data directories, always in the same order; the journal makes `journal-<core>` in each.
    pub data_directories: Vec<PathBuf>,
    /// Bytes of new segment files: whole blocks of 4096, at least 16, below 4 GiB.
    pub segment_bytes: u64,
}

impl JournalOptions {
    /// The journal of `core` in these data directories, with segments of [`SEGMENT_BYTES`].
    pub fn new(core: CoreId, data_directories: Vec<PathBuf>) -> JournalOptions {
        JournalOptions { core, data_directories, segment_bytes: SEGMENT_BYTES }
    }
}

/// What recovery calls with every record of the log, in order. It may release records that turn out to be dead, this one included.
/// An `Err` ends the recovery with these words.
pub type Visitor<'v> = dyn FnMut(Record<'_>, Location, &mut Liveness) -> Result<(), String> + 'v;

/// The log of one core. Clones are the same journal.
#[derive(Clone)]
pub struct Journal {
    shared: Rc<Shared>,
}

/// Bytes of a segment as they lie on the disk, whole blocks: see [`Journal::read_stretch`].
#[derive(Debug)]
pub struct Stretch {
    /// Where in the segment they begin.
    offset: u64,
    buffer: Buffer,
}

/// What the handles and the two tasks of a journal share, on its core.
pub(crate) struct Shared {
    pub(crate) runtime: Runtime,
    pub(crate) directories: Directories,
    pub(crate) state: RefCell<State>,
    /// There may be something to flush.
    pub(crate) work: Signal,
    /// There may be a segment to prepare or to remove.
    pub(crate) preparation: Signal,
    pub(crate) closed: Signal,
    pub(crate) flush_figures: Cell<FlushFigures>,
    is_work_announced: Cell<bool>,
    durable_signal: RefCell<Option<Signal>>,
    report: RecoveryReport,
    doubtful: RefCell<Vec<DoubtfulFile>>,
    /// What segments could not be prepared for, until the owner asks; no more than `FILE_ERROR_COUNT_MAX`.
    file_errors: RefCell<Vec<FileError>>,
}

impl Journal {
    /// Opens the journal of a core, creating it if there is none: reads back its log, opens its records with `keys`, calls `visit` with each
    /// in order, and starts its tasks. When this returns, whatever was visited is durable.
    pub async fn open(
        runtime: &Runtime,
        options: JournalOptions,
        keys: GroupKeys,
        visit: &mut Visitor<'_>,
    ) -> Result<Journal, JournalError> {
        let journal = Journal::open_unsettled(runtime, &options, Source { keys, has_store: false }, visit).await?;
        journal.remove_doubtful().await?;
        Ok(journal)
    }

    /// Opens the journal for owners that name records before the log by their locations: what the log says shows which. Nothing
    /// of the store is given back until they have called `retain` for each segment that they name records of, and then `settle_store`.
    pub async fn open_with_store(
        runtime: &Runtime,
        options: JournalOptions,
        keys: GroupKeys,
        visit: &mut Visitor<'_>,
    ) -> Result<Journal, JournalError> {
        Journal::open_unsettled(runtime, &options, Source { keys, has_store: true }, visit).await
    }

    async fn open_unsettled(
        runtime: &Runtime,
        options: &JournalOptions,
        source: Source,
        visit: &mut Visitor<'_>,
    ) -> Result<Journal, JournalError> {
        let recovered = recovery::recover(runtime, options, source, visit).await?;
        let shared = Rc::new(Shared {
            runtime: runtime.clone(),
            directories: recovered.directories,
            state: RefCell::new(recovered.state),
            work: Signal::new(),
            preparation: Signal::new(),
            closed: Signal::new(),
            flush_figures: Cell::default(),
            is_work_announced: Cell::new(false),
            durable_signal: RefCell::new(None),
            report: recovered.report,
            doubtful: RefCell::new(recovered.doubtful),
            file_errors: RefCell::default(),
        });
        committer::start(&shared);
        Ok(Journal { shared })
    }

    /// Says that its caller names so many records of a segment by their locations, beside those that were visited and not released. Between
    /// `open_with_store` and `settle_store`, as often as there are callers and segments.
    pub fn retain(&self, segment: SegmentId, sum: RecordSum) {
        self.shared.state.borrow_mut().retain(segment, sum);
    }

    /// All that is named was retained: makes sure that it is there, and gives back the rest of the store.
    ///
    /// # Errors
    /// If segments are missing; nothing was changed then.
    pub async fn settle_store(&self) -> Result<(), JournalError> {
        let settled = self.shared.state.borrow_mut().settle_store();
        if let Err(segments) = settled {
            let doubtful = self.shared.doubtful.borrow();
            return Err(doubtful_rot(&doubtful).unwrap_or(JournalError::MissingStore { segments }));
        }
        self.shared.preparation.notify();
        self.remove_doubtful().await
    }

    /// Removes the files that were never part of the log.
    async fn remove_doubtful(&self) -> Result<(), JournalError> {
        for doubtful in self.shared.doubtful.take() {
            remove(&self.shared.runtime, &doubtful.path).await?;
        }
        Ok(())
    }

    /// What the opening found.
    pub fn recovery(&self) -> &RecoveryReport {
        &self.shared.report
    }

    /// The table's groups seal what is appended from now on with its newest key. Before a group's first record; and that key has to be durable.
    pub fn grant_keys(&self, table: &Arc<TableKeys>) {
        self.shared.state.borrow_mut().opener.keys.grant(table);
    }

    /// The same of keys that were rotated; but a group whose keys were forgotten meanwhile gets none.
    pub fn renew_keys(&self, table: &Arc<TableKeys>) {
        self.shared.state.borrow_mut().opener.keys.renew(table);
    }

    /// What seals the blocks of a new file of the group, whose keys are those of its records: the version of the data key, and the file's key. `None` if
    /// the group has no keys: its table is gone.
    pub fn sealing_file_key(&self, group: GroupId, file: u64) -> Option<(u16, FileKey)> {
        self.shared.state.borrow().opener.keys.sealing_file(group.0, file)
    }

    /// What opens the blocks of a file of the group that says `version`.
    ///
    /// # Errors
    /// If there is no such key.
    pub fn file_key(&self, group: GroupId, version: u16, file: u64) -> Result<FileKey, NoKey> {
        self.shared.state.borrow().opener.keys.opening_file(group.0, version, file)
    }

    /// Nothing of the group is appended or read any more: its keys need not be kept.
    pub fn forget_keys(&self, group: GroupId) {
        self.shared.state.borrow_mut().opener.keys.forget(group.0);
    }

    /// Appends a record, of any kind but moved entries: seals it into the batch being filled. It is durable once `durable()` has reached what `appended()`
    /// is now.
    pub fn append(&self, record: Record<'_>) -> Result<Location, AppendRefused> {
        let appended = self.shared.state.borrow_mut().append(&record);
        // Refused or not: a batch that is full may have been completed.
        self.shared.announce_work();
        appended
    }

    /// Appends a copy of a record, as a moved entry.
    pub fn append_copy(&self, copy: &RecordCopy) -> Result<Location, AppendRefused> {
        let appended = self.shared.state.borrow_mut().append_copy(copy);
        self.shared.announce_work();
        appended
    }

    /// Keeps a copy that nobody waits for, to fill up a flush with it: it is appended with one that would leave much of its last block empty.
    /// `None` if enough are kept: then it is to be appended.
    pub fn keep_as_padding(&self, copy: &RecordCopy) -> Option<Placement> {
        self.shared.state.borrow_mut().keep_as_padding(copy)
    }

    /// Appends what is kept to fill up flushes with. `Err`: not all of it yet.
    pub fn append_paddings(&self) -> Result<(), AppendRefused> {
        let appended = self.shared.state.borrow_mut().append_paddings();
        self.shared.announce_work();
        appended
    }

    /// How many records were appended since the opening.
    pub fn appended(&self) -> Position {
        self.shared.state.borrow().appended()
    }

    /// How many of them are on the medium.
    pub fn durable(&self) -> Position {
        self.shared.state.borrow().durable()
    }

    /// `signal` is notified whenever `durable()` has grown, and when appends that were refused may pass again. One signal;
    /// a later call replaces it.
    pub fn on_durable(&self, signal: Signal) {
        *self.shared.durable_signal.borrow_mut() = Some(signal);
    }

    /// Bytes appended and not handed to the disk yet. At most a few MiB; past it `append` says `Busy`.
    pub fn waiting_bytes(&self) -> usize {
        self.shared.state.borrow().waiting_bytes()
    }

    /// What its flushes have taken since the opening.
    pub fn flush_figures(&self) -> FlushFigures {
        self.shared.flush_figures.get()
    }

    /// Whether the disk is full: no next segment could be prepared. What is left of the current one is for records
    /// that free space; it becomes false by itself when there is space again.
    pub fn is_full(&self) -> bool {
        self.shared.state.borrow().is_full()
    }

    /// Whether no next segment could be prepared because no further file may be open. It becomes false by itself as well.
    pub fn is_out_of_files(&self) -> bool {
        self.shared.state.borrow().is_out_of_files()
    }

    /// Whether no next segment could be prepared for another reason: no data directory can be written. It becomes false by itself
    /// as well.
    pub fn is_failing(&self) -> bool {
        self.shared.state.borrow().is_failing()
    }

    /// Why segments could not be prepared since this was last asked, one for each directory that was tried: also if another had room, so that
    /// nothing else tells of it.
    pub fn take_file_errors(&self) -> Vec<FileError> {
        self.shared.file_errors.take()
    }

    /// Whether there is room for records that free space, also when the disk is full.
    pub fn has_room_for_removals(&self) -> bool {
        self.shared.state.borrow().has_room_for_removals()
    }

    /// Bytes that copies may take on a full disk, which leaves the more to records that free space; `None`: it is not full.
    pub fn copies_room_bytes(&self) -> Option<u64> {
        self.shared.state.borrow().copies_room_bytes()
    }

    /// Says that the record at `location` is dead: nothing will ask for it again, and what made it dead is durable.
    /// When all of a segment before the log is dead its file is used again.
    pub fn release(&self, location: Location) {
        self.release_sum(location.segment, RecordSum::of_one(location.len));
    }

    /// Releases records which [`Journal::note_superseded`] may have been told of.
    pub fn release_superseded(&self, segment: SegmentId, sum: RecordSum) {
        self.change(|state| {
            state.liveness.forget_superseded(segment, sum);
            state.release(segment, sum);
        });
    }

    /// Says that the record at `location` is superseded: who owns it will release it later. An estimate for the choice of segments to empty.
    pub fn note_superseded(&self, location: Location) {
        self.change(|state| state.liveness.note_superseded(location));
    }

    /// The same of several records of a segment at once.
    pub fn release_sum(&self, segment: SegmentId, sum: RecordSum) {
        self.change(|state| state.release(segment, sum));
    }

    /// Lets the log begin with this segment: what is before it is not visited at the next start. Durable with the next flush. What is needed
    /// from those segments (FORMAT.md, "Writing") is durable behind them when this is called. It never goes back.
    pub fn set_replay_start(&self, segment: SegmentId) {
        self.change(|state| state.set_replay_start(segment));
    }

    /// The first segment of the log.
    pub fn replay_start(&self) -> SegmentId {
        self.shared.state.borrow().liveness.replay_start()
    }

    /// The segment that is being written; `None` before the first flush.
    pub fn last_segment(&self) -> Option<SegmentId> {
        self.shared.state.borrow().liveness.last().map(|last| last.id)
    }

    /// How many segments the log has.
    pub fn log_segment_count(&self) -> usize {
        self.shared.state.borrow().liveness.log.len()
    }

    /// How many segments there are, those before the log included.
    pub fn segment_count(&self) -> usize {
        self.shared.state.borrow().liveness.segment_count()
    }

    /// Bytes of a segment file.
    pub fn segment_bytes(&self) -> u64 {
        self.shared.directories.segment_bytes()
    }

    /// Begins to verify a segment that is no longer written, in which some live record ends at `live_end` (0: none is known); `None` if it is
    /// still written, or not there any more.
    pub fn verify(&self, segment: SegmentId, live_end: u32) -> Option<Verification> {
        let state = self.shared.state.borrow();
        let is_complete = state.liveness.last().is_some_and(|last| segment < last.id);
        let found = state.liveness.find(segment).filter(|found| is_complete && found.durable_end == found.end)?;
        Some(Verification::new(&self.shared, state.journal_id, found, live_end))
    }

    /// Use of each segment: those before the log and then the log's, each oldest first.
    pub fn usage(&self) -> Vec<SegmentUsage> {
        self.shared.state.borrow().liveness.usage().collect()
    }

    /// Reads the payload of a durable record from the disk, checks it and opens it.
    pub async fn read(&self, location: Location) -> Result<Bytes, ReadError> {
        Ok(self.read_record(location).await?.payload)
    }

    /// Reads a durable record from the disk, checks it and opens it.
    pub async fn read_record(&self, location: Location) -> Result<OwnedRecord, ReadError> {
        let span = self.begin_read(location)?;
        let buffer = span.file.read_at(span.offset, span.len_bytes).await.map_err(ReadError::File)?;
        self.finish_read(location, buffer.as_slice())
    }

    /// Reads a durable record from the disk, checks it and opens it, to be appended elsewhere.
    pub async fn read_copy(&self, location: Location) -> Result<RecordCopy, ReadError> {
        let span = self.begin_read(location)?;
        let buffer = span.file.read_at(span.offset, span.len_bytes).await.map_err(ReadError::File)?;
        self.finish_copy(location, buffer.as_slice())
    }

    /// Reads all that lies between two durable records of one segment, these included: what [`Journal::open_copy`] takes records from.
    pub async fn read_stretch(&self, first: Location, last: Location) -> Result<Stretch, ReadError> {
        let (begin, end) = (self.begin_read(first)?, self.begin_read(last)?);
        let len_bytes = usize::try_from(end.offset - begin.offset).expect("within a segment") + end.len_bytes;
        let buffer = begin.file.read_at(begin.offset, len_bytes).await.map_err(ReadError::File)?;
        Ok(Stretch { offset: begin.offset, buffer })
    }

    /// Checks and opens a record that lies in a stretch of its segment, to be appended elsewhere.
    pub fn open_copy(&self, stretch: &Stretch, location: Location) -> Result<RecordCopy, ReadError> {
        let inside = u64::from(place_of_read(location).0) - stretch.offset;
        let inside = usize::try_from(inside).expect("within the buffer");
        self.finish_copy(location, &stretch.buffer.as_slice()[inside..])
    }

    /// The first half of [`Journal::read_record`], for whoever has files read: says what to read.
    pub fn begin_read(&self, location: Location) -> Result<FileSpan, ReadError> {
        let state = self.shared.state.borrow();
        let segment = state.liveness.find(location.segment).ok_or(ReadError::Released(location))?;
        if location.offset >= segment.durable_end {
            return Err(ReadError::NotDurable(location));
        }
        let (first, inside) = place_of_read(location);
        // How long its header is shows when it is read. No record reaches past what is durable with it.
        let needed_bytes = (inside + encoded_bytes_max(location.len as usize)).next_multiple_of(BLOCK_BYTES);
        let len_bytes = needed_bytes.min((segment.durable_end - first) as usize);
        Ok(FileSpan { file: segment.file.clone(), offset: u64::from(first), len_bytes })
    }

    /// The second half: checks the bytes that were read and opens the record.
    pub fn finish_read(&self, location: Location, bytes: &[u8]) -> Result<OwnedRecord, ReadError> {
        self.open_with(location, bytes, |sealed, source| sealed.open_owned(source, location))
    }

    fn finish_copy(&self, location: Location, bytes: &[u8]) -> Result<RecordCopy, ReadError> {
        let next = self.shared.state.borrow().code();
        self.open_with(location, bytes, |sealed, source| sealed.open_copy(source, location.offset, next.as_deref()))
    }

    /// Checks the record at a location, whose blocks are `bytes`, and has it opened.
    fn open_with<T>(
        &self,
        location: Location,
        bytes: &[u8],
        open: impl FnOnce(SealedRecord<'_>, (&mut Opener, &Origin)) -> Result<T, Unopened>,
    ) -> Result<T, ReadError> {
        let state = &mut *self.shared.state.borrow_mut();
        // Its file may have been used again meanwhile: then what was read is nobody's.
        let segment = state.liveness.find(location.segment).ok_or(ReadError::Released(location))?;
        let path = || segment.file.path().to_path_buf();
        let (_, inside) = place_of_read(location);
        let sealed = check_record(segment.key, location, &bytes[inside..]).map_err(|kind| ReadError::Rot {
            path: path(),
            location,
            damage: Damage { offset: location.offset, kind },
        })?;
        let opened = open(sealed, (&mut state.opener, &segment.origin));
        opened.map_err(|reason| ReadError::Sealed { path: path(), location, reason })
    }

    /// Segment files that are kept for use again, and that it can do without, are removed soon: the disk has no room for others.
    pub fn give_space_back(&self) {
        self.change(State::give_space_back);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.shared.state.borrow_mut();
        change(&mut state);
        let (wants_mark, wants_preparation) = (state.wants_mark(), state.wants_preparation());
        drop(state);
        if wants_mark {
            self.shared.announce_work();
        }
        if wants_preparation {
            self.shared.preparation.notify();
        }
    }

    /// Flushes what was appended, marks the log as closed and ends the journal's tasks. Later appends are refused.
    pub async fn close(&self) {
        self.shared.state.borrow_mut().begin_close();
        self.shared.announce_work();
        self.shared.preparation.notify();
        self.shared.closed.wait().await;
        // Whoever else waits, or calls again, passes too.
        self.shared.closed.notify();
    }
}

/// The whole blocks that a record lies in: where the first starts, and where in it the record does.
fn place_of_read(location: Location) -> (u32, usize) {
    let inside = location.offset % BLOCK_BYTES_U32;
    (location.offset - inside, inside as usize)
}

/// The record at a location, if `bytes`, which begin there, begin with that record.
pub(crate) fn check_record(key: ChecksumKey, location: Location, bytes: &[u8]) -> Result<SealedRecord<'_>, DamageKind> {
    match record::decode(key, location.offset, bytes) {
        Ok(sealed) if sealed.payload_bytes() == location.len => Ok(sealed),
        Ok(sealed) => Err(DamageKind::OtherLength { expected: location.len, found: sealed.payload_bytes() }),
        Err(bad) => Err(bad.into()),
    }
}

impl Shared {
    /// Wakes the committer unless it is already on its way.
    pub(crate) fn announce_work(&self) {
        if !self.is_work_announced.replace(true) {
            self.work.notify();
        }
    }

    /// The committer looks for work from here on: what comes later is to be announced again.
    pub(crate) fn take_announcement(&self) {
        self.is_work_announced.set(false);
    }

    /// Counts a flush that was begun then and is durable now.
    pub(crate) fn count_flush(&self, file: &File, bytes: usize, began: Instant) {
        let took = self.runtime.now().since(began);
        let mut figures = self.flush_figures.get();
        let path = file.path().display();
        match figures.count(bytes as u64, took) {
            Pace::Ordinary => {}
            Pace::Slow => tracing::debug!(?took, bytes, %path, "a flush of the journal was slow"),
            Pace::Slowest => tracing::warn!(?took, bytes, %path, "no flush of the journal was as slow before"),
        }
        self.flush_figures.set(figures);
    }

    pub(crate) fn announce_durable(&self) {
        if let Some(signal) = &*self.durable_signal.borrow() {
            signal.notify();
        }
    }

    /// Notes why a segment could not be prepared in some directories, and that it could in none if there is no `spare`.
    pub(crate) fn handle_prepared(&self, spare: Option<Spare>, errors: Vec<FileError>) {
        let mut state = self.state.borrow_mut();
        match spare {
            Some(spare) => state.handle_prepared(spare),
            None => {
                let error = errors.first().expect("there is at least one directory");
                if state.unprepared.as_ref() != Some(error) {
                    let is_first = state.unprepared.replace(error.clone()).is_none();
                    if is_first {
                        tracing::error!(%error, "no further journal segment can be prepared; writes will be refused");
                    }
                }
            }
        }
        let mut kept = self.file_errors.borrow_mut();
        let room = FILE_ERROR_COUNT_MAX - kept.len();
        kept.extend(errors.into_iter().take(room));
    }
}
