//! The secret of a mesh: who cannot prove it is nobody's neighbor.

use super::super::{CloseMode, Config, Input, Node, Output};
use super::net::{Net, WALL, addr, config, ms};
use super::secured::{identity, net, node, reasons, tls, troubles};
use crate::conn_id::ConnId;
use crate::error::{CloseReason, ConfigError, Denial};
use crate::secret::MeshSecret;
use crate::session::tls::{TlsContext, TlsSession};
use crate::wire::{
    Compressions, Control, DecodeLimits, Extension, Flag, FrameDecoder, Handshake,
    PathfindingMessage, Protocol, RefusalReason,
};

fn secret(byte: u8) -> MeshSecret {
    MeshSecret::from_bytes(&[byte; 32]).unwrap()
}

/// Nodes under TLS with these secrets.
fn knowing(secrets: &[Option<u8>]) -> Net {
    let mut net = net(secrets.len());
    for (number, byte) in secrets.iter().enumerate() {
        net.nodes[number] = node(Config { secret: byte.map(secret), ..tls(number) }, number);
    }
    net
}

const MISSING: [CloseReason; 2] = [
    CloseReason::Denied(Denial::SecretMissing),
    CloseReason::Refused(RefusalReason::SecretMissing),
];

const WRONG: [CloseReason; 2] =
    [CloseReason::Denied(Denial::SecretWrong), CloseReason::Refused(RefusalReason::SecretWrong)];

#[test]
fn who_knows_the_secret_joins() {
    let mut net = knowing(&[Some(1), Some(1), Some(1)]);
    net.dial(0, 1);
    net.dial(2, 1);
    net.run_for(100);
    net.take_events(2);
    net.broadcast(0, "among ourselves");
    net.run_for(100);
    assert_eq!(net.take_texts(2), ["among ourselves"]);
    assert!(net.nodes.iter().all(|node| node.stats().denied == 0));
}

#[test]
fn a_wrong_or_missing_secret_is_refused_at_both_ends_and_nothing_is_delivered() {
    // The dialer's and the acceptor's secret, who refuses, and in which words.
    for (dialer, acceptor, refuser, [denied, refused]) in
        [(Some(2), Some(1), 1, WRONG), (None, Some(1), 1, MISSING), (Some(1), None, 0, MISSING)]
    {
        let mut net = knowing(&[dialer, acceptor]);
        net.dial(0, 1);
        for _ in 0..200 {
            for index in 0..2 {
                let _ = net.call(index, |node, now| node.broadcast(now, &["for members"]));
            }
            net.run_for(1);
        }
        let other = 1 - refuser;
        // Who has asked for no secret has probed the other meanwhile: that is all that may follow.
        let first = |index: usize| troubles(&net.nodes[index]).first().copied();
        assert_eq!((first(refuser), first(other)), (Some(denied), Some(refused)));
        for index in 0..2 {
            assert!(net.nodes[index].connections.is_empty());
            assert_eq!(net.nodes[index].stats().received, 0, "{dialer:?}, {acceptor:?}, {index}");
        }
        let failed = if refuser == 0 { denied } else { refused };
        assert_eq!(reasons(&net.take_events(0)), [failed]);
    }
}

/// One end of a connection to a node, moved by hand.
struct Stranger {
    session: TlsSession,
    conn: ConnId,
    frames: Vec<PathfindingMessage>,
    decoder: FrameDecoder,
    is_closed: bool,
}

impl Stranger {
    fn context(number: usize) -> TlsContext {
        TlsContext::new(&identity(number), tls(number).protocol.id()).unwrap()
    }

    fn new(session: TlsSession, conn: ConnId) -> Self {
        let (frames, decoder) = (Vec::new(), FrameDecoder::default());
        Self { session, conn, frames, decoder, is_closed: false }
    }

    /// Dials a node, as the holder of the key of this number.
    fn dials(node: &mut Node, number: usize) -> Self {
        let conn = node.accept(ms(0), addr(number)).unwrap();
        let mut stranger = Self::new(Self::context(number).dial().unwrap(), conn);
        stranger.talk(node);
        stranger
    }

