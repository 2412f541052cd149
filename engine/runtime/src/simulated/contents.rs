//! The bytes of one simulated file, live and durable apart.
//!
//! ```text
//!   write completes  ->  live                 what a read returns
//!                        unsettled write      on its way: at a power cut each of its sectors may be there or not
//!   sync completes   ->  durable              what is there after a power cut, always
//! ```
//!
//! Owned by the disk of one node, which decides when a write completes and which writes a cut keeps. No clock, no errors,
//! no chance of its own: every function is told what to do.
//!
//! What must stay true:
//! 1. A sector that a completed durable write or a sync covered changes in `durable` only by a write completed after it.
//! 2. Unsettled writes stand in the order of their completion, and survive a cut in that order where they overlap.

use std::collections::BTreeMap;
use std::rc::Rc;

/// What a disk writes whole or not at all: 512 bytes.
pub(super) const SECTOR_BYTES: usize = 512;
/// The unit of the page cache and of modern disks: 4 KiB.
pub(super) const PAGE_BYTES: usize = 4096;

/// Where a write stands among all completed writes of its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sequence(pub(super) u64);

/// A write that is live and not durable yet.
#[derive(Clone, Debug)]
pub(super) struct UnsettledWrite {
    pub(super) sequence: Sequence,
    pub(super) offset: u64,
    pub(super) bytes: Rc<[u8]>,
    /// One flag per sector: it may still reach the medium. Cleared where a later durable write covers it.
    sectors: Vec<bool>,
    /// A sync that should have covered it failed: no later sync makes it durable.
    is_abandoned: bool,
}

impl UnsettledWrite {
    pub(super) fn new(sequence: Sequence, offset: u64, bytes: Rc<[u8]>) -> UnsettledWrite {
        assert!(offset.is_multiple_of(SECTOR_BYTES as u64), "write at {offset} starts inside a sector");
        assert!(bytes.len().is_multiple_of(SECTOR_BYTES), "write of {} bytes ends inside a sector", bytes.len());
        let sectors = vec![true; bytes.len() / SECTOR_BYTES];
        UnsettledWrite { sequence, offset, bytes, sectors, is_abandoned: false }
    }

    pub(super) fn sector_count(&self) -> usize {
        self.sectors.len()
    }
}

/// A file's bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Contents {
    live: Image,
    durable: Image,
    unsettled: Vec<UnsettledWrite>,
}

impl Contents {
    /// The length that readers see, in bytes.
    pub(super) fn len_bytes(&self) -> u64 {
        self.live.len_bytes
    }

    /// The live bytes from `offset`, as many of `len` as the file has.
    pub(super) fn read(&self, offset: u64, len: usize) -> Vec<u8> {
        self.live.read(offset, len)
    }

    /// The bytes that a power cut leaves for certain, from `offset`, as many of `len` as there are.
    pub(super) fn read_durable(&self, offset: u64, len: usize) -> Vec<u8> {
        self.durable.read(offset, len)
    }

    /// Makes the file at least `len_bytes` long; the new bytes are zero. Durable after the next sync.
    pub(super) fn allocate(&mut self, len_bytes: u64) {
        self.live.len_bytes = self.live.len_bytes.max(len_bytes);
    }

    /// A plain write completed: live now, durable after the next sync.
    pub(super) fn land(&mut self, write: UnsettledWrite) {
        self.live.write(write.offset, &write.bytes);
        self.unsettled.push(write);
    }

    /// A write failed: the sectors that `landed` flags are live and may become durable, the others are as before.
    pub(super) fn land_partly(&mut self, mut write: UnsettledWrite, landed: Vec<bool>) {
        self.live.write_sectors(&write, &landed);
        write.sectors = landed;
        self.unsettled.push(write);
    }

    /// A durable write completed: live and durable now. Older writes on their way can no longer undo it.
    pub(super) fn land_durable(&mut self, offset: u64, bytes: &[u8]) {
        self.live.write(offset, bytes);
        self.durable.share(&self.live, offset, bytes);
        let end = offset + bytes.len() as u64;
        for older in &mut self.unsettled {
            for (sector, may_land) in older.sectors.iter_mut().enumerate() {
                let start = older.offset + (sector * SECTOR_BYTES) as u64;
                *may_land &= start < offset || start >= end;
            }
        }
    }

    /// A sync completed: every write up to `covered` is durable, and so is the length.
    pub(super) fn settle(&mut self, covered: Sequence, len_bytes: u64) {
        self.durable.len_bytes = self.durable.len_bytes.max(len_bytes);
        for write in &self.unsettled {
            if write.sequence <= covered && !write.is_abandoned {
                self.durable.write_sectors(write, &write.sectors);
            }
        }
        self.unsettled.retain(|write| write.sequence > covered || write.is_abandoned);
    }

