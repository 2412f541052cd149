//! What the grammars of all expressions have in common: operands, functions, paths; and the tree that is made.
//!
//! In the way of a request: run when an expression is not in the cache. The grammars themselves are in `condition.rs`,
//! `update.rs` and `projection.rs`. Whatever can be wrong without knowing what placeholders stand for is told here.

use super::lexer::{Token, TokenKind, TokenStream};
use super::reserved_words::is_reserved;
use super::tree::{Function, Node, NodeIndex, Operands, Path, Step, Tree};
use crate::Error;
use crate::limits::EXPRESSION_BYTES_MAX;

/// How many operators an expression may have, and how deep it may nest.
// DynamoDB: developer guide, "Service quotas": 300 operators and functions.
pub(super) const OPERATOR_COUNT_MAX: usize = 300;
/// The last position that a path may name.
const ELEMENT_MAX: u32 = i32::MAX.unsigned_abs();

/// The parameters that hold expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Parameter {
    Condition,
    Filter,
    KeyCondition,
    Update,
    Projection,
}

impl Parameter {
    fn name(self) -> &'static str {
        match self {
            Parameter::Condition => "ConditionExpression",
            Parameter::Filter => "FilterExpression",
            Parameter::KeyCondition => "KeyConditionExpression",
            Parameter::Update => "UpdateExpression",
            Parameter::Projection => "ProjectionExpression",
        }
    }

    /// A fault of the expression in this parameter, in DynamoDB's form.
    pub(super) fn invalid(self, fault: impl std::fmt::Display) -> Error {
        Error::validation(format!("Invalid {}: {fault}", self.name()))
    }
}

/// Reads words and makes nodes of them. Each method parses one part of a grammar or returns a syntax error.
pub(super) struct Parser<'t> {
    pub(super) tokens: TokenStream<'t>,
    text: &'t str,
    nodes: Vec<Node>,
    lists: Vec<NodeIndex>,
    steps: Vec<Step>,
    faults: Faults,
    depth: usize,
    /// The pair of parentheses that closed last.
    last_group: Option<(Token, Token)>,
}

/// The first fault of each kind that does not keep an expression from being parsed: syntax errors come first.
#[derive(Default)]
struct Faults {
    function: Option<String>,
    misused_function: Option<String>,
    name_or_element: Option<String>,
}

