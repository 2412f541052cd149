//! Conditions: the grammar shared by all expressions that are true or false, parsed into nodes.
//!
//! In the way of a request: `validate()` parses the expression and `check.rs` checks it; a key condition is then
//! read off the nodes. Nodes live in one vector, children before parents. Deliberately not here: what a condition
//! means for an item.

use super::lexer::{Token, TokenKind, TokenStream};
use super::reserved_words::is_reserved;

/// How many operators an expression may have, and how deep it may nest.
// DynamoDB: developer guide, "Service quotas": 300 operators and functions.
pub(crate) const OPERATOR_COUNT_MAX: usize = 300;

/// A node's place in its condition.
pub(crate) type NodeIndex = usize;

/// A parsed condition.
///
/// Invariant: a node's children come before it, and everything between its first descendant and it descends from it.
#[derive(Debug, Default)]
pub(crate) struct Condition<'a> {
    /// The nodes; the last is the whole condition.
    pub(crate) nodes: Vec<Node<'a>>,
    /// What the parser noticed and a check reports, since syntax errors come first.
    pub(crate) faults: Faults<'a>,
}

/// One operator or operand.
#[derive(Debug, PartialEq)]
pub(crate) enum Node<'a> {
    /// Both.
    And(NodeIndex, NodeIndex),
    /// Either.
    Or(NodeIndex, NodeIndex),
    /// Not.
    Not(NodeIndex),
    /// Compares two operands.
    Compare(Comparator, NodeIndex, NodeIndex),
    /// Operand, lower bound, upper bound.
    Between(NodeIndex, NodeIndex, NodeIndex),
    /// Operand, then the list.
    In(NodeIndex, Vec<NodeIndex>),
    /// A function and its operands.
    Function(&'a str, Vec<NodeIndex>),
    /// The way to an attribute: its name, then the steps down from there.
    Path(&'a str, Vec<Step<'a>>),
    /// `:name`.
    Value(&'a str),
}

/// A step down into a map or a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// A map's member, by name or `#name`.
    Member(&'a str),
    /// A list's element, in the digits in which it is written.
    Element(&'a str),
}

/// How two operands are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparator {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparator {
    /// The sign.
    pub fn sign(self) -> &'static str {
        match self {
            Comparator::Equal => "=",
            Comparator::NotEqual => "<>",
            Comparator::Less => "<",
            Comparator::LessOrEqual => "<=",
            Comparator::Greater => ">",
            Comparator::GreaterOrEqual => ">=",
        }
    }

    /// The comparator that says the same with the operands exchanged.
    pub(crate) fn mirrored(self) -> Comparator {
        match self {
            Comparator::Less => Comparator::Greater,
            Comparator::LessOrEqual => Comparator::GreaterOrEqual,
            Comparator::Greater => Comparator::Less,
            Comparator::GreaterOrEqual => Comparator::LessOrEqual,
            Comparator::Equal | Comparator::NotEqual => self,
        }
    }
}

/// The first fault of each kind that does not keep a condition from being parsed.
#[derive(Debug, Default)]
pub(crate) struct Faults<'a> {
    /// Parentheses right inside parentheses.
    pub(crate) has_redundant_parentheses: bool,
    /// A function whose value stands where it cannot.
    pub(crate) misused_function: Option<&'a str>,
    /// A reserved word that stands for an attribute.
    pub(crate) reserved_word: Option<&'a str>,
}

/// Parses `text`, or says what is wrong with its syntax.
pub(crate) fn parse_condition(text: &str) -> Result<Condition<'_>, String> {
    let mut parser =
        Parser { tokens: TokenStream::new(text), condition: Condition::default(), depth: 0, last_group: None };
    let root = parser.alternatives()?;
    if parser.tokens.current().kind != TokenKind::End || !parser.is_condition(root) {
        return Err(parser.tokens.syntax_error());
    }
    parser.note_misused_size(root);
    Ok(parser.condition)
}

struct Parser<'a> {
    tokens: TokenStream<'a>,
    condition: Condition<'a>,
    depth: usize,
    /// The pair of parentheses around a condition or operand that closed last.
    last_group: Option<(Token, Token)>,
}

