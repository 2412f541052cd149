//! Document paths whose names are known: following them into an item, their order, and paths that get in each other's way.
//!
//! In the way of a request: used by conditions, projections and updates alike, on the encoded item.

use super::substitution::Substitutions;
use super::tree::{Path, Step, Tree};
use crate::ItemRef;
use crate::item::{CONTAINER_KIND_MASK, Container, TAG_LIST, TAG_MAP};
use std::cmp::Ordering;

/// A step whose name is known. Ordered as the members of an encoded map and the elements of a list are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum BoundStep<'s> {
    /// A map's member.
    Member(&'s [u8]),
    /// A list's element.
    Element(u32),
}

/// Paths whose names are known, in their order: each before those that go on from it.
#[derive(Debug)]
pub(super) struct BoundPaths<'s> {
    steps: Vec<BoundStep<'s>>,
    paths: Vec<BoundPath>,
}

/// A path's steps, and which path of the expression it is.
#[derive(Clone, Copy, Debug)]
struct BoundPath {
    first: usize,
    end: usize,
    position: usize,
}

impl<'s> BoundStep<'s> {
    /// The step of a checked path.
    pub(super) fn of(tree: &'s Tree, substitutions: &'s Substitutions<'_>, step: Step) -> BoundStep<'s> {
        match step {
            Step::Element(position) => BoundStep::Element(position),
            name => {
                let name = substitutions.step_name(&tree.text, name).expect("checked: each name is defined");
                BoundStep::Member(name)
            }
        }
    }

    /// Goes down from a verified value.
    pub(super) fn follow(self, encoded: &[u8]) -> Option<&[u8]> {
        match (self, encoded[0] & CONTAINER_KIND_MASK) {
            (BoundStep::Member(name), TAG_MAP) => Container::of_verified(encoded).value_of(name),
            (BoundStep::Element(position), TAG_LIST) => {
                let container = Container::of_verified(encoded);
                let position = position as usize;
                (position < container.count).then(|| container.entry(position))
            }
            _ => None,
        }
    }
}

impl<'s> BoundPaths<'s> {
    /// The checked paths of an expression. Positions are those of `paths`.
    pub(super) fn of(
        tree: &'s Tree,
        substitutions: &'s Substitutions<'_>,
        paths: impl Iterator<Item = Path>,
    ) -> BoundPaths<'s> {
        BoundPaths::of_some(tree, substitutions, paths.map(Some))
    }

    /// As `of`, without those that are none, which count as positions too.
    pub(super) fn of_some(
        tree: &'s Tree,
        substitutions: &'s Substitutions<'_>,
        paths: impl Iterator<Item = Option<Path>>,
    ) -> BoundPaths<'s> {
        let path_count = paths.size_hint().0;
        let mut bound =
            BoundPaths { steps: Vec::with_capacity(tree.steps.len()), paths: Vec::with_capacity(path_count) };
        for (position, path) in paths.enumerate().filter_map(|(position, path)| Some((position, path?))) {
            let first = bound.steps.len();
            bound.steps.extend(tree.steps(path).iter().map(|step| BoundStep::of(tree, substitutions, *step)));
            bound.paths.push(BoundPath { first, end: bound.steps.len(), position });
        }
        let steps = &bound.steps;
        bound.paths.sort_unstable_by(|left, right| steps[left.first..left.end].cmp(&steps[right.first..right.end]));
        bound
    }

    pub(super) fn len(&self) -> usize {
        self.paths.len()
    }

    /// The steps of the path that is at `index` in the order.
    pub(super) fn steps(&self, index: usize) -> &[BoundStep<'s>] {
        let path = self.paths[index];
        &self.steps[path.first..path.end]
    }

    /// Which path of the expression is at `index` in the order.
    pub(super) fn position(&self, index: usize) -> usize {
        self.paths[index].position
    }

    /// The end of the paths from `start` on, below `end`, that go on with the same step at `depth`.
    pub(super) fn group_end(&self, start: usize, end: usize, depth: usize) -> usize {
        let step = self.steps(start)[depth];
        (start + 1..end).find(|index| self.steps(*index).get(depth) != Some(&step)).unwrap_or(end)
    }
}

