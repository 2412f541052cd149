//! What the tests share: a machine of one core or more, and a server on it that a client can talk to.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;

use runtime::{ListenerUse, Machine, Notifier, Runtime, RuntimeOptions, Signal, SocketEvent, Sockets, start};

/// Options for `core_count` cores on the CPUs there are, several on one if need be.
pub(crate) fn cores(core_count: usize) -> RuntimeOptions {
    let options = RuntimeOptions::default();
    let cpus = options.cpus.iter().copied().cycle().take(core_count).collect();
    RuntimeOptions { cpus, ..options }
}

/// Runs `main` on one core and hands back what it returns.
pub(crate) fn on_one_core<T, F>(main: impl Fn(Runtime) -> F + Clone + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    let (sender, receiver) = sync_channel(1);
    let machine = start(cores(1), move |runtime| {
        let (sender, future) = (sender.clone(), main(runtime));
        async move { sender.send(future.await).unwrap() }
    });
    machine.unwrap().join();
    receiver.recv().unwrap()
}

/// A server on one core, until stopped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Of a listener with a reserve.
    reserved: SocketAddr,
    machine: Machine,
    notifier: Notifier,
    is_stopping: Arc<AtomicBool>,
}

/// What a server does with an event; made anew on the core.
pub(crate) type Handler = Box<dyn FnMut(&Sockets, SocketEvent<'_>)>;

impl Server {
    pub(crate) fn start(
        options: RuntimeOptions,
        make_handler: impl Fn() -> Handler + Clone + Send + 'static,
    ) -> Server {
        let (sender, receiver) = sync_channel(1);
        let is_stopping = Arc::new(AtomicBool::new(false));
        let stopping = is_stopping.clone();
        let machine = start(options, move |runtime| {
            let (sender, stopping, mut handler) = (sender.clone(), stopping.clone(), make_handler());
            async move {
                let signal = Signal::new();
                let sockets = runtime.sockets(&signal);
                let listen = |usage| sockets.listen("127.0.0.1:0".parse().unwrap(), usage).unwrap().1;
                let (address, reserved) = (listen(ListenerUse::Own), listen(ListenerUse::Reserved));
                sender.send((address, reserved, runtime.notifier(&signal))).unwrap();
                while !stopping.load(Ordering::Acquire) {
                    signal.wait().await;
                    sockets.drain(|event| handler(&sockets, event));
                }
            }
        });
        let machine = machine.unwrap();
        let (address, reserved, notifier) = receiver.recv().unwrap();
        Server { address, reserved, machine, notifier, is_stopping }
    }

    /// A server that sends back what it receives, and closes when the peer has finished.
    pub(crate) fn echo(options: RuntimeOptions) -> Server {
        Server::start(options, || {
            Box::new(|sockets, event| match event {
                SocketEvent::Received { connection, bytes } => sockets.send(connection, bytes.to_vec()),
                SocketEvent::PeerFinished { connection } => sockets.close(connection, true),
                _ => {}
            })
        })
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    /// Where there is a reserve of connections.
    pub(crate) fn connect_reserved(&self) -> TcpStream {
        connect(self.reserved)
    }

    pub(crate) fn stop(self) {
        self.is_stopping.store(true, Ordering::Release);
        self.notifier.notify();
        self.machine.join();
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// `len` bytes that differ from place to place.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|index| u8::try_from(index * 31 % 251).unwrap()).collect()
}
