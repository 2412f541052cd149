//! Which table a name means, and which partition a key belongs to.
//!
//! One a worker. It holds the tables whose partitions every core has opened, so whoever finds a
//! table here finds its owners ready.

use bytes::Bytes;
use control::{Placement, TableEntry};
use model::operation::{Attributes, WriteRequest, check_index_entries, resolve_table_name};
use model::table::TableStatus;
use model::{EncodedKey, Error, ItemRef, Text};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The tables that may be used, by name.
#[derive(Debug, Default)]
pub(crate) struct Router {
    tables: BTreeMap<Bytes, Arc<TableEntry>>,
    /// Where a key is encoded.
    key: Vec<u8>,
}

impl Router {
    /// The table may be used from now on, as it is now.
    pub(crate) fn open(&mut self, table: Arc<TableEntry>) {
        self.tables.insert(Bytes::copy_from_slice(table.definition.name.as_bytes()), table);
    }

    /// The table may no longer be used.
    pub(crate) fn close(&mut self, table: &TableEntry) {
        self.tables.remove(table.definition.name.as_bytes());
    }

    /// All tables in the order of their names.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Arc<TableEntry>> {
        self.tables.values()
    }

    /// The table that `name`, a name or an ARN, means.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<TableEntry>> {
        self.tables.get(resolve_table_name(name).ok()?.as_bytes())
    }

    /// The table that an item operation names.
    ///
    /// # Errors
    /// ResourceNotFound with the text of the data operations, also while the table is being created.
    pub(crate) fn table(&self, name: Option<&Text>) -> Result<&Arc<TableEntry>, Error> {
        let name = name.expect("validated: the table is named");
        let serves = |table: &&Arc<TableEntry>| table.definition.status != TableStatus::Creating;
        // No name is an ARN: what is found needs not be resolved.
        if let Some(table) = self.tables.get(name.bytes()).filter(serves) {
            return Ok(table);
        }
        let name = resolve_table_name(name)?;
        self.tables.get(name.as_bytes()).filter(serves).ok_or_else(Error::resource_not_found)
    }

    /// Owner and encoded key for the `Key` of a request.
    ///
    /// # Errors
    /// Validation if the key does not fit the table's schema.
    pub(crate) fn route_key(&mut self, table: &TableEntry, key: &Attributes) -> Result<(Placement, EncodedKey), Error> {
        self.key.clear();
        table.definition.key_schema.encode_key(given(key), &mut self.key)?;
        Ok(self.place(table))
    }

    /// Owner and encoded key for the `Item` of a request.
    ///
    /// # Errors
    /// Validation if the item does not fit the table's schema, or an index's.
    pub(crate) fn route_item(
        &mut self,
        table: &TableEntry,
        item: &Attributes,
    ) -> Result<(Placement, EncodedKey), Error> {
        self.key.clear();
        table.definition.key_schema.encode_item_key(given(item), &mut self.key)?;
        check_index_entries(&table.definition, given(item))?;
        Ok(self.place(table))
    }

    /// Owner and encoded key for one write of a batch.
    ///
    /// # Errors
    /// Validation if its key does not fit the table's schema, or an item an index's.
    pub(crate) fn route_write(
        &mut self,
        table: &TableEntry,
        write: &WriteRequest,
    ) -> Result<(Placement, EncodedKey), Error> {
        self.key.clear();
        write.encode_key(&table.definition.key_schema, &mut self.key)?;
        if let WriteRequest::Put(item) = write {
            check_index_entries(&table.definition, given(item))?;
        }
        Ok(self.place(table))
    }

    /// The key that was just encoded, and its owner.
    fn place(&self, table: &TableEntry) -> (Placement, EncodedKey) {
        let key = EncodedKey::new(&self.key);
        (table.placement(key.hash()), key)
    }
}

fn given(attributes: &Attributes) -> ItemRef<'_> {
    attributes.item().expect("validated: given and well formed").as_ref()
}
