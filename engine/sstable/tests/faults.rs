//! Bytes of a file that change are found before anything of them is served: flips, lost sectors, stale blocks, blocks that
//! were written elsewhere, files that are too short, files of another name.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use fastrand::Rng;
use runtime::simulated::Machine;
use runtime::{BLOCK_BYTES, Buffer, Runtime};
use sstable::{Damage, DamageKind, FileId, TableError, TableRecord};
use std::path::Path;
use world::{Oracle, Owned, OwnedContent, machine_with, open, path_of, random_oracle, read_all, write};

const SECTOR_BYTES: usize = 512;

/// A file of a few units with every kind of block in it.
fn small_file(seed: u64) -> (Machine, TableRecord, Oracle) {
    let mut random = Rng::with_seed(seed);
    let mut oracle = random_oracle(&mut random, 350);
    oracle.insert(b"large".to_vec(), Owned { version: 7, content: OwnedContent::Inline(9_000, vec![5; 9_000]) });
    let (machine, record) = machine_with(seed, &oracle);
    assert!((9..40).contains(&record.units), "{} units", record.units);
    (machine, record, oracle)
}

fn len_bytes(record: &TableRecord) -> usize {
    record.units as usize * BLOCK_BYTES
}

/// Reads all of the file, which has been damaged.
fn assert_found(machine: &Machine, record: &TableRecord, what: impl std::fmt::Display) -> Damage {
    let read = machine.run(read_all(&machine.runtime(), record)).expect("up");
    match read {
        Err(TableError::Rot { path, damage }) => {
            assert_eq!(path, path_of(record));
            damage
        }
        Err(error) => panic!("seed {}, {what}: {error}", machine.seed()),
        Ok(found) => panic!("seed {}, {what}: {} entries were read", machine.seed(), found.len()),
    }
}

fn assert_whole(machine: &Machine, record: &TableRecord, oracle: &Oracle) {
    let found = machine.run(read_all(&machine.runtime(), record)).expect("up").expect("it is whole");
    assert!(found.into_iter().eq(oracle.clone()));
}

async fn overwrite(runtime: &Runtime, path: &Path, offset: usize, bytes: &[u8]) {
    let file = runtime.open_file(path).await.unwrap();
    let mut buffer = Buffer::zeroed(bytes.len());
    buffer.as_mut_slice().copy_from_slice(bytes);
    file.write_at(offset as u64, buffer).await.1.unwrap();
}

#[test]
fn every_flipped_byte_is_found() {
    let mut fault_count = 0;
    let (machine, record, oracle) = small_file(1);
    for offset in 0..len_bytes(&record) as u64 {
        for mask in [1 << (offset % 8), 0xff] {
            machine.disk().flip(&path_of(&record), offset, mask);
            let damage = assert_found(&machine, &record, format_args!("flip at {offset}"));
            assert!(matches!(damage.kind, DamageKind::Checksum { .. }), "{damage}");
            assert!(damage.offset <= offset && offset - damage.offset < 16 * 4096, "{damage} for {offset}");
            machine.disk().flip(&path_of(&record), offset, mask);
            fault_count += 1;
        }
    }
    assert_whole(&machine, &record, &oracle);
    println!("{fault_count} flips");
    assert!(fault_count > 100_000);
}

#[test]
fn a_whole_file_is_verified_and_every_block_that_is_bad_is_named_once() {
    let (machine, record, oracle) = small_file(2);
    let verify = || {
        machine
            .run(async {
                let mut found = Oracle::new();
                let table = open(&machine.runtime(), record.clone()).await?;
                let faults = table
                    .verify(&mut |key, entry| {
                        found.insert(key.to_vec(), Owned::of(entry));
                    })
                    .await;
                Ok::<_, TableError>((found, faults))
            })
            .unwrap()
    };
    assert_eq!(verify(), Ok((oracle.clone(), Vec::new())));
    let mut fault_count = 0;
    for offset in (5..len_bytes(&record) as u64).step_by(509) {
        machine.disk().flip(&path_of(&record), offset, 0x40);
        // The footer and the root are needed to open it.
        if let Ok((found, faults)) = verify() {
            let [TableError::Rot { damage, .. }] = &faults[..] else { panic!("{offset}: {faults:?}") };
            assert!(damage.offset <= offset && offset - damage.offset < 16 * 4096, "{damage} for {offset}");
            assert!(found.iter().all(|(key, owned)| oracle.get(key) == Some(owned)));
            fault_count += 1;
        }
        machine.disk().flip(&path_of(&record), offset, 0x40);
    }
    // Two blocks at once.
    let offsets = [10, len_bytes(&record) as u64 / 2];
    offsets.iter().for_each(|offset| machine.disk().flip(&path_of(&record), *offset, 1));
    let (found, faults) = verify().unwrap();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(fault_count > 50 && !found.is_empty() && found.len() < oracle.len());
}

