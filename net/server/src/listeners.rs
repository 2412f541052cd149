//! Which addresses the server listens on, settled before any core starts.
//!
//! Every core listens on the HTTP address (the kernel spreads connections) and on a wire address of
//! its own, so that clients can choose the core. A port that is taken is found out here, once, and
//! not by some core later; a port 0 becomes a free one, which nobody else is given by chance before the cores listen.

use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

/// How often an address that is in use is asked for again, and when: of a server that was killed the kernel lets go when it has taken down its rings,
/// which is after the process is gone.
const RETRY_COUNT_MAX: usize = 100;
const RETRY_DELAY: Duration = Duration::from_millis(20);
/// Ports above the wire's first that are looked at for the other cores before giving up.
const PORT_SEARCH_COUNT_MAX: u16 = 512;

/// Who chose a port, which says what may be on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    /// The user: nobody may listen on it; connections that a server before has left behind may be.
    Users,
    /// The system or we, of those on which nothing is at all, another server's reservation included.
    Ours,
}

/// Every address that the server will listen on.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// Of every core.
    pub(crate) http: SocketAddr,
    /// Of each core.
    pub(crate) wire: Vec<SocketAddr>,
    /// Of the first core.
    pub(crate) admin: SocketAddr,
    /// Bound to all of them. They do not listen, so the cores can; but the system gives nobody else a port that is bound.
    _reserved: Vec<Socket>,
}

/// An address that cannot be listened on.
#[derive(Debug)]
pub(crate) struct ListenError {
    /// The flag that names it.
    flag: &'static str,
    address: SocketAddr,
    cause: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flag, address, cause } = self;
        match cause.kind() {
            io::ErrorKind::AddrInUse => write!(
                out,
                "{address} is in use by another process: stop it (`ss -ltnp` names it), or choose another {flag}"
            ),
            io::ErrorKind::PermissionDenied => {
                write!(out, "no permission to listen on {address}: choose a port from 1024 up with {flag}")
            }
            io::ErrorKind::AddrNotAvailable => {
                write!(out, "{address} is no address of this machine: choose another {flag}")
            }
            _ => write!(out, "cannot listen on {address} ({flag}): {cause}"),
        }
    }
}

