//! How many incoming handshakes a node pays for. PROTOCOL.md §6.
//!
//! A handshake under TLS or RSA costs this node a fraction of a millisecond of work with keys, and
//! whoever begins it next to nothing.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::dial_policy::{is_loopback, is_near};
use super::{Config, Network};
use crate::sorted_map::SortedMap;
use crate::time::Instant;

/// The most addresses whose buckets are kept.
const MAX_ADDRESSES: usize = 1_024;

/// So many in a row, and then so many a second: a bucket of tokens that fills up again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    /// How long a token takes to come.
    interval: Duration,
    /// How long an empty bucket takes to fill.
    depth: Duration,
}

impl Limit {
    #[inline(never)]
    fn new(a_second: usize, burst: usize) -> Self {
        let per = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).max(1);
        let interval = Duration::from_secs(1) / per(a_second);
        Self { interval, depth: interval.saturating_mul(per(burst)) }
    }

    /// One each `interval`, and `burst` at once after a quiet time.
    pub(super) const fn every(interval: Duration, burst: u32) -> Self {
        Self { interval, depth: interval.saturating_mul(burst) }
    }

    /// When a bucket that will be full at `full_at` has a token.
    pub(super) fn next_at(self, full_at: Instant) -> Instant {
        Instant::ZERO + full_at.since(Instant::ZERO + self.depth.saturating_sub(self.interval))
    }

    /// When a bucket that is full at `full_at` will be full again if one more is taken at `now`;
    /// `None` where there is none left.
    #[inline(never)]
    pub(super) fn take(self, now: Instant, full_at: Instant) -> Option<Instant> {
        let next = full_at.max(now) + self.interval;
        (next <= now + self.depth).then_some(next)
    }
}

/// What part of the tokens for all one network gets, as its divisor: about what one place has, and
/// about what one provider has. Whoever rents addresses gets them in a row, and is not to keep
/// everybody else out.
const SITE_SHARE: usize = 4;
const PROVIDER_SHARE: usize = 2;

/// How long the bucket of an address must have been full for it to count as quiet. Longer than any
/// that waits for tokens leaves its bucket alone.
const QUIET: Duration = Duration::from_secs(10);

/// The most addresses that are remembered as good.
const MAX_GOOD: usize = 256;

/// The buckets of a node: for all, for parts of them, and for each address and network.
///
/// Addresses from all over the world can empty a bucket as well, so a part of the tokens is kept for
/// those that have shown nothing but good will, and another for those that have been quiet.
#[derive(Debug)]
pub(super) struct Throttle {
    all: Limit,
    each: Limit,
    site: Limit,
    provider: Limit,
    /// All but a quarter, for addresses that are not known as good; and half, for those of them that
    /// have lately been here.
    strangers: Limit,
    regulars: Limit,
    /// When the bucket for all will be full, and the two for parts.
    full_at: [Instant; 3],
    /// When those of addresses will be. An address that is not here has a full one.
    by_address: SortedMap<Network, Instant>,
    by_site: SortedMap<Network, Instant>,
    by_provider: SortedMap<Network, Instant>,
    /// Addresses of neighbors that lasted, the oldest first.
    good: Vec<IpAddr>,
    /// Whether private networks count as networks.
    counts_private: bool,
}

impl Throttle {
    pub(super) fn new(config: &Config) -> Self {
        let limits = &config.limits;
        let (a_second, burst) = (limits.max_handshakes, limits.max_handshake_burst);
        let share = |part: usize| Limit::new(a_second / part, burst / part);
        Self {
            all: share(1),
            each: Limit::new(limits.max_handshakes_per_ip, limits.max_handshake_burst_per_ip),
            site: share(SITE_SHARE),
            provider: share(PROVIDER_SHARE),
            strangers: Limit::new(a_second - a_second / 4, burst - burst / 4),
            regulars: share(2),
            full_at: [Instant::ZERO; 3],
            by_address: SortedMap::default(),
            by_site: SortedMap::default(),
            by_provider: SortedMap::default(),
            good: Vec::new(),
            counts_private: config.counts_private,
        }
    }

