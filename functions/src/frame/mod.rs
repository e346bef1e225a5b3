//! What every Lambda function needs: the environment, events and HTTP requests in, responses, rejections, and one log
//! line per invocation out.

pub mod causes;
pub mod clients;
pub mod clock;
pub mod environment;
pub mod function;
pub mod invocation;
pub mod json;
pub mod lambda;
pub mod observation;
pub mod rejection;
pub mod request;
pub mod response;
pub mod routes;
