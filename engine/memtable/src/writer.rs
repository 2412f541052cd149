//! The one end that inserts. Lives on the core that owns the partition; dropping it freezes the memtable.
//!
//! The first entry of a key is a node of the skiplist: an insert seeks the last node before it on each level, takes memory,
//! writes the node with its links set, and links it from level 0 upwards. The places of those last nodes are kept: an insert
//! that lands right behind the one before it (sort keys that grow) needs no search. A later entry is written and hung on the
//! first, which the index finds.
//!
//! Not here: reading, which a writer does as any reader (it derefs to `Memtable`).

use crate::arena::{Place, Space, piece_bytes_max};
use crate::key_index::{KeyIndex, KeyTag, TaggedKey};
use crate::memtable::{Memtable, Reader};
use crate::node::{Chain, Draft, HEIGHT_MAX, LinkWord, Links, Node, VERSION_MAX};
use crate::position::{Position, Verdict};
use crate::sync::{Arc, Ordering};
use crate::{Entry, Found};
use std::fmt;
use std::ops::Deref;

/// The longest key, in bytes.
pub const KEY_BYTES_MAX: usize = u16::MAX as usize;

/// One node in `1 << BRANCHING_BITS` reaches the next level.
const BRANCHING_BITS: u32 = 2;

/// Why an entry was not inserted. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertRefused {
    /// The bound is reached: freeze this memtable and insert into the next.
    Full,
    /// Not even an empty memtable of this bound could hold the entry, the key is longer than
    /// [`KEY_BYTES_MAX`], or the version does not fit 48 bits.
    TooLarge,
    /// This key has an entry of this version or of a greater one.
    NotNewer,
}

impl fmt::Display for InsertRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            InsertRefused::Full => "memtable is full",
            InsertRefused::TooLarge => "entry is larger than a memtable",
            InsertRefused::NotNewer => "key has an entry of this version or of a greater one",
        })
    }
}

impl std::error::Error for InsertRefused {}

/// The end that inserts: one per memtable, on the owning core. Not to be cloned: one writer is what makes
/// plain stores enough.
///
/// Laid out in this order: a read looks at the first two fields together.
#[repr(C)]
pub struct Writer {
    table: Arc<Memtable>,
    /// Where the hashes of keys begin.
    seed: u64,
    space: Space,
    /// The largest node that this memtable could hold when empty, in bytes.
    node_bytes_max: usize,
    /// The last node before some position on each level: where the last insert or search was. Always true,
    /// for nothing is inserted but by this writer, which keeps it so.
    trail: [Place; HEIGHT_MAX],
    /// State of a xorshift generator; never 0.
    chance: u64,
    /// The node of each key that is linked, and no others.
    pub(crate) keys: KeyIndex,
}

impl Writer {
    pub(crate) fn new(table: Arc<Memtable>, bytes_max: usize, seed: u64) -> Writer {
        // A seed with few bits set, or none, is spread over the word.
        let chance = (seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xff51_afd7_ed55_8ccd).max(1);
        Writer {
            table,
            seed,
            space: Space::new(),
            node_bytes_max: piece_bytes_max(bytes_max),
            trail: [Place::HEAD; HEIGHT_MAX],
            chance,
            keys: KeyIndex::default(),
        }
    }

