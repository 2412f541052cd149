//! A client of the node under test: draws operations, checks every answer, tells the oracle.
//!
//! Each client has keys of its own in a table shared by all, and a table of its own that comes and goes. It has one
//! operation in flight; several clients together keep the node busy on all cores.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use model::operation::{
    AttributeDefinitionParameter, Attributes, BatchGetItem, BatchWriteItem, Choice, ConditionalWrite, CreateTable,
    DeleteItem, DeleteTable, GetItem, KeyRole, KeySchemaElement, KeysAndAttributes, Page, PutItem, Query, Reply,
    Request, ReturnValues, ReturnValuesOnConditionCheckFailure, Scan, UpdateItem, WriteRequest,
};
use model::table::BillingMode;
use model::{Error, ErrorDetail, ErrorKind, Item, KeyType, Text, Value};
use runtime::Runtime;

use crate::index::Index;
use crate::node::Caller;
use crate::oracle::{
    FILLER, ItemKey, MARK, Oracle, PARTITION_KEY, SORT_KEY, VERSION, Version, encode, item_of, key_of, read_key,
};

/// The table that all clients use.
pub(crate) const SHARED_TABLE: &str = "shared";
/// Partition keys of one client.
const PARTITION_KEY_COUNT: u64 = 3;
/// Sort keys under each.
const SORT_KEY_COUNT: u64 = 5;
/// Items of a page, so that paging is used.
const PAGE_ITEM_COUNT: i64 = 2;
/// Items of a batch.
const BATCH_ITEM_COUNT_MAX: usize = 6;
/// The longest pause between two operations of a client, in microseconds.
const PAUSE_US_MAX: u64 = 200;

/// One client. See the front page.
pub struct Client {
    name: String,
    own_table: String,
    caller: Caller,
    runtime: Runtime,
    oracle: Rc<RefCell<Oracle>>,
    random: fastrand::Rng,
}

impl Client {
    /// The client of that number, with chance of its own from `seed`.
    pub fn new(number: u64, seed: u64, runtime: Runtime, caller: Caller, oracle: Rc<RefCell<Oracle>>) -> Client {
        let random = fastrand::Rng::with_seed(seed.wrapping_mul(1_000_003) + number);
        Client { name: format!("client-{number}"), own_table: format!("own-{number}"), caller, runtime, oracle, random }
    }

    /// Does `step_count` operations, one after the other. Panics on a wrong answer.
    pub async fn run(&mut self, step_count: usize) {
        for _ in 0..step_count {
            let pause_us = self.random.u64(0..PAUSE_US_MAX);
            self.runtime.sleep(Duration::from_micros(pause_us)).await;
            self.step().await;
        }
    }

    /// Creates a table, if the node has room for it.
    pub async fn create_table(&mut self, table: &str) {
        self.oracle.borrow_mut().begin_table(table, true);
        let attribute = |name: &str, attribute_type| AttributeDefinitionParameter {
            attribute_name: Some(Text::from(name)),
            attribute_type: Choice::Known(attribute_type),
        };
        let indexes = Index::of_table(table);
        let mut definitions = vec![attribute(PARTITION_KEY, KeyType::String), attribute(SORT_KEY, KeyType::Number)];
        definitions.extend(indexes.iter().map(|index| attribute(index.sort_key().0, index.sort_key().1)));
        let create = CreateTable {
            table_name: Some(Text::from(table)),
            attribute_definitions: Some(definitions),
            key_schema: Some(vec![key_element(PARTITION_KEY, KeyRole::Hash), key_element(SORT_KEY, KeyRole::Range)]),
            local_secondary_indexes: (!indexes.is_empty())
                .then(|| indexes.iter().map(|index| index.parameter()).collect()),
            billing_mode: Choice::Known(BillingMode::PayPerRequest),
            ..CreateTable::default()
        };
        let answer = self.call(Request::CreateTable(Box::new(create))).await;
        self.settle_table(table, answer);
    }

    async fn step(&mut self) {
        let own_table = self.own_table.clone();
        let has_own = self.oracle.borrow().has_table(&own_table);
        let table = if has_own && self.random.bool() { own_table.clone() } else { SHARED_TABLE.to_string() };
        match self.random.u8(0..100) {
            0..14 => self.put(&table).await,
            14..28 => self.update(&table).await,
            28..34 => self.put_if(&table).await,
            34..37 => self.fail_condition(&table).await,
            37..50 => self.delete(&table).await,
            50..60 => self.check_item(&table).await,
            60..70 => self.check_query(&table).await,
            70..84 => self.write_batch(&table).await,
            84..90 => self.check_batch(&table).await,
            90..94 => self.check_scan(&table).await,
            _ if has_own => self.delete_table(&own_table).await,
            _ => self.create_table(&own_table).await,
        }
    }

