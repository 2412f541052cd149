//! Conditions: the grammar of all expressions that are true or false.
//!
//! In the way of a request: parsed by the cache, checked with the request's placeholders in `validate()`, and asked by
//! the owner of an item whether it holds, or read as a key condition.

use super::check::check_condition;
use super::evaluate::Evaluator;
use super::lexer::{Token, TokenKind};
use super::mention::{Mention, mentions};
use super::parser::{Parameter, Parser};
use super::substitution::Substitutions;
use super::tree::{Comparator, Function, Node, NodeIndex, Tree};
use crate::{Error, ItemRef};

/// A parsed ConditionExpression, FilterExpression or KeyConditionExpression; independent of what placeholders stand for.
///
/// Lives in the cache of a core, shared with the requests that use it.
#[derive(Debug, PartialEq)]
pub struct Condition {
    pub(super) parameter: Parameter,
    pub(super) tree: Tree,
}

/// The parameters that hold conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConditionKind {
    /// ConditionExpression.
    Condition,
    /// FilterExpression.
    Filter,
    /// KeyConditionExpression.
    KeyCondition,
}

impl ConditionKind {
    pub(super) fn parameter(self) -> Parameter {
        match self {
            ConditionKind::Condition => Parameter::Condition,
            ConditionKind::Filter => Parameter::Filter,
            ConditionKind::KeyCondition => Parameter::KeyCondition,
        }
    }
}

impl Condition {
    /// Parses an expression.
    ///
    /// # Errors
    /// Validation: empty, too long, syntax, functions, reserved words; DynamoDB's texts.
    pub fn parse(kind: ConditionKind, text: &str) -> Result<Condition, Error> {
        let parameter = kind.parameter();
        let tree = parse(text).map_err(|fault| parameter.invalid(fault))?;
        Ok(Condition { parameter, tree })
    }

    /// Checks it with what its placeholders stand for. Nothing else may be asked of a condition, with those
    /// placeholders, unless it or an equal one has passed.
    ///
    /// # Errors
    /// Validation: placeholders that are not defined, operands; DynamoDB's texts.
    pub fn check(&self, substitutions: &Substitutions<'_>) -> Result<(), Error> {
        check_condition(&self.tree, substitutions).map_err(|fault| self.parameter.invalid(fault))
    }

    /// Whether it holds for an item; one that does not exist is as one without attributes. Works on the item's bytes.
    pub fn evaluate(&self, substitutions: &Substitutions<'_>, item: Option<ItemRef<'_>>) -> bool {
        Evaluator::new(&self.tree, substitutions, item).holds(self.tree.root())
    }

    /// How many operators and operands it has: about as many steps as an evaluation may take.
    pub(crate) fn node_count(&self) -> usize {
        self.tree.node_count()
    }

    /// The top-level attributes that it mentions, in the order of the text, as often as it does.
    pub fn mentions<'e>(&'e self, substitutions: &'e Substitutions<'_>) -> impl Iterator<Item = Mention<'e>> {
        mentions(&self.tree, substitutions)
    }
}

fn parse(text: &str) -> Result<Tree, String> {
    let mut parser = Parser::new(text)?;
    let root = parser.alternatives()?;
    if parser.tokens.current().kind != TokenKind::End || !parser.is_condition(root) {
        return Err(parser.tokens.syntax_error());
    }
    parser.note_misused_size(root);
    parser.note_foreign("a condition", Function::is_of_updates);
    parser.finish()
}

