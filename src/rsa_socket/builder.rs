//! What an RSA socket is to be like.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::deadline::Deadline;
use super::link::Link;
use super::{RsaListener, RsaSocket, RsaSocketError};
use crate::rsa::{KeySize, PrivateKey, newkeys, system_seed};
use crate::session::rsa::{Limits, Role, RsaSession};

/// What a socket is to be like; made by [`RsaSocket::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct RsaSocketBuilder {
    key_size: KeySize,
    key: Option<PrivateKey>,
    settings: Settings,
}

impl Default for RsaSocketBuilder {
    fn default() -> Self {
        let settings = Settings { limits: Limits::ALONE, timeout: None };
        Self { key_size: KeySize::DEFAULT, key: None, settings }
    }
}

impl RsaSocketBuilder {
    /// The size of the key that is made. Default 1,024 bits, as py2p's.
    pub fn key_size(mut self, size: KeySize) -> Self {
        self.key_size = size;
        self
    }

    /// A key to use; none is made then.
    pub fn key(mut self, key: PrivateKey) -> Self {
        self.key = Some(key);
        self
    }

    /// The sizes of peers' keys that are taken. Default all that there are, 354 to 8,192 bits.
    pub fn peer_key_sizes(mut self, min: KeySize, max: KeySize) -> Self {
        self.settings.limits.min_peer_size = min;
        self.settings.limits.max_peer_size = max;
        self
    }

    /// The longest message in bytes, both ways, and at least one. Default 1 MiB.
    ///
    /// A message takes its length in memory some four times while it is sent, and its decryption
    /// several seconds for each MiB.
    pub fn max_message_len(mut self, len: usize) -> Self {
        self.settings.limits.max_message_len = len.max(1);
        self
    }

    /// The longest time that any one call waits, [`RsaSocketBuilder::connect`] and
    /// [`RsaListener::accept`] among them; a listener gives it to the sockets that it accepts, whose
    /// peers have as long to exchange keys. Default for ever.
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Dials the first of the addresses that answers, and exchanges keys.
    ///
    /// # Errors
    ///
    /// [`RsaSocketError`].
    pub fn connect(self, addr: impl ToSocketAddrs) -> Result<RsaSocket, RsaSocketError> {
        let key = self.make_key()?;
        let addrs: Vec<_> = addr.to_socket_addrs().map_err(RsaSocketError::Io)?.collect();
        let deadline = Deadline::after(self.settings.timeout);
        let stream = dial(&addrs, deadline)?;
        let link = self.settings.link(stream, Role::Client, key)?;
        link.exchange_until(deadline)?;
        Ok(RsaSocket::new(link))
    }

    /// Listens at the first of the addresses that can be bound.
    ///
    /// # Errors
    ///
    /// [`RsaSocketError`].
    pub fn bind(self, addr: impl ToSocketAddrs) -> Result<RsaListener, RsaSocketError> {
        let key = self.make_key()?;
        let listener = TcpListener::bind(addr).map_err(RsaSocketError::Io)?;
        RsaListener::new(listener, key, self.settings).map_err(RsaSocketError::Io)
    }

    fn make_key(&self) -> Result<PrivateKey, RsaSocketError> {
        match &self.key {
            Some(key) => Ok(key.clone()),
            None => Ok(newkeys(self.key_size)?.1),
        }
    }
}

/// What holds for each connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    limits: Limits,
    timeout: Option<Duration>,
}

impl Settings {
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    pub(super) fn link(
        &self,
        stream: TcpStream,
        role: Role,
        key: PrivateKey,
    ) -> Result<Link, RsaSocketError> {
        // Each write is whole: to wait for more could only split it.
        stream.set_nodelay(true).map_err(RsaSocketError::Io)?;
        let session = RsaSession::new(role, key.clone(), self.limits, system_seed()?);
        let link = Link::new(stream, key, session, self.limits.max_message_len);
        link.set_read_timeout(self.timeout);
        link.set_write_timeout(self.timeout);
        Ok(link)
    }
}

fn dial(addrs: &[SocketAddr], deadline: Deadline) -> Result<TcpStream, RsaSocketError> {
    let mut outcome = Err(RsaSocketError::Io(io::ErrorKind::AddrNotAvailable.into()));
    for addr in addrs {
        outcome = match deadline.left()? {
            Some(left) => TcpStream::connect_timeout(addr, left).map_err(RsaSocketError::from),
            None => TcpStream::connect(addr).map_err(RsaSocketError::Io),
        };
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}
