//! What expressions mean, on trees of values, with no thought of speed: what the oracle holds the real one against.

use super::random::{Action, Condition, Operand, Path, SetValue, Step};
use crate::{Number, Value};
use std::cmp::Ordering;
use std::collections::BTreeMap;

type Map = BTreeMap<String, Value>;

pub(super) fn holds(condition: &Condition, item: &Map) -> bool {
    let value = |operand: &Operand| operand_value(operand, item);
    match condition {
        Condition::And(left, right) => holds(left, item) && holds(right, item),
        Condition::Or(left, right) => holds(left, item) || holds(right, item),
        Condition::Not(inner) => !holds(inner, item),
        Condition::Compare(sign, left, right) => compare(sign, value(left), value(right)),
        Condition::Between(operand, lower, upper) => {
            compare(">=", value(operand), value(lower)) && compare("<=", value(operand), value(upper))
        }
        Condition::In(operand, list) => list.iter().any(|other| compare("=", value(operand), value(other))),
        Condition::Exists(path) => at(item, path).is_some(),
        Condition::NotExists(path) => at(item, path).is_none(),
        Condition::Type(path, token) => at(item, path).is_some_and(|found| found.attribute_type().token() == token),
        Condition::BeginsWith(whole, start) => match (value(whole), value(start)) {
            (Some(Value::S(whole)), Some(Value::S(start))) => whole.starts_with(&start),
            (Some(Value::B(whole)), Some(Value::B(start))) => whole.starts_with(&start),
            _ => false,
        },
        Condition::Contains(whole, part) => match (value(whole), value(part)) {
            (Some(whole), Some(part)) => contains(&whole, &part),
            _ => false,
        },
    }
}

fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::S(whole), Value::S(part)) => whole.contains(part.as_str()),
        (Value::B(whole), Value::B(part)) => {
            part.is_empty() || whole.windows(part.len()).any(|window| window == part.as_slice())
        }
        (Value::Ss(set), Value::S(part)) => set.contains(part),
        (Value::Ns(set), Value::N(part)) => set.contains(part),
        (Value::Bs(set), Value::B(part)) => set.contains(part),
        (Value::L(list), part) => list.contains(part),
        _ => false,
    }
}

fn compare(sign: &str, left: Option<Value>, right: Option<Value>) -> bool {
    let (Some(left), Some(right)) = (left, right) else {
        return sign == "<>";
    };
    let order = match (&left, &right) {
        (Value::S(left), Value::S(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Value::N(left), Value::N(right)) => Some(left.cmp(right)),
        (Value::B(left), Value::B(right)) => Some(left.cmp(right)),
        _ => None,
    };
    match sign {
        "=" => left == right,
        "<>" => left != right,
        "<" => order == Some(Ordering::Less),
        "<=" => order.is_some_and(Ordering::is_le),
        ">" => order == Some(Ordering::Greater),
        _ => order.is_some_and(Ordering::is_ge),
    }
}

fn operand_value(operand: &Operand, item: &Map) -> Option<Value> {
    match operand {
        Operand::Path(path) => at(item, path).cloned(),
        Operand::Value(value) => Some(value.clone()),
        Operand::IfNotExists(path, otherwise) => at(item, path).cloned().or_else(|| operand_value(otherwise, item)),
        Operand::Size(path) => {
            let size = match at(item, path)? {
                Value::S(text) => text.encode_utf16().count(),
                Value::B(bytes) => bytes.len(),
                Value::Ss(set) => set.len(),
                Value::Ns(set) => set.len(),
                Value::Bs(set) => set.len(),
                Value::L(list) => list.len(),
                Value::M(map) => map.len(),
                Value::N(_) | Value::Bool(_) | Value::Null => return None,
            };
            Some(Value::from(i64::try_from(size).unwrap()))
        }
    }
}

fn at<'i>(item: &'i Map, path: &[Step]) -> Option<&'i Value> {
    let (Step::Member(first), rest) = path.split_first()? else { return None };
    rest.iter().try_fold(item.get(first)?, |value, step| match (value, step) {
        (Value::M(map), Step::Member(name)) => map.get(name),
        (Value::L(list), Step::Element(position)) => list.get(*position),
        _ => None,
    })
}

