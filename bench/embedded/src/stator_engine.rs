//! Stator's engine on one core of the real machine, without protocols and sockets: a thread that submits, turns, and takes replies.
//!
//! So many operations are in flight as the others have threads. All of it is done on that one thread: requests made and checked, the
//! item encoded, sealed, and put through its group of one.

use std::error::Error;
use std::sync::mpsc;
use std::time::Instant;

use engine::{Batch, Engine, EngineOptions, MESH_BATCH_COUNT_MAX, ReplyToken};
use model::operation::{
    AttributeDefinitionParameter, Attributes, Choice, CreateTable, GetItem, KeyRole, KeySchemaElement, PutItem, Reply,
    Request,
};
use model::table::BillingMode;
use model::{ErrorKind, Item, ItemEncoder, KeyType, Text};
use runtime::{MeshPorts, Runtime, RuntimeOptions};

use crate::load::{Figures, Load, Window};
use crate::{Options, Phase};

const TABLE_NAME: Text = Text::from_static("items");
const KEY_ATTRIBUTE: &str = "k";
const VALUE_ATTRIBUTE: &str = "v";
/// The server's.
const SEGMENT_BYTES: u64 = 64 << 20;

pub(crate) fn measure(options: &Options) -> Result<Figures, Box<dyn Error>> {
    let runtime_options = RuntimeOptions { cpus: vec![options.cpu], ..RuntimeOptions::default() };
    let (sender, receiver) = mpsc::sync_channel(1);
    let (options, ports) = (options.clone(), MeshPorts::new(1, MESH_BATCH_COUNT_MAX));
    let machine = runtime::start(runtime_options, move |runtime| {
        let (options, ports, sender) = (options.clone(), ports.clone(), sender.clone());
        async move {
            let figures = work(runtime, &ports, &options).await.map_err(|error| error.to_string());
            sender.send(figures).expect("the main thread waits");
        }
    })?;
    let figures = receiver.recv()?;
    machine.join();
    Ok(figures?)
}

async fn work(runtime: Runtime, ports: &MeshPorts<Batch>, options: &Options) -> Result<Figures, Box<dyn Error>> {
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
    let mut engine = Engine::open(runtime.clone(), ports, &engine_options).await?;
    if engine.table(&TABLE_NAME).is_none() {
        create_table(&mut engine).await?;
    }
    let figures = drive(&runtime, &mut engine, options).await?;
    engine.close().await;
    Ok(figures)
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
    let mut load = Load::new(options, 1);
    let mut encoder = ItemEncoder::new();
    let signal = engine.signal().clone();
    let window = Window::new(options);
    let mut figures = Figures::new(window);
    // By operation in flight: when it was submitted.
    let mut begun = vec![window.start; usize::from(options.writers)];
    let mut free: Vec<usize> = (0..begun.len()).collect();
    loop {
        let now = Instant::now();
        if now < window.end {
            for place in free.drain(..) {
                begun[place] = Instant::now();
                let token = ReplyToken { connection: 0, request: place as u64 };
                engine.submit(token, request(options.phase, &mut load, &mut encoder)?);
            }
        } else if free.len() == begun.len() {
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

fn request(phase: Phase, load: &mut Load, encoder: &mut ItemEncoder) -> Result<Request, model::Error> {
    let key = load.key();
    let mut encode = |value: Option<&[u8]>| -> Result<Item, model::Error> {
        encoder.begin_item();
        encoder.name(KEY_ATTRIBUTE);
        encoder.string(&key);
        if let Some(value) = value {
            encoder.name(VALUE_ATTRIBUTE);
            encoder.binary(value);
        }
        encoder.finish()
    };
    Ok(match phase {
        Phase::Put => Request::PutItem(PutItem {
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
