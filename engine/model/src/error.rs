//! What a client is told when the answer is no: DynamoDB's own exceptions and their texts.
//!
//! Made by whoever finds the fault (`model` when it validates, the owner of a partition when it decides),
//! passed through unchanged, encoded by `net/`. A broken invariant is never one of these: that stops the process.
//! The texts of a single operation live beside that operation, not here.

use crate::Item;
use std::borrow::Cow;
use std::fmt;

/// An error exactly as DynamoDB words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Which exception it is.
    pub kind: ErrorKind,
    /// The text that the caller sees.
    pub message: Cow<'static, str>,
    /// What the caller is told besides.
    pub detail: Option<Box<ErrorDetail>>,
}

/// What an error tells besides its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorDetail {
    /// With `ConditionalCheckFailed`: the item that did not meet the condition.
    Item(Item),
    /// With the throttling errors: which limits were reached.
    ThrottlingReasons(Vec<ThrottlingReason>),
}

/// A limit of throughput that was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThrottlingReason {
    /// Which limit, as `TableReadProvisionedThroughputExceeded`.
    pub reason: Cow<'static, str>,
    /// The ARN of the table or index.
    pub resource: Cow<'static, str>,
}

/// Which of a table's throughputs a request uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read units.
    Read,
    /// Write units.
    Write,
}

/// DynamoDB's exceptions, sorted as the API names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is understood and wrong.
    Validation,
    /// A table (or index, or stream) that does not exist.
    ResourceNotFound,
    /// A table that exists already, or is being changed.
    ResourceInUse,
    /// A table that does not exist, as operations on backups call it.
    TableNotFound,
    /// A condition that does not hold.
    ConditionalCheckFailed,
    /// More than the provisioned throughput.
    ProvisionedThroughputExceeded,
    /// Too many control plane operations, or too large a limit asked for.
    LimitExceeded,
    /// More than the account's throughput.
    RequestLimitExceeded,
    /// More than the node can take now; the client backs off and tries again.
    Throttling,
    /// An item collection (all items of one partition key, with local indexes) beyond 10 GB.
    ItemCollectionSizeLimitExceeded,
    /// The request cannot be read as what it claims to be.
    Serialization,
    /// No such operation.
    UnknownOperation,
    /// The caller may not do this.
    AccessDenied,
    /// The caller's key or token is not known.
    UnrecognizedClient,
    /// The request is not signed.
    MissingAuthenticationToken,
    /// The signature lacks a part.
    IncompleteSignature,
    /// The signature does not match.
    InvalidSignature,
    /// The server is at fault.
    InternalServer,
    /// The server cannot answer now.
    ServiceUnavailable,
}

/// What a request is told that comes faster than the node can take it.
// DynamoDB: service model: the text of ThrottlingException on tables without provisioned throughput.
pub const THROTTLED: &str = "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically \
    scaling your table or index so please try again shortly. If exceptions persist, check if you have a hot key: \
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html";

/// What a request is told that comes faster than was provisioned for.
// DynamoDB: observed.
const PROVISIONED_THROUGHPUT_EXCEEDED: &str = "The level of configured provisioned throughput for the table was exceeded. \
    Consider increasing your provisioning level with the UpdateTable API.";
/// What a request is told that comes faster than the bound that the user gave a table by request.
// DynamoDB: developer guide, "Diagnosing throttling".
const ON_DEMAND_THROUGHPUT_EXCEEDED: &str =
    "Throughput exceeds the maximum OnDemandThroughput configured on table or index";

