//! Applying committed changes: to the memtables, to the sets that follow, to the figures, to those who wait.

use crate::effect::{Effects, SetId};
use crate::in_flight::Proposed;
use crate::statistics::ChangeSizes;
use crate::table_set::PREFETCH_INSERTS_MAX;
use crate::{ChangeView, Context, Partition};
use journal::{Journal, LogIndex};
use replication::{CommittedEntry, Progress};

impl Partition {
    /// Applies what the group has committed, now that the journal has made more of it durable.
    pub fn apply_durable(&mut self, journal: &Journal, context: &mut Context) {
        let mut committed = std::mem::take(&mut self.committed);
        self.is_blocked = self.group.handle_durable(journal, &mut committed) == Progress::Blocked;
        for group in committed.chunks(PREFETCH_INSERTS_MAX) {
            self.items.set().prefetch_inserts(self.in_flight.proposed_keys().take(group.len()));
            group.iter().for_each(|entry| self.apply(entry, journal, context));
        }
        committed.clear();
        // Nothing came meanwhile: the allocation is used again.
        self.committed = committed;
        context.reads.take_superseded().for_each(|location| journal.note_superseded(location));
        self.advance_files(journal);
    }

    /// Applies one entry, and releases the answers that waited for it.
    fn apply(&mut self, entry: &CommittedEntry, journal: &Journal, context: &mut Context) {
        let change = ChangeView::decode(&entry.change).expect("only `propose` writes to this log");
        self.apply_effects(entry.index, change.effects);
        let proposed = self.in_flight.take_proposed(entry.index);
        let key = match &proposed {
            Some(proposed) => {
                debug_assert_eq!(change.key(&mut context.key), Ok(&*proposed.key), "a start finds the same key");
                proposed.tagged_key()
            }
            None => self.tagged(change.key(&mut context.key).expect("only `propose` writes to this log")),
        };
        let item_bytes = proposed.as_ref().and_then(Proposed::item_bytes);
        let sizes = ChangeSizes::of_counted(&change, item_bytes);
        let superseded = self.items.insert(key, entry.index, sizes.image(entry.location, change.image));
        superseded.inspect(|location| journal.note_superseded(*location));
        context.reads.forget_item(self.id(), key.bytes);
        self.statistics.apply(sizes, change.effects);
        while let Some((ticket, outcome)) = self.in_flight.take_answer(entry.index) {
            context.answer(ticket, outcome);
        }
    }

    /// Does to the sets that follow from the items what a change does.
    fn apply_effects(&mut self, index: LogIndex, effects: Effects<'_>) {
        for (set, effect) in effects.iter() {
            match set {
                SetId::LocalIndex(number) => self.local_indexes.apply(number, index, effect),
                SetId::DueTimes => {
                    if let Some(due_times) = &mut self.due_times {
                        due_times.apply(index, effect);
                    }
                }
                SetId::Collections => self.collections.apply_effect(index, effect),
                SetId::Items => panic!("effects are not on items"),
            }
        }
    }
}
