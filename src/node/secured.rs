//! Between the bytes of a connection and its frames: the session. PROTOCOL.md §10.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rand::RngExt;

use super::allowance::MAX_UNITS;
#[cfg(feature = "rsa")]
use super::connection::Connection;
#[cfg(feature = "rsa")]
use super::encryption::PKCS1;
#[cfg(feature = "rsa")]
use super::encryption::POOL_COUNT;
use super::encryption::{self, Beginning};
use super::ledger::Ticket;
use super::outgoing::frame_of;
use super::timer::Timer;
use super::{CloseMode, Node, Output};
use crate::conn_id::ConnId;
use crate::error::{CloseReason, Misbehavior, Refusal};
use crate::event::{Direction, Incident};
#[cfg(feature = "rsa")]
use crate::rsa::PrivateKey;
use crate::session::SessionError;
#[cfg(feature = "rsa")]
use crate::session::rsa::SIZE_REQUEST;
use crate::time::Instant;
use crate::wire::{NodeId, PathfindingMessage};

/// The most bytes that wait for a session. The driver reads no more while one has a turn to come.
const MAX_SEALED_LEN: usize = 256 << 10;

impl Node {
    /// Begins the session of a connection that has just been opened.
    pub(super) fn secure(&mut self, now: Instant, conn: ConnId) {
        self.begin_session(now, conn);
        self.charge(conn);
    }

    fn begin_session(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        #[cfg(feature = "rsa")]
        if self.encryption.keys().is_some() && !connection.is_worth_a_key() {
            connection.awaits_key = true;
            return;
        }
        match self.encryption.begin(connection.direction, &mut self.rng) {
            Beginning::Now(session) => {
                connection.session = session;
                #[cfg(feature = "rsa")]
                {
                    connection.awaits_key = false;
                }
                if connection.is_plain() {
                    connection.is_secured = true;
                    return self.on_secured(now, conn);
                }
            }
            #[cfg(feature = "rsa")]
            Beginning::Later => {
                connection.awaits_key = true;
                return;
            }
            #[cfg(feature = "tls")]
            Beginning::Never => {
                return self.end(now, conn, CloseReason::NoEntropy, CloseMode::Abort);
            }
        }
        #[cfg(feature = "rsa")]
        self.want_rsa_key();
        self.work(now, conn);
    }

