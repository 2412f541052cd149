//! Everything is read: every segment, every block of every file, and every record that an entry names.
//!
//! Entries name records in the order of keys, records lie in the order of time: names are gathered, sorted by place, and held against one pass over
//! each segment. So a disk is read from front to back, and memory is bounded whatever the size of the data.

use super::fault::{Fault, FaultCause};
use super::summary::{RunFile, files_of};
use super::{Inspection, Worker};
use journal::{Found, GroupId, Location, LogIndex, Record, RecordKind, SegmentId, Survey};
use partition::ChangeView;
use runtime::CoreId;
use sstable::Content;
use std::path::PathBuf;
use xxhash_rust::xxh3::xxh3_64;

/// Names that are gathered before they are looked up; a file more may add its own.
const NAME_COUNT_MAX: usize = 2 << 20;

/// What has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Segments.
    pub segment_count: u64,
    /// Records in them.
    pub record_count: u64,
    /// Sorted files.
    pub file_count: u64,
    /// Entries in them.
    pub entry_count: u64,
    /// Entries that name a record.
    pub name_count: u64,
    /// What was not as it was written.
    pub fault_count: u64,
}

/// An entry of a file that names a record.
struct Name {
    location: Location,
    /// Of the entry; the index of the record.
    version: u64,
    key_hash: u64,
    /// The file, by its place in `Names::files`.
    file: usize,
    is_found: bool,
}

/// Names of one worker's files.
#[derive(Default)]
struct Names {
    names: Vec<Name>,
    files: Vec<(PathBuf, GroupId)>,
}

impl Inspection {
    /// Reads everything and calls `visit` with each fault.
    pub async fn verify(&self, visit: &mut dyn FnMut(Fault)) -> Verified {
        let mut verified = Verified::default();
        let mut count = 0;
        let mut counting = |fault| {
            count += 1;
            visit(fault);
        };
        self.faults.iter().cloned().for_each(&mut counting);
        for worker in &self.workers {
            if let Some(survey) = &worker.survey {
                self.verify_worker((worker, survey), &mut verified, &mut counting).await;
            }
        }
        Verified { fault_count: count, ..verified }
    }

    async fn verify_worker(
        &self,
        (worker, survey): (&Worker, &Survey),
        verified: &mut Verified,
        visit: &mut dyn FnMut(Fault),
    ) {
        let core = worker.core;
        for segment in survey.segments() {
            verified.segment_count += 1;
            let mut found = |found: Found<'_>| match found {
                Found::Record(..) | Found::Shredded { .. } => verified.record_count += 1,
                // Those of the log were told when it was read.
                Found::Fault(_) if segment.is_visited => {}
                Found::Fault(error) => visit(Fault { core, cause: FaultCause::Journal(error) }),
            };
            match survey.read_segment(segment.segment, &mut found).await {
                Err(error) if !segment.is_visited => visit(Fault { core, cause: FaultCause::File(error) }),
                Ok(_) | Err(_) => {}
            }
        }
        let mut names = Names::default();
        for (group, log) in &worker.groups {
            // What a deleted table has left is removed at the next start.
            let Some(checkpoint) = log.checkpoint.as_ref().filter(|_| self.table_of(*group).is_some()) else {
                continue;
            };
            for file in checkpoint.sets.iter().flat_map(|(_, runs)| files_of(runs)) {
                verified.file_count += 1;
                verified.entry_count += self.verify_file((core, survey), (*group, file), &mut names, visit).await;
                if names.names.len() >= NAME_COUNT_MAX {
                    verified.name_count += names.look_up(core, survey, visit).await;
                }
            }
        }
        verified.name_count += names.look_up(core, survey, visit).await;
    }

    /// Reads a file, notes the records that it names, and gives how many entries it has.
    async fn verify_file(
        &self,
        (core, survey): (CoreId, &Survey),
        (group, RunFile { run, file: record, .. }): (GroupId, RunFile<'_>),
        names: &mut Names,
        visit: &mut dyn FnMut(Fault),
    ) -> u64 {
        let table = match self.open_table((core, survey), group, record).await {
            Ok(table) => table,
            Err(error) => {
                visit(Fault { core, cause: FaultCause::Table(error) });
                return 0;
            }
        };
        names.files.push((table.path().to_path_buf(), group));
        let file = names.files.len() - 1;
        let mut entry_count = 0;
        let faults = table
            .verify(&mut |key, entry| {
                entry_count += 1;
                // A newer run has the key too where the segment was emptied.
                if let Content::InJournal { place, .. } = entry.content
                    && run.emptied.binary_search(&SegmentId(place.segment)).is_err()
                {
                    let location =
                        Location { segment: SegmentId(place.segment), offset: place.offset, len: place.bytes };
                    let key_hash = xxh3_64(key);
                    names.names.push(Name { location, version: entry.version, key_hash, file, is_found: false });
                }
            })
            .await;
        faults.into_iter().for_each(|error| visit(Fault { core, cause: FaultCause::Table(error) }));
        entry_count
    }
}

