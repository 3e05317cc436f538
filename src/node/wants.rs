//! What a node does to learn what it has missed. PROTOCOL.md §5.7.
//!
//! One that comes back is made offers by all its neighbors at once. It wants everything of the
//! first, and looks at the next when that has sent what it was asked for, or has fallen silent: by
//! then little is missing.

use super::Node;
use super::catch_up::PATIENCE;
use super::history::position;
use super::sources::Offer;
use crate::conn_id::ConnId;
use crate::time::Instant;
use crate::wire::{
    CatchUp, CatchUpVerb, Flag, MAX_RUNS, MAX_SOURCES, NodeId, Origin, PathfindingMessage,
    SIZE_HEADER_LEN, Source,
};

/// How many runs one neighbor may offer a minute: all that an honest one holds at most, at the
/// beginning and then every ten seconds, with one to spare.
const MAX_OFFERED_RUNS: u32 = 8 * 4_096;

/// About how many bytes as many sources and runs take in words as may be offered.
const ALL_LEN: usize = MAX_SOURCES * 96 + MAX_RUNS * 12;

impl Node {
    /// Takes an offer. It is answered when its turn comes.
    pub(super) fn on_offer(
        &mut self,
        now: Instant,
        conn: ConnId,
        name: u64,
        mut sources: Vec<Source>,
    ) {
        let (id, max_waiting) = (self.id, self.max_waiting());
        let runs = runs_of(&sources);
        let count = sources.len();
        // What it has made itself it has, or has said in an earlier life.
        sources.retain(|source| source.sender != id);
        sources.shrink_to_fit();
        let offer = Offer::new(name, sources);
        let has_memory = self.has_spare_memory(offer.held_len());
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let own = &mut connection.catch_up;
        let heard = own.heard.as_slice();
        let heard_count = heard.iter().map(|it| it.sources().len()).sum::<usize>();
        let heard_runs = heard.iter().map(|it| runs_of(it.sources())).sum::<usize>();
        // Of two words that follow on each other, both may have one source.
        let has_room = heard.len() < max_waiting
            && heard_count + count <= MAX_SOURCES + heard.len()
            && heard_runs + runs <= MAX_RUNS;
        let cost = u32::try_from(runs.max(1)).unwrap_or(u32::MAX);
        let may = has_room && own.budget.spend_many(now, cost, MAX_OFFERED_RUNS);
        if !may {
            return self.stats.catch_up.refused += 1;
        }
        if !has_memory {
            // What is asked for is not noted either: it comes, or does not.
            let sources = self.wants_of(offer.sources());
            let is_answered = self.want(now, conn, offer.name, sources).is_some();
            return self.stats.catch_up.refused += u64::from(!is_answered);
        }
        if own.heard.is_empty() {
            own.heard_at = now;
        }
        own.heard.push(offer);
        self.charge(conn);
        self.answer_offers(now);
    }

    /// How many offers of one neighbor may wait to be answered: as many as it takes to offer all that
    /// one can hold, a dozen unless frames must be short.
    fn max_waiting(&self) -> usize {
        let (max_count, max_len) = self.word_limits();
        ALL_LEN.div_ceil(max_len.max(1)) + MAX_SOURCES.div_ceil(max_count.max(1))
    }

    /// Answers the offers whose turn has come.
    pub(super) fn answer_offers(&mut self, now: Instant) {
        let answers = |conn: &ConnId| {
            self.connections.get(conn).is_some_and(|found| found.catch_up.is_answering(now))
        };
        let offers: Vec<(ConnId, Instant)> = self
            .connections
            .iter()
            .filter(|(_, found)| !found.catch_up.heard.is_empty() && found.peer().is_some())
            .map(|(conn, found)| (*conn, found.catch_up.heard_at))
            .collect();
        if offers.is_empty() {
            return;
        }
        let mut answering = self.connections.iter().map(|(conn, _)| *conn).find(answers);
        for (conn, heard_at) in offers {
            let is_its_turn = answering.is_none_or(|answering| answering == conn);
            if is_its_turn || now.since(heard_at) >= PATIENCE {
                self.answer_offers_of(now, conn);
                let found = self.connections.get(&conn);
                if found.is_some_and(|found| found.catch_up.is_answering(now)) {
                    answering = Some(conn);
                }
            }
        }
        self.plan_catch_up(now);
    }

