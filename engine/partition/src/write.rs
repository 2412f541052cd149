//! Writes on their way from a decision to the log, and answers of decisions that write nothing.
//!
//! In the way of a request: `operation/` decides against the newest image, what is here proposes; `apply.rs` releases the
//! answer. Deliberately not here: what a write does to an item.

use crate::collections::{CollectionChange, CollectionSize, hash_of};
use crate::context::reserve;
use crate::effect::{EffectsBuilder, SetId};
use crate::in_flight::{NewItem, Proposed};
use crate::items::ItemBytes;
use crate::local_indexes::ItemChange;
use crate::reads::{Missing, Reads};
use crate::{Answer, Cause, ChangeKey, ChangeView, Context, Outcome, Partition, Ticket};
use journal::Location;
use memtable::{KeyTag, TaggedKey};
use model::error::THROTTLED;
use model::operation::{CapacityUnits, Reply, WriteEffect, collection_share_bytes, write_units};
use model::{Access, EncodedKey, Error, ErrorKind, Item, ItemRef};
use replication::ProposeError;

/// A write that was decided: what the log shall carry.
pub(crate) struct Write<'a> {
    /// The encoded key.
    pub(crate) key: &'a EncodedKey,
    /// Its tag in the memtables of the items.
    pub(crate) tag: KeyTag,
    /// `None`: delete.
    pub(crate) image: Option<&'a Item>,
    pub(crate) replaced: Replaced,
    pub(crate) cause: Cause,
}

/// What a write takes the place of, and what follows from that.
#[derive(Clone, Copy)]
pub(crate) struct Replaced {
    /// DynamoDB's size of the replaced image; `None` if there was none.
    pub(crate) old_bytes: Option<usize>,
    /// On a table with local indexes.
    pub(crate) collection: Option<CollectionSize>,
    /// What the write costs; nothing where nobody pays.
    pub(crate) units: CapacityUnits,
    /// The record of the replaced image, where a file names it and the cache does not know of it.
    pub(crate) record: Option<Location>,
}

/// Why a decision is none.
pub(crate) enum Halt {
    /// The caller is told so.
    Refused(Error),
    /// Something has to be brought first.
    Missing,
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<Missing> for Halt {
    fn from(_: Missing) -> Self {
        Self::Missing
    }
}

impl Partition {
    /// What a write of `new` in the place of `found`, the newest image, does besides. The effects on the sets that follow from the items
    /// are noted for the proposal, which comes next.
    ///
    /// # Errors
    /// ItemCollectionSizeLimitExceeded if the collection gets larger than it may be; or something has to be brought first.
    pub(crate) fn weigh<'a>(
        &self,
        (effects, reads): (&mut EffectsBuilder, &mut Reads),
        key: &[u8],
        found: Option<&'a ItemBytes<'_>>,
        new: Option<ItemRef<'a>>,
    ) -> Result<(Replaced, WriteEffect<'a>), Halt> {
        let old = found.map(ItemBytes::item);
        let collection = self.collection_after(key, (old, new), reads)?;
        let bytes_max = self.options.collection_bytes_max;
        if collection.is_some_and(|collection| collection.is_larger && collection.bytes > bytes_max) {
            return Err(Error::item_collection_too_large().into());
        }
        self.note_effects(effects, ItemChange { key, old, new }, collection);
        let is_paid = self.throughput.is_bounded(Access::Write);
        let replaced = Replaced {
            old_bytes: found.map(ItemBytes::size_bytes),
            collection,
            units: if is_paid { write_units(&self.definition, old, new).total() } else { CapacityUnits::ZERO },
            record: None,
        };
        Ok((replaced, WriteEffect { old, new, collection_bytes: collection.map(|collection| collection.bytes) }))
    }

    /// Notes what a change of an item does to the sets that follow, for the proposal that comes next.
    pub(crate) fn note_effects(
        &self,
        effects: &mut EffectsBuilder,
        change: ItemChange<'_>,
        collection: Option<CollectionSize>,
    ) {
        effects.clear();
        if !self.definition.local_indexes.is_empty() {
            effects.change_local_indexes(&self.definition, change);
        }
        if let Some(due_times) = &self.due_times {
            due_times.add_effects(change, effects);
        }
        if let Some(collection) = collection {
            effects.set_value(SetId::Collections, &collection.hash.0.to_be_bytes(), collection.bytes);
        }
    }

