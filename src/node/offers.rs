//! What a node does for neighbors that have missed something. PROTOCOL.md §5.7.
//!
//! It tells them what it holds, and sends what they want of it: as their queues run dry, a message
//! for each in turn, within what all of them may be sent together.

use super::Node;
use super::link::FRAME_COST;
use super::sources::{Offer, Offers};
use super::throttle::holder;
use super::turns::Due;
use crate::conn_id::ConnId;
use crate::error::Refusal;
use crate::time::Instant;
use crate::wire::{
    CatchUp, CatchUpVerb, Flag, HEADER_COUNT, MAX_SOURCES, NodeId, Origin, Runs, SIZE_HEADER_LEN,
    Source,
};

/// The longest word about missed messages, unless frames must be shorter.
const MAX_WORD_LEN: usize = 16 << 10;

/// What its message takes at most beside its sources: header, sub-flag, verb and name.
const HEADER_LEN: usize = 256;

/// What a packet takes beside its bytes.
const LEN_LEN: usize = 4;

/// What a run takes in a word.
const RUN_LEN: usize = 12;

/// What came of a step.
enum Step {
    /// So many bytes have been sent.
    Sent(usize),
    /// There is nothing more for the connection, or no room for it now.
    Done,
    /// Nobody is sent anything before then.
    Later(Instant),
}

impl Node {
    /// Offers a neighbor what this node holds.
    pub(super) fn offer(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let Some(peer) = connection.peer().map(|peer| peer.id) else { return };
        if !self.can_catch_up(connection) || self.closing {
            return;
        }
        self.forget_history(now);
        let mut unsent = Offers::default();
        if self.has_spare_memory(0) {
            let (age, second) = (self.config.limits.history_time, self.wall(now).as_secs());
            let held = self.history.to_offer(now, age, second, &peer);
            for sources in self.words_of(held).into_iter().rev() {
                self.serving.last_offer += 1;
                unsent.push(Offer::new(self.serving.last_offer, sources));
            }
        }
        // It stays with the connection until it is answered, and so does what is wanted of it.
        let has_memory = self.has_spare_memory(unsent.held_len());
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let own = &mut connection.catch_up;
        own.owes_offer = !has_memory;
        own.offered_at = Some(now);
        (own.unsent, own.offered) = Default::default();
        if has_memory {
            own.unsent = unsent;
        }
        let is_something = !own.unsent.is_empty();
        self.charge(conn);
        if is_something {
            self.enqueue(now, conn);
            self.serve(now);
        } else if !has_memory {
            self.stats.catch_up.postponed += 1;
            self.plan_catch_up(now);
        }
    }