    async fn delete_table(&mut self, table: &str) {
        self.oracle.borrow_mut().begin_table(table, false);
        let delete = DeleteTable { table_name: Some(Text::from(table)) };
        let answer = self.call(Request::DeleteTable(delete)).await;
        self.settle_table(table, answer);
        if self.oracle.borrow().has_table(table) {
            return;
        }
        let get = self.get_request(table, &self.key_at(0, 0));
        let error = self.call(get).await.expect_err("the table is gone");
        assert_eq!(error.kind, ErrorKind::ResourceNotFound, "{}", error.message);
    }

    async fn put(&mut self, table: &str) {
        let key = self.draw_key();
        let old = self.oracle.borrow().item(table, &key);
        let version = self.begin(table, &key);
        let put = PutItem {
            table_name: Some(Text::from(table)),
            item: Attributes::Valid(item_of(&key, version)),
            return_values: Choice::Known(ReturnValues::AllOld),
            ..PutItem::default()
        };
        match self.call(Request::PutItem(put)).await {
            Ok(Reply::PutItem(reply)) => {
                assert_eq!(reply.attributes, old, "what {key:?} of {table} was");
                self.oracle.borrow_mut().acknowledge(table, &key);
            }
            other => self.withdraw(table, &key, other),
        }
    }

    /// Makes of whatever is there what a put would write.
    async fn update(&mut self, table: &str) {
        let key = self.draw_key();
        let old = self.oracle.borrow().item(table, &key);
        let version = self.begin(table, &key);
        let update = UpdateItem {
            table_name: Some(Text::from(table)),
            key: Attributes::Valid(key_of(&key)),
            return_values: Choice::Known(ReturnValues::AllOld),
            ..update_to(&item_of(&key, version))
        };
        match self.call(Request::UpdateItem(Box::new(update))).await {
            Ok(Reply::UpdateItem(reply)) => {
                assert_eq!(reply.attributes, old, "what {key:?} of {table} was");
                self.oracle.borrow_mut().acknowledge(table, &key);
            }
            other => self.withdraw(table, &key, other),
        }
    }

    /// A put under a condition that holds.
    async fn put_if(&mut self, table: &str) {
        let key = self.draw_key();
        let old = self.oracle.borrow().item(table, &key);
        let version = self.begin(table, &key);
        let condition = match &old {
            Some(old) => is_version(old),
            None => has_version(false),
        };
        match self.call(conditional_put(table, &item_of(&key, version), condition)).await {
            Ok(Reply::PutItem(_)) => self.oracle.borrow_mut().acknowledge(table, &key),
            other => self.withdraw(table, &key, other),
        }
    }

    /// A put under a condition that does not hold: nothing is written.
    async fn fail_condition(&mut self, table: &str) {
        let key = self.draw_key();
        let old = self.oracle.borrow().item(table, &key);
        let version = self.oracle.borrow_mut().next_version();
        let put = conditional_put(table, &item_of(&key, version), has_version(old.is_none()));
        let answer = self.call(put).await;
        if is_refusal(&answer) {
            return;
        }
        let error = answer.expect_err("the condition does not hold");
        assert_eq!(error.kind, ErrorKind::ConditionalCheckFailed, "{error}");
        assert_eq!(error.detail, old.map(|old| Box::new(ErrorDetail::Item(old))), "what {key:?} of {table} is");
    }

    async fn delete(&mut self, table: &str) {
        let key = self.draw_key();
        let old = self.oracle.borrow().item(table, &key);
        self.oracle.borrow_mut().begin(table, &key, None);
        let delete = DeleteItem {
            table_name: Some(Text::from(table)),
            key: Attributes::Valid(key_of(&key)),
            return_values: Choice::Known(ReturnValues::AllOld),
            ..DeleteItem::default()
        };
        match self.call(Request::DeleteItem(delete)).await {
            Ok(Reply::DeleteItem(reply)) => {
                assert_eq!(reply.attributes, old, "what {key:?} of {table} was");
                self.oracle.borrow_mut().acknowledge(table, &key);
            }
            other => self.withdraw(table, &key, other),
        }
    }

