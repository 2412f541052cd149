//! The front door of the database: requests in, replies out, one [`Engine`] a core.
//!
//! In the way of a request it stands between the protocols (`net/server`), which hand it requests
//! with a token, and the partitions, which own the data. [`Engine::turn`] is one pass of the
//! worker's loop: it drains the mesh, decides, appends, applies what has become durable, answers.
//! One a core, on its thread from start to end. Synchronous but for opening.
//!
//! Deliberately not here: bytes of any protocol, sockets, and what an operation does to a single
//! partition (`partition`).

#![forbid(unsafe_code)]

mod admission;
mod backoff;
mod budget;
mod catalog;
mod cleaning;
mod coordinate;
mod directories;
mod disks;
mod engine;
mod expiring;
pub mod inspect;
mod joining;
mod key_files;
mod key_keeper;
mod key_service;
mod keyed;
mod keys_error;
mod loading;
mod message;
mod metrics;
mod open;
mod outbox;
mod rotation;
mod rounds;
mod router;
mod scrubbing;
mod slots;
mod storing;
mod submit;

pub use control::{Placement, TableEntry};
pub use directories::LostDirectory;
pub use engine::{Engine, Replied};
pub use journal::{FlushFigures, SEGMENT_BYTES};
pub use key_service::{KeyService, KeyServiceError};
pub use keys_error::KeysError;
pub use message::{Batch, KeyGrant, Message};
pub use metrics::Metrics;
pub use open::{EngineOptions, MESH_BATCH_COUNT_MAX, OpenError, worker_count};
pub use partition::ReplyToken;
pub use rotation::{Rotated, Rotation};
pub use security::{NotWrapped, Secret, WrappedKey};
pub use sstable::CacheUsage;
