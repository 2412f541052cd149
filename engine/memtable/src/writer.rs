//! The one end that inserts. Lives on the core that owns the partition; dropping it freezes the memtable.
//!
//! An insert seeks the last node before the new one on each level, takes memory, writes the node with its
//! links set, and links it from level 0 upwards. The places of those last nodes are kept: an insert that lands
//! right behind the one before it (sort keys that grow) needs no search.
//!
//! Not here: reading, which a writer does as any reader (it derefs to `Memtable`).

use crate::arena::{Place, Space, piece_bytes_max};
use crate::memtable::{Memtable, Reader};
use crate::newest_index::{NewestIndex, tag_of};
use crate::node::{Draft, HEIGHT_MAX, LinkWord, Node, prefetch};
use crate::position::{Position, Verdict};
use crate::sync::{Arc, Ordering};
use crate::{Entry, Found};
use std::fmt;
use std::ops::Deref;
use std::ptr::NonNull;

/// The longest key, in bytes.
pub const KEY_BYTES_MAX: usize = u16::MAX as usize;

/// Bytes that the memory hands over at a time.
const CACHE_LINE_BYTES: usize = 64;
/// Lines of an entry that a prefetch asks for: its header, its key and the beginning of its value.
const PREFETCH_LINE_COUNT: usize = 4;

/// One node in `1 << BRANCHING_BITS` reaches the next level.
const BRANCHING_BITS: u32 = 2;

/// Why an entry was not inserted. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertRefused {
    /// The bound is reached: freeze this memtable and insert into the next.
    Full,
    /// Not even an empty memtable of this bound could hold the entry, or the key is longer than
    /// [`KEY_BYTES_MAX`].
    TooLarge,
    /// This key has an entry of this very version.
    Present,
}

impl fmt::Display for InsertRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            InsertRefused::Full => "memtable is full",
            InsertRefused::TooLarge => "entry is larger than a memtable",
            InsertRefused::Present => "key has an entry of this version",
        })
    }
}

impl std::error::Error for InsertRefused {}

/// The end that inserts: one per memtable, on the owning core. Not to be cloned: one writer is what makes
/// plain stores enough.
pub struct Writer {
    table: Arc<Memtable>,
    space: Space,
    /// The largest node that this memtable could hold when empty, in bytes.
    node_bytes_max: usize,
    /// The last node before some position on each level: where the last insert or search was. Always true,
    /// for nothing is inserted but by this writer, which keeps it so.
    trail: [Place; HEIGHT_MAX],
    /// State of a xorshift generator; never 0.
    chance: u64,
    /// The newest entry of each key. It names nodes that are linked, and no others.
    newest: NewestIndex,
}

impl Writer {
    pub(crate) fn new(table: Arc<Memtable>, bytes_max: usize, seed: u64) -> Writer {
        // A seed with few bits set, or none, is spread over the word.
        let chance = (seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xff51_afd7_ed55_8ccd).max(1);
        Writer {
            table,
            space: Space::new(),
            node_bytes_max: piece_bytes_max(bytes_max),
            trail: [Place::HEAD; HEIGHT_MAX],
            chance,
            newest: NewestIndex::default(),
        }
    }

