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

/// All claims of a core. The engine's token holds a claim's place; no allocation once it has grown.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    claims: Vec<Option<Claim>>,
    free: Vec<usize>,
}

impl InFlight {
    /// Keeps a claim; returns its place.
    pub(crate) fn keep(&mut self, claim: Claim) -> u64 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.claims.push(None);
            self.claims.len() - 1
        });
        self.claims[place] = Some(claim);
        place as u64
    }

    /// Takes the claim at `place`, which is free from then on.
    pub(crate) fn take(&mut self, place: u64) -> Claim {
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
        let first = in_flight.keep(Claim::Wire(RequestId(7)));
        let second = in_flight.keep(Claim::Wire(RequestId(8)));
        assert_eq!(in_flight.len(), 2);
        assert!(matches!(in_flight.take(first), Claim::Wire(RequestId(7))));
        assert_eq!(in_flight.keep(Claim::Wire(RequestId(9))), first);
        assert!(matches!(in_flight.take(second), Claim::Wire(RequestId(8))));
        assert!(matches!(in_flight.take(first), Claim::Wire(RequestId(9))));
        assert_eq!(in_flight.len(), 0);
    }
}
