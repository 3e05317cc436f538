//! Messages for neighbors that have missed them. PROTOCOL.md §5.7.
//!
//! Between two nodes of this crate each tells the other at the beginning of a link what it holds of
//! the last minute; the other names what it has not seen of that, and is sent it. What a node does
//! as the one who holds stands in `offers`, what it does as the one who misses in `wants`.

use std::net::IpAddr;
use std::time::Duration;

use super::budget::Budget;
use super::connection::Connection;
use super::history::{Entry, GRACE};
use super::link::{TURN_COST, len_u64};
use super::sources::{Offers, Sources};
use super::throttle::{holder, remember};
use super::timer::Timer;
use super::turns::Turns;
use super::{Network, Node};
use crate::conn_id::ConnId;
use crate::sorted_map::SortedMap;
use crate::time::Instant;
use crate::wire::{CatchUp, CatchUpVerb, NodeId, Origin, PathfindingMessage};

/// What is missed waits while this many bytes, or half of what may wait, are queued for its
/// receiver: what is said now finds room, and a queue runs dry no sooner for it.
const MAX_QUEUED_LEN: usize = 1 << 20;

/// How long an answer may let wait for its next message before others are asked.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(2);

/// How long an offer waits at most while another neighbor answers. Within this time and the one
/// above, whoever offers still holds what it has offered.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How soon a neighbor is made an offer again, whose queue had no room for a message.
pub(super) const OFFER_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// How long a turn of the loop is taken to be in which so much is sent as one may take.
const TURN_TIME: Duration = Duration::from_millis(10);

/// How late memory is given back, so that the loop is not woken for every message.
const SLACK: Duration = Duration::from_secs(5);

/// How many bytes all offers to one neighbor come to at most: nine words of 16 KiB, as many sources
/// and runs as are held.
const ALL_OFFERS_LEN: u32 = 9 * (16 << 10);

/// How often an address can be offered as much, and all of it goes before what others want: as often
/// as a neighbor that stays is made offers.
const ALL_OFFERS_INTERVAL: Duration = OFFER_AGAIN_AFTER;

/// What one connection has to do with missed messages. Its lists grow with what the other end offers
/// and wants, and are charged to the connection.
#[derive(Debug, Default)]
pub(super) struct CatchingUp {
    /// Offers that have yet to be sent, the next at the end.
    pub(super) unsent: Offers,
    /// Those that were sent and not answered.
    pub(super) offered: Offers,
    /// When the last were made.
    pub(super) offered_at: Option<Instant>,
    /// What the other end wants and has not been sent.
    pub(super) wanted: Sources,
    /// Before which place in the history nothing of it is left: that of the next message, once it
    /// was looked for.
    pub(super) place: u64,
    /// Whether the other end's queue had no room for a message since the last offer.
    pub(super) owes_offer: bool,
    /// Offers of the other end that this node has not answered, and since when there are any.
    pub(super) heard: Offers,
    pub(super) heard_at: Instant,
    /// What this node wants of the other end and has not come.
    pub(super) asked: Sources,
    /// When the last of it came, or was asked for.
    pub(super) answered_at: Instant,
    /// How much the other end has offered within the last minute.
    pub(super) budget: Budget,
}

impl CatchingUp {
    /// Whether something is to be done as soon as the queue has room.
    fn has_work(&self) -> bool {
        !self.unsent.is_empty()
            || !self.wanted.is_empty()
            || !self.heard.is_empty()
            || self.owes_offer
    }

    /// The bytes of memory that its lists take.
    pub(super) fn held_len(&self) -> usize {
        let offers = [&self.unsent, &self.offered, &self.heard].map(Offers::held_len);
        let sources = [&self.wanted, &self.asked].map(Sources::held_len);
        offers.into_iter().chain(sources).sum()
    }

    /// The same, counted anew.
    #[cfg(any(feature = "sim", test))]
    pub(super) fn recount(&self) -> usize {
        let offers = [&self.unsent, &self.offered, &self.heard].map(Offers::recount);
        let sources = [&self.wanted, &self.asked].map(Sources::recount);
        offers.into_iter().chain(sources).sum()
    }

