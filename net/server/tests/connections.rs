//! Connections of clients that ask for much at once, break the protocol, or are there when the node stops.

mod codecs;
mod node;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::mpsc;

use bytes::BytesMut;
use codecs::{Http, body_of_answer, post};
use model::operation::Request;
use node::{Node, WireConnection};
use wire::client::{self, Incoming};
use wire::{Goodbye, GoodbyeReason, Kind, RequestId};

/// Keys of great items: all of them together are more than the kernel keeps for a client that does not read.
const KEYS: std::ops::Range<u32> = 10..40;

fn table(name: &str) -> String {
    format!(
        r#"{{"TableName":"{name}","AttributeDefinitions":[{{"AttributeName":"k","AttributeType":"S"}}],
           "KeySchema":[{{"AttributeName":"k","KeyType":"HASH"}}],"BillingMode":"PAY_PER_REQUEST"}}"#
    )
}

/// A node with a table of many pages.
fn node_with_pages(directory: &std::path::Path) -> Node {
    with_pages(Node::start(directory))
}

fn with_pages(node: Node) -> Node {
    let mut http = node.http();
    http.call("CreateTable", &table("pages"));
    let value = "x".repeat(390_000);
    for key in KEYS {
        let item = format!(r#"{{"TableName":"pages","Item":{{"k":{{"S":"{key}"}},"v":{{"S":"{value}"}}}}}}"#);
        assert_eq!(http.call("PutItem", &item), "{}");
    }
    node
}

fn send_scans(wire: &mut WireConnection, count: u64) {
    let scan = Http::new().decode("Scan", br#"{"TableName":"pages"}"#).expect("a scan");
    wire.send(&(0..count).flat_map(|number| encoded(number, &scan)).collect::<Vec<u8>>());
}

fn encoded(number: u64, request: &Request) -> BytesMut {
    let mut out = BytesMut::new();
    client::encode_request(RequestId(number), request, &mut out).expect("it can be sent");
    out
}

/// A frame of request 7 without a payload.
fn header(kind: Kind) -> Vec<u8> {
    [&[0; 4][..], &kind.0.to_le_bytes(), &[0; 2], &7u64.to_le_bytes()].concat()
}

fn is_page(message: &Incoming) -> bool {
    matches!(message, Incoming::Reply { result: Ok(_), .. })
}

/// One connection's requests for 200 pages became 200 MB of replies in one turn, all of them in memory.
#[test]
fn pages_are_made_as_they_are_taken() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = node_with_pages(directory.path());
    let mut wire = node.wire();
    let before = node.memory_bytes_peak();
    send_scans(&mut wire, 200);
    for number in 0..200 {
        assert!(is_page(&wire.next_message()), "reply {number}");
    }
    let grown_bytes = node.memory_bytes_peak() - before;
    println!("grown by {grown_bytes} bytes");
    assert!(grown_bytes < 100 << 20, "grown by {grown_bytes} bytes");
}

/// Items had been small: the replies to one client that then asked for thousands of large ones were made in one turn.
#[test]
fn large_items_are_read_as_they_are_taken_where_small_ones_were_expected() {
    const COUNT: u64 = 3_000;
    let directory = tempfile::tempdir().expect("a directory");
    let node = node_with_pages(directory.path());
    assert_eq!(node.http().call("PutItem", r#"{"TableName":"pages","Item":{"k":{"S":"small"}}}"#), "{}");
    let get = |key: &str| {
        let body = format!(r#"{{"TableName":"pages","Key":{{"k":{{"S":"{key}"}}}}}}"#);
        Http::new().decode("GetItem", body.as_bytes()).expect("a request")
    };
    let mut wire = node.wire();
    let mut ask = |count: u64, key: &str| {
        let request = get(key);
        wire.send(&(0..count).flat_map(|number| encoded(number, &request)).collect::<Vec<u8>>());
        for number in 0..count {
            assert!(is_page(&wire.next_message()), "reply {number}");
        }
    };
    ask(COUNT, "small");
    let before = node.memory_bytes_peak();
    ask(COUNT, &KEYS.start.to_string());
    let grown_bytes = node.memory_bytes_peak() - before;
    println!("grown by {grown_bytes} bytes");
    assert!(grown_bytes < 150 << 20, "grown by {grown_bytes} bytes");
}

/// Many times as many requests as a pipeline holds, of a client that has said all it has to say: none is lost.
#[test]
fn all_that_a_half_closed_client_has_asked_is_answered() {
    const COUNT: usize = 5_120;
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path());
    let mut stream = node.http().stream;
    // The answers fit into what the kernel keeps for a client that does not read yet.
    stream.write_all(&post("ListTables", b"{}").repeat(COUNT)).expect("the node listens");
    stream.shutdown(Shutdown::Write).expect("it is open");
    let mut received = Vec::new();
    stream.read_to_end(&mut received).expect("the node answers and closes");
    let mut rest = &received[..];
    for number in 0..COUNT {
        let (_, used) = body_of_answer(rest).unwrap_or_else(|| panic!("answer {number} is missing"));
        rest = &rest[used..];
    }
    assert!(rest.is_empty());
}

/// The server said goodbye once for each time it looked at a broken connection.
#[test]
fn nothing_follows_a_goodbye_of_the_server() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path());
    let mut wire = node.wire();
    wire.send(&[header(Kind::PING), header(Kind::WELCOME), header(Kind::PING)].concat());
    assert!(matches!(wire.next_message(), Incoming::Pong(RequestId(7))));
    match wire.next_message() {
        Incoming::Goodbye(goodbye) => assert_eq!(goodbye.reason, GoodbyeReason::UNEXPECTED_FRAME),
        other => panic!("{other:?}"),
    }
    assert!(wire.next_message_or_end().is_none());
}

/// What stood behind a client's goodbye was done.
#[test]
fn nothing_behind_a_goodbye_of_the_client_is_done() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path());
    let mut wire = node.wire();
    let mut out = BytesMut::new();
    client::encode_goodbye(&Goodbye::new(GoodbyeReason::DONE, ""), &mut out);
    let request = Http::new().decode("CreateTable", table("late").as_bytes()).expect("a request");
    out.extend_from_slice(&encoded(1, &request));
    wire.send(&out);
    assert!(wire.next_message_or_end().is_none());
    assert_eq!(node.http().call("ListTables", "{}"), r#"{"TableNames":[]}"#);
}

