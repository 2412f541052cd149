//! Holds a node that has just been started against the oracle.

use std::cell::RefCell;
use std::rc::Rc;

use model::Item;
use model::operation::{ListTables, Reply, Request};

use crate::client::Client;
use crate::index::Index;
use crate::oracle::Oracle;

/// Checks all tables, indexes and items: by scan, by query in both directions and by key. What was in doubt is settled as found.
pub async fn verify(client: &mut Client, oracle: &Rc<RefCell<Oracle>>) -> Result<(), String> {
    let tables = list_tables(client).await?;
    oracle.borrow_mut().settle_tables(&tables)?;
    for table in &tables {
        let found = client.scan((table, None), None).await;
        oracle.borrow_mut().settle_items(table, &found)?;
        let keys = oracle.borrow().keys(table);
        for key in &keys {
            let (found, expected) = (client.item(table, key).await, oracle.borrow().item(table, key));
            if found != expected {
                return Err(format!("get of {key:?} of {table} found {found:?}, the scan {expected:?}"));
            }
        }
        let mut partition_keys: Vec<String> = keys.into_iter().map(|key| key.partition_key).collect();
        partition_keys.dedup();
        for partition_key in partition_keys {
            let expected = oracle.borrow().items(table, &partition_key);
            check_query(client, (table, None), &partition_key, &expected).await?;
            for index in Index::of_table(table) {
                check_query(client, (table, Some(*index)), &partition_key, &index.entries(&expected)).await?;
            }
        }
        check_index_scans(client, table, &found).await?;
    }
    Ok(())
}

/// One partition key of a table or an index, in both directions.
async fn check_query(
    client: &mut Client,
    what: (&str, Option<Index>),
    partition_key: &str,
    expected: &[Item],
) -> Result<(), String> {
    let forward = client.query(what, partition_key, true, None).await;
    let mut backward = client.query(what, partition_key, false, Some(2)).await;
    backward.reverse();
    if forward != expected || backward != expected {
        return Err(format!("query of {partition_key} of {what:?}: {forward:?}, {backward:?}, not {expected:?}"));
    }
    Ok(())
}

/// A scan of each index finds what follows from the items that a scan of the table has found.
async fn check_index_scans(client: &mut Client, table: &str, items: &[Item]) -> Result<(), String> {
    let sorted = |mut items: Vec<Item>| {
        items.sort_by(|left, right| left.bytes().cmp(right.bytes()));
        items
    };
    for index in Index::of_table(table) {
        let found = sorted(client.scan((table, Some(*index)), Some(3)).await);
        let expected = sorted(index.entries(items));
        if found != expected {
            return Err(format!("scan of {index:?} of {table}: {found:?}, not {expected:?}"));
        }
    }
    Ok(())
}

async fn list_tables(client: &mut Client) -> Result<Vec<String>, String> {
    match client.call(Request::ListTables(ListTables::default())).await {
        Ok(Reply::ListTables(reply)) => Ok(reply.table_names.iter().map(ToString::to_string).collect()),
        other => Err(format!("the tables cannot be listed: {other:?}")),
    }
}
