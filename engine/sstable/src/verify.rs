//! Verifying a file: all of it is read once, piece by piece, and held against what it was when it was written.
//!
//! ```text
//! footer -> root -> usage -> page 0 -> its blocks, a read of many at a time -> page 1 -> ..      every unit once
//! ```
//!
//! One a file that is looked at, owned by whoever looks: the engine's scrub, and [`Table::verify`] for who wants all of it at once. What is bad is told and passed over, so that one look finds all
//! there is; what a bad page leads to cannot be found and is not looked at. Nothing goes through the cache. Deliberately not here:
//! when and how fast (the engine).

use crate::block::Block;
use crate::entry::{Content, Entry};
use crate::error::{Damage, DamageKind, TableError};
use crate::footer::Footer;
use crate::index_page::IndexPage;
use crate::seal::{BlockRef, Checksums, UNIT_BYTES};
use crate::table::{Table, adjacent_count, malformed, read_payload, rot};
use crate::usage::{self, SegmentUse, UsageBuilder};
use std::rc::Rc;

/// How far the verification of a file has come.
pub struct Verification {
    stage: Stage,
    /// The last key that was met, if one was.
    last_key: Option<Vec<u8>>,
}

/// What is read next.
enum Stage {
    Footer,
    Root(BlockRef),
    Usage,
    /// An index page, by its number.
    Page(usize),
    /// The blocks of a page, from one on.
    Blocks {
        page: usize,
        index: Rc<IndexPage>,
        block: usize,
    },
    End,
}

/// What one step has come to.
#[derive(Debug, Default)]
pub struct Verified {
    /// Bytes that were read.
    pub bytes: u64,
    /// What is wrong with them, each thing once.
    pub errors: Vec<TableError>,
}

/// What the entries of a file have been found to be so far.
#[derive(Default)]
struct Held {
    entry_count: u64,
    tombstone_count: u64,
    last_key: Vec<u8>,
    usage: UsageBuilder,
}

impl Table {
    /// Reads all of the file and calls `visit` with the key and the entry of each, in order. Gives all that is wrong: of the blocks one thing each,
    /// and where every block is good, whether the entries are those that record and usage tell of.
    pub async fn verify(&self, visit: &mut dyn FnMut(&[u8], Entry<'_>)) -> Vec<TableError> {
        let (mut verification, mut held, mut faults) = (Verification::new(), Held::default(), Vec::new());
        while !verification.is_at_end() {
            let mut taken = |key: &[u8], entry: Entry<'_>| {
                held.take(key, entry);
                visit(key, entry);
            };
            faults.extend(verification.step(self, &mut taken).await.errors);
        }
        if faults.is_empty() {
            match self.read_usage().await {
                Ok(usage) => faults.extend(held.contradiction(self, &usage)),
                Err(error) => faults.push(error),
            }
        }
        faults
    }
}

impl Verification {
    /// At a file's beginning.
    pub fn new() -> Verification {
        Verification { stage: Stage::Footer, last_key: None }
    }

    /// Whether all of the file was looked at.
    pub fn is_at_end(&self) -> bool {
        matches!(self.stage, Stage::End)
    }

