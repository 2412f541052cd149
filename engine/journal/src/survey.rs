//! A journal that is looked at, not taken over: nothing is created, written, synced or removed, and what is damaged is told and passed by.
//!
//! ```text
//! open            the files by their headers, the end of the last segment, where the log begins
//! read_segment    every record of one segment, and every fault, to its end
//! read_record     one record by its location
//! ```
//!
//! For who inspects data that no process has open; one a journal. What an opening would refuse for one fault is read on behind it here: the next
//! flush whose header passes tells where to go on. Deliberately not here: what a record means, and which are alive.

use crate::block::{ActiveHeader, BLOCK_BYTES, BLOCK_BYTES_U32, ChecksumKey, FlushHeader, FlushKind};
use crate::coding::{Opener, Origin};
use crate::directory::Directories;
use crate::error::{JournalError, ReadError, Unopened};
use crate::journal::{JournalOptions, check_record};
use crate::position::{GroupId, Location, SegmentId};
use crate::record::{OwnedRecord, Record, RecordKind, encoded_bytes_max};
use crate::recovery::{
    DoubtfulFile, LogFile, Purpose, Reader, Tail, doubtful_rot, file_bytes, find_proof, sort_files, tail_of, walk_of,
};
use crate::walk::{Damage, DamageKind, Flush, Walk};
use runtime::{File, FileError, Runtime};
use security::{FileKey, GroupKeys, NoKey};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// See the front page.
pub struct Survey {
    journal_id: u64,
    opener: RefCell<Opener>,
    segments: BTreeMap<SegmentId, Surveyed>,
    replay_start: SegmentId,
    tail: Tail,
    /// Where the last segment ends, in bytes.
    end: u32,
    spares: Vec<File>,
    doubtful: Vec<DoubtfulFile>,
    faults: Vec<JournalError>,
}

/// A segment and what its neighbour says of it.
struct Surveyed {
    log_file: LogFile,
    /// Of the segment behind it, if that is there.
    next: Option<ActiveHeader>,
    is_last: bool,
    /// Where its records come from.
    origin: Origin,
}

/// What is known of a segment without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyedSegment {
    /// Which one.
    pub segment: SegmentId,
    /// Its file.
    pub path: PathBuf,
    /// New each time that a file becomes a segment.
    pub epoch: u64,
    /// Length of the file.
    pub file_bytes: u64,
    /// Where it ends in the file, as the next segment or the end of the log says; `None` if neither does.
    pub end_bytes: Option<u32>,
    /// Whether it is visited at a start: part of the log, not of the store.
    pub is_visited: bool,
}

/// What reading a segment comes upon, in the order of the file.
pub enum Found<'r> {
    /// A record, opened.
    Record(Record<'r>, Location),
    /// A record of a deleted table, whose keys are gone.
    Shredded {
        /// Its group.
        group: GroupId,
        /// What it holds.
        kind: RecordKind,
        /// Where it lies.
        location: Location,
    },
    /// What is not as it was written; reading goes on behind it.
    Fault(JournalError),
}

/// What the walk over a segment comes upon.
enum Step<'f> {
    Flush(&'f Flush<'f>),
    /// There was a flush, as the sequence of a later one proves, if it takes a proof.
    Damage(Damage, Option<u64>),
    /// There is no further flush.
    End(Damage),
}

impl Survey {
    /// Looks at the journal of a core whose directories are there. `None` if it was never begun.
    ///
    /// # Errors
    /// If files cannot be read, or are those of another journal or of another version. What is damaged is no error: see [`Survey::faults`].
    pub async fn open(
        runtime: &Runtime,
        options: &JournalOptions,
        keys: GroupKeys,
    ) -> Result<Option<Survey>, JournalError> {
        let directories = Directories::of(options)?;
        let listed = directories.list_segments(runtime).await?;
        let known = directories.recognise(runtime, options.core.0, !listed.is_empty()).await?;
        let Some(journal_id) = known else { return Ok(None) };
        let files = sort_files(runtime, journal_id, &listed, Purpose::Read).await?;
        let mut survey = Survey {
            journal_id,
            opener: RefCell::new(Opener::new(keys)),
            segments: with_neighbours(journal_id, files.log),
            replay_start: SegmentId(1),
            tail: Tail::New,
            end: 0,
            spares: files.spares.into_iter().map(|(file, _)| file).collect(),
            doubtful: files.doubtful,
            faults: Vec::new(),
        };
        let next_sequence = survey.find_end().await?;
        survey.find_gaps();
        survey.find_proven(next_sequence).await?;
        Ok(Some(survey))
    }

