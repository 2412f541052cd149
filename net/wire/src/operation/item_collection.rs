//! Item collections that writes have changed, on the wire: one for a write, lists by table for a batch.

use flatbuffers::{ForwardsUOffset, Vector};
use model::Text;
use model::operation::ItemCollectionMetrics;

use crate::error::ProtocolError;
use crate::generated as fbs;
use crate::payload::Payload;
use crate::writer::{REFERENCE, Shape, Table, WORD, Writer};

/// What a batch has changed in one table.
type TableMetrics = (Text, Vec<ItemCollectionMetrics>);

static SHAPE: Shape<3> = Shape::new([REFERENCE, WORD, WORD]);
static TABLE_SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);

pub(super) fn encode(metrics: Option<&ItemCollectionMetrics>, table: Table, field: u16, writer: &mut Writer<'_>) {
    if let Some(metrics) = metrics {
        let child = writer.child(table, field, &SHAPE);
        write(metrics, child, writer);
    }
}

pub(super) fn encode_by_table(tables: Option<&[TableMetrics]>, table: Table, field: u16, writer: &mut Writer<'_>) {
    let Some(tables) = tables else { return };
    let vector = writer.vector(table, field, tables.len());
    for (index, (table_name, list)) in tables.iter().enumerate() {
        let element = writer.element(vector, index, &TABLE_SHAPE);
        writer.text(element, fbs::TableMetrics::VT_TABLE_NAME, table_name);
        let vector = writer.vector(element, fbs::TableMetrics::VT_METRICS, list.len());
        for (index, metrics) in list.iter().enumerate() {
            let element = writer.element(vector, index, &SHAPE);
            write(metrics, element, writer);
        }
    }
}

fn write(metrics: &ItemCollectionMetrics, table: Table, writer: &mut Writer<'_>) {
    let [size_gb_min, size_gb_max] = metrics.size_estimate_range_gb;
    writer.bytes(table, fbs::ItemCollectionMetrics::VT_ITEM_COLLECTION_KEY, metrics.item_collection_key.bytes());
    writer.word(table, fbs::ItemCollectionMetrics::VT_SIZE_GB_MIN, size_gb_min);
    writer.word(table, fbs::ItemCollectionMetrics::VT_SIZE_GB_MAX, size_gb_max);
}

pub(super) fn decode<'a>(
    payload: Payload<'a>,
    metrics: Option<fbs::ItemCollectionMetrics<'a>>,
) -> Result<Option<Box<ItemCollectionMetrics>>, ProtocolError> {
    metrics.map(|metrics| read(payload, metrics).map(Box::new)).transpose()
}

pub(super) fn decode_by_table<'a>(
    payload: Payload<'a>,
    tables: Option<Vector<'a, ForwardsUOffset<fbs::TableMetrics<'a>>>>,
) -> Result<Option<Vec<TableMetrics>>, ProtocolError> {
    let of_table = |payload: Payload<'a>, table: fbs::TableMetrics<'a>| {
        let metrics = table.metrics().ok_or_else(|| payload.missing("metrics"))?;
        Ok((payload.text_required("table_name", table.table_name())?, payload.list(metrics, read)?))
    };
    tables.map(|tables| payload.list(tables, of_table)).transpose()
}

fn read<'a>(
    payload: Payload<'a>,
    metrics: fbs::ItemCollectionMetrics<'a>,
) -> Result<ItemCollectionMetrics, ProtocolError> {
    let key = payload.item(metrics.item_collection_key().map(|key| key.bytes()))?;
    Ok(ItemCollectionMetrics {
        item_collection_key: key.ok_or_else(|| payload.missing("item_collection_key"))?,
        size_estimate_range_gb: [metrics.size_gb_min(), metrics.size_gb_max()],
    })
}
