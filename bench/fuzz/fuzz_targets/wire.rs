//! Any bytes as frames of the binary protocol, to a server after the handshake, to one that asks for a proof, to one before the
//! handshake, to a client.
//!
//! Holds: nothing panics; a request that was read is written and read again as itself; every item in it is sound;
//! a connection once lost stays lost.

#![no_main]

use bytes::BytesMut;
use fuzz::{open_wire, through_wire};
use libfuzzer_sys::fuzz_target;
use model::operation::Evaluator;
use wire::{client, server};

fuzz_target!(|bytes: &[u8]| {
    for mut decoder in [open_wire(false), open_wire(true), server::Decoder::default()] {
        decoder.feed(bytes);
        read_requests(&mut decoder);
    }
    read_replies(bytes);
});

fn read_requests(decoder: &mut server::Decoder) {
    loop {
        match decoder.next_message() {
            Ok(None) => return,
            Ok(Some(server::Incoming::Request { request, .. })) => {
                let outcome = request.validate(&mut Evaluator::new());
                request.table_name().filter(|_| outcome.is_ok());
                match through_wire(&request) {
                    Some(Ok(again)) => assert_eq!(again, request, "written and read, it is itself"),
                    Some(Err(error)) => panic!("written and read, it is refused: {error:?}"),
                    None => {}
                }
            }
            Ok(Some(_)) => {}
            Err(error) => {
                decoder.feed(&[0; 16]);
                assert_eq!(decoder.next_message().err(), Some(error), "lost stays lost");
                return;
            }
        }
    }
}

fn read_replies(bytes: &[u8]) {
    let mut decoder = client::Decoder::new();
    decoder.feed(bytes);
    while let Ok(Some(message)) = decoder.next_message() {
        if let client::Incoming::Reply { request_id, flags, result } = message {
            server::encode_reply(request_id, result.as_ref(), flags, &mut BytesMut::new());
        }
    }
    let mut rest = bytes;
    while let Ok(Some((answer, used))) = client::Answer::split(rest) {
        let _ = (answer.decode(), answer.item(), answer.error());
        rest = &rest[used..];
    }
}