/// Whether two of the paths cannot stand together.
pub(super) fn clash(paths: &[Path]) -> bool {
    let kind = |step: &Step| matches!(step, Step::Member(_));
    let clashes = |left: &Path, right: &Path| match left.iter().zip(right).find(|(left, right)| left != right) {
        None => true,
        Some((left, right)) => kind(left) != kind(right),
    };
    (0..paths.len()).any(|left| (left + 1..paths.len()).any(|right| clashes(&paths[left], &paths[right])))
}

pub(super) fn project(paths: &[Path], item: &Map) -> Map {
    let rests: Vec<&[Step]> = paths.iter().map(Vec::as_slice).collect();
    match parts(&Value::M(item.clone()), &rests) {
        Some(Value::M(map)) => map,
        _ => Map::new(),
    }
}

/// The parts of a value at the ends of paths; none when there are none.
fn parts(value: &Value, paths: &[&[Step]]) -> Option<Value> {
    if paths.iter().any(|path| path.is_empty()) {
        return Some(value.clone());
    }
    let on_from =
        |step: &Step| -> Vec<&[Step]> { paths.iter().filter(|path| path[0] == *step).map(|path| &path[1..]).collect() };
    match value {
        Value::M(map) => {
            let found: Map = map
                .iter()
                .filter_map(|(name, value)| {
                    let rests = on_from(&Step::Member(name.clone()));
                    if rests.is_empty() { None } else { Some((name.clone(), parts(value, &rests)?)) }
                })
                .collect();
            (!found.is_empty()).then_some(Value::M(found))
        }
        Value::L(list) => {
            let found: Vec<Value> = list
                .iter()
                .enumerate()
                .filter_map(|(position, value)| {
                    let rests = on_from(&Step::Element(position));
                    if rests.is_empty() { None } else { parts(value, &rests) }
                })
                .collect();
            (!found.is_empty()).then_some(Value::L(found))
        }
        _ => None,
    }
}

/// Why an update cannot be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    Place,
    Type,
    Missing,
    Number,
}

impl Fault {
    pub(super) fn text(&self) -> &'static str {
        match self {
            Fault::Place => "The document path provided in the update expression is invalid for update",
            Fault::Type => "An operand in the update expression has an incorrect data type",
            Fault::Missing => "The provided expression refers to an attribute that does not exist in the item",
            Fault::Number => "Number overflow. Attempting to store a number with magnitude larger than supported range",
        }
    }
}

