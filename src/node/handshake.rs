//! From an open connection to a neighbor. PROTOCOL.md §3.1.

use std::time::Duration;

use super::connection::{Connection, Peer, Phase};
use super::encryption::{self, PLAINTEXT};
use super::outgoing::Form;
use super::timer::Timer;
use super::{CloseMode, Node};
use crate::conn_id::ConnId;
use crate::error::{CloseReason, Misbehavior};
use crate::event::{Direction, Event, Incident};
use crate::time::Instant;
use crate::wire::{DecodeError, Extension, Flag, Handshake, NodeId, PathfindingMessage, Protocol};

/// How long an accepting node holds its handshake back from a py2p node.
///
/// A py2p node that wants to answer somebody dials, sends its handshake and at once the answer;
/// the other's handshake would then make it unable to meet anybody ever again. 50 ms is long
/// enough for the answer, which follows in the next packet, and short for everybody else.
const HOLD: Duration = Duration::from_millis(50);

impl Node {
    /// Tells the other end who this node is. Always plain: nothing is agreed on yet.
    ///
    /// Returns whether it could. Where there is no memory for it the connection ends: nothing may come
    /// before it.
    pub(super) fn send_handshake(&mut self, now: Instant, conn: ConnId) -> bool {
        let Some(connection) = self.connections.get(&conn) else { return false };
        let extension = self.config.extension.then_some(Extension {
            incarnation: self.incarnation,
            link: connection.link,
            signed: self.signing.is_on(),
            ping: true,
            secret: self.own_proof(conn),
            catches_up: self.catches_up(),
        });
        let handshake = Handshake {
            id: self.id,
            protocol_id: self.config.protocol.id().to_owned(),
            address: self.config.out_addr.clone(),
            compressions: self.config.compressions,
            extension,
        };
        let held_len = connection.held_len().saturating_add(connection.backlog_len);
        let message = self.make(now, Flag::Whisper, &handshake.encode());
        let is_sent = message.is_some_and(|message| self.transmit_alone(now, conn, &message));
        if !is_sent {
            self.end(now, conn, CloseReason::OutOfMemory { held_len }, CloseMode::Abort);
        }
        is_sent
    }

    /// Takes the first message of a connection, which must be a handshake.
    ///
    /// The secret of the mesh, where there is one, and the protocol are checked before anything
    /// else in it is obeyed. A node that accepts sends its own handshake even where it then closes,
    /// so that the other end can tell its user why; but not to whoever is not admitted.
    pub(super) fn on_opening(&mut self, now: Instant, conn: ConnId, message: &PathfindingMessage) {
        if message.sub_flag() != Some(Flag::Handshake) {
            self.stats.frames.fatal += 1;
            let reason = CloseReason::Misbehaved(Misbehavior::NoHandshake);
            return self.end(now, conn, reason, CloseMode::Abort);
        }
        let handshake = match Handshake::decode(message.payload()) {
            Ok(handshake) => handshake,
            Err(error) => {
                self.stats.frames.fatal += 1;
                return self.end(now, conn, CloseReason::Malformed(error), CloseMode::Abort);
            }
        };
        self.stats.frames.handshakes += 1;
        let Some(connection) = self.connections.get(&conn) else { return };
        let is_incoming = connection.is_incoming();
        let fault = if let Some(reason) = self.unproven(conn, &handshake) {
            Some(reason)
        } else if handshake.protocol_id != self.config.protocol.id() {
            Some(self.wrong_protocol(&handshake.protocol_id))
        } else if let Some(reason) = self.false_identity(conn, &handshake.id) {
            Some(reason)
        } else if handshake.id == self.id {
            Some(CloseReason::SelfConnection)
        } else if connection.expected.is_some_and(|expected| expected != handshake.id) {
            Some(CloseReason::WrongPeer(handshake.id))
        } else if let Some(reason) = self.unlisted(now, conn, handshake.id) {
            Some(reason)
        } else if handshake.extension.is_some_and(|told| told.signed) != self.signing.is_on() {
            Some(CloseReason::Unsigned)
        } else if let Some(reason) = self.unwelcome(conn, &handshake) {
            Some(reason)
        } else if self.is_claimed(&handshake) {
            self.note_impostor(now, conn, handshake.id);
            Some(CloseReason::Duplicate)
        } else {
            None
        };
        let is_extended = self.config.extension && handshake.extension.is_some();
        let is_admitted = fault.is_none_or(|reason| reason.refusal().is_none());
        let introduces = is_incoming && is_admitted && (fault.is_some() || is_extended);
        if introduces && !self.send_handshake(now, conn) {
            return;
        }
        match fault {
            // There is something to flush only where this node has just introduced itself.
            Some(reason) if introduces => self.end(now, conn, reason, CloseMode::Flush),
            Some(reason) => self.end(now, conn, reason, CloseMode::Abort),
            None if is_incoming && !is_extended => self.hold(now, conn, handshake),
            None => self.meet(now, conn, handshake),
        }
    }

