//! Any bytes as what a client sends on an HTTP connection, in pieces.
//!
//! Holds: nothing panics; how the bytes were cut changes nothing of what comes out, but for the leave to send a body, which
//! is given only to who has not begun to send it; every call can be answered; a connection that is finished stays so. The
//! first byte is the length of the pieces. Each stream ends with what ends a head: one that goes on is looked at again only
//! from time to time, so until its end comes it depends on the pieces whether its faults are seen already.

#![no_main]

use auth::{AccessKeys, Verifier};
use bytes::BytesMut;
use dynamodb::{Codec, Connection};
use libfuzzer_sys::fuzz_target;
use model::Error;
use model::operation::Request;
use std::sync::Arc;

fuzz_target!(|bytes: &[u8]| {
    let Some((&piece_bytes, stream)) = bytes.split_first() else { return };
    let stream = [stream, b"\r\n\r\n"].concat();
    let whole = talk(&stream, stream.len());
    let in_pieces = talk(&stream, usize::from(piece_bytes).max(1));
    assert_eq!(whole, in_pieces, "cutting the stream changes nothing");
});

/// What grants `Expect: 100-continue`.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Everything that the connection made of the stream: calls, answers, whether it is done.
fn talk(stream: &[u8], piece_bytes: usize) -> (Vec<Request>, Vec<u8>, bool) {
    let mut connection = Connection::new();
    let keys = AccessKeys::parse("[a]\naws_access_key_id = a\naws_secret_access_key = b\n").expect("one key");
    let mut codec = Codec::new(Verifier::new(Arc::new(keys)), 42);
    // The time of the dictionary.
    codec.set_time(1_440_938_160);
    let mut out = BytesMut::new();
    let mut requests = Vec::new();
    let refusal = Error::validation("no");
    for piece in stream.chunks(piece_bytes) {
        connection.receive(piece);
        while let Some(call) = connection.next_call(&mut codec, &mut out) {
            requests.push(call.request);
            connection.answer(call.ticket, Err(&refusal), &mut codec, &mut out);
        }
    }
    let is_finished = connection.is_finished();
    if is_finished {
        connection.receive(b"POST / HTTP/1.1\r\n\r\n");
        assert!(connection.next_call(&mut codec, &mut BytesMut::new()).is_none(), "finished is finished");
    }
    (requests, without_continue(&out), is_finished)
}

/// The final answers alone.
fn without_continue(mut out: &[u8]) -> Vec<u8> {
    let mut answers = Vec::with_capacity(out.len());
    while let Some((first, rest)) = out.split_first() {
        match out.strip_prefix(CONTINUE) {
            Some(rest) => out = rest,
            None => {
                answers.push(*first);
                out = rest;
            }
        }
    }
    answers
}