#[test]
fn a_sector_that_is_zero_or_stale_is_found() {
    let (machine, record, oracle) = small_file(3);
    // Another file of the same shape in the same place: what an earlier use of the blocks has left.
    let (other_machine, other, _) = small_file(4);
    let good = machine.disk().read_live(&path_of(&record));
    let stale = other_machine.disk().read_live(&path_of(&other));
    let zeros = vec![0; good.len()];
    let mut fault_count = 0;
    machine
        .run(async {
            let runtime = machine.runtime();
            for unit_bytes in [SECTOR_BYTES, BLOCK_BYTES] {
                for offset in (0..good.len().min(stale.len())).step_by(unit_bytes) {
                    let page = offset / BLOCK_BYTES * BLOCK_BYTES..(offset / BLOCK_BYTES + 1) * BLOCK_BYTES;
                    for source in [&zeros, &stale] {
                        let mut bytes = good[page.clone()].to_vec();
                        bytes[offset - page.start..offset - page.start + unit_bytes]
                            .copy_from_slice(&source[offset..offset + unit_bytes]);
                        if bytes == good[page.clone()] {
                            continue;
                        }
                        overwrite(&runtime, &path_of(&record), page.start, &bytes).await;
                        let read = read_all(&runtime, &record).await;
                        assert!(
                            matches!(read, Err(TableError::Rot { .. })),
                            "{unit_bytes} bytes at {offset}: {read:?}"
                        );
                        overwrite(&runtime, &path_of(&record), page.start, &good[page.clone()]).await;
                        fault_count += 1;
                    }
                }
            }
        })
        .unwrap();
    println!("{fault_count} sectors and blocks");
    assert_whole(&machine, &record, &oracle);
}

#[test]
fn a_block_at_another_place_is_found() {
    let (machine, record, oracle) = small_file(5);
    let good = machine.disk().read_live(&path_of(&record));
    machine
        .run(async {
            let runtime = machine.runtime();
            for to in (0..good.len()).step_by(BLOCK_BYTES) {
                for from in (0..good.len()).step_by(BLOCK_BYTES) {
                    let [written, there] = [from, to].map(|start| &good[start..start + BLOCK_BYTES]);
                    if written == there {
                        continue;
                    }
                    overwrite(&runtime, &path_of(&record), to, written).await;
                    let read = read_all(&runtime, &record).await;
                    assert!(matches!(read, Err(TableError::Rot { .. })), "{from} written to {to}: {read:?}");
                    overwrite(&runtime, &path_of(&record), to, there).await;
                }
            }
        })
        .unwrap();
    assert_whole(&machine, &record, &oracle);
}

#[test]
fn an_older_file_in_the_place_of_a_newer_is_found() {
    // The same entries, under another name; and other entries under the same name.
    let (machine, record, oracle) = small_file(6);
    machine
        .run(async {
            let runtime = machine.runtime();
            let copy = write(&runtime, FileId(600), &oracle).await.unwrap();
            assert_eq!(copy.units, record.units);
            assert_ne!(copy.footer_checksum, record.footer_checksum, "a file's name is in every checksum");
            runtime.rename(&path_of(&copy), &path_of(&record)).await.unwrap();
            let read = read_all(&runtime, &record).await;
            assert!(matches!(read, Err(TableError::Rot { .. })), "{read:?}");
            runtime.remove_file(&path_of(&record)).await.unwrap();

            let mut changed = oracle.clone();
            changed.get_mut(b"large".as_slice()).unwrap().version += 1;
            let second = write(&runtime, record.file, &changed).await.unwrap();
            assert_eq!(second.units, record.units);
            let read = read_all(&runtime, &record).await;
            assert!(matches!(read, Err(TableError::Rot { .. })), "{read:?}");
            assert!(read_all(&runtime, &second).await.is_ok());
        })
        .unwrap();
}

#[test]
fn a_file_of_another_length_is_found() {
    let (machine, record, _) = small_file(7);
    let good = machine.disk().read_live(&path_of(&record));
    machine
        .run(async {
            let runtime = machine.runtime();
            for units in (0..record.units).chain([record.units + 1, record.units * 2]) {
                runtime.remove_file(&path_of(&record)).await.unwrap();
                let len_bytes = units as usize * BLOCK_BYTES;
                let file = runtime.create_file(&path_of(&record), len_bytes as u64).await.unwrap();
                drop(file);
                let kept = len_bytes.min(good.len());
                if kept > 0 {
                    overwrite(&runtime, &path_of(&record), 0, &good[..kept]).await;
                }
                let read = read_all(&runtime, &record).await;
                let Err(TableError::Rot { damage: Damage { kind, .. }, .. }) = read else {
                    panic!("{units} units of {}: {read:?}", record.units)
                };
                let expected = good.len() as u64;
                assert_eq!(kind, DamageKind::Length { expected, found: len_bytes as u64 });
            }
        })
        .unwrap();
}

#[test]
fn changes_all_over_a_large_file_are_found() {
    let mut random = Rng::with_seed(8);
    let mut oracle = Oracle::new();
    for number in 0..40_000u64 {
        let key = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes().to_vec();
        oracle.insert(key, Owned { version: number, content: OwnedContent::Inline(100, vec![1; 20]) });
    }
    let (machine, record) = machine_with(8, &oracle);
    assert!(record.units > 300, "several groups: {} units", record.units);
    for _ in 0..60 {
        let offset = random.usize(..len_bytes(&record)) as u64;
        machine.disk().flip(&path_of(&record), offset, 4);
        assert_found(&machine, &record, format_args!("flip at {offset}"));
        machine.disk().flip(&path_of(&record), offset, 4);
    }
    assert_whole(&machine, &record, &oracle);
}
