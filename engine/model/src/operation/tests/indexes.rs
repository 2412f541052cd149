//! Local indexes: what writes and reads of them cost, what they hold, where their pages start, what collections tell.

use super::*;

/// A table with an index of each projection, by `iall`, `ikeys` and `isome`, the last with `a` and `b`.
fn definition() -> TableDefinition {
    let mut definition = indexed_table(&["iall"]);
    let include = IndexProjection::Include(vec!["a".to_owned(), "b".to_owned(), "sk".to_owned()]);
    definition.local_indexes.push(local_index("ikeys", IndexProjection::KeysOnly));
    definition.local_indexes.push(local_index("isome", include));
    definition
}

fn of(attributes: &[(&str, &str)]) -> Item {
    let mut all = vec![("pk", string("p")), ("sk", string("s"))];
    all.extend(attributes.iter().map(|(name, value)| (*name, string(value))));
    item(&all)
}

fn long(bytes: usize) -> String {
    "x".repeat(bytes)
}

#[test]
fn each_index_is_charged_for_what_it_holds() {
    let check = |old: Option<&[(&str, &str)]>, new: Option<&[(&str, &str)]>, expected: [f64; 4]| {
        let (old, new) = (old.map(of), new.map(of));
        let units = write_units(&definition(), old.as_ref().map(Item::as_ref), new.as_ref().map(Item::as_ref));
        let [all, keys, some, ..] = units.local_indexes.map(CapacityUnits::as_f64);
        assert_eq!([units.table.as_f64(), all, keys, some], expected, "{old:?} -> {new:?}");
        assert_eq!(units.total().as_f64(), expected.iter().sum::<f64>());
    };
    let large = long(3000);
    let indexed: &[(&str, &str)] = &[("iall", "1"), ("ikeys", "1"), ("isome", "1")];
    // Nothing indexed, nothing charged.
    check(None, Some(&[("a", "1")]), [1.0, 0.0, 0.0, 0.0]);
    // An entry that comes, and one that goes.
    check(None, Some(indexed), [1.0, 1.0, 1.0, 1.0]);
    check(Some(indexed), None, [1.0, 1.0, 1.0, 1.0]);
    // One that does not change, and one that changes where it is.
    check(Some(indexed), Some(indexed), [1.0, 0.0, 0.0, 0.0]);
    check(Some(indexed), Some(&[("iall", "1"), ("ikeys", "1"), ("isome", "1"), ("z", &large)]), [3.0, 3.0, 0.0, 0.0]);
    check(Some(&[("isome", "1"), ("a", &large)]), Some(&[("isome", "1"), ("a", "1")]), [3.0, 0.0, 0.0, 3.0]);
    // One that moves is removed and added, each rounded by itself.
    check(Some(&[("ikeys", "1")]), Some(&[("ikeys", "2")]), [1.0, 0.0, 2.0, 0.0]);
    check(Some(&[("isome", "1"), ("b", &large)]), Some(&[("isome", "2")]), [3.0, 0.0, 0.0, 4.0]);
}

#[test]
fn what_writes_tell() {
    let (evaluator, definition) = (&mut Evaluator::new(), definition());
    let new = of(&[("ikeys", "1")]);
    let request = PutItem {
        item: Attributes::Valid(new.clone()),
        return_consumed_capacity: Choice::Known(ReturnConsumedCapacity::Indexes),
        return_item_collection_metrics: Choice::Known(ReturnItemCollectionMetrics::Size),
        ..put()
    };
    let effect = |collection_bytes| WriteEffect { old: None, new: Some(new.as_ref()), collection_bytes };
    let reply = request.reply(evaluator, &definition, effect(Some(100)));
    let consumed = reply.consumed.unwrap();
    let one = CapacityUnits::for_write(0, 0);
    assert_eq!(consumed.capacity_units, one + one);
    let itemised = consumed.itemised.unwrap();
    assert_eq!((itemised.table, &itemised.local_indexes[..]), (one, &[(Text::from("ikeys"), one)][..]));
    let metrics = reply.item_collection_metrics.unwrap();
    assert_eq!(metrics.item_collection_key, item(&[("pk", string("p"))]));
    assert_eq!(metrics.size_estimate_range_gb, [0, 1]);

    let metrics = |bytes| request.reply(evaluator, &definition, effect(Some(bytes))).item_collection_metrics;
    let range = [5 << 30, (6 << 30) - 1, 6 << 30].map(metrics).map(|told| told.unwrap().size_estimate_range_gb);
    assert_eq!(range, [[5, 6], [5, 6], [6, 7]]);
    let evaluator = &mut Evaluator::new();
    assert_eq!(request.reply(evaluator, &table(None), effect(Some(1))).item_collection_metrics, None);
    // Nothing was there to delete: the collection is still told.
    let request = DeleteItem {
        key: attributes(&[("pk", string("p")), ("sk", string("s"))]),
        return_item_collection_metrics: Choice::Known(ReturnItemCollectionMetrics::Size),
        ..delete()
    };
    let effect = WriteEffect { collection_bytes: Some(0), ..WriteEffect::default() };
    assert!(request.reply(evaluator, &definition, effect).item_collection_metrics.is_some());
}

