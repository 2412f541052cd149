//! Blocks and index pages in memory: one cache a core, bounded in bytes, by the S3-FIFO policy.
//!
//! ```text
//! new -> small queue (a tenth) -> used again? -> main queue -> used again? -> to its end, up to three times
//!                              \-> no: out, remembered as a ghost; a ghost that comes back enters the main queue
//! ```
//!
//! So one long scan goes through the small queue and drives nothing out. A hit moves nothing and allocates nothing. What
//! somebody holds is pinned: it stays, and may carry the cache over its bound, so an operation that was given all the
//! blocks that it needs finds them. Source: Yang et al., "FIFO Queues are All You Need for Cache Eviction", 2023.

use crate::block::Block;
use crate::ghosts::Ghosts;
use crate::index_page::IndexPage;
use crate::record::FileId;
use crate::seal::{BlockRef, UNIT_BYTES};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hasher};
use std::rc::Rc;

/// Share of the bytes that the small queue may have: one part in so many.
const SMALL_SHARE: usize = 10;
/// Uses that are counted.
const FREQUENCY_MAX: u8 = 3;
/// What a cached piece takes beside its bytes: slot, map, queue.
const OVERHEAD_BYTES: usize = 96;

/// What the cache holds.
#[derive(Clone, Debug)]
pub enum Piece {
    /// A data block.
    Block(Rc<Block>),
    /// An index page.
    Page(Rc<IndexPage>),
}

impl Piece {
    fn memory_bytes(&self) -> usize {
        OVERHEAD_BYTES
            + match self {
                Piece::Block(block) => block.memory_bytes(),
                Piece::Page(page) => page.memory_bytes(),
            }
    }

    fn is_pinned(&self) -> bool {
        match self {
            Piece::Block(block) => Rc::strong_count(block) > 1,
            Piece::Page(page) => Rc::strong_count(page) > 1,
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

/// Which block: of this file, at this unit.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct PieceKey {
    file: u64,
    unit: u32,
}

impl PieceKey {
    fn hash(self) -> u64 {
        let mixed =
            (self.file ^ (u64::from(self.unit) << 32 | u64::from(self.unit))).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed ^ (mixed >> 32)).wrapping_mul(0xFF51_AFD7_ED55_8CCD)
    }
}

struct Slot {
    key: PieceKey,
    piece: Option<Piece>,
    bytes: usize,
    frequency: u8,
}

/// One of the two queues: slots in the order of their coming.
#[derive(Default)]
struct Queue {
    slots: VecDeque<u32>,
    bytes: usize,
}

/// The cache of a core. Made by its worker; never leaves its thread.
///
/// Invariants: 1. Every slot with a piece is in `places` and in one queue, once. 2. A queue's `bytes` are those of its slots.
/// 3. `small.bytes + main.bytes` is over `bytes_max` only while pinned pieces keep it there.
pub struct Cache {
    bytes_max: usize,
    places: HashMap<PieceKey, u32, PieceHashing>,
    slots: Vec<Slot>,
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
            places: HashMap::default(),
            slots: Vec::new(),
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
        match self.find(file, block)? {
            Piece::Block(block) => Some(Rc::clone(block)),
            Piece::Page(_) => None,
        }
    }

    /// The index page, if it is here. It is pinned while the caller holds it.
    pub fn page(&mut self, file: FileId, page: BlockRef) -> Option<Rc<IndexPage>> {
        match self.find(file, page)? {
            Piece::Page(page) => Some(Rc::clone(page)),
            Piece::Block(_) => None,
        }
    }

    /// Takes in what was read. If another read was faster, what it brought stays.
    pub fn insert(&mut self, file: FileId, block: BlockRef, piece: Piece) {
        let key = PieceKey { file: file.0, unit: block.unit };
        if self.places.contains_key(&key) {
            return;
        }
        let bytes = piece.memory_bytes();
        self.make_room(bytes);
        let is_ghost = self.ghosts.take(key.hash(), self.places.len());
        let slot = Slot { key, piece: Some(piece), bytes, frequency: 0 };
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place as usize] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                u32::try_from(self.slots.len() - 1).expect("fewer than 4 billion blocks in memory")
            }
        };
        self.places.insert(key, place);
        let queue = if is_ghost { &mut self.main } else { &mut self.small };
        queue.bytes += bytes;
        queue.slots.push_back(place);
    }

    fn find(&mut self, file: FileId, block: BlockRef) -> Option<&Piece> {
        let key = PieceKey { file: file.0, unit: block.unit };
        match self.places.get(&key) {
            None => {
                self.usage.miss_count += 1;
                None
            }
            Some(place) => {
                self.usage.hit_count += 1;
                let slot = &mut self.slots[*place as usize];
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
            let slot = &mut self.slots[place as usize];
            if slot.piece.as_ref().is_some_and(Piece::is_pinned) {
                self.small.slots.push_back(place);
                continue;
            }
            self.small.bytes -= slot.bytes;
            if slot.frequency > 0 {
                slot.frequency = 0;
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
            let place = self.main.slots.pop_front().expect("every turn puts back what it does not drive out");
            let slot = &mut self.slots[place as usize];
            if slot.frequency > 0 || slot.piece.as_ref().is_some_and(Piece::is_pinned) {
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
        let slot = &mut self.slots[place as usize];
        slot.piece = None;
        let key = slot.key;
        self.places.remove(&key);
        self.free.push(place);
        self.usage.eviction_count += 1;
    }
}

/// Hashes piece keys: a multiplication or two, for the file's id is random already.
#[derive(Clone, Copy, Default)]
struct PieceHashing;

impl BuildHasher for PieceHashing {
    type Hasher = PieceHasher;

    fn build_hasher(&self) -> PieceHasher {
        PieceHasher { file: 0, unit: 0 }
    }
}

struct PieceHasher {
    file: u64,
    unit: u32,
}

impl Hasher for PieceHasher {
    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("a piece's key is two numbers");
    }

    fn write_u64(&mut self, file: u64) {
        self.file = file;
    }

    fn write_u32(&mut self, unit: u32) {
        self.unit = unit;
    }

    fn finish(&self) -> u64 {
        PieceKey { file: self.file, unit: self.unit }.hash()
    }
}
