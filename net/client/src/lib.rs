//! The Rust client library: routes each key to its core.
