//! One TCP connection: its socket and what is on its way into it.

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use mio::net::TcpStream;
use socket2::{SockRef, TcpKeepalive};

use super::send_queue::SendQueue;
#[cfg(feature = "chaos")]
use super::weather::Weather;
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
    /// The socket took bytes after that: the peer's end does not show that it has them.
    unconfirmed: bool,
    /// What ended the writing, if that was an error.
    error: Option<NetworkError>,
    /// What the network does to it, where somebody asked for that.
    #[cfg(feature = "chaos")]
    pub(super) weather: Option<Box<Weather>>,
}

/// How long a connection is quiet before the operating system probes it.
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);

/// How long it waits for the answer to a probe.
#[cfg(any(target_os = "android", target_os = "linux", target_os = "macos"))]
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// How many probes go unanswered before the connection is over.
#[cfg(any(target_os = "android", target_os = "linux", target_os = "macos"))]
const KEEPALIVE_RETRIES: u32 = 3;

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
            unconfirmed: false,
            error: None,
            #[cfg(feature = "chaos")]
            weather: None,
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
    pub(super) fn check_connected(&mut self, patience: Duration) -> io::Result<bool> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        match self.socket.peer_addr() {
            Ok(_) => {
                self.connecting = false;
                self.set_up(patience);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether both ends are this one socket: the system connects a socket with itself where the
    /// port that it has just chosen for it is the one that is dialled.
    pub(super) fn is_its_own_peer(&self) -> bool {
        let ends = (self.socket.local_addr(), self.socket.peer_addr());
        matches!(ends, (Ok(local), Ok(peer)) if local == peer)
    }

    /// Chooses what the operating system does with an open connection by itself: it ends one whose
    /// other end has acknowledged nothing for as long as `patience`, or does not answer its probes.
    pub(super) fn set_up(&self, patience: Duration) {
        if let Err(error) = self.try_set_up(patience) {
            log::debug!("cannot set an option of a socket: {error}");
        }
    }

    fn try_set_up(&self, patience: Duration) -> io::Result<()> {
        let socket = SockRef::from(&self.socket);
        // Frames are written whole: waiting for more to fill a segment would only delay them.
        socket.set_tcp_nodelay(true)?;
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_TIME);
        #[cfg(any(target_os = "android", target_os = "linux", target_os = "macos"))]
        let keepalive = keepalive.with_interval(KEEPALIVE_INTERVAL).with_retries(KEEPALIVE_RETRIES);
        socket.set_tcp_keepalive(&keepalive)?;
        #[cfg(any(target_os = "android", target_os = "linux"))]
        socket.set_tcp_user_timeout(Some(patience))?;
        #[cfg(not(any(target_os = "android", target_os = "linux")))]
        let _ = patience;
        Ok(())
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
        #[cfg(feature = "chaos")]
        if let Some(mut weather) = self.weather.take() {
            let found = weather.read(buffer, |buffer| self.read_socket(buffer));
            self.weather = Some(weather);
            return if found == Found::End && self.finished { self.over() } else { found };
        }
        self.read_socket(buffer)
    }

    /// When it is to be looked at, though its socket says nothing.
    #[cfg(feature = "chaos")]
    pub(super) fn due(&self) -> Option<crate::time::Instant> {
        self.weather.as_ref().filter(|_| !self.connecting)?.due(!self.finished)
    }

    fn read_socket(&mut self, buffer: &mut [u8]) -> Found {
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
        #[cfg(feature = "chaos")]
        let (len, error) = match &mut self.weather {
            Some(weather) => self.queue.write_to(&mut weather.around(&mut self.socket)),
            None => self.queue.write_to(&mut self.socket),
        };
        #[cfg(not(feature = "chaos"))]
        let (len, error) = self.queue.write_to(&mut self.socket);
        self.unconfirmed |= self.ended && len > 0;
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
        #[cfg(feature = "chaos")]
        let is_over = is_over && self.weather.as_ref().is_none_or(|it| !it.is_holding());
        (len, if is_over { self.over() } else { Found::Nothing })
    }

    fn over(&mut self) -> Found {
        let unconfirmed = || self.unconfirmed.then(|| ErrorKind::UnexpectedEof.into());
        Found::Over(self.error.take().or_else(unconfirmed))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net;

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
        let unconfirmed = Found::Over(Some(ErrorKind::UnexpectedEof.into()));
        assert_eq!(link.stream.write(), (0, unconfirmed), "nobody knows whether the peer has it");
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
        while !link.stream.check_connected(PATIENCE).unwrap() {
            link.wait();
        }
        assert_eq!(
            (link.stream.is_connecting(), link.stream.write()),
            (false, (5, Found::Nothing))
        );
        assert_set_up(&link.stream);
    }

    /// That the operating system looks after a connection, and sends what it is given at once.
    fn assert_set_up(stream: &Stream) {
        let socket = SockRef::from(&stream.socket);
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        {
            assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(60));
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(10));
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(PATIENCE));
        }
    }

    #[test]
    fn t15_t18_an_accepted_stream_is_set_up_as_a_dialled_one_is() {
        let link = Link::new();
        link.stream.set_up(PATIENCE);
        assert_set_up(&link.stream);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn t16_a_dial_that_waits_is_not_taken_for_connected_by_a_false_event() {
        use socket2::{Domain, Socket, Type};
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        // Linux takes one connection more than this, and then leaves those that come unanswered.
        socket.listen(0).unwrap();
        let listener = net::TcpListener::from(socket);
        let addr = listener.local_addr().unwrap();
        let first = [(); 3].map(|()| Stream::dial(addr).unwrap());
        let mut waiting = Stream::dial(addr).unwrap();
        waiting.push(bytes("hello"));
        for _ in 0..100 {
            assert!(!waiting.check_connected(PATIENCE).unwrap() && waiting.is_connecting());
            assert_eq!(waiting.write(), (0, Found::Nothing));
        }
        // For as long as the test runs: which of them Linux lets through first is its choice.
        std::thread::spawn(move || listener.incoming().collect::<Vec<_>>());
        // Its system asks again after a second, and is answered.
        let spare = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let far = net::TcpStream::connect(spare.local_addr().unwrap()).unwrap();
        let mut link = Link::with(waiting, far);
        while !link.stream.check_connected(PATIENCE).unwrap() {
            link.wait();
        }
        assert_eq!(link.stream.write(), (5, Found::Nothing));
        drop(first);
    }

    #[test]
    fn a_dial_that_nobody_answers_is_an_error() {
        let nobody = net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let stream = Stream::dial(nobody).unwrap();
        let spare = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut link =
            Link::with(stream, net::TcpStream::connect(spare.local_addr().unwrap()).unwrap());
        let error = loop {
            match link.stream.check_connected(PATIENCE) {
                Ok(is_open) => assert!(!is_open),
                Err(error) => break error,
            }
            link.wait();
        };
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn t29_a_socket_that_the_system_connects_with_itself_is_known() {
        // A port that the system gives away by itself, and that nobody listens at. To those who dial
        // it gives the even ones.
        let mut unused = net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        unused.set_port(unused.port() & !1);
        let mut tries = (0..1_000_000).map(|_| net::TcpStream::connect(unused));
        let socket = tries.find_map(Result::ok).expect("the port is chosen some time");
        socket.set_nonblocking(true).unwrap();
        assert!(Stream::accepted(TcpStream::from_std(socket)).is_its_own_peer());
        assert!(!Link::new().stream.is_its_own_peer());
    }
}
