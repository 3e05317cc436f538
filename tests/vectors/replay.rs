//! `transcripts` played to a node: one end is the node, the other what py2p said, byte for byte.
//!
//! The node's user does what py2p's user did, and everything happens in the recorded second. What
//! the node says then is what py2p said, but for this, on purpose:
//!
//! - A peers list tells of others only, and only of those that the node has reached itself.
//! - A broadcast is not sent back to where it came from.
//! - Who asks for other methods uses them at once, and so answers an answer that names others
//!   still, where py2p answers one that names the same.
//! - Talk about methods is plain.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a vector that does not hold fails its test"
)]

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use rs2p::node::{Input, Node, Output};
use rs2p::time::{Instant, UnixTime};
use rs2p::wire::{
    Compressions, DecodeLimits, Flag, FrameDecoder, PathfindingMessage, PeerEntry, Protocol,
};
use rs2p::{Address, Compress, Config, ConnId, Event, NodeId};
use serde_json::Value;

use crate::golden::{all_supported, bytes, cases, field, int, text};

/// Longer than a node that is dialled waits with its handshake; ten of them are within a second.
const STEP: Duration = Duration::from_millis(60);

/// Which end of a recorded conversation the node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Server,
    Client,
}

impl Role {
    fn other(self) -> Self {
        if self == Self::Server { Self::Client } else { Self::Server }
    }

    fn name(self) -> &'static str {
        if self == Self::Server { "server" } else { "client" }
    }

    /// The keys of what it said, as a whole and in the order of pieces.
    fn keys(self) -> (&'static str, &'static str) {
        match self {
            Self::Server => ("server_to_client_hex", "s2c"),
            Self::Client => ("client_to_server_hex", "c2s"),
        }
    }

    fn id(self, case: &Value) -> NodeId {
        text(case, &format!("{}_id", self.name())).parse().unwrap()
    }

    fn addr(self, case: &Value) -> SocketAddr {
        let addr = field(case, &format!("{}_out_addr", self.name()));
        format!("{}:{}", addr[0].as_str().unwrap(), addr[1]).parse().unwrap()
    }
}

/// A node in the place of one end.
struct Replay {
    node: Node,
    conn: ConnId,
    now: Instant,
    peer: NodeId,
    said: Vec<u8>,
    /// What its user got: main flag and packets.
    got: Vec<(String, Vec<Vec<u8>>)>,
    joined: bool,
    has_whispered: bool,
    /// Whether it has asked for other methods.
    has_asked: bool,
}

impl Replay {
    fn new(case: &Value, role: Role) -> Self {
        let mut config = Config::new(Protocol::new("mesh", text(case, "encryption")));
        config.id = Some(role.id(case));
        config.out_addr = Some(Address::from(role.addr(case)));
        config.compressions = methods_of(case);
        config.compress = Compress::Always;
        config.extension = false;
        let (now, wall) = (Instant::ZERO, UnixTime::from_secs(int(case, "clock")));
        let mut node = Node::new(config, [7; 32], now, wall).unwrap();
        let peer_addr = role.other().addr(case);
        let conn = match role {
            Role::Server => node.accept(now, peer_addr).unwrap(),
            Role::Client => node.dial(now, peer_addr).unwrap(),
        };
        let mut replay = Self {
            node,
            conn,
            now,
            peer: role.other().id(case),
            said: Vec::new(),
            got: Vec::new(),
            joined: false,
            has_whispered: false,
            has_asked: false,
        };
        if role == Role::Client {
            replay.node.handle_input(now, Input::Connected { conn });
            replay.take_outputs();
        }
        replay
    }

    fn hear(&mut self, data: &[u8]) {
        self.node.handle_input(self.now, Input::Received { conn: self.conn, data });
        self.take_outputs();
        self.now = self.now + STEP;
        self.node.handle_input(self.now, Input::Timeout);
        self.take_outputs();
    }

    /// Does what the user must have done where py2p said this, if that was the user's doing.
    fn act(&mut self, role: Role, message: &PathfindingMessage) {
        let packets: Vec<Vec<u8>> = message.payload().skip(1).map(<[u8]>::to_vec).collect();
        let main = Flag::parse(message.msg_type()).unwrap();
        match (role, main, message.sub_flag().unwrap()) {
            // The second time it is the answer to "say that again".
            (_, Flag::Whisper, Flag::Whisper) if !self.has_whispered => {
                self.node.whisper(self.now, &self.peer, &packets).unwrap();
                self.has_whispered = true;
            }
            (_, Flag::Broadcast, Flag::Broadcast) => {
                self.node.broadcast(self.now, &packets).unwrap();
            }
            (Role::Client, Flag::Renegotiate, Flag::Compression) => {
                let list = Compressions::from_json(&packets[0]).unwrap();
                // The second time it is an answer.
                if !self.has_asked {
                    self.node.renegotiate(self.now, &self.peer, list).unwrap();
                    self.has_asked = true;
                }
            }
            (Role::Client, Flag::Renegotiate, Flag::Resend) => {
                self.node.ask_resend(self.now, &self.peer).unwrap();
            }
            _ => {}
        }
        self.take_outputs();
    }

