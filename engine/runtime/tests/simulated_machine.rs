//! The simulated machine itself: determinism, virtual time, tasks, cores, the lives of its nodes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use runtime::simulated::{Halt, Machine, MachineOptions, NodeId};
use runtime::{Buffer, CoreId, Instant, MeshPorts, Runtime, ShareClass, Signal, StopReason, one_shot};

/// Tasks of both classes that draw chance, sleep, yield and write to a file each. The trace's hash, and who finished when.
fn busy_run(seed: u64) -> (u64, Vec<usize>) {
    let machine = Machine::new(seed);
    let finished = Rc::new(RefCell::new(Vec::new()));
    for name in 0..8 {
        let runtime = machine.runtime();
        let finished = finished.clone();
        let class = if name % 2 == 0 { ShareClass::Foreground } else { ShareClass::Background };
        machine.runtime().spawn(class, async move {
            let file = runtime.create_file(Path::new(&format!("/file-{name}")), 16384).await.unwrap();
            for block in 0..4 {
                runtime.sleep(Duration::from_micros(runtime.chance() % 50)).await;
                file.write_at(block * 4096, Buffer::zeroed(4096)).await.1.unwrap();
                runtime.yield_now().await;
            }
            finished.borrow_mut().push(name);
        });
    }
    machine.run_until_idle().unwrap();
    let order = finished.take();
    assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 8);
    (machine.trace_hash(), order)
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let (mut hashes, mut orders) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..20 {
        let first = busy_run(seed);
        assert_eq!(first, busy_run(seed), "seed {seed}");
        hashes.insert(first.0);
        orders.insert(first.1);
    }
    assert_eq!(hashes.len(), 20);
    assert!(orders.len() > 10, "the order of tasks comes from the seed");
}

#[test]
fn which_runnable_task_is_next_comes_from_the_seed() {
    let order_of = |seed| {
        let machine = Machine::new(seed);
        let polled = Rc::new(RefCell::new(Vec::new()));
        for name in 0..4 {
            let polled = polled.clone();
            machine.runtime().spawn(ShareClass::Foreground, async move { polled.borrow_mut().push(name) });
        }
        machine.run_until_idle().unwrap();
        polled.take()
    };
    let orders: BTreeSet<Vec<i32>> = (0..500).map(order_of).collect();
    assert_eq!(orders.len(), 24, "every order occurs");
}

#[test]
fn the_trace_holds_what_is_written() {
    let hash_of = |byte: u8| {
        let machine = Machine::new(1);
        let runtime = machine.runtime();
        let run = machine.run(async {
            let mut buffer = Buffer::zeroed(4096);
            buffer.as_mut_slice()[4095] = byte;
            let file = runtime.create_file(Path::new("/file"), 4096).await.unwrap();
            file.write_at(0, buffer).await.1.unwrap();
        });
        assert_eq!(run, Ok(()));
        machine.trace_hash()
    };
    assert_eq!(hash_of(1), hash_of(1));
    assert_ne!(hash_of(1), hash_of(2));
}

#[test]
fn time_is_virtual_and_moves_only_when_nothing_runs() {
    let machine = Machine::new(1);
    let runtime = machine.runtime();
    let wall_clock_ms = runtime.wall_clock_ms();
    let run = machine.run(async {
        for _ in 0..100 {
            runtime.yield_now().await;
        }
        assert_eq!(runtime.now(), Instant(0));
        runtime.sleep(Duration::from_secs(3600)).await;
    });
    assert_eq!(run, Ok(()));
    assert_eq!(machine.now(), Instant(3600 * 1_000_000_000));
    assert_eq!(runtime.wall_clock_ms(), wall_clock_ms + 3_600_000);
    machine.run_for(Duration::from_millis(5)).unwrap();
    assert_eq!(machine.now(), Instant(3600 * 1_000_000_000 + 5_000_000));
}

#[test]
fn a_busy_loop_meets_the_end_of_its_time() {
    let machine = Machine::new(1);
    let runtime = machine.runtime();
    let spin = async {
        while runtime.now() < Instant(50_000) {
            runtime.yield_now().await;
        }
    };
    assert_eq!(machine.run(spin), Ok(()));
}

