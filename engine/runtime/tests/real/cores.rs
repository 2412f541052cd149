//! Cores: tasks, time, the mesh between them, signals of the process, the watchdog, and refusals to start.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use runtime::{
    CoreId, ListenerUse, MeshPorts, RuntimeOptions, ShareClass, Signal, StallResponse, StartError, one_shot, start,
};

use crate::world::{cores, on_one_core};

#[test]
fn timers_fire_in_order_and_not_too_early() {
    on_one_core(|runtime| async move {
        let (order, done) = (Rc::new(RefCell::new(Vec::new())), Signal::new());
        for milliseconds in [30u64, 5, 20, 10, 1, 25, 15] {
            let (runtime_of_task, order, done) = (runtime.clone(), order.clone(), done.clone());
            runtime.spawn(ShareClass::Background, async move {
                let start = runtime_of_task.now();
                runtime_of_task.sleep(Duration::from_millis(milliseconds)).await;
                assert!(runtime_of_task.now() - start >= Duration::from_millis(milliseconds));
                order.borrow_mut().push(milliseconds);
                done.notify();
            });
        }
        while order.borrow().len() < 7 {
            done.wait().await;
        }
        assert_eq!(*order.borrow(), [1, 5, 10, 15, 20, 25, 30]);
        runtime.sleep(Duration::ZERO).await;
    });
}

/// The background computes without end, and the foreground computes too; both get on, and so do timers.
#[test]
fn both_classes_get_on_under_full_load() {
    on_one_core(|runtime| async move {
        let slices = [Rc::new(Cell::new(0u64)), Rc::new(Cell::new(0u64))];
        for (class, slices) in [ShareClass::Foreground, ShareClass::Background].into_iter().zip(&slices) {
            let (runtime_of_task, slices) = (runtime.clone(), slices.clone());
            runtime.spawn(class, async move {
                loop {
                    let start = runtime_of_task.now();
                    while runtime_of_task.now() - start < Duration::from_micros(50) {}
                    slices.set(slices.get() + 1);
                    runtime_of_task.yield_now().await;
                }
            });
        }
        let start = runtime.now();
        for _ in 0..20 {
            runtime.sleep(Duration::from_millis(5)).await;
        }
        let elapsed = runtime.now() - start;
        let [foreground, background] = slices.map(|slices| slices.get());
        println!("{foreground} and {background} slices of 50 us in {elapsed:?}");
        assert!(background > 10 && foreground > background / 4, "{foreground} and {background} slices");
    });
}

/// A task that wakes itself over and over, instead of calling `yield_now`, must not shut out disk, timers and others.
#[test]
fn a_task_that_wakes_itself_does_not_starve_the_core() {
    for class in [ShareClass::Foreground, ShareClass::Background] {
        on_one_core(move |runtime| async move {
            runtime.spawn(class, async {
                std::future::poll_fn(|context| {
                    context.waker().wake_by_ref();
                    std::task::Poll::<()>::Pending
                })
                .await;
            });
            for _ in 0..10 {
                runtime.sleep(Duration::from_millis(1)).await;
            }
        });
    }
}

/// Neither the ring nor the doorbell nor a timer far away keeps an idle core from sleeping.
#[test]
fn an_idle_core_does_not_spin() {
    fn thread_cpu_time() -> Duration {
        Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime)).unwrap()
    }
    let used = on_one_core(|runtime| async move {
        let signal = Signal::new();
        let sockets = runtime.sockets(&signal);
        sockets.listen("127.0.0.1:0".parse().unwrap(), ListenerUse::Own).unwrap();
        let before = thread_cpu_time();
        runtime.sleep(Duration::from_millis(500)).await;
        thread_cpu_time() - before
    });
    println!("{used:?} of CPU in 500 ms of idleness");
    assert!(used < Duration::from_millis(5), "{used:?} of CPU in 500 ms of idleness");
}

