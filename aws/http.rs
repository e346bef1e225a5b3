//! The HTTP client under all SDK clients: keeps to rates, and keeps credentials where they belong.

use std::sync::Arc;

use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

use crate::call::Call;
use crate::gate::Gate;
use crate::rates::Rates;

/// Wraps the SDK's client: every request waits for its rate, none leaves for a host outside `hosts`, and none that
/// changes something leaves through a closed gate.
#[derive(Debug, Clone)]
pub(crate) struct GuardedClient {
    inner: SharedHttpClient,
    rates: Option<Arc<Rates>>,
    hosts: Hosts,
    gate: Gate,
}

/// Where machines and containers in AWS get their credentials: link-local, and never sent any.
const METADATA: &[&str] = &["169.254.169.254", "169.254.170.2", "169.254.170.23", "[fd00:ec2::254]", "[fd00:ec2::23]"];

/// Where requests may go.
#[derive(Debug, Clone)]
pub(crate) enum Hosts {
    /// AWS's own, over TLS: requests carry real credentials.
    Aws,
    /// One emulator: requests carry the emulator's credentials.
    Only(String),
}

impl GuardedClient {
    pub(crate) fn new(hosts: Hosts, gate: Gate) -> Self {
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
            let uri = without_user(request.uri());
            let refusal = format!("a request to {uri} was not sent: it is outside the chosen endpoint");
            return HttpConnectorFuture::ready(Err(ConnectorError::user(refusal.into())));
        }
        let (inner, rates, gate) = (self.inner.clone(), self.rates.clone(), self.gate.clone());
        HttpConnectorFuture::new(async move {
            let call = request.extension::<Call>().cloned();
            if let (Some(rates), Some(call)) = (rates, &call) {
                rates.admit(&call.service, &call.operation).await;
            }
            // Last, because waiting for a rate may take longer than a lease.
            let _flight = gate.pass(&request).await.map_err(|closed| ConnectorError::user(closed.into()))?;
            whole(inner.call(request).await?, call.is_some_and(|call| call.asks())).await
        })
    }
}

/// Passes an answer on, unless it is visibly not all of it. To the SDK, XML that breaks off and an answer without a body
/// mean that nothing else is there; with objects at stake, that is not to be believed.
async fn whole(mut response: HttpResponse, asked: bool) -> Result<HttpResponse, ConnectorError> {
    if !response.status().is_success() {
        return Ok(response);
    }
    let body = std::mem::replace(response.body_mut(), SdkBody::taken());
    let body = ByteStream::new(body).collect().await.map_err(|error| ConnectorError::io(error.into()))?.into_bytes();
    let why = match body.trim_ascii() {
        [] if asked => Some("the answer is empty"),
        [b'<', ..] if !is_whole_xml(body.trim_ascii()) => Some("the answer breaks off"),
        _ => None,
    };
    *response.body_mut() = SdkBody::from(body);
    why.map_or(Ok(response), |why| Err(ConnectorError::io(why.into())))
}

/// Whether a document ends with the element that it begins with.
fn is_whole_xml(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let mut rest = text.as_ref();
    while rest.starts_with("<?") || rest.starts_with("<!") {
        let Some((_, after)) = rest.split_once('>') else { return false };
        rest = after.trim_start();
    }
    let Some((root, inside)) = rest.split_once('>') else { return false };
    let name = root.trim_start_matches('<').split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
    (root.ends_with('/') && inside.is_empty()) || rest.ends_with(&format!("</{name}>"))
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

/// An address without the name and password that may precede its host (RFC 3986, section 3.2.1).
pub fn without_user(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if scheme.is_empty() { format!("{host}{path}") } else { format!("{scheme}://{host}{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_breaks_off_is_seen() {
        let whole = "<?xml version=\"1.0\"?>\n<R xmlns=\"u\"><set><item>a</item></set></R>";
        assert!(is_whole_xml(whole.as_bytes()) && is_whole_xml(b"<R/>") && is_whole_xml(b"<R a=\"b\" />"));
        for cut in 1..whole.len() {
            assert!(!is_whole_xml(&whole.as_bytes()[..cut]), "{}", &whole[..cut]);
        }
    }

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