/// The value at the end of a checked path, of tag and payload.
pub(super) fn follow_path<'v>(
    tree: &Tree,
    substitutions: &Substitutions<'_>,
    path: Path,
    item: ItemRef<'v>,
) -> Option<&'v [u8]> {
    // An item is encoded as a map is.
    let mut encoded = item.as_bytes();
    for step in tree.steps(path) {
        encoded = BoundStep::of(tree, substitutions, *step).follow(encoded)?;
    }
    Some(encoded)
}

/// The order of two checked paths.
pub(super) fn compare_paths(tree: &Tree, substitutions: &Substitutions<'_>, left: Path, right: Path) -> Ordering {
    let bound = |path| tree.steps(path).iter().map(|step| BoundStep::of(tree, substitutions, *step));
    bound(left).cmp(bound(right))
}

/// Says when two of the paths cannot stand together, their names being defined.
pub(super) fn check_compatible(
    tree: &Tree,
    substitutions: &Substitutions<'_>,
    paths: impl Iterator<Item = Path> + Clone,
) -> Result<(), String> {
    if are_roots_distinct(tree, substitutions, paths.clone()) {
        return Ok(());
    }
    let bound = BoundPaths::of(tree, substitutions, paths.clone());
    // Paths that clash are neighbours in the order, or others between them clash.
    if (1..bound.len()).all(|index| clash(bound.steps(index - 1), bound.steps(index)).is_none()) {
        return Ok(());
    }
    let path_at = |position| paths.clone().nth(position).expect("as many paths as were bound");
    let (first, second, how) = last_clash(&bound);
    Err(format!(
        "Two document paths {how} with each other; must remove or rewrite one of these paths; path one: {}, path two: {}",
        tree.shown_path(path_at(first), substitutions),
        tree.shown_path(path_at(second), substitutions)
    ))
}

/// Whether a few paths start with different names, as most do: found without being sorted.
fn are_roots_distinct(
    tree: &Tree,
    substitutions: &Substitutions<'_>,
    paths: impl Iterator<Item = Path> + Clone,
) -> bool {
    const COMPARED_PATH_COUNT_MAX: usize = 8;
    let mut roots: [&[u8]; COMPARED_PATH_COUNT_MAX] = [&[]; COMPARED_PATH_COUNT_MAX];
    for (position, path) in paths.enumerate() {
        let root = substitutions.step_name(&tree.text, tree.steps(path)[0]).unwrap_or_default();
        if position == roots.len() || roots[..position].contains(&root) {
            return false;
        }
        roots[position] = root;
    }
    true
}

/// The pair that is told: of the clashes, that of the last path, with the last path before it.
// DynamoDB: observed: newest first. Ours: among many paths only those that are near each other in the order are compared.
fn last_clash(bound: &BoundPaths<'_>) -> (usize, usize, &'static str) {
    const COMPARED_PATH_COUNT_MAX: usize = 32;
    let mut found: Option<(usize, usize, &'static str)> = None;
    for right in 1..bound.len() {
        for left in right.saturating_sub(COMPARED_PATH_COUNT_MAX)..right {
            if let Some(how) = clash(bound.steps(left), bound.steps(right)) {
                let (one, two) = (bound.position(left), bound.position(right));
                let pair = (one.min(two), one.max(two), how);
                if found.is_none_or(|found| (pair.1, pair.0) > (found.1, found.0)) {
                    found = Some(pair);
                }
            }
        }
    }
    found.expect("called when neighbours clash")
}

/// How two paths get in each other's way.
fn clash(left: &[BoundStep<'_>], right: &[BoundStep<'_>]) -> Option<&'static str> {
    let differing = left.iter().zip(right).find(|(left, right)| left != right);
    match differing {
        None => Some("overlap"),
        Some((BoundStep::Member(_), BoundStep::Element(_)) | (BoundStep::Element(_), BoundStep::Member(_))) => {
            Some("conflict")
        }
        Some(_) => None,
    }
}
