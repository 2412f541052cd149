//! `PageReader`: what a Query or Scan does with each item that it is shown: measure, filter, give back.
//!
//! Made by the owner for its part of the request, lent the items in the order in which they are read. Of a local index
//! it is shown the items that the entries stand for, and sees to it that users find no more than the index holds,
//! unless they asked for more. Deliberately not here: where the items are (`query.rs` and `scan.rs` say which).

use super::projected_entry::ProjectedEntry;
use super::{Evaluator, PageBuilder};
use crate::table::{LocalIndex, TableDefinition};
use crate::{Item, ItemRef};

/// Reads the items of a page. Borrows from the request and from the definition of the table.
#[derive(Debug)]
pub struct PageReader<'a> {
    definition: &'a TableDefinition,
    /// The index that is read, if it is not the table.
    index: Option<&'a LocalIndex>,
    /// Whether items are fetched from the table, for what is asked of them is not in the index.
    fetches: bool,
}

impl<'a> PageReader<'a> {
    pub(crate) fn new(definition: &'a TableDefinition, index: Option<usize>) -> PageReader<'a> {
        let index = index.map(|position| &definition.local_indexes[position]);
        PageReader { definition, index, fetches: false }
    }

    /// Evaluates an item and adds it to the page if it matches. When it returns false the page is full, and the item is
    /// its last.
    pub fn read(&mut self, evaluator: &mut Evaluator, item: ItemRef<'_>, page: &mut PageBuilder) -> bool {
        match self.entry() {
            None => page.evaluate(item.size_bytes()),
            Some(entry) => page.evaluate(entry.size_bytes(item)),
        }
        if self.fetches {
            page.fetch(item.size_bytes());
        }
        page.push(|| self.select(evaluator, item));
        !page.is_full()
    }

    /// The key of the last item of a full page, from which the next one goes on.
    pub fn last_evaluated_key(&self, evaluator: &mut Evaluator, item: ItemRef<'_>) -> Item {
        let is_key = |name: &str| {
            self.definition.key_schema.attribute(name).is_some()
                || self.index.is_some_and(|index| index.sort_key.name == name)
        };
        let encoder = &mut evaluator.encoder;
        encoder.begin_item();
        for (name, value) in item.attributes().filter(|(name, _)| is_key(name)) {
            encoder.name(name);
            encoder.value(value);
        }
        encoder.finish().expect("attributes of an item are an item")
    }

    fn select(&self, evaluator: &mut Evaluator, item: ItemRef<'_>) -> Item {
        match self.entry() {
            Some(entry) if !self.fetches => entry.project(&mut evaluator.encoder, item),
            _ => evaluator.copy(item),
        }
    }

    fn entry(&self) -> Option<ProjectedEntry<'a>> {
        self.index.map(|index| ProjectedEntry::new(self.definition, index))
    }
}