impl Error {
    /// An error of `kind` with DynamoDB's text for it.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Error {
        Error { kind, message: message.into(), detail: None }
    }

    /// The same error, telling `detail` besides.
    #[must_use]
    pub fn with_detail(self, detail: ErrorDetail) -> Error {
        Error { detail: Some(Box::new(detail)), ..self }
    }

    /// A `ValidationException`.
    pub fn validation(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(ErrorKind::Validation, message)
    }

    /// A `ValidationException` with DynamoDB's usual opening before `detail`.
    ///
    /// DynamoDB: observed: most of its texts begin `One or more parameter values were invalid: `.
    pub fn invalid_parameter(detail: impl fmt::Display) -> Error {
        Error::validation(format!("One or more parameter values were invalid: {detail}"))
    }

    /// A `ResourceNotFoundException` as the data plane words it.
    pub fn resource_not_found() -> Error {
        Error::new(ErrorKind::ResourceNotFound, "Requested resource not found")
    }

    /// A `ResourceNotFoundException` as DescribeTable, DeleteTable and UpdateTable word it.
    pub fn table_not_found(table_name: &str) -> Error {
        Error::new(ErrorKind::ResourceNotFound, format!("Requested resource not found: Table: {table_name} not found"))
    }

    /// A `TableNotFoundException`, as operations on backups word it.
    // DynamoDB: observed; its service model gives these operations no other exception for it.
    pub fn table_of_backups_not_found(table_name: &str) -> Error {
        Error::new(ErrorKind::TableNotFound, format!("Table not found: {table_name}"))
    }

    /// A `ResourceInUseException`.
    pub fn resource_in_use(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(ErrorKind::ResourceInUse, message)
    }

    /// A `SerializationException`.
    pub fn serialization(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(ErrorKind::Serialization, message)
    }

    /// A `ConditionalCheckFailedException`, telling the item that did not meet the condition if the caller asked for it.
    pub fn condition_failed(item: Option<Item>) -> Error {
        let error = Error::new(ErrorKind::ConditionalCheckFailed, "The conditional request failed");
        match item {
            Some(item) => error.with_detail(ErrorDetail::Item(item)),
            None => error,
        }
    }

    /// An `ItemCollectionSizeLimitExceededException`: the items of one partition key take more than 10 GB.
    // DynamoDB: developer guide, "Error handling with DynamoDB".
    pub fn item_collection_too_large() -> Error {
        Error::new(ErrorKind::ItemCollectionSizeLimitExceeded, "Collection size exceeded.")
    }

    /// A `ProvisionedThroughputExceededException` of the table with that ARN.
    pub fn provisioned_throughput_exceeded(access: Access, table_arn: String) -> Error {
        let reason = match access {
            Access::Read => "TableReadProvisionedThroughputExceeded",
            Access::Write => "TableWriteProvisionedThroughputExceeded",
        };
        Error::new(ErrorKind::ProvisionedThroughputExceeded, PROVISIONED_THROUGHPUT_EXCEEDED)
            .with_throttling_reason(reason, table_arn)
    }

    /// A `ThrottlingException` of a table by request whose own bound is reached.
    pub fn on_demand_throughput_exceeded(access: Access, table_arn: String) -> Error {
        let reason = match access {
            Access::Read => "TableReadMaxOnDemandThroughputExceeded",
            Access::Write => "TableWriteMaxOnDemandThroughputExceeded",
        };
        Error::throttling(ON_DEMAND_THROUGHPUT_EXCEEDED).with_throttling_reason(reason, table_arn)
    }

    fn with_throttling_reason(self, reason: &'static str, table_arn: String) -> Error {
        let reason = ThrottlingReason { reason: reason.into(), resource: table_arn.into() };
        self.with_detail(ErrorDetail::ThrottlingReasons(vec![reason]))
    }

    /// A `ThrottlingException`: the answer when a queue or another limit of the node is full.
    pub fn throttling(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(ErrorKind::Throttling, message)
    }

    /// An `InternalServerError`.
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(ErrorKind::InternalServer, message)
    }

    /// A `ServiceUnavailable`.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(ErrorKind::ServiceUnavailable, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.kind.exception_name(), self.message)
    }
}

impl std::error::Error for Error {}

const NAMESPACE_DYNAMODB: &str = "com.amazonaws.dynamodb.v20120810";
const NAMESPACE_VALIDATE: &str = "com.amazon.coral.validate";
const NAMESPACE_SERVICE: &str = "com.amazon.coral.service";

impl ErrorKind {
    /// Every kind, for tables and tests.
    pub const ALL: [ErrorKind; 19] = [
        ErrorKind::Validation,
        ErrorKind::ResourceNotFound,
        ErrorKind::ResourceInUse,
        ErrorKind::TableNotFound,
        ErrorKind::ConditionalCheckFailed,
        ErrorKind::ProvisionedThroughputExceeded,
        ErrorKind::LimitExceeded,
        ErrorKind::RequestLimitExceeded,
        ErrorKind::Throttling,
        ErrorKind::ItemCollectionSizeLimitExceeded,
        ErrorKind::Serialization,
        ErrorKind::UnknownOperation,
        ErrorKind::AccessDenied,
        ErrorKind::UnrecognizedClient,
        ErrorKind::MissingAuthenticationToken,
        ErrorKind::IncompleteSignature,
        ErrorKind::InvalidSignature,
        ErrorKind::InternalServer,
        ErrorKind::ServiceUnavailable,
    ];

