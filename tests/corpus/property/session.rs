//! Two ends of a link carry what is sent unchanged, however it is cut and whoever has the next
//! turn; and where one byte is changed on the way, nothing arrives that was not sent.
//!
//! Input: a byte for the encryption, then steps until the bytes are used up (see `Link::step`).
//! TLS draws entropy of its own: nothing here depends on which bytes it makes of it.

#[cfg(feature = "rsa")]
use rs2p::rsa::{KeySize, PrivateKey, SeededRng, newkeys_with};
#[cfg(feature = "rsa")]
use rs2p::session::rsa::{Limits, Role, RsaSession};
#[cfg(feature = "tls")]
use rs2p::session::tls::TlsContext;
use rs2p::session::{SendError, Session, SessionError};
#[cfg(any(feature = "rsa", feature = "tls"))]
use std::sync::LazyLock;

use super::script::Script;

#[cfg(feature = "rsa")]
static KEYS: LazyLock<[PrivateKey; 2]> = LazyLock::new(|| {
    [354, 512].map(|bits| {
        let mut rng = SeededRng::from_seed([9; 32]);
        newkeys_with(KeySize::weak(bits).unwrap(), &mut rng).unwrap().1
    })
});

#[cfg(feature = "tls")]
static CONTEXTS: LazyLock<[TlsContext; 2]> = LazyLock::new(|| {
    [1, 2].map(|number| {
        let identity = rs2p::Identity::from_secret(&[number; 32]).unwrap();
        TlsContext::new(&identity, "mesh").unwrap()
    })
});

const MAX_STEPS: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plaintext,
    #[cfg(feature = "rsa")]
    Rsa,
    #[cfg(feature = "tls")]
    Tls,
}

const KINDS: &[Kind] = &[
    Kind::Plaintext,
    #[cfg(feature = "rsa")]
    Kind::Rsa,
    #[cfg(feature = "tls")]
    Kind::Tls,
];

pub(super) fn check(data: &[u8]) {
    let mut script = Script::new(data);
    let mut link = Link::new(script.pick(KINDS));
    for _ in 0..MAX_STEPS {
        if script.is_over() {
            break;
        }
        link.step(&mut script);
        link.check();
    }
    link.flush();
}

fn begin(kind: Kind) -> [Session; 2] {
    match kind {
        Kind::Plaintext => [Session::plaintext(), Session::plaintext()],
        #[cfg(feature = "rsa")]
        Kind::Rsa => [Role::Client, Role::Server].map(|role| {
            let place = usize::from(role == Role::Server);
            let seed = [u8::try_from(place).unwrap(); 32];
            let session = RsaSession::new(role, KEYS[place].clone(), Limits::ALONE, seed);
            Session::Rsa(Box::new(session))
        }),
        #[cfg(feature = "tls")]
        Kind::Tls => [CONTEXTS[0].dial(), CONTEXTS[1].accept()]
            .map(|session| Session::Tls(Box::new(session.unwrap()))),
    }
}

/// One end, and the way to it.
struct End {
    session: Session,
    /// What was given to it to be sent, and what it has got: message by message.
    sent: Vec<Vec<u8>>,
    got: Vec<Vec<u8>>,
    /// What is on its way to it.
    wire: Vec<u8>,
    error: Option<SessionError>,
    /// Whether its last turn left nothing to do.
    is_idle: bool,
    /// Whether it has said that it sends no more.
    is_over: bool,
}

struct Link {
    kind: Kind,
    ends: [End; 2],
    is_altered: bool,
}

impl Link {
    fn new(kind: Kind) -> Self {
        let end = |session| End {
            session,
            sent: Vec::new(),
            got: Vec::new(),
            wire: Vec::new(),
            error: None,
            is_idle: false,
            is_over: false,
        };
        Self { kind, ends: begin(kind).map(end), is_altered: false }
    }

