//! PutItem: replace whatever item has the key.

use crate::items::ItemBytes;
use crate::write::{Halt, Replaced, Write};
use crate::{Answer, Cause, Context, Missing, Partition, Ticket};
use memtable::TaggedKey;
use model::operation::{PutItem, PutItemReply, Reply};
use model::{EncodedKey, Item};

impl Partition {
    /// Decides the write against the newest state and proposes it.
    pub(crate) fn put_item(
        &mut self,
        context: &mut Context,
        ticket: Ticket,
        (key, request): (&EncodedKey, &PutItem),
    ) -> Result<(), Missing> {
        let item = request.item.item().expect("validated: the item is given and valid");
        let sought = self.tagged(key);
        match self.decide_put(context, sought, request, item) {
            Ok((replaced, reply)) => {
                let write = Write { key, tag: sought.tag, image: Some(item), replaced, cause: Cause::Caller };
                self.propose(context, &write, ticket, Answer::Reply(Reply::PutItem(reply)));
            }
            Err(Halt::Refused(error)) => self.answer_unwritten(context, ticket, sought, Err(error)),
            Err(Halt::Missing) => return Err(Missing),
        }
        Ok(())
    }

    fn decide_put(
        &mut self,
        context: &mut Context,
        sought: TaggedKey<'_>,
        request: &PutItem,
        item: &Item,
    ) -> Result<(Replaced, PutItemReply), Halt> {
        let Context { evaluator, reads, effects, .. } = context;
        if self.needs_sizes_alone() && !request.needs_old_item() {
            let (replaced, effect) = self.weigh_by_size((effects, reads), sought, Some(item.as_ref()))?;
            return Ok((replaced, request.reply(evaluator, &self.definition, effect)));
        }
        let found = self.newest_to_replace(reads, sought)?;
        let old = found.as_ref().map(ItemBytes::item);
        if let Err(error) = request.check_condition(evaluator, &self.definition, old) {
            let units = self.refusal_units(old, &error);
            drop(found);
            return Err(self.charge_refusal(units, error).into());
        }
        let (replaced, effect) = self.weigh((effects, reads), sought.bytes, found.as_ref(), Some(item.as_ref()))?;
        let reply = request.reply(evaluator, &self.definition, effect);
        Ok((replaced, reply))
    }
}
