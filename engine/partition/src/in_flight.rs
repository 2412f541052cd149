//! Writes that are proposed but not yet applied: what the next decision must see, and who waits.
//!
//! Way of a request: filled by a decision, emptied by `apply`. One per partition, on its core. Reads
//! never look here: what is in flight is not durable yet.

use crate::{Outcome, Ticket};
use bytes::Bytes;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use journal::LogIndex;
use memtable::{KeyTag, TaggedKey};
use model::EncodedKey;
use std::collections::VecDeque;

/// Answers that wait, of proposals and of others. Requests beyond it are throttled.
const WAITING_COUNT_MAX: usize = 64 << 10;

/// The writes of one partition that are on their way through the log.
///
/// Invariants:
/// 1. `queue` is in ascending order of index.
/// 2. `newest` has a number for each key with a proposal in `queue`, that of its last, and no other.
/// 3. The last of `queue` waits for the last proposal, while any proposal waits.
/// 4. Of those in `queue` with one index, the first is that of the proposal itself.
/// 5. What is committed at a proposal's index is that proposal: a partition's group has one voter, so nobody else's entry can take its place.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    queue: Queue,
    /// By the hashes of their tags.
    newest: HashTable<Number>,
}

/// Who waits, each under a number.
#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// The number of the first; each one behind it has the next.
    first: Number,
}

/// Counts all that ever waited here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Number(u64);

/// An item as a write in flight makes it.
#[derive(Clone, Debug)]
pub(crate) struct NewItem {
    /// In its stored encoding.
    pub(crate) bytes: Bytes,
    /// Its size as DynamoDB counts it, in bytes.
    pub(crate) item_bytes: u32,
}

/// A write that was proposed here: what further decisions about its key see, and what would have to be found in the entry again.
#[derive(Debug)]
pub(crate) struct Proposed {
    /// The encoded key.
    pub(crate) key: EncodedKey,
    /// Its tag in the memtables of the items.
    pub(crate) tag: KeyTag,
    /// What the key will be; `None`: deleted.
    pub(crate) image: Option<NewItem>,
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

impl Proposed {
    /// The key as the memtables find it.
    pub(crate) fn tagged_key(&self) -> TaggedKey<'_> {
        TaggedKey { bytes: &self.key, tag: self.tag }
    }

    /// The size of the item that the write makes, as DynamoDB counts it; `None` for a delete.
    pub(crate) fn item_bytes(&self) -> Option<u32> {
        self.image.as_ref().map(|image| image.item_bytes)
    }

    fn is_of(&self, key: TaggedKey<'_>) -> bool {
        self.tag == key.tag && *self.key == *key.bytes
    }
}

impl Queue {
    /// The proposal with that number, which nobody has taken.
    fn proposed(&self, number: Number) -> &Proposed {
        let place = usize::try_from(number.0 - self.first.0).expect("as many as are in memory");
        self.waiting[place].proposed.as_ref().expect("a number of a proposal that nobody has taken")
    }

    /// Returns its number.
    fn push(&mut self, waiting: Waiting) -> Number {
        self.waiting.push_back(waiting);
        Number(self.first.0 + self.waiting.len() as u64 - 1)
    }

    fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        self.first.0 += 1;
        Some(waiting)
    }

    /// The index that the last waits for.
    fn last_index(&self) -> Option<LogIndex> {
        self.waiting.back().map(|last| last.index)
    }
}

impl InFlight {
    /// The image that a write in flight leaves of `key`: `None` if none is in flight, `Some(None)` if the newest deletes it.
    pub(crate) fn newest(&self, key: TaggedKey<'_>) -> Option<Option<&NewItem>> {
        let is_of_key = |number: &Number| self.queue.proposed(*number).is_of(key);
        let number = self.newest.find(key.tag.hash(), is_of_key)?;
        Some(self.queue.proposed(*number).image.as_ref())
    }

    /// Remembers the write that was proposed at `index`, and the answer it will have, if anybody waits for one.
    pub(crate) fn add(&mut self, index: LogIndex, proposed: Proposed, answer: Option<(Ticket, Outcome)>) {
        let last = self.queue.last_index();
        assert!(last < Some(index), "proposals have ascending indices: {last:?} then {index:?}");
        let number = self.queue.push(Waiting { index, proposed: Some(proposed), answer });
        let key = self.queue.proposed(number).tagged_key();
        let is_of_key = |number: &Number| self.queue.proposed(*number).is_of(key);
        let hash_of = |number: &Number| self.queue.proposed(*number).tag.hash();
        match self.newest.entry(key.tag.hash(), is_of_key, hash_of) {
            Entry::Occupied(mut newest) => *newest.get_mut() = number,
            Entry::Vacant(free) => {
                free.insert(number);
            }
        }
    }

    /// Keeps an answer that was reached by looking at a write in flight until that is applied. It waits for the last
    /// proposal of all, which is in the journal's same batch or in the next one: so no place has to be sought.
    /// Gives the answer back if nothing is in flight.
    pub(crate) fn park(&mut self, ticket: Ticket, outcome: Outcome) -> Option<(Ticket, Outcome)> {
        let Some(index) = self.queue.last_index() else { return Some((ticket, outcome)) };
        self.queue.push(Waiting { index, proposed: None, answer: Some((ticket, outcome)) });
        None
    }

