//! Every limit of the data model, by name and with its unit.
//!
//! DynamoDB: "Quotas in Amazon DynamoDB" and the API model, unless a line says otherwise. What bounds a queue or a
//! connection is beside that queue, not here.

// Items.

/// The size of an item as DynamoDB counts it (`ItemRef::size_bytes`).
pub const ITEM_SIZE_BYTES_MAX: usize = 400 * 1024;
/// The encoded bytes of an item, of ExpressionAttributeValues or of any other map from outside. Ours: no request
/// body of 16 MiB encodes to more.
pub const ITEM_ENCODED_BYTES_MAX: usize = 32 << 20;
/// Levels of values: an attribute of the item is at level 1, an element of it at level 2.
/// DynamoDB: observed: a leaf at level 32 is stored, one at level 33 refused.
pub const NESTING_LEVEL_MAX: usize = 32;
/// The name of an attribute, at any level.
pub const ATTRIBUTE_NAME_BYTES_MAX: usize = 65_535;
/// The name of a key, index key, projected or time-to-live attribute.
pub const KEY_ATTRIBUTE_NAME_BYTES_MAX: usize = 255;

// Numbers.

/// Significant decimal digits.
pub const NUMBER_DIGIT_COUNT_MAX: u32 = 38;
/// The decimal exponent of the largest magnitude, 9.99...E+125.
pub const NUMBER_EXPONENT_MAX: i16 = 125;
/// The decimal exponent of the smallest magnitude, 1E-130.
pub const NUMBER_EXPONENT_MIN: i16 = -130;

// Keys.

/// A partition key's value.
pub const PARTITION_KEY_BYTES_MAX: usize = 2048;
/// A sort key's value.
pub const SORT_KEY_BYTES_MAX: usize = 1024;

// Tables.

/// The shortest name of a table or index.
pub const TABLE_NAME_BYTES_MIN: usize = 3;
/// The longest name of a table or index.
pub const TABLE_NAME_BYTES_MAX: usize = 255;
/// A table's ARN where a name may stand.
pub const TABLE_ARN_BYTES_MAX: usize = 1024;
/// Elements of a key schema.
pub const KEY_SCHEMA_ELEMENT_COUNT_MAX: usize = 2;
/// Tags of one table.
pub const TAG_COUNT_MAX: usize = 50;
/// A tag's key, in characters.
pub const TAG_KEY_CHARACTER_COUNT_MAX: usize = 128;
/// A tag's value, in characters.
pub const TAG_VALUE_CHARACTER_COUNT_MAX: usize = 256;
/// Global secondary indexes of one table.
pub const GLOBAL_SECONDARY_INDEX_COUNT_MAX: usize = 20;
/// Local secondary indexes of one table.
pub const LOCAL_SECONDARY_INDEX_COUNT_MAX: usize = 5;
/// Sizes of the items of one partition key and of their index entries together, in a table with local indexes.
pub const ITEM_COLLECTION_BYTES_MAX: u64 = 10 << 30;
/// Attributes that one index projects by name.
pub const NON_KEY_ATTRIBUTE_COUNT_MAX: usize = 20;
/// Attributes that all indexes of one table together project by name.
pub const PROJECTED_ATTRIBUTE_COUNT_MAX: usize = 100;
/// Table names in one ListTables reply.
pub const LIST_TABLES_COUNT_MAX: usize = 100;

// Requests.

/// A request's body over HTTP, after decompression.
pub const REQUEST_BODY_BYTES_MAX: usize = 16 << 20;
/// Item sizes evaluated by one Query or Scan before the page ends.
pub const PAGE_BYTES_MAX: usize = 1 << 20;
/// Keys of one BatchGetItem.
pub const BATCH_GET_KEY_COUNT_MAX: usize = 100;
/// Item sizes in one BatchGetItem reply.
pub const BATCH_GET_BYTES_MAX: usize = 16 << 20;
/// Puts and deletes of one BatchWriteItem.
pub const BATCH_WRITE_COUNT_MAX: usize = 25;
/// Item sizes in one BatchWriteItem.
pub const BATCH_WRITE_BYTES_MAX: usize = 16 << 20;
/// Names in AttributesToGet.
pub const ATTRIBUTES_TO_GET_COUNT_MAX: usize = 255;
/// Segments of a parallel Scan.
pub const SCAN_SEGMENT_COUNT_MAX: i64 = 1_000_000;
/// An expression's text.
pub const EXPRESSION_BYTES_MAX: usize = 4096;
/// All of ExpressionAttributeNames or ExpressionAttributeValues of one request.
pub const EXPRESSION_SUBSTITUTION_BYTES_MAX: usize = 2 << 20;
/// The name of a substitution: `#name` or `:value`.
pub const EXPRESSION_SUBSTITUTION_NAME_BYTES_MAX: usize = 255;

// Capacity.

/// One read unit reads so much of an item, strongly consistent.
pub const READ_UNIT_BYTES: usize = 4096;
/// One write unit writes so much of an item.
pub const WRITE_UNIT_BYTES: usize = 1024;
