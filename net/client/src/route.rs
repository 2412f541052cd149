//! Which core a request goes to: the partition maps that the client has learnt, and what they say about a key.
//!
//! One `Routes` per client, shared by all its callers. Deliberately not here: asking the server for a map (`call`).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use model::expression::{Condition, ConditionKind, KeyCondition, Substitutions};
use model::operation::{Query, Request, SINGLE_VALUE_NAME};
use model::{KeyAttribute, KeyHash, KeySchema, Text};
use tokio::time::Instant;
use wire::PartitionMap;

use crate::options::{MAP_REFRESH_INTERVAL, ROUTED_TABLES_COUNT_MAX};

/// What is known of one table.
#[derive(Debug)]
pub(crate) struct Route {
    map: PartitionMap,
    learnt: Instant,
    is_refreshing: AtomicBool,
}

/// Where a request's key lives, as far as one table's map tells.
pub(crate) enum Place {
    /// On this core.
    Core(u16),
    /// The request's key does not fit the key schema that the client knows: the request is wrong, or the map is.
    Unknown,
}

impl Route {
    /// Where the key of `request` lives.
    pub(crate) fn place(&self, request: &Request) -> Place {
        match key_hash(&self.map.key_schema, request) {
            Some(hash) => Place::Core(self.map.owner(hash)),
            None => Place::Unknown,
        }
    }

    /// Whether the map should be asked for again now. True for one caller at a time; that caller then asks, and
    /// replaces the route or calls [`Route::end_refresh`].
    pub(crate) fn begin_refresh(&self) -> bool {
        // Relaxed: nothing is published through the flag, it only elects one caller.
        self.learnt.elapsed() >= MAP_REFRESH_INTERVAL && !self.is_refreshing.swap(true, Ordering::Relaxed)
    }

    /// The map could not be had.
    pub(crate) fn end_refresh(&self) {
        self.is_refreshing.store(false, Ordering::Relaxed);
    }
}

/// The maps of the tables in use.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    tables: RwLock<HashMap<Text, Arc<Route>>>,
}

impl Routes {
    pub(crate) fn find(&self, table_name: &str) -> Option<Arc<Route>> {
        // A panic elsewhere leaves the map as sound as it was: it is only ever replaced entry by entry.
        self.tables.read().unwrap_or_else(PoisonError::into_inner).get(table_name).cloned()
    }

    pub(crate) fn learn(&self, table_name: &str, map: PartitionMap) -> Arc<Route> {
        let route = Arc::new(Route { map, learnt: Instant::now(), is_refreshing: AtomicBool::new(false) });
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        if tables.len() >= ROUTED_TABLES_COUNT_MAX {
            tables.clear();
        }
        // A copy of the name: the caller's may keep a whole receive buffer alive.
        tables.insert(Text::from(table_name), Arc::clone(&route));
        route
    }

    pub(crate) fn forget(&self, table_name: &str) {
        self.tables.write().unwrap_or_else(PoisonError::into_inner).remove(table_name);
    }
}

/// The table of a request that goes by one partition key.
pub(crate) fn routed_table(request: &Request) -> Option<&Text> {
    match request {
        Request::GetItem(request) => request.table_name.as_ref(),
        Request::PutItem(request) => request.table_name.as_ref(),
        Request::DeleteItem(request) => request.table_name.as_ref(),
        Request::UpdateItem(request) => request.table_name.as_ref(),
        Request::Query(request) if tells_partition_key(request) => request.table_name.as_ref(),
        _ => None,
    }
}

/// Whether a query's key condition tells its partition key to who knows the table's keys alone: the sort key of an index,
/// which an expression may name too, is not among them. Any core answers the others.
fn tells_partition_key(query: &Query) -> bool {
    query.key_conditions.is_some() || query.index_name.is_none()
}

