//! The order of nodes, which is that of their keys; and a position in that order to search for.
//!
//! Not here: the search itself (`memtable.rs`).

use crate::node::{LinkWord, Node};
use std::cmp::Ordering;

/// The first 8 bytes of a key as a number, short keys padded with zeros: `a < b` implies
/// `prefix(a) <= prefix(b)`.
#[inline(always)]
pub(crate) fn prefix(key: &[u8]) -> u64 {
    if let Some(first) = key.first_chunk::<8>() {
        return u64::from_be_bytes(*first);
    }
    let mut padded = [0; 8];
    padded[..key.len()].copy_from_slice(key);
    u64::from_be_bytes(padded)
}

/// Compares two keys whose prefixes are equal.
#[inline(always)]
fn compare_rest(left: &[u8], right: &[u8]) -> Ordering {
    match (left.get(8..), right.get(8..)) {
        (Some(left), Some(right)) => left.cmp(right),
        _ => left.cmp(right),
    }
}

/// A position between nodes: after every smaller key, before the node of `key` and every greater one.
pub(crate) struct Position<'k> {
    pub(crate) key: &'k [u8],
    pub(crate) prefix: u64,
    /// A word below this leads to a smaller key.
    lowest: LinkWord,
    /// A word above this leads to a greater key.
    highest: LinkWord,
}

/// What a link word alone tells about the node behind it.
pub(crate) enum Verdict {
    /// The node lies before the position.
    Before,
    /// The node lies after the position, or there is none.
    After,
    /// The keys begin alike: the node itself must be looked at.
    Unknown,
}

impl<'k> Position<'k> {
    /// Before `key`.
    #[inline(always)]
    pub(crate) fn new(key: &'k [u8]) -> Position<'k> {
        let prefix = prefix(key);
        let (lowest, highest) = (LinkWord::lowest(prefix), LinkWord::highest(prefix));
        Position { key, prefix, lowest, highest }
    }

    /// After every key there is.
    pub(crate) fn end() -> Position<'static> {
        let (lowest, highest) = (LinkWord::END, LinkWord::END);
        Position { key: &[], prefix: u64::MAX, lowest, highest }
    }

    #[inline(always)]
    pub(crate) fn verdict(&self, word: LinkWord) -> Verdict {
        if word < self.lowest {
            Verdict::Before
        } else if word > self.highest || word == LinkWord::END {
            Verdict::After
        } else {
            Verdict::Unknown
        }
    }

    /// Whether the node, which is not the head, lies before this position.
    #[inline(always)]
    pub(crate) fn is_after(&self, node: Node<'_>) -> bool {
        let key = node.key();
        let node_prefix = prefix(key);
        if node_prefix != self.prefix {
            return node_prefix < self.prefix;
        }
        compare_rest(key, self.key) == Ordering::Less
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_order_as_keys_do() {
        let keys: [&[u8]; 9] = [b"", b"\0", b"\0\0", b"a", b"a\0", b"abcdefgh", b"abcdefgh\0", b"abcdefghi", b"b"];
        for (left, right) in keys.iter().zip(&keys[1..]) {
            assert!(prefix(left) <= prefix(right), "{left:?} {right:?}");
            if prefix(left) == prefix(right) {
                assert_eq!(compare_rest(left, right), Ordering::Less, "{left:?} {right:?}");
            }
        }
    }
}