/// Each method parses one level of the grammar and returns the node, or a syntax error.
///
/// A level returns a mere operand when nothing follows that makes a condition of it, as in `(a) = :v`; whoever
/// needs a condition checks.
impl<'a> Parser<'a> {
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
        node: fn(NodeIndex, NodeIndex) -> Node<'a>,
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
        self.depth -= 1;
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
        if self.tokens.is_keyword("BETWEEN") {
            self.tokens.advance();
            let lower = self.operand()?;
            if !self.tokens.is_keyword("AND") {
                return Err(self.tokens.syntax_error());
            }
            self.tokens.advance();
            let upper = self.operand()?;
            self.note_misused_functions(&[left, lower, upper]);
            return Ok(self.push(Node::Between(left, lower, upper)));
        }
        if self.tokens.is_keyword("IN") {
            self.tokens.advance();
            self.expect(TokenKind::OpenParenthesis)?;
            let list = self.operand_list()?;
            self.note_misused_functions(&[left]);
            self.note_misused_functions(&list);
            return Ok(self.push(Node::In(left, list)));
        }
        Ok(left)
    }

    /// `( ... )` around a condition or an operand, or an operand without.
    fn parenthesised_or_operand(&mut self) -> Result<NodeIndex, String> {
        let Some(open) = self.tokens.accept(TokenKind::OpenParenthesis) else {
            return self.plain_operand();
        };
        self.descend()?;
        let inner_open = self.tokens.current();
        let inner = self.alternatives()?;
        // Redundant when one pair right inside holds all that this pair holds.
        let is_redundant = self.tokens.previous().is_some_and(|close| self.last_group == Some((inner_open, close)));
        self.condition.faults.has_redundant_parentheses |= is_redundant;
        let close = self.expect(TokenKind::CloseParenthesis)?;
        self.last_group = Some((open, close));
        self.depth -= 1;
        Ok(inner)
    }

    /// An operand, which may stand in parentheses.
    fn operand(&mut self) -> Result<NodeIndex, String> {
        let node = self.parenthesised_or_operand()?;
        if self.is_operand(node) { Ok(node) } else { Err(self.tokens.syntax_error()) }
    }

    /// A path, a value or a function call.
    fn plain_operand(&mut self) -> Result<NodeIndex, String> {
        let token = self.tokens.current();
        match token.kind {
            TokenKind::Name if is_keyword(self.tokens.text_of(token)) => Err(self.tokens.syntax_error()),
            TokenKind::Name if self.tokens.next().kind == TokenKind::OpenParenthesis => self.function(),
            TokenKind::Name | TokenKind::NamePlaceholder => self.path(),
            TokenKind::ValuePlaceholder => {
                self.tokens.advance();
                Ok(self.push(Node::Value(self.tokens.text_of(token))))
            }
            _ => Err(self.tokens.syntax_error()),
        }
    }

    fn function(&mut self) -> Result<NodeIndex, String> {
        self.descend()?;
        let name = self.tokens.advance();
        let name = self.tokens.text_of(name);
        self.tokens.advance();
        let operands = self.operand_list()?;
        self.note_misused_functions(&operands);
        self.depth -= 1;
        Ok(self.push(Node::Function(name, operands)))
    }

    /// `a, b, ... )`
    fn operand_list(&mut self) -> Result<Vec<NodeIndex>, String> {
        let mut operands = vec![self.operand()?];
        while self.tokens.accept(TokenKind::Comma).is_some() {
            operands.push(self.operand()?);
        }
        self.expect(TokenKind::CloseParenthesis)?;
        Ok(operands)
    }

    /// `a.b[0].#c`
    fn path(&mut self) -> Result<NodeIndex, String> {
        let attribute_name = self.path_name()?;
        let mut steps = Vec::new();
        loop {
            if self.tokens.accept(TokenKind::Dot).is_some() {
                steps.push(Step::Member(self.path_name()?));
            } else if self.tokens.accept(TokenKind::OpenBracket).is_some() {
                let element = self.expect(TokenKind::Integer)?;
                steps.push(Step::Element(self.tokens.text_of(element)));
                self.expect(TokenKind::CloseBracket)?;
            } else {
                return Ok(self.push(Node::Path(attribute_name, steps)));
            }
        }
    }

    fn path_name(&mut self) -> Result<&'a str, String> {
        let token = self.tokens.current();
        let text = self.tokens.text_of(token);
        match token.kind {
            TokenKind::Name if !is_keyword(text) => {
                if is_reserved(text) {
                    self.condition.faults.reserved_word.get_or_insert(text);
                }
            }
            TokenKind::NamePlaceholder => {}
            _ => return Err(self.tokens.syntax_error()),
        }
        self.tokens.advance();
        Ok(text)
    }

    fn expect(&mut self, kind: TokenKind) -> Result<Token, String> {
        self.tokens.accept(kind).ok_or_else(|| self.tokens.syntax_error())
    }

    /// Goes one level down, as far as that is allowed: the parser's own stack is bounded by it.
    fn descend(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth <= OPERATOR_COUNT_MAX {
            return Ok(());
        }
        // Ours: so many levels are redundant parentheses or too many operators; DynamoDB would say which.
        Err(too_many_operators(self.depth))
    }

    fn push(&mut self, node: Node<'a>) -> NodeIndex {
        self.condition.nodes.push(node);
        self.condition.nodes.len() - 1
    }

    fn is_operand(&self, node: NodeIndex) -> bool {
        matches!(self.condition.nodes[node], Node::Function(..) | Node::Path(..) | Node::Value(_))
    }

    fn is_condition(&self, node: NodeIndex) -> bool {
        !matches!(self.condition.nodes[node], Node::Path(..) | Node::Value(_))
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
        if let Node::Function(name @ "size", _) = self.condition.nodes[node] {
            self.condition.faults.misused_function.get_or_insert(name);
        }
    }

    /// Functions other than `size` are true or false: they stand for no operand.
    fn note_misused_functions(&mut self, operands: &[NodeIndex]) {
        for operand in operands {
            if let Node::Function(name, _) = self.condition.nodes[*operand]
                && name != "size"
            {
                self.condition.faults.misused_function.get_or_insert(name);
            }
        }
    }
}

/// What to say of more operators than an expression may have.
pub(crate) fn too_many_operators(count: usize) -> String {
    format!("The expression contains too many operators; operator count: {count}")
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

/// The words that join conditions; they never stand for an attribute.
fn is_keyword(word: &str) -> bool {
    ["AND", "OR", "NOT", "BETWEEN", "IN"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}
