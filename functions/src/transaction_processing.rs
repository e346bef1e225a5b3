//! The transaction-processing function: it books and returns payments and refunds, sweeps the outbox, and migrates the
//! database schema.

use std::time::Duration;

use lambda_runtime::Error;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::frame::causes::chain;
use crate::frame::clients;
use crate::frame::clock::seconds_now;
use crate::frame::environment::Environment;
use crate::frame::function::Function;
use crate::frame::invocation::Invocation;
use crate::frame::lambda::{Handled, Handler, healthy};
use crate::frame::observation::{Observation, Part};
use crate::frame::rejection::Rejection;
use crate::frame::request::Request;
use crate::frame::response::Response;
use crate::frame::routes::{Matched, Operation};
use crate::rules::identifiers::{self, Kind, fingerprint};
use crate::rules::validation::{self, Booking, Reason};
use crate::stores::configuration::{Configuration, ParameterStore, Wanted};
use crate::stores::database::{Database, DatabaseError, Target};
use crate::stores::ledger::{self, NewPayment, NewRefund, Outcome};
use crate::stores::migrations;
use crate::stores::outbox::{self, Event};
use crate::stores::sessions::{self, Consumption, Session};
use crate::stores::webhook::EVENT_HEADER;

/// How long a caller waits for the topic after the commit. After that, the sweep publishes the event.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(2);

/// The parameters that the function reads, besides those that say where the database is: together not more than one call
/// can ask for.
const PARAMETERS: [&str; 4] =
    ["database/master-secret-arn", "features/refunds-enabled", "storage/sessions-table", "topics/payment-events-arn"];

/// The function with its clients.
pub struct TransactionProcessing {
    environment: Environment,
    parameters: ParameterStore,
    database: Database,
    sessions: aws_sdk_dynamodb::Client,
    topic: aws_sdk_sns::Client,
    secrets: aws_sdk_secretsmanager::Client,
}

impl Handler for TransactionProcessing {
    const FUNCTION: Function = Function::TransactionProcessing;

    async fn start(environment: Environment) -> Result<Self, Error> {
        let credentials = clients::credentials();
        let settings = clients::settings(&environment, credentials.clone());
        let wanted = Wanted { names: [&PARAMETERS[..], &Target::PARAMETERS[..]].concat(), folder: None };
        let parameters = ParameterStore::new(&settings, &environment, wanted);
        let database = Database::new(environment.clone(), credentials)?;
        // Before the first request. A failure is ignored, because that request reads the parameters again.
        if let Ok(configuration) = parameters.current().await {
            database.warm_up(&configuration).await;
        }
        Ok(Self {
            environment,
            parameters,
            database,
            sessions: aws_sdk_dynamodb::Client::new(&settings),
            topic: aws_sdk_sns::Client::new(&settings),
            secrets: aws_sdk_secretsmanager::Client::new(&settings),
        })
    }

    async fn http(
        &self,
        request: &Request<'_>,
        matched: &Matched<'_>,
        observation: &Observation,
    ) -> Result<Handled<Response>, Rejection> {
        let id = matched.id.filter(|id| identifiers::is_valid(Kind::Transaction, id));
        match (matched.route.operation, id) {
            (Operation::Book, _) => self.book(request, observation).await,
            (Operation::Get, Some(id)) => self.show(id, observation).await,
            (Operation::Refund, Some(id)) => self.refund(request, id, observation).await,
            _ => Err(not_found()),
        }
    }