    /// When nothing is held any more of what was offered, or asked for.
    fn stale_at(&self, held_for: Duration) -> Option<Instant> {
        let offered = self.offered_at.filter(|_| !self.offered.is_empty());
        let asked = (!self.asked.is_empty()).then_some(self.answered_at);
        [offered, asked].into_iter().flatten().map(|at| at + held_for).min()
    }

    /// Forgets that.
    fn forget_stale(&mut self, now: Instant, held_for: Duration) {
        if self.offered_at.is_some_and(|at| now.since(at) >= held_for) {
            self.offered = Offers::default();
        }
        if now.since(self.answered_at) >= held_for {
            self.asked.clear();
        }
    }

    /// Whether the other end is sending what it was asked for.
    pub(super) fn is_answering(&self, now: Instant) -> bool {
        !self.asked.is_empty() && now.since(self.answered_at) < ANSWER_TIME
    }
}

/// Whose turn it is to be sent what it has missed, and how much of that there may be.
#[derive(Debug, Default)]
pub(super) struct Serving {
    pub(super) turns: Turns,
    /// When the bucket of bytes will be full.
    full_at: Instant,
    /// What has been sent since when, of that which one turn of the loop may take.
    turn_len: usize,
    turn_began: Instant,
    /// When it goes on, where something is to be sent and may not be yet.
    pub(super) resume_at: Instant,
    pub(super) last_offer: u64,
    /// When each address will have been offered nothing of late. One that is not here has not.
    offered: SortedMap<Network, Instant>,
}

impl Serving {
    /// Counts something in one turn of the loop. Whatever else there is has its turn before there is
    /// more of this.
    pub(super) fn spend(&mut self, len: usize) {
        self.turn_len = self.turn_len.saturating_add(len);
    }

    /// Whether what is offered to somebody at an address goes before what others want. Whoever comes
    /// back again and again is offered everything again and again, and must not use up what may be
    /// sent.
    pub(super) fn offers_first(&self, now: Instant, ip: IpAddr) -> bool {
        let until = self.offered.get(&holder(ip).into()).copied();
        until.is_none_or(|until| until.since(now) < ALL_OFFERS_INTERVAL)
    }

    /// Counts what was offered to somebody at an address.
    pub(super) fn note_offered(&mut self, now: Instant, ip: IpAddr, len: usize) {
        let address = Network::from(holder(ip));
        let until = self.offered.get(&address).map_or(now, |until| *until.max(&now));
        let count = u32::try_from(len).unwrap_or(u32::MAX);
        let time = (ALL_OFFERS_INTERVAL / ALL_OFFERS_LEN).saturating_mul(count);
        remember(&mut self.offered, now, address, until + time);
    }

    /// When the next turn begins, if this one is over.
    pub(super) fn turn_over(&mut self, now: Instant) -> Option<Instant> {
        if now.since(self.turn_began) >= TURN_TIME {
            (self.turn_began, self.turn_len) = (now, 0);
        }
        (self.turn_len >= TURN_COST).then_some(self.turn_began + TURN_TIME)
    }

    /// Takes so many bytes out of a bucket that `rate` bytes a second come into, and that holds as
    /// many as `burst`.
    ///
    /// # Errors
    ///
    /// When they will be there.
    pub(super) fn take(
        &mut self,
        now: Instant,
        len: usize,
        rate: usize,
        burst: usize,
    ) -> Result<(), Instant> {
        let rate = len_u64(rate.max(1));
        let time_of = |len| Duration::from_nanos(len_u64(len).saturating_mul(1_000_000_000) / rate);
        let (time, depth) = (time_of(len), time_of(burst));
        let needed = self.full_at.since(now).saturating_add(time);
        // One that is longer than the bucket is deep has to wait for a full one.
        if self.full_at <= now || needed <= depth {
            self.full_at = self.full_at.max(now) + time;
            return Ok(());
        }
        Err(now + needed.saturating_sub(depth).min(self.full_at.since(now)))
    }
}

impl Node {
    /// Whether this node holds messages for others and takes them from others.
    pub(super) fn catches_up(&self) -> bool {
        self.config.extension && self.config.limits.max_history_len > 0
    }

    /// Whether both ends of a connection do.
    pub(super) fn can_catch_up(&self, connection: &Connection) -> bool {
        self.catches_up() && connection.extension.is_some_and(|extension| extension.catches_up)
    }

