//! The ledger's sums.

use payinfra_stack::evidence::{LedgerError, balance};

use super::check::{CheckError, broken};
use super::target::Target;

/// Every currency sums to zero, and so does every transaction.
pub async fn balanced(target: &Target<'_>) -> Result<(), CheckError> {
    let balance = match balance(target.cloud, target.names).await {
        Ok(balance) => balance,
        Err(error @ LedgerError::TooLarge) => return Err(CheckError::NotChecked(error.to_string())),
        Err(error) => return broken(error.to_string()),
    };
    let off: Vec<String> =
        balance.sums.iter().filter(|(_, sum)| **sum != 0).map(|(currency, sum)| format!("{currency} {sum}")).collect();
    if !off.is_empty() {
        return broken(format!("the ledger does not sum to zero: {}", off.join(", ")));
    }
    if balance.unbalanced != 0 {
        return broken(format!("{} transactions do not sum to zero", balance.unbalanced));
    }
    if balance.overrefunded != 0 {
        return broken(format!("{} payments are refunded beyond their amount", balance.overrefunded));
    }
    Ok(())
}
