//! Which of the addresses that others tell of a node is willing to dial.
//!
//! A peers list is a claim. Without rules, one hostile peer could make a whole mesh connect to
//! addresses of its choice.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Ports below belong to services that never asked to be in a mesh.
const MIN_PORT: u16 = 1_024;

/// How far an address reaches, from the narrowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    /// This machine.
    Loopback,
    /// This network (RFC 1918, RFC 4193), or one laid over others, as many are in the space that is
    /// shared for carriers (RFC 6598).
    Private,
    /// The Internet.
    Global,
    /// No single machine, or one that only a particular network interface reaches.
    Unfit,
}

/// Whether to dial `address` because the peer at `teller` told of it.
///
/// An address may be told by peers of its own scope or of a narrower one: a peer on the Internet
/// has no business with the machines of a private network, nor with this machine's own services.
pub(super) fn may_dial(address: SocketAddr, teller: IpAddr) -> bool {
    let scope = scope(address.ip());
    address.port() >= MIN_PORT && scope != Scope::Unfit && self::scope(teller) <= scope
}

fn scope(ip: IpAddr) -> Scope {
    match ip.to_canonical() {
        IpAddr::V4(ip) => scope_v4(ip),
        IpAddr::V6(ip) => scope_v6(ip),
    }
}

fn scope_v4(ip: Ipv4Addr) -> Scope {
    let [first, second, ..] = ip.octets();
    let is_shared = first == 100 && second & 0xc0 == 64;
    let is_reserved = first == 0 || first >= 240;
    if ip.is_loopback() {
        Scope::Loopback
    } else if ip.is_private() || is_shared {
        Scope::Private
    } else if ip.is_link_local() || ip.is_multicast() || is_reserved {
        Scope::Unfit
    } else {
        Scope::Global
    }
}

fn scope_v6(ip: Ipv6Addr) -> Scope {
    if ip.is_loopback() {
        Scope::Loopback
    } else if ip.is_unique_local() {
        Scope::Private
    } else if ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local() {
        Scope::Unfit
    } else {
        Scope::Global
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(address: &str, teller: &str) -> bool {
        may_dial(address.parse().unwrap(), teller.parse().unwrap())
    }

    #[test]
    fn t32_an_address_is_believed_from_its_own_scope_or_a_narrower_one() {
        for (address, teller, expected) in [
            ("127.0.0.1:4444", "127.0.0.1", true),
            ("127.0.0.1:4444", "10.0.0.1", false),
            ("127.0.0.1:4444", "9.9.9.9", false),
            ("10.0.0.1:4444", "127.0.0.1", true),
            ("10.0.0.1:4444", "192.168.1.1", true),
            ("10.0.0.1:4444", "9.9.9.9", false),
            ("100.64.0.1:4444", "100.127.0.1", true),
            ("100.64.0.1:4444", "9.9.9.9", false),
            ("100.128.0.1:4444", "9.9.9.9", true),
            ("9.9.9.9:4444", "10.0.0.1", true),
            ("9.9.9.9:4444", "8.8.8.8", true),
            ("[::1]:4444", "::1", true),
            ("[::1]:4444", "2001:db8::1", false),
            ("[::ffff:127.0.0.1]:4444", "9.9.9.9", false),
            ("[::ffff:9.9.9.9]:4444", "9.9.9.9", true),
            ("[fd00::1]:4444", "fd00::2", true),
            ("[fd00::1]:4444", "2001:db8::1", false),
        ] {
            assert_eq!(may(address, teller), expected, "{address} told by {teller}");
        }
    }

    #[test]
    fn t32_addresses_of_no_single_machine_are_never_dialled() {
        for address in [
            "0.0.0.0:4444",
            "0.1.2.3:4444",
            "169.254.169.254:4444",
            "224.0.0.1:4444",
            "240.0.0.1:4444",
            "255.255.255.255:4444",
            "[::]:4444",
            "[fe80::1]:4444",
            "[ff02::1]:4444",
            "9.9.9.9:0",
            "9.9.9.9:22",
            "9.9.9.9:1023",
        ] {
            assert!(!may(address, "127.0.0.1"), "{address}");
        }
        assert!(may("9.9.9.9:1024", "127.0.0.1"));
    }
}
