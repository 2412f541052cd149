//! Asking for memory before it is looked at, for many keys at once: their cache misses overlap.
//!
//! Whoever has several reads or inserts to do takes each [`PrefetchStep`] for all of them before the next. Inserts of new keys look at more: at the way to their
//! places. That is gone a node at a time, for all of them in turns.
//!
//! Not here: reading and inserting, which find in the cache what was asked for, and are right without.

use crate::arena::Place;
use crate::key_index::{KeyTag, TaggedKey};
use crate::memtable::Memtable;
use crate::node::{Node, prefetch};
use crate::position::{Position, Verdict};
use crate::writer::Writer;
use std::ptr::NonNull;

/// Bytes that the memory hands over at a time.
const CACHE_LINE_BYTES: usize = 64;
/// Lines of an entry that a prefetch asks for: its header, its key and the beginning of its value.
const PREFETCH_LINE_COUNT: usize = 4;

/// What a point read looks at, one after the other; each is where the one before says.
#[derive(Clone, Copy, Debug)]
pub enum PrefetchStep {
    /// The key's slot in the index.
    Slot,
    /// The key's node.
    Key,
    /// The key's newest entry, unless that is its node.
    Newest,
}

impl PrefetchStep {
    /// All of them in order.
    pub const ALL: [PrefetchStep; 3] = [PrefetchStep::Slot, PrefetchStep::Key, PrefetchStep::Newest];
}

impl Writer {
    /// Asks for memory that [`Writer::find_newest`] will look at. Tells whether the key is here, as far as the step knows.
    #[inline]
    pub fn prefetch(&self, tag: KeyTag, step: PrefetchStep) -> bool {
        if let PrefetchStep::Slot = step {
            self.keys.prefetch(tag);
            return false;
        }
        let Some(first) = self.place_of(tag) else { return false };
        let place = match step {
            PrefetchStep::Newest => self.node_at(first).newest(),
            PrefetchStep::Slot | PrefetchStep::Key => Some(first),
        };
        if let Some(place) = place {
            prefetch_lines(self.chunks().resolve(place));
        }
        true
    }

    /// Asks for memory that inserts of those of these keys will look at that are not here yet.
    pub fn prefetch_new<const COUNT: usize>(&self, keys: [Option<TaggedKey<'_>>; COUNT]) {
        let is_here = |key: &TaggedKey<'_>| self.place_of(key.tag).is_some();
        if keys.iter().flatten().all(is_here) {
            return;
        }
        let mut searches = keys.map(|key| {
            let key = key.filter(|key| !is_here(key))?;
            Some(Search::new(self, key.bytes))
        });
        while searches.iter().any(Option::is_some) {
            for search in &mut searches {
                search.take_if(|search| !search.goes_on());
            }
        }
    }

    /// Some node with the tag: almost always the one that is meant, and a cache is only asked.
    #[inline]
    fn place_of(&self, tag: KeyTag) -> Option<Place> {
        self.keys.find(tag, |_| true)
    }
}

/// Asks for the lines that the header, the key and the beginning of the value of a node are in.
#[inline]
fn prefetch_lines(node: NonNull<u8>) {
    for line in 0..PREFETCH_LINE_COUNT {
        prefetch(NonNull::new(node.as_ptr().wrapping_add(line * CACHE_LINE_BYTES)).unwrap_or(node));
    }
}

/// On the way to where a key belongs.
struct Search<'m> {
    table: &'m Memtable,
    position: Position<'m>,
    node: Node<'m>,
    level: usize,
}

impl<'m> Search<'m> {
    fn new(table: &'m Memtable, key: &'m [u8]) -> Search<'m> {
        Search { table, position: Position::new(key), node: table.head(), level: table.top_level() }
    }

    /// Goes on to the next node before the position and asks for its links; false where there is none. Stops short of nodes that only their keys could
    /// tell from the position.
    fn goes_on(&mut self) -> bool {
        loop {
            let word = self.node.follow(self.level);
            if let Verdict::Before = self.position.verdict(word) {
                self.node = self.table.node_at(word.place());
                self.node.prefetch_link(self.level);
                return true;
            }
            if self.level == 0 {
                return false;
            }
            self.level -= 1;
        }
    }
}