/// The hash of the request's partition key; none when the request is not well formed, which the server then tells.
fn key_hash(schema: &KeySchema, request: &Request) -> Option<KeyHash> {
    let mut encoded = Vec::new();
    match request {
        Request::GetItem(request) => schema.encode_key(request.key.item()?.as_ref(), &mut encoded).ok(),
        Request::PutItem(request) => schema.encode_item_key(request.item.item()?.as_ref(), &mut encoded).ok(),
        Request::DeleteItem(request) => schema.encode_key(request.key.item()?.as_ref(), &mut encoded).ok(),
        Request::UpdateItem(request) => schema.encode_key(request.key.item()?.as_ref(), &mut encoded).ok(),
        Request::Query(request) => query_hash(schema, request),
        _ => None,
    }
}

fn query_hash(schema: &KeySchema, query: &Query) -> Option<KeyHash> {
    if let Some(conditions) = &query.key_conditions {
        let (_, condition) = conditions.iter().find(|(name, _)| **name == *schema.partition_key.name)?;
        let Some([value]) = condition.attribute_value_list.as_deref() else { return None };
        // The value is an item of its own: the key of a table whose partition key has the item's name for it.
        let partition_key =
            KeyAttribute { name: SINGLE_VALUE_NAME.to_owned(), key_type: schema.partition_key.key_type };
        let of_value = KeySchema { partition_key, sort_key: None };
        return of_value.encode_key(value.item()?.as_ref(), &mut Vec::new()).ok();
    }
    let names = query.expression_attribute_names.as_deref();
    let values = query.expression_attribute_values.item().map(|item| item.as_ref());
    let condition = Condition::parse(ConditionKind::KeyCondition, query.key_condition_expression.as_deref()?).ok()?;
    let substitutions = Substitutions::new(names, values).ok()?;
    // Placeholders that it does not use may be for the query's other expressions.
    condition.check(&substitutions).ok()?;
    let range = KeyCondition::of_condition(&condition, &substitutions).ok()?.bind(schema).ok()?;
    Some(range.hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::operation::{Attributes, LegacyCondition};
    use model::{Item, KeyType, Value};
    use std::collections::BTreeMap;

    fn map(name: &str, value: &str) -> Attributes {
        let map = BTreeMap::from([(name.to_owned(), Value::S(value.to_owned()))]);
        Attributes::Valid(Item::from_value_map(&map).unwrap())
    }

    #[test]
    fn a_query_goes_by_its_partition_key_in_either_form() {
        let partition_key = KeyAttribute { name: "id".to_owned(), key_type: KeyType::String };
        let schema = KeySchema { partition_key, sort_key: None };
        let mut encoded = Vec::new();
        let hash = schema.encode_key(map("id", "a").item().unwrap().as_ref(), &mut encoded).unwrap();
        let legacy = |name: &str, values| {
            let condition = LegacyCondition { attribute_value_list: Some(values), ..LegacyCondition::default() };
            Query { key_conditions: Some(vec![(Text::from(name), condition)]), ..Query::default() }
        };
        let expression = |text: &str| Query {
            key_condition_expression: Some(Text::from(text)),
            filter_expression: Some(Text::from("attribute_exists(#x)")),
            expression_attribute_names: Some(vec![(Text::from("#x"), Text::from("x"))]),
            expression_attribute_values: map(":a", "a"),
            ..Query::default()
        };
        let check =
            |query: Query, expect: Option<KeyHash>| assert_eq!(query_hash(&schema, &query), expect, "{query:?}");
        check(expression("id = :a"), Some(hash));
        check(expression("id = :b"), None);
        check(expression("id > :a"), None);
        check(expression("other = :a"), None);
        check(Query::default(), None);
        check(legacy("id", vec![map(SINGLE_VALUE_NAME, "a")]), Some(hash));
        check(legacy("id", vec![Attributes::Absent]), None);
        check(legacy("id", Vec::new()), None);
        check(legacy("other", vec![map(SINGLE_VALUE_NAME, "a")]), None);
    }
}