    /// The newest entry of `key`, found by its hash and not by a search: for the owner's own reads.
    #[inline]
    pub fn find_newest(&self, key: &[u8]) -> Option<Found<'_>> {
        let place = self.newest.find(tag_of(key), |place| self.linked_node(place).key() == key)?;
        Some(Found::of(self.linked_node(place)))
    }

    /// Asks for the memory that [`Writer::find_newest`] looks at first. Whoever has several reads to do asks for all of
    /// them, then calls [`Writer::prefetch_entry`] for all, and finds what it reads in the cache.
    #[inline]
    pub fn prefetch_slot(&self, key: &[u8]) {
        self.newest.prefetch(tag_of(key));
    }

    /// Asks for the memory of the entry, some time after [`Writer::prefetch_slot`].
    #[inline]
    pub fn prefetch_entry(&self, key: &[u8]) {
        // Some node with the tag: almost always the one that is meant, and the cache is only asked.
        if let Some(place) = self.newest.find(tag_of(key), |_| true) {
            let node = self.table.chunks().resolve(place);
            for line in 0..PREFETCH_LINE_COUNT {
                prefetch(NonNull::new(node.as_ptr().wrapping_add(line * CACHE_LINE_BYTES)).unwrap_or(node));
            }
        }
    }

    /// Bytes that the index of newest entries holds, beside the memtable's own.
    pub fn index_bytes(&self) -> usize {
        self.newest.bytes()
    }

    /// Another end that reads.
    pub fn reader(&self) -> Reader {
        Reader::of(&self.table)
    }

    /// Inserts an entry of `key` as of `version`. Visible to every reader when it returns. Copies key and value.
    ///
    /// # Errors
    /// [`InsertRefused`]; nothing has changed then.
    pub fn insert(&mut self, key: &[u8], version: u64, entry: Entry<'_>) -> Result<(), InsertRefused> {
        if key.len() > KEY_BYTES_MAX {
            return Err(InsertRefused::TooLarge);
        }
        let position = Position::new(key, version);
        let next = self.locate(&position);
        if self.is_present(&position, next, version) {
            return Err(InsertRefused::Present);
        }
        let draft = Draft { key, version, entry, height: self.draw_height() };
        let node_bytes = draft.node_bytes();
        if node_bytes > self.node_bytes_max {
            return Err(InsertRefused::TooLarge);
        }
        let (start, memory) = self.space.take(self.table.chunks(), node_bytes).ok_or(InsertRefused::Full)?;

        let mut links = [LinkWord::END; HEIGHT_MAX];
        for (level, link) in links[..draft.height].iter_mut().enumerate() {
            *link = self.trail_node(level).follow_own(level);
        }
        // SAFETY: `take` gave this memory to us alone, that long and aligned to units; it lives as long as the table.
        unsafe { draft.write(memory, &links[..draft.height]) };
        let place = start.advanced(draft.tower_bytes());
        self.link(LinkWord::new(position.prefix, place), draft.height);
        self.account(draft.height);
        self.index(key, version, place);
        Ok(())
    }

    /// Notes the node at `place`, which is linked, as its key's newest, unless a newer one is known.
    fn index(&mut self, key: &[u8], version: u64, place: Place) {
        let tag = tag_of(key);
        let known = self.newest.find(tag, |place| self.linked_node(place).key() == key);
        if known.is_some_and(|known| self.linked_node(known).version() > version) {
            return;
        }
        self.newest.put(tag, place, |slot| Some(slot) == known);
    }

    /// Makes the node reachable, level 0 first.
    fn link(&mut self, word: LinkWord, height: usize) {
        for level in 0..height {
            self.trail_node(level).set_link(level, word);
            self.trail[level] = word.place();
        }
    }

    fn account(&self, height: usize) {
        let table = &*self.table;
        // Relaxed, all of these: figures for accounting and a hint for searches, which order nothing; see `Memtable`.
        table.entry_count.store(table.entry_count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        table.held_bytes.store(self.space.held_bytes, Ordering::Relaxed);
        if height > table.height.load(Ordering::Relaxed) {
            table.height.store(height, Ordering::Relaxed);
        }
    }

    /// Brings the trail to `position`; returns the word that leads to the first node not before it.
    fn locate(&mut self, position: &Position<'_>) -> LinkWord {
        if let Some(word) = self.next_on_trail(position) {
            return word;
        }
        let (table, trail) = (&*self.table, &mut self.trail);
        let mut last = Place::HEAD;
        table.descend(position, (table.head(), table.top_level()), |level, _, led_here| {
            last = led_here.map_or(last, LinkWord::place);
            trail[level] = last;
        })
    }

    /// Where the trail leads, if `position` is right behind it. Then the trail is right on every level: what
    /// follows it there lies behind the successor on level 0.
    fn next_on_trail(&self, position: &Position<'_>) -> Option<LinkWord> {
        let last = self.trail_node(0);
        if !last.is_head() && !position.is_after(last) {
            return None;
        }
        let word = last.follow_own(0);
        match position.verdict(word) {
            Verdict::Before => None,
            Verdict::After => Some(word),
            Verdict::Unknown => {
                let is_before = self.table.node(word).is_some_and(|next| position.is_after(next));
                (!is_before).then_some(word)
            }
        }
    }

    fn trail_node(&self, level: usize) -> Node<'_> {
        let place = self.trail[level];
        if place == Place::HEAD { self.table.head() } else { self.linked_node(place) }
    }

    /// The node at a place of the trail or of the index.
    #[inline(always)]
    fn linked_node(&self, place: Place) -> Node<'_> {
        // SAFETY: trail and index hold places of nodes that this writer has linked, or read from links; the memory of
        // a node lives as long as the table, which `self` holds.
        unsafe { Node::at(self.table.chunks().resolve(place)) }
    }

    /// Whether `word`, which leads to the first node not before `position`, leads to its key and this version.
    fn is_present(&self, position: &Position<'_>, word: LinkWord, version: u64) -> bool {
        match position.verdict(word) {
            Verdict::Unknown => {
                self.table.node(word).is_some_and(|next| next.version() == version && next.key() == position.key)
            }
            Verdict::Before | Verdict::After => false,
        }
    }

    /// 1 with a chance of a half, 2 with a quarter ... (for branching of 2); one more than the levels in use at most.
    fn draw_height(&mut self) -> usize {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        let spread = self.chance.wrapping_mul(0x2545_f491_4f6c_dd1d);
        let levels = 1 + (spread.leading_zeros() / BRANCHING_BITS) as usize;
        levels.min(self.table.top_level() + 2).min(HEIGHT_MAX)
    }
}

impl Deref for Writer {
    type Target = Memtable;

    #[inline(always)]
    fn deref(&self) -> &Memtable {
        &self.table
    }
}
