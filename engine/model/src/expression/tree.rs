//! A parsed expression: its nodes and paths, as pieces of its own copy of the text.
//!
//! Owned and independent of what its placeholders stand for, so that it is parsed once and used by many requests. Made by
//! the parser, or by `legacy.rs` from parameters that are not expressions; looked at by whoever checks or evaluates.

use super::lexer::Span;
use super::substitution::Substitutions;

/// A node's place in its tree.
pub(super) type NodeIndex = u32;

/// The nodes of one expression.
///
/// Invariants:
/// 1. A node's children come before it, and everything between its first descendant and it descends from it.
/// 2. Every span lies within `text`, every range within the list it is for.
#[derive(Debug, PartialEq)]
pub(super) struct Tree {
    pub(super) text: Box<str>,
    pub(super) nodes: Box<[Node]>,
    /// The operands of functions and of IN.
    pub(super) lists: Box<[NodeIndex]>,
    /// The steps of all paths.
    pub(super) steps: Box<[Step]>,
}

/// One operator or operand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Node {
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
    In(NodeIndex, Operands),
    /// A function and its operands.
    Function(Function, Operands),
    /// The sum of two operands.
    Plus(NodeIndex, NodeIndex),
    /// The difference of two operands.
    Minus(NodeIndex, NodeIndex),
    /// The way to an attribute.
    Path(Path),
    /// `:name`.
    Value(Span),
}

/// Operands that stand in `Tree::lists`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operands {
    pub(super) first: u32,
    pub(super) count: u32,
}

/// The steps of a path in `Tree::steps`: a name, then names and positions down from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) first: u32,
    pub(super) count: u32,
}

/// A step down into an item, a map or a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A member, by the name that is written.
    Name(Span),
    /// A member, by the name that `#name` stands for.
    Placeholder(Span),
    /// A list's element.
    Element(u32),
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

/// The functions, of conditions and of updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    AttributeExists,
    AttributeNotExists,
    AttributeType,
    BeginsWith,
    Contains,
    Size,
    IfNotExists,
    ListAppend,
}

impl Tree {
    /// How many operators and operands it has.
    pub(super) fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// The whole expression.
    pub(super) fn root(&self) -> NodeIndex {
        u32::try_from(self.nodes.len()).expect("counted in 32 bits by the parser") - 1
    }

    pub(super) fn node(&self, index: NodeIndex) -> &Node {
        &self.nodes[index as usize]
    }

    pub(super) fn operands(&self, operands: Operands) -> &[NodeIndex] {
        &self.lists[operands.first as usize..][..operands.count as usize]
    }

    /// The only or the first of a function's operands.
    pub(super) fn operand(&self, operands: Operands, position: usize) -> NodeIndex {
        self.operands(operands)[position]
    }

    pub(super) fn steps(&self, path: Path) -> &[Step] {
        &self.steps[path.first as usize..][..path.count as usize]
    }

    /// The names and positions of a path, as DynamoDB prints them.
    pub(super) fn shown_path(&self, path: Path, substitutions: &Substitutions<'_>) -> String {
        let steps = self.steps(path).iter().map(|step| match step {
            Step::Element(position) => format!("[{position}]"),
            Step::Name(name) => name.of(&self.text).to_owned(),
            Step::Placeholder(placeholder) => {
                let name = substitutions.attribute_name(placeholder.bytes_of(&self.text));
                name.map_or_else(|| placeholder.of(&self.text).to_owned(), |name| String::from_utf8_lossy(name).into())
            }
        });
        format!("[{}]", steps.collect::<Vec<_>>().join(", "))
    }

    /// Whether a placeholder, with its mark, stands anywhere in the expression.
    pub(super) fn mentions(&self, placeholder: &[u8]) -> bool {
        let is_it = |span: &Span| span.bytes_of(&self.text) == placeholder;
        // The mark tells where to look.
        if placeholder.first() == Some(&b'#') {
            self.steps.iter().any(|step| matches!(step, Step::Placeholder(span) if is_it(span)))
        } else {
            self.nodes.iter().any(|node| matches!(node, Node::Value(span) if is_it(span)))
        }
    }

    /// All placeholders, with their marks, as often as they stand in the expression.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = &[u8]> {
        let names = self.steps.iter().filter_map(|step| match step {
            Step::Placeholder(span) => Some(*span),
            Step::Name(_) | Step::Element(_) => None,
        });
        let values = self.nodes.iter().filter_map(|node| match node {
            Node::Value(span) => Some(*span),
            _ => None,
        });
        names.chain(values).map(|span| span.bytes_of(&self.text))
    }

    /// The memory it takes, near enough for a cache.
    pub(super) fn memory_bytes(&self) -> usize {
        self.text.len()
            + size_of_val(&*self.nodes)
            + size_of_val(&*self.lists)
            + size_of_val(&*self.steps)
            + size_of::<Tree>()
    }
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
    pub(super) fn mirrored(self) -> Comparator {
        match self {
            Comparator::Less => Comparator::Greater,
            Comparator::LessOrEqual => Comparator::GreaterOrEqual,
            Comparator::Greater => Comparator::Less,
            Comparator::GreaterOrEqual => Comparator::LessOrEqual,
            Comparator::Equal | Comparator::NotEqual => self,
        }
    }

    /// Whether it asks for an order, which only strings, numbers and binaries have.
    pub(super) fn is_ordering(self) -> bool {
        !matches!(self, Comparator::Equal | Comparator::NotEqual)
    }
}

impl Function {
    /// Every function.
    pub(super) const ALL: [Function; 8] = [
        Function::AttributeExists,
        Function::AttributeNotExists,
        Function::AttributeType,
        Function::BeginsWith,
        Function::Contains,
        Function::Size,
        Function::IfNotExists,
        Function::ListAppend,
    ];

    /// The name; upper and lower case count.
    pub(super) fn name(self) -> &'static str {
        match self {
            Function::AttributeExists => "attribute_exists",
            Function::AttributeNotExists => "attribute_not_exists",
            Function::AttributeType => "attribute_type",
            Function::BeginsWith => "begins_with",
            Function::Contains => "contains",
            Function::Size => "size",
            Function::IfNotExists => "if_not_exists",
            Function::ListAppend => "list_append",
        }
    }

    pub(super) fn operand_count(self) -> u32 {
        match self {
            Function::AttributeExists | Function::AttributeNotExists | Function::Size => 1,
            Function::AttributeType
            | Function::BeginsWith
            | Function::Contains
            | Function::IfNotExists
            | Function::ListAppend => 2,
        }
    }

    /// Whether it stands in update expressions; the others stand in conditions.
    pub(super) fn is_of_updates(self) -> bool {
        matches!(self, Function::IfNotExists | Function::ListAppend)
    }
}
