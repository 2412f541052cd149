//! A writer: one task that writes its own keys, one operation at a time, until the server is gone.

use fastrand::Rng;
use tokio::sync::watch;

use super::item::{Key, SLOTS_PER_WRITER, Version, item};
use super::oracle::{Content, Oracle};
use super::store::{Failure, Store, Write};

/// Keys of one BatchWriteItem: at most.
const BATCH_KEYS_MAX: u16 = 10;
/// Pause after a throttled write.
const THROTTLED_PAUSE: std::time::Duration = std::time::Duration::from_millis(5);

/// What a writer leaves behind.
pub(super) struct Written {
    pub(super) oracle: Oracle,
    /// Why the writer stopped; none if it was told to.
    pub(super) failure: Option<Failure>,
}

/// Writes until the server is lost or `is_over` turns true. What is then without an answer stays in flight.
pub(super) async fn write_until_over(
    mut oracle: Oracle,
    mut store: Store,
    round: u32,
    seed: u64,
    mut is_over: watch::Receiver<bool>,
) -> Written {
    let mut chance = Rng::with_seed(seed);
    let mut sequence = 0;
    loop {
        sequence += 1;
        let planned = plan(oracle.writer(), Version { round, sequence }, &mut chance);
        for (key, content) in &planned {
            oracle.begin(*key, *content);
        }
        let writes =
            planned.iter().map(|(key, content)| Write { key: *key, item: content.map(|version| item(*key, version)) });
        let answer = tokio::select! {
            answer = store.write(writes.collect()) => answer,
            _ = is_over.wait_for(|is_over| *is_over) => return Written { oracle, failure: None },
        };
        match answer {
            Ok(unprocessed) => {
                for (key, _) in planned {
                    if unprocessed.contains(&key) { oracle.refuse(key) } else { oracle.acknowledge(key) }
                }
            }
            Err(Failure::Throttled) => {
                planned.iter().for_each(|(key, _)| oracle.refuse(*key));
                tokio::time::sleep(THROTTLED_PAUSE).await;
            }
            Err(failure) => return Written { oracle, failure: Some(failure) },
        }
    }
}

/// What to write next: half are puts of one key, some deletes, the rest batches of distinct keys.
fn plan(writer: u16, version: Version, chance: &mut Rng) -> Vec<(Key, Content)> {
    let key = |slot| Key { writer, slot };
    match chance.u8(0..100) {
        0..50 => vec![(key(chance.u16(0..SLOTS_PER_WRITER)), Some(version))],
        50..65 => vec![(key(chance.u16(0..SLOTS_PER_WRITER)), None)],
        _ => {
            let (first, count) = (chance.u16(0..SLOTS_PER_WRITER), chance.u16(2..=BATCH_KEYS_MAX));
            let slots = (0..count).map(|step| (first + step) % SLOTS_PER_WRITER);
            slots.map(|slot| (key(slot), (chance.u8(0..100) < 75).then_some(version))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_write_distinct_keys_repeat_with_the_seed_and_do_all_kinds() {
        let version = Version { round: 1, sequence: 1 };
        let plans = |seed| {
            let mut chance = Rng::with_seed(seed);
            (0..300).map(|_| plan(2, version, &mut chance)).collect::<Vec<_>>()
        };
        for planned in plans(4) {
            let mut keys: Vec<Key> = planned.iter().map(|(key, _)| *key).collect();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), planned.len());
        }
        assert_eq!(plans(4), plans(4));
        let has = |kind: fn(&[(Key, Content)]) -> bool| plans(4).iter().any(|planned| kind(planned));
        assert!(has(|planned| planned.len() == 1 && planned[0].1.is_some()));
        assert!(has(|planned| planned.len() == 1 && planned[0].1.is_none()));
        assert!(has(|planned| planned.len() > 1 && planned.iter().any(|(_, content)| content.is_none())));
    }
}
