//! Finding others: dialling addresses of the book, for as long as there are fewer outgoing
//! connections than wanted. PROTOCOL.md §3.2.
//!
//! Others have told of most of these addresses, so their owners may know nothing of this mesh: a
//! node dials few of them, slowly, and none again and again.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::book::{AddressBook, Entry, draw};
use super::connection::{Connection, Phase};
use super::dial_policy::{is_loopback, may_dial};
use super::throttle::{Limit, holder};
use super::timer::Timer;
use super::{Network, Node};
use crate::conn_id::ConnId;
use crate::error::{CloseReason, DialError};
use crate::time::Instant;
use crate::wire::{NodeId, PeerEntry};

/// The most dials of this kind that wait for their outcomes.
const MAX_PENDING: usize = 4;

/// How fast they follow each other. Those on this machine do not count.
const PACE: Limit = Limit::every(Duration::from_secs(1), 4);

/// The most dials to one IP address, or IPv6 /64, that met nobody, and the time over which they
/// are counted: where nobody has been met, nobody may want to be dialled.
const MAX_IN_VAIN: usize = 3;
const VAIN_WINDOW: Duration = Duration::from_secs(600);

/// The most dials in vain that are remembered: no pace makes more in that time.
const MAX_REMEMBERED: usize = 1_024;

/// How long an address is not dialled on anybody's word after it led to this node itself, or to a
/// neighbor that its user did not want.
const SHUN_TIME: Duration = Duration::from_secs(3_600);

/// The most addresses that are shunned.
const MAX_SHUNNED: usize = 64;

/// How soon the book is looked through again where nothing in it may be dialled yet.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// The time over which the first dials of nodes are spread that start with a book. Where 64 are
/// started at once, one that all of them know is then dialled at most twenty times in a second.
const START_SPREAD: Duration = Duration::from_secs(4);

/// The most entries that are taken from one list.
const MAX_TAKEN: usize = 16;

/// What a node remembers of its dials.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// When the bucket of dials will be full.
    full_at: Instant,
    in_vain: Vec<(IpAddr, Instant)>,
    /// Addresses that are not dialled on anybody's word until then.
    shunned: Vec<(SocketAddr, Instant)>,
}

impl Search {
    /// Whether an IP address has been dialled in vain as often as it may be.
    fn is_spent(&self, now: Instant, ip: IpAddr) -> bool {
        let ip = holder(ip);
        let is_recent = |at: Instant| now.since(at) < VAIN_WINDOW;
        let its = self.in_vain.iter().filter(|&&(other, at)| other == ip && is_recent(at));
        !is_loopback(ip) && (its.count() >= MAX_IN_VAIN || self.in_vain.len() >= MAX_REMEMBERED)
    }

    /// Counts a dial, as one in vain until somebody is met by it.
    pub(super) fn count(&mut self, now: Instant, ip: IpAddr) {
        self.in_vain.retain(|(_, at)| now.since(*at) < VAIN_WINDOW);
        if !is_loopback(ip) && self.in_vain.len() < MAX_REMEMBERED {
            self.in_vain.push((holder(ip), now));
        }
    }

    /// One of the dials to an IP address was not in vain.
    #[inline(never)]
    fn forgive(&mut self, ip: IpAddr) {
        let ip = holder(ip);
        if let Some(index) = self.in_vain.iter().rposition(|(other, _)| *other == ip) {
            self.in_vain.remove(index);
        }
    }

    fn shun(&mut self, now: Instant, addr: SocketAddr) {
        self.shunned.retain(|(other, until)| *until > now && *other != addr);
        if self.shunned.len() >= MAX_SHUNNED {
            self.shunned.remove(0);
        }
        self.shunned.push((addr, now + SHUN_TIME));
    }

    #[inline(never)]
    fn shuns(&self, now: Instant, addr: SocketAddr) -> bool {
        self.shunned.iter().any(|&(other, until)| other == addr && until > now)
    }
}

impl Node {
    /// Takes up the addresses that an earlier run has kept. They are dialled from a random
    /// moment of the next four seconds on, while there are fewer outgoing connections than
    /// [`Limits::max_outgoing`](super::Limits::max_outgoing).
    pub fn take_address_book(&mut self, now: Instant, book: &AddressBook) {
        self.book.take_up(now, &mut self.rng, book, START_SPREAD);
        for entry in self.book.entries().iter().filter(|entry| entry.is_tried) {
            self.throttle.note_good(entry.addr.ip());
        }
        self.search(now);
    }

