//! The payment-validation function: it validates payments and opens sessions for them.

use lambda_runtime::Error;
use serde_json::{Value, json};

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
use crate::rules::identifiers::{self, Kind};
use crate::rules::validation;
use crate::stores::configuration::{ParameterStore, Wanted};
use crate::stores::sessions;

/// The parameters that the function reads.
const PARAMETERS: [&str; 2] = ["limits/maximum-amount-minor", "storage/sessions-table"];

/// The function with its clients.
pub struct PaymentValidation {
    parameters: ParameterStore,
    sessions: aws_sdk_dynamodb::Client,
}

impl Handler for PaymentValidation {
    const FUNCTION: Function = Function::PaymentValidation;

    async fn start(environment: Environment) -> Result<Self, Error> {
        let settings = clients::settings(&environment, clients::credentials());
        let wanted = Wanted { names: PARAMETERS.into(), folder: None };
        let parameters = ParameterStore::new(&settings, &environment, wanted);
        // Before the first request. A failure is ignored, because that request reads the parameters again.
        let _ = parameters.current().await;
        Ok(Self { parameters, sessions: aws_sdk_dynamodb::Client::new(&settings) })
    }

    async fn http(
        &self,
        request: &Request<'_>,
        matched: &Matched<'_>,
        observation: &Observation,
    ) -> Result<Handled<Response>, Rejection> {
        match matched.route.operation {
            Operation::Validate => self.validate(request, observation).await,
            _ => {
                let Handled { outcome, output } = self.health(observation).await?;
                Ok(Handled { outcome, output: Response::json(200, output.to_string()) })
            }
        }
    }

    async fn event(&self, invocation: &Invocation<'_>, observation: &Observation) -> Result<Handled<Value>, Rejection> {
        match invocation {
            Invocation::Action("health") => self.health(observation).await,
            _ => Err(Rejection::unknown_event()),
        }
    }
}

impl PaymentValidation {
    async fn health(&self, observation: &Observation) -> Result<Handled<Value>, Rejection> {
        let configuration = observation.time(Part::Service, self.parameters.current()).await?;
        configuration.required("storage/sessions-table")?;
        configuration.number("limits/maximum-amount-minor")?;
        Ok(healthy(Self::FUNCTION))
    }

    async fn validate(&self, request: &Request<'_>, observation: &Observation) -> Result<Handled<Response>, Rejection> {
        let body = request.json_object()?;
        let configuration = observation.time(Part::Service, self.parameters.current()).await?;
        let payment = validation::payment(&body, configuration.number("limits/maximum-amount-minor")?)?;
        observation.field("merchant_id", &payment.merchant_id);
        let session_id = identifiers::generate(Kind::Session)?;
        let expires_at = seconds_now() + sessions::LIFETIME;
        let table = configuration.required("storage/sessions-table")?;
        let opening = sessions::open(&self.sessions, table, &session_id, &payment, expires_at);
        observation.time(Part::Service, opening).await?;
        observation.field("session_id", &session_id);
        let body = json!({"session_id": session_id, "expires_at": expires_at}).to_string();
        Ok(Handled { outcome: "validated", output: Response::json(200, body) })
    }
}
