//! The sums of the ledger, from the function that keeps it.

use std::collections::BTreeMap;

use aws_smithy_types::Blob;
use payinfra_aws::error;
use payinfra_aws::names::{Kind, Names};
use payinfra_engine::{Class, Error};
use serde::Deserialize;
use serde_json::{Value, json};

use payinfra_steps::Cloud;
use payinfra_steps::functions::FunctionName;
use payinfra_steps::functions::LIVE;

/// The sums of the whole ledger.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Balance {
    /// The sum of all entries by currency; zero in a sound ledger.
    pub sums: BTreeMap<String, i64>,
    /// Transactions whose entries do not sum to zero; none in a sound ledger.
    pub unbalanced: i64,
    /// Payments refunded above their amount; none in a sound ledger.
    pub overrefunded: i64,
}

/// Why the ledger's sums are not known.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Adding it up takes longer than the function allows for a statement.
    #[error("adding the ledger up takes longer than the 3 s that a statement may take")]
    TooLarge,
    /// The function could not be reached, or failed.
    #[error(transparent)]
    Call(#[from] Error),
}

/// Has transaction-processing add the ledger up, which only reads. Needs `lambda:InvokeFunction`.
///
/// # Errors
/// [`LedgerError`].
pub async fn balance(cloud: &Cloud, names: &Names) -> Result<Balance, LedgerError> {
    let function = format!("{}:{LIVE}", names.of(Kind::Function, FunctionName::TransactionProcessing.name()));
    let event = json!({ "payinfra": { "action": "ledger-balance" } }).to_string();
    let request = cloud.lambda.invoke().function_name(function).payload(Blob::new(event));
    let answer = request.send().await.map_err(error("Invoke"))?;
    let payload = answer.payload().map(|payload| payload.as_ref()).unwrap_or_default();
    read(answer.function_error().is_some(), payload)
}

/// Reads the function's answer, or why it failed.
fn read(failed: bool, payload: &[u8]) -> Result<Balance, LedgerError> {
    let answer: Value = serde_json::from_slice(payload).unwrap_or_default();
    if failed {
        if answer["errorType"] == "ledger_too_large" {
            return Err(LedgerError::TooLarge);
        }
        let message = answer["errorMessage"].as_str().unwrap_or("the function failed without a message");
        let code = answer["errorType"].as_str().map(ToOwned::to_owned);
        return Err(Error { code, ..Error::new(Class::Invalid, "Invoke", message) }.into());
    }
    serde_json::from_value(answer).map_err(|error| {
        Error::new(Class::Invalid, "Invoke", format!("the function's answer cannot be read: {error}")).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_failures_and_an_overlong_statement_are_distinguished() {
        let sound = read(false, br#"{"sums":{"EUR":0},"unbalanced":0,"overrefunded":0,"payments":7}"#);
        assert_eq!(sound.ok().map(|balance| balance.sums), Some(BTreeMap::from([("EUR".to_owned(), 0)])));
        let large = read(true, br#"{"errorType":"ledger_too_large","errorMessage":"x"}"#);
        assert!(matches!(large, Err(LedgerError::TooLarge)));
        let failed = read(true, br#"{"errorType":"database_unavailable","errorMessage":"refused"}"#);
        assert!(failed.is_err_and(|error| error.to_string().contains("refused")));
        assert!(read(false, b"[]").is_err());
    }
}
