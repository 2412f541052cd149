//! A sorted run: files of one set whose keys do not overlap, in the order of their keys.
//!
//! A flush makes one, a merge makes one out of several. In a set the newest run comes first.

use sstable::Table;
use std::ops::Bound;
use std::rc::Rc;

/// Tells apart the runs that a partition has had since it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RunId(pub(crate) u64);

/// See the front page.
pub(crate) struct Run {
    pub(crate) id: RunId,
    /// At least one.
    pub(crate) files: Vec<Rc<Table>>,
    /// A merge reads it.
    pub(crate) is_merging: bool,
}

impl Run {
    /// The file that the key can be in.
    pub(crate) fn file_of(&self, key: &[u8]) -> Option<&Rc<Table>> {
        let after = self.files.partition_point(|file| file.record().first_key.as_slice() <= key);
        after.checked_sub(1).map(|place| &self.files[place])
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

    /// Entries of all files.
    pub(crate) fn entry_count(&self) -> u64 {
        self.files.iter().map(|file| file.record().entry_count).sum()
    }

    /// Bytes that its files hold in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.files.iter().map(|file| file.memory_bytes()).sum()
    }
}
