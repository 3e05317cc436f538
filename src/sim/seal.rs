//! What lies between an outsider and the bytes on its connections, where the mesh is under TLS: it is
//! a member then, with a key of its own, and says and hears whatever it does inside its sessions.
//!
//! Under RSA outsiders speak no encryption: whatever one of them throws by the kilobyte would take the
//! simulator minutes.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::app::App;
use super::world::{NodeIndex, World};
use crate::conn_id::ConnId;
#[cfg(feature = "tls")]
use crate::identity::{Identity, KEY_LEN};
#[cfg(feature = "tls")]
use crate::node::TLS;
use crate::node::{CloseMode, Input};
use crate::session::Session;
#[cfg(feature = "tls")]
use crate::session::tls::TlsContext;
use crate::wire::{NodeId, Protocol};

/// The sessions of an outsider.
#[derive(Debug, Default)]
pub(super) struct Seals {
    /// What makes them, where the mesh has any.
    #[cfg(feature = "tls")]
    context: Option<TlsContext>,
    /// The id of its key.
    pub(super) id: Option<NodeId>,
    sessions: BTreeMap<ConnId, Session>,
}

impl Seals {
    /// Those of a machine in a mesh with this protocol.
    #[cfg(feature = "tls")]
    pub(super) fn new(index: NodeIndex, protocol: &Protocol) -> Self {
        let mut secret = [2; KEY_LEN];
        secret.iter_mut().zip(index.to_le_bytes()).for_each(|(byte, part)| *byte ^= part);
        let is_tls = protocol.encryption() == TLS;
        let Some(identity) = Identity::from_secret(&secret).ok().filter(|_| is_tls) else {
            return Self::default();
        };
        let context = TlsContext::new(&identity, protocol.id()).ok();
        Self { context, id: Some(identity.node_id()), sessions: BTreeMap::new() }
    }

    #[cfg(not(feature = "tls"))]
    pub(super) fn new(_index: NodeIndex, _protocol: &Protocol) -> Self {
        Self::default()
    }

    fn make(&self, is_dialed: bool) -> Option<Session> {
        #[cfg(feature = "tls")]
        if let Some(context) = &self.context {
            let session = if is_dialed { context.dial() } else { context.accept() };
            return session.map(|session| Session::Tls(Box::new(session)));
        }
        let _ = is_dialed;
        None
    }

    /// A connection is gone, or all are.
    pub(super) fn forget(&mut self, conn: ConnId) {
        self.sessions.remove(&conn);
    }

    pub(super) fn forget_all(&mut self) {
        self.sessions.clear();
    }
}

impl<A: App> World<A> {
    /// Begins the session of an outsider's connection. Returns whether there is one, so that the
    /// connection is not open yet.
    pub(super) fn begin_seal(&mut self, index: NodeIndex, conn: ConnId) -> bool {
        let is_dialed = self.link_of(index, conn).is_some_and(|(_, side, _)| side == 0);
        let Some(seals) = self.seals(index) else { return false };
        let Some(session) = seals.make(is_dialed) else { return false };
        seals.sessions.insert(conn, session);
        self.flush_seal(index, conn);
        true
    }

    /// What an outsider makes of bytes that arrived: whether its connection is open by them, and
    /// what they hold for it. Nothing where its session fails: the connection is given up.
    pub(super) fn unseal(
        &mut self,
        index: NodeIndex,
        conn: ConnId,
        data: &[u8],
    ) -> Option<(bool, Bytes)> {
        let sessions = self.seals(index).map(|seals| &mut seals.sessions);
        let Some(session) = sessions.and_then(|sessions| sessions.get_mut(&conn)) else {
            return Some((false, Bytes::copy_from_slice(data)));
        };
        let was_open = session.is_established();
        let (mut rest, mut plain, mut has_failed) = (data, Vec::new(), false);
        loop {
            let taken = session.received(rest);
            rest = rest.get(taken..).unwrap_or_default();
            match session.step(usize::MAX) {
                Ok(progress) => plain.extend(progress.messages.into_iter().flatten()),
                Err(_) => has_failed = true,
            }
            if has_failed || rest.is_empty() {
                break;
            }
        }
        let is_open = session.is_established() && !was_open;
        self.flush_seal(index, conn);
        if has_failed {
            self.close(index, conn, CloseMode::Abort);
            self.tell_outsider(index, Input::Closed { conn, error: None });
            return None;
        }
        Some((is_open, plain.into()))
    }

    /// What an outsider writes on a connection where it says this. Nothing where its session is not
    /// open: what is said there is lost.
    pub(super) fn seal(&mut self, index: NodeIndex, conn: ConnId, data: Bytes) -> Option<Bytes> {
        let sessions = self.seals(index).map(|seals| &mut seals.sessions);
        let Some(session) = sessions.and_then(|sessions| sessions.get_mut(&conn)) else {
            return Some(data);
        };
        if !session.is_established() {
            return None;
        }
        session.send(&data).ok()?;
        session.take_transmit()
    }

    /// An outsider says on a connection that it says no more.
    pub(super) fn end_seal(&mut self, index: NodeIndex, conn: ConnId) {
        let sessions = self.seals(index).map(|seals| &mut seals.sessions);
        if let Some(session) = sessions.and_then(|sessions| sessions.get_mut(&conn)) {
            session.end();
        }
        self.flush_seal(index, conn);
    }

    fn flush_seal(&mut self, index: NodeIndex, conn: ConnId) {
        let sessions = self.seals(index).map(|seals| &mut seals.sessions);
        let session = sessions.and_then(|sessions| sessions.get_mut(&conn));
        if let Some(data) = session.and_then(Session::take_transmit) {
            self.write(index, conn, data);
        }
    }

    fn seals(&mut self, index: NodeIndex) -> Option<&mut Seals> {
        Some(&mut self.machines.get_mut(index)?.outside.as_mut()?.seals)
    }
}
