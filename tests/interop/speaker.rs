//! The smallest thing that speaks the protocol: one blocking socket and [`rs2p::wire`].
//!
//! It keeps no table and answers nothing, so that a test sees each message of a py2p node as it
//! is on the wire.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::SystemTime;

use bytes::Bytes;
use rs2p::wire::{
    Address, Compression, Compressions, DecodeLimits, Flag, FrameDecoder, Handshake,
    PathfindingMessage, decompress,
};
use rs2p::{NodeId, Protocol};

use super::py2p::{Deadline, PATIENCE};

/// Far above what a test sends.
const LIMITS: DecodeLimits = DecodeLimits { max_body_len: 1 << 20, max_packets: 64 };

/// One connection with a node.
pub(crate) struct Speaker {
    id: NodeId,
    protocol: Protocol,
    addr: SocketAddr,
    stream: TcpStream,
    decoder: FrameDecoder,
    input: Vec<u8>,
    /// What the other side can read, once it has said so.
    theirs: Compressions,
}

/// A message, and the compression that it came under.
pub(crate) struct Heard {
    pub(crate) message: PathfindingMessage,
    pub(crate) method: Option<Compression>,
}

impl Speaker {
    /// Dials a node.
    pub(crate) fn dial(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        let own = stream.local_addr().unwrap();
        Self::new(stream, own)
    }

    /// Takes the connection that a node has dialled.
    pub(crate) fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().unwrap();
        Self::new(stream, listener.local_addr().unwrap())
    }

    fn new(stream: TcpStream, addr: SocketAddr) -> Self {
        stream.set_nodelay(true).unwrap();
        let protocol = Protocol::new("mesh", "Plaintext");
        Self {
            id: NodeId::new(&addr.into(), &protocol, "a speaker"),
            protocol,
            addr,
            stream,
            decoder: FrameDecoder::default(),
            input: Vec::new(),
            theirs: Compressions::NONE,
        }
    }

    pub(crate) fn id(&self) -> NodeId {
        self.id
    }

    /// What this side announces as its address.
    pub(crate) fn address(&self) -> Address {
        self.addr.into()
    }

    /// Says who it is, hears who the other is, and checks that both speak the same protocol.
    pub(crate) fn shake_hands(&mut self) -> Handshake {
        let address = Some(self.address());
        let own = Handshake::new(self.id, &self.protocol, address, Compressions::supported());
        self.send(Flag::Whisper, &own.encode());
        let heard = self.recv_until(|message| message.sub_flag() == Some(Flag::Handshake));
        assert_eq!(heard.method, None, "handshakes are plain");
        let theirs = Handshake::decode(heard.message.payload()).unwrap();
        assert_eq!(theirs.protocol_id, self.protocol.id());
        self.theirs = theirs.compressions;
        theirs
    }

    /// Sends a message under the compression that the other side can read.
    pub(crate) fn send<P: AsRef<[u8]>>(&mut self, main_flag: Flag, payload: &[P]) {
        let flag = main_flag.as_bytes();
        let message = PathfindingMessage::new(flag, self.id.as_bytes(), now(), payload).unwrap();
        let frame = message.with_compression(self.theirs).encode().unwrap();
        self.stream.write_all(&frame).unwrap();
    }

    /// Reads messages until `is_it` accepts one; those in front of it are lost.
    pub(crate) fn recv_until(&mut self, is_it: impl Fn(&PathfindingMessage) -> bool) -> Heard {
        let deadline = Deadline::after(PATIENCE);
        loop {
            let body = self.next_frame(deadline);
            let plain = decompress(body, Compressions::supported(), LIMITS.max_body_len).unwrap();
            let message =
                PathfindingMessage::decode_body(plain.body, Compressions::NONE, LIMITS).unwrap();
            if is_it(&message) {
                return Heard { message, method: plain.method };
            }
        }
    }

    fn next_frame(&mut self, deadline: Deadline) -> Bytes {
        loop {
            let mut input = self.input.as_slice();
            let frame = self.decoder.next_frame(&mut input, LIMITS.max_body_len).unwrap();
            self.input = input.to_vec();
            if let Some(frame) = frame {
                return frame;
            }
            let left = deadline.left();
            assert!(!left.is_zero(), "the node sent nothing more in time");
            self.stream.set_read_timeout(Some(left)).unwrap();
            let mut buffer = [0; 4096];
            let len = self.stream.read(&mut buffer).unwrap();
            assert_ne!(len, 0, "the node closed the connection");
            self.input.extend(buffer.iter().take(len));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a live node is told the time of day")]
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}
