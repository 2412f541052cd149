//! Expiry: items whose time is over are deleted, a few a turn.
//!
//! Nobody asks for it but the engine, from time to time. The delete is a change like any other, marked as the service's
//! own in the log; it costs no throughput. Deliberately not here: when items are due (`due_times.rs`).

use crate::due_times::{DueRange, ITEMS_AHEAD, item_key};
use crate::items::ItemBytes;
use crate::local_indexes::ItemChange;
use crate::write::{Halt, Replaced, Write};
use crate::{Cause, Context, Missing, Partition};
use model::EncodedKey;
use model::operation::CapacityUnits;

/// Items that the pass over all items reads in one turn.
const READ_ITEM_COUNT: usize = 512;
/// Proposals and answers that may wait while items are deleted: requests go first.
const WAITING_COUNT_MAX: usize = 1_024;

/// What came of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Items whose deletion was proposed.
    pub item_count: usize,
    /// Whether there may be more to do at once.
    pub may_be_more: bool,
}

impl Partition {
    /// Whether its items expire.
    pub fn has_expiry(&self) -> bool {
        self.due_times.is_some()
    }

    /// Deletes up to `item_count` items whose time is over, decided against the newest state: an item that was changed in
    /// time stays.
    ///
    /// # Errors
    /// If something has to be brought first; what was decided is decided.
    pub fn expire(&mut self, context: &mut Context, item_count: usize) -> Result<Expired, Missing> {
        let mut expired = Expired::default();
        let applied = self.group.applied().index;
        let Some(due_times) = &mut self.due_times else { return Ok(expired) };
        if !due_times.may_read(applied) {
            return Ok(Expired { may_be_more: true, ..expired });
        }
        let is_read = due_times.read_items(&self.items, &mut context.reads, READ_ITEM_COUNT)?;
        let range = DueRange::at(context.now_us / 1_000, self.options.expiry_delay_ms);
        let (entries, are_more) = due_times.due(&mut context.reads, range, item_count)?;
        expired.may_be_more = !is_read || are_more;
        let mut missing = None;
        for (number, entry) in entries.iter().enumerate() {
            if self.in_flight.len() >= WAITING_COUNT_MAX {
                expired.may_be_more = true;
                break;
            }
            match self.expire_item(context, range, item_key(entry)) {
                Ok(is_deleted) => expired.item_count += usize::from(is_deleted),
                Err(Halt::Refused(_)) => {
                    expired.may_be_more = true;
                    break;
                }
                Err(Halt::Missing) => {
                    missing = Some(Missing);
                    self.look_ahead(context, &entries[number + 1..]);
                    break;
                }
            }
            if let Some(due_times) = &mut self.due_times {
                due_times.set_decided(entry);
            }
        }
        match missing {
            // What was proposed is told; the rest follows when it was brought.
            Some(missing) if expired.item_count == 0 => Err(missing),
            _ => Ok(Expired { may_be_more: expired.may_be_more || missing.is_some(), ..expired }),
        }
    }

    /// Notes what has to be brought for the items of entries that come next.
    fn look_ahead(&self, context: &mut Context, entries: &[Vec<u8>]) {
        for entry in entries.iter().take(ITEMS_AHEAD) {
            // Missing or not: what is decided about it is decided when its turn comes.
            let _ = self.newest_to_replace(&mut context.reads, self.tagged(item_key(entry)));
        }
    }

    /// Deletes the item if its time is over. Returns whether it was; refused if the log has no room for it now.
    fn expire_item(&mut self, context: &mut Context, range: DueRange, key: &[u8]) -> Result<bool, Halt> {
        let Context { reads, effects, .. } = context;
        let due_times = self.due_times.as_ref().expect("asked by whoever has it");
        let sought = self.tagged(key);
        let found = self.newest_to_replace(reads, sought)?;
        let old = found.as_ref().map(ItemBytes::item);
        let old = old.filter(|item| range.contains(*item, due_times.attribute_name()));
        let Some(old) = old else { return Ok(false) };
        let collection = self.collection_after(key, (Some(old), None), reads)?;
        self.note_effects(effects, ItemChange { key, old: Some(old), new: None }, collection);
        // DynamoDB: developer guide, "Using time to live": the deletes cost nothing.
        let old_bytes = Some(old.size_bytes());
        let replaced = Replaced { old_bytes, collection, units: CapacityUnits::ZERO, record: None };
        drop(found);
        let key = &EncodedKey::new(key);
        let write = Write { key, tag: sought.tag, image: None, replaced, cause: Cause::Expiry };
        self.try_propose(context, &write, None)?;
        Ok(true)
    }
}
