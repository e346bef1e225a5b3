//! Buckets that are named by the host, as on AWS.

use http::request::Parts;

/// S3 itself; a bucket's name may precede it.
const S3: &str = "s3.us-east-1.amazonaws.com";

/// Writes a request to `bucket.s3.us-east-1.amazonaws.com` as one with the bucket in its path, as emulators know it.
pub fn put_into_the_path(parts: &mut Parts) {
    let host = parts.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    let Some(bucket) = host.strip_suffix(S3).and_then(|front| front.strip_suffix('.')) else { return };
    let path = parts.uri.path().trim_end_matches(|letter| letter == '/' && parts.uri.path() == "/");
    let query = parts.uri.query().map_or_else(String::new, |query| format!("?{query}"));
    parts.uri = format!("/{bucket}{path}{query}").parse().unwrap();
    parts.headers.insert("host", S3.parse().unwrap());
}
