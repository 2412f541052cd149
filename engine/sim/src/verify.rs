//! Holds a node that has just been started against the oracle.

use std::cell::RefCell;
use std::rc::Rc;

use model::operation::{ListTables, Reply, Request};

use crate::client::Client;
use crate::oracle::Oracle;

/// Checks all tables and all items: by scan, by query in both directions and by key. What was in doubt is settled as found.
pub async fn verify(client: &mut Client, oracle: &Rc<RefCell<Oracle>>) -> Result<(), String> {
    let tables = list_tables(client).await?;
    oracle.borrow_mut().settle_tables(&tables)?;
    for table in &tables {
        let found = client.scan(table, None).await;
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
            let forward = client.query(table, &partition_key, true, None).await;
            let mut backward = client.query(table, &partition_key, false, Some(2)).await;
            backward.reverse();
            if forward != expected || backward != expected {
                return Err(format!(
                    "query of {partition_key} of {table}: {forward:?}, {backward:?}, not {expected:?}"
                ));
            }
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
