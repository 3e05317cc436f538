//! From an open connection to a neighbor. PROTOCOL.md §3.1.

use super::connection::{Peer, Phase};
use super::outgoing::frame_of;
use super::timer::Timer;
use super::{CloseMode, Node, Output};
use crate::error::{CloseReason, Misbehavior};
use crate::event::{ConnId, Direction, Event};
use crate::time::Instant;
use crate::wire::{Flag, Handshake, NodeId, PathfindingMessage};

/// Which of two connections to one peer is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Incumbent,
    Newcomer,
}

impl Node {
    /// Tells the other end who this node is. Always plain: nothing is agreed on yet.
    pub(super) fn send_handshake(&mut self, now: Instant, conn: ConnId) {
        let payload = Handshake::new(
            self.id,
            &self.config.protocol,
            self.config.out_addr.clone(),
            self.config.compressions,
        )
        .encode();
        if let Some(message) = self.make(now, Flag::Whisper, &payload) {
            self.transmit(now, conn, frame_of(message.packets().body()));
        }
    }

    /// Takes the first message of a connection, which must be a handshake.
    pub(super) fn on_opening(&mut self, now: Instant, conn: ConnId, message: &PathfindingMessage) {
        if message.sub_flag() != Some(Flag::Handshake) {
            let reason = CloseReason::Misbehaved(Misbehavior::NoHandshake);
            return self.end(now, conn, reason, CloseMode::Abort);
        }
        let handshake = match Handshake::decode(message.payload()) {
            Ok(handshake) => handshake,
            Err(error) => {
                return self.end(now, conn, CloseReason::Malformed(error), CloseMode::Abort);
            }
        };
        // The protocol is checked before anything else in the handshake is obeyed. This node's
        // own handshake is flushed, so that the other end can tell its user the reason too.
        if handshake.protocol_id != self.config.protocol.id() {
            return self.end(now, conn, CloseReason::WrongProtocol, CloseMode::Flush);
        }
        if handshake.id == self.id {
            return self.end(now, conn, CloseReason::SelfConnection, CloseMode::Abort);
        }
        match self.table.conn(&handshake.id) {
            None => self.establish(now, conn, handshake),
            Some(incumbent) => self.on_duplicate(now, conn, incumbent, handshake),
        }
    }

    fn establish(&mut self, now: Instant, conn: ConnId, handshake: Handshake) {
        let id = handshake.id;
        self.adopt(now, conn, handshake);
        if let Some(info) = self.connections.get(&conn).and_then(|c| c.peer_info(conn)) {
            self.emit(Event::PeerJoined(info));
        }
        self.emit_dialed(conn, id);
        self.send_peers(now, conn);
        self.probe(now, conn);
    }

    /// Makes `conn` the connection to the peer.
    fn adopt(&mut self, now: Instant, conn: ConnId, handshake: Handshake) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let reached = match connection.direction {
            Direction::Outgoing => Some(connection.addr),
            Direction::Incoming => None,
        };
        connection.phase = Phase::Established(Peer {
            id: handshake.id,
            announced: handshake.address,
            compressions: handshake.compressions,
            since: now,
            reached,
        });
        self.timers.stop(Timer::Opening(conn));
        self.table.insert(handshake.id, conn);
    }

    /// Keeps one of two connections to one peer, the same at both ends. Nothing is lost with the
    /// other: it is flushed, and read until the peer has flushed it too.
    fn on_duplicate(
        &mut self,
        now: Instant,
        newcomer: ConnId,
        incumbent: ConnId,
        handshake: Handshake,
    ) {
        let id = handshake.id;
        match self.kept_with(newcomer, incumbent, &id) {
            Kept::Incumbent => {
                self.retire(now, newcomer, id);
                if let Some(connection) = self.connections.get(&newcomer) {
                    if !connection.is_incoming() {
                        let (addr, reason) = (connection.addr, CloseReason::Duplicate);
                        let id = Some(id);
                        self.emit(Event::DialFailed { conn: newcomer, addr, id, reason });
                    }
                }
            }
            Kept::Newcomer => {
                self.adopt(now, newcomer, handshake);
                self.retire(now, incumbent, id);
                self.emit_dialed(newcomer, id);
                self.send_peers(now, newcomer);
            }
        }
    }

    /// Where both ends dialled, the connection that the lower id dialled is kept. Where one end
    /// dialled twice, it lost the first connection or wants the second, so the second is kept.
    fn kept_with(&self, newcomer: ConnId, incumbent: ConnId, peer: &NodeId) -> Kept {
        let direction = |conn| self.connections.get(&conn).map(|found| found.direction);
        let lower_end_dialed =
            if self.id < *peer { Direction::Outgoing } else { Direction::Incoming };
        if direction(newcomer) == direction(incumbent)
            || direction(newcomer) == Some(lower_end_dialed)
        {
            Kept::Newcomer
        } else {
            Kept::Incumbent
        }
    }

    fn retire(&mut self, now: Instant, conn: ConnId, peer: NodeId) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.phase = Phase::Retiring(peer);
            self.timers.stop(Timer::Opening(conn));
            self.timers.set(Timer::Linger(conn), now + self.config.linger_timeout);
            self.outputs.push_back(Output::Close { conn, mode: CloseMode::Flush });
        }
    }

    fn emit_dialed(&mut self, conn: ConnId, id: NodeId) {
        if self.connections.get(&conn).is_some_and(|connection| !connection.is_incoming()) {
            self.emit(Event::Dialed { conn, id });
        }
    }
}
