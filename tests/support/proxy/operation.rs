//! Which AWS operation a request is, whether it changes anything, and which token it carries.

use bytes::Bytes;
use http::request::Parts;

use super::rest;

/// How a service's requests and errors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// EC2's kind of form requests and XML.
    Ec2,
    /// Form requests, XML answers: RDS, IAM, SNS, CloudWatch.
    Query,
    /// `X-Amz-Target` and JSON.
    Json,
    /// Paths and JSON: Lambda, API Gateway.
    RestJson,
    /// Paths and XML: Route 53.
    RestXml,
    /// Paths and XML, with errors of its own shape.
    S3,
}

/// What was recognised in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The service as signatures name it.
    pub service: String,
    /// The operation; `<METHOD> <path>` if it is in no table.
    pub operation: String,
    /// The protocol, for error answers.
    pub protocol: Protocol,
    /// Whether it may change something.
    pub mutates: bool,
    /// The client token, idempotency token or caller reference.
    pub token: Option<String>,
}

/// Beginnings of operation names that only read.
const READS: [&str; 12] =
    ["Get", "List", "Describe", "Head", "BatchGet", "Query", "Scan", "Simulate", "Lookup", "Search", "Check", "Select"];

/// Services, and operations of any, that only read or compute although their names do not say so.
const COMPUTES: [&str; 6] =
    ["AssumeRole", "AssumeRoleWithWebIdentity", "Decrypt", "Encrypt", "GenerateDataKey", "Sign"];

/// The names tokens go by, in lower case.
const TOKENS: [&str; 5] = ["clienttoken", "idempotencytoken", "clientrequesttoken", "callerreference", "creationtoken"];

/// Recognises a request by its signature's service, then `X-Amz-Target`, the form's `Action`, or method and path.
pub fn recognise(parts: &Parts, body: &Bytes) -> Seen {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let host = header("host");
    let signed = signing_name(header("authorization"));
    let path = parts.uri.path();
    let fallback = || format!("{} {path}", parts.method);
    let (service, operation, protocol) = if host.contains(".execute-api.") {
        ("execute-api".to_owned(), fallback(), Protocol::RestJson)
    } else if let Some((family, operation)) = header("x-amz-target").rsplit_once('.') {
        let service = signed.map_or_else(|| family.to_lowercase(), str::to_owned);
        (service, operation.to_owned(), Protocol::Json)
    } else if let Some(action) = form(parts, body).find_map(|(name, value)| (name == "Action").then_some(value)) {
        let service = signed.unwrap_or("unsigned");
        let protocol = if service == "ec2" { Protocol::Ec2 } else { Protocol::Query };
        (service.to_owned(), action.to_owned(), protocol)
    } else {
        // S3 is the one service that takes unsigned requests.
        let service = signed.unwrap_or("s3");
        let (operation, protocol) = match service {
            "lambda" => (rest::lambda(&parts.method, path), Protocol::RestJson),
            "apigateway" => (rest::api_gateway(&parts.method, path), Protocol::RestJson),
            "route53" => (rest::route53(&parts.method, path), Protocol::RestXml),
            "s3" => (Some(rest::s3(parts)), Protocol::S3),
            _ => (None, Protocol::RestJson),
        };
        (service.to_owned(), operation.unwrap_or_else(fallback), protocol)
    };
    let reads = READS.iter().any(|read| operation.starts_with(read))
        || COMPUTES.contains(&operation.as_str())
        || matches!(operation.split_once(' '), Some(("GET" | "HEAD" | "OPTIONS", _)));
    let rehearsal = protocol == Protocol::Ec2 && form(parts, body).any(|pair| pair == ("DryRun", "true"));
    let token = token(protocol, parts, body);
    Seen { service, operation, protocol, mutates: !reads && !rehearsal, token }
}

/// `AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, …`
fn signing_name(authorization: &str) -> Option<&str> {
    authorization.split_once("Credential=")?.1.split(',').next()?.split('/').nth(3)
}

/// The pairs of a form, not decoded: actions and tokens hold nothing that is encoded.
fn form<'a>(parts: &'a Parts, body: &'a Bytes) -> impl Iterator<Item = (&'a str, &'a str)> {
    let is_form = parts
        .headers
        .get("content-type")
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    let text = if is_form { std::str::from_utf8(body).unwrap_or_default() } else { "" };
    text.split('&').filter_map(|pair| pair.split_once('='))
}

fn token(protocol: Protocol, parts: &Parts, body: &Bytes) -> Option<String> {
    let is_token = |name: &str| TOKENS.contains(&name.to_lowercase().as_str());
    match protocol {
        Protocol::Ec2 | Protocol::Query => {
            form(parts, body).find_map(|(name, value)| is_token(name).then(|| value.to_owned()))
        }
        Protocol::Json | Protocol::RestJson => {
            let value: serde_json::Value = serde_json::from_slice(body).ok()?;
            let fields = value.as_object()?;
            fields
                .iter()
                .find_map(|(name, value)| if is_token(name) { value.as_str().map(str::to_owned) } else { None })
        }
        Protocol::RestXml => {
            let text = std::str::from_utf8(body).ok()?;
            let (_, rest) = text.split_once("<CallerReference>")?;
            Some(rest.split_once('<')?.0.to_owned())
        }
        Protocol::S3 => None,
    }
}
