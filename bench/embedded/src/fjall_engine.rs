//! fjall: threads that put and then have the journal synced, or get.
//!
//! Its journal has no batch that several threads share: each put waits for a sync of its own or for another's lock. Blocks are not
//! compressed, as in the others.

use std::error::Error;
use std::time::Instant;

use fjall::config::CompressionPolicy;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::load::{Figures, Load, Window};
use crate::{Options, Phase};

pub(crate) fn measure(options: &Options) -> Result<Figures, Box<dyn Error>> {
    let database = Database::builder(&options.directory).cache_size(options.memory_bytes).open()?;
    let items = database.keyspace("items", || {
        KeyspaceCreateOptions::default().data_block_compression_policy(CompressionPolicy::disabled())
    })?;
    let window = Window::new(options);
    let mut all = Figures::new(window);
    std::thread::scope(|scope| {
        let count = usize::from(options.writers);
        let threads: Vec<_> = (0..count)
            .map(|number| {
                let load = Load::new(options, window, (number, count));
                let (database, items) = (&database, &items);
                scope.spawn(move || work(database, items, (options.phase, window), load))
            })
            .collect();
        for thread in threads {
            all.add(&thread.join().expect("a thread that fails returns its error")?);
        }
        Ok::<(), fjall::Error>(())
    })?;
    database.persist(PersistMode::SyncData)?;
    Ok(all)
}

fn work(
    database: &Database,
    items: &Keyspace,
    (phase, window): (Phase, Window),
    mut load: Load,
) -> Result<Figures, fjall::Error> {
    let mut figures = Figures::new(window);
    while let Some(key) = load.next_key() {
        let begin = Instant::now();
        let is_found = match phase {
            Phase::Fill => {
                items.insert(key, load.value())?;
                true
            }
            Phase::Put => {
                items.insert(key, load.value())?;
                // fdatasync, as RocksDB's.
                database.persist(PersistMode::SyncData)?;
                true
            }
            Phase::Read => items.get(key)?.is_some(),
        };
        figures.record(begin, is_found);
    }
    Ok(figures)
}
