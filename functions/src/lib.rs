//! What the three payment functions share: the rules, the ledger, and the ways to the services around
//! them. Handlers are plain async functions; [`lambda`] puts them behind Lambda's runtime interface.

pub mod addresses;
pub mod cards;
pub mod clients;
pub mod clock;
pub mod configuration;
pub mod database;
pub mod deliveries;
pub mod environment;
pub mod http;
pub mod iam_token;
pub mod identifiers;
pub mod invocation;
pub mod lambda;
pub mod ledger;
pub mod migrations;
pub mod money;
pub mod notifications;
pub mod observation;
pub mod openapi;
pub mod outbox;
pub mod payment_validation;
pub mod redaction;
pub mod refusal;
pub mod routes;
pub mod sessions;
pub mod transaction_processing;
pub mod validation;
pub mod webhook;
