//! UpdateItem: change some attributes of the item with the key, or make it.

use crate::write::{Replaced, Write};
use crate::{Answer, Cause, Context, Partition, Ticket};
use model::operation::{Reply, UpdateItem, UpdateItemReply, UpdatedItem};
use model::{EncodedKey, Error, Item};

impl Partition {
    /// Decides the change against the newest state and proposes the item that it makes. Where nothing is there and it makes
    /// nothing, nothing is written.
    pub(crate) fn update_item(
        &mut self,
        context: &mut Context,
        ticket: Ticket,
        key: &EncodedKey,
        request: &UpdateItem,
    ) {
        match self.decide_update(context, key, request) {
            Ok((updated, replaced, reply)) => {
                let answer = Answer::Reply(Reply::UpdateItem(Box::new(reply)));
                if let Some(item) = &updated.item {
                    let write = Write { key, image: Some(item.bytes()), replaced, cause: Cause::Caller };
                    self.propose(context, &write, ticket, answer);
                } else {
                    self.pay_for_write(&replaced);
                    self.answer_unwritten(context, ticket, key, Ok(answer));
                }
            }
            Err(error) => self.refuse(context, ticket, key, error),
        }
    }

    fn decide_update(
        &mut self,
        context: &mut Context,
        key: &EncodedKey,
        request: &UpdateItem,
    ) -> Result<(UpdatedItem, Replaced, UpdateItemReply), Error> {
        let old = self.newest(key);
        if let Err(error) = request.check_condition(&mut context.evaluator, &self.definition, old) {
            let units = self.refusal_units(old, &error);
            return Err(self.charge_refusal(units, error));
        }
        let updated = request.apply(&mut context.evaluator, &self.definition, old)?;
        let (replaced, effect) = self.weigh(key, old, updated.item.as_ref().map(Item::as_ref))?;
        let reply = request.reply(&mut context.evaluator, &self.definition, effect);
        Ok((updated, replaced, reply))
    }
}