    /// The same where the size of what is replaced is all that counts.
    pub(crate) fn weigh_by_size<'a>(
        &self,
        (effects, reads): (&mut EffectsBuilder, &mut Reads),
        key: TaggedKey<'_>,
        new: Option<ItemRef<'a>>,
    ) -> Result<(Replaced, WriteEffect<'a>), Missing> {
        let old = self.newest_size(reads, key)?;
        effects.clear();
        let replaced = Replaced {
            old_bytes: old.map(|old| old.item_bytes),
            collection: None,
            units: CapacityUnits::ZERO,
            record: old.and_then(|old| old.record),
        };
        Ok((replaced, WriteEffect { old: None, new, collection_bytes: None }))
    }

    /// How large the collection of an item is once `new` is in the place of `old`; `None` on a table without local indexes.
    ///
    /// # Errors
    /// If something has to be brought first.
    pub(crate) fn collection_after(
        &self,
        key: &[u8],
        (old, new): (Option<ItemRef<'_>>, Option<ItemRef<'_>>),
        reads: &mut Reads,
    ) -> Result<Option<CollectionSize>, Missing> {
        if self.definition.local_indexes.is_empty() {
            return Ok(None);
        }
        let share = |item: Option<ItemRef<'_>>| item.map_or(0, |item| collection_share_bytes(&self.definition, item));
        let change = CollectionChange { hash: hash_of(key), old_bytes: share(old), new_bytes: share(new) };
        self.collections.size_after(change, reads).map(Some)
    }

    /// What a write costs that is refused: nothing but for its condition.
    pub(crate) fn refusal_units(&self, old: Option<ItemRef<'_>>, error: &Error) -> CapacityUnits {
        let is_paid = self.throughput.is_bounded(Access::Write) && error.kind == ErrorKind::ConditionalCheckFailed;
        if is_paid { write_units(&self.definition, old, old).total() } else { CapacityUnits::ZERO }
    }

    /// Takes what such a write costs, and gives the error on.
    pub(crate) fn charge_refusal(&mut self, units: CapacityUnits, error: Error) -> Error {
        self.throughput.take(Access::Write, units);
        error
    }

    /// Takes what a write costs.
    pub(crate) fn pay_for_write(&mut self, replaced: &Replaced) {
        self.throughput.take(Access::Write, replaced.units);
    }

    /// Proposes a write; `answer` is released when it is applied.
    pub(crate) fn propose(&mut self, context: &mut Context, write: &Write<'_>, ticket: Ticket, answer: Answer) {
        if let Err(error) = self.try_propose(context, write, Some((ticket, answer))) {
            context.answer(ticket, Err(error));
        }
    }

    /// The same, for a write that nobody may wait for.
    ///
    /// # Errors
    /// If the group does not take it.
    pub(crate) fn try_propose(
        &mut self,
        context: &mut Context,
        write: &Write<'_>,
        answer: Option<(Ticket, Answer)>,
    ) -> Result<(), Error> {
        let places = write.image.and_then(|item| self.definition.key_schema.places_in(item.as_ref()));
        let change = ChangeView {
            key: places.map_or(ChangeKey::Whole(write.key), ChangeKey::InImage),
            image: write.image.map(|item| &item.bytes()[..]),
            old_item_bytes: write
                .replaced
                .old_bytes
                .map(|bytes| u32::try_from(bytes).expect("an item has at most 400 KB")),
            written_at_us: context.now_us,
            cause: write.cause,
            effects: context.effects.effects(),
        };
        reserve(&mut context.changes, change.encoded_bytes());
        let payload = change.encode(&mut context.changes);
        let index = self.group.propose(payload.clone()).map_err(|error| match error {
            ProposeError::Busy => Error::throttling(THROTTLED),
            error => Error::internal(format!("the write was not accepted: {error}")),
        })?;
        let answer = answer.map(|(ticket, answer)| (ticket, Ok(answer)));
        let image = write.image.map(|item| {
            // The request's own memory is not held for as long: a change ends with its image.
            let bytes = payload.slice(payload.len() - item.bytes().len()..);
            debug_assert_eq!(bytes, item.bytes());
            NewItem { bytes, item_bytes: u32::try_from(item.size_bytes()).expect("an item has at most 400 KB") }
        });
        let proposed = Proposed { key: write.key.clone(), tag: write.tag, image };
        self.in_flight.add(index, proposed, answer);
        self.pay_for_write(&write.replaced);
        context.reads.note_superseded(write.replaced.record);
        if let Some(collection) = write.replaced.collection {
            self.collections.decide(index, collection);
        }
        Ok(())
    }

    /// Answers a decision about `key` that writes nothing: refused, or nothing to do. If it saw a write that is still in
    /// flight it is told when that is durable, for it tells of it.
    pub(crate) fn answer_unwritten(
        &mut self,
        context: &mut Context,
        ticket: Ticket,
        key: TaggedKey<'_>,
        outcome: Outcome,
    ) {
        if self.in_flight.newest(key).is_none() && !tells_of_collection(&outcome) {
            context.answer(ticket, outcome);
        } else {
            self.answer_behind_writes(context, ticket, outcome);
        }
    }

    /// Answers when everything in flight is durable.
    fn answer_behind_writes(&mut self, context: &mut Context, ticket: Ticket, outcome: Outcome) {
        if self.in_flight.is_full() {
            context.answer(ticket, Err(Error::throttling(THROTTLED)));
        } else if let Some((ticket, outcome)) = self.in_flight.park(ticket, outcome) {
            context.answer(ticket, outcome);
        }
    }
}

/// Whether an answer tells of other items than the one that was asked about.
fn tells_of_collection(outcome: &Outcome) -> bool {
    match outcome {
        Ok(Answer::Reply(Reply::DeleteItem(reply))) => reply.item_collection_metrics.is_some(),
        Ok(Answer::Reply(Reply::UpdateItem(reply))) => reply.item_collection_metrics.is_some(),
        Ok(_) => false,
        Err(error) => error.kind == ErrorKind::ItemCollectionSizeLimitExceeded,
    }
}