#[test]
fn one_shots_join_tasks() {
    let sum = on_one_core(|runtime| async move {
        let mut receivers = Vec::new();
        for number in 0..100u64 {
            let (sender, receiver) = one_shot();
            runtime.spawn(ShareClass::Background, async move { sender.send(number) });
            receivers.push(receiver);
        }
        let mut sum = 0;
        for receiver in receivers {
            sum += receiver.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 4950);
}

#[test]
fn chance_and_clocks_move() {
    let first = on_one_core(|runtime| async move { (runtime.chance(), runtime.chance(), runtime.wall_clock_ms()) });
    let second = on_one_core(|runtime| async move { runtime.chance() });
    assert!(first.0 != first.1 && first.0 != second);
    assert!(first.2 > 1_700_000_000_000, "milliseconds since 1970: {}", first.2);
}

/// Both cores send as fast as the mesh takes it, and every batch arrives once and in order.
#[test]
fn the_mesh_keeps_order_and_loses_nothing() {
    const BATCH_COUNT: u64 = 20_000;
    let ports: MeshPorts<u64> = MeshPorts::new(2, 16);
    let machine = start(cores(2), move |runtime| {
        let ports = ports.clone();
        async move {
            let signal = Signal::new();
            let mesh = runtime.mesh(&ports, &signal);
            let peer = CoreId(1 - runtime.core().0);
            let (mut sent, mut received, mut refused) = (0, 0, 0u64);
            while sent < BATCH_COUNT || received < BATCH_COUNT {
                while sent < BATCH_COUNT && mesh.send(peer, sent).is_ok() {
                    sent += 1;
                }
                refused += u64::from(sent < BATCH_COUNT);
                while let Some((from, batch)) = mesh.try_receive() {
                    assert_eq!((from, batch), (peer, received));
                    received += 1;
                }
                if received < BATCH_COUNT && sent == BATCH_COUNT {
                    signal.wait().await;
                } else {
                    runtime.yield_now().await;
                }
            }
            println!("core {} was refused {refused} times", runtime.core().0);
        }
    });
    machine.unwrap().join();
}

/// Each step is a sleep on one core and a wake on the other: a single lost one would hang here.
#[test]
fn a_ball_goes_back_and_forth_between_sleeping_cores() {
    const STEP_COUNT: u32 = 5_000;
    let ports: MeshPorts<u32> = MeshPorts::new(2, 1);
    let machine = start(cores(2), move |runtime| {
        let ports = ports.clone();
        async move {
            let signal = Signal::new();
            let mesh = runtime.mesh(&ports, &signal);
            let peer = CoreId(1 - runtime.core().0);
            if peer == CoreId(1) {
                mesh.send(peer, 0).unwrap();
            }
            loop {
                let Some((_, step)) = mesh.try_receive() else {
                    signal.wait().await;
                    continue;
                };
                if step <= STEP_COUNT {
                    mesh.send(peer, step + 1).unwrap();
                }
                if step >= STEP_COUNT {
                    return;
                }
            }
        }
    });
    machine.unwrap().join();
}

#[test]
fn the_core_goes_on_while_a_call_on_a_thread_blocks() {
    let answer = on_one_core(|runtime| async move {
        let (release, released) = sync_channel::<()>(1);
        let other = runtime.clone();
        runtime.spawn(ShareClass::Foreground, async move {
            other.yield_now().await;
            release.send(()).unwrap();
        });
        let work = move || {
            released.recv().unwrap();
            std::thread::current().name().map(str::to_owned)
        };
        runtime.call_on_thread("a-clerk", work).await.unwrap()
    });
    assert_eq!(answer.as_deref(), Some("a-clerk"));
}

/// It had the CPU of the core that had started it, and the core waited for it after all.
#[test]
fn a_call_on_a_thread_runs_wherever_the_process_may() {
    let cpu_count = || rustix::thread::sched_getaffinity(None).unwrap().count();
    let all = cpu_count();
    let (of_core, of_call) = on_one_core(move |runtime| async move {
        (cpu_count(), runtime.call_on_thread("a-clerk", cpu_count).await.unwrap())
    });
    assert_eq!((of_core, of_call), (1, all));
}

#[test]
fn sigterm_is_heard_on_the_runtime() {
    on_one_core(|runtime| async move {
        let (sender, heard) = one_shot();
        let listener = runtime.clone();
        runtime.spawn(ShareClass::Foreground, async move {
            listener.termination().await;
            sender.send(());
        });
        // The task has run once, so the handler is in place.
        runtime.yield_now().await;
        runtime.yield_now().await;
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM).unwrap();
        heard.await.unwrap();
        // Whoever asks later learns it at once.
        runtime.termination().await;
    });
}

/// The core hangs until the watchdog has said so, then goes on: no time is guessed.
#[test]
fn the_watchdog_sees_a_core_that_does_not_turn() {
    let (sender, receiver) = sync_channel(10);
    let receiver = std::sync::Arc::new(Mutex::new(receiver));
    let options = RuntimeOptions {
        stall_tick: Duration::from_millis(10),
        stall_tick_count_max: 3,
        stall_response: StallResponse::Call(std::sync::Arc::new(move |core| sender.send(core).unwrap())),
        ..cores(1)
    };
    let machine = start(options, move |runtime| {
        let receiver = receiver.clone();
        async move {
            // Turning, however busy, is not stalling.
            let start = runtime.now();
            while runtime.now() - start < Duration::from_millis(100) {
                runtime.yield_now().await;
            }
            assert!(receiver.lock().unwrap().try_recv().is_err(), "a turning core was taken for a stalled one");
            assert_eq!(receiver.lock().unwrap().recv().unwrap(), CoreId(0));
        }
    });
    let machine = machine.unwrap();
    machine.join();
}

#[test]
fn a_machine_that_cannot_start_says_why() {
    let check = |cpus: Vec<usize>, expect: &str| {
        let options = RuntimeOptions { cpus, ..RuntimeOptions::default() };
        let error = start(options, |_| async {}).err().unwrap();
        assert!(error.to_string().contains(expect), "{error}");
        error
    };
    assert_eq!(check(Vec::new(), "name at least one CPU"), StartError::NoCores);
    let error = check(vec![0, 1000], "CPU 1000 is not available to this process; it may use [");
    assert!(matches!(error, StartError::CpuUnavailable { cpu: 1000, .. }));
}

#[test]
#[should_panic(expected = "core 0 ended badly")]
fn a_panic_on_a_core_reaches_whoever_joins() {
    start(cores(1), |_| async { panic!("deliberate") }).unwrap().join();
}

#[test]
fn machines_come_and_go() {
    for core_count in 1..=4 {
        let machine = start(cores(core_count), |runtime| async move {
            runtime.yield_now().await;
        });
        machine.unwrap().join();
    }
}
