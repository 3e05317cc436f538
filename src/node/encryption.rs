//! What the sessions of a node's connections are made of.

#[cfg(feature = "rsa")]
use std::collections::VecDeque;

#[cfg(feature = "rsa")]
use rand::RngExt;
use rand::rngs::StdRng;

use super::Config;
use crate::error::ConfigError;
use crate::event::Direction;
#[cfg(feature = "tls")]
use crate::identity::Identity;
#[cfg(feature = "rsa")]
use crate::rsa::PrivateKey;
use crate::session::Session;
#[cfg(feature = "rsa")]
use crate::session::rsa::{Limits, Role, RsaSession};
#[cfg(feature = "tls")]
use crate::session::tls::TlsContext;
use crate::wire::NodeId;
#[cfg(feature = "rsa")]
use crate::wire::SIZE_HEADER_LEN;

/// The encryption of a node's mesh: its name is in the protocol.
#[derive(Debug)]
pub(super) enum Encryption {
    Plaintext,
    #[cfg(feature = "rsa")]
    Rsa(KeyPool),
    #[cfg(feature = "tls")]
    Tls(TlsContext),
}

/// Keys that no connection has used yet. Each serves one: a key that several use tells whoever opens
/// one of them what is said on the others, a question at a time.
#[cfg(feature = "rsa")]
#[derive(Debug, Default)]
pub(super) struct KeyPool {
    keys: VecDeque<PrivateKey>,
}

/// How many keys lie ready.
#[cfg(feature = "rsa")]
pub(super) const POOL_COUNT: usize = 4;

/// The longest message under RSA, whose encryption costs a millisecond for about two hundred bytes.
#[cfg(feature = "rsa")]
const MAX_RSA_FRAME_LEN: usize = Limits::MESH.max_message_len - SIZE_HEADER_LEN;

/// The session of a connection.
pub(super) enum Beginning {
    Now(Session),
    /// When there is a key for it.
    #[cfg(feature = "rsa")]
    Later,
    /// There is no entropy for it.
    #[cfg(feature = "tls")]
    Never,
}

/// The name of the encryption that is none.
pub(crate) const PLAINTEXT: &str = "Plaintext";

/// The name of py2p's RSA sockets.
pub(crate) const PKCS1: &str = "PKCS1_v1.5";

/// The name of TLS 1.3 with raw public keys, in the version of it that is spoken here.
pub(crate) const TLS: &str = "tls13-rpk/1";

/// All names.
pub(super) const NAMES: [&str; 3] = [PLAINTEXT, PKCS1, TLS];

impl Encryption {
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        match config.protocol.encryption() {
            PLAINTEXT => Ok(Self::Plaintext),
            #[cfg(feature = "rsa")]
            PKCS1 => Ok(Self::Rsa(KeyPool::default())),
            #[cfg(feature = "tls")]
            TLS => {
                let identity = config.identity.as_ref().ok_or(ConfigError::NoIdentity)?;
                let context = TlsContext::new(identity, config.protocol.id());
                context.map(Self::Tls).map_err(|_| ConfigError::NoIdentity)
            }
            _ => Err(ConfigError::UnknownEncryption),
        }
    }

    /// Whether frames stand on the connections as they are. Known when a build is made that has
    /// nothing else, and then the compiler leaves out all that is for other encryptions.
    pub(super) fn is_plaintext(&self) -> bool {
        matches!(self, Self::Plaintext)
    }

    pub(super) fn is_rsa(&self) -> bool {
        #[cfg(feature = "rsa")]
        return matches!(self, Self::Rsa(_));
        #[cfg(not(feature = "rsa"))]
        return false;
    }

    /// Whether every peer proves the id that it goes by.
    pub(super) fn proves_ids(&self) -> bool {
        #[cfg(feature = "tls")]
        return matches!(self, Self::Tls(_));
        #[cfg(not(feature = "tls"))]
        return false;
    }

    /// Lowers the limits that the encryption cannot keep.
    #[cfg_attr(
        not(feature = "rsa"),
        expect(unused_variables, reason = "of those in such a build, all can keep them")
    )]
    pub(super) fn limit(&self, config: &mut Config) {
        match self {
            Self::Plaintext => {}
            #[cfg(feature = "rsa")]
            Self::Rsa(_) => {
                config.limits.max_frame_len = config.limits.max_frame_len.min(MAX_RSA_FRAME_LEN)
            }
            #[cfg(feature = "tls")]
            Self::Tls(_) => {}
        }
    }

    /// The id that this node has to go by, where it can prove one.
    #[cfg_attr(
        not(feature = "tls"),
        expect(unused_variables, reason = "of those in such a build, none can")
    )]
    pub(super) fn id_to_prove(&self, config: &Config) -> Option<NodeId> {
        match self {
            Self::Plaintext => None,
            #[cfg(feature = "rsa")]
            Self::Rsa(_) => None,
            #[cfg(feature = "tls")]
            Self::Tls(_) => config.identity.as_ref().map(Identity::node_id),
        }
    }

    /// The number of keys that lie ready, where keys are used up.
    #[cfg(feature = "rsa")]
    pub(super) fn keys(&self) -> Option<usize> {
        if let Self::Rsa(pool) = self { Some(pool.keys.len()) } else { None }
    }

    /// Puts a key into the pool, if there is one.
    #[cfg(feature = "rsa")]
    pub(super) fn supply(&mut self, key: PrivateKey) {
        if let Self::Rsa(pool) = self {
            if pool.keys.len() < POOL_COUNT {
                pool.keys.push_back(key);
            }
        }
    }

    /// Begins the session of a connection.
    pub(super) fn begin(&mut self, direction: Direction, rng: &mut StdRng) -> Beginning {
        // Of those that are left in a build, none may need them.
        let _ = (direction, &rng);
        match self {
            Self::Plaintext => Beginning::Now(Session::plaintext()),
            #[cfg(feature = "rsa")]
            Self::Rsa(pool) => {
                let role = match direction {
                    Direction::Outgoing => Role::Client,
                    Direction::Incoming => Role::Server,
                };
                let mut session = |key| RsaSession::new(role, key, Limits::MESH, rng.random());
                pool.keys.pop_front().map_or(Beginning::Later, |key| {
                    Beginning::Now(Session::Rsa(Box::new(session(key))))
                })
            }
            #[cfg(feature = "tls")]
            Self::Tls(context) => {
                let session = match direction {
                    Direction::Outgoing => context.dial(),
                    Direction::Incoming => context.accept(),
                };
                session.map_or(Beginning::Never, |session| {
                    Beginning::Now(Session::Tls(Box::new(session)))
                })
            }
        }
    }
}

/// The encryption that a stream begins with, where its first four bytes tell it.
pub(super) fn recognize(first: [u8; 4]) -> Option<&'static str> {
    match first {
        // "Requesting key size"
        [b'R', b'e', b'q', b'u'] => Some(PKCS1),
        // A record of the handshake, or an alert (RFC 8446, 5.1).
        [0x15 | 0x16, 0x03, _, _] => Some(TLS),
        // A frame of less than 64 KiB.
        [0x00, 0x00, _, _] => Some(PLAINTEXT),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encryption_is_told_by_its_first_bytes() {
        assert_eq!(recognize(*b"Requ"), Some(PKCS1));
        assert_eq!(recognize([0x16, 3, 1, 0]), Some(TLS));
        assert_eq!(recognize([0x15, 3, 3, 0]), Some(TLS));
        assert_eq!(recognize([0, 0, 1, 0x54]), Some(PLAINTEXT));
        assert_eq!(recognize(*b"GET "), None);
    }
}
