//! Query: the items of one partition key, in the order of their sort keys or against it.

use crate::{Context, Partition};
use memtable::{Direction, KeySpan};
use model::operation::{PageBuilder, Query, Reply};
use model::{Item, ItemRef, KeyRange};

impl Partition {
    /// Reads one page of `range`, which already begins where the caller wants to go on.
    pub(crate) fn query(&self, context: &mut Context, range: &KeyRange, request: &Query) -> Reply {
        let direction = if request.scan_index_forward { Direction::Forward } else { Direction::Reverse };
        let mut page = request.page();
        let last_key = match range.is_empty() {
            true => None,
            false => self.fill(context, &mut page, KeySpan::between(&range.lower, &range.upper), direction),
        };
        Reply::Query(Box::new(request.reply(page, last_key)))
    }

    /// Reads items in the order of their encoded keys, or against it, until the page is full or the span ends. Returns
    /// the key of the last item if the page is full.
    pub(crate) fn fill(
        &self,
        context: &mut Context,
        page: &mut PageBuilder,
        span: KeySpan<'_>,
        direction: Direction,
    ) -> Option<Item> {
        for (key, image) in self.memtables.range(span, direction) {
            if !page.push(context.copy_item(ItemRef::from_trusted(image))) {
                return Some(self.table().key_schema.decode_key(key).expect("it was encoded by this schema"));
            }
        }
        None
    }
}