fn query(index: &str) -> Query {
    Query {
        table_name: text("table"),
        index_name: text(index),
        key_condition_expression: text("pk = :p"),
        expression_attribute_values: attributes(&[(":p", string("p"))]),
        consistent_read: true,
        return_consumed_capacity: Choice::Known(ReturnConsumedCapacity::Indexes),
        ..Query::default()
    }
}

/// One page of all of `items`.
fn page(request: &Query, items: &[Item]) -> QueryReply {
    let (evaluator, definition) = (&mut Evaluator::new(), definition());
    assert_eq!(request.validate(evaluator), Ok(()));
    let range = request.bind(evaluator, &definition).unwrap();
    let mut page = request.page();
    let mut reader = request.reader(evaluator, &definition, &range);
    let mut last = None;
    for item in items {
        if !reader.read(evaluator, (item.as_ref(), item.as_ref().size_bytes()), &mut page) {
            last = Some(reader.last_evaluated_key(evaluator, item.as_ref()));
            break;
        }
    }
    request.reply(&definition, &range, page, last)
}

/// The table's units and the index's.
fn units(reply: &QueryReply) -> (f64, f64) {
    let itemised = reply.consumed.as_ref().unwrap().itemised.as_ref().unwrap();
    let index: f64 = itemised.local_indexes.iter().map(|(_, units)| units.as_f64()).sum();
    (itemised.table.as_f64(), index)
}

#[test]
fn an_index_gives_what_it_holds() {
    let large = long(5000);
    let whole = of(&[("iall", "1"), ("ikeys", "1"), ("isome", "1"), ("a", "1"), ("z", &large)]);
    let items = [whole.clone(), whole.clone()];
    let given = |request: &Query| {
        let reply = page(request, &items);
        let units = units(&reply);
        (reply.items.map(|items| items[0].clone()), units)
    };
    assert_eq!(given(&query("iall")), (Some(whole.clone()), (0.0, 3.0)));
    let keys = of(&[("ikeys", "1")]);
    assert_eq!(given(&query("ikeys")), (Some(keys.clone()), (0.0, 1.0)));
    let held = of(&[("isome", "1"), ("a", "1")]);
    assert_eq!(given(&query("isome")), (Some(held), (0.0, 1.0)));
    let all_projected = Choice::Known(Select::AllProjectedAttributes);
    assert_eq!(given(&Query { select: all_projected, ..query("ikeys") }), (Some(keys), (0.0, 1.0)));
    assert_eq!(given(&Query { select: Choice::Known(Select::Count), ..query("ikeys") }), (None, (0.0, 1.0)));
    // What the index does not hold is fetched from the table: two units of each item.
    let all = Choice::Known(Select::AllAttributes);
    assert_eq!(given(&Query { select: all.clone(), ..query("ikeys") }), (Some(whole.clone()), (4.0, 1.0)));
    assert_eq!(given(&Query { select: all.clone(), ..query("iall") }), (Some(whole), (0.0, 3.0)));
    let part = Some(item(&[("a", string("1"))]));
    assert_eq!(given(&Query { projection_expression: text("a"), ..query("isome") }), (part.clone(), (0.0, 1.0)));
    assert_eq!(given(&Query { projection_expression: text("a"), ..query("ikeys") }), (part, (4.0, 1.0)));
    let eventual = Query { select: all, consistent_read: false, ..query("ikeys") };
    assert_eq!(given(&eventual).1, (2.0, 0.5));
}

