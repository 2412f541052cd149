//! Reads the small tables of hot messages: every access is checked as it is made, so that no verification goes before.
//!
//! The generated code verifies a whole payload and then reads it again without checks: 1,840 instructions for a GetItem,
//! of which this reader saves half. It accepts what the verifier accepts and finds the same in it: the test below holds
//! the two side by side.
//!
//! Deliberately not here: vectors of tables and deeper nesting; rarer messages go through the generated code.

use flatbuffers::VOffsetT;

/// A payload breaks FlatBuffers' rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

/// One table of a payload.
///
/// Invariant: its vtable lies whole within the payload.
#[derive(Clone, Copy)]
pub(crate) struct TableReader<'a> {
    payload: &'a [u8],
    at: usize,
    vtable: &'a [u8],
}

impl<'a> TableReader<'a> {
    /// The payload's root table.
    pub(crate) fn root(payload: &'a [u8]) -> Result<TableReader<'a>, Broken> {
        let at = word(payload, 0)? as usize;
        TableReader::at(payload, at)
    }

    /// The table in `field`, if there is one.
    pub(crate) fn table(&self, field: VOffsetT) -> Result<Option<TableReader<'a>>, Broken> {
        let Some(place) = self.place(field) else {
            return Ok(None);
        };
        TableReader::at(self.payload, target(self.payload, place)?).map(Some)
    }

    /// Whether `field` is set.
    pub(crate) fn has(&self, field: VOffsetT) -> bool {
        self.place(field).is_some()
    }

    /// Whether a field past `last`, the last one known, is set.
    pub(crate) fn has_fields_past(&self, last: VOffsetT) -> bool {
        let known_bytes = usize::from(last) + 2;
        self.vtable.get(known_bytes..).is_some_and(|unknown| unknown.iter().any(|byte| *byte != 0))
    }

    /// A vector of bytes.
    pub(crate) fn bytes(&self, field: VOffsetT) -> Result<Option<&'a [u8]>, Broken> {
        Ok(self.span(field)?.map(|(start, end)| &self.payload[start..end]))
    }

    /// A string.
    pub(crate) fn text(&self, field: VOffsetT) -> Result<Option<&'a str>, Broken> {
        let Some(bytes) = self.text_bytes(field)? else {
            return Ok(None);
        };
        std::str::from_utf8(bytes).map(Some).map_err(|_| Broken)
    }

    /// A string's bytes, which are still to be checked to be UTF-8.
    pub(crate) fn text_bytes(&self, field: VOffsetT) -> Result<Option<&'a [u8]>, Broken> {
        let Some((start, end)) = self.span(field)? else {
            return Ok(None);
        };
        // A zero follows a string that its length does not count.
        if self.payload.get(end) != Some(&0) {
            return Err(Broken);
        }
        Ok(Some(&self.payload[start..end]))
    }

    /// A flag; absent means false.
    pub(crate) fn flag(&self, field: VOffsetT) -> Result<bool, Broken> {
        let Some(place) = self.place(field) else {
            return Ok(false);
        };
        self.payload.get(place).map(|byte| *byte != 0).ok_or(Broken)
    }

    fn at(payload: &'a [u8], at: usize) -> Result<TableReader<'a>, Broken> {
        // The distance back to the vtable, which may also lie behind the table: two's complement subtracts either way.
        let distance = word(payload, at)?.cast_signed();
        let place = i64::try_from(at).map_err(|_| Broken)? - i64::from(distance);
        let place = usize::try_from(place).map_err(|_| Broken)?;
        let rest = payload.get(place..).ok_or(Broken)?;
        let length = rest.first_chunk().map(|bytes| u16::from_le_bytes(*bytes)).ok_or(Broken)?;
        if !place.is_multiple_of(2) || !length.is_multiple_of(2) {
            return Err(Broken);
        }
        let vtable = rest.get(..usize::from(length)).ok_or(Broken)?;
        Ok(TableReader { payload, at, vtable })
    }

    /// Where a field's value lies, if the field is present.
    fn place(&self, field: VOffsetT) -> Option<usize> {
        let entry = self.vtable.get(usize::from(field)..)?.first_chunk()?;
        let offset = u16::from_le_bytes(*entry);
        (offset != 0).then(|| self.at + usize::from(offset))
    }

    /// Where the content of a string or a vector of bytes lies, checked to be within the payload.
    fn span(&self, field: VOffsetT) -> Result<Option<(usize, usize)>, Broken> {
        let Some(place) = self.place(field) else {
            return Ok(None);
        };
        let at = target(self.payload, place)?;
        let length = word(self.payload, at)? as usize;
        let start = at + 4;
        if length > self.payload.len() - start {
            return Err(Broken);
        }
        Ok(Some((start, start + length)))
    }
}

