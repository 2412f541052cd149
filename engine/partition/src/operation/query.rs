//! Query: the items of one partition key, in the order of their sort keys or against it; of the table or of an index.

use crate::page_fill::{PageFill, Route};
use crate::{Context, Missing, Partition};
use memtable::{Direction, KeySpan};
use model::Access;
use model::operation::{PageBuilder, Query, QueryRange, Reply};

/// A query on its way: what is asked, and how far it has come.
#[derive(Clone, Debug)]
pub struct QueryWork {
    /// Which keys.
    pub range: QueryRange,
    /// The request.
    pub request: Query,
    page: Option<PageBuilder>,
    reached: Option<Vec<u8>>,
}

impl QueryWork {
    /// A query that is to begin.
    pub fn new(range: QueryRange, request: Query) -> Self {
        Self { range, request, page: None, reached: None }
    }
}

impl Partition {
    /// Reads one page of the range, which already begins where the caller wants to go on.
    pub(crate) fn query(&mut self, context: &mut Context, work: &mut QueryWork) -> Result<Reply, Missing> {
        let QueryWork { range, request, page: begun, reached } = work;
        let direction = if request.scan_index_forward { Direction::Forward } else { Direction::Reverse };
        let mut page = begun.take().unwrap_or_else(|| request.page());
        let mut last_key = None;
        if !range.keys.is_empty() {
            let Context { evaluator, reads, .. } = context;
            let mut reader = request.reader(evaluator, &self.definition, range);
            let span = KeySpan::between(&range.keys.lower, &range.keys.upper);
            let route = Route { index: range.index, span, direction, reached };
            let mut fill = PageFill { partition: self, evaluator, reads, reader: &mut reader, page: &mut page };
            match fill.fill(route) {
                Ok(last) => last_key = last,
                Err(missing) => {
                    *begun = Some(page);
                    return Err(missing);
                }
            }
        }
        if self.throughput.is_bounded(Access::Read) {
            self.throughput.take(Access::Read, request.units(&page, range).total());
        }
        Ok(Reply::Query(Box::new(request.reply(&self.definition, range, page, last_key))))
    }
}
