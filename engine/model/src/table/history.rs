//! What was changed of a table since it was created, and when: descriptions tell it, some rules ask for it.
//!
//! Written by whoever changes the definition, in the same change. Times are milliseconds since 1970.

/// The changes of one table. Nothing is in it when the table is new, but for its first day by request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableHistory {
    /// When it last became a table by request; its creation, if it was made so.
    pub on_demand_since_ms: Option<u64>,
    /// When its provisioned throughput was last raised.
    pub throughput_increased_at_ms: Option<u64>,
    /// When its provisioned throughput was last lowered.
    pub throughput_decreased_at_ms: Option<u64>,
    /// How often it was lowered on the day (UTC) of the last time.
    pub throughput_decrease_count: u64,
    /// When its class was last changed.
    pub table_class_changed_at_ms: Option<u64>,
    /// The last change of how items expire.
    pub time_to_live: Option<TimeToLiveChange>,
    /// When the last UpdateTable took effect; its status is UPDATING for a while after.
    pub updated_at_ms: Option<u64>,
}

/// Items began to expire by an attribute, or ceased to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeToLiveChange {
    /// When.
    pub changed_at_ms: u64,
    /// By which attribute they do, or did before.
    pub attribute_name: String,
}

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

impl TableHistory {
    /// How often the provisioned throughput was lowered on the day (UTC) of `now_ms`.
    pub fn decrease_count_today(&self, now_ms: u64) -> u64 {
        match self.throughput_decreased_at_ms {
            Some(at_ms) if at_ms / DAY_MS == now_ms / DAY_MS => self.throughput_decrease_count,
            _ => 0,
        }
    }

    /// Notes that the provisioned throughput is lowered now.
    pub fn note_decrease(&mut self, now_ms: u64) {
        self.throughput_decrease_count = self.decrease_count_today(now_ms) + 1;
        self.throughput_decreased_at_ms = Some(now_ms);
    }
}