/// The process ended when all was answered, and took along what its clients had not yet taken of the answers.
#[test]
fn answers_are_sent_before_the_node_stops() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = node_with_pages(directory.path());
    let mut wire = node.wire();
    let keys: Vec<String> = KEYS.map(|key| format!(r#"{{"k":{{"S":"{key}"}}}}"#)).collect();
    let body = format!(r#"{{"RequestItems":{{"pages":{{"Keys":[{}]}}}}}}"#, keys.join(","));
    let get = Http::new().decode("BatchGetItem", body.as_bytes()).expect("a request");
    let mut out = [encoded(1, &get), encoded(2, &get)].concat();
    out.extend_from_slice(&header(Kind::PING));
    wire.send(&out);
    // Answered on the way: those before it are in flight.
    assert!(matches!(wire.next_message(), Incoming::Pong(_)));
    node.stop_accepting();
    for number in 0..2 {
        assert!(is_page(&wire.next_message()), "reply {number}");
    }
    match wire.next_message() {
        Incoming::Goodbye(goodbye) => assert_eq!(goodbye.reason, GoodbyeReason::SHUTTING_DOWN),
        other => panic!("{other:?}"),
    }
    assert!(wire.next_message_or_end().is_none());
}

/// Each client's replies waited in memory for as long as it did not read them.
#[test]
fn pages_of_all_clients_together_are_made_as_they_are_taken() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = node_with_pages(directory.path());
    let mut clients: Vec<WireConnection> = (0..24).map(|_| node.wire()).collect();
    let before = node.memory_bytes_peak();
    clients.iter_mut().for_each(|client| send_scans(client, 16));
    for client in &mut clients {
        for number in 0..16 {
            assert!(is_page(&client.next_message()), "reply {number}");
        }
    }
    let grown_bytes = node.memory_bytes_peak() - before;
    println!("grown by {grown_bytes} bytes");
    assert!(grown_bytes < 150 << 20, "grown by {grown_bytes} bytes");
}

/// The memory for replies was theirs for as long as they were connected, or everybody's.
#[test]
fn who_does_not_read_is_dropped_when_others_wait_for_its_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = with_pages(Node::start_with_memory(directory.path(), "64M"));
    let mut idle: Vec<WireConnection> = (0..24).map(|_| node.wire()).collect();
    idle.iter_mut().for_each(|client| send_scans(client, 16));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let mut reader = node.wire();
            send_scans(&mut reader, 16);
            scope.spawn(move || (0..16).for_each(|number| assert!(is_page(&reader.next_message()), "reply {number}")));
        }
        // Small replies do not wait for them.
        for _ in 0..10 {
            assert_eq!(node.http().call("ListTables", "{}"), r#"{"TableNames":["pages"]}"#);
        }
    });
    let is_dropped = |client: &mut WireConnection| {
        let mut messages = (0..16).map(|_| client.next_message_or_error());
        messages.any(|message| !matches!(message, Ok(Some(_))))
    };
    let dropped_count = idle.iter_mut().filter_map(|client| is_dropped(client).then_some(())).count();
    println!("{dropped_count} dropped, {} bytes at most", node.memory_bytes_peak());
    assert!(dropped_count > 0);
    assert!(node.memory_bytes_peak() < 160 << 20);
}

