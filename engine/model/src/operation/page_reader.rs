//! `PageReader`: what a Query or Scan does with each item that it is shown: measure, filter, give back.
//!
//! Made by the owner for its part of the request, lent the items in the order in which they are read. Of a local index
//! it is shown the items that the entries stand for, and sees to it that users find no more than the index holds,
//! unless they asked for more. Deliberately not here: where the items are (`query.rs` and `scan.rs` say which).

use super::projected_entry::ProjectedEntry;
use super::read_parameters::ReadParameters;
use super::{Evaluator, PageBuilder};
use crate::expression::{BoundCondition, Condition, Mention, Projection, Substitutions};
use crate::table::{LocalIndex, TableDefinition};
use crate::{Item, ItemRef};
use std::rc::Rc;

/// Operators and operands of a filter that take as long as all else that is done with an item.
const FILTER_NODES_PER_ITEM: usize = 16;

/// Reads the items of a page. Borrows from the request and from the definition of the table.
#[derive(Debug)]
pub struct PageReader<'a> {
    definition: &'a TableDefinition,
    /// The index that is read, if it is not the table.
    index: Option<&'a LocalIndex>,
    filter: Filter<'a>,
    output: Output<'a>,
    /// Whether items are fetched from the table, for what is asked of them is not in the index.
    fetches: bool,
}

/// What an item has to meet.
#[derive(Debug)]
pub(crate) enum Filter<'a> {
    None,
    Expression(Rc<Condition>, Substitutions<'a>),
    Legacy(BoundCondition),
}

/// What is given back of an item.
#[derive(Debug)]
pub(crate) enum Output<'a> {
    /// All of it.
    Whole,
    /// What the index holds.
    Entry,
    /// The parts that are named.
    Parts(Rc<Projection>, Substitutions<'a>),
}

impl<'a> PageReader<'a> {
    /// A reader of the table, or of the local index with that place in the definition.
    pub(crate) fn new(
        parameters: &ReadParameters<'a>,
        evaluator: &mut Evaluator,
        definition: &'a TableDefinition,
        index: Option<usize>,
    ) -> PageReader<'a> {
        let index = index.map(|position| &definition.local_indexes[position]);
        let (filter, output) = (parameters.filter(evaluator), parameters.output(evaluator, index));
        let mut reader = PageReader { definition, index, filter, output, fetches: false };
        reader.fetches = reader.needs_more_than_entry();
        reader
    }

    /// Evaluates an item of that size and adds it to the page if it matches. When it returns false the page is full, and the item is
    /// its last.
    // DynamoDB: developer guide: what is read is measured and charged before it is filtered, and whole.
    pub fn read(
        &mut self,
        evaluator: &mut Evaluator,
        (item, size_bytes): (ItemRef<'_>, usize),
        page: &mut PageBuilder,
    ) -> bool {
        match self.entry() {
            None => page.evaluate(size_bytes),
            Some(entry) => page.evaluate(entry.size_bytes(item)),
        }
        if self.fetches {
            page.fetch(size_bytes);
        }
        if self.filter.passes(item) {
            page.push(|| self.select(evaluator, item));
        }
        !page.is_full()
    }

    /// How many items without a filter are read in the time that one takes, near enough.
    pub fn weight(&self) -> usize {
        1 + self.filter.node_count() / FILTER_NODES_PER_ITEM
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
        match (&self.output, self.entry()) {
            (Output::Entry, Some(entry)) => entry.project(&mut evaluator.encoder, item),
            (Output::Parts(projection, substitutions), _) => {
                projection.apply(substitutions, item, &mut evaluator.encoder).expect("parts of an item are an item")
            }
            (Output::Whole | Output::Entry, _) => evaluator.copy(item),
        }
    }

    /// Whether the index does not hold all that is asked.
    // DynamoDB: developer guide, "Local secondary indexes": what is asked beyond the projection is fetched from the table.
    // Ours: a filter counts as asking.
    fn needs_more_than_entry(&self) -> bool {
        let Some(entry) = self.entry() else {
            return false;
        };
        let is_beyond = |mention: Mention<'_>| !entry.holds(mention.attribute_name);
        let is_output_beyond = match &self.output {
            Output::Whole => !entry.holds_all(),
            Output::Entry => false,
            Output::Parts(projection, substitutions) => projection.mentions(substitutions).any(is_beyond),
        };
        is_output_beyond
            || match &self.filter {
                Filter::None => false,
                Filter::Expression(condition, substitutions) => condition.mentions(substitutions).any(is_beyond),
                Filter::Legacy(bound) => bound.condition().mentions(&bound.substitutions()).any(is_beyond),
            }
    }

    fn entry(&self) -> Option<ProjectedEntry<'a>> {
        self.index.map(|index| ProjectedEntry::new(self.definition, index))
    }
}

impl Filter<'_> {
    fn node_count(&self) -> usize {
        match self {
            Filter::None => 0,
            Filter::Expression(condition, _) => condition.node_count(),
            Filter::Legacy(bound) => bound.condition().node_count(),
        }
    }

    fn passes(&self, item: ItemRef<'_>) -> bool {
        match self {
            Filter::None => true,
            Filter::Expression(condition, substitutions) => condition.evaluate(substitutions, Some(item)),
            Filter::Legacy(bound) => bound.condition().evaluate(&bound.substitutions(), Some(item)),
        }
    }
}
