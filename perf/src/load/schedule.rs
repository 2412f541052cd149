//! When requests are due in an open loop: a Poisson process, whatever the server does meanwhile.
//!
//! A request's latency counts from its due time, so a server that stalls is charged for every request that had to wait.

use fastrand::Rng;

/// Due times, in nanoseconds from the start, ascending. The same seed gives the same times.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    chance: Rng,
    mean_gap_ns: f64,
    next_ns: f64,
}

impl Schedule {
    /// A schedule of `rate` requests a second on the average, from `start_ns` on.
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn new(rate: f64, start_ns: u64, seed: u64) -> Schedule {
        assert!(rate > 0.0 && rate.is_finite(), "a rate is positive: {rate}");
        let mut schedule = Schedule { chance: Rng::with_seed(seed), mean_gap_ns: 1e9 / rate, next_ns: start_ns as f64 };
        schedule.next_ns += schedule.gap_ns();
        schedule
    }

    /// When the next request is due.
    // A run lasts less than 2^52 ns, 52 days.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(crate) fn next_ns(&self) -> u64 {
        self.next_ns as u64
    }

    /// Takes the next request off the schedule if it is due by `now_ns`: its due time.
    pub(crate) fn take_due(&mut self, now_ns: u64) -> Option<u64> {
        let due_ns = self.next_ns();
        if due_ns > now_ns {
            return None;
        }
        self.next_ns += self.gap_ns();
        Some(due_ns)
    }

    /// Gaps of a Poisson process are exponential.
    fn gap_ns(&mut self) -> f64 {
        // 1 - [0, 1) is never 0.
        -(1.0 - self.chance.f64()).ln() * self.mean_gap_ns
    }
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss)]
mod tests {
    use super::*;

    fn due_times(rate: f64, seed: u64, count: usize) -> Vec<u64> {
        let mut schedule = Schedule::new(rate, 1_000, seed);
        (0..count).map(|_| schedule.take_due(u64::MAX).unwrap()).collect()
    }

    #[test]
    fn the_mean_and_the_spread_are_those_of_a_poisson_process() {
        let seed = 3;
        let times = due_times(50_000.0, seed, 200_001);
        let gaps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean / 20_000.0 - 1.0).abs() < 0.01, "seed {seed}: mean {mean}");
        // The standard deviation of an exponential is its mean.
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.02, "seed {seed}: deviation {}", variance.sqrt());
    }

    #[test]
    fn times_ascend_and_repeat_with_the_seed() {
        let times = due_times(1e6, 9, 10_000);
        assert!(times.is_sorted() && times[0] >= 1_000);
        assert_eq!(times, due_times(1e6, 9, 10_000));
        assert_ne!(times, due_times(1e6, 10, 10_000));
    }

    #[test]
    fn nothing_is_taken_before_it_is_due() {
        let mut schedule = Schedule::new(10.0, 0, 1);
        let next_ns = schedule.next_ns();
        assert_eq!(schedule.take_due(next_ns - 1), None);
        assert_eq!(schedule.take_due(next_ns), Some(next_ns));
        assert!(schedule.next_ns() > next_ns);
    }
}