    /// Is dialled by a node.
    fn is_dialed(node: &mut Node, number: usize) -> Self {
        let conn = node.dial(ms(0), addr(number)).unwrap();
        node.handle_input(ms(0), Input::Connected { conn });
        let mut stranger = Self::new(Self::context(number).accept().unwrap(), conn);
        stranger.talk(node);
        stranger
    }

    /// Lets both say what they have to say.
    fn talk(&mut self, node: &mut Node) {
        let mut is_quiet = false;
        while !is_quiet {
            is_quiet = true;
            while let Some(data) = self.session.take_transmit() {
                is_quiet = false;
                node.handle_input(ms(1), Input::Received { conn: self.conn, data: &data });
            }
            while let Some(output) = node.poll_output() {
                match output {
                    Output::Transmit { data, .. } => {
                        is_quiet = false;
                        assert_eq!(self.session.received(&data), data.len());
                        self.step();
                    }
                    Output::Close { mode, .. } => {
                        assert_eq!(mode, CloseMode::Flush);
                        self.is_closed = true;
                    }
                    _ => {}
                }
            }
        }
    }

    fn step(&mut self) {
        for plain in self.session.step().unwrap().messages {
            let mut input = &plain[..];
            while let Some(body) = self.decoder.next_frame(&mut input, 1 << 20).unwrap() {
                let none = Compressions::NONE;
                let message = PathfindingMessage::decode_body(body, none, DecodeLimits::PROTOCOL);
                self.frames.push(message.unwrap());
            }
        }
    }

    /// The proof in the handshake that the node has sent.
    fn proof(&self) -> Option<[u8; 32]> {
        let message = self.frames.iter().find(|message| is_handshake(message))?;
        Handshake::decode(message.payload()).unwrap().extension?.secret
    }

    /// Introduces itself with somebody's proof.
    fn introduce(&mut self, node: &mut Node, number: usize, secret: Option<[u8; 32]>) {
        let id = identity(number).node_id();
        let protocol = tls(number).protocol;
        let extension = Some(Extension { secret, signed: true, ..Extension::new(1, 2) });
        let handshake = Handshake::new(id, &protocol, None, Compressions::NONE);
        let payload = Handshake { extension, ..handshake }.encode();
        self.say(node, number, "whisper", &payload);
    }

    fn say(&mut self, node: &mut Node, number: usize, main: &str, payload: &[Vec<u8>]) {
        let id = identity(number).node_id();
        let message =
            PathfindingMessage::new(main.as_bytes(), id.as_bytes(), WALL.as_secs(), payload);
        self.session.send(&message.unwrap().encode().unwrap()).unwrap();
        self.talk(node);
    }

    fn refusals(&self) -> Vec<RefusalReason> {
        let refusal = |message: &PathfindingMessage| match Control::decode(message.payload()) {
            Some(Control::Refused(reason)) => Some(reason),
            _ => None,
        };
        self.frames.iter().filter_map(refusal).collect()
    }
}

fn is_handshake(message: &PathfindingMessage) -> bool {
    message.sub_flag() == Some(Flag::Handshake)
}

fn member(number: usize) -> Node {
    node(Config { secret: Some(secret(1)), ..tls(number) }, number)
}

/// What the node says to one that introduces itself with this proof: its refusals, and whether it
/// has introduced itself.
fn answer(member: &mut Node, proof: Option<[u8; 32]>) -> (Vec<RefusalReason>, bool) {
    let mut stranger = Stranger::dials(member, 5);
    stranger.introduce(member, 5, proof);
    let hello = vec![b"broadcast".to_vec(), b"let me in".to_vec()];
    stranger.say(member, 5, "broadcast", &hello);
    assert_eq!(member.stats().received, 0);
    assert_eq!(member.routing_table().count(), 0);
    assert!(stranger.is_closed);
    (stranger.refusals(), stranger.frames.iter().any(is_handshake))
}

