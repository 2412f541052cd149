//! From raft's readies to the journal: what is to be appended, what was, and what is dead once that is durable.
//!
//! One per group, inside it. raft hands out one ready after another; each is appended wholly before the next is taken, and counts as
//! persisted once the journal is durable up to the position behind its last record. The journal may refuse in the middle: the rest waits.

use crate::log_tail::LogTail;
use crate::state_record::{GroupState, LogPoint, MemberId};
use journal::{AppendRefused, GroupId, Journal, Location, LogIndex, Position, Record, RecordKind, Term};
use raft::eraftpb::Message;
use std::collections::VecDeque;

/// Entries committed since the last state was written, after which one is written again, so that recovery knows of them.
const COMMIT_NOTE_ENTRY_COUNT: u64 = 1024;

/// A ready that is being appended.
pub(crate) struct WantedReady {
    pub(crate) number: u64,
    pub(crate) is_state_wanted: bool,
    /// Entries still to append: from here ...
    pub(crate) next: LogIndex,
    /// ... to here. Empty when below `next`.
    pub(crate) last: LogIndex,
    /// To be sent once it is persisted.
    pub(crate) messages: Vec<Message>,
}

/// A ready that is appended and not known to be durable.
struct AppendedReady {
    number: u64,
    position: Position,
    messages: Vec<Message>,
}

pub(crate) struct Writer {
    group: GroupId,
    wanted: Option<WantedReady>,
    appended: VecDeque<AppendedReady>,
    /// The newest committed entry, if it only marks a term: dead once a newer one is committed or a state tells of it.
    marker: Option<Location>,
    /// Behind the group's last record.
    last_position: Position,
    state_location: Option<Location>,
    written_commit: LogIndex,
    /// Dead as soon as the journal is durable up to the position.
    dead: VecDeque<(Position, Location)>,
    /// Replaced in memory; dead once what replaces them is durable.
    replaced: Vec<Location>,
    scratch: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(group: GroupId, state: Option<(&GroupState, Location)>, marker: Option<Location>) -> Writer {
        Writer {
            group,
            wanted: None,
            appended: VecDeque::new(),
            marker,
            last_position: Position(0),
            state_location: state.map(|(_, location)| location),
            written_commit: state.map_or(LogIndex(0), |(state, _)| state.commit),
            dead: VecDeque::new(),
            replaced: Vec::new(),
            scratch: Vec::new(),
        }
    }

    pub(crate) fn want(&mut self, ready: WantedReady) {
        assert!(self.wanted.is_none(), "one ready is appended at a time");
        self.wanted = Some(ready);
    }

    pub(crate) fn replace(&mut self, location: Location) {
        self.replaced.push(location);
    }

    /// A newer entry is committed: it is the marker now, if it only marks a term.
    pub(crate) fn replace_marker(&mut self, marker: Option<Location>) {
        self.replaced.extend(std::mem::replace(&mut self.marker, marker));
    }

    /// Records of the group's own that are not dead: state and marker, and what they have replaced until that is durable.
    pub(crate) fn locations(&self) -> impl Iterator<Item = Location> {
        let dying = self.dead.iter().map(|(_, location)| *location);
        dying.chain(self.replaced.iter().copied()).chain(self.marker).chain(self.state_location)
    }

    /// Whether recovery would lag too far behind this commit.
    pub(crate) fn is_commit_note_due(&self, commit: u64) -> bool {
        commit >= self.written_commit.0 + COMMIT_NOTE_ENTRY_COUNT
    }

    /// The first position at which there is something to take: a persisted ready, or a dead record.
    pub(crate) fn waits_for(&self) -> Option<Position> {
        let ready = self.appended.front().map(|ready| ready.position);
        let dead = self.dead.front().map(|(position, _)| *position);
        ready.into_iter().chain(dead).min()
    }

    /// Appends what is wanted. `Err` leaves the rest for the next call.
    pub(crate) fn write(
        &mut self,
        journal: &Journal,
        tail: &mut LogTail,
        applied: LogPoint,
    ) -> Result<(), AppendRefused> {
        let Some(mut ready) = self.wanted.take() else { return Ok(()) };
        let result = self.append_ready(journal, tail, applied, &mut ready);
        if let Err(refused) = result {
            self.wanted = Some(ready);
            return Err(refused);
        }
        let position = self.last_position;
        self.dead.extend(self.replaced.drain(..).map(|location| (position, location)));
        self.appended.push_back(AppendedReady { number: ready.number, position, messages: ready.messages });
        Ok(())
    }

    fn append_ready(
        &mut self,
        journal: &Journal,
        tail: &mut LogTail,
        applied: LogPoint,
        ready: &mut WantedReady,
    ) -> Result<(), AppendRefused> {
        if ready.is_state_wanted {
            self.write_state(journal, tail, applied)?;
            ready.is_state_wanted = false;
        }
        if ready.next > ready.last {
            return Ok(());
        }
        let is_sole_voter = tail.conf_state.voters.len() == 1;
        let kind = if is_sole_voter { RecordKind::CommittedEntry } else { RecordKind::Entry };
        while ready.next <= ready.last {
            let entry = &tail.find(ready.next).expect("what is to be appended is in memory").entry;
            let location = journal.append(Record {
                kind,
                group: self.group,
                term: Term(entry.term),
                index: ready.next,
                payload: &entry.data,
            })?;
            tail.set_location(ready.next, location);
            ready.next.0 += 1;
        }
        self.last_position = journal.appended();
        Ok(())
    }

    /// Appends the state as it is now; the one before is dead once this is durable.
    pub(crate) fn write_state(
        &mut self,
        journal: &Journal,
        tail: &LogTail,
        applied: LogPoint,
    ) -> Result<(), AppendRefused> {
        let hard_state = &tail.hard_state;
        let state = GroupState {
            term: Term(hard_state.term),
            vote: hard_state.vote,
            commit: LogIndex(hard_state.commit),
            applied,
            voters: tail.conf_state.voters.iter().map(|voter| MemberId(*voter)).collect(),
        };
        state.encode(&mut self.scratch);
        let location = journal.append(Record {
            kind: RecordKind::GroupState,
            group: self.group,
            term: state.term,
            index: applied.index,
            payload: &self.scratch,
        })?;
        self.last_position = journal.appended();
        let earlier = self.state_location.replace(location);
        let position = self.last_position;
        self.dead.extend(earlier.into_iter().chain(self.marker.take()).map(|location| (position, location)));
        self.written_commit = state.commit;
        Ok(())
    }

    /// Takes what became durable: the number of the last persisted ready, if there is one; their messages go to `outbox`.
    pub(crate) fn take_persisted(&mut self, journal: &Journal, outbox: &mut Vec<Message>) -> Option<u64> {
        let durable = journal.durable();
        while self.dead.front().is_some_and(|(position, _)| *position <= durable) {
            let (_, location) = self.dead.pop_front().expect("there is one");
            journal.release(location);
        }
        let mut persisted = None;
        while self.appended.front().is_some_and(|ready| ready.position <= durable) {
            let ready = self.appended.pop_front().expect("there is one");
            outbox.extend(ready.messages);
            persisted = Some(ready.number);
        }
        persisted
    }
}
