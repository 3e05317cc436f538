//! Two connections to one id: which is kept, and is the second the same node at all?
//! PROTOCOL.md §5.3.
//!
//! Between nodes of this crate the connection that was there first is asked. If the node at its
//! other end knows the second as its own, both ends keep the first; or where each end had another
//! one first, because both dialled at once, the same one by a fixed rule. Nothing is lost with the
//! other. If the node does not know the second, somebody else goes by its id, and is shown the
//! door. If it says nothing at all for a while, it is gone, and the second takes its place.
//!
//! py2p nodes write on the connection that they opened last, and can be asked nothing.

use std::time::Duration;

use super::catch_up::CatchingUp;
use super::connection::{Connection, Parked, Phase};
use super::outgoing::Form;
use super::timer::Timer;
use super::{CloseMode, Node, Output};
use crate::conn_id::ConnId;
use crate::error::CloseReason;
use crate::event::Event;
use crate::time::Instant;
use crate::wire::{Control, Flag, Handshake, LinkName, LinkVerdict, NodeId};

/// How long the first connection may be silent before the second takes its place.
const PROOF_OF_LIFE: Duration = Duration::from_secs(5);

/// How long a second connection may wait for the word of the first.
const PATIENCE: Duration = Duration::from_secs(60);

/// The most second connections that wait for the word of one first.
const MAX_PARKED: usize = 4;

/// The most connections to one id that are still read when others have replaced them: more than two
/// honest ends dial at once, or anew while one of them still has something to say.
const MAX_RETIRING: usize = 4;

/// How long a connection that a py2p node has replaced is still read. It closes the old one by
/// itself; being closed on it would make it forget the new one as well.
const LEGACY_LINGER: Duration = Duration::from_secs(60);

impl Node {
    /// A handshake has shown an id that has a connection already.
    pub(super) fn on_duplicate(
        &mut self,
        now: Instant,
        newcomer: ConnId,
        incumbent: ConnId,
        handshake: Handshake,
    ) {
        let form = |conn| self.connections.get(&conn).map(Connection::form);
        match (form(incumbent), form(newcomer)) {
            // The node has been started anew: what led to its earlier life leads nowhere.
            _ if self.is_next_life(incumbent, newcomer) => {
                self.replace(now, incumbent, newcomer, handshake);
            }
            (Some(Form::Extended), Some(Form::Extended)) => {
                self.park(now, newcomer, incumbent, handshake);
            }
            // The handshake was looked at before: this one came while it was held.
            (Some(Form::Extended), _) => {
                self.note_impostor(now, newcomer, handshake.id);
                self.end(now, newcomer, CloseReason::Duplicate, CloseMode::Flush);
            }
            _ => self.replace(now, incumbent, newcomer, handshake),
        }
    }

    /// Whether two connections lead to two lives of one node, as both have proven.
    fn is_next_life(&self, incumbent: ConnId, newcomer: ConnId) -> bool {
        let life = |conn| Some(self.connections.get(&conn)?.extension?.incarnation);
        self.proven_id(newcomer).is_some() && life(incumbent) != life(newcomer)
    }

    fn park(&mut self, now: Instant, newcomer: ConnId, incumbent: ConnId, handshake: Handshake) {
        let id = Some(handshake.id);
        let is_parked = |other: &&Connection| matches!(other.phase, Phase::Parked(_));
        let parked = self.connections.values().filter(is_parked).filter(|other| other.id() == id);
        if parked.count() >= MAX_PARKED {
            return self.end(now, newcomer, CloseReason::Duplicate, CloseMode::Flush);
        }
        if let Some(connection) = self.connections.get_mut(&newcomer) {
            let parked = Parked { handshake, incumbent, since: now, asked_at: None };
            connection.phase = Phase::Parked(Box::new(parked));
            self.ask(now, newcomer);
        }
    }

