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

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net;
    use std::time::Duration;

    use mio::{Events, Interest, Poll, Token};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A stream with its poller, and what is at the other end.
    struct Link {
        stream: Stream,
        peer: net::TcpStream,
        poll: Poll,
        buffer: [u8; 64],
    }

    impl Link {
        fn new() -> Self {
            let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
            let peer = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            peer.set_read_timeout(Some(PATIENCE)).unwrap();
            let (socket, _) = listener.accept().unwrap();
            socket.set_nonblocking(true).unwrap();
            Self::with(Stream::accepted(TcpStream::from_std(socket)), peer)
        }

        fn with(mut stream: Stream, peer: net::TcpStream) -> Self {
            let poll = Poll::new().unwrap();
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(stream.socket_mut(), Token(0), interest).unwrap();
            Self { stream, peer, poll, buffer: [0; 64] }
        }

        fn wait(&mut self) {
            let mut events = Events::with_capacity(4);
            self.poll.poll(&mut events, Some(PATIENCE)).unwrap();
            assert!(!events.is_empty(), "nothing happened to the socket in time");
        }

        /// The next thing that there is to read, as text.
        fn read(&mut self) -> Result<String, Found> {
            loop {
                match self.stream.read(&mut self.buffer) {
                    Found::Data(len) => {
                        return Ok(String::from_utf8(self.buffer[..len].to_vec()).unwrap());
                    }
                    Found::Nothing => self.wait(),
                    found => return Err(found),
                }
            }
        }

        /// All that the peer reads up to the end.
        fn peer_reads(&mut self) -> String {
            let mut text = String::new();
            self.peer.read_to_string(&mut text).unwrap();
            text
        }
    }

    fn bytes(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn the_sending_side_ends_behind_the_last_byte_that_was_queued() {
        let mut link = Link::new();
        link.stream.push(bytes("one "));
        link.stream.push(bytes("two"));
        link.stream.finish();
        assert_eq!(link.stream.write(), (7, Found::Nothing));
        assert_eq!(link.peer_reads(), "one two");
        link.stream.push(bytes("too late"));
        assert_eq!(link.stream.write(), (0, Found::Nothing));
    }

    #[test]
    fn bytes_that_arrive_behind_our_own_end_are_read_and_the_peers_end_is_the_last() {
        let mut link = Link::new();
        link.stream.finish();
        assert_eq!(link.stream.write(), (0, Found::Nothing));
        assert_eq!(link.peer_reads(), "");
        link.peer.write_all(b"still here").unwrap();
        assert_eq!(link.read(), Ok("still here".into()));
        link.peer.shutdown(Shutdown::Write).unwrap();
        assert_eq!(link.read(), Err(Found::Over(None)));
    }

    #[test]
    fn a_peer_that_has_ended_its_side_gets_what_is_queued_and_then_the_end() {
        let mut link = Link::new();
        link.peer.write_all(b"last words").unwrap();
        link.peer.shutdown(Shutdown::Write).unwrap();
        assert_eq!(link.read(), Ok("last words".into()));
        assert_eq!(link.read(), Err(Found::End));
        assert_eq!(link.stream.read(&mut [0; 9]), Found::Nothing, "the end is found once");
        link.stream.push(bytes("for you"));
        assert_eq!(link.stream.write(), (7, Found::Nothing));
        link.stream.finish();
        assert_eq!(link.stream.write(), (0, Found::Over(None)));
        assert_eq!(link.peer_reads(), "for you");
    }

    #[test]
    fn what_a_peer_sent_before_it_reset_the_connection_is_read_though_writing_fails() {
        let mut link = Link::new();
        link.stream.push(bytes("never read"));
        assert_eq!(link.stream.write(), (10, Found::Nothing));
        assert_eq!(link.peer.peek(&mut [0; 10]).unwrap(), 10);
        link.peer.write_all(b"last words").unwrap();
        // Closing a socket with something unread in it resets the connection.
        let Link { mut stream, peer, poll, mut buffer } = link;
        drop(peer);
        while stream.error.is_none() {
            stream.push(bytes("x"));
            assert_eq!(stream.write().1, Found::Nothing, "writing alone ends no connection");
        }
        stream.push(bytes("too late"));
        assert_eq!(stream.write(), (0, Found::Nothing));
        assert_eq!(stream.read(&mut buffer), Found::Data(10));
        assert_eq!(&buffer[..10], b"last words");
        assert!(matches!(stream.read(&mut buffer), Found::Over(Some(_))));
        drop(poll);
    }

    #[test]
    fn a_dialled_stream_writes_nothing_before_it_is_known_to_be_open() {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = Stream::dial(listener.local_addr().unwrap()).unwrap();
        stream.push(bytes("hello"));
        assert_eq!((stream.is_connecting(), stream.write()), (true, (0, Found::Nothing)));
        let (peer, _) = listener.accept().unwrap();
        let mut link = Link::with(stream, peer);
        while !link.stream.check_connected().unwrap() {
            link.wait();
        }
        assert_eq!(
            (link.stream.is_connecting(), link.stream.write()),
            (false, (5, Found::Nothing))
        );
        assert!(link.stream.socket_mut().nodelay().unwrap());
    }

    #[test]
    fn a_dial_that_nobody_answers_is_an_error() {
        let nobody = net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let stream = Stream::dial(nobody).unwrap();
        let spare = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut link =
            Link::with(stream, net::TcpStream::connect(spare.local_addr().unwrap()).unwrap());
        let error = loop {
            match link.stream.check_connected() {
                Ok(is_open) => assert!(!is_open),
                Err(error) => break error,
            }
            link.wait();
        };
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
}