    /// A sync failed: the writes up to `covered` that `is_lost` picks never become durable, though readers still see them.
    pub(super) fn abandon(&mut self, covered: Sequence, mut is_lost: impl FnMut() -> bool) {
        for write in &mut self.unsettled {
            if write.sequence <= covered && is_lost() {
                write.is_abandoned = true;
            }
        }
    }

    /// The writes that are live and not durable, oldest first.
    pub(super) fn unsettled(&self) -> impl Iterator<Item = &UnsettledWrite> {
        self.unsettled.iter().filter(|write| !write.is_abandoned)
    }

    /// Puts the sectors of `write` that `kept` flags on the medium.
    /// Called at a power cut, for each write on its way, in order; then `lose_live` follows.
    pub(super) fn keep(&mut self, write: &UnsettledWrite, kept: &[bool]) {
        assert_eq!(kept.len(), write.sectors.len(), "one flag per sector");
        let landing: Vec<bool> =
            write.sectors.iter().zip(kept).map(|(&may_land, &is_kept)| may_land && is_kept).collect();
        self.durable.write_sectors(write, &landing);
    }

    /// Lengths that no sync covered: from the one that is durable to the one that readers see, in bytes.
    pub(super) fn unsettled_len_bytes(&self) -> (u64, u64) {
        (self.durable.len_bytes, self.live.len_bytes)
    }

    /// The power is gone: readers see the durable bytes, `len_bytes` of them at least, and no write is on its way any more.
    pub(super) fn lose_live(&mut self, len_bytes: u64) {
        self.durable.len_bytes = self.durable.len_bytes.max(len_bytes);
        self.unsettled.clear();
        self.live = self.durable.clone();
    }

    /// Changes the byte at `offset` by exclusive or with `mask`, live and durable. False if the file is shorter.
    pub(super) fn flip(&mut self, offset: u64, mask: u8) -> bool {
        if offset >= self.live.len_bytes {
            return false;
        }
        self.live.flip(offset, mask);
        if offset < self.durable.len_bytes {
            self.durable.flip(offset, mask);
        }
        true
    }
}

/// Sparse bytes: a page that is absent is zero. Pages are shared between live and durable until one of them changes.
#[derive(Clone, Debug, Default)]
struct Image {
    pages: BTreeMap<u64, Rc<[u8; PAGE_BYTES]>>,
    len_bytes: u64,
}

impl Image {
    fn read(&self, offset: u64, len: usize) -> Vec<u8> {
        let available = self.len_bytes.saturating_sub(offset).min(len as u64);
        let mut bytes = vec![0; usize::try_from(available).expect("at most the length asked for, a usize")];
        for_each_page(offset, bytes.len(), |page, within, range| {
            if let Some(stored) = self.pages.get(&page) {
                bytes[range.clone()].copy_from_slice(&stored[within..within + range.len()]);
            }
        });
        bytes
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) {
        for_each_page(offset, bytes.len(), |page, within, range| self.write_page(page, within, &bytes[range]));
        self.len_bytes = self.len_bytes.max(offset + bytes.len() as u64);
    }

    fn write_page(&mut self, page: u64, within: usize, bytes: &[u8]) {
        if let Ok(whole) = <[u8; PAGE_BYTES]>::try_from(bytes) {
            self.pages.insert(page, Rc::new(whole));
            return;
        }
        let stored = self.pages.entry(page).or_insert_with(|| Rc::new([0; PAGE_BYTES]));
        Rc::make_mut(stored)[within..within + bytes.len()].copy_from_slice(bytes);
    }

    /// Writes what was just written to `other`: pages that are all of it are shared.
    fn share(&mut self, other: &Image, offset: u64, bytes: &[u8]) {
        for_each_page(offset, bytes.len(), |page, within, range| {
            if range.len() == PAGE_BYTES {
                self.pages.insert(page, Rc::clone(&other.pages[&page]));
            } else {
                self.write_page(page, within, &bytes[range]);
            }
        });
        self.len_bytes = self.len_bytes.max(offset + bytes.len() as u64);
    }

    fn write_sectors(&mut self, write: &UnsettledWrite, landing: &[bool]) {
        for (sector, &lands) in landing.iter().enumerate() {
            if lands {
                let start = sector * SECTOR_BYTES;
                self.write(write.offset + start as u64, &write.bytes[start..start + SECTOR_BYTES]);
            }
        }
    }

    fn flip(&mut self, offset: u64, mask: u8) {
        let byte = self.read(offset, 1)[0] ^ mask;
        self.write(offset, &[byte]);
    }
}

/// Cuts `len` bytes from `offset` into pages: page number, offset within it, range of the caller's bytes.
fn for_each_page(offset: u64, len: usize, mut visit: impl FnMut(u64, usize, std::ops::Range<usize>)) {
    let mut done = 0;
    while done < len {
        let position = offset + done as u64;
        let within = usize::try_from(position % PAGE_BYTES as u64).expect("below 4096");
        let size = (PAGE_BYTES - within).min(len - done);
        visit(position / PAGE_BYTES as u64, within, done..done + size);
        done += size;
    }
}
