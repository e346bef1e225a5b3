//! The transaction-processing function: books payments and refunds, shows them, sweeps the outbox, and
//! keeps the schema.

use std::time::Duration;

use lambda_runtime::Error;
use serde_json::json;
use tokio::time::timeout;

use crate::frame::clients;
use crate::frame::clock::seconds_now;
use crate::frame::environment::Environment;
use crate::frame::http::{Request, Response};
use crate::frame::invocation::Invocation;
use crate::frame::lambda::{Done, Handler, healthy};
use crate::frame::observation::{Observation, Part};
use crate::frame::refusal::{Refusal, chain};
use crate::frame::routes::{Function, Matched, Operation};
use crate::rules::identifiers::{Kind, fingerprint};
use crate::rules::{identifiers, validation};
use crate::stores::configuration::{Configuration, ParameterStore};
use crate::stores::database::{Database, DatabaseError};
use crate::stores::ledger::{NewPayment, NewRefund, Outcome};
use crate::stores::migrations::Status;
use crate::stores::sessions::Consumption;
use crate::stores::webhook::EVENT_HEADER;
use crate::stores::{ledger, migrations, outbox, sessions};

/// How long a caller waits for the topic after the commit; later the sweep publishes.
const PUBLISH_PATIENCE: Duration = Duration::from_secs(2);

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
        let parameters = ParameterStore::new(
            aws_sdk_ssm::Client::new(&settings),
            environment.parameter_path.clone(),
            environment.configuration_max_age,
            false,
        );
        let database = Database::new(environment.clone(), credentials)?;
        // Ahead of the first request, which meets a failure itself.
        if let Ok(configuration) = parameters.current().await {
            database.warm(&configuration).await;
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
    ) -> Result<(&'static str, Response), Refusal> {
        let id = matched.id.filter(|id| identifiers::is(Kind::Transaction, id));
        match (matched.route.operation, id) {
            (Operation::Book, _) => self.book(request, observation).await,
            (Operation::Get, Some(id)) => self.show(id, observation).await,
            (Operation::Refund, Some(id)) => self.refund(request, id, observation).await,
            _ => Err(not_found()),
        }
    }

    async fn event(&self, invocation: &Invocation<'_>, observation: &Observation) -> Result<Done, Refusal> {
        let configuration = observation.time(Part::Service, self.parameters.current()).await?;
        let (database, configuration) = (&self.database, configuration.as_ref());
        match invocation {
            Invocation::Action("health") => {
                let ping = async |client: &tokio_postgres::Client| client.query_typed("select 1", &[]).await;
                database.run(configuration, observation, ping).await?;
                Ok(healthy(Self::FUNCTION))
            }
            Invocation::Action("migrations") => {
                let status = migrations::status(database, configuration, observation).await?;
                Ok(schema("migrations_shown", &status))
            }
            Invocation::Action("migrate") => {
                // Not timed as database time: migrations may be slow, and the promise is about requests.
                let status = migrations::apply(database, &self.environment, configuration, &self.secrets).await?;
                Ok(schema("migrated", &status))
            }
            Invocation::Action("ledger-balance") => {
                let balance = database.run(configuration, observation, ledger::balance).await.map_err(unbalanced)?;
                Ok(Done { outcome: "balanced", answer: json!(balance) })
            }
            Invocation::Schedule => {
                let count = outbox::sweep(&self.topic, database, configuration, observation).await?;
                observation.count("published", count);
                Ok(Done { outcome: "swept", answer: json!({"published": count}) })
            }
            _ => Err(Refusal::new(400, "unknown_event", "this function does not do that")),
        }
    }
}

impl TransactionProcessing {
    async fn book(
        &self,
        request: &Request<'_>,
        observation: &Observation,
    ) -> Result<(&'static str, Response), Refusal> {
        let body = request.json_object()?;
        let key = validation::idempotency_key(request.header("Idempotency-Key"))?;
        let booking = validation::booking(&body)?;
        observation.note("merchant_id", &booking.merchant_id);
        observation.note("session_id", &booking.session_id);
        let configuration = observation.time(Part::Service, self.parameters.current()).await?;
        let table = configuration.required("storage/sessions-table")?;
        let request_hash = fingerprint(&["book", &booking.merchant_id, &booking.session_id]);
        let consuming =
            sessions::consume(&self.sessions, table, &booking.session_id, &booking.merchant_id, key, seconds_now());
        let consumption = observation.time(Part::Service, consuming).await?;
        let outcome = match &consumption {
            Consumption::Consumed(session) => {
                let (transaction_id, event_id) =
                    (identifiers::fresh(Kind::Transaction)?, identifiers::fresh(Kind::Event)?);
                let new = NewPayment {
                    transaction_id: &transaction_id,
                    event_id: &event_id,
                    merchant_id: &booking.merchant_id,
                    key,
                    request_hash: &request_hash,
                    session_id: &booking.session_id,
                    expires_at: session.expires_at,
                    amount: session.amount,
                    currency: &session.currency,
                    source_fingerprint: &session.source_fingerprint,
                    reference: &session.reference,
                };
                let work = async |client: &tokio_postgres::Client| ledger::book(client, new).await;
                self.database.run(&configuration, observation, work).await?
            }
            // Not a live session of this key: only an earlier booking can still be the answer.
            refused => {
                let work = async |client: &tokio_postgres::Client| {
                    ledger::earlier(client, &booking.merchant_id, key, &request_hash).await
                };
                match (self.database.run(&configuration, observation, work).await?, refused) {
                    (Some(earlier), _) => earlier,
                    (None, Consumption::Used) => Outcome::SessionUsed,
                    (None, Consumption::OtherMerchant) => return Err(other_merchant()),
                    (None, _) => Outcome::Expired,
                }
            }
        };
        if outcome == Outcome::OtherRequest && matches!(consumption, Consumption::Consumed(_)) {
            // This key can never book that session: another key may.
            let releasing = sessions::release(&self.sessions, table, &booking.session_id, &booking.merchant_id, key);
            observation.time(Part::Service, releasing).await?;
        }
        self.answer(outcome, &configuration, observation).await
    }

