//! Where RSA sockets are dialled.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};

use super::builder::Settings;
use super::deadline::Deadline;
use super::{RsaSocket, RsaSocketError};
use crate::rsa::PrivateKey;
use crate::session::rsa::Role;

/// Accepts connections, all under one key, as py2p's socket does: see [`RsaSocket`] for what that
/// is worth.
#[derive(Debug)]
pub struct RsaListener {
    listener: TcpListener,
    /// Held while waiting: those who wait take turns.
    poll: Mutex<Poll>,
    key: PrivateKey,
    settings: Settings,
}

impl RsaListener {
    pub(super) fn new(
        listener: std::net::TcpListener,
        key: PrivateKey,
        settings: Settings,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, Token(0), Interest::READABLE)?;
        Ok(Self { listener, poll: Mutex::new(poll), key, settings })
    }

    /// Waits for a connection, for as long as the builder's
    /// [`timeout`](super::RsaSocketBuilder::timeout) allows.
    ///
    /// Keys are exchanged by the first call on the socket that needs them, or by
    /// [`RsaSocket::exchange_keys`]: a peer that connects and stays silent holds up nobody else.
    ///
    /// # Errors
    ///
    /// [`RsaSocketError`].
    pub fn accept(&self) -> Result<(RsaSocket, SocketAddr), RsaSocketError> {
        let (stream, addr) = self.next()?;
        let link = self.settings.link(stream, Role::Server, self.key.clone())?;
        Ok((RsaSocket::new(link), addr))
    }

    fn next(&self) -> Result<(TcpStream, SocketAddr), RsaSocketError> {
        let deadline = Deadline::after(self.settings.timeout());
        let mut poll = self.poll.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match self.listener.accept() {
                Ok((stream, addr)) => {
                    let stream = TcpStream::from(stream);
                    stream.set_nonblocking(false).map_err(RsaSocketError::Io)?;
                    return Ok((stream, addr));
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => wait(&mut poll, deadline)?,
                    // That one is gone; the next may be well.
                    ErrorKind::Interrupted
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::ConnectionReset => {}
                    _ => return Err(RsaSocketError::Io(error)),
                },
            }
        }
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

/// Waits until there may be something to accept.
fn wait(poll: &mut Poll, deadline: Deadline) -> Result<(), RsaSocketError> {
    let left = deadline.left()?;
    match poll.poll(&mut Events::with_capacity(1), left) {
        Err(error) if error.kind() != ErrorKind::Interrupted => Err(RsaSocketError::Io(error)),
        _ => Ok(()),
    }
}
