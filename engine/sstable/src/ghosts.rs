//! Which blocks left the cache not long ago: by fingerprint, in a table of fixed size.

use runtime::prefetch;

/// Remembers about as many departures as it has places; an older one at the same place is forgotten.
pub(crate) struct Ghosts {
    /// Fingerprint, and the count of departures when it was noted; 0: nothing.
    places: Box<[(u32, u32)]>,
    departure_count: u32,
}

impl Ghosts {
    /// A table of `count` places, rounded up to a power of two.
    pub(crate) fn new(count: usize) -> Ghosts {
        let places = vec![(0, 0); count.max(16).next_power_of_two()].into_boxed_slice();
        Ghosts { places, departure_count: 0 }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.places.len() * size_of::<(u32, u32)>()
    }

    /// Notes a departure.
    pub(crate) fn add(&mut self, hash: u64) {
        self.departure_count = self.departure_count.wrapping_add(1).max(1);
        let (place, fingerprint) = self.locate(hash);
        self.places[place] = (fingerprint, self.departure_count);
    }

    /// Whether it is among the last `count` departures; it is forgotten.
    pub(crate) fn take(&mut self, hash: u64, count: usize) -> bool {
        let (place, fingerprint) = self.locate(hash);
        let (known, departure) = self.places[place];
        if departure == 0 || known != fingerprint {
            return false;
        }
        self.places[place] = (0, 0);
        (self.departure_count.wrapping_sub(departure) as usize) < count
    }

    /// Asks for the memory that noting a departure, or looking for one, takes.
    pub(crate) fn prefetch(&self, hash: u64) {
        prefetch(&raw const self.places[self.locate(hash).0]);
    }

    fn locate(&self, hash: u64) -> (usize, u32) {
        let bytes = hash.to_le_bytes();
        let low = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let high = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        (low as usize & (self.places.len() - 1), high)
    }
}