    /// Tells a neighbor what this node wants of its offers, as far as its queue has room.
    fn answer_offers_of(&mut self, now: Instant, conn: ConnId) {
        loop {
            let Some(connection) = self.connections.get(&conn) else { return };
            let Some(offer) = connection.catch_up.heard.as_slice().first() else { return };
            let (name, sources) = (offer.name, self.wants_of(offer.sources()));
            let Some(wants) = self.want(now, conn, name, sources) else { return };
            let Some(connection) = self.connections.get_mut(&conn) else { return };
            let own = &mut connection.catch_up;
            own.heard.take(0);
            if !own.is_answering(now) || runs_of(own.asked.as_slice()) > MAX_RUNS {
                own.asked.clear();
            }
            own.answered_at = now;
            for source in wants {
                own.asked.insert(source);
            }
            self.charge(conn);
        }
    }

    /// Tells a neighbor what this node wants of an offer, and returns it; `None` where its queue has no
    /// room for that.
    fn want(
        &mut self,
        now: Instant,
        conn: ConnId,
        offer: u64,
        sources: Vec<Source>,
    ) -> Option<Vec<Source>> {
        let word = CatchUp { verb: CatchUpVerb::Want, offer, sources };
        let message = self.make(now, Flag::Whisper, &word.encode())?;
        let len = message.packets().body().len() + SIZE_HEADER_LEN;
        if !self.has_space(conn, len) || !self.transmit_alone(now, conn, &message) {
            return None;
        }
        let stats = &mut self.stats.catch_up;
        stats.words += 1;
        for source in &word.sources {
            stats.wanted = stats.wanted.saturating_add(source.numbers.count());
        }
        Some(word.sources)
    }

    /// What is missing of an offer; all of it, where there are so many gaps that naming them would
    /// take more than a word.
    fn wants_of(&self, offered: &[Source]) -> Vec<Source> {
        let missing = self.history.missing(offered);
        let (_, max_len) = self.word_limits();
        let len: usize = missing.iter().map(Source::encoded_len).sum();
        let is_longer = len > offered.iter().map(Source::encoded_len).sum();
        let is_too_long = len + missing.len() * 4 > max_len || runs_of(&missing) > MAX_RUNS;
        if is_longer && is_too_long { offered.to_vec() } else { missing }
    }

    /// Whether a neighbor has said that it holds a message: it need not be sent it. Where nothing is
    /// signed, the message that it holds under this number may be another.
    pub(super) fn has_been_offered(
        &self,
        conn: ConnId,
        sender: &NodeId,
        origin: Option<Origin>,
    ) -> bool {
        let Some(origin) = origin.filter(|_| self.signing.is_on()) else { return false };
        let Some(connection) = self.connections.get(&conn) else { return false };
        let mut heard = connection.catch_up.heard.as_slice().iter();
        heard.any(|offer| position(offer.sources(), sender, origin).is_some())
    }

    /// A neighbor has sent a broadcast, which may be one that it was asked for.
    pub(super) fn note_answer(
        &mut self,
        now: Instant,
        conn: ConnId,
        message: &PathfindingMessage,
        is_new: bool,
    ) {
        let Some(connection) = self.connections.get(&conn) else { return };
        if connection.catch_up.asked.is_empty() {
            return;
        }
        let (Ok(sender), Some(origin)) =
            (NodeId::parse(message.sender()), self.number_of(message.stated_id()))
        else {
            return;
        };
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let own = &mut connection.catch_up;
        if !own.asked.take_out(&sender, origin) {
            return;
        }
        while own.asked.take_out(&sender, origin) {}
        self.stats.catch_up.caught_up += u64::from(is_new);
        own.answered_at = now;
        // Whoever answers here and there of what it was asked for makes no list of gaps of it.
        if runs_of(own.asked.as_slice()) > MAX_RUNS {
            own.asked.clear();
        }
        let is_over = own.asked.is_empty();
        self.charge(conn);
        if is_over {
            self.answer_offers(now);
        }
    }
}

#[inline(never)]
fn runs_of(sources: &[Source]) -> usize {
    sources.iter().map(|source| source.numbers.iter().len()).sum()
}
