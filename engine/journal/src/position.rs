//! The kinds of number that name a place or a moment: groups, terms, indices, segments, locations, positions.
//!
//! Each is a type of its own so that none is passed for another. They are plain values, owned by nobody. What the
//! numbers count on disk is in `FORMAT.md`; how a position becomes durable is in `committer.rs`.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

number!(
    /// A Raft group. Unique in the cluster.
    GroupId(u64)
);
number!(
    /// A Raft term; 0 before the first election.
    Term(u64)
);
number!(
    /// Place of an entry in its group's log, from 1; 0 means "before the first".
    LogIndex(u64)
);
number!(
    /// One use of a segment file: 1, 2, 3 ... in log order, never reused within a journal.
    SegmentId(u32)
);
number!(
    /// How many records were appended since this journal was opened. Comparable only within one opening:
    /// a record is durable when `durable() >= ` the position that `appended()` had right behind it.
    Position(u64)
);

/// Where a record lies: enough, with the journal's key, to read and check it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The segment.
    pub segment: SegmentId,
    /// Offset of the record's header in the segment file, in bytes.
    pub offset: u32,
    /// Bytes of payload.
    pub len: u32,
}

const _: () = assert!(size_of::<Location>() == 12);

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "segment {} offset {} ({} bytes)", self.segment, self.offset, self.len)
    }
}
