//! What a reply may come to, told before it is there: of items by the largest of late; of pages what they may be at most, and are likely to be by the
//! largest of late. Whatever was seen of late, the sizes of the items in it have a limit.
//!
//! One a core, for all of its connections: clients of the same tables meet the same items.

use model::limits::{BATCH_GET_BYTES_MAX, BATCH_GET_KEY_COUNT_MAX, ITEM_SIZE_BYTES_MAX, PAGE_BYTES_MAX};
use model::operation::{
    Choice, ConditionalWrite, Request, ReturnValues, ReturnValuesOnConditionCheckFailure as ReturnValuesOnFailure,
};

/// Bytes that an item is expected to come to in a reply while none has been seen, ...
const ITEM_BYTES_AT_FIRST: usize = 64 << 10;
/// ... and at most.
const ITEM_BYTES_MAX: usize = PAGE_BYTES_MAX;
/// What is expected goes down by one part in so many with each reply that is smaller.
const DECAY_SHARE: usize = 64;

/// See the front page.
#[derive(Debug)]
pub(crate) struct ReplySizes {
    item_bytes: usize,
    page_bytes: usize,
}

/// What is expected of a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Bytes that count against the limit of its connection.
    pub(crate) bytes: usize,
    /// Bytes that it is likely to come to at most.
    pub(crate) likely_bytes: usize,
    /// What the sizes of its items come to at most, whatever others had. JSON may be longer.
    pub(crate) bytes_max: usize,
    pub(crate) tells: Tells,
}

/// What a reply tells of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tells {
    #[default]
    Nothing,
    /// How large items are: it has so many.
    Items(usize),
    /// How large pages are.
    Pages,
}

impl Default for ReplySizes {
    fn default() -> Self {
        Self { item_bytes: ITEM_BYTES_AT_FIRST, page_bytes: PAGE_BYTES_MAX }
    }
}

impl ReplySizes {
    /// What the reply to a request may come to.
    pub(crate) fn expect(&self, request: &Request) -> Expected {
        match request {
            Request::GetItem(_) => self.expect_items(1),
            Request::PutItem(put) => self.expect_of_write(&put.return_values, put.conditional.as_deref()),
            Request::DeleteItem(delete) => self.expect_of_write(&delete.return_values, delete.conditional.as_deref()),
            Request::UpdateItem(update) => self.expect_of_write(&update.return_values, Some(&update.conditional)),
            Request::BatchGetItem(batch) => self.expect_items(batch.key_count().min(BATCH_GET_KEY_COUNT_MAX)),
            Request::Query(_) | Request::Scan(_) => Expected {
                bytes: PAGE_BYTES_MAX,
                likely_bytes: self.page_bytes,
                bytes_max: PAGE_BYTES_MAX,
                tells: Tells::Pages,
            },
            _ => Expected::default(),
        }
    }

    /// A reply of which that was expected has so many bytes.
    pub(crate) fn note(&mut self, expected: Expected, bytes: usize) {
        let largest_of_late = |known: usize, bytes: usize| (known - known.div_ceil(DECAY_SHARE)).max(bytes);
        match expected.tells {
            Tells::Items(count) => {
                let item_bytes = bytes / count.max(1);
                self.item_bytes = largest_of_late(self.item_bytes, item_bytes).min(ITEM_BYTES_MAX);
            }
            Tells::Pages => self.page_bytes = largest_of_late(self.page_bytes, bytes).min(PAGE_BYTES_MAX),
            Tells::Nothing => {}
        }
    }

    fn expect_items(&self, count: usize) -> Expected {
        let bytes = BATCH_GET_BYTES_MAX.min(count * self.item_bytes);
        let bytes_max = BATCH_GET_BYTES_MAX.min(count * ITEM_SIZE_BYTES_MAX.max(self.item_bytes));
        Expected { bytes, likely_bytes: bytes, bytes_max, tells: Tells::Items(count) }
    }

