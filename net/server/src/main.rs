//! The binary `stator`.

fn main() {}
