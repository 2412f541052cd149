//! A Raft group's member on this core: proposals in, records out, committed entries in order.
//!
//! Synchronous: the caller says when (`collect` after proposing or stepping, `handle_durable` after a flush). One per replica of a
//! partition, on the partition's core, dropped with it. What goes to the journal is in `writer.rs`, what raft reads back in `log_tail.rs`.

use crate::error::{OpenError, ProposeError, StepError};
use crate::log_tail::{LogTail, point_of};
use crate::recovered::RecoveredGroup;
use crate::state_record::{LogPoint, MemberId, VOTER_COUNT_MAX};
use crate::writer::{WantedReady, Writer};
use crate::{RETAINED_BYTES_MAX, RETAINED_COUNT_MAX, UNCOMMITTED_BYTES_MAX, logger};
use bytes::Bytes;
use journal::{
    AppendRefused, GroupId, Journal, Location, LogIndex, Position, RECORD_PAYLOAD_BYTES_MAX, SegmentId, Term,
};
use raft::eraftpb::{ConfState, Entry, EntryType, HardState, Message, MessageType};
use raft::{Config, RawNode, StateRole};

/// Ticks between a leader's heartbeats.
const HEARTBEAT_TICK_COUNT: usize = 1;
/// Messages of entries on their way to one member.
const INFLIGHT_MESSAGE_COUNT_MAX: usize = 256;
/// Bytes of entries in one message.
const MESSAGE_BYTES_MAX: u64 = 1 << 20;

/// Who a member is.
#[derive(Clone, Debug)]
pub struct GroupOptions {
    /// The group.
    pub group: GroupId,
    /// This member of it.
    pub member: MemberId,
    /// All members that vote, when the group is new; a group that was recovered knows them.
    pub voters: Vec<MemberId>,
    /// Ticks without a leader after which this member campaigns: at least 3, different for each member.
    pub election_tick_count: usize,
}

impl GroupOptions {
    /// A group of one member.
    pub fn alone(group: GroupId, member: MemberId) -> GroupOptions {
        GroupOptions { group, member, voters: vec![member], election_tick_count: 10 }
    }
}

/// An entry that a majority has, for its owner to apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedEntry {
    /// Of the entry.
    pub index: LogIndex,
    /// Of the entry.
    pub term: Term,
    /// Where the entry is in this core's journal.
    pub location: Location,
    /// As it was proposed.
    pub change: Bytes,
}

/// Whether all that was to be appended was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    /// Yes.
    Done,
    /// The journal refused (busy or full): call again when its `on_durable` signal is notified, which it also is when there is space again.
    Blocked,
}

/// One member of a Raft group.
///
/// Invariants: 1. an entry is given out once, in order, and only when it is committed and durable here; 2. a message that rests on
/// a term, a vote or an entry is in the outbox only when that is durable (but a leader's own entries, as Raft allows).
pub struct Group {
    id: GroupId,
    node: RawNode<LogTail>,
    writer: Writer,
    /// Proposed since the last `collect`, in order; raft gets them in one go.
    proposals: Vec<Entry>,
    /// How many there were in the last `collect` that had any: as many are made room for.
    proposal_count: usize,
    uncommitted_bytes: usize,
    applied: LogPoint,
    committed: Vec<CommittedEntry>,
    outbox: Vec<Message>,
    /// The first state of a new group was not asked for yet.
    is_new: bool,
}

