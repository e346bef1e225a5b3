//! Host names as DNS records are compared.

/// A host name in the form that is compared: in lower case, and without the dot that Route 53 and ACM put at the end.
pub(super) fn host_name(name: &str) -> String {
    name.trim_end_matches('.').to_lowercase()
}
