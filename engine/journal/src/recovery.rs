//! Reading a journal back: which files are the log and the store, where the log ends, whether that end may be, and then every record of the log in order.
//!
//! Runs once, before the journal's tasks start, in the order of `FORMAT.md`, "Reading it back". First it plans (headers, the last
//! segment's end, proof of damage), then it visits, then it writes a mark: a crash at any point leaves what was there. The checks of bytes are in
//! `walk.rs`.

use crate::block::{
    ActiveHeader, BLOCK_BYTES, BLOCK_BYTES_U32, BadHeader, ChecksumKey, FlushHeader, FlushKind, SegmentHeader,
    SegmentState, u64_at,
};
use crate::coding::{Origin, SegmentCode};
use crate::directory::{Directories, Filling, NewSpare, SegmentFile};
use crate::error::{JournalError, Unopened};
use crate::journal::{JournalOptions, Visitor};
use crate::liveness::{FlushesEnd, Segment};
use crate::position::SegmentId;
use crate::spares::{Spare, Spares};
use crate::state::{CommitStep, SEGMENT_BYTES_MIN, State};
use crate::walk::{Damage, DamageKind, Flush, Walk, find_later_flush};
use runtime::{Buffer, File, FileError, Runtime};
use security::{GroupKeys, KeyPlace, NoKey};
use std::path::{Path, PathBuf};

/// Bytes read at a time.
const WINDOW_BYTES: usize = 4 << 20;

/// How the log ended when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    /// There was no log.
    New,
    /// Its last process closed it.
    Closed,
    /// Its last process did not close it; nothing (or nothing of ours) lies behind the last good flush.
    Open,
    /// What lies behind the last good flush was being written when its last process ended; it is dropped.
    Torn {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },
}

/// What an opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryReport {
    /// How the log ended.
    pub tail: Tail,
    /// Segments visited.
    pub segment_count: usize,
    /// Records visited.
    pub record_count: u64,
    /// Bytes of their payloads when they are not compressed.
    pub payload_bytes: u64,
    /// Records of deleted tables, whose keys are gone: not visited, dead.
    pub shredded_count: u64,
}

/// What an opening is given to read with.
pub(crate) struct Source {
    /// Of the records' groups.
    pub(crate) keys: GroupKeys,
    /// Whether owners will say what they name before the log.
    pub(crate) has_store: bool,
}

/// An opened journal without its tasks.
pub(crate) struct Recovered {
    pub(crate) directories: Directories,
    pub(crate) state: State,
    pub(crate) report: RecoveryReport,
    /// Left where they are as long as the store is not settled.
    pub(crate) doubtful: Vec<DoubtfulFile>,
}

/// A file of the log or the store, by its header.
pub(crate) struct LogFile {
    pub(crate) header: ActiveHeader,
    pub(crate) file: File,
    pub(crate) number: u32,
}

impl LogFile {
    /// Where its records come from.
    pub(crate) fn origin(&self, journal_id: u64) -> Origin {
        let ActiveHeader { epoch, segment, opening, code, .. } = self.header;
        let place = KeyPlace { journal_id, epoch, opening, segment: segment.0 };
        Origin { place, code: SegmentCode::of_header(code) }
    }
}

/// A file whose header tells nothing.
pub(crate) struct DoubtfulFile {
    pub(crate) path: PathBuf,
    /// `None` when it is too short for a block.
    pub(crate) file: Option<File>,
    pub(crate) damage: Damage,
}

/// All segment files, sorted by what they are.
#[derive(Default)]
pub(crate) struct Files {
    /// By segment id. Those that may be part of the store come first.
    pub(crate) log: Vec<LogFile>,
    pub(crate) spares: Vec<(File, u32)>,
    pub(crate) doubtful: Vec<DoubtfulFile>,
    highest_number: u32,
}

/// What the files of a journal are opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To go on with it.
    Own,
    /// To look at it.
    Read,
}

