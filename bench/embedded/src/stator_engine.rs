//! Stator's engine on cores of the real machine, without protocols and sockets: on each a thread that submits, turns, and takes replies.
//!
//! So many operations are in flight as the others have threads, as many on each core. A core asks for keys of its own, as a client does that
//! knows where they are, or for any. All else is done on the same threads: requests made and checked, the item encoded, sealed, and put through
//! its partition's group of one.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Instant;

use engine::{Batch, Engine, EngineOptions, MESH_BATCH_COUNT_MAX, ReplyToken, SEGMENT_BYTES};
use model::operation::{
    AttributeDefinitionParameter, Attributes, Choice, CreateTable, GetItem, KeyRole, KeySchemaElement, PutItem, Reply,
    Request,
};
use model::table::{BillingMode, TableStatus};
use model::{EncodedKey, ErrorKind, Item, ItemEncoder, KeyType, Text};
use runtime::{MeshPorts, Runtime, RuntimeOptions};

use crate::load::{Figures, Load, Window};
use crate::{Options, Phase};

const TABLE_NAME: Text = Text::from_static("items");
const KEY_ATTRIBUTE: &str = "k";
const VALUE_ATTRIBUTE: &str = "v";

/// What all cores have.
struct Shared {
    options: Options,
    ports: MeshPorts<Batch>,
    start: Meeting,
    end: Meeting,
}

/// Where cores wait until all have come.
#[derive(Default)]
struct Meeting {
    arrived_count: AtomicUsize,
}

pub(crate) fn measure(options: &Options) -> Result<Figures, Box<dyn Error>> {
    let core_count = options.cpus.len();
    let runtime_options = RuntimeOptions { cpus: options.cpus.clone(), ..RuntimeOptions::default() };
    let (sender, receiver) = mpsc::sync_channel(core_count);
    let shared = Arc::new(Shared {
        options: options.clone(),
        ports: MeshPorts::new(core_count, MESH_BATCH_COUNT_MAX),
        start: Meeting::default(),
        end: Meeting::default(),
    });
    let machine = runtime::start(runtime_options, move |runtime| {
        let (shared, sender) = (Arc::clone(&shared), sender.clone());
        async move {
            let figures = work(runtime, &shared).await.map_err(|error| error.to_string());
            sender.send(figures).expect("the main thread waits");
        }
    })?;
    // The first error ends the process: other cores would wait for that one for ever.
    let mut all = receiver.recv()??;
    for _ in 1..core_count {
        all.add(&receiver.recv()??);
    }
    machine.join();
    Ok(all)
}

async fn work(runtime: Runtime, shared: &Shared) -> Result<Figures, Box<dyn Error>> {
    let options = &shared.options;
    let engine_options = EngineOptions {
        data_directories: vec![options.directory.clone()],
        keyring: None,
        key_service: None,
        segment_bytes: SEGMENT_BYTES,
        memory_bytes_max: options.memory_bytes,
        endpoint: Text::from_static("localhost"),
        table_delay_ms: 0,
        expiry_delay_ms: 0,
        scrub_period_ms: 0,
    };
    let mut engine = Engine::open(runtime.clone(), &shared.ports, &engine_options).await?;
    if engine.table(&TABLE_NAME).is_none() && runtime.core().0 == 0 {
        create_table(&mut engine).await?;
    }
    while !engine.table(&TABLE_NAME).is_some_and(|table| table.definition.status == TableStatus::Active) {
        engine.turn();
        runtime.yield_now().await;
    }
    shared.start.wait(&runtime, &mut engine).await;
    let figures = drive(&runtime, &mut engine, options).await?;
    shared.end.wait(&runtime, &mut engine).await;
    engine.close().await;
    Ok(figures)
}

impl Meeting {
    /// Waits for the other cores, which may still ask this one for something.
    async fn wait(&self, runtime: &Runtime, engine: &mut Engine) {
        self.arrived_count.fetch_add(1, Ordering::Relaxed);
        while self.arrived_count.load(Ordering::Relaxed) < runtime.core_count() {
            engine.turn();
            runtime.yield_now().await;
        }
    }
}

