//! The DynamoDB HTTP API: requests in, responses out. Pure.
