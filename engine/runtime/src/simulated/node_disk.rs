//! A node's disk as a test sees it: what is on it, and what shall go wrong with it.
//!
//! A borrowed view of the machine; nothing here takes simulated time, counts as an operation or enters the trace.

use std::path::{Path, PathBuf};

use super::NodeId;
use super::fault::{ArmedFault, Fault, FileOperation};
use super::world::World;

/// The disk of one node of a machine.
pub struct NodeDisk<'a> {
    world: &'a World,
    node: NodeId,
}

impl<'a> NodeDisk<'a> {
    pub(super) fn new(world: &'a World, node: NodeId) -> NodeDisk<'a> {
        NodeDisk { world, node }
    }

    /// Makes the `nth` operation of this kind from now on go wrong, once; 0 is the next one. Faults outlive a restart.
    pub fn arm(&self, fault: Fault, operation: FileOperation, nth: u64) {
        let armed = ArmedFault { operation, remaining_count: nth, fault };
        self.world.with(|state| state.disk(self.node).arm(armed));
    }

    /// The disk that `directory` is on is lost from now on: everything at or below it fails with EIO, until it is brought back. Outlives a restart.
    pub fn lose_directory(&self, directory: &Path) {
        self.world.with(|state| state.disk(self.node).lose(directory));
    }

    /// It is back, as it was when it was lost. Panics if it is not lost.
    pub fn bring_back_directory(&self, directory: &Path) {
        self.world.with(|state| state.disk(self.node).bring_back(directory));
    }

    /// How many armed faults wait for their operation.
    pub fn armed_count(&self) -> usize {
        self.world.with(|state| state.disk(self.node).armed_count())
    }

    /// Changes how much the disk holds, in bytes. What is there stays, even above it.
    pub fn set_capacity_bytes(&self, capacity_bytes: u64) {
        self.world.with(|state| state.disk(self.node).set_capacity_bytes(capacity_bytes));
    }

    /// Every file that readers see: path and length in bytes, by path.
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        self.world.with(|state| {
            let disk = state.disk(self.node);
            let files = disk.live().files();
            files.map(|(path, inode)| (path.to_path_buf(), disk.contents(inode).len_bytes())).collect()
        })
    }

    /// All live bytes of a file. Panics if there is no such file.
    pub fn read_live(&self, path: &Path) -> Vec<u8> {
        self.world.with(|state| {
            let disk = state.disk(self.node);
            let contents = disk.contents(disk.live().file(path).expect("the test names a file that is there"));
            contents.read(0, usize::try_from(contents.len_bytes()).expect("a file in memory has a length in memory"))
        })
    }

    /// The bytes of a live file that survive any power cut, from its start. Panics if there is no such file.
    pub fn read_durable(&self, path: &Path) -> Vec<u8> {
        self.world.with(|state| {
            let disk = state.disk(self.node);
            let contents = disk.contents(disk.live().file(path).expect("the test names a file that is there"));
            contents.read_durable(0, usize::try_from(contents.len_bytes()).expect("a length in memory"))
        })
    }

    /// Changes the byte at `offset` of a file by exclusive or with `mask`, live and durable: rot. Twice is as before.
    /// Panics if there is no such byte.
    pub fn flip(&self, path: &Path, offset: u64, mask: u8) {
        self.world.with(|state| {
            let disk = state.disk(self.node);
            let inode = disk.live().file(path).expect("the test names a file that is there");
            let is_there = disk.contents_mut(inode).flip(offset, mask);
            assert!(is_there, "{} has no byte {offset}", path.display());
        });
    }
}
