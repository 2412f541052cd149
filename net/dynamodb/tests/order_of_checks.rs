//! What a request with faults is told: bytes in, bytes out, for every rule of the order of checks.

mod door;

use std::io::Write;

use auth::{Credentials, Message, Scope, Signer, Verifier, time_text};
use door::{Answer, Door, post, serialization};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use model::operation::Request;

const NOW_S: u64 = 1_440_938_160;
const TABLE: &str = r#"{"TableName":"abc"}"#;
const NOT_FOUND: &str = "<UnknownOperationException/>\n";
const UNKNOWN_OPERATION: &str = r#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#;
const MISSING_TOKEN: &str = r#"{"__type":"com.amazon.coral.service#MissingAuthenticationTokenException","message":"Request is missing Authentication Token"}"#;
const AMZ_JSON: &str = "Content-Type: application/x-amz-json-1.0\r\n";

/// A request from its method, header lines and body.
fn request(method: &str, lines: &str, body: &str) -> Vec<u8> {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{method} / HTTP/1.1\r\n{lines}{length}\r\n{body}").into_bytes()
}

/// Sends a request in one piece, byte by byte, and in two pieces split anywhere: always the same one answer.
fn answer(verifier: impl Fn() -> Verifier, bytes: &[u8]) -> Answer {
    let run = |pieces: &[&[u8]]| {
        let mut door = Door::new(verifier());
        door.codec.set_time(NOW_S);
        for piece in pieces {
            for call in door.receive(piece) {
                door.answer(call);
            }
        }
        door.out.to_vec()
    };
    let whole = run(&[bytes]);
    assert_eq!(run(&bytes.chunks(1).collect::<Vec<_>>()), whole, "byte by byte");
    for split in 1..bytes.len() {
        assert_eq!(run(&[&bytes[..split], &bytes[split..]]), whole, "split at {split}");
    }
    let mut answers = door::parse_answers(&whole);
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers.remove(0)
}

fn check(method: &str, lines: &str, body: &str, expect: (u16, &str)) -> Answer {
    let got = answer(Verifier::open, &request(method, lines, body));
    assert_eq!((got.status, got.text()), expect, "{method} {lines:?} {body:?}");
    let id = got.header("x-amzn-RequestId").expect("an id on every answer");
    assert!(id.len() == 52 && id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()), "{id}");
    got
}

#[test]
fn health() {
    for (lines, body) in [("", ""), (AMZ_JSON, "{"), ("X-Amz-Target: DynamoDB_20120810.GetItem\r\n", "")] {
        let got = check("GET", lines, body, (200, "healthy: dynamodb.us-east-1.amazonaws.com "));
        assert_eq!((got.header("x-amz-crc32"), got.header("Content-Length")), (Some("3128867991"), Some("42")));
        assert_eq!(got.header("Content-Type"), None);
    }
}

#[test]
fn methods_and_content_types() {
    for method in ["PUT", "DELETE", "OPTIONS", "PATCH"] {
        check(method, "", "", (404, NOT_FOUND));
        check(method, AMZ_JSON, TABLE, (404, NOT_FOUND));
    }
    for lines in [
        "",
        "Content-Type: whatever\r\n",
        "Content-Type: application/x-amz-json-1.1\r\n",
        "Content-Type: application/jsonasdf\r\n",
    ] {
        let got = check("POST", lines, "hi", (404, NOT_FOUND));
        assert_eq!((got.header("x-amz-crc32"), got.header("Content-Length")), (Some("3552371480"), Some("29")));
    }
}

#[test]
fn a_head_request_gets_a_head_only() {
    let mut door = Door::new(Verifier::open());
    assert!(door.receive(&request("HEAD", "", "")).is_empty());
    let out = String::from_utf8(door.out.to_vec()).expect("text");
    assert!(out.starts_with("HTTP/1.1 404 Not Found\r\n") && out.ends_with("\r\n\r\n"), "{out}");
    assert!(out.contains("Content-Length:         29\r\n"), "{out}");
}