    /// Asks the first connection about a parked one.
    fn ask(&mut self, now: Instant, newcomer: ConnId) {
        let Some(connection) = self.connections.get(&newcomer) else { return };
        let (Phase::Parked(parked), Some(extension)) = (&connection.phase, connection.extension)
        else {
            return;
        };
        let (incumbent, mine) = (parked.incumbent, connection.link);
        let question = Control::Ask(LinkName { yours: extension.link, mine });
        let asked = self.send_control(now, incumbent, question);
        let connection = self.connections.get_mut(&newcomer);
        if let Some(Phase::Parked(parked)) = connection.map(|found| &mut found.phase) {
            parked.asked_at = asked.then_some(now);
        }
        self.timers.set(Timer::Opening(newcomer), now + PROOF_OF_LIFE);
    }

    /// No answer has come about a parked connection. A first connection that has said something
    /// else meanwhile, or takes what is queued for it, is alive and only busy; one whose queue had
    /// no room for the question was not asked yet.
    pub(super) fn on_silence(&mut self, now: Instant, newcomer: ConnId) {
        let Some(connection) = self.connections.get(&newcomer) else { return };
        let Phase::Parked(parked) = &connection.phase else { return };
        let (incumbent, since, asked_at) = (parked.incumbent, parked.since, parked.asked_at);
        if now.since(since) >= PATIENCE {
            return self.end(now, newcomer, CloseReason::Duplicate, CloseMode::Flush);
        }
        let Some(asked_at) = asked_at else { return self.ask(now, newcomer) };
        // What an incumbent that is not read has said waits.
        let alive_at = self
            .connections
            .get(&incumbent)
            .map_or(Instant::ZERO, |found| if found.holds == 0 { found.alive_at() } else { now });
        if alive_at > asked_at {
            self.ask(now, newcomer);
        } else {
            let unsent_len = self.connections.get(&incumbent).map_or(0, |found| found.backlog_len);
            self.end(now, incumbent, CloseReason::Silent { unsent_len }, CloseMode::Abort);
        }
    }

    /// Takes what a neighbor says about connections.
    pub(super) fn on_control(&mut self, now: Instant, conn: ConnId, control: Control) {
        match control {
            Control::Ask(link) => self.on_ask(now, conn, link),
            Control::Answer { link, verdict } => self.on_answer(now, conn, link, verdict),
            // Only a peer that has proven its id has a say in that: see `refusal`.
            Control::Refused(_) => self.stats.ignored.unproven_refusal += 1,
            Control::Ping(number) => self.on_ping(now, conn, number),
            Control::Pong(number) => self.on_pong(now, conn, number),
        }
    }

    fn on_ask(&mut self, now: Instant, asker: ConnId, link: LinkName) {
        let asked = self.connections.iter_mut().find(|(_, other)| other.link == link.yours);
        match asked {
            // Its handshake will tell.
            Some((_, connection)) if matches!(connection.phase, Phase::Opening) => {
                connection.question = Some((asker, link));
            }
            Some((&conn, _)) => self.answer_about(now, conn, asker, link),
            None => self.answer(now, asker, link, LinkVerdict::Unknown),
        }
    }

    /// Answers a question that had to wait for this connection's handshake.
    pub(super) fn answer_waiting(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if let Some((asker, link)) = connection.question.take() {
            self.answer_about(now, conn, asker, link);
        }
    }

    fn answer_about(&mut self, now: Instant, conn: ConnId, asker: ConnId, link: LinkName) {
        let asker_id = self.connections.get(&asker).and_then(Connection::id);
        let known = self.connections.get(&conn).is_some_and(|found| {
            found.id() == asker_id && found.extension.is_some_and(|told| told.link == link.mine)
        });
        let is_written_on = asker_id.and_then(|id| self.table.conn(&id)) == Some(asker);
        let verdict = match (known, is_written_on) {
            (false, _) => LinkVerdict::Unknown,
            (true, true) => LinkVerdict::Settled,
            (true, false) => LinkVerdict::Open,
        };
        self.answer(now, asker, link, verdict);
    }

