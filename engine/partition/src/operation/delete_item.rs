//! DeleteItem: remove the item with the key; removing what is not there succeeds.

use crate::partition::Write;
use crate::{Answer, Context, Partition, Ticket};
use model::EncodedKey;
use model::operation::{DeleteItem, Reply};

impl Partition {
    /// Decides the removal against the newest state and proposes it. Where nothing is there to remove, and nothing to
    /// that effect is still in flight, nothing is written.
    pub(crate) fn delete_item(
        &mut self,
        context: &mut Context,
        ticket: Ticket,
        key: &EncodedKey,
        request: &DeleteItem,
    ) {
        let old = self.newest(key);
        let old_bytes = old.map(|old| old.size_bytes());
        let is_told = request.return_values.is_given() || request.return_consumed_capacity.is_given();
        let old = old.filter(|_| is_told).map(|old| context.copy_item(old));
        let answer = Answer::Reply(Reply::DeleteItem(request.reply(old)));
        if old_bytes.is_none() && self.in_flight.newest(key).is_none() {
            context.answer(ticket, Ok(answer));
            return;
        }
        self.propose(context, &Write { key, image: None, old_bytes }, ticket, answer);
    }
}