    /// In what another protocol differs, where that can be told: protocol ids are hashes, and the
    /// encryptions that there are few.
    fn wrong_protocol(&self, id: &str) -> CloseReason {
        let subnet = self.config.protocol.subnet();
        let known =
            encryption::NAMES.into_iter().find(|name| Protocol::new(subnet, name).id() == id);
        known.map_or(CloseReason::WrongProtocol, CloseReason::OtherEncryption)
    }

    /// A connection's first bytes are no frame: some of another encryption look like one of an absurd
    /// length. A node that accepts shows what it speaks, so that the other end can tell its user why.
    pub(super) fn on_no_frame(&mut self, now: Instant, conn: ConnId, error: DecodeError) {
        let name = match error {
            DecodeError::FrameTooLong { len, .. } => encryption::recognize(len.to_be_bytes()),
            _ => None,
        };
        match name.filter(|name| self.is_plaintext() && *name != PLAINTEXT) {
            Some(name) => {
                let is_incoming = self.connections.get(&conn).is_some_and(Connection::is_incoming);
                if is_incoming && !self.send_handshake(now, conn) {
                    return;
                }
                let mode = if is_incoming { CloseMode::Flush } else { CloseMode::Abort };
                self.end(now, conn, CloseReason::OtherEncryption(name), mode);
            }
            None => self.end(now, conn, CloseReason::Malformed(error), CloseMode::Abort),
        }
    }

    /// Whether a handshake without our extension states the id of a neighbor that has it.
    fn is_claimed(&self, handshake: &Handshake) -> bool {
        let incumbent = self.table.conn(&handshake.id);
        let incumbent = incumbent.and_then(|conn| self.connections.get(&conn));
        handshake.extension.is_none() && incumbent.map(Connection::form) == Some(Form::Extended)
    }

    fn hold(&mut self, now: Instant, conn: ConnId, handshake: Handshake) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.phase = Phase::Holding(Box::new(handshake));
            self.timers.stop(Timer::Opening(conn));
            self.timers.set(Timer::Hold(conn), now + HOLD);
        }
    }

    /// The hold is over: no answer came with the handshake.
    pub(super) fn release(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get(&conn) else { return };
        if let Phase::Holding(handshake) = &connection.phase {
            let handshake = (**handshake).clone();
            self.timers.stop(Timer::Hold(conn));
            if self.send_handshake(now, conn) {
                self.meet(now, conn, handshake);
            }
        }
    }

    /// Both handshakes are on their way, and the peer's is here.
    fn meet(&mut self, now: Instant, conn: ConnId, handshake: Handshake) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.extension = handshake.extension.filter(|_| self.config.extension);
        }
        match self.table.conn(&handshake.id) {
            None => self.establish(now, conn, handshake),
            Some(incumbent) => self.on_duplicate(now, conn, incumbent, handshake),
        }
        self.answer_waiting(now, conn);
    }

    fn establish(&mut self, now: Instant, conn: ConnId, handshake: Handshake) {
        let id = handshake.id;
        self.adopt(now, conn, handshake);
        self.note(now, conn, Incident::Joined);
        if let Some(info) = self.peer_info(conn) {
            self.emit(Event::PeerJoined(Box::new(info)));
        }
        self.on_adopted(now, conn, id);
    }

    /// What follows when a connection has become the one to a peer.
    pub(super) fn on_adopted(&mut self, now: Instant, conn: ConnId, id: NodeId) {
        self.emit_dialed(now, conn, id);
        self.send_peers(now, conn);
        self.probe(now, conn);
        self.offer(now, conn);
        self.answer_offers(now);
        self.on_met(now, &id);
    }

    /// Makes `conn` the connection to the peer. What was found out about the peer on the one
    /// before stays true.
    pub(super) fn adopt(&mut self, now: Instant, conn: ConnId, handshake: Handshake) {
        let before = self.table.conn(&handshake.id);
        let before = before.and_then(|before| self.connections.get(&before)?.peer());
        let (known, since) = match before {
            Some(peer) => (peer.reached, peer.since),
            None => (None, self.wall(now)),
        };
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let reached = match connection.direction {
            Direction::Outgoing => Some(connection.addr),
            Direction::Incoming => known,
        };
        connection.phase = Phase::Established(Box::new(Peer {
            id: handshake.id,
            announced: handshake.address,
            compressions: handshake.compressions,
            told: self.config.compressions,
            since,
            reached,
            last_sent: None,
        }));
        self.timers.stop(Timer::Opening(conn));
        self.table.insert(handshake.id, conn);
        self.watch(now, conn);
    }

    fn emit_dialed(&mut self, now: Instant, conn: ConnId, id: NodeId) {
        let Some(connection) = self.connections.get(&conn) else { return };
        if !connection.is_incoming() {
            let addr = connection.addr;
            self.emit(Event::Dialed { conn, id });
            self.on_seed_reached(now, addr);
            self.on_address_met(now, addr, id);
        }
    }
}