    async fn refund(
        &self,
        request: &Request<'_>,
        original_id: &str,
        observation: &Observation,
    ) -> Result<(&'static str, Response), Refusal> {
        let body = request.json_object()?;
        let key = validation::idempotency_key(request.header("Idempotency-Key"))?;
        let refund = validation::refund(&body)?;
        observation.note("original_id", original_id);
        let configuration = observation.time(Part::Service, self.parameters.current()).await?;
        if !configuration.flag("features/refunds-enabled")? {
            return Err(Refusal::new(403, "refunds_disabled", "refunds are switched off"));
        }
        let request_hash = fingerprint(&["refund", original_id, &refund.amount.to_string(), &refund.reason]);
        let (transaction_id, event_id) = (identifiers::fresh(Kind::Transaction)?, identifiers::fresh(Kind::Event)?);
        let new = NewRefund {
            transaction_id: &transaction_id,
            event_id: &event_id,
            original_id,
            key,
            request_hash: &request_hash,
            amount: refund.amount,
            reason: &refund.reason,
        };
        let work = async |client: &tokio_postgres::Client| ledger::refund(client, new).await;
        let outcome = self.database.run(&configuration, observation, work).await?;
        self.answer(outcome, &configuration, observation).await
    }

    async fn show(&self, id: &str, observation: &Observation) -> Result<(&'static str, Response), Refusal> {
        observation.note("transaction_id", id);
        let configuration = observation.time(Part::Service, self.parameters.current()).await?;
        let work = async |client: &tokio_postgres::Client| ledger::show(client, id).await;
        match self.database.run(&configuration, observation, work).await? {
            Some(transaction) => Ok(("shown", Response::json(200, transaction))),
            None => Err(not_found()),
        }
    }

    /// Publishes a fresh booking's event and words the answer. The booking stands whatever becomes of
    /// the event now.
    async fn answer(
        &self,
        outcome: Outcome,
        configuration: &Configuration,
        observation: &Observation,
    ) -> Result<(&'static str, Response), Refusal> {
        match outcome {
            Outcome::Booked { transaction, replayed, event } => {
                if let Some(event) = &event {
                    observation.note("event_id", &event.id);
                    let publishing = outbox::publish(&self.topic, &self.database, configuration, observation, event);
                    match timeout(PUBLISH_PATIENCE, publishing).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => observation.note("left_to_the_sweep", &chain(&error)),
                        Err(_) => observation.note("left_to_the_sweep", "the topic did not answer in time"),
                    }
                }
                if let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(&transaction)
                    && let Some(id) = fields.get("id").and_then(|id| id.as_str())
                {
                    observation.note("transaction_id", id);
                }
                let response = Response::json(201, transaction);
                let response = match event {
                    Some(event) => response.with_header(EVENT_HEADER, &event.id),
                    None => response,
                };
                Ok(if replayed {
                    ("replayed", response.with_header("Idempotent-Replayed", "true"))
                } else {
                    ("booked", response)
                })
            }
            Outcome::OtherRequest => {
                Err(Refusal::new(422, "other_request", "the idempotency key was used with another body"))
            }
            Outcome::SessionUsed => Err(Refusal::new(409, "session_used", "the session was booked with another key")),
            Outcome::Expired => Err(Refusal::new(410, "session_expired", "the session has expired or never existed")),
            Outcome::NotFound => Err(not_found()),
            Outcome::Exceeds => Err(Refusal::new(409, "refund_exceeds", "the refunds would be above the payment")),
        }
    }
}

fn schema(outcome: &'static str, status: &Status) -> Done {
    Done { outcome, answer: json!(status) }
}

/// A ledger that takes longer to add up than a statement may is told apart from a database that fails.
fn unbalanced(error: DatabaseError) -> Refusal {
    if error.is_statement_timeout() {
        return Refusal::new(503, "ledger_too_large", "the ledger takes too long to add up");
    }
    error.into()
}

const fn not_found() -> Refusal {
    Refusal::new(404, "not_found", "there is no such transaction")
}

fn other_merchant() -> Refusal {
    Refusal::invalid(vec![crate::frame::refusal::Reason {
        field: "merchant_id",
        code: "other_merchant",
        message: "is not the merchant the session was opened for".to_owned(),
    }])
}
