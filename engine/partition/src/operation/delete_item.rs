//! DeleteItem: remove the item with the key; removing what is not there succeeds.

use crate::write::{Replaced, Write};
use crate::{Answer, Cause, Context, Partition, Ticket};
use model::operation::{DeleteItem, DeleteItemReply, Reply};
use model::{EncodedKey, Error};

impl Partition {
    /// Decides the removal against the newest state and proposes it. Where nothing is there to remove nothing is written.
    pub(crate) fn delete_item(
        &mut self,
        context: &mut Context,
        ticket: Ticket,
        key: &EncodedKey,
        request: &DeleteItem,
    ) {
        match self.decide_delete(context, key, request) {
            Ok((replaced, reply)) => {
                let answer = Answer::Reply(Reply::DeleteItem(reply));
                if replaced.old_bytes.is_some() {
                    let write = Write { key, image: None, replaced, cause: Cause::Caller };
                    self.propose(context, &write, ticket, answer);
                } else {
                    self.pay_for_write(&replaced);
                    self.answer_unwritten(context, ticket, key, Ok(answer));
                }
            }
            Err(error) => self.refuse(context, ticket, key, error),
        }
    }

    fn decide_delete(
        &mut self,
        context: &mut Context,
        key: &EncodedKey,
        request: &DeleteItem,
    ) -> Result<(Replaced, DeleteItemReply), Error> {
        let old = self.newest(key);
        if let Err(error) = request.check_condition(&mut context.evaluator, &self.definition, old) {
            let units = self.refusal_units(old, &error);
            return Err(self.charge_refusal(units, error));
        }
        let (replaced, effect) = self.weigh(key, old, None)?;
        let reply = request.reply(&mut context.evaluator, &self.definition, effect);
        Ok((replaced, reply))
    }
}
