//! The real machine: one glommio executor per core, and beside it one io_uring ring of our own.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::mesh::Arrival;
use crate::*;

pub(crate) struct Core {
    id: CoreId,
    core_count: usize,
}
pub(crate) struct Doorbell;
impl Doorbell {
    pub(crate) fn ring(&self) {}
}
pub(crate) struct File {
    path: PathBuf,
    len_bytes: u64,
}
pub(crate) struct Workers;
impl Workers {
    pub(crate) fn join(self) {}
}
pub(crate) fn available_cpus() -> Vec<usize> {
    vec![0]
}
pub(crate) fn start<M, F>(_options: RuntimeOptions, main: M) -> Result<Workers, StartError>
where
    M: Fn(Runtime) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + 'static,
{
    let _ = move |core| main(Runtime::from_real(std::rc::Rc::new(core)));
    Err(StartError::NoCores)
}
pub(crate) fn watch_termination(_notifier: Notifier) {}
pub(crate) fn spawn_thread(_name: &str, _work: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
    Ok(())
}

fn no_disk(path: &Path, operation: &'static str) -> FileError {
    FileError::from_errno(path, operation, libc::ENODEV)
}
#[allow(clippy::unused_async, reason = "the shape that `Runtime` calls")]
impl Core {
    pub(crate) fn doorbell(&self) -> Arc<Doorbell> {
        Arc::new(Doorbell)
    }
    pub(crate) fn use_sockets(&self, _signal: Signal) {}
    pub(crate) fn listen(&self, address: SocketAddr, _: bool) -> Result<(ListenerId, SocketAddr), SocketError> {
        Err(SocketError::AddressNotAvailable { address })
    }
    pub(crate) fn close_listener(&self, _: ListenerId) {}
    pub(crate) fn drain_socket_events(&self, _: impl FnMut(SocketEvent<'_>)) -> usize {
        0
    }
    pub(crate) fn send(&self, _: ConnectionId, _: Bytes) {}
    pub(crate) fn queued_bytes(&self, _: ConnectionId) -> usize {
        0
    }
    pub(crate) fn close_connection(&self, _: ConnectionId, _: bool) {}
    pub(crate) fn pause_receive(&self, _: ConnectionId) {}
    pub(crate) fn resume_receive(&self, _: ConnectionId) {}
    pub(crate) fn connection_count(&self) -> usize {
        0
    }
    pub(crate) fn id(&self) -> CoreId {
        self.id
    }
    pub(crate) fn core_count(&self) -> usize {
        self.core_count
    }
    pub(crate) fn now(&self) -> Instant {
        Instant(0)
    }
    pub(crate) fn wall_clock_ms(&self) -> u64 {
        0
    }
    pub(crate) fn chance(&self) -> u64 {
        0
    }
    pub(crate) fn spawn(&self, _class: ShareClass, future: Pin<Box<dyn Future<Output = ()>>>) {
        drop(future);
    }
    pub(crate) async fn sleep(&self, _duration: Duration) {}
    pub(crate) async fn yield_now(&self) {}
    pub(crate) async fn stop(&self, _reason: StopReason) -> ! {
        std::future::pending().await
    }
    pub(crate) async fn create_directory(&self, path: &Path) -> Result<(), FileError> {
        Err(no_disk(path, "create"))
    }
    pub(crate) async fn list_directory(&self, path: &Path) -> Result<Vec<DirectoryEntry>, FileError> {
        Err(no_disk(path, "list"))
    }
    pub(crate) async fn remove_file(&self, path: &Path) -> Result<(), FileError> {
        Err(no_disk(path, "remove"))
    }
    pub(crate) async fn rename(&self, from: &Path, _to: &Path) -> Result<(), FileError> {
        Err(no_disk(from, "rename"))
    }
    pub(crate) async fn sync_directory(&self, path: &Path) -> Result<(), FileError> {
        Err(no_disk(path, "sync"))
    }
    pub(crate) async fn free_space_bytes(&self, path: &Path) -> Result<u64, FileError> {
        Err(no_disk(path, "free space"))
    }
    pub(crate) async fn lock_directory(&self, path: &Path) -> Result<OwnedFd, FileError> {
        Err(no_disk(path, "lock"))
    }
    pub(crate) async fn create_file(&self, path: &Path, _len_bytes: u64) -> Result<File, FileError> {
        Err(no_disk(path, "create"))
    }
    pub(crate) async fn open_file(&self, path: &Path) -> Result<File, FileError> {
        Err(no_disk(path, "open"))
    }
    pub(crate) async fn probe_flush_method(&self, _directory: &Path) -> Result<FlushMethod, FileError> {
        Ok(FlushMethod::DurableWrite)
    }
    pub(crate) fn watch_arrival(&self, _arrival: Arc<Arrival>, _signal: Signal) {}
}

#[allow(clippy::unused_async, reason = "the shape that `File` calls")]
impl File {
    pub(crate) fn len_bytes(&self) -> u64 {
        self.len_bytes
    }
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
    pub(crate) async fn read_at(&self, _offset: u64, _len: usize) -> Result<Buffer, FileError> {
        Err(no_disk(&self.path, "read"))
    }
    pub(crate) async fn write_at(&self, _offset: u64, buffer: Buffer) -> (Buffer, Result<(), FileError>) {
        (buffer, Err(no_disk(&self.path, "write")))
    }
    pub(crate) async fn write_durable_at(&self, _offset: u64, buffer: Buffer) -> (Buffer, Result<(), FileError>) {
        (buffer, Err(no_disk(&self.path, "write")))
    }
    pub(crate) async fn sync(&self) -> Result<(), FileError> {
        Err(no_disk(&self.path, "sync"))
    }
}
