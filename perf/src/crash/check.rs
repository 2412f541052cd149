//! What the table must hold after a crash: by GetItem, by Scan, by Query, over both protocols.

use std::collections::BTreeMap;

use client::AttributeMap;

use super::item::{Key, PARTITION_KEYS_PER_WRITER, Version, identify, partition_key};
use super::oracle::{InFlightCount, Oracle};
use super::store::{Failure, Range, Store};

/// Items of a Query's page: small, so that every Query is paged.
const QUERY_LIMIT: u32 = 5;
/// Violations told in full.
const VIOLATIONS_TOLD_MAX: usize = 20;

/// What a check has found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) item_count: usize,
    pub(super) absent_count: usize,
    pub(super) in_flight: InFlightCount,
    pub(super) violation_count: usize,
    /// The first of them, in words.
    pub(super) violations: Vec<String>,
}

impl Findings {
    fn violated(&mut self, text: String) {
        self.violation_count += 1;
        if self.violations.len() < VIOLATIONS_TOLD_MAX {
            self.violations.push(text);
        }
    }
}

/// Reads the whole table three times and holds it against the oracles. A read without an answer is a violation too.
pub(super) async fn check(oracles: &mut [Oracle], stores: &mut [Store; 2], round: u32) -> Findings {
    let mut findings = Findings::default();
    for oracle in oracles.iter_mut() {
        let store = &mut stores[usize::from(oracle.writer() + parity(round)) % 2];
        check_by_get(oracle, store, &mut findings).await;
    }
    if findings.violation_count > 0 {
        // The oracle and the table have parted: more of the same says nothing.
        return findings;
    }
    let [first, second] = stores;
    let (scanned, queried) = if round.is_multiple_of(2) { (first, second) } else { (second, first) };
    check_by_scan(oracles, scanned, 1 + round % 3, &mut findings).await;
    for oracle in oracles.iter() {
        check_by_query(oracle, queried, round.is_multiple_of(2), &mut findings).await;
    }
    findings
}

fn parity(round: u32) -> u16 {
    u16::from(!round.is_multiple_of(2))
}

async fn check_by_get(oracle: &mut Oracle, store: &mut Store, findings: &mut Findings) {
    for key in oracle.keys() {
        let found = match read(store, key).await {
            Ok(found) => found,
            Err(text) => {
                findings.violated(format!("GetItem: {text}"));
                continue;
            }
        };
        if found.is_some() {
            findings.item_count += 1
        } else {
            findings.absent_count += 1
        }
        if let Err(violation) = oracle.observe(key, found, &mut findings.in_flight) {
            findings.violated(format!("GetItem: {violation}"));
        }
    }
}

async fn read(store: &mut Store, key: Key) -> Result<Option<Version>, String> {
    let found = retried(async || store.read(key).await).await.map_err(|failure| format!("{key}: {failure}"))?;
    let Some(item) = found else { return Ok(None) };
    let (key_found, version) = identify(&item)?;
    if key_found == key { Ok(Some(version)) } else { Err(format!("{key}: the item of {key_found}")) }
}

/// The server may throttle; it may not do so for ever.
async fn retried<T>(mut attempt: impl AsyncFnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    for _ in 0..100 {
        match attempt().await {
            Err(Failure::Throttled) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            result => return result,
        }
    }
    Err(Failure::Throttled)
}

async fn check_by_scan(oracles: &[Oracle], store: &mut Store, segment_count: u32, findings: &mut Findings) {
    let mut expected: BTreeMap<Key, Version> = BTreeMap::new();
    for oracle in oracles {
        expected.extend(oracle.keys().filter_map(|key| Some((key, oracle.content(key)?))));
    }
    for segment in 0..segment_count {
        let range = Range::Scan { segment, segment_count };
        match read_range(store, &range).await {
            Err(text) => findings.violated(format!("Scan: {text}")),
            Ok(items) => {
                for (key, version) in items {
                    match expected.remove(&key) {
                        Some(expected) if expected == version => {}
                        expected => findings.violated(format!(
                            "Scan: {key}: {version} is there, GetItem says {expected:?}, or it came twice"
                        )),
                    }
                }
            }
        }
    }
    for (key, version) in expected {
        findings.violated(format!("Scan: {key}: {version} is missing"));
    }
}

async fn check_by_query(oracle: &Oracle, store: &mut Store, is_forward: bool, findings: &mut Findings) {
    for place in 0..PARTITION_KEYS_PER_WRITER {
        let partition_key = partition_key(oracle.writer(), place);
        // Slots ascend as sort keys do.
        let keys = oracle.keys().filter(|key| key.partition_key() == partition_key);
        let mut expected: Vec<(Key, Version)> = keys.filter_map(|key| Some((key, oracle.content(key)?))).collect();
        if !is_forward {
            expected.reverse();
        }
        let range = Range::Query { partition_key: partition_key.clone(), is_forward, limit: QUERY_LIMIT };
        match read_range(store, &range).await {
            Ok(found) if found == expected => {}
            Ok(found) => {
                findings.violated(format!("Query of {partition_key}: found {found:?}, GetItem says {expected:?}"));
            }
            Err(text) => findings.violated(format!("Query of {partition_key}: {text}")),
        }
    }
}

async fn read_range(store: &mut Store, range: &Range) -> Result<Vec<(Key, Version)>, String> {
    let items: Vec<AttributeMap> =
        retried(async || store.read_range(range).await).await.map_err(|failure| failure.to_string())?;
    items.iter().map(identify).collect()
}
