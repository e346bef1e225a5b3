//! Commands that call a sandbox's API, to be pasted into a shell.

use payinfra_stack::settings::ApiAuth;

/// The sandbox's credentials: the emulator accepts any, and curl needs some to sign with.
const SIGNATURE: &str = "--aws-sigv4 aws:amz:us-east-1:execute-api --user test:test";

/// The commands: health, a payment that is validated, and its booking. In AWS, the same ones work with real credentials.
///
/// They bypass any proxy, since the sandbox is on this machine.
pub fn commands(url: &str, auth: ApiAuth, suffix: &str) -> String {
    let proof = match auth {
        ApiAuth::Iam => SIGNATURE.to_owned(),
        ApiAuth::ApiKey => "-H \"x-api-key: $key\"".to_owned(),
    };
    let mut lines = vec![format!("api={url}")];
    if auth == ApiAuth::ApiKey {
        lines.push(read_key(url, suffix));
    }
    lines.push("curl -sS --noproxy '*' \"$api/health\"; echo".to_owned());
    lines.push(format!(
        "call() {{ curl -sS --noproxy '*' -w '  (%{{http_code}})\\n' {proof} -H 'Content-Type: application/json' \"$@\"; }}"
    ));
    lines.push(
        "session=$(call \"$api/payments/validate\" -d '{\"merchant_id\":\"m-1\",\"amount\":1050,\"currency\":\"EUR\",\
         \"source_token\":\"tok_abcdefgh\",\"reference\":\"Order 7\"}' | grep -o 'ses_[a-p]*')"
            .to_owned(),
    );
    lines.push(
        "call \"$api/payments/transactions\" -H \"Idempotency-Key: order-$(date +%s)\" \
         -d '{\"merchant_id\":\"m-1\",\"session_id\":\"'\"$session\"'\"}'"
            .to_owned(),
    );
    lines.join("\n")
}

/// Reads the key's value from the emulator, so that it is not shown.
fn read_key(url: &str, suffix: &str) -> String {
    let port = url.rsplit_once(':').and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default();
    format!(
        "key=$(curl -sS --noproxy '*' --aws-sigv4 aws:amz:us-east-1:apigateway --user test:test \
         'http://127.0.0.1:{port}/apikeys?includeValues=true&name=api-key-{suffix}' \
         | sed 's/.*\"value\": *\"\\([^\"]*\\)\".*/\\1/')"
    )
}
