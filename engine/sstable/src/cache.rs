//! Blocks, index pages and items in memory: one cache a core, bounded in bytes, by the S3-FIFO policy.
//!
//! ```text
//! new -> small queue (a tenth) -> used again? -> main queue -> used again? -> to its end, up to three times
//!                              \-> no: out, remembered as a ghost; a ghost that comes back enters the main queue
//! ```
//!
//! So one long scan goes through the small queue and drives nothing out. A hit moves nothing and allocates nothing. What
//! somebody holds is pinned: it stays, and may carry the cache over its bound, so an operation that was given all the
//! blocks that it needs finds them. Items are found by their keys, so that what is read often costs one look, wherever it lies. Source: Yang et al., "FIFO Queues are All You Need for Cache Eviction", 2023.

use crate::block::Block;
use crate::entry::JournalPlace;
use crate::filter::SoughtKey;
use crate::ghosts::Ghosts;
use crate::index_page::IndexPage;
use crate::places::{PieceKey, Places};
use crate::record::FileId;
use crate::seal::{BlockRef, UNIT_BYTES};
use bytes::Bytes;
use runtime::{CACHE_LINE_BYTES, prefetch};
use std::collections::VecDeque;
use std::ops::{Index, IndexMut};
use std::rc::Rc;

/// Share of the bytes that the small queue may have: one part in so many.
const SMALL_SHARE: usize = 10;
/// Uses that are counted.
const FREQUENCY_MAX: u8 = 3;
/// What a cached piece takes beside its bytes: slot, map, queue.
const OVERHEAD_BYTES: usize = 96;

/// Slots that are made at once.
const SLOT_GROUP_COUNT: usize = 1 << 10;
/// How many places from the front of a queue a slot is asked for, then what it names, then an item's key: each is there when the next step looks, if one piece
/// leaves for each that comes.
const SLOT_DISTANCE: usize = 12;
const PIECE_DISTANCE: usize = 6;
const KEY_DISTANCE: usize = 3;

/// What the cache holds.
#[derive(Clone, Debug)]
pub enum Piece {
    /// A data block.
    Block(Rc<Block>),
    /// An index page.
    Page(Rc<IndexPage>),
    /// An item.
    Item(Rc<CachedItem>),
}

/// An item with what it is found by.
#[derive(Debug)]
pub struct CachedItem {
    owner: u64,
    key: Box<[u8]>,
    version: u64,
    item: Bytes,
    /// Where it came from, if that is a record in the journal. It may have been moved since.
    place: Option<JournalPlace>,
}

impl CachedItem {
    /// Asks for the memory of its key, and of where its bytes begin.
    pub(crate) fn prefetch(&self) {
        prefetch(self.key.as_ptr());
        prefetch(self.item.as_ptr());
    }
}

impl Piece {
    /// Asks for the memory of what it leads to first.
    pub(crate) fn prefetch(&self) {
        match self {
            Piece::Block(block) => prefetch(Rc::as_ptr(block)),
            Piece::Page(page) => prefetch(Rc::as_ptr(page)),
            Piece::Item(held) => {
                prefetch(Rc::as_ptr(held));
                prefetch(Rc::as_ptr(held).cast::<u8>().wrapping_add(CACHE_LINE_BYTES));
            }
        }
    }

    fn memory_bytes(&self) -> usize {
        OVERHEAD_BYTES
            + match self {
                Piece::Block(block) => block.memory_bytes(),
                Piece::Page(page) => page.memory_bytes(),
                Piece::Item(held) => size_of::<CachedItem>() + held.key.len() + held.item.len(),
            }
    }

    /// Whether it was used past the cache since the last call: an index page that its file has led to.
    fn take_use(&self) -> bool {
        match self {
            Piece::Page(page) => page.take_use(),
            Piece::Block(_) | Piece::Item(_) => false,
        }
    }

    fn is_pinned(&self) -> bool {
        match self {
            Piece::Block(block) => Rc::strong_count(block) > 1,
            Piece::Page(page) => Rc::strong_count(page) > 1,
            // Its bytes are counted by themselves.
            Piece::Item(_) => false,
        }
    }
}