    /// Remembers that a node at this address has been a good neighbor.
    pub(super) fn note_good(&mut self, ip: IpAddr) {
        let ip = holder(ip);
        if let Some(index) = self.good.iter().position(|other| *other == ip) {
            self.good.remove(index);
        } else if self.good.len() >= MAX_GOOD {
            self.good.remove(0);
        }
        self.good.push(ip);
    }

    /// Takes a token for a handshake with `ip`, if there is one. One that is not admitted costs
    /// nobody anything: an address that has used up its own takes nothing from the others.
    #[inline(never)]
    pub(super) fn admit(&mut self, now: Instant, ip: IpAddr) -> bool {
        let [all, strangers, regulars] = self.full_at;
        let Some(all) = self.all.take(now, all) else { return false };
        // Whoever is on this machine is many: programs side by side, or a tunnel's users.
        if is_loopback(ip) {
            self.full_at = [all, strangers, regulars];
            return true;
        }
        let keys = [Network::from(holder(ip)), Network::site(ip), Network::provider(ip)];
        let [address, site, provider] = keys;
        let take = |limit: Limit, buckets: &SortedMap<Network, Instant>, key| {
            limit.take(now, buckets.get(&key).copied().unwrap_or(now))
        };
        let is_quiet = self.by_address.get(&address).is_none_or(|full_at| *full_at + QUIET <= now);
        let is_good = self.good.contains(&holder(ip));
        let Some(of_address) = take(self.each, &self.by_address, address) else { return false };
        let is_alone = !self.counts_private && is_near(ip);
        let of_site = take(self.site, &self.by_site, site);
        let of_provider = take(self.provider, &self.by_provider, provider);
        if !is_alone && (of_site.is_none() || of_provider.is_none()) {
            return false;
        }
        let of_strangers = self.strangers.take(now, strangers);
        let of_regulars = self.regulars.take(now, regulars);
        let has_part = is_good || of_strangers.is_some() && (is_quiet || of_regulars.is_some());
        if !has_part {
            return false;
        }
        if let Some((of_site, of_provider)) = of_site.zip(of_provider).filter(|_| !is_alone) {
            remember(&mut self.by_site, now, site, of_site);
            remember(&mut self.by_provider, now, provider, of_provider);
        }
        remember(&mut self.by_address, now, address, of_address);
        let strangers = of_strangers.filter(|_| !is_good).unwrap_or(strangers);
        let regulars = of_regulars.filter(|_| !is_good && !is_quiet).unwrap_or(regulars);
        self.full_at = [all, strangers, regulars];
        true
    }
}

/// Keeps the state of a bucket. Where there are too many, the full ones go, which say nothing; and
/// if none is, the fullest one.
#[inline(never)]
pub(super) fn remember(
    buckets: &mut SortedMap<Network, Instant>,
    now: Instant,
    key: Network,
    full_at: Instant,
) {
    if buckets.len() >= MAX_ADDRESSES && !buckets.contains_key(&key) {
        buckets.retain(|_, full_at| *full_at > now);
        if buckets.len() >= MAX_ADDRESSES {
            let fullest = buckets.iter().min_by_key(|(_, full_at)| **full_at);
            if let Some(fullest) = fullest.map(|(key, _)| *key) {
                buckets.remove(&fullest);
            }
        }
    }
    buckets.insert(key, full_at);
}

