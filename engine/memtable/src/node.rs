//! One entry in memory: links, a header, the key and the value, side by side in the arena.
//!
//! ```text
//!      lower addresses                                                             higher addresses
//!   +---------+-- - --+---------+---------+-----------------------+-----------+-------------+-----+
//!   | link[h] |  ...  | link[1] | link[0] | header                | key bytes | value bytes | pad |
//!   | 8 B     |       | 8 B     | 8 B     | 16 B                  |           |             | to 8|
//!   +---------+-- - --+---------+---------+-----------------------+-----------+-------------+-----+
//!                                         ^ a Node points here: the links that are followed most, the
//!                                           version and the first bytes of the key share a cache line
//!
//!   header  | version 48, key_bytes 16 | chain 32 | value_bytes 24, height 6, kind 2 |
//!
//!   link    | first 36 bits of the key it leads to | place of that node, 28 bits |
//!           63                                   28 27                           0
//! ```
//!
//! The first entry of a key is a node of the skiplist. Later ones hang on it, newest first, and have neither tower nor key: to overwrite
//! is to store one word in a node that was just read, and no search.
//!
//! ```text
//!   first, chain: place of the newest          later, chain: its number, 1, 2, ...; in the word before the header:
//!   [k, v10] ----> [v17, 3] --> [v16, 2] ------> [v12, 1] ------> [k, v10]     older: the place of number - 1
//!                      |            `---------------------------> [k, v10]     leap: of the number without its lowest set bit
//!                      `----------> [v16, 2]                                   so every older version is a few steps away
//! ```
//!
//! A link carries the beginning of the key that it leads to. Keys begin with a hash, so 36 bits almost always
//! tell whether to follow, and a node that lies beyond the one sought is never touched: a search pays a
//! cache miss only for a node that it steps on. Both halves change in one store.
//!
//! Not here: the order of two entries (`position.rs`), the search (`memtable.rs`).

use crate::Entry;
use crate::arena::{CHUNK_BYTES_MAX, PLACE_BITS, Place, UNIT_BYTES};
use crate::sync::{AtomicU32, AtomicU64, Ordering, Witness, follow_order, link_order};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

/// The most links in a tower.
pub(crate) const HEIGHT_MAX: usize = if cfg!(loom) { 2 } else { 20 };

const PLACE_MASK: u64 = (1 << PLACE_BITS) - 1;

/// What a link says: the beginning of the next key, and the place of its node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkWord(pub(crate) u64);

impl LinkWord {
    /// The end of a level: greater than any word that leads to a node.
    pub(crate) const END: LinkWord = LinkWord(u64::MAX);

    #[inline(always)]
    pub(crate) fn new(prefix: u64, place: Place) -> LinkWord {
        LinkWord((prefix & !PLACE_MASK) | u64::from(place.bits()))
    }

    #[inline(always)]
    pub(crate) fn place(self) -> Place {
        Place::from_bits(u32::try_from(self.0 & PLACE_MASK).expect("a place has fewer than 32 bits"))
    }

    /// The smallest word with this beginning.
    #[inline(always)]
    pub(crate) fn lowest(prefix: u64) -> LinkWord {
        LinkWord(prefix & !PLACE_MASK)
    }

    /// The greatest word with this beginning.
    #[inline(always)]
    pub(crate) fn highest(prefix: u64) -> LinkWord {
        LinkWord(prefix | PLACE_MASK)
    }
}

/// The greatest version.
pub(crate) const VERSION_MAX: u64 = (1 << VERSION_BITS) - 1;
const VERSION_BITS: u32 = u64::BITS - u16::BITS;
/// A node is in one chunk of the arena, so its value is shorter than this.
const VALUE_BYTES_BITS: u32 = 24;
const HEIGHT_BITS: u32 = 6;

/// The fixed part of an entry. Written once, before the node can be reached, and immutable from then on; but for `chain` of a first entry.
#[repr(C)]
pub(crate) struct Header {
    version_and_key_bytes: u64,
    /// Of a first entry the place of its key's newest, `Place::HEAD` while that is itself. Of later ones how many came before.
    chain: AtomicU32,
    value_bytes_height_and_kind: u32,
    /// Vouches for the rest, the key and the value.
    witness: Witness,
}

