//! The places of those who have dialled this node and are no neighbors: they have not yet said who
//! they are, or are on their way out. PROTOCOL.md §6.
//!
//! There are few, and whoever dials can take one and say nothing, or leave and not go. So where none
//! is left a newcomer gets that of somebody who has had more than a share, or time enough.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::time::Duration;

use super::connection::{Connection, Phase};
use super::eviction::Sites;
use super::throttle::holder;
use super::{Network, Node, Refused};
use crate::conn_id::ConnId;
use crate::sorted_map::SortedMap;
use crate::time::Instant;

/// How long a place is kept where nobody has more of them than the newcomer: many times what a
/// handshake takes, and a fifth of what it may take otherwise.
const GRACE: Duration = Duration::from_secs(1);

impl Node {
    /// The incoming connections, and those of them that have not finished their handshakes.
    pub fn incoming(&self) -> (usize, usize) {
        let incoming = self.connections.values().filter(|other| other.is_incoming());
        // One that waits for the word of another has had its handshake.
        let has_place =
            |other: &Connection| other.is_pending() && !matches!(other.phase, Phase::Parked(_));
        incoming.fold((0, 0), |(all, pending), other| {
            (all + 1, pending + usize::from(has_place(other)))
        })
    }

    /// Who gives its place up first, of those that others leave behind: somebody whom this node has
    /// shown the door, or whose newer connection it uses. The oldest of the address that has most
    /// places, of those that count against a newcomer from `ip`: where `crowd` says that there are
    /// too many, those of its address or network.
    #[inline(never)]
    pub(super) fn first_leaving(&self, ip: IpAddr, crowd: Option<Refused>) -> Option<ConnId> {
        let (own, site) = (holder(ip), Network::site(ip));
        let counts = |other: &Connection| match crowd {
            Some(Refused::TooManyFromAddress) => holder(other.addr.ip()) == own,
            Some(_) => site.contains(other.addr.ip()),
            None => true,
        };
        let key = |other: &Connection| self.digester.network(holder(other.addr.ip()).into());
        let incoming = self.connections.iter().filter(|(_, other)| other.is_incoming());
        let mut places = Sites::new(self.connections.len());
        incoming.clone().for_each(|(_, other)| places.count(key(other)));
        let leaving = incoming.filter(|(_, other)| other.is_leaving() && counts(other));
        let first = leaving.min_by_key(|(conn, other)| (Reverse(places.size(key(other))), **conn));
        first.map(|(conn, _)| *conn)
    }

    /// Whose place somebody at `ip` may have: the oldest of the address that has most.
    pub(super) fn place_for(&self, now: Instant, ip: IpAddr) -> Option<ConnId> {
        let mut counts: SortedMap<IpAddr, usize> = SortedMap::default();
        let waiting = || self.connections.iter().filter(|(_, other)| other.owes_handshake());
        for (_, other) in waiting() {
            let ip = holder(other.addr.ip());
            let count = counts.get(&ip).map_or(1, |count| count + 1);
            counts.insert(ip, count);
        }
        let count_of = |ip| counts.get(&holder(ip)).copied().unwrap_or(0);
        let fair_count = count_of(ip) + 1;
        let may_end = |other: &Connection| {
            count_of(other.addr.ip()) > fair_count || now.since(other.opened_at) >= GRACE
        };
        waiting()
            .filter(|(_, other)| may_end(other))
            .min_by_key(|(conn, other)| (Reverse(count_of(other.addr.ip())), **conn))
            .map(|(conn, _)| *conn)
    }
}
