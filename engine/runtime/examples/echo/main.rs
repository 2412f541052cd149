//! Echo throughput of one core: the runtime against a plain epoll loop, in turns within one run.
//!
//! `cargo run --release -p runtime --example echo -- [connections] [depth] [bytes] [seconds] [rounds]`
//!
//! Server on the first CPU, client on the second. For each system: messages per second and the round trip's
//! percentiles. Use the same TCP congestion control everywhere; pacing ones (bbr) measure themselves on loopback.

#![allow(clippy::print_stdout, reason = "this program's output is its result")]
#![allow(clippy::disallowed_methods, reason = "the client and the peer server are ordinary programs")]

mod client;
mod epoll_server;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use bytes::BytesMut;
use runtime::{ListenerUse, RuntimeOptions, Signal, SocketEvent, start};

/// What is measured.
#[derive(Clone, Copy, Debug)]
struct Load {
    connection_count: usize,
    depth: usize,
    message_bytes: usize,
    seconds: f64,
}

fn main() {
    let numbers: Vec<f64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let number = |place: usize, default: f64| numbers.get(place).copied().unwrap_or(default);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small counts from the command line")]
    let count = |place: usize, default: f64| number(place, default) as usize;
    let load = Load {
        connection_count: count(0, 32.0),
        depth: count(1, 1.0),
        message_bytes: count(2, 128.0),
        seconds: number(3, 2.0),
    };
    println!("{load:?}");
    for _ in 0..count(4, 3.0) {
        with_runtime(load);
        with_epoll(load);
    }
}

/// The server as the database's loop does it: drain, copy into one buffer for the turn, hand out slices of it.
fn with_runtime(load: Load) {
    let is_stopping = Arc::new(AtomicBool::new(false));
    let stopping = is_stopping.clone();
    let (sender, receiver) = sync_channel(1);
    let (cpu_sender, cpu_receiver) = sync_channel(1);
    let options = RuntimeOptions { cpus: vec![0], ..RuntimeOptions::default() };
    let machine = start(options, move |runtime| {
        let (sender, cpu_sender, stopping) = (sender.clone(), cpu_sender.clone(), stopping.clone());
        async move {
            let signal = Signal::new();
            let sockets = runtime.sockets(&signal);
            let address = "127.0.0.1:0".parse().expect("an address");
            let (_, address) = sockets.listen(address, ListenerUse::Own).expect("a free port");
            sender.send((address, runtime.notifier(&signal))).expect("the starter waits");
            let mut arena = BytesMut::with_capacity(1 << 20);
            while !stopping.load(Ordering::Acquire) {
                signal.wait().await;
                sockets.drain(|event| match event {
                    SocketEvent::Received { connection, bytes } => {
                        arena.extend_from_slice(bytes);
                        sockets.send(connection, arena.split());
                    }
                    SocketEvent::PeerFinished { connection } => sockets.close(connection, true),
                    _ => {}
                });
            }
            cpu_sender.send(thread_cpu_time()).expect("the starter waits");
        }
    });
    let machine = machine.expect("the machine starts");
    let (address, notifier) = receiver.recv().expect("the server listens");
    let report = client::run(address, load);
    is_stopping.store(true, Ordering::Release);
    notifier.notify();
    machine.join();
    print("runtime", &report, cpu_receiver.recv().expect("sent at the end"));
}

fn with_epoll(load: Load) {
    let is_stopping = Arc::new(AtomicBool::new(false));
    let server = epoll_server::start(is_stopping.clone());
    let report = client::run(server.address, load);
    is_stopping.store(true, Ordering::Release);
    print("epoll", &report, server.join());
}

fn print(name: &str, report: &client::Report, server_time: Duration) {
    #[allow(clippy::cast_precision_loss, reason = "a figure to be read")]
    let each = server_time.as_secs_f64() * 1e6 / report.total_message_count as f64;
    println!("{name:8} {report}, server CPU {each:.2} us a message");
}

/// The CPU time of the calling thread so far.
fn thread_cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("time spent is not negative")
}

/// Pins this thread to one CPU.
fn pin(cpu: usize) {
    let mut set = rustix::thread::CpuSet::new();
    set.set(cpu);
    rustix::thread::sched_setaffinity(None, &set).expect("the CPU is there");
}
