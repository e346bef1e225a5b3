//! Adapters to the services behind the functions: PostgreSQL, DynamoDB, Parameter Store, SNS, and merchants' webhooks.

pub mod configuration;
pub mod database;
pub mod deliveries;
pub mod iam_token;
pub mod ledger;
pub mod migrations;
pub mod outbox;
pub mod sessions;
pub mod webhook;