    /// Takes a word about missed messages.
    pub(super) fn on_catch_up(&mut self, now: Instant, conn: ConnId, message: &PathfindingMessage) {
        let word = CatchUp::decode(message.payload());
        let can = self.connections.get(&conn).is_some_and(|found| self.can_catch_up(found));
        match word.filter(|_| can) {
            Some(CatchUp { verb: CatchUpVerb::Offer, offer, sources }) => {
                self.on_offer(now, conn, offer, sources);
            }
            Some(CatchUp { verb: CatchUpVerb::Want, offer, sources }) => {
                self.on_want(now, conn, offer, &sources);
            }
            None => self.stats.ignored.unreadable += 1,
        }
    }

    /// Which message of its sender one is, by what stands where the 0.2 protocol has its id;
    /// `None` where a py2p node made it.
    pub(super) fn number_of(&self, stated: &[u8]) -> Option<Origin> {
        let number = if self.signing.is_on() { stated.get(..16)? } else { stated };
        Origin::decode(number).filter(|origin| origin.incarnation != 0)
    }

    /// Holds a message that was sent, or taken on `from`, and is the last that has been met, for those
    /// who will have missed it.
    pub(super) fn hold_back(
        &mut self,
        now: Instant,
        from: Option<ConnId>,
        sender: NodeId,
        origin: Origin,
        message: &PathfindingMessage,
    ) {
        if !self.catches_up() || self.closing || origin.incarnation == 0 {
            return;
        }
        let bringer = from.and_then(|conn| self.connections.get(&conn));
        let bringer = bringer.map(|connection| holder(connection.addr.ip()));
        let explained = self.explained.last();
        let entry = Entry::new(now, message.clone(), (sender, origin), explained);
        let displaced = self.history.hold(entry, bringer, &self.config.limits);
        self.stats.catch_up.displaced += displaced;
        if !self.timers.is_set(Timer::CatchUp) {
            self.plan_catch_up(now);
        }
    }

    /// Forgets what is too old to be wanted.
    pub(super) fn forget_history(&mut self, now: Instant) {
        let age = self.config.limits.history_time.saturating_add(GRACE);
        self.stats.catch_up.expired += self.history.forget(now, age);
    }

    /// Whether something missed may be queued now. Where a session has more to do before it can
    /// tell how long its queue is, nothing may.
    #[inline(never)]
    pub(super) fn has_space(&self, conn: ConnId, len: usize) -> bool {
        let Some(connection) = self.connections.get(&conn) else { return false };
        let max = MAX_QUEUED_LEN.min(self.config.limits.max_backlog_len / 2);
        let queued = connection.backlog_len;
        connection.peer().is_some()
            && (connection.is_plain() || connection.session.is_flushed())
            && (queued == 0 || queued.saturating_add(len) <= max)
    }

    /// Bytes have left the queue of a connection: what waits for that may go on.
    pub(super) fn go_on_catching_up(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let own = &connection.catch_up;
        if !own.has_work() || !self.has_space(conn, 0) {
            return;
        }
        let (hears, serves) =
            (!own.heard.is_empty(), !own.unsent.is_empty() || !own.wanted.is_empty());
        let rests = own.offered_at.is_none_or(|at| now.since(at) >= OFFER_AGAIN_AFTER);
        let offers = own.owes_offer && rests && !serves;
        if hears {
            self.answer_offers(now);
        }
        if offers {
            self.offer(now, conn);
        } else if serves {
            self.enqueue(now, conn);
            self.serve(now);
        } else {
            self.plan_catch_up(now);
        }
    }

    pub(super) fn on_catch_up_timer(&mut self, now: Instant) {
        self.forget_history(now);
        self.forget_offers(now);
        self.answer_offers(now);
        self.serve(now);
        for conn in self.conns_where(&|found| found.catch_up.owes_offer) {
            self.go_on_catching_up(now, conn);
        }
        self.plan_catch_up(now);
    }

