//! A connection's times and limits, without sockets.

use super::*;

/// A client that says `bytes`, one after the other and each a second after the one before, from second `start` on.
fn say(connection: &mut Connection, bytes: &[u8], start: u64, step: u64) -> u64 {
    let mut second = start;
    for byte in bytes {
        connection.receive(&[*byte], at(second));
        second += step;
    }
    second
}

/// Whether it is closed at a second for its silence, with nothing queued for its client.
fn silent(connection: &mut Connection, receiving: &Receiving, second: u64) -> bool {
    connection.close_if_silent(ConnectionId(1), 0, receiving, at(second))
}

fn at(second: u64) -> Instant {
    Instant(second * 1_000_000_000)
}

/// A byte now and then keeps no connection alive that never says what it wants.
#[test]
fn the_time_for_handshake_and_head_runs_from_their_first_byte() {
    let mut wire = Connection::new(Protocol::wire(false), at(0));
    assert_eq!(say(&mut wire, &wire::PREFACE[..2], 0, 5), 10);
    assert!(!wire.close_if_silent(ConnectionId(1), 0, &Receiving::new(1), at(10)));
    assert!(wire.close_if_silent(ConnectionId(1), 0, &Receiving::new(1), at(11)));
    let mut http = Connection::new(Protocol::http(), at(0));
    assert!(!http.close_if_silent(ConnectionId(1), 0, &Receiving::new(1), at(500)), "it is idle");
    assert_eq!(say(&mut http, b"POST / HT", 500, 7), 563);
    assert!(!http.close_if_silent(ConnectionId(1), 0, &Receiving::new(1), at(560)));
    assert!(http.close_if_silent(ConnectionId(1), 0, &Receiving::new(1), at(561)));
}

/// A challenge gives no more time.
#[test]
fn the_time_for_the_handshake_goes_on_until_the_proof() {
    let mut asked = Connection::new(Protocol::wire(true), at(0));
    let mut hello = BytesMut::new();
    let said = wire::Hello { version_min: 1, version_max: 1, features: 0, client_name: String::new() };
    wire::client::encode_hello(&said, &mut hello).expect("it fits");
    asked.receive(&hello, at(9));
    let Protocol::Wire(decoder) = &mut asked.protocol else { panic!("a wire connection") };
    assert!(matches!(decoder.next_message(), Ok(Some(wire::server::Incoming::Hello(_)))));
    assert!(!silent(&mut asked, &Receiving::new(1), 10));
    assert!(silent(&mut asked, &Receiving::new(1), 11));
}

/// A client that is not read from, or that takes what is sent to it slowly, cannot be blamed for its silence.
#[test]
fn who_is_not_heard_is_not_silent() {
    let mut connection = Connection::new(Protocol::http(), at(0));
    connection.is_paused = true;
    assert!(!connection.close_if_silent(ConnectionId(1), 0, &Receiving::new(1), at(10_000)));
    connection.is_paused = false;
    assert!(!connection.close_if_silent(ConnectionId(1), 1, &Receiving::new(1), at(10_000)));
    connection.note_sent(0, &mut Owing::new(1), at(10_000));
    assert!(!connection.close_if_silent(ConnectionId(1), 0, &Receiving::new(1), at(10_600)));
    assert!(connection.close_if_silent(ConnectionId(1), 0, &Receiving::new(1), at(10_601)));
}

/// One client's half of a request kept others' requests waiting for a minute.
#[test]
fn half_a_large_request_is_not_waited_for_while_others_wait() {
    let mut connection = Connection::new(Protocol::http(), at(0));
    connection.receive(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", at(0));
    connection.receive(&[b' '; SMALL_BYTES_MAX], at(5));
    let mut receiving = Receiving::new(1);
    let held_bytes = connection.received_bytes();
    receiving.count(&mut connection.received, held_bytes);
    assert!(!silent(&mut connection, &receiving, 60), "nobody waits");
    let mut other = Received::default();
    receiving.count(&mut other, 2 * SMALL_BYTES_MAX);
    assert!(!receiving.may_read(ConnectionId(2), &mut other, at(60)));
    assert!(!silent(&mut connection, &receiving, 65), "it did not know before that others wait");
    connection.last_progress = at(62);
    assert!(!silent(&mut connection, &receiving, 72));
    assert!(silent(&mut connection, &receiving, 73));
}

/// A rest of it would keep all of it alive.
#[test]
fn a_great_reply_takes_its_buffer_along() {
    let mut connection = Connection::new(Protocol::http(), at(0));
    connection.out.resize(KEPT_BUFFER_BYTES_MAX + 1, 0);
    assert!(connection.take_out().freeze().is_unique());
    connection.out.extend_from_slice(&[0; 100]);
    assert_eq!(connection.take_out().len(), 100);
    assert!(connection.out.is_empty());
}

#[test]
fn a_stopping_node_hears_nothing_more() {
    let mut connection = Connection::new(Protocol::wire(false), at(0));
    connection.stop();
    connection.receive(&wire::PREFACE, at(0));
    let Protocol::Wire(decoder) = &connection.protocol else { panic!("it speaks wire") };
    assert_eq!(decoder.buffered_bytes(), 0);
}

#[test]
fn goodbye_is_said_once_and_last() {
    let mut connection = Connection::new(Protocol::wire(false), at(0));
    connection.say_goodbye(GoodbyeReason::SHUTTING_DOWN, "the node stops");
    let said = connection.out.clone();
    connection.say_goodbye(GoodbyeReason::IDLE, "nothing was heard");
    assert!(connection.out == said && connection.has_nothing_left());
}

/// Requests that a limit had held back were lost when the client had finished and nothing was in flight.
#[test]
fn what_is_held_back_keeps_a_half_closed_connection() {
    let mut connection = Connection::new(Protocol::wire(false), at(0));
    connection.finish();
    assert!(connection.has_nothing_left());
    connection.is_holding_back = true;
    assert!(!connection.has_nothing_left());
    connection.out.resize(OWED_BYTES_MAX / 2, 0);
    connection.expected_bytes = OWED_BYTES_MAX / 4;
    assert!(connection.is_at_limit(OWED_BYTES_MAX / 4));
    assert!(!connection.is_at_limit(OWED_BYTES_MAX / 4 - 1));
}
