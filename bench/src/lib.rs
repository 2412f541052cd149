//! Parts of the engine measured in process: the benchmarks are in `benches`, one file per part.
//!
//! `cargo bench -p bench --bench memtable -- FILTER` runs those whose name contains FILTER. Read ratios between the
//! contenders of one run; figures of different runs do not compare.
//!
//! Deliberately not here: anything over a socket or a disk, which `perf` measures from outside.

#![forbid(unsafe_code)]
