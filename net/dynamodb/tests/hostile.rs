//! Bytes that nobody should send: answered, refused or dropped, and never a panic.

mod door;

use door::{Door, call, post, serialization};
use fastrand::Rng;
use model::operation::{Attributes, PutItem, Request};

const PUT: &str = r#"{"TableName":"abc","Item":{"pk":{"S":"é😀"},"n":{"N":"1.5"},"l":{"L":[{"BOOL":true},{"NULL":true},{"B":"AQI="}]},"m":{"M":{"x":{"SS":["a","b"]}}}},"ReturnValues":"ALL_OLD","Unknown":[1e5,-0.5,{"a":null}]}"#;

#[test]
fn every_truncation_is_refused() {
    assert!(call("PutItem", PUT).is_ok());
    for length in 1..PUT.len() {
        assert_eq!(call("PutItem", &PUT.as_bytes()[..length]), Err(serialization("")), "{length} bytes");
    }
}

#[test]
fn text_that_is_not_utf_8_is_refused() {
    for position in 0..PUT.len() {
        let mut body = PUT.as_bytes().to_vec();
        body[position] = 0xff;
        assert_eq!(call("PutItem", &body), Err(serialization("")), "at {position}");
    }
    // Overlong, surrogate, beyond Unicode, cut off.
    for bytes in [&b"\xc0\x80"[..], b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"] {
        let body = [br#"{"TableName":""#, bytes, br#""}"#].concat();
        assert_eq!(call("DescribeTable", body), Err(serialization("")), "{bytes:?}");
    }
}

#[test]
fn lone_surrogates_are_refused() {
    for escape in [r"\ud800", r"\udc00", r"\ud800x", r"\ud800\ud800", r"\ud83d\n", r"\uD83", r"\u00g0", r"\x", r"\"] {
        for body in [
            format!(r#"{{"TableName":"{escape}"}}"#),
            format!(r#"{{"Item":{{"{escape}":{{"S":"a"}}}}}}"#),
            format!(r#"{{"Item":{{"a":{{"S":"{escape}"}}}}}}"#),
        ] {
            assert_eq!(call("PutItem", &body), Err(serialization("")), "{body}");
        }
    }
    assert!(call("PutItem", r#"{"TableName":"\ud83d\ude00"}"#).is_ok());
}

#[test]
fn nesting_ends_somewhere() {
    for levels in [40, 64, 1000, 100_000] {
        for (open, close) in [(r#"{"L":["#, "]}"), (r#"{"M":{"a":"#, "}}")] {
            let value = [open.repeat(levels), r#"{"S":"x"}"#.into(), close.repeat(levels)].concat();
            let got = call("PutItem", format!(r#"{{"Item":{{"a":{value}}}}}"#));
            match got {
                Ok(Request::PutItem(PutItem { item: Attributes::Invalid(_), .. })) => assert!(levels < 64),
                Err(body) => assert_eq!((body, levels >= 64), (serialization(""), true)),
                other => panic!("{levels} levels: {other:?}"),
            }
        }
        // Where nothing asks for it, depth costs nothing.
        let deep = ["[".repeat(levels), "]".repeat(levels)].concat();
        assert!(call("PutItem", format!(r#"{{"Unknown":{deep},"Expected":{{"a":{{"Unknown":{deep}}}}}}}"#)).is_ok());
        assert_eq!(call("PutItem", "[".repeat(levels)), Err(serialization("")));
    }
}

#[test]
fn huge_numbers() {
    let digits = "9".repeat(100_000);
    for body in [format!(r#"{{"Limit":{digits}}}"#), format!(r#"{{"Limit":-{digits}.5}}"#), r#"{"Limit":1e999}"#.into()]
    {
        assert_eq!(call("Scan", &body), Err(serialization("")));
    }
    assert!(call("Scan", r#"{"Limit":1e300}"#).is_ok());
    assert!(call("Scan", r#"{"Limit":0.000000000000000000000000000000000000001}"#).is_ok());
    let overflow = call("PutItem", format!(r#"{{"Item":{{"a":{{"N":"{digits}"}}}}}}"#));
    assert!(matches!(overflow, Ok(Request::PutItem(PutItem { item: Attributes::Invalid(_), .. }))));
    let exponent = call("PutItem", format!(r#"{{"Item":{{"a":{{"N":"1e{digits}"}}}}}}"#));
    assert!(matches!(exponent, Ok(Request::PutItem(PutItem { item: Attributes::Invalid(_), .. }))));
}

#[test]
fn lists_longer_than_anything_allows_are_not_kept() {
    let keys = r#"{"pk":{"S":"x"}},"#.repeat(200_000);
    let Ok(Request::BatchGetItem(request)) =
        call("BatchGetItem", format!(r#"{{"RequestItems":{{"abc":{{"Keys":[{}]}}}}}}"#, keys.trim_end_matches(',')))
    else {
        panic!("it is read");
    };
    let kept = request.request_items.as_ref().and_then(|tables| tables[0].1.keys.as_ref()).map_or(0, Vec::len);
    assert!((101..=65_536).contains(&kept), "{kept}: enough to be refused, not enough to hurt");
}

#[test]
fn random_bodies_never_panic() {
    let seed = 7;
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    let operations = [
        "PutItem",
        "GetItem",
        "DeleteItem",
        "Query",
        "Scan",
        "BatchGetItem",
        "BatchWriteItem",
        "CreateTable",
        "ListTables",
        "UpdateItem",
    ];
    let words = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "null",
        "true",
        "1",
        "-1.5e3",
        r#""TableName""#,
        r#""Item""#,
        r#""Key""#,
        r#""RequestItems""#,
        r#""Keys""#,
        r#""S""#,
        r#""N""#,
        r#""L""#,
        r#""M""#,
        r#""SS""#,
        r#""B""#,
        r#""x""#,
        r#""\ud800""#,
        r#"{"S":"a"}"#,
        r#"{"L":[{"N":"1"}]}"#,
        r#"{"Item":{"a":{"#,
        "\u{0}",
        " ",
    ];
    for _ in 0..30_000 {
        let body: String = (0..random.usize(..24)).map(|_| words[random.usize(..words.len())]).collect();
        let _ = call(operations[random.usize(..operations.len())], body);
    }
    // Bodies that are nearly right.
    for _ in 0..30_000 {
        let mut body = PUT.as_bytes().to_vec();
        for _ in 0..random.usize(1..4) {
            let position = random.usize(..body.len());
            match random.u8(..3) {
                0 => body[position] = random.u8(..),
                1 => drop(body.remove(position)),
                _ => body.insert(position, b"{}[]\",:\\0"[random.usize(..9)]),
            }
        }
        let _ = call("PutItem", body);
    }
}

#[test]
fn random_streams_never_panic() {
    let seed = 13;
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    let good = [
        post("PutItem", PUT),
        post("ListTables", "{}"),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"OPTIONS / HTTP/1.1\r\nOrigin: x\r\n\r\n".to_vec(),
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\n\r\n\
          3\r\nabc\r\n0\r\n\r\n"
            .to_vec(),
    ];
    for _ in 0..5_000 {
        let mut stream: Vec<u8> =
            (0..random.usize(1..5)).flat_map(|_| good[random.usize(..good.len())].clone()).collect();
        for _ in 0..random.usize(..4) {
            let position = random.usize(..stream.len());
            stream[position] = random.u8(..);
        }
        let mut door = Door::new(door::verifier());
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let (piece, next) = rest.split_at(random.usize(1..=rest.len()));
            for call in door.receive(piece) {
                door.answer(call);
            }
            rest = next;
        }
        assert!(door.connection.is_finished() || door.connection.wants_bytes());
    }
}

/// Each of these is answered with as much as it brings, and none is a call: whoever asks for calls would not have a say for megabytes.
#[test]
fn refusals_leave_others_a_turn() {
    let line = format!("Authorization: AWS4-{}\r\n", "x".repeat(12_000));
    let refused =
        format!("POST / HTTP/1.1\r\nX-Amz-Target: DynamoDB_20120810.ListTables\r\n{line}Content-Length: 0\r\n\r\n");
    let mut door = Door::new(door::verifier());
    door.connection.receive(refused.repeat(250).as_bytes());
    let mut turns = 0;
    while door.connection.received_bytes() > 0 {
        assert!(door.connection.next_call(&mut door.codec, &mut door.out).is_none());
        let written = door.out.split().len();
        assert!(written > 0 && written < (1 << 20) + 32_000, "{written} bytes in one turn");
        assert!(door.connection.take_examined_bytes() > 0, "there may be more");
        turns += 1;
    }
    assert!(turns > 2, "{turns}");
}
