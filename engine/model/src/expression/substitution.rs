//! What placeholders stand for: `ExpressionAttributeNames` and `ExpressionAttributeValues`.
//!
//! In the way of a request: made by `validate()` and again by whoever evaluates, asked for each placeholder, and told at
//! the end of the checks to report what no expression used. Borrows from the request.

use super::condition::Condition;
use super::lexer::Span;
use super::projection::Projection;
use super::tree::{Step, Tree};
use super::update::Update;
use crate::item::Container;
use crate::limits::{
    ATTRIBUTE_NAME_BYTES_MAX, EXPRESSION_SUBSTITUTION_BYTES_MAX, EXPRESSION_SUBSTITUTION_NAME_BYTES_MAX,
};
use crate::operation::echo;
use crate::{Error, ItemRef, Text};

/// So many names are searched one by one: faster than sorting them, and nothing is allocated.
const SEARCHED_NAME_COUNT_MAX: usize = 16;
/// No value counts for more bytes than so many times its encoding.
const VALUE_BYTES_MAX: usize = 2;

/// The placeholders of one request.
#[derive(Debug)]
pub struct Substitutions<'a> {
    names: Names<'a>,
    values: Option<ItemRef<'a>>,
}

#[derive(Debug)]
enum Names<'a> {
    /// Placeholder and attribute name, in the order given.
    Given(&'a [(Text, Text)]),
    /// Sorted by placeholder.
    Sorted(Vec<(&'a [u8], &'a [u8])>),
}

