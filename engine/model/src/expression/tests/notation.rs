//! Items as tests write them: `a: 1, b: "text", c: 0x01ff, d: [true, null], e: {f: 1}, g: <1, 2>, h: <"x">`.
//!
//! Braces around the whole may be left out. `<...>` is a set of what its members are.

use crate::{Item, Number, Value};
use std::collections::BTreeMap;

/// The item; panics for anything else.
pub(super) fn item(text: &str) -> Item {
    Item::from_value_map(&map(text)).unwrap()
}

/// The attributes; panics for anything else.
pub(super) fn map(text: &str) -> BTreeMap<String, Value> {
    let mut reader = Reader { rest: text };
    let map = reader.members("");
    assert_eq!(reader.rest, "", "{text}");
    map
}

struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn accept(&mut self, sign: &str) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        self.skip_space();
        rest.is_some()
    }

    fn word(&mut self) -> &'t str {
        self.skip_space();
        let end = self.rest.find([' ', ',', ']', '}', '>']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn members(&mut self, end: &str) -> BTreeMap<String, Value> {
        let mut map = BTreeMap::new();
        self.skip_space();
        while !(self.rest.is_empty() || (!end.is_empty() && self.accept(end))) {
            // A placeholder begins with a colon, too.
            self.skip_space();
            let colon = 1 + self.rest[1..].find(':').unwrap();
            let name = self.rest[..colon].to_owned();
            self.rest = &self.rest[colon + 1..];
            self.skip_space();
            map.insert(name, self.value());
            self.accept(",");
        }
        map
    }

    fn values(&mut self, end: &str) -> Vec<Value> {
        let mut values = Vec::new();
        while !self.accept(end) {
            values.push(self.value());
            self.accept(",");
        }
        values
    }

    fn value(&mut self) -> Value {
        if self.accept("{") {
            return Value::M(self.members("}"));
        }
        if self.accept("[") {
            return Value::L(self.values("]"));
        }
        if self.accept("<") {
            return set(self.values(">"));
        }
        if let Some(rest) = self.rest.strip_prefix('"') {
            let (text, rest) = rest.split_once('"').unwrap();
            self.rest = rest;
            return Value::S(text.to_owned());
        }
        match self.word() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            word => match word.strip_prefix("0x") {
                Some(digits) => Value::B(bytes(digits)),
                None => Value::N(Number::parse(word).unwrap()),
            },
        }
    }
}

fn bytes(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn set(members: Vec<Value>) -> Value {
    match members.first() {
        Some(Value::S(_)) => Value::Ss(
            members
                .into_iter()
                .map(|member| match member {
                    Value::S(text) => text,
                    other => panic!("{other:?} in a set of strings"),
                })
                .collect(),
        ),
        Some(Value::N(_)) => Value::Ns(
            members
                .into_iter()
                .map(|member| match member {
                    Value::N(number) => number,
                    other => panic!("{other:?} in a set of numbers"),
                })
                .collect(),
        ),
        _ => Value::Bs(
            members
                .into_iter()
                .map(|member| match member {
                    Value::B(bytes) => bytes,
                    other => panic!("{other:?} in a set of binaries"),
                })
                .collect(),
        ),
    }
}
