//! What is counted: operations as the bodies of their HTTP calls, and the items that they meet.
//!
//! Deliberately not here: the binary protocol's form, which `door` makes of the same bodies.

/// How many items the table holds.
pub(crate) const ITEM_COUNT: usize = 1_024;
/// How many of them have the same partition key: a Query reads most of them.
const COLLECTION_ITEM_COUNT: usize = 128;

/// How many items a page of a Query has.
pub(crate) const PAGE_ITEM_COUNT: usize = 100;

/// The tables that the operations are for.
pub(crate) const CREATE_TABLES: [&str; 2] = [
    r#"{"TableName":"counted","BillingMode":"PAY_PER_REQUEST",
    "AttributeDefinitions":[{"AttributeName":"p","AttributeType":"S"},{"AttributeName":"s","AttributeType":"N"}],
    "KeySchema":[{"AttributeName":"p","KeyType":"HASH"},{"AttributeName":"s","KeyType":"RANGE"}]}"#,
    r#"{"TableName":"small","BillingMode":"PAY_PER_REQUEST",
    "AttributeDefinitions":[{"AttributeName":"key","AttributeType":"S"}],
    "KeySchema":[{"AttributeName":"key","KeyType":"HASH"}]}"#,
];

/// An operation whose instructions are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// One item of seven attributes, found.
    Get,
    /// The same item, written again.
    Put,
    /// Two of its attributes changed, on a condition that holds.
    Update,
    /// A hundred items of one partition key.
    Query,
    /// One item of a key and 100 bytes, found: what other stores' own loads read.
    GetSmall,
    /// The same item, written again.
    PutSmall,
}

impl Operation {
    /// All of them.
    pub(crate) const ALL: [Operation; 6] =
        [Operation::Get, Operation::Put, Operation::Update, Operation::Query, Operation::GetSmall, Operation::PutSmall];

    /// As the baseline names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Operation::GetSmall => "GetItem-100B",
            Operation::PutSmall => "PutItem-100B",
            _ => self.target(),
        }
    }

    /// As `X-Amz-Target` names it.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Operation::Get | Operation::GetSmall => "GetItem",
            Operation::Put | Operation::PutSmall => "PutItem",
            Operation::Update => "UpdateItem",
            Operation::Query => "Query",
        }
    }

    /// The body of the call for the item of a number.
    pub(crate) fn body(self, number: usize) -> String {
        let (collection, place) = (number / COLLECTION_ITEM_COUNT, number % COLLECTION_ITEM_COUNT);
        let key = format!(r#""p":{{"S":"customer#{collection:06}"}},"s":{{"N":"{place}"}}"#);
        match self {
            Operation::Get => format!(r#"{{"TableName":"counted","Key":{{{key}}}}}"#),
            Operation::Put => format!(
                r#"{{"TableName":"counted","Item":{{{key},"name":{{"S":"Ada Lovelace"}},"count":{{"N":"{number}"}},
                "paid":{{"BOOL":true}},"tags":{{"SS":["blue","green","red"]}},
                "address":{{"M":{{"street":{{"S":"12 St James's Square"}},"lines":{{"L":[{{"N":"1"}},{{"N":"2"}}]}}}}}}}}}}"#
            ),
            Operation::Update => format!(
                r##"{{"TableName":"counted","Key":{{{key}}},"UpdateExpression":"SET #c = #c + :one, address.street = :street",
                "ConditionExpression":"attribute_exists(p) AND #c >= :zero AND paid = :paid",
                "ExpressionAttributeNames":{{"#c":"count"}},"ExpressionAttributeValues":{{":one":{{"N":"1"}},
                ":zero":{{"N":"0"}},":paid":{{"BOOL":true}},":street":{{"S":"10 Downing Street"}}}}}}"##
            ),
            Operation::Query => format!(
                r#"{{"TableName":"counted","KeyConditionExpression":"p = :p","Limit":{PAGE_ITEM_COUNT},
                "ExpressionAttributeValues":{{":p":{{"S":"customer#{collection:06}"}}}}}}"#
            ),
            Operation::GetSmall => format!(r#"{{"TableName":"small","Key":{{"key":{{"S":"key:{number:012}"}}}}}}"#),
            Operation::PutSmall => format!(
                r#"{{"TableName":"small","Item":{{"key":{{"S":"key:{number:012}"}},"value":{{"S":"{number:0100}"}}}}}}"#
            ),
        }
    }
}
