//! A server for tests that keeps two tables in a map: what YCSB needs of the binary protocol, and faults on demand.
//!
//! A thread a connection; all end with the process.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use model::operation::{GetItemReply, Page, PutItemReply};
use model::{Error, ErrorKind, Item, KeyAttribute, KeyHash, KeySchema, KeyType, Reply, Request, TableId, Value};
use wire::server::{self, Decoder, Incoming};
use wire::{CoreEndpoint, Flags, PartitionMap, PartitionRange, VERSION, Welcome};

use super::record::{KEY_ATTRIBUTE, ROW_ATTRIBUTE};

/// What is wrong with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// Every seventh write changes a byte of a field.
    Damage,
    /// Every seventh write is acknowledged and not done.
    Lose,
    /// Every seventh request is throttled.
    Throttle,
    /// Every request about items is refused.
    Refuse,
}

type Fields = BTreeMap<String, Value>;
/// By table, partition key and sort key.
type Items = BTreeMap<(String, String, String), Fields>;

pub(super) struct SmallServer {
    pub(super) address: SocketAddr,
}

struct State {
    items: Items,
    fault: Fault,
    request_count: u64,
}

impl SmallServer {
    pub(super) fn start(fault: Fault) -> SmallServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { items: Items::new(), fault, request_count: 0 }));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                std::thread::spawn(move || serve(stream, address, &state));
            }
        });
        SmallServer { address }
    }
}

/// Until the client closes.
fn serve(mut stream: TcpStream, address: SocketAddr, state: &Mutex<State>) {
    let mut decoder = Decoder::default();
    let mut space = vec![0; 64 << 10];
    while let Ok(count @ 1..) = stream.read(&mut space) {
        decoder.feed(&space[..count]);
        let mut out = BytesMut::new();
        while let Some(message) = decoder.next_message().unwrap() {
            answer(message, address, state, &mut out);
        }
        if stream.write_all(&out).is_err() {
            return;
        }
    }
}

fn answer(message: Incoming, address: SocketAddr, state: &Mutex<State>, out: &mut BytesMut) {
    match message {
        Incoming::Hello(_) => {
            let welcome = Welcome {
                version: VERSION,
                core: 0,
                features: 0,
                frame_bytes_max: 1 << 20,
                in_flight_max: 100,
                idle_ms_max: 0,
                server_name: "small".to_owned(),
                cores: vec![CoreEndpoint { core: 0, port: address.port(), address: String::new() }],
            };
            server::encode_welcome(&welcome, out).unwrap();
        }
        Incoming::DescribePartitions { request_id, .. } => {
            let partition_key = KeyAttribute { name: KEY_ATTRIBUTE.to_owned(), key_type: KeyType::String };
            let ranges = vec![PartitionRange { first_hash: KeyHash(0), core: 0 }];
            let key_schema = KeySchema { partition_key, sort_key: None };
            let map = PartitionMap { version: 1, table_id: TableId(1), key_schema, ranges };
            server::encode_partition_map(request_id, &map, out).unwrap();
        }
        Incoming::Request { request_id, request } => {
            let result = state.lock().unwrap().handle(request);
            server::encode_reply(request_id, result.as_ref(), Flags::NONE, out);
        }
        other => panic!("an unexpected message: {other:?}"),
    }
}

impl State {
    fn handle(&mut self, request: Request) -> Result<Reply, Error> {
        self.request_count += 1;
        let is_seventh = self.request_count.is_multiple_of(7);
        match self.fault {
            Fault::Refuse => return Err(Error::validation("no")),
            Fault::Throttle if is_seventh => return Err(Error::new(ErrorKind::Throttling, "later")),
            _ => {}
        }
        Ok(match request {
            Request::PutItem(put) => {
                let mut item = put.item.item().unwrap().as_ref().to_value_map();
                let key = key(put.table_name.as_ref().unwrap(), &item);
                if self.fault == Fault::Damage && is_seventh {
                    item.insert("field1".to_owned(), Value::S("0".repeat(40)));
                }
                if self.fault != Fault::Lose || !is_seventh {
                    self.items.insert(key, item);
                }
                Reply::PutItem(PutItemReply::default())
            }
            Request::GetItem(get) => {
                let key = key(get.table_name.as_ref().unwrap(), &get.key.item().unwrap().as_ref().to_value_map());
                let item = self.items.get(&key).map(|item| Item::from_value_map(item).unwrap());
                Reply::GetItem(GetItemReply { item, consumed: None })
            }
            Request::UpdateItem(update) => {
                let key = key(update.table_name.as_ref().unwrap(), &update.key.item().unwrap().as_ref().to_value_map());
                let expression = update.update_expression.unwrap();
                let field = expression.split(' ').nth(1).unwrap().to_owned();
                let values = update.conditional.expression_attribute_values;
                let values = values.item().unwrap().as_ref().to_value_map();
                self.items.get_mut(&key).unwrap().insert(field, values[":value"].clone());
                Reply::UpdateItem(Box::default())
            }
            Request::Query(query) => {
                let values = query.expression_attribute_values.item().unwrap().as_ref().to_value_map();
                let (id, row) = (text(&values[":id"]), text(&values[":row"]));
                let first = (query.table_name.unwrap().as_str().to_owned(), id.clone(), row);
                let rows = self.items.range(first..).take_while(|((_, found, _), _)| *found == id);
                let limit = usize::try_from(query.limit.unwrap()).unwrap();
                let items: Vec<Item> = rows.take(limit).map(|(_, item)| Item::from_value_map(item).unwrap()).collect();
                let count = items.len() as u64;
                Reply::Query(Box::new(Page { items: Some(items), count, scanned_count: count, ..Page::default() }))
            }
            other => panic!("an unexpected request: {other:?}"),
        })
    }
}

fn key(table_name: &str, item: &Fields) -> (String, String, String) {
    let row = item.get(ROW_ATTRIBUTE).map(text).unwrap_or_default();
    (table_name.to_owned(), text(&item[KEY_ATTRIBUTE]), row)
}

fn text(value: &Value) -> String {
    match value {
        Value::S(text) => text.clone(),
        other => panic!("no text: {other:?}"),
    }
}