    /// The addresses that this node knows now.
    pub fn address_book(&self, now: Instant) -> AddressBook {
        self.book.to_value(now, |ip| self.digester.network(Network::from(ip)))
    }

    /// Whether an address may be dialled because a peer at `teller` told of it.
    pub(super) fn may_follow(&self, now: Instant, addr: SocketAddr, teller: IpAddr) -> bool {
        may_dial(addr, teller) && !self.search.shuns(now, addr) && !self.is_own(addr)
    }

    /// Like [`Node::may_follow`], right now.
    pub(super) fn may_follow_now(&self, now: Instant, addr: SocketAddr, teller: IpAddr) -> bool {
        let is_tried = |entry: &Entry| entry.addr == addr && entry.is_tried;
        self.may_follow(now, addr, teller)
            && (!self.search.is_spent(now, addr.ip()) || self.book.entries().iter().any(is_tried))
    }

    /// Enters some of what a neighbor at `teller` tells in the book: few, and random ones, so that
    /// nobody can write it full or choose what stands in it.
    pub(super) fn note_told(&mut self, now: Instant, entries: Vec<PeerEntry>, teller: IpAddr) {
        let mut told: Vec<(NodeId, SocketAddr)> = Vec::new();
        for PeerEntry { id, address } in entries {
            if let Some(addr) = address.and_then(|address| address.socket_addr()) {
                if id != self.id && self.may_follow(now, addr, teller) {
                    told.push((id, addr));
                }
            }
        }
        for _ in 0..MAX_TAKEN.min(told.len()) {
            let place = told.swap_remove(draw(&mut self.rng, told.len()));
            self.book.tell(now, &mut self.rng, place, teller);
        }
    }

    /// Dials addresses of the book, as far as there are some, and as far as that may be now.
    pub(super) fn search(&mut self, now: Instant) {
        while let Some((addr, id)) = self.next_to_dial(now) {
            // Where ids are claims, whoever answers there is as good as the one that was told of.
            let expected = self.encryption.proves_ids().then_some(id);
            match self.dial_for(now, addr, expected) {
                Ok(conn) => {
                    if let Some(entry) = self.book.get_mut(addr) {
                        entry.dial = Some(conn);
                        entry.is_anchor = false;
                    }
                    if !is_loopback(addr.ip()) {
                        self.search.full_at =
                            PACE.take(now, self.search.full_at).unwrap_or(now + VAIN_WINDOW);
                    }
                    self.search.count(now, addr.ip());
                }
                Err(DialError::Closed) => return,
                // The lists of who may join may change; the others cannot be here.
                Err(_) => self.book.on_gone(now, &mut self.rng, addr, true),
            }
        }
        self.plan_search(now);
    }

    /// Whether another dial may be made, the pace aside.
    #[inline(never)]
    fn is_searching(&self) -> bool {
        let pending = self.book.entries().iter().filter(|entry| entry.dial.is_some()).count();
        let max = self.config.limits.max_outgoing;
        !self.closing && pending < MAX_PENDING && self.outgoing_count() < max
    }

    /// Sets the timer for the next dial.
    fn plan_search(&mut self, now: Instant) {
        self.timers.stop(Timer::Search);
        if self.book.len() == 0 || !self.is_searching() {
            return;
        }
        let paced = PACE.next_at(self.search.full_at);
        // What is due and was not dialled waits for the pace, or may not be dialled; the others are
        // not to wait for it.
        let late = if paced > now { paced } else { now + LOOK_AGAIN };
        let mut next = None;
        for entry in self.book.entries() {
            if entry.is_idle() && self.table.conn(&entry.id).is_none() {
                let at = if entry.due > now { entry.due.max(paced) } else { late };
                next = Some(next.unwrap_or(at).min(at));
            }
        }
        if let Some(at) = next {
            self.timers.set(Timer::Search, at);
        }
    }

