//! What an owner does for each operation, one file each, and what it answers.
//!
//! Requests arrive validated, with their key encoded by the router.

mod delete_item;
mod get_item;
mod put_item;
mod query;
mod scan;
mod update_item;

pub use query::QueryWork;
pub use scan::{ScanPart, ScanStretch};

use crate::{Context, Missing, Partition, Statistics, Ticket};
use model::operation::{DeleteItem, GetItem, PutItem, Reply, UpdateItem};
use model::{Access, EncodedKey, Error};

/// One operation on one partition.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Write an item.
    PutItem(EncodedKey, PutItem),
    /// Read an item.
    GetItem(EncodedKey, GetItem),
    /// Remove an item.
    DeleteItem(EncodedKey, DeleteItem),
    /// Change an item, or make it.
    UpdateItem(EncodedKey, Box<UpdateItem>),
    /// Read the items of one partition key.
    Query(Box<QueryWork>),
    /// Read a stretch of the partition, in the order of its encoded keys.
    Scan(Box<ScanStretch>),
    /// Tell how much the partition holds.
    Statistics,
}

impl Operation {
    /// The one key that it is about, if it is about one.
    pub fn key(&self) -> Option<&EncodedKey> {
        match self {
            Self::PutItem(key, _) | Self::GetItem(key, _) | Self::DeleteItem(key, _) | Self::UpdateItem(key, _) => {
                Some(key)
            }
            Self::Query(_) | Self::Scan(_) | Self::Statistics => None,
        }
    }

    /// Whether it takes something away and adds nothing.
    pub fn is_removal(&self) -> bool {
        matches!(self, Self::DeleteItem(..))
    }

    /// Whether it changes the partition.
    pub fn is_write(&self) -> bool {
        self.access() == Some(Access::Write)
    }

    /// The throughput that it uses, if it uses any.
    fn access(&self) -> Option<Access> {
        match self {
            Self::PutItem(..) | Self::DeleteItem(..) | Self::UpdateItem(..) => Some(Access::Write),
            Self::GetItem(..) | Self::Query(_) | Self::Scan(_) => Some(Access::Read),
            Self::Statistics => None,
        }
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
    ///
    /// # Errors
    /// Something has to be brought for it: then [`Partition::go_on`] does it once that is there.
    pub fn execute(&mut self, context: &mut Context, ticket: Ticket, operation: &mut Operation) -> Result<(), Missing> {
        let admitted = operation.access().map(|access| self.throughput.admit(access, &self.definition, context.now));
        if let Some(Err(error)) = admitted {
            context.answer(ticket, Err(error));
            return Ok(());
        }
        self.go_on(context, ticket, operation)
    }

    /// The same of an operation that was begun.
    ///
    /// # Errors
    /// As of [`Partition::execute`].
    pub fn go_on(&mut self, context: &mut Context, ticket: Ticket, operation: &mut Operation) -> Result<(), Missing> {
        let answer = match operation {
            Operation::PutItem(key, request) => return self.put_item(context, ticket, (key, request)),
            Operation::DeleteItem(key, request) => return self.delete_item(context, ticket, (key, request)),
            Operation::UpdateItem(key, request) => return self.update_item(context, ticket, (key, request)),
            Operation::GetItem(key, request) => Answer::Reply(self.item(context, key, request)?),
            Operation::Query(query) => Answer::Reply(self.query(context, query)?),
            Operation::Scan(stretch) => Answer::Scan(Box::new(self.scan(context, stretch)?)),
            Operation::Statistics => Answer::Statistics(self.statistics()),
        };
        context.answer(ticket, Ok(answer));
        Ok(())
    }
}