/// Where the log ends.
struct End {
    /// Behind the last good flush of the last segment, in bytes.
    offset: u32,
    /// The next flush's.
    sequence: u64,
    /// The first segment of the log.
    replay_start: SegmentId,
    tail: Tail,
}

pub(crate) async fn recover(
    runtime: &Runtime,
    options: &JournalOptions,
    source: Source,
    visit: &mut Visitor<'_>,
) -> Result<Recovered, JournalError> {
    let is_whole = options.segment_bytes.is_multiple_of(BLOCK_BYTES as u64);
    if !is_whole || options.segment_bytes < SEGMENT_BYTES_MIN || u32::try_from(options.segment_bytes).is_err() {
        return Err(JournalError::Options("segment_bytes must be a multiple of 4096, at least 65536, below 4 GiB"));
    }
    let core = options.core.0;
    let directories = Directories::open(runtime, options).await?;
    let listed = directories.list_segments(runtime).await?;
    let journal_id = directories.identify(runtime, core, !listed.is_empty()).await?;
    let mut files = sort_files(runtime, journal_id, &listed, Purpose::Own).await?;
    let end = find_end(journal_id, &files).await?;
    let store = split_store(&mut files, end.replay_start)?;

    let mut opening = [0; 8];
    runtime.fill_secret(&mut opening);
    let mut state = State::new((journal_id, core), options.segment_bytes, u64::from_le_bytes(opening), source.keys);
    state.next_file_number = files.highest_number + 1;
    state.next_sequence = end.sequence;
    for (place, log_file) in store.iter().enumerate() {
        let mut segment = segment_of(journal_id, log_file, file_bytes(&log_file.file));
        segment.flushes_end = match store.get(place + 1).or(files.log.first()) {
            Some(next) if next.header.segment.0 == segment.id.0 + 1 => FlushesEnd::At(next.header.previous_end),
            _ => FlushesEnd::Unknown,
        };
        state.liveness.store.insert(segment.id, segment);
    }
    let report = visit_log(&files.log, &end, &mut state, visit).await?;
    if let Some(last) = files.log.last() {
        // What was read may still be in a volatile cache: a process can die and leave it there.
        last.file.sync().await?;
    }
    state.go_on_with_code();
    let doubtful = std::mem::take(&mut files.doubtful);
    give_places(runtime, &directories, files, &mut state).await?;
    if !source.has_store {
        // Nothing is retained: on a full disk the mark may need one of these files.
        state.settle_store().expect("nothing is retained");
    }
    write_mark(runtime, &directories, &mut state).await?;
    Ok(Recovered { directories, state, report, doubtful })
}

pub(crate) async fn sort_files(
    runtime: &Runtime,
    journal_id: u64,
    listed: &[SegmentFile],
    purpose: Purpose,
) -> Result<Files, JournalError> {
    let mut files = Files { highest_number: listed.last().map_or(0, |file| file.number), ..Files::default() };
    for SegmentFile { path, number, len_bytes } in listed {
        if *len_bytes < BLOCK_BYTES as u64 {
            let damage = Damage { offset: 0, kind: DamageKind::NoSegment };
            files.doubtful.push(DoubtfulFile { path: path.clone(), file: None, damage });
            continue;
        }
        let file = match purpose {
            Purpose::Own => runtime.open_file(path).await?,
            Purpose::Read => runtime.open_file_to_read(path).await?,
        };
        let block = file.read_at(0, BLOCK_BYTES).await?;
        let header = match SegmentHeader::decode(block.as_slice(), journal_id) {
            Ok(header) => header,
            Err(BadHeader::Version(found)) => return Err(JournalError::Version { path: path.clone(), found }),
            Err(bad) => {
                // One that passes under the journal that it states itself was carried here.
                if SegmentHeader::decode(block.as_slice(), u64_at(block.as_slice(), 16)).is_ok() {
                    return Err(JournalError::ForeignSegment { path: path.clone() });
                }
                files.doubtful.push(DoubtfulFile { path: path.clone(), file: Some(file), damage: header_damage(bad) });
                continue;
            }
        };
        if header.file_number != *number || header.segment_bytes != *len_bytes {
            return Err(JournalError::ForeignSegment { path: path.clone() });
        }
        match header.state {
            SegmentState::Spare => files.spares.push((file, *number)),
            SegmentState::Active(header) => files.log.push(LogFile { header, file, number: *number }),
        }
    }
    files.log.sort_by_key(|file| file.header.segment);
    for pair in files.log.windows(2) {
        if pair[0].header.segment == pair[1].header.segment {
            return Err(JournalError::DuplicateSegment {
                segment: pair[0].header.segment,
                first: pair[0].file.path().to_path_buf(),
                second: pair[1].file.path().to_path_buf(),
            });
        }
    }
    Ok(files)
}