async fn create_table(engine: &mut Engine) -> Result<(), Box<dyn Error>> {
    let create = CreateTable {
        table_name: Some(TABLE_NAME),
        attribute_definitions: Some(vec![AttributeDefinitionParameter {
            attribute_name: Some(Text::from_static(KEY_ATTRIBUTE)),
            attribute_type: Choice::Known(KeyType::String),
        }]),
        key_schema: Some(vec![KeySchemaElement {
            attribute_name: Some(Text::from_static(KEY_ATTRIBUTE)),
            key_type: Choice::Known(KeyRole::Hash),
        }]),
        billing_mode: Choice::Known(BillingMode::PayPerRequest),
        ..CreateTable::default()
    };
    engine.submit(ReplyToken { connection: 0, request: 0 }, Request::CreateTable(Box::new(create)));
    let signal = engine.signal().clone();
    loop {
        engine.turn();
        if let Some(replied) = engine.replies().pop() {
            replied.result?;
            return Ok(());
        }
        signal.wait().await;
    }
}

async fn drive(runtime: &Runtime, engine: &mut Engine, options: &Options) -> Result<Figures, Box<dyn Error>> {
    let window = Window::new(options);
    let mut load = Load::new(options, window, (usize::from(runtime.core().0), runtime.core_count()));
    if !options.any_keys && runtime.core_count() > 1 {
        load.narrow(|key| is_own(engine, key));
    }
    let mut encoder = ItemEncoder::new();
    let signal = engine.signal().clone();
    let mut figures = Figures::new(window);
    // By operation in flight: when it was submitted.
    let mut begun = vec![window.start; usize::from(options.writers).div_ceil(runtime.core_count())];
    let mut free: Vec<usize> = (0..begun.len()).collect();
    loop {
        while let Some(&place) = free.last()
            && let Some(key) = load.next_key()
        {
            free.pop();
            begun[place] = Instant::now();
            let token = ReplyToken { connection: 0, request: place as u64 };
            engine.submit(token, request(options.phase, &key, &mut load, &mut encoder)?);
        }
        if free.len() == begun.len() {
            return Ok(figures);
        }
        engine.turn();
        for replied in engine.replies().drain(..) {
            let place = usize::try_from(replied.token.request)?;
            free.push(place);
            match replied.result {
                Ok(Reply::PutItem(_)) => figures.record(begun[place], true),
                Ok(Reply::GetItem(reply)) => figures.record(begun[place], reply.item.is_some()),
                Ok(other) => return Err(format!("an unexpected reply: {other:?}").into()),
                // Not counted: another one is begun instead.
                Err(error) if error.kind == ErrorKind::Throttling => {}
                Err(error) => return Err(error.into()),
            }
        }
        if free.is_empty() {
            signal.wait().await;
        }
        runtime.yield_now().await;
    }
}

/// Whether a partition of this core has the key.
fn is_own(engine: &Engine, key: &str) -> bool {
    let table = engine.table(&TABLE_NAME).expect("it was waited for");
    let mut encoder = ItemEncoder::new();
    encoder.begin_item();
    encoder.name(KEY_ATTRIBUTE);
    encoder.string(key);
    let item = encoder.finish().expect("a key of a few bytes");
    let mut encoded = Vec::new();
    table.definition.key_schema.encode_key(item.as_ref(), &mut encoded).expect("the key that the table wants");
    table.placement(EncodedKey::new(&encoded).hash()).core == engine.core()
}

fn request(phase: Phase, key: &str, load: &mut Load, encoder: &mut ItemEncoder) -> Result<Request, model::Error> {
    let mut encode = |value: Option<&[u8]>| -> Result<Item, model::Error> {
        encoder.begin_item();
        encoder.name(KEY_ATTRIBUTE);
        encoder.string(key);
        if let Some(value) = value {
            encoder.name(VALUE_ATTRIBUTE);
            encoder.binary(value);
        }
        encoder.finish()
    };
    Ok(match phase {
        Phase::Fill | Phase::Put => Request::PutItem(PutItem {
            table_name: Some(TABLE_NAME),
            item: Attributes::Valid(encode(Some(load.value()))?),
            ..PutItem::default()
        }),
        Phase::Read => Request::GetItem(GetItem {
            table_name: Some(TABLE_NAME),
            key: Attributes::Valid(encode(None)?),
            ..GetItem::default()
        }),
    })
}