/// An expression of a request, for the report of unused placeholders.
#[derive(Clone, Copy, Debug)]
pub enum ExpressionRef<'e> {
    /// A condition, filter or key condition.
    Condition(&'e Condition),
    /// An update.
    Update(&'e Update),
    /// A projection.
    Projection(&'e Projection),
}

impl ExpressionRef<'_> {
    fn tree(&self) -> &Tree {
        match self {
            ExpressionRef::Condition(condition) => &condition.tree,
            ExpressionRef::Update(update) => &update.tree,
            ExpressionRef::Projection(projection) => &projection.tree,
        }
    }
}

impl<'a> Substitutions<'a> {
    /// Checks the form of the placeholders and what the names stand for.
    ///
    /// # Errors
    /// Validation, in DynamoDB's texts.
    pub fn new(names: Option<&'a [(Text, Text)]>, values: Option<ItemRef<'a>>) -> Result<Substitutions<'a>, Error> {
        if let Some(names) = names {
            check_names(names)?;
        }
        if let Some(values) = values {
            check_values(values)?;
        }
        let substitutions = Substitutions::of_checked(names.unwrap_or_default(), values);
        substitutions.check_names_distinct()?;
        Ok(substitutions)
    }

    /// Without placeholders for names; values that this crate has made.
    pub(super) fn of_values(values: ItemRef<'a>) -> Substitutions<'a> {
        Substitutions { names: Names::Given(&[]), values: Some(values) }
    }

    /// The placeholders of a request that `new` has passed before, perhaps on another core.
    pub fn of_checked(names: &'a [(Text, Text)], values: Option<ItemRef<'a>>) -> Substitutions<'a> {
        if names.len() <= SEARCHED_NAME_COUNT_MAX {
            return Substitutions { names: Names::Given(names), values };
        }
        let mut sorted: Vec<(&[u8], &[u8])> =
            names.iter().map(|(placeholder, name)| (placeholder.bytes(), name.bytes())).collect();
        sorted.sort_unstable();
        Substitutions { names: Names::Sorted(sorted), values }
    }

    /// Reports the placeholders that none of a request's expressions uses: names first, then values.
    ///
    /// # Errors
    /// Validation.
    // DynamoDB: observed: a placeholder counts as used wherever it stands.
    pub fn check_all_used(&self, expressions: &[ExpressionRef<'_>]) -> Result<(), Error> {
        let value_count = self.values.map_or(0, |values| values.len());
        let used = Used::of(expressions, self.name_count() + value_count);
        report_unused("Names", self.names().filter(|placeholder| !used.contains(placeholder)))?;
        let values = self.values.into_iter().flat_map(placeholders_of);
        report_unused("Values", values.filter(|placeholder| !used.contains(placeholder)))
    }

    /// The bytes of the attribute name that `#name` stands for.
    pub(super) fn attribute_name(&self, placeholder: &[u8]) -> Option<&'a [u8]> {
        match &self.names {
            Names::Given(names) => {
                names.iter().find(|(given, _)| given.bytes() == placeholder).map(|(_, name)| name.bytes())
            }
            Names::Sorted(names) => {
                let found = names.binary_search_by_key(&placeholder, |(given, _)| given).ok()?;
                Some(names[found].1)
            }
        }
    }

    /// The bytes of the name that a step of a path goes down by; none for a position, and for a placeholder that is not
    /// defined.
    pub(super) fn step_name<'s>(&'s self, text: &'s str, step: Step) -> Option<&'s [u8]> {
        match step {
            Step::Name(name) => Some(name.bytes_of(text)),
            Step::Placeholder(placeholder) => self.attribute_name(placeholder.bytes_of(text)),
            Step::Element(_) => None,
        }
    }

    /// Says when a step's placeholder is not defined.
    pub(super) fn check_step(&self, text: &str, step: Step) -> Result<(), String> {
        match step {
            Step::Placeholder(placeholder) if self.attribute_name(placeholder.bytes_of(text)).is_none() => {
                Err(format!(
                    "An expression attribute name used in the document path is not defined; attribute name: {}",
                    placeholder.of(text)
                ))
            }
            _ => Ok(()),
        }
    }

    /// Tag and payload of the value that a placeholder of an expression's text stands for.
    pub(super) fn value(&self, text: &str, placeholder: Span) -> Option<&'a [u8]> {
        Container::of_verified(self.values?.as_bytes()).value_of(placeholder.bytes_of(text))
    }

    /// As `value`, or says that it is not defined.
    pub(super) fn defined_value(&self, text: &str, placeholder: Span) -> Result<&'a [u8], String> {
        self.value(text, placeholder).ok_or_else(|| {
            let placeholder = placeholder.of(text);
            format!("An expression attribute value used in expression is not defined; attribute value: {placeholder}")
        })
    }

    /// What all names and values take together, at most, as DynamoDB counts them.
    pub(super) fn size_bytes_max(&self) -> usize {
        let names = |names: &[(Text, Text)]| names.iter().map(|(_, name)| name.bytes().len()).sum::<usize>();
        let names_bytes = match &self.names {
            Names::Given(given) => names(given),
            Names::Sorted(sorted) => sorted.iter().map(|(_, name)| name.len()).sum(),
        };
        names_bytes + self.values.map_or(0, |values| VALUE_BYTES_MAX * values.as_bytes().len())
    }

    /// Refuses a placeholder that is given twice: bodies in JSON cannot, the binary protocol's lists can. So no request
    /// keeps more names than its expressions use.
    fn check_names_distinct(&self) -> Result<(), Error> {
        let repeated = match &self.names {
            Names::Given(names) => {
                let placeholder = |position: usize| names[position].0.bytes();
                (1..names.len())
                    .map(placeholder)
                    .enumerate()
                    .find_map(|(before, own)| (0..=before).any(|earlier| placeholder(earlier) == own).then_some(own))
            }
            Names::Sorted(names) => names.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0].0),
        };
        match repeated {
            None => Ok(()),
            Some(placeholder) => Err(Error::validation(format!(
                "ExpressionAttributeNames contains invalid key: The key is given twice; key: \"{}\"",
                echo(&String::from_utf8_lossy(placeholder))
            ))),
        }
    }

    fn name_count(&self) -> usize {
        match &self.names {
            Names::Given(names) => names.len(),
            Names::Sorted(names) => names.len(),
        }
    }

    /// The placeholders of names.
    fn names(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.name_count()).map(|position| match &self.names {
            Names::Given(names) => names[position].0.bytes(),
            Names::Sorted(names) => names[position].0,
        })
    }
}

/// The placeholders that a request's expressions mention.
enum Used<'e> {
    /// Asked of the expressions, when few are to be looked for.
    In(&'e [ExpressionRef<'e>]),
    /// Sorted: the work does not grow with the product of both.
    Sorted(Vec<&'e [u8]>),
}