impl Listeners {
    /// Finds a free address for each purpose. Core i's wire port is the i-th from the first one's, leaving out
    /// the two other addresses' ports.
    ///
    /// # Errors
    /// [`ListenError`] for an address that is taken or not ours.
    pub(crate) fn settle(
        http: SocketAddr,
        wire: SocketAddr,
        admin: SocketAddr,
        cores: usize,
    ) -> Result<Self, ListenError> {
        let given = [("--http-address", http), ("--admin-address", admin), ("--wire-address", wire)];
        for (place, (flag, address)) in given.iter().enumerate() {
            if address.port() != 0 && given[..place].iter().any(|(_, other)| other == address) {
                let cause = io::Error::new(io::ErrorKind::InvalidInput, "another of its addresses is the same");
                return Err(ListenError { flag, address: *address, cause });
            }
        }
        // Those that the user chose come first: a port that is found for another is none of them then.
        let mut places = [0, 1, 2];
        places.sort_by_key(|place| given[*place].1.port() == 0);
        let mut settled = given.map(|(_, address)| address);
        let mut reserved = Vec::new();
        for place in places {
            let (flag, address) = given[place];
            let (socket, found) = reserve_patiently(flag, address)?;
            reserved.push(socket);
            settled[place] = found;
        }
        let [http, admin, first] = settled;
        let mut wires = vec![first];
        let others = [http.port(), admin.port()];
        let mut next = first.port();
        while wires.len() < cores {
            next = next.checked_add(1).unwrap_or(1024);
            if others.contains(&next) {
                continue;
            }
            let address = SocketAddr::new(first.ip(), next);
            // A port that the system chose may have a neighbour that is taken; one that the user chose may not.
            let may_be_taken = wire.port() == 0 && next.wrapping_sub(first.port()) < PORT_SEARCH_COUNT_MAX;
            let found = match may_be_taken {
                true => reserve("--wire-address", address, Choice::Ours),
                false => reserve_patiently("--wire-address", address),
            };
            match found {
                Ok((socket, address)) => {
                    reserved.push(socket);
                    wires.push(address);
                }
                Err(_) if may_be_taken => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { http, wire: wires, admin, _reserved: reserved })
    }
}

/// Finds an address free, and binds a socket to it.
fn reserve(flag: &'static str, address: SocketAddr, choice: Choice) -> Result<(Socket, SocketAddr), ListenError> {
    bind(address, choice).map_err(|cause| ListenError { flag, address, cause })
}

/// The same, again and again while the address is in use.
#[expect(clippy::disallowed_methods, reason = "no core runs yet whose turn would wait")]
fn reserve_patiently(flag: &'static str, address: SocketAddr) -> Result<(Socket, SocketAddr), ListenError> {
    let choice = if address.port() == 0 { Choice::Ours } else { Choice::Users };
    for _ in 0..RETRY_COUNT_MAX {
        match reserve(flag, address, choice) {
            Err(error) if error.cause.kind() == io::ErrorKind::AddrInUse => thread::sleep(RETRY_DELAY),
            found => return found,
        }
    }
    reserve(flag, address, choice)
}

/// Binds a socket that does not listen, and lets the cores bind theirs to the same address.
fn bind(address: SocketAddr, choice: Choice) -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.cloexec(), Some(Protocol::TCP))?;
    socket.set_reuse_address(choice == Choice::Users)?;
    socket.bind(&address.into())?;
    socket.set_reuse_address(true)?;
    let bound = socket.local_addr()?;
    Ok((socket, bound.as_socket().expect("an internet socket has an internet address")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn any() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[test]
    fn ports_are_free_and_differ() {
        let listeners = Listeners::settle(any(), any(), any(), 4).unwrap();
        let mut ports: Vec<u16> = listeners.wire.iter().map(SocketAddr::port).collect();
        ports.extend([listeners.http.port(), listeners.admin.port()]);
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 6);
    }

    #[test]
    fn a_port_that_was_found_is_nobody_elses_until_the_cores_listen() {
        let listeners = Listeners::settle(any(), any(), any(), 2).unwrap();
        for address in [listeners.http, listeners.admin, listeners.wire[0], listeners.wire[1]] {
            // As the system looks for a free port, and as another server looks for a neighbour.
            let error = bind(address, Choice::Ours).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
            // As a core listens: the library's listener sets SO_REUSEADDR as well.
            let listening = TcpListener::bind(address).unwrap();
            assert_eq!(bind(address, Choice::Users).unwrap_err().kind(), io::ErrorKind::AddrInUse);
            drop(listening);
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the other process that a thread stands for")]
    fn a_port_that_is_let_go_of_in_a_moment_is_waited_for() {
        let held = TcpListener::bind(any()).unwrap();
        let taken = held.local_addr().unwrap();
        let holder = thread::spawn(move || {
            thread::sleep(RETRY_DELAY * 5);
            drop(held);
        });
        assert_eq!(Listeners::settle(taken, any(), any(), 1).unwrap().http, taken);
        holder.join().unwrap();
    }

    #[test]
    fn an_address_that_is_given_twice_is_told_as_that() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let error = Listeners::settle(address, any(), address, 1).unwrap_err().to_string();
        assert!(error.contains("--admin-address") && error.contains("the same"), "{error}");
    }

    #[test]
    fn a_port_in_use_is_named_with_its_flag() {
        let held = TcpListener::bind(any()).unwrap();
        let taken = held.local_addr().unwrap();
        let error = Listeners::settle(any(), any(), taken, 1).unwrap_err().to_string();
        assert!(error.contains("in use") && error.contains("--admin-address"), "{error}");
        assert!(error.contains(&taken.to_string()), "{error}");
    }
}
