//! Parts of the engine measured in process: the benchmarks are in `benches`, one file per part.
//!
//! `cargo bench -p bench --bench memtable -- FILTER` runs those whose name contains FILTER. Read ratios between the
//! contenders of one run; figures of different runs do not compare.
//!
//! `cargo run --release -p bench --bin instructions -- verify` counts instructions of whole operations under callgrind and holds them to
//! `instructions.toml`; fuzz targets are in `fuzz`, a workspace of its own, and so is
//! `embedded`: the engine beside other engines.
//!
//! Deliberately not here: anything over a socket or a disk, which `perf` measures from outside.

#![forbid(unsafe_code)]