    pub(super) fn answer(
        &mut self,
        now: Instant,
        asker: ConnId,
        link: LinkName,
        verdict: LinkVerdict,
    ) {
        let link = LinkName { yours: link.mine, mine: link.yours };
        self.send_control(now, asker, Control::Answer { link, verdict });
    }

    fn on_answer(&mut self, now: Instant, conn: ConnId, link: LinkName, verdict: LinkVerdict) {
        let Some((&newcomer, connection)) =
            self.connections.iter().find(|(_, other)| other.link == link.yours)
        else {
            return self.stats.ignored.late_control += 1;
        };
        let parked = match &connection.phase {
            Phase::Parked(parked) if parked.incumbent == conn => parked,
            _ => return self.stats.ignored.late_control += 1,
        };
        let handshake = parked.handshake.clone();
        let keeps_newcomer = match verdict {
            LinkVerdict::Unknown => {
                self.note_impostor(now, newcomer, handshake.id);
                return self.end(now, newcomer, CloseReason::Duplicate, CloseMode::Flush);
            }
            LinkVerdict::Settled => false,
            LinkVerdict::Open => self.connections.get(&conn).is_some_and(|incumbent| {
                self.rank(connection, &handshake.id) < self.rank(incumbent, &handshake.id)
            }),
        };
        if keeps_newcomer {
            self.replace(now, conn, newcomer, handshake);
        } else {
            self.refuse(now, newcomer, handshake.id);
        }
    }

    /// Writes to a peer on `newcomer` from now on. Nothing is lost with the other connection: it
    /// is flushed, and read until the peer has flushed it too.
    fn replace(&mut self, now: Instant, incumbent: ConnId, newcomer: ConnId, handshake: Handshake) {
        let id = handshake.id;
        self.adopt(now, newcomer, handshake);
        self.retire(now, incumbent, id);
        self.point_parked(now, incumbent, newcomer);
        self.on_adopted(now, newcomer, id);
    }

    /// Goes on writing to a peer on another connection than `newcomer`, with which nothing is
    /// lost either.
    pub(super) fn refuse(&mut self, now: Instant, newcomer: ConnId, id: NodeId) {
        let Some(connection) = self.connections.get(&newcomer) else { return };
        let dialed = (!connection.is_incoming()).then_some(connection.addr);
        self.retire(now, newcomer, id);
        if let Some(addr) = dialed {
            let (id, reason) = (Some(id), CloseReason::Duplicate);
            self.emit(Event::DialFailed { conn: newcomer, addr, id, reason });
        }
    }

    /// Where a connection stands in the order in which those between two nodes are kept.
    fn rank(&self, connection: &Connection, peer: &NodeId) -> (bool, u64) {
        let theirs = connection.extension.map_or(0, |extension| extension.link);
        rank([&self.id, peer], connection.is_incoming(), [connection.link, theirs])
    }

    /// Where a connection has gone, lets a parked one take its place. Returns whether there was
    /// one.
    pub(super) fn succeed(&mut self, now: Instant, gone: ConnId, id: &NodeId) -> bool {
        let waiting = |(conn, connection): (&ConnId, &Connection)| match &connection.phase {
            Phase::Parked(parked) if parked.incumbent == gone && parked.handshake.id == *id => {
                Some((*conn, parked.handshake.clone()))
            }
            _ => None,
        };
        let Some((heir, handshake)) = self.connections.iter().find_map(waiting) else {
            return false;
        };
        self.adopt(now, heir, handshake);
        self.point_parked(now, gone, heir);
        self.on_adopted(now, heir, *id);
        true
    }

    /// Ends the connections that wait for the word of one that the user has ended.
    pub(super) fn end_parked(&mut self, now: Instant, gone: ConnId) {
        let waits = |connection: &Connection| matches!(&connection.phase, Phase::Parked(parked) if parked.incumbent == gone);
        for conn in self.conns_where(&waits) {
            self.end(now, conn, CloseReason::Local, CloseMode::Flush);
        }
    }

