//! Names and values for whatever placeholders a text mentions, so that arbitrary text reaches past their checks.
//!
//! What a placeholder stands for follows from its own letters: `#p` is `p`; `:n4` is a number, `:s2` a text, and so on.

use model::{AttributeType, Item, ItemEncoder, Number, Text};
use std::collections::BTreeSet;

/// Names and values as a request would give them; `None` where the text mentions none.
pub fn placeholders_of(text: &str) -> (Option<Vec<(Text, Text)>>, Option<Item>) {
    let names: Vec<(Text, Text)> = mentioned(text, '#')
        .into_iter()
        .map(|name| (Text::from(name.clone()), Text::from(name[1..].to_owned())))
        .collect();
    let values = mentioned(text, ':');
    let item = (!values.is_empty()).then(|| encode_values(&values));
    ((!names.is_empty()).then_some(names), item)
}

/// Every word after the mark, mark included.
fn mentioned(text: &str, mark: char) -> BTreeSet<String> {
    text.match_indices(mark)
        .filter_map(|(start, _)| {
            let rest = &text[start + 1..];
            let length =
                rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(rest.len());
            (1..=200).contains(&length).then(|| format!("{mark}{}", &rest[..length]))
        })
        .collect()
}

fn encode_values(names: &BTreeSet<String>) -> Item {
    let mut encoder = ItemEncoder::new();
    encoder.begin_item();
    for name in names {
        encoder.name(name);
        encode_value(&mut encoder, &name[1..]);
    }
    encoder.finish().expect("small values of distinct names are an item")
}

fn encode_value(encoder: &mut ItemEncoder, what: &str) {
    let rest = &what[1..];
    match what.as_bytes()[0] {
        b'n' => encoder.number(number(rest)),
        b'b' => encoder.binary(rest.as_bytes()),
        b't' => encoder.boolean(rest.len() % 2 == 0),
        b'z' => encoder.null(),
        b'l' => {
            encoder.begin_list();
            rest.bytes().for_each(|byte| encoder.number(Number::from(u64::from(byte))));
            encoder.end_list();
        }
        b'm' => {
            encoder.begin_map();
            encoder.name("a");
            encoder.string(rest);
            encoder.end_map();
        }
        b'S' => encode_set(encoder, AttributeType::StringSet, |encoder| encoder.string(rest)),
        b'N' => encode_set(encoder, AttributeType::NumberSet, |encoder| encoder.number(number(rest))),
        b'B' => encode_set(encoder, AttributeType::BinarySet, |encoder| encoder.binary(rest.as_bytes())),
        _ => encoder.string(rest),
    }
}

fn encode_set(encoder: &mut ItemEncoder, set_type: AttributeType, member: impl FnOnce(&mut ItemEncoder)) {
    encoder.begin_set(set_type);
    member(encoder);
    encoder.end_set();
}

fn number(text: &str) -> Number {
    Number::parse(&text.replace('_', "-")).unwrap_or(Number::ZERO)
}
