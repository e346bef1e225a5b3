//! What every Lambda function needs: events and HTTP in, one log line out, and rejections in between.

pub mod clients;
pub mod clock;
pub mod environment;
pub mod http;
pub mod invocation;
pub mod lambda;
pub mod observation;
pub mod refusal;
pub mod routes;
