//! Scan: the part of a scan that lies in one partition. The engine's `coordinate` joins the parts.

use crate::page_fill::{PageFill, Route};
use crate::{Context, Missing, Partition};
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
    /// How far it has come in this partition, and what the page had cost before.
    pub progress: Option<Box<ScanProgress>>,
}

/// How far a scan has come in a partition.
#[derive(Clone, Debug)]
pub struct ScanProgress {
    reached: Option<Vec<u8>>,
    /// Half units that the partitions before have taken for what was in the page when it came.
    paid_half_unit_count: u64,
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
    pub(crate) fn scan(&mut self, context: &mut Context, stretch: &mut ScanStretch) -> Result<ScanPart, Missing> {
        let ScanStretch { request, index, lower, upper, page, progress } = stretch;
        let is_bounded = self.throughput.is_bounded(Access::Read);
        let progress = progress.get_or_insert_with(|| {
            let is_begun = is_bounded && *page != request.page();
            let paid = if is_begun { request.units(page, *index).total() } else { CapacityUnits::ZERO };
            Box::new(ScanProgress { reached: None, paid_half_unit_count: paid.half_unit_count() })
        });
        let upper = upper.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let span = KeySpan { lower: Bound::Included(lower), upper };
        let Context { evaluator, reads, .. } = context;
        let mut reader = request.reader(evaluator, &self.definition, *index);
        let route = Route { index: *index, span, direction: Direction::Forward, reached: &mut progress.reached };
        let mut fill = PageFill { partition: self, evaluator, reads, reader: &mut reader, page };
        let last_key = fill.fill(route)?;
        if is_bounded {
            let half_units = request.units(page, *index).total().half_unit_count() - progress.paid_half_unit_count;
            self.throughput.take(Access::Read, CapacityUnits::from_half_unit_count(half_units));
        }
        Ok(ScanPart { page: std::mem::replace(page, request.page()), last_key })
    }
}
