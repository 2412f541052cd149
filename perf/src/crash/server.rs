//! The server as a process: started on free ports, killed without warning or asked to stop.

use std::error::Error;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::store::Addresses;

/// A server that is not ready by then never will be.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// A server that was asked to stop has to be gone by then.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// How to start the server.
#[derive(Clone, Debug)]
pub(super) struct ServerCommand {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    /// What the server writes to its standard error is appended here.
    pub(super) log: PathBuf,
}

/// A running server; it is killed when dropped.
pub(super) struct Server {
    child: Child,
}

impl ServerCommand {
    /// Starts the process, without waiting for it.
    pub(super) fn spawn(&self, data_directory: &Path) -> Result<Server, Box<dyn Error>> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let child = Command::new(&self.program)
            .arg("serve")
            .arg("--data-dir")
            .arg(data_directory)
            .args(["--http-address", "127.0.0.1:0", "--wire-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", self.program.display()))?;
        Ok(Server { child })
    }

    /// Starts the process and waits until it is ready: where it listens, and how long that took.
    pub(super) fn start(&self, data_directory: &Path) -> Result<(Server, Addresses, Duration), Box<dyn Error>> {
        let begin = Instant::now();
        let mut server = self.spawn(data_directory)?;
        let line = server.first_line()?;
        let addresses = parse_ready(&line).ok_or_else(|| {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let last = log.lines().last().unwrap_or_default().to_owned();
            format!("the server is not ready: it says {line:?} and logs {last:?}")
        })?;
        Ok((server, addresses, begin.elapsed()))
    }
}

impl Server {
    fn first_line(&mut self) -> Result<String, Box<dyn Error>> {
        let stdout = self.child.stdout.take().expect("standard output is piped");
        let (sender, receiver) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines();
            // Nobody waits any more if the server took too long.
            let _ = sender.send(lines.next().and_then(Result::ok).unwrap_or_default());
            // Reads on, so that the server never blocks on a full pipe.
            lines.for_each(drop);
        });
        receiver
            .recv_timeout(READY_TIMEOUT)
            .map_err(|_| format!("the server is not ready after {READY_TIMEOUT:?}").into())
    }

    /// kill -9.
    pub(super) fn kill(mut self) -> Result<(), Box<dyn Error>> {
        if let Some(status) = self.child.try_wait()? {
            return Err(format!("the server ended by itself: {status}").into());
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks the server to stop; it has to end with exit code 0.
    pub(super) fn stop(mut self) -> Result<(), Box<dyn Error>> {
        let process = Pid::from_child(&self.child);
        kill_process(process, Signal::TERM)?;
        let begin = Instant::now();
        while begin.elapsed() < STOP_TIMEOUT {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("the server stopped with {status}").into()),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        Err(format!("the server does not stop within {STOP_TIMEOUT:?}").into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already, or going: there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `ready http=ADDR wire=ADDR admin=ADDR`
fn parse_ready(line: &str) -> Option<Addresses> {
    let mut words = line.split(' ');
    if words.next() != Some("ready") {
        return None;
    }
    let mut address = |prefix: &str| words.next()?.strip_prefix(prefix)?.parse().ok();
    Some(Addresses { http: address("http=")?, wire: address("wire=")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_readiness_is_read() {
        let addresses = parse_ready("ready http=127.0.0.1:1 wire=127.0.0.1:2 admin=127.0.0.1:3");
        let expected = Addresses { http: "127.0.0.1:1".parse().unwrap(), wire: "127.0.0.1:2".parse().unwrap() };
        assert_eq!(addresses, Some(expected));
        for line in ["", "ready", "ready http=x wire=y admin=z", "error: port in use"] {
            assert_eq!(parse_ready(line), None, "{line}");
        }
    }
}
