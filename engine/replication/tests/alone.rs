//! A group of one member, and several of them in one journal: order, restart, terms, refusals.

mod world;

use bytes::Bytes;
use journal::{GroupId, Journal, LogIndex, RECORD_PAYLOAD_BYTES_MAX, SegmentId, SegmentUsage, Term};
use replication::{Group, GroupOptions, MemberId, OpenError, Progress, ProposeError, RecoveredGroup};
use runtime::simulated::{Machine, NodeId};
use world::{alone, change, open, settle};

#[test]
fn changes_are_committed_in_order_once_they_are_durable() {
    let machine = Machine::new(1);
    machine
        .run(async {
            let (journal, _) = open(&machine.runtime()).await;
            let mut group = alone(7, RecoveredGroup::new());
            assert!(group.is_leader());
            let mut committed = Vec::new();
            // Entry 1 marks the term.
            assert_eq!(group.propose(change("a")), Ok(LogIndex(2)));
            assert_eq!(group.propose(change("b")), Ok(LogIndex(3)));
            assert_eq!(group.collect(&journal), Progress::Done);
            assert_eq!(group.handle_durable(&journal, &mut committed), Progress::Done);
            assert_eq!(committed, [], "nothing is durable yet");
            assert_eq!(group.propose(change("c")), Ok(LogIndex(4)));
            let committed = settle(&mut group, &journal).await;
            let seen: Vec<(u64, &[u8])> = committed.iter().map(|entry| (entry.index, &entry.change[..])).collect();
            assert_eq!(seen, [(2, &b"a"[..]), (3, b"b"), (4, b"c")]);
            for entry in &committed {
                assert_eq!(journal.read(entry.location).await.expect("durable"), entry.change);
            }
            assert_eq!(group.applied().index, LogIndex(4));
            assert_eq!(group.waits_for(), None);
        })
        .expect("nothing goes down");
}

#[test]
fn three_groups_share_a_journal_and_come_back_with_terms_that_go_up() {
    let machine = Machine::new(2);
    let mut written: Vec<Vec<world::Change>> = vec![Vec::new(); 3];
    for life in 1..=4_u64 {
        let written = &mut written;
        machine
            .run(async {
                let (journal, mut recovered) = open(&machine.runtime()).await;
                for number in 0..3 {
                    let id = GroupId(number);
                    let kept = recovered.groups.remove(&id).unwrap_or_default();
                    let applied = recovered.applied.remove(&id).unwrap_or_default();
                    assert_eq!(applied, written[usize::try_from(number).expect("small")], "life {life}");
                    let mut group = alone(number, kept);
                    assert_eq!(group.term(), Term(life));
                    for step in 0..20 * (number + 1) {
                        let first = group.last_index();
                        group.propose(change(&format!("{number} {life} {step}"))).expect("it leads");
                        assert_eq!(group.last_index().0, first.0 + 1);
                        if step % 7 == number {
                            written[usize::try_from(number).expect("small")].extend(settle(&mut group, &journal).await);
                        }
                    }
                    written[usize::try_from(number).expect("small")].extend(settle(&mut group, &journal).await);
                }
                if life == 2 {
                    journal.close().await;
                }
            })
            .expect("nothing goes down by itself");
        if life % 2 == 0 {
            machine.cut_power()
        } else {
            machine.kill(NodeId(0))
        }
        machine.restart();
    }
    assert_eq!(written[2].len(), 60 * 4);
}

#[test]
fn refusals_are_typed_and_change_nothing() {
    let machine = Machine::new(3);
    machine
        .run(async {
            let (journal, _) = open(&machine.runtime()).await;
            let mut group = alone(1, RecoveredGroup::new());
            let change_bytes = RECORD_PAYLOAD_BYTES_MAX + 1;
            assert_eq!(group.propose(Bytes::from(vec![1; change_bytes])), Err(ProposeError::TooLarge { change_bytes }));
            assert_eq!(group.last_index(), LogIndex(1));
            assert_eq!(settle(&mut group, &journal).await, []);

            let voters = vec![MemberId(1), MemberId(2), MemberId(3)];
            let options = |member| GroupOptions {
                group: GroupId(2),
                member: MemberId(member),
                voters: voters.clone(),
                election_tick_count: 10,
            };
            let mut follower = Group::open(options(2), RecoveredGroup::new()).expect("it opens");
            assert_eq!(follower.propose(change("x")), Err(ProposeError::NotLeader { leader: None }));
            let refused = Group::open(options(4), RecoveredGroup::new()).err();
            assert_eq!(refused, Some(OpenError::NotAVoter { member: MemberId(4), voters: voters.clone() }));
        })
        .expect("nothing goes down");
}

#[test]
fn more_than_the_journal_takes_at_once_goes_in_piece_by_piece() {
    let machine = Machine::new(4);
    machine
        .run(async {
            let (journal, _) = open(&machine.runtime()).await;
            let mut group = alone(1, RecoveredGroup::new());
            let mut proposed = 0_u64;
            while group.propose(Bytes::from(vec![proposed.to_le_bytes()[0] | 1; 60_000])).is_ok() {
                proposed += 1;
            }
            assert_eq!(group.propose(Bytes::from(vec![1; 60_000])), Err(ProposeError::Busy));
            assert!(proposed > 200);
            assert_eq!(group.collect(&journal), Progress::Blocked);
            let committed = settle(&mut group, &journal).await;
            assert_eq!(committed.len() as u64, proposed);
            assert!(committed.iter().enumerate().all(|(place, entry)| entry.index == place as u64 + 2));
            assert!(group.propose(change("again")).is_ok());
        })
        .expect("nothing goes down");
}

