//! One connection to one core: a task that connects, pipelines, and connects again with growing pauses.
//!
//! One task per core of the server; it ends when its last handle is dropped. Requests wait in a bounded queue: past it
//! callers wait. A request that has been sent when the connection breaks is answered `Lost`; one still queued goes out
//! on the next connection.
//!
//! Deliberately not here: which connection a request takes (`route`), what the bytes are (`session`).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use wire::Welcome;

use crate::error::{ConnectionError, Error};
use crate::options::{CALL_BATCH_COUNT, ClientOptions, READ_BYTES, TICK, UNSENT_BYTES_MAX};
use crate::session::{Answered, Call, Question, Session};

/// A handle to a connection's task.
#[derive(Debug)]
pub(crate) struct Connection {
    calls: mpsc::Sender<Call>,
    /// True while the last attempt to connect has failed: others are better.
    is_failing: Arc<AtomicBool>,
    /// Dropping it ends the task, also in a pause.
    _alive: watch::Sender<()>,
}

/// A connection whose handshake is done.
pub(crate) struct Opened {
    stream: TcpStream,
    session: Session,
    /// What the server told.
    pub(crate) welcome: Welcome,
}

impl Opened {
    /// Connects and shakes hands.
    pub(crate) async fn connect(address: &str, options: &ClientOptions) -> Result<Opened, Error> {
        let mut session = Session::new(options)?;
        let attempt = timeout(options.connect_timeout, shake_hands(address, &mut session)).await;
        match attempt.unwrap_or(Err(ConnectionError::TimedOut)) {
            Ok((stream, welcome)) => Ok(Opened { stream, session, welcome }),
            Err(error) => Err(Error::NotConnected(error)),
        }
    }

    /// The host on the other end, without the port.
    pub(crate) fn host(&self) -> io::Result<String> {
        Ok(self.stream.peer_addr()?.ip().to_string())
    }
}

