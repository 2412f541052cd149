//! Three members with three journals on three simulated nodes, messages carried by hand: the path that one member takes is the one
//! for three. Elections, lost messages, power cuts, uneven tails, entries that a newer term replaces.

mod world;

use journal::{GroupId, Journal, LogIndex, Term};
use replication::{Group, GroupOptions, MemberId, Message, RecoveredGroup};
use runtime::simulated::{Machine, MachineOptions, NodeId};
use runtime::{CoreId, Runtime};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use world::{Change, change, open};

const GROUP: GroupId = GroupId(9);

struct Member {
    runtime: Runtime,
    journal: Journal,
    group: Group,
}

/// What a member applied, whatever befalls it: index, term, change.
type Applied = Vec<(u64, u64, Vec<u8>)>;

struct Cluster {
    machine: Machine,
    random: fastrand::Rng,
    members: Vec<Option<Member>>,
    applied: Vec<Applied>,
    terms: Vec<Term>,
    wires: VecDeque<Message>,
    /// Members whose messages go nowhere.
    cut_off: Vec<bool>,
    lost_in_hundred: u8,
    message_count: usize,
}

impl Cluster {
    fn new(seed: u64) -> Cluster {
        eprintln!("seed {seed}");
        let machine = Machine::with(MachineOptions { node_count: 3, ..MachineOptions::new(seed) });
        let mut cluster = Cluster {
            machine,
            random: fastrand::Rng::with_seed(seed),
            members: vec![None, None, None],
            applied: vec![Vec::new(); 3],
            terms: vec![Term(0); 3],
            wires: VecDeque::new(),
            cut_off: vec![false; 3],
            lost_in_hundred: 0,
            message_count: 0,
        };
        for place in 0..3 {
            cluster.start(place);
        }
        cluster
    }

    fn start(&mut self, place: usize) {
        let node = NodeId(u16::try_from(place).expect("three nodes"));
        let runtime = self.machine.runtime_of(node, CoreId(0));
        let (journal, mut recovered) = self.machine.run(open(&runtime)).expect("nothing goes down");
        let kept: RecoveredGroup = recovered.groups.remove(&GROUP).unwrap_or_default();
        let again = recovered.applied.remove(&GROUP).unwrap_or_default();
        // Recovery knows of fewer commits than were applied, never of others: raft tells it the rest once more.
        let again: Applied =
            again.into_iter().map(|Change { index, term, change, .. }| (index, term, change)).collect();
        assert_eq!(again, self.applied[place][..again.len()], "member {place}");
        self.applied[place] = again;
        let options = GroupOptions {
            group: GROUP,
            member: MemberId(place as u64 + 1),
            voters: (1..=3).map(MemberId).collect(),
            election_tick_count: 10 + place * 3,
        };
        let group = Group::open(options, kept).expect("the group opens");
        assert!(group.term() >= self.terms[place], "member {place} forgets a term");
        self.members[place] = Some(Member { runtime, journal, group });
    }

    fn crash(&mut self, place: usize) {
        self.members[place] = None;
        let node = NodeId(u16::try_from(place).expect("three nodes"));
        self.machine.cut_power_of(node);
        self.machine.restart_node(node);
    }

    /// One tick of everybody's time.
    fn turn(&mut self) {
        let mut committed = Vec::new();
        for (place, member) in self.members.iter_mut().enumerate() {
            let Some(Member { journal, group, .. }) = member else { continue };
            group.tick();
            let _ = group.collect(journal);
            let _ = group.handle_durable(journal, &mut committed);
            for entry in committed.drain(..) {
                let Change { index, term, change, .. } = Change::of(&entry);
                assert!(self.applied[place].last().is_none_or(|last| last.0 < index));
                self.applied[place].push((index, term, change));
            }
            assert!(group.term() >= self.terms[place], "member {place} goes back in terms");
            self.terms[place] = group.term();
            self.wires.extend(group.take_messages());
        }
        for message in std::mem::take(&mut self.wires) {
            self.carry(message);
        }
        let runtime = self.members.iter().flatten().next().expect("somebody is up").runtime.clone();
        self.machine.run(runtime.sleep(Duration::from_micros(400))).expect("nothing goes down");
    }

    fn carry(&mut self, message: Message) {
        let place = |member: u64| usize::try_from(member - 1).expect("three members");
        let (from, to) = (place(message.from), place(message.to));
        self.message_count += 1;
        if self.cut_off[from] || self.cut_off[to] || self.random.u8(..100) < self.lost_in_hundred {
            return;
        }
        if let Some(member) = &mut self.members[to] {
            member.group.step(message).expect("messages of members are taken");
        }
    }

    fn turns(&mut self, count: usize) {
        for _ in 0..count {
            self.turn();
        }
    }

    fn leader(&self) -> Option<usize> {
        let leads = |place: &usize| {
            !self.cut_off[*place] && self.members[*place].as_ref().is_some_and(|member| member.group.is_leader())
        };
        (0..3).filter(leads).max_by_key(|place| self.terms[*place].0)
    }

    fn elect(&mut self) -> usize {
        for _ in 0..500 {
            if let Some(leader) = self.leader() {
                return leader;
            }
            self.turn();
        }
        panic!("nobody is elected");
    }

    fn propose(&mut self, place: usize, text: &str) -> LogIndex {
        let member = self.members[place].as_mut().expect("it is up");
        member.group.propose(change(text)).expect("it leads")
    }