    /// What an opening would refuse before it reads the records.
    pub fn faults(&self) -> &[JournalError] {
        &self.faults
    }

    /// How the log ends.
    pub fn tail(&self) -> &Tail {
        &self.tail
    }

    /// The first segment of the log.
    pub fn replay_start(&self) -> SegmentId {
        self.replay_start
    }

    /// All segments of the store and the log, oldest first.
    pub fn segments(&self) -> impl Iterator<Item = SurveyedSegment> + '_ {
        self.segments.iter().map(|(segment, surveyed)| SurveyedSegment {
            segment: *segment,
            path: surveyed.log_file.file.path().to_path_buf(),
            epoch: surveyed.log_file.header.epoch,
            file_bytes: surveyed.log_file.file.len_bytes(),
            end_bytes: match surveyed.is_last {
                true => Some(self.end),
                false => surveyed.next.map(|next| next.previous_end),
            },
            is_visited: *segment >= self.replay_start,
        })
    }

    /// Files that wait to become segments, with their lengths in bytes.
    pub fn spares(&self) -> impl Iterator<Item = (&Path, u64)> {
        self.spares.iter().map(|file| (file.path(), file.len_bytes()))
    }

    /// Files whose headers tell nothing. If nothing is missing they were never part of the journal, and the next start removes them.
    pub fn doubtful(&self) -> impl Iterator<Item = (&Path, Damage)> {
        self.doubtful.iter().map(|doubtful| (doubtful.path.as_path(), doubtful.damage))
    }

    /// What opens the blocks of a sorted file of the group that says `version`.
    ///
    /// # Errors
    /// If there is no such key.
    pub fn file_key(&self, group: GroupId, version: u16, file: u64) -> Result<FileKey, NoKey> {
        self.opener.borrow().keys.opening_file(group.0, version, file)
    }

    /// Reads a segment from its beginning to its end, which it gives, in bytes. `None` if it is not there.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub async fn read_segment(
        &self,
        segment: SegmentId,
        visit: &mut dyn FnMut(Found<'_>),
    ) -> Result<Option<u32>, FileError> {
        let Some(surveyed) = self.segments.get(&segment) else { return Ok(None) };
        let path = surveyed.log_file.file.path();
        let mut opened = Vec::new();
        let mut is_whole = true;
        let mut step = |step: Step<'_>| match step {
            Step::Flush(flush) => self.open_records((flush, &surveyed.origin), path, &mut opened, visit),
            Step::Damage(damage, proven_by) => {
                is_whole = false;
                visit(Found::Fault(surveyed.rot(damage, proven_by)));
            }
            Step::End(_) => {}
        };
        let walk = walk_through(self.journal_id, surveyed, &mut step).await?;
        if let Some(next) = surveyed.next.filter(|next| is_whole && next.first_sequence != walk.sequence) {
            let kind = DamageKind::Sequence { expected: next.first_sequence, found: walk.sequence };
            visit(Found::Fault(surveyed.rot(Damage { offset: walk.offset, kind }, Some(next.first_sequence))));
        }
        Ok(Some(walk.offset))
    }

    /// Opens each record of a flush of the file at `path`; `opened` is where.
    fn open_records(
        &self,
        (flush, origin): (&Flush<'_>, &Origin),
        path: &Path,
        opened: &mut Vec<u8>,
        visit: &mut dyn FnMut(Found<'_>),
    ) {
        let mut opener = self.opener.borrow_mut();
        let visited: Result<(), std::convert::Infallible> = flush.visit(|sealed, location| {
            let fault = |reason: Unopened| JournalError::Sealed { path: path.to_path_buf(), location, reason };
            match sealed.open((&mut opener, origin), location.offset, opened) {
                Ok(record) => visit(Found::Record(record, location)),
                Err(Unopened::NoKey(NoKey::Shredded)) => {
                    visit(Found::Shredded { group: sealed.group, kind: sealed.kind, location });
                }
                Err(reason) => visit(Found::Fault(fault(reason))),
            }
            Ok(())
        });
        visited.expect("it goes through all of them");
    }

    /// Reads one record, checks it and opens it.
    ///
    /// # Errors
    /// If there is none at the location.
    pub async fn read_record(&self, location: Location) -> Result<OwnedRecord, ReadError> {
        let surveyed = self.segments.get(&location.segment).ok_or(ReadError::Released(location))?;
        let file = &surveyed.log_file.file;
        let rot = |kind| ReadError::Rot {
            path: file.path().to_path_buf(),
            location,
            damage: Damage { offset: location.offset, kind },
        };
        let first = location.offset / BLOCK_BYTES_U32 * BLOCK_BYTES_U32;
        let inside = (location.offset - first) as usize;
        let file_end = file_bytes(file);
        if first >= file_end {
            return Err(rot(DamageKind::PastFile { file_bytes: file_end }));
        }
        let needed_bytes = (inside + encoded_bytes_max(location.len as usize)).next_multiple_of(BLOCK_BYTES);
        let length = needed_bytes.min((file_end - first) as usize);
        let buffer = file.read_at(u64::from(first), length).await.map_err(ReadError::File)?;
        let key = ChecksumKey::new(self.journal_id, surveyed.log_file.header.epoch);
        let sealed = check_record(key, location, &buffer.as_slice()[inside..]).map_err(rot)?;
        let unopened = |reason| ReadError::Sealed { path: file.path().to_path_buf(), location, reason };
        sealed.open_owned((&mut self.opener.borrow_mut(), &surveyed.origin), location).map_err(unopened)
    }

    /// Where the log ends and begins. Gives the sequence that its next flush would have.
    async fn find_end(&mut self) -> Result<u64, JournalError> {
        let mut segments = self.segments.values().rev();
        let Some(last) = segments.next() else { return Ok(1) };
        let mut newest = None;
        let mut end = None;
        let walk = walk_through(self.journal_id, last, &mut |step| match step {
            Step::Flush(flush) => newest = Some(flush.header),
            Step::Damage(..) => {}
            Step::End(damage) => end = Some(damage),
        })
        .await?;
        let id = last.log_file.header.segment;
        let mut faults = Vec::new();
        if newest.is_none() && id > SegmentId(1) {
            let before_id = SegmentId(id.0 - 1);
            match segments.next().filter(|before| before.log_file.header.segment == before_id) {
                Some(before) => newest = newest_of(self.journal_id, before).await?,
                None => faults.push(JournalError::MissingSegments { first: before_id, last: before_id }),
            }
        }
        let is_closed = newest.is_some_and(|header| header.kind == FlushKind::Close);
        let end = end.unwrap_or(Damage { offset: walk.offset, kind: DamageKind::NoFlush });
        if let DamageKind::FlushKind(_) | DamageKind::RecordKind(_) = end.kind {
            faults.push(last.rot(end, None));
        }
        let tail = tail_of(self.journal_id, &last.log_file, is_closed, (walk.offset, end)).await?;
        self.replay_start = newest.map_or(id, |header| header.replay_start);
        self.faults.extend(faults);
        self.tail = tail;
        self.end = walk.offset;
        Ok(walk.sequence)
    }

    /// Notes which segments of the log are missing.
    fn find_gaps(&mut self) {
        let mut expected = self.replay_start;
        let mut faults = Vec::new();
        for segment in self.segments.range(self.replay_start..).map(|(segment, _)| *segment) {
            if segment > expected {
                faults.push(JournalError::MissingSegments { first: expected, last: SegmentId(segment.0 - 1) });
            }
            expected = SegmentId(segment.0 + 1);
        }
        if !faults.is_empty() {
            faults.extend(doubtful_rot(&self.doubtful));
        }
        self.faults.extend(faults);
    }

    /// Notes doubtful files that hold a flush behind the end of the log: their headers were good once.
    async fn find_proven(&mut self, next_sequence: u64) -> Result<(), JournalError> {
        for doubtful in &self.doubtful {
            let Some(file) = &doubtful.file else { continue };
            if let Some((_, proof)) = find_proof(self.journal_id, None, next_sequence, (file, 0)).await? {
                let (path, damage) = (doubtful.path.clone(), doubtful.damage);
                self.faults.push(JournalError::Rot { path, segment: None, damage, proven_by: Some(proof) });
            }
        }
        Ok(())
    }
}

impl Surveyed {
    fn rot(&self, damage: Damage, proven_by: Option<u64>) -> JournalError {
        let (path, segment) = (self.log_file.file.path().to_path_buf(), Some(self.log_file.header.segment));
        JournalError::Rot { path, segment, damage, proven_by }
    }

    /// Whether this, with nothing good behind it in the segment, is the end of the segment, and not damage in it. In the last segment whatever was
    /// not proven durable is; in the others, what an earlier use of the file has left.
    fn is_end(&self, damage: Damage) -> bool {
        let is_nothing = matches!(damage.kind, DamageKind::NoFlush | DamageKind::Epoch { .. });
        self.next.is_none() && (self.is_last || is_nothing)
    }
}

/// Each segment with what the one behind it says.
fn with_neighbours(journal_id: u64, log: Vec<LogFile>) -> BTreeMap<SegmentId, Surveyed> {
    let headers: Vec<ActiveHeader> = log.iter().map(|log_file| log_file.header).collect();
    let count = log.len();
    let surveyed = log.into_iter().enumerate().map(|(place, log_file)| {
        let id = log_file.header.segment;
        let next = headers.get(place + 1).copied().filter(|next| next.segment.0 == id.0 + 1);
        let origin = log_file.origin(journal_id);
        (id, Surveyed { log_file, next, is_last: place + 1 == count, origin })
    });
    surveyed.collect()
}

/// The last good flush of a segment.
async fn newest_of(journal_id: u64, segment: &Surveyed) -> Result<Option<FlushHeader>, FileError> {
    let mut newest = None;
    let mut step = |step: Step<'_>| {
        if let Step::Flush(flush) = step {
            newest = Some(flush.header);
        }
    };
    walk_through(journal_id, segment, &mut step).await?;
    Ok(newest)
}