impl Names {
    /// Looks for every record that is named, and forgets the names. Gives how many there were.
    async fn look_up(&mut self, core: CoreId, survey: &Survey, visit: &mut dyn FnMut(Fault)) -> u64 {
        let mut names = std::mem::take(&mut self.names);
        names.sort_unstable_by_key(|name| name.location);
        for of_segment in names.chunk_by_mut(|left, right| left.location.segment == right.location.segment) {
            self.look_up_segment((core, survey), of_segment, visit).await;
        }
        names.len() as u64
    }

    async fn look_up_segment(
        &self,
        (core, survey): (CoreId, &Survey),
        names: &mut [Name],
        visit: &mut dyn FnMut(Fault),
    ) {
        let segment = names[0].location.segment;
        let mut found = |found: Found<'_>| {
            if let Found::Record(record, location) = found {
                let first = names.partition_point(|name| name.location < location);
                let named = names[first..].iter_mut().take_while(|name| name.location == location);
                named.for_each(|name| name.is_found = self.check(name, record).is_ok());
            }
        };
        // What cannot be read of the segment has been told; single records may be readable nevertheless.
        if let Ok(None) = survey.read_segment(segment, &mut found).await {
            return self.miss_segment((core, survey), names, visit);
        }
        for name in names.iter().filter(|name| !name.is_found) {
            let cause = match survey.read_record(name.location).await {
                Ok(record) => self.check(name, record.as_record()).err(),
                Err(error) => Some(error.to_string()),
            };
            if let Some(cause) = cause {
                let (path, version, location) = (self.files[name.file].0.clone(), name.version, name.location);
                visit(Fault { core, cause: FaultCause::Place { path, version, location, cause } });
            }
        }
    }

    /// A segment is not there: one fault a file that names records in it, and one for each file that may be it.
    fn miss_segment(&self, (core, survey): (CoreId, &Survey), names: &[Name], visit: &mut dyn FnMut(Fault)) {
        let segment = names[0].location.segment;
        let mut files: Vec<usize> = names.iter().map(|name| name.file).collect();
        files.sort_unstable();
        for of_file in files.chunk_by(|left, right| left == right) {
            let (path, entry_count) = (self.files[of_file[0]].0.clone(), of_file.len() as u64);
            visit(Fault { core, cause: FaultCause::MissingSegment { path, segment, entry_count } });
        }
        for (path, damage) in survey.doubtful() {
            let error = journal::JournalError::Rot { path: path.to_path_buf(), segment: None, damage, proven_by: None };
            visit(Fault { core, cause: FaultCause::Journal(error) });
        }
    }

    /// Whether the record is the one that is meant.
    fn check(&self, name: &Name, record: Record<'_>) -> Result<(), String> {
        let is_entry = matches!(record.kind, RecordKind::Entry | RecordKind::CommittedEntry | RecordKind::Moved);
        let group = self.files[name.file].1;
        if !is_entry || (record.group, record.index) != (group, LogIndex(name.version)) {
            return Err(format!("it holds {:?} {} of group {}", record.kind, record.index, record.group));
        }
        let change = ChangeView::decode(record.payload).map_err(|error| error.to_string())?;
        let mut key = Vec::new();
        let key = change.key(&mut key).map_err(|error| error.to_string())?;
        match xxh3_64(key) == name.key_hash && change.image.is_some() {
            true => Ok(()),
            false => Err("it holds a change of another key".to_owned()),
        }
    }
}
