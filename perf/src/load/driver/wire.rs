//! Stator's binary protocol: handshake, partition map, GetItem and PutItem.
//!
//! Core-aware by default: connections are spread over all cores and each key goes to the core that owns it. A plain
//! client puts all connections on the first core, which forwards what is not its own.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::SocketAddr;

use bytes::BytesMut;
use client::{Answer, KeyType, PartitionMap, Text, Value, operations};
use model::table::BillingMode;
use model::{Item, ValueRef};
use wire::client::{Incoming, encode_get_item, encode_put_item};
use wire::{Kind, RequestId};

use super::{Driver, Lanes, Operation, Outcome, Prepared, Target, Templates};
use crate::load::record::{KEY_ATTRIBUTE, Mismatch, Row, key_text};
use crate::load::template::{Fill, Template};
use crate::session::Session;

/// Reads and writes the binary protocol.
pub(in crate::load) struct Wire {
    pub(super) templates: Templates,
    row: Row,
}

/// Connects to every core of a Stator node; creates the table if asked to.
pub(in crate::load) fn prepare(target: &Target) -> Result<Prepared, Box<dyn Error>> {
    let mut first = Session::connect(target.address)?;
    if target.creates_table {
        first.create_table(create_table_request(&target.table_name))?;
    }
    let in_flight_max = first.welcome.in_flight_max as usize;
    if target.depth > in_flight_max {
        return Err(format!("the server takes at most {in_flight_max} requests in flight on a connection").into());
    }
    let map = first.partition_map(&target.table_name)?;
    let addresses = first.core_addresses()?;
    let is_core_aware = !target.is_plain && addresses.len() > 1;
    let lanes = if is_core_aware { lanes(target, &map, &addresses)? } else { Lanes::One };
    if target.connection_count < usize::from(lanes.count()) {
        return Err(format!("{} cores need at least as many connections", lanes.count()).into());
    }
    let mut streams = Vec::with_capacity(target.connection_count);
    for (_, lane) in (0..target.connection_count).zip((0..lanes.count()).cycle()) {
        let address = if is_core_aware { addresses[usize::from(lane)].1 } else { target.address };
        streams.push((Session::connect(address)?.stream, lane));
    }
    let templates = templates(target).ok_or("these requests cannot be patched: choose another table name")?;
    let driver = Driver::Wire(Wire { templates, row: target.row });
    Ok(Prepared { driver, streams, lanes })
}

fn lanes(target: &Target, map: &PartitionMap, addresses: &[(u16, SocketAddr)]) -> Result<Lanes, Box<dyn Error>> {
    let mut lane_of_key = Vec::new();
    let mut encoded = Vec::new();
    for key in 0..target.key_count {
        encoded.clear();
        let hash = map.key_schema.encode_key(key_item(key).as_ref(), &mut encoded)?;
        let core = map.owner(hash);
        let lane = addresses.binary_search_by_key(&core, |(core, _)| *core);
        let lane = lane.map_err(|_| format!("the partition map names core {core}, the handshake does not"))?;
        lane_of_key.push(u16::try_from(lane)?);
    }
    Ok(Lanes::PerCore { lane_count: u16::try_from(addresses.len())?, lane_of_key })
}

fn key_item(key: u64) -> Item {
    let key = BTreeMap::from([(KEY_ATTRIBUTE.to_owned(), Value::S(key_text(key)))]);
    Item::from_value_map(&key).expect("a short text is a sound key")
}

fn templates(target: &Target) -> Option<Templates> {
    let table_name = &target.table_name;
    let get = Template::learn(|fill: Fill| {
        let mut out = BytesMut::new();
        let key = key_item(fill.key);
        encode_get_item(RequestId(fill.request_id), table_name, key.bytes(), target.is_consistent, &mut out)
            .expect("a GetItem fits in a frame");
        out.to_vec()
    });
    let put = Template::learn(|fill: Fill| {
        let mut out = BytesMut::new();
        let attributes = target.row.attributes(fill.key, fill.version).into_iter();
        let item: BTreeMap<_, _> = attributes.map(|(name, text)| (name, Value::S(text))).collect();
        let item = Item::from_value_map(&item).expect("a few texts are a sound item");
        encode_put_item(RequestId(fill.request_id), table_name, item.bytes(), &mut out)
            .expect("an item fits in a frame");
        out.to_vec()
    });
    Some(Templates { get: get?, put: put? })
}

impl Wire {
    pub(super) fn outcome(&self, answer: &Answer<'_>, operation: Operation) -> Outcome {
        match (operation, answer.header.kind) {
            (Operation::Put, kind) if kind == Kind::PUT_ITEM.reply() => Outcome::Success,
            (Operation::Get, kind) if kind == Kind::GET_ITEM.reply() => {
                if answer.header.payload_bytes > self.row.value_bytes { Outcome::Success } else { Outcome::Missing }
            }
            _ => Outcome::Failure,
        }
    }

    pub(super) fn verify(&self, answer: &Answer<'_>, key: u64) -> Result<(), Mismatch> {
        let item = answer.item().ok().flatten().ok_or(Mismatch::Form)?;
        let item = Item::verify(bytes::Bytes::copy_from_slice(item)).map_err(|_| Mismatch::Form)?;
        let item = item.as_ref();
        self.row.check(key, |name| match item.attribute(name) {
            Some(ValueRef::S(text)) => Some(text),
            _ => None,
        })
    }
}

/// A failed answer in words.
pub(super) fn failure_text(answer: &Answer<'_>) -> String {
    match (answer.error(), answer.decode()) {
        (Ok((code, message)), _) => format!("error {code}: {message}"),
        (_, Ok(Incoming::Goodbye(goodbye))) => format!("goodbye {}: {}", goodbye.reason.0, goodbye.message),
        _ => format!("a frame of kind {:#06x}", answer.header.kind.0),
    }
}

fn create_table_request(table_name: &str) -> operations::CreateTable {
    operations::CreateTable {
        table_name: Some(Text::from(table_name)),
        attribute_definitions: Some(vec![operations::AttributeDefinitionParameter {
            attribute_name: Some(Text::from_static(KEY_ATTRIBUTE)),
            attribute_type: operations::Choice::Known(KeyType::String),
        }]),
        key_schema: Some(vec![operations::KeySchemaElement {
            attribute_name: Some(Text::from_static(KEY_ATTRIBUTE)),
            key_type: operations::Choice::Known(operations::KeyRole::Hash),
        }]),
        billing_mode: operations::Choice::Known(BillingMode::PayPerRequest),
        ..Default::default()
    }
}