    fn step(&mut self, script: &mut Script<'_>) {
        let choice = script.below(16);
        let side = script.below(2);
        match choice {
            0..=2 => self.send(side, script.text()),
            3 => self.send(side, &vec![b'l'; script.short() / 32]),
            4..=5 => self.turn(side, script.below(5)),
            6..=9 => self.arrive(side, script.short()),
            10..=11 => self.exchange(),
            12 => self.end(side),
            13 => self.alter(side, script.short(), script.byte()),
            _ => {
                self.exchange();
                self.exchange();
            }
        }
    }

    fn send(&mut self, side: usize, data: &[u8]) {
        let end = &mut self.ends[side];
        if end.is_over {
            return;
        }
        match end.session.send(data) {
            Ok(()) => end.sent.push(data.to_vec()),
            Err(SendError::Failed(error)) => assert_eq!(end.error, Some(error)),
            Err(SendError::Full) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// Says that it sends no more. What is under way to it under TLS counts no more either.
    fn end(&mut self, side: usize) {
        if self.ends[side].session.is_established() {
            self.ends[side].session.end();
            self.ends[side].is_over = true;
        }
    }

    /// Lets an end work.
    fn turn(&mut self, side: usize, budget: usize) {
        let (before, after) = self.ends.split_at_mut(1);
        let (end, other) = match side {
            0 => (&mut before[0], &mut after[0]),
            _ => (&mut after[0], &mut before[0]),
        };
        match end.session.step(budget) {
            Ok(progress) => {
                assert!(end.error.is_none(), "a failed session goes on");
                end.is_idle = progress.is_idle;
                end.got.extend(progress.messages.iter().map(|message| message.to_vec()));
            }
            Err(error) => assert_eq!(*end.error.get_or_insert(error), error),
        }
        while let Some(data) = end.session.take_transmit() {
            assert!(!data.is_empty());
            other.wire.extend_from_slice(&data);
        }
    }

    /// Lets some of what is under way to an end arrive.
    fn arrive(&mut self, side: usize, len: usize) {
        let end = &mut self.ends[side];
        let len = len.min(end.wire.len());
        let taken = end.session.received(&end.wire[..len]);
        assert!(taken <= len);
        end.wire.drain(..taken);
    }

    fn exchange(&mut self) {
        for side in [0, 1] {
            self.arrive(side, usize::MAX);
            self.turn(side, 64);
        }
    }

    /// Changes a byte that is under way, once.
    fn alter(&mut self, side: usize, at: usize, bits: u8) {
        if let Some(byte) = self.ends[side].wire.get_mut(at).filter(|_| !self.is_altered) {
            *byte ^= bits.max(1);
            self.is_altered = true;
        }
    }

    /// What an end has got is what the other has sent, from the beginning.
    fn check(&self) {
        for side in [0, 1] {
            let (got, sent) = (&self.ends[side].got, &self.ends[1 - side].sent);
            let holds = match self.kind {
                Kind::Plaintext => self.is_altered || sent.concat().starts_with(&got.concat()),
                #[cfg(feature = "rsa")]
                Kind::Rsa => sent.starts_with(got),
                #[cfg(feature = "tls")]
                Kind::Tls => sent.concat().starts_with(&got.concat()),
            };
            assert!(holds, "{:?}: got {got:?} of {sent:?}", self.kind);
            let error = self.ends[side].error;
            assert!(error.is_none() || self.is_altered, "{:?}: {error:?}", self.kind);
        }
    }

    /// Lets everything arrive. Where nothing was changed, it does.
    fn flush(&mut self) {
        for _ in 0..1_000 {
            self.exchange();
            self.check();
            let is_done = |end: &End| {
                let is_idle = end.is_idle || end.error.is_some();
                is_idle && end.wire.is_empty() && end.session.is_flushed()
            };
            if self.ends.iter().all(is_done) {
                break;
            }
        }
        self.exchange();
        self.check();
        if self.is_altered {
            return;
        }
        for side in [0, 1] {
            let end = &self.ends[side];
            assert!(end.session.is_established() && end.wire.is_empty(), "{:?}", self.kind);
            // What comes behind the own end counts no more, where there is a way to end.
            if !end.is_over {
                assert_eq!(end.got.concat(), self.ends[1 - side].sent.concat(), "{:?}", self.kind);
            }
        }
    }
}
