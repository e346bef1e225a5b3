//! The HTTP client under all SDK clients: keeps to rates, and keeps credentials where they belong.

use std::sync::Arc;

use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, Metadata};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::gate::Gate;
use super::rates::Rates;

/// Wraps the SDK's client: every request waits for its rate, none leaves for a host outside `hosts`, and none that
/// changes something leaves through a closed gate.
#[derive(Debug, Clone)]
pub(super) struct GuardedClient {
    inner: SharedHttpClient,
    rates: Option<Arc<Rates>>,
    hosts: Hosts,
    gate: Gate,
}

/// Where machines and containers in AWS get their credentials: link-local, and never sent any.
const METADATA: &[&str] = &["169.254.169.254", "169.254.170.2", "169.254.170.23", "[fd00:ec2::254]", "[fd00:ec2::23]"];

/// Where requests may go.
#[derive(Debug, Clone)]
pub(super) enum Hosts {
    /// AWS's own, over TLS: requests carry real credentials.
    Aws,
    /// One emulator: requests carry the emulator's credentials.
    Only(String),
}

impl GuardedClient {
    pub(super) fn new(hosts: Hosts, gate: Gate) -> Self {
        let inner =
            Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https();
        let rates = matches!(hosts, Hosts::Aws).then(Arc::default);
        Self { inner, rates, hosts, gate }
    }
}

impl HttpClient for GuardedClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(GuardedConnector {
            inner: self.inner.http_connector(settings, components),
            rates: self.rates.clone(),
            hosts: self.hosts.clone(),
            gate: self.gate.clone(),
        })
    }
}

#[derive(Debug)]
struct GuardedConnector {
    inner: SharedHttpConnector,
    rates: Option<Arc<Rates>>,
    hosts: Hosts,
    gate: Gate,
}

impl HttpConnector for GuardedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if !self.hosts.allow(request.uri()) {
            let refusal = format!("a request to {} was not sent: it is outside the chosen endpoint", request.uri());
            return HttpConnectorFuture::ready(Err(ConnectorError::user(refusal.into())));
        }
        let (inner, rates, gate) = (self.inner.clone(), self.rates.clone(), self.gate.clone());
        HttpConnectorFuture::new(async move {
            if let (Some(rates), Some(call)) = (rates, request.extension::<Call>().cloned()) {
                rates.admit(&call.service, &call.operation).await;
            }
            // Last, because waiting for a rate may take longer than a lease.
            if !gate.admits(&request) {
                return Err(ConnectorError::user("the call was not sent: the lease on the state has ended".into()));
            }
            inner.call(request).await
        })
    }
}

impl Hosts {
    fn allow(&self, uri: &str) -> bool {
        let Some((scheme, rest)) = uri.split_once("://") else { return false };
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        match self {
            Self::Aws if METADATA.contains(&authority) => scheme == "http",
            Self::Aws => scheme == "https" && authority.trim_end_matches(":443").ends_with(".amazonaws.com"),
            Self::Only(allowed) => authority == allowed || authority.ends_with(&format!(".{allowed}")),
        }
    }
}

/// Which operation a request belongs to; put there by [`NameCalls`], read by the connector.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) service: String,
    pub(super) operation: String,
}

/// Writes service and operation on each request.
#[derive(Debug)]
pub(super) struct NameCalls;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_stay_where_they_belong() {
        assert!(Hosts::Aws.allow("https://ec2.us-east-1.amazonaws.com/"));
        assert!(!Hosts::Aws.allow("http://ec2.us-east-1.amazonaws.com/"));
        assert!(!Hosts::Aws.allow("http://127.0.0.1:4566/"));
        assert!(Hosts::Aws.allow("http://169.254.169.254/latest/api/token"));
        assert!(!Hosts::Aws.allow("https://amazonaws.com.example.org/"));
        let only = Hosts::Only("127.0.0.1:4566".to_owned());
        assert!(only.allow("http://127.0.0.1:4566/bucket?versioning"));
        assert!(!only.allow("https://sts.us-east-1.amazonaws.com/"));
    }
}
