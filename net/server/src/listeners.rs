//! Which addresses the server listens on, settled before any core starts.
//!
//! Every core listens on the HTTP address (the kernel spreads connections) and on a wire address of
//! its own, so that clients can choose the core. A port that is taken is found out here, once, and
//! not by some core later; a port 0 becomes a free one.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

/// How often an address that is in use is asked for again, and when: of a server that was killed the kernel lets go when it has taken down its rings,
/// which is after the process is gone.
const RETRY_COUNT_MAX: usize = 100;
const RETRY_DELAY: Duration = Duration::from_millis(20);
/// Ports above the wire's first that are looked at for the other cores before giving up.
const PORT_SEARCH_COUNT_MAX: u16 = 512;

/// Every address that the server will listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listeners {
    /// Of every core.
    pub(crate) http: SocketAddr,
    /// Of each core.
    pub(crate) wire: Vec<SocketAddr>,
    /// Of the first core.
    pub(crate) admin: SocketAddr,
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
        // Held until all are known, so that no port is found free twice.
        let (http_probe, http) = probe_patiently("--http-address", http)?;
        let (admin_probe, admin) = probe_patiently("--admin-address", admin)?;
        let (first_probe, first) = probe_patiently("--wire-address", wire)?;
        let mut probes = vec![http_probe, admin_probe, first_probe];
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
            let probed = match may_be_taken {
                true => probe("--wire-address", address),
                false => probe_patiently("--wire-address", address),
            };
            match probed {
                Ok((held, address)) => {
                    probes.push(held);
                    wires.push(address);
                }
                Err(_) if may_be_taken => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { http, wire: wires, admin })
    }
}

fn probe(flag: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), ListenError> {
    let listening = TcpListener::bind(address).and_then(|held| held.local_addr().map(|address| (held, address)));
    listening.map_err(|cause| ListenError { flag, address, cause })
}

/// The same, again and again while the address is in use.
#[expect(clippy::disallowed_methods, reason = "no core runs yet whose turn would wait")]
fn probe_patiently(flag: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), ListenError> {
    for _ in 0..RETRY_COUNT_MAX {
        match probe(flag, address) {
            Err(error) if error.cause.kind() == io::ErrorKind::AddrInUse => thread::sleep(RETRY_DELAY),
            probed => return probed,
        }
    }
    probe(flag, address)
}

#[cfg(test)]
mod tests {
    use super::*;

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
