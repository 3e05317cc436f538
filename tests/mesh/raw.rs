//! A peer with a blocking socket, which says, reads and ends what a test wants and nothing else.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::SystemTime;
#[cfg(target_os = "linux")]
use std::{sync::mpsc::channel, time::Duration};

use rs2p::wire::{
    Compressions, DecodeLimits, Extension, Flag, FrameDecoder, Handshake, Origin,
    PathfindingMessage,
};
use rs2p::{MeshSocket, NodeId, Protocol};

use super::PATIENCE;

/// One connection with a node, which takes the peer for another node of this crate.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    pub(crate) id: NodeId,
    decoder: FrameDecoder,
    input: Vec<u8>,
    sequence: u64,
}

impl Raw {
    /// Dials a node, and becomes its neighbor.
    pub(crate) fn neighbor_of(node: &MeshSocket) -> Self {
        let count = node.routing_table().len();
        let raw = Self::shake_hands(TcpStream::connect(node.local_addr()).unwrap());
        assert_eq!(node.wait_for_peers(count + 1, PATIENCE), count + 1);
        raw
    }

    /// Dials a node in another process, whose answer shows that this is its neighbor now. A node
    /// that many others keep busy, or whose places they have, may not take it at once.
    #[cfg(target_os = "linux")]
    pub(crate) fn dial(addr: SocketAddr) -> Self {
        let (_never, pace) = channel::<()>();
        let mut dials = (0..1_000).filter_map(|_| {
            let taken = TcpStream::connect(addr).ok().and_then(Self::try_shake);
            if taken.is_none() {
                let _ = pace.recv_timeout(Duration::from_millis(20));
            }
            taken
        });
        dials.next().expect("the node takes nobody")
    }

    /// Takes the connection that a node has dialled, and becomes its neighbor.
    pub(crate) fn accept(listener: &TcpListener) -> Self {
        Self::shake_hands(listener.accept().unwrap().0)
    }

    fn shake_hands(stream: TcpStream) -> Self {
        Self::try_shake(stream).expect("the node closes the connection")
    }

    fn try_shake(stream: TcpStream) -> Option<Self> {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let own: SocketAddr = stream.local_addr().ok()?;
        let protocol = Protocol::new("mesh", "Plaintext");
        let id = NodeId::new(&own.into(), &protocol, &format!("raw {:?}", stream.peer_addr()));
        let mut raw =
            Self { stream, id, decoder: FrameDecoder::default(), input: Vec::new(), sequence: 0 };
        let mut handshake = Handshake::new(id, &protocol, None, Compressions::NONE);
        handshake.extension = Some(Extension::new(1, 1));
        let frame = raw.frame(Flag::Whisper, &handshake.encode());
        raw.stream.write_all(&frame).ok()?;
        let answer = raw.next()?;
        assert_eq!(answer.sub_flag(), Some(Flag::Handshake));
        Some(raw)
    }

    /// A message as it stands on the wire.
    pub(crate) fn frame<P: AsRef<[u8]>>(&mut self, flag: Flag, payload: &[P]) -> Vec<u8> {
        self.sequence += 1;
        let origin = Origin { incarnation: 1, sequence: self.sequence };
        let (flag, id) = (flag.as_bytes(), self.id.as_bytes());
        let message = match Flag::parse(flag) {
            Some(Flag::Broadcast) => PathfindingMessage::numbered(flag, id, origin, now(), payload),
            _ => PathfindingMessage::new(flag, id, now(), payload),
        };
        message.unwrap().encode().unwrap()
    }

    /// A broadcast of one packet as it stands on the wire.
    pub(crate) fn broadcast(&mut self, packet: &[u8]) -> Vec<u8> {
        self.frame(Flag::Broadcast, &[b"broadcast", packet])
    }

    /// The next message; `None` at the end, in good order or by a reset.
    pub(crate) fn next(&mut self) -> Option<PathfindingMessage> {
        let limits = DecodeLimits::PROTOCOL;
        loop {
            let mut input = self.input.as_slice();
            let frame = self.decoder.next_frame(&mut input, limits.max_body_len).unwrap();
            self.input = input.to_vec();
            if let Some(body) = frame {
                return Some(
                    PathfindingMessage::decode_body(body, Compressions::NONE, limits).unwrap(),
                );
            }
            let mut buffer = vec![0; 16 * 1024];
            let len = self.stream.read(&mut buffer).unwrap_or(0);
            if len == 0 {
                return None;
            }
            buffer.truncate(len);
            self.input = buffer;
        }
    }

    /// The lengths of the first packets of all broadcasts up to the end.
    pub(crate) fn broadcasts_to_the_end(mut self) -> Vec<usize> {
        let mut lens = Vec::new();
        while let Some(message) = self.next() {
            if message.sub_flag() == Some(Flag::Broadcast) {
                lens.push(message.payload().nth(1).unwrap_or_default().len());
            }
        }
        lens
    }

    pub(crate) fn end_sending(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "nodes look at the time of day in messages")]
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}
