//! Expressions and items by chance, from few names and values, so that they often meet.

use crate::{Number, Text, Value};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
const TEXTS: [&str; 7] = ["", "a", "ab", "b", "bab", "é", "🦀a"];
const NUMBERS: [&str; 8] = ["0", "1", "2", "-1", "1.5", "100", "1e30", "-2.5"];
const BINARIES: [&[u8]; 5] = [b"", b"\x01", b"\x01\x02", b"\xff", b"\x00\x01\x02"];

/// A step of a path.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Member(String),
    Element(usize),
}

pub(super) type Path = Vec<Step>;

#[derive(Clone, Debug)]
pub(super) enum Operand {
    Path(Path),
    Value(Value),
    Size(Path),
    IfNotExists(Path, Box<Operand>),
}

#[derive(Clone, Debug)]
pub(super) enum Condition {
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    Compare(&'static str, Operand, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    NotExists(Path),
    Type(Path, String),
    BeginsWith(Operand, Operand),
    Contains(Operand, Operand),
}

#[derive(Clone, Debug)]
pub(super) enum SetValue {
    Operand(Operand),
    Plus(Operand, Operand),
    Minus(Operand, Operand),
    Append(Operand, Operand),
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    Set(Path, SetValue),
    Remove(Path),
    Add(Path, Value),
    Delete(Path, Value),
}

impl Action {
    pub(super) fn path(&self) -> &Path {
        match self {
            Action::Set(path, _) | Action::Remove(path) | Action::Add(path, _) | Action::Delete(path, _) => path,
        }
    }
}

/// An expression's text with its placeholders.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    pub(super) text: String,
    pub(super) names: Vec<(Text, Text)>,
    pub(super) values: BTreeMap<String, Value>,
}

pub(super) struct Generator {
    chance: fastrand::Rng,
}

impl Generator {
    pub(super) fn new(seed: u64) -> Generator {
        Generator { chance: fastrand::Rng::with_seed(seed) }
    }

    pub(super) fn item(&mut self) -> BTreeMap<String, Value> {
        let mut item: BTreeMap<String, Value> =
            NAMES.iter().filter(|_| self.chance.u8(0..4) > 0).map(|name| ((*name).to_owned(), Value::Null)).collect();
        item.values_mut().for_each(|value| *value = self.value(3));
        item.insert("pk".to_owned(), "k".into());
        item
    }

    pub(super) fn condition(&mut self) -> (Condition, Rendered) {
        let condition = self.any_condition(3);
        let mut rendered = Rendered::default();
        rendered.condition(&mut self.chance, &condition);
        (condition, rendered)
    }

    pub(super) fn projection(&mut self) -> (Vec<Path>, Rendered) {
        let paths: Vec<Path> = (0..self.chance.usize(1..5)).map(|_| self.path()).collect();
        let mut rendered = Rendered::default();
        for (position, path) in paths.iter().enumerate() {
            rendered.text.push_str(if position == 0 { "" } else { ", " });
            rendered.path(&mut self.chance, path);
        }
        (paths, rendered)
    }

    /// Actions in the order of their clauses.
    pub(super) fn update(&mut self) -> (Vec<Action>, Rendered) {
        let mut kinds = [0, 1, 2, 3];
        self.chance.shuffle(&mut kinds);
        let count = self.chance.usize(1..3);
        let mut actions = Vec::new();
        let mut rendered = Rendered::default();
        for kind in &kinds[..count] {
            rendered.text.push_str([" SET ", " REMOVE ", " add ", " DELETE "][*kind]);
            for position in 0..self.chance.usize(1..3) {
                rendered.text.push_str(if position == 0 { "" } else { ", " });
                let action = self.action(*kind);
                rendered.action(&mut self.chance, &action);
                actions.push(action);
            }
        }
        (actions, rendered)
    }

    fn action(&mut self, kind: usize) -> Action {
        let path = self.path();
        match kind {
            0 => Action::Set(path, self.set_value()),
            1 => Action::Remove(path),
            2 if self.chance.bool() => Action::Add(path, self.number()),
            2 => Action::Add(path, self.set()),
            _ => Action::Delete(path, self.set()),
        }
    }

    fn set_value(&mut self) -> SetValue {
        match self.chance.u8(0..5) {
            0 => SetValue::Plus(self.update_operand(Generator::number), self.update_operand(Generator::number)),
            1 => SetValue::Minus(self.update_operand(Generator::number), self.update_operand(Generator::number)),
            2 => SetValue::Append(self.update_operand(Generator::list), self.update_operand(Generator::list)),
            _ => SetValue::Operand(self.update_operand(|generator| generator.value(2))),
        }
    }

