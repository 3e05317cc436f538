//! Whom a node lets in where many want to, and who gives way. PROTOCOL.md §6.
//!
//! Addresses cost somebody who wants to have a node to himself something; networks cost more. So
//! each address and network has its share, and where all places are taken, one of the network that
//! has most goes. Not those, though, that nobody gets by dialling often: the quick, the useful and
//! the old ones.

use std::net::IpAddr;
use std::time::Duration;

use super::dial_policy::{is_loopback, is_near};
use super::throttle::holder;
use super::{Network, Node, Refused};
use crate::conn_id::ConnId;
use crate::time::Instant;

/// How many neighbors are kept for the networks that they are in, for their quick answers, and for
/// the broadcasts that they have brought first.
const KEPT_NETWORKS: usize = 4;
const KEPT_QUICK: usize = 8;
const KEPT_USEFUL: usize = 8;

/// A neighbor that might give its place up.
#[derive(Clone, Copy, Debug)]
struct Place {
    conn: ConnId,
    /// A number for the place that it is at.
    site: u64,
    /// What its provider's network is worth, which nobody else knows, how quickly it answers, and
    /// how lately it has brought news: the greater the better.
    values: [Option<u64>; 3],
}

/// How many connections each place has. A table, so that a node that takes thousands counts them in
/// no time; and as simple as one is whose numbers are as good as drawn.
pub(super) struct Sites {
    slots: Vec<(u64, usize)>,
}

impl Sites {
    /// With room for so many places.
    pub(super) fn new(max_count: usize) -> Self {
        Self { slots: vec![(0, 0); max_count.saturating_mul(2).next_power_of_two()] }
    }

    pub(super) fn count(&mut self, site: u64) {
        if let Some((number, count)) = self.index_of(site).and_then(|at| self.slots.get_mut(at)) {
            *number = site;
            *count += 1;
        }
    }

    pub(super) fn size(&self, site: u64) -> usize {
        let slot = self.index_of(site).and_then(|at| self.slots.get(at));
        slot.map_or(0, |(_, count)| *count)
    }

    /// Where a number stands, or would stand: the first slot from that on which it names.
    fn index_of(&self, site: u64) -> Option<usize> {
        let mask = self.slots.len().wrapping_sub(1);
        let start = usize::try_from(site & u64::from(u32::MAX)).unwrap_or_default();
        let mut places = (0..self.slots.len()).map(|step| start.wrapping_add(step) & mask);
        let is_fit = |slot: &(u64, usize)| slot.1 == 0 || slot.0 == site;
        places.find(|at| self.slots.get(*at).is_some_and(is_fit))
    }
}

impl Node {
    /// Whether an address is one that rules about addresses and networks are not for.
    pub(super) fn is_exempt(&self, ip: IpAddr) -> bool {
        is_loopback(ip) || !self.config.counts_private && is_near(ip)
    }

    /// What stands against one more connection from an address: those that it has, or its network.
    #[inline(never)]
    pub(super) fn crowd_at(&self, ip: IpAddr) -> Option<Refused> {
        if self.is_exempt(ip) {
            return None;
        }
        let (own, site) = (holder(ip), Network::site(ip));
        let (mut of_own, mut of_site) = (0, 0);
        for other in self.connections.values().filter(|other| other.is_incoming()) {
            let ip = other.addr.ip();
            of_own += usize::from(holder(ip) == own);
            of_site += usize::from(site.contains(ip));
        }
        let limits = &self.config.limits;
        if of_own >= limits.max_per_ip {
            Some(Refused::TooManyFromAddress)
        } else if of_site >= limits.max_per_subnet {
            Some(Refused::TooManyFromNetwork)
        } else {
            None
        }
    }

    /// A neighbor that gives its place to a newcomer from an address; `None` where nobody has to:
    /// all are worth keeping, or their networks have fewer places than the newcomer's would.
    #[inline(never)]
    pub(super) fn one_to_evict(&self, ip: IpAddr) -> Option<ConnId> {
        let site = |ip| self.digester.network(Network::site(ip));
        let mut sites = Sites::new(self.connections.len());
        let mut places: Vec<Place> = Vec::new();
        for (&conn, other) in self.connections.iter().filter(|(_, other)| other.is_incoming()) {
            let site = site(other.addr.ip());
            sites.count(site);
            if other.peer().is_some() {
                let worth = self.digester.network(Network::provider(other.addr.ip()));
                let quickness = other.round_trip.map(|time| u64::MAX - nanos(time));
                let news = other.last_news.map(Instant::as_nanos);
                places.push(Place { conn, site, values: [Some(worth), quickness, news] });
            }
        }
        // One of each network: whoever has many there has no more of it.
        let mut most = u64::MAX;
        for _ in 0..KEPT_NETWORKS {
            match keep(&mut places, 0, most) {
                Some(worth) => most = worth.saturating_sub(1),
                None => break,
            }
        }
        for _ in 0..KEPT_QUICK {
            keep(&mut places, 1, u64::MAX);
        }
        for _ in 0..KEPT_USEFUL {
            keep(&mut places, 2, u64::MAX);
        }
        // They stand in the order in which they came.
        places.drain(..places.len() / 2);
        let victim = places.iter().max_by_key(|place| (sites.size(place.site), place.conn))?;
        (sites.size(victim.site) > sites.size(site(ip))).then_some(victim.conn)
    }

    /// A connection has brought a broadcast that this node had not had.
    pub(super) fn note_news(&mut self, now: Instant, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.last_news = Some(now);
        }
    }
}

/// Keeps the place with the greatest value of a kind, up to `most`: takes it out of those that may
/// be given up. Returns the value. Of several it is the place that was there first.
#[inline(never)]
fn keep(places: &mut Vec<Place>, kind: usize, most: u64) -> Option<u64> {
    let mut best = None;
    for (index, place) in places.iter().enumerate() {
        let value = place.values.get(kind).copied().flatten().filter(|value| *value <= most);
        if let Some(value) = value {
            if best.is_none_or(|(_, other)| value > other) {
                best = Some((index, value));
            }
        }
    }
    let (index, value) = best?;
    places.remove(index);
    Some(value)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_counted_where_its_number_names_the_same_slot_as_others() {
        let mut sites = Sites::new(6);
        // The low bits of all but one are the same, and a place may have the number 0.
        for site in [0, 1 << 40, 7, 1 << 40, 3 << 40, 0] {
            sites.count(site);
        }
        let sizes = [0, 1 << 40, 3 << 40, 7, 8].map(|site| sites.size(site));
        assert_eq!(sizes, [2, 2, 1, 1, 0]);
    }
}
