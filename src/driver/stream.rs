//! One TCP connection: its socket and what is on its way into it.

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, SocketAddr};

use bytes::Bytes;
use mio::net::TcpStream;

use super::send_queue::SendQueue;

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
}

/// What a look at a socket found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ReadOutcome {
    /// So many bytes are in the buffer; there may be more.
    Data(usize),
    /// Nothing more for now.
    Blocked,
    /// The connection is over.
    Over(Option<ErrorKind>),
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
        Self { socket, queue, connecting, finishing: false, finished: false, ended: false }
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
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> ReadOutcome {
        loop {
            match self.socket.read(buffer) {
                Ok(0) => return self.on_end(),
                Ok(len) => return ReadOutcome::Data(len),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return ReadOutcome::Blocked,
                Err(error) => return ReadOutcome::Over(Some(error.kind())),
            }
        }
    }

    /// The peer sends nothing more. It may still read, so what is queued goes out first.
    fn on_end(&mut self) -> ReadOutcome {
        self.ended = true;
        self.finishing = true;
        if self.queue.is_empty() { ReadOutcome::Over(None) } else { ReadOutcome::Blocked }
    }

    /// Writes what the socket takes. Returns how much that was, and whether the connection is
    /// over now.
    pub(super) fn write(&mut self) -> (usize, Option<ReadOutcome>) {
        if self.connecting {
            return (0, None);
        }
        let (len, error) = self.queue.write_to(&mut self.socket);
        if let Some(kind) = error {
            self.queue.clear();
            return (len, Some(ReadOutcome::Over(Some(kind))));
        }
        if self.finishing && !self.finished && self.queue.is_empty() {
            self.finished = true;
            if let Err(error) = self.socket.shutdown(Shutdown::Write) {
                log::debug!("cannot end the sending side: {error}");
            }
        }
        let over = self.finished && self.ended;
        (len, over.then_some(ReadOutcome::Over(None)))
    }
}