    fn update_operand(&mut self, value: fn(&mut Generator) -> Value) -> Operand {
        match self.chance.u8(0..4) {
            0 => Operand::Path(self.path()),
            1 => Operand::IfNotExists(self.path(), Box::new(self.update_operand(value))),
            _ => Operand::Value(value(self)),
        }
    }

    fn any_condition(&mut self, levels: u8) -> Condition {
        let inner = |generator: &mut Generator| Box::new(generator.any_condition(levels - 1));
        match self.chance.u8(if levels == 0 { 3..13 } else { 0..13 }) {
            0 => Condition::And(inner(self), inner(self)),
            1 => Condition::Or(inner(self), inner(self)),
            2 => Condition::Not(inner(self)),
            3..=6 => {
                let signs = ["=", "<>", "<", "<=", ">", ">="];
                let (sign, left) = (signs[self.chance.usize(0..6)], self.operand());
                Condition::Compare(sign, left, self.operand())
            }
            7 => {
                let (operand, lower) = (self.operand(), self.operand());
                Condition::Between(operand, lower, self.operand())
            }
            8 => {
                let operand = self.operand();
                let list = (0..self.chance.usize(1..4)).map(|_| self.operand()).collect();
                Condition::In(operand, list)
            }
            9 if self.chance.bool() => Condition::Exists(self.path()),
            9 => Condition::NotExists(self.path()),
            10 => {
                let types = ["S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"];
                Condition::Type(self.path(), types[self.chance.usize(0..10)].to_owned())
            }
            11 => {
                let whole = Operand::Path(self.path());
                Condition::BeginsWith(whole, self.operand())
            }
            _ => {
                let whole = Operand::Path(self.path());
                Condition::Contains(whole, self.operand())
            }
        }
    }

    fn operand(&mut self) -> Operand {
        match self.chance.u8(0..8) {
            0..=3 => Operand::Path(self.path()),
            4 => Operand::Size(self.path()),
            5 | 6 => Operand::Value(self.scalar()),
            _ => Operand::Value(self.value(2)),
        }
    }

    fn path(&mut self) -> Path {
        let mut path = vec![Step::Member(self.name())];
        while path.len() < 4 && self.chance.u8(0..5) < 2 {
            path.push(if self.chance.bool() {
                Step::Member(self.name())
            } else {
                Step::Element(self.chance.usize(0..4))
            });
        }
        path
    }

    fn name(&mut self) -> String {
        NAMES[self.chance.usize(0..NAMES.len())].to_owned()
    }

    fn number(&mut self) -> Value {
        Value::N(Number::parse(NUMBERS[self.chance.usize(0..NUMBERS.len())]).unwrap())
    }

    fn list(&mut self) -> Value {
        Value::L((0..self.chance.usize(0..3)).map(|_| self.value(1)).collect())
    }

    fn set(&mut self) -> Value {
        let count = self.chance.usize(1..4);
        match self.chance.u8(0..3) {
            0 => Value::Ss((0..count).map(|_| TEXTS[self.chance.usize(0..TEXTS.len())].to_owned()).collect()),
            1 => Value::Ns(
                (0..count).map(|_| Number::parse(NUMBERS[self.chance.usize(0..NUMBERS.len())]).unwrap()).collect(),
            ),
            _ => Value::Bs((0..count).map(|_| BINARIES[self.chance.usize(0..BINARIES.len())].to_vec()).collect()),
        }
    }

    fn scalar(&mut self) -> Value {
        match self.chance.u8(0..8) {
            0..=2 => TEXTS[self.chance.usize(0..TEXTS.len())].into(),
            3..=5 => self.number(),
            6 => BINARIES[self.chance.usize(0..BINARIES.len())].to_vec().into(),
            _ if self.chance.bool() => self.chance.bool().into(),
            _ => Value::Null,
        }
    }

    fn value(&mut self, levels: usize) -> Value {
        match self.chance.u8(0..10) {
            0..=1 if levels > 0 => {
                Value::M((0..self.chance.usize(0..4)).map(|_| (self.name(), self.value(levels - 1))).collect())
            }
            2..=3 if levels > 0 => Value::L((0..self.chance.usize(0..4)).map(|_| self.value(levels - 1)).collect()),
            4 => self.set(),
            _ => self.scalar(),
        }
    }
}

impl Rendered {
    fn path(&mut self, chance: &mut fastrand::Rng, path: &Path) {
        for (position, step) in path.iter().enumerate() {
            match step {
                Step::Element(element) => write!(self.text, "[{element}]").unwrap(),
                Step::Member(name) => {
                    self.text.push_str(if position == 0 { "" } else { "." });
                    self.name(chance, name);
                }
            }
        }
    }