impl<'t> Parser<'t> {
    /// Starts at the first word of an expression that is neither empty nor too long.
    pub(super) fn new(text: &'t str) -> Result<Parser<'t>, String> {
        if text.is_empty() {
            return Err("The expression can not be empty;".to_owned());
        }
        if text.len() > EXPRESSION_BYTES_MAX {
            return Err(format!(
                "Expression size has exceeded the maximum allowed size; expression size: {}",
                text.len()
            ));
        }
        Ok(Parser {
            tokens: TokenStream::new(text),
            text,
            nodes: Vec::new(),
            lists: Vec::new(),
            steps: Vec::new(),
            faults: Faults::default(),
            depth: 0,
            last_group: None,
        })
    }

    /// Ends at the end of the text, with what was noted on the way.
    // DynamoDB: observed: in this order.
    pub(super) fn finish(self) -> Result<Tree, String> {
        if self.tokens.current().kind != TokenKind::End {
            return Err(self.tokens.syntax_error());
        }
        let operator_count = self.nodes.iter().filter(|node| !matches!(node, Node::Path(_) | Node::Value(_))).count();
        if operator_count > OPERATOR_COUNT_MAX {
            return Err(too_many_operators(operator_count));
        }
        let faults = self.faults;
        match faults.function.or(faults.misused_function).or(faults.name_or_element) {
            Some(fault) => Err(fault),
            None => Ok(Tree {
                text: self.text.into(),
                nodes: self.nodes.into(),
                lists: self.lists.into(),
                steps: self.steps.into(),
            }),
        }
    }

    pub(super) fn node(&self, index: NodeIndex) -> &Node {
        &self.nodes[index as usize]
    }

    pub(super) fn push(&mut self, node: Node) -> NodeIndex {
        self.nodes.push(node);
        count(self.nodes.len() - 1)
    }

    pub(super) fn push_list(&mut self, list: &[NodeIndex]) -> Operands {
        let first = count(self.lists.len());
        self.lists.extend_from_slice(list);
        Operands { first, count: count(list.len()) }
    }

    pub(super) fn expect(&mut self, kind: TokenKind) -> Result<Token, String> {
        self.tokens.accept(kind).ok_or_else(|| self.tokens.syntax_error())
    }

    /// Goes one level down, as far as that is allowed: the parser's own stack is bounded by it.
    pub(super) fn descend(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth <= OPERATOR_COUNT_MAX {
            return Ok(());
        }
        // Ours: so many levels are redundant parentheses or too many operators; DynamoDB would say which.
        Err(too_many_operators(self.depth))
    }

    pub(super) fn ascend(&mut self) {
        self.depth -= 1;
    }

    /// `(`, what `parse` reads, `)`; the current word is the opening one.
    // DynamoDB: observed: a pair right inside another that holds nothing else is told as soon as the outer one closes.
    pub(super) fn group<T>(&mut self, parse: fn(&mut Self) -> Result<T, String>) -> Result<T, String> {
        let open = self.tokens.advance();
        self.descend()?;
        let inner_open = self.tokens.current();
        let parsed = parse(self)?;
        let inner_close = self.tokens.previous();
        let close = self.expect(TokenKind::CloseParenthesis)?;
        if inner_close.is_some_and(|inner_close| self.last_group == Some((inner_open, inner_close))) {
            return Err("The expression has redundant parentheses;".to_owned());
        }
        self.last_group = Some((open, close));
        self.ascend();
        Ok(parsed)
    }

    /// A path, a value or a function call, whose operands `parse_operand` reads.
    pub(super) fn plain_operand(
        &mut self,
        parse_operand: fn(&mut Self) -> Result<NodeIndex, String>,
    ) -> Result<NodeIndex, String> {
        let token = self.tokens.current();
        match token.kind {
            TokenKind::Name if self.tokens.next().kind == TokenKind::OpenParenthesis => self.function(parse_operand),
            TokenKind::Name | TokenKind::NamePlaceholder => {
                let path = self.path()?;
                Ok(self.push(Node::Path(path)))
            }
            TokenKind::ValuePlaceholder => Ok(self.value()?),
            _ => Err(self.tokens.syntax_error()),
        }
    }

    /// `:value`
    pub(super) fn value(&mut self) -> Result<NodeIndex, String> {
        let token = self.expect(TokenKind::ValuePlaceholder)?;
        Ok(self.push(Node::Value(token.span())))
    }

    fn function(&mut self, parse_operand: fn(&mut Self) -> Result<NodeIndex, String>) -> Result<NodeIndex, String> {
        self.descend()?;
        let name = self.tokens.advance();
        let name = self.tokens.text_of(name);
        let known = Function::ALL.into_iter().find(|function| function.name() == name);
        self.tokens.advance();
        let list = self.operand_list(parse_operand)?;
        self.ascend();
        if known.is_none() {
            self.faults.function.get_or_insert_with(|| format!("Invalid function name; function: {name}"));
        }
        // Whatever stands for an unknown function, the expression is refused in the end.
        Ok(self.push(Node::Function(known.unwrap_or(Function::Size), list)))
    }

    /// `a, b, ... )`
    pub(super) fn operand_list(
        &mut self,
        parse_operand: fn(&mut Self) -> Result<NodeIndex, String>,
    ) -> Result<Operands, String> {
        let mut list = vec![parse_operand(self)?];
        while self.tokens.accept(TokenKind::Comma).is_some() {
            list.push(parse_operand(self)?);
        }
        self.expect(TokenKind::CloseParenthesis)?;
        Ok(self.push_list(&list))
    }

    /// `a.b[0].#c`
    pub(super) fn path(&mut self) -> Result<Path, String> {
        let first = self.steps.len();
        let name = self.path_name()?;
        self.steps.push(name);
        loop {
            if self.tokens.accept(TokenKind::Dot).is_some() {
                let name = self.path_name()?;
                self.steps.push(name);
            } else if self.tokens.accept(TokenKind::OpenBracket).is_some() {
                let element = self.expect(TokenKind::Integer)?;
                let element = self.element(element);
                self.steps.push(element);
                self.expect(TokenKind::CloseBracket)?;
            } else {
                return Ok(Path { first: count(first), count: count(self.steps.len() - first) });
            }
        }
    }

    fn path_name(&mut self) -> Result<Step, String> {
        let token = self.tokens.current();
        let step = match token.kind {
            TokenKind::Name => {
                let name = self.tokens.text_of(token);
                if is_reserved(name) {
                    self.faults.name_or_element.get_or_insert_with(|| {
                        format!("Attribute name is a reserved keyword; reserved keyword: {name}")
                    });
                }
                Step::Name(token.span())
            }
            TokenKind::NamePlaceholder => Step::Placeholder(token.span()),
            _ => return Err(self.tokens.syntax_error()),
        };
        self.tokens.advance();
        Ok(step)
    }

    fn element(&mut self, token: Token) -> Step {
        let digits = self.tokens.text_of(token);
        let position = digits.parse::<u32>().ok().filter(|position| *position <= ELEMENT_MAX);
        if position.is_none() {
            self.faults
                .name_or_element
                .get_or_insert_with(|| format!("List index is not within the allowable range; index: [{digits}]"));
        }
        Step::Element(position.unwrap_or(ELEMENT_MAX))
    }

    /// Notes a function of a kind of expression that it does not belong to.
    pub(super) fn note_foreign(&mut self, kind: &str, is_foreign: fn(Function) -> bool) {
        let function = self.nodes.iter().find_map(|node| match node {
            Node::Function(function, _) if is_foreign(*function) => Some(*function),
            _ => None,
        });
        if let Some(function) = function {
            self.faults.function.get_or_insert_with(|| {
                format!("The function is not allowed in {kind} expression; function: {}", function.name())
            });
        }
    }

    /// Notes a function that stands where it may not.
    pub(super) fn note_misused(&mut self, function: Function) {
        self.faults.misused_function.get_or_insert_with(|| {
            format!("The function is not allowed to be used this way in an expression; function: {}", function.name())
        });
    }

    /// Notes a fault that is told after those of names and functions.
    pub(super) fn note_last(&mut self, fault: String) {
        self.faults.name_or_element.get_or_insert(fault);
    }
}

/// What to say of more operators than an expression may have.
fn too_many_operators(count: usize) -> String {
    format!("The expression contains too many operators; operator count: {count}")
}

/// A count of what an expression has.
pub(super) fn count(count: usize) -> u32 {
    u32::try_from(count).expect("no expression has so many parts")
}