#[test]
fn a_timer_that_nobody_waits_for_does_not_move_the_clock() {
    let machine = Machine::new(1);
    let runtime = machine.runtime();
    let polled_once = async {
        let mut sleep = Box::pin(runtime.sleep(Duration::from_secs(1_000_000)));
        std::future::poll_fn(|context| {
            assert!(sleep.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    };
    machine.run(polled_once).unwrap();
    machine.run_until_idle().unwrap();
    assert_eq!(machine.now(), Instant(0));
}

#[test]
fn both_classes_run_and_the_foreground_more_often() {
    let counts = Rc::new([Cell::new(0), Cell::new(0)]);
    let machine = Machine::new(1);
    for (index, class) in [ShareClass::Foreground, ShareClass::Background].into_iter().enumerate() {
        let (runtime, counts) = (machine.runtime(), counts.clone());
        machine.runtime().spawn(class, async move {
            while counts[0].get() + counts[1].get() < 1000 {
                counts[index].set(counts[index].get() + 1);
                runtime.yield_now().await;
            }
        });
    }
    machine.run_until_idle().unwrap();
    assert!(counts[0].get() > 2 * counts[1].get() && counts[1].get() > 50, "{counts:?}");
}

#[test]
fn a_deadlock_is_found_and_names_those_who_wait() {
    let waits = std::panic::catch_unwind(|| {
        let machine = Machine::new(77);
        let (sender, receiver) = one_shot::<()>();
        let signal = Signal::new();
        machine.runtime().spawn(ShareClass::Background, async move {
            signal.wait().await;
            drop(sender);
        });
        let _ = machine.run(receiver);
    });
    let message = *waits.expect_err("it can never end").downcast::<String>().unwrap();
    assert!(message.contains("seed 77, at 0 us: nothing is left that could happen"), "{message}");
    assert!(message.contains("node 0 core 0, Background, from engine/runtime/tests/simulated_machine.rs"), "{message}");
    assert!(message.contains("the test, Foreground"), "{message}");
}

/// Cores 1 and 2 send numbers to core 0. What it received in order, and the trace's hash.
fn mesh_run(seed: u64, batch_count: u32) -> (Vec<(CoreId, u32)>, u64) {
    let machine = Machine::with(MachineOptions { core_count: 3, ..MachineOptions::new(seed) });
    let ports = MeshPorts::<u32>::new(3, 64);
    let received = Rc::new(RefCell::new(Vec::new()));
    machine.start(NodeId(0), |runtime: Runtime| {
        let (ports, received) = (ports.clone(), received.clone());
        async move {
            let signal = Signal::new();
            let mesh = runtime.mesh(&ports, &signal);
            for batch in 0..if runtime.core() == CoreId(0) { 0 } else { batch_count } {
                mesh.send(CoreId(0), batch).unwrap();
                runtime.sleep(Duration::from_micros(runtime.chance() % 20)).await;
            }
            while runtime.core() == CoreId(0) && received.borrow().len() < 2 * batch_count as usize {
                signal.wait().await;
                received.borrow_mut().extend(std::iter::from_fn(|| mesh.try_receive()));
            }
        }
    });
    machine.run_until_idle().unwrap();
    assert!(machine.now() > Instant(0));
    (received.take(), machine.trace_hash())
}

#[test]
fn cores_talk_over_the_mesh_in_order_and_it_takes_time() {
    let mut orders = BTreeSet::new();
    for seed in 0..10 {
        let (received, hash) = mesh_run(seed, 50);
        assert_eq!((received.clone(), hash), mesh_run(seed, 50), "seed {seed}");
        for sender in [CoreId(1), CoreId(2)] {
            let of_sender = received.iter().filter(|(from, _)| *from == sender).map(|(_, batch)| *batch);
            assert!(of_sender.eq(0..50), "seed {seed}");
        }
        orders.insert(received);
    }
    assert!(orders.len() > 1);
}

#[test]
fn a_batch_takes_time_to_cross_the_mesh() {
    let machine = Machine::with(MachineOptions { core_count: 2, ..MachineOptions::new(1) });
    let ports = MeshPorts::<u32>::new(2, 1);
    let signals = [Signal::new(), Signal::new()];
    let ends = [0, 1].map(|core| machine.runtime_of(NodeId(0), CoreId(core)).mesh(&ports, &signals[usize::from(core)]));
    // Joining notifies once for what came before.
    machine.run(signals[1].wait()).unwrap();
    let sent = machine.now();
    ends[0].send(CoreId(1), 5).unwrap();
    machine.run(signals[1].wait()).unwrap();
    assert_eq!(ends[1].try_receive(), Some((CoreId(0), 5)));
    assert!(machine.now() > sent);
}

/// Counts milliseconds on a node until it goes down.
fn start_ticking(machine: &Machine, node: NodeId) -> Rc<Cell<u32>> {
    let ticks = Rc::new(Cell::new(0));
    machine.start(node, |runtime| {
        let ticks = ticks.clone();
        async move {
            loop {
                runtime.sleep(Duration::from_millis(1)).await;
                ticks.set(ticks.get() + 1);
            }
        }
    });
    ticks
}

#[test]
fn a_stopped_node_is_dead_and_the_others_go_on() {
    let machine = Machine::with(MachineOptions { node_count: 2, ..MachineOptions::new(1) });
    let first = machine.runtime();
    let ticks = [0, 1].map(|node| start_ticking(&machine, NodeId(node)));
    machine.run_for(Duration::from_micros(10_500)).unwrap();
    assert_eq!((ticks[0].get(), ticks[1].get()), (10, 10));
    let reason = StopReason::Other("enough".to_string());
    let outcome: Result<(), Halt> = machine.run(async { first.stop(reason.clone()).await });
    assert_eq!(outcome, Err(Halt::Stopped(reason.clone())));
    assert_eq!((machine.halt(NodeId(0)), machine.halt(NodeId(1))), (Some(Halt::Stopped(reason)), None));
    machine.run_for(Duration::from_millis(10)).unwrap();
    assert_eq!((ticks[0].get(), ticks[1].get()), (10, 20));
    machine.restart_node(NodeId(0));
    assert_eq!(machine.halt(NodeId(0)), None);
    machine.cut_power_of(NodeId(1));
    assert!(matches!(machine.halt(NodeId(1)), Some(Halt::PowerCut { .. })));
}

#[test]
fn a_handle_of_an_earlier_life_is_never_answered() {
    let machine = Machine::new(1);
    let old = machine.runtime();
    machine.kill(NodeId(0));
    assert_eq!(machine.halt(NodeId(0)), Some(Halt::Killed));
    machine.restart();
    let answered = Rc::new([Cell::new(0), Cell::new(0)]);
    for (index, runtime) in [old, machine.runtime()].into_iter().enumerate() {
        let answered = answered.clone();
        machine.runtime().spawn(ShareClass::Foreground, async move {
            runtime.list_directory(Path::new("/")).await.unwrap();
            answered[index].set(1);
            runtime.create_directory(Path::new("/data")).await.unwrap();
            answered[index].set(2);
        });
    }
    machine.run_for(Duration::from_millis(10)).unwrap();
    assert_eq!((answered[0].get(), answered[1].get()), (0, 2));
}

#[test]
fn tasks_are_dropped_with_their_node_and_with_the_machine() {
    let dropped = Rc::new(());
    let machine = Machine::new(1);
    let hold = |machine: &Machine| {
        let (held, runtime) = (dropped.clone(), machine.runtime());
        machine.runtime().spawn(ShareClass::Foreground, async move {
            runtime.sleep(Duration::from_secs(1)).await;
            drop(held);
        });
    };
    hold(&machine);
    machine.run_for(Duration::from_millis(1)).unwrap();
    assert_eq!(Rc::strong_count(&dropped), 2);
    machine.cut_power();
    assert_eq!(Rc::strong_count(&dropped), 1);
    hold(&machine);
    machine.run_for(Duration::from_millis(1)).unwrap();
    assert_eq!(Rc::strong_count(&dropped), 1, "nothing runs on a dead node");
    machine.restart();
    hold(&machine);
    drop(machine);
    assert_eq!(Rc::strong_count(&dropped), 1);
}

#[test]
fn a_call_on_a_thread_is_done_by_the_simulated_core_in_its_own_time() {
    let machine = Machine::new(1);
    let runtime = machine.runtime();
    let before = runtime.now();
    let answer = machine.run(async { runtime.call_on_thread("a-clerk", || 7).await.unwrap() }).unwrap();
    assert_eq!(answer, 7);
    assert!(machine.runtime().now() > before);
}
