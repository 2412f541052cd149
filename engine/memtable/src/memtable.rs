//! The shared part of a memtable: what the writer and every reader see, and how an entry is sought.
//!
//! ```text
//!   level 2   head --------------------------> [k4] ------------------------> end
//!   level 1   head ----------> [k2] ---------> [k4] ----------> [k6] -------> end
//!   level 0   head --> [k1] -> [k2] -> [k3] -> [k4] -> [k5] --> [k6] -> [k7] -> end
//! ```
//!
//! A search goes along a level while the next node lies before the position sought, then down. The writer links a
//! new node from level 0 upwards, each link one Release store, so a reader that meets the node on any level
//! finds it whole, with all of its own links. Nothing is ever unlinked or moved. A key has one node; its later versions hang
//! on that (`node.rs`).
//!
//! Not here: inserting (`writer.rs`), iteration (`range.rs`), several memtables at once (`merge.rs`, `set.rs`).

use crate::arena::{ARENA_BYTES_MAX, Chunks, Place};
use crate::node::{Head, LinkWord, Node, prefetch};
use crate::position::{Position, Verdict};
use crate::range::{KeySpan, Range};
use crate::spare::SpareChunks;
use crate::sync::{Arc, AtomicUsize, Ordering};
use crate::writer::Writer;
use crate::{Entry, Found};
use std::ops::Deref;

/// How a memtable is made.
#[derive(Clone, Copy, Debug)]
pub struct MemtableOptions {
    /// Bytes that its entries may take, with all that belongs to them; at most 256 MiB are used. An insert
    /// beyond it is refused as full.
    pub bytes_max: usize,
    /// Where the writer's chance (the heights of towers) and the hashes of keys begin: the same seed and inserts, the same structure. Whoever lets
    /// others choose keys keeps it from them.
    pub seed: u64,
}

/// An ordered map from (key, version) to an entry, insert-only, read without locks.
///
/// One per partition and generation. Made, filled and retired by the core that owns the partition; read by any
/// core through a [`Reader`]. Its memory goes when the writer and every reader (and every set that names it) have
/// gone, all at once.
///
/// Invariants: 1. On each level the nodes reachable from the head are sorted by key, without equals. 2. A node on a
/// level is on every level below. 3. A node reachable by anyone is completely written. 4. Links change only from a
/// node to one that lies before it: nothing reachable becomes unreachable. 5. What hangs on a node are the versions of its
/// key, each greater than those it hangs on.
pub struct Memtable {
    head: Head,
    chunks: Chunks,
    /// Levels in use, 1 at least. A hint where a search begins: any value from 1 to the tower's height is right.
    pub(crate) height: AtomicUsize,
    /// Entries.
    pub(crate) entry_count: AtomicUsize,
    /// Bytes taken from the allocator for the arena.
    pub(crate) held_bytes: AtomicUsize,
}

impl Memtable {
    /// An empty memtable: the end that inserts, and a first end that reads. It holds no arena memory yet.
    #[expect(clippy::new_ret_no_self, reason = "a memtable exists only between its two ends")]
    pub fn new(options: MemtableOptions) -> (Writer, Reader) {
        Memtable::with_spare(options, SpareChunks::default())
    }

    /// An empty memtable that takes its memory from `spare`, and leaves it there.
    pub fn with_spare(options: MemtableOptions, spare: SpareChunks) -> (Writer, Reader) {
        let bytes_max = options.bytes_max.min(ARENA_BYTES_MAX);
        let table = Arc::new(Memtable {
            head: Head::new(),
            chunks: Chunks::new(bytes_max, spare),
            height: AtomicUsize::new(1),
            entry_count: AtomicUsize::new(0),
            held_bytes: AtomicUsize::new(0),
        });
        let reader = Reader { table: Arc::clone(&table) };
        (Writer::new(table, bytes_max, options.seed), reader)
    }

