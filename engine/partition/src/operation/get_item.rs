//! GetItem: one item as of the last applied change. That is the newest acknowledged one, so a
//! strongly consistent read and an eventually consistent one differ in their price alone here.

use crate::{Context, Partition};
use model::operation::{GetItem, Reply};
use model::{Access, EncodedKey, ItemRef};

impl Partition {
    /// Reads the item.
    pub(crate) fn item(&mut self, context: &mut Context, key: &EncodedKey, request: &GetItem) -> Reply {
        let item = self.memtables.find(key).map(ItemRef::from_trusted);
        if self.throughput.is_bounded(Access::Read) {
            self.throughput.take(Access::Read, request.units(item));
        }
        Reply::GetItem(request.reply(&mut context.evaluator, &self.definition, item))
    }
}
