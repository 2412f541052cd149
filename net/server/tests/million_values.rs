//! A million attribute values of every type survive each protocol, there and back.

mod codecs;

use codecs::{Http, Wire};
use fastrand::Rng;
use model::operation::{Attributes, GetItemReply, PutItem, Reply, Request};
use model::{AttributeType, Item, ItemEncoder, Number};

const VALUE_COUNT: usize = 1_000_000;
/// So many go in one item: the messages are few and large.
const VALUES_PER_ITEM: usize = 2_000;

#[test]
fn a_million_values_come_back() {
    let seed = 20_120_810;
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    let (mut http, mut wire, mut encoder) = (Http::new(), Wire::open(), ItemEncoder::new());
    let mut value_count = 0;
    while value_count < VALUE_COUNT {
        let (item, count) = item(&mut random, &mut encoder);
        value_count += count;
        let reply = Reply::GetItem(GetItemReply { item: Some(item.clone()), consumed: None });
        // The body that tells an item is one that writes it.
        let body = http.encode(Ok(&reply));
        let written = Request::PutItem(PutItem { item: Attributes::Valid(item), ..PutItem::default() });
        assert!(http.decode("PutItem", body.as_bytes()).as_ref() == Ok(&written), "{body}");
        assert!(wire.request(&written).as_ref() == Ok(&written), "{body}");
        assert!(wire.outcome(Ok(&reply)).as_ref() == Ok(&reply), "{body}");
    }
}

/// An item, and how many values it holds.
fn item(random: &mut Rng, encoder: &mut ItemEncoder) -> (Item, usize) {
    let mut count = 0;
    encoder.begin_item();
    while count < VALUES_PER_ITEM {
        encoder.name(&format!("{count}{}", text(random)));
        count += write_value(random, 4, encoder);
    }
    (encoder.finish().expect("a legal item"), count)
}

/// Writes a value; returns how many values it is, with those inside it.
fn write_value(random: &mut Rng, depth: usize, encoder: &mut ItemEncoder) -> usize {
    match random.u8(..if depth == 0 { 8 } else { 10 }) {
        0 => encoder.string(&text(random)),
        1 => encoder.number(number(random)),
        2 => encoder.binary(&bytes(random)),
        3 => encoder.boolean(random.bool()),
        4 => encoder.null(),
        5 => {
            encoder.begin_set(AttributeType::StringSet);
            // Members that begin differently are different.
            (0..random.usize(1..4)).for_each(|member| encoder.string(&format!("{member}{}", text(random))));
            encoder.end_set();
        }
        6 => {
            encoder.begin_set(AttributeType::NumberSet);
            for member in 1..random.usize(2..5) {
                let number = format!("{member}e{}", random.i32(-130..=125));
                encoder.number(Number::parse(&number).expect("within the limits"));
            }
            encoder.end_set();
        }
        7 => {
            encoder.begin_set(AttributeType::BinarySet);
            (0..random.u8(1..4)).for_each(|member| encoder.binary(&[&[member][..], &bytes(random)].concat()));
            encoder.end_set();
        }
        8 => {
            encoder.begin_list();
            let count: usize = (0..random.usize(..5)).map(|_| write_value(random, depth - 1, encoder)).sum();
            encoder.end_list();
            return count + 1;
        }
        _ => {
            encoder.begin_map();
            let mut count = 1;
            for member in 0..random.usize(..5) {
                encoder.name(&format!("{member}{}", text(random)));
                count += write_value(random, depth - 1, encoder);
            }
            encoder.end_map();
            return count;
        }
    }
    1
}

fn text(random: &mut Rng) -> String {
    const ALPHABET: [char; 16] = [
        'a',
        'Z',
        '0',
        ' ',
        '"',
        '\\',
        '/',
        '\n',
        '\u{0}',
        '\u{1f}',
        '\u{7f}',
        'é',
        '€',
        '😀',
        '\u{2028}',
        '\u{10ffff}',
    ];
    (0..random.usize(..8)).map(|_| ALPHABET[random.usize(..ALPHABET.len())]).collect()
}

fn bytes(random: &mut Rng) -> Vec<u8> {
    (0..random.usize(..10)).map(|_| random.u8(..)).collect()
}

/// Up to 38 digits, of any magnitude that there is.
fn number(random: &mut Rng) -> Number {
    let digits: String = (0..random.usize(1..=38)).map(|_| char::from(b'0' + random.u8(..10))).collect();
    let sign = ["", "-"][random.usize(..2)];
    let (first, rest) = digits.split_at(1);
    let exponent = random.i32(-130..=125);
    // Zero is allowed no exponent as large as the others.
    let exponent = if digits.bytes().all(|digit| digit == b'0') { 0 } else { exponent };
    Number::parse(&format!("{sign}{first}.{rest}e{exponent}")).or_else(|_| Number::parse(&digits)).expect("a number")
}
