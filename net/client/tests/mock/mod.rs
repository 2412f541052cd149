//! A server in the test's own process: wire's server half over loopback, tables in memory, and faults on demand.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::cast_possible_truncation)]

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use auth::{AccessKeys, Challenger};
use bytes::BytesMut;
use model::operation::*;
use model::table::TableStatus;
use model::{
    Error, ErrorDetail, ErrorKind, Item, KeyAttribute, KeyHash, KeySchema, KeyType, TableDefinition, TableId, Text,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use wire::server::{self, Decoder, Incoming};
use wire::{
    Challenge, CoreEndpoint, Flags, Goodbye, GoodbyeReason, PartitionMap, PartitionRange, RequestId, VERSION, Welcome,
};

/// What the server does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// It takes requests and never answers.
    Silence,
    /// It answers requests with bytes that are no frame.
    Garbage,
    /// It answers a request that was never sent.
    WrongId,
    /// It closes when a request comes.
    Hangup,
    /// It refuses every handshake.
    Refusal,
}

/// What all cores of the server share.
#[derive(Default)]
pub struct State {
    pub tables: Mutex<HashMap<String, Table>>,
    pub ranges: Mutex<Vec<PartitionRange>>,
    pub fault: Mutex<Fault>,
    pub in_flight_max: AtomicUsize,
    /// The most requests that came before any of them was answered.
    pub batch_max: AtomicUsize,
    pub forwarded_count: AtomicUsize,
    pub map_count: AtomicUsize,
    pub connection_count: AtomicUsize,
    pub request_counts: Mutex<HashMap<u16, usize>>,
    pub idle_ms_max: AtomicUsize,
    pub ping_count: AtomicUsize,
    pub saw_goodbye: AtomicBool,
    /// Asks who connects, once it is there.
    pub challenger: OnceLock<Challenger>,
}

/// What every connection is asked: the mock tells none apart.
const NONCE: [u8; 32] = [9; 32];

pub struct Table {
    pub key_schema: KeySchema,
    pub items: BTreeMap<Vec<u8>, Item>,
}

/// The running server; dropping it closes everything.
pub struct Mock {
    pub state: Arc<State>,
    pub addresses: Vec<SocketAddr>,
    tasks: JoinSet<()>,
}

impl Mock {
    /// Starts with this many cores on free ports.
    pub async fn start(core_count: u16) -> Mock {
        let state = Arc::new(State::default());
        state.in_flight_max.store(256, Ordering::Relaxed);
        *state.ranges.lock().unwrap() = even_ranges(core_count);
        Mock::start_at(state, vec!["127.0.0.1:0".parse().unwrap(); core_count.into()]).await
    }

    /// Starts with this state on these ports.
    pub async fn start_at(state: Arc<State>, addresses: Vec<SocketAddr>) -> Mock {
        let mut listeners = Vec::new();
        for address in addresses {
            listeners.push(TcpListener::bind(address).await.unwrap());
        }
        let addresses: Vec<SocketAddr> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        let mut tasks = JoinSet::new();
        for (core, listener) in listeners.into_iter().enumerate() {
            let ports = addresses.iter().map(SocketAddr::port).collect();
            tasks.spawn(listen(core as u16, ports, listener, Arc::clone(&state)));
        }
        Mock { state, addresses, tasks }
    }

    pub fn address(&self) -> String {
        self.addresses[0].to_string()
    }

    /// From now on only who knows this secret may connect.
    pub fn ask_for_proof(&self, access_key_id: &str, secret: &str) {
        let text = format!("[a]\naws_access_key_id={access_key_id}\naws_secret_access_key={secret}\n");
        let keys = Arc::new(AccessKeys::parse(&text).unwrap());
        self.state.challenger.set(Challenger::new(keys, &[1; 32])).unwrap();
    }

    pub fn set_fault(&self, fault: Fault) {
        *self.state.fault.lock().unwrap() = fault;
    }

    /// Adds a table with a text partition key `id` and a number sort key `at`.
    pub fn add_table(&self, name: &str) {
        let table = Table { key_schema: key_schema(), items: BTreeMap::new() };
        self.state.tables.lock().unwrap().insert(name.to_owned(), table);
    }

    /// Closes all sockets; the state lives on.
    pub async fn stop(mut self) -> (Arc<State>, Vec<SocketAddr>) {
        self.tasks.shutdown().await;
        (Arc::clone(&self.state), self.addresses.clone())
    }
}

pub fn key_schema() -> KeySchema {
    KeySchema {
        partition_key: KeyAttribute { name: "id".to_owned(), key_type: KeyType::String },
        sort_key: Some(KeyAttribute { name: "at".to_owned(), key_type: KeyType::Number }),
    }
}

pub fn even_ranges(core_count: u16) -> Vec<PartitionRange> {
    let width = u64::MAX / u64::from(core_count);
    (0..core_count).map(|core| PartitionRange { first_hash: KeyHash(width * u64::from(core)), core }).collect()
}

async fn listen(core: u16, ports: Vec<u16>, listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        state.connection_count.fetch_add(1, Ordering::Relaxed);
        connections.spawn(serve(core, ports.clone(), stream, Arc::clone(&state)));
    }
}

