//! The durable state of a group beside its entries: term, vote, commit, last applied, voters; and its bytes.
//!
//! Pure; the layout is `FORMAT.md`, "Group state". Written by `group.rs`, read back by `recovered.rs`.

use journal::{LogIndex, Term};
use std::fmt;

const VERSION: u8 = 1;
const FIXED_BYTES: usize = 40;
/// Voters of one group, at most.
pub(crate) const VOTER_COUNT_MAX: usize = 16;

/// One replica of a group: unique in the cluster, never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u64);

impl fmt::Display for MemberId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A place in a group's log: an entry's index and term; both 0 before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogPoint {
    /// Of the entry.
    pub index: LogIndex,
    /// Of the entry.
    pub term: Term,
}

/// What a group state record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupState {
    pub(crate) term: Term,
    /// 0 for none.
    pub(crate) vote: u64,
    pub(crate) commit: LogIndex,
    pub(crate) applied: LogPoint,
    /// Ascending.
    pub(crate) voters: Vec<MemberId>,
}

impl GroupState {
    /// The payload; term and applied index go into the record's own fields.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        assert!(!self.voters.is_empty() && self.voters.len() <= VOTER_COUNT_MAX);
        out.clear();
        out.extend([VERSION, 0, 0, 0, 0, 0, 0, 0]);
        out.extend(self.vote.to_le_bytes());
        out.extend(self.commit.0.to_le_bytes());
        out.extend(self.applied.term.0.to_le_bytes());
        out.extend(u32::try_from(self.voters.len()).expect("the count is small").to_le_bytes());
        out.extend([0; 4]);
        for voter in &self.voters {
            out.extend(voter.0.to_le_bytes());
        }
    }

    /// Reads a payload back, with the record's term and index. `None` if it is none of ours.
    pub(crate) fn decode(term: Term, index: LogIndex, payload: &[u8]) -> Option<GroupState> {
        let (fixed, voters) = payload.split_at_checked(FIXED_BYTES)?;
        let number = |at: usize| u64::from_le_bytes(fixed[at..at + 8].try_into().expect("eight bytes"));
        let count = usize::try_from(number(32)).ok()?;
        let is_ours = fixed[0] == VERSION && fixed[1..8] == [0; 7];
        if !is_ours || !(1..=VOTER_COUNT_MAX).contains(&count) || voters.len() != count * 8 {
            return None;
        }
        let voters: Vec<MemberId> = voters
            .chunks_exact(8)
            .map(|bytes| MemberId(u64::from_le_bytes(bytes.try_into().expect("eight bytes"))))
            .collect();
        if voters[0].0 == 0 || !voters.is_sorted_by(|one, next| one < next) {
            return None;
        }
        let applied = LogPoint { index, term: Term(number(24)) };
        Some(GroupState { term, vote: number(8), commit: LogIndex(number(16)), applied, voters })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(state: &GroupState) {
        let mut bytes = Vec::new();
        state.encode(&mut bytes);
        let decode = |bytes: &[u8]| GroupState::decode(state.term, state.applied.index, bytes);
        assert_eq!(decode(&bytes).as_ref(), Some(state));
        for len in 0..bytes.len() {
            assert_eq!(decode(&bytes[..len]), None, "truncation to {len} passes");
        }
        bytes.push(0);
        assert_eq!(decode(&bytes), None);
    }

    #[test]
    fn states_come_back_and_truncations_are_refused() {
        let applied = LogPoint { index: LogIndex(40), term: Term(6) };
        let one = GroupState { term: Term(7), vote: 3, commit: LogIndex(41), applied, voters: vec![MemberId(3)] };
        check(&one);
        check(&GroupState { voters: vec![MemberId(1), MemberId(3), MemberId(u64::MAX)], ..one });
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        let seed = 99;
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..5000 {
            let mut bytes: Vec<u8> = (0..random.usize(0..80)).map(|_| random.u8(0..3)).collect();
            if let Some(first) = bytes.first_mut() {
                *first = VERSION;
            }
            let _ = GroupState::decode(Term(1), LogIndex(1), &bytes);
        }
    }
}
