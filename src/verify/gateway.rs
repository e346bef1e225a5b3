//! What API Gateway does before a function runs.

use std::time::{Duration, Instant};

use payinfra_aws::ApiAnswer;
use payinfra_stack::evidence::VERIFY_MERCHANT;
use serde_json::json;

use super::api::{Api, brief};
use super::check::{CheckError, broken};
use super::payment::payment;

/// How often an API that may be seconds old is asked.
const INTERVAL: Duration = Duration::from_millis(500);

/// `GET /health` answers ok. An API that was just deployed may need some seconds.
pub async fn healthy(api: &Api<'_>, timeout: Duration) -> Result<(), CheckError> {
    let begun = Instant::now();
    loop {
        let found = match api.get_unauthenticated("/health").await {
            Ok(answer) if answer.status == 200 && answer.json()["status"] == "ok" => return Ok(()),
            Ok(answer) => brief(&answer),
            Err(error) => error.to_string(),
        };
        if begun.elapsed() + INTERVAL > timeout {
            return broken(found);
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// A request without credentials gets 403.
pub async fn refuses_unauthenticated(api: &Api<'_>) -> Result<(), CheckError> {
    let answer = api.post_unauthenticated("/payments/validate", &payment()).await?;
    if answer.status == 403 { Ok(()) } else { broken(format!("expected 403, got {}", brief(&answer))) }
}

/// A malformed body and a missing header get a 400 of the gateway itself; that of a function has a `code`.
pub async fn refuses_bad_requests(api: &Api<'_>) -> Result<(), CheckError> {
    let mut malformed = payment();
    malformed["amount"] = json!("much");
    is_from_gateway(&api.post("/payments/validate", &malformed, None).await?, "a malformed body")?;
    let booking = json!({ "merchant_id": VERIFY_MERCHANT, "session_id": "none" });
    is_from_gateway(&api.post("/payments/transactions", &booking, None).await?, "a missing Idempotency-Key")
}

fn is_from_gateway(answer: &ApiAnswer, what: &str) -> Result<(), CheckError> {
    if answer.status != 400 {
        return broken(format!("{what}: expected 400, got {}", brief(answer)));
    }
    if answer.json().get("code").is_some() {
        return broken(format!("{what} reached the function, which rejected it; {}", brief(answer)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_400_from_a_function_does_not_pass() {
        let answer = |status, body: &str| ApiAnswer { status, headers: Default::default(), body: body.to_owned() };
        assert_eq!(is_from_gateway(&answer(400, r#"{"message":"Invalid request body"}"#), "x"), Ok(()));
        assert!(is_from_gateway(&answer(400, r#"{"message":"x","code":"malformed"}"#), "x").is_err());
        assert!(is_from_gateway(&answer(422, r#"{"message":"x","code":"malformed"}"#), "x").is_err());
    }
}
