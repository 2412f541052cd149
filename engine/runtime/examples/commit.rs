//! How long one durable write of 4 KiB takes, one after the other, by the method that the probe has chosen.
//!
//! `cargo run --release -p runtime --example commit -- DIRECTORY [count]`

#![allow(clippy::print_stdout, reason = "this program's output is its result")]

use std::path::PathBuf;

use runtime::{BLOCK_BYTES, Buffer, RuntimeOptions, start};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().unwrap_or_else(|| ".".to_owned()));
    let count: u64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(4096);
    let options = RuntimeOptions { cpus: vec![0], ..RuntimeOptions::default() };
    let machine = start(options, move |runtime| {
        let path = directory.join("commit-example.tmp");
        let directory = directory.clone();
        async move {
            let method = runtime.probe_flush_method(&directory).await.expect("the directory can be written");
            let start = runtime.now();
            let file = runtime.create_file(&path, count * BLOCK_BYTES as u64).await.expect("there is space");
            println!("{method:?}; {count} blocks zeroed in {:?}", runtime.now() - start);
            let mut buffer = Buffer::zeroed(BLOCK_BYTES);
            let mut times = Vec::new();
            for block in 0..count {
                let start = runtime.now();
                let (returned, outcome) = file.write_durable_at(block * BLOCK_BYTES as u64, buffer).await;
                outcome.expect("the write is durable");
                buffer = returned;
                times.push(runtime.now() - start);
            }
            runtime.remove_file(&path).await.expect("it is there");
            times.sort();
            let [p50, p99] = [50, 99].map(|percent| times[times.len() * percent / 100]);
            println!("p50 {p50:?}, p99 {p99:?}");
        }
    });
    machine.expect("the machine starts").join();
}