impl Group {
    /// Opens a member on what was recovered of it. A group with one voter campaigns at once and leads when this returns. The caller then calls
    /// `collect`.
    pub fn open(options: GroupOptions, recovered: RecoveredGroup) -> Result<Group, OpenError> {
        let GroupOptions { group, member, mut voters, election_tick_count } = options;
        voters.sort_unstable();
        voters.dedup();
        if let Some((state, _)) = &recovered.state {
            voters.clone_from(&state.voters);
        }
        if member.0 == 0 || voters.is_empty() || voters.len() > VOTER_COUNT_MAX || voters[0].0 == 0 {
            return Err(OpenError::Options("members are numbered from 1, and there are 1 to 16 voters"));
        }
        if !voters.contains(&member) {
            return Err(OpenError::NotAVoter { member, voters });
        }
        if election_tick_count < 3 {
            return Err(OpenError::Options("election_tick_count must be at least 3"));
        }
        let is_new = recovered.state.is_none();
        let RecoveredGroup { state, mut tail, applied, marker, .. } = recovered;
        let writer = Writer::new(group, state.as_ref().map(|(state, location)| (state, *location)), marker);
        let last = tail.last();
        let (term, vote, commit) =
            state.map_or((Term(0), 0, LogIndex(0)), |(state, _)| (state.term, state.vote, state.commit));
        // A vote belongs to its term.
        let vote = if last.term > term { 0 } else { vote };
        tail.hard_state = HardState {
            term: term.max(last.term).0,
            vote,
            commit: commit.min(last.index).max(applied.index).0,
            ..HardState::default()
        };
        tail.conf_state = ConfState { voters: voters.iter().map(|voter| voter.0).collect(), ..ConfState::default() };
        let config = Config {
            id: member.0,
            applied: applied.index.0,
            election_tick: election_tick_count,
            // One value only: raft draws between them from a chance of its own, which would not repeat.
            min_election_tick: election_tick_count,
            max_election_tick: election_tick_count + 1,
            heartbeat_tick: HEARTBEAT_TICK_COUNT,
            max_inflight_msgs: INFLIGHT_MESSAGE_COUNT_MAX,
            max_size_per_msg: MESSAGE_BYTES_MAX,
            pre_vote: true,
            check_quorum: true,
            ..Config::default()
        };
        let raft_error = |error: raft::Error| OpenError::Raft(error.to_string());
        let mut node = RawNode::new(&config, tail, &logger::new()).map_err(raft_error)?;
        if voters.len() == 1 {
            node.campaign().map_err(raft_error)?;
        }
        Ok(Group {
            id: group,
            node,
            writer,
            proposals: Vec::new(),
            proposal_count: 0,
            uncommitted_bytes: 0,
            applied,
            committed: Vec::new(),
            outbox: Vec::new(),
            is_new,
        })
    }

    /// The group.
    pub fn id(&self) -> GroupId {
        self.id
    }

    /// Whether this member decides.
    pub fn is_leader(&self) -> bool {
        self.node.raft.state == StateRole::Leader
    }

    /// Who leads, as far as this member knows.
    pub fn leader(&self) -> Option<MemberId> {
        Some(self.node.raft.leader_id).filter(|leader| *leader != 0).map(MemberId)
    }

    /// The current term.
    pub fn term(&self) -> Term {
        Term(self.node.raft.term)
    }

    /// The last entry given out.
    pub fn applied(&self) -> LogPoint {
        self.applied
    }

    /// Index of the last entry, proposals of this turn included.
    pub fn last_index(&self) -> LogIndex {
        LogIndex(self.node.raft.raft_log.last_index() + self.proposals.len() as u64)
    }

    /// Whether half of what may be proposed and not committed is free.
    pub fn has_room(&self) -> bool {
        self.uncommitted_bytes <= UNCOMMITTED_BYTES_MAX / 2
    }

