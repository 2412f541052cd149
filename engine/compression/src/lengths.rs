//! Lengths of codewords: the best of at most so many bits, by package-merge.
//!
//! Larmore and Hirschberg, "A fast algorithm for optimal length-limited Huffman codes", 1990. A byte's codeword of n bits is n coins, one of each value 1/2, 1/4,
//! .. 1/2^n, and each coin costs the byte's weight. The cheapest coins that are worth 255 are bought: from the smallest value up, two neighbours in the order
//! of their cost are a package of the next value.

/// Bits of the longest codeword.
pub(crate) const LENGTH_MAX: u8 = 12;

/// A coin or a package of one value.
#[derive(Clone, Copy)]
struct Offer {
    cost: u64,
    is_coin: bool,
}

/// The lengths that take the fewest bits for these weights, none of which is zero.
pub(crate) fn best_lengths(weights: &[u64; 256]) -> [u8; 256] {
    let mut by_weight: [u8; 256] = std::array::from_fn(|byte| u8::try_from(byte).expect("there are 256"));
    by_weight.sort_by_key(|byte| (weights[usize::from(*byte)], *byte));
    let coins = by_weight.map(|byte| Offer { cost: weights[usize::from(byte)], is_coin: true });
    let mut values: Vec<Vec<Offer>> = Vec::with_capacity(usize::from(LENGTH_MAX));
    for value in 0..usize::from(LENGTH_MAX) {
        let smaller = value.checked_sub(1).map_or(&[][..], |smaller| &values[smaller]);
        let packages = smaller.as_chunks::<2>().0.iter();
        let packages = packages.map(|[first, second]| Offer { cost: first.cost + second.cost, is_coin: false });
        // Stable: of the same cost a coin comes first, which keeps codewords short.
        let mut offers: Vec<Offer> = coins.iter().copied().chain(packages).collect();
        offers.sort_by_key(|offer| offer.cost);
        values.push(offers);
    }
    let mut lengths = [0; 256];
    let mut bought = 2 * (weights.len() - 1);
    for offers in values.iter().rev() {
        let coin_count = offers[..bought].iter().filter(|offer| offer.is_coin).count();
        by_weight[..coin_count].iter().for_each(|byte| lengths[usize::from(*byte)] += 1);
        bought = 2 * (bought - coin_count);
    }
    lengths
}

/// Whether they are those of a complete code.
pub(crate) fn are_complete(lengths: &[u8; 256]) -> bool {
    let is_length = |length: &u8| (1..=LENGTH_MAX).contains(length);
    let share = |length: &u8| 1_u32 << (LENGTH_MAX - length);
    lengths.iter().all(is_length) && lengths.iter().map(share).sum::<u32>() == 1 << LENGTH_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(weights: &[u64; 256], lengths: &[u8; 256]) -> u64 {
        weights.iter().zip(lengths).map(|(weight, length)| weight * u64::from(*length)).sum()
    }

    #[test]
    fn equal_weights_have_eight_bits_each() {
        assert_eq!(best_lengths(&[7; 256]), [8; 256]);
    }

    #[test]
    fn lengths_are_complete_and_rarer_bytes_have_no_shorter_ones() {
        let seed = 11;
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for round in 0..200 {
            let mut weights = [0; 256];
            weights.iter_mut().for_each(|weight| *weight = 1 + random.u64(..1 << (round % 40)));
            let lengths = best_lengths(&weights);
            assert!(are_complete(&lengths), "{lengths:?}");
            for (left, right) in (0..256).zip(1..256) {
                assert!(weights[left] <= weights[right] || lengths[left] <= lengths[right]);
            }
            // None is better by a step: one codeword a bit shorter, another's one longer in its stead.
            let best = bits(&weights, &lengths);
            for _ in 0..200 {
                let mut other = lengths;
                let (shorter, longer) = (random.usize(..256), random.usize(..256));
                other.swap(shorter, longer);
                assert!(bits(&weights, &other) >= best);
            }
        }
    }

    /// Without the limit, weights that double have lengths up to 255; with it they are those of a search over all that end in twelve bits.
    #[test]
    fn the_longest_codeword_has_twelve_bits() {
        let mut weights = [1; 256];
        (0..40).for_each(|byte| weights[byte] = 1 << byte);
        let lengths = best_lengths(&weights);
        assert!(are_complete(&lengths));
        assert_eq!(lengths.iter().max(), Some(&LENGTH_MAX));
        assert_eq!((lengths[39], lengths[38], lengths[37]), (1, 2, 3));
    }

    #[test]
    fn what_is_no_code_is_refused() {
        let mut lengths = [8; 256];
        assert!(are_complete(&lengths));
        lengths[3] = 9;
        assert!(!are_complete(&lengths), "a bit is left over");
        lengths[3] = 7;
        assert!(!are_complete(&lengths), "overfull");
        lengths[5] = 0;
        assert!(!are_complete(&lengths));
        assert!(!are_complete(&[13; 256]));
    }
}