    /// Others that waited for the word of `gone` wait for that of `heir` now.
    fn point_parked(&mut self, now: Instant, gone: ConnId, heir: ConnId) {
        let mut moved = Vec::new();
        for (conn, connection) in self.connections.iter_mut() {
            if let Phase::Parked(parked) = &mut connection.phase {
                if parked.incumbent == gone {
                    parked.incumbent = heir;
                    moved.push(*conn);
                }
            }
        }
        for conn in moved {
            self.ask(now, conn);
        }
    }

    /// Writes no more on a connection, and reads it to its end.
    fn retire(&mut self, now: Instant, conn: ConnId, peer: NodeId) {
        let mut retiring =
            self.conns_where(&|other| matches!(other.phase, Phase::Retiring(id) if id == peer));
        if retiring.len() >= MAX_RETIRING {
            self.end(now, retiring.remove(0), CloseReason::Duplicate, CloseMode::Abort);
        }
        let patience = self.config.limits.leave_timeout();
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.leaves_at = Some(now + patience);
        connection.phase = Phase::Retiring(peer);
        connection.catch_up = CatchingUp::default();
        self.charge(conn);
        let Some(connection) = self.connections.get(&conn) else { return };
        let linger = match connection.form() {
            Form::Extended => {
                self.outputs.push_back(Output::Close { conn, mode: CloseMode::Flush });
                self.config.limits.linger_timeout
            }
            Form::Legacy => LEGACY_LINGER,
        };
        self.timers.stop(Timer::Opening(conn));
        self.timers.stop(Timer::Alive(conn));
        self.timers.set(Timer::Linger(conn), now + linger);
    }

    /// Sends a word about connections, on any connection that can still be written to. Returns
    /// whether its queue had room.
    pub(super) fn send_control(&mut self, now: Instant, conn: ConnId, control: Control) -> bool {
        let is_open = self.connections.get(&conn).is_some_and(|connection| {
            matches!(connection.phase, Phase::Established(_) | Phase::Parked(_))
        });
        let message = self.make(now, Flag::Whisper, &control.encode()).filter(|_| is_open);
        message.is_some_and(|message| self.transmit_alone(now, conn, &message))
    }
}

/// The order in which connections between two nodes are kept, the same seen from both ends: first
/// those that the lower id dialled, then by the name that their dialer gave them. Ids and names are
/// this end's own first.
fn rank([own, peer]: [&NodeId; 2], is_incoming: bool, [mine, theirs]: [u64; 2]) -> (bool, u64) {
    if is_incoming { (own < peer, theirs) } else { (own > peer, mine) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn t28_both_ends_keep_the_same_of_two_connections_and_that_of_the_lower_id(
            ids in prop::array::uniform2("[1-9A-HJ-NP-Za-km-z]{1,44}"),
            dialed_by_first in any::<[bool; 2]>(),
            names in any::<[[u64; 2]; 2]>(),
        ) {
            let [first, second] = ids.map(|id| id.parse::<NodeId>().unwrap());
            prop_assume!(first != second);
            // A name is drawn for each connection of a node.
            prop_assume!((0..2).all(|end| names[0][end] != names[1][end]));
            let of_first = |it: usize| rank([&first, &second], !dialed_by_first[it], names[it]);
            let of_second = |it: usize| {
                let [own, other] = names[it];
                rank([&second, &first], dialed_by_first[it], [other, own])
            };
            prop_assert_ne!(of_first(0), of_first(1));
            prop_assert_eq!(of_first(0) < of_first(1), of_second(0) < of_second(1));
            if dialed_by_first[0] != dialed_by_first[1] {
                prop_assert_eq!(of_first(0) < of_first(1), dialed_by_first[0] == (first < second));
            }
        }
    }
}
