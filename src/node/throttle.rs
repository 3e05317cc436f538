//! How many incoming handshakes a node pays for. PROTOCOL.md §6.
//!
//! A handshake under TLS or RSA costs this node a fraction of a millisecond of work with keys, and
//! whoever begins it next to nothing.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::Config;
use super::sorted_map::SortedMap;
use crate::time::Instant;

/// The most addresses whose buckets are kept.
const MAX_ADDRESSES: usize = 1_024;

/// So many in a row, and then so many a second: a bucket of tokens that fills up again.
#[derive(Clone, Copy, Debug)]
struct Limit {
    /// How long a token takes to come.
    interval: Duration,
    /// How long an empty bucket takes to fill.
    depth: Duration,
}

impl Limit {
    fn new(a_second: usize, burst: usize) -> Self {
        let per = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).max(1);
        let interval = Duration::from_secs(1) / per(a_second);
        Self { interval, depth: interval.saturating_mul(per(burst)) }
    }

    /// When a bucket that is full at `full_at` will be full again if one more is taken at `now`;
    /// `None` where there is none left.
    fn take(self, now: Instant, full_at: Instant) -> Option<Instant> {
        let next = full_at.max(now) + self.interval;
        (next <= now + self.depth).then_some(next)
    }
}

/// What part of the tokens for all one IPv6 /48 gets, as its divisor: a customer of a provider may
/// have as many as 65,536 /64 in it, and is not to keep everybody else out.
const SITE_SHARE: usize = 4;

/// The buckets of a node: one for all, and one for each address.
#[derive(Debug)]
pub(super) struct Throttle {
    all: Limit,
    each: Limit,
    site: Limit,
    /// When the bucket for all will be full.
    full_at: Instant,
    /// When those of addresses will be. An address that is not here has a full one.
    by_address: SortedMap<IpAddr, Instant>,
    /// When those of each IPv6 /48 will be.
    by_site: SortedMap<IpAddr, Instant>,
}

impl Throttle {
    pub(super) fn new(config: &Config) -> Self {
        let (a_second, burst) = (config.max_handshakes, config.max_handshake_burst);
        Self {
            all: Limit::new(a_second, burst),
            each: Limit::new(config.max_handshakes_per_ip, config.max_handshake_burst_per_ip),
            site: Limit::new(a_second / SITE_SHARE, burst / SITE_SHARE),
            full_at: Instant::ZERO,
            by_address: SortedMap::default(),
            by_site: SortedMap::default(),
        }
    }

    /// Takes a token for a handshake with `ip`, if there is one. One that is not admitted costs
    /// nobody anything: an address that has used up its own takes nothing from the others.
    pub(super) fn admit(&mut self, now: Instant, ip: IpAddr) -> bool {
        let Some(all) = self.all.take(now, self.full_at) else { return false };
        // Whoever is on this machine is many: programs side by side, or a tunnel's users.
        if !ip.to_canonical().is_loopback() {
            let (address, site) = (holder(ip), site(ip));
            let take = |limit: Limit, buckets: &SortedMap<IpAddr, Instant>, ip| {
                limit.take(now, buckets.get(&ip).copied().unwrap_or(now))
            };
            let Some(of_address) = take(self.each, &self.by_address, address) else { return false };
            if let Some(site) = site {
                let Some(of_site) = take(self.site, &self.by_site, site) else { return false };
                remember(&mut self.by_site, now, site, of_site);
            }
            remember(&mut self.by_address, now, address, of_address);
        }
        self.full_at = all;
        true
    }
}

/// Keeps the state of a bucket. Where there are too many, the full ones go, which say nothing; and
/// if none is, the fullest one.
fn remember(buckets: &mut SortedMap<IpAddr, Instant>, now: Instant, ip: IpAddr, full_at: Instant) {
    if buckets.len() >= MAX_ADDRESSES && !buckets.contains_key(&ip) {
        buckets.retain(|_, full_at| *full_at > now);
        if buckets.len() >= MAX_ADDRESSES {
            let fullest = buckets.iter().min_by_key(|(_, full_at)| **full_at);
            if let Some(fullest) = fullest.map(|(ip, _)| *ip) {
                buckets.remove(&fullest);
            }
        }
    }
    buckets.insert(ip, full_at);
}

/// Whose bucket an address has: whoever has one address of IPv6 has the whole /64.
pub(super) fn holder(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        ip @ IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
    }
}

