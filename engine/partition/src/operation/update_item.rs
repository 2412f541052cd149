//! UpdateItem: change some attributes of the item with the key, or make it.

use crate::items::ItemBytes;
use crate::write::{Halt, Replaced, Write};
use crate::{Answer, Cause, Context, Missing, Partition, Ticket};
use memtable::TaggedKey;
use model::operation::{Reply, UpdateItem, UpdateItemReply, UpdatedItem};
use model::{EncodedKey, Item};

impl Partition {
    /// Decides the change against the newest state and proposes the item that it makes. Where nothing is there and it makes
    /// nothing, nothing is written.
    pub(crate) fn update_item(
        &mut self,
        context: &mut Context,
        ticket: Ticket,
        (key, request): (&EncodedKey, &UpdateItem),
    ) -> Result<(), Missing> {
        let sought = self.tagged(key);
        match self.decide_update(context, sought, request) {
            Ok((updated, replaced, reply)) => {
                let answer = Answer::Reply(Reply::UpdateItem(Box::new(reply)));
                if let Some(item) = &updated.item {
                    let write = Write { key, tag: sought.tag, image: Some(item), replaced, cause: Cause::Caller };
                    self.propose(context, &write, ticket, answer);
                } else {
                    self.pay_for_write(&replaced);
                    self.answer_unwritten(context, ticket, sought, Ok(answer));
                }
            }
            Err(Halt::Refused(error)) => self.answer_unwritten(context, ticket, sought, Err(error)),
            Err(Halt::Missing) => return Err(Missing),
        }
        Ok(())
    }

    fn decide_update(
        &mut self,
        context: &mut Context,
        sought: TaggedKey<'_>,
        request: &UpdateItem,
    ) -> Result<(UpdatedItem, Replaced, UpdateItemReply), Halt> {
        let Context { evaluator, reads, effects, .. } = context;
        let found = self.newest_to_replace(reads, sought)?;
        let old = found.as_ref().map(ItemBytes::item);
        if let Err(error) = request.check_condition(evaluator, &self.definition, old) {
            let units = self.refusal_units(old, &error);
            drop(found);
            return Err(self.charge_refusal(units, error).into());
        }
        let updated = request.apply(evaluator, &self.definition, old)?;
        let (replaced, effect) =
            self.weigh((effects, reads), sought.bytes, found.as_ref(), updated.item.as_ref().map(Item::as_ref))?;
        let reply = request.reply(evaluator, &self.definition, effect);
        Ok((updated, replaced, reply))
    }
}
