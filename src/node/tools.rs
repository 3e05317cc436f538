//! The protocol itself, for tests and tools: what a well-behaved application never needs.

use super::Node;
use crate::error::Refusal;
use crate::time::Instant;
use crate::wire::{Compressions, NodeId, PathfindingMessage};

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
        let queued = self.transmit_message(now, conn, message);
        self.relieve(now);
        queued
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
        let queued = self.transmit(now, conn, data, &mut None);
        self.relieve(now);
        queued
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
