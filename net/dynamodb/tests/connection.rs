//! A connection's life: order of answers, keep-alive, closing, back pressure, packed answers.

mod door;

use auth::Verifier;
use door::{Door, parse_answers, post};
use dynamodb::RequestId;
use dynamodb::limits::PIPELINE_COUNT_MAX;
use model::Error;
use model::operation::{ListTablesReply, Reply};

fn door() -> Door {
    Door::new(Verifier::open())
}

#[test]
fn answers_leave_in_the_order_of_the_requests() {
    let mut door = door();
    let get = b"GET / HTTP/1.1\r\n\r\n".to_vec();
    let stream = [post("ListTables", "{}"), get, post("ListTables", "{"), post("ListTables", "{}")].concat();
    let mut calls = door.receive(&stream);
    assert_eq!(calls.len(), 2);
    assert!(door.out.is_empty(), "the first call is under way");
    let (last, first) = (calls.pop().unwrap(), calls.pop().unwrap());
    let ids: Vec<RequestId> = vec![first.ticket.request_id(), last.ticket.request_id()];
    let reply = Reply::ListTables(ListTablesReply::default());
    door.connection.answer(last.ticket, Ok(&reply), &mut door.codec, &mut door.out);
    assert!(door.out.is_empty());
    let error = Error::resource_not_found();
    door.connection.answer(first.ticket, Err(&error), &mut door.codec, &mut door.out);
    let answers = door.answers();
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [400, 200, 400, 200]);
    assert_eq!(
        answers[0].text(),
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"}"#
    );
    assert_eq!(answers[3].text(), r#"{"TableNames":[]}"#);
    let sent: Vec<&str> = answers.iter().filter_map(|answer| answer.header("x-amzn-RequestId")).collect();
    assert_eq!(sent.len(), 4);
    assert_eq!([sent[0], sent[3]], [ids[0].to_string().as_str(), ids[1].to_string().as_str()]);
    assert!(door.connection.is_idle() && !door.connection.is_finished());
}

#[test]
fn a_connection_closes_when_the_client_says_so() {
    let check = |head: &str, expect_header: Option<&str>, expect_finished: bool| {
        let mut door = door();
        let lines = "X-Amz-Target: DynamoDB_20120810.ListTables\r\nContent-Type: application/x-amz-json-1.0\r\n";
        let request = format!("{head}\r\n{lines}Content-Length: 2\r\n\r\n{{}}");
        let call = door.receive(request.as_bytes()).pop().expect("a call");
        assert!(!door.connection.is_finished(), "a call is under way");
        door.answer(call);
        assert_eq!(door.connection.is_finished(), expect_finished, "{head}");
        assert_eq!(door.answers()[0].header("Connection"), expect_header, "{head}");
        assert_eq!(door.receive(request.as_bytes()).len(), usize::from(!expect_finished), "{head}");
    };
    check("POST / HTTP/1.1", None, false);
    check("POST / HTTP/1.1\r\nConnection: close", Some("close"), true);
    check("POST / HTTP/1.0", Some("close"), true);
    check("POST / HTTP/1.0\r\nConnection: keep-alive", Some("keep-alive"), false);
}

#[test]
fn garbage_behind_a_call_is_told_after_the_answer() {
    let mut door = door();
    let call = door.receive(&[post("ListTables", "{}"), b"garbage\r\n\r\n".to_vec()].concat()).pop().expect("a call");
    assert!(door.out.is_empty() && !door.connection.is_finished());
    door.answer(call);
    let answers = door.answers();
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200, 400]);
    assert_eq!(answers[1].header("Connection"), Some("close"));
    assert!(door.connection.is_finished());
}

#[test]
fn a_full_pipeline_holds_requests_back() {
    let mut door = door();
    let stream = post("ListTables", "{}").repeat(PIPELINE_COUNT_MAX + 700);
    let mut calls = door.receive(&stream);
    assert_eq!(calls.len(), PIPELINE_COUNT_MAX);
    assert!(!door.connection.wants_bytes(), "what is held back is much already");
    let mut answered = 0;
    while let Some(call) = (!calls.is_empty()).then(|| calls.remove(0)) {
        door.answer(call);
        answered += 1;
        while let Some(call) = door.connection.next_call(&mut door.codec, &mut door.out) {
            calls.push(call);
        }
    }
    assert_eq!(answered, PIPELINE_COUNT_MAX + 700);
    assert!(door.connection.wants_bytes() && door.connection.is_idle());
    assert_eq!(door.answers().len(), answered);
}

#[test]
fn whoever_asks_has_a_say_between_long_bodies_that_are_refused() {
    let mut door = door();
    let refused = post("ListTables", "[".repeat(600_000));
    door.connection.receive(&[refused.repeat(3), post("ListTables", "{}")].concat());
    let mut ask = || {
        let call = door.connection.next_call(&mut door.codec, &mut door.out);
        // What is refused is counted with what refuses it.
        let written = door.out.split();
        (call.is_some(), door.connection.take_examined_bytes() - written.len(), parse_answers(&written).len())
    };
    assert_eq!(ask(), (false, 1_200_000, 2));
    assert_eq!(ask(), (true, 600_002, 1));
    assert_eq!(ask(), (false, 0, 0));
}

#[test]
fn the_wish_to_continue_is_granted_in_order() {
    let mut door = door();
    let head = "POST / HTTP/1.1\r\nX-Amz-Target: DynamoDB_20120810.ListTables\r\nExpect: 100-continue\r\n\
                Content-Type: application/x-amz-json-1.0\r\nContent-Length: 2\r\n\r\n";
    let first = door.receive(&post("ListTables", "{}")).pop().expect("a call");
    assert!(door.receive(head.as_bytes()).is_empty());
    assert!(door.out.is_empty(), "the first call is under way");
    door.answer(first);
    assert!(door.out.ends_with(b"HTTP/1.1 100 Continue\r\n\r\n"));
    let second = door.receive(b"{}").pop().expect("a call");
    door.answer(second);
    assert_eq!(door.answers().iter().map(|answer| answer.status).collect::<Vec<_>>(), [200, 100, 200]);
}

#[test]
fn large_answers_are_packed_for_who_accepts_it() {
    let names: Vec<model::Text> = (0..200).map(|table| format!("a-table-with-a-long-name-{table}").into()).collect();
    let reply = Reply::ListTables(ListTablesReply { table_names: names, last_evaluated_table_name: None });
    let mut bodies = Vec::new();
    for line in ["", "Accept-Encoding: gzip\r\n"] {
        let mut door = door();
        let request = String::from_utf8(post("ListTables", "{}")).expect("text");
        let request = request.replacen("\r\n", &format!("\r\n{line}"), 1);
        let call = door.receive(request.as_bytes()).pop().expect("a call");
        door.connection.answer(call.ticket, Ok(&reply), &mut door.codec, &mut door.out);
        let answer = door.answers().remove(0);
        let mut body = answer.body.clone();
        if answer.header("Content-Encoding") == Some("gzip") {
            body.clear();
            std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&answer.body[..]), &mut body).expect("gzip");
        }
        bodies.push((answer.header("Content-Encoding").is_some(), body));
    }
    assert_eq!((bodies[0].0, bodies[1].0), (false, true));
    assert_eq!(bodies[0].1, bodies[1].1);
}

#[test]
fn the_date_is_the_callers() {
    let mut door = door();
    door.codec.set_time(784_111_777);
    door.receive(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(door.answers()[0].header("Date"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
}
