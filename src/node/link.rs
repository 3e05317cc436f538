//! The life of connections: accept, bytes in, bytes out, the end.

use std::net::SocketAddr;

use rand::RngExt;

use super::backoff::GOOD_LIFE;
use super::catch_up::CatchingUp;
use super::connection::{Connection, Phase};
use super::outgoing::Form;
use super::reading::{Come, MEMORY, RATE, USER};
use super::timer::Timer;
use super::{CloseMode, Node, Output, Refused};
use crate::conn_id::ConnId;
use crate::error::CloseReason;
use crate::event::{Direction, Event, Leftover, Trouble};
use crate::time::Instant;
use crate::wire::{FrameDecoder, LinkVerdict, NodeId, SIZE_HEADER_LEN};

/// How much work one connection may make in one turn: bytes of messages after decompression. A
/// frame that begins within it is taken whole.
pub(super) const TURN_COST: usize = 1 << 20;

/// What a frame costs beside its bytes.
pub(super) const FRAME_COST: usize = 256;

/// What checking a signature costs, which takes as long as some tens of short messages.
const SIGNATURE_COST: usize = 8 << 10;

/// The most troubles that are kept.
const MAX_TROUBLES: usize = 64;

impl Node {
    /// Takes a connection that `addr` has opened to this node.
    ///
    /// Nothing is sent on it before the other end's handshake has come: see PROTOCOL.md §3.1.
    ///
    /// # Errors
    ///
    /// [`Refused`], where the driver should close it at once.
    pub fn accept(&mut self, now: Instant, addr: SocketAddr) -> Result<ConnId, Refused> {
        let (incoming, pending) = self.incoming();
        let has_room = incoming < self.config.limits.max_incoming;
        let has_place = pending < self.config.limits.max_pending;
        let crowd = self.crowd_at(addr.ip());
        let leaving = match crowd {
            None if has_room => None,
            crowd => self.first_leaving(addr.ip(), crowd),
        };
        let is_in_need = !has_room && leaving.is_none();
        let evicted = if is_in_need { self.one_to_evict(addr.ip()) } else { None };
        let waiting = if has_place { None } else { self.place_for(now, addr.ip()) };
        let refused = if self.closing {
            Some(Refused::Closed)
        } else if crowd.is_some() && leaving.is_none() {
            crowd
        } else if is_in_need && evicted.is_none() {
            Some(Refused::TooManyIncoming)
        } else if !has_place && waiting.is_none() {
            Some(Refused::TooManyPending)
        } else {
            self.refused_at_the_door(now, addr.ip())
        };
        if let Some(refused) = refused {
            self.stats.rejected.count(refused);
            return Err(refused);
        }
        for conn in evicted.into_iter().chain(leaving) {
            self.end(now, conn, CloseReason::Evicted, CloseMode::Abort);
        }
        if let Some(conn) = waiting {
            self.end(now, conn, CloseReason::HandshakeTimeout, CloseMode::Abort);
        }
        let conn = self.add(addr, Direction::Incoming, Phase::Opening, now);
        self.timers.set(Timer::Opening(conn), now + self.config.limits.handshake_timeout);
        self.secure(now, conn);
        self.relieve(now);
        Ok(conn)
    }

    /// Ends the connection to a neighbor once what is queued for it has been sent. Returns
    /// whether there was one.
    pub fn disconnect(&mut self, now: Instant, peer: &NodeId) -> bool {
        let conn = self.table.conn(peer);
        if let Some(conn) = conn {
            self.end(now, conn, CloseReason::Local, CloseMode::Flush);
            self.relieve(now);
        }
        conn.is_some()
    }

    /// Ends every connection once what is queued has been sent, and takes no new ones.
    pub fn close(&mut self, now: Instant) {
        self.closing = true;
        self.unprobed.clear();
        self.fail_requests();
        self.forget_seeds();
        self.end_catching_up();
        let is_open = |connection: &Connection| !matches!(connection.phase, Phase::Closing(_));
        for conn in self.conns_where(&is_open) {
            self.end(now, conn, CloseReason::Local, CloseMode::Flush);
        }
        self.relieve(now);
    }

    /// Ends every connection at once, whatever is still to be sent, and takes no new ones.
    pub fn abort(&mut self, now: Instant) {
        self.close(now);
        for conn in self.conns_where(&|_| true) {
            self.end(now, conn, CloseReason::Local, CloseMode::Abort);
        }
    }

    pub(super) fn on_connected(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        match connection.phase {
            Phase::Dialing => {
                connection.phase = Phase::Opening;
                self.timers.set(Timer::Opening(conn), now + self.config.limits.handshake_timeout);
                self.secure(now, conn);
            }
            Phase::Probing(peer) => self.on_reached(now, conn, peer),
            _ => {}
        }
    }

