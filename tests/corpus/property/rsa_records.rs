//! A session under RSA takes a stream the same way however it comes, gives only messages that its
//! peer has signed, and says nothing more once something was wrong.
//!
//! Input: a byte for the role, one for the largest message, one for a seed of cuts and budgets,
//! and parts of the stream until the bytes are used up (see `Peer::part`).

use std::sync::LazyLock;

use rs2p::rsa::{KeySize, PrivateKey, SeededRng, best_hash, encrypt_with, newkeys_with, sign_with};
use rs2p::session::rsa::{
    KEY_REQUEST, Limits, Role, RsaSession, SIZE_REQUEST, chunk_len, construct_packets,
};
use rs2p::session::{SendError, SessionError};

use super::script::Script;

/// The keys of the session and of its peer: small ones are quick.
static KEYS: LazyLock<[PrivateKey; 2]> = LazyLock::new(|| {
    [354, 512].map(|bits| {
        let mut rng = SeededRng::from_seed([9; 32]);
        newkeys_with(KeySize::weak(bits).unwrap(), &mut rng).unwrap().1
    })
});

const MAX_STREAM_LEN: usize = 16 << 10;

/// What came of a stream: the messages, and the error that ended it.
type Found = (Vec<Vec<u8>>, Option<SessionError>);

pub(super) fn check(data: &[u8]) {
    let mut script = Script::new(data);
    let role = if script.flag() { Role::Client } else { Role::Server };
    let mut limits = Limits::ALONE;
    limits.max_message_len = script.pick(&[1_000, 64, 0]);
    limits.max_buffered_len = 0;
    let seed = script.byte();
    let mut peer =
        Peer { rng: SeededRng::from_seed([3; 32]), stream: Vec::new(), said: Vec::new() };
    while !script.is_over() && peer.stream.len() < MAX_STREAM_LEN {
        peer.part(role, &mut script);
    }
    let whole = run(role, limits, &peer.stream, 0);
    let pieces = run(role, limits, &peer.stream, seed);
    assert_eq!(whole, pieces, "in pieces");
    let mut said = peer.said.iter();
    for message in &whole.0 {
        assert!(message.len() <= limits.max_message_len);
        assert!(said.any(|other| other == message), "nobody has signed {message:?}");
    }
}

/// The other end, which says what it likes.
struct Peer {
    rng: SeededRng,
    stream: Vec<u8>,
    /// The messages that it has signed, in order.
    said: Vec<Vec<u8>>,
}

impl Peer {
    fn part(&mut self, role: Role, script: &mut Script<'_>) {
        match script.below(12) {
            0 => self.stream.extend(script.text()),
            1 => self.stream.extend(SIZE_REQUEST),
            2 => self.stream.extend(KEY_REQUEST),
            3 => self.stream.extend(format!("{:<16}", KEYS[1].size().bits()).bytes()),
            4 => self.stream.extend(key_text()),
            // All that an honest peer says in the exchange.
            5 | 6 => self.stream.extend(exchange(role)),
            // Blocks of whatever it is.
            7 => {
                let piece = script.text();
                self.blocks(&[&piece[..piece.len().min(chunk_len(KEYS[0].size()))]]);
            }
            8 => {
                let zeros = vec![0; KEYS[0].size().block_len()];
                self.stream.extend(zeros);
            }
            // A message with somebody else's signature, or that of another message.
            9 => {
                let (text, other) = (script.text(), script.text());
                let signer = script.below(2);
                if signer == 1 && text == other {
                    self.said.push(text.to_vec());
                }
                self.record(text, other, signer);
            }
            _ => {
                let text = script.text();
                self.said.push(text.to_vec());
                self.record(text, text, 1);
            }
        }
    }

    fn record(&mut self, text: &[u8], signed: &[u8], signer: usize) {
        let key = &KEYS[signer];
        let signature = sign_with(signed, key, best_hash(key.size()), &mut self.rng).unwrap();
        for part in [text, &signature] {
            let pieces = construct_packets(part, chunk_len(KEYS[0].size()));
            self.blocks(&pieces.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
    }

    fn blocks(&mut self, pieces: &[&[u8]]) {
        for piece in pieces {
            let block = encrypt_with(piece, KEYS[0].public(), &mut self.rng).unwrap();
            self.stream.extend(block);
        }
    }
}

fn key_text() -> Vec<u8> {
    let len = KEYS[1].size().bits();
    format!("{:<len$}", KEYS[1].public().to_string()).into()
}

/// What the peer of a session says in the exchange of keys.
fn exchange(role: Role) -> Vec<u8> {
    let told = [format!("{:<16}", KEYS[1].size().bits()).into_bytes(), key_text()].concat();
    let asked = [SIZE_REQUEST, KEY_REQUEST].concat();
    match role {
        Role::Client => [told, asked].concat(),
        Role::Server => [asked, told].concat(),
    }
}

/// All that a session may say before it has sent a message.
fn expected(role: Role) -> Vec<u8> {
    let len = KEYS[0].size().bits();
    let key = format!("{:<len$}", KEYS[0].public().to_string());
    let told = [format!("{len:<16}"), key].concat().into_bytes();
    let asked = [SIZE_REQUEST, KEY_REQUEST].concat();
    match role {
        Role::Client => [asked, told].concat(),
        Role::Server => [told, asked].concat(),
    }
}

/// Gives a session the stream, at once and with all the time that it wants, or cut as the seed
/// has it.
fn run(role: Role, limits: Limits, stream: &[u8], seed: u8) -> Found {
    let mut session = RsaSession::new(role, KEYS[0].clone(), limits, [1; 32]);
    let (mut rest, mut messages, mut transmitted) = (stream, Vec::new(), Vec::new());
    let mut state = u32::from(seed);
    loop {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let cut = if seed == 0 { rest.len() } else { 1 + usize::from(state.to_be_bytes()[0]) };
        let budget =
            if seed == 0 { usize::MAX } else { 1 + usize::from(state.to_be_bytes()[1] % 4) };
        let (room, piece) = (session.room(), &rest[..cut.min(rest.len())]);
        // One that has failed takes everything, and keeps nothing.
        assert!(room <= KeySize::MAX.bits() || room == usize::MAX, "{room} bytes of room");
        let taken = session.received(piece);
        assert_eq!(taken, piece.len().min(room));
        rest = &rest[taken..];
        match session.step(budget) {
            Ok(progress) => {
                assert!(progress.spent <= budget);
                messages.extend(progress.messages.iter().map(|message| message.to_vec()));
                while let Some(data) = session.take_transmit() {
                    transmitted.extend(data);
                }
                assert!(expected(role).starts_with(&transmitted), "{transmitted:?}");
                if progress.is_idle && rest.is_empty() {
                    return (messages, None);
                }
            }
            Err(error) => {
                check_failed(&mut session, error);
                return (messages, Some(error));
            }
        }
    }
}

/// A failed session is silent, deaf and small, whatever the fault was.
fn check_failed(session: &mut RsaSession, error: SessionError) {
    for _ in 0..2 {
        assert_eq!(session.take_transmit(), None);
        assert_eq!(session.send(b"late"), Err(SendError::Failed(error)));
        assert_eq!(session.received(SIZE_REQUEST), SIZE_REQUEST.len());
        assert_eq!(session.step(8), Err(error), "an error is the last word");
        assert!(session.is_flushed() && !session.is_established() && !session.is_mid_message());
        assert_eq!(session.peer_key(), None);
    }
}