pub(crate) fn header_damage(bad: BadHeader) -> Damage {
    match bad {
        BadHeader::Checksum { expected, found } => {
            Damage { offset: 0, kind: DamageKind::SegmentChecksum { expected, found } }
        }
        BadHeader::Padding { offset } => {
            Damage { offset: u32::try_from(offset).expect("it is inside a block"), kind: DamageKind::Padding }
        }
        BadHeader::NotOurs | BadHeader::Version(_) | BadHeader::FlushKind { .. } => {
            Damage { offset: 0, kind: DamageKind::NoSegment }
        }
    }
}

/// Walks the last segment to its end and makes sure that nothing proves that end to be wrong.
async fn find_end(journal_id: u64, files: &Files) -> Result<End, JournalError> {
    let Some(last) = files.log.last() else {
        refuse_proven(journal_id, files, 1).await?;
        return Ok(End { offset: 0, sequence: 1, replay_start: SegmentId(1), tail: Tail::New });
    };
    let mut walk = walk_of(journal_id, last, file_bytes(&last.file));
    let mut reader = Reader::new(&last.file);
    let mut newest = None;
    let mut damage = None;
    while walk.offset < walk.end {
        match reader.step(&mut walk).await? {
            Ok(flush) => newest = Some(flush.header),
            Err(found) => {
                damage = Some(found);
                break;
            }
        }
    }
    let damage = damage.unwrap_or(Damage { offset: walk.offset, kind: DamageKind::NoFlush });
    if let DamageKind::FlushKind(_) | DamageKind::RecordKind(_) = damage.kind {
        // Its checksum is right, so it is whole: what wrote it was another version of the program.
        return Err(rot(last, damage, None));
    }
    let proof = find_proof(journal_id, Some(walk.epoch), walk.sequence, (&last.file, walk.offset)).await?;
    if let Some((_, sequence)) = proof {
        return Err(rot(last, damage, Some(sequence)));
    }
    refuse_proven(journal_id, files, walk.sequence).await?;
    let newest = match newest {
        Some(header) => Some(header),
        None => newest_before_last(journal_id, files).await?,
    };
    let is_closed = newest.is_some_and(|header| header.kind == FlushKind::Close);
    let tail = tail_of(journal_id, last, is_closed, (walk.offset, damage)).await?;
    let replay_start = newest.map_or(last.header.segment, |header| header.replay_start);
    Ok(End { offset: walk.offset, sequence: walk.sequence, replay_start, tail })
}

/// How the log ends, where behind its last good flush, at `offset` of its last segment, there is none.
pub(crate) async fn tail_of(
    journal_id: u64,
    last: &LogFile,
    is_closed: bool,
    (offset, damage): (u32, Damage),
) -> Result<Tail, JournalError> {
    let is_end = matches!(damage.kind, DamageKind::NoFlush | DamageKind::Epoch { .. })
        || is_stale(journal_id, last, offset).await?;
    Ok(match is_end {
        true if is_closed => Tail::Closed,
        true => Tail::Open,
        false => Tail::Torn { path: last.file.path().to_path_buf(), damage },
    })
}

