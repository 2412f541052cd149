//! Reads payloads: verifies a FlatBuffer before anything is read from it, and cuts texts and items out of the received
//! memory without copying.
//!
//! In the way of a request: between the frame and the operation's file. Deliberately not here: writing (`writer`), and
//! which fields a message has (`operation/`).

use bytes::Bytes;
use flatbuffers::{Follow, ForwardsUOffset, Table, VOffsetT, Vector, Verifiable, VerifierOptions};
use model::operation::{Attributes, Choice, Parameter};
use model::{Error, Item, Text};

use crate::error::{Malformation, ProtocolError};
use crate::frame::{Frame, Kind};
use crate::generated as fbs;
use crate::limits::{APPARENT_BYTES_BASE, APPARENT_BYTES_FACTOR, TABLE_DEPTH_MAX, TABLES_COUNT_MAX};
use crate::reader::{Broken, TableReader};

/// Why a request was not decoded.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The connection is lost.
    Protocol(ProtocolError),
    /// This request is answered with an error; the connection goes on.
    Request(Error),
}

impl From<ProtocolError> for Refusal {
    fn from(error: ProtocolError) -> Refusal {
        Refusal::Protocol(error)
    }
}

/// A payload whose frame is sound and whose content is not yet believed.
#[derive(Clone, Copy)]
pub(crate) struct Payload<'a> {
    kind: Kind,
    bytes: &'a Bytes,
}

impl<'a> Payload<'a> {
    pub(crate) fn new(frame: &'a Frame) -> Payload<'a> {
        Payload { kind: frame.header.kind, bytes: &frame.payload }
    }

    /// The root table, verified.
    pub(crate) fn root<T>(self) -> Result<T::Inner, ProtocolError>
    where
        T: 'a + Follow<'a> + Verifiable,
    {
        verified_root::<T>(self.kind, self.bytes)
    }

    /// The root table of a small and frequent message: checked as it is read.
    pub(crate) fn reader(self) -> Result<TableReader<'a>, ProtocolError> {
        self.intact(TableReader::root(self.bytes))
    }

    /// What a reader has found, or the error of a payload that is no FlatBuffer.
    pub(crate) fn intact<T>(self, read: Result<T, Broken>) -> Result<T, ProtocolError> {
        read.map_err(|Broken| ProtocolError::malformed(self.kind, Malformation::NotFlatBuffer))
    }

    /// A sub-slice of the payload as bytes that share its memory.
    pub(crate) fn share(self, part: &'a [u8]) -> Bytes {
        self.bytes.slice_ref(part)
    }

    /// A text.
    pub(crate) fn text(self, text: &'a str) -> Text {
        Text::part_of(self.bytes, text)
    }

    /// A text of a frequent message.
    pub(crate) fn text_in(self, table: TableReader<'a>, field: VOffsetT) -> Result<Option<Text>, ProtocolError> {
        let Some(bytes) = self.intact(table.text_bytes(field))? else {
            return Ok(None);
        };
        self.intact(Text::from_utf8(self.bytes, bytes).map(Some).map_err(|_| Broken))
    }

    /// A text that may be absent.
    pub(crate) fn text_option(self, text: Option<&'a str>) -> Option<Text> {
        text.map(|text| self.text(text))
    }

    /// A text that must be there.
    pub(crate) fn text_required(self, field: &'static str, text: Option<&'a str>) -> Result<Text, ProtocolError> {
        text.map(|text| self.text(text)).ok_or_else(|| self.missing(field))
    }

    /// A list of texts that may be absent.
    pub(crate) fn texts(self, texts: Option<Vector<'a, ForwardsUOffset<&'a str>>>) -> Option<Vec<Text>> {
        texts.map(|texts| texts.iter().map(|text| self.text(text)).collect())
    }

    /// Placeholders in a request and the names they stand for, which may be absent.
    pub(crate) fn names(
        self,
        names: Option<Vector<'a, ForwardsUOffset<fbs::AttributeName<'a>>>>,
    ) -> Result<Option<Vec<(Text, Text)>>, Refusal> {
        let of_one = |payload: Payload<'a>, name: fbs::AttributeName<'a>| {
            refuse_unknown_fields(name._tab, fbs::AttributeName::VT_NAME)?;
            let placeholder = payload.text_required("placeholder", name.placeholder())?;
            Ok((placeholder, payload.text_required("name", name.name())?))
        };
        names.map(|names| self.list(names, of_one)).transpose()
    }

    /// A map of attributes in a request: bytes that are no item are the request's fault, told in its turn.
    pub(crate) fn attributes(self, encoded: Option<&'a [u8]>) -> Attributes {
        encoded.map_or(Attributes::Absent, |encoded| self.attributes_of(encoded))
    }