/// The item after an update, none when there is none before and after; or all that is wrong.
pub(super) fn update(actions: &[Action], old: Option<&Map>, key: &Map) -> Result<Option<Map>, Vec<Fault>> {
    let clears = |action: &Action| matches!(action, Action::Remove(_) | Action::Delete(..));
    if old.is_none() && actions.iter().all(clears) {
        return Ok(None);
    }
    let base = old.unwrap_or(key);
    let (mut writes, mut faults) = (Vec::new(), Vec::new());
    for action in actions.iter().filter(|action| old.is_some() || !clears(action)) {
        if !has_place(base, action.path()) {
            faults.push(Fault::Place);
        }
        match outcome(action, base) {
            Ok(outcome) => writes.extend(outcome.map(|outcome| (action.path(), outcome))),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut new = base.clone();
    write(&mut new, writes);
    Ok(Some(new))
}

fn has_place(base: &Map, path: &Path) -> bool {
    let (last, parent) = path.split_last().unwrap();
    parent.is_empty()
        || matches!(
            (at(base, parent), last),
            (Some(Value::M(_)), Step::Member(_)) | (Some(Value::L(_)), Step::Element(_))
        )
}

/// What is written: a value, or nothing in its place; none when all stays.
fn outcome(action: &Action, base: &Map) -> Result<Option<Option<Value>>, Fault> {
    let present = at(base, action.path());
    match action {
        Action::Set(_, value) => Ok(Some(Some(set_value(value, base)?))),
        Action::Remove(_) => Ok(present.map(|_| None)),
        Action::Add(_, added) => match (present, added) {
            (None, added) => Ok(Some(Some(added.clone()))),
            (Some(Value::N(left)), Value::N(right)) => Ok(Some(Some(sum(left, right)?))),
            (Some(Value::Ss(left)), Value::Ss(right)) => Ok(Some(Some(Value::Ss(left | right)))),
            (Some(Value::Ns(left)), Value::Ns(right)) => Ok(Some(Some(Value::Ns(left | right)))),
            (Some(Value::Bs(left)), Value::Bs(right)) => Ok(Some(Some(Value::Bs(left | right)))),
            _ => Err(Fault::Type),
        },
        Action::Delete(_, deleted) => match (present, deleted) {
            (None, _) => Ok(None),
            (Some(Value::Ss(left)), Value::Ss(right)) => {
                Ok(Some(Some(left - right).filter(|left| !left.is_empty()).map(Value::Ss)))
            }
            (Some(Value::Ns(left)), Value::Ns(right)) => {
                Ok(Some(Some(left - right).filter(|left| !left.is_empty()).map(Value::Ns)))
            }
            (Some(Value::Bs(left)), Value::Bs(right)) => {
                Ok(Some(Some(left - right).filter(|left| !left.is_empty()).map(Value::Bs)))
            }
            _ => Err(Fault::Type),
        },
    }
}

fn set_value(value: &SetValue, base: &Map) -> Result<Value, Fault> {
    let operand = |operand: &Operand| operand_value(operand, base).ok_or(Fault::Missing);
    let number = |value: Value| match value {
        Value::N(number) => Ok(number),
        _ => Err(Fault::Type),
    };
    let list = |value: Value| match value {
        Value::L(list) => Ok(list),
        _ => Err(Fault::Type),
    };
    match value {
        SetValue::Operand(value) => operand(value),
        SetValue::Plus(left, right) => sum(&number(operand(left)?)?, &number(operand(right)?)?),
        SetValue::Minus(left, right) => sum(&number(operand(left)?)?, &number(operand(right)?)?.negated()),
        SetValue::Append(left, right) => Ok(Value::L([list(operand(left)?)?, list(operand(right)?)?].concat())),
    }
}

fn sum(left: &Number, right: &Number) -> Result<Value, Fault> {
    left.checked_add(right).map(Value::N).map_err(|_| Fault::Number)
}

/// Writes what stays where it is; then, in the innermost lists first, takes out what is removed and appends.
fn write(new: &mut Map, writes: Vec<(&Path, Option<Value>)>) {
    let mut lists: Vec<(&[Step], usize, Option<Value>)> = Vec::new();
    for (path, value) in writes {
        let (last, parent) = path.split_last().unwrap();
        match (container(new, parent), last, value) {
            (Container::Map(map), Step::Member(name), Some(value)) => {
                map.insert(name.clone(), value);
            }
            (Container::Map(map), Step::Member(name), None) => {
                map.remove(name);
            }
            (Container::List(list), Step::Element(position), Some(value)) if *position < list.len() => {
                list[*position] = value;
            }
            (_, Step::Element(position), value) => lists.push((parent, *position, value)),
            _ => panic!("a place of another kind"),
        }
    }
    lists.sort_by_key(|(parent, position, _)| (std::cmp::Reverse(parent.len()), *position));
    let mut parents: Vec<&[Step]> = Vec::new();
    for (parent, _, _) in &lists {
        if !parents.contains(parent) {
            parents.push(parent);
        }
    }
    for parent in parents {
        let own: Vec<_> = lists.iter().filter(|(other, _, _)| *other == parent).collect();
        let Container::List(list) = container(new, parent) else { panic!("a list") };
        for (_, position, _) in own.iter().rev().filter(|(_, _, value)| value.is_none()) {
            if *position < list.len() {
                list.remove(*position);
            }
        }
        list.extend(own.iter().filter_map(|(_, _, value)| value.clone()));
    }
}

enum Container<'m> {
    Map(&'m mut Map),
    List(&'m mut Vec<Value>),
}

fn container<'m>(new: &'m mut Map, path: &[Step]) -> Container<'m> {
    path.iter().fold(Container::Map(new), |container, step| {
        let value = match (container, step) {
            (Container::Map(map), Step::Member(name)) => map.get_mut(name),
            (Container::List(list), Step::Element(position)) => list.get_mut(*position),
            _ => None,
        };
        match value {
            Some(Value::M(map)) => Container::Map(map),
            Some(Value::L(list)) => Container::List(list),
            other => panic!("{other:?} has no inside"),
        }
    })
}
