//! The HTTP client under all SDK clients: limits what one attempt may take, and keeps credentials where they belong.

use std::time::Duration;

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

/// Wraps the SDK's client: no request leaves for a host outside `hosts`, none that changes something leaves through a
/// closed gate, and none waits for ever.
#[derive(Debug, Clone)]
pub(crate) struct GuardedClient {
    inner: SharedHttpClient,
    hosts: Hosts,
    gate: Gate,
}

/// How long an ordinary call may take, to the last byte of its answer.
const ORDINARY: Duration = Duration::from_secs(25);

/// How long a call that uploads code may take: as long as its signature is valid (AWS: Signature Version 4).
const UPLOAD: Duration = Duration::from_secs(300);

/// How long an invocation may take: AWS lets a function run for 900 s (AWS: Lambda quotas), and starts it first.
const INVOCATION: Duration = Duration::from_secs(930);

/// Where machines and containers in AWS get their credentials: link-local, and never sent any.
///
/// The standard chain asks these last. CloudShell and others name an address of their own in
/// `AWS_CONTAINER_CREDENTIALS_FULL_URI`; that very address may be asked too, where it is on this machine.
const METADATA: &[&str] = &["169.254.169.254", "169.254.170.2", "169.254.170.23", "[fd00:ec2::254]", "[fd00:ec2::23]"];

/// The domains of AWS's endpoints: the usual ones and those that IPv6 reaches too (model, endpoint rules).
const AWS: [&str; 2] = [".amazonaws.com", ".api.aws"];

/// Where requests may go.
#[derive(Debug, Clone)]
pub(crate) enum Hosts {
    /// AWS's own, over TLS: requests carry real credentials.
    Aws {
        /// The whole address that containers are told to get credentials from, where there is one.
        container: Option<String>,
    },
    /// One emulator: requests carry the emulator's credentials.
    Only(String),
}

impl GuardedClient {
    pub(crate) fn new(hosts: Hosts, gate: Gate) -> Self {
        let tls = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        Self::over(Builder::new().tls_provider(tls).build_https(), hosts, gate)
    }

    /// The same over another client.
    pub(crate) fn over(inner: SharedHttpClient, hosts: Hosts, gate: Gate) -> Self {
        Self { inner, hosts, gate }
    }
}

impl HttpClient for GuardedClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(GuardedConnector {
            inner: self.inner.http_connector(settings, components),
            hosts: self.hosts.clone(),
            gate: self.gate.clone(),
        })
    }
}

#[derive(Debug)]
struct GuardedConnector {
    inner: SharedHttpConnector,
    hosts: Hosts,
    gate: Gate,
}

impl HttpConnector for GuardedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if !self.hosts.allow(request.uri(), request.extension::<Call>().is_some()) {
            let uri = without_user(request.uri());
            let refusal = format!("a request to {uri} was not sent: it is outside the chosen endpoint");
            return HttpConnectorFuture::ready(Err(ConnectorError::user(refusal.into())));
        }
        let (inner, gate) = (self.inner.clone(), self.gate.clone());
        HttpConnectorFuture::new(async move {
            let call = request.extension::<Call>().cloned();
            let limit = call.as_ref().map_or(ORDINARY, time_limit);
            let asked = call.is_some_and(|call| call.asks());
            let _flight = gate.pass(&request).await.map_err(|closed| ConnectorError::user(closed.into()))?;
            // Only what happens on the line counts: a timeout of the SDK's would also count the waits before it.
            let answer = async { whole(inner.call(request).await?, asked).await };
            let late = |_| ConnectorError::timeout(format!("no answer within {} s", limit.as_secs()).into());
            tokio::time::timeout(limit, answer).await.map_err(late)?
        })
    }
}

/// How long one attempt may take on the line, upload and answer included.
fn time_limit(call: &Call) -> Duration {
    match (call.service.as_str(), call.operation.as_str()) {
        ("Lambda", "Invoke") => INVOCATION,
        ("Lambda", "CreateFunction" | "UpdateFunctionCode") => UPLOAD,
        _ => ORDINARY,
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
    /// AWS's, with the address that this process' environment names for a container's credentials.
    pub(crate) fn aws() -> Self {
        Self::Aws { container: std::env::var("AWS_CONTAINER_CREDENTIALS_FULL_URI").ok() }
    }

    /// Whether a request may leave for `uri`; one that a service's client makes is signed, others look for credentials.
    fn allow(&self, uri: &str, signed: bool) -> bool {
        let Some((scheme, rest)) = uri.split_once("://") else { return false };
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        match self {
            Self::Aws { .. } if METADATA.contains(&authority) => scheme == "http" && !signed,
            Self::Aws { container: Some(container) } if container == uri => !signed && is_local(authority),
            Self::Aws { .. } => {
                let host = authority.trim_end_matches(":443");
                scheme == "https" && AWS.iter().any(|domain| host.ends_with(domain))
            }
            Self::Only(allowed) => authority == allowed || authority.ends_with(&format!(".{allowed}")),
        }
    }
}

/// Whether an address is this machine's own.
fn is_local(authority: &str) -> bool {
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    ["localhost", "127.0.0.1", "[::1]"].contains(&host)
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
    fn a_truncated_answer_is_detected() {
        let whole = "<?xml version=\"1.0\"?>\n<R xmlns=\"u\"><set><item>a</item></set></R>";
        assert!(is_whole_xml(whole.as_bytes()) && is_whole_xml(b"<R/>") && is_whole_xml(b"<R a=\"b\" />"));
        for cut in 1..whole.len() {
            assert!(!is_whole_xml(&whole.as_bytes()[..cut]), "{}", &whole[..cut]);
        }
    }

    #[test]
    fn credentials_stay_where_they_belong() {
        let aws = Hosts::Aws { container: None };
        assert!(aws.allow("https://ec2.us-east-1.amazonaws.com/", true));
        assert!(aws.allow("https://s3.dualstack.us-east-1.amazonaws.com/", true));
        assert!(aws.allow("https://ec2.us-east-1.api.aws/", true));
        assert!(!aws.allow("http://ec2.us-east-1.amazonaws.com/", true));
        assert!(!aws.allow("http://127.0.0.1:4566/", true));
        assert!(!aws.allow("https://amazonaws.com.example.org/", true));
        assert!(!aws.allow("https://example-api.aws/", true));
        let only = Hosts::Only("127.0.0.1:4566".to_owned());
        assert!(only.allow("http://127.0.0.1:4566/bucket?versioning", true));
        assert!(!only.allow("https://sts.us-east-1.amazonaws.com/", true));
    }

    #[test]
    fn the_chain_may_ask_this_machine_for_credentials_and_sends_it_none() {
        let shell = "http://localhost:1338/latest/meta-data/container/security-credentials";
        let container = Hosts::Aws { container: Some(shell.to_owned()) };
        for uri in [shell, "http://169.254.169.254/latest/api/token", "http://169.254.170.2/v2/credentials/a"] {
            assert!(container.allow(uri, false), "{uri}");
            assert!(!container.allow(uri, true), "{uri} gets no signed request");
        }
        assert!(!Hosts::Aws { container: None }.allow(shell, false));
        assert!(!container.allow("http://localhost:1338/other", false));
        let elsewhere = "http://credentials.example.org/a";
        assert!(!Hosts::Aws { container: Some(elsewhere.to_owned()) }.allow(elsewhere, false));
    }
}
