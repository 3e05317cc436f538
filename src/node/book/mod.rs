//! The address book: where other nodes can be reached, as others have told or this node has found
//! out. PROTOCOL.md §3.2 and §6.
//!
//! Knows which entries there is room for, and who gives way. Whether an address is believed, when
//! one is dialled and what became of it, `peers` and `search` know.
//!
//! It has two parts. The *new* entries are claims: whoever tells many crowds out the own ones
//! first. The *tried* ones were reached, and met a node; they give way only after a dial that met
//! nobody.

mod text;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

use super::Network;
use super::backoff::{Backoff, GOOD_LIFE};
use super::dial_policy::{is_loopback, is_near, may_dial};
use super::throttle::holder;
use crate::conn_id::ConnId;
use crate::time::Instant;
use crate::wire::NodeId;
pub use text::{AddressBook, AddressBookError, BookEntry, Standing};

/// The most entries that nobody was met at.
pub(crate) const MAX_NEW: usize = 1_024;

/// The most entries at which a node was met.
pub(crate) const MAX_TRIED: usize = 256;

/// The most new entries that one address has told, or the /64 that it is in.
const MAX_PER_TELLER: usize = 64;

/// The most new entries in one /16, or IPv6 /32, and as many tried ones.
const MAX_PER_PROVIDER: usize = 32;

/// After so many dials in a row that met nobody an entry is given up: a new one, and a tried one.
const MAX_MISSES: [u8; 2] = [3, 10];

/// The most anchors: neighbors that were good when a book was saved, and come first when it is
/// taken up again.
const MAX_ANCHORS: usize = 2;

/// Who has told what this node found out itself, or what was told on this machine: nobody that an
/// entry could be held against.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// One address, and what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) addr: SocketAddr,
    /// Who answers there, as it was told or found.
    pub(super) id: NodeId,
    /// Who told of it.
    teller: IpAddr,
    /// The network that it is in, unless it is of this machine or, as the configuration has it, of a
    /// private network.
    pub(super) provider: Option<Network>,
    pub(super) is_tried: bool,
    pub(super) is_anchor: bool,
    pub(super) backoff: Backoff,
    /// Dials in a row that met nobody.
    misses: u8,
    /// When it may be dialled next.
    pub(super) due: Instant,
    /// The dial that this node makes of its own accord, until its outcome.
    pub(super) dial: Option<ConnId>,
}

impl Entry {
    /// Whether nothing is under way to it, as far as the book knows.
    pub(super) fn is_idle(&self) -> bool {
        self.dial.is_none() && !self.backoff.is_reached()
    }
}

/// Some of the entries: the new ones or the tried ones, and of those all or fewer.
#[derive(Default)]
struct Among {
    is_tried: bool,
    teller: Option<IpAddr>,
    provider: Option<Network>,
    has_failed: bool,
}

impl Among {
    #[inline(never)]
    fn has(&self, entry: &Entry) -> bool {
        self.is_beside_teller(entry)
            && self.teller.is_none_or(|teller| teller == entry.teller)
            && (!self.has_failed || entry.misses > 0)
    }

    /// Whether it would have an entry, whoever told of it.
    fn is_beside_teller(&self, entry: &Entry) -> bool {
        self.is_tried == entry.is_tried
            && (self.provider.is_none() || self.provider == entry.provider)
    }
}

/// A number below `count`, which is not 0. Not inlined: with its generator it is long.
#[inline(never)]
pub(super) fn draw(rng: &mut StdRng, count: usize) -> usize {
    rng.random_range(0..count)
}

/// All addresses that a node knows.
#[derive(Debug)]
pub(super) struct Book {
    entries: Vec<Entry>,
    /// Whether private networks count as networks.
    counts_private: bool,
}