#[test]
fn cross_origin() {
    let origin = "Origin: whatever\r\n";
    let got = check("POST", origin, "", (400, UNKNOWN_OPERATION));
    assert_eq!(got.header("Access-Control-Allow-Origin"), Some("*"));
    assert!(got.header("Access-Control-Expose-Headers").is_some_and(|names| names.contains("x-amz-crc32")));
    assert_eq!(check("POST", "", "", (400, UNKNOWN_OPERATION)).header("Access-Control-Allow-Origin"), None);
    let got = check("GET", origin, "", (200, "healthy: dynamodb.us-east-1.amazonaws.com "));
    assert_eq!(got.header("Access-Control-Allow-Origin"), Some("*"));
    assert!(got.header("Access-Control-Expose-Headers").is_some_and(|names| names.contains("x-amz-crc32")));
    let got = check("OPTIONS", origin, "", (200, ""));
    assert_eq!(got.header("Access-Control-Max-Age"), Some("172800"));
    assert_eq!((got.header("Access-Control-Allow-Headers"), got.header("Access-Control-Allow-Methods")), (None, None));
    let lines = format!(
        "{origin}Access-Control-Request-Headers: a, b, c\r\nAccess-Control-Request-Method: d\r\nConnection: close\r\n"
    );
    let got = check("OPTIONS", &lines, "", (200, ""));
    assert_eq!(got.header("Access-Control-Allow-Origin"), Some("*"));
    assert!(got.header("Access-Control-Expose-Headers").is_some_and(|names| names.contains("x-amz-crc32")));
    assert_eq!(got.header("Access-Control-Allow-Headers"), Some("a, b, c"));
    assert_eq!(got.header("Access-Control-Allow-Methods"), Some("d"));
    assert_eq!(got.header("Content-Length"), Some("0"));
}

#[test]
fn json_comes_before_the_target() {
    let no_json = serialization("");
    for (content_type, expect) in [
        ("application/json", "application/json"),
        ("application/json;", "application/json"),
        ("  application/json  ;   asfd", "application/json"),
        ("application/json;charset=asfdsaf", "application/json"),
        ("application/x-amz-json-1.0", "application/x-amz-json-1.0"),
        ("application/x-amz-json-1.0;blahblah", "application/x-amz-json-1.0"),
    ] {
        let lines = format!("Content-Type: {content_type}\r\n");
        let got = check("POST", &lines, "hi", (400, &no_json));
        assert_eq!(got.header("Content-Type"), Some(expect));
        assert_eq!(got.header("x-amz-crc32"), Some("3948637019"));
        let got = check("POST", &lines, "{}", (400, UNKNOWN_OPERATION));
        assert_eq!(got.header("Content-Type"), Some(expect));
        assert_eq!(got.header("x-amz-crc32"), Some("1368724161"));
    }
    for body in ["{", "{}{}", "[1,]", "\u{0}", "{\"a\":01}", "{\"TableName\":\"abc\"} x"] {
        check("POST", AMZ_JSON, body, (400, &no_json));
        let lines = format!("{AMZ_JSON}X-Amz-Target: DynamoDB_20120810.DescribeTable\r\n");
        check("POST", &lines, body, (400, &no_json));
        let lines = format!("{AMZ_JSON}X-Amz-Target: DynamoDB_20120810.TransactWriteItems\r\n");
        check("POST", &lines, body, (400, &no_json));
    }
}

#[test]
fn targets() {
    let target = |target: &str| format!("{AMZ_JSON}X-Amz-Target: {target}\r\n");
    for unknown in [
        "whatever",
        "DynamoDB_20120810",
        "DynamoDB_20120810.",
        "DynamoDB_20120810.ListTable",
        "DynamoDB_20120810.listTables",
        "DynamoDB_20111205.ListTables",
        "DynamoDB_20120810.GetRecords",
        "DynamoDBStreams_20120810.GetItem",
        "DynamoDB_20120810.ListTables.x",
    ] {
        check("POST", &target(unknown), "{}", (400, UNKNOWN_OPERATION));
        check("POST", &target(unknown), "", (400, UNKNOWN_OPERATION));
    }
    for (service, name) in [
        ("DynamoDB_20120810", "TransactWriteItems"),
        ("DynamoDB_20120810", "SearchVectors"),
        ("DynamoDB_20120810", "TransactWriteItems"),
        ("DynamoDBStreams_20120810", "GetRecords"),
    ] {
        let body = format!(
            r#"{{"__type":"com.amazon.coral.service#UnknownOperationException","message":"The operation {name} is not supported yet"}}"#
        );
        check("POST", &target(&format!("{service}.{name}")), "{}", (400, &body));
    }
    check("POST", &target("DynamoDB_20120810.ListTables"), "", (400, &serialization("")));
}

