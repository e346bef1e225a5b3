//! The IAM token that replaces a database password: a presigned `rds-db:connect` request.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.Connecting.html>

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;

use crate::frame::causes::chain;
use crate::rules::redaction::Secret;

/// A token's validity, which is fixed by RDS. Every connection uses a new token, because signing is local and takes
/// microseconds, so no token is used close to its expiry.
const VALIDITY: Duration = Duration::from_secs(900);

/// The token could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("cannot sign the database token: {0}")]
pub struct TokenError(String);

/// Creates the token for one user on one host.
pub fn token(
    credentials: &Credentials,
    region: &str,
    host: &str,
    port: u16,
    user: &str,
    now: SystemTime,
) -> Result<Secret<String>, TokenError> {
    let failed = |error: &dyn std::error::Error| TokenError(chain(error));
    let mut settings = SigningSettings::default();
    settings.expires_in = Some(VALIDITY);
    settings.signature_location = SignatureLocation::QueryParams;
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("rds-db")
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| failed(&error))?
        .into();
    let url = format!("https://{host}:{port}/?Action=connect&DBUser={user}");
    let request = SignableRequest::new("GET", &url, std::iter::empty(), SignableBody::Bytes(&[]))
        .map_err(|error| failed(&error))?;
    let (instructions, _) = sign(request, &parameters).map_err(|error| failed(&error))?.into_parts();
    let mut signed = http::Request::get(&url).body(()).map_err(|error| failed(&error))?;
    instructions.apply_to_request_http1x(&mut signed);
    let signed = signed.uri().to_string();
    Ok(Secret::new(signed.trim_start_matches("https://").to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// The example in the published SDK (aws-sdk-rds, auth_token.rs).
    #[test]
    fn the_token_equals_the_sdks() {
        let credentials = Credentials::new("akid", "secret", None, None, "test");
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_724_709_600);
        let host = "prod-instance.us-east-1.rds.amazonaws.com";
        let token = token(&credentials, "us-east-1", host, 3306, "peccy", now).unwrap();
        let expected = "prod-instance.us-east-1.rds.amazonaws.com:3306/?Action=connect&DBUser=peccy\
            &X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=akid%2F20240826%2Fus-east-1%2Frds-db%2Faws4_request\
            &X-Amz-Date=20240826T220000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host\
            &X-Amz-Signature=dd0cba843009474347af724090233265628ace491ea17ce3eb3da098b983ad89";
        assert_eq!(token.expose(), expected);
    }

    /// Every connection gets a new token, so a reconnection after a token has expired uses a valid one.
    #[test]
    fn a_later_connection_gets_a_new_token() {
        let credentials = Credentials::new("akid", "secret", Some("session".to_owned()), None, "test");
        let at = |seconds| {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            token(&credentials, "us-east-1", "writer", 5432, "payments_app", now).unwrap()
        };
        let (first, second) = (at(1_724_709_600), at(1_724_709_600 + VALIDITY.as_secs()));
        assert!(first.expose().contains("X-Amz-Date=20240826T220000Z&X-Amz-Expires=900"));
        assert!(second.expose().contains("X-Amz-Date=20240826T221500Z&X-Amz-Expires=900"));
        assert!(second.expose().contains("X-Amz-Security-Token=session"));
    }
}
