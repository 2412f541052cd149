//! What an owner does for each operation, one file each, and what it answers.
//!
//! Requests arrive validated, with their key encoded by the router.

mod delete_item;
mod get_item;
mod put_item;
mod query;
mod scan;

pub use scan::{ScanPart, ScanRange};

use crate::{Context, Partition, Statistics, Ticket};
use model::operation::{DeleteItem, GetItem, PutItem, Query, Reply};
use model::{EncodedKey, Error, KeyRange};

/// One operation on one partition.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Write an item.
    PutItem(EncodedKey, PutItem),
    /// Read an item.
    GetItem(EncodedKey, GetItem),
    /// Remove an item.
    DeleteItem(EncodedKey, DeleteItem),
    /// Read the items of one partition key.
    Query(Box<(KeyRange, Query)>),
    /// Read a stretch of the partition, in the order of its encoded keys.
    Scan(Box<ScanRange>),
    /// Tell how much the partition holds.
    Statistics,
}

impl Operation {
    /// The one key that it is about, if it is about one.
    pub fn key(&self) -> Option<&EncodedKey> {
        match self {
            Self::PutItem(key, _) | Self::GetItem(key, _) | Self::DeleteItem(key, _) => Some(key),
            Self::Query(_) | Self::Scan(_) | Self::Statistics => None,
        }
    }

    /// Whether it takes something away and adds nothing.
    pub fn is_removal(&self) -> bool {
        matches!(self, Self::DeleteItem(..))
    }

    /// Whether it changes the partition.
    pub fn is_write(&self) -> bool {
        matches!(self, Self::PutItem(..) | Self::DeleteItem(..))
    }
}

/// What an operation answers when it succeeds.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The whole reply of an operation on one partition.
    Reply(Reply),
    /// A stretch of a scan.
    Scan(Box<ScanPart>),
    /// How much the partition holds.
    Statistics(Statistics),
}

/// How an operation ended.
pub type Outcome = Result<Answer, Error>;

impl Partition {
    /// Begins an operation. Reads answer at once, writes when their change is applied.
    pub fn execute(&mut self, context: &mut Context, ticket: Ticket, operation: Operation) {
        let answer = match operation {
            Operation::PutItem(key, request) => return self.put_item(context, ticket, &key, &request),
            Operation::DeleteItem(key, request) => return self.delete_item(context, ticket, &key, &request),
            Operation::GetItem(key, request) => Answer::Reply(self.item(context, &key, &request)),
            Operation::Query(query) => Answer::Reply(self.query(context, &query.0, &query.1)),
            Operation::Scan(range) => Answer::Scan(Box::new(self.scan(context, *range))),
            Operation::Statistics => Answer::Statistics(self.statistics()),
        };
        context.answer(ticket, Ok(answer));
    }
}
