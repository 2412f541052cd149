//! The client against a server in the same process, over loopback: all goes well, and each thing that can go wrong.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)] // A test stops at what it did not expect; its numbers are small.

mod mock;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use client::operations::{
    Attributes, ConditionalWrite, CreateTable, DescribeEndpoints, ListTables, Query, Reply, Request, Scan, UpdateItem,
};
use client::{AttributeMap, Client, ClientOptions, ConnectionError, Credentials, Error, Pipeline, Text, Value};
use mock::{Fault, Mock, even_ranges, key_schema};
use model::{ErrorDetail, ErrorKind, Item, Number};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use wire::{GoodbyeReason, ProtocolError, RequestId};

fn key(number: usize) -> AttributeMap {
    let at = Number::parse(&number.to_string()).unwrap();
    BTreeMap::from([("id".to_owned(), Value::S(format!("id-{number}"))), ("at".to_owned(), Value::N(at))])
}

fn item(number: usize) -> AttributeMap {
    let mut item = key(number);
    item.insert("text".to_owned(), Value::S(format!("item {number}")));
    item
}

/// Impatient enough for tests of timeouts, patient enough for a busy machine.
fn options() -> ClientOptions {
    ClientOptions { backoff_min: Duration::from_millis(1), backoff_max: Duration::from_millis(5), ..Default::default() }
}

async fn connected(core_count: u16) -> (Mock, Client) {
    let mock = Mock::start(core_count).await;
    mock.add_table("things");
    let client = Client::connect_with(&mock.address(), options()).await.unwrap();
    (mock, client)
}

#[tokio::test]
async fn items_go_to_the_cores_that_own_them() {
    let (mock, client) = connected(3).await;
    for number in 0..60 {
        client.put("things", &item(number)).await.unwrap();
    }
    for number in 0..60 {
        assert_eq!(client.get("things", &key(number)).await.unwrap(), Some(item(number)));
    }
    client.delete("things", &key(7)).await.unwrap();
    assert_eq!(client.get("things", &key(7)).await.unwrap(), None);
    assert_eq!(mock.state.forwarded_count.load(Ordering::Relaxed), 0);
    assert_eq!(mock.state.map_count.load(Ordering::Relaxed), 1);
    assert_eq!(mock.state.connection_count.load(Ordering::Relaxed), 3);
    let counts = mock.state.request_counts.lock().unwrap().clone();
    assert!(counts.len() == 3 && counts.values().all(|count| *count > 10), "{counts:?}");
}

#[tokio::test]
async fn tables_and_pages() {
    let mock = Mock::start(2).await;
    let client = Client::connect(&mock.address()).await.unwrap();
    let created = client.create("new", &key_schema()).await.unwrap();
    assert_eq!(created.table.definition.name, "new");
    client.put("new", &item(1)).await.unwrap();
    let table_name = Some(Text::from("new"));
    let page = client.scan(Scan { table_name: table_name.clone(), ..Scan::default() }).await.unwrap();
    assert_eq!(page.items.unwrap()[0].to_value_map(), item(1));
    let values = BTreeMap::from([(":id".to_owned(), Value::S("id-1".to_owned()))]);
    let query = Query {
        table_name: table_name.clone(),
        key_condition_expression: Some(Text::from("id = :id")),
        expression_attribute_values: Attributes::Valid(Item::from_value_map(&values).unwrap()),
        scan_index_forward: true,
        ..Query::default()
    };
    assert_eq!(client.query(query).await.unwrap().count, 1);
    assert_eq!(client.list_tables(ListTables::default()).await.unwrap().table_names, [Text::from("new")]);
    client.delete_table(client::operations::DeleteTable { table_name }).await.unwrap();
    assert!(client.list_tables(ListTables::default()).await.unwrap().table_names.is_empty());
}

#[tokio::test]
async fn replies_in_any_order_find_their_callers() {
    let (mock, client) = connected(2).await;
    for number in 0..200 {
        client.put("things", &item(number)).await.unwrap();
    }
    let mut calls = JoinSet::new();
    for number in (0..200).chain(0..200) {
        let client = client.clone();
        calls.spawn(async move { (number, client.get("things", &key(number)).await.unwrap()) });
    }
    while let Some(done) = calls.join_next().await {
        let (number, found) = done.unwrap();
        assert_eq!(found, Some(item(number)));
    }
    assert!(mock.state.batch_max.load(Ordering::Relaxed) > 10, "requests do not pipeline");
}

