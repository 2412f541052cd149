//! PutItem: replace whatever item has the key.

use crate::write::{Replaced, Write};
use crate::{Answer, Cause, Context, Partition, Ticket};
use model::operation::{PutItem, PutItemReply, Reply};
use model::{EncodedKey, Error, Item};

impl Partition {
    /// Decides the write against the newest state and proposes it.
    pub(crate) fn put_item(&mut self, context: &mut Context, ticket: Ticket, key: &EncodedKey, request: &PutItem) {
        let item = request.item.item().expect("validated: the item is given and valid");
        match self.decide_put(context, key, request, item) {
            Ok((replaced, reply)) => {
                let write = Write { key, image: Some(item.bytes()), replaced, cause: Cause::Caller };
                self.propose(context, &write, ticket, Answer::Reply(Reply::PutItem(reply)));
            }
            Err(error) => self.refuse(context, ticket, key, error),
        }
    }

    fn decide_put(
        &mut self,
        context: &mut Context,
        key: &EncodedKey,
        request: &PutItem,
        item: &Item,
    ) -> Result<(Replaced, PutItemReply), Error> {
        let old = self.newest(key);
        if let Err(error) = request.check_condition(&mut context.evaluator, &self.definition, old) {
            let units = self.refusal_units(old, &error);
            return Err(self.charge_refusal(units, error));
        }
        let (replaced, effect) = self.weigh(key, old, Some(item.as_ref()))?;
        let reply = request.reply(&mut context.evaluator, &self.definition, effect);
        Ok((replaced, reply))
    }
}
