//! Where RSA sockets are dialled.

use std::io;
use std::net::{SocketAddr, TcpListener};

use super::builder::Settings;
use super::{RsaSocket, RsaSocketError};
use crate::rsa::PrivateKey;
use crate::session::rsa::Role;

/// Accepts connections, all under one key, as py2p's socket does: see [`RsaSocket`] for what that
/// is worth.
#[derive(Debug)]
pub struct RsaListener {
    listener: TcpListener,
    key: PrivateKey,
    settings: Settings,
}

impl RsaListener {
    pub(super) fn new(listener: TcpListener, key: PrivateKey, settings: Settings) -> Self {
        Self { listener, key, settings }
    }

    /// Waits for a connection.
    ///
    /// Keys are exchanged by the first call on the socket that needs them, or by
    /// [`RsaSocket::exchange_keys`]: a peer that connects and stays silent holds up nobody else.
    ///
    /// # Errors
    ///
    /// [`RsaSocketError`].
    pub fn accept(&self) -> Result<(RsaSocket, SocketAddr), RsaSocketError> {
        let (stream, addr) = self.listener.accept().map_err(RsaSocketError::Io)?;
        let link = self.settings.link(stream, Role::Server, self.key.clone())?;
        Ok((RsaSocket::new(link), addr))
    }

    /// The key of all connections.
    pub fn private_key(&self) -> &PrivateKey {
        &self.key
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// That of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