    async fn event(&self, invocation: &Invocation<'_>, observation: &Observation) -> Result<Handled<Value>, Rejection> {
        let configuration = observation.time(Part::Service, self.parameters.current()).await?;
        let (database, configuration) = (&self.database, configuration.as_ref());
        match invocation {
            Invocation::Action("health") => {
                let ping = async |client: &Client| client.query_typed("select 1", &[]).await;
                database.run(configuration, observation, ping).await?;
                Ok(healthy(Self::FUNCTION))
            }
            Invocation::Action("migrations") => {
                let status = migrations::status(database, configuration, observation).await?;
                Ok(Handled { outcome: "migrations_shown", output: json!(status) })
            }
            Invocation::Action("migrate") => {
                // Not counted as database time, because a migration may be slow and the metric is about requests.
                let status = migrations::apply(database, &self.environment, configuration, &self.secrets).await?;
                Ok(Handled { outcome: "migrated", output: json!(status) })
            }
            Invocation::Action("ledger-balance") => {
                let balance = database.run(configuration, observation, ledger::balance).await;
                Ok(Handled { outcome: "balanced", output: json!(balance.map_err(balance_rejection)?) })
            }
            Invocation::Schedule => {
                let count = outbox::sweep(&self.topic, database, configuration, observation).await?;
                observation.number("published", count);
                Ok(Handled { outcome: "swept", output: json!({"published": count}) })
            }
            _ => Err(Rejection::unknown_event()),
        }
    }
}

impl TransactionProcessing {
    async fn book(&self, request: &Request<'_>, observation: &Observation) -> Result<Handled<Response>, Rejection> {
        let body = request.json_object()?;
        let key = validation::idempotency_key(request.single_header("Idempotency-Key")?)?;
        let booking = validation::booking(&body)?;
        let Booking { merchant_id, session_id } = &booking;
        observation.field("merchant_id", merchant_id);
        observation.field("session_id", session_id);
        let configuration = observation.time(Part::Service, self.parameters.current()).await?;
        let table = configuration.required("storage/sessions-table")?;
        let request_hash = fingerprint(&["book", merchant_id, session_id]);
        let consuming = sessions::consume(&self.sessions, table, session_id, merchant_id, key, seconds_now());
        let outcome = match observation.time(Part::Service, consuming).await? {
            Consumption::Consumed(session) => {
                let outcome =
                    self.book_session(&booking, &session, key, &request_hash, &configuration, observation).await?;
                if outcome == Outcome::OtherRequest {
                    // This key can never book the session, but another key can.
                    let releasing = sessions::release(&self.sessions, table, session_id, merchant_id, key);
                    observation.time(Part::Service, releasing).await?;
                }
                outcome
            }
            // Without a live session, only an earlier booking with this key can be the answer.
            failed => {
                let find = async |client: &Client| ledger::earlier(client, merchant_id, key, &request_hash).await;
                match (self.database.run(&configuration, observation, find).await?, failed) {
                    (Some(earlier), _) => earlier,
                    (None, Consumption::Used) => Outcome::SessionUsed,
                    (None, Consumption::OtherMerchant) => return Err(other_merchant()),
                    (None, _) => Outcome::Expired,
                }
            }
        };
        self.answer(outcome, &configuration, observation).await
    }

    async fn book_session(
        &self,
        booking: &Booking,
        session: &Session,
        key: &str,
        request_hash: &str,
        configuration: &Configuration,
        observation: &Observation,
    ) -> Result<Outcome, Rejection> {
        let (transaction_id, event_id) =
            (identifiers::generate(Kind::Transaction)?, identifiers::generate(Kind::Event)?);
        let new = NewPayment {
            transaction_id: &transaction_id,
            event_id: &event_id,
            merchant_id: &booking.merchant_id,
            key,
            request_hash,
            session_id: &booking.session_id,
            expires_at: session.expires_at,
            amount: session.amount,
            currency: &session.currency,
            source_fingerprint: &session.source_fingerprint,
            reference: &session.reference,
        };
        let book = async |client: &Client| ledger::book(client, new).await;
        Ok(self.database.run(configuration, observation, book).await?)
    }

