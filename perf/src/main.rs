//! The whole measured from outside: load generator, peers, crash tests.

fn main() {}
