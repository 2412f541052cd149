//! Makes the payload of an index page, or of the root: references and separators in, bytes out. Used again for page
//! after page.

use crate::bytes::{put, to_u32};
use crate::filter::FilterShape;
use crate::index_page::{END_BYTES, HEADER_BYTES};
use crate::seal::{BlockRef, REF_BYTES};

/// An index page that is being filled.
#[derive(Default)]
pub(crate) struct PageBuilder {
    blocks: Vec<BlockRef>,
    ends: Vec<u32>,
    separators: Vec<u8>,
    bytes: Vec<u8>,
}

impl PageBuilder {
    pub(crate) fn block_count(&self) -> usize {
        self.blocks.len()
    }

    pub(crate) fn separator_bytes(&self) -> usize {
        self.separators.len()
    }

    /// The separator of the first block, if there is one.
    pub(crate) fn first_separator(&self) -> Option<&[u8]> {
        self.ends.first().map(|end| &self.separators[..*end as usize])
    }

    pub(crate) fn push(&mut self, separator: &[u8], block: BlockRef) {
        self.blocks.push(block);
        self.separators.extend_from_slice(separator);
        self.ends.push(to_u32(self.separators.len()));
    }

    /// Completes the payload, with a filter; the default is none. The builder is empty afterwards.
    pub(crate) fn finish(&mut self, (shape, fingerprints): (FilterShape, &[u8])) -> &[u8] {
        assert!(!self.blocks.is_empty(), "a page leads to a block");
        let count = self.blocks.len();
        let payload_bytes = HEADER_BYTES + count * (REF_BYTES + END_BYTES) + self.separators.len() + fingerprints.len();
        self.bytes.clear();
        self.bytes.resize(HEADER_BYTES + count * REF_BYTES, 0);
        put(&mut self.bytes, 0, &to_u32(payload_bytes).to_le_bytes());
        put(&mut self.bytes, 4, &to_u32(count).to_le_bytes());
        put(&mut self.bytes, 8, &to_u32(self.separators.len()).to_le_bytes());
        put(&mut self.bytes, 12, &shape.segment_count.to_le_bytes());
        put(&mut self.bytes, 16, &shape.segment_bytes.to_le_bytes());
        put(&mut self.bytes, 24, &shape.seed.to_le_bytes());
        for (block, place) in self.blocks.iter().zip(self.bytes[HEADER_BYTES..].chunks_exact_mut(REF_BYTES)) {
            block.encode(place);
        }
        for end in &self.ends {
            self.bytes.extend_from_slice(&end.to_le_bytes());
        }
        self.bytes.extend_from_slice(&self.separators);
        self.bytes.extend_from_slice(fingerprints);
        assert_eq!(self.bytes.len(), payload_bytes);
        self.blocks.clear();
        self.ends.clear();
        self.separators.clear();
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{FilterBuilder, SoughtKey, filter_hash};
    use crate::index_page::IndexPage;
    use fastrand::Rng;
    use std::collections::BTreeSet;

    fn build(separators: &[&[u8]], keys: &[&[u8]]) -> Vec<u8> {
        let mut builder = PageBuilder::default();
        for (number, separator) in separators.iter().enumerate() {
            let unit = to_u32(number * 3);
            builder.push(separator, BlockRef { unit, units: 3, checksum: number as u64 });
        }
        let mut hashes: Vec<u64> = keys.iter().map(|key| filter_hash(key)).collect();
        let mut filter = FilterBuilder::default();
        let filter = if hashes.is_empty() { Default::default() } else { filter.build(&mut hashes) };
        builder.finish(filter).to_vec()
    }

    #[test]
    fn a_key_is_in_the_last_block_whose_separator_is_not_above_it() {
        let separators: [&[u8]; 4] = [b"b", b"ba", b"d", b"dd"];
        let keys: [&[u8]; 3] = [b"b", b"c", b"dz"];
        let page = IndexPage::decode(build(&separators, &keys).into()).unwrap();
        for (key, number) in
            [(b"a".as_slice(), None), (b"b", Some(0)), (b"bA", Some(0)), (b"c", Some(1)), (b"e", Some(3))]
        {
            assert_eq!(page.find(key), number, "{key:?}");
        }
        assert_eq!(page.separator(2), b"d");
        assert_eq!(page.probe(&SoughtKey::new(b"dz")), Some(BlockRef { unit: 9, units: 3, checksum: 3 }));
        assert_eq!(page.probe(&SoughtKey::new(b"c")), Some(BlockRef { unit: 3, units: 3, checksum: 1 }));
        let other_count = (0..1000u32).filter(|number| page.probe(&SoughtKey::new(&number.to_be_bytes())).is_some());
        assert!(other_count.count() < 30, "the filter holds back what is not there");
        let root = IndexPage::decode(build(&separators, &[]).into()).unwrap();
        assert_eq!(root.probe(&SoughtKey::new(b"bb")).map(|block| block.unit), Some(3), "no filter: it may be there");
    }

    #[test]
    fn a_key_is_found_however_keys_are_spread() {
        let mut random = Rng::with_seed(4);
        let spreads: [fn(&mut Rng) -> Vec<u8>; 4] = [
            |random| random.u64(..).to_be_bytes()[..random.usize(1..9)].to_vec(),
            // All but a few at one end; all with the same first bytes; doubling.
            |random| {
                if random.u8(..20) == 0 { vec![random.u8(..)] } else { vec![255, 255, random.u8(..), random.u8(..)] }
            },
            |random| [b"the same".as_slice(), &random.u16(..).to_be_bytes()].concat(),
            |random| (1_u64 << random.u8(..64)).to_be_bytes().to_vec(),
        ];
        for (spread, count) in spreads.iter().flat_map(|spread| [1, 2, 3, 40, 300].map(|count| (spread, count))) {
            let separators: BTreeSet<Vec<u8>> = (0..count).map(|_| spread(&mut random)).collect();
            let separators: Vec<&[u8]> = separators.iter().map(Vec::as_slice).collect();
            let page = IndexPage::decode(build(&separators, &[]).into()).unwrap();
            let others: Vec<Vec<u8>> = (0..200).map(|_| spread(&mut random)).collect();
            for key in separators.iter().copied().chain(others.iter().map(Vec::as_slice)).chain([b"".as_slice()]) {
                let expected = separators.partition_point(|separator| *separator <= key).checked_sub(1);
                assert_eq!(page.find(key), expected, "{key:?} in {separators:?}");
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let mut random = Rng::with_seed(9);
        let separators: Vec<Vec<u8>> = (0..50u8).map(|number| vec![number; usize::from(number % 5) + 1]).collect();
        let separators: Vec<&[u8]> = separators.iter().map(Vec::as_slice).collect();
        let good = build(&separators, &separators);
        for length in 0..good.len() {
            assert!(IndexPage::decode(good[..length].into()).is_err(), "cut at {length}");
        }
        for _ in 0..40_000 {
            let mut bytes = good.clone();
            for _ in 0..random.usize(1..4) {
                let place = if random.bool() { random.usize(..HEADER_BYTES) } else { random.usize(..bytes.len()) };
                bytes[place] = random.u8(..);
            }
            let Ok(page) = IndexPage::decode(bytes.into()) else { continue };
            for key in &separators {
                page.probe(&SoughtKey::new(key));
                page.find(key);
            }
        }
    }
}