    async fn refund(
        &self,
        request: &Request<'_>,
        original_id: &str,
        observation: &Observation,
    ) -> Result<Handled<Response>, Rejection> {
        let body = request.json_object()?;
        let key = validation::idempotency_key(request.single_header("Idempotency-Key")?)?;
        let refund = validation::refund(&body)?;
        observation.field("original_id", original_id);
        let configuration = observation.time(Part::Service, self.parameters.current()).await?;
        if !configuration.flag("features/refunds-enabled")? {
            return Err(Rejection::new(403, "refunds_disabled", "refunds are switched off"));
        }
        let request_hash = fingerprint(&["refund", original_id, &refund.amount.to_string(), &refund.reason]);
        let (transaction_id, event_id) =
            (identifiers::generate(Kind::Transaction)?, identifiers::generate(Kind::Event)?);
        let new = NewRefund {
            transaction_id: &transaction_id,
            event_id: &event_id,
            original_id,
            key,
            request_hash: &request_hash,
            amount: refund.amount,
            reason: &refund.reason,
        };
        let book = async |client: &Client| ledger::refund(client, new).await;
        let outcome = self.database.run(&configuration, observation, book).await?;
        self.answer(outcome, &configuration, observation).await
    }

    async fn show(&self, id: &str, observation: &Observation) -> Result<Handled<Response>, Rejection> {
        observation.field("transaction_id", id);
        let configuration = observation.time(Part::Service, self.parameters.current()).await?;
        let show = async |client: &Client| ledger::show(client, id).await;
        match self.database.run(&configuration, observation, show).await? {
            Some(transaction) => Ok(Handled { outcome: "shown", output: Response::json(200, transaction) }),
            None => Err(not_found()),
        }
    }

    /// Publishes the event of a new booking and builds the response. The booking is final even if publishing fails.
    async fn answer(
        &self,
        outcome: Outcome,
        configuration: &Configuration,
        observation: &Observation,
    ) -> Result<Handled<Response>, Rejection> {
        let (transaction, replayed, event) = match outcome {
            Outcome::Booked { transaction, replayed, event } => (transaction, replayed, event),
            Outcome::OtherRequest => {
                return Err(Rejection::new(422, "other_request", "the idempotency key was used with another body"));
            }
            Outcome::SessionUsed => {
                return Err(Rejection::new(409, "session_used", "the session was booked with another key"));
            }
            Outcome::Expired => {
                return Err(Rejection::new(410, "session_expired", "the session has expired or never existed"));
            }
            Outcome::NotFound => return Err(not_found()),
            Outcome::Exceeds => {
                return Err(Rejection::new(409, "refund_exceeds", "the refunds would exceed the payment"));
            }
        };
        if let Some(event) = &event {
            self.publish(event, configuration, observation).await;
        }
        if let Ok(Value::Object(fields)) = serde_json::from_str(&transaction)
            && let Some(id) = fields.get("id").and_then(|id| id.as_str())
        {
            observation.field("transaction_id", id);
        }
        let mut response = Response::json(201, transaction);
        if let Some(event) = event {
            response = response.with_header(EVENT_HEADER, &event.id);
        }
        Ok(if replayed {
            Handled { outcome: "replayed", output: response.with_header("Idempotent-Replayed", "true") }
        } else {
            Handled { outcome: "booked", output: response }
        })
    }

    /// Publishes an event, or leaves it to the sweep.
    async fn publish(&self, event: &Event, configuration: &Configuration, observation: &Observation) {
        observation.field("event_id", &event.id);
        let publishing = outbox::publish(&self.topic, &self.database, configuration, observation, event);
        match timeout(PUBLISH_TIMEOUT, publishing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => observation.field("left_to_the_sweep", &chain(&error)),
            Err(_) => observation.field("left_to_the_sweep", "the topic did not answer in time"),
        }
    }
}

/// Distinguishes a ledger that cannot be added up within the statement timeout from a database failure.
fn balance_rejection(error: DatabaseError) -> Rejection {
    if error.is_statement_timeout() {
        return Rejection::new(503, "ledger_too_large", "the ledger takes too long to add up");
    }
    error.into()
}

const fn not_found() -> Rejection {
    Rejection::new(404, "not_found", "there is no such transaction")
}

fn other_merchant() -> Rejection {
    Rejection::invalid(vec![Reason {
        field: "merchant_id",
        code: "other_merchant",
        message: "is not the merchant that the session was opened for".to_owned(),
    }])
}
