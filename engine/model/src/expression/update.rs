//! Updates: the grammar of UpdateExpression, and what a parsed one is asked.
//!
//! In the way of a request: parsed by the cache, checked with the request's placeholders in `validate()`
//! (`update/check.rs`), charged and applied by the owner of the item (`update/charge.rs`, `update/apply.rs`). Deliberately
//! not here: which attributes are keys; the operation compares `written_attributes` with the schema.

mod apply;
mod charge;
mod check;

use super::lexer::TokenKind;
use super::mention::{Mention, mention, mentions};
use super::parser::{Parameter, Parser};
use super::path::BoundPaths;
use super::projection::project;
use super::substitution::Substitutions;
use super::tree::{Function, Node, NodeIndex, Path, Tree};
use crate::{Error, Item, ItemEncoder, ItemRef};

/// What an update is told whose result, or whose expression, is too large.
// DynamoDB: observed: worded otherwise than for a put.
pub const UPDATE_TOO_LARGE: &str = "Item size to update has exceeded the maximum allowed size";

/// A parsed UpdateExpression, or AttributeUpdates; independent of what placeholders stand for.
///
/// Lives in the cache of a core, shared with the requests that use it; one of AttributeUpdates in its request.
#[derive(Debug, PartialEq)]
pub struct Update {
    pub(super) tree: Tree,
    /// In the order of the text.
    pub(super) actions: Box<[Action]>,
    /// Whether it comes from AttributeUpdates, which has its own wordings and no charge.
    pub(super) is_legacy: bool,
}

/// One change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Action {
    pub(super) kind: ActionKind,
    /// What is changed.
    pub(super) path: Path,
    /// What it is changed with; none for `Remove`.
    pub(super) value: Option<NodeIndex>,
    /// Which clause of the expression it stands in.
    pub(super) clause: u32,
}

/// The clauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ActionKind {
    Set,
    Remove,
    Add,
    Delete,
}

impl ActionKind {
    const ALL: [ActionKind; 4] = [ActionKind::Set, ActionKind::Remove, ActionKind::Add, ActionKind::Delete];

    fn keyword(self) -> &'static str {
        match self {
            ActionKind::Set => "SET",
            ActionKind::Remove => "REMOVE",
            ActionKind::Add => "ADD",
            ActionKind::Delete => "DELETE",
        }
    }

    /// Whether it only ever takes away: an item that does not exist is not made by it.
    fn is_clearing(self) -> bool {
        matches!(self, ActionKind::Remove | ActionKind::Delete)
    }
}

impl Update {
    /// Parses an expression.
    ///
    /// # Errors
    /// Validation: empty, too long, syntax, functions, reserved words, repeated sections; DynamoDB's texts.
    pub fn parse(text: &str) -> Result<Update, Error> {
        parse(text).map_err(|fault| Parameter::Update.invalid(fault))
    }

    /// Checks it with what its placeholders stand for. Nothing else may be asked of an update, with those placeholders,
    /// unless it or an equal one has passed.
    ///
    /// # Errors
    /// Validation: placeholders that are not defined, paths that overlap or conflict, operands; DynamoDB's texts.
    pub fn check(&self, substitutions: &Substitutions<'_>) -> Result<(), Error> {
        check::check_update(self, substitutions).map_err(|fault| Parameter::Update.invalid(fault))
    }

