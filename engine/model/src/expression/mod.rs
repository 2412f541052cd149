//! Expressions: the small language in which a request says which items it means.
//!
//! In the way of a request: parsed in `validate()`, with all checks that need no table; bound and evaluated by the
//! owner. Only key conditions are read today; the other kinds of expression are refused by name.

mod check;
mod condition;
pub(crate) mod key_condition;
mod lexer;
mod reserved_words;
mod substitution;
#[cfg(test)]
mod tests;

pub use condition::Comparator;
pub use key_condition::KeyCondition;
