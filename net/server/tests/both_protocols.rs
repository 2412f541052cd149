//! The same request over HTTP and over the binary protocol gives the same answer.
//!
//! Random requests of all data operations with all of their parameters, right and wrong ones: first through the codecs
//! alone, then to a running node, where each protocol has tables of its own that have seen the same requests.

mod codecs;
mod node;
mod requests;

use codecs::{Http, Wire};
use fastrand::Rng;
use node::Node;
use requests::{OPERATIONS, TABLES, create_table, request};
use wire::EncodeError;

/// What the names of HTTP's tables begin with, and those of the binary protocol's. As long as each other: names count for
/// nothing that is measured.
const PREFIXES: [&str; 2] = ["http-", "wire-"];

#[test]
fn requests_are_the_same_through_both_codecs() {
    let (mut http, mut wire) = (Http::new(), Wire::open());
    let (mut carried_count, mut invalid_count) = (0, 0);
    for seed in 0..20_000 {
        let (operation, body) = request(&mut Rng::with_seed(seed), PREFIXES[0]);
        let request = http.decode(operation, body.as_bytes()).unwrap_or_else(|refused| panic!("{refused}: {body}"));
        assert_eq!(request.name(), operation, "seed {seed}");
        match wire.request(&request) {
            Ok(read) => {
                assert_eq!(read, request, "seed {seed}: {operation} {body}");
                carried_count += 1;
            }
            // A value that no attribute can have has no encoding: the client is told before anything is sent.
            Err(EncodeError::Invalid(_)) => invalid_count += 1,
            Err(other) => panic!("seed {seed}: {operation} {body}: {other}"),
        }
    }
    assert!(carried_count > 10_000 && invalid_count > 100, "{carried_count} carried, {invalid_count} invalid");
}

#[test]
fn answers_are_the_same_over_both_protocols() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path());
    let (mut http, mut wire) = (node.http(), node.wire());
    for prefix in PREFIXES {
        for table in TABLES {
            let created = http.call("CreateTable", &create_table(&format!("{prefix}{table}")));
            assert!(created.contains("\"TableStatus\":\"ACTIVE\"") || created.contains("CREATING"), "{created}");
        }
    }
    let mut codec = Http::new();
    let mut success_counts = [0; OPERATIONS.len()];
    let seed = 20_120_810;
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    for number in 0..4_000 {
        let (operation, body) = request(&mut random, PREFIXES[0]);
        let answer = http.call(operation, &body);
        let same_body = body.replace(PREFIXES[0], PREFIXES[1]);
        let request = codec.decode(operation, same_body.as_bytes()).expect("the right types");
        match wire.call(&request) {
            Ok(outcome) => {
                let same = codec.encode(outcome.as_ref()).replace(PREFIXES[1], PREFIXES[0]);
                assert_eq!(same, answer, "request {number}: {operation} {body}");
            }
            Err(EncodeError::Invalid(_)) => assert!(answer.contains("Exception"), "{operation} {body}: {answer}"),
            Err(other) => panic!("request {number}: {operation} {body}: {other}"),
        }
        let place = OPERATIONS.iter().position(|known| *known == operation).expect("it is one of them");
        success_counts[place] += usize::from(!answer.contains("Exception"));
    }
    println!("succeeded: {success_counts:?} of {OPERATIONS:?}");
    assert!(success_counts.iter().all(|count| *count > 5), "{success_counts:?} of {OPERATIONS:?}");
    // Both have had the same effects.
    for table in TABLES {
        let [left, right] = PREFIXES.map(|prefix| {
            let body = format!(r#"{{"TableName":"{prefix}{table}","ConsistentRead":true}}"#);
            http.call("Scan", &body).replace(prefix, "")
        });
        assert_eq!(left, right, "{table}");
    }
}
