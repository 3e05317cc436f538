//! Agreeing anew on a connection: which compression, and "say that again". PROTOCOL.md §3.6.

use super::{CloseMode, Node};
use crate::conn_id::ConnId;
use crate::error::{CloseReason, Misbehavior, Refusal};
use crate::event::{Favor, Incident};
use crate::time::Instant;
use crate::wire::{Compressions, Flag, NodeId, PathfindingMessage};

/// The longest message that is kept to be sent again, in bytes.
const MAX_KEPT_LEN: usize = 64 * 1024;

/// How often a peer may ask for the last message again, a minute.
const MAX_RESENDS: u32 = 3;

/// How often a peer may change the list of methods, a minute.
const MAX_RENEGOTIATIONS: u32 = 4;

impl Node {
    /// Takes a message about the connection.
    pub(super) fn on_renegotiate(
        &mut self,
        now: Instant,
        conn: ConnId,
        message: &PathfindingMessage,
    ) {
        self.stats.frames.agreements += 1;
        match message.sub_flag() {
            Some(Flag::Compression) => self.on_compression(now, conn, message),
            Some(Flag::Resend) => self.on_resend(now, conn),
            // Deviation: py2p passes it on to everybody and shows it to the user.
            _ => self.stats.ignored.unknown_flag += 1,
        }
    }

    /// Takes the peer's list, and answers with what both have unless the peer knows it already.
    fn on_compression(&mut self, now: Instant, conn: ConnId, message: &PathfindingMessage) {
        let list = message.payload().nth(1).and_then(Compressions::from_json);
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let Some(list) = list else { return self.stats.ignored.unreadable += 1 };
        if connection.peer().is_none_or(|peer| peer.compressions == list) {
            return;
        }
        if !connection.budgets.renegotiations.spend(now, MAX_RENEGOTIATIONS) {
            let reason = CloseReason::Misbehaved(Misbehavior::Renegotiation);
            return self.end(now, conn, reason, CloseMode::Abort);
        }
        if let Some(peer) = connection.peer_mut() {
            peer.compressions = list;
        }
        let own = self.config.compressions;
        let common = Compressions::from_iter(own.iter().filter(|&method| list.contains(method)));
        self.send_compressions(now, conn, common);
    }

    fn on_resend(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let last_sent = connection.peer().and_then(|peer| peer.last_sent.clone());
        let Some(message) = last_sent else { return self.stats.ignored.nothing_to_resend += 1 };
        if connection.budgets.resends.spend(now, MAX_RESENDS) {
            self.stats.resent += 1;
            let resent = self.transmit_message(now, conn, message);
            log::trace!("{} {conn} resend: {resent:?}", self.id.short());
        } else {
            self.stats.ignored.too_many_resends += 1;
            self.note(now, conn, Incident::TooOften(Favor::Resend));
        }
    }

    /// Keeps a broadcast or whisper in case the peer asks for it again.
    pub(super) fn remember_sent(&mut self, conn: ConnId, message: &PathfindingMessage) {
        let flag = Flag::parse(message.msg_type());
        if matches!(flag, Some(Flag::Broadcast | Flag::Whisper)) {
            let len = message.packets().body().len();
            // Nobody is to be closed for the sake of what may never be asked for.
            let is_kept = len <= MAX_KEPT_LEN && self.has_memory(None, len);
            if let Some(peer) = self.connections.get_mut(&conn).and_then(|c| c.peer_mut()) {
                peer.last_sent = is_kept.then(|| message.clone());
            }
            self.charge(conn);
        }
    }

    /// Tells a neighbor that its last frame could not be read, once a minute: to send it again,
    /// uncompressed.
    pub(super) fn complain(&mut self, now: Instant, conn: ConnId) {
        let may = self.connections.get_mut(&conn).is_some_and(|connection| {
            connection.peer().is_some() && connection.budgets.complaints.spend(now, 1)
        });
        if may {
            self.send_compressions(now, conn, Compressions::NONE);
            self.send_renegotiate(now, conn, &[Flag::Resend.as_bytes()]);
        }
    }

    /// Tells a neighbor which methods to use from now on.
    pub(super) fn send_compressions(&mut self, now: Instant, conn: ConnId, list: Compressions) {
        if let Some(peer) = self.connections.get_mut(&conn).and_then(|c| c.peer_mut()) {
            peer.told = list;
        }
        let names = list.to_json();
        self.send_renegotiate(now, conn, &[Flag::Compression.as_bytes(), names.as_bytes()]);
    }

    /// Always plain, so that it is understood whatever the state of the agreement.
    pub(super) fn send_renegotiate(&mut self, now: Instant, conn: ConnId, payload: &[&[u8]]) {
        if let Some(message) = self.make(now, Flag::Renegotiate, payload) {
            self.transmit_alone(now, conn, &message);
        }
    }

    /// Asks a neighbor to use these methods from now on, and uses no others towards it.
    ///
    /// A py2p node holds one list for both directions and can only be asked for fewer methods on a
    /// quiet connection: see PROTOCOL.md §3.6.
    ///
    /// # Errors
    ///
    /// [`Refusal::Gone`] where it is no neighbor.
    pub fn renegotiate(
        &mut self,
        now: Instant,
        peer: &NodeId,
        methods: Compressions,
    ) -> Result<(), Refusal> {
        let conn = self.table.conn(peer).ok_or(Refusal::Gone)?;
        self.set_compressions(peer, methods)?;
        self.send_compressions(now, conn, methods);
        self.relieve(now);
        Ok(())
    }

    /// Asks a neighbor to send its last broadcast or whisper on the connection again.
    ///
    /// # Errors
    ///
    /// [`Refusal::Gone`] where it is no neighbor.
    pub fn ask_resend(&mut self, now: Instant, peer: &NodeId) -> Result<(), Refusal> {
        let conn = self.table.conn(peer).ok_or(Refusal::Gone)?;
        self.send_renegotiate(now, conn, &[Flag::Resend.as_bytes()]);
        self.relieve(now);
        Ok(())
    }
}
