//! Stalls: what keeps a core from turning is told with its name, and what sleeps is not.

use std::hint::black_box;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime::{Activity, RuntimeOptions, ShareClass, StallDetection, StallListener, StallReport, start};

use crate::world::cores;

/// One core with a detector, and what it tells.
fn watched(threshold: Duration) -> (RuntimeOptions, Arc<Mutex<Receiver<StallReport>>>) {
    let (sender, receiver) = sync_channel(1000);
    // A test that has what it waited for does not listen any more.
    let call = move |report: &StallReport| drop(sender.send(report.clone()));
    let detection = StallDetection { threshold, listener: StallListener::Call(Arc::new(call)) };
    (RuntimeOptions { stall_detection: Some(detection), ..cores(1) }, Arc::new(Mutex::new(receiver)))
}

#[inline(never)]
fn count_very_slowly(runtime: &runtime::Runtime, duration: Duration) -> u64 {
    let (start, mut count) = (runtime.now(), 0u64);
    while runtime.now() - start < duration {
        count = black_box(count + 1);
    }
    count
}

/// The task computes for 5 ms at a time until that has been told. Other things may be told before, on a machine with other work.
#[test]
fn a_function_that_computes_for_too_long_is_named() {
    let (options, told) = watched(Duration::from_millis(1));
    let machine = start(options, move |runtime| {
        let told = told.clone();
        async move {
            let (done, is_done) = runtime::one_shot();
            let runtime_of_task = runtime.clone();
            runtime.spawn(ShareClass::Background, async move {
                for _ in 0..1000 {
                    runtime_of_task.set_activity(&Activity("counting"));
                    black_box(count_very_slowly(&runtime_of_task, Duration::from_millis(5)));
                    runtime_of_task.sleep(Duration::from_millis(1)).await;
                    let report = told
                        .lock()
                        .unwrap()
                        .try_iter()
                        .find(|report| report.stack.iter().any(|function| function.contains("count_very_slowly")));
                    if let Some(report) = report {
                        done.send(report);
                        return;
                    }
                }
            });
            let report = is_done.await.expect("a stall with its function");
            assert!(report.has_ended && report.lasted >= Duration::from_millis(5), "{report}");
            assert!(report.task.unwrap().file().ends_with("stalls.rs"), "{report}");
            assert_eq!(report.activity.unwrap().0, "counting");
            assert!(!report.stack.iter().any(|function| function.contains("poll_future")), "{report}");
            let times = report.times;
            let sum = times.on_cpu + times.waiting + times.stolen + times.asleep;
            assert!(sum == report.lasted, "{report}");
            let figures = runtime.stall_figures();
            assert!(figures.count > 0 && figures.longest_us >= 5000 && figures.total_us >= figures.longest_us);
        }
    });
    machine.unwrap().join();
}

/// It sleeps far longer than the threshold, again and again. Only a machine that gives it no CPU can make that a stall.
#[test]
fn a_core_that_sleeps_is_not_told() {
    let (options, told) = watched(Duration::from_millis(50));
    let machine = start(options, |runtime| async move {
        for _ in 0..3 {
            runtime.sleep(Duration::from_millis(200)).await;
        }
    });
    machine.unwrap().join();
    for report in told.lock().unwrap().try_iter() {
        assert!(report.times.is_off_cpu(), "a core that sleeps was told: {report}");
    }
}

/// A hundred stalls in a row: some are told, and later ones say how many were not.
#[test]
fn so_many_stalls_are_told_and_no_more() {
    let (options, told) = watched(Duration::from_micros(200));
    let machine = start(options, move |runtime| async move {
        for _ in 0..100 {
            black_box(count_very_slowly(&runtime, Duration::from_millis(2)));
            runtime.yield_now().await;
        }
        assert!(runtime.stall_figures().count >= 100, "all of them are counted");
    });
    machine.unwrap().join();
    let told_count = told.lock().unwrap().try_iter().count();
    assert!((1..=12).contains(&told_count), "{told_count} were told");
}