impl Header {
    fn new(
        (version, key_bytes): (u64, usize),
        (value_bytes, height): (usize, usize),
        kind: Kind,
        chain: u32,
    ) -> Header {
        assert!(version <= VERSION_MAX && height < 1 << HEIGHT_BITS && value_bytes < 1 << VALUE_BYTES_BITS);
        let key_bytes = u16::try_from(key_bytes).expect("checked at the door");
        let value_bytes = u32::try_from(value_bytes).expect("bounded by the chunk size");
        let height = u32::try_from(height).expect("towers are low");
        Header {
            version_and_key_bytes: (version << u16::BITS) | u64::from(key_bytes),
            chain: AtomicU32::new(chain),
            value_bytes_height_and_kind: (value_bytes << (u32::BITS - VALUE_BYTES_BITS)) | (height << 2) | kind as u32,
            witness: Witness::new(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Put,
    Tombstone,
    /// Begins every level; has neither key nor value.
    Head,
}

const KIND_MASK: u32 = 3;
const HEIGHT_MASK: u32 = (1 << HEIGHT_BITS) - 1;

#[cfg(not(loom))]
const _: () = assert!(size_of::<Header>() == 16 && size_of::<AtomicU64>() == 8);
const _: () = assert!(align_of::<Header>() <= UNIT_BYTES && align_of::<AtomicU64>() <= UNIT_BYTES);
const _: () = assert!(size_of::<Header>().is_multiple_of(UNIT_BYTES));
const _: () = assert!(CHUNK_BYTES_MAX < 1 << VALUE_BYTES_BITS && VALUE_BYTES_BITS + HEIGHT_BITS + 2 == u32::BITS);

/// The node before the first: a full tower. Lies in the `Memtable`, not in the arena.
#[repr(C)]
pub(crate) struct Head {
    tower: [AtomicU64; HEIGHT_MAX],
    header: Header,
}

impl Head {
    pub(crate) fn new() -> Head {
        Head {
            tower: std::array::from_fn(|_| AtomicU64::new(LinkWord::END.0)),
            header: Header::new((0, 0), (0, HEIGHT_MAX), Kind::Head, 0),
        }
    }

    #[inline(always)]
    pub(crate) fn node(&self) -> Node<'_> {
        let start = ptr::from_ref(self).cast::<u8>();
        // SAFETY: the header lies within `self`, which `start` points to the whole of.
        let header = unsafe { start.add(std::mem::offset_of!(Head, header)) };
        Node {
            header: NonNull::new(header.cast_mut().cast()).expect("it points into a reference"),
            memory: PhantomData,
        }
    }
}

/// An entry to be written: what a node is made of.
pub(crate) struct Draft<'k> {
    /// Empty for a later entry.
    pub(crate) key: &'k [u8],
    pub(crate) version: u64,
    pub(crate) entry: Entry<'k>,
    pub(crate) links: Links<'k>,
}

/// What ties an entry to others.
#[derive(Clone, Copy)]
pub(crate) enum Links<'k> {
    /// The first of its key: where each level of its tower leads.
    Tower(&'k [LinkWord]),
    /// A later one.
    Chain(Chain),
}

/// Where a later entry hangs; see the front page.
#[derive(Clone, Copy)]
pub(crate) struct Chain {
    pub(crate) number: u32,
    pub(crate) older: Place,
    pub(crate) leap: Place,
}

impl Draft<'_> {
    fn value(&self) -> &[u8] {
        match self.entry {
            Entry::Put(value) => value,
            Entry::Tombstone => &[],
        }
    }

    /// Bytes from the beginning of the node to its header.
    pub(crate) fn tower_bytes(&self) -> usize {
        let word_count = match self.links {
            Links::Tower(links) => links.len(),
            Links::Chain(_) => 1,
        };
        word_count * size_of::<AtomicU64>()
    }

    /// Bytes of the whole node, in whole units.
    pub(crate) fn node_bytes(&self) -> usize {
        let bytes = self.tower_bytes() + size_of::<Header>() + self.key.len() + self.value().len();
        bytes.next_multiple_of(UNIT_BYTES)
    }

