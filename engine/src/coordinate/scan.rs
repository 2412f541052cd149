//! Scan: partition after partition in the order of the hash, until the page is full or the table ends.
//!
//! An index's entries lie with the items of their partition key, so a scan of an index goes the same way.

use super::{Part, Progress};
use bytes::Bytes;
use control::TableEntry;
use model::operation::{Evaluator, PageBuilder, Reply, Scan, ScanRange};
use model::table::HashRange;
use model::{Error, KeyHash};
use partition::{Answer, Operation, Outcome, ScanStretch};
use std::sync::Arc;

/// A page of a scan in the making.
#[derive(Debug)]
pub(crate) struct ScanAll {
    table: Arc<TableEntry>,
    request: Arc<Scan>,
    /// The number of the local index that is read, if it is not the table.
    index: Option<usize>,
    /// First hash that is not read yet, or hash of the key after which to go on.
    next: KeyHash,
    /// The last hash of the caller's segment.
    last: KeyHash,
}

impl ScanAll {
    /// Begins at the start key, or at the beginning of the segment.
    ///
    /// # Errors
    /// Validation if the request does not fit the table, or the start key the segment.
    pub(crate) fn begin(
        evaluator: &mut Evaluator,
        table: &Arc<TableEntry>,
        request: Scan,
    ) -> Result<(Self, Part), Error> {
        let ScanRange { index, hashes, start_key } = request.bind(evaluator, &table.definition)?;
        let (first, last) = (hashes.first(), hashes.last());
        let next = start_key.as_deref().and_then(KeyHash::of_encoded_key).unwrap_or(first);
        // The least encoded key after the start key.
        let lower = match start_key {
            Some(key) => [&key[..], &[0]].concat(),
            None => first.0.to_be_bytes().to_vec(),
        };
        let page = request.page();
        let scan = Self { table: Arc::clone(table), request: Arc::new(request), index, next, last };
        let part = scan.part(lower.into(), page);
        Ok((scan, part))
    }

    pub(super) fn handle_outcome(&mut self, outcome: Outcome) -> Progress {
        let part = match outcome {
            Ok(Answer::Scan(part)) => *part,
            Ok(other) => panic!("asked for a stretch of a scan, answered {other:?}"),
            Err(error) => return Progress::Done(Err(error)),
        };
        let end_of_partition = self.table.placement(self.next).range.last();
        if part.last_key.is_some() || end_of_partition >= self.last {
            let reply = self.request.reply(&self.table.definition, self.index, part.page, part.last_key);
            return Progress::Done(Ok(Reply::Scan(Box::new(reply))));
        }
        self.next = KeyHash(end_of_partition.0 + 1);
        let lower = Bytes::copy_from_slice(&self.next.0.to_be_bytes());
        Progress::Waits(vec![self.part(lower, part.page)])
    }

    fn part(&self, lower: Bytes, page: PageBuilder) -> Part {
        let segment = HashRange::new(self.next, self.last).expect("a scan goes on inside of its segment");
        let (_, upper) = segment.encoded_key_bounds();
        let upper = upper.map(|upper| Bytes::copy_from_slice(&upper));
        let (request, index) = (Arc::clone(&self.request), self.index);
        let stretch = ScanStretch { request, index, lower, upper, page, progress: None };
        let placement = self.table.placement(self.next);
        Part { number: 0, placement, operation: Operation::Scan(Box::new(stretch)) }
    }
}