/// Whether the block at `offset` is a whole flush header of an earlier use of the file.
async fn is_stale(journal_id: u64, last: &LogFile, offset: u32) -> Result<bool, JournalError> {
    if offset >= file_bytes(&last.file) {
        return Ok(true);
    }
    let block = last.file.read_at(u64::from(offset), BLOCK_BYTES).await?;
    let header = FlushHeader::decode(block.as_slice(), journal_id, offset);
    Ok(header.is_ok_and(|header| header.epoch != last.header.epoch))
}

/// The last flush of the segment before the last, all of which is known to be good by the last one's header. `None` if there never was one: it cannot be
/// in use again before a flush in the last segment is durable.
async fn newest_before_last(journal_id: u64, files: &Files) -> Result<Option<FlushHeader>, JournalError> {
    let last = files.log.last().expect("there is a last segment");
    let Some(id) = last.header.segment.0.checked_sub(1).map(SegmentId).filter(|id| id.0 > 0) else { return Ok(None) };
    let before = files.log.iter().rev().nth(1).filter(|before| before.header.segment == id);
    let Some(before) = before else {
        let missing = JournalError::MissingSegments { first: id, last: id };
        return Err(doubtful_rot(&files.doubtful).unwrap_or(missing));
    };
    let mut walk = walk_of(journal_id, before, last.header.previous_end);
    let mut reader = Reader::new(&before.file);
    let mut newest = None;
    while walk.offset < walk.end {
        match reader.step(&mut walk).await? {
            Ok(flush) => newest = Some(flush.header),
            Err(damage) => return Err(rot(before, damage, Some(last.header.first_sequence))),
        }
    }
    Ok(newest)
}

fn rot(log_file: &LogFile, damage: Damage, proven_by: Option<u64>) -> JournalError {
    let (path, segment) = (log_file.file.path().to_path_buf(), Some(log_file.header.segment));
    JournalError::Rot { path, segment, damage, proven_by }
}

/// Refuses a doubtful file that holds a flush behind `sequence`, the next one: its header was good once.
async fn refuse_proven(journal_id: u64, files: &Files, sequence: u64) -> Result<(), JournalError> {
    for doubtful in &files.doubtful {
        let Some(file) = &doubtful.file else { continue };
        if let Some((_, proof)) = find_proof(journal_id, None, sequence, (file, 0)).await? {
            return Err(JournalError::Rot {
                path: doubtful.path.clone(),
                segment: None,
                damage: doubtful.damage,
                proven_by: Some(proof),
            });
        }
    }
    Ok(())
}

/// Where in the file from `offset` on a flush with a sequence above `sequence` begins, if there is one, and its sequence.
pub(crate) async fn find_proof(
    journal_id: u64,
    epoch: Option<u64>,
    sequence: u64,
    (file, offset): (&File, u32),
) -> Result<Option<(u32, u64)>, FileError> {
    let mut reader = Reader::new(file);
    let mut at = offset;
    while at < file_bytes(file) {
        let window = reader.window(at, BLOCK_BYTES).await?;
        let found = find_later_flush((journal_id, epoch), sequence, at, window);
        if found.is_some() {
            return Ok(found);
        }
        at += u32::try_from(window.len()).expect("a window is shorter than 4 GiB");
    }
    Ok(None)
}

/// Takes out what is before the log, and makes sure that all of the log is there.
fn split_store(files: &mut Files, replay_start: SegmentId) -> Result<Vec<LogFile>, JournalError> {
    let store_count = files.log.partition_point(|file| file.header.segment < replay_start);
    let log = files.log.split_off(store_count);
    let store = std::mem::replace(&mut files.log, log);
    let mut expected = replay_start;
    for log_file in &files.log {
        if log_file.header.segment != expected {
            let last = SegmentId(log_file.header.segment.0 - 1);
            let missing = JournalError::MissingSegments { first: expected, last };
            return Err(doubtful_rot(&files.doubtful).unwrap_or(missing));
        }
        expected.0 += 1;
    }
    Ok(store)
}