/// Walks a segment from its beginning to its end, past what is damaged. Gives the walk where it ends.
async fn walk_through(journal_id: u64, segment: &Surveyed, visit: &mut dyn FnMut(Step<'_>)) -> Result<Walk, FileError> {
    let file = &segment.log_file.file;
    let end = segment.next.map_or(file_bytes(file), |next| next.previous_end);
    let mut walk = walk_of(journal_id, &segment.log_file, end);
    let mut reader = Reader::new(file);
    while walk.offset < walk.end {
        let damage = match reader.step(&mut walk).await? {
            Ok(flush) => {
                visit(Step::Flush(&flush));
                continue;
            }
            Err(damage) => damage,
        };
        let proof = find_proof(journal_id, Some(walk.epoch), walk.sequence, (file, walk.offset)).await?;
        match proof.filter(|(offset, _)| *offset < walk.end) {
            Some((offset, sequence)) => {
                visit(Step::Damage(damage, Some(sequence)));
                (walk.offset, walk.sequence) = (offset, sequence);
            }
            None if segment.is_end(damage) => {
                visit(Step::End(damage));
                break;
            }
            None => {
                visit(Step::Damage(damage, segment.next.map(|next| next.first_sequence)));
                break;
            }
        }
    }
    Ok(walk)
}
