//! Looking for a piece of the cache ahead of whoever is about to: each step asks for the memory that the next one looks at.
//!
//! ```text
//! place -> slot -> piece -> inside: an item's key and bytes, or where a block's intervals start -> a block's first keys
//! ```
//!
//! Whoever has several takes each step for all of them, so that their cache misses overlap. It changes nothing, counts nothing, and may be wrong: the look
//! itself is made later.

use crate::cache::{Cache, Piece};
use crate::filter::SoughtKey;
use crate::places::PieceKey;
use crate::record::FileId;
use crate::seal::BlockRef;

/// See the front page.
pub struct PieceAhead {
    hash: u64,
    step: Step,
}

/// What has been asked for.
#[derive(Clone, Copy)]
enum Step {
    Place,
    Slot(u32),
    Piece(u32),
    Inside(u32),
}

/// How far a look ahead is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// There is more to ask for.
    Further,
    /// All of it was asked for.
    There,
    /// The piece is not in the cache.
    Absent,
}

impl PieceAhead {
    /// Begins to look for an item.
    pub fn item(cache: &Cache, owner: u64, sought: &SoughtKey<'_>) -> PieceAhead {
        PieceAhead::begin(cache, PieceKey::of_item(owner, sought))
    }

    /// Begins to look for a data block.
    pub fn block(cache: &Cache, file: FileId, block: BlockRef) -> PieceAhead {
        PieceAhead::begin(cache, PieceKey::of_block(file, block))
    }

    fn begin(cache: &Cache, key: PieceKey) -> PieceAhead {
        let hash = cache.hash_of(key);
        cache.prefetch_place(hash);
        PieceAhead { hash, step: Step::Place }
    }

    /// The next step, in the cache that it was begun with.
    pub fn advance(&mut self, cache: &Cache) -> Ahead {
        self.step = match self.step {
            Step::Place => {
                let Some(slot) = cache.slot_ahead(self.hash) else { return Ahead::Absent };
                cache.prefetch_slot(slot);
                Step::Slot(slot)
            }
            Step::Slot(slot) => {
                cache.piece_at(slot).into_iter().for_each(Piece::prefetch);
                Step::Piece(slot)
            }
            Step::Piece(slot) => match cache.piece_at(slot) {
                Some(Piece::Block(block)) => {
                    block.prefetch_starts();
                    Step::Inside(slot)
                }
                Some(Piece::Item(held)) => {
                    held.prefetch();
                    return Ahead::There;
                }
                Some(Piece::Page(_)) | None => return Ahead::There,
            },
            Step::Inside(slot) => {
                if let Some(Piece::Block(block)) = cache.piece_at(slot) {
                    block.prefetch_heads();
                }
                return Ahead::There;
            }
        };
        Ahead::Further
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Block;
    use crate::block_builder::BlockBuilder;
    use crate::entry::{Content, Entry};
    use bytes::Bytes;
    use std::rc::Rc;

    #[test]
    fn what_is_there_is_come_to_and_what_is_not_is_not() {
        let mut cache = Cache::new(1 << 20, 7);
        let (here, gone, never) = (b"here", b"gone", b"never");
        cache.insert_item(1, &SoughtKey::new(here), (5, Bytes::from_static(b"item")), None);
        cache.insert_item(1, &SoughtKey::new(gone), (6, Bytes::from_static(b"item")), None);
        let ends = |cache: &Cache, key: &[u8]| {
            let mut ahead = PieceAhead::item(cache, 1, &SoughtKey::new(key));
            std::iter::repeat_with(|| ahead.advance(cache)).find(|step| *step != Ahead::Further)
        };
        let usage = cache.usage();
        assert_eq!(ends(&cache, here), Some(Ahead::There));
        assert_eq!(ends(&cache, never), Some(Ahead::Absent));
        let mut caught = PieceAhead::item(&cache, 1, &SoughtKey::new(gone));
        assert_eq!(caught.advance(&cache), Ahead::Further);
        cache.remove_item(1, gone);
        assert_eq!([caught.advance(&cache), caught.advance(&cache)], [Ahead::Further, Ahead::There]);
        assert_eq!(ends(&cache, gone), Some(Ahead::Absent));
        assert_eq!(cache.usage(), usage, "nothing is counted");
    }

    #[test]
    fn a_block_is_come_to_as_far_as_its_first_keys() {
        let (mut cache, mut builder) = (Cache::new(1 << 20, 7), BlockBuilder::default());
        let entry = Entry { version: 1, content: Content::Tombstone };
        (0..100_u8).for_each(|number| assert!(builder.try_push(&[number], entry)));
        let (file, place) = (FileId(3), BlockRef { unit: 9, units: 1, checksum: 0 });
        let block = Block::decode(builder.finish().into()).expect("it was built here");
        cache.insert(file, place, Piece::Block(Rc::new(block)));
        let mut ahead = PieceAhead::block(&cache, file, place);
        let steps: Vec<Ahead> = (0..4).map(|_| ahead.advance(&cache)).collect();
        assert_eq!(steps, [Ahead::Further, Ahead::Further, Ahead::Further, Ahead::There]);
    }
}
