//! `Evaluator`: what working through requests needs again and again: the expressions read before, and the memory that new
//! items are cut from.
//!
//! One per worker, for as long as it lives; lent to `validate()` and to whatever evaluates a request against items.
//! Nothing in it outlasts a request but what makes the next one cheaper.

use crate::expression::ExpressionCache;
use crate::{Item, ItemEncoder, ItemRef};

/// What evaluating requests needs. Not shared between cores.
#[derive(Debug, Default)]
pub struct Evaluator {
    /// The expressions read lately, by their text.
    pub expressions: ExpressionCache,
    /// What makes new items.
    pub encoder: ItemEncoder,
}

impl Evaluator {
    /// One that has seen no request yet.
    pub fn new() -> Evaluator {
        Evaluator::default()
    }

    /// A copy of an item that outlives what it was read from; allocates only when the encoder's memory is used up.
    pub fn copy(&mut self, item: ItemRef<'_>) -> Item {
        self.encoder.copy(item)
    }
}