/// A file with a bad header is the likely one when a segment is missing.
pub(crate) fn doubtful_rot(doubtful: &[DoubtfulFile]) -> Option<JournalError> {
    let doubtful = doubtful.iter().find(|doubtful| doubtful.file.is_some())?;
    let (path, damage) = (doubtful.path.clone(), doubtful.damage);
    Some(JournalError::Rot { path, segment: None, damage, proven_by: None })
}

/// Fills the table of segments and visits every record. All of it is proven durable or was just walked, so whatever is bad is rot.
async fn visit_log(
    log: &[LogFile],
    end: &End,
    state: &mut State,
    visit: &mut Visitor<'_>,
) -> Result<RecoveryReport, JournalError> {
    let mut report = RecoveryReport {
        tail: end.tail.clone(),
        segment_count: log.len(),
        record_count: 0,
        payload_bytes: 0,
        shredded_count: 0,
    };
    let journal_id = state.journal_id;
    // Where payloads are opened, one after the other.
    let mut opened = Vec::new();
    let mut sequence = log.first().map_or(end.sequence, |first| first.header.first_sequence);
    for (place, log_file) in log.iter().enumerate() {
        let next = log.get(place + 1);
        let segment_end = next.map_or(end.offset, |next| next.header.previous_end);
        let proven_by = next.map_or(end.sequence, |next| next.header.first_sequence);
        if log_file.header.first_sequence != sequence {
            let kind = DamageKind::Sequence { expected: sequence, found: log_file.header.first_sequence };
            return Err(rot(log_file, Damage { offset: 0, kind }, Some(proven_by)));
        }
        let segment = segment_of(journal_id, log_file, segment_end);
        let origin = segment.origin.clone();
        state.liveness.log.push_back(segment);
        let mut walk = walk_of(journal_id, log_file, segment_end);
        let mut reader = Reader::new(&log_file.file);
        while walk.offset < walk.end {
            let flush = match reader.step(&mut walk).await? {
                Ok(flush) => flush,
                Err(damage) => return Err(rot(log_file, damage, Some(proven_by))),
            };
            visit_flush((&flush, &origin), state, (&mut report, &mut opened), log_file.file.path(), visit)?;
        }
        sequence = walk.sequence;
    }
    if sequence != end.sequence {
        let last = log.last().expect("without a segment the sequence is the end's");
        let kind = DamageKind::Sequence { expected: end.sequence, found: sequence };
        return Err(rot(last, Damage { offset: end.offset, kind }, Some(end.sequence)));
    }
    Ok(report)
}