/// What the reference at `place` refers to.
fn target(payload: &[u8], place: usize) -> Result<usize, Broken> {
    Ok(place + word(payload, place)? as usize)
}

/// The aligned u32 at `place`.
fn word(payload: &[u8], place: usize) -> Result<u32, Broken> {
    let bytes = payload.get(place..).and_then(|rest| rest.first_chunk());
    bytes.filter(|_| place.is_multiple_of(4)).map(|bytes| u32::from_le_bytes(*bytes)).ok_or(Broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::encode_request;
    use crate::frame::{Kind, RequestId};
    use crate::generated as fbs;
    use crate::limits::HEADER_BYTES;
    use crate::payload::verified_root;
    use bytes::BytesMut;
    use fastrand::Rng;
    use model::operation::{Attributes, Choice, ConditionalWrite, PutItem, ReturnValues};
    use model::{Item, Request, Text, Value};
    use std::collections::BTreeMap;

    fn payload(random: &mut Rng) -> Vec<u8> {
        let text = "x".repeat(random.usize(0..9));
        let item = BTreeMap::from([(format!("a{text}"), Value::S(text.clone()))]);
        let return_values = match random.u8(0..3) {
            0 => Choice::Absent,
            1 => Choice::Known(ReturnValues::AllOld),
            _ => Choice::Unknown(text.clone()),
        };
        let request = PutItem {
            table_name: random.bool().then(|| Text::from(&text[..])),
            item: Attributes::Valid(Item::from_value_map(&item).expect("a legal item")),
            return_values,
            conditional: random.bool().then(|| Box::new(conditional(random, &text))),
            ..PutItem::default()
        };
        let mut out = BytesMut::new();
        encode_request(RequestId(1), &Request::PutItem(request), &mut out).expect("a small request");
        out[HEADER_BYTES..].to_vec()
    }

    fn conditional(random: &mut Rng, text: &str) -> ConditionalWrite {
        let value = BTreeMap::from([(":v".to_owned(), Value::Null)]);
        ConditionalWrite {
            condition_expression: random.bool().then(|| Text::from(text)),
            expression_attribute_names: (random.u8(0..8) == 0).then(|| vec![(Text::from("#n"), Text::from(text))]),
            expression_attribute_values: Attributes::Valid(Item::from_value_map(&value).expect("a legal item")),
            conditional_operator: Choice::Unknown(text.to_owned()),
            ..ConditionalWrite::default()
        }
    }

    type Found<'a> = (Option<&'a str>, Option<&'a [u8]>, [Option<&'a str>; 3], Option<FoundConditional<'a>>);
    type FoundConditional<'a> = (Option<&'a str>, Option<&'a [u8]>, [Option<&'a str>; 2]);

    fn by_reader(payload: &[u8]) -> Result<Found<'_>, Broken> {
        let table = TableReader::root(payload)?;
        let conditional = table.table(fbs::PutItem::VT_CONDITIONAL)?;
        let has_lists = |conditional: &TableReader<'_>| {
            conditional.has(fbs::Conditional::VT_EXPRESSION_ATTRIBUTE_NAMES)
                || conditional.has(fbs::Conditional::VT_EXPECTED)
        };
        if conditional.as_ref().is_some_and(has_lists) {
            return by_verifier(payload);
        }
        let conditional = conditional.map(|conditional| {
            Ok((
                conditional.text(fbs::Conditional::VT_CONDITION_EXPRESSION)?,
                conditional.bytes(fbs::Conditional::VT_EXPRESSION_ATTRIBUTE_VALUES)?,
                [
                    conditional.text(fbs::Conditional::VT_CONDITIONAL_OPERATOR)?,
                    conditional.text(fbs::Conditional::VT_RETURN_VALUES_ON_CONDITION_CHECK_FAILURE)?,
                ],
            ))
        });
        Ok((
            table.text(fbs::PutItem::VT_TABLE_NAME)?,
            table.bytes(fbs::PutItem::VT_ITEM)?,
            [
                table.text(fbs::PutItem::VT_RETURN_VALUES)?,
                table.text(fbs::PutItem::VT_RETURN_CONSUMED_CAPACITY)?,
                table.text(fbs::PutItem::VT_RETURN_ITEM_COLLECTION_METRICS)?,
            ],
            conditional.transpose()?,
        ))
    }

    fn by_verifier<'a>(payload: &'a [u8]) -> Result<Found<'a>, Broken> {
        let table = verified_root::<fbs::PutItem<'a>>(Kind::PUT_ITEM, payload).map_err(|_| Broken)?;
        let of_condition = |conditional: fbs::Conditional<'a>| {
            (
                conditional.condition_expression(),
                conditional.expression_attribute_values().map(|values| values.bytes()),
                [conditional.conditional_operator(), conditional.return_values_on_condition_check_failure()],
            )
        };
        Ok((
            table.table_name(),
            table.item().map(|item| item.bytes()),
            [table.return_values(), table.return_consumed_capacity(), table.return_item_collection_metrics()],
            table.conditional().map(of_condition),
        ))
    }

    #[test]
    fn finds_and_refuses_what_the_verifier_does() {
        let (mut accepted, mut refused) = (0, 0);
        for seed in 0..200_000 {
            let mut random = Rng::with_seed(seed);
            let mut payload = payload(&mut random);
            for _ in 0..random.usize(0..4) {
                let place = random.usize(0..payload.len());
                payload[place] = [0, 1, 2, 4, 0x7F, 0xFF, random.u8(..)][random.usize(0..7)];
            }
            payload.truncate(payload.len() - 8 * random.usize(0..2) * random.usize(0..3));
            let found = by_verifier(&payload);
            assert_eq!(by_reader(&payload), found, "seed {seed}: {payload:?}");
            if found.is_ok() { accepted += 1 } else { refused += 1 }
        }
        assert!(accepted > 10_000 && refused > 10_000, "{accepted} accepted, {refused} refused");
    }

    #[test]
    fn tables_in_tables() {
        let mut payload = vec![0; 56];
        let mut put = |place: usize, bytes: &[u8]| payload[place..place + bytes.len()].copy_from_slice(bytes);
        put(0, &[12, 0, 0, 0]);
        // A vtable with one reference, its table at 12, a table at 32 with 8 bytes and a flag.
        put(6, &[6, 0, 8, 0, 4, 0]);
        put(12, &[6, 0, 0, 0, 16, 0, 0, 0]);
        put(24, &[8, 0, 20, 0, 8, 0, 16, 0]);
        put(32, &[8, 0, 0, 0]);
        put(48, &[1]);
        let root = TableReader::root(&payload).expect("sound");
        let table = root.table(4).expect("sound").expect("present");
        assert_eq!((table.flag(6), table.flag(8)), (Ok(true), Ok(false)));
        assert!(table.has(4) && table.has(6) && !table.has(8));
        assert!(root.table(6).expect("sound").is_none());
        assert!(table.has_fields_past(4) && !table.has_fields_past(6));
        for length in 0..=48 {
            let cut = TableReader::root(&payload[..length]);
            let read = cut.and_then(|root| root.table(4)).and_then(|table| table.ok_or(Broken)?.flag(6));
            assert_eq!(read, Err(Broken), "{length} bytes");
        }
    }
}
