//! A blocking socket under RSA, without a mesh: what py2p calls `secure_socket`.
//!
//! Knows TCP connections, and how long a call may take. What goes over them is the business of
//! `session::rsa`; nothing here looks at it. Speaks with py2p's sockets both ways, at every size
//! of key that those can work with.
//!
//! Calls take turns at a connection in this order of locks: the exchange of keys, reading,
//! writing, the session itself. Nobody holds the last while it waits for the network, so a thread
//! that waits for a message never keeps another from sending one.

mod builder;
mod deadline;
mod error;
mod link;
mod listener;
#[cfg(test)]
mod tests;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::rsa::{
    Hash, KeySize, PrivateKey, PublicKey, SignError, VerificationError, best_hash, sign, verify,
};
use crate::session::rsa::charlimit;
pub use builder::RsaSocketBuilder;
pub use error::RsaSocketError;
use link::Link;
pub use listener::RsaListener;

/// A TCP connection whose messages are encrypted for the other end and signed by this one, in the
/// manner of py2p: for its company only.
///
/// **Legacy, unauthenticated, and an oracle by design.** It keeps messages from those who merely
/// listen. Nothing tells who is at the other end, so whoever sits between the two reads and alters
/// everything ([`RsaSocket::is_authenticated`]). What was sent once can be sent again, and one who
/// gets hold of a key later reads all that was recorded. The padding lets a peer that tries often
/// enough decrypt what others sent for the same key, and all connections of a listener share one.
///
/// Messages keep their bounds, each of up to 1 MiB unless the builder says otherwise.
/// [`RsaSocket::recv_message`] returns whole ones. [`RsaSocket::recv`] and [`Read`] return pieces.
/// Each [`Write::write`] sends one message.
///
/// A clone is another handle on the same connection, and both may be used at once: one thread can
/// send while another waits for a message. The connection is closed with the last of them, or by
/// [`RsaSocket::close`].
///
/// ```
/// use rs2p::RsaSocket;
/// use rs2p::rsa::KeySize;
///
/// let listener = RsaSocket::bind("127.0.0.1:0", KeySize::DEFAULT)?;
/// let addr = listener.local_addr()?;
/// let echo = std::thread::spawn(move || {
///     let (socket, _) = listener.accept()?;
///     let message = socket.recv_message()?.unwrap_or_default();
///     socket.send(&message)
/// });
/// let socket = RsaSocket::connect(addr, KeySize::DEFAULT)?;
/// socket.send(b"hello")?;
/// assert_eq!(socket.recv_message()?, Some("hello".into()));
/// echo.join().expect("the thread ends")?;
/// # Ok::<(), rs2p::RsaSocketError>(())
/// ```
#[doc(alias = "secure_socket")]
#[doc(alias = "SecureSocket")]
#[doc(alias = "dup")]
#[doc(alias = "try_clone")]
#[derive(Clone, Debug)]
pub struct RsaSocket {
    link: Arc<Link>,
}

impl RsaSocket {
    /// What a socket is to be like, before it is made.
    pub fn builder() -> RsaSocketBuilder {
        RsaSocketBuilder::default()
    }

    /// Makes a key, dials the first of the addresses that answers, and exchanges keys.
    ///
    /// Waits as long as it takes; [`RsaSocketBuilder::timeout`] sets an end to that.
    ///
    /// # Errors
    ///
    /// [`RsaSocketError`].
    pub fn connect(addr: impl ToSocketAddrs, size: KeySize) -> Result<Self, RsaSocketError> {
        Self::builder().key_size(size).connect(addr)
    }

    /// Makes a key, and listens at the first of the addresses that can be bound.
    ///
    /// # Errors
    ///
    /// [`RsaSocketError`].
    #[doc(alias = "listen")]
    pub fn bind(addr: impl ToSocketAddrs, size: KeySize) -> Result<RsaListener, RsaSocketError> {
        Self::builder().key_size(size).bind(addr)
    }

    fn new(link: Link) -> Self {
        Self { link: Arc::new(link) }
    }

    /// Exchanges keys, where that has not been done. Every call that needs the peer's key does so;
    /// a socket that [`RsaListener::accept`] returned has not yet.
    ///
    /// # Errors
    ///
    /// [`RsaSocketError`].
    pub fn exchange_keys(&self) -> Result<(), RsaSocketError> {
        self.link.exchange()
    }

    /// Sends a message, encrypted and with a signature. Returns when the system has all of it.
    ///
    /// An empty message is sent like any other; a py2p mesh takes it for the end.
    ///
    /// # Errors
    ///
    /// [`RsaSocketError`]. If it is [`RsaSocketError::TimedOut`] and the message was begun, nothing
    /// can be sent on this connection any more.
    #[doc(alias = "sendall")]
    pub fn send(&self, message: &[u8]) -> Result<(), RsaSocketError> {
        self.link.send(message)
    }

    /// Waits for a message. `None` when the peer has closed the connection.
    ///
    /// If a part of a message was taken by [`RsaSocket::recv`], returns the rest of that.
    ///
    /// # Errors
    ///
    /// [`RsaSocketError`]. After [`RsaSocketError::TimedOut`] nothing is lost: the next call goes
    /// on where this one ended.
    pub fn recv_message(&self) -> Result<Option<Bytes>, RsaSocketError> {
        self.link.recv(usize::MAX)
    }

