//! Where a number stands among others that are in order, guessed: they are hashes, most often, and so spread evenly. Pure.

/// What the guess goes by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spread {
    first: u64,
    /// 0: all are the same.
    places_a_step: f64,
}

impl Spread {
    /// Of so many numbers, the first and the last of which are these.
    pub fn of(first: u64, last: u64, count: usize) -> Spread {
        let steps = last.saturating_sub(first);
        let places_a_step = if steps == 0 { 0.0 } else { (count - 1) as f64 / steps as f64 };
        Spread { first, places_a_step }
    }

    /// Whether all are the same, so that nothing can be guessed.
    pub(crate) fn is_flat(&self) -> bool {
        self.places_a_step == 0.0
    }

    /// The place of `number`. Past the last if it is above that.
    pub fn guess(&self, number: u64) -> usize {
        let place = number.saturating_sub(self.first) as f64 * self.places_a_step;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; saturates")]
        let place = place as usize;
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_is_the_place_where_numbers_are_spread_evenly() {
        let spread = Spread::of(1_000, 5_000, 5);
        let guesses = [0, 999, 1_000, 1_999, 2_000, 4_999, 5_000].map(|number| spread.guess(number));
        assert_eq!(guesses, [0, 0, 0, 0, 1, 3, 4]);
        assert_eq!(Spread::of(0, u64::MAX, 1 << 20).guess(1 << 63), (1 << 19) - 1);
        assert_eq!(Spread::of(0, 1, 1_000).guess(u64::MAX), usize::MAX);
        let flat = Spread::of(7, 7, 1);
        assert!(flat.is_flat() && flat.guess(u64::MAX) == 0 && !spread.is_flat());
    }
}
