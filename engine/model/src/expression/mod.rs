//! Expressions: the small language in which a request says which items it means, what to write and what to give back.
//!
//! In the way of a request: the text is parsed once and kept (`cache.rs`); `validate()` checks it with what the request's
//! placeholders stand for; the owner of an item evaluates it on the item's bytes. In this order, for each expression of
//! a request in DynamoDB's order, then the placeholders that none of them uses:
//!
//! ```text
//! lexer -> parser, condition | update | projection -> tree     parse: once a text
//! substitution -> check | update/check                         check: once a request
//! evaluate | update/charge, update/apply | projection          on the item, through path
//! key_condition                                                on the schema
//! ```
//!
//! The parameters from before there were expressions are made into the same trees (`legacy.rs`).

mod cache;
mod check;
mod condition;
mod evaluate;
pub(crate) mod key_condition;
mod legacy;
mod lexer;
mod mention;
mod parser;
mod path;
mod projection;
mod reserved_words;
mod substitution;
#[cfg(test)]
mod tests;
mod tree;
mod update;

pub use cache::{CACHED_EXPRESSION_BYTES_MAX, CACHED_EXPRESSION_COUNT_MAX, ExpressionCache};
pub(crate) use check::is_greater;
pub use condition::{Condition, ConditionKind};
pub use key_condition::KeyCondition;
pub use legacy::{BoundCondition, BoundUpdate, ConditionBuilder, Join, KeyConditionBuilder, UpdateBuilder};
pub use mention::Mention;
pub use projection::Projection;
pub use substitution::{ExpressionRef, Substitutions};
pub use tree::Comparator;
pub use update::{UPDATE_TOO_LARGE, Update};
