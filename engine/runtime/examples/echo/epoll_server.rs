//! The peer: the plainest good server, one thread with epoll, a read and a write per readiness.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::{pin, thread_cpu_time};

const LISTENER: Token = Token(usize::MAX);

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    thread: JoinHandle<Duration>,
}

impl Server {
    /// The CPU time that it has used.
    pub(crate) fn join(self) -> Duration {
        self.thread.join().expect("the server does not panic")
    }
}

pub(crate) fn start(is_stopping: Arc<AtomicBool>) -> Server {
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let thread = std::thread::spawn(move || {
        pin(0);
        let mut poll = Poll::new().expect("epoll");
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE).expect("epoll_ctl");
        let mut events = Events::with_capacity(1024);
        let mut streams: HashMap<usize, TcpStream> = HashMap::new();
        let mut buffer = vec![0u8; 64 << 10];
        let mut next = 0;
        while !is_stopping.load(Ordering::Acquire) {
            poll.poll(&mut events, Some(Duration::from_millis(100))).expect("epoll_wait");
            for event in &events {
                if event.token() == LISTENER {
                    while let Ok((mut stream, _)) = listener.accept() {
                        stream.set_nodelay(true).expect("TCP_NODELAY");
                        poll.registry().register(&mut stream, Token(next), Interest::READABLE).expect("epoll_ctl");
                        streams.insert(next, stream);
                        next += 1;
                    }
                } else if let Some(stream) = streams.get_mut(&event.token().0)
                    && !echo(stream, &mut buffer)
                {
                    streams.remove(&event.token().0);
                }
            }
        }
        thread_cpu_time()
    });
    Server { address, thread }
}

/// False: the peer is gone.
fn echo(stream: &mut TcpStream, buffer: &mut [u8]) -> bool {
    loop {
        match stream.read(buffer) {
            Ok(0) => return false,
            Ok(count) => {
                stream.write_all(&buffer[..count]).expect("an echo fits into the socket's buffer");
                if count < buffer.len() {
                    return true;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
            Err(_) => return false,
        }
    }
}
