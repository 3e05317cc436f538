//! The places of those who have dialled this node and not yet said who they are. PROTOCOL.md §6.
//!
//! There are few, and whoever dials can take one and say nothing. So where none is left a newcomer
//! gets that of somebody who has had more than a share, or time enough.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::time::Duration;

use super::Node;
use super::connection::{Connection, Phase};
use super::sorted_map::SortedMap;
use super::throttle::holder;
use crate::conn_id::ConnId;
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

    /// The first that was refused and has not left yet, though it has been told.
    pub(super) fn first_leaving(&self) -> Option<ConnId> {
        let was_refused =
            |other: &Connection| other.is_incoming() && matches!(other.phase, Phase::Closing(None));
        self.connections.iter().find(|(_, other)| was_refused(other)).map(|(conn, _)| *conn)
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