    /// Takes what arrived to the session, and what it makes of it to the frames.
    pub(super) fn unseal(&mut self, now: Instant, conn: ConnId, data: &[u8]) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if connection.fault.is_some() {
            return;
        }
        if connection.is_plain() {
            return self.take_in(now, conn, data);
        }
        if connection.sealed.len() + data.len() > MAX_SEALED_LEN {
            let reason = CloseReason::Encryption(SessionError::TooLong);
            return self.fail(now, conn, reason, CloseMode::Abort);
        }
        connection.sealed.extend_from_slice(data);
        #[cfg(feature = "rsa")]
        if connection.awaits_key {
            return self.on_awaiting_key(now, conn);
        }
        // Where one is working, its next turn has been asked for.
        if !connection.is_working {
            self.work(now, conn);
        }
    }

    /// What a node wants before there is any connection.
    pub(super) fn prepare(&mut self) {
        #[cfg(feature = "rsa")]
        self.want_rsa_key();
    }

    /// Something has arrived on a connection that has no key yet. One that asks for a key gets one
    /// as soon as there is any; keys are dear, and rubbish is refused without.
    #[cfg(feature = "rsa")]
    fn on_awaiting_key(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get(&conn) else { return };
        if connection.is_incoming()
            && !connection.sealed.iter().zip(SIZE_REQUEST).all(|(a, b)| a == b)
        {
            let first = connection.sealed.first_chunk().copied();
            self.on_session_error(now, conn, SessionError::BadRequest, first);
        } else if connection.is_worth_a_key() {
            self.secure(now, conn);
        }
    }

    /// A key for the sessions of connections, as [`Output::MakeRsaKey`] has asked for.
    #[cfg(feature = "rsa")]
    pub fn supply_rsa_key(&mut self, now: Instant, key: PrivateKey) {
        self.keys_wanted = self.keys_wanted.saturating_sub(1);
        self.encryption.supply(key);
        // Those that this node dials come first: strangers can dial it as often as they like.
        let waiting = self.connections.iter();
        let waiting = waiting.filter(|(_, other)| other.awaits_key && other.is_worth_a_key());
        if let Some((&conn, _)) = waiting.min_by_key(|(conn, other)| (other.is_incoming(), **conn))
        {
            self.secure(now, conn);
            self.relieve(now);
        }
        self.want_rsa_key();
    }

    /// Asks for keys until as many lie ready, or are being made, as should.
    #[cfg(feature = "rsa")]
    pub(super) fn want_rsa_key(&mut self) {
        while self.encryption.keys().is_some_and(|keys| keys + self.keys_wanted < POOL_COUNT) {
            self.keys_wanted += 1;
            self.outputs.push_back(Output::MakeRsaKey);
        }
    }

    /// Lets a session work as far as this turn goes. What is left waits for the next turn, and the
    /// connection is not read meanwhile.
    pub(super) fn work(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if connection.is_plain() {
            return;
        }
        // What a fault in mid-session begins with says nothing.
        let first = connection.sealed.first_chunk().copied().filter(|_| !connection.is_secured);
        let session = &mut connection.session;
        let mut plain = BytesMut::new();
        // An empty message is py2p's word that no more follows.
        let mut has_ended = false;
        // The units of RSA alone are dear.
        let is_dear = self.encryption.is_rsa();
        let units = if is_dear { connection.allowance.units(now) } else { MAX_UNITS };
        let mut left = units;
        let outcome = loop {
            let taken = session.received(&connection.sealed);
            connection.sealed.drain(..taken.min(connection.sealed.len()));
            match session.step(left) {
                Ok(progress) => {
                    for piece in progress.messages {
                        has_ended |= is_dear && piece.is_empty();
                        plain.extend_from_slice(if has_ended { b"" } else { &piece });
                    }
                    left = left.saturating_sub(progress.spent);
                    if progress.is_idle && connection.sealed.is_empty() {
                        break Ok(true);
                    }
                    if left == 0 {
                        break Ok(false);
                    }
                }
                Err(error) => break Err(error),
            }
        };
        connection.allowance.spend(units.saturating_sub(left));
        if connection.sealed.is_empty() {
            // A link at rest holds no buffer.
            connection.sealed = Vec::new();
        }
        let is_done = connection.closes_when_flushed && session.is_flushed();
        let has_begun = session.is_established() && !connection.is_secured;
        connection.is_secured |= has_begun;
        self.transmit_sealed(now, conn);
        if is_done {
            self.close_flushed(conn);
        }
        if has_begun {
            self.on_secured(now, conn);
        }
        if !plain.is_empty() {
            self.take_in(now, conn, &plain);
        }
        match outcome {
            _ if has_ended => self.end(now, conn, CloseReason::Remote, CloseMode::Flush),
            Ok(is_idle) => self.end_turn(conn, is_idle),
            Err(error) => self.on_session_error(now, conn, error, first),
        }
    }

    /// A session has had its turn, and may want another: it was not done, or was given something to
    /// send meanwhile.
    fn end_turn(&mut self, conn: ConnId, is_idle: bool) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.is_working = !is_idle || !connection.session.is_flushed();
        if connection.is_working {
            self.update_turns(conn);
        }
    }

    /// Both ends can send. The one that dialled introduces itself, unless another answers than the
    /// one that it wants to meet.
    fn on_secured(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let (direction, expected) = (connection.direction, connection.expected);
        let fault = match self.proven_id(conn) {
            Some(id) if id == self.id => Some(CloseReason::SelfConnection),
            Some(id) if expected.is_some_and(|expected| expected != id) => {
                Some(CloseReason::WrongPeer(id))
            }
            Some(id) => self.unlisted(now, conn, id),
            None => None,
        };
        match (fault, direction) {
            (Some(reason), _) => self.end(now, conn, reason, CloseMode::Flush),
            (None, Direction::Outgoing) => {
                self.send_handshake(now, conn);
            }
            (None, Direction::Incoming) => {}
        }
    }

    /// The id of the key that the other end has proven to hold, where the encryption proves any.
    pub(super) fn proven_id(&self, conn: ConnId) -> Option<NodeId> {
        self.connections.get(&conn)?.proven_id()
    }

    /// What is wrong with a handshake under the session of its connection.
    pub(super) fn false_identity(&self, conn: ConnId, id: &NodeId) -> Option<CloseReason> {
        let proven = self.proven_id(conn)?;
        (proven != *id).then_some(CloseReason::Misbehaved(Misbehavior::FalseId))
    }

    fn on_session_error(
        &mut self,
        now: Instant,
        conn: ConnId,
        error: SessionError,
        first: Option<[u8; 4]>,
    ) {
        let recognized = first.and_then(encryption::recognize);
        let own = self.config.protocol.encryption();
        let reason = match (error, recognized) {
            (
                SessionError::NotTls | SessionError::BadRequest | SessionError::MalformedKeySize,
                Some(name),
            ) if name != own => CloseReason::OtherEncryption(name),
            (SessionError::WrongProtocol, _) => CloseReason::WrongProtocol,
            _ => CloseReason::Encryption(error),
        };
        #[cfg(feature = "rsa")]
        if own == PKCS1 && matches!(reason, CloseReason::OtherEncryption(_)) {
            return self.end_foreign(now, conn, reason);
        }
        self.fail(now, conn, reason, CloseMode::Flush);
    }

    /// Ends a connection whose other end speaks another encryption than RSA. A node that accepts
    /// shows what it speaks, so that the other end can tell its user why. No key has a part in it.
    #[cfg(feature = "rsa")]
    fn end_foreign(&mut self, now: Instant, conn: ConnId, reason: CloseReason) {
        if self.connections.get(&conn).is_some_and(Connection::is_incoming) {
            self.queue(now, conn, Bytes::from_static(SIZE_REQUEST), &mut None);
        }
        self.end(now, conn, reason, CloseMode::Flush);
    }

    /// Ends a connection by a fault of its session. Under TLS what the session has left to say tells
    /// the other end. Under RSA it is told nothing, and that late: what fails, and how long it took
    /// to, would tell it something about the key.
    fn fail(&mut self, now: Instant, conn: ConnId, reason: CloseReason, mode: CloseMode) {
        if !self.encryption.is_rsa() {
            return self.end(now, conn, reason, mode);
        }
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.fault = Some(reason);
        // What still arrives is read and thrown away, and what waits is not worked on.
        connection.sealed = Vec::new();
        connection.is_working = false;
        self.update_turns(conn);
        self.charge(conn);
        let delay = Duration::from_millis(self.rng.random_range(50..=200));
        self.timers.stop(Timer::Opening(conn));
        self.timers.set(Timer::Linger(conn), now + delay);
    }

    /// The other end has stopped sending. Returns whether the connection ends by a fault of its
    /// session, at a time of its own.
    pub(super) fn is_failing(&mut self, now: Instant, conn: ConnId) -> bool {
        let Some(connection) = self.connections.get(&conn) else { return false };
        if connection.fault.is_some() {
            return true;
        }
        // Who cuts a message off behind a block would learn from what comes at once whether that
        // block was good.
        let is_cut_off = connection.session.is_cut_off();
        let is_failing = is_cut_off && self.encryption.is_rsa();
        if is_failing {
            let reason = CloseReason::Encryption(SessionError::CutOff);
            self.fail(now, conn, reason, CloseMode::Flush);
        }
        is_failing
    }

    /// Queues what a session has made.
    fn transmit_sealed(&mut self, now: Instant, conn: ConnId) {
        while let Some(data) = self
            .connections
            .get_mut(&conn)
            .and_then(|connection| connection.session.take_transmit())
        {
            self.queue(now, conn, data, &mut None);
        }
    }

    /// Queues bytes for a connection as they are to be written. The ticket is for other connections
    /// that the same bytes are queued for.
    pub(super) fn queue(
        &mut self,
        now: Instant,
        conn: ConnId,
        data: Bytes,
        ticket: &mut Option<Ticket>,
    ) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if data.is_empty() {
            return;
        }
        self.ledger.push(&mut connection.queue, ticket, data.len());
        if connection.backlog_len == 0 {
            connection.last_progress = now;
            connection.queued_since = now;
            if !self.timers.is_set(Timer::Stall(conn)) {
                self.timers.set(Timer::Stall(conn), now + self.config.limits.stall_timeout);
            }
        }
        connection.backlog_len += data.len();
        let len = super::link::len_u64(data.len());
        connection.traffic.bytes_out += len;
        self.stats.bytes_out += len;
        self.outputs.push_back(Output::Transmit { conn, data });
    }

    /// Queues a message for one connection alone. Returns whether there was room.
    pub(super) fn transmit_alone(
        &mut self,
        now: Instant,
        conn: ConnId,
        message: &PathfindingMessage,
    ) -> bool {
        self.transmit(now, conn, frame_of(message.packets().body()), &mut None).is_ok()
    }

    /// Queues a frame for one connection. The ticket is for others that are to get the same.
    pub(super) fn transmit(
        &mut self,
        now: Instant,
        conn: ConnId,
        frame: Bytes,
        ticket: &mut Option<Ticket>,
    ) -> Result<(), Refusal> {
        let Some(connection) = self.connections.get(&conn) else {
            return Err(self.refuse_frame(now, conn, Refusal::Gone));
        };
        let is_plain = connection.is_plain();
        let has_room = connection.backlog_len + frame.len() <= self.config.limits.max_backlog_len;
        // Under encryption each connection has bytes of its own.
        let shared = ticket.filter(|_| is_plain);
        if !has_room {
            return Err(self.refuse_frame(now, conn, Refusal::QueueFull));
        }
        // And they are some more: of TLS 22 for each 16 KiB, of RSA 11 for each 117.
        let more = if is_plain { 0 } else { frame.len() / 8 + 64 };
        if !self.has_memory(shared, frame.len().saturating_add(more)) {
            self.ledger.is_short = true;
            return Err(self.refuse_frame(now, conn, Refusal::OutOfMemory));
        }
        if is_plain {
            self.queue(now, conn, frame, ticket);
        } else {
            let connection = self.connections.get_mut(&conn);
            if connection.is_none_or(|connection| connection.session.send(&frame).is_err()) {
                return Err(self.refuse_frame(now, conn, Refusal::QueueFull));
            }
            self.transmit_sealed(now, conn);
            self.ask_for_a_turn(conn);
            self.charge(conn);
        }
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.traffic.frames_out += 1;
        }
        self.stats.frames_out += 1;
        Ok(())
    }

    /// Counts that a connection is not sent what was for it, and notes it.
    pub(super) fn refuse_frame(&mut self, now: Instant, conn: ConnId, refusal: Refusal) -> Refusal {
        self.stats.refused.count(refusal);
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.traffic.refused += 1;
        }
        match refusal {
            Refusal::OutOfMemory => self.note(now, conn, Incident::OutOfMemory),
            Refusal::QueueFull => self.note(now, conn, Incident::QueueFull),
            Refusal::DuplicateInFlight | Refusal::TooLong | Refusal::Gone => {}
        }
        refusal
    }

    /// Has the session of a connection work on what it was given in a turn of its own. Not at once:
    /// it would read as well, and frames may be under way out of it already.
    fn ask_for_a_turn(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if !connection.session.is_flushed() && !connection.is_working {
            connection.is_working = true;
            self.update_turns(conn);
        }
    }

    /// Says goodbye under the session, where it has a way to. Returns whether that is all it has to
    /// send.
    pub(super) fn end_session(&mut self, now: Instant, conn: ConnId) -> bool {
        let Some(connection) = self.connections.get_mut(&conn) else { return true };
        if connection.is_plain() {
            return true;
        }
        connection.session.end();
        let is_flushed = connection.session.is_flushed() || connection.fault.is_some();
        self.transmit_sealed(now, conn);
        self.ask_for_a_turn(conn);
        is_flushed
    }

    /// A session that was to end has sent everything.
    fn close_flushed(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.closes_when_flushed = false;
        self.outputs.push_back(Output::Close { conn, mode: CloseMode::Flush });
    }

    /// Why a connection whose other end has stopped sending is over.
    pub(super) fn reason_of_end(&self, conn: ConnId) -> CloseReason {
        // One with a fault ends when its time has come: see `Node::is_failing`.
        match self.connections.get(&conn) {
            Some(connection) if connection.session.is_cut_off() => {
                CloseReason::Encryption(SessionError::CutOff)
            }
            _ => CloseReason::Remote,
        }
    }

    /// Whether frames stand on the connections as they are.
    pub(super) fn is_plaintext(&self) -> bool {
        self.encryption.is_plaintext()
    }
}