    /// The name in the `__type` of an error body, after the `#`.
    pub const fn exception_name(self) -> &'static str {
        match self {
            ErrorKind::Validation => "ValidationException",
            ErrorKind::ResourceNotFound => "ResourceNotFoundException",
            ErrorKind::ResourceInUse => "ResourceInUseException",
            ErrorKind::TableNotFound => "TableNotFoundException",
            ErrorKind::ConditionalCheckFailed => "ConditionalCheckFailedException",
            ErrorKind::ProvisionedThroughputExceeded => "ProvisionedThroughputExceededException",
            ErrorKind::LimitExceeded => "LimitExceededException",
            ErrorKind::RequestLimitExceeded => "RequestLimitExceeded",
            ErrorKind::Throttling => "ThrottlingException",
            ErrorKind::ItemCollectionSizeLimitExceeded => "ItemCollectionSizeLimitExceededException",
            ErrorKind::Serialization => "SerializationException",
            ErrorKind::UnknownOperation => "UnknownOperationException",
            ErrorKind::AccessDenied => "AccessDeniedException",
            ErrorKind::UnrecognizedClient => "UnrecognizedClientException",
            ErrorKind::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            ErrorKind::IncompleteSignature => "IncompleteSignatureException",
            ErrorKind::InvalidSignature => "InvalidSignatureException",
            ErrorKind::InternalServer => "InternalServerError",
            ErrorKind::ServiceUnavailable => "ServiceUnavailable",
        }
    }

    /// The namespace in the `__type` of an error body, before the `#`.
    ///
    /// DynamoDB: observed: errors of the API model carry its version, the service framework's own carry "coral".
    pub const fn namespace(self) -> &'static str {
        match self {
            ErrorKind::Validation => NAMESPACE_VALIDATE,
            ErrorKind::ResourceNotFound
            | ErrorKind::ResourceInUse
            | ErrorKind::TableNotFound
            | ErrorKind::ConditionalCheckFailed
            | ErrorKind::ProvisionedThroughputExceeded
            | ErrorKind::LimitExceeded
            | ErrorKind::RequestLimitExceeded
            | ErrorKind::ItemCollectionSizeLimitExceeded
            | ErrorKind::InternalServer => NAMESPACE_DYNAMODB,
            ErrorKind::Throttling
            | ErrorKind::Serialization
            | ErrorKind::UnknownOperation
            | ErrorKind::AccessDenied
            | ErrorKind::UnrecognizedClient
            | ErrorKind::MissingAuthenticationToken
            | ErrorKind::IncompleteSignature
            | ErrorKind::InvalidSignature
            | ErrorKind::ServiceUnavailable => NAMESPACE_SERVICE,
        }
    }

    /// The HTTP status: 400 for whatever the client can change (throttling too), 500 and 503 for the server's faults.
    pub const fn http_status(self) -> u16 {
        match self {
            ErrorKind::InternalServer => 500,
            ErrorKind::ServiceUnavailable => 503,
            _ => 400,
        }
    }

    /// Whether the same request may succeed when it is sent again later.
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            ErrorKind::ProvisionedThroughputExceeded
                | ErrorKind::RequestLimitExceeded
                | ErrorKind::LimitExceeded
                | ErrorKind::Throttling
                | ErrorKind::InternalServer
                | ErrorKind::ServiceUnavailable
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_name_and_a_status() {
        let mut names: Vec<_> = ErrorKind::ALL.iter().map(|kind| kind.exception_name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ErrorKind::ALL.len());
        for kind in ErrorKind::ALL {
            assert!(matches!(kind.http_status(), 400 | 500 | 503));
            assert!(kind.namespace().starts_with("com.amazon"));
        }
    }

    #[test]
    fn throttling_tells_which_limit_of_which_table() {
        for (error, kind, reason) in [
            (
                Error::provisioned_throughput_exceeded(Access::Read, "arn".to_owned()),
                ErrorKind::ProvisionedThroughputExceeded,
                "TableReadProvisionedThroughputExceeded",
            ),
            (
                Error::on_demand_throughput_exceeded(Access::Write, "arn".to_owned()),
                ErrorKind::Throttling,
                "TableWriteMaxOnDemandThroughputExceeded",
            ),
        ] {
            assert_eq!(error.kind, kind);
            let reason = ThrottlingReason { reason: reason.into(), resource: "arn".into() };
            assert_eq!(error.detail, Some(Box::new(ErrorDetail::ThrottlingReasons(vec![reason]))));
        }
    }

    #[test]
    fn displays_as_name_and_text() {
        assert_eq!(
            Error::invalid_parameter("x").to_string(),
            "ValidationException: One or more parameter values were invalid: x"
        );
    }
}