#[test]
fn dead_segments_go_once_quiet_groups_have_written_their_states_again() {
    let machine = Machine::new(5);
    let newest = machine
        .run(async {
            let (journal, _) = open(&machine.runtime()).await;
            let mut busy = alone(1, RecoveredGroup::new());
            let mut quiet = alone(2, RecoveredGroup::new());
            assert_eq!(settle(&mut quiet, &journal).await, []);
            let mut newest = None;
            for number in 0..300_u32 {
                busy.propose(Bytes::from(vec![number.to_le_bytes()[0] | 1; 5000])).expect("it leads");
                for entry in settle(&mut busy, &journal).await {
                    // Each change replaces the one before: the newest entry of a group always stays.
                    if let Some(world::Change { location, .. }) = newest.replace(entry) {
                        journal.release(location);
                    }
                }
                if number % 10 == 9 {
                    clean_oldest(&journal, &mut [&mut busy, &mut quiet]).await;
                }
            }
            assert!(journal.usage().len() < 6, "{:?}", journal.usage());
            assert!(journal.usage()[0].segment.0 > 5);
            newest.expect("300 changes")
        })
        .expect("nothing goes down");
    machine.cut_power();
    machine.restart();
    machine
        .run(async {
            let (journal, mut recovered) = open(&machine.runtime()).await;
            assert_eq!(recovered.applied[&GroupId(1)].last(), Some(&newest));
            let mut quiet = alone(2, recovered.groups.remove(&GroupId(2)).expect("its state is there"));
            assert_eq!((quiet.term(), quiet.last_index()), (Term(2), LogIndex(2)));
            assert_eq!(settle(&mut quiet, &journal).await, []);
            let busy = alone(1, recovered.groups.remove(&GroupId(1)).expect("its state is there"));
            assert_eq!(busy.last_index(), LogIndex(newest.index + 1));
        })
        .expect("nothing goes down");
}

/// Takes the oldest segment out of the log: groups that need something of it write their state again.
async fn clean_oldest(journal: &Journal, groups: &mut [&mut Group]) {
    let victim = journal.replay_start();
    for group in &mut *groups {
        if group.floor() == Some(victim) {
            group.renew(journal).expect("there is room");
            assert_eq!(group.floor(), Some(victim), "until the state is durable");
        }
    }
    for group in &mut *groups {
        assert_eq!(settle(group, journal).await, []);
    }
    let live_bytes = |usage: &SegmentUsage| if usage.segment == victim { usage.live_bytes } else { 0 };
    let live_bytes: u64 = journal.usage().iter().map(live_bytes).sum();
    let floor = groups.iter().filter_map(|group| group.floor()).min().expect("they have states");
    if live_bytes == 0 && floor > victim {
        journal.set_replay_start(SegmentId(victim.0 + 1));
    }
}

#[test]
fn copies_are_not_handed_out_and_do_not_tell_where_the_log_ends() {
    let machine = Machine::new(6);
    let (last, copy) = machine
        .run(async {
            let (journal, _) = open(&machine.runtime()).await;
            let mut busy = alone(1, RecoveredGroup::new());
            let mut quiet = alone(2, RecoveredGroup::new());
            for text in ["a", "b", "c"] {
                quiet.propose(change(text)).expect("it leads");
            }
            let mut dead = settle(&mut quiet, &journal).await;
            let copied = dead[1].clone();
            for number in 0..60_u8 {
                busy.propose(Bytes::from(vec![number | 1; 5000])).expect("it leads");
                dead.extend(settle(&mut busy, &journal).await);
            }
            let record = journal.read_copy(copied.location).await.expect("it is durable");
            let location = journal.append_copy(&record).expect("there is room");
            world::wait_durable(&journal, journal.appended()).await;
            dead.iter().for_each(|change| journal.release(change.location));
            while Some(journal.replay_start()) < journal.last_segment() {
                clean_oldest(&journal, &mut [&mut busy, &mut quiet]).await;
            }
            assert!(journal.replay_start() > copied.location.segment);
            // The next flush says where the log begins.
            busy.propose(change("d")).expect("it leads");
            settle(&mut busy, &journal).await;
            (quiet.last_index(), location)
        })
        .expect("nothing goes down");
    machine.cut_power();
    machine.restart();
    machine
        .run(async {
            let (journal, mut recovered) = open(&machine.runtime()).await;
            assert!(copy.segment >= journal.replay_start(), "the copy was visited");
            assert!(recovered.applied.get(&GroupId(2)).is_none_or(Vec::is_empty), "and not handed out");
            let mut quiet = alone(2, recovered.groups.remove(&GroupId(2)).expect("its state is there"));
            assert_eq!(quiet.last_index(), LogIndex(last.0 + 1), "an index is never used twice");
            assert_eq!(settle(&mut quiet, &journal).await, []);
        })
        .expect("nothing goes down");
}
