//! From a frame to the part of the node that it concerns.

use bytes::Bytes;

use super::connection::Phase;
use super::link::len_u64;
use super::{CloseMode, Node};
use crate::conn_id::ConnId;
use crate::error::{CloseReason, Misbehavior};
use crate::event::Incident;
use crate::time::Instant;
use crate::wire::{
    CONTROL_WORD, Compressions, Control, DecodeError, Flag, HEADER_COUNT, NodeId,
    PathfindingMessage,
};

/// The most frames a minute that may be empty, or cannot be decoded, before a peer is closed.
const MAX_UNDECODABLE: u32 = 8;

impl Node {
    /// Takes one frame from a connection. Returns how many bytes it was or became.
    pub(super) fn on_frame(&mut self, now: Instant, conn: ConnId, body: Bytes) -> usize {
        let Some(connection) = self.connections.get(&conn) else { return 0 };
        // A handshake is always plain. Later, any method that this build has is taken, agreed on
        // or not: py2p's agreement is what the sender last heard, which may have changed since.
        let methods = match connection.phase {
            Phase::Opening => Compressions::NONE,
            _ => Compressions::supported(),
        };
        let (len, limits, mut unpacked_len) = (body.len(), self.config.decode_limits(), 0);
        let read = PathfindingMessage::unpack_body(body, methods, limits, &mut unpacked_len);
        self.stats.unpacked += len_u64(unpacked_len);
        match read {
            Ok(message) => self.on_message(now, conn, &message),
            Err(error @ DecodeError::DecompressedTooLong { .. }) => {
                self.stats.frames.bombs += 1;
                self.end(now, conn, CloseReason::Malformed(error), CloseMode::Abort);
            }
            Err(error) => self.on_undecodable(now, conn, len == 0, error),
        }
        // What was unpacked in vain costs as much as what was not.
        len.max(unpacked_len)
    }

    /// A frame whose borders are known and whose inside is not understood. A neighbor may have passed on in good faith what another one made, so it gets
    /// some patience; and where compression may be at fault, once a minute the word that py2p has
    /// for that: send it again, uncompressed.
    fn on_undecodable(&mut self, now: Instant, conn: ConnId, is_empty: bool, error: DecodeError) {
        let may_be_compression =
            matches!(error, DecodeError::PacketLengths | DecodeError::TooFewPackets { .. });
        let forgiven = self.connections.get_mut(&conn).is_some_and(|connection| {
            connection.id().is_some() && connection.budgets.undecodable.spend(now, MAX_UNDECODABLE)
        });
        if !forgiven {
            self.stats.frames.fatal += 1;
            return self.end(now, conn, CloseReason::Malformed(error), CloseMode::Abort);
        }
        self.stats.undecodable.count(error);
        self.note(now, conn, Incident::Undecodable(error));
        if may_be_compression && !is_empty {
            self.complain(now, conn);
        }
    }

    fn on_message(&mut self, now: Instant, conn: ConnId, message: &PathfindingMessage) {
        let Some(connection) = self.connections.get(&conn) else {
            self.stats.frames.fatal += 1;
            return;
        };
        if let Some(reason) = self.refused_by_peer(conn, message) {
            self.stats.frames.controls += 1;
            return self.end(now, conn, CloseReason::Refused(reason), CloseMode::Flush);
        }
        match connection.phase {
            Phase::Opening => self.on_opening(now, conn, message),
            Phase::Holding(_) => self.on_holding(now, conn, message),
            Phase::Parked(_) | Phase::Established(_) | Phase::Retiring(_) => {
                if let Some(neighbor) = connection.id() {
                    self.on_neighbor_message(now, conn, neighbor, message);
                }
            }
            // No frame is taken from these. One that followed a handshake for which this node had
            // not made up its mind can find it made up against the peer.
            Phase::Dialing | Phase::Probing(_) | Phase::Closing(_) => {
                self.stats.frames.fatal += 1;
            }
        }
    }

    /// A message that follows a py2p node's handshake before it has ours. Where that is a
    /// whisper, the node has dialled only to deliver it.
    fn on_holding(&mut self, now: Instant, conn: ConnId, message: &PathfindingMessage) {
        let neighbor = self.connections.get(&conn).and_then(|connection| connection.id());
        if message.sub_flag() == Some(Flag::Whisper) {
            if let Some(neighbor) = neighbor {
                self.on_whisper(now, conn, neighbor, message);
            }
            self.end(now, conn, CloseReason::Local, CloseMode::Flush);
        } else {
            self.release(now, conn);
            self.on_message(now, conn, message);
        }
    }

    fn on_neighbor_message(
        &mut self,
        now: Instant,
        conn: ConnId,
        neighbor: NodeId,
        message: &PathfindingMessage,
    ) {
        let is_extended = self.connections.get(&conn).is_some_and(|c| c.extension.is_some());
        let main = Flag::parse(message.msg_type());
        match (main, message.sub_flag()) {
            _ if message.packets().count() == HEADER_COUNT => {
                self.stats.frames.unknown += 1;
                self.stats.ignored.empty += 1;
            }
            (_, Some(Flag::Handshake)) => {
                self.stats.frames.fatal += 1;
                let reason = CloseReason::Misbehaved(Misbehavior::SecondHandshake);
                self.end(now, conn, reason, CloseMode::Abort);
            }
            (Some(Flag::Renegotiate), _) => self.on_renegotiate(now, conn, message),
            (_, Some(Flag::Request)) => self.on_request(now, conn, neighbor, message),
            (_, Some(Flag::Response)) => self.on_response(now, conn, message),
            (_, Some(Flag::Peers)) => self.on_peers(now, conn, message),
            (Some(Flag::Whisper), None) if is_extended && is_control(message) => {
                self.stats.frames.controls += 1;
                match Control::decode(message.payload()) {
                    Some(control) => self.on_control(now, conn, control),
                    None => self.on_catch_up(now, conn, message),
                }
            }
            (Some(Flag::Whisper), _)
            | (Some(Flag::Broadcast | Flag::Waterfall), Some(Flag::Whisper)) => {
                self.on_whisper(now, conn, neighbor, message);
            }
            (Some(Flag::Broadcast | Flag::Waterfall), _) => {
                let delivered = self.stats.delivered;
                self.on_flood(now, conn, neighbor, message);
                let is_new = self.stats.delivered > delivered;
                self.note_answer(now, conn, message, is_new);
            }
            _ => {
                self.stats.frames.unknown += 1;
                self.stats.ignored.unknown_flag += 1;
            }
        }
    }
}

pub(super) fn is_control(message: &PathfindingMessage) -> bool {
    message.payload().next() == Some(CONTROL_WORD.as_bytes())
}
