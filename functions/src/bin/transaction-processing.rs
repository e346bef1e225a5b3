//! The transaction-processing function; deployed as `bootstrap`.

fn main() -> Result<(), lambda_runtime::Error> {
    payments::frame::lambda::serve::<payments::transaction_processing::TransactionProcessing>()
}
