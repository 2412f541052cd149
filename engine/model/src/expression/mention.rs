//! The top-level attributes that an expression mentions: what is held against the key of a table or index.

use super::substitution::Substitutions;
use super::tree::{Node, Path, Tree};

/// A top-level attribute in an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mention<'e> {
    /// The attribute's name.
    pub attribute_name: &'e str,
    /// Whether the path goes on into the attribute, which no key attribute has an inside for.
    pub is_nested: bool,
}

/// The attributes of all paths that are operands.
pub(super) fn mentions<'e>(tree: &'e Tree, substitutions: &'e Substitutions<'_>) -> impl Iterator<Item = Mention<'e>> {
    tree.nodes.iter().filter_map(move |node| match node {
        Node::Path(path) => Some(mention(tree, *path, substitutions)),
        _ => None,
    })
}

/// The attribute of a path.
pub(super) fn mention<'e>(tree: &'e Tree, path: Path, substitutions: &'e Substitutions<'_>) -> Mention<'e> {
    let steps = tree.steps(path);
    let name = substitutions.step_name(&tree.text, steps[0]).expect("checked: a path starts with a defined name");
    let name = std::str::from_utf8(name).expect("names of requests and texts are UTF-8");
    Mention { attribute_name: name, is_nested: steps.len() > 1 }
}