    fn header(&self) -> Header {
        let kind = if matches!(self.entry, Entry::Put(_)) { Kind::Put } else { Kind::Tombstone };
        let (height, chain) = match self.links {
            Links::Tower(links) => (links.len(), Place::HEAD.bits()),
            Links::Chain(chain) => (0, chain.number),
        };
        let header = Header::new((self.version, self.key.len()), (self.value().len(), height), kind, chain);
        header.witness.wrote();
        header
    }

    /// Writes the node.
    ///
    /// # Safety
    /// `start` points to `self.node_bytes()` of memory aligned to [`UNIT_BYTES`], which nobody else reads or
    /// writes during the call and which lives for `'m`.
    pub(crate) unsafe fn write<'m>(&self, start: NonNull<u8>) -> Node<'m> {
        let (header, value) = (self.header(), self.value());
        // SAFETY: tower, header, key and value lie one after the other within `node_bytes`; units are aligned for
        // links and header (asserted above); the memory is ours alone by this function's contract; key and
        // value come from elsewhere, so the copies do not overlap.
        unsafe {
            let pointer = start.add(self.tower_bytes());
            let words = pointer.cast::<AtomicU64>();
            match self.links {
                Links::Tower(links) => {
                    for (level, link) in links.iter().enumerate() {
                        words.sub(level + 1).write(AtomicU64::new(link.0));
                    }
                }
                Links::Chain(chain) => words.sub(1).write(AtomicU64::new(chain.word())),
            }
            pointer.cast::<Header>().write(header);
            let key = pointer.add(size_of::<Header>());
            ptr::copy_nonoverlapping(self.key.as_ptr(), key.as_ptr(), self.key.len());
            ptr::copy_nonoverlapping(value.as_ptr(), key.add(self.key.len()).as_ptr(), value.len());
            Node { header: pointer.cast(), memory: PhantomData }
        }
    }
}

impl Chain {
    fn word(self) -> u64 {
        (u64::from(self.leap.bits()) << u32::BITS) | u64::from(self.older.bits())
    }

    #[expect(clippy::cast_possible_truncation, reason = "two halves of a word")]
    fn of(number: u32, word: u64) -> Chain {
        let (older, leap) = (Place::from_bits(word as u32), Place::from_bits((word >> u32::BITS) as u32));
        Chain { number, older, leap }
    }
}

/// A node that is in place: written and, for all but its writer, linked.
///
/// Invariants: 1. `header` points to a node that [`Draft::write`] or [`Head::new`] has made, with all of its
/// tower, key and value around it, and that lives for `'m`. 2. This thread's view of the node is ordered after
/// its writing. 3. Nothing but the links, and `chain` of a first entry, changes.
#[derive(Clone, Copy)]
pub(crate) struct Node<'m> {
    header: NonNull<Header>,
    memory: PhantomData<&'m Header>,
}