    /// Proposes a change, which is not empty, and gives the index that its entry has if it is committed in this term. It moves on with the next
    /// `collect`.
    pub fn propose(&mut self, change: Bytes) -> Result<LogIndex, ProposeError> {
        assert!(!change.is_empty(), "an empty change marks a term");
        if !self.is_leader() {
            return Err(ProposeError::NotLeader { leader: self.leader() });
        }
        if self.node.raft.lead_transferee.is_some() {
            return Err(ProposeError::HandingOver);
        }
        if change.len() > RECORD_PAYLOAD_BYTES_MAX {
            return Err(ProposeError::TooLarge { change_bytes: change.len() });
        }
        if self.uncommitted_bytes + change.len() > UNCOMMITTED_BYTES_MAX {
            return Err(ProposeError::Busy);
        }
        self.uncommitted_bytes += change.len();
        if self.proposals.is_empty() {
            self.proposals.reserve(self.proposal_count);
        }
        self.proposals.push(Entry { data: change, ..Entry::default() });
        Ok(self.last_index())
    }

    /// Takes a message from a peer.
    pub fn step(&mut self, message: Message) -> Result<(), StepError> {
        check_message(&message, self.node.raft.id)?;
        self.submit_proposals();
        let from = MemberId(message.from);
        self.node.step(message).map_err(|error| match error {
            raft::Error::StepPeerNotFound => StepError::UnknownMember(from),
            raft::Error::StepLocalMsg => StepError::NotForUs,
            other => StepError::Raft(other.to_string()),
        })
    }

    /// Lets raft's time go on by a tick; true when there is something to `collect`. A group with one voter needs none.
    pub fn tick(&mut self) -> bool {
        self.submit_proposals();
        self.node.tick()
    }

