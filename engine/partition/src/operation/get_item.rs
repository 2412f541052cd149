//! GetItem: one item as of the last applied change. That is the newest acknowledged one, so a
//! strongly consistent read and an eventually consistent one differ in their price alone here.

use crate::{Context, Partition};
use model::EncodedKey;
use model::operation::{GetItem, Reply};

impl Partition {
    /// Reads the item.
    pub(crate) fn item(&self, context: &mut Context, key: &EncodedKey, request: &GetItem) -> Reply {
        let item = self.applied(key).map(|item| context.copy_item(item));
        Reply::GetItem(request.reply(item))
    }
}