#[test]
fn credentials_come_after_the_target_and_before_the_types() {
    let check = |lines: &str, body: &str, expect: (u16, &str)| {
        let got = answer(door::verifier, &request("POST", &format!("{AMZ_JSON}{lines}"), body));
        assert_eq!((got.status, got.text()), expect, "{lines:?} {body:?}");
    };
    check("", "{}", (400, UNKNOWN_OPERATION));
    let target = "X-Amz-Target: DynamoDB_20120810.ListTables\r\n";
    check(target, "{", (400, &serialization("")));
    check(target, "", (400, MISSING_TOKEN));
    check(target, r#"{"Limit":"x"}"#, (400, MISSING_TOKEN));
    let wrong_types = r#"{"Limit":"x"}"#;
    let signed = signed(target, wrong_types);
    check(&signed, wrong_types, (400, &serialization("STRING_VALUE cannot be converted to Integer")));
    let got = answer(door::verifier, &request("POST", &format!("{AMZ_JSON}{signed}"), r#"{"Limit":"y"}"#));
    let refusal =
        r#"{"__type":"com.amazon.coral.service#InvalidSignatureException","message":"The request signature we"#;
    assert!(got.status == 400 && got.text().starts_with(refusal), "{}", got.text());
    let not_built = "X-Amz-Target: DynamoDB_20120810.TransactWriteItems\r\n";
    check(not_built, "{}", (400, MISSING_TOKEN));
}

/// A call's lines with those that sign it.
fn signed(target: &str, body: &str) -> String {
    let time = time_text(NOW_S);
    let lines = format!("Host: localhost\r\n{target}X-Amz-Date: {time}\r\n");
    let message = Message { method: "POST", target: b"/", headers: lines.as_bytes(), body: body.as_bytes() };
    let scope = Scope { region: "us-east-1", service: "dynamodb" };
    let mut signer = Signer::new(&Credentials::new("AKID", "secret"), scope, &time);
    format!("{lines}Authorization: {}\r\n", signer.authorization(&message))
}

fn packed(encoding: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST / HTTP/1.1\r\n{AMZ_JSON}X-Amz-Target: DynamoDB_20120810.DescribeTable\r\n\
         Content-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn packed_bodies() {
    let gzip = |body: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).expect("memory");
        encoder.finish().expect("memory")
    };
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::fast());
    deflate.write_all(TABLE.as_bytes()).expect("memory");
    let in_two = [gzip(&TABLE.as_bytes()[..5]), gzip(&TABLE.as_bytes()[5..])].concat();
    for bytes in [
        packed("gzip", &gzip(TABLE.as_bytes())),
        packed("gzip", &in_two),
        packed("deflate", &deflate.finish().expect("memory")),
    ] {
        let mut door = Door::new(Verifier::open());
        let calls = door.receive(&bytes);
        assert!(matches!(&calls[0].request, Request::DescribeTable(request) if
            request.table_name.as_deref() == Some("abc")));
    }
    let got = answer(Verifier::open, &packed("gzip", TABLE.as_bytes()));
    assert_eq!(got.status, 500);
    assert!(got.text().starts_with(r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError""#));
    let mut door = Door::new(Verifier::open());
    let bomb = gzip(&vec![b' '; 16 * 1024 * 1024 + 1]);
    assert!(door.receive(&packed("gzip", &bomb)).is_empty());
    assert_eq!(door.answers()[0].status, 413);
    assert!(door.connection.is_finished());
}

#[test]
fn a_body_too_large_closes_the_connection() {
    let mut door = Door::new(Verifier::open());
    door.receive(b"POST / HTTP/1.1\r\nContent-Length: 16777217\r\n\r\n");
    let answers = door.answers();
    assert_eq!((answers[0].status, answers[0].header("Transfer-Encoding")), (413, Some("chunked")));
    assert_eq!((answers[0].header("x-amzn-RequestId"), answers[0].header("Connection")), (None, Some("close")));
    assert!(door.connection.is_finished() && !door.connection.wants_bytes());
    assert!(door.receive(&post("ListTables", "{}")).is_empty());
    // The largest that is allowed.
    let body = [b"{\"TableName\":\"abc\"}".as_slice(), &vec![b' '; 16 * 1024 * 1024 - 19]].concat();
    let mut door = Door::new(Verifier::open());
    assert_eq!(door.receive(&post("DescribeTable", &body)).len(), 1);
}
