//! https addresses of others, which payinfra's stack calls.

/// Gives the host of an https address.
///
/// The functions check the address again after name resolution; this finds what cannot be meant.
///
/// # Errors
/// What is wrong with the address, as a fragment.
pub(super) fn host(address: &str) -> Result<&str, String> {
    let authority = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        // The file, the parameter and the plan would show a password in plain text.
        return Err("the address contains a user name or a password".to_owned());
    }
    if !address.starts_with("https://") {
        return Err(format!("{address:?} does not start with https://"));
    }
    if address.len() > 2048 {
        return Err("the address is longer than 2048 characters".to_owned());
    }
    if address.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("{address:?} contains white space"));
    }
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    if port.is_some_and(|port| !port.bytes().all(|b| b.is_ascii_digit()) || port.parse::<u16>().is_err()) {
        return Err(format!("{address:?} has no valid port"));
    }
    if host.parse::<std::net::Ipv4Addr>().is_ok() || host.starts_with('[') {
        return Err(format!("{address:?} contains an IP address instead of a host name"));
    }
    if !is_host_name(host) {
        return Err(format!("{address:?} has no fully qualified host name"));
    }
    Ok(host)
}

/// Returns whether an https address that [`host`] accepts has the port 443, written or not.
pub(super) fn has_default_port(address: &str) -> bool {
    let authority = address.strip_prefix("https://").unwrap_or(address).split(['/', '?', '#']).next();
    authority.and_then(|authority| authority.split_once(':')).is_none_or(|(_, port)| port.parse() == Ok(443_u16))
}

/// Returns whether `name` is a host name with at least two labels (RFC 1123).
pub(super) fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253
        && name.split('.').count() >= 2
        && name.split('.').all(label)
        // A last label of digits is an address, not a name.
        && !name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
}