    /// Reads the next piece of the file, one read of at most 128 KiB (more only if one block is longer), and checks it. Calls `visit` with
    /// the key and the entry of each that it holds, in order. The same file each time.
    pub async fn step(&mut self, table: &Table, visit: &mut dyn FnMut(&[u8], Entry<'_>)) -> Verified {
        match std::mem::replace(&mut self.stage, Stage::End) {
            Stage::Footer => self.verify_footer(table).await,
            Stage::Root(root) => self.verify_root(table, root).await,
            Stage::Usage => self.verify_usage(table).await,
            Stage::Page(page) => self.verify_page(table, page).await,
            Stage::Blocks { page, index, block } => self.verify_blocks(table, (page, index, block), visit).await,
            Stage::End => Verified::default(),
        }
    }

    async fn verify_footer(&mut self, table: &Table) -> Verified {
        self.stage = Stage::Usage;
        let offset = u64::from(table.record().units - 1) * UNIT_BYTES as u64;
        let unit = match table.file.read_at(offset, UNIT_BYTES).await {
            Ok(unit) => unit,
            Err(error) => return Verified::bad(0, error.into()),
        };
        match Footer::decode(unit.as_slice(), table.record(), Checksums::new(table.id())) {
            Ok(footer) => {
                self.stage = Stage::Root(footer.root);
                Verified { bytes: UNIT_BYTES as u64, errors: Vec::new() }
            }
            Err(damage) => Verified::bad(UNIT_BYTES, rot(&table.file, damage)),
        }
    }

    async fn verify_root(&mut self, table: &Table, root: BlockRef) -> Verified {
        self.stage = Stage::Usage;
        let read = read_payload(&table.file, &table.sealer, root).await;
        let page = read.and_then(|bytes| IndexPage::decode(bytes).map_err(|part| malformed(&table.file, root, part)));
        Verified::of(root.len_bytes(), page.map(|_| ()))
    }

    async fn verify_usage(&mut self, table: &Table) -> Verified {
        self.stage = Stage::Page(0);
        let Some(block) = table.usage else { return Verified::default() };
        let read = read_payload(&table.file, &table.sealer, block).await;
        let used = read.and_then(|bytes| usage::decode(&bytes).ok_or_else(|| malformed(&table.file, block, "usage")));
        Verified::of(block.len_bytes(), used.map(|_| ()))
    }

    async fn verify_page(&mut self, table: &Table, page: usize) -> Verified {
        if page >= table.root().block_count() {
            return Verified::default();
        }
        let reference = table.root().block(page);
        let read = table.read_page(reference).await;
        let verified = match read {
            Ok(index) => {
                self.stage = Stage::Blocks { page, index, block: 0 };
                Ok(())
            }
            Err(error) => {
                self.stage = Stage::Page(page + 1);
                Err(error)
            }
        };
        Verified::of(reference.len_bytes(), verified)
    }

    async fn verify_blocks(
        &mut self,
        table: &Table,
        (page, index, first): (usize, Rc<IndexPage>, usize),
        visit: &mut dyn FnMut(&[u8], Entry<'_>),
    ) -> Verified {
        let count = index.block_count();
        let blocks: Vec<BlockRef> = (first..count).map(|number| index.block(number)).collect();
        let together = &blocks[..adjacent_count(&blocks)];
        let next = first + together.len();
        self.stage = if next < count { Stage::Blocks { page, index, block: next } } else { Stage::Page(page + 1) };
        verify_together(table, together, &mut self.last_key, visit).await
    }
}

impl Held {
    fn take(&mut self, key: &[u8], entry: Entry<'_>) {
        self.entry_count += 1;
        match entry.content {
            Content::Tombstone => self.tombstone_count += 1,
            Content::InJournal { place, .. } => self.usage.add(place),
            Content::Inline { .. } | Content::BareKey { .. } => {}
        }
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
    }

    /// What of the file as a whole is otherwise than it tells.
    fn contradiction(&self, table: &Table, usage: &[SegmentUse]) -> Option<TableError> {
        let record = table.record();
        let part = if self.last_key != record.last_key {
            "last key"
        } else if (self.entry_count, self.tombstone_count) != (record.entry_count, record.tombstone_count) {
            "count of entries"
        } else if self.usage.sums() != usage {
            "usage"
        } else {
            return None;
        };
        let offset = u64::from(record.units - 1) * UNIT_BYTES as u64;
        Some(rot(&table.file, Damage { offset, kind: DamageKind::Malformed(part) }))
    }
}

impl Default for Verification {
    fn default() -> Self {
        Verification::new()
    }
}

impl Verified {
    fn bad(bytes: usize, error: TableError) -> Verified {
        Verified { bytes: bytes as u64, errors: vec![error] }
    }

    fn of(bytes: usize, result: Result<(), TableError>) -> Verified {
        match result {
            Ok(()) => Verified { bytes: bytes as u64, errors: Vec::new() },
            Err(error) => Verified::bad(bytes, error),
        }
    }
}

/// Reads blocks that lie side by side, and checks each, and that keys ascend.
async fn verify_together(
    table: &Table,
    blocks: &[BlockRef],
    last_key: &mut Option<Vec<u8>>,
    visit: &mut dyn FnMut(&[u8], Entry<'_>),
) -> Verified {
    let stretch = match table.read_stretch(blocks).await {
        Ok(stretch) => stretch,
        Err(error) => return Verified::bad(0, error),
    };
    let bytes: usize = blocks.iter().map(|block| block.len_bytes()).sum();
    let mut verified = Verified { bytes: bytes as u64, errors: Vec::new() };
    for reference in blocks {
        let opened = table.open_in(&stretch, *reference);
        let is_in_order = opened.map(|block| ascends(&block, last_key, visit));
        let error = match is_in_order {
            Ok(true) => continue,
            Ok(false) => malformed(&table.file, *reference, "order of keys"),
            Err(error) => error,
        };
        verified.errors.push(error);
    }
    verified
}

/// Calls `visit` with the key and the entry of each; returns whether each key is above the one before it, of which the first is behind `last_key`.
fn ascends(block: &Rc<Block>, last_key: &mut Option<Vec<u8>>, visit: &mut dyn FnMut(&[u8], Entry<'_>)) -> bool {
    let mut is_in_order = true;
    block.visit(&mut |key, entry| {
        is_in_order &= last_key.as_deref().is_none_or(|last_key| last_key < key);
        let last_key = last_key.get_or_insert_default();
        last_key.clear();
        last_key.extend_from_slice(key);
        visit(key, entry);
    });
    is_in_order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block_builder::BlockBuilder;
    use xxhash_rust::xxh3::xxh3_64;

    /// A key that is stored without its hash, which says where it belongs.
    fn key(number: u8) -> Vec<u8> {
        [xxh3_64(&[number]).to_be_bytes().as_slice(), &[number]].concat()
    }

    #[test]
    fn keys_that_do_not_ascend_are_noticed_inside_of_a_block_and_between_two() {
        let block = |keys: &[Vec<u8>]| {
            let mut builder = BlockBuilder::default();
            for key in keys {
                assert!(builder.try_push(key, Entry { version: 1, content: Content::Tombstone }));
            }
            Rc::new(Block::decode(builder.finish().into()).expect("each key can be put together"))
        };
        let mut keys: Vec<Vec<u8>> = (0..6).map(key).collect();
        keys.sort();
        let (mut last_key, mut visited_count) = (None, 0);
        let mut check = |keys: &[Vec<u8>]| ascends(&block(keys), &mut last_key, &mut |_, _| visited_count += 1);
        assert!(check(&keys[..3]) && check(&keys[3..]));
        assert!(!check(&keys[..1]), "it is behind the last one");
        assert!(!check(&[keys[1].clone(), keys[3].clone(), keys[2].clone()]));
        assert_eq!(visited_count, 10);
    }
}
