//! The operation that each request of an SDK client belongs to.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// Which operation a request belongs to; put there by [`NameCalls`], read by the connector.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) service: String,
    pub(crate) operation: String,
}

impl Call {
    /// Whether it changes nothing, by AWS's own naming.
    pub(crate) fn reads(&self) -> bool {
        self.asks() || self.operation.starts_with("Head")
    }

    /// Whether it asks for something, so that an answer must say something.
    pub(crate) fn asks(&self) -> bool {
        ["Describe", "Get", "List"].iter().any(|verb| self.operation.starts_with(verb))
    }
}

/// Writes service and operation on each request.
#[derive(Debug)]
pub(crate) struct NameCalls;

impl Intercept for NameCalls {
    fn name(&self) -> &'static str {
        "NameCalls"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(metadata) = config.load::<Metadata>() {
            let call = Call { service: metadata.service().to_owned(), operation: metadata.name().to_owned() };
            tracing::trace!(service = call.service, operation = call.operation, "call");
            context.request_mut().add_extension(call);
        }
        Ok(())
    }
}