/// Whose bucket an address has: whoever has one address of IPv6 has the whole /64.
#[inline(never)]
pub(super) fn holder(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        ip @ IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
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

    /// Each in a network of its own.
    fn v4(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits((20 << 24) + (number << 16)))
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
    fn all_addresses_have_128_at_once_and_fifty_a_second_and_strangers_three_quarters_of_that() {
        let at = Instant::from_millis;
        for (is_good, early, burst, a_second) in [(true, 20, 128, 50), (false, 27, 96, 38)] {
            let mut throttle = throttle();
            // As many as can be good: each has a bucket that is full in a quarter of a second.
            for number in (0..256).filter(|_| is_good) {
                throttle.note_good(v4(number));
            }
            let many = |throttle: &mut Throttle, now| {
                (0..256).filter(|number| throttle.admit(now, v4(*number))).count()
            };
            assert_eq!(many(&mut throttle, at(0)), burst);
            assert_eq!(many(&mut throttle, at(early - 1)), 0);
            assert_eq!(many(&mut throttle, at(early)), 1);
            assert_eq!(many(&mut throttle, at(1_000 + early)), a_second);
        }
    }

    #[test]
    fn t13_thirteen_addresses_do_not_empty_the_budget_for_the_good_and_the_quiet() {
        let mut throttle = throttle();
        throttle.note_good(v4(100));
        let (mut taken, mut good, mut quiet) = (0, 0, 0);
        for millis in 0..60_000_u32 {
            let now = Instant::from_millis(millis.into());
            taken += (0..13).filter(|number| throttle.admit(now, v4(*number))).count();
            if millis % 500 == 0 {
                good += u32::from(throttle.admit(now, v4(100)));
                quiet += u32::from(throttle.admit(now, v4(200 + millis / 500)));
            }
        }
        assert!(taken <= 64 + 60 * 28, "{taken}: half, and a little of what the quiet have");
        assert_eq!((good, quiet), (120, 120));
    }

    #[test]
    fn t13_a_place_has_a_quarter_of_the_handshakes_and_a_provider_half() {
        let taken = |counts_private, spread: &dyn Fn(u32) -> u32| {
            let mut config = Config::new(Protocol::new("mesh", "tls13-rpk/1"));
            config.counts_private = counts_private;
            let mut throttle = Throttle::new(&config);
            let of = |number| IpAddr::V4(Ipv4Addr::from_bits(spread(number)));
            (0..200).filter(|number| throttle.admit(Instant::ZERO, of(*number))).count()
        };
        assert_eq!(taken(false, &|number| (20 << 24) + number), 32);
        assert_eq!(taken(false, &|number| (20 << 24) + (number << 8)), 64);
        assert_eq!(taken(false, &|number| (10 << 24) + number), 96, "a local network is one place");
        assert_eq!(taken(true, &|number| (10 << 24) + number), 32);
    }

    #[test]
    fn no_more_addresses_are_remembered_as_good_than_256() {
        let mut throttle = throttle();
        for number in (0..1_000).chain([999]) {
            throttle.note_good(v4(number));
        }
        assert_eq!((throttle.good.len(), throttle.good.first()), (256, Some(&v4(744))));
    }

    #[test]
    fn an_address_that_is_refused_takes_nothing_from_the_others() {
        let mut throttle = throttle();
        let now = Instant::from_secs(1);
        assert_eq!(admitted(&mut throttle, now, v4(1), 1_000), 8);
        let others = (2..1_000).filter(|number| throttle.admit(now, v4(*number))).count();
        assert_eq!(others, 96 - 8);
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address_a_mapped_one_as_ipv4_and_this_machine_not() {
        let mut throttle = throttle();
        let now = Instant::ZERO;
        let network = |last: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last));
        assert_eq!((0..100).filter(|last| throttle.admit(now, network(*last))).count(), 8);
        assert!(throttle.admit(now, "2001:db8:0:2::".parse().unwrap()));
        assert_eq!(admitted(&mut throttle, now, "::ffff:20.1.0.0".parse().unwrap(), 10), 8);
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
        config.limits.max_handshake_burst = 1_000_000;
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
        assert!(!throttle.by_address.contains_key(&v4(0).into()));
        assert!(!throttle.admit(at(1), v4(1)), "an empty one is not forgotten");
        assert!(throttle.admit(at(10_000), v4(count + 1)));
        assert_eq!(throttle.by_address.len(), 1, "by now the others are full");
    }
}
