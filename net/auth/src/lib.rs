//! Who is calling: AWS Signature Version 4 for the DynamoDB API, a proof for the binary protocol. Pure.
//!
//! ```text
//!   request -> presented.rs   what it says of itself, in a header or in its query
//!           -> verifier.rs    time, scope, access key; then the signature, made again and compared
//!              canonical.rs   what is signed: the request in the one form that both sides find
//!   access_keys.rs            who may call, as AWS's own tools write it down
//!   signer.rs                 the caller's side: for what this node asks of others, for load generators
//!   proof.rs                  the same secrets, for a connection of the binary protocol
//! ```
//! In the way of a request: `net/dynamodb` asks between the target and the types, `net/server` in a connection's handshake. The
//! time is an argument. The steps and their names are AWS's ("Create a signed AWS API request").
//!
//! Deliberately not here: what a caller may do (all may do everything), TLS, and where files are read.
#![forbid(unsafe_code)]

mod access_keys;
pub mod calendar;
mod canonical;
mod credentials;
mod headers;
mod presented;
mod proof;
mod query;
mod signer;
mod time;
mod verifier;

pub use access_keys::{AccessKeys, AccessKeysError};
pub use canonical::Message;
pub use credentials::Credentials;
pub use headers::HEADER_COUNT_MAX;
pub use proof::{Challenger, NONCE_BYTES, PROOF_BYTES, prove};
pub use signer::{Scope, Signer};
pub use time::time_text;
pub use verifier::Verifier;

/// The one way of signing that there is.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// What the scope of a credential ends with.
const TERMINATOR: &str = "aws4_request";
