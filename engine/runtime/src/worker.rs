//! The small words of a core: which one, how important a task is, why a node stops.

use crate::FileError;

/// A core of this node: 0, 1, ... One worker thread each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CoreId(pub u16);

impl CoreId {
    /// The core at this place in a list of all cores, of which there are fewer than 65,536.
    pub fn from_usize(place: usize) -> CoreId {
        CoreId(u16::try_from(place).expect("core ids are 16 bits"))
    }

    /// The core's place in a list of all cores.
    pub fn as_usize(self) -> usize {
        usize::from(self.0)
    }
}

/// Which share of the core a task gets when there is more to do than time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ShareClass {
    /// Work that a request waits for.
    Foreground,
    /// Work that nobody waits for: zeroing segments, cleaning, flushing. It calls `yield_now` when [`Runtime::background_slice`](crate::Runtime::background_slice) is over.
    Background,
}

/// Why a node stops itself. Each is final: nothing is retried after it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StopReason {
    /// A write or flush that should have made something durable failed; what is on the medium is unknown.
    FlushFailed(FileError),
    /// A file that was written by us does not say what we wrote: which one, and what is wrong with it.
    Corruption(String),
    /// Anything else that makes going on unsafe.
    Other(String),
}

impl std::fmt::Display for StopReason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StopReason::FlushFailed(error) => {
                let directory = error.path().parent().unwrap_or(error.path()).display();
                write!(
                    formatter,
                    "a flush failed: {error}; nothing is answered any more, for what the disk has got of it is unknown. See to the disk of \
                     {directory} (is it mounted? what does the kernel's log say?) and start again: nothing that was acknowledged rests on this flush"
                )
            }
            StopReason::Corruption(what) => write!(formatter, "corrupt data: {what}"),
            StopReason::Other(what) => formatter.write_str(what),
        }
    }
}
