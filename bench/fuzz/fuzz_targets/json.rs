//! Any bytes as the body of an HTTP call: one byte that picks the operation, then the body.
//!
//! Holds: nothing panics; a body is either answered at once or becomes a request; checking a request twice gives the
//! same outcome; where the binary protocol carries the request, it means the same there.

#![no_main]

use fuzz::{OPERATIONS, check_item, decode_http, through_wire};
use libfuzzer_sys::fuzz_target;
use model::Item;
use model::operation::{Attributes, Evaluator, Request};

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, body)) = bytes.split_first() else { return };
    let operation = OPERATIONS[usize::from(choice) % OPERATIONS.len()];
    let Some(request) = decode_http(operation, body) else { return };
    assert_eq!(request.name(), operation);
    let mut evaluator = Evaluator::new();
    let outcome = request.validate(&mut evaluator);
    assert_eq!(request.validate(&mut evaluator), outcome);
    if outcome.is_ok() {
        request.table_name();
        if let Some(behind_wire) = through_wire(&request) {
            assert_eq!(
                behind_wire.and_then(|request| request.validate(&mut evaluator)),
                Ok(()),
                "the other protocol agrees"
            );
        }
    }
    if let Request::PutItem(put) = &request
        && let Attributes::Valid(item) = &put.item
    {
        let (item, size_bytes) = Item::verify_sized(item.bytes().clone()).expect("a decoded item is an item");
        check_item(&item, size_bytes);
    }
});
