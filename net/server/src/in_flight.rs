//! Requests of one core that wait for their reply: how each is to be answered.

use crate::reply_sizes::Expected;
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
    /// What its reply may come to.
    pub(crate) expected: Expected,
    /// Bytes that the request took on its way.
    pub(crate) request_bytes: usize,
}

/// All claims of a core. The engine's token holds a claim's place; no allocation once it has grown.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    claims: Vec<Option<Kept>>,
    free: Vec<usize>,
    request_bytes: usize,
    reply_bytes_max: usize,
}

impl InFlight {
    /// Keeps a claim; returns its place.
    pub(crate) fn keep(&mut self, kept: Kept) -> u64 {
        self.request_bytes += kept.request_bytes;
        self.reply_bytes_max += kept.expected.bytes_max;
        let place = self.free.pop().unwrap_or_else(|| {
            self.claims.push(None);
            self.claims.len() - 1
        });
        self.claims[place] = Some(kept);
        place as u64
    }

    /// Takes the claim at `place`, which is free from then on.
    pub(crate) fn take(&mut self, place: u64) -> Kept {
        let place = usize::try_from(place).expect("places are handed out by `keep`");
        self.free.push(place);
        let kept = self.claims[place].take().expect("each request is replied to once");
        self.request_bytes -= kept.request_bytes;
        self.reply_bytes_max -= kept.expected.bytes_max;
        kept
    }

    /// Bytes that all requests together took on their way: what they take in memory is of that order.
    pub(crate) fn request_bytes(&self) -> usize {
        self.request_bytes
    }

    /// What the sizes of the items in all their replies come to at most.
    pub(crate) fn reply_bytes_max(&self) -> usize {
        self.reply_bytes_max
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
        let kept = |number: u64, request_bytes| Kept {
            claim: Claim::Wire(RequestId(number)),
            expected: Expected { bytes_max: 1_000, ..Expected::default() },
            request_bytes,
        };
        let number = |kept: Kept| match kept.claim {
            Claim::Wire(RequestId(number)) => number,
            other => panic!("{other:?}"),
        };
        let first = in_flight.keep(kept(7, 70));
        let second = in_flight.keep(kept(8, 80));
        assert_eq!((in_flight.len(), in_flight.request_bytes(), in_flight.reply_bytes_max()), (2, 150, 2_000));
        assert_eq!((number(in_flight.take(first)), in_flight.reply_bytes_max()), (7, 1_000));
        assert_eq!(in_flight.keep(kept(9, 90)), first);
        assert_eq!(in_flight.request_bytes(), 170);
        assert_eq!(number(in_flight.take(second)), 8);
        assert_eq!(number(in_flight.take(first)), 9);
        assert_eq!((in_flight.len(), in_flight.request_bytes(), in_flight.reply_bytes_max()), (0, 0, 0));
    }
}
