//! Keys change while the node serves: the master key, or the key of a table or of the catalog.
//!
//! Asked on worker 0, at the operator's wish. A rotation is answered when it is durable and every core has been told. What was sealed before stays readable
//! as it is; what is sealed after is sealed by the new key.

use crate::Engine;
use crate::key_keeper::owner_of;
use crate::message::Message;
use partition::ReplyToken;
use runtime::CoreId;
use security::{KeyOwner, TableKeys};
use std::collections::VecDeque;
use std::sync::Arc;

/// Rotations that may wait for the file at one time.
const ROTATION_COUNT_MAX: usize = 64;

/// What is to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// The master key: every data key is wrapped again, by a newer one.
    Master,
    /// The catalog's data key.
    Catalog,
    /// The data key of the table of that name.
    Table(String),
}

/// A rotation that has come to its end.
#[derive(Debug)]
pub struct Rotated {
    /// Who asked.
    pub token: ReplyToken,
    /// What there is now, or why nothing has changed. One line for the operator.
    pub result: Result<String, String>,
}

/// The rotations of a node, on worker 0.
#[derive(Default)]
pub(crate) struct Rotations {
    /// Who waits for a newer master key in the keyring.
    renewing: Vec<ReplyToken>,
    /// What waits until the keys of a generation are durable.
    waiting: VecDeque<Waiting>,
    pub(crate) done: Vec<Rotated>,
}

struct Waiting {
    generation: u64,
    token: ReplyToken,
    /// And the name of whose they are. None: the master key.
    keys: Option<(Arc<TableKeys>, String)>,
}

impl Engine {
    /// Changes a key. What comes of it appears among [`Engine::rotations`] under `token`. On worker 0 alone.
    ///
    /// # Panics
    /// On another worker.
    pub fn rotate_keys(&mut self, token: ReplyToken, rotation: &Rotation) {
        if let Err(refusal) = self.begin_rotation(token, rotation) {
            self.rotations.done.push(Rotated { token, result: Err(refusal) });
        }
        // The next turn goes on with it.
        self.signal.notify();
    }

    /// Rotations that have come to their end, each once. The caller drains it.
    pub fn rotations(&mut self) -> &mut Vec<Rotated> {
        &mut self.rotations.done
    }

    fn begin_rotation(&mut self, token: ReplyToken, rotation: &Rotation) -> Result<(), String> {
        let Self { catalog, rotations, router, .. } = self;
        let keeper = &mut catalog.as_mut().expect("asked on the worker that owns the catalog").keys;
        if rotations.waiting.len() + rotations.renewing.len() >= ROTATION_COUNT_MAX {
            return Err("too many rotations are in progress; try again later".to_owned());
        }
        let (owner, name) = match rotation {
            Rotation::Master => {
                keeper.renew_master();
                rotations.renewing.push(token);
                return Ok(());
            }
            Rotation::Catalog => (KeyOwner::CATALOG, KeyOwner::CATALOG.to_string()),
            Rotation::Table(name) => {
                let table = router.find(name).ok_or_else(|| format!("there is no table {name}"))?;
                (owner_of(table.definition.id), format!("table {name}"))
            }
        };
        let rotated = keeper.rotate(owner).ok_or_else(|| format!("{name} is not there"))?;
        let keys = Some((rotated.map_err(|limit| format!("{name}: {limit}"))?, name));
        rotations.waiting.push_back(Waiting { generation: keeper.generation(), token, keys });
        Ok(())
    }

    /// Goes on with rotations of the master key for which there is a newer one now: every data key is wrapped by it.
    pub(crate) fn rewrap_by_renewed(&mut self) {
        let Self { catalog, rotations, .. } = self;
        let Some(owner) = catalog else { return };
        let Some(renewed) = owner.keys.take_renewed() else { return };
        for token in rotations.renewing.drain(..) {
            match &renewed {
                Ok(()) => {
                    let generation = owner.keys.generation();
                    rotations.waiting.push_back(Waiting { generation, token, keys: None });
                }
                Err(refusal) => rotations.done.push(Rotated { token, result: Err(refusal.clone()) }),
            }
        }
    }

    /// Ends rotations whose keys are durable.
    pub(crate) fn end_rotations(&mut self, durable: u64) {
        let core_count = self.runtime.core_count();
        let Self { catalog, rotations, outbox, .. } = self;
        let Some(owner) = catalog else { return };
        while rotations.waiting.front().is_some_and(|waiting| waiting.generation <= durable) {
            let Waiting { token, keys, .. } = rotations.waiting.pop_front().expect("there is one");
            let told = match keys {
                None => format!("master key {} wraps every data key", owner.keys.master()),
                Some((keys, name)) if owner.keys.find(keys.owner()).is_some() => {
                    for core in 0..core_count {
                        let core = CoreId::from_usize(core);
                        outbox.push(core, Message::KeysRotated(Arc::clone(&keys)));
                    }
                    format!("key {} of {name} seals from now on", keys.newest_version())
                }
                // Deleted meanwhile, and its keys with it.
                Some((_, name)) => format!("{name} is gone"),
            };
            tracing::info!("{told}");
            rotations.done.push(Rotated { token, result: Ok(told) });
        }
    }
}
