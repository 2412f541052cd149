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
use crate::ghosts::Ghosts;
use crate::index_page::IndexPage;
use crate::places::{PieceKey, Places};
use crate::record::FileId;
use crate::seal::{BlockRef, UNIT_BYTES};
use bytes::Bytes;
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

impl Piece {
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
/// Invariants: 1. Every slot with a piece is in `places`; every slot that is not free is in one queue, once. 2. A queue's `bytes` are those of its slots.
/// 3. `small.bytes + main.bytes` is over `bytes_max` only while pinned pieces keep it there.
pub struct Cache {
    bytes_max: usize,
    places: Places,
    slots: Slots,
    free: Vec<u32>,
    small: Queue,
    main: Queue,
    ghosts: Ghosts,
    usage: CacheUsage,
}

impl Cache {
    /// An empty cache of so many bytes.
    pub fn new(bytes_max: usize) -> Cache {
        Cache {
            bytes_max,
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
    pub fn item(&mut self, owner: u64, key: &[u8]) -> Option<(u64, Bytes)> {
        match self.find(PieceKey::of_item(owner, key))? {
            Piece::Item(held) if held.owner == owner && *held.key == *key => Some((held.version, held.item.clone())),
            Piece::Item(_) | Piece::Block(_) | Piece::Page(_) => None,
        }
    }

    /// Takes in an item of that version, in the place of an older one; and the record that it was read from, if it was.
    pub fn insert_item(&mut self, owner: u64, key: &[u8], (version, item): (u64, Bytes), place: Option<JournalPlace>) {
        let piece_key = PieceKey::of_item(owner, key);
        self.take_out(piece_key);
        self.put(piece_key, Piece::Item(Rc::new(CachedItem { owner, key: key.into(), version, item, place })));
    }

    /// Forgets the item of a key: it is otherwise from now on. Returns the record that it was read from.
    pub fn remove_item(&mut self, owner: u64, key: &[u8]) -> Option<JournalPlace> {
        if self.places.len() == 0 {
            return None;
        }
        match self.take_out(PieceKey::of_item(owner, key))? {
            Piece::Item(held) if held.owner == owner && *held.key == *key => held.place,
            Piece::Item(_) | Piece::Block(_) | Piece::Page(_) => None,
        }
    }

    /// Takes in what was read. If another read was faster, what it brought stays.
    pub fn insert(&mut self, file: FileId, block: BlockRef, piece: Piece) {
        let key = PieceKey::of_block(file, block);
        if self.places.get(key).is_none() {
            self.put(key, piece);
        }
    }

    fn put(&mut self, key: PieceKey, piece: Piece) {
        let bytes = piece.memory_bytes();
        self.make_room(bytes);
        let is_main = self.ghosts.take(key.hash(), self.places.len());
        let slot = Slot { key, piece: Some(piece), bytes, frequency: 0, is_main };
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place] = slot;
                place
            }
            None => self.slots.push(slot),
        };
        self.places.insert(key, place);
        let queue = if is_main { &mut self.main } else { &mut self.small };
        queue.bytes += bytes;
        queue.slots.push_back(place);
    }

    /// Takes a piece out, wherever it stands.
    fn take_out(&mut self, key: PieceKey) -> Option<Piece> {
        let place = self.places.remove(key)?;
        let slot = &mut self.slots[place];
        let queue = if slot.is_main { &mut self.main } else { &mut self.small };
        queue.bytes -= std::mem::take(&mut slot.bytes);
        slot.piece.take()
    }

    fn find(&mut self, key: PieceKey) -> Option<&Piece> {
        match self.places.get(key) {
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
            let is_small_first = self.small.bytes * SMALL_SHARE > self.bytes_max || self.main.slots.is_empty();
            let is_gone = match is_small_first {
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
                self.free.push(place);
                continue;
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
            self.ghosts.add(slot.key.hash());
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
                self.free.push(place);
                continue;
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
        let key = slot.key;
        self.places.remove(key);
        self.free.push(place);
        self.usage.eviction_count += 1;
    }
}
