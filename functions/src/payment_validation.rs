//! The payment-validation function: checks payments and opens sessions for them.

use lambda_runtime::Error;
use serde_json::json;

use crate::frame::clients;
use crate::frame::clock::seconds_now;
use crate::frame::environment::Environment;
use crate::frame::http::{Request, Response};
use crate::frame::invocation::Invocation;
use crate::frame::lambda::{Done, Handler, healthy};
use crate::frame::observation::{Observation, Part};
use crate::frame::refusal::Refusal;
use crate::frame::routes::{Function, Matched, Operation};
use crate::rules::identifiers::Kind;
use crate::rules::{identifiers, validation};
use crate::stores::configuration::ParameterStore;
use crate::stores::sessions;

/// The function with its clients.
pub struct PaymentValidation {
    parameters: ParameterStore,
    sessions: aws_sdk_dynamodb::Client,
}

impl Handler for PaymentValidation {
    const FUNCTION: Function = Function::PaymentValidation;

    async fn start(environment: Environment) -> Result<Self, Error> {
        let settings = clients::settings(&environment, clients::credentials());
        let parameters = ParameterStore::new(
            aws_sdk_ssm::Client::new(&settings),
            environment.parameter_path,
            environment.configuration_max_age,
            false,
        );
        // Ahead of the first request, which meets a failure itself.
        let _ = parameters.current().await;
        Ok(Self { parameters, sessions: aws_sdk_dynamodb::Client::new(&settings) })
    }

    async fn http(
        &self,
        request: &Request<'_>,
        matched: &Matched<'_>,
        observation: &Observation,
    ) -> Result<(&'static str, Response), Refusal> {
        match matched.route.operation {
            Operation::Validate => self.validate(request, observation).await,
            _ => {
                let done = self.health(observation).await?;
                Ok((done.outcome, Response::json(200, done.answer.to_string())))
            }
        }
    }

    async fn event(&self, invocation: &Invocation<'_>, observation: &Observation) -> Result<Done, Refusal> {
        match invocation {
            Invocation::Action("health") => self.health(observation).await,
            _ => Err(Refusal::new(400, "unknown_event", "this function does not do that")),
        }
    }
}

impl PaymentValidation {
    async fn health(&self, observation: &Observation) -> Result<Done, Refusal> {
        let configuration = observation.time(Part::Service, self.parameters.current()).await?;
        configuration.required("storage/sessions-table")?;
        configuration.number("limits/maximum-amount-minor")?;
        Ok(healthy(Self::FUNCTION))
    }

    async fn validate(
        &self,
        request: &Request<'_>,
        observation: &Observation,
    ) -> Result<(&'static str, Response), Refusal> {
        let body = request.json_object()?;
        let configuration = observation.time(Part::Service, self.parameters.current()).await?;
        let payment = validation::payment(&body, configuration.number("limits/maximum-amount-minor")?)?;
        observation.note("merchant_id", &payment.merchant_id);
        let session_id = identifiers::fresh(Kind::Session)?;
        let expires_at = seconds_now() + sessions::LIFETIME;
        let table = configuration.required("storage/sessions-table")?;
        let opening = sessions::open(&self.sessions, table, &session_id, &payment, expires_at);
        observation.time(Part::Service, opening).await?;
        observation.note("session_id", &session_id);
        let body = json!({"session_id": session_id, "expires_at": expires_at}).to_string();
        Ok(("validated", Response::json(200, body)))
    }
}