/// Opens and visits every record of a flush of the file at `path`. `opened` is where payloads are opened.
fn visit_flush(
    (flush, origin): (&Flush<'_>, &Origin),
    state: &mut State,
    (report, opened): (&mut RecoveryReport, &mut Vec<u8>),
    path: &Path,
    visit: &mut Visitor<'_>,
) -> Result<(), JournalError> {
    let State { liveness, opener, .. } = state;
    flush.visit(|record, location| {
        liveness.add(location);
        let record = match record.open((&mut *opener, origin), location.offset, opened) {
            Ok(record) => record,
            Err(Unopened::NoKey(NoKey::Shredded)) => {
                report.shredded_count += 1;
                liveness.release(location);
                return Ok(());
            }
            Err(reason) => return Err(JournalError::Sealed { path: path.to_path_buf(), location, reason }),
        };
        report.record_count += 1;
        report.payload_bytes += record.payload.len() as u64;
        visit(record, location, liveness).map_err(|reason| JournalError::Refused { location, reason })
    })
}

/// Makes spares of the files that are, and removes those that are too many.
async fn give_places(
    runtime: &Runtime,
    directories: &Directories,
    files: Files,
    state: &mut State,
) -> Result<(), JournalError> {
    for (file, file_number) in files.spares {
        if state.spares.count() < Spares::count_max(state.liveness.segment_count())
            && file.len_bytes() == directories.segment_bytes()
        {
            state.spares.add(Spare { file, file_number, epoch: runtime.chance() });
        } else {
            directories.remove_segment(runtime, &file).await?;
        }
    }
    Ok(())
}

/// Writes the mark behind which the log goes on, and waits for it.
async fn write_mark(runtime: &Runtime, directories: &Directories, state: &mut State) -> Result<(), JournalError> {
    loop {
        if let CommitStep::Flush(mut flush) = state.take_flush() {
            let (buffer, result) = flush.file.write_durable_at(u64::from(flush.offset), flush.buffer).await;
            result?;
            flush.buffer = buffer;
            state.handle_flushed(flush);
            return Ok(());
        }
        // No room: the first start, or a last segment that is full to its end.
        let number = state.next_file_number;
        state.next_file_number += 1;
        let (journal_id, core) = (state.journal_id, state.core);
        let spare = NewSpare { journal_id, core, number, filling: Filling::Zeros };
        let (spare, errors) = directories.create_spare(runtime, spare).await;
        let Some(spare) = spare else {
            return Err(errors.into_iter().next().expect("there is at least one directory").into());
        };
        state.handle_prepared(spare);
    }
}

pub(crate) fn walk_of(journal_id: u64, log_file: &LogFile, end: u32) -> Walk {
    Walk {
        journal_id,
        epoch: log_file.header.epoch,
        segment: log_file.header.segment,
        offset: BLOCK_BYTES_U32,
        end: end.min(file_bytes(&log_file.file)),
        sequence: log_file.header.first_sequence,
    }
}

fn segment_of(journal_id: u64, log_file: &LogFile, end: u32) -> Segment {
    let end = end.min(file_bytes(&log_file.file));
    Segment {
        id: log_file.header.segment,
        file: log_file.file.clone(),
        file_number: log_file.number,
        epoch: log_file.header.epoch,
        key: ChecksumKey::new(journal_id, log_file.header.epoch),
        first_sequence: log_file.header.first_sequence,
        end,
        durable_end: end,
        flushes_end: FlushesEnd::Durable,
        live_bytes: 0,
        superseded_bytes: 0,
        origin: log_file.origin(journal_id),
    }
}

/// Bytes of its whole blocks. No segment is longer than 4 GiB, so what is longer is none of them all the way.
pub(crate) fn file_bytes(file: &File) -> u32 {
    u32::try_from(file.len_bytes()).unwrap_or(u32::MAX) / BLOCK_BYTES_U32 * BLOCK_BYTES_U32
}

/// Reads a segment in windows.
pub(crate) struct Reader {
    file: File,
    /// Where in the file the window begins, in bytes.
    base: u32,
    window: Option<Buffer>,
}

impl Reader {
    pub(crate) fn new(file: &File) -> Reader {
        Reader { file: file.clone(), base: 0, window: None }
    }

    /// The bytes from `offset` on: at least `least` of them (or all up to the end of the file).
    pub(crate) async fn window(&mut self, offset: u32, least: usize) -> Result<&[u8], FileError> {
        let left = (file_bytes(&self.file) - offset) as usize;
        let least = least.min(left);
        let is_there = self
            .window
            .as_ref()
            .is_some_and(|window| offset >= self.base && (offset - self.base) as usize + least <= window.len());
        if !is_there {
            self.window = None;
            let length = WINDOW_BYTES.max(least).min(left);
            self.window = Some(self.file.read_at(u64::from(offset), length).await?);
            self.base = offset;
        }
        let window = self.window.as_ref().expect("it was read");
        Ok(&window.as_slice()[(offset - self.base) as usize..])
    }

    /// The walk's next step, with as many bytes as it takes; the inner result is the walk's.
    pub(crate) async fn step(&mut self, walk: &mut Walk) -> Result<Result<Flush<'_>, Damage>, FileError> {
        let least = walk.needed_bytes(self.window(walk.offset, BLOCK_BYTES).await?);
        let window = self.window(walk.offset, least.max(BLOCK_BYTES)).await?;
        Ok(walk.step(window))
    }
}