/// A level returns a mere operand when nothing follows that makes a condition of it, as in `(a) = :v`; whoever
/// needs a condition checks.
impl Parser<'_> {
    /// `a OR b OR ...`
    fn alternatives(&mut self) -> Result<NodeIndex, String> {
        let mut left = self.conjunction()?;
        while self.tokens.is_keyword("OR") {
            left = self.join(left, Parser::conjunction, Node::Or)?;
        }
        Ok(left)
    }

    /// `a AND b AND ...`
    fn conjunction(&mut self) -> Result<NodeIndex, String> {
        let mut left = self.negation()?;
        while self.tokens.is_keyword("AND") {
            left = self.join(left, Parser::negation, Node::And)?;
        }
        Ok(left)
    }

    fn join(
        &mut self,
        left: NodeIndex,
        parse_right: fn(&mut Self) -> Result<NodeIndex, String>,
        node: fn(NodeIndex, NodeIndex) -> Node,
    ) -> Result<NodeIndex, String> {
        self.require_condition(left)?;
        self.tokens.advance();
        let right = parse_right(self)?;
        self.require_condition(right)?;
        Ok(self.push(node(left, right)))
    }

    /// `NOT a`
    fn negation(&mut self) -> Result<NodeIndex, String> {
        if !self.tokens.is_keyword("NOT") {
            return self.comparison();
        }
        self.descend()?;
        self.tokens.advance();
        let inner = self.negation()?;
        self.require_condition(inner)?;
        self.ascend();
        Ok(self.push(Node::Not(inner)))
    }

    /// An operand with what makes a condition of it; or a condition in parentheses.
    fn comparison(&mut self) -> Result<NodeIndex, String> {
        let left = self.parenthesised_or_operand()?;
        if !self.is_operand(left) {
            return Ok(left);
        }
        if let Some(comparator) = comparator(self.tokens.current()) {
            self.tokens.advance();
            let right = self.operand()?;
            self.note_misused_functions(&[left, right]);
            return Ok(self.push(Node::Compare(comparator, left, right)));
        }
        if self.tokens.accept_keyword("BETWEEN") {
            let lower = self.operand()?;
            if !self.tokens.accept_keyword("AND") {
                return Err(self.tokens.syntax_error());
            }
            let upper = self.operand()?;
            self.note_misused_functions(&[left, lower, upper]);
            return Ok(self.push(Node::Between(left, lower, upper)));
        }
        if self.tokens.accept_keyword("IN") {
            self.expect(TokenKind::OpenParenthesis)?;
            let list = self.operand_list(Parser::bare_operand)?;
            self.note_misused_functions(&[left]);
            return Ok(self.push(Node::In(left, list)));
        }
        Ok(left)
    }

    /// `( ... )` around a condition or an operand, or an operand without.
    fn parenthesised_or_operand(&mut self) -> Result<NodeIndex, String> {
        if self.tokens.current().kind == TokenKind::OpenParenthesis {
            self.group(Parser::alternatives)
        } else {
            self.plain_operand(Parser::bare_operand)
        }
    }

    /// An operand, which may stand in parentheses.
    fn operand(&mut self) -> Result<NodeIndex, String> {
        let node = self.parenthesised_or_operand()?;
        if self.is_operand(node) { Ok(node) } else { Err(self.tokens.syntax_error()) }
    }

    /// An operand where the truth of a function is none.
    fn bare_operand(&mut self) -> Result<NodeIndex, String> {
        let node = self.operand()?;
        self.note_misused_functions(&[node]);
        Ok(node)
    }

    fn is_operand(&self, node: NodeIndex) -> bool {
        matches!(self.node(node), Node::Function(..) | Node::Path(_) | Node::Value(_))
    }

    fn is_condition(&self, node: NodeIndex) -> bool {
        !matches!(self.node(node), Node::Path(_) | Node::Value(_))
    }

    /// Refuses a mere operand where a condition must stand; the current word is the one that should not be there.
    fn require_condition(&mut self, node: NodeIndex) -> Result<(), String> {
        if !self.is_condition(node) {
            return Err(self.tokens.syntax_error());
        }
        self.note_misused_size(node);
        Ok(())
    }

    /// `size` is a number: it stands for no condition.
    fn note_misused_size(&mut self, node: NodeIndex) {
        if matches!(self.node(node), Node::Function(Function::Size, _)) {
            self.note_misused(Function::Size);
        }
    }

    /// Functions other than `size` are true or false: they stand for no operand.
    fn note_misused_functions(&mut self, operands: &[NodeIndex]) {
        for operand in operands {
            if let Node::Function(function, _) = *self.node(*operand)
                && function != Function::Size
            {
                self.note_misused(function);
            }
        }
    }
}

fn comparator(token: Token) -> Option<Comparator> {
    match token.kind {
        TokenKind::Equal => Some(Comparator::Equal),
        TokenKind::NotEqual => Some(Comparator::NotEqual),
        TokenKind::Less => Some(Comparator::Less),
        TokenKind::LessOrEqual => Some(Comparator::LessOrEqual),
        TokenKind::Greater => Some(Comparator::Greater),
        TokenKind::GreaterOrEqual => Some(Comparator::GreaterOrEqual),
        _ => None,
    }
}
