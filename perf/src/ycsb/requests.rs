//! Operations as requests of the binary protocol, and what their answers say.
//!
//! | YCSB | here |
//! | --- | --- |
//! | read | GetItem, all fields |
//! | insert | PutItem |
//! | update | UpdateItem `SET fieldN = :value`; with `--write-all-fields` PutItem |
//! | scan | Query `id = :id AND row_number >= :row`, `Limit` the rows asked for |
//!
//! Every item that comes back is checked byte for byte.

use std::error::Error;

use client::{Answer, KeyType, Pipeline, Text, operations};
use model::operation::{Attributes, ConditionalWrite, Query, UpdateItem};
use model::table::BillingMode;
use model::{ErrorKind, Item, Reply, Request};
use wire::client::Incoming;
use wire::{Kind as FrameKind, PartitionMap};

use super::record::{KEY_ATTRIBUTE, ROW_ATTRIBUTE, ROWS_PER_KEY, Records};
use super::workload::Operation;

const FIELD_PLACEHOLDER: &str = ":value";
const KEY_PLACEHOLDER: &str = ":id";
const ROW_PLACEHOLDER: &str = ":row";

/// Which request an operation has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Read,
    Insert,
    Update,
    Scan,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    /// To be sent again later; the error's name.
    Throttled(&'static str),
    /// The error's name, and the whole of it.
    Failed(&'static str, String),
    /// Not what was written.
    Wrong(String),
}

/// Encodes requests to one table and reads their answers.
pub(super) struct Requests {
    table_name: Text,
    pub(super) records: Records,
    update_expressions: Vec<Text>,
    key_condition: Text,
    is_consistent: bool,
    writes_all_fields: bool,
    encoded_key: Vec<u8>,
}

impl Requests {
    pub(super) fn new(table_name: &str, records: Records) -> Requests {
        let update = |name: &String| Text::from(format!("SET {name} = {FIELD_PLACEHOLDER}").as_str());
        let key_condition = format!("{KEY_ATTRIBUTE} = {KEY_PLACEHOLDER} AND {ROW_ATTRIBUTE} >= {ROW_PLACEHOLDER}");
        Requests {
            table_name: table_name.into(),
            update_expressions: records.shape.field_names().iter().map(update).collect(),
            records,
            key_condition: key_condition.into(),
            is_consistent: false,
            writes_all_fields: false,
            encoded_key: Vec::new(),
        }
    }

    /// Reads ask for the newest acknowledged write; updates write whole items.
    pub(super) fn with(mut self, is_consistent: bool, writes_all_fields: bool) -> Requests {
        (self.is_consistent, self.writes_all_fields) = (is_consistent, writes_all_fields);
        self
    }

    /// The core that owns the key of item `number`.
    pub(super) fn core(&mut self, number: u64, map: &PartitionMap) -> Result<u16, model::Error> {
        self.encoded_key.clear();
        let key = self.records.key(number);
        let hash = map.key_schema.encode_key(key.as_ref(), &mut self.encoded_key)?;
        Ok(map.owner(hash))
    }

    pub(super) fn encode(
        &mut self,
        (request_id, step): (u64, Step),
        operation: &Operation,
        pipeline: &mut Pipeline,
    ) -> Result<(), Box<dyn Error>> {
        let Operation { number, row_count, field, stamp, .. } = *operation;
        match step {
            Step::Read => {
                let key = self.records.key(number);
                pipeline.get_item(request_id, &self.table_name, key.bytes(), self.is_consistent)?;
            }
            Step::Update if !self.writes_all_fields => {
                let value = self.records.field_value(FIELD_PLACEHOLDER, (number, field), stamp);
                let update = UpdateItem {
                    table_name: Some(self.table_name.clone()),
                    key: Attributes::Valid(self.records.key(number)),
                    update_expression: Some(self.update_expressions[field].clone()),
                    conditional: ConditionalWrite {
                        expression_attribute_values: Attributes::Valid(value),
                        ..ConditionalWrite::default()
                    },
                    ..UpdateItem::default()
                };
                pipeline.request(request_id, &Request::UpdateItem(Box::new(update)))?;
            }
            Step::Insert | Step::Update => {
                let item = self.records.item(number, stamp);
                pipeline.put_item(request_id, &self.table_name, item.bytes())?;
            }
            Step::Scan => {
                let values = self.records.query_values(KEY_PLACEHOLDER, ROW_PLACEHOLDER, number);
                let query = Query {
                    table_name: Some(self.table_name.clone()),
                    key_condition_expression: Some(self.key_condition.clone()),
                    expression_attribute_values: Attributes::Valid(values),
                    limit: Some(i64::try_from(row_count).expect("a scan is short")),
                    consistent_read: self.is_consistent,
                    ..Query::default()
                };
                pipeline.request(request_id, &Request::Query(Box::new(query)))?;
            }
        }
        Ok(())
    }

    /// Reads and checks an answer.
    pub(super) fn judge(
        &mut self,
        answer: &Answer<'_>,
        (operation, step): (&Operation, Step),
    ) -> Result<Verdict, Box<dyn Error>> {
        if answer.is_error() {
            return Ok(failure(answer)?);
        }
        let Operation { number, row_count, item_count, .. } = *operation;
        let checked = match step {
            Step::Read => match answer.item()? {
                Some(bytes) => match Item::verify(bytes::Bytes::copy_from_slice(bytes)) {
                    Ok(item) => self.records.check(number, item.as_ref()),
                    Err(error) => Err(format!("item {number} is not encoded as an item: {error:?}")),
                },
                None => Err(format!("item {number} is missing")),
            },
            Step::Insert => written(answer.header.kind, FrameKind::PUT_ITEM),
            Step::Update if self.writes_all_fields => written(answer.header.kind, FrameKind::PUT_ITEM),
            Step::Update => written(answer.header.kind, FrameKind::UPDATE_ITEM),
            Step::Scan => match answer.decode()? {
                Incoming::Reply { result: Ok(Reply::Query(page)), .. } => {
                    self.check_rows(number, page.items.as_deref().unwrap_or_default(), (row_count, item_count))
                }
                other => Err(format!("an unexpected answer to a Query: {other:?}")),
            },
        };
        Ok(checked.map_or_else(Verdict::Wrong, |()| Verdict::Done))
    }

    /// The rows from `first` on, without a gap, as many as were asked for or as there are under the partition key.
    fn check_rows(&mut self, first: u64, items: &[Item], (asked, item_count): (u64, u64)) -> Result<(), String> {
        let key_end = (first / ROWS_PER_KEY + 1) * ROWS_PER_KEY;
        let certain = asked.min(key_end.min(item_count).saturating_sub(first));
        let found = items.len() as u64;
        if !(certain..=asked).contains(&found) {
            return Err(format!("a scan of {asked} rows from item {first} on gave {found}, and {certain} are there"));
        }
        // Beyond the certain ones an insert may be there before its predecessor.
        let mut checked = (first..).zip(items).take(usize::try_from(certain).expect("a scan is short"));
        checked.try_for_each(|(number, item)| self.records.check(number, item.as_ref()))
    }
}

/// The table that the operations need.
pub(super) fn create_table(table_name: &str, is_ordered: bool) -> operations::CreateTable {
    let names = [(KEY_ATTRIBUTE, operations::KeyRole::Hash), (ROW_ATTRIBUTE, operations::KeyRole::Range)];
    let names = &names[..if is_ordered { 2 } else { 1 }];
    let definition = |(name, _): &(&'static str, _)| operations::AttributeDefinitionParameter {
        attribute_name: Some(Text::from_static(name)),
        attribute_type: operations::Choice::Known(KeyType::String),
    };
    let element = |(name, role): &(&'static str, operations::KeyRole)| operations::KeySchemaElement {
        attribute_name: Some(Text::from_static(name)),
        key_type: operations::Choice::Known(*role),
    };
    operations::CreateTable {
        table_name: Some(table_name.into()),
        attribute_definitions: Some(names.iter().map(definition).collect()),
        key_schema: Some(names.iter().map(element).collect()),
        billing_mode: operations::Choice::Known(BillingMode::PayPerRequest),
        ..Default::default()
    }
}

fn written(found: FrameKind, request: FrameKind) -> Result<(), String> {
    if found == request.reply() {
        Ok(())
    } else {
        Err(format!("a write is answered by a frame of kind {:#06x}", found.0))
    }
}

fn failure(answer: &Answer<'_>) -> Result<Verdict, wire::ProtocolError> {
    Ok(match answer.decode()? {
        Incoming::Reply { result: Err(error), .. } => {
            let name = error.kind.exception_name();
            // What is the server's fault is not smoothed over.
            if error.kind.is_retryable() && error.kind != ErrorKind::InternalServer {
                Verdict::Throttled(name)
            } else {
                Verdict::Failed(name, error.to_string())
            }
        }
        other => Verdict::Failed("unexpected answer", format!("{other:?}")),
    })
}
