//! Opening connections to others: to whoever answers, or to one node alone.

use std::net::SocketAddr;

use super::Node;
use super::connection::{Connection, Phase};
use crate::conn_id::ConnId;
use crate::error::{CloseReason, DialError};
use crate::time::Instant;
use crate::wire::{Address, NodeId};

impl Node {
    /// Opens a connection to `addr`. Its outcome comes as [`Event::Dialed`] or
    /// [`Event::DialFailed`] with the id that this returns.
    ///
    /// [`Event::Dialed`]: crate::Event::Dialed
    /// [`Event::DialFailed`]: crate::Event::DialFailed
    ///
    /// # Errors
    ///
    /// [`DialError`], where there is no point in dialling.
    pub fn dial(&mut self, now: Instant, addr: SocketAddr) -> Result<ConnId, DialError> {
        self.dial_for(now, addr, None)
    }

    /// Like [`Node::dial`], where the connection is closed unless this node answers; under TLS,
    /// unless it proves to be this one.
    ///
    /// # Errors
    ///
    /// As [`Node::dial`]. [`DialError::AlreadyDialing`] may be about a connection to whoever
    /// answers, and [`DialError::AlreadyConnected`] about another node.
    pub fn dial_peer(
        &mut self,
        now: Instant,
        addr: SocketAddr,
        id: NodeId,
    ) -> Result<ConnId, DialError> {
        self.dial_for(now, addr, Some(id))
    }

    pub(super) fn dial_for(
        &mut self,
        now: Instant,
        addr: SocketAddr,
        expected: Option<NodeId>,
    ) -> Result<ConnId, DialError> {
        if self.closing {
            return Err(DialError::Closed);
        }
        if self.is_own(addr) {
            return Err(DialError::SelfConnection);
        }
        if let Err(denial) = self.rules.judge(now, addr.ip(), expected) {
            self.stats.denied += 1;
            return Err(DialError::Denied(denial));
        }
        // One that is on its way to another node is no way to this one.
        let is_same = |other: &Connection| match other.expected.filter(|_| other.is_pending()) {
            Some(meant) => expected == Some(meant),
            None => true,
        };
        let dialed =
            self.connections.iter().find(|(_, other)| other.is_dialed_to(addr) && is_same(other));
        if let Some((&conn, connection)) = dialed {
            return Err(match connection.peer() {
                Some(peer) => DialError::AlreadyConnected(peer.id),
                None => DialError::AlreadyDialing(conn),
            });
        }
        let conn = self.open(now, addr, Phase::Dialing);
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.expected = expected;
        }
        Ok(conn)
    }

    /// Whether an address is the one that this node tells others.
    #[inline(never)]
    pub(super) fn is_own(&self, addr: SocketAddr) -> bool {
        self.config.out_addr.as_ref().and_then(Address::socket_addr) == Some(addr)
    }

    /// A node that was located is not dialled. Where the lists are why, whoever waits for it is
    /// told so in the end, unless another answer leads to it.
    pub(super) fn on_not_dialed(&mut self, id: &NodeId, addr: SocketAddr, error: DialError) {
        log::debug!("{} does not dial {addr}: {error}", self.id.short());
        if let DialError::Denied(denial) = error {
            self.on_unreachable(id, CloseReason::Denied(denial));
        }
    }
}
