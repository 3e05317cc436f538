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

/// Whether an address is of this machine.
pub(super) fn is_loopback(ip: IpAddr) -> bool {
    scope(ip) == Scope::Loopback
}

/// Whether an address is of this machine, or of a private network.
pub(super) fn is_near(ip: IpAddr) -> bool {
    scope(ip) <= Scope::Private
}

fn scope(ip: IpAddr) -> Scope {
    match ip.to_canonical() {
        IpAddr::V4(ip) => scope_v4(ip),
        IpAddr::V6(ip) => scope_v6(ip),
    }
}

fn scope_v4(ip: Ipv4Addr) -> Scope {
    let [first, second, third, _] = ip.octets();
    let is_shared = first == 100 && second & 0xc0 == 64;
    let is_reserved = first == 0 || first >= 240;
    // Tests of networks (RFC 2544), and the protocols' own (RFC 6890).
    let is_special = first == 198 && second & 0xfe == 18 || [first, second, third] == [192, 0, 0];
    if ip.is_loopback() {
        Scope::Loopback
    } else if ip.is_private() || is_shared {
        Scope::Private
    } else if ip.is_link_local() || ip.is_multicast() || is_reserved || is_special {
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
        // What a translator makes an IPv4 address of leads where that leads, and to nobody's own
        // machine or network: those have shorter ways.
        match embedded(ip).map(scope_v4) {
            None | Some(Scope::Global) => Scope::Global,
            Some(_) => Scope::Unfit,
        }
    }
}

