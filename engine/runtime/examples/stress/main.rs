//! Stress of the executor: `STATOR_STRESS_SECONDS=600 cargo run --release -p runtime --example stress`.
//!
//! A lost wake-up shows as a wait of seconds (until the watchdog's question heals it) or as an abort.

#![allow(clippy::print_stdout, reason = "this program's output is its result")]

mod load;

use std::time::Duration;

fn main() {
    let seconds = std::env::var("STATOR_STRESS_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let report = load::run(Duration::from_secs(seconds));
    println!("{seconds} s: {report}");
    assert!(!report.has_lost_a_wake_up(), "a wake-up was lost");
}
