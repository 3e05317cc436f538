//! Between the bytes of a connection and its frames: the session. PROTOCOL.md §10.

use bytes::{Buf, Bytes, BytesMut};

use super::encryption::{self, PLAINTEXT, TLS};
use super::timer::Timer;
use super::{CloseMode, Node, Output};
use crate::conn_id::ConnId;
use crate::error::{CloseReason, Misbehavior};
use crate::event::Direction;
use crate::session::{Session, SessionError};
use crate::time::Instant;
use crate::wire::NodeId;

/// How much work the session of one connection does in one turn, in the units of
/// [`Session::step`].
const TURN_UNITS: usize = 8;

impl Node {
    /// Begins the session of a connection that has just been opened.
    pub(super) fn secure(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        match self.encryption.begin(connection.direction) {
            Some(session) => connection.session = session,
            None => return self.end(now, conn, CloseReason::NoEntropy, CloseMode::Abort),
        }
        self.work(now, conn);
    }

    /// Takes what arrived to the session, and what it makes of it to the frames.
    pub(super) fn unseal(&mut self, now: Instant, conn: ConnId, data: &[u8]) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if matches!(connection.session, Session::Plaintext(_)) {
            return self.take_in(now, conn, data);
        }
        connection.sealed.extend_from_slice(data);
        self.work(now, conn);
    }

    /// Lets a session work as far as this turn goes. What is left waits for the next turn, and the
    /// connection is not read meanwhile.
    pub(super) fn work(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let first: Option<[u8; 4]> = connection.sealed.first_chunk().copied();
        let session = &mut connection.session;
        let mut plain = BytesMut::new();
        let mut left = TURN_UNITS;
        let outcome = loop {
            let taken = session.received(&connection.sealed);
            connection.sealed.advance(taken);
            match session.step(left) {
                Ok(progress) => {
                    progress.messages.iter().for_each(|piece| plain.extend_from_slice(piece));
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
        let has_begun = session.is_established() && !connection.is_secured;
        connection.is_secured |= has_begun;
        self.transmit_sealed(now, conn);
        if has_begun {
            self.on_secured(now, conn);
        }
        if !plain.is_empty() {
            self.take_in(now, conn, &plain);
        }
        match outcome {
            Ok(is_idle) => self.set_working(conn, !is_idle),
            Err(error) => self.on_session_error(now, conn, error, first),
        }
    }

    fn set_working(&mut self, conn: ConnId, is_working: bool) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.is_working = is_working;
        if is_working {
            self.outputs.push_back(Output::PauseRead { conn });
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
            _ => None,
        };
        match (fault, direction) {
            (Some(reason), _) => self.end(now, conn, reason, CloseMode::Flush),
            (None, Direction::Outgoing) => self.send_handshake(now, conn),
            (None, Direction::Incoming) => {}
        }
    }

    /// The id of the key that the other end has proven to hold, where the encryption proves any.
    pub(super) fn proven_id(&self, conn: ConnId) -> Option<NodeId> {
        #[cfg(feature = "tls")]
        return self.connections.get(&conn)?.session.peer_key().map(|key| key.node_id());
        #[cfg(not(feature = "tls"))]
        return self.connections.get(&conn).and(None);
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
        let reason = match (error, first.and_then(encryption::recognize)) {
            (SessionError::NotTls, Some(name)) if name != TLS => CloseReason::OtherEncryption(name),
            (SessionError::WrongProtocol, _) => CloseReason::WrongProtocol,
            _ => CloseReason::Encryption(error),
        };
        // What the session has left to say tells the other end.
        self.end(now, conn, reason, CloseMode::Flush);
    }

    /// Queues what a session has made.
    fn transmit_sealed(&mut self, now: Instant, conn: ConnId) {
        while let Some(data) = self
            .connections
            .get_mut(&conn)
            .and_then(|connection| connection.session.take_transmit())
        {
            self.queue(now, conn, data);
        }
    }

    /// Queues bytes for a connection as they are to be written.
    pub(super) fn queue(&mut self, now: Instant, conn: ConnId, data: Bytes) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if connection.backlog_len == 0 {
            connection.last_progress = now;
            if !self.timers.is_set(Timer::Stall(conn)) {
                self.timers.set(Timer::Stall(conn), now + self.config.stall_timeout);
            }
        }
        connection.backlog_len += data.len();
        self.stats.bytes_out += super::link::len_u64(data.len());
        self.outputs.push_back(Output::Transmit { conn, data });
    }

    /// Queues a frame for one connection. Returns whether there was room.
    pub(super) fn transmit(&mut self, now: Instant, conn: ConnId, frame: Bytes) -> bool {
        let Some(connection) = self.connections.get_mut(&conn) else { return false };
        if connection.backlog_len + frame.len() > self.config.max_backlog_len {
            self.stats.refused += 1;
            return false;
        }
        if matches!(connection.session, Session::Plaintext(_)) {
            self.queue(now, conn, frame);
        } else if connection.session.send(&frame).is_ok() {
            self.transmit_sealed(now, conn);
        } else {
            self.stats.refused += 1;
            return false;
        }
        self.stats.frames_out += 1;
        true
    }

    /// Says goodbye under the session, where it has a way to.
    pub(super) fn end_session(&mut self, now: Instant, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.session.end();
            self.transmit_sealed(now, conn);
        }
    }

    /// Why a connection whose other end has stopped sending is over.
    pub(super) fn reason_of_end(&self, conn: ConnId) -> CloseReason {
        match self.connections.get(&conn) {
            Some(connection) if connection.session.is_cut_off() => {
                CloseReason::Encryption(SessionError::CutOff)
            }
            _ => CloseReason::Remote,
        }
    }

    /// Whether frames stand on the connections as they are.
    pub(super) fn is_plaintext(&self) -> bool {
        self.config.protocol.encryption() == PLAINTEXT
    }
}
