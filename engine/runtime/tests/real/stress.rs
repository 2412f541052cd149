//! No wake-up is ever lost: the same load as `examples/stress.rs`, for two seconds.
//!
//! A core that slept on while it had tasks would be heard of in two ways: its tasks' own watches, and the silence that
//! the watchdog measures.

#[path = "../../examples/stress/load.rs"]
mod load;

use std::time::Duration;

#[test]
fn two_seconds_of_everything_at_once() {
    let report = load::run(Duration::from_secs(2));
    println!("{report}");
    assert!(report.step_count > 100, "{report}");
    assert!(!report.has_lost_a_wake_up(), "{report}");
}
