//! One entry in memory: a tower of links, a header, the key and the value, side by side in the arena.
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
//!   header  | version u64 | value_bytes u32 | key_bytes u16 | height u8 | kind u8 |
//!
//!   link    | first 36 bits of the key it leads to | place of that node, 28 bits |
//!           63                                   28 27                           0
//! ```
//!
//! A link carries the beginning of the key that it leads to. Keys begin with a hash, so 36 bits almost always
//! tell whether to follow, and a node that lies beyond the one sought is never touched: a search pays a
//! cache miss only for a node that it steps on. Both halves change in one store.
//!
//! Not here: the order of two entries (`position.rs`), the search (`memtable.rs`).

use crate::Entry;
use crate::arena::{PLACE_BITS, Place, UNIT_BYTES};
use crate::sync::{AtomicU64, Ordering, Witness, follow_order, link_order};
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

/// The fixed part of an entry. Written once, before the node is linked; immutable from then on.
#[repr(C)]
pub(crate) struct Header {
    version: u64,
    value_bytes: u32,
    key_bytes: u16,
    /// Links in the tower, at least 1.
    height: u8,
    kind: Kind,
    /// Vouches for the header, the key and the value.
    witness: Witness,
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Put,
    Tombstone,
    /// Begins every level; has neither key nor value.
    Head,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Header>() == 16 && size_of::<AtomicU64>() == 8);
const _: () = assert!(align_of::<Header>() <= UNIT_BYTES && align_of::<AtomicU64>() <= UNIT_BYTES);
const _: () = assert!(size_of::<Header>().is_multiple_of(UNIT_BYTES));

/// The node before the first: a full tower. Lies in the `Memtable`, not in the arena.
#[repr(C)]
pub(crate) struct Head {
    tower: [AtomicU64; HEIGHT_MAX],
    header: Header,
}

impl Head {
    pub(crate) fn new() -> Head {
        let height = u8::try_from(HEIGHT_MAX).expect("towers are low");
        Head {
            tower: std::array::from_fn(|_| AtomicU64::new(LinkWord::END.0)),
            header: Header {
                version: 0,
                value_bytes: 0,
                key_bytes: 0,
                height,
                kind: Kind::Head,
                witness: Witness::new(),
            },
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
    pub(crate) key: &'k [u8],
    pub(crate) version: u64,
    pub(crate) entry: Entry<'k>,
    pub(crate) height: usize,
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
        self.height * size_of::<AtomicU64>()
    }

    /// Bytes of the whole node, in whole units.
    pub(crate) fn node_bytes(&self) -> usize {
        let bytes = self.tower_bytes() + size_of::<Header>() + self.key.len() + self.value().len();
        bytes.next_multiple_of(UNIT_BYTES)
    }

    /// Writes the node; its links are those given.
    ///
    /// # Safety
    /// `start` points to `self.node_bytes()` of memory aligned to [`UNIT_BYTES`], which nobody else reads or
    /// writes during the call and which lives for `'m`.
    pub(crate) unsafe fn write<'m>(&self, start: NonNull<u8>, links: &[LinkWord]) -> Node<'m> {
        assert_eq!(links.len(), self.height);
        let value = self.value();
        let header = Header {
            version: self.version,
            value_bytes: u32::try_from(value.len()).expect("bounded by the chunk size"),
            key_bytes: u16::try_from(self.key.len()).expect("checked at the door"),
            height: u8::try_from(self.height).expect("towers are low"),
            kind: if matches!(self.entry, Entry::Put(_)) { Kind::Put } else { Kind::Tombstone },
            witness: Witness::new(),
        };
        header.witness.wrote();
        // SAFETY: tower, header, key and value lie one after the other within `node_bytes`; units are aligned for
        // links and header (asserted above); the memory is ours alone by this function's contract; key and
        // value come from elsewhere, so the copies do not overlap.
        unsafe {
            let pointer = start.add(self.tower_bytes());
            for (level, link) in links.iter().enumerate() {
                pointer.cast::<AtomicU64>().sub(level + 1).write(AtomicU64::new(link.0));
            }
            pointer.cast::<Header>().write(header);
            let key = pointer.add(size_of::<Header>());
            ptr::copy_nonoverlapping(self.key.as_ptr(), key.as_ptr(), self.key.len());
            ptr::copy_nonoverlapping(value.as_ptr(), key.add(self.key.len()).as_ptr(), value.len());
            Node { header: pointer.cast(), memory: PhantomData }
        }
    }
}

/// A node that is in place: written and, for all but its writer, linked.
///
/// Invariants: 1. `header` points to a node that [`Draft::write`] or [`Head::new`] has made, with all of its
/// tower, key and value around it, and that lives for `'m`. 2. This thread's view of the node is ordered after
/// its writing. 3. Nothing but the links changes.
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

    /// Makes the node at the end of `word` reachable on `level`. Only the writer does this.
    #[inline(always)]
    pub(crate) fn set_link(self, level: usize, word: LinkWord) {
        // Release: pairs with the Acquire in `follow`: who sees the link sees the node behind it, the chunk that it
        // lies in, and every link that was set before.
        self.link(level).store(word.0, link_order());
    }

    #[inline(always)]
    pub(crate) fn is_head(self) -> bool {
        self.header().kind == Kind::Head
    }

    #[inline(always)]
    pub(crate) fn height(self) -> usize {
        usize::from(self.header().height)
    }

    #[inline(always)]
    pub(crate) fn version(self) -> u64 {
        self.header().version
    }

    #[inline(always)]
    pub(crate) fn key(self) -> &'m [u8] {
        let key_bytes = usize::from(self.header().key_bytes);
        // SAFETY: invariants 1 and 3: that many bytes of key follow the header, initialised and immutable for 'm;
        // the pointer was made for the whole node.
        unsafe {
            let start = self.header.cast::<u8>().add(size_of::<Header>());
            std::slice::from_raw_parts(start.as_ptr(), key_bytes)
        }
    }

    #[inline(always)]
    pub(crate) fn entry(self) -> Entry<'m> {
        let header = self.header();
        if header.kind != Kind::Put {
            return Entry::Tombstone;
        }
        let value_bytes = usize::try_from(header.value_bytes).expect("an address has at least 32 bits");
        // SAFETY: as for `key`: the value's bytes follow the key's.
        unsafe {
            let start = self.header.cast::<u8>().add(size_of::<Header>() + usize::from(header.key_bytes));
            Entry::Put(std::slice::from_raw_parts(start.as_ptr(), value_bytes))
        }
    }

    /// Whether two nodes carry the same key.
    #[inline(always)]
    pub(crate) fn has_key_of(self, other: Node<'_>) -> bool {
        let (own, key) = (self.key(), other.key());
        // Keys mostly differ in the hash that they begin with: that spares the call that compares the whole.
        own.first_chunk::<8>() == key.first_chunk::<8>() && own == key
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
