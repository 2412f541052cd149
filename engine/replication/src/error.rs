//! What a group can refuse, sorted by what the caller does about it.

use crate::state_record::MemberId;
use std::fmt;

/// Why a change was not proposed. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposeError {
    /// Another member decides; go there if it is known.
    NotLeader {
        /// Who leads, as far as this member knows.
        leader: Option<MemberId>,
    },
    /// This member is handing over its leadership: try again soon.
    HandingOver,
    /// Too many bytes are proposed and not committed: refuse the request.
    Busy,
    /// The change is longer than a record may be.
    TooLarge {
        /// Its length in bytes.
        change_bytes: usize,
    },
}

impl fmt::Display for ProposeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProposeError::NotLeader { leader: Some(leader) } => write!(formatter, "member {leader} leads"),
            ProposeError::NotLeader { leader: None } => write!(formatter, "no leader is known"),
            ProposeError::HandingOver => write!(formatter, "leadership is being handed over"),
            ProposeError::Busy => write!(formatter, "too much is proposed and not committed"),
            ProposeError::TooLarge { change_bytes } => {
                write!(formatter, "a change of {change_bytes} bytes is too large")
            }
        }
    }
}

impl std::error::Error for ProposeError {}

/// Why a group does not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// This member is not one of the group's voters.
    NotAVoter {
        /// This member.
        member: MemberId,
        /// The voters.
        voters: Vec<MemberId>,
    },
    /// The options make no sense.
    Options(&'static str),
    /// raft does not accept what was recovered.
    Raft(String),
    /// What the group's owner made of its log does not fit together.
    Contents(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::NotAVoter { member, voters } => {
                write!(formatter, "member {member} is not among the voters {voters:?}")
            }
            OpenError::Options(what) => write!(formatter, "group options: {what}"),
            OpenError::Raft(what) => write!(formatter, "raft: {what}"),
            OpenError::Contents(what) => write!(formatter, "the group's log: {what}"),
        }
    }
}

impl std::error::Error for OpenError {}

/// Why a message from a peer was not taken. The group is as before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepError {
    /// From a member that is not in the group.
    UnknownMember(MemberId),
    /// Not a message that peers send, or for another member.
    NotForUs,
    /// It carries what this version does not know: a snapshot, a change of members.
    NotBuilt(&'static str),
    /// raft refused it.
    Raft(String),
}

impl fmt::Display for StepError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StepError::UnknownMember(member) => write!(formatter, "member {member} is not in the group"),
            StepError::NotForUs => write!(formatter, "not a message for this member"),
            StepError::NotBuilt(what) => write!(formatter, "{what} is not built yet"),
            StepError::Raft(what) => write!(formatter, "raft: {what}"),
        }
    }
}

impl std::error::Error for StepError {}
