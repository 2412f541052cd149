//! How much of its time a core gives its background while the foreground has work: the background runs up a debt, and time pays it back. Pure.
//!
//! ```text
//! a background task was polled for d -> debt + d          t passes -> debt - t * percent / 100          no debt: one that has yielded goes on
//! ```
//!
//! Without it the background would get a slice in each turn, whether a turn takes a tenth of a millisecond or ten. Deliberately not here: that a core with
//! nothing else to do gives its background all of its time (`driver`).

use std::time::Duration;

use crate::Instant;

/// Percent until somebody says otherwise.
const PERCENT_AT_START: u64 = 20;
/// More is not owed: a poll during which the machine was away has not used all of that.
const DEBT_NS_MAX: u64 = 5_000_000;

/// See the front page.
#[derive(Debug)]
pub(super) struct BackgroundShare {
    percent: u64,
    /// Nanoseconds that the background has had of the foreground's.
    debt_ns: u64,
    /// Up to here time has paid.
    paid_until: Instant,
}

impl Default for BackgroundShare {
    fn default() -> BackgroundShare {
        BackgroundShare { percent: PERCENT_AT_START, debt_ns: 0, paid_until: Instant(0) }
    }
}

impl BackgroundShare {
    /// From now on the background gets so much: 1 at least, and 100 at most.
    pub(super) fn set_percent(&mut self, percent: u32) {
        self.percent = u64::from(percent.clamp(1, 100));
    }

    /// A task of the background was polled for so long.
    pub(super) fn note_used(&mut self, time: Duration) {
        let time_ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.debt_ns = self.debt_ns.saturating_add(time_ns).min(DEBT_NS_MAX);
    }

    /// Whether one of the background that has yielded may go on.
    pub(super) fn may_go_on(&mut self, now: Instant) -> bool {
        let passed = now.since(std::mem::replace(&mut self.paid_until, now)).min(Duration::from_secs(1));
        let paid_ns = u64::try_from(passed.as_nanos()).expect("a second at most") * self.percent / 100;
        self.debt_ns = self.debt_ns.saturating_sub(paid_ns);
        self.debt_ns == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the background gets in a thousand turns of some microseconds, if it uses so many of its own whenever it may.
    fn used_percent(percent: u32, turn_us: u64, slice_us: u64) -> u64 {
        let mut share = BackgroundShare::default();
        share.set_percent(percent);
        let (mut now, mut used) = (Instant(7), Duration::ZERO);
        for _ in 0..1_000 {
            now = now + Duration::from_micros(turn_us);
            if share.may_go_on(now) {
                let slice = Duration::from_micros(slice_us);
                (now, used) = (now + slice, used + slice);
                share.note_used(slice);
            }
        }
        u64::try_from(used.as_nanos()).unwrap() * 100 / (now.0 - 7)
    }

    #[test]
    fn the_background_gets_its_share_whatever_turns_and_slices_take() {
        for (turn_us, slice_us) in [(10, 200), (100, 200), (100, 50), (300, 500)] {
            for percent in [10, 20, 35] {
                let used = used_percent(percent, turn_us, slice_us);
                assert!((u64::from(percent) * 8 / 10..=u64::from(percent)).contains(&used), "{used} of {percent}");
            }
        }
    }

    #[test]
    fn long_turns_are_not_followed_by_more_than_one_slice_each() {
        assert_eq!(used_percent(50, 9_900, 100), 1);
    }

    #[test]
    fn a_poll_that_took_long_is_not_held_against_it_for_ever() {
        let mut share = BackgroundShare::default();
        share.set_percent(50);
        assert!(share.may_go_on(Instant(1)));
        share.note_used(Duration::from_secs(60));
        assert!(!share.may_go_on(Instant(5_000_000)));
        assert!(share.may_go_on(Instant(20_000_000)));
    }
}