    /// Takes the messages that are to be sent, in order.
    pub fn take_messages(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.outbox)
    }

    /// Appends to the journal what proposals, messages and ticks have brought about. `Blocked`: call it again after the next flush.
    pub fn collect(&mut self, journal: &Journal) -> Progress {
        self.submit_proposals();
        self.drive(journal)
    }

    /// Takes what the journal has made durable since, and adds the entries that are committed by it to `committed`. They count as applied
    /// when this returns.
    pub fn handle_durable(&mut self, journal: &Journal, committed: &mut Vec<CommittedEntry>) -> Progress {
        if let Some(number) = self.writer.take_persisted(journal, &mut self.outbox) {
            self.node.on_persist_ready(number);
        }
        let progress = self.collect(journal);
        committed.append(&mut self.committed);
        progress
    }

    /// The position at which `handle_durable` has something to do; `None` when nothing of this group is on its way.
    pub fn waits_for(&self) -> Option<Position> {
        self.writer.waits_for()
    }

    /// The first segment of the log in which there is a record that a start needs of this group: its newest state (the one before, until that
    /// is durable), the newest entry if that marks a term and no state tells of it, entries that are not applied. An owner adds the entries
    /// whose changes it has nowhere else; then a state or the last entry always tells where the log ends. `None` before the first append.
    pub fn floor(&self) -> Option<SegmentId> {
        let next = LogIndex(self.applied.index.0 + 1);
        let unapplied = self.node.store().find(next).and_then(|stored| stored.location);
        unapplied.into_iter().chain(self.writer.locations()).map(|location| location.segment).min()
    }

    /// Appends the state anew, as of the last applied entry: once that is durable, [`Group::floor`] is there.
    pub fn renew(&mut self, journal: &Journal) -> Result<(), AppendRefused> {
        self.writer.write_state(journal, self.node.store(), self.applied)
    }

    /// The records that the group itself keeps alive; for whoever closes it.
    pub fn into_locations(self) -> Vec<Location> {
        self.writer.locations().collect()
    }

    /// Gives raft what was proposed. Nothing can refuse it: `propose` has checked that this member leads, and whatever changes
    /// that comes here first.
    fn submit_proposals(&mut self) {
        if self.proposals.is_empty() {
            return;
        }
        self.proposal_count = self.proposals.len();
        let mut message = Message { from: self.node.raft.id, ..Message::default() };
        message.set_msg_type(MessageType::MsgPropose);
        message.entries = std::mem::take(&mut self.proposals).into();
        self.node.raft.step(message).expect("a leader takes proposals");
    }

    fn drive(&mut self, journal: &Journal) -> Progress {
        loop {
            let applied = self.applied;
            if self.writer.write(journal, self.node.mut_store(), applied).is_err() {
                return Progress::Blocked;
            }
            // A ready without records rests only on those before it.
            if let Some(number) = self.writer.take_persisted(journal, &mut self.outbox) {
                self.node.on_persist_ready(number);
            }
            if !self.node.has_ready() {
                return Progress::Done;
            }
            self.take_ready();
        }
    }

    fn take_ready(&mut self) {
        let mut ready = self.node.ready();
        assert!(ready.snapshot().is_empty(), "a message with a snapshot is refused");
        self.outbox.append(&mut ready.take_messages());
        let messages = ready.take_persisted_messages();
        let entries = ready.take_entries();
        let committed = ready.take_committed_entries();
        let number = ready.number();
        let must_sync = ready.must_sync();
        let tail = self.node.mut_store();
        let mut is_state_wanted = std::mem::take(&mut self.is_new);
        if let Some(hard_state) = ready.hs() {
            let is_vote_or_term = hard_state.term != tail.hard_state.term || hard_state.vote != tail.hard_state.vote;
            is_state_wanted |= is_vote_or_term;
            tail.hard_state = hard_state.clone();
        }
        let is_sole_voter = tail.conf_state.voters.len() == 1;
        is_state_wanted |= !is_sole_voter && self.writer.is_commit_note_due(tail.hard_state.commit);
        assert!(is_state_wanted || !entries.is_empty() || !must_sync, "what has to be synced is written");
        let (mut next, mut last) = (LogIndex(1), LogIndex(0));
        if let (Some(first_entry), Some(last_entry)) = (entries.first(), entries.last()) {
            (next, last) = (LogIndex(first_entry.index), LogIndex(last_entry.index));
            if next <= tail.last().index {
                let writer = &mut self.writer;
                tail.truncate(next, |location| writer.replace(location));
            }
            for entry in entries {
                tail.push(entry, None);
            }
        }
        self.writer.want(WantedReady { number, is_state_wanted, next, last, messages });
        self.node.advance_append_async(ready);
        self.give_out(committed);
    }

    fn give_out(&mut self, entries: Vec<Entry>) {
        let Some(last) = entries.last().map(point_of) else { return };
        let tail = self.node.mut_store();
        for entry in entries {
            let stored = tail.find(LogIndex(entry.index)).expect("entries are in memory until they are given out");
            let location = stored.location.expect("a committed entry is durable here");
            self.writer.replace_marker(Some(location).filter(|_| entry.data.is_empty()));
            if entry.data.is_empty() {
                continue;
            }
            self.uncommitted_bytes = self.uncommitted_bytes.saturating_sub(entry.data.len());
            let LogPoint { index, term } = point_of(&entry);
            self.committed.push(CommittedEntry { index, term, location, change: entry.data });
        }
        let is_sole_voter = tail.conf_state.voters.len() == 1;
        let kept = if is_sole_voter { (0, 0) } else { (RETAINED_BYTES_MAX, RETAINED_COUNT_MAX) };
        tail.compact(last.index, kept.0, kept.1);
        self.applied = last;
        self.node.advance_apply_to(last.index.0);
        if !self.is_leader() {
            self.uncommitted_bytes = 0;
        }
    }
}

/// Refuses what raft would stumble over, or what this version does not build.
fn check_message(message: &Message, member: u64) -> Result<(), StepError> {
    if message.to != member || message.from == 0 || message.get_msg_type() == MessageType::MsgPropose {
        return Err(StepError::NotForUs);
    }
    if message.get_msg_type() == MessageType::MsgSnapshot {
        return Err(StepError::NotBuilt("a snapshot"));
    }
    if message.entries.iter().any(|entry| entry.get_entry_type() != EntryType::EntryNormal) {
        return Err(StepError::NotBuilt("a change of members"));
    }
    Ok(())
}
