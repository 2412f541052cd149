//! Scan: the part of a scan that lies in one partition. The engine's `coordinate` joins the parts.

use crate::{Context, Partition};
use bytes::Bytes;
use memtable::{Direction, KeySpan};
use model::Item;
use model::operation::PageBuilder;
use std::ops::Bound;

/// What a scan wants of one partition.
#[derive(Clone, Debug)]
pub struct ScanRange {
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
    pub(crate) fn scan(&self, context: &mut Context, range: ScanRange) -> ScanPart {
        let mut page = range.page;
        let upper = range.upper.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let span = KeySpan { lower: Bound::Included(&range.lower), upper };
        let last_key = self.fill(context, &mut page, span, Direction::Forward);
        ScanPart { page, last_key }
    }
}