#[test]
fn filters_count_what_they_read() {
    let items: Vec<Item> = (0..4).map(|number| of(&[("a", if number % 2 == 0 { "1" } else { "2" })])).collect();
    let request = |filter: &str| Query {
        index_name: None,
        filter_expression: text(filter),
        expression_attribute_values: attributes(&[(":p", string("p")), (":a", string("1"))]),
        ..query("iall")
    };
    let reply = page(&request("a = :a"), &items);
    assert_eq!((reply.count, reply.scanned_count, reply.items.unwrap().len()), (2, 4, 2));
    let counted = Query { select: Choice::Known(Select::Count), ..request("a = :a") };
    let reply = page(&counted, &items);
    assert_eq!((reply.count, reply.scanned_count, reply.items), (2, 4, None));
    // The limit is one of items evaluated.
    let reply = page(&Query { limit: Some(3), ..request("a = :a") }, &items);
    assert_eq!((reply.count, reply.scanned_count), (2, 3));
    assert_eq!(reply.last_evaluated_key, Some(of(&[])));
    let filtered = LegacyCondition {
        comparison_operator: Choice::Known(ComparisonOperator::Eq),
        attribute_value_list: Some(vec![single(string("2"))]),
    };
    let partition = LegacyCondition {
        comparison_operator: Choice::Known(ComparisonOperator::Eq),
        attribute_value_list: Some(vec![single(string("p"))]),
    };
    let legacy = Query {
        table_name: text("table"),
        key_conditions: Some(vec![(Text::from("pk"), partition)]),
        query_filter: Some(vec![(Text::from("a"), filtered)]),
        ..Query::default()
    };
    assert_eq!(page(&legacy, &items).count, 2);
}

#[test]
fn a_filter_that_looks_beyond_the_index_fetches() {
    let items = [of(&[("ikeys", "1"), ("a", "1")])];
    let request = Query {
        filter_expression: text("a = :a"),
        expression_attribute_values: attributes(&[(":p", string("p")), (":a", string("1"))]),
        ..query("ikeys")
    };
    let reply = page(&request, &items);
    assert_eq!((reply.count, units(&reply)), (1, (1.0, 1.0)));
    assert_eq!(reply.items.unwrap(), [of(&[("ikeys", "1")])]);
}

#[test]
fn fetched_items_fill_a_page() {
    let items: Vec<Item> = (0..20).map(|_| of(&[("ikeys", "1"), ("z", &long(100_000))])).collect();
    let request = Query { select: Choice::Known(Select::AllAttributes), ..query("ikeys") };
    assert_eq!(page(&request, &items).scanned_count, 11);
    assert_eq!(page(&query("ikeys"), &items).scanned_count, 20);
}

#[test]
fn indexes_are_found_and_their_keys_checked() {
    let bind = |request: Query| {
        let evaluator = &mut Evaluator::new();
        request.validate(evaluator).and_then(|()| request.bind(evaluator, &definition()))
    };
    let check = |request: Query, expected: &str| {
        assert_eq!(bind(request).err().map(|error| error.message.into_owned()).unwrap_or_default(), expected);
    };
    assert_eq!(bind(query("isome")).unwrap().index, Some(2));
    check(query("other"), "The table does not have the specified index: other");
    let scan = Scan { table_name: text("table"), index_name: text("other"), ..Scan::default() };
    let error = scan.bind(&mut Evaluator::new(), &definition()).unwrap_err();
    assert_eq!(error.message, "The table does not have the specified index: other");

    let two = |condition: &str| Query {
        key_condition_expression: text(condition),
        expression_attribute_values: attributes(&[(":p", string("p")), (":v", string("v"))]),
        ..query("ikeys")
    };
    check(two("pk = :p AND ikeys > :v"), "");
    check(two("pk = :p AND begins_with(ikeys, :v)"), "");
    check(two("pk = :p AND sk = :v"), "Query condition missed key schema element: ikeys");
    let filtered = |filter: &str| Query {
        filter_expression: text(filter),
        expression_attribute_values: attributes(&[(":p", string("p")), (":v", string("v"))]),
        ..query("ikeys")
    };
    let key = |name: &str| {
        format!("Filter Expression can only contain non-primary key attributes: Primary key attribute: {name}")
    };
    check(filtered("a = :v"), "");
    check(filtered("ikeys = :v"), &key("ikeys"));
    check(filtered("ikeys = :v OR pk = :v"), &key("pk"));
    // The table's sort key is none of the index's keys.
    check(filtered("sk = :v"), "");
    let scalar = "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed";
    check(filtered("sk.a = :v"), &format!("{scalar}: Key: sk"));
    check(Query { projection_expression: text("iall[1]"), ..query("ikeys") }, &format!("{scalar}: IndexKey: iall"));
    let scan = Scan {
        filter_expression: text("pk = :v"),
        expression_attribute_values: attributes(&[(":v", string("v"))]),
        ..scan
    };
    let outcome = Scan { index_name: text("ikeys"), ..scan }.bind(&mut Evaluator::new(), &definition());
    assert_eq!(outcome.unwrap().index, Some(1));
}

