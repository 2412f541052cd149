//! Every lock-free structure under loom: all interleavings of a few threads, all values that a load may return.
//!
//! ```text
//! RUSTFLAGS="--cfg loom --cfg crossbeam_loom" cargo test --release -p loom-tests --target-dir target/loom
//! ```
//!
//! The models are in `tests`, one file per structure; without `--cfg loom` they compile to nothing, so that
//! `cargo test --workspace` passes by. Each model has controls: the same model in a process of its own, with one memory
//! order weakened, which has to fail. A model whose control passes is worth nothing.
//!
//! Deliberately not here: what a structure answers (its own oracle tests), and what loom cannot see, plain memory that
//! no `Witness` vouches for.

#![forbid(unsafe_code)]
