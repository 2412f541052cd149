//! Requests of one core that wait for their reply: how each is to be answered.

use dynamodb::Ticket;
use wire::RequestId;

/// A claim to an answer, in its protocol's terms.
#[derive(Debug)]
pub(crate) enum Claim {
    /// Of an HTTP connection.
    Http(Ticket),
    /// Of a wire connection.
    Wire(RequestId),
    /// Of an admin connection, which asks once.
    Admin,
}

/// A claim, and how much it is expected to be answered with.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) claim: Claim,
    /// Bytes of the reply, where they may be many; else 0.
    pub(crate) expected_bytes: usize,
}

/// All claims of a core. The engine's token holds a claim's place; no allocation once it has grown.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    claims: Vec<Option<Kept>>,
    free: Vec<usize>,
}

impl InFlight {
    /// Keeps a claim; returns its place.
    pub(crate) fn keep(&mut self, claim: Claim, expected_bytes: usize) -> u64 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.claims.push(None);
            self.claims.len() - 1
        });
        self.claims[place] = Some(Kept { claim, expected_bytes });
        place as u64
    }

    /// Takes the claim at `place`, which is free from then on.
    pub(crate) fn take(&mut self, place: u64) -> Kept {
        let place = usize::try_from(place).expect("places are handed out by `keep`");
        self.free.push(place);
        self.claims[place].take().expect("each request is replied to once")
    }

    /// How many requests wait.
    pub(crate) fn len(&self) -> usize {
        self.claims.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again_and_claims_come_back_once() {
        let mut in_flight = InFlight::default();
        let first = in_flight.keep(Claim::Wire(RequestId(7)), 700);
        let second = in_flight.keep(Claim::Wire(RequestId(8)), 800);
        assert_eq!(in_flight.len(), 2);
        assert!(matches!(in_flight.take(first), Kept { claim: Claim::Wire(RequestId(7)), expected_bytes: 700 }));
        assert_eq!(in_flight.keep(Claim::Wire(RequestId(9)), 900), first);
        assert!(matches!(in_flight.take(second), Kept { claim: Claim::Wire(RequestId(8)), expected_bytes: 800 }));
        assert!(matches!(in_flight.take(first), Kept { claim: Claim::Wire(RequestId(9)), expected_bytes: 900 }));
        assert_eq!(in_flight.len(), 0);
    }
}
