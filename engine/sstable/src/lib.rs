//! Sorted files of a partition: what its memtables hold once they have no place in memory.
//!
//! On the way of a request a read comes here when the memtables do not have the key; a write never does. Keys are the
//! model's encoded keys, versions are log indexes, values are encoded items; to this room all three are bytes and
//! numbers. The bytes on the disk are specified in `FORMAT.md`.
//!
//! ```text
//! making one    sorted entries -> Builder -> chunks of blocks -> TableWriter -> file, and its TableRecord
//! one key       Table::page_number_of -> resident_page -> IndexPage::probe -> Block::find   each step names the block it needs
//! a span        Merge over TableRanges                                         says Needs(reference), is supplied, goes on
//! blocks        Cache (a core's, bounded in bytes) <- Table::read              the one asynchronous step
//! ```
//!
//! | file | holds |
//! | --- | --- |
//! | `entry.rs`, `varint.rs` | an entry: version and content, and its bytes |
//! | `stored_key.rs` | its key: shortened, compared, put together |
//! | `block.rs`, `block_builder.rs`, `block_cursor.rs` | data blocks: searched, made, walked |
//! | `index_page.rs`, `page_builder.rs`, `spread.rs` | index and filter of a group of blocks |
//! | `filter.rs` | the binary fuse filter |
//! | `usage.rs` | what a file keeps alive in the journal |
//! | `seal.rs` | references, checksums; the one place where blocks are closed and opened |
//! | `footer.rs`, `record.rs` | what a file says of itself, and what its partition says of it |
//! | `builder.rs`, `writer.rs` | a file from sorted entries: the state, and the disk |
//! | `table.rs`, `range.rs`, `merge.rs` | reading: a file, a span of it, spans of several |
//! | `verify.rs` | a file read from end to end, to see whether it is as it was written |
//! | `cache.rs`, `places.rs`, `ghosts.rs` | blocks, index pages and items in memory |
//! | `piece_ahead.rs` | looking for them ahead, so that cache misses overlap |
//!
//! Everything but `writer.rs` and the reads of `table.rs` and `verify.rs` is synchronous state. Deliberately not here: which files a partition has,
//! when they are merged and removed (`partition`), and who waits for a read (the engine).
#![forbid(unsafe_code)]

mod block;
mod block_builder;
mod block_cursor;
mod builder;
mod bytes;
mod cache;
mod entry;
mod error;
mod filter;
mod footer;
mod ghosts;
mod index_page;
mod merge;
mod page_builder;
mod piece_ahead;
mod places;
mod range;
mod record;
mod seal;
mod spread;
mod stored_key;
mod table;
mod usage;
mod varint;
mod verify;
mod writer;

pub use block::Block;
pub use builder::{Builder, Chunk};
pub use cache::{Cache, CacheUsage, CachedItem, Piece};
pub use entry::{Content, Entry, JournalPlace, KEY_BYTES_MAX};
pub use error::{Damage, DamageKind, TableError};
pub use filter::SoughtKey;
pub use index_page::IndexPage;
pub use merge::{Merge, MergeStep};
pub use piece_ahead::{Ahead, PieceAhead};
pub use range::{Direction, Needed, RangeStep, Span, TableRange};
pub use record::{FileId, TableRecord};
pub use seal::{BlockRef, FileSeal};
pub use spread::Spread;
pub use table::{Stretch, Table, adjacent_count};
pub use usage::SegmentUse;
pub use verify::{Verification, Verified};
pub use writer::{TableWriter, directory_of, file_name, parse_file_name};