    /// A neighbor's queue had no room for a message. Where it can, it is offered it later.
    pub(super) fn note_missed(&mut self, conn: ConnId, refusal: Refusal) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let can = refusal == Refusal::QueueFull && self.can_catch_up(connection);
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.catch_up.owes_offer |= can;
        }
    }

    /// How many packets of sources a word may have, and how many bytes.
    pub(super) fn word_limits(&self) -> (usize, usize) {
        let limits = &self.config.limits;
        let count = limits.max_packets.saturating_sub(HEADER_COUNT + 3);
        let len = MAX_WORD_LEN.min(limits.max_frame_len).saturating_sub(HEADER_LEN);
        (MAX_SOURCES.min(count), len)
    }

    /// Cuts sources into pieces that fit a word each.
    fn words_of(&self, sources: Vec<Source>) -> Vec<Vec<Source>> {
        let (max_count, max_len) = self.word_limits();
        let mut words: Vec<Vec<Source>> = Vec::new();
        let mut left = 0_usize;
        for source in sources {
            let header = source.encoded_len() + LEN_LEN - source.numbers.iter().len() * RUN_LEN;
            let mut runs = source.numbers.iter().copied().peekable();
            while runs.peek().is_some() {
                let is_full = words.last().is_none_or(|word| word.len() >= max_count);
                if is_full || left < header + RUN_LEN {
                    words.push(Vec::new());
                    left = max_len;
                }
                let count = (left.saturating_sub(header) / RUN_LEN).max(1);
                let piece: Vec<_> = runs.by_ref().take(count).collect();
                left = left.saturating_sub(header + piece.len() * RUN_LEN);
                let numbers = Runs::from_runs(piece).unwrap_or_default();
                if let Some(word) = words.last_mut() {
                    word.push(Source { numbers, ..source });
                }
            }
        }
        words
    }

    /// Takes the answer to an offer: what of it the other end wants. Each offer is answered once,
    /// and nothing is sent that was not offered.
    pub(super) fn on_want(&mut self, now: Instant, conn: ConnId, name: u64, wants: &[Source]) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let own = &mut connection.catch_up;
        let at = own.offered.as_slice().iter().position(|offer| offer.name == name);
        let Some(offer) = at.and_then(|at| own.offered.take(at)) else {
            return self.stats.catch_up.refused += 1;
        };
        for want in wants {
            // The sources of a word ascend by their keys.
            let at = offer.sources().binary_search_by_key(&want.key(), Source::key);
            let Some(offered) = at.ok().and_then(|at| offer.sources().get(at)) else { continue };
            let numbers = offered.numbers.common(&want.numbers);
            if !numbers.is_empty() {
                self.stats.catch_up.asked += numbers.count();
                own.wanted.insert(Source { numbers, ..*offered });
            }
        }
        own.place = 0;
        let is_something = !own.wanted.is_empty();
        self.charge(conn);
        if is_something {
            self.enqueue(now, conn);
            self.serve(now);
        }
    }

    /// Puts a connection among those that something is sent on.
    #[inline(never)]
    pub(super) fn enqueue(&mut self, now: Instant, conn: ConnId) {
        let Some(due) = self.due(now, conn) else { return };
        if let Some(connection) = self.connections.get(&conn) {
            self.serving.turns.put(holder(connection.addr.ip()), conn, due);
        }
    }

    /// What a connection is to be sent next.
    fn due(&mut self, now: Instant, conn: ConnId) -> Option<Due> {
        let connection = self.connections.get_mut(&conn)?;
        let own = &mut connection.catch_up;
        if let Some(offer) = own.unsent.as_slice().last() {
            let len: usize = offer.sources().iter().map(|it| it.encoded_len() + LEN_LEN).sum();
            let is_first = self.serving.offers_first(now, connection.addr.ip());
            return Some(Due { is_first, len: len + HEADER_LEN });
        }
        let next = self.history.next_of(own.place, own.wanted.as_slice());
        let (place, len) = next.map_or((own.place, 0), |(place, entry)| (place, entry.frame_len()));
        own.place = place;
        // What was wanted may be gone, which has to be said.
        (!own.wanted.is_empty()).then_some(Due { is_first: false, len })
    }

    /// Sends one thing after another on the connections that something is to be sent on, until
    /// there is nothing more, or no room for it, or no more may be sent for now.
    pub(super) fn serve(&mut self, now: Instant) {
        while let Some(conn) = self.serving.turns.next() {
            let step = match self.serving.turn_over(now) {
                Some(next) => Step::Later(next),
                None => self.serve_one(now, conn),
            };
            match step {
                Step::Sent(len) => {
                    self.serving.spend(len + FRAME_COST);
                    let due = self.due(now, conn);
                    self.serving.turns.sent(conn, len + FRAME_COST, due);
                }
                Step::Done => {
                    self.serving.turns.remove(conn);
                }
                Step::Later(at) => {
                    self.serving.resume_at = at;
                    break;
                }
            }
        }
        self.plan_catch_up(now);
    }

    fn serve_one(&mut self, now: Instant, conn: ConnId) -> Step {
        let Some(connection) = self.connections.get_mut(&conn) else { return Step::Done };
        if connection.peer().is_none() {
            return Step::Done;
        }
        let unsent = &mut connection.catch_up.unsent;
        let last = unsent.as_slice().len().checked_sub(1);
        let step = match last.and_then(|last| unsent.take(last)) {
            Some(offer) => self.send_offer(now, conn, offer),
            None => self.send_missed(now, conn),
        };
        self.charge(conn);
        step
    }

    fn send_offer(&mut self, now: Instant, conn: ConnId, offer: Offer) -> Step {
        let name = offer.name;
        let sources = offer.into_sources();
        let count: u64 = sources.iter().map(|source| source.numbers.count()).sum();
        let word = CatchUp { verb: CatchUpVerb::Offer, offer: name, sources };
        let Some(message) = self.make(now, Flag::Whisper, &word.encode()) else {
            return Step::Done;
        };
        let len = message.packets().body().len() + SIZE_HEADER_LEN;
        let offer = Offer::new(name, word.sources);
        let may = self.may_send(now, conn, len);
        let is_sent = may.is_ok() && self.transmit_alone(now, conn, &message);
        let Some(connection) = self.connections.get_mut(&conn) else { return Step::Done };
        if let Err(step) = may {
            connection.catch_up.unsent.push(offer);
            return step;
        }
        if is_sent {
            connection.catch_up.offered.push(offer);
            self.serving.note_offered(now, connection.addr.ip(), len);
            self.stats.catch_up.offered += count;
            self.stats.catch_up.words += 1;
        }
        Step::Sent(len)
    }

    /// Sends the next message that the other end wants, plain: to compress it for each of those who
    /// want it would cost more than it does them.
    fn send_missed(&mut self, now: Instant, conn: ConnId) -> Step {
        let second = self.wall(now).as_secs();
        loop {
            let Some(connection) = self.connections.get_mut(&conn) else { return Step::Done };
            let own = &mut connection.catch_up;
            let Some((place, entry)) = self.history.next_of(own.place, own.wanted.as_slice())
            else {
                // The others are no longer held.
                let gone = own.wanted.as_slice().iter().map(|source| source.numbers.count());
                self.stats.catch_up.skipped += gone.fold(0, u64::saturating_add);
                own.wanted.clear();
                return Step::Done;
            };
            own.place = place;
            let (sender, origin, is_fresh) = (entry.sender, entry.origin, entry.is_fresh(second));
            let (message, len) = (entry.message.clone(), entry.frame_len());
            let explained = entry.explained;
            if is_fresh {
                if let Err(step) = self.may_send(now, conn, len) {
                    return step;
                }
            }
            self.note_served(conn, place, &sender, origin);
            let stated = message.restated(Flag::Waterfall.as_bytes(), message.stated_id());
            let stated = stated.ok().filter(|_| is_fresh);
            if stated.is_some_and(|stated| self.transmit_alone(now, conn, &stated)) {
                self.stats.catch_up.sent += 1;
                if let Some(number) = explained {
                    self.explained.note_late(number, conn);
                }
                return Step::Sent(len);
            }
            self.stats.catch_up.skipped += 1;
        }
    }

    /// A wanted message has been sent, or cannot be.
    fn note_served(&mut self, conn: ConnId, place: u64, sender: &NodeId, origin: Origin) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let own = &mut connection.catch_up;
        own.place = place + 1;
        own.wanted.take_out(sender, origin);
    }

    /// Takes so many bytes from what may be sent.
    fn may_send(&mut self, now: Instant, conn: ConnId, len: usize) -> Result<(), Step> {
        if !self.has_space(conn, len) {
            return Err(Step::Done);
        }
        let limits = &self.config.limits;
        let (rate, burst) = (limits.max_catch_up_rate, limits.max_history_len);
        if let Err(at) = self.serving.take(now, len, rate, burst) {
            // It is asked for again whenever there is room in somebody's queue.
            self.stats.catch_up.throttled += u64::from(self.serving.resume_at != at);
            return Err(Step::Later(at));
        }
        self.stats.catch_up.bytes_out += super::link::len_u64(len);
        Ok(())
    }
}