    pub(super) fn on_received(&mut self, now: Instant, conn: ConnId, data: &[u8]) {
        self.stats.bytes_in += len_u64(data.len());
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.last_received = now;
            connection.received_len += len_u64(data.len());
        }
        let frames = self.stats.frames_in;
        self.unseal(now, conn, data);
        self.after_turn(now, conn, data.len(), frames);
    }

    /// Goes on with what did not fit an earlier turn.
    pub(super) fn on_continue(&mut self, now: Instant, conn: ConnId) {
        let frames = self.stats.frames_in;
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let is_held = connection.is_held_for(USER | RATE);
        match connection.unread.take_if(|_| !is_held) {
            Some(unread) => self.take_in(now, conn, &unread),
            None if connection.is_working => self.work(now, conn),
            None => return,
        }
        self.update_turns(conn);
        self.after_turn(now, conn, 0, frames);
    }

    fn after_turn(&mut self, now: Instant, conn: ConnId, len: usize, frames_before: u64) {
        let frames = self.stats.frames_in - frames_before;
        self.pace(now, conn, Come { bytes: len_u64(len), frames, unpacked: 0 });
        self.after_input(now, conn, frames);
    }

    /// Takes frames until the input is used up or the turn is. What is left waits for the next
    /// turn, and the connection is not read meanwhile.
    pub(super) fn take_in(&mut self, now: Instant, conn: ConnId, data: &[u8]) {
        let mut input = data;
        let mut spent = 0;
        // A frame may end its connection, so the connection is looked up anew for each.
        while let Some(connection) = self.connections.get_mut(&conn) {
            let is_held = connection.is_held_for(USER | RATE);
            if spent >= TURN_COST || is_held {
                if !input.is_empty() {
                    let before = connection.unread.take().unwrap_or_default();
                    connection.unread = Some([&before, input].concat().into());
                    self.update_turns(conn);
                }
                return;
            }
            let max_len = match connection.phase {
                Phase::Opening => self.config.limits.max_handshake_len,
                Phase::Holding(_)
                | Phase::Parked(_)
                | Phase::Established(_)
                | Phase::Retiring(_) => self.config.limits.max_frame_len,
                Phase::Dialing | Phase::Probing(_) | Phase::Closing(_) => return,
            };
            match connection.decoder.next_frame(&mut input, max_len) {
                Ok(Some(body)) => {
                    connection.traffic.frames_in += 1;
                    connection.traffic.bytes_in += len_u64(body.len() + SIZE_HEADER_LEN);
                    self.stats.frames_in += 1;
                    let (verified, unpacked) = (self.stats.verified, self.stats.unpacked);
                    spent += FRAME_COST + self.on_frame(now, conn, body);
                    let unpacked = self.stats.unpacked - unpacked;
                    if unpacked > 0 {
                        self.pace(now, conn, Come { unpacked, ..Come::default() });
                    }
                    if self.stats.verified > verified {
                        spent += SIGNATURE_COST;
                    }
                    if self.is_full {
                        self.hold_deliveries_of(now, conn);
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    if matches!(connection.phase, Phase::Opening) {
                        self.on_no_frame(now, conn, error);
                    } else {
                        self.end(now, conn, CloseReason::Malformed(error), CloseMode::Abort);
                    }
                }
            }
        }
    }

    /// The peer sends no more. What is queued for it still goes out.
    pub(super) fn on_ended(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get(&conn) else { return };
        if matches!(connection.phase, Phase::Closing(_)) || self.is_failing(now, conn) {
            return;
        }
        let Some(connection) = self.connections.get(&conn) else { return };
        match &connection.phase {
            // The peer has decided first which of two connections is kept.
            Phase::Parked(parked) => {
                let id = parked.handshake.id;
                self.refuse(now, conn, id);
            }
            _ => {
                let reason = self.reason_of_end(conn);
                self.end(now, conn, reason, CloseMode::Flush);
            }
        }
    }

    pub(super) fn on_sent(&mut self, now: Instant, conn: ConnId, len: usize) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.backlog_len = connection.backlog_len.saturating_sub(len);
            connection.last_progress = now;
            self.ledger.sent(&mut connection.queue, len);
        }
        self.go_on_catching_up(now, conn);
    }

    /// The timer runs on while a connection is busy, so that queueing a frame costs nothing; what
    /// counts is when the connection last made progress.
    pub(super) fn on_stall_timer(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let unsent_len = connection.backlog_len;
        let until = connection.last_progress + self.config.limits.stall_timeout;
        if unsent_len == 0 {
            return;
        }
        // Whoever is not read may wait for that before it reads.
        let until = if connection.is_held_for(USER | MEMORY) {
            now + self.config.limits.stall_timeout
        } else {
            until
        };
        if until <= now {
            self.end(now, conn, CloseReason::Stalled { unsent_len }, CloseMode::Abort);
        } else {
            self.timers.set(Timer::Stall(conn), until);
        }
    }

    pub(super) fn on_opening_timer(&mut self, now: Instant, conn: ConnId) {
        let phase = self.connections.get(&conn).map(|connection| &connection.phase);
        if matches!(phase, Some(Phase::Parked(_))) {
            self.on_silence(now, conn);
        } else {
            self.end(now, conn, CloseReason::HandshakeTimeout, CloseMode::Abort);
        }
    }

    /// An ending connection has had its time, unless it is still making progress: bytes go out,
    /// or come in on one that another has replaced. Then, too, its time is limited.
    pub(super) fn on_linger_timer(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if let Some(reason) = connection.fault {
            return self.end(now, conn, reason, CloseMode::Abort);
        }
        let is_read =
            matches!(connection.phase, Phase::Retiring(_)) && connection.form() == Form::Extended;
        let sent = (connection.backlog_len > 0).then_some(connection.last_progress);
        let received = if connection.holds == 0 { connection.last_received } else { now };
        let progress = sent.max(is_read.then_some(received));
        let until = progress.map(|progress| progress + self.config.limits.linger_timeout);
        // Time in which it is not read is none that its peer has had.
        let patience = self.config.limits.leave_timeout();
        if connection.is_held_for(USER | MEMORY) {
            connection.leaves_at = Some(now + patience);
        }
        let leaves_at = *connection.leaves_at.get_or_insert(now + patience);
        let until = until.map(|until| until.min(leaves_at));
        match until.filter(|&until| until > now && !self.closing) {
            Some(until) => self.timers.set(Timer::Linger(conn), until),
            None => self.end(now, conn, CloseReason::Local, CloseMode::Abort),
        }
    }

    /// Dials `addr` for the purpose that `phase` states.
    pub(super) fn open(&mut self, now: Instant, addr: SocketAddr, phase: Phase) -> ConnId {
        let conn = self.add(addr, Direction::Outgoing, phase, now);
        self.timers.set(Timer::Opening(conn), now + self.config.limits.connect_timeout);
        self.outputs.push_back(Output::Dial { conn, addr });
        self.relieve(now);
        conn
    }

    fn add(
        &mut self,
        addr: SocketAddr,
        direction: Direction,
        phase: Phase,
        now: Instant,
    ) -> ConnId {
        self.last_conn += 1;
        let conn = ConnId::from_number(self.last_conn);
        let link = self.rng.random();
        let connection = Connection::new(addr, direction, phase, link, now);
        self.connections.insert(conn, Box::new(connection));
        self.charge(conn);
        conn
    }

    /// Ends a connection from this side.
    #[cold]
    pub(super) fn end(&mut self, now: Instant, conn: ConnId, reason: CloseReason, mode: CloseMode) {
        let mode = if self.say_refusal(now, conn, reason) { CloseMode::Flush } else { mode };
        let is_flushed = mode == CloseMode::Abort || self.end_session(now, conn);
        let Some(mut connection) = self.take_out(now, conn, reason) else { return };
        // There is nothing to flush where no connection is open yet, nor where it was flushed.
        let mode = match connection.phase {
            Phase::Dialing | Phase::Probing(_) | Phase::Closing(_) => CloseMode::Abort,
            _ => mode,
        };
        if is_flushed || mode == CloseMode::Abort {
            self.outputs.push_back(Output::Close { conn, mode });
        }
        if mode == CloseMode::Flush {
            connection.closes_when_flushed = !is_flushed;
            connection.phase = Phase::Closing(connection.id());
            // Nothing that has come, or comes, counts any more; it is read so that its end is seen.
            connection.decoder = FrameDecoder::default();
            connection.unread = None;
            connection.partial = None;
            connection.is_frame_timed = false;
            connection.catch_up = CatchingUp::default();
            let patience = self.config.limits.leave_timeout();
            connection.leaves_at.get_or_insert(now + patience);
            let is_held = std::mem::take(&mut connection.holds) != 0;
            self.connections.insert(conn, connection);
            self.timers.set(Timer::Linger(conn), now + self.config.limits.linger_timeout);
            self.charge(conn);
            self.update_turns(conn);
            if is_held {
                self.outputs.push_back(Output::ReleaseRead { conn });
            }
        } else {
            self.ledger.clear(&mut connection.queue);
        }
    }

    /// Forgets a connection that is gone.
    #[cold]
    pub(super) fn forget(&mut self, now: Instant, conn: ConnId, reason: CloseReason) {
        if let Some(mut connection) = self.take_out(now, conn, reason) {
            self.ledger.clear(&mut connection.queue);
        }
    }

    /// Takes a connection out of every table, and tells the user what that means. What waits for it
    /// is charged on.
    fn take_out(
        &mut self,
        now: Instant,
        conn: ConnId,
        reason: CloseReason,
    ) -> Option<Box<Connection>> {
        let mut connection = self.connections.remove(&conn)?;
        self.discharge(&mut connection);
        self.timers.stop_all(conn);
        log::debug!("{} {conn} {}: {reason}", self.id.short(), connection.addr);
        self.stats.denied += u64::from(matches!(reason, CloseReason::Denied(_)));
        self.count_end(&connection, reason);
        self.note_end(now, &connection, reason);
        // An address of the book that is out of date is nobody's fault.
        if !self.is_own_accord(conn) {
            self.note_trouble(now, &connection, reason);
        }
        if let Some((asker, link)) = connection.question {
            self.answer(now, asker, link, LinkVerdict::Unknown);
        }
        match &connection.phase {
            Phase::Established(peer) => {
                self.table.remove(&peer.id, conn);
                let is_over = self.closing || reason == CloseReason::Local;
                if is_over && !self.closing {
                    self.end_parked(now, conn);
                }
                if is_over || !self.succeed(now, conn, &peer.id) {
                    self.emit(Event::PeerLost { id: peer.id, reason });
                }
            }
            _ if connection.is_pending() && !connection.is_incoming() => {
                let (addr, id) = (connection.addr, connection.known_id());
                self.emit(Event::DialFailed { conn, addr, id, reason });
            }
            _ => {}
        }
        self.on_gone(now, conn, &connection, reason);
        if self.serving.turns.remove(conn) {
            self.serve(now);
        }
        if !connection.catch_up.asked.is_empty() {
            self.answer_offers(now);
        }
        Some(connection)
    }

    /// Counts why a connection has ended, unless it was ending already.
    fn count_end(&mut self, connection: &Connection, reason: CloseReason) {
        let closed = &mut self.stats.closed;
        match connection.phase {
            Phase::Closing(_) => {}
            Phase::Probing(_) if connection.has_answered => closed.probes_answered += 1,
            Phase::Probing(_) => closed.probes_failed += 1,
            _ => closed.count(reason),
        }
    }

    fn note_trouble(&mut self, now: Instant, connection: &Connection, reason: CloseReason) {
        let is_peaceful = matches!(
            reason,
            CloseReason::Local
                | CloseReason::Remote
                | CloseReason::Duplicate
                | CloseReason::SelfConnection
                | CloseReason::Evicted
        );
        if is_peaceful || connection.is_probe() || matches!(connection.phase, Phase::Closing(_)) {
            return;
        }
        if self.troubles.len() == MAX_TROUBLES {
            self.troubles.pop_front();
        }
        let (time, addr, id) = (self.wall(now), connection.addr, connection.known_id());
        let is_authenticated = id.is_some() && connection.is_authenticated();
        self.troubles.push_back(Trouble { time, addr, id, is_authenticated, reason });
    }

    /// What else depends on a connection: its probe, the report of what was not sent, the seed at
    /// its address, and whispers that wait for the node at its end.
    fn on_gone(
        &mut self,
        now: Instant,
        conn: ConnId,
        connection: &Connection,
        reason: CloseReason,
    ) {
        if let Some(id) = connection.id() {
            self.note_gone(conn, id);
        }
        self.end_probe_of(now, conn);
        if connection.is_probe() {
            self.probe_next(now);
        }
        if let (Phase::Closing(Some(id)), true) = (&connection.phase, self.closing) {
            // Only the other end's own end behind this one's shows that it took everything.
            match connection.backlog_len {
                0 if reason == CloseReason::Remote => {}
                0 => self.unsent.push((*id, Leftover::Unconfirmed)),
                len => self.unsent.push((*id, Leftover::Unsent(len))),
            }
        }
        if !connection.is_incoming() && !matches!(connection.phase, Phase::Closing(_)) {
            self.on_seed_gone(now, connection.addr);
            if !connection.is_probe() && !self.closing {
                self.on_address_gone(now, connection, reason);
            }
        }
        if connection.peer().is_some() && now.since(connection.opened_at) >= GOOD_LIFE {
            self.throttle.note_good(connection.addr.ip());
        }
        // Others come and go as often as anybody likes, and leave nothing to look for.
        if connection.counts_as_outgoing() || connection.peer().is_some() {
            self.search_soon(now);
        }
        if let Some(expected) = connection.expected.filter(|_| connection.is_pending()) {
            self.on_unreachable(&expected, reason);
        }
    }
}

pub(super) fn len_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
