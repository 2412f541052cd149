//! Writes that are proposed but not yet applied: what the next decision must see, and who waits.
//!
//! Way of a request: filled by a decision, emptied by `apply`. One per partition, on its core. Reads
//! never look here: what is in flight is not durable yet.

use crate::{Outcome, Ticket};
use bytes::Bytes;
use journal::LogIndex;
use model::EncodedKey;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hasher};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Answers that wait, of proposals and of others. Requests beyond it are throttled.
const WAITING_COUNT_MAX: usize = 64 << 10;

/// The writes of one partition that are on their way through the log.
///
/// Invariants:
/// 1. `waiting` is in ascending order of index.
/// 2. `newest` holds a key exactly while a write to it waits.
/// 3. The last of `waiting` waits for the last proposal, while any proposal waits.
/// 4. Of those in `waiting` with one index, the first is that of the proposal itself.
/// 5. What is committed at a proposal's index is that proposal: a partition's group has one voter, so nobody else's entry can take its place.
#[derive(Debug)]
pub(crate) struct InFlight {
    newest: HashMap<EncodedKey, NewestImage, KeyHashing>,
    waiting: VecDeque<Waiting>,
}

/// What a key will be once everything in flight is applied.
#[derive(Debug)]
struct NewestImage {
    index: LogIndex,
    /// `None`: deleted.
    image: Option<NewItem>,
}

/// An item as a write in flight makes it.
#[derive(Clone, Debug)]
pub(crate) struct NewItem {
    /// In its stored encoding.
    pub(crate) bytes: Bytes,
    /// Its size as DynamoDB counts it, in bytes.
    pub(crate) item_bytes: u32,
}

/// What is known of a write that was proposed here, and would have to be found in the entry again.
#[derive(Debug)]
pub(crate) struct Proposed {
    /// The encoded key.
    pub(crate) key: EncodedKey,
    /// The size of the item that the write makes, as DynamoDB counts it; `None` for a delete.
    pub(crate) item_bytes: Option<u32>,
}

/// What happens when an entry is applied.
#[derive(Debug)]
struct Waiting {
    index: LogIndex,
    /// What was proposed, if it is the proposal's own.
    proposed: Option<Proposed>,
    /// The answer that is released; none where nobody asked for the change.
    answer: Option<(Ticket, Outcome)>,
}

impl InFlight {
    /// Nothing yet. `seed` is where the hashes of keys begin; clients do not know it.
    pub(crate) fn new(seed: u64) -> InFlight {
        InFlight { newest: HashMap::with_hasher(KeyHashing { seed }), waiting: VecDeque::new() }
    }

    /// The image that a write in flight leaves of `key`: `None` if none is in flight, `Some(None)` if the newest deletes it.
    pub(crate) fn newest(&self, key: &[u8]) -> Option<Option<&NewItem>> {
        self.newest.get(key).map(|newest| newest.image.as_ref())
    }

    /// Remembers the write that was proposed at `index`, and the answer it will have, if anybody waits for one.
    pub(crate) fn add(
        &mut self,
        index: LogIndex,
        write: (EncodedKey, Option<NewItem>),
        answer: Option<(Ticket, Outcome)>,
    ) {
        if let Some(last) = self.waiting.back() {
            assert!(last.index < index, "proposals have ascending indices: {:?} then {index:?}", last.index);
        }
        let (key, image) = write;
        let proposed = Proposed { key: key.clone(), item_bytes: image.as_ref().map(|image| image.item_bytes) };
        self.newest.insert(key, NewestImage { index, image });
        self.waiting.push_back(Waiting { index, proposed: Some(proposed), answer });
    }

    /// Keeps an answer that was reached by looking at a write in flight until that is applied. It waits for the last
    /// proposal of all, which is in the journal's same batch or in the next one: so no place has to be sought.
    /// Gives the answer back if nothing is in flight.
    pub(crate) fn park(&mut self, ticket: Ticket, outcome: Outcome) -> Option<(Ticket, Outcome)> {
        let Some(last) = self.waiting.back() else { return Some((ticket, outcome)) };
        let answer = Some((ticket, outcome));
        self.waiting.push_back(Waiting { index: last.index, proposed: None, answer });
        None
    }

    /// Whether no further answer may wait.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= WAITING_COUNT_MAX
    }

    /// What was proposed as the entry at `index`, whose answers are the next ones; `None` if that was not here. Once.
    pub(crate) fn take_proposed(&mut self, index: LogIndex) -> Option<Proposed> {
        self.waiting.front_mut().filter(|waiting| waiting.index == index)?.proposed.take()
    }

    /// The keys of the proposals that are applied next, in order.
    pub(crate) fn proposed_keys(&self) -> impl Iterator<Item = &[u8]> {
        self.waiting.iter().filter_map(|waiting| waiting.proposed.as_ref()).map(|proposed| &*proposed.key)
    }

    /// The entry at `index`, a write to `key`, is applied: forgets it.
    pub(crate) fn settle(&mut self, index: LogIndex, key: &[u8]) {
        // Most keys are not written again so soon: then one search is enough.
        if let Some((key, newest)) = self.newest.remove_entry(key)
            && newest.index != index
        {
            self.newest.insert(key, newest);
        }
    }

    /// The next answer that waited for the entry at `index`, or for one before it.
    pub(crate) fn take_answer(&mut self, index: LogIndex) -> Option<(Ticket, Outcome)> {
        while self.waiting.front().is_some_and(|waiting| waiting.index <= index) {
            let waiting = self.waiting.pop_front().expect("seen a moment ago");
            if waiting.answer.is_some() {
                return waiting.answer;
            }
        }
        None
    }

    /// How many writes and answers wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

/// Hashes encoded keys with xxh3. They differ in all their bytes, so nothing is gained by the hash they start with. Without a seed, clients could choose
/// keys that all have one hash.
#[derive(Clone, Copy, Debug)]
struct KeyHashing {
    seed: u64,
}

impl BuildHasher for KeyHashing {
    type Hasher = KeyHasher;

    fn build_hasher(&self) -> KeyHasher {
        KeyHasher(self.seed)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use xxhash_rust::xxh3::xxh3_64;

    /// Clients could choose keys that all had one hash: where a lane is as XXH3's secret, the one beside it does not count.
    #[test]
    fn keys_that_are_chosen_to_have_one_hash_have_many() {
        const SECRET: [u8; 8] = [0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe];
        let keys: Vec<_> =
            (0..1_000_u64).map(|number| [SECRET, number.to_le_bytes(), [1; 8], [2; 8]].concat()).collect();
        assert!(keys.iter().all(|key| xxh3_64(key) == xxh3_64(&keys[0])), "chosen well");
        let in_flight = InFlight::new(7);
        let hashes: BTreeSet<u64> = keys.iter().map(|key| in_flight.newest.hasher().hash_one(&key[..])).collect();
        assert_eq!(hashes.len(), keys.len());
    }
}