/// What the cache has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheUsage {
    /// Pieces that were found.
    pub hit_count: u64,
    /// Pieces that were not.
    pub miss_count: u64,
    /// Pieces that were driven out.
    pub eviction_count: u64,
}

struct Slot {
    key: PieceKey,
    /// `None` when it was taken out: its place in the queue is still to come to the front.
    piece: Option<Piece>,
    /// Of the piece and the slot; of the slot alone when it was taken out.
    bytes: usize,
    frequency: u8,
    is_main: bool,
}

/// All slots, in groups: a new one moves none of those that are there, which takes milliseconds when there are many.
#[derive(Default)]
struct Slots {
    groups: Vec<Vec<Slot>>,
}

impl Slots {
    /// Adds a slot; returns which it is.
    fn push(&mut self, slot: Slot) -> u32 {
        if self.groups.last().is_none_or(|group| group.len() == SLOT_GROUP_COUNT) {
            self.groups.push(Vec::with_capacity(SLOT_GROUP_COUNT));
        }
        let before = self.groups.len() - 1;
        let group = &mut self.groups[before];
        group.push(slot);
        let place = before * SLOT_GROUP_COUNT + group.len() - 1;
        u32::try_from(place).expect("fewer than 4 billion pieces in memory")
    }
}

impl Index<u32> for Slots {
    type Output = Slot;

    fn index(&self, place: u32) -> &Slot {
        &self.groups[place as usize / SLOT_GROUP_COUNT][place as usize % SLOT_GROUP_COUNT]
    }
}

impl IndexMut<u32> for Slots {
    fn index_mut(&mut self, place: u32) -> &mut Slot {
        &mut self.groups[place as usize / SLOT_GROUP_COUNT][place as usize % SLOT_GROUP_COUNT]
    }
}

/// One of the two queues: slots in the order of their coming.
#[derive(Default)]
struct Queue {
    slots: VecDeque<u32>,
    bytes: usize,
}

/// The cache of a core. Made by its worker; never leaves its thread.
///
/// Invariants: 1. Every slot with a piece is in `places`; every slot that is not free is in one queue, once. 2. A queue's `bytes` are those of its slots, also
/// of those whose piece was taken out.
/// 3. `small.bytes + main.bytes` is over `bytes_max` only while pinned pieces keep it there.
pub struct Cache {
    bytes_max: usize,
    /// Of the hashes of keys.
    seed: u64,
    places: Places,
    slots: Slots,
    free: Vec<u32>,
    small: Queue,
    main: Queue,
    ghosts: Ghosts,
    usage: CacheUsage,
}

impl Cache {
    /// An empty cache of so many bytes. The seed is nobody else's business.
    pub fn new(bytes_max: usize, seed: u64) -> Cache {
        Cache {
            bytes_max,
            seed,
            places: Places::new(),
            slots: Slots::default(),
            free: Vec::new(),
            small: Queue::default(),
            main: Queue::default(),
            ghosts: Ghosts::new(2 * bytes_max / UNIT_BYTES),
            usage: CacheUsage::default(),
        }
    }

    /// Bytes that it holds.
    pub fn memory_bytes(&self) -> usize {
        self.small.bytes + self.main.bytes + self.ghosts.memory_bytes()
    }

    /// What it has done so far.
    pub fn usage(&self) -> CacheUsage {
        self.usage
    }

    /// Changes how much it may hold, and drives out what is too much.
    pub fn set_bytes_max(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
        self.make_room(0);
    }

    /// The data block, if it is here. It is pinned while the caller holds it.
    pub fn block(&mut self, file: FileId, block: BlockRef) -> Option<Rc<Block>> {
        match self.find(PieceKey::of_block(file, block))? {
            Piece::Block(block) => Some(Rc::clone(block)),
            Piece::Page(_) | Piece::Item(_) => None,
        }
    }

    /// The index page, if it is here. It is pinned while the caller holds it.
    pub fn page(&mut self, file: FileId, page: BlockRef) -> Option<Rc<IndexPage>> {
        match self.find(PieceKey::of_block(file, page))? {
            Piece::Page(page) => Some(Rc::clone(page)),
            Piece::Block(_) | Piece::Item(_) => None,
        }
    }

