//! Somebody on a bare TCP connection to a node under RSA, who knows the protocol and keeps none of
//! its rules but those that suit the test.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use rs2p::rsa::{KeySize, PrivateKey, SeededRng, newkeys_with};
use rs2p::session::rsa::{Limits, Role, RsaSession};
use rs2p::wire::{Compressions, Extension, Handshake, PathfindingMessage, Protocol};

use super::PATIENCE;

/// One key for all strangers: making one takes a while.
pub(crate) static KEY: LazyLock<PrivateKey> =
    LazyLock::new(|| newkeys_with(KeySize::DEFAULT, &mut SeededRng::from_seed([1; 32])).unwrap().1);

pub(crate) struct Stranger {
    pub(crate) stream: TcpStream,
    pub(crate) session: RsaSession,
}

impl Stranger {
    /// Dials, and exchanges keys.
    pub(crate) fn meets(addr: SocketAddr) -> Self {
        let session = RsaSession::new(Role::Client, KEY.clone(), Limits::ALONE, [9; 32]);
        let mut stranger = Self { stream: connect(addr), session };
        stranger.step();
        while !stranger.session.is_established() {
            stranger.read();
            stranger.step();
        }
        stranger
    }

    /// Becomes a neighbor of this name.
    pub(crate) fn joins(addr: SocketAddr, name: &str) -> Self {
        let mut stranger = Self::meets(addr);
        stranger.session.send(&handshake(name)).unwrap();
        // Its answer is a handshake as well.
        while stranger.step().is_empty() {
            stranger.read();
        }
        stranger
    }

    fn step(&mut self) -> Vec<bytes::Bytes> {
        let progress = self.session.step(usize::MAX).unwrap();
        while let Some(data) = self.session.take_transmit() {
            self.stream.write_all(&data).unwrap();
        }
        progress.messages
    }

    fn read(&mut self) {
        let mut buffer = [0; 4_096];
        let len = self.stream.read(&mut buffer).unwrap();
        assert!(len > 0, "the node has closed the connection");
        assert_eq!(self.session.received(&buffer[..len]), len);
    }

    /// The ciphertext of a message, which can be sent again and again.
    pub(crate) fn seal(&mut self, message: &[u8]) -> Vec<u8> {
        self.session.send(message).unwrap();
        let _ = self.session.step(usize::MAX).unwrap();
        std::iter::from_fn(|| self.session.take_transmit()).collect::<Vec<_>>().concat()
    }

    /// All that the node still says, up to the end of the connection.
    pub(crate) fn hears(mut self) -> Vec<u8> {
        read_to_end(&mut self.stream)
    }
}

pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// All up to the end, in good order or not; fails if it does not come.
pub(crate) fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    said
}

fn handshake(name: &str) -> Vec<u8> {
    let protocol = Protocol::new("mesh", "PKCS1_v1.5");
    let handshake = Handshake::new(name.parse().unwrap(), &protocol, None, Compressions::NONE);
    let extension = Some(Extension::new(7, 9));
    message("whisper", name, &Handshake { extension, ..handshake }.encode())
}

/// A frame of now.
#[expect(clippy::disallowed_methods, reason = "a node takes no message of another time")]
pub(crate) fn message<P: AsRef<[u8]>>(main: &str, name: &str, payload: &[P]) -> Vec<u8> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let time = now.unwrap_or(Duration::ZERO).as_secs();
    PathfindingMessage::new(main.as_bytes(), name.as_bytes(), time, payload)
        .unwrap()
        .encode()
        .unwrap()
}