#[test]
fn a_proof_from_another_connection_is_worth_nothing() {
    // A member dials the stranger, and shows what it knows. To the same member, and to another, the
    // stranger shows it in turn.
    let mut dialer = member(0);
    let proof = Stranger::is_dialed(&mut dialer, 5).proof();
    assert!(proof.is_some());
    let wrong = (vec![RefusalReason::SecretWrong], false);
    assert_eq!(answer(&mut member(1), proof), wrong);
    let mut same = member(0);
    assert_eq!(answer(&mut same, proof), wrong);
    assert_eq!(troubles(&same), [CloseReason::Denied(Denial::SecretWrong)]);
    assert_eq!(answer(&mut member(1), None), (vec![RefusalReason::SecretMissing], false));
    assert_eq!(answer(&mut member(1), Some([0; 32])), wrong);
}

#[test]
fn a_reflected_proof_is_worth_nothing() {
    let mut dialer = member(0);
    let mut stranger = Stranger::is_dialed(&mut dialer, 5);
    let proof = stranger.proof();
    stranger.introduce(&mut dialer, 5, proof);
    assert_eq!(stranger.refusals(), [RefusalReason::SecretWrong]);
    assert_eq!(dialer.routing_table().count(), 0);
    assert_eq!(troubles(&dialer), [CloseReason::Denied(Denial::SecretWrong)]);
}

#[test]
fn who_makes_the_proof_itself_on_its_own_connection_joins() {
    // What the tests above would look like if they only failed by mistake.
    let mut acceptor = member(0);
    let mut stranger = Stranger::dials(&mut acceptor, 5);
    let binding = stranger.session.binding().unwrap();
    let proof = secret(1).prove(crate::secret::Prover::Dialer, &binding);
    stranger.introduce(&mut acceptor, 5, Some(proof));
    assert_eq!(stranger.refusals(), []);
    assert_eq!(acceptor.routing_table().count(), 1);
    let own = secret(1).prove(crate::secret::Prover::Acceptor, &binding);
    assert_eq!(stranger.proof(), Some(own));
}

#[test]
fn nothing_else_of_a_handshake_counts_before_the_proof() {
    // The id is false and the protocol another: what is missed is the secret.
    let mut acceptor = member(0);
    let mut stranger = Stranger::dials(&mut acceptor, 5);
    let protocol = Protocol::new("other", "Plaintext");
    let id = identity(6).node_id();
    let payload = Handshake::new(id, &protocol, None, Compressions::NONE).encode();
    stranger.say(&mut acceptor, 5, "whisper", &payload);
    assert_eq!(stranger.refusals(), [RefusalReason::SecretMissing]);
    assert_eq!(acceptor.stats().frames_out, 1);
}

#[test]
fn a_secret_that_nobody_could_prove_makes_no_node() {
    let new = |config| Node::new(config, [0; 32], ms(0), WALL).map(|_| ());
    for name in ["Plaintext", "PKCS1_v1.5"] {
        let protocol = Protocol::new("mesh", name);
        let config = Config { protocol, secret: Some(secret(1)), ..config() };
        assert_eq!(new(config), Err(ConfigError::SecretWithoutTls), "{name}");
    }
    assert_eq!(new(Config { secret: Some(secret(1)), ..tls(0) }), Ok(()));
    assert_eq!(new(Config { extension: false, ..tls(0) }), Err(ConfigError::NoExtension));
}

/// PROTOCOL.md §10: an encryption is told by the first bytes of a connection, not by those in it.
#[test]
fn what_looks_like_another_encryption_inside_a_session_is_no_frame_and_nothing_else() {
    let mut node = node(tls(0), 0);
    let mut stranger = Stranger::dials(&mut node, 1);
    stranger.session.send(b"Requesting key size").unwrap();
    let data = stranger.session.take_transmit().unwrap();
    node.handle_input(ms(1), Input::Received { conn: stranger.conn, data: &data });
    let [reason] = troubles(&node)[..] else { panic!("one trouble") };
    assert!(matches!(reason, CloseReason::Malformed(_)), "{reason:?}");
}