    /// The newest entry of `key`, found by its hash and not by a search: for the owner's own reads.
    #[inline]
    pub fn find_newest(&self, key: TaggedKey<'_>) -> Option<Found<'_>> {
        self.visible(self.node_at(self.first_of(key)?), u64::MAX)
    }

    /// The key as this memtable finds it, and every other of the same seed.
    #[inline]
    pub fn tagged<'k>(&self, key: &'k [u8]) -> TaggedKey<'k> {
        TaggedKey { bytes: key, tag: KeyTag::of(key, self.seed) }
    }

    /// The place of a key's first entry.
    #[inline]
    fn first_of(&self, key: TaggedKey<'_>) -> Option<Place> {
        debug_assert_eq!(key.tag, KeyTag::of(key.bytes, self.seed), "tagged for memtables of another seed");
        self.keys.find(key.tag, |place| self.node_at(place).key() == key.bytes)
    }

    /// Bytes that the index of keys holds, beside the memtable's own.
    pub fn index_bytes(&self) -> usize {
        self.keys.bytes()
    }

    /// Another end that reads.
    pub fn reader(&self) -> Reader {
        Reader::of(&self.table)
    }

    /// Inserts an entry of `key` as of `version`. Visible to every reader when it returns, with the entry that it supersedes.
    /// Copies key and value.
    ///
    /// # Errors
    /// [`InsertRefused`]; nothing has changed then.
    #[inline]
    pub fn insert(
        &mut self,
        key: TaggedKey<'_>,
        version: u64,
        entry: Entry<'_>,
    ) -> Result<Option<Found<'_>>, InsertRefused> {
        let TaggedKey { bytes, tag } = key;
        if bytes.len() > KEY_BYTES_MAX || version > VERSION_MAX {
            return Err(InsertRefused::TooLarge);
        }
        match self.first_of(key) {
            Some(first) => self.supersede(first, version, entry).map(Some),
            None => self.begin(tag, Draft { key: bytes, version, entry, links: Links::Tower(&[]) }).map(|()| None),
        }
    }

    /// Hangs a later entry on the node at `first`.
    fn supersede(&mut self, first: Place, version: u64, entry: Entry<'_>) -> Result<Found<'_>, InsertRefused> {
        let node = self.node_at(first);
        let older_place = node.newest().unwrap_or(first);
        let older = self.node_at(older_place);
        if older.version() >= version {
            return Err(InsertRefused::NotNewer);
        }
        let chain = self.chain_behind(older_place);
        let draft = Draft { key: &[], version, entry, links: Links::Chain(chain) };
        let place = self.write(&draft)?;
        self.node_at(first).set_newest(place);
        self.account();
        let (node, older) = (self.node_at(first), self.node_at(older_place));
        Ok(Found { key: node.key(), version: older.version(), entry: older.entry() })
    }

    /// What an entry hangs on that comes after the one at `older`.
    fn chain_behind(&self, older: Place) -> Chain {
        let number = 1 + self.node_at(older).chain().map_or(0, |chain| chain.number);
        // The number before has all bits set below the lowest one of this: each leap clears the lowest of them.
        let mut leap = older;
        for _ in 0..number.trailing_zeros() {
            leap = self.node_at(leap).chain().map_or(leap, |chain| chain.leap);
        }
        Chain { number, older, leap }
    }

    /// Links the node of a key that has none.
    fn begin(&mut self, tag: KeyTag, draft: Draft<'_>) -> Result<(), InsertRefused> {
        let position = Position::new(draft.key);
        self.locate(&position);
        let height = self.draw_height();
        let mut links = [LinkWord::END; HEIGHT_MAX];
        for (level, link) in links[..height].iter_mut().enumerate() {
            *link = self.trail_node(level).follow_own(level);
        }
        let place = self.write(&Draft { links: Links::Tower(&links[..height]), ..draft })?;
        self.link(LinkWord::new(position.prefix, place), height);
        self.keys.add(tag, place);
        self.raise(height);
        self.account();
        Ok(())
    }

    /// Writes a node that nobody can reach yet.
    fn write(&mut self, draft: &Draft<'_>) -> Result<Place, InsertRefused> {
        let node_bytes = draft.node_bytes();
        if node_bytes > self.node_bytes_max {
            return Err(InsertRefused::TooLarge);
        }
        let (start, memory) = self.space.take(self.table.chunks(), node_bytes).ok_or(InsertRefused::Full)?;
        // SAFETY: `take` gave this memory to us alone, that long and aligned to units; it lives as long as the table.
        unsafe { draft.write(memory) };
        Ok(start.advanced(draft.tower_bytes()))
    }

    /// Makes the node reachable, level 0 first.
    fn link(&mut self, word: LinkWord, height: usize) {
        for level in 0..height {
            self.trail_node(level).set_link(level, word);
            self.trail[level] = word.place();
        }
    }

    fn account(&self) {
        let table = &*self.table;
        // Relaxed, both: figures for accounting, which order nothing; see `Memtable`.
        table.entry_count.store(table.entry_count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        table.held_bytes.store(self.space.held_bytes, Ordering::Relaxed);
    }

    fn raise(&self, height: usize) {
        // Relaxed, both: a hint for searches.
        if height > self.table.height.load(Ordering::Relaxed) {
            self.table.height.store(height, Ordering::Relaxed);
        }
    }

    /// Brings the trail to `position`.
    fn locate(&mut self, position: &Position<'_>) {
        if self.is_trail_before(position) {
            return;
        }
        let (table, trail) = (&*self.table, &mut self.trail);
        let mut last = Place::HEAD;
        table.descend(position, (table.head(), table.top_level()), |level, _, led_here| {
            last = led_here.map_or(last, LinkWord::place);
            trail[level] = last;
        });
    }

    /// Whether `position` is right behind the trail. Then the trail is right on every level: what follows it there
    /// lies behind the successor on level 0.
    fn is_trail_before(&self, position: &Position<'_>) -> bool {
        let last = self.trail_node(0);
        if !last.is_head() && !position.is_after(last) {
            return false;
        }
        let word = last.follow_own(0);
        match position.verdict(word) {
            Verdict::Before => false,
            Verdict::After => true,
            Verdict::Unknown => !self.table.node(word).is_some_and(|next| position.is_after(next)),
        }
    }

    fn trail_node(&self, level: usize) -> Node<'_> {
        let place = self.trail[level];
        if place == Place::HEAD { self.table.head() } else { self.node_at(place) }
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
