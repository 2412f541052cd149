//! Reads a table over the binary protocol and prints one JSON object an item, in the order of arrival.
//!
//! ```text
//! read ADDRESS TABLE                                            every item, by Scan
//! read ADDRESS TABLE PARTITION_KEY VALUE SORT_KEY PREFIX        the items of one partition key whose sort key
//!                                                               begins with the prefix, in order, by Query
//! ```
//!
//! To a server that asks, it says who it is with `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` of the environment.
//!
//! An example of the client, and the smoke test's second pair of eyes: what AWS's tools wrote is read here by another
//! way. Only attributes that are strings are printed as such; others are printed by their type.

#![forbid(unsafe_code)]

use client::operations::{Attributes, Query, Scan};
use client::{AttributeMap, Client, ClientOptions, Credentials, Value};
use model::Item;
use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("read: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    match arguments {
        [address, table] => scan(&connect(address).await?, table).await,
        [address, table, condition @ ..] if condition.len() == 4 => {
            query(&connect(address).await?, table, condition).await
        }
        _ => Err("usage: read ADDRESS TABLE [PARTITION_KEY VALUE SORT_KEY PREFIX]".into()),
    }
}

async fn connect(address: &str) -> Result<Client, client::Error> {
    let variables = env::var("AWS_ACCESS_KEY_ID").ok().zip(env::var("AWS_SECRET_ACCESS_KEY").ok());
    let credentials = variables.map(|(id, secret)| Credentials::new(id, secret));
    Client::connect_with(address, ClientOptions { credentials, ..ClientOptions::default() }).await
}

async fn scan(client: &Client, table: &str) -> Result<(), Box<dyn Error>> {
    let mut request = Scan { table_name: Some(table.into()), consistent_read: true, ..Scan::default() };
    loop {
        let page = client.scan(request.clone()).await?;
        page.items.iter().flatten().for_each(print);
        match page.last_evaluated_key {
            Some(key) => request.exclusive_start_key = Attributes::Valid(key),
            None => return Ok(()),
        }
    }
}

async fn query(client: &Client, table: &str, condition: &[String]) -> Result<(), Box<dyn Error>> {
    let names = [("#p", &condition[0]), ("#s", &condition[2])];
    let values = [(":v", &condition[1]), (":b", &condition[3])];
    let values: AttributeMap =
        values.into_iter().map(|(name, value)| (name.to_owned(), Value::S(value.clone()))).collect();
    let mut request = Query {
        table_name: Some(table.into()),
        key_condition_expression: Some("#p = :v AND begins_with(#s, :b)".into()),
        expression_attribute_names: Some(
            names.into_iter().map(|(name, attribute)| (name.into(), attribute.as_str().into())).collect(),
        ),
        expression_attribute_values: Attributes::Valid(Item::from_value_map(&values)?),
        ..Query::default()
    };
    loop {
        let page = client.query(request.clone()).await?;
        page.items.iter().flatten().for_each(print);
        match page.last_evaluated_key {
            Some(key) => request.exclusive_start_key = Attributes::Valid(key),
            None => return Ok(()),
        }
    }
}

#[expect(clippy::print_stdout, reason = "printing is what the example is for")]
fn print(item: &Item) {
    let text: BTreeMap<String, String> = item
        .to_value_map()
        .into_iter()
        .map(|(name, value)| match value {
            Value::S(text) => (name, text),
            other => (name, format!("{other:?}")),
        })
        .collect();
    println!("{}", serde_json::to_string(&text).expect("a map of strings is JSON"));
}
