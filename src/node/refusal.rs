//! The last word on a connection: why this node does not want the peer, or the peer this node.
//! PROTOCOL.md §5.5.
//!
//! Said only where the peer has proven its id. Where it has not, anybody on the way could say it in
//! its name, and a py2p node would not understand it.

use super::connection::Phase;
use super::dispatch::is_control;
use super::{CloseReason, Node};
use crate::conn_id::ConnId;
use crate::time::Instant;
use crate::wire::{Control, Flag, PathfindingMessage, RefusalReason};

impl Node {
    /// Tells a peer why it is refused, if that is why its connection ends. Returns whether there is
    /// something to flush.
    pub(super) fn say_refusal(&mut self, now: Instant, conn: ConnId, reason: CloseReason) -> bool {
        let Some(refusal) = reason.refusal().filter(|_| self.proven_id(conn).is_some()) else {
            return false;
        };
        let can_be_told = self.connections.get(&conn).is_some_and(|connection| {
            // Nothing may follow on one that is being flushed.
            !matches!(connection.phase, Phase::Closing(_) | Phase::Retiring(_))
        });
        let payload = Control::Refused(refusal).encode();
        let message = self.make(now, Flag::Whisper, &payload).filter(|_| can_be_told);
        message.is_some_and(|message| self.transmit_alone(now, conn, &message))
    }

    /// Why the peer refuses this node, if it has proven who it is and that is what it says.
    pub(super) fn refused_by_peer(
        &self,
        conn: ConnId,
        message: &PathfindingMessage,
    ) -> Option<RefusalReason> {
        let is_word = Flag::parse(message.msg_type()) == Some(Flag::Whisper) && is_control(message);
        self.proven_id(conn).filter(|_| is_word)?;
        match Control::decode(message.payload())? {
            Control::Refused(reason) => Some(reason),
            _ => None,
        }
    }
}
