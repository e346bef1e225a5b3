//! Parameters, plain and secret.
