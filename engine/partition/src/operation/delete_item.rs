//! DeleteItem: remove the item with the key; removing what is not there succeeds.

use crate::items::ItemBytes;
use crate::write::{Halt, Replaced, Write};
use crate::{Answer, Cause, Context, Missing, Partition, Ticket};
use memtable::TaggedKey;
use model::EncodedKey;
use model::operation::{DeleteItem, DeleteItemReply, Reply};

impl Partition {
    /// Decides the removal against the newest state and proposes it. Where nothing is there to remove nothing is written.
    pub(crate) fn delete_item(
        &mut self,
        context: &mut Context,
        ticket: Ticket,
        (key, request): (&EncodedKey, &DeleteItem),
    ) -> Result<(), Missing> {
        let sought = self.tagged(key);
        match self.decide_delete(context, sought, request) {
            Ok((replaced, reply)) => {
                let answer = Answer::Reply(Reply::DeleteItem(reply));
                if replaced.old_bytes.is_some() {
                    let write = Write { key, tag: sought.tag, image: None, replaced, cause: Cause::Caller };
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

    fn decide_delete(
        &mut self,
        context: &mut Context,
        sought: TaggedKey<'_>,
        request: &DeleteItem,
    ) -> Result<(Replaced, DeleteItemReply), Halt> {
        let Context { evaluator, reads, effects, .. } = context;
        if self.needs_sizes_alone() && !request.needs_old_item() {
            let (replaced, effect) = self.weigh_by_size((effects, reads), sought, None)?;
            return Ok((replaced, request.reply(evaluator, &self.definition, effect)));
        }
        let found = self.newest_to_replace(reads, sought)?;
        let old = found.as_ref().map(ItemBytes::item);
        if let Err(error) = request.check_condition(evaluator, &self.definition, old) {
            let units = self.refusal_units(old, &error);
            drop(found);
            return Err(self.charge_refusal(units, error).into());
        }
        let (replaced, effect) = self.weigh((effects, reads), sought.bytes, found.as_ref(), None)?;
        let reply = request.reply(evaluator, &self.definition, effect);
        Ok((replaced, reply))
    }
}
