//! The real machine at its door: real threads, real sockets on loopback, real files. One binary, for it links once.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests, whose clients are ordinary programs")]

mod cores;
mod files;
mod read_queue;
mod sockets;
mod stalls;
mod stress;
mod world;
