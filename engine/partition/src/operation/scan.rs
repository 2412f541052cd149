//! Scan: the part of a scan that lies in one partition. The engine's `coordinate` joins the parts.

use super::query::Walk;
use crate::{Context, Partition};
use bytes::Bytes;
use memtable::{Direction, KeySpan};
use model::operation::{CapacityUnits, PageBuilder, Scan};
use model::{Access, Item};
use std::ops::Bound;
use std::sync::Arc;

/// What a scan wants of one partition.
#[derive(Clone, Debug)]
pub struct ScanStretch {
    /// The request.
    pub request: Arc<Scan>,
    /// The number of the local index to read, or `None` for the table.
    pub index: Option<usize>,
    /// First encoded key.
    pub lower: Bytes,
    /// Encoded key before which it ends; `None`: with the partition.
    pub upper: Option<Bytes>,
    /// The page so far.
    pub page: PageBuilder,
}

/// What a scan has when it leaves a partition.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanPart {
    /// The page so far.
    pub page: PageBuilder,
    /// The key of the last item, if the page is full.
    pub last_key: Option<Item>,
}

impl Partition {
    /// Reads a stretch of the partition.
    pub(crate) fn scan(&mut self, context: &mut Context, stretch: ScanStretch) -> ScanPart {
        let ScanStretch { request, index, lower, upper, mut page } = stretch;
        let is_bounded = self.throughput.is_bounded(Access::Read);
        let is_begun = is_bounded && page != request.page();
        let paid = if is_begun { request.units(&page, index).total() } else { CapacityUnits::ZERO };
        let upper = upper.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let span = KeySpan { lower: Bound::Included(&lower), upper };
        let evaluator = &mut context.evaluator;
        let mut reader = request.reader(evaluator, &self.definition, index);
        let walk = Walk { index, span, direction: Direction::Forward };
        let last_key = self.fill(evaluator, (&mut reader, &mut page), walk);
        if is_bounded {
            // The partitions before have been paid for what was in the page when it came.
            let half_units = request.units(&page, index).total().half_unit_count() - paid.half_unit_count();
            self.throughput.take(Access::Read, CapacityUnits::from_half_unit_count(half_units));
        }
        ScanPart { page, last_key }
    }
}
