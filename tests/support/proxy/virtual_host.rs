//! Buckets that are named by the host, as on AWS.

use http::request::Parts;

/// S3 itself; a bucket's name may precede it. SDKs differ in which of its names they use in us-east-1.
const S3: [&str; 2] = ["s3.us-east-1.amazonaws.com", "s3.amazonaws.com"];

/// Writes a request to `bucket.s3.us-east-1.amazonaws.com` as one with the bucket in its path, as emulators know it.
pub fn put_into_the_path(parts: &mut Parts) {
    let host = parts.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    let bucket = S3.iter().find_map(|name| host.strip_suffix(name)?.strip_suffix('.'));
    let Some(bucket) = bucket else { return };
    let path = parts.uri.path().trim_end_matches(|letter| letter == '/' && parts.uri.path() == "/");
    let query = parts.uri.query().map_or_else(String::new, |query| format!("?{query}"));
    parts.uri = format!("/{bucket}{path}{query}").parse().unwrap();
    parts.headers.insert("host", S3[0].parse().unwrap());
}
