//! `perf null`: a server that speaks the binary protocol and does nothing.
//!
//! Each GetItem is answered with a ready-made item that bears the key asked for, each PutItem with success. What `perf
//! load` reaches against it is the ceiling of the load generator and of the loopback on this machine.
//!
//! Deliberately not here: tables, storage, any other operation; `--load` does not work against it.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use bytes::BytesMut;
use clap::Args;
use client::{PartitionMap, Value};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use model::operation::{GetItemReply, PutItemReply};
use model::{Item, KeyAttribute, KeyHash, KeySchema, KeyType, Reply, TableId};
use wire::limits::{FRAME_BYTES_MAX, HEADER_BYTES, PAYLOAD_BYTES_MAX};
use wire::server::{self, Decoder, Incoming};
use wire::{CoreEndpoint, Flags, Header, Kind, PREFACE, PartitionRange, RequestId, VERSION, Welcome};

use super::record::{DIGITS, KEY_ATTRIBUTE, Row};
use super::template::{Fill, Template};
use crate::machine;

const LISTENER: Token = Token(usize::MAX);
const IN_FLIGHT_MAX: u32 = 65_536;
/// What a key's digits follow, in an item as in a request.
const KEY_PREFIX: &[u8] = b"key:";

/// Options of `perf null`.
#[derive(Args, Debug)]
pub(crate) struct NullOptions {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8001")]
    address: SocketAddr,
    /// Bytes of the value in each item
    #[arg(long, default_value_t = 100)]
    size: usize,
    /// Run on this CPU only
    #[arg(long)]
    cpu: Option<usize>,
}

/// Serves until the process is stopped.
pub(crate) fn run(options: &NullOptions) -> Result<ExitCode, Box<dyn Error>> {
    if let Some(cpu) = options.cpu {
        machine::pin_to_cpu(cpu)?;
    }
    let mut server = NullServer::listen(options.address, options.size)?;
    println!("ready wire={}", server.address);
    server.serve(|| true)?;
    Ok(ExitCode::SUCCESS)
}

/// The server: one thread, all connections.
pub(super) struct NullServer {
    pub(super) address: SocketAddr,
    listener: TcpListener,
    poll: Poll,
    connections: Vec<Option<NullConnection>>,
    replies: Replies,
}

struct Replies {
    get: Template,
    put: Vec<u8>,
    welcome: Vec<u8>,
}

struct NullConnection {
    stream: TcpStream,
    decoder: Decoder,
    received: Vec<u8>,
    unsent: Vec<u8>,
}

impl NullServer {
    pub(super) fn listen(address: SocketAddr, value_bytes: usize) -> Result<NullServer, Box<dyn Error>> {
        let mut listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let replies = Replies::new(address, value_bytes)?;
        Ok(NullServer { address, listener, poll, connections: Vec::new(), replies })
    }

