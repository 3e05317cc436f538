//! What the sessions of a node's connections are made of.

use super::Config;
use crate::error::ConfigError;
use crate::event::Direction;
#[cfg(feature = "tls")]
use crate::identity::Identity;
use crate::session::Session;
#[cfg(feature = "tls")]
use crate::session::tls::TlsContext;
use crate::wire::NodeId;

/// The encryption of a node's mesh: its name is in the protocol.
#[derive(Debug)]
pub(super) enum Encryption {
    Plaintext,
    #[cfg(feature = "tls")]
    Tls(TlsContext),
}

/// The name of the encryption that is none.
pub(super) const PLAINTEXT: &str = "Plaintext";

/// The name of py2p's RSA sockets.
pub(super) const PKCS1: &str = "PKCS1_v1.5";

/// The name of TLS 1.3 with raw public keys, in the version of it that is spoken here.
pub(super) const TLS: &str = "tls13-rpk/1";

/// All names.
pub(super) const NAMES: [&str; 3] = [PLAINTEXT, PKCS1, TLS];

impl Encryption {
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        match config.protocol.encryption() {
            PLAINTEXT => Ok(Self::Plaintext),
            #[cfg(feature = "tls")]
            TLS => {
                let identity = config.identity.as_ref().ok_or(ConfigError::NoIdentity)?;
                let context = TlsContext::new(identity, config.protocol.id());
                context.map(Self::Tls).map_err(|_| ConfigError::NoIdentity)
            }
            _ => Err(ConfigError::UnknownEncryption),
        }
    }

    /// The id that this node has to go by, where it can prove one.
    pub(super) fn id_to_prove(&self, config: &Config) -> Option<NodeId> {
        match self {
            Self::Plaintext => None,
            #[cfg(feature = "tls")]
            Self::Tls(_) => config.identity.as_ref().map(Identity::node_id),
        }
    }

    /// Begins the session of a connection; `None` where that cannot be done now.
    pub(super) fn begin(&self, direction: Direction) -> Option<Session> {
        match self {
            Self::Plaintext => Some(Session::plaintext()),
            #[cfg(feature = "tls")]
            Self::Tls(context) => {
                let session = match direction {
                    Direction::Outgoing => context.dial(),
                    Direction::Incoming => context.accept(),
                };
                session.map(|session| Session::Tls(Box::new(session)))
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