    async fn write_batch(&mut self, table: &str) {
        let keys = self.draw_keys();
        let mut writes = Vec::new();
        for key in &keys {
            if self.random.u8(0..3) == 0 {
                self.oracle.borrow_mut().begin(table, key, None);
                writes.push(WriteRequest::Delete(Attributes::Valid(key_of(key))));
            } else {
                let version = self.begin(table, key);
                writes.push(WriteRequest::Put(Attributes::Valid(item_of(key, version))));
            }
        }
        let batch =
            BatchWriteItem { request_items: Some(vec![(Text::from(table), writes)]), ..BatchWriteItem::default() };
        let answer = self.call(Request::BatchWriteItem(batch)).await;
        let Ok(Reply::BatchWriteItem(reply)) = answer else {
            return keys.iter().for_each(|key| self.withdraw(table, key, answer.clone()));
        };
        let unprocessed: Vec<ItemKey> =
            reply.unprocessed_items.iter().flat_map(|(_, writes)| writes).filter_map(key_of_write).collect();
        for key in &keys {
            let mut oracle = self.oracle.borrow_mut();
            if unprocessed.contains(key) { oracle.withdraw(table, key) } else { oracle.acknowledge(table, key) }
        }
    }

    async fn check_item(&mut self, table: &str) {
        let key = self.draw_key();
        let request = self.get_request(table, &key);
        match self.call(request).await {
            Ok(Reply::GetItem(reply)) => {
                assert_eq!(reply.item, self.oracle.borrow().item(table, &key), "{key:?} of {table}")
            }
            other => panic!("get of {key:?} of {table}: {other:?}"),
        }
    }

    async fn check_batch(&mut self, table: &str) {
        let keys = self.draw_keys();
        let asked = KeysAndAttributes {
            keys: Some(keys.iter().map(|key| Attributes::Valid(key_of(key))).collect()),
            consistent_read: true,
            ..KeysAndAttributes::default()
        };
        let batch = BatchGetItem { request_items: Some(vec![(Text::from(table), asked)]), ..BatchGetItem::default() };
        let reply = loop {
            let Ok(Reply::BatchGetItem(reply)) = self.call(Request::BatchGetItem(batch.clone())).await else {
                panic!("batch of {table}");
            };
            if reply.unprocessed_keys.is_empty() {
                break reply;
            }
            assert!(self.oracle.borrow_mut().take_unreadable(), "keys are handed back whose read did not fail");
        };
        let by_key = |items: Vec<Item>| -> BTreeMap<Option<ItemKey>, Item> {
            items.into_iter().map(|item| (read_key(&item), item)).collect()
        };
        let found = by_key(reply.responses.into_iter().flat_map(|(_, items)| items).collect());
        let oracle = self.oracle.borrow();
        assert_eq!(found, by_key(keys.iter().filter_map(|key| oracle.item(table, key)).collect()), "{table}");
    }

    /// One partition key, forward or backward, in small pages or one large one.
    async fn check_query(&mut self, table: &str) {
        let partition_key = self.draw_key().partition_key;
        let is_forward = self.random.bool();
        let limit = self.random.bool().then_some(PAGE_ITEM_COUNT);
        let mut expected = self.oracle.borrow().items(table, &partition_key);
        let indexes = Index::of_table(table);
        let index = (!indexes.is_empty() && self.random.bool()).then(|| indexes[self.random.usize(0..indexes.len())]);
        if let Some(index) = index {
            expected = index.entries(&expected);
        }
        let found = self.query((table, index), &partition_key, is_forward, limit).await;
        if !is_forward {
            expected.reverse();
        }
        assert_eq!(found, expected, "{partition_key} of {table} {index:?}, forward: {is_forward}, {limit:?} a page");
    }

    /// The whole table; of a shared one, what belongs to this client.
    async fn check_scan(&mut self, table: &str) {
        let found = self.scan((table, None), Some(7)).await;
        let mine: BTreeMap<ItemKey, Item> = found
            .into_iter()
            .map(|item| (read_key(&item).expect("every item has a key"), item))
            .filter(|(key, _)| key.partition_key.starts_with(&self.name))
            .collect();
        let oracle = self.oracle.borrow();
        let keys = oracle.keys(table).into_iter().filter(|key| key.partition_key.starts_with(&self.name));
        let expected = keys.filter_map(|key| oracle.item(table, &key).map(|item| (key, item))).collect();
        assert_eq!(mine, expected, "{table}");
    }