async fn serve(core: u16, ports: Vec<u16>, mut stream: TcpStream, state: Arc<State>) {
    let mut decoder = Decoder::new(state.challenger.get().is_some());
    let mut buffer = vec![0; 64 << 10];
    loop {
        match stream.read(&mut buffer).await {
            Ok(count) if count > 0 => decoder.feed(&buffer[..count]),
            _ => return,
        }
        let mut answers = Vec::new();
        let mut request_count = 0;
        loop {
            let message = match decoder.next_message() {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(error) => {
                    let mut out = BytesMut::new();
                    server::encode_goodbye(&Goodbye::from(&error), &mut out);
                    let _ = stream.write_all(&out).await;
                    return;
                }
            };
            request_count += usize::from(!matches!(message, Incoming::Hello(_) | Incoming::Ping(_)));
            let Some(answer) = answer(core, &ports, message, &state) else { return };
            answers.push(answer);
        }
        state.batch_max.fetch_max(request_count, Ordering::Relaxed);
        // Last first: a client must not count on any order.
        for answer in answers.iter().rev() {
            if stream.write_all(answer).await.is_err() {
                return;
            }
        }
    }
}

/// The bytes to answer with; `None` closes.
fn answer(core: u16, ports: &[u16], message: Incoming, state: &State) -> Option<BytesMut> {
    let mut out = BytesMut::new();
    let fault = *state.fault.lock().unwrap();
    match message {
        Incoming::Hello(_) if fault == Fault::Refusal => {
            server::encode_goodbye(&Goodbye::new(GoodbyeReason::TOO_MANY_CONNECTIONS, "full"), &mut out);
        }
        Incoming::Hello(_) => match state.challenger.get() {
            Some(_) => {
                server::encode_challenge(&Challenge { nonce: NONCE }, &mut out);
            }
            None => server::encode_welcome(&welcome(core, ports, state), &mut out).unwrap(),
        },
        Incoming::Proof(proof) => {
            let challenger = state.challenger.get().unwrap();
            if challenger.is_proven(&NONCE, &proof.access_key_id, &proof.proof) {
                server::encode_welcome(&welcome(core, ports, state), &mut out).unwrap();
            } else {
                server::encode_goodbye(&Goodbye::new(GoodbyeReason::NOT_AUTHENTICATED, "no"), &mut out);
            }
        }
        Incoming::Ping(request_id) => {
            state.ping_count.fetch_add(1, Ordering::Relaxed);
            server::encode_pong(request_id, &mut out);
        }
        Incoming::Goodbye(_) => {
            state.saw_goodbye.store(true, Ordering::Relaxed);
            return None;
        }
        Incoming::DescribePartitions { request_id, table_name } => {
            state.map_count.fetch_add(1, Ordering::Relaxed);
            match state.tables.lock().unwrap().get(&table_name[..]) {
                Some(table) => {
                    let map = PartitionMap {
                        version: 1,
                        table_id: TableId(1),
                        key_schema: table.key_schema.clone(),
                        ranges: state.ranges.lock().unwrap().clone(),
                    };
                    server::encode_partition_map(request_id, &map, &mut out).unwrap();
                }
                None => {
                    let error = Error::resource_not_found();
                    server::encode_reply(request_id, Err(&error), Flags::NONE, &mut out);
                }
            }
        }
        Incoming::Refused { request_id, error } => {
            server::encode_reply(request_id, Err(&error), Flags::NONE, &mut out);
        }
        Incoming::Request { .. } if fault == Fault::Silence => {}
        Incoming::Request { .. } if fault == Fault::Hangup => return None,
        Incoming::Request { .. } if fault == Fault::Garbage => out.extend_from_slice(&[0xEE; 64]),
        Incoming::Request { request_id, request } => {
            *state.request_counts.lock().unwrap().entry(core).or_default() += 1;
            let flags = flags(core, &request, state);
            let result = execute(request, state);
            let request_id = if fault == Fault::WrongId { RequestId(1 << 40) } else { request_id };
            server::encode_reply(request_id, result.as_ref(), flags, &mut out);
        }
    }
    Some(out)
}

fn welcome(core: u16, ports: &[u16], state: &State) -> Welcome {
    let endpoint =
        |(core, port): (usize, &u16)| CoreEndpoint { core: core as u16, port: *port, address: String::new() };
    Welcome {
        version: VERSION,
        core,
        features: 0,
        frame_bytes_max: 1 << 20,
        in_flight_max: state.in_flight_max.load(Ordering::Relaxed) as u32,
        idle_ms_max: state.idle_ms_max.load(Ordering::Relaxed) as u32,
        server_name: "mock".to_owned(),
        cores: ports.iter().enumerate().map(endpoint).collect(),
    }
}

