//! Throughput as users set it: provisioned, the bounds of on-demand use, and what is kept warm.
//!
//! Set by CreateTable and UpdateTable, read by the owners of partitions, who hold requests to it, and by whoever
//! describes the table. How much a request costs is not here (`operation/capacity.rs`).

/// Units a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ProvisionedThroughput {
    /// Reads of 4 KiB a second.
    pub read_capacity_units: u64,
    /// Writes of 1 KiB a second.
    pub write_capacity_units: u64,
}

/// The most that a table by request may use, in units a second; `None` where nothing is bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OnDemandThroughput {
    /// Reads of 4 KiB a second.
    pub max_read_request_units: Option<u64>,
    /// Writes of 1 KiB a second.
    pub max_write_request_units: Option<u64>,
}

/// What a table can take at once, without growing first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct WarmThroughput {
    /// Reads of 4 KiB a second.
    pub read_units_per_second: u64,
    /// Writes of 1 KiB a second.
    pub write_units_per_second: u64,
}

impl OnDemandThroughput {
    /// Whether either side is bounded.
    pub const fn is_bounded(&self) -> bool {
        self.max_read_request_units.is_some() || self.max_write_request_units.is_some()
    }
}

impl WarmThroughput {
    /// What every new table by request can take.
    pub const ON_DEMAND: WarmThroughput =
        WarmThroughput { read_units_per_second: 12_000, write_units_per_second: 4_000 };

    /// The larger of both, each side by itself.
    pub fn max_with(self, other: WarmThroughput) -> WarmThroughput {
        WarmThroughput {
            read_units_per_second: self.read_units_per_second.max(other.read_units_per_second),
            write_units_per_second: self.write_units_per_second.max(other.write_units_per_second),
        }
    }
}
