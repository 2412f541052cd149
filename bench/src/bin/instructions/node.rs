//! One core of a node on a simulated machine, with one connection: it fills a table, then does what is counted.

use crate::callgrind::counted;
use crate::door::{Door, Protocol, batch};
use crate::operation::{CREATE_TABLES, ITEM_COUNT, Operation};
use bytes::BytesMut;
use engine::{Engine, EngineOptions, MESH_BATCH_COUNT_MAX};
use model::Text;
use runtime::simulated::Machine;
use runtime::{MeshPorts, Runtime};
use std::path::PathBuf;

/// Requests that are received at once.
pub(crate) const DEPTH: usize = 16;

/// Does `count` operations that are counted.
pub(crate) fn run(protocol: Protocol, operation: Operation, count: usize) {
    assert!(count.is_multiple_of(DEPTH), "whole batches are counted");
    let machine = Machine::new(1);
    let mut core = machine.run(fill(machine.runtime(), protocol)).expect("nothing harms the machine");
    let batches = batches(protocol, operation);
    // Each once before: what grows has grown.
    machine.run(core.exchange_all(batches.iter())).expect("nothing harms the machine");
    counted(&mut || {
        let batches = batches.iter().cycle().take(count / DEPTH);
        machine.run(core.exchange_all(batches)).expect("nothing harms the machine");
    });
}

/// A core whose table has all its items.
async fn fill(runtime: Runtime, protocol: Protocol) -> Core {
    let options = EngineOptions {
        data_directories: vec![PathBuf::from("/disk/data")],
        keyring: None,
        key_service: None,
        segment_bytes: 64 << 20,
        memory_bytes_max: 1 << 30,
        endpoint: Text::from("localhost:8000"),
        table_delay_ms: 0,
        expiry_delay_ms: 0,
        scrub_period_ms: 0,
    };
    let ports = MeshPorts::new(1, MESH_BATCH_COUNT_MAX);
    let mut core = Core {
        engine: Engine::open(runtime, &ports, &options).await.expect("an empty disk"),
        door: Door::open(protocol),
        out: BytesMut::new(),
    };
    for table in CREATE_TABLES {
        core.exchange(&protocol.call("CreateTable", table)).await;
    }
    for put in [Operation::Put, Operation::PutSmall] {
        core.exchange_all(batches(protocol, put).iter()).await;
    }
    core
}

/// An operation on every item.
fn batches(protocol: Protocol, operation: Operation) -> Vec<Vec<u8>> {
    let numbers = (0..ITEM_COUNT).step_by(DEPTH);
    numbers.map(|first| batch(protocol, operation, first..first + DEPTH)).collect()
}

struct Core {
    engine: Engine,
    door: Door,
    out: BytesMut,
}

impl Core {
    /// Batches, one after the other.
    async fn exchange_all(&mut self, batches: impl Iterator<Item = &Vec<u8>>) {
        for bytes in batches {
            assert_eq!(self.exchange(bytes).await, DEPTH);
        }
    }

    /// Everything from the first received byte to the last that is to be sent; how many requests there were.
    async fn exchange(&mut self, bytes: &[u8]) -> usize {
        self.out.clear();
        let signal = self.engine.signal().clone();
        let asked_count = self.door.submit(bytes, &mut self.engine, &mut self.out);
        let mut answered_count = 0;
        loop {
            self.engine.turn();
            let mut replies = std::mem::take(self.engine.replies());
            for replied in replies.drain(..) {
                assert!(replied.result.is_ok(), "{replied:?}");
                self.door.answer(&replied, &mut self.out);
                answered_count += 1;
            }
            *self.engine.replies() = replies;
            if answered_count == asked_count {
                assert!(!self.out.is_empty(), "the answers are there to be sent");
                return asked_count;
            }
            signal.wait().await;
        }
    }
}