    /// Serves while `goes_on` says so; it is asked after each event, or 100 ms.
    pub(super) fn serve(&mut self, goes_on: impl Fn() -> bool) -> Result<(), Box<dyn Error>> {
        let mut events = Events::with_capacity(1024);
        while goes_on() {
            match self.poll.poll(&mut events, Some(std::time::Duration::from_millis(100))) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(place) => {
                        let Some(connection) = &mut self.connections[place] else { continue };
                        if connection.handle(&self.replies).is_err() {
                            self.connections[place] = None;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((mut stream, _)) => {
                    stream.set_nodelay(true)?;
                    let token = Token(self.connections.len());
                    self.poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
                    let decoder = Decoder::default();
                    let (received, unsent) = (Vec::new(), Vec::new());
                    self.connections.push(Some(NullConnection { stream, decoder, received, unsent }));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

impl Replies {
    fn new(address: SocketAddr, value_bytes: usize) -> Result<Replies, Box<dyn Error>> {
        let row = Row { value_bytes, field_count: 1 };
        let get = Template::learn(|fill| {
            let attributes = row.attributes(fill.key, fill.version).into_iter();
            let item: BTreeMap<_, _> = attributes.map(|(name, text)| (name, Value::S(text))).collect();
            let item = Item::from_value_map(&item).expect("two texts are a sound item");
            encoded(fill.request_id, &Reply::GetItem(GetItemReply { item: Some(item), consumed: None }))
        });
        let welcome = Welcome {
            version: VERSION,
            core: 0,
            features: 0,
            frame_bytes_max: u32::try_from(FRAME_BYTES_MAX)?,
            in_flight_max: IN_FLIGHT_MAX,
            idle_ms_max: 0,
            server_name: "null".to_owned(),
            cores: vec![CoreEndpoint { core: 0, port: address.port(), address: String::new() }],
        };
        let mut out = BytesMut::new();
        server::encode_welcome(&welcome, &mut out)?;
        let put = encoded(0, &Reply::PutItem(PutItemReply::default()));
        Ok(Replies { get: get.ok_or("this reply cannot be patched")?, put, welcome: out.to_vec() })
    }
}

fn encoded(request_id: u64, reply: &Reply) -> Vec<u8> {
    let mut out = BytesMut::new();
    server::encode_reply(RequestId(request_id), Ok(reply), Flags::NONE, &mut out);
    out.to_vec()
}

impl NullConnection {
    fn handle(&mut self, replies: &Replies) -> Result<(), Box<dyn Error>> {
        loop {
            let start = self.received.len();
            self.received.resize(start + (64 << 10), 0);
            let result = self.stream.read(&mut self.received[start..]);
            let count = *result.as_ref().unwrap_or(&0);
            self.received.truncate(start + count);
            match result {
                Ok(0) => return Err("closed".into()),
                Ok(_) => self.answer(replies)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Box<dyn Error>> {
        let mut sent_bytes = 0;
        while sent_bytes < self.unsent.len() {
            match self.stream.write(&self.unsent[sent_bytes..]) {
                Ok(count) => sent_bytes += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        self.unsent.drain(..sent_bytes);
        Ok(())
    }

    /// Answers all whole frames.
    fn answer(&mut self, replies: &Replies) -> Result<(), Box<dyn Error>> {
        let mut start = 0;
        if !self.decoder.is_open() && self.received.starts_with(&PREFACE) {
            self.decoder.feed(&PREFACE);
            start = PREFACE.len();
        }
        while let Some(header) = Header::parse(&self.received[start..], PAYLOAD_BYTES_MAX)? {
            let end = start + HEADER_BYTES + header.payload_bytes;
            let Some(frame) = self.received.get(start..end) else { break };
            match header.kind {
                Kind::GET_ITEM => {
                    let key = key_in(frame).ok_or("a GetItem without a key of ours")?;
                    let fill = Fill { key, version: 0, request_id: header.request_id.0 };
                    replies.get.append(fill, &mut self.unsent);
                }
                Kind::PUT_ITEM => {
                    let reply = self.unsent.len();
                    self.unsent.extend_from_slice(&replies.put);
                    self.unsent[reply + 8..reply + 16].copy_from_slice(&header.request_id.0.to_le_bytes());
                }
                _ => {
                    self.decoder.feed(frame);
                    while let Some(message) = self.decoder.next_message()? {
                        answer_slowly(&message, replies, &mut self.unsent)?;
                    }
                }
            }
            start = end;
        }
        self.received.drain(..start);
        Ok(())
    }
}

fn answer_slowly(message: &Incoming, replies: &Replies, unsent: &mut Vec<u8>) -> Result<(), Box<dyn Error>> {
    match message {
        Incoming::Hello(_) => unsent.extend_from_slice(&replies.welcome),
        Incoming::DescribePartitions { request_id, .. } => {
            let partition_key = KeyAttribute { name: KEY_ATTRIBUTE.to_owned(), key_type: KeyType::String };
            let map = PartitionMap {
                version: 1,
                table_id: TableId(1),
                key_schema: KeySchema { partition_key, sort_key: None },
                ranges: vec![PartitionRange { first_hash: KeyHash(0), core: 0 }],
            };
            let mut out = BytesMut::new();
            server::encode_partition_map(*request_id, &map, &mut out)?;
            unsent.extend_from_slice(&out);
        }
        Incoming::Request { request_id, .. } => {
            let error = model::Error::validation("this server does nothing");
            let mut out = BytesMut::new();
            server::encode_reply(*request_id, Err(&error), Flags::NONE, &mut out);
            unsent.extend_from_slice(&out);
        }
        _ => return Err("an unexpected message".into()),
    }
    Ok(())
}

/// The number of the key that a request names.
fn key_in(frame: &[u8]) -> Option<u64> {
    let prefix = frame.windows(KEY_PREFIX.len()).position(|window| window == KEY_PREFIX)?;
    let digits = frame.get(prefix + KEY_PREFIX.len()..)?.get(..DIGITS)?;
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0')))
}