impl<'m> Node<'m> {
    /// # Safety
    /// `pointer` is where a node's header lies, and invariants 1 and 2 hold.
    #[inline(always)]
    pub(crate) unsafe fn at(pointer: NonNull<u8>) -> Node<'m> {
        Node { header: pointer.cast(), memory: PhantomData }
    }

    #[inline(always)]
    fn header(self) -> &'m Header {
        // SAFETY: invariants 1 and 3: the header is initialised, lives for 'm and is not written again.
        let header = unsafe { self.header.as_ref() };
        header.witness.reads();
        header
    }

    #[inline(always)]
    fn link(self, level: usize) -> &'m AtomicU64 {
        debug_assert!(level < self.height(), "level {level} of a tower of {}", self.height());
        // SAFETY: a search comes to a node on `level` only by a link on that level or above, and a node is linked
        // on no more levels than its tower has; so this lies within the tower (invariant 1).
        unsafe { self.header.cast::<AtomicU64>().sub(level + 1).as_ref() }
    }

    /// Where the link on `level` leads, for any thread.
    #[inline(always)]
    pub(crate) fn follow(self, level: usize) -> LinkWord {
        // Acquire: pairs with the Release in `set_link`; what it leads to may be read.
        LinkWord(self.link(level).load(follow_order()))
    }

    /// Where the link on `level` leads, for the writer.
    #[inline(always)]
    pub(crate) fn follow_own(self, level: usize) -> LinkWord {
        // Relaxed: the writer alone stores links, so it reads what it stored.
        LinkWord(self.link(level).load(Ordering::Relaxed))
    }

    /// Asks for the link on `level`, and those below it.
    #[inline(always)]
    pub(crate) fn prefetch_link(self, level: usize) {
        prefetch(NonNull::from(self.link(level)).cast());
    }

    /// Makes the node at the end of `word` reachable on `level`. Only the writer does this.
    #[inline(always)]
    pub(crate) fn set_link(self, level: usize, word: LinkWord) {
        // Release: pairs with the Acquire in `follow`: who sees the link sees the node behind it, the chunk that it
        // lies in, and every link that was set before.
        self.link(level).store(word.0, link_order());
    }

    /// Where the newest entry of this first one's key is, for any thread.
    #[inline(always)]
    pub(crate) fn newest(self) -> Option<Place> {
        debug_assert!(self.is_first());
        // Acquire: pairs with the Release in `set_newest`; what is there may be read, and all that it hangs on.
        let place = Place::from_bits(self.header().chain.load(follow_order()));
        (place != Place::HEAD).then_some(place)
    }

    /// Makes the entry at `place` the newest of this first one's key. Only the writer does this.
    #[inline(always)]
    pub(crate) fn set_newest(self, place: Place) {
        debug_assert!(self.is_first());
        // Release: pairs with the Acquire in `newest`.
        self.header().chain.store(place.bits(), link_order());
    }

    /// What this entry hangs on; none if it is the first of its key.
    #[inline(always)]
    pub(crate) fn chain(self) -> Option<Chain> {
        if self.is_first() {
            return None;
        }
        // Relaxed, both: written before the node could be reached, and not again.
        let number = self.header().chain.load(Ordering::Relaxed);
        // SAFETY: the word of a later entry lies right before its header (invariant 1).
        let word = unsafe { self.header.cast::<AtomicU64>().sub(1).as_ref() };
        Some(Chain::of(number, word.load(Ordering::Relaxed)))
    }

    /// Whether it is a node of the skiplist.
    #[inline(always)]
    pub(crate) fn is_first(self) -> bool {
        self.height() > 0
    }

    #[inline(always)]
    fn kind_bits(self) -> u32 {
        self.header().value_bytes_height_and_kind & KIND_MASK
    }

    #[inline(always)]
    pub(crate) fn is_head(self) -> bool {
        self.kind_bits() == Kind::Head as u32
    }

    #[inline(always)]
    pub(crate) fn height(self) -> usize {
        ((self.header().value_bytes_height_and_kind >> 2) & HEIGHT_MASK) as usize
    }

    #[inline(always)]
    pub(crate) fn version(self) -> u64 {
        self.header().version_and_key_bytes >> u16::BITS
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "16 bits")]
    fn key_bytes(self) -> usize {
        (self.header().version_and_key_bytes & u64::from(u16::MAX)) as usize
    }

    /// The key; empty for a later entry.
    #[inline(always)]
    pub(crate) fn key(self) -> &'m [u8] {
        // SAFETY: invariants 1 and 3: that many bytes of key follow the header, initialised and immutable for 'm;
        // the pointer was made for the whole node.
        unsafe {
            let start = self.header.cast::<u8>().add(size_of::<Header>());
            std::slice::from_raw_parts(start.as_ptr(), self.key_bytes())
        }
    }

    #[inline(always)]
    pub(crate) fn entry(self) -> Entry<'m> {
        if self.kind_bits() != Kind::Put as u32 {
            return Entry::Tombstone;
        }
        let value_bytes = (self.header().value_bytes_height_and_kind >> (u32::BITS - VALUE_BYTES_BITS)) as usize;
        // SAFETY: as for `key`: the value's bytes follow the key's.
        unsafe {
            let start = self.header.cast::<u8>().add(size_of::<Header>() + self.key_bytes());
            Entry::Put(std::slice::from_raw_parts(start.as_ptr(), value_bytes))
        }
    }
}

/// Asks for the cache line at `pointer`, which may point anywhere.
#[inline(always)]
pub(crate) fn prefetch(pointer: NonNull<u8>) {
    #[cfg(all(target_arch = "x86_64", not(loom)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing that the program sees and faults on no address; SSE is part of x86-64.
        unsafe { _mm_prefetch(pointer.as_ptr().cast::<i8>(), _MM_HINT_T0) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(loom))))]
    let _ = pointer;
}