/// Whether another core owns the request's key.
fn flags(core: u16, request: &Request, state: &State) -> Flags {
    let tables = state.tables.lock().unwrap();
    let mut encoded = Vec::new();
    let mut hash = |name: &Option<Text>, attributes: &Attributes, is_item: bool| {
        let schema = &tables.get(&name.as_ref()?[..])?.key_schema;
        let item = attributes.item()?.as_ref();
        if is_item { schema.encode_item_key(item, &mut encoded) } else { schema.encode_key(item, &mut encoded) }.ok()
    };
    let hash = match request {
        Request::GetItem(request) => hash(&request.table_name, &request.key, false),
        Request::DeleteItem(request) => hash(&request.table_name, &request.key, false),
        Request::UpdateItem(request) => hash(&request.table_name, &request.key, false),
        Request::PutItem(request) => hash(&request.table_name, &request.item, true),
        _ => None,
    };
    let Some(hash) = hash else { return Flags::NONE };
    let ranges = state.ranges.lock().unwrap();
    let owner = ranges.iter().rev().find(|range| range.first_hash <= hash).unwrap().core;
    if owner == core {
        return Flags::NONE;
    }
    state.forwarded_count.fetch_add(1, Ordering::Relaxed);
    Flags::FORWARDED
}

fn execute(request: Request, state: &State) -> Result<Reply, Error> {
    let mut tables = state.tables.lock().unwrap();
    match request {
        Request::GetItem(request) => {
            let table = find(&mut tables, &request.table_name)?;
            let item = table.items.get(&key(table, &request.key)?).cloned();
            Ok(Reply::GetItem(GetItemReply { item, consumed: None }))
        }
        Request::PutItem(request) => {
            let table = find(&mut tables, &request.table_name)?;
            let item = request.item.item().expect("the test gives an item").clone();
            let mut encoded = Vec::new();
            table.key_schema.encode_item_key(item.as_ref(), &mut encoded)?;
            let attributes = table.items.insert(encoded, item);
            Ok(Reply::PutItem(PutItemReply { attributes, ..PutItemReply::default() }))
        }
        Request::DeleteItem(request) => {
            let table = find(&mut tables, &request.table_name)?;
            let key = key(table, &request.key)?;
            let attributes = table.items.remove(&key);
            Ok(Reply::DeleteItem(DeleteItemReply { attributes, ..DeleteItemReply::default() }))
        }
        // Gives back the item that the condition would have been about.
        Request::UpdateItem(request) => {
            let table = find(&mut tables, &request.table_name)?;
            let attributes = table.items.get(&key(table, &request.key)?).cloned();
            if request.conditional.condition_expression.is_none() {
                return Ok(Reply::UpdateItem(Box::new(UpdateItemReply { attributes, ..UpdateItemReply::default() })));
            }
            let failed = Error::new(ErrorKind::ConditionalCheckFailed, "The conditional request failed");
            Err(attributes.map_or(failed.clone(), |item| failed.with_detail(ErrorDetail::Item(item))))
        }
        Request::Query(request) => find(&mut tables, &request.table_name).map(|table| Reply::Query(page(table))),
        Request::Scan(request) => find(&mut tables, &request.table_name).map(|table| Reply::Scan(page(table))),
        Request::CreateTable(request) => {
            let name = request.table_name.as_ref().expect("the test gives a name").to_string();
            let table = Table { key_schema: key_schema(), items: BTreeMap::new() };
            tables.insert(name.clone(), table);
            Ok(Reply::CreateTable(Box::new(CreateTableReply { table: description(name) })))
        }
        Request::DeleteTable(request) => {
            let name = request.table_name.as_ref().expect("the test gives a name").to_string();
            tables.remove(&name).ok_or_else(|| Error::table_not_found(&name))?;
            Ok(Reply::DeleteTable(Box::new(DeleteTableReply { table: description(name) })))
        }
        Request::ListTables(_) => {
            let mut table_names: Vec<Text> = tables.keys().map(|name| Text::from(&name[..])).collect();
            table_names.sort();
            Ok(Reply::ListTables(ListTablesReply { table_names, last_evaluated_table_name: None }))
        }
        // An answer to another question.
        Request::DescribeEndpoints(_) => Ok(Reply::DescribeTimeToLive(DescribeTimeToLiveReply::default())),
        other => Err(Error::validation(format!("{} is not mocked", other.name()))),
    }
}

fn find<'a>(tables: &'a mut HashMap<String, Table>, name: &Option<Text>) -> Result<&'a mut Table, Error> {
    let name = name.as_ref().expect("the test gives a name");
    tables.get_mut(&name[..]).ok_or_else(Error::resource_not_found)
}

fn key(table: &Table, key: &Attributes) -> Result<Vec<u8>, Error> {
    let mut encoded = Vec::new();
    table.key_schema.encode_key(key.item().expect("the test gives a key").as_ref(), &mut encoded)?;
    Ok(encoded)
}

fn page(table: &Table) -> Box<Page> {
    let count = table.items.len() as u64;
    let items = Some(table.items.values().cloned().collect());
    Box::new(Page { items, count, scanned_count: count, last_evaluated_key: None, consumed: None })
}

fn description(name: String) -> TableDescription {
    let definition = TableDefinition {
        id: TableId(1),
        attribute_definitions: Vec::new(),
        status: TableStatus::Active,
        ..TableDefinition::new(&name, key_schema())
    };
    TableDescription::of_empty(definition)
}