    /// The maps of a list in a request; an empty slice is a map that was not given.
    pub(crate) fn attributes_list(self, list: fbs::ItemList<'a>) -> Result<Vec<Attributes>, ProtocolError> {
        self.slices(list)?
            .map(|slice| {
                slice.map(|encoded| match encoded {
                    [] => Attributes::Absent,
                    encoded => self.attributes_of(encoded),
                })
            })
            .collect()
    }

    /// An item in a reply: here bytes that are no item are the server's fault.
    pub(crate) fn item(self, encoded: Option<&'a [u8]>) -> Result<Option<Item>, ProtocolError> {
        encoded.map(|encoded| self.item_of(encoded)).transpose()
    }

    /// The items of a list in a reply.
    pub(crate) fn items(self, list: fbs::ItemList<'a>) -> Result<Vec<Item>, ProtocolError> {
        self.slices(list)?.map(|slice| self.item_of(slice?)).collect()
    }

    /// The elements of a vector, each decoded.
    pub(crate) fn list<T, D, E>(
        self,
        vector: Vector<'a, ForwardsUOffset<T>>,
        decode: impl Fn(Payload<'a>, T::Inner) -> Result<D, E>,
    ) -> Result<Vec<D>, E>
    where
        T: Follow<'a> + 'a,
    {
        vector.iter().map(|element| decode(self, element)).collect()
    }

    pub(crate) fn missing(self, field: &'static str) -> ProtocolError {
        ProtocolError::malformed(self.kind, Malformation::Missing(field))
    }

    pub(crate) fn wrong(self, field: &'static str) -> ProtocolError {
        ProtocolError::malformed(self.kind, Malformation::Wrong(field))
    }

    fn attributes_of(self, encoded: &'a [u8]) -> Attributes {
        match Item::verify(self.share(encoded)) {
            Ok(item) => Attributes::Valid(item),
            Err(error) => {
                let message = format!("The encoded attributes cannot be read: {error}");
                Attributes::invalid(Text::default(), Error::serialization(message))
            }
        }
    }

    fn item_of(self, encoded: &'a [u8]) -> Result<Item, ProtocolError> {
        Item::verify(self.share(encoded)).map_err(|_| self.wrong("item"))
    }

    /// The slices of a list, checked to lie one after the other and to fill its bytes.
    fn slices(
        self,
        list: fbs::ItemList<'a>,
    ) -> Result<impl Iterator<Item = Result<&'a [u8], ProtocolError>> + use<'a>, ProtocolError> {
        let bytes = list.bytes().map_or(&[][..], |bytes| bytes.bytes());
        let ends = list.ends().ok_or_else(|| self.missing("ends"))?;
        let last = if ends.is_empty() { 0 } else { ends.get(ends.len() - 1) as usize };
        if last != bytes.len() {
            return Err(self.wrong("ends"));
        }
        let mut start = 0;
        Ok(ends.iter().map(move |end| {
            let slice = bytes.get(start..end as usize).ok_or_else(|| self.wrong("ends"))?;
            start = end as usize;
            Ok(slice)
        }))
    }
}

/// The root table of a payload, verified within the limits of PROTOCOL.md.
pub(crate) fn verified_root<'a, T>(kind: Kind, bytes: &'a [u8]) -> Result<T::Inner, ProtocolError>
where
    T: 'a + Follow<'a> + Verifiable,
{
    let options = VerifierOptions {
        max_depth: TABLE_DEPTH_MAX,
        max_tables: TABLES_COUNT_MAX,
        max_apparent_size: bytes.len() * APPARENT_BYTES_FACTOR + APPARENT_BYTES_BASE,
        ignore_missing_null_terminator: false,
    };
    flatbuffers::root_with_opts::<T>(&options, bytes)
        .map_err(|_| ProtocolError::malformed(kind, Malformation::NotFlatBuffer))
}

/// Refuses a request's table that sets a field past `last`, the last one this server knows.
pub(crate) fn refuse_unknown_fields(table: Table<'_>, last: VOffsetT) -> Result<(), Refusal> {
    let vtable = table.vtable();
    let bytes = u16::try_from(vtable.num_bytes()).expect("a vtable's length is a u16");
    let mut unknown = (last + 2..bytes).step_by(2);
    if unknown.any(|field| vtable.get(field) != 0) { Err(unknown_fields()) } else { Ok(()) }
}

/// The refusal of a request with fields that this server does not know.
pub(crate) fn unknown_fields() -> Refusal {
    Refusal::Request(Error::serialization("The request has fields that this version of the server does not know"))
}

/// An enumerated parameter from its token.
pub(crate) fn choice<T: Parameter>(token: Option<&str>) -> Choice<T> {
    token.map_or(Choice::Absent, Choice::from_token)
}
