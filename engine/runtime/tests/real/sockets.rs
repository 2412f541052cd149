//! Sockets: bytes arrive whole and in order, whatever the peer does, and nothing is left behind.

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use runtime::{ConnectionId, ListenerUse, RuntimeOptions, Signal, SocketError, SocketEvent, start};

use crate::world::{Server, cores, on_one_core, pattern};

#[test]
fn echoes_every_size_pipelined() {
    let server = Server::echo(cores(1));
    for len in [1, 100, 8191, 8192, 8193, 100_000, 5_000_000] {
        let mut reader = server.connect();
        let mut writer = reader.try_clone().unwrap();
        let sent = pattern(len);
        let expected = sent.clone();
        let sending = std::thread::spawn(move || {
            writer.write_all(&sent).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut received = Vec::new();
        reader.read_to_end(&mut received).unwrap();
        sending.join().unwrap();
        assert!(received == expected, "{len} bytes came back as {}", received.len());
    }
    server.stop();
}

#[test]
fn answers_many_small_messages_in_order() {
    let server = Server::echo(cores(1));
    let mut stream = server.connect();
    for round in 0..200u32 {
        let mut expected = Vec::new();
        for message in 0..32u32 {
            let message = (round * 32 + message).to_be_bytes();
            stream.write_all(&message).unwrap();
            expected.extend(message);
        }
        let mut received = vec![0; expected.len()];
        stream.read_exact(&mut received).unwrap();
        assert_eq!(received, expected);
    }
    server.stop();
}

#[test]
fn serves_a_thousand_connections() {
    let server = Server::echo(cores(1));
    let mut streams: Vec<_> = (0..1000).map(|_| server.connect()).collect();
    for round in 0..3u8 {
        for (index, stream) in streams.iter_mut().enumerate() {
            stream.write_all(&[round, u8::try_from(index % 251).unwrap(), 7]).unwrap();
        }
        for (index, stream) in streams.iter_mut().enumerate() {
            let mut received = [0; 3];
            stream.read_exact(&mut received).unwrap();
            assert_eq!(received, [round, u8::try_from(index % 251).unwrap(), 7]);
        }
    }
    server.stop();
}

/// Fewer buffers than connections that speak at once: each receive that finds none has to be armed again.
#[test]
fn goes_on_when_receive_buffers_run_out() {
    let options = RuntimeOptions { receive_buffer_count: 2, receive_buffer_bytes: 512, ..cores(1) };
    let server = Server::echo(options);
    let mut streams: Vec<_> = (0..64).map(|_| server.connect()).collect();
    let message = pattern(3000);
    for _ in 0..5 {
        for stream in &mut streams {
            stream.write_all(&message).unwrap();
        }
        for stream in &mut streams {
            let mut received = vec![0; message.len()];
            stream.read_exact(&mut received).unwrap();
            assert!(received == message);
        }
    }
    server.stop();
}

#[test]
fn a_half_closed_peer_still_gets_its_reply() {
    let server = Server::start(cores(1), || {
        Box::new(|sockets, event| {
            if let SocketEvent::PeerFinished { connection } = event {
                sockets.send(connection, &b"good"[..]);
                sockets.send(connection, pattern(1 << 20));
                sockets.close(connection, true);
                sockets.send(connection, &b"dropped"[..]);
            }
        })
    });
    let mut stream = server.connect();
    stream.write_all(b"question").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    assert!(received == [b"good".to_vec(), pattern(1 << 20)].concat(), "{} bytes", received.len());
    server.stop();
}

/// A server that refuses while the client still sends must not reset the connection over its own reply.
#[test]
fn a_reply_survives_closing_while_the_peer_sends() {
    let server = Server::start(cores(1), || {
        Box::new(|sockets, event| {
            if let SocketEvent::Received { connection, .. } = event {
                sockets.send(connection, &b"too large"[..]);
                sockets.close(connection, true);
            }
        })
    });
    for _ in 0..20 {
        let mut stream = server.connect();
        stream.write_all(&pattern(200_000)).unwrap();
        let mut received = [0; 9];
        stream.read_exact(&mut received).unwrap();
        assert_eq!(&received, b"too large");
    }
    server.stop();
}

/// Each accepted connection ends with one `Closed`, and its slot is used again under another id.
#[test]
fn every_connection_is_closed_once_however_it_ends() {
    let (sender, receiver) = sync_channel(1000);
    let server = Server::start(cores(1), move || {
        let sender = sender.clone();
        Box::new(move |sockets, event| match event {
            SocketEvent::Accepted { connection, .. } => sender.send(("accepted", connection)).unwrap(),
            SocketEvent::Received { connection, bytes: b"close" } => sockets.close(connection, false),
            SocketEvent::Received { connection, .. } => sockets.send(connection, pattern(10 << 20)),
            SocketEvent::PeerFinished { connection } => sockets.close(connection, false),
            SocketEvent::Closed { connection } => sender.send(("closed", connection)).unwrap(),
            SocketEvent::Sent { .. } => {}
        })
    });
    let mut seen: Vec<ConnectionId> = Vec::new();
    for round in 0..30 {
        let mut stream = server.connect();
        let (event, connection) = receiver.recv().unwrap();
        assert_eq!(event, "accepted");
        match round % 3 {
            0 => stream.write_all(b"close").unwrap(),
            1 => drop(stream),
            // Unread bytes at the closing client reset the connection, in the middle of the server's send.
            _ => {
                stream.write_all(b"reset").unwrap();
                stream.read_exact(&mut [0; 1000]).unwrap();
                drop(stream);
            }
        }
        assert_eq!(receiver.recv().unwrap(), ("closed", connection));
        assert!(!seen.contains(&connection), "{connection:?} was used before");
        seen.push(connection);
    }
    server.stop();
}

#[test]
fn a_paused_connection_holds_its_peer_back() {
    static RECEIVED_BYTES: AtomicUsize = AtomicUsize::new(0);
    let (commands, queue) = sync_channel::<()>(1);
    let queue = Arc::new(std::sync::Mutex::new(Some(queue)));
    let server = Server::start(cores(1), move || {
        let queue = queue.lock().unwrap().take().unwrap();
        let mut first = None;
        Box::new(move |sockets, event| match event {
            SocketEvent::Accepted { connection, .. } if first.is_none() => {
                first = Some(connection);
                sockets.pause_receive(connection);
            }
            // Another connection is the command to go on.
            SocketEvent::Accepted { .. } => {
                queue.recv().unwrap();
                sockets.resume_receive(first.unwrap());
            }
            SocketEvent::Received { bytes, .. } => {
                RECEIVED_BYTES.fetch_add(bytes.len(), Ordering::SeqCst);
            }
            SocketEvent::PeerFinished { connection } => sockets.close(connection, true),
            _ => {}
        })
    });
    let mut stream = server.connect();
    stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut written_bytes = 0;
    let piece = pattern(1 << 20);
    let refusal = loop {
        match stream.write(&piece) {
            Ok(count) => written_bytes += count,
            Err(error) => break error,
        }
        assert!(written_bytes < 1 << 30, "nothing holds the writer back");
    };
    assert!(matches!(refusal.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{refusal}");
    let received_bytes = RECEIVED_BYTES.load(Ordering::SeqCst);
    assert!(received_bytes < written_bytes / 2, "{received_bytes} of {written_bytes} received while paused");
    commands.send(()).unwrap();
    let _second = server.connect();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    assert_eq!(RECEIVED_BYTES.load(Ordering::SeqCst), written_bytes);
    server.stop();
}

#[test]
fn a_slow_reader_leaves_bytes_queued_until_it_reads() {
    const REPLY_BYTES: usize = 64 << 20;
    let (sender, receiver) = sync_channel(1000);
    let server = Server::start(cores(1), move || {
        let sender = sender.clone();
        Box::new(move |sockets, event| match event {
            SocketEvent::Received { connection, .. } => {
                for piece in pattern(REPLY_BYTES).chunks(REPLY_BYTES / 64) {
                    sockets.send(connection, piece.to_vec());
                }
                sender.send(sockets.queued_bytes(connection)).unwrap();
            }
            SocketEvent::Sent { connection } => sender.send(sockets.queued_bytes(connection)).unwrap(),
            _ => {}
        })
    });
    let mut stream = server.connect();
    stream.write_all(b"go").unwrap();
    assert_eq!(receiver.recv().unwrap(), REPLY_BYTES);
    let mut received = vec![0; REPLY_BYTES];
    stream.read_exact(&mut received).unwrap();
    assert!(received == pattern(REPLY_BYTES));
    assert_eq!(receiver.recv().unwrap(), 0);
    server.stop();
}

/// A peer that asked for much and read none of it kept its connection, and what was queued for it, for ever: open, and
/// closed by the server once all is sent.
#[test]
fn a_peer_that_never_reads_is_dropped() {
    let (sender, receiver) = sync_channel(1000);
    let server = Server::start(RuntimeOptions { unsent_time_max: Duration::from_millis(200), ..cores(1) }, move || {
        let sender = sender.clone();
        Box::new(move |sockets, event| match event {
            SocketEvent::Received { connection, bytes } => {
                sockets.send(connection, pattern(32 << 20));
                if bytes == b"last" {
                    sockets.close(connection, true);
                }
            }
            SocketEvent::Closed { .. } => sender.send(()).unwrap(),
            _ => {}
        })
    });
    for request in [b"more", b"last"] {
        let mut stream = server.connect();
        stream.write_all(request).unwrap();
        receiver.recv_timeout(Duration::from_secs(30)).expect("it is dropped");
        drop(stream);
    }
    server.stop();
}

#[test]
fn connections_past_the_limit_are_closed_at_once_but_for_a_reserve() {
    let server = Server::echo(RuntimeOptions { connection_count_max: 3, reserved_connection_count: 2, ..cores(1) });
    let check_stream = |mut stream: TcpStream, is_served: bool| {
        let mut received = [0; 1];
        let outcome = stream.write_all(b"x").and_then(|()| stream.read(&mut received));
        assert_eq!(matches!(outcome, Ok(1)), is_served, "{outcome:?}");
        stream
    };
    let check = |is_served| check_stream(server.connect(), is_served);
    let check_reserved = |is_served| check_stream(server.connect_reserved(), is_served);
    let first = check(true);
    let _others = [check(true), check(true)];
    check(false);
    let reserved = [check_reserved(true), check_reserved(true)];
    check_reserved(false);
    for stream in reserved {
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!((&stream).read(&mut [0]).unwrap(), 0, "the server has closed it");
    }
    check(false);
    first.shutdown(Shutdown::Write).unwrap();
    assert_eq!((&first).read(&mut [0]).unwrap(), 0, "the server has closed it");
    // Its place is free once the server has seen the close, which came before ours.
    check(true);
    server.stop();
}

#[test]
fn every_core_accepts_on_a_shared_port() {
    let (sender, receiver) = sync_channel(1000);
    let address: Arc<std::sync::OnceLock<SocketAddr>> = Arc::default();
    let machine = start(cores(2), move |runtime| {
        let (sender, address) = (sender.clone(), address.clone());
        async move {
            let signal = Signal::new();
            let sockets = runtime.sockets(&signal);
            // Whichever core is first chooses the port.
            let first =
                address.get_or_init(|| sockets.listen("127.0.0.1:0".parse().unwrap(), ListenerUse::Shared).unwrap().1);
            sender.send((*first, u16::MAX)).unwrap();
            let is_second = sockets.listen(*first, ListenerUse::Shared).is_ok();
            assert!(is_second, "a shared port can be listened to again");
            let mut is_done = false;
            while !is_done {
                signal.wait().await;
                sockets.drain(|event| match event {
                    SocketEvent::Accepted { .. } => sender.send((*first, runtime.core().0)).unwrap(),
                    SocketEvent::Received { .. } => is_done = true,
                    _ => {}
                });
            }
        }
    });
    let machine = machine.unwrap();
    let (address, _) = receiver.recv().unwrap();
    receiver.recv().unwrap();
    let mut accepted = [Vec::new(), Vec::new()];
    while accepted.iter().any(Vec::is_empty) {
        // A core may not listen yet; the other then takes the connection.
        let stream = std::net::TcpStream::connect(address).unwrap();
        let (_, core) = receiver.recv().unwrap();
        accepted[usize::from(core)].push(stream);
    }
    for streams in &mut accepted {
        streams[0].write_all(b"end").unwrap();
    }
    machine.join();
}

#[test]
fn refusals_name_cause_and_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let elsewhere: SocketAddr = "192.0.2.1:4000".parse().unwrap();
    let (first, second) = on_one_core(move |runtime| async move {
        let sockets = runtime.sockets(&Signal::new());
        (
            sockets.listen(address, ListenerUse::Own).unwrap_err(),
            sockets.listen(elsewhere, ListenerUse::Shared).unwrap_err(),
        )
    });
    assert_eq!(first, SocketError::AddressInUse { address });
    assert!(first.to_string().contains("choose another port"), "{first}");
    assert_eq!(second, SocketError::AddressNotAvailable { address: elsewhere });
}

/// A core that ends closes what is open, and its port can be taken again.
#[test]
fn ending_closes_connections_and_listeners() {
    let server = Server::echo(cores(1));
    let address = server.address;
    let mut streams: Vec<_> = (0..10).map(|_| server.connect()).collect();
    for stream in &mut streams {
        stream.write_all(b"x").unwrap();
        stream.read_exact(&mut [0]).unwrap();
    }
    server.stop();
    for stream in &mut streams {
        let outcome = stream.read(&mut [0]);
        assert!(matches!(&outcome, Ok(0)) || outcome.is_err(), "{outcome:?}");
    }
    TcpListener::bind(address).unwrap();
}

/// `visit` may do anything to any connection, its own included, while events of it are still queued.
#[test]
fn handlers_may_close_what_they_are_called_for() {
    let closed = Arc::new(AtomicUsize::new(0));
    let counter = closed.clone();
    let server = Server::start(cores(1), move || {
        let (counter, open) = (counter.clone(), Rc::new(RefCell::new(Vec::new())));
        Box::new(move |sockets, event| match event {
            SocketEvent::Accepted { connection, .. } => open.borrow_mut().push(connection),
            // One connection speaks: all are closed, each in another way.
            SocketEvent::Received { .. } => {
                for (index, connection) in open.borrow().iter().enumerate() {
                    sockets.send(*connection, &b"bye"[..]);
                    sockets.pause_receive(*connection);
                    sockets.close(*connection, index % 2 == 0);
                    sockets.resume_receive(*connection);
                    sockets.close(*connection, index % 3 == 0);
                }
            }
            SocketEvent::Closed { .. } => drop(counter.fetch_add(1, Ordering::SeqCst)),
            _ => {}
        })
    });
    let mut streams: Vec<_> = (0..12).map(|_| server.connect()).collect();
    for stream in &mut streams {
        // May fail: another connection's byte may have closed this one already.
        let _ = stream.write_all(b"x");
    }
    for stream in &mut streams {
        let _ = stream.shutdown(Shutdown::Write);
        let mut received = Vec::new();
        let _ = stream.read_to_end(&mut received);
        assert!(received.is_empty() || received == b"bye", "{received:?}");
    }
    drop(streams);
    server.stop();
    assert!(closed.load(Ordering::SeqCst) <= 12);
}