    /// Waits for a message, and returns up to `size` bytes of it. The next call returns more of the
    /// same message, without waiting. Nothing when the peer has closed the connection, or where its
    /// message is empty.
    ///
    /// # Errors
    ///
    /// As [`RsaSocket::recv_message`].
    pub fn recv(&self, size: usize) -> Result<Bytes, RsaSocketError> {
        Ok(self.link.recv(size)?.unwrap_or_default())
    }

    /// Signs a message with the own key, by the hash that is [best](best_hash) for its size unless
    /// one is given.
    ///
    /// # Errors
    ///
    /// [`SignError`].
    pub fn sign(&self, message: &[u8], hash: Option<Hash>) -> Result<Vec<u8>, SignError> {
        let key = self.private_key();
        sign(message, key, hash.unwrap_or_else(|| best_hash(key.size())))
    }

    /// Verifies a signature by the peer's key, or by another if one is given, and tells the hash.
    ///
    /// # Errors
    ///
    /// [`VerificationError`], also where the peer has not told its key yet.
    pub fn verify(
        &self,
        message: &[u8],
        signature: &[u8],
        key: Option<&PublicKey>,
    ) -> Result<Hash, VerificationError> {
        match (key, self.peer_key()) {
            (Some(key), _) => verify(message, signature, key),
            (None, Some(key)) => verify(message, signature, &key),
            (None, None) => Err(VerificationError),
        }
    }

    /// Ends sending, receiving, or both, for all clones. The peer finds the end of the connection
    /// behind the last message.
    ///
    /// # Errors
    ///
    /// [`RsaSocketError::Io`] where the connection has ended already.
    pub fn shutdown(&self, how: Shutdown) -> Result<(), RsaSocketError> {
        self.link.stream().shutdown(how).map_err(RsaSocketError::Io)
    }

    /// Closes the connection for all clones: calls that wait return.
    pub fn close(&self) {
        // It fails only where the connection has ended already.
        drop(self.shutdown(Shutdown::Both));
    }

    /// The longest time that any one call waits, for all clones and from the next call on. `None`
    /// and zero are for ever.
    #[doc(alias = "settimeout")]
    pub fn set_timeout(&self, timeout: Option<Duration>) {
        self.set_read_timeout(timeout);
        self.set_write_timeout(timeout);
    }

    /// As [`RsaSocket::set_timeout`], for calls that receive, and for the exchange of keys.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) {
        self.link.set_read_timeout(timeout);
    }

    /// As [`RsaSocket::set_timeout`], for calls that send; the exchange of keys is a part of the
    /// first.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) {
        self.link.set_write_timeout(timeout);
    }

    /// The own public key.
    #[doc(alias = "pub")]
    pub fn public_key(&self) -> &PublicKey {
        self.private_key().public()
    }

    /// The own private key.
    #[doc(alias = "priv")]
    pub fn private_key(&self) -> &PrivateKey {
        self.link.key()
    }

    /// The size of the own key.
    #[doc(alias = "keysize")]
    pub fn key_size(&self) -> KeySize {
        self.private_key().size()
    }

    /// The peer's key, once it has told it.
    #[doc(alias = "key")]
    pub fn peer_key(&self) -> Option<PublicKey> {
        self.link.peer_key()
    }

    /// The size of the peer's key, once it has told it.
    #[doc(alias = "peer_keysize")]
    pub fn peer_key_size(&self) -> Option<KeySize> {
        self.peer_key().map(|key| key.size())
    }

    /// The most bytes that py2p's format has room for in one message to this peer, once its key is
    /// known: hundreds of gigabytes. [`RsaSocketBuilder::max_message_len`] is what holds.
    pub fn send_charlimit(&self) -> Option<u64> {
        self.peer_key_size().map(charlimit)
    }

    /// The most bytes that py2p's format has room for in one message to this end. As
    /// [`RsaSocket::send_charlimit`].
    pub fn recv_charlimit(&self) -> u64 {
        charlimit(self.key_size())
    }

    /// Whether it is known who is at the other end. It never is.
    pub fn is_authenticated(&self) -> bool {
        false
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// That of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.link.stream().local_addr()
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// That of the system.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.link.stream().peer_addr()
    }
}

/// Messages one after the other, without their bounds; empty ones are left out.
impl Read for &RsaSocket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match self.link.recv(buf.len())? {
                None => return Ok(0),
                Some(piece) if piece.is_empty() => {}
                Some(piece) => {
                    for (slot, byte) in buf.iter_mut().zip(&piece) {
                        *slot = *byte;
                    }
                    return Ok(piece.len());
                }
            }
        }
    }
}

/// Each call sends one message, as long as the limit allows.
impl Write for &RsaSocket {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let piece = buf.get(..self.link.max_message_len()).unwrap_or(buf);
        if !piece.is_empty() {
            self.send(piece)?;
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for RsaSocket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }
}

impl Write for RsaSocket {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self).flush()
    }
}