    /// Whether no further answer may wait.
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= WAITING_COUNT_MAX
    }

    /// What was proposed as the entry at `index`, whose answers are the next ones; `None` if that was not here. Once: from then on the write
    /// is in flight no more.
    pub(crate) fn take_proposed(&mut self, index: LogIndex) -> Option<Proposed> {
        let number = self.queue.first;
        let proposed = self.queue.waiting.front_mut().filter(|first| first.index == index)?.proposed.take()?;
        // Unless the key was written again.
        if let Ok(newest) = self.newest.find_entry(proposed.tag.hash(), |newest| *newest == number) {
            newest.remove();
        }
        Some(proposed)
    }

    /// The keys of the proposals that are applied next, in order.
    pub(crate) fn proposed_keys(&self) -> impl Iterator<Item = TaggedKey<'_>> {
        self.queue.waiting.iter().filter_map(|waiting| waiting.proposed.as_ref()).map(Proposed::tagged_key)
    }

    /// The next answer that waited for the entry at `index`, or for one before it. The proposals up to there were taken.
    pub(crate) fn take_answer(&mut self, index: LogIndex) -> Option<(Ticket, Outcome)> {
        while self.queue.waiting.front().is_some_and(|first| first.index <= index) {
            let waiting = self.queue.pop().expect("seen a moment ago");
            assert!(waiting.proposed.is_none(), "the write at {:?} was not taken before its answer", waiting.index);
            if waiting.answer.is_some() {
                return waiting.answer;
            }
        }
        None
    }

    /// How many writes and answers wait.
    pub(crate) fn len(&self) -> usize {
        self.queue.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ReplyToken, Waiter};
    use memtable::{Memtable, MemtableOptions};
    use model::Error;
    use runtime::CoreId;

    const KEY_COUNT: usize = 100;

    fn answer(number: u64) -> (Ticket, Outcome) {
        let waiter = Waiter::Caller(ReplyToken { connection: 1, request: number });
        (Ticket { core: CoreId(0), waiter }, Err(Error::internal("an outcome")))
    }

    fn image(number: u64) -> Option<NewItem> {
        let bytes = Bytes::copy_from_slice(&number.to_le_bytes());
        (!number.is_multiple_of(3)).then_some(NewItem { bytes, item_bytes: 8 })
    }

    /// Writes, parked answers and applied entries in any order, beside a list of the same.
    #[test]
    fn a_key_is_what_its_last_proposal_makes_it_until_that_is_taken() {
        let keys: Vec<_> = (0..KEY_COUNT).map(|key| EncodedKey::new(&key.to_be_bytes())).collect();
        let (tables, _) = Memtable::new(MemtableOptions { bytes_max: 1 << 20, seed: 3 });
        let tagged: Vec<_> = keys.iter().map(|key| tables.tagged(key)).collect();
        let mut random = fastrand::Rng::with_seed(1);
        let (mut in_flight, mut expected) = (InFlight::default(), VecDeque::new());
        let (mut proposed_index, mut applied_index) = (0, 0);
        for number in 0..30_000 {
            // For a while more is added than is applied, then the other way.
            let is_growing = number / 5_000 % 2 == 0;
            match random.u32(..10) {
                0 => assert_eq!(in_flight.park(answer(number).0, answer(number).1).is_some(), expected.is_empty()),
                1..=4 if is_growing || random.bool() => {
                    let key = random.usize(..KEY_COUNT);
                    proposed_index += 1 + random.u64(..2);
                    let proposed = Proposed { key: keys[key].clone(), tag: tagged[key].tag, image: image(number) };
                    in_flight.add(LogIndex(proposed_index), proposed, random.bool().then(|| answer(number)));
                    expected.push_back((proposed_index, key, number));
                }
                5..=8 if !is_growing || random.bool() => {
                    applied_index = (applied_index + 1).min(proposed_index);
                    let taken = in_flight.take_proposed(LogIndex(applied_index));
                    let next = expected.pop_front_if(|(index, ..)| *index == applied_index);
                    let found = taken.map(|proposed| (proposed.key, proposed.image.map(|image| image.bytes)));
                    let image_of = |number| image(number).map(|image| image.bytes);
                    assert_eq!(found, next.map(|(_, key, number)| (keys[key].clone(), image_of(number))));
                    assert!(in_flight.take_proposed(LogIndex(applied_index)).is_none(), "once");
                    while in_flight.take_answer(LogIndex(applied_index)).is_some() {}
                }
                _ => {
                    let key = random.usize(..KEY_COUNT);
                    let newest = expected.iter().rev().find(|(_, written, _)| *written == key);
                    let found = in_flight.newest(tagged[key]).map(|image| image.map(|image| &image.bytes[..]));
                    let newest = newest.map(|(.., number)| image(*number).map(|image| image.bytes));
                    assert_eq!(found, newest.as_ref().map(Option::as_deref));
                }
            }
        }
        assert!(applied_index > 1_000 && proposed_index > applied_index, "{applied_index} of {proposed_index}");
    }
}