/// A request may be 16 MiB, and each client's was taken whatever the others had sent.
#[test]
fn large_requests_wait_for_each_other_and_all_are_answered() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path());
    let request = post("ListTables", format!("{{{}}}", " ".repeat(4 << 20)).as_bytes());
    let before = node.memory_bytes_peak();
    let answers = send_at_once(&node, 40, &request);
    assert!(answers.iter().all(|answer| answer == r#"{"TableNames":[]}"#));
    let grown_bytes = node.memory_bytes_peak() - before;
    println!("grown by {grown_bytes} bytes");
    assert!(grown_bytes < 150 << 20, "grown by {grown_bytes} bytes");
}

/// The same where the engine has less room for requests than is received.
#[test]
fn large_writes_wait_for_each_other_and_all_are_answered() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start_with_memory(directory.path(), "64M");
    node.http().call("CreateTable", &table("written"));
    let value = "x".repeat(390_000);
    let put = |key: usize| format!(r#"{{"PutRequest":{{"Item":{{"k":{{"S":"{key}"}},"v":{{"S":"{value}"}}}}}}}}"#);
    let puts: Vec<String> = (0..10).map(put).collect();
    let body = format!(r#"{{"RequestItems":{{"written":[{}]}}}}"#, puts.join(","));
    let answers = send_at_once(&node, 160, &post("BatchWriteItem", body.as_bytes()));
    let done_count = answers.iter().filter(|answer| *answer == r#"{"UnprocessedItems":{}}"#).count();
    println!("{done_count} done, {} bytes at most", node.memory_bytes_peak());
    let other = answers.iter().find(|answer| *answer != r#"{"UnprocessedItems":{}}"#);
    assert_eq!(other.map(|answer| &answer[..answer.len().min(200)]), None);
    assert!(node.memory_bytes_peak() < 300 << 20, "{} bytes", node.memory_bytes_peak());
}

/// The answers to one request of so many clients, each of which sends the last byte when others have sent what the node takes. Small requests
/// are answered meanwhile.
fn send_at_once(node: &Node, client_count: usize, request: &[u8]) -> Vec<String> {
    let (beginning, end) = request.split_at(request.len() - 1);
    std::thread::scope(|scope| {
        let (mut ends, mut clients) = (Vec::new(), Vec::new());
        for _ in 0..client_count {
            let (send_end, end_is_due) = mpsc::channel::<()>();
            ends.push(send_end);
            let mut stream = node.http().stream;
            clients.push(scope.spawn(move || {
                stream.write_all(beginning).expect("the node listens, in its own time");
                end_is_due.recv().expect("it is told");
                stream.write_all(end).expect("the node listens");
                let mut answer = [0; 1_000];
                let count = stream.read(&mut answer).expect("the node answers");
                let (body, _) = body_of_answer(&answer[..count]).expect("it is whole");
                String::from_utf8(body.to_vec()).expect("a body of text")
            }));
        }
        for _ in 0..200 {
            node.http().call("ListTables", "{}");
        }
        ends.drain(..).for_each(|send_end| send_end.send(()).expect("each waits, or will"));
        clients.into_iter().map(|client| client.join().expect("it is answered")).collect()
    })
}
