//! How many stalls are told: a burst of them must not fill the disk that the log is on.

/// Lets one through every so often, and a few at once after a pause; counts the others.
pub(super) struct Limiter {
    /// Nanoseconds in which one more may be told.
    interval: u64,
    /// So many may be told now.
    allowance: u32,
    /// Up to when allowances were given.
    given_until: u64,
    suppressed_count: u64,
}

/// Told at once, if none was for long enough.
const BURST_COUNT: u32 = 5;
const MINUTE: u64 = 60 * 1_000_000_000;

impl Limiter {
    pub(super) fn new(per_minute: u32) -> Limiter {
        Limiter { interval: MINUTE / u64::from(per_minute), allowance: 0, given_until: 0, suppressed_count: 0 }
    }

    /// Whether one more may be told at `now`, in nanoseconds; if so, how many were not since the last that was.
    pub(super) fn admit(&mut self, now: u64) -> Option<u64> {
        let earned = now.saturating_sub(self.given_until) / self.interval;
        self.given_until += earned * self.interval;
        self.allowance = u32::try_from(earned).unwrap_or(u32::MAX).saturating_add(self.allowance).min(BURST_COUNT);
        if self.allowance == 0 {
            self.suppressed_count += 1;
            return None;
        }
        self.allowance -= 1;
        Some(std::mem::take(&mut self.suppressed_count))
    }

    /// One that was let through, with so many before it that were not, could not be told after all.
    pub(super) fn take_back(&mut self, suppressed_count: u64) {
        self.allowance += 1;
        self.suppressed_count += suppressed_count + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_a_minute_are_told_and_the_others_counted() {
        let mut limiter = Limiter::new(20);
        let now = |seconds: u64| MINUTE * 9 + seconds * MINUTE / 60;
        assert_eq!((0..7).map(|_| limiter.admit(now(0))).filter(Option::is_some).count(), 5, "a burst");
        assert_eq!([now(3), now(4), now(6)].map(|now| limiter.admit(now)), [Some(2), None, Some(1)]);
        assert_eq!(
            (60..120).filter_map(|second| limiter.admit(now(second))).count(),
            4 + 20,
            "a minute, after a pause"
        );
    }

    #[test]
    fn what_could_not_be_told_is_told_with_the_next() {
        let mut limiter = Limiter::new(20);
        let suppressed_count = limiter.admit(MINUTE).unwrap();
        limiter.take_back(suppressed_count);
        assert_eq!(limiter.admit(MINUTE), Some(1));
    }
}