impl<'e> Used<'e> {
    fn of(expressions: &'e [ExpressionRef<'e>], wanted_count: usize) -> Used<'e> {
        if wanted_count <= SEARCHED_NAME_COUNT_MAX {
            return Used::In(expressions);
        }
        let mut used: Vec<&[u8]> = expressions.iter().flat_map(|expression| expression.tree().placeholders()).collect();
        used.sort_unstable();
        Used::Sorted(used)
    }

    fn contains(&self, placeholder: &[u8]) -> bool {
        match self {
            Used::In(expressions) => expressions.iter().any(|expression| expression.tree().mentions(placeholder)),
            Used::Sorted(used) => used.binary_search(&placeholder).is_ok(),
        }
    }
}

/// The names of the values, without the values being looked at.
fn placeholders_of(values: ItemRef<'_>) -> impl Iterator<Item = &[u8]> {
    let container = Container::of_verified(values.as_bytes());
    (0..container.count).map(move |position| container.name(position))
}

fn report_unused<'p>(kind: &str, mut unused: impl Iterator<Item = &'p [u8]>) -> Result<(), Error> {
    let Some(first) = unused.next() else {
        return Ok(());
    };
    let unused: Vec<_> = std::iter::once(first).chain(unused).map(String::from_utf8_lossy).collect();
    Err(Error::validation(format!(
        "Value provided in ExpressionAttribute{kind} unused in expressions: keys: {{{}}}",
        echo(&unused.join(", "))
    )))
}

fn check_names(names: &[(Text, Text)]) -> Result<(), Error> {
    if names.is_empty() {
        return Err(Error::validation("ExpressionAttributeNames must not be empty"));
    }
    for (placeholder, _) in names {
        check_placeholder("Names", b'#', placeholder.bytes())?;
    }
    let mut size_bytes = 0;
    for (placeholder, name) in names {
        let name_bytes = name.bytes().len();
        if name_bytes == 0 {
            return Err(Error::validation(format!(
                "ExpressionAttributeNames contains invalid value: Empty attribute name for key {placeholder}"
            )));
        }
        if name_bytes > ATTRIBUTE_NAME_BYTES_MAX {
            return Err(Error::validation(format!(
                "ExpressionAttributeNames contains invalid value: Attribute name must have at least 1 and at most \
                 {ATTRIBUTE_NAME_BYTES_MAX} bytes; for key {placeholder}"
            )));
        }
        size_bytes += placeholder.bytes().len() + name_bytes;
    }
    check_size("Names", size_bytes)
}

fn check_values(values: ItemRef<'_>) -> Result<(), Error> {
    let mut is_empty = true;
    for placeholder in placeholders_of(values) {
        check_placeholder("Values", b':', placeholder)?;
        is_empty = false;
    }
    if is_empty {
        return Err(Error::validation("ExpressionAttributeValues must not be empty"));
    }
    if VALUE_BYTES_MAX * values.as_bytes().len() <= EXPRESSION_SUBSTITUTION_BYTES_MAX {
        return Ok(());
    }
    check_size("Values", values.size_bytes())
}

/// A mark, then letters, digits and underscores.
fn check_placeholder(kind: &str, mark: u8, placeholder: &[u8]) -> Result<(), Error> {
    let is_word = |name: &[u8]| name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let fault = match placeholder {
        [first, name @ ..] if *first == mark && !name.is_empty() && is_word(name) => {
            if placeholder.len() <= EXPRESSION_SUBSTITUTION_NAME_BYTES_MAX {
                return Ok(());
            }
            "The expression attribute map contains a key that is too long"
        }
        _ => "Syntax error",
    };
    let placeholder = String::from_utf8_lossy(placeholder);
    Err(Error::validation(format!(
        "ExpressionAttribute{kind} contains invalid key: {fault}; key: \"{}\"",
        echo(&placeholder)
    )))
}

fn check_size(kind: &str, size_bytes: usize) -> Result<(), Error> {
    if size_bytes > EXPRESSION_SUBSTITUTION_BYTES_MAX {
        return Err(Error::validation(format!("ExpressionAttribute{kind} exceeds max size")));
    }
    Ok(())
}