    fn name(&mut self, chance: &mut fastrand::Rng, name: &str) {
        if chance.u8(0..3) > 0 {
            self.text.push_str(name);
            return;
        }
        let placeholder = format!("#{name}{name}");
        self.text.push_str(&placeholder);
        if !self.names.iter().any(|(given, _)| *given == *placeholder) {
            self.names.push((placeholder.into(), name.into()));
        }
    }

    fn value(&mut self, value: &Value) {
        let placeholder = format!(":v{}", self.values.len());
        self.text.push_str(&placeholder);
        self.values.insert(placeholder, value.clone());
    }

    fn operand(&mut self, chance: &mut fastrand::Rng, operand: &Operand) {
        match operand {
            Operand::Path(path) => self.path(chance, path),
            Operand::Value(value) => self.value(value),
            Operand::Size(path) => {
                self.text.push_str("size(");
                self.path(chance, path);
                self.text.push(')');
            }
            Operand::IfNotExists(path, otherwise) => {
                self.text.push_str("if_not_exists(");
                self.path(chance, path);
                self.text.push_str(", ");
                self.operand(chance, otherwise);
                self.text.push(')');
            }
        }
    }

    fn pair(&mut self, chance: &mut fastrand::Rng, [left, right]: [&Operand; 2], signs: [&str; 3]) {
        self.text.push_str(signs[0]);
        self.operand(chance, left);
        self.text.push_str(signs[1]);
        self.operand(chance, right);
        self.text.push_str(signs[2]);
    }

    fn condition(&mut self, chance: &mut fastrand::Rng, condition: &Condition) {
        match condition {
            Condition::And(left, right) => self.joined(chance, [left, right], " AND "),
            Condition::Or(left, right) => self.joined(chance, [left, right], " OR "),
            Condition::Not(inner) => {
                self.text.push_str("NOT ");
                self.grouped(chance, inner);
            }
            Condition::Compare(sign, left, right) => {
                self.pair(chance, [left, right], ["", &format!(" {sign} "), ""]);
            }
            Condition::Between(operand, lower, upper) => {
                self.pair(chance, [operand, lower], ["", " BETWEEN ", " AND "]);
                self.operand(chance, upper);
            }
            Condition::In(operand, list) => {
                self.operand(chance, operand);
                for (position, member) in list.iter().enumerate() {
                    self.text.push_str(if position == 0 { " IN (" } else { ", " });
                    self.operand(chance, member);
                }
                self.text.push(')');
            }
            Condition::Exists(path) => self.function(chance, "attribute_exists(", path),
            Condition::NotExists(path) => self.function(chance, "attribute_not_exists(", path),
            Condition::Type(path, token) => {
                let (path, token) = (Operand::Path(path.clone()), Operand::Value(token.as_str().into()));
                self.pair(chance, [&path, &token], ["attribute_type(", ", ", ")"]);
            }
            Condition::BeginsWith(whole, start) => self.pair(chance, [whole, start], ["begins_with(", ", ", ")"]),
            Condition::Contains(whole, part) => self.pair(chance, [whole, part], ["contains(", ", ", ")"]),
        }
    }

    fn function(&mut self, chance: &mut fastrand::Rng, start: &str, path: &Path) {
        self.text.push_str(start);
        self.path(chance, path);
        self.text.push(')');
    }

    fn joined(&mut self, chance: &mut fastrand::Rng, [left, right]: [&Condition; 2], sign: &str) {
        self.grouped(chance, left);
        self.text.push_str(sign);
        self.grouped(chance, right);
    }

    fn grouped(&mut self, chance: &mut fastrand::Rng, condition: &Condition) {
        self.text.push('(');
        self.condition(chance, condition);
        self.text.push(')');
    }

    fn action(&mut self, chance: &mut fastrand::Rng, action: &Action) {
        self.path(chance, action.path());
        match action {
            Action::Set(_, value) => {
                self.text.push_str(" = ");
                match value {
                    SetValue::Operand(operand) => self.operand(chance, operand),
                    SetValue::Plus(left, right) => self.pair(chance, [left, right], ["", " + ", ""]),
                    SetValue::Minus(left, right) => self.pair(chance, [left, right], ["(", " - ", ")"]),
                    SetValue::Append(left, right) => self.pair(chance, [left, right], ["list_append(", ", ", ")"]),
                }
            }
            Action::Remove(_) => {}
            Action::Add(_, value) | Action::Delete(_, value) => {
                self.text.push(' ');
                self.value(value);
            }
        }
    }
}