/// The /48 that an address of IPv6 is in.
fn site(ip: IpAddr) -> Option<IpAddr> {
    match ip.to_canonical() {
        IpAddr::V4(_) => None,
        IpAddr::V6(ip) => Some(IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 80 << 80))),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::wire::Protocol;

    fn throttle() -> Throttle {
        Throttle::new(&Config::new(Protocol::new("mesh", "tls13-rpk/1")))
    }

    fn v4(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(0x0900_0000 + number))
    }

    /// How many of `count` are admitted at one moment.
    fn admitted(throttle: &mut Throttle, now: Instant, ip: IpAddr, count: usize) -> usize {
        (0..count).filter(|_| throttle.admit(now, ip)).count()
    }

    #[test]
    fn one_address_has_eight_at_once_and_four_a_second() {
        let mut throttle = throttle();
        let at = Instant::from_millis;
        assert_eq!(admitted(&mut throttle, at(0), v4(1), 1_000), 8);
        assert!(!throttle.admit(at(249), v4(1)));
        assert!(throttle.admit(at(250), v4(1)));
        assert!(!throttle.admit(at(250), v4(1)));
        assert_eq!(admitted(&mut throttle, at(1_250), v4(1), 1_000), 4);
        assert_eq!(admitted(&mut throttle, at(60_000), v4(1), 1_000), 8, "no more than full");
    }

    #[test]
    fn all_addresses_have_128_at_once_and_fifty_a_second() {
        let mut throttle = throttle();
        let at = Instant::from_millis;
        let many = |throttle: &mut Throttle, now| {
            (0..1_000).filter(|number| throttle.admit(now, v4(*number))).count()
        };
        assert_eq!(many(&mut throttle, at(0)), 128);
        assert_eq!(many(&mut throttle, at(19)), 0);
        assert_eq!(many(&mut throttle, at(20)), 1);
        assert_eq!(many(&mut throttle, at(1_020)), 50);
    }

    #[test]
    fn an_address_that_is_refused_takes_nothing_from_the_others() {
        let mut throttle = throttle();
        let now = Instant::from_secs(1);
        assert_eq!(admitted(&mut throttle, now, v4(1), 1_000), 8);
        let others = (2..1_000).filter(|number| throttle.admit(now, v4(*number))).count();
        assert_eq!(others, 120);
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address_a_mapped_one_as_ipv4_and_this_machine_not() {
        let mut throttle = throttle();
        let now = Instant::ZERO;
        let network = |last: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last));
        assert_eq!((0..100).filter(|last| throttle.admit(now, network(*last))).count(), 8);
        assert!(throttle.admit(now, "2001:db8:0:2::".parse().unwrap()));
        assert_eq!(admitted(&mut throttle, now, "::ffff:9.0.0.1".parse().unwrap(), 10), 8);
        assert!(!throttle.admit(now, v4(1)));
        let left = 128 - 8 - 1 - 8;
        assert_eq!(admitted(&mut throttle, now, "127.0.0.1".parse().unwrap(), 50), 50);
        assert_eq!(admitted(&mut throttle, now, "::1".parse().unwrap(), 1_000), left - 50);
    }

    #[test]
    fn a_customers_many_ipv6_networks_leave_three_quarters_to_the_others() {
        let mut throttle = throttle();
        let network = |site: u16, number: u16| {
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, site, number, 0, 0, 0, 1))
        };
        let mut taken = 0;
        for millis in 0..60_000_u16 {
            let now = Instant::from_millis(millis.into());
            taken += u32::from(throttle.admit(now, network(0, millis)));
            assert!(millis % 500 != 0 || throttle.admit(now, v4(7)), "{now} ms");
        }
        assert!((32 + 60 * 11..=32 + 60 * 13).contains(&taken), "{taken}");
        assert!(throttle.admit(Instant::from_secs(60), network(1, 0)));
    }

    #[test]
    fn a_full_table_forgets_full_buckets_first_and_then_the_fullest() {
        let mut config = Config::new(Protocol::new("mesh", "tls13-rpk/1"));
        config.max_handshake_burst = 1_000_000;
        let mut throttle = Throttle::new(&config);
        let count = u32::try_from(MAX_ADDRESSES).unwrap();
        let at = Instant::from_millis;
        assert!(throttle.admit(at(0), v4(0)), "the fullest: one is missing");
        for number in 1..count {
            assert_eq!(admitted(&mut throttle, at(0), v4(number), 9), 8);
        }
        assert_eq!(throttle.by_address.len(), MAX_ADDRESSES);
        assert!(throttle.admit(at(1), v4(count)));
        assert_eq!(throttle.by_address.len(), MAX_ADDRESSES);
        assert!(!throttle.by_address.contains_key(&v4(0)));
        assert!(!throttle.admit(at(1), v4(1)), "an empty one is not forgotten");
        assert!(throttle.admit(at(10_000), v4(count + 1)));
        assert_eq!(throttle.by_address.len(), 1, "by now the others are full");
    }
}
