//! Chance of the simulated machine: one stream of random bits per purpose, all grown from the machine's seed.
//!
//! Each purpose (schedule, disk, mesh, each core's own chance) has a stream of its own, so that one more draw for one of
//! them leaves the others as they are. The generator is SplitMix64: eight bytes of state, the same on every machine.
//! Owned by the world of one machine. Nothing here is fit for secrets.

/// One stream of random bits.
#[derive(Clone, Debug)]
pub(super) struct Chance {
    state: u64,
}

impl Chance {
    /// The stream of `purpose` under `seed`: two purposes share no bits.
    pub(super) fn new(seed: u64, purpose: u64) -> Chance {
        let mut chance = Chance { state: seed ^ purpose.wrapping_mul(0xD6E8_FEB8_6659_FD93) };
        chance.state = chance.bits();
        chance
    }

    /// The next 64 bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..bound`. The bias of the product is below 2^-32 for the small bounds used here.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "an empty range has no number to draw");
        let product = u128::from(self.bits()) * u128::from(bound);
        u64::try_from(product >> 64).expect("the high half of a 128-bit product has 64 bits")
    }

    /// An index into a slice of `len` elements.
    pub(super) fn index(&mut self, len: usize) -> usize {
        let bound = u64::try_from(len).expect("a slice's length has at most 64 bits");
        usize::try_from(self.below(bound)).expect("below the length of a slice")
    }

    /// A number in `low..=high`.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        assert!(low <= high, "{low}..={high} is empty");
        low + self.below(high - low + 1)
    }

    /// True once in `times` draws, on average.
    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// True or false, evenly.
    pub(super) fn coin(&mut self) -> bool {
        self.bits() & 1 == 1
    }
}