    /// All items of a partition key in a table or an index of it, page by page.
    pub async fn query(
        &mut self,
        (table, index): (&str, Option<Index>),
        partition_key: &str,
        is_forward: bool,
        limit: Option<i64>,
    ) -> Vec<Item> {
        let values = BTreeMap::from([(":owner".to_string(), Value::S(partition_key.to_string()))]);
        let mut query = Query {
            table_name: Some(Text::from(table)),
            index_name: index.map(|index| Text::from(index.name())),
            key_condition_expression: Some(Text::from("#owner = :owner")),
            expression_attribute_names: Some(vec![(Text::from("#owner"), Text::from(PARTITION_KEY))]),
            expression_attribute_values: Attributes::Valid(encode(values)),
            limit,
            scan_index_forward: is_forward,
            consistent_read: true,
            ..Query::default()
        };
        let mut found = Vec::new();
        loop {
            let page = page_of(self.call(Request::Query(Box::new(query.clone()))).await);
            found.extend(page.items.into_iter().flatten());
            match page.last_evaluated_key {
                Some(key) => query.exclusive_start_key = Attributes::Valid(key),
                None => return found,
            }
        }
    }

    /// All items of a table or an index of it, page by page.
    pub async fn scan(&mut self, (table, index): (&str, Option<Index>), limit: Option<i64>) -> Vec<Item> {
        let mut scan = Scan {
            table_name: Some(Text::from(table)),
            index_name: index.map(|index| Text::from(index.name())),
            limit,
            consistent_read: true,
            ..Scan::default()
        };
        let mut found = Vec::new();
        loop {
            let page = page_of(self.call(Request::Scan(Box::new(scan.clone()))).await);
            found.extend(page.items.into_iter().flatten());
            match page.last_evaluated_key {
                Some(key) => scan.exclusive_start_key = Attributes::Valid(key),
                None => return found,
            }
        }
    }

    /// One item.
    pub async fn item(&mut self, table: &str, key: &ItemKey) -> Option<Item> {
        let request = self.get_request(table, key);
        match self.call(request).await {
            Ok(Reply::GetItem(reply)) => reply.item,
            other => panic!("get of {key:?} of {table}: {other:?}"),
        }
    }

    /// Asks a core drawn by chance: any core answers for any key. Where reads of the disk fail, a request that is told so is tried again, as
    /// AWS's clients do: it has had no effect.
    pub async fn call(&mut self, request: Request) -> Result<Reply, Error> {
        loop {
            let core = self.random.usize(0..self.caller.core_count());
            let answer = self.caller.call(core, request.clone()).await;
            let is_unreadable = answer.as_ref().is_err_and(|error| error.kind == ErrorKind::InternalServer);
            if !is_unreadable || !self.oracle.borrow_mut().take_unreadable() {
                return answer;
            }
        }
    }

    fn get_request(&self, table: &str, key: &ItemKey) -> Request {
        Request::GetItem(GetItem {
            table_name: Some(Text::from(table)),
            key: Attributes::Valid(key_of(key)),
            consistent_read: true,
            ..GetItem::default()
        })
    }

    fn begin(&mut self, table: &str, key: &ItemKey) -> Version {
        let mut oracle = self.oracle.borrow_mut();
        let version = oracle.next_version();
        oracle.begin(table, key, Some(version));
        version
    }

    /// The write was refused for want of room: it has no effect. Any other answer is wrong.
    fn withdraw(&self, table: &str, key: &ItemKey, answer: Result<Reply, Error>) {
        assert!(is_refusal(&answer), "write of {key:?} of {table}: {answer:?}");
        self.oracle.borrow_mut().withdraw(table, key);
    }

    fn settle_table(&self, table: &str, answer: Result<Reply, Error>) {
        match answer {
            Ok(_) => self.oracle.borrow_mut().acknowledge_table(table),
            refused if is_refusal(&refused) => self.oracle.borrow_mut().withdraw_table(table),
            other => panic!("change of {table}: {other:?}"),
        }
    }

    fn draw_key(&mut self) -> ItemKey {
        let (partition, sort_key) = (self.random.u64(0..PARTITION_KEY_COUNT), self.random.u64(0..SORT_KEY_COUNT));
        self.key_at(partition, sort_key)
    }

