//! The addresses that a webhook may be sent to: public unicast ones only, so that a merchant's URL cannot make the
//! function call into its own network (server-side request forgery).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Reports whether an address is globally reachable, according to the IANA special-purpose address registries (RFC 6890
/// and its updates).
/// <https://www.iana.org/assignments/iana-ipv4-special-registry/>
/// <https://www.iana.org/assignments/iana-ipv6-special-registry/>
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

const fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0 // this network
        || a == 10 // private
        || a == 127 // loopback
        || (a == 100 && b & 0b1100_0000 == 64) // carrier-grade NAT
        || (a == 169 && b == 254) // link-local, including the metadata services
        || (a == 172 && b & 0b1111_0000 == 16) // private
        || (a == 192 && b == 168) // private
        || (a == 192 && b == 0 && (c == 0 || c == 2)) // protocol assignments, documentation
        || (a == 192 && b == 88 && c == 99) // 6to4 relays
        || (a == 198 && b & 0b1111_1110 == 18) // benchmarking
        || (a == 198 && b == 51 && c == 100) // documentation
        || (a == 203 && b == 0 && c == 113) // documentation
        || a >= 224) // multicast, reserved, broadcast
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // Global unicast is 2000::/3. Loopback, unique local, link-local, multicast, v4-mapped, and v4-compatible addresses
    // and the NAT64 prefix are outside it.
    let global = segments[0] & 0xE000 == 0x2000;
    let special = match segments[0] {
        // Protocol assignments including Teredo, and documentation.
        0x2001 => segments[1] < 0x0200 || segments[1] == 0x0DB8,
        // 6to4 embeds any v4 address.
        0x2002 => true,
        // Documentation.
        0x3FFF => segments[1] < 0x1000,
        _ => false,
    };
    global && !special
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn special_purpose_addresses_are_not_public() {
        for text in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::1",
            "3fff::1",
            "100::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn ordinary_addresses_are_public() {
        for text in ["8.8.8.8", "100.63.0.1", "100.128.0.1", "172.32.0.1", "193.0.0.1", "2600:1f18::1", "2a00:1450::1"]
        {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }
}
