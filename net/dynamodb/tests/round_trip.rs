//! Items through JSON and back: the reply that holds an item, sent as a request, is the same item.

mod door;

use std::collections::{BTreeMap, BTreeSet};

use auth::Verifier;
use door::{Door, call, post};
use fastrand::Rng;
use model::operation::{Attributes, GetItemReply, PutItem, Reply, Request};
use model::{Item, Number, Value};

fn text(random: &mut Rng) -> String {
    let alphabet = ['a', 'Z', '0', ' ', '"', '\\', '/', '\n', '\u{0}', '\u{1f}', '\u{7f}', 'é', '€', '😀', '\u{2028}'];
    (0..random.usize(..12)).map(|_| alphabet[random.usize(..alphabet.len())]).collect()
}

fn number(random: &mut Rng) -> Number {
    let digits: String = (0..random.usize(1..=38)).map(|_| char::from(b'0' + random.u8(..10))).collect();
    let exponent = random.i32(-90..87);
    let sign = ["", "-"][random.usize(..2)];
    Number::parse(&format!("{sign}{digits}e{exponent}")).expect("within the limits")
}

fn bytes(random: &mut Rng) -> Vec<u8> {
    (0..random.usize(..10)).map(|_| random.u8(..)).collect()
}

fn value(random: &mut Rng, depth: usize) -> Value {
    let members = |random: &mut Rng| random.usize(1..5);
    match random.u8(..if depth == 0 { 8 } else { 10 }) {
        0 => Value::S(text(random)),
        1 => Value::N(number(random)),
        2 => Value::B(bytes(random)),
        3 => Value::Bool(random.bool()),
        4 => Value::Null,
        5 => Value::Ss((0..members(random)).map(|_| text(random)).collect::<BTreeSet<_>>()),
        6 => Value::Ns((0..members(random)).map(|_| number(random)).collect::<BTreeSet<_>>()),
        7 => Value::Bs((0..members(random)).map(|_| bytes(random)).collect::<BTreeSet<_>>()),
        8 => Value::L((0..random.usize(..4)).map(|_| value(random, depth - 1)).collect()),
        _ => Value::M(map(random, depth - 1)),
    }
}

fn map(random: &mut Rng, depth: usize) -> BTreeMap<String, Value> {
    (0..random.usize(..5)).map(|_| (format!("k{}", text(random)), value(random, depth))).collect()
}

/// The JSON of an item, as a reply holds it.
fn json(item: &Item) -> String {
    let mut door = Door::new(Verifier::open());
    let call = door.receive(&post("GetItem", "{}")).pop().expect("a call");
    let reply = Reply::GetItem(GetItemReply { item: Some(item.clone()), consumed: None });
    door.connection.answer(call.ticket, Ok(&reply), &mut door.codec, &mut door.out);
    door.answers()[0].text().to_owned()
}

#[test]
fn random_items_come_back() {
    let seed = 20_120_810;
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    for _ in 0..3000 {
        let tree = map(&mut random, 4);
        let item = Item::from_value_map(&tree).expect("an item");
        let json = json(&item);
        let Ok(Request::PutItem(PutItem { item: Attributes::Valid(back), .. })) = call("PutItem", &json) else {
            panic!("{json}");
        };
        assert_eq!(back, item, "{json}");
        assert_eq!(back.to_value_map(), tree, "{json}");
        // The same text with every character escaped is the same item.
        let escaped: String = escape_strings(&json);
        assert_eq!(call("PutItem", &escaped), call("PutItem", &json), "{escaped}");
    }
}

/// Writes each letter of each string as an escape.
fn escape_strings(json: &str) -> String {
    let tree: serde_json::Value = serde_json::from_str(json).expect("JSON");
    fn write(tree: &serde_json::Value, out: &mut String) {
        let quoted = |text: &str| {
            let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
            format!("\"{units}\"")
        };
        match tree {
            serde_json::Value::String(text) => *out += &quoted(text),
            serde_json::Value::Array(elements) => {
                *out += "[";
                for (position, element) in elements.iter().enumerate() {
                    *out += if position == 0 { "" } else { " , " };
                    write(element, out);
                }
                *out += "]";
            }
            serde_json::Value::Object(members) => {
                *out += "{";
                for (position, (name, member)) in members.iter().enumerate() {
                    *out += if position == 0 { "" } else { ",\n" };
                    *out += &quoted(name);
                    *out += ":\t";
                    write(member, out);
                }
                *out += "}";
            }
            other => *out += &other.to_string(),
        }
    }
    let mut out = String::new();
    write(&tree, &mut out);
    out.replace("\"\\u0049\\u0074\\u0065\\u006d\"", "\"Item\"")
}