    /// Turns until all that are up have applied the same, up to the leader's last entry.
    fn converge(&mut self) {
        for _ in 0..3000 {
            self.turn();
            let ends: Vec<LogIndex> =
                self.members.iter().flatten().map(|member| member.group.applied().index).collect();
            let leader_end =
                self.leader().and_then(|place| self.members[place].as_ref()).map(|leader| leader.group.last_index());
            if leader_end.is_some_and(|end| ends.iter().all(|index| *index == end)) {
                return;
            }
        }
        panic!("the members do not converge");
    }

    fn texts(&self, place: usize) -> Vec<String> {
        self.applied[place].iter().map(|(.., change)| String::from_utf8(change.clone()).expect("text")).collect()
    }
}

#[test]
fn three_members_elect_one_and_apply_the_same() {
    let mut cluster = Cluster::new(1);
    let leader = cluster.elect();
    for number in 0..50 {
        cluster.propose(leader, &format!("change {number}"));
        if number % 3 == 0 {
            cluster.turn();
        }
    }
    cluster.converge();
    assert_eq!(cluster.applied[leader].len(), 50);
    assert_eq!(cluster.applied[0], cluster.applied[1]);
    assert_eq!(cluster.applied[1], cluster.applied[2]);
    assert!(cluster.message_count > 50);
}

#[test]
fn a_tail_that_no_majority_has_is_replaced_and_stays_replaced() {
    let mut cluster = Cluster::new(2);
    let old = cluster.elect();
    cluster.propose(old, "first");
    cluster.converge();
    // These reach only the old leader's own disk.
    cluster.cut_off[old] = true;
    for number in 0..5 {
        cluster.propose(old, &format!("lonely {number}"));
    }
    cluster.turns(3);
    assert_eq!(cluster.members[old].as_ref().expect("up").group.last_index().0, cluster.applied[old][0].0 + 5);
    cluster.crash(old);
    let new = cluster.elect();
    assert_ne!(new, old);
    for number in 0..3 {
        cluster.propose(new, &format!("new {number}"));
    }
    cluster.converge();
    // It comes back with the lonely entries, which must not be applied, and gives them up.
    cluster.start(old);
    cluster.cut_off[old] = false;
    cluster.converge();
    let expected = ["first", "new 0", "new 1", "new 2"];
    assert_eq!(cluster.texts(old), expected);
    // Its journal has both now: the newer term counts.
    for place in 0..3 {
        cluster.crash(place);
        cluster.start(place);
    }
    cluster.elect();
    cluster.converge();
    for place in 0..3 {
        assert_eq!(cluster.texts(place), expected, "member {place}");
    }
}

#[test]
fn a_leader_that_restarts_probes_followers_of_any_length() {
    for seed in 10..16 {
        let mut cluster = Cluster::new(seed);
        let leader = cluster.elect();
        let late = (leader + 1) % 3;
        cluster.propose(leader, "all have this");
        cluster.converge();
        cluster.cut_off[late] = true;
        for number in 0..20 {
            cluster.propose(leader, &format!("two have {number}"));
            cluster.turn();
        }
        cluster.turns(5);
        // Everybody restarts: who leads now knows nothing of what the others have.
        for place in 0..3 {
            cluster.crash(place);
            cluster.start(place);
        }
        cluster.cut_off[late] = false;
        let leader = cluster.elect();
        assert_ne!(leader, late, "its log is too short");
        cluster.propose(leader, "after");
        cluster.converge();
        for place in 0..3 {
            assert_eq!(cluster.applied[place], cluster.applied[leader], "seed {seed} member {place}");
        }
        assert_eq!(cluster.texts(late).len(), 22);
    }
}

#[test]
fn lost_messages_and_power_cuts_lose_no_committed_change() {
    let mut change_count = 0;
    for seed in 100..120 {
        let mut cluster = Cluster::new(seed);
        let mut committed: BTreeMap<u64, (u64, Vec<u8>)> = BTreeMap::new();
        let mut number = 0;
        for _ in 0..400 {
            cluster.lost_in_hundred = if cluster.random.u8(..4) == 0 { 30 } else { 2 };
            let place = cluster.random.usize(..3);
            match cluster.random.u8(..60) {
                0 if cluster.members.iter().flatten().count() == 3 => cluster.crash(place),
                1 => cluster.cut_off[place] = !cluster.cut_off[place],
                2..10 => {
                    for place in 0..3 {
                        if cluster.members[place].is_none() {
                            cluster.start(place);
                        }
                    }
                }
                _ => {}
            }
            if let Some(leader) = cluster.leader() {
                for _ in 0..cluster.random.usize(..4) {
                    number += 1;
                    cluster.propose(leader, &format!("{number}"));
                }
            }
            cluster.turn();
            for (index, term, change) in cluster.applied.iter().flatten() {
                let known = committed.entry(*index).or_insert_with(|| (*term, change.clone()));
                assert_eq!(known, &(*term, change.clone()), "seed {seed}: entry {index} differs");
            }
        }
        cluster.lost_in_hundred = 0;
        cluster.cut_off = vec![false; 3];
        for place in 0..3 {
            if cluster.members[place].is_none() {
                cluster.start(place);
            }
        }
        cluster.converge();
        change_count += committed.len();
        for place in 0..3 {
            let applied: BTreeMap<u64, (u64, Vec<u8>)> =
                cluster.applied[place].iter().cloned().map(|(index, term, change)| (index, (term, change))).collect();
            assert!(
                committed.iter().all(|(index, entry)| applied.get(index) == Some(entry)),
                "seed {seed} member {place}"
            );
        }
    }
    assert!(change_count > 2000, "{change_count} changes");
}
