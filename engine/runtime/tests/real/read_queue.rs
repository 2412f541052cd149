//! Reads that are taken together: each ends once, with its bytes or its error, and a queue that is dropped leaves nothing dangling.

use std::collections::BTreeMap;

use runtime::{BLOCK_BYTES, Buffer, FileError, FileSpan, ReadQueue, Signal};

use crate::world::on_one_core;

const BLOCK: u64 = BLOCK_BYTES as u64;
const BLOCK_COUNT: u64 = 300;

/// Waits for so many outcomes, by token.
async fn take(queue: &ReadQueue, signal: &Signal, count: usize) -> BTreeMap<u64, Result<Vec<u8>, FileError>> {
    let mut outcomes = BTreeMap::new();
    while outcomes.len() < count {
        signal.wait().await;
        queue.drain(usize::MAX, |token, result| {
            let before = outcomes.insert(token, result.map(<[u8]>::to_vec));
            assert_eq!(before, None, "{token} ends twice");
        });
    }
    outcomes
}

#[test]
fn each_read_ends_once_with_its_bytes_whatever_the_buffer_held_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    on_one_core(move |runtime| {
        let path = path.clone();
        async move {
            let file = runtime.create_file(&path, BLOCK_COUNT * BLOCK).await.unwrap();
            let mut numbered = Buffer::zeroed(usize::try_from(BLOCK_COUNT).unwrap() * BLOCK_BYTES);
            for (number, block) in numbered.as_mut_slice().chunks_mut(BLOCK_BYTES).enumerate() {
                block.fill(number.to_le_bytes()[0]);
            }
            file.write_at(0, numbered).await.1.unwrap();
            let signal = Signal::new();
            let queue = runtime.read_queue(&signal);
            for round in 0..4 {
                // From one block to more than a pooled buffer has.
                let block_count = |first: u64| usize::try_from((first + round) % 7 + 1).unwrap();
                let firsts = (0..BLOCK_COUNT - 7).step_by(3);
                for first in firsts.clone() {
                    let len_bytes = block_count(first) * BLOCK_BYTES;
                    queue.begin(&FileSpan { file: file.clone(), offset: first * BLOCK, len_bytes }, first);
                }
                let outcomes = take(&queue, &signal, firsts.clone().count()).await;
                assert!(outcomes.keys().copied().eq(firsts));
                for (first, result) in outcomes {
                    let bytes = result.unwrap();
                    assert_eq!(bytes.len(), block_count(first) * BLOCK_BYTES);
                    for (number, block) in (first..).zip(bytes.chunks(BLOCK_BYTES)) {
                        assert!(block.iter().all(|byte| *byte == number.to_le_bytes()[0]), "block {number}");
                    }
                }
            }
        }
    });
}

#[test]
fn a_read_past_the_end_fails_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    on_one_core(move |runtime| {
        let path = path.clone();
        async move {
            let file = runtime.create_file(&path, 2 * BLOCK).await.unwrap();
            let signal = Signal::new();
            let queue = runtime.read_queue(&signal);
            for (token, offset) in [(1, BLOCK), (2, 0), (3, 2 * BLOCK)] {
                queue.begin(&FileSpan { file: file.clone(), offset, len_bytes: 2 * BLOCK_BYTES }, token);
            }
            let outcomes = take(&queue, &signal, 3).await;
            let past_end = |offset| Err(FileError::PastEnd { path: path.clone(), offset, len: 2 * BLOCK_BYTES });
            assert_eq!(outcomes[&1], past_end(BLOCK));
            assert_eq!(outcomes[&2], Ok(vec![0; 2 * BLOCK_BYTES]));
            assert_eq!(outcomes[&3], past_end(2 * BLOCK));
        }
    });
}

#[test]
fn a_queue_that_is_dropped_and_a_core_that_ends_leave_reads_to_themselves() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    on_one_core(move |runtime| {
        let path = path.clone();
        async move {
            let file = runtime.create_file(&path, 64 * BLOCK).await.unwrap();
            let signal = Signal::new();
            for round in 0..2 {
                let queue = runtime.read_queue(&signal);
                for number in 0..64 {
                    let span = FileSpan { file: file.clone(), offset: number * BLOCK, len_bytes: BLOCK_BYTES };
                    queue.begin(&span, number);
                }
                drop(queue);
                if round == 0 {
                    // The kernel has them; the second time the core ends before.
                    runtime.yield_now().await;
                }
            }
        }
    });
}
