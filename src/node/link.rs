//! The life of connections: accept, bytes in, bytes out, the end.

use std::net::SocketAddr;

use bytes::Bytes;
use rand::RngExt;

use super::connection::{Connection, Phase};
use super::outgoing::Form;
use super::timer::Timer;
use super::{CloseMode, Node, Output, Refused};
use crate::conn_id::ConnId;
use crate::error::CloseReason;
use crate::event::{Direction, Event, Trouble};
use crate::time::Instant;
use crate::wire::{LinkVerdict, NodeId};

/// How much work one connection may make in one turn: bytes of messages after decompression. A
/// frame that begins within it is taken whole.
const TURN_COST: usize = 1 << 20;

/// What a frame costs beside its bytes.
const FRAME_COST: usize = 256;

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
        let has_room = incoming < self.config.max_incoming;
        let has_place = pending < self.config.max_pending;
        let leaving = if has_room { None } else { self.first_leaving() };
        let waiting = if has_place { None } else { self.place_for(now, addr.ip()) };
        let refused = if self.closing {
            Some(Refused::Closed)
        } else if !has_room && leaving.is_none() {
            Some(Refused::TooManyIncoming)
        } else if !has_place && waiting.is_none() {
            Some(Refused::TooManyPending)
        } else {
            self.refused_at_the_door(now, addr.ip())
        };
        if let Some(refused) = refused {
            self.stats.rejected += 1;
            return Err(refused);
        }
        for conn in leaving.into_iter().chain(waiting) {
            self.end(now, conn, CloseReason::HandshakeTimeout, CloseMode::Abort);
        }
        let conn = self.add(addr, Direction::Incoming, Phase::Opening, now);
        self.timers.set(Timer::Opening(conn), now + self.config.handshake_timeout);
        self.secure(now, conn);
        Ok(conn)
    }

    /// Ends the connection to a neighbor once what is queued for it has been sent. Returns
    /// whether there was one.
    pub fn disconnect(&mut self, now: Instant, peer: &NodeId) -> bool {
        let conn = self.table.conn(peer);
        if let Some(conn) = conn {
            self.end(now, conn, CloseReason::Local, CloseMode::Flush);
        }
        conn.is_some()
    }

    /// Ends every connection once what is queued has been sent, and takes no new ones.
    pub fn close(&mut self, now: Instant) {
        self.closing = true;
        self.unprobed.clear();
        self.fail_requests();
        self.forget_seeds();
        let is_open = |connection: &Connection| !matches!(connection.phase, Phase::Closing(_));
        let open = self.connections.iter().filter(|(_, connection)| is_open(connection));
        for conn in open.map(|(conn, _)| *conn).collect::<Vec<_>>() {
            self.end(now, conn, CloseReason::Local, CloseMode::Flush);
        }
    }

    pub(super) fn on_connected(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        match connection.phase {
            Phase::Dialing => {
                connection.phase = Phase::Opening;
                self.timers.set(Timer::Opening(conn), now + self.config.handshake_timeout);
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
        }
        self.unseal(now, conn, data);
    }

    /// Goes on with what did not fit an earlier turn.
    pub(super) fn on_continue(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        match connection.unread.take() {
            Some(unread) => self.take_in(now, conn, &unread),
            None if connection.is_working => self.work(now, conn),
            None => return,
        }
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if connection.is_paused && connection.unread.is_none() && !connection.is_working {
            connection.is_paused = false;
            self.outputs.push_back(Output::ResumeRead { conn });
        }
    }

    /// Has the driver read no more from a connection, and give it turns, until it is resumed.
    pub(super) fn pause(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if !connection.is_paused {
            connection.is_paused = true;
            self.outputs.push_back(Output::PauseRead { conn });
        }
    }

    /// Takes frames until the input is used up or the turn is. What is left waits for the next
    /// turn, and the connection is not read meanwhile.
    pub(super) fn take_in(&mut self, now: Instant, conn: ConnId, data: &[u8]) {
        let mut input = data;
        let mut spent = 0;
        // A frame may end its connection, so the connection is looked up anew for each.
        while let Some(connection) = self.connections.get_mut(&conn) {
            if spent >= TURN_COST {
                if !input.is_empty() {
                    connection.unread = Some(Bytes::copy_from_slice(input));
                    self.pause(conn);
                }
                return;
            }
            let max_len = match connection.phase {
                Phase::Opening => self.config.max_handshake_len,
                Phase::Holding(_)
                | Phase::Parked(_)
                | Phase::Established(_)
                | Phase::Retiring(_) => self.config.max_frame_len,
                Phase::Dialing | Phase::Probing(_) | Phase::Closing(_) => return,
            };
            match connection.decoder.next_frame(&mut input, max_len) {
                Ok(Some(body)) => {
                    self.stats.frames_in += 1;
                    let verified = self.stats.verified;
                    spent += FRAME_COST + self.on_frame(now, conn, body);
                    if self.stats.verified > verified {
                        spent += SIGNATURE_COST;
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
        }
    }

    /// The timer runs on while a connection is busy, so that queueing a frame costs nothing; what
    /// counts is when the connection last made progress.
    pub(super) fn on_stall_timer(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let unsent_len = connection.backlog_len;
        let until = connection.last_progress + self.config.stall_timeout;
        if unsent_len == 0 {
            return;
        }
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
    /// or come in on one that another has replaced.
    pub(super) fn on_linger_timer(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get(&conn) else { return };
        if let Some(reason) = connection.fault {
            return self.end(now, conn, reason, CloseMode::Abort);
        }
        let is_read =
            matches!(connection.phase, Phase::Retiring(_)) && connection.form() == Form::Extended;
        let sent = (connection.backlog_len > 0).then_some(connection.last_progress);
        let progress = sent.max(is_read.then_some(connection.last_received));
        let until = progress.map(|progress| progress + self.config.linger_timeout);
        match until.filter(|&until| until > now && !self.closing) {
            Some(until) => self.timers.set(Timer::Linger(conn), until),
            None => self.end(now, conn, CloseReason::Local, CloseMode::Abort),
        }
    }

    /// Dials `addr` for the purpose that `phase` states.
    pub(super) fn open(&mut self, now: Instant, addr: SocketAddr, phase: Phase) -> ConnId {
        let conn = self.add(addr, Direction::Outgoing, phase, now);
        self.timers.set(Timer::Opening(conn), now + self.config.connect_timeout);
        self.outputs.push_back(Output::Dial { conn, addr });
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
        self.connections.insert(conn, Connection::new(addr, direction, phase, link, now));
        conn
    }

    /// Ends a connection from this side.
    pub(super) fn end(&mut self, now: Instant, conn: ConnId, reason: CloseReason, mode: CloseMode) {
        let mode = if self.say_refusal(now, conn, reason) { CloseMode::Flush } else { mode };
        let is_flushed = mode == CloseMode::Abort || self.end_session(now, conn);
        let Some(mut connection) = self.forget(now, conn, reason) else { return };
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
            self.connections.insert(conn, connection);
            self.timers.set(Timer::Linger(conn), now + self.config.linger_timeout);
        }
    }

    /// Takes a connection out of every table, and tells the user what that means.
    pub(super) fn forget(
        &mut self,
        now: Instant,
        conn: ConnId,
        reason: CloseReason,
    ) -> Option<Connection> {
        let connection = self.connections.remove(&conn)?;
        self.timers.stop_all(conn);
        log::debug!("{} {conn} {}: {reason}", self.id.short(), connection.addr);
        self.stats.denied += u64::from(matches!(reason, CloseReason::Denied(_)));
        self.note_trouble(now, &connection, reason);
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
        Some(connection)
    }

    fn note_trouble(&mut self, now: Instant, connection: &Connection, reason: CloseReason) {
        let is_peaceful = matches!(
            reason,
            CloseReason::Local
                | CloseReason::Remote
                | CloseReason::Duplicate
                | CloseReason::SelfConnection
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
        self.end_probe_of(now, conn);
        if connection.is_probe() {
            self.probe_next(now);
        }
        if let (Phase::Closing(Some(id)), true) = (&connection.phase, self.closing) {
            if connection.backlog_len > 0 {
                self.unsent.push((*id, connection.backlog_len));
            }
        }
        if !connection.is_incoming() && !matches!(connection.phase, Phase::Closing(_)) {
            self.on_seed_gone(now, connection.addr);
        }
        if let Some(expected) = connection.expected.filter(|_| connection.is_pending()) {
            self.on_unreachable(&expected, reason);
        }
    }
}

pub(super) fn len_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