    fn draw_keys(&mut self) -> Vec<ItemKey> {
        let count = self.random.usize(1..=BATCH_ITEM_COUNT_MAX);
        let drawn: std::collections::BTreeSet<ItemKey> = (0..count).map(|_| self.draw_key()).collect();
        drawn.into_iter().collect()
    }

    fn key_at(&self, partition: u64, sort_key: u64) -> ItemKey {
        ItemKey { partition_key: format!("{}-{partition}", self.name), sort_key }
    }
}

/// An element of a key schema.
pub(crate) fn key_element(name: &str, role: KeyRole) -> KeySchemaElement {
    KeySchemaElement { attribute_name: Some(Text::from(name)), key_type: Choice::Known(role) }
}

/// The update that makes an item `wanted`, whatever it is before.
fn update_to(wanted: &Item) -> UpdateItem {
    let attributes = wanted.to_value_map();
    let (assigned, removed): (Vec<&str>, Vec<&str>) =
        [VERSION, MARK, FILLER].into_iter().partition(|name| attributes.contains_key(*name));
    let list =
        |names: &[&str], form: fn(&str) -> String| names.iter().map(|name| form(name)).collect::<Vec<_>>().join(", ");
    let mut expression = format!("SET {}", list(&assigned, |name| format!("#{name} = :{name}")));
    if !removed.is_empty() {
        expression = format!("{expression} REMOVE {}", list(&removed, |name| format!("#{name}")));
    }
    let name_of = |name: &&str| (Text::from(format!("#{name}").as_str()), Text::from(*name));
    let values = assigned.iter().map(|name| (format!(":{name}"), attributes[*name].clone()));
    UpdateItem {
        update_expression: Some(Text::from(expression.as_str())),
        conditional: ConditionalWrite {
            expression_attribute_names: Some(assigned.iter().chain(&removed).map(name_of).collect()),
            expression_attribute_values: Attributes::Valid(encode(values.collect())),
            ..ConditionalWrite::default()
        },
        ..UpdateItem::default()
    }
}

fn conditional_put(table: &str, item: &Item, condition: ConditionalWrite) -> Request {
    Request::PutItem(PutItem {
        table_name: Some(Text::from(table)),
        item: Attributes::Valid(item.clone()),
        conditional: Some(Box::new(condition)),
        ..PutItem::default()
    })
}

/// That the item is there, or is not.
fn has_version(is_there: bool) -> ConditionalWrite {
    let function = if is_there { "attribute_exists" } else { "attribute_not_exists" };
    condition(&format!("{function}(#version)"), Attributes::Absent)
}

/// That the item is as that write made it.
fn is_version(old: &Item) -> ConditionalWrite {
    let version = old.to_value_map()[VERSION].clone();
    condition("#version = :version", Attributes::Valid(encode([(":version".to_string(), version)].into())))
}

fn condition(expression: &str, expression_attribute_values: Attributes) -> ConditionalWrite {
    ConditionalWrite {
        condition_expression: Some(Text::from(expression)),
        expression_attribute_names: Some(vec![(Text::from("#version"), Text::from(VERSION))]),
        expression_attribute_values,
        return_values_on_condition_check_failure: Choice::Known(ReturnValuesOnConditionCheckFailure::AllOld),
        ..ConditionalWrite::default()
    }
}

/// Whether the node says that it has no room for a write at present.
fn is_refusal(answer: &Result<Reply, Error>) -> bool {
    let is_kind = |error: &Error| match error.kind {
        ErrorKind::Throttling | ErrorKind::ServiceUnavailable => true,
        // No other failure inside is one: of those nothing is known.
        ErrorKind::InternalServer => error.to_string().contains("No data directory can be written"),
        _ => false,
    };
    answer.as_ref().is_err_and(is_kind)
}

fn page_of(answer: Result<Reply, Error>) -> Page {
    match answer {
        Ok(Reply::Query(page) | Reply::Scan(page)) => *page,
        other => panic!("a page of items was asked for: {other:?}"),
    }
}

fn key_of_write(write: &WriteRequest) -> Option<ItemKey> {
    match write {
        WriteRequest::Put(attributes) | WriteRequest::Delete(attributes) => read_key(attributes.item()?),
        WriteRequest::Neither | WriteRequest::Both => None,
    }
}
