//! Projections: which parts of an item a reply holds.
//!
//! In the way of a request: parsed by the cache, checked in `validate()`, applied to each item of the reply. Also tells
//! the parts that an update has touched. Writes into the caller's encoder; values are copied as they are encoded.

use super::check::Checker;
use super::lexer::{Span, TokenKind};
use super::mention::{Mention, mention};
use super::parser::{Parameter, Parser, count};
use super::path::{BoundPaths, BoundStep, check_compatible};
use super::substitution::Substitutions;
use super::tree::{Node, Path, Step, Tree};
use crate::item::{CONTAINER_KIND_MASK, Container, TAG_LIST, TAG_MAP};
use crate::{Error, Item, ItemEncoder, ItemRef};

/// A parsed ProjectionExpression; independent of what placeholders stand for.
///
/// Lives in the cache of a core, shared with the requests that use it; one of plain attributes in its index or request.
#[derive(Debug, PartialEq)]
pub struct Projection {
    pub(super) tree: Tree,
    paths: Box<[Path]>,
    /// Whether no path goes into an attribute.
    is_flat: bool,
}

impl Projection {
    /// Parses an expression.
    ///
    /// # Errors
    /// Validation: empty, too long, syntax, reserved words; DynamoDB's texts.
    pub fn parse(text: &str) -> Result<Projection, Error> {
        let (tree, paths) = parse(text).map_err(|fault| Parameter::Projection.invalid(fault))?;
        let is_flat = paths.iter().all(|path| path.count == 1);
        Ok(Projection { tree, paths, is_flat })
    }

    /// Whole attributes by their names, as AttributesToGet and the projections of indexes name them. Of a name that is
    /// repeated the first counts. Needs no check.
    pub fn of_attributes<'n>(names: impl IntoIterator<Item = &'n str>) -> Projection {
        let (mut text, mut steps, mut paths) = (String::new(), Vec::new(), Vec::new());
        let mut given: Vec<&str> = names.into_iter().collect();
        given.sort_unstable();
        given.dedup();
        for name in given {
            let start = text.len();
            text.push_str(name);
            paths.push(Path { first: count(steps.len()), count: 1 });
            steps.push(Step::Name(Span::new(start, text.len())));
        }
        let tree = Tree { text: text.into(), nodes: Box::default(), lists: Box::default(), steps: steps.into() };
        Projection { tree, paths: paths.into(), is_flat: true }
    }

    /// Checks it with what its placeholders stand for. Nothing else may be asked of a projection, with those
    /// placeholders, unless it or an equal one has passed.
    ///
    /// # Errors
    /// Validation: placeholders that are not defined, paths that overlap or conflict; DynamoDB's texts.
    pub fn check(&self, substitutions: &Substitutions<'_>) -> Result<(), Error> {
        self.find_fault(substitutions).map_err(|fault| Parameter::Projection.invalid(fault))
    }

    /// The parts of an item that it names; what the item does not have is left out. Of a list, the elements that are
    /// named, in their order.
    pub fn apply(
        &self,
        substitutions: &Substitutions<'_>,
        item: ItemRef<'_>,
        encoder: &mut ItemEncoder,
    ) -> Result<Item, Error> {
        if !self.is_flat {
            let bound = BoundPaths::of(&self.tree, substitutions, self.paths.iter().copied());
            return project(&bound, item, encoder);
        }
        encoder.begin_item();
        let container = Container::of_verified(item.as_bytes());
        for path in &self.paths {
            let step = self.tree.steps(*path)[0];
            if let BoundStep::Member(name) = BoundStep::of(&self.tree, substitutions, step)
                && let Ok(position) = container.find_name(name)
            {
                encoder.entries(&container, position..position + 1);
            }
        }
        encoder.finish()
    }

    /// The projection with its names resolved, to be applied to many items of one request.
    pub fn bind<'e>(&'e self, substitutions: &'e Substitutions<'_>) -> BoundProjection<'e> {
        BoundProjection { paths: BoundPaths::of(&self.tree, substitutions, self.paths.iter().copied()) }
    }

    /// The top-level attributes that it mentions, in the order of the text, as often as it does.
    pub fn mentions<'e>(&'e self, substitutions: &'e Substitutions<'_>) -> impl Iterator<Item = Mention<'e>> {
        self.paths.iter().map(move |path| mention(&self.tree, *path, substitutions))
    }

    /// The memory it takes, near enough for a cache.
    pub(super) fn memory_bytes(&self) -> usize {
        self.tree.memory_bytes() + size_of_val(&*self.paths)
    }

    fn find_fault(&self, substitutions: &Substitutions<'_>) -> Result<(), String> {
        let checker = Checker { tree: &self.tree, substitutions };
        for path in &self.paths {
            checker.check_placeholders(&Node::Path(*path))?;
        }
        check_compatible(&self.tree, substitutions, self.paths.iter().copied())
    }
}

