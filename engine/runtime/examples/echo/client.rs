//! The closed-loop client: each connection keeps `depth` messages in flight.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::{Load, pin};

/// Microseconds above which round trips are counted together.
const LATENCY_MAX_US: usize = 100_000;

pub(crate) struct Report {
    messages_per_second: f64,
    percentiles_us: [usize; 3],
    /// Warming up included: what the server's CPU time was spent on.
    pub(crate) total_message_count: u64,
}

impl std::fmt::Display for Report {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [p50, p99, p999] = self.percentiles_us;
        let thousands = self.messages_per_second / 1000.0;
        write!(formatter, "{thousands:8.1} k/s   p50 {p50} us, p99 {p99} us, p99.9 {p999} us")
    }
}

struct Connection {
    stream: TcpStream,
    /// Bytes still to come of the batch in flight.
    awaited_bytes: usize,
    sent_at: Instant,
}

pub(crate) fn run(address: SocketAddr, load: Load) -> Report {
    std::thread::spawn(move || {
        pin(1);
        measure(address, load)
    })
    .join()
    .expect("the client does not panic")
}

fn measure(address: SocketAddr, load: Load) -> Report {
    let batch = vec![7u8; load.message_bytes * load.depth];
    let mut poll = Poll::new().expect("epoll");
    let mut events = Events::with_capacity(1024);
    let mut connections: Vec<_> = (0..load.connection_count)
        .map(|index| {
            let stream = std::net::TcpStream::connect(address).expect("the server listens");
            stream.set_nodelay(true).expect("TCP_NODELAY");
            stream.set_nonblocking(true).expect("O_NONBLOCK");
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(index), Interest::READABLE).expect("epoll_ctl");
            Connection { stream, awaited_bytes: 0, sent_at: Instant::now() }
        })
        .collect();
    connections.iter_mut().for_each(|connection| connection.send(&batch));
    let warm_at = Instant::now() + Duration::from_millis(300);
    let end_at = warm_at + Duration::from_secs_f64(load.seconds);
    let mut latencies = vec![0u64; LATENCY_MAX_US + 1];
    let mut buffer = vec![0u8; 64 << 10];
    let (mut message_count, mut total_message_count) = (0u64, 0u64);
    loop {
        poll.poll(&mut events, Some(Duration::from_secs(5))).expect("epoll_wait");
        let now = Instant::now();
        assert!(!events.is_empty(), "the server has gone silent");
        if now >= end_at {
            break;
        }
        for event in &events {
            let connection = &mut connections[event.token().0];
            if connection.receive(&mut buffer) {
                total_message_count += load.depth as u64;
                if now >= warm_at {
                    let latency = usize::try_from((now - connection.sent_at).as_micros()).unwrap_or(LATENCY_MAX_US);
                    latencies[latency.min(LATENCY_MAX_US)] += load.depth as u64;
                    message_count += load.depth as u64;
                }
                connection.send(&batch);
            }
        }
    }
    #[allow(clippy::cast_precision_loss, reason = "a figure to be read")]
    let messages_per_second = message_count as f64 / load.seconds;
    let percentile = |per_mille: u64| {
        let mut left = message_count * per_mille / 1000;
        latencies.iter().position(|count| {
            let is_here = left <= *count;
            left = left.saturating_sub(*count);
            is_here
        })
    };
    let percentiles_us = [500, 990, 999].map(|per_mille| percentile(per_mille).unwrap_or(LATENCY_MAX_US));
    Report { messages_per_second, percentiles_us, total_message_count }
}

impl Connection {
    fn send(&mut self, batch: &[u8]) {
        // A batch fits into the socket's buffer: the last one has been echoed whole.
        self.stream.write_all(batch).expect("the socket takes a batch");
        self.awaited_bytes = batch.len();
        self.sent_at = Instant::now();
    }

    /// Reads what there is; true once the whole batch has come back.
    fn receive(&mut self, buffer: &mut [u8]) -> bool {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => panic!("the server has closed"),
                Ok(count) => {
                    self.awaited_bytes -= count;
                    // A read that fills less than the buffer has emptied the socket: epoll tells of the next.
                    if count < buffer.len() {
                        return self.awaited_bytes == 0;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return self.awaited_bytes == 0,
                Err(error) => panic!("read failed: {error}"),
            }
        }
    }
}