    /// The item that an owner has for a key, with its version, if it is here.
    pub fn item(&mut self, owner: u64, sought: &SoughtKey<'_>) -> Option<(u64, Bytes)> {
        match self.find(PieceKey::of_item(owner, sought))? {
            Piece::Item(held) if held.owner == owner && *held.key == *sought.bytes() => {
                Some((held.version, held.item.clone()))
            }
            Piece::Item(_) | Piece::Block(_) | Piece::Page(_) => None,
        }
    }

    /// Takes in an item of that version, in the place of an older one; and the record that it was read from, if it was.
    pub fn insert_item(
        &mut self,
        owner: u64,
        sought: &SoughtKey<'_>,
        (version, item): (u64, Bytes),
        place: Option<JournalPlace>,
    ) {
        let piece_key = PieceKey::of_item(owner, sought);
        self.take_out(piece_key);
        let key = sought.bytes().into();
        self.put(piece_key, Piece::Item(Rc::new(CachedItem { owner, key, version, item, place })));
    }

    /// Forgets the item of a key: it is otherwise from now on. Returns the record that it was read from.
    pub fn remove_item(&mut self, owner: u64, key: &[u8]) -> Option<JournalPlace> {
        if self.places.len() == 0 {
            return None;
        }
        match self.take_out(PieceKey::of_item(owner, &SoughtKey::new(key)))? {
            Piece::Item(held) if held.owner == owner && *held.key == *key => held.place,
            Piece::Item(_) | Piece::Block(_) | Piece::Page(_) => None,
        }
    }

    /// Takes in what was read. If another read was faster, what it brought stays.
    pub fn insert(&mut self, file: FileId, block: BlockRef, piece: Piece) {
        let key = PieceKey::of_block(file, block);
        if self.place_of(key).is_none() {
            self.put(key, piece);
        }
    }

    /// The hash that a piece is looked for by.
    pub(crate) fn hash_of(&self, key: PieceKey) -> u64 {
        key.hash(self.seed)
    }

    /// Asks for the memory that says in which slot a piece with this hash is.
    pub(crate) fn prefetch_place(&self, hash: u64) {
        self.places.prefetch(hash);
    }

    /// The slot of a piece with this hash, or of one that is like it there.
    pub(crate) fn slot_ahead(&self, hash: u64) -> Option<u32> {
        self.places.find(hash, |_| true)
    }

    /// Asks for the memory of a slot.
    pub(crate) fn prefetch_slot(&self, place: u32) {
        prefetch(&raw const self.slots[place]);
    }

    /// What is in a slot.
    pub(crate) fn piece_at(&self, place: u32) -> Option<&Piece> {
        self.slots[place].piece.as_ref()
    }