impl Book {
    pub(super) fn new(counts_private: bool) -> Self {
        Self { entries: Vec::new(), counts_private }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    #[inline(never)]
    pub(super) fn get_mut(&mut self, addr: SocketAddr) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.addr == addr)
    }

    #[inline(never)]
    pub(super) fn remove(&mut self, addr: SocketAddr) {
        if let Some(index) = self.entries.iter().position(|entry| entry.addr == addr) {
            self.entries.swap_remove(index);
        }
    }

    /// Enters what somebody at `teller` has told, where there is room for it. What is known already
    /// stays as it is; but where nobody was met yet, and a dial met nobody or somebody else, another
    /// id may be right.
    pub(super) fn tell(
        &mut self,
        now: Instant,
        rng: &mut StdRng,
        (id, addr): (NodeId, SocketAddr),
        teller: IpAddr,
    ) {
        if let Some(entry) = self.get_mut(addr) {
            if !entry.is_tried && entry.misses > 0 && entry.dial.is_none() {
                entry.id = id;
            }
            return;
        }
        let teller = if is_loopback(teller) { NOBODY } else { holder(teller) };
        let provider = self.provider(addr.ip());
        if self.make_room(rng, teller, provider) {
            self.entries.push(Entry {
                addr,
                id,
                teller,
                provider,
                is_tried: false,
                is_anchor: false,
                backoff: Backoff::default(),
                misses: 0,
                due: now,
                dial: None,
            });
        }
    }

    /// A node was met at an address.
    pub(super) fn on_reached(
        &mut self,
        now: Instant,
        rng: &mut StdRng,
        addr: SocketAddr,
        id: NodeId,
    ) {
        self.tell(now, rng, (id, addr), NOBODY);
        let provider = self.provider(addr.ip());
        let is_tried = self.get_mut(addr).is_some_and(|entry| entry.is_tried)
            || self.make_tried_room(rng, provider);
        if let Some(entry) = self.get_mut(addr) {
            entry.id = id;
            entry.dial = None;
            entry.misses = 0;
            entry.is_tried = is_tried;
            entry.backoff.on_reached(now);
        }
    }

    /// A connection to an address has ended, or was not made. `counts` tells whether that is held
    /// against it. An entry that is not good for anything is forgotten.
    pub(super) fn on_gone(
        &mut self,
        now: Instant,
        rng: &mut StdRng,
        addr: SocketAddr,
        counts: bool,
    ) {
        /// How soon an address where nobody was met yet is dialled again.
        const REDIAL_AFTER: Duration = Duration::from_secs(30);

        let Some(entry) = self.get_mut(addr) else { return };
        let was_reached = entry.backoff.is_reached();
        let pause = entry.backoff.on_gone(now, rng);
        let pause = if entry.is_tried { pause } else { pause.max(REDIAL_AFTER) };
        entry.dial = None;
        entry.due = now + pause;
        if was_reached {
            entry.misses = 0;
        } else if counts && !entry.backoff.is_lost_lately(now) {
            entry.misses = entry.misses.saturating_add(1);
            let [new, tried] = MAX_MISSES;
            if entry.misses >= if entry.is_tried { tried } else { new } {
                self.remove(addr);
            }
        }
    }

    /// The network that an address is in, for those rules that want different ones.
    fn provider(&self, ip: IpAddr) -> Option<Network> {
        let is_exempt = is_loopback(ip) || !self.counts_private && is_near(ip);
        (!is_exempt).then(|| Network::provider(ip))
    }

    /// Makes room for a new entry. Where the teller has told as many as it may, one of its own gives
    /// way; where a network or the book is full, one of whoever has told most of what is in it.
    fn make_room(&mut self, rng: &mut StdRng, teller: IpAddr, provider: Option<Network>) -> bool {
        let mut among = Among { teller: Some(teller), ..Among::default() };
        if teller != NOBODY && self.count(&among) >= MAX_PER_TELLER {
            return self.drop_one(rng, &among);
        }
        among = Among { provider, ..Among::default() };
        if provider.is_none() || self.count(&among) < MAX_PER_PROVIDER {
            among.provider = None;
            if self.count(&among) < MAX_NEW {
                return true;
            }
        }
        // Who would have as many as anybody else gives up one of its own, if it has any.
        among.teller = Some(teller);
        let mut most = self.count(&among) + 1;
        let mut counts: Vec<(IpAddr, usize)> = Vec::new();
        for entry in &self.entries {
            if !among.is_beside_teller(entry) {
                continue;
            }
            let index = match counts.iter().position(|(other, _)| *other == entry.teller) {
                Some(index) => index,
                None => {
                    counts.push((entry.teller, 0));
                    counts.len() - 1
                }
            };
            if let Some((_, count)) = counts.get_mut(index) {
                *count += 1;
                if *count > most {
                    most = *count;
                    among.teller = Some(entry.teller);
                }
            }
        }
        self.drop_one(rng, &among)
    }

    /// Makes room for a tried entry: in its network and in the book. Only those give way that have
    /// failed since they were last reached.
    fn make_tried_room(&mut self, rng: &mut StdRng, provider: Option<Network>) -> bool {
        let mut among = Among { is_tried: true, provider, ..Among::default() };
        if provider.is_none() || self.count(&among) < MAX_PER_PROVIDER {
            among.provider = None;
            if self.count(&among) < MAX_TRIED {
                return true;
            }
        }
        among.has_failed = true;
        self.drop_one(rng, &among)
    }

    fn count(&self, among: &Among) -> usize {
        self.entries.iter().filter(|entry| among.has(entry)).count()
    }

    /// Drops one of those to which nothing is under way: one that has failed, or else a random one.
    /// Returns whether there was any.
    #[inline(never)]
    fn drop_one(&mut self, rng: &mut StdRng, among: &Among) -> bool {
        let (mut chosen, mut count) = (None, 0);
        for (index, entry) in self.entries.iter().enumerate() {
            if !among.has(entry) || !entry.is_idle() {
                continue;
            }
            if entry.misses > 0 {
                chosen = Some(index);
                break;
            }
            // Each of those seen so far with the same chance.
            count += 1;
            if draw(rng, count) == 0 {
                chosen = Some(index);
            }
        }
        chosen.map(|index| self.entries.swap_remove(index)).is_some()
    }

    /// What is worth keeping on disk. The anchors are the good neighbors whose addresses have the
    /// greatest `worth`: were they the oldest, all nodes would begin with the one that all began with.
    pub(super) fn to_value(&self, now: Instant, worth: impl Fn(IpAddr) -> u64) -> AddressBook {
        let mut anchors: Vec<(u64, SocketAddr)> = Vec::new();
        let is_good =
            |entry: &Entry| entry.backoff.reached_for(now).is_some_and(|life| life >= GOOD_LIFE);
        for entry in self.entries.iter().filter(|entry| entry.is_tried && is_good(entry)) {
            let worth = worth(entry.addr.ip());
            let at = anchors.iter().position(|(other, _)| *other < worth);
            anchors.insert(at.unwrap_or(anchors.len()), (worth, entry.addr));
            anchors.truncate(MAX_ANCHORS);
        }
        let standing = |entry: &Entry| match entry.is_tried {
            true if anchors.iter().any(|(_, addr)| *addr == entry.addr) => Standing::Anchor,
            true => Standing::Tried,
            false => Standing::New,
        };
        let line = |entry: &Entry| BookEntry {
            addr: entry.addr,
            id: entry.id,
            standing: standing(entry),
            teller: (entry.teller != NOBODY).then_some(entry.teller),
        };
        AddressBook::new(self.entries.iter().map(line).collect())
    }

    /// Takes up what was kept. Nothing of it is dialled before a random moment within `spread`: nodes
    /// that are started together do not dial together.
    pub(super) fn take_up(
        &mut self,
        now: Instant,
        rng: &mut StdRng,
        kept: &AddressBook,
        spread: Duration,
    ) {
        let due = now + spread.mul_f64(rng.random_range(0.0..=1.0));
        for line in kept.entries() {
            let is_tried = line.standing != Standing::New;
            // What the user writes in a file may lead anywhere, but what was only told may not.
            let may_be = is_tried || may_dial(line.addr, IpAddr::V4(Ipv4Addr::LOCALHOST));
            if !may_be || self.get_mut(line.addr).is_some() {
                continue;
            }
            self.tell(now, rng, (line.id, line.addr), line.teller.unwrap_or(NOBODY));
            let provider = self.provider(line.addr.ip());
            let has_room = is_tried && self.make_tried_room(rng, provider);
            if let Some(entry) = self.get_mut(line.addr) {
                entry.is_tried = has_room;
                entry.is_anchor = line.standing == Standing::Anchor;
                entry.due = due;
            }
        }
    }
}

#[cfg(test)]
mod tests;
