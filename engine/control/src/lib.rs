//! The catalog of tables: durable, replicated as group 0, known to every core.
//!
//! In the way of a request it stands beside the partitions: CreateTable, UpdateTable, DeleteTable and what
//! changes tags or expiry are decided here, on worker 0, against the newest catalog, and take effect when
//! their entry is applied. One [`Control`] a node, on worker 0; every other core has copies of the
//! [`TableEntry`]s, sent by the engine.
//!
//! Deliberately not here: who is told about a new table and in which order (the engine), and
//! everything about items (`partition`).

#![forbid(unsafe_code)]

mod catalog;
mod change;
mod checkpoint;
mod control;
mod opening;
mod reading;

pub use catalog::{Catalog, Placement, TableEntry};
pub use change::{CatalogChange, CatalogChangeError};
pub use control::{Applied, Birth, Control, Effect};
pub use opening::{CATALOG_GROUP, OpeningCatalog};
pub use reading::ReadCatalog;
