//! How much of its time a core gives its background while the foreground has work: time brings credit, and what the background does costs it. Pure.
//!
//! ```text
//! t passes -> credit + t * percent / 100          a background task was polled for d -> credit - d
//! credit: one that has yielded goes on, for a slice that uses it up, or half a millisecond          none: it waits
//! ```
//!
//! Without it the background would get a slice in each turn, whether a turn takes a tenth of a millisecond or ten. Deliberately not here: that a core with
//! nothing else to do gives its background all of its time (`driver`).

use std::time::Duration;

use crate::Instant;

/// Percent until somebody says otherwise.
const PERCENT_AT_START: i64 = 20;
/// The shortest slice: less is not worth a turn.
const SLICE_NS_MIN: i64 = 100_000;
/// The longest: for so long a request may have to wait for it.
const SLICE_NS_MAX: i64 = 500_000;
/// Of a longer time between two looks no more counts, for what the background could not use then is not owed to it.
const PASSED_NS_MAX: u64 = 3_000_000;
/// More is not owed: a poll during which the machine was away has not used all of that.
const DEBT_NS_MAX: i64 = 5_000_000;

/// See the front page.
#[derive(Debug)]
pub(super) struct BackgroundShare {
    percent: i64,
    /// Nanoseconds that the background may use; below zero: that it has used too much.
    credit_ns: i64,
    /// Up to here time has brought credit.
    counted_until: Instant,
    /// All that the background has used.
    used: Duration,
    /// When one was told to go on, which was not polled since.
    told_at: Option<Instant>,
}

impl Default for BackgroundShare {
    fn default() -> BackgroundShare {
        BackgroundShare {
            percent: PERCENT_AT_START,
            credit_ns: 0,
            counted_until: Instant(0),
            used: Duration::ZERO,
            told_at: None,
        }
    }
}

impl BackgroundShare {
    /// From now on the background gets so much: 1 at least, and 100 at most.
    pub(super) fn set_percent(&mut self, percent: u32) {
        self.percent = i64::from(percent.clamp(1, 100));
    }

    /// A task of the background was polled for so long.
    pub(super) fn note_used(&mut self, time: Duration) {
        self.told_at = None;
        self.used += time;
        let time_ns = i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        self.credit_ns = self.credit_ns.saturating_sub(time_ns).max(-DEBT_NS_MAX);
    }

    /// To be asked in each turn: whether one of the background that has yielded may go on. With nothing else to do it may whatever it has used; but not before
    /// the last one that was told has had its poll.
    pub(super) fn may_go_on(&mut self, now: Instant, is_idle: bool) -> bool {
        self.count_until(now);
        // Should a poll not come, for its task is gone, that is over soon.
        let is_out = self.told_at.is_some_and(|at| now.since(at) < Duration::from_nanos(PASSED_NS_MAX));
        !is_out && (is_idle || self.credit_ns > 0)
    }

    /// One that has yielded was told to go on.
    pub(super) fn note_told(&mut self, now: Instant) {
        self.told_at = Some(now);
    }

    fn count_until(&mut self, now: Instant) {
        let passed = now.since(std::mem::replace(&mut self.counted_until, now));
        let passed_ns = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX).min(PASSED_NS_MAX);
        let earned_ns = i64::try_from(passed_ns).expect("a few milliseconds") * self.percent / 100;
        let earned_max_ns = i64::try_from(PASSED_NS_MAX).expect("a few milliseconds") * self.percent / 100;
        self.credit_ns = (self.credit_ns + earned_ns).min(earned_max_ns);
    }

    /// All that the background has used since the start.
    pub(super) fn used(&self) -> Duration {
        self.used
    }

    /// How long one that goes on now is to take until it yields again.
    pub(super) fn slice(&self) -> Duration {
        Duration::from_nanos(self.credit_ns.clamp(SLICE_NS_MIN, SLICE_NS_MAX).unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share_of(percent: u32) -> BackgroundShare {
        let mut share = BackgroundShare::default();
        share.set_percent(percent);
        share
    }

    /// What the background gets in a thousand turns whose foreground takes so many microseconds, in percent, and its longest slice, if it yields whenever it
    /// should. It has nothing to do in all but every `every`th turn.
    fn used(percent: u32, (turn_us, every): (u64, u32)) -> (u64, Duration) {
        let mut share = share_of(percent);
        let (mut now, mut used, mut longest) = (Instant(7), Duration::ZERO, Duration::ZERO);
        for turn in 0..1_000 {
            now = now + Duration::from_micros(turn_us);
            if share.may_go_on(now, false) && turn % every == 0 {
                share.note_told(now);
                let slice = share.slice();
                (now, used, longest) = (now + slice, used + slice, longest.max(slice));
                share.note_used(slice);
            }
        }
        (u64::try_from(used.as_nanos()).unwrap() * 100 / (now.0 - 7), longest)
    }

    #[test]
    fn the_background_gets_its_share_whatever_turns_take() {
        for turn_us in [10, 100, 300, 900] {
            for percent in [10, 20, 35] {
                let (used, _) = used(percent, (turn_us, 1));
                assert!((u64::from(percent) * 9 / 10..=u64::from(percent)).contains(&used), "{used} of {percent}");
            }
        }
    }

    #[test]
    fn no_slice_is_long_whatever_was_saved_up() {
        let longest = Duration::from_micros(500);
        for turn_us in [10, 100, 1_000, 30_000] {
            for every in [1, 7, 50] {
                assert!(used(50, (turn_us, every)).1 <= longest, "{turn_us} us a turn, every {every}");
            }
        }
    }

    #[test]
    fn a_poll_that_took_long_is_not_held_against_it_for_ever() {
        let mut share = share_of(50);
        assert!(share.may_go_on(Instant(1_000_000), false));
        share.note_used(Duration::from_secs(60));
        assert!(share.may_go_on(Instant(1_000_000), true), "nobody else wants the time");
        let turns = (1_u64..).map(|turn| Instant(1_000_000 + turn * 1_000_000));
        let waited_count = turns.take_while(|now| !share.may_go_on(*now, false)).count();
        assert_eq!(waited_count, 10);
    }

    #[test]
    fn one_that_was_told_has_its_poll_before_another_is() {
        let mut share = share_of(50);
        assert!(share.may_go_on(Instant(3_000_000), true));
        share.note_told(Instant(3_000_000));
        assert!(!share.may_go_on(Instant(3_100_000), true));
        share.note_used(Duration::from_micros(100));
        assert!(share.may_go_on(Instant(3_200_000), true));
        share.note_told(Instant(3_200_000));
        assert!(share.may_go_on(Instant(9_000_000), true), "its task was gone");
    }
}
