//! AWS's SDK for Rust, unmodified, against the server whose endpoint is the only argument.
//!
//! Stops at the first check that fails. Deliberately not here: what boto3's exercise shows already.

#![forbid(unsafe_code)]

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, KeysAndAttributes,
    LocalSecondaryIndex, Projection, ProjectionType, PutRequest, ReturnValue, ReturnValuesOnConditionCheckFailure,
    ScalarAttributeType, WriteRequest,
};
use aws_sdk_dynamodb::{Client, Config};
use std::collections::HashMap;
use std::error::Error;

const TABLE: &str = "songs";

type Checked = Result<(), Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Checked {
    let endpoint = std::env::args().nth(1).expect("an endpoint as the only argument");
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "local"))
        .build();
    let client = Client::from_conf(config);
    create_table(&client).await?;
    put_on_condition(&client).await?;
    println!("ok      put on a condition, with the item on failure");
    update(&client).await?;
    println!("ok      update with a condition");
    batches_and_queries(&client).await?;
    println!("ok      batches, pages of queries, a local index, filters and projections");
    client.delete_table().table_name(TABLE).send().await?;
    println!("3 of 3 checks passed");
    Ok(())
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn n(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

async fn create_table(client: &Client) -> Checked {
    let part = |name: &str, role| KeySchemaElement::builder().attribute_name(name).key_type(role).build();
    let attribute = |name: &str, kind| AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build();
    let index = LocalSecondaryIndex::builder()
        .index_name("by_year")
        .key_schema(part("artist", KeyType::Hash)?)
        .key_schema(part("year", KeyType::Range)?)
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()?;
    client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(part("artist", KeyType::Hash)?)
        .key_schema(part("title", KeyType::Range)?)
        .attribute_definitions(attribute("artist", ScalarAttributeType::S)?)
        .attribute_definitions(attribute("title", ScalarAttributeType::S)?)
        .attribute_definitions(attribute("year", ScalarAttributeType::N)?)
        .local_secondary_indexes(index)
        .send()
        .await?;
    Ok(())
}

async fn put_on_condition(client: &Client) -> Checked {
    let put = || {
        client
            .put_item()
            .table_name(TABLE)
            .item("artist", s("Nina"))
            .item("title", s("Sinnerman"))
            .item("year", n(1965))
            .condition_expression("attribute_not_exists(artist)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    };
    put().send().await?;
    let refused = put().send().await.expect_err("it is there already").into_service_error();
    assert!(refused.is_conditional_check_failed_exception(), "{refused:?}");
    Ok(())
}

async fn update(client: &Client) -> Checked {
    let found = client
        .update_item()
        .table_name(TABLE)
        .key("artist", s("Nina"))
        .key("title", s("Sinnerman"))
        .update_expression("SET plays = if_not_exists(plays, :zero) + :one ADD tags :tags")
        .condition_expression("#y BETWEEN :low AND :high")
        .expression_attribute_names("#y", "year")
        .expression_attribute_values(":zero", n(0))
        .expression_attribute_values(":one", n(1))
        .expression_attribute_values(":low", n(1960))
        .expression_attribute_values(":high", n(1969))
        .expression_attribute_values(":tags", AttributeValue::Ss(vec!["live".to_owned()]))
        .return_values(ReturnValue::UpdatedNew)
        .send()
        .await?;
    let expected =
        HashMap::from([("plays".to_owned(), n(1)), ("tags".to_owned(), AttributeValue::Ss(vec!["live".to_owned()]))]);
    assert_eq!(found.attributes, Some(expected));
    Ok(())
}

async fn batches_and_queries(client: &Client) -> Checked {
    let put = |number: i64| {
        let put = PutRequest::builder()
            .item("artist", s("Ella"))
            .item("title", s(&format!("song {number:02}")))
            .item("year", n(1990 - number))
            .item("live", AttributeValue::Bool(number % 2 == 0));
        put.build().map(|put| WriteRequest::builder().put_request(put).build())
    };
    let puts = (0..25).map(put).collect::<Result<Vec<_>, _>>()?;
    client.batch_write_item().request_items(TABLE, puts).send().await?;
    let query = client.query().table_name(TABLE).key_condition_expression("artist = :a");
    let query = query.expression_attribute_values(":a", s("Ella"));
    let mut pages = query.clone().limit(10).into_paginator().items().send();
    let mut found_count = 0;
    while let Some(item) = pages.next().await {
        assert_eq!(item?["title"], s(&format!("song {found_count:02}")));
        found_count += 1;
    }
    assert_eq!(found_count, 25);
    let live =
        query.clone().filter_expression("live = :t").expression_attribute_values(":t", AttributeValue::Bool(true));
    let live = live.projection_expression("title").send().await?;
    assert_eq!((live.count, live.scanned_count), (13, 25));
    assert_eq!(live.items()[0], HashMap::from([("title".to_owned(), s("song 00"))]));
    let oldest = query.index_name("by_year").limit(1).consistent_read(true).send().await?;
    assert_eq!(oldest.items()[0]["year"], n(1966));
    let keys = KeysAndAttributes::builder()
        .keys(HashMap::from([("artist".to_owned(), s("Ella")), ("title".to_owned(), s("song 03"))]))
        .projection_expression("live")
        .build()?;
    let got = client.batch_get_item().request_items(TABLE, keys).send().await?;
    let expected = HashMap::from([("live".to_owned(), AttributeValue::Bool(false))]);
    assert_eq!(got.responses.expect("responses")[TABLE], [expected]);
    Ok(())
}
