//! PutItem: replace whatever item has the key.

use crate::partition::Write;
use crate::{Answer, Context, Partition, Ticket};
use model::EncodedKey;
use model::operation::{PutItem, Reply};

impl Partition {
    /// Decides the write against the newest state and proposes it.
    pub(crate) fn put_item(&mut self, context: &mut Context, ticket: Ticket, key: &EncodedKey, request: &PutItem) {
        let item = request.item.item().expect("validated: the item is given and valid");
        let old = self.newest(key);
        let old_bytes = old.map(|old| old.size_bytes());
        let is_told = request.return_values.is_given() || request.return_consumed_capacity.is_given();
        let old = old.filter(|_| is_told).map(|old| context.copy_item(old));
        let reply = request.reply(old, item.as_ref());
        let write = Write { key, image: Some(item.bytes()), old_bytes };
        self.propose(context, &write, ticket, Answer::Reply(Reply::PutItem(reply)));
    }
}
