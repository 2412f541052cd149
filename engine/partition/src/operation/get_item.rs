//! GetItem: one item as of the last applied change. That is the newest acknowledged one, so a
//! strongly consistent read and an eventually consistent one differ in their price alone here.

use crate::items::ItemBytes;
use crate::{Context, Missing, Partition};
use model::operation::{GetItem, Reply};
use model::{Access, EncodedKey};

impl Partition {
    /// Reads the item.
    pub(crate) fn item(
        &mut self,
        context: &mut Context,
        key: &EncodedKey,
        request: &GetItem,
    ) -> Result<Reply, Missing> {
        let found = self.items.find(self.tagged(key), &mut context.reads)?;
        let item = found.as_ref().map(ItemBytes::item);
        if self.throughput.is_bounded(Access::Read) {
            self.throughput.take(Access::Read, request.units(item));
        }
        Ok(Reply::GetItem(request.reply(&mut context.evaluator, &self.definition, item)))
    }
}