    /// Forgets, for want of memory, all that was noted for a neighbor: it is made offers again, what it
    /// wants and has not been sent it is not sent, and its own offers are not answered. Returns whether
    /// there was anything.
    pub(super) fn forget_lists(&mut self, now: Instant, conn: ConnId) -> bool {
        let Some(connection) = self.connections.get_mut(&conn) else { return false };
        let own = &mut connection.catch_up;
        if own.held_len() == 0 {
            return false;
        }
        let is_offered = !own.unsent.is_empty() || !own.offered.is_empty();
        own.owes_offer |= is_offered;
        let skipped = own.wanted.as_slice().iter().map(|source| source.numbers.count());
        let missed = &mut self.stats.catch_up;
        missed.skipped += skipped.fold(0, u64::saturating_add);
        missed.refused += len_u64(own.heard.as_slice().len());
        missed.postponed += u64::from(is_offered);
        (own.unsent, own.offered, own.heard) = Default::default();
        own.wanted.clear();
        own.asked.clear();
        self.serving.turns.remove(conn);
        self.charge(conn);
        self.plan_catch_up(now);
        true
    }

    /// Gives back what was noted of messages that are no longer held.
    fn forget_offers(&mut self, now: Instant) {
        let held_for = self.held_for();
        let is_stale = |found: &Connection| {
            found.catch_up.stale_at(held_for).is_some_and(|stale_at| stale_at <= now)
        };
        for conn in self.conns_where(&is_stale) {
            if let Some(connection) = self.connections.get_mut(&conn) {
                connection.catch_up.forget_stale(now, held_for);
            }
            self.charge(conn);
        }
    }

    /// For how long what has come is held, before it is given back.
    fn held_for(&self) -> Duration {
        self.config.limits.history_time.saturating_add(GRACE + SLACK)
    }

    /// Sets the timer to when the next thing is due that nothing else will set off.
    pub(super) fn plan_catch_up(&mut self, now: Instant) {
        let held_for = self.held_for();
        let forgotten = self.history.oldest().map(|oldest| oldest + held_for);
        let served = (!self.serving.turns.is_empty()).then_some(self.serving.resume_at);
        let answering = self.connections.values().map(|found| &found.catch_up);
        let answering = answering.filter(|it| it.is_answering(now)).map(|it| it.answered_at);
        let others_asked = answering.max().map(|at| at + ANSWER_TIME);
        let of_connections = self.connections.iter().filter_map(|(conn, found)| {
            let own = &found.catch_up;
            let stale = own.stale_at(held_for);
            if !own.has_work() || !self.has_space(*conn, 0) {
                return stale;
            }
            let heard = (!own.heard.is_empty()).then_some(own.heard_at + PATIENCE);
            let heard = heard.into_iter().chain(others_asked.filter(|_| heard.is_some())).min();
            let owed = own.owes_offer.then_some(own.offered_at.unwrap_or(now) + OFFER_AGAIN_AFTER);
            [heard, owed, stale].into_iter().flatten().min()
        });
        let due = of_connections.chain(forgotten).chain(served).filter(|at| *at > now).min();
        match due.filter(|_| !self.closing) {
            Some(due) => self.timers.set(Timer::CatchUp, due),
            None => self.timers.stop(Timer::CatchUp),
        }
    }

    /// Gives back what was held for others.
    pub(super) fn end_catching_up(&mut self) {
        self.history = super::history::History::default();
        self.serving = Serving::default();
        self.timers.stop(Timer::CatchUp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t42_a_bucket_gives_what_it_holds_and_then_what_comes_in() {
        let mut serving = Serving::default();
        let at = Instant::from_millis;
        let mut take = |now, len| serving.take(now, len, 1_000, 5_000);
        assert_eq!(take(at(0), 5_000), Ok(()));
        assert_eq!(take(at(0), 500), Err(at(500)));
        assert_eq!(take(at(499), 500), Err(at(500)));
        assert_eq!(take(at(500), 500), Ok(()));
        assert_eq!(take(at(500), 1), Err(at(501)));
        // After a long rest no more than it holds.
        assert_eq!(take(at(60_000), 4_000), Ok(()));
        assert_eq!(take(at(60_000), 1_001), Err(at(60_001)));
        // What it never holds waits until it is full.
        assert_eq!(take(at(60_000), 9_000), Err(at(64_000)));
        assert_eq!(take(at(64_000), 9_000), Ok(()));
        assert_eq!(take(at(64_000), 1), Err(at(68_001)));
    }
}
