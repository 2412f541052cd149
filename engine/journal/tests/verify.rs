//! Segments that are no longer written, read from end to end: whole ones pass, whatever became of the journal meanwhile, and what changes is told
//! without an end to the look.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod owner;
mod world;

use journal::{DamageKind, Finding, Journal, JournalError, Location, SegmentId, Verification};
use owner::{History, KEY_COUNT, Owner};
use runtime::simulated::{Fault, FileOperation, Machine, NodeId};
use runtime::{BLOCK_BYTES, Buffer, Runtime, Signal};
use std::path::{Path, PathBuf};
use world::{Owned, append, flush, open};

/// What a look at the rest of a segment shows: bytes, and what is wrong.
async fn finish(mut verification: Verification) -> (u64, Vec<Finding>) {
    let (mut bytes, mut findings) = (0, Vec::new());
    while !verification.is_at_end() {
        let verified = verification.step().await;
        assert!(verified.bytes <= 256 << 10);
        bytes += verified.bytes;
        findings.extend(verified.findings);
    }
    (bytes, findings)
}

/// What is wrong with a segment, where a live record ends at `live_end`.
async fn verify(journal: &Journal, segment: u32, live_end: u32) -> Vec<Finding> {
    finish(journal.verify(SegmentId(segment), live_end).expect("it is not written any more")).await.1
}

/// A journal with some full segments, the last of which is being written.
async fn filled(runtime: &Runtime) -> Journal {
    filled_with(runtime).await.0
}

/// The same, and where its records are.
async fn filled_with(runtime: &Runtime) -> (Journal, Vec<Location>) {
    let (journal, found) = open(runtime).await.expect("it opens");
    assert!(found.is_empty());
    let signal = Signal::new();
    journal.on_durable(signal.clone());
    let mut locations = Vec::new();
    for index in 0..60_u64 {
        locations.push(append(&journal, &signal, &Owned::new(1, index, 300 + index * 137 % 9_000)).await);
        if index % 3 == 0 {
            flush(&journal, &signal).await;
        }
    }
    flush(&journal, &signal).await;
    (journal, locations)
}

fn path_of(machine: &Machine, segment: u32) -> PathBuf {
    let files = world::segment_paths(&machine.disk().files());
    let is_it = |path: &&PathBuf| {
        let header = machine.disk().read_live(path);
        header[14] == 1 && header[32..36] == segment.to_le_bytes()
    };
    files.iter().find(is_it).expect("it is there").clone()
}

fn damage_of(findings: &[Finding]) -> Option<journal::Damage> {
    match findings {
        [Finding { error: JournalError::Rot { damage, .. }, .. }] => Some(*damage),
        _ => None,
    }
}

async fn overwrite(runtime: &Runtime, path: &Path, offset: usize, bytes: &[u8]) {
    let file = runtime.open_file(path).await.unwrap();
    let mut buffer = Buffer::zeroed(bytes.len());
    buffer.as_mut_slice().copy_from_slice(bytes);
    file.write_at(offset as u64, buffer).await.1.unwrap();
}

#[test]
fn whole_segments_pass_and_the_one_that_is_written_is_not_looked_at() {
    let machine = Machine::new(1);
    machine
        .run(async {
            let journal = filled(&machine.runtime()).await;
            let usage = journal.usage();
            let (last, full) = usage.split_last().unwrap();
            assert!(full.len() >= 3);
            assert!(journal.verify(last.segment, 0).is_none());
            assert_eq!(journal.last_segment(), Some(last.segment));
            assert!(journal.verify(SegmentId(last.segment.0 + 1), 0).is_none());
            for usage in full {
                let (bytes, findings) = finish(journal.verify(usage.segment, 0).unwrap()).await;
                assert_eq!(bytes, usage.used_bytes);
                assert!(findings.is_empty(), "{findings:?}");
            }
        })
        .unwrap();
}

#[test]
fn a_flip_anywhere_is_told_once_and_the_rest_is_looked_at() {
    let machine = Machine::new(1);
    machine
        .run(async {
            let journal = filled(&machine.runtime()).await;
            let path = path_of(&machine, 2);
            let end = journal.usage()[1].used_bytes;
            for offset in (0..end).step_by(61) {
                machine.disk().flip(&path, offset, 1 << (offset % 8));
                let findings = verify(&journal, 2, 0).await;
                let damage = damage_of(&findings).unwrap_or_else(|| panic!("flip at {offset}: {findings:?}"));
                assert!(u64::from(damage.offset) <= offset, "{damage} for {offset}");
                if matches!(damage.kind, DamageKind::RecordChecksum { .. }) {
                    assert!(findings[0].group.is_some());
                }
                machine.disk().flip(&path, offset, 1 << (offset % 8));
            }
            // Two flushes that are not each other's neighbours.
            let second = (end / 2) / 4096 * 4096 + 100;
            machine.disk().flip(&path, 4096 + 20, 1);
            machine.disk().flip(&path, second, 1);
            assert_eq!(verify(&journal, 2, 0).await.len(), 2);
        })
        .unwrap();
}

