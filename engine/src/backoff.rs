//! When to try again what has failed.

use runtime::Instant;
use std::time::Duration;

/// How long to wait after something has failed.
pub(crate) const RETRY_DELAY: Duration = Duration::from_secs(1);
/// How often the delay is doubled for what fails one time after the other: to nine minutes.
const DOUBLING_COUNT_MAX: u32 = 9;

/// What fails again and again is tried less and less often: after a second, two, four.
#[derive(Default)]
pub(crate) struct Backoff {
    failed_count: u32,
    pub(crate) until: Option<Instant>,
}

impl Backoff {
    pub(crate) fn note_failed(&mut self, now: Instant) {
        self.until = Some(now + RETRY_DELAY * (1 << self.failed_count.min(DOUBLING_COUNT_MAX)));
        self.failed_count += 1;
    }

    pub(crate) fn note_done(&mut self) {
        self.failed_count = 0;
    }

    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }
}
