//! Writes that are proposed but not yet applied: what the next decision must see, and who waits.
//!
//! Way of a request: filled by a decision, emptied by `apply`. One per partition, on its core. Reads
//! never look here: what is in flight is not durable yet.

use crate::{Outcome, Ticket};
use bytes::Bytes;
use journal::LogIndex;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hasher};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The writes of one partition that are on their way through the log.
///
/// Invariants:
/// 1. `waiting` is in ascending order of index.
/// 2. `newest` holds a key exactly while a write to it waits.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    newest: HashMap<Bytes, NewestImage, KeyHashing>,
    waiting: VecDeque<Waiting>,
}

/// What a key will be once everything in flight is applied.
#[derive(Debug)]
struct NewestImage {
    index: LogIndex,
    /// `None`: deleted.
    image: Option<Bytes>,
}

/// An answer that is released when its entry is applied.
#[derive(Debug)]
struct Waiting {
    index: LogIndex,
    ticket: Ticket,
    outcome: Outcome,
}

impl InFlight {
    /// The image that a write in flight leaves of `key`: `None` if none is in flight, `Some(None)` if the newest deletes it.
    pub(crate) fn newest(&self, key: &[u8]) -> Option<Option<&Bytes>> {
        self.newest.get(key).map(|newest| newest.image.as_ref())
    }

    /// Remembers the write that was proposed at `index`, and the answer it will have.
    pub(crate) fn add(&mut self, index: LogIndex, write: (Bytes, Option<Bytes>), ticket: Ticket, outcome: Outcome) {
        if let Some(last) = self.waiting.back() {
            assert!(last.index < index, "proposals have ascending indices: {:?} then {index:?}", last.index);
        }
        let (key, image) = write;
        self.newest.insert(key, NewestImage { index, image });
        self.waiting.push_back(Waiting { index, ticket, outcome });
    }

    /// The entry at `index`, a write to `key`, is applied: forgets it and hands out the answer that waited for it.
    pub(crate) fn take_applied(&mut self, index: LogIndex, key: &[u8]) -> Option<(Ticket, Outcome)> {
        if self.newest.get(key).is_some_and(|newest| newest.index == index) {
            self.newest.remove(key);
        }
        let is_next = self.waiting.front().is_some_and(|waiting| waiting.index == index);
        let waiting = is_next.then(|| self.waiting.pop_front()).flatten()?;
        Some((waiting.ticket, waiting.outcome))
    }

    /// How many writes wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

/// Hashes encoded keys with xxh3. They differ in all their bytes, so nothing is gained by the hash they start with.
#[derive(Clone, Copy, Debug, Default)]
struct KeyHashing;

impl BuildHasher for KeyHashing {
    type Hasher = KeyHasher;

    fn build_hasher(&self) -> KeyHasher {
        KeyHasher(0)
    }
}

struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    // The length prefix of a slice: the bytes themselves tell keys apart.
    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