#[test]
fn zeroed_stale_and_misdirected_blocks_are_told() {
    let machine = Machine::new(1);
    machine
        .run(async {
            let runtime = machine.runtime();
            let journal = filled(&runtime).await;
            let (path, other) = (path_of(&machine, 2), path_of(&machine, 1));
            let end = usize::try_from(journal.usage()[1].used_bytes).unwrap();
            let (good, stale) = (machine.disk().read_live(&path), machine.disk().read_live(&other));
            for at in (0..end).step_by(BLOCK_BYTES) {
                let block = at..at + BLOCK_BYTES;
                let elsewhere = if at == 0 { BLOCK_BYTES } else { 0 };
                let mut zeroed = good[block.clone()].to_vec();
                zeroed[..512].fill(0);
                let misdirected = good[elsewhere..elsewhere + BLOCK_BYTES].to_vec();
                for bytes in [zeroed, stale[block.clone()].to_vec(), misdirected] {
                    overwrite(&runtime, &path, at, &bytes).await;
                    let findings = verify(&journal, 2, 0).await;
                    assert_eq!(findings.len(), 1, "block at {at}: {findings:?}");
                    overwrite(&runtime, &path, at, &good[block.clone()]).await;
                }
            }
            assert!(verify(&journal, 2, 0).await.is_empty());
        })
        .unwrap();
}

#[test]
fn a_disk_that_does_not_answer_is_told() {
    let machine = Machine::new(1);
    machine
        .run(async {
            let journal = filled(&machine.runtime()).await;
            machine.disk().arm(Fault::Error, FileOperation::Read, 0);
            let findings = verify(&journal, 2, 0).await;
            assert!(matches!(findings[..], [Finding { error: JournalError::File(_), .. }]), "{findings:?}");
        })
        .unwrap();
}

#[test]
fn a_segment_that_is_given_back_meanwhile_is_no_fault() {
    let machine = Machine::new(1);
    machine
        .run(async {
            let (journal, locations) = filled_with(&machine.runtime()).await;
            let path = path_of(&machine, 1);
            machine.disk().flip(&path, 5_000, 1);
            let verification = journal.verify(SegmentId(1), 0).unwrap();
            journal.set_replay_start(SegmentId(2));
            let inside = locations.into_iter().filter(|location| location.segment == SegmentId(1));
            inside.for_each(|location| journal.release(location));
            assert!(finish(verification).await.1.is_empty());
            assert!(journal.verify(SegmentId(1), 0).is_none());
        })
        .unwrap();
}

/// Everything an owner does, life after life, with power cuts; every segment passes at every stage of it.
#[test]
fn nothing_is_told_of_a_journal_that_is_as_it_was_written() {
    let (mut step_count, mut unknown_count) = (0, 0);
    for seed in 0..12 {
        let machine = Machine::new(seed);
        let mut random = fastrand::Rng::with_seed(seed);
        let mut history = History::default();
        for life in 0..8 {
            if life > 0 {
                if random.bool() {
                    machine.cut_power()
                } else {
                    machine.kill(NodeId(0))
                }
                machine.restart();
            }
            let told = machine.run(async {
                let mut owner = Owner::open(&machine.runtime(), true, &mut history).await.unwrap();
                for step in 0..60 {
                    match random.u8(..10) {
                        0 => owner.write_checkpoint(&mut history).await,
                        1 => owner.clean(&mut history).await,
                        2 => owner.settle(&mut history).await,
                        _ => {
                            let key = random.u8(..KEY_COUNT);
                            owner.change(key, Some(random.u16(20..3_000)), &mut history).await;
                        }
                    }
                    if step % 10 == 0 {
                        for usage in owner.journal.usage() {
                            let Some(verification) = owner.journal.verify(usage.segment, 0) else { continue };
                            step_count += 1;
                            let (bytes, findings) = finish(verification).await;
                            assert!(findings.is_empty(), "seed {seed}, life {life}, step {step}: {findings:?}");
                            unknown_count += u32::from(!usage.is_visited && bytes == u64::from(world::SEGMENT_BYTES));
                        }
                    }
                }
            });
            told.unwrap();
        }
    }
    println!("{step_count} looks, {unknown_count} of them to the end of the file");
    assert!(step_count > 500 && unknown_count > 10);
}

/// A segment of the store whose end is not known: what is behind its last flush may be anything, what a live record is in may not.
#[test]
fn where_the_end_is_not_known_live_records_decide() {
    let machine = Machine::new(2);
    let mut history = History::default();
    let live = async |owner: &mut Owner, history: &mut History| {
        for round in 0..400_u16 {
            let key = if round < 8 { round.to_le_bytes()[0] } else { 8 + (round % 8).to_le_bytes()[0] };
            owner.change(key, Some(2000 + round % 100), history).await;
            if round % 20 == 19 {
                owner.write_checkpoint(history).await;
            }
        }
    };
    machine
        .run(async {
            let mut owner = Owner::open(&machine.runtime(), true, &mut history).await.unwrap();
            live(&mut owner, &mut history).await;
        })
        .unwrap();
    machine.kill(NodeId(0));
    machine.restart();
    machine
        .run(async {
            let owner = Owner::open(&machine.runtime(), true, &mut history).await.unwrap();
            let journal = &owner.journal;
            let segments = owner.segments();
            let has = |id| segments.contains(&SegmentId(id));
            assert!(has(1) && !has(2), "the end of segment 1 is not known: {segments:?}");
            let path = path_of(&machine, 1);
            let (bytes, findings) = finish(journal.verify(SegmentId(1), 0).unwrap()).await;
            assert!(findings.is_empty() && bytes == u64::from(world::SEGMENT_BYTES));
            let used = machine.disk().read_live(&path);
            let end = u64::try_from(used.iter().rposition(|byte| *byte != 0).unwrap()).unwrap();
            // A later flush proves that the first one was there.
            machine.disk().flip(&path, 4_200, 1);
            assert_eq!(verify(journal, 1, 0).await.len(), 1);
            machine.disk().flip(&path, 4_200, 1);
            // Nothing proves it of the last one, but that it holds what lives.
            machine.disk().flip(&path, end, 1);
            assert_eq!(verify(journal, 1, 0).await.len(), 0);
            assert_eq!(verify(journal, 1, u32::try_from(end).unwrap()).await.len(), 1);
        })
        .unwrap();
}
