//! The protocol itself, for tests and tools: what a well-behaved application never needs.

use super::Node;
use crate::error::Refusal;
use crate::time::Instant;
use crate::wire::{Compressions, MessageId, NodeId, PathfindingMessage};

/// The most recent messages that are kept, and the longest of them in bytes.
const MAX_RECENT: usize = 64;
const MAX_RECENT_LEN: usize = 16 * 1024;

impl Node {
    /// Sends a neighbor a message with any main flag and any payload, the sub-flag first.
    ///
    /// # Errors
    ///
    /// [`Refusal`]; then nothing was sent.
    pub fn send_raw<P: AsRef<[u8]>>(
        &mut self,
        now: Instant,
        peer: &NodeId,
        main: &[u8],
        payload: &[P],
    ) -> Result<(), Refusal> {
        let conn = self.table.conn(peer).ok_or(Refusal::Gone)?;
        let time = self.wall(now).as_secs();
        let message = PathfindingMessage::new(main, self.id.as_bytes(), time, payload)
            .map_err(|_| Refusal::QueueFull)?;
        self.transmit_message(now, conn, message)
    }

    /// Sends a neighbor any bytes, which need not be a frame.
    ///
    /// # Errors
    ///
    /// [`Refusal`]; then nothing was sent.
    pub fn send_bytes(
        &mut self,
        now: Instant,
        peer: &NodeId,
        data: bytes::Bytes,
    ) -> Result<(), Refusal> {
        let conn = self.table.conn(peer).ok_or(Refusal::Gone)?;
        if self.transmit(now, conn, data) { Ok(()) } else { Err(Refusal::QueueFull) }
    }

    /// The ids and timestamps of up to 64 messages that were passed on last, the oldest first:
    /// py2p's `waterfalls`. Takes a SHA-384 over each.
    pub fn recent_messages(&self) -> impl Iterator<Item = (MessageId, u64)> {
        self.recent.iter().map(|message| (message.id(), message.time().unwrap_or(u64::MAX)))
    }

    pub(super) fn note_recent(&mut self, message: &PathfindingMessage) {
        if message.packets().body().len() > MAX_RECENT_LEN {
            return;
        }
        if self.recent.len() == MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(message.clone());
    }

    /// Compresses what goes to a neighbor by these methods from now on, without telling it.
    ///
    /// # Errors
    ///
    /// [`Refusal::Gone`] where it is no neighbor.
    pub fn set_compressions(
        &mut self,
        peer: &NodeId,
        methods: Compressions,
    ) -> Result<(), Refusal> {
        let conn = self.table.conn(peer).ok_or(Refusal::Gone)?;
        let found = self.connections.get_mut(&conn).and_then(|c| c.peer_mut());
        found.ok_or(Refusal::Gone)?.compressions = methods;
        Ok(())
    }
}