impl Connection {
    /// Starts the task of a connection to `address`, with the connection already made if there is one.
    pub(crate) fn start(address: String, options: Arc<ClientOptions>, opened: Option<Opened>) -> Connection {
        let (calls, queue) = mpsc::channel(options.queued_max.max(1));
        let (alive, stop) = watch::channel(());
        let is_failing = Arc::new(AtomicBool::new(false));
        let task = Task { address, options, queue, stop, is_failing: Arc::clone(&is_failing) };
        tokio::spawn(task.run(opened));
        Connection { calls, is_failing, _alive: alive }
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn ask(&self, question: Question) -> Result<Answered, Error> {
        let (answer, answered) = oneshot::channel();
        let stopped = || Error::NotConnected(ConnectionError::Stopped);
        self.calls.send(Call { question, answer }).await.map_err(|_| stopped())?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Whether the last attempt to connect has failed.
    pub(crate) fn is_failing(&self) -> bool {
        // Relaxed: a hint; a wrong guess costs a wait.
        self.is_failing.load(Ordering::Relaxed)
    }
}

struct Task {
    address: String,
    options: Arc<ClientOptions>,
    queue: mpsc::Receiver<Call>,
    stop: watch::Receiver<()>,
    is_failing: Arc<AtomicBool>,
}

impl Task {
    async fn run(mut self, mut opened: Option<Opened>) {
        let mut pause = self.options.backoff_min;
        loop {
            let attempt = match opened.take() {
                Some(opened) => Ok(opened),
                None => Opened::connect(&self.address, &self.options).await,
            };
            self.is_failing.store(attempt.is_err(), Ordering::Relaxed);
            if let Ok(Opened { stream, mut session, welcome }) = attempt {
                session.open(&welcome);
                let connected = Instant::now();
                let end = self.serve(&stream, &mut session, ping_interval(&welcome)).await;
                session.fail(&end);
                if matches!(end, ConnectionError::Stopped) {
                    return;
                }
                // A server that welcomes and closes at once is not to be rushed.
                if connected.elapsed() > self.options.backoff_max {
                    pause = self.options.backoff_min;
                }
            }
            tokio::select! {
                () = sleep(pause) => pause = (pause * 2).min(self.options.backoff_max),
                _ = self.stop.changed() => return,
            }
        }
    }

    /// Drives an open connection to its end.
    async fn serve(&mut self, stream: &TcpStream, session: &mut Session, ping_after: Duration) -> ConnectionError {
        let mut calls = Vec::with_capacity(CALL_BATCH_COUNT);
        let mut buffer = vec![0; READ_BYTES];
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_sent = Instant::now();
        let mut last_received = Instant::now();
        loop {
            let room = if session.unsent().len() < UNSENT_BYTES_MAX { session.room_count() } else { 0 };
            let interest =
                if session.unsent().is_empty() { Interest::READABLE } else { Interest::READABLE | Interest::WRITABLE };
            tokio::select! {
                ready = stream.ready(interest) => {
                    let moved = ready.map_err(ConnectionError::from).and_then(|ready| {
                        if ready.is_readable() && receive(stream, session, &mut buffer)? {
                            last_received = Instant::now();
                        }
                        if ready.is_writable() && send(stream, session)? {
                            last_sent = Instant::now();
                        }
                        Ok(())
                    });
                    if let Err(error) = moved {
                        return error;
                    }
                }
                count = self.queue.recv_many(&mut calls, room.min(CALL_BATCH_COUNT)), if room > 0 => {
                    if count == 0 {
                        session.say_goodbye();
                        let _ = send(stream, session); // The client is gone: nobody to tell.
                        return ConnectionError::Stopped;
                    }
                    // The silence of a server that owed nothing does not count.
                    if !session.awaits_server() {
                        last_received = Instant::now();
                    }
                    calls.drain(..).for_each(|call| session.ask(call));
                    match send(stream, session) {
                        Ok(true) => last_sent = Instant::now(),
                        Ok(false) => {}
                        Err(error) => return error,
                    }
                }
                _ = ticks.tick() => {
                    if session.awaits_server() && last_received.elapsed() > self.options.silence_max {
                        return ConnectionError::Silent;
                    }
                    if last_sent.elapsed() >= ping_after {
                        if !session.awaits_server() {
                            last_received = Instant::now();
                        }
                        session.ping();
                    }
                }
            }
        }
    }
}

/// Silence of ours after which a Ping is due: well before the server's patience ends.
fn ping_interval(welcome: &Welcome) -> Duration {
    match welcome.idle_ms_max {
        0 => Duration::from_secs(30),
        idle_ms_max => Duration::from_millis(u64::from(idle_ms_max) / 3),
    }
}

async fn shake_hands(address: &str, session: &mut Session) -> Result<(TcpStream, Welcome), ConnectionError> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        if !session.unsent().is_empty() {
            stream.writable().await?;
            send(&stream, session)?;
            continue;
        }
        stream.readable().await?;
        if !receive_bytes(&stream, session, &mut buffer)? {
            continue;
        }
        match session.take_welcome() {
            Ok(Some(welcome)) => return Ok((stream, welcome)),
            Ok(None) => {}
            Err(error) => {
                let _ = send(&stream, session); // What is wrong is told to the caller; the server may have gone.
                return Err(error);
            }
        }
    }
}

/// Sends what the socket takes; whether anything was taken.
fn send(stream: &TcpStream, session: &mut Session) -> Result<bool, ConnectionError> {
    let mut has_sent = false;
    while !session.unsent().is_empty() {
        match stream.try_write(session.unsent()) {
            Ok(count) => session.sent(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error.into()),
        }
        has_sent = true;
    }
    Ok(has_sent)
}

/// Receives once and hands out the answers; whether anything was there.
fn receive(stream: &TcpStream, session: &mut Session, buffer: &mut [u8]) -> Result<bool, ConnectionError> {
    let has_received = receive_bytes(stream, session, buffer)?;
    if has_received {
        session.deliver()?;
    }
    Ok(has_received)
}

fn receive_bytes(stream: &TcpStream, session: &mut Session, buffer: &mut [u8]) -> Result<bool, ConnectionError> {
    match stream.try_read(buffer) {
        Ok(0) => Err(ConnectionError::Closed),
        Ok(count) => {
            session.received(&buffer[..count]);
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error.into()),
    }
}
