//! Any bytes as a stored item.
//!
//! Holds: bytes are refused, or every way to look at them agrees with every other, and writing the item anew gives the
//! same bytes.

#![no_main]

use bytes::Bytes;
use fuzz::check_item;
use libfuzzer_sys::fuzz_target;
use model::Item;

fuzz_target!(|bytes: &[u8]| {
    if let Ok((item, size_bytes)) = Item::verify_sized(Bytes::copy_from_slice(bytes)) {
        check_item(&item, size_bytes);
    }
});
