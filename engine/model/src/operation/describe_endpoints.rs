//! DescribeEndpoints: where to send requests; SDKs ask when endpoint discovery is on.

use crate::Text;

/// The request; it has no parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribeEndpoints {
    /// Host and port under which the caller has reached the server, where its protocol tells.
    pub host: Option<Text>,
}

/// The reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeEndpointsReply {
    /// At least one.
    pub endpoints: Vec<Endpoint>,
}

/// Where to send requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Host and port.
    pub address: Text,
    /// How long the caller may remember it.
    pub cache_period_minutes: u32,
}
