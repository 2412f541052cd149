//! Expressions at the room's door: what they mean, and DynamoDB's texts for what is wrong with them.

mod any_text;
mod cache;
mod condition;
mod key_condition;
mod legacy;
mod naive;
mod notation;
mod oracle;
mod projection;
mod random;
mod update;

use crate::{Item, Number, Text, Value};
use std::collections::BTreeMap;

/// Values as tests write them: `:n=1` is a number when it reads as one, else a string; `:b=0x0102` is binary.
fn values(list: &[&str]) -> Option<Item> {
    let parse = |text: &str| match (text.strip_prefix("0x"), Number::parse(text)) {
        (Some(hex), _) => Value::B(hex.as_bytes().chunks(2).map(hex_byte).collect()),
        (None, Ok(number)) => Value::N(number),
        (None, Err(_)) if text == "true" => Value::Bool(true),
        (None, Err(_)) => Value::S(text.to_owned()),
    };
    let map: BTreeMap<String, Value> = list
        .iter()
        .map(|entry| entry.split_once('=').unwrap())
        .map(|(placeholder, text)| (placeholder.to_owned(), parse(text)))
        .collect();
    (!list.is_empty()).then(|| Item::from_value_map(&map).unwrap())
}

fn hex_byte(digits: &[u8]) -> u8 {
    u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap()
}

fn names(list: &[&str]) -> Option<Vec<(Text, Text)>> {
    let pairs = list.iter().map(|entry| entry.split_once('=').unwrap());
    (!list.is_empty()).then(|| pairs.map(|(placeholder, name)| (Text::from(placeholder), Text::from(name))).collect())
}

#[test]
fn the_reserved_words_are_those_of_the_guide() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/reserved_words.txt");
    let Ok(list) = std::fs::read_to_string(path) else {
        return; // Only where the list lies beside the repository.
    };
    for word in list.split_whitespace() {
        assert!(super::reserved_words::is_reserved(word), "{word}");
    }
    assert_eq!(list.split_whitespace().count(), super::reserved_words::RESERVED_WORDS.len());
}

/// The placeholders with a mark that an expression mentions.
fn names_of(expression: &str, mark: char) -> Vec<&str> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    expression
        .match_indices(mark)
        .map(|(at, _)| {
            let end = expression[at + 1..].find(|character| !is_name(character));
            end.map_or(&expression[at..], |end| &expression[at..at + 1 + end])
        })
        .collect()
}