/// A projection whose names are known.
#[derive(Debug)]
pub struct BoundProjection<'e> {
    paths: BoundPaths<'e>,
}

impl BoundProjection<'_> {
    /// As [`Projection::apply`].
    pub fn apply(&self, item: ItemRef<'_>, encoder: &mut ItemEncoder) -> Result<Item, Error> {
        project(&self.paths, item, encoder)
    }
}

fn parse(text: &str) -> Result<(Tree, Box<[Path]>), String> {
    let mut parser = Parser::new(text)?;
    let mut paths = vec![parser.path()?];
    while parser.tokens.accept(TokenKind::Comma).is_some() {
        paths.push(parser.path()?);
    }
    Ok((parser.finish()?, paths.into()))
}

/// The parts of an item at the ends of paths.
pub(super) fn project(paths: &BoundPaths<'_>, item: ItemRef<'_>, encoder: &mut ItemEncoder) -> Result<Item, Error> {
    encoder.begin_item();
    let container = Container::of_verified(item.as_bytes());
    Projector { paths, encoder }.members(&container, 0..paths.len(), 0);
    encoder.finish()
}

struct Projector<'p, 's, 'w> {
    paths: &'p BoundPaths<'s>,
    encoder: &'w mut ItemEncoder,
}

/// Each method takes a range of paths whose steps before `depth` lead to the value at hand.
impl Projector<'_, '_, '_> {
    fn members(&mut self, container: &Container<'_>, range: std::ops::Range<usize>, depth: usize) {
        let mut start = range.start;
        while start < range.end {
            let end = self.paths.group_end(start, range.end, depth);
            if let BoundStep::Member(name) = self.paths.steps(start)[depth]
                && let Ok(position) = container.find_name(name)
            {
                if self.paths.steps(start).len() == depth + 1 {
                    self.encoder.entries(container, position..position + 1);
                } else if self.has_any(container.value(position), start..end, depth + 1) {
                    self.encoder.checked_name(name);
                    self.value(container.value(position), start..end, depth + 1);
                }
            }
            start = end;
        }
    }

    fn elements(&mut self, container: &Container<'_>, range: std::ops::Range<usize>, depth: usize) {
        let mut start = range.start;
        while start < range.end {
            let end = self.paths.group_end(start, range.end, depth);
            if let BoundStep::Element(position) = self.paths.steps(start)[depth]
                && (position as usize) < container.count
            {
                let position = position as usize;
                if self.paths.steps(start).len() == depth + 1 {
                    self.encoder.entries(container, position..position + 1);
                } else if self.has_any(container.entry(position), start..end, depth + 1) {
                    self.value(container.entry(position), start..end, depth + 1);
                }
            }
            start = end;
        }
    }

    /// The parts of a map or list.
    fn value(&mut self, encoded: &[u8], range: std::ops::Range<usize>, depth: usize) {
        let container = Container::of_verified(encoded);
        match encoded[0] & CONTAINER_KIND_MASK {
            TAG_MAP => {
                self.encoder.begin_map();
                self.members(&container, range, depth);
                self.encoder.end_map();
            }
            TAG_LIST => {
                self.encoder.begin_list();
                self.elements(&container, range, depth);
                self.encoder.end_list();
            }
            _ => unreachable!("only maps and lists have parts"),
        }
    }

    /// Whether any of the paths leads to something: a map or list of which nothing is asked that it has is left out.
    fn has_any(&self, encoded: &[u8], mut range: std::ops::Range<usize>, depth: usize) -> bool {
        range.any(|index| {
            self.paths.steps(index)[depth..].iter().try_fold(encoded, |encoded, step| step.follow(encoded)).is_some()
        })
    }
}