/// The IPv4 address in one of IPv6: of a translator (RFC 6052) or a relay (RFC 3056), or as nobody
/// writes it any more (RFC 4291, the compatible and the site-local ones, which count as 0.0.0.0).
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        // A translator of one network, which may put an address in it in many ways (RFC 8215).
        [0x64, 0xff9b, 1, ..] => Some(Ipv4Addr::UNSPECIFIED),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        [0, 0, 0, 0, 0, 0, ..] => Some(Ipv4Addr::UNSPECIFIED),
        [first, ..] if first & 0xffc0 == 0xfec0 => Some(Ipv4Addr::UNSPECIFIED),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::IpAddr::{V4, V6};

    use proptest::prelude::*;

    use super::*;
    use crate::node::Network;

    /// The special networks, by their names in the registries: one list for each scope.
    const LOOPBACK: &[&str] = &["127.0.0.0/8", "::1/128"];
    const PRIVATE: &[&str] =
        &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"];
    const UNFIT: &[&str] = &[
        "0.0.0.0/8",
        "169.254.0.0/16",
        "192.0.0.0/24",
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",
        "64:ff9b:1::/48",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    ];

    fn is_in(networks: &[&str], ip: IpAddr) -> bool {
        networks.iter().any(|network| network.parse::<Network>().unwrap().contains(ip))
    }

    /// How far an address reaches, by those lists: 0 for this machine, 1 for private networks, 2 for
    /// the Internet.
    fn reach(ip: IpAddr) -> Option<u8> {
        let inner = match ip.to_canonical() {
            V6(ip) if is_in(&["64:ff9b::/96"], V6(ip)) => {
                Some(Ipv4Addr::from_bits(low(ip.to_bits())))
            }
            V6(ip) if is_in(&["2002::/16"], V6(ip)) => {
                Some(Ipv4Addr::from_bits(low(ip.to_bits() >> 80)))
            }
            _ => None,
        };
        if is_in(LOOPBACK, ip) {
            Some(0)
        } else if is_in(PRIVATE, ip) {
            Some(1)
        } else if is_in(UNFIT, ip) || inner.is_some_and(|inner| reach(V4(inner)) != Some(2)) {
            None
        } else {
            Some(2)
        }
    }

    fn low(bits: u128) -> u32 {
        u32::try_from(bits & 0xffff_ffff).unwrap()
    }

    /// Any address, one of any special network, and any of IPv4 in whatever clothes.
    pub(in crate::node) fn any_ip() -> impl Strategy<Value = IpAddr> {
        let in_network = |(index, bits): (usize, u128)| {
            let names: Vec<_> = [LOOPBACK, PRIVATE, UNFIT].concat();
            let (base, len) = names[index % names.len()].split_once('/').unwrap();
            let len: u32 = len.parse().unwrap();
            match base.parse().unwrap() {
                V4(base) => {
                    let host = u32::MAX.checked_shr(len).unwrap_or(0);
                    V4(Ipv4Addr::from_bits(base.to_bits() | low(bits) & host))
                }
                V6(base) => {
                    let host = u128::MAX.checked_shr(len).unwrap_or(0);
                    V6(Ipv6Addr::from_bits(base.to_bits() | bits & host))
                }
            }
        };
        let special = any::<(usize, u128)>().prop_map(in_network);
        let v4 = any::<u32>().prop_map(|bits| V4(Ipv4Addr::from_bits(bits)));
        let plain =
            prop_oneof![special, v4, any::<u128>().prop_map(|bits| V6(Ipv6Addr::from_bits(bits))),];
        let dressed = |(ip, dress): (IpAddr, u8)| match (ip, dress) {
            (V4(ip), 1) => V6(ip.to_ipv6_mapped()),
            (V4(ip), 2) => V6(Ipv6Addr::from_bits(0x64_ff9b << 96 | u128::from(ip.to_bits()))),
            (V4(ip), 3) => V6(Ipv6Addr::from_bits(0x2002 << 112 | u128::from(ip.to_bits()) << 80)),
            (V4(ip), 4) => V6(Ipv6Addr::from_bits(ip.to_bits().into())),
            _ => ip,
        };
        (plain, 0..8_u8).prop_map(dressed)
    }

    /// Whether the policy lets anybody at `teller` tell of an address, by the lists.
    pub(in crate::node) fn is_fit(address: SocketAddr, teller: IpAddr) -> bool {
        let reaches = reach(address.ip()).zip(reach(teller));
        address.port() >= 1_024 && reaches.is_some_and(|(address, teller)| teller <= address)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn t32_an_address_is_dialled_on_the_word_of_those_alone_whom_the_lists_let_tell_of_it(
            ip in any_ip(),
            teller in any_ip(),
            port in prop_oneof![0..2_048_u16, any::<u16>()],
        ) {
            let address = SocketAddr::new(ip, port);
            prop_assert_eq!(may_dial(address, teller), is_fit(address, teller));
            prop_assert_eq!(may_dial(address, teller), may_dial(address, teller.to_canonical()));
            let canonical = SocketAddr::new(ip.to_canonical(), port);
            prop_assert_eq!(may_dial(address, teller), may_dial(canonical, teller));
        }
    }

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
            ("[fd00::1]:4444", "::1", true),
            ("172.16.0.1:4444", "172.31.0.1", true),
            ("172.32.0.1:4444", "9.9.9.9", true),
            ("192.168.0.1:4444", "::ffff:10.0.0.1", true),
            ("[::ffff:10.0.0.1]:4444", "9.9.9.9", false),
            ("[::ffff:10.0.0.1]:4444", "fd00::1", true),
            ("127.255.255.254:4444", "127.0.0.1", true),
            ("127.0.0.1:4444", "::1", true),
            ("127.0.0.1:4444", "100.64.0.1", false),
            ("[2001:db8::1]:4444", "9.9.9.9", true),
            ("[64:ff9b::9.9.9.9]:4444", "2001:db8::1", true),
            ("[2002:909:909::1]:4444", "2001:db8::1", true),
            ("9.9.9.9:1024", "0.0.0.0", false),
            ("9.9.9.9:1024", "169.254.0.1", false),
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
            "192.0.0.1:4444",
            "198.18.0.1:4444",
            "198.19.255.255:4444",
            "239.255.255.250:4444",
            "247.0.0.1:4444",
            "[febf::1]:4444",
            "[fec0::1]:4444",
            "[::9.9.9.9]:4444",
            "[::ffff:169.254.169.254]:4444",
            "[::ffff:0.0.0.0]:4444",
            "[64:ff9b::127.0.0.1]:4444",
            "[64:ff9b::10.0.0.1]:4444",
            "[64:ff9b::169.254.169.254]:4444",
            "[64:ff9b:1::9.9.9.9]:4444",
            "[2002:7f00:1::1]:4444",
            "[2002:c0a8:1::1]:4444",
            "[2002:e000:1::1]:4444",
            "9.9.9.9:0",
            "9.9.9.9:22",
            "9.9.9.9:1023",
        ] {
            assert!(!may(address, "127.0.0.1"), "{address}");
        }
        assert!(may("9.9.9.9:1024", "127.0.0.1"));
    }
}
