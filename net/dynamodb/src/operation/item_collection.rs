//! `ItemCollectionMetrics` in replies: one for a write, lists by table for a batch.

use model::Text;
use model::operation::ItemCollectionMetrics;

use crate::json::item::write_item;
use crate::json::writer::Writer;

/// The member of a reply to one write, when it was asked for.
pub(super) fn write_member(metrics: Option<&ItemCollectionMetrics>, writer: &mut Writer<'_>) {
    if let Some(metrics) = metrics {
        writer.known_name("\"ItemCollectionMetrics\":");
        write(metrics, writer);
    }
}

/// The member of a reply to several writes, when it was asked for.
pub(super) fn write_map_member(metrics: Option<&[(Text, Vec<ItemCollectionMetrics>)]>, writer: &mut Writer<'_>) {
    let Some(tables) = metrics else { return };
    writer.known_name("\"ItemCollectionMetrics\":");
    writer.object(|writer| {
        for (table_name, metrics) in tables {
            writer.name(table_name);
            writer.list(|writer| metrics.iter().for_each(|metrics| write(metrics, writer)));
        }
    });
}

fn write(metrics: &ItemCollectionMetrics, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        writer.known_name("\"ItemCollectionKey\":");
        write_item(metrics.item_collection_key.as_ref(), writer);
        writer.known_name("\"SizeEstimateRangeGB\":");
        writer.list(|writer| {
            metrics.size_estimate_range_gb.iter().for_each(|bound| writer.halves(2 * u64::from(*bound)));
        });
    });
}
