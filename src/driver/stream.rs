//! One TCP connection: its socket and what is on its way into it.

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, SocketAddr};

use bytes::Bytes;
use mio::net::TcpStream;

use super::send_queue::SendQueue;
use crate::error::NetworkError;

/// A TCP connection, from the start of a dial to its end.
#[derive(Debug)]
pub(super) struct Stream {
    socket: TcpStream,
    queue: SendQueue,
    /// Dialled, and not known to be open.
    connecting: bool,
    /// No more bytes will be queued; the sending side ends behind the last.
    finishing: bool,
    /// The sending side has ended.
    finished: bool,
    /// The peer has ended its sending side.
    ended: bool,
    /// What ended the writing, if that was an error.
    error: Option<NetworkError>,
}

/// What a look at a socket found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// So many bytes are in the buffer; there may be more.
    Data(usize),
    /// Nothing for now.
    Nothing,
    /// The peer sends no more. Found once.
    End,
    /// The connection is over.
    Over(Option<NetworkError>),
}

impl Stream {
    pub(super) fn accepted(socket: TcpStream) -> Self {
        Self::new(socket, false)
    }

    pub(super) fn dial(addr: SocketAddr) -> io::Result<Self> {
        TcpStream::connect(addr).map(|socket| Self::new(socket, true))
    }

    fn new(socket: TcpStream, connecting: bool) -> Self {
        let queue = SendQueue::default();
        Self {
            socket,
            queue,
            connecting,
            finishing: false,
            finished: false,
            ended: false,
            error: None,
        }
    }

    pub(super) fn socket_mut(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    pub(super) fn is_connecting(&self) -> bool {
        self.connecting
    }

    /// Asks whether a dialled connection is open now. A socket that can be written to has either
    /// connected or failed.
    pub(super) fn check_connected(&mut self) -> io::Result<bool> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        match self.socket.peer_addr() {
            Ok(_) => {
                self.connecting = false;
                self.set_up();
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Frames are written whole, so waiting for more to fill a segment would only delay them.
    pub(super) fn set_up(&self) {
        if let Err(error) = self.socket.set_nodelay(true) {
            log::debug!("cannot set TCP_NODELAY: {error}");
        }
    }

    pub(super) fn push(&mut self, data: Bytes) {
        if !self.finished {
            self.queue.push(data);
        }
    }

    /// Ends the sending side once the queue is empty.
    pub(super) fn finish(&mut self) {
        self.finishing = true;
    }

    /// Reads once.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Found {
        if self.ended {
            return Found::Nothing;
        }
        loop {
            match self.socket.read(buffer) {
                Ok(0) => {
                    self.ended = true;
                    return if self.finished { self.over() } else { Found::End };
                }
                Ok(len) => return Found::Data(len),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Found::Nothing,
                Err(error) => return Found::Over(Some(error.into())),
            }
        }
    }

    /// Writes what the socket takes. Returns how much that was, and whether the connection is
    /// over now.
    ///
    /// A socket that refuses to be written to may still hold what the peer sent before, so an
    /// error here ends the writing only; reading finds the end.
    pub(super) fn write(&mut self) -> (usize, Found) {
        if self.connecting || self.finished {
            return (0, Found::Nothing);
        }
        let (len, error) = self.queue.write_to(&mut self.socket);
        if error.is_some() {
            self.queue.clear();
            self.finished = true;
            self.error = error;
        } else if self.finishing && self.queue.is_empty() {
            self.finished = true;
            if let Err(error) = self.socket.shutdown(Shutdown::Write) {
                log::debug!("cannot end the sending side: {error}");
            }
        }
        let is_over = self.finished && self.ended;
        (len, if is_over { self.over() } else { Found::Nothing })
    }

    fn over(&mut self) -> Found {
        Found::Over(self.error.take())
    }
}
