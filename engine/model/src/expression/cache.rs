//! Parsed expressions, kept for the next request with the same text.
//!
//! In the way of a request: asked by `validate()` and by the owner of an item. Applications send few texts again and again,
//! with other values: a hit costs a hash and a comparison of the text and allocates nothing. Texts that do not parse are
//! not kept.

use super::condition::{Condition, ConditionKind};
use super::parser::Parameter;
use super::projection::Projection;
use super::update::Update;
use crate::{Error, Text};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// So many expressions are kept.
pub const CACHED_EXPRESSION_COUNT_MAX: usize = 1024;
/// And no more than take so much memory together, near enough.
pub const CACHED_EXPRESSION_BYTES_MAX: usize = 2 << 20;
/// What an expression takes in the cache besides itself.
const SLOT_BYTES: usize = size_of::<Slot>() + 48;

/// The expressions that a core has parsed, up to [`CACHED_EXPRESSION_COUNT_MAX`] and [`CACHED_EXPRESSION_BYTES_MAX`].
///
/// One on each core, never shared with another. Beyond a limit the next that was not used since the hand passed it goes.
#[derive(Debug, Default)]
pub struct ExpressionCache {
    /// The places in `slots` by the hash of parameter and text. Of two with one hash the later is kept.
    places: HashMap<u64, usize, BuildHasherDefault<HashIsKey>>,
    slots: Vec<Slot>,
    /// Where the search for one to drop goes on.
    hand: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    hash: u64,
    expression: Expression,
    bytes: usize,
    /// Whether it was used since the hand passed it.
    is_recent: bool,
}

#[derive(Clone, Debug)]
enum Expression {
    Condition(Rc<Condition>),
    Update(Rc<Update>),
    Projection(Rc<Projection>),
}

impl Expression {
    fn is_of(&self, parameter: Parameter, text: &[u8]) -> bool {
        let (own_parameter, tree) = match self {
            Expression::Condition(condition) => (condition.parameter, &condition.tree),
            Expression::Update(update) => (Parameter::Update, &update.tree),
            Expression::Projection(projection) => (Parameter::Projection, &projection.tree),
        };
        own_parameter == parameter && tree.text.as_bytes() == text
    }

    fn memory_bytes(&self) -> usize {
        SLOT_BYTES
            + match self {
                Expression::Condition(condition) => condition.tree.memory_bytes(),
                Expression::Update(update) => update.tree.memory_bytes() + size_of_val(&*update.actions),
                Expression::Projection(projection) => projection.memory_bytes(),
            }
    }
}

impl ExpressionCache {
    /// An empty cache: it takes memory with the first expression.
    pub fn new() -> ExpressionCache {
        ExpressionCache::default()
    }

    /// The condition that a text says.
    ///
    /// # Errors
    /// As [`Condition::parse`].
    pub fn condition(&mut self, kind: ConditionKind, text: &Text) -> Result<Rc<Condition>, Error> {
        let parsed = self.get_or_parse(kind.parameter(), text, |text| {
            Ok(Expression::Condition(Rc::new(Condition::parse(kind, text)?)))
        })?;
        match parsed {
            Expression::Condition(condition) => Ok(condition),
            _ => unreachable!("found by its parameter"),
        }
    }

    /// The update that a text says.
    ///
    /// # Errors
    /// As [`Update::parse`].
    pub fn update(&mut self, text: &Text) -> Result<Rc<Update>, Error> {
        let parsed =
            self.get_or_parse(Parameter::Update, text, |text| Ok(Expression::Update(Rc::new(Update::parse(text)?))))?;
        match parsed {
            Expression::Update(update) => Ok(update),
            _ => unreachable!("found by its parameter"),
        }
    }

    /// The projection that a text says.
    ///
    /// # Errors
    /// As [`Projection::parse`].
    pub fn projection(&mut self, text: &Text) -> Result<Rc<Projection>, Error> {
        let parsed = self.get_or_parse(Parameter::Projection, text, |text| {
            Ok(Expression::Projection(Rc::new(Projection::parse(text)?)))
        })?;
        match parsed {
            Expression::Projection(projection) => Ok(projection),
            _ => unreachable!("found by its parameter"),
        }
    }

    /// How many expressions are kept.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether none are kept.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    fn get_or_parse(
        &mut self,
        parameter: Parameter,
        text: &Text,
        parse: impl FnOnce(&str) -> Result<Expression, Error>,
    ) -> Result<Expression, Error> {
        let hash = xxh3_64_with_seed(text.bytes(), parameter as u64);
        if let Some(place) = self.places.get(&hash) {
            let slot = &mut self.slots[*place];
            if slot.expression.is_of(parameter, text.bytes()) {
                slot.is_recent = true;
                return Ok(slot.expression.clone());
            }
        }
        let expression = parse(text)?;
        self.insert(hash, expression.clone());
        Ok(expression)
    }

    fn insert(&mut self, hash: u64, expression: Expression) {
        if let Some(place) = self.places.get(&hash) {
            self.drop_at(*place);
        }
        let bytes = expression.memory_bytes();
        while !self.slots.is_empty()
            && (self.slots.len() >= CACHED_EXPRESSION_COUNT_MAX || self.bytes + bytes > CACHED_EXPRESSION_BYTES_MAX)
        {
            self.drop_next();
        }
        self.places.insert(hash, self.slots.len());
        self.slots.push(Slot { hash, expression, bytes, is_recent: false });
        self.bytes += bytes;
    }

    /// Moves the hand on to one that was not used since it passed last, and drops that.
    fn drop_next(&mut self) {
        loop {
            self.hand = if self.hand < self.slots.len() { self.hand } else { 0 };
            let slot = &mut self.slots[self.hand];
            if !std::mem::take(&mut slot.is_recent) {
                return self.drop_at(self.hand);
            }
            self.hand += 1;
        }
    }

    fn drop_at(&mut self, place: usize) {
        let dropped = self.slots.swap_remove(place);
        self.places.remove(&dropped.hash);
        self.bytes -= dropped.bytes;
        if let Some(moved) = self.slots.get(place) {
            self.places.insert(moved.hash, place);
        }
    }
}

/// The keys are hashes already.
#[derive(Default)]
struct HashIsKey(u64);

impl Hasher for HashIsKey {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("keys are u64");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