    /// The newest entry of `key` whose version is at most `at_version`; a tombstone is an entry.
    #[inline]
    pub fn get(&self, key: &[u8], at_version: u64) -> Option<Entry<'_>> {
        self.find(key, at_version).map(|found| found.entry)
    }

    /// As [`Memtable::get`], with the version that was found.
    #[inline]
    pub fn find(&self, key: &[u8], at_version: u64) -> Option<Found<'_>> {
        self.visible(self.first_of(key)?, at_version)
    }

    /// The keys of a span, each with its newest entry whose version is at most `at_version`.
    pub fn range<'k>(&self, span: KeySpan<'k>, at_version: u64) -> Range<'_, 'k> {
        Range::new(self, span, at_version)
    }

    /// Entries inserted, every version counted. A reader on another core may see an older count.
    pub fn len(&self) -> usize {
        // Relaxed: a figure for accounting, which orders nothing.
        self.entry_count.load(Ordering::Relaxed)
    }

    /// Whether nothing has been inserted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory held, used or not yet. A reader on another core may see an older figure.
    pub fn bytes(&self) -> usize {
        // Relaxed: as for `len`.
        size_of::<Memtable>() + self.chunks.table_bytes() + self.held_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn chunks(&self) -> &Chunks {
        &self.chunks
    }

    pub(crate) fn head(&self) -> Node<'_> {
        self.head.node()
    }

    /// Where to begin a search.
    #[inline(always)]
    pub(crate) fn top_level(&self) -> usize {
        // Relaxed: only a hint. Too low costs steps, and a level that has no node yet leads from the head to its end.
        self.height.load(Ordering::Relaxed) - 1
    }

    /// The node at the end of a word that this thread has read from a link; `None` at the end of a level.
    #[inline(always)]
    pub(crate) fn node(&self, word: LinkWord) -> Option<Node<'_>> {
        (word != LinkWord::END).then(|| self.node_behind(word))
    }

    /// The node at the end of a word that this thread has read from a link and that is not the end of a level.
    #[inline(always)]
    fn node_behind(&self, word: LinkWord) -> Node<'_> {
        debug_assert!(word != LinkWord::END);
        self.node_at(word.place())
    }

    /// The node at a place that this thread has read from a link or from another node, or has linked itself as the writer.
    #[inline(always)]
    pub(crate) fn node_at(&self, place: Place) -> Node<'_> {
        // SAFETY: such places are made by the writer alone, of a node's header, before the node can be reached; this thread
        // read it with the Acquire of `follow` or `newest`, or in a node that it reached so, or is the writer. The memory
        // lives as long as `self`.
        unsafe { Node::at(self.chunks.resolve(place)) }
    }

    /// Goes from `node`, which lies before `position`, along `level` and down to level 0. Tells `passed` the last
    /// node before the position on each level, with the word that led there if this call followed one; returns
    /// the word that leads on from the last of all.
    #[inline(always)]
    pub(crate) fn descend<'m>(
        &'m self,
        position: &Position<'_>,
        from: (Node<'m>, usize),
        mut passed: impl FnMut(usize, Node<'m>, Option<LinkWord>),
    ) -> LinkWord {
        let (mut node, mut level) = from;
        let mut led_here = None;
        // The word that was last found to lead beyond: the level below often has the same.
        let mut beyond = LinkWord::END;
        loop {
            let word = node.follow(level);
            let next = match position.verdict(word) {
                Verdict::Before => Some(self.node_behind(word)),
                Verdict::After => None,
                Verdict::Unknown if word == beyond => None,
                Verdict::Unknown => Some(self.node_behind(word)).filter(|next| position.is_after(*next)),
            };
            if let Some(next) = next {
                node = next;
                led_here = Some(word);
                continue;
            }
            beyond = word;
            passed(level, node, led_here);
            if level == 0 {
                return word;
            }
            level -= 1;
        }
    }

    /// The first node that does not lie before `position`.
    #[inline(always)]
    pub(crate) fn seek(&self, position: &Position<'_>) -> Option<Node<'_>> {
        let word = self.descend(position, (self.head(), self.top_level()), |_, _, _| ());
        self.node(word)
    }

    /// The node after this one.
    #[inline(always)]
    pub(crate) fn successor<'m>(&'m self, node: Node<'m>) -> Option<Node<'m>> {
        self.node(node.follow(0))
    }

    /// The node of `key`: its first entry.
    #[inline(always)]
    fn first_of(&self, key: &[u8]) -> Option<Node<'_>> {
        let position = Position::new(key);
        let word = self.descend(&position, (self.head(), self.top_level()), |_, _, _| ());
        match position.verdict(word) {
            Verdict::Unknown => self.node(word).filter(|node| node.key() == key),
            Verdict::Before | Verdict::After => None,
        }
    }

    /// The newest entry of `first`'s key.
    #[inline(always)]
    pub(crate) fn newest<'m>(&'m self, first: Node<'m>) -> Node<'m> {
        first.newest().map_or(first, |place| self.node_at(place))
    }

    /// The newest entry of `first`'s key whose version is at most `at_version`.
    #[inline(always)]
    pub(crate) fn visible<'m>(&'m self, first: Node<'m>, at_version: u64) -> Option<Found<'m>> {
        let mut node = self.newest(first);
        while node.version() > at_version {
            let chain = node.chain()?;
            let leap = self.node_at(chain.leap);
            node = if leap.version() > at_version { leap } else { self.node_at(chain.older) };
        }
        Some(Found { key: first.key(), version: node.version(), entry: node.entry() })
    }

    /// Asks for the nodes that an iteration comes to next.
    #[inline(always)]
    pub(crate) fn prefetch_after(&self, node: Node<'_>) {
        for level in 0..node.height().min(2) {
            let word = node.follow(level);
            if word != LinkWord::END {
                prefetch(self.chunks.resolve(word.place()));
            }
        }
    }
}

/// An end that reads, from any core. Cheap to clone; holds the memtable's memory while it lives.
#[derive(Clone)]
pub struct Reader {
    table: Arc<Memtable>,
}

impl Reader {
    pub(crate) fn of(table: &Arc<Memtable>) -> Reader {
        Reader { table: Arc::clone(table) }
    }
}

impl Deref for Reader {
    type Target = Memtable;

    #[inline(always)]
    fn deref(&self) -> &Memtable {
        &self.table
    }
}