    /// The next address to dial: an anchor first; then a tried one or a new one, as a coin falls,
    /// in a network that no outgoing connection leads to, as long as there is one.
    fn next_to_dial(&mut self, now: Instant) -> Option<(SocketAddr, NodeId)> {
        if self.book.len() == 0 || !self.is_searching() {
            return None;
        }
        // Where outgoing connections lead, and what needs no other dial.
        let (mut used, mut known) = (Vec::new(), Vec::new());
        for other in self.connections.values() {
            if other.counts_as_outgoing() {
                used.push(Network::provider(other.addr.ip()));
            }
            if other.is_dialed_to(other.addr) {
                known.push(other.addr);
            }
            known.extend(other.peer().and_then(|peer| peer.reached));
        }
        // A mesh within one network is to be found as well, but never fills all places.
        let may_share = used.len() * 2 < self.config.limits.max_outgoing;
        let coin = draw(&mut self.rng, 2) == 0;
        let mut best: Vec<&Entry> = Vec::new();
        let mut best_rank = u8::MAX;
        for entry in self.book.entries() {
            let is_used = entry.provider.is_some_and(|provider| used.contains(&provider));
            let rank = u8::from(is_used) * 4
                + u8::from(!entry.is_anchor) * 2
                + u8::from(entry.is_tried != coin);
            if rank > best_rank || is_used && !may_share || !self.is_fit(now, entry, &known) {
                continue;
            }
            if rank < best_rank {
                best_rank = rank;
                best.clear();
            }
            best.push(entry);
        }
        // First the network, then the address: who has many addresses in one has no more of it.
        let is_head = |index: usize, entry: &Entry| {
            let mut before = best.iter().take(index);
            entry.provider.is_none() || !before.any(|other| other.provider == entry.provider)
        };
        let (mut head, mut count) = (None, 0);
        for (index, entry) in best.iter().enumerate() {
            if is_head(index, entry) {
                count += 1;
                if draw(&mut self.rng, count) == 0 {
                    head = Some(*entry);
                }
            }
        }
        let mut chosen = head?;
        count = 0;
        for entry in best {
            if entry.provider.is_some() && entry.provider == chosen.provider {
                count += 1;
                if draw(&mut self.rng, count) == 0 {
                    chosen = entry;
                }
            }
        }
        Some((chosen.addr, chosen.id))
    }

    fn outgoing_count(&self) -> usize {
        self.connections.values().filter(|other| other.counts_as_outgoing()).count()
    }

    /// Whether an entry may be dialled now.
    fn is_fit(&self, now: Instant, entry: &Entry, known: &[SocketAddr]) -> bool {
        let addr = entry.addr;
        let has_pace = is_loopback(addr.ip()) || PACE.take(now, self.search.full_at).is_some();
        entry.is_idle()
            && entry.due <= now
            && has_pace
            && self.table.conn(&entry.id).is_none()
            && (entry.is_tried || !self.search.is_spent(now, addr.ip()))
            && !self.search.shuns(now, addr)
            && !self.is_own(addr)
            && !known.contains(&addr)
    }

    /// A node was met at an address that this one dialled.
    pub(super) fn on_address_met(&mut self, now: Instant, addr: SocketAddr, id: NodeId) {
        self.search.forgive(addr.ip());
        self.book.on_reached(now, &mut self.rng, addr, id);
        self.search_soon(now);
    }

    /// Whether this node dialled of its own accord, on what others had told.
    pub(super) fn is_own_accord(&self, conn: ConnId) -> bool {
        self.book.entries().iter().any(|entry| entry.dial == Some(conn))
    }

    /// A connection that this node dialled is over, or was not made.
    pub(super) fn on_address_gone(
        &mut self,
        now: Instant,
        connection: &Connection,
        reason: CloseReason,
    ) {
        let addr = connection.addr;
        let is_unwanted = reason == CloseReason::Local && connection.peer().is_some();
        if reason == CloseReason::SelfConnection || is_unwanted {
            self.search.shun(now, addr);
            self.book.remove(addr);
        }
        if let (Phase::Retiring(id), Some(entry)) = (&connection.phase, self.book.get_mut(addr)) {
            entry.id = *id;
        }
        // A neighbor by another connection has been met there as well. And where there is no
        // neighbor at all, this node itself may be what cannot be reached.
        let is_met =
            reason == CloseReason::Duplicate || matches!(connection.phase, Phase::Retiring(_));
        let counts = !is_met && !self.table.is_empty();
        if is_met {
            self.search.forgive(addr.ip());
        }
        self.book.on_gone(now, &mut self.rng, addr, counts);
    }

    /// Looks for others when what happens now is over.
    #[inline(never)]
    pub(super) fn search_soon(&mut self, now: Instant) {
        if self.config.limits.max_outgoing > 0 && self.book.len() > 0 && !self.closing {
            self.timers.set(Timer::Search, now);
        }
    }
}