#[test]
fn pages_of_an_index_go_on_where_they_stopped() {
    let definition = definition();
    let schema = &definition.key_schema;
    let entry = |item: &Item| {
        let (mut key, mut entry) = (Vec::new(), Vec::new());
        schema.encode_item_key(item.as_ref(), &mut key).unwrap();
        assert!(schema.encode_entry(&definition.local_indexes[1], item.as_ref(), &key, &mut entry));
        entry
    };
    let items: Vec<Item> = [("1", "a"), ("1", "b"), ("1", "c"), ("2", "a")]
        .map(|(indexed, sort)| item(&[("pk", string("p")), ("sk", string(sort)), ("ikeys", string(indexed))]))
        .into();
    let reply = page(&Query { limit: Some(2), ..query("ikeys") }, &items);
    let start = reply.last_evaluated_key.unwrap();
    assert_eq!(start, items[1]);
    let remaining = |scan_index_forward| {
        let exclusive_start_key = Attributes::Valid(start.clone());
        let request = Query { scan_index_forward, exclusive_start_key, ..query("ikeys") };
        let range = request.bind(&mut Evaluator::new(), &definition).unwrap();
        items.iter().map(|item| range.keys.contains(&entry(item))).collect::<Vec<_>>()
    };
    assert_eq!(remaining(true), [false, false, true, true]);
    assert_eq!(remaining(false), [true, false, false, false]);
    let scan =
        Scan { exclusive_start_key: Attributes::Valid(start.clone()), index_name: text("ikeys"), ..Scan::default() };
    let range = scan.bind(&mut Evaluator::new(), &definition).unwrap();
    assert_eq!((range.index, range.start_key), (Some(1), Some(entry(&items[1]))));
}

#[test]
fn start_keys_of_an_index_have_all_its_attributes() {
    let definition = definition();
    let check = |start: &[(&str, Value)], condition: &str, expected: &str| {
        let mut values = vec![(":p", string("p"))];
        if condition.contains(":v") {
            values.push((":v", string("5")));
        }
        let request = Query {
            key_condition_expression: text(condition),
            expression_attribute_values: attributes(&values),
            exclusive_start_key: attributes(start),
            ..query("ikeys")
        };
        let outcome = request.bind(&mut Evaluator::new(), &definition);
        assert_eq!(outcome.err().map(|error| error.message.into_owned()).unwrap_or_default(), expected);
    };
    let start =
        |partition: &str, indexed: &str| [("pk", string(partition)), ("sk", string("s")), ("ikeys", string(indexed))];
    check(&start("p", "1"), "pk = :p", "");
    let invalid = "The provided starting key is invalid";
    let mismatch = "The provided key element does not match the schema";
    check(&[("pk", string("p")), ("sk", string("s"))], "pk = :p", invalid);
    check(&[("pk", string("p")), ("sk", string("s")), ("isome", string("1"))], "pk = :p", invalid);
    check(&[("pk", string("p")), ("sk", string("s")), ("ikeys", number("1"))], "pk = :p", mismatch);
    check(
        &[("pk", string("p")), ("sk", number("1")), ("ikeys", string("1"))],
        "pk = :p",
        &format!("{invalid}: {mismatch}"),
    );
    check(
        &start("q", "1"),
        "pk = :p",
        "The provided starting key is outside query boundaries based on provided conditions",
    );
    check(
        &start("p", "4"),
        "pk = :p AND ikeys > :v",
        "The provided starting key does not match the range key predicate",
    );
}
