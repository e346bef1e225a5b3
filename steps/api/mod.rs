//! The API: REST API, paths, methods, models, stage, domain, certificate, web ACL.

mod deployment;
mod document;
mod gateway;
mod method;
mod model;
mod resource;
mod rest_api;
mod stage;
mod validator;

pub use deployment::ApiDeployment;
pub use document::{Checks, Document, JSON, Route, last_step};
pub use gateway::Gateway;
pub(crate) use gateway::{method_name, path_name};
pub use method::{ApiMethod, Integration, invocation};
pub use model::ApiModel;
pub(crate) use model::model_name;
pub use resource::ApiResource;
pub use rest_api::RestApi;
pub use stage::{ALL_METHODS, AccessLog, MethodSettings, Stage};
pub use validator::ApiValidator;