    /// A write answers with an item if that is asked for, or if its condition fails and that is asked for.
    fn expect_of_write(
        &self,
        return_values: &Choice<ReturnValues>,
        conditional: Option<&ConditionalWrite>,
    ) -> Expected {
        let on_failure = conditional.and_then(|write| write.return_values_on_condition_check_failure.known());
        match return_values.known() {
            // Seldom: what is told without it would tell nothing.
            Some(ReturnValues::None) | None if on_failure == Some(ReturnValuesOnFailure::AllOld) => {
                Expected { tells: Tells::Nothing, ..self.expect_items(1) }
            }
            Some(ReturnValues::None) | None => Expected::default(),
            Some(_) => self.expect_items(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::operation::{BatchGetItem, GetItem, KeysAndAttributes, PutItem};

    #[test]
    fn items_are_expected_to_be_as_large_as_the_largest_of_late() {
        let get = Request::GetItem(GetItem::default());
        let mut sizes = ReplySizes::default();
        assert_eq!((sizes.expect(&get).bytes, sizes.expect(&get).tells), (ITEM_BYTES_AT_FIRST, Tells::Items(1)));
        sizes.note(sizes.expect(&get), 400_000);
        assert_eq!(sizes.expect(&get).bytes, 400_000);
        for _ in 0..1_000 {
            sizes.note(sizes.expect(&get), 100);
        }
        assert_eq!((sizes.expect(&get).bytes, sizes.expect(&get).bytes_max), (100, ITEM_SIZE_BYTES_MAX));
        sizes.note(sizes.expect(&get), 10 * ITEM_BYTES_MAX);
        assert_eq!(sizes.expect(&get).bytes, ITEM_BYTES_MAX);
    }

    /// After a load, items were expected to be as small as the answers to puts.
    #[test]
    fn writes_that_answer_with_nothing_tell_nothing() {
        let mut sizes = ReplySizes::default();
        let mut put = PutItem::default();
        let expected = sizes.expect(&Request::PutItem(put.clone()));
        assert_eq!(expected, Expected::default());
        sizes.note(expected, 2);
        assert_eq!(sizes.item_bytes, ITEM_BYTES_AT_FIRST);
        put.conditional = Some(Box::new(ConditionalWrite {
            return_values_on_condition_check_failure: Choice::Known(ReturnValuesOnFailure::AllOld),
            ..ConditionalWrite::default()
        }));
        let expected = sizes.expect(&Request::PutItem(put.clone()));
        assert_eq!((expected.bytes, expected.tells), (ITEM_BYTES_AT_FIRST, Tells::Nothing));
        put.return_values = Choice::Known(ReturnValues::AllOld);
        assert_eq!(sizes.expect(&Request::PutItem(put)).tells, Tells::Items(1));
    }

    /// Short pages were taken for long ones, and half of what a client asked for at once waited.
    #[test]
    fn pages_are_likely_to_be_as_long_as_the_longest_of_late_and_may_be_longer() {
        let query = Request::Query(Box::default());
        let mut sizes = ReplySizes::default();
        assert_eq!(sizes.expect(&query).likely_bytes, PAGE_BYTES_MAX);
        for _ in 0..1_000 {
            sizes.note(sizes.expect(&query), 60_000);
        }
        assert_eq!((sizes.expect(&query).bytes, sizes.expect(&query).likely_bytes), (PAGE_BYTES_MAX, 60_000));
        assert_eq!(sizes.item_bytes, ITEM_BYTES_AT_FIRST);
    }

    #[test]
    fn batches_are_so_many_items() {
        let batch = |key_count| {
            let wanted = KeysAndAttributes { keys: Some(vec![Default::default(); key_count]), ..Default::default() };
            let request_items = Some(vec![("a".into(), wanted)]);
            Request::BatchGetItem(BatchGetItem { request_items, ..BatchGetItem::default() })
        };
        let mut sizes = ReplySizes::default();
        assert_eq!(sizes.expect(&batch(10)).bytes, 10 * ITEM_BYTES_AT_FIRST);
        sizes.note(sizes.expect(&batch(10)), 4_000_000);
        assert_eq!(sizes.expect(&batch(10)).bytes, 4_000_000);
        assert_eq!(sizes.expect(&batch(1_000)).bytes, BATCH_GET_BYTES_MAX);
    }
}
