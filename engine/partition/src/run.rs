//! A sorted run: files of one set whose keys do not overlap, in the order of their keys.
//!
//! A flush makes one, a merge makes one out of several. In a set the newest run comes first.

use crate::fences::{Fences, Place};
use crate::record_sums::RecordSums;
use journal::{RecordSum, SegmentId};
use runtime::Instant;
use sstable::{SegmentUse, SoughtKey, Table, TableError};
use std::collections::BTreeSet;
use std::ops::Bound;
use std::rc::Rc;

/// Tells apart the runs that a partition has had since it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RunId(pub(crate) u64);

/// What becomes a run once a checkpoint names it.
#[derive(Clone, Default)]
pub(crate) struct RunFiles {
    /// In the order of their keys.
    pub(crate) tables: Vec<Rc<Table>>,
    /// Records that they name, by segment.
    pub(crate) named: RecordSums,
}

impl RunFiles {
    /// Adds the file behind the others.
    pub(crate) async fn push(&mut self, table: Rc<Table>) -> Result<(), TableError> {
        for used in table.read_usage().await? {
            self.named.add(SegmentId(used.segment), sum_of(used));
        }
        self.tables.push(table);
        Ok(())
    }
}

/// What a file says that it keeps alive, as the journal counts.
fn sum_of(used: SegmentUse) -> RecordSum {
    RecordSum { count: u64::from(used.record_count), payload_bytes: used.payload_bytes }
}

/// See the front page.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) id: RunId,
    /// At least one.
    pub(crate) files: Vec<Rc<Table>>,
    /// Of these.
    fences: Fences,
    /// Records that they name, by segment, without those in `emptied`.
    pub(crate) named: Rc<RecordSums>,
    /// The sum of these.
    pub(crate) named_sum: RecordSum,
    /// How many records they named in those in `emptied`.
    emptied_count: u64,
    /// Segments that they name and that were emptied since: a newer run has another place or another version of each of these keys.
    pub(crate) emptied: BTreeSet<SegmentId>,
    /// A merge reads it.
    pub(crate) is_merging: bool,
    /// One of its files could not be read: before this no merge tries it again.
    pub(crate) spoiled_until: Option<Instant>,
}

impl Run {
    /// A run of these files, of which there is one at least.
    pub(crate) fn new(id: RunId, files: RunFiles) -> Self {
        let RunFiles { tables, named } = files;
        let named_sum = named.total();
        Self {
            id,
            fences: Fences::of(&tables),
            files: tables,
            named: Rc::new(named),
            named_sum,
            emptied_count: 0,
            emptied: BTreeSet::new(),
            is_merging: false,
            spoiled_until: None,
        }
    }

    /// The same of a run of which segments were emptied.
    pub(crate) fn of_record(id: RunId, files: RunFiles, emptied: &[SegmentId]) -> Self {
        let mut run = Self::new(id, files);
        run.empty(&emptied.iter().copied().collect());
        run
    }

    /// These segments are emptied.
    pub(crate) fn empty(&mut self, victims: &BTreeSet<SegmentId>) {
        let named_victims = victims.iter().filter(|victim| self.named.get(**victim).is_some());
        self.emptied.extend(named_victims);
        Rc::make_mut(&mut self.named).retain(|segment| !victims.contains(&segment));
        let before = std::mem::replace(&mut self.named_sum, self.named.total());
        self.emptied_count += before.count - self.named_sum.count;
    }

    /// Whether it is left alone, for one of its files could not be read.
    pub(crate) fn is_spoiled(&self, now: Instant) -> bool {
        self.spoiled_until.is_some_and(|until| now < until)
    }

    /// Whether it names a record in one of these segments.
    pub(crate) fn names_any(&self, segments: &BTreeSet<SegmentId>) -> bool {
        self.named_of(segments).next().is_some()
    }

    /// Records that it names in these segments.
    pub(crate) fn named_of(&self, segments: &BTreeSet<SegmentId>) -> impl Iterator<Item = (SegmentId, RecordSum)> {
        segments.iter().filter_map(|segment| Some((*segment, self.named.get(*segment)?)))
    }

    /// Bytes of its files on the disk.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.record().file_bytes()).sum()
    }

    /// The file that the key can be in, and the number of its index page that has to be asked.
    pub(crate) fn page_of(&self, sought: &SoughtKey<'_>) -> Option<(&Rc<Table>, usize)> {
        match self.fences.place_of(sought.leading_number()) {
            Place::Before => None,
            Place::Page { file, number } => Some((&self.files[file], number)),
            Place::Untold => {
                let key = sought.bytes();
                let after = self.files.partition_point(|file| file.record().first_key.as_slice() <= key);
                let file = &self.files[after.checked_sub(1)?];
                Some((file, file.page_number_of(key)?))
            }
        }
    }

    /// The files that can hold keys between two bounds, in the order of their keys.
    pub(crate) fn files_between<'r>(
        &'r self,
        lower: Bound<&[u8]>,
        upper: Bound<&[u8]>,
    ) -> impl DoubleEndedIterator<Item = &'r Rc<Table>> + use<'r> {
        let begin = self.files.partition_point(|file| match lower {
            Bound::Included(lower) => file.record().last_key.as_slice() < lower,
            Bound::Excluded(lower) => file.record().last_key.as_slice() <= lower,
            Bound::Unbounded => false,
        });
        let end = self.files.partition_point(|file| match upper {
            Bound::Included(upper) => file.record().first_key.as_slice() <= upper,
            Bound::Excluded(upper) => file.record().first_key.as_slice() < upper,
            Bound::Unbounded => true,
        });
        self.files[begin..end.max(begin)].iter()
    }

    /// Entries that are no deletions, and how many of them have their items in the journal, or had them there before that was emptied.
    pub(crate) fn item_counts(&self) -> (u64, u64) {
        let deletion_count: u64 = self.files.iter().map(|file| file.record().tombstone_count).sum();
        (self.entry_count() - deletion_count, self.named_sum.count + self.emptied_count)
    }

    /// Entries of all files.
    pub(crate) fn entry_count(&self) -> u64 {
        self.files.iter().map(|file| file.record().entry_count).sum()
    }

    /// Bytes that its files hold in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        let named = self.named.segment_count() * size_of::<(SegmentId, RecordSum)>()
            + self.emptied.len() * size_of::<SegmentId>();
        named + self.fences.memory_bytes() + self.files.iter().map(|file| file.memory_bytes()).sum::<usize>()
    }
}
