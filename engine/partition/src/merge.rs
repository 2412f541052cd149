//! Merging the memtables of a set into a new base, in steps: superseded versions and deletions stay behind.
//!
//! Runs in the background beside the owner, which goes on reading the inputs. What is left behind is
//! told, so that the journal gets the space back. Synchronous state: one step, a bounded piece of work.

use crate::table_set::{BaseTable, Content, MemtablesOptions};
use journal::Location;
use memtable::{Direction, Found, InsertRefused, KeySpan, Merge, Reader, Writer};
use std::ops::Bound;

const NEWEST: u64 = u64::MAX;

/// The set of a partition whose tables are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MergeTarget {
    /// The items.
    Items,
    /// The entries of the local index of that number.
    LocalIndex(usize),
    /// The due times, as of when items began to expire for that time.
    DueTimes(u64),
}

/// A merge in progress. Made by the partition, stepped by the engine's background task.
pub struct MergeWork {
    /// Newest first: the frozen tables, then the base.
    inputs: Vec<Reader>,
    content: Content,
    options: MemtablesOptions,
    frozen_count: usize,
    target: MergeTarget,
    /// The last key that was looked at.
    last_key: Option<Vec<u8>>,
    filling: Option<(Vec<u8>, Writer)>,
    output: Vec<BaseTable>,
    superseded: Vec<Location>,
    /// Whether there is a new base at the end; if not, everything is left behind.
    keeps_newest: bool,
}

impl MergeWork {
    pub(crate) fn new(
        inputs: Vec<Reader>,
        (content, options): (Content, MemtablesOptions),
        frozen_count: usize,
        target: MergeTarget,
    ) -> Self {
        Self {
            inputs,
            content,
            options,
            frozen_count,
            target,
            last_key: None,
            filling: None,
            output: Vec::new(),
            superseded: Vec::new(),
            keeps_newest: true,
        }
    }

    /// Work that leaves everything in `inputs` behind: what a deleted table does.
    pub(crate) fn release(inputs: Vec<Reader>, of: (Content, MemtablesOptions)) -> Self {
        Self { keeps_newest: false, ..Self::new(inputs, of, 0, MergeTarget::Items) }
    }

    /// Merges up to `key_count` further keys. Returns whether the merge is complete.
    pub fn step(&mut self, key_count: usize) -> bool {
        let inputs = std::mem::take(&mut self.inputs);
        let is_complete = self.merge(&inputs, key_count);
        self.inputs = inputs;
        is_complete
    }

    /// Journal records that no table names any more, found since the last call.
    pub fn take_superseded(&mut self) -> Vec<Location> {
        std::mem::take(&mut self.superseded)
    }

    /// The set that was merged, how many of its frozen tables the new base stands for, and the new base.
    pub(crate) fn into_base(mut self) -> (MergeTarget, usize, Vec<BaseTable>) {
        self.seal();
        (self.target, self.frozen_count, self.output)
    }

    fn merge(&mut self, inputs: &[Reader], key_count: usize) -> bool {
        let last_key = self.last_key.take();
        let lower = last_key.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let span = KeySpan { lower, upper: Bound::Unbounded };
        let tables = inputs.iter().map(|reader| &**reader);
        let mut keys = Merge::new(tables, span, NEWEST, Direction::Forward);
        for _ in 0..key_count {
            let Some(found) = keys.next() else { return true };
            self.leave_superseded(inputs, found.key, found.version);
            if self.keeps_newest && self.content.is_live(found) {
                self.keep(found);
            } else {
                self.superseded.extend(self.content.location(found));
            }
            self.last_key = Some(found.key.to_vec());
        }
        false
    }

    /// Notes every version of `key` older than `version`. A version that is in several tables is noted as the newest of them has it: where it
    /// lay before is not known to the journal any more.
    fn leave_superseded(&mut self, inputs: &[Reader], key: &[u8], mut version: u64) {
        if self.content == Content::Entries {
            return;
        }
        for table in inputs {
            while let Some(older) = version.checked_sub(1).and_then(|before| table.find(key, before)) {
                version = older.version;
                self.superseded.extend(self.content.location(older));
            }
        }
    }

    fn keep(&mut self, found: Found<'_>) {
        loop {
            let options = self.options;
            let (_, writer) = self.filling.get_or_insert_with(|| (found.key.to_vec(), options.create()));
            match writer.insert(found.key, found.version, found.entry) {
                Ok(()) => return,
                Err(InsertRefused::Full) => self.seal(),
                Err(error) => panic!("the entry was in a memtable of the same bound: {error}"),
            }
        }
    }

    fn seal(&mut self) {
        if let Some((first_key, writer)) = self.filling.take() {
            self.output.push(BaseTable { first_key, table: writer });
        }
    }
}