    fn take_outputs(&mut self) {
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::Transmit { conn, data } => {
                    assert_eq!(conn, self.conn);
                    self.said.extend(&data);
                    self.node.handle_input(self.now, Input::Sent { conn, len: data.len() });
                }
                Output::Event(Event::Message(delivery)) => {
                    let main = String::from_utf8(delivery.message.msg_type().to_vec()).unwrap();
                    let packets = delivery.message.payload().map(<[u8]>::to_vec).collect();
                    self.got.push((main, packets));
                }
                Output::Event(Event::PeerJoined(info)) => {
                    assert_eq!((info.id, info.is_extended), (self.peer, false));
                    self.joined = true;
                }
                // It tries whether the client can be dialled, in vain.
                Output::Dial { conn, .. } if conn != self.conn => {
                    let error = Some(std::io::ErrorKind::ConnectionRefused.into());
                    self.node.handle_input(self.now, Input::Closed { conn, error });
                }
                Output::Dial { .. } | Output::Event(Event::Dialed { .. }) => {}
                other => assert!(matches!(other, Output::Event(_)), "{other:?}"),
            }
        }
    }
}

/// Plays one conversation; returns what the node said and what py2p had said in its place.
fn replay(case: &Value, role: Role) -> (Vec<PathfindingMessage>, Vec<PathfindingMessage>) {
    let mut replay = Replay::new(case, role);
    let (own, other) = (role.keys(), role.other().keys());
    let (recorded, heard) = (bytes(case, own.0), bytes(case, other.0));
    let (mut own_rest, mut other_rest) = (recorded.as_slice(), heard.as_slice());
    for piece in field(case, "order").as_array().unwrap() {
        let len = usize::try_from(piece[1].as_u64().unwrap()).unwrap();
        if piece[0] == own.1 {
            let (now, later) = own_rest.split_at(len);
            own_rest = later;
            for message in messages(now) {
                replay.act(role, &message);
            }
        } else {
            let (now, later) = other_rest.split_at(len);
            other_rest = later;
            replay.hear(now);
        }
    }
    assert!(own_rest.is_empty() && other_rest.is_empty() && replay.joined);
    assert_eq!(replay.got, outcome(case, role), "{role:?}");
    assert_eq!(replay.node.troubles().count(), 0);
    (messages(&replay.said), messages(&recorded))
}

/// What py2p's user got.
fn outcome(case: &Value, role: Role) -> Vec<(String, Vec<Vec<u8>>)> {
    let got = field(case, &format!("{}_user_got", role.name())).as_array().unwrap();
    let packets = |message: &Value| {
        let packets = message[1].as_array().unwrap().iter();
        packets.map(|packet| packet.as_str().unwrap().as_bytes().to_vec()).collect()
    };
    got.iter().map(|one| (one[0].as_str().unwrap().to_owned(), packets(one))).collect()
}

fn messages(stream: &[u8]) -> Vec<PathfindingMessage> {
    let mut decoder = FrameDecoder::default();
    let mut input = stream;
    let decode = |frame: Bytes| {
        let list = Compressions::supported();
        PathfindingMessage::decode_body(frame, list, DecodeLimits::PROTOCOL).unwrap()
    };
    let next = || decoder.next_frame(&mut input, 4_096).unwrap().map(decode);
    std::iter::from_fn(next).collect()
}

fn methods_of(case: &Value) -> Compressions {
    Compressions::from_names(text(case, "compression").split(','))
}

/// The packets of all messages, as what they say is compared.
fn packets(messages: &[PathfindingMessage]) -> Vec<Vec<String>> {
    let text = |packet: &[u8]| String::from_utf8_lossy(packet).into_owned();
    messages.iter().map(|message| message.packets().iter().map(text).collect()).collect()
}

fn replays(compression: &str, role: Role, change: impl FnOnce(&mut Vec<PathfindingMessage>)) {
    let mut found = cases("/transcripts").iter().filter(|case| {
        text(case, "encryption") == "Plaintext" && text(case, "compression") == compression
    });
    let case = found.next().unwrap();
    if !all_supported(methods_of(case)) {
        return;
    }
    let (said, mut expected) = replay(case, role);
    let is_peers = |message: &PathfindingMessage| message.sub_flag() == Some(Flag::Peers);
    let peers = expected.iter().position(is_peers).unwrap();
    let empty = PeerEntry::encode_list(&[]);
    expected[peers] = like(&expected[peers], &empty);
    change(&mut expected);
    assert_eq!(packets(&said), packets(&expected));
}

/// A message of the same sender and time with another payload.
fn like(message: &PathfindingMessage, payload: &[Vec<u8>]) -> PathfindingMessage {
    let time = message.time().unwrap();
    PathfindingMessage::new(message.msg_type(), message.sender(), time, payload).unwrap()
}

fn remove_echo(expected: &mut Vec<PathfindingMessage>) {
    let count = expected.len();
    expected.retain(|message| message.msg_type() != Flag::Waterfall.as_bytes());
    assert_eq!(expected.len() + 1, count);
}

#[test]
fn a_node_answers_as_the_server_of_a_plain_conversation() {
    replays("none", Role::Server, remove_echo);
}

#[test]
fn a_node_answers_as_the_server_of_a_compressed_conversation() {
    replays("gzip,bz2,lzma", Role::Server, remove_echo);
}

#[test]
fn a_node_speaks_as_the_client_of_a_plain_conversation() {
    replays("none", Role::Client, |expected| {
        // It has asked for gzip, is told that there is none, and agrees.
        let asked = expected.len() - 2;
        assert!(expected[asked].sub_flag() == Some(Flag::Compression));
        let none = [Flag::Compression.as_bytes().to_vec(), b"[]".to_vec()];
        let agrees = like(&expected[asked], &none);
        expected.insert(asked + 1, agrees);
    });
}

#[test]
fn a_node_speaks_as_the_client_of_a_compressed_conversation() {
    replays("gzip,bz2,lzma", Role::Client, |expected| {
        // It has asked for bz2, is told bz2, and has nothing to add.
        let answer = expected.len() - 2;
        assert_eq!(expected.remove(answer).sub_flag(), Some(Flag::Compression));
    });
}