    fn put(&mut self, key: PieceKey, piece: Piece) {
        let bytes = piece.memory_bytes();
        self.make_room(bytes);
        debug_assert!(self.place_of(key).is_none(), "a piece is in one slot");
        let hash = self.hash_of(key);
        let is_main = self.ghosts.take(hash, self.places.len());
        let slot = Slot { key, piece: Some(piece), bytes, frequency: 0, is_main };
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place] = slot;
                place
            }
            None => self.slots.push(slot),
        };
        self.places.insert(hash, place);
        let queue = if is_main { &mut self.main } else { &mut self.small };
        queue.bytes += bytes;
        queue.slots.push_back(place);
        self.prefetch_victims();
    }

    /// Asks for the memory that driving out looks at, of those whose turn comes soon.
    fn prefetch_victims(&self) {
        let queue = if self.is_small_first() { &self.small } else { &self.main };
        if let Some(place) = queue.slots.get(SLOT_DISTANCE) {
            self.prefetch_slot(*place);
        }
        if let Some(place) = queue.slots.get(PIECE_DISTANCE) {
            let slot = &self.slots[*place];
            let hash = self.hash_of(slot.key);
            self.places.prefetch(hash);
            self.ghosts.prefetch(hash);
            slot.piece.iter().for_each(Piece::prefetch);
        }
        if let Some(place) = queue.slots.get(KEY_DISTANCE)
            && let Some(Piece::Item(held)) = &self.slots[*place].piece
        {
            prefetch(held.key.as_ptr());
        }
    }

    fn is_small_first(&self) -> bool {
        self.small.bytes * SMALL_SHARE > self.bytes_max || self.main.slots.is_empty()
    }

    /// Takes a piece out, wherever it stands.
    fn take_out(&mut self, key: PieceKey) -> Option<Piece> {
        let place = self.place_of(key)?;
        self.places.remove(self.hash_of(key), place);
        let slot = &mut self.slots[place];
        let queue = if slot.is_main { &mut self.main } else { &mut self.small };
        // The slot itself is taken until the queue comes to it.
        queue.bytes -= std::mem::replace(&mut slot.bytes, OVERHEAD_BYTES) - OVERHEAD_BYTES;
        slot.piece.take()
    }

    fn place_of(&self, key: PieceKey) -> Option<u32> {
        self.places.find(self.hash_of(key), |place| self.slots[place].key == key)
    }

    fn find(&mut self, key: PieceKey) -> Option<&Piece> {
        match self.place_of(key) {
            None => {
                self.usage.miss_count += 1;
                None
            }
            Some(place) => {
                self.usage.hit_count += 1;
                let slot = &mut self.slots[place];
                slot.frequency = (slot.frequency + 1).min(FREQUENCY_MAX);
                slot.piece.as_ref()
            }
        }
    }

    /// Drives out until `bytes` more fit, or all that is left is pinned.
    fn make_room(&mut self, bytes: usize) {
        while self.small.bytes + self.main.bytes + bytes > self.bytes_max {
            let is_gone = match self.is_small_first() {
                true => self.evict_small() || self.evict_main(),
                false => self.evict_main() || self.evict_small(),
            };
            if !is_gone {
                return;
            }
        }
    }

    /// Drives one piece out of the small queue; moves those that were used to the main queue. False if none could go.
    fn evict_small(&mut self) -> bool {
        for _ in 0..self.small.slots.len() {
            let place = self.small.slots.pop_front().expect("counted above");
            let slot = &mut self.slots[place];
            let Some(piece) = &slot.piece else {
                self.small.bytes -= slot.bytes;
                self.free.push(place);
                return true;
            };
            if piece.is_pinned() {
                self.small.slots.push_back(place);
                continue;
            }
            self.small.bytes -= slot.bytes;
            if slot.frequency > 0 || piece.take_use() {
                (slot.frequency, slot.is_main) = (0, true);
                self.main.bytes += slot.bytes;
                self.main.slots.push_back(place);
                continue;
            }
            self.ghosts.add(slot.key.hash(self.seed));
            self.remove(place);
            return true;
        }
        false
    }

    /// Drives one piece out of the main queue. False if none could go.
    fn evict_main(&mut self) -> bool {
        for _ in 0..self.main.slots.len() * (usize::from(FREQUENCY_MAX) + 1) {
            let Some(place) = self.main.slots.pop_front() else { return false };
            let slot = &mut self.slots[place];
            let Some(piece) = &slot.piece else {
                self.main.bytes -= slot.bytes;
                self.free.push(place);
                return true;
            };
            if slot.frequency > 0 || piece.is_pinned() || piece.take_use() {
                slot.frequency = slot.frequency.saturating_sub(1);
                self.main.slots.push_back(place);
                continue;
            }
            self.main.bytes -= slot.bytes;
            self.remove(place);
            return true;
        }
        false
    }

    fn remove(&mut self, place: u32) {
        let slot = &mut self.slots[place];
        slot.piece = None;
        let hash = slot.key.hash(self.seed);
        self.places.remove(hash, place);
        self.free.push(place);
        self.usage.eviction_count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written again and again is put in, and taken out, though the cache never holds much.
    #[test]
    fn slots_whose_pieces_were_taken_out_are_used_again() {
        const BYTES_MAX: usize = 64 << 10;
        let mut cache = Cache::new(BYTES_MAX, 7);
        for version in 0..100_000 {
            cache.insert_item(1, &SoughtKey::new(b"key"), (version, Bytes::from_static(b"item")), None);
            cache.remove_item(1, b"key");
        }
        let slot_count: usize = cache.slots.groups.iter().map(Vec::len).sum();
        assert!(slot_count <= BYTES_MAX / OVERHEAD_BYTES + 1, "{slot_count} slots");
    }
}
