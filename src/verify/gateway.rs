//! What API Gateway does by itself, before a function runs.

use std::time::{Duration, Instant};

use payinfra_aws::ApiAnswer;
use serde_json::json;

use super::api::{Api, told};
use super::link::{Finding, broken};
use super::payment::payment;

/// Between two looks at an API that may be seconds old.
const TICK: Duration = Duration::from_millis(500);

/// `GET /health` says ok. An API that was just deployed may need a while.
pub async fn healthy(api: &Api<'_>, patience: Duration) -> Result<(), Finding> {
    let begun = Instant::now();
    loop {
        let found = match api.get_openly("/health").await {
            Ok(answer) if answer.status == 200 && answer.json()["status"] == "ok" => return Ok(()),
            Ok(answer) => told(&answer),
            Err(error) => error.to_string(),
        };
        if begun.elapsed() + TICK > patience {
            return broken(found);
        }
        tokio::time::sleep(TICK).await;
    }
}

/// A request without credentials gets 403.
pub async fn refuses_strangers(api: &Api<'_>) -> Result<(), Finding> {
    let answer = api.post_openly("/payments/validate", &payment()).await?;
    if answer.status == 403 { Ok(()) } else { broken(format!("403 was due; {}", told(&answer))) }
}

/// A malformed body and a missing header get the gateway's own 400: the functions' carries a `code`.
pub async fn refuses_bad_requests(api: &Api<'_>) -> Result<(), Finding> {
    let mut malformed = payment();
    malformed["amount"] = json!("much");
    gateways_own(&api.post("/payments/validate", &malformed, None).await?, "a malformed body")?;
    let booking = json!({ "merchant_id": super::MERCHANT, "session_id": "none" });
    gateways_own(&api.post("/payments/transactions", &booking, None).await?, "a missing Idempotency-Key")
}

fn gateways_own(answer: &ApiAnswer, what: &str) -> Result<(), Finding> {
    if answer.status != 400 {
        return broken(format!("{what}: 400 was due; {}", told(answer)));
    }
    if answer.json().get("code").is_some() {
        return broken(format!("{what} reached the function, which refused it itself; {}", told(answer)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_by_the_function_is_not_the_gateways() {
        let answer = |status, body: &str| ApiAnswer { status, headers: Default::default(), body: body.to_owned() };
        assert_eq!(gateways_own(&answer(400, r#"{"message":"Invalid request body"}"#), "x"), Ok(()));
        assert!(gateways_own(&answer(400, r#"{"message":"x","code":"malformed"}"#), "x").is_err());
        assert!(gateways_own(&answer(422, r#"{"message":"x","code":"malformed"}"#), "x").is_err());
    }
}