#[tokio::test]
async fn no_more_in_flight_than_the_server_allows() {
    let mock = Mock::start(1).await;
    mock.add_table("things");
    mock.state.in_flight_max.store(4, Ordering::Relaxed);
    let client = Client::connect_with(&mock.address(), options()).await.unwrap();
    let mut calls = JoinSet::new();
    for number in 0..300 {
        let client = client.clone();
        calls.spawn(async move { client.put("things", &item(number)).await.unwrap() });
    }
    while let Some(done) = calls.join_next().await {
        done.unwrap();
    }
    let batch_max = mock.state.batch_max.load(Ordering::Relaxed);
    assert!((2..=4).contains(&batch_max), "{batch_max} at once");
}

#[tokio::test]
async fn a_stale_map_is_learnt_again() {
    let (mock, client) = connected(2).await;
    client.put("things", &item(1)).await.unwrap();
    let mut moved = even_ranges(2);
    moved.iter_mut().for_each(|range| range.core = 1 - range.core);
    *mock.state.ranges.lock().unwrap() = moved;
    // Until the client asks for the map again, each request is forwarded; and answered all the same.
    while mock.state.map_count.load(Ordering::Relaxed) < 2 {
        assert_eq!(client.get("things", &key(1)).await.unwrap(), Some(item(1)));
    }
    let mut streak = 0;
    while streak < 20 {
        let before = mock.state.forwarded_count.load(Ordering::Relaxed);
        client.get("things", &key(1)).await.unwrap();
        let is_forwarded = mock.state.forwarded_count.load(Ordering::Relaxed) > before;
        streak = if is_forwarded { 0 } else { streak + 1 };
    }
    assert_eq!(mock.state.map_count.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn updates_go_to_the_cores_that_own_them() {
    let (mock, client) = connected(3).await;
    client.put("things", &item(1)).await.unwrap();
    let update = |number, condition: Option<&str>| UpdateItem {
        table_name: Some(Text::from("things")),
        key: Attributes::Valid(Item::from_value_map(&key(number)).unwrap()),
        update_expression: Some(Text::from("REMOVE x")),
        conditional: ConditionalWrite {
            condition_expression: condition.map(Text::from),
            ..ConditionalWrite::default()
        },
        ..UpdateItem::default()
    };
    for number in 0..20 {
        let reply = client.update_item(update(number, None)).await.unwrap();
        assert_eq!(reply.attributes.is_some(), number == 1);
    }
    assert_eq!(mock.state.forwarded_count.load(Ordering::Relaxed), 0);
    match client.update_item(update(1, Some("attribute_exists(x)"))).await {
        Err(Error::Service(error)) => {
            let Some(ErrorDetail::Item(found)) = error.detail.as_deref() else { panic!("{error:?}") };
            assert_eq!((error.kind, found.to_value_map()), (ErrorKind::ConditionalCheckFailed, item(1)));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn errors_of_the_service_come_through() {
    let (_mock, client) = connected(1).await;
    let check = |result: Result<(), Error>, expect: ErrorKind| match result {
        Err(Error::Service(error)) => assert_eq!(error.kind, expect),
        other => panic!("{other:?}"),
    };
    check(client.put("nothing", &item(1)).await, ErrorKind::ResourceNotFound);
    let keyless = BTreeMap::from([("x".to_owned(), Value::Null)]);
    check(client.put("things", &keyless).await, ErrorKind::Validation);
    // Not legal at all: refused before it is sent.
    let nameless = BTreeMap::from([(String::new(), Value::Null)]);
    check(client.put("things", &nameless).await, ErrorKind::Validation);
    let refused = CreateTable { refused: Some("VectorIndexes"), ..CreateTable::default() };
    assert!(matches!(client.create_table(refused).await, Err(Error::Encode(_))));
    assert!(matches!(client.describe_endpoints(DescribeEndpoints::default()).await, Err(Error::WrongReply)));
    let mut large = item(1);
    large.insert("large".to_owned(), Value::B(vec![0; 2 << 20]));
    let result = client.put("things", &large).await;
    assert!(matches!(result, Err(Error::Encode(_) | Error::Service(_))), "{result:?}");
    client.put("things", &item(1)).await.unwrap();
}

#[tokio::test]
async fn a_lost_connection_is_told_and_made_again() {
    for fault in [Fault::Hangup, Fault::Garbage, Fault::WrongId] {
        let (mock, client) = connected(1).await;
        client.put("things", &item(1)).await.unwrap();
        mock.set_fault(fault);
        let lost = client.put("things", &item(2)).await;
        match (fault, lost) {
            (Fault::Hangup, Err(Error::Lost(ConnectionError::Closed | ConnectionError::Io(_)))) => {}
            (Fault::Garbage, Err(Error::Lost(ConnectionError::Protocol(ProtocolError::FrameTooLarge { .. })))) => {}
            (Fault::WrongId, Err(Error::Lost(ConnectionError::UnexpectedAnswer))) => {}
            (fault, lost) => panic!("{fault:?}: {lost:?}"),
        }
        mock.set_fault(Fault::None);
        client.put("things", &item(3)).await.unwrap();
        assert_eq!(client.get("things", &key(3)).await.unwrap(), Some(item(3)));
        assert!(mock.state.connection_count.load(Ordering::Relaxed) >= 2);
    }
}

#[tokio::test]
async fn a_server_that_restarts_is_found_again() {
    let (mock, client) = connected(2).await;
    for number in 0..20 {
        client.put("things", &item(number)).await.unwrap();
    }
    let mut mock = mock;
    for _ in 0..3 {
        let (state, addresses) = mock.stop().await;
        mock = Mock::start_at(state, addresses).await;
        for number in 0..20 {
            // A read is repeated by itself.
            assert_eq!(client.get("things", &key(number)).await.unwrap(), Some(item(number)));
        }
        client.put("things", &item(20)).await.unwrap();
    }
}

#[tokio::test]
async fn a_silent_server_is_not_waited_for() {
    let mock = Mock::start(1).await;
    mock.add_table("things");
    let options = ClientOptions { request_timeout: Duration::from_millis(100), ..options() };
    let client = Client::connect_with(&mock.address(), options).await.unwrap();
    client.put("things", &item(1)).await.unwrap();
    mock.set_fault(Fault::Silence);
    assert!(matches!(client.put("things", &item(2)).await, Err(Error::TimedOut)));
    mock.set_fault(Fault::None);
    client.put("things", &item(3)).await.unwrap();
}

#[tokio::test]
async fn connecting_fails_with_its_reason() {
    let mock = Mock::start(1).await;
    mock.set_fault(Fault::Refusal);
    match Client::connect(&mock.address()).await {
        Err(Error::NotConnected(ConnectionError::Goodbye(goodbye))) => {
            assert_eq!(goodbye.reason, GoodbyeReason::TOO_MANY_CONNECTIONS);
        }
        other => panic!("{other:?}"),
    }
    let (_, addresses) = mock.stop().await;
    let refused = Client::connect(&addresses[0].to_string()).await;
    assert!(matches!(refused, Err(Error::NotConnected(ConnectionError::Io(_)))), "{refused:?}");
}

#[tokio::test]
async fn a_server_that_asks_is_told_who_connects() {
    let mock = Mock::start(2).await;
    mock.add_table("things");
    mock.ask_for_proof("alice", "sesame");
    let connect = async |credentials: Option<Credentials>| {
        Client::connect_with(&mock.address(), ClientOptions { credentials, ..options() }).await
    };
    let client = connect(Some(Credentials::new("alice", "sesame"))).await.unwrap();
    for number in 0..20 {
        client.put("things", &item(number)).await.unwrap();
    }
    assert!(mock.state.connection_count.load(Ordering::Relaxed) > 1, "each core asks");
    for wrong in [Credentials::new("alice", "other"), Credentials::new("bob", "sesame"), Credentials::new("", "")] {
        match connect(Some(wrong)).await {
            Err(Error::NotConnected(ConnectionError::Goodbye(goodbye))) => {
                assert_eq!(goodbye.reason, GoodbyeReason::NOT_AUTHENTICATED);
            }
            other => panic!("{other:?}"),
        }
    }
    let endless = connect(Some(Credentials::new("a".repeat(129), "sesame"))).await;
    assert!(matches!(endless, Err(Error::NotConnected(ConnectionError::CredentialsUnusable))), "{endless:?}");
    let nobody = connect(None).await;
    assert!(matches!(nobody, Err(Error::NotConnected(ConnectionError::CredentialsMissing))), "{nobody:?}");
    while !mock.state.saw_goodbye.load(Ordering::Relaxed) {
        tokio::task::yield_now().await;
    }

    let stream = TcpStream::connect(mock.addresses[0]).await.unwrap();
    let mut pipeline = Pipeline::new("load", Some(Credentials::new("alice", "sesame"))).unwrap();
    while pipeline.take_welcome().unwrap().is_none() {
        exchange(&stream, &mut pipeline).await;
    }
}

#[tokio::test]
async fn the_last_handle_says_goodbye() {
    let (mock, client) = connected(1).await;
    let clone = client.clone();
    drop(client);
    clone.put("things", &item(1)).await.unwrap();
    drop(clone);
    while !mock.state.saw_goodbye.load(Ordering::Relaxed) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_quiet_client_shows_that_it_is_there() {
    let mock = Mock::start(1).await;
    mock.add_table("things");
    mock.state.idle_ms_max.store(30, Ordering::Relaxed);
    let client = Client::connect_with(&mock.address(), options()).await.unwrap();
    client.put("things", &item(1)).await.unwrap();
    while mock.state.ping_count.load(Ordering::Relaxed) < 2 {
        tokio::task::yield_now().await;
    }
    client.put("things", &item(2)).await.unwrap();
    assert_eq!(mock.state.connection_count.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn the_pipeline_without_tasks() {
    let mock = Mock::start(1).await;
    mock.add_table("things");
    let stream = TcpStream::connect(mock.addresses[0]).await.unwrap();
    let mut pipeline = Pipeline::new("load", None).unwrap();
    while pipeline.take_welcome().unwrap().is_none() {
        exchange(&stream, &mut pipeline).await;
    }
    const DEPTH: usize = 100;
    let items: Vec<Item> = (0..DEPTH).map(|number| Item::from_value_map(&item(number)).unwrap()).collect();
    let keys: Vec<Item> = (0..DEPTH).map(|number| Item::from_value_map(&key(number)).unwrap()).collect();
    for round in 0..4 {
        for number in 0..DEPTH {
            match round {
                0 => pipeline.put_item(number as u64, "things", items[number].bytes()),
                _ => pipeline.get_item(number as u64, "things", keys[number].bytes(), round == 1),
            }
            .unwrap();
        }
        let mut answered = [false; DEPTH];
        while answered.contains(&false) {
            exchange(&stream, &mut pipeline).await;
            while let Some(answer) = pipeline.next_answer().unwrap() {
                let number = answer.header.request_id.0 as usize;
                assert!(!answer.is_error() && !answered[number]);
                answered[number] = true;
                if round > 0 {
                    assert_eq!(answer.item().unwrap(), Some(&items[number].bytes()[..]));
                }
            }
        }
    }
    pipeline.describe_partitions(1, "things").unwrap();
    pipeline.request(2, &Request::ListTables(ListTables::default())).unwrap();
    let mut decoded = Vec::new();
    while decoded.len() < 2 {
        exchange(&stream, &mut pipeline).await;
        while let Some(answer) = pipeline.next_answer().unwrap() {
            decoded.push(answer.decode().unwrap());
        }
    }
    let has_map = decoded.iter().any(|message| matches!(message, wire::client::Incoming::PartitionMap { .. }));
    let has_tables = decoded.iter().any(|message| {
        matches!(
            message,
            wire::client::Incoming::Reply { request_id: RequestId(2), result: Ok(Reply::ListTables(_)), .. }
        )
    });
    assert!(has_map && has_tables, "{decoded:?}");
}

/// Sends what there is to send, waits for some bytes, takes them.
async fn exchange(stream: &TcpStream, pipeline: &mut Pipeline) {
    while !pipeline.unsent().is_empty() {
        stream.writable().await.unwrap();
        if let Ok(count) = stream.try_write(pipeline.unsent()) {
            pipeline.sent(count);
        }
    }
    stream.readable().await.unwrap();
    if let Ok(count) = stream.try_read(pipeline.receive_space()) {
        assert!(count > 0, "the server has closed");
        pipeline.received(count);
    }
}
