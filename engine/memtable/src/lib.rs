//! The memtable: a skiplist with one writer and any number of lock-free readers.
//!
//! On the way of a request: `partition` applies a durable Change by inserting it here, and reads here first. Keys are
//! the model's encoded keys, versions are log indexes, values are encoded items; to this room all three are bytes
//! and numbers. The core that owns the partition holds the [`Writer`]; flush, backup and eventually consistent
//! reads on other cores hold a [`Reader`], or look into a [`SetReader`].
//!
//! | file | holds |
//! | --- | --- |
//! | `memtable.rs` | what both ends share, and the search |
//! | `writer.rs` | inserting |
//! | `key_index.rs` | the owner's point reads, by hash |
//! | `read_ahead.rs` | asking for memory before it is looked at |
//! | `range.rs` | iteration over a span of keys, either way |
//! | `merge.rs` | several memtables as one ordered stream |
//! | `set.rs` | the memtables of a partition, published to other cores, retired by epochs |
//! | `node.rs`, `position.rs`, `arena.rs`, `sync.rs` | an entry in memory, the order, the memory, the atomics |
//!
//! This is the one room of `unsafe`. Each atomic access names its partner; `loom-tests` explores them.
//!
//! Deliberately not here: removal of single entries, more than one writer, and any knowledge of what a key or a
//! value means.

mod arena;
mod key_index;
mod memtable;
mod merge;
mod node;
mod position;
mod range;
mod read_ahead;
mod set;
mod spare;
mod sync;
mod writer;

pub use key_index::{KeyTag, TaggedKey};
pub use memtable::{Memtable, MemtableOptions, Reader};
pub use merge::{Live, Merge, find_newest};
pub use range::{Direction, Forward, KeySpan, Range, Reverse, Walk};
pub use read_ahead::PrefetchStep;
pub use set::{Pinned, SetPublisher, SetReader};
pub use spare::SpareChunks;
pub use writer::{InsertRefused, KEY_BYTES_MAX, Writer};

/// What a version of a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'m> {
    /// The key has this value.
    Put(&'m [u8]),
    /// The key was deleted.
    Tombstone,
}

/// An entry with its key and version; borrowed from the memtable that it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'m> {
    /// The key.
    pub key: &'m [u8],
    /// The version: the log index of the change that made it.
    pub version: u64,
    /// The value, or that there is none.
    pub entry: Entry<'m>,
}

#[cfg(not(loom))]
const _: () = {
    const fn is_send<T: Send>() {}
    const fn is_shared<T: Send + Sync + Clone>() {}
    is_send::<Writer>();
    is_send::<SetPublisher>();
    is_shared::<Reader>();
    is_shared::<SetReader>();
    is_shared::<SpareChunks>();
};