    /// The top-level attributes that it writes, or writes into, in the order of the text.
    pub fn written_attributes<'e>(&'e self, substitutions: &'e Substitutions<'_>) -> impl Iterator<Item = Mention<'e>> {
        self.actions.iter().map(move |action| mention(&self.tree, action.path, substitutions))
    }

    /// The top-level attributes that it reads, in the order of the text, as often as it does.
    pub fn read_attributes<'e>(&'e self, substitutions: &'e Substitutions<'_>) -> impl Iterator<Item = Mention<'e>> {
        mentions(&self.tree, substitutions)
    }

    /// The parts of an image of the item, before or after, that stand where the update changes something: what
    /// `UPDATED_OLD` and `UPDATED_NEW` reply. None when there is nothing there.
    // DynamoDB: observed: both are projections to the paths as they are written. After an element was removed the next
    // one is in its place and is told; one appended past the end is not where it was written and is not.
    pub fn touched(
        &self,
        substitutions: &Substitutions<'_>,
        image: ItemRef<'_>,
        encoder: &mut ItemEncoder,
    ) -> Result<Option<Item>, Error> {
        let bound = BoundPaths::of(&self.tree, substitutions, self.actions.iter().map(|action| action.path));
        let fragment = project(&bound, image, encoder)?;
        Ok((!fragment.as_ref().is_empty()).then_some(fragment))
    }
}

fn parse(text: &str) -> Result<Update, String> {
    let mut parser = Parser::new(text)?;
    let mut actions: Vec<Action> = Vec::new();
    let mut clause = 0;
    while parser.tokens.current().kind != TokenKind::End || clause == 0 {
        let kind = parser.clause_kind()?;
        if actions.iter().any(|action| action.kind == kind) {
            parser.note_last(format!(
                "The \"{}\" section can only be used once in an update expression;",
                kind.keyword()
            ));
        }
        loop {
            actions.push(parser.action(kind, clause)?);
            if parser.tokens.accept(TokenKind::Comma).is_none() {
                break;
            }
        }
        clause += 1;
    }
    parser.note_foreign("an update", |function| !function.is_of_updates());
    Ok(Update { tree: parser.finish()?, actions: actions.into(), is_legacy: false })
}

impl Parser<'_> {
    fn clause_kind(&mut self) -> Result<ActionKind, String> {
        let kind = ActionKind::ALL.into_iter().find(|kind| self.tokens.accept_keyword(kind.keyword()));
        kind.ok_or_else(|| self.tokens.syntax_error())
    }

    fn action(&mut self, kind: ActionKind, clause: u32) -> Result<Action, String> {
        let path = self.path()?;
        let value = match kind {
            ActionKind::Set => {
                self.expect(TokenKind::Equal)?;
                Some(self.set_value()?)
            }
            ActionKind::Remove => None,
            ActionKind::Add | ActionKind::Delete => Some(self.value()?),
        };
        Ok(Action { kind, path, value, clause })
    }

    /// An operand, or the sum or difference of two, all of which may stand in parentheses.
    // DynamoDB: observed: one operator at most: `a + b + c` is a syntax error, `f(x) + f(y)` is none, `f(x + y)` is.
    fn set_value(&mut self) -> Result<NodeIndex, String> {
        let left = if self.tokens.current().kind == TokenKind::OpenParenthesis {
            self.group(Parser::set_value)?
        } else {
            self.plain_operand(Parser::update_operand)?
        };
        if matches!(self.node(left), Node::Plus(..) | Node::Minus(..)) {
            return Ok(left);
        }
        let make = match self.tokens.current().kind {
            TokenKind::Plus => Node::Plus,
            TokenKind::Minus => Node::Minus,
            _ => return Ok(left),
        };
        self.tokens.advance();
        let right = self.parenthesised_operand()?;
        Ok(self.push(make(left, right)))
    }

    /// An operand of `+`, `-` or a function, which may stand in parentheses.
    fn parenthesised_operand(&mut self) -> Result<NodeIndex, String> {
        if self.tokens.current().kind == TokenKind::OpenParenthesis {
            self.group(Parser::parenthesised_operand)
        } else {
            self.plain_operand(Parser::update_operand)
        }
    }

    /// An operand of a function.
    // DynamoDB: observed: `list_append` stands inside of no function, `if_not_exists` may.
    fn update_operand(&mut self) -> Result<NodeIndex, String> {
        let operand = self.parenthesised_operand()?;
        if matches!(self.node(operand), Node::Function(Function::ListAppend, _)) {
            self.note_misused(Function::ListAppend);
        }
        Ok(operand)
    }
}
