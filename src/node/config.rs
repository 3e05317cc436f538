//! What a user may choose about a node.

use super::AdmissionCheck;
#[cfg(feature = "rsa")]
use super::encryption::PKCS1;
use super::encryption::TLS;
use super::ledger::CONNECTION_LEN;
use super::limits::Limits;
use super::rules::{MAX_RULES, Rule, RuleKind};
use crate::error::ConfigError;
#[cfg(feature = "tls")]
use crate::identity::Identity;
#[cfg(feature = "tls")]
use crate::secret::MeshSecret;
#[cfg(feature = "rsa")]
use crate::session::rsa;
#[cfg(feature = "tls")]
use crate::session::tls;
use crate::wire::{Address, Compressions, DecodeLimits, NodeId, Protocol};

/// When, and by which method, a node compresses what it sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compress {
    /// By gzip, from 512 bytes on, where the result is shorter, and never what came uncompressed
    /// from the node before.
    #[default]
    WhenItPays,
    /// Every message, as py2p does, by the first of this node's methods that the neighbor reads.
    Always,
    /// Never.
    Never,
}

/// For scenarios, and records of nodes.
#[cfg(feature = "sim")]
impl Compress {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WhenItPays => "when-it-pays",
            Self::Always => "always",
            Self::Never => "never",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::WhenItPays, Self::Always, Self::Never].into_iter().find(|it| it.name() == name)
    }
}

/// Whether the broadcasts of a mesh are signed by those who make them. All its nodes must choose
/// alike: those that sign and those that do not, do not meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Signatures {
    /// Where nodes prove their ids, which is under TLS.
    #[default]
    WhereProven,
    /// Yes; a node under an encryption that proves no ids is not made.
    Always,
    /// No: neighbors are proven, and every node can change what it passes on.
    Never,
}

/// How a node behaves.
///
/// Every field but the protocol has a default. Change fields on [`Config::new`]; a node checks them
/// once, when it is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The mesh that the node belongs to.
    pub protocol: Protocol,
    /// Where others can reach the node, as it tells them; `None` to tell nobody. A
    /// [`MeshSocket`](crate::MeshSocket) puts the address there that it binds. Others dial it on
    /// somebody's word only if it is an IP address with a port of 1,024 or above.
    pub out_addr: Option<Address>,
    /// The id that the node goes by; `None` to make one from `out_addr`, the protocol and a
    /// random salt, as py2p does.
    pub id: Option<NodeId>,
    /// The key that makes the node's id, and that it proves to every peer. Under TLS there must be
    /// one, and [`Config::id`] is not used; under other encryptions it is not used.
    #[cfg(feature = "tls")]
    pub identity: Option<Identity>,
    /// Whether broadcasts are signed, so that no node on the way can make or change one in another's
    /// name. A signature takes the sender and each receiver some tens of microseconds, and 98
    /// bytes. Default: where ids are proven.
    pub signatures: Signatures,
    /// What every peer must prove to know before it becomes a neighbor; `None` to ask for nothing.
    /// Only under TLS: nothing can be proven under another encryption.
    #[cfg(feature = "tls")]
    pub secret: Option<MeshSecret>,
    /// Who may join and who may not, from the beginning; more can be said later. At most 4,096 of
    /// each kind. Default: none, so that everybody may. The configuration of a node that has been
    /// made has none left: see [`Node::rules`](super::Node::rules).
    pub rules: Vec<Rule>,
    /// The last judge of everybody who would become a neighbor; `None` to take all that the rules
    /// and the secret let through.
    pub admission: Option<AdmissionCheck>,
    /// The compression methods that the node announces and uses, of those in this build.
    /// Default: all of them.
    pub compressions: Compressions,
    /// When the node compresses. Default: when it pays.
    pub compress: Compress,
    /// Whether the node tells others what it can do beyond the 0.2 protocol. Without it, it is a
    /// py2p node to them. Under TLS it must. Default true.
    pub extension: bool,
    /// Whether the rules that keep one network from having too much of a node hold for private
    /// networks too: [`Limits::max_per_ip`], [`Limits::max_per_subnet`], the shares of handshakes,
    /// and the spread of outgoing connections over networks. They never hold on this machine's own
    /// addresses. Default false: the nodes of a local network are all in one. Choose true where
    /// strangers reach a node over private addresses, as behind some forwarders.
    pub counts_private: bool,
    /// How much the node is willing to take, and how long it waits.
    pub limits: Limits,
}

impl Config {
    /// The defaults, for a node of this protocol.
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            out_addr: None,
            id: None,
            #[cfg(feature = "tls")]
            identity: None,
            signatures: Signatures::WhereProven,
            #[cfg(feature = "tls")]
            secret: None,
            rules: Vec::new(),
            admission: None,
            compressions: Compressions::supported(),
            compress: Compress::WhenItPays,
            extension: true,
            counts_private: false,
            limits: Limits::default(),
        }
    }

    /// Whether a node can live with these values.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the first field out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let at_most = |field, value: usize, max| {
            if value > max { Err(ConfigError::TooLarge { field, max }) } else { Ok(()) }
        };
        self.limits.check_ranges()?;
        for kind in [RuleKind::Allow, RuleKind::Deny] {
            let count = self.rules.iter().filter(|rule| rule.kind == kind).count();
            at_most("rules", count, MAX_RULES)?;
        }
        if let Some(address) = &self.out_addr {
            // The longest that others read in a handshake.
            at_most("out_addr", address.host.len(), 255)?;
            if address.port == 0 {
                return Err(ConfigError::TooSmall { field: "out_addr", min: 1 });
            }
        }
        self.limits.check_memory(self.connection_len())?;
        self.check_encryption()
    }

    /// The least [`Limits::max_memory`] that goes with the other limits and the encryption. Three quarters
    /// of it are what these may add up to: both memories of messages, what is held for others, what can
    /// be explained, questions, all connections that others open and the node opens of its own accord,
    /// one neighbor's queue, and four of the longest frames on their way in.
    pub fn least_memory(&self) -> usize {
        self.limits.least_memory(self.connection_len())
    }

    /// The bytes of memory that a connection takes which holds nothing.
    pub(super) fn connection_len(&self) -> usize {
        let session_len = match self.protocol.encryption() {
            #[cfg(feature = "rsa")]
            PKCS1 => rsa::SESSION_LEN,
            #[cfg(feature = "tls")]
            TLS => tls::SESSION_LEN,
            _ => 0,
        };
        CONNECTION_LEN + session_len
    }

    /// Whether what was chosen goes with the encryption.
    fn check_encryption(&self) -> Result<(), ConfigError> {
        let is_tls = self.protocol.encryption() == TLS;
        #[cfg(feature = "tls")]
        if self.secret.is_some() && !is_tls {
            return Err(ConfigError::SecretWithoutTls);
        }
        match self.signatures {
            Signatures::Always if !is_tls => Err(ConfigError::NoSignatures),
            _ if is_tls && !self.extension => Err(ConfigError::NoExtension),
            _ => Ok(()),
        }
    }

    /// Whether the node signs its broadcasts, and takes no others.
    #[cfg(feature = "tls")]
    pub(crate) fn signs(&self) -> bool {
        self.protocol.encryption() == TLS && self.signatures != Signatures::Never
    }

    pub(crate) fn decode_limits(&self) -> DecodeLimits {
        let Limits { max_frame_len, max_packets, .. } = self.limits;
        DecodeLimits { max_body_len: max_frame_len, max_packets }
    }
}

#[cfg(all(test, feature = "tls"))]
mod tests {
    use super::*;

    #[test]
    fn t44_each_encryption_asks_for_the_memory_that_its_connections_take() {
        let mib = |encryption| {
            let mut config = Config::new(Protocol::new("mesh", encryption));
            let min = config.least_memory();
            for (max_memory, outcome) in
                [(min, Ok(())), (min - 1, Err(ConfigError::TooSmall { field: "max_memory", min }))]
            {
                config.limits.max_memory = max_memory;
                assert_eq!(config.check(), outcome);
            }
            min.div_ceil(1 << 20)
        };
        assert_eq!(["Plaintext", TLS].map(mib), [234, 239]);
        #[cfg(feature = "rsa")]
        assert_eq!(mib("PKCS1_v1.5"), 235);
    }

    #[test]
    fn signatures_need_proven_ids_and_the_extension() {
        let config = |encryption, signatures, extension| {
            let protocol = Protocol::new("mesh", encryption);
            Config { signatures, extension, ..Config::new(protocol) }
        };
        for (encryption, signatures, extension, outcome, signs) in [
            ("Plaintext", Signatures::WhereProven, false, Ok(()), false),
            ("Plaintext", Signatures::Always, true, Err(ConfigError::NoSignatures), false),
            ("PKCS1_v1.5", Signatures::Always, true, Err(ConfigError::NoSignatures), false),
            (TLS, Signatures::WhereProven, true, Ok(()), true),
            (TLS, Signatures::Always, true, Ok(()), true),
            (TLS, Signatures::Never, true, Ok(()), false),
            (TLS, Signatures::Never, false, Err(ConfigError::NoExtension), false),
            (TLS, Signatures::WhereProven, false, Err(ConfigError::NoExtension), true),
        ] {
            let config = config(encryption, signatures, extension);
            assert_eq!((config.check(), config.signs()), (outcome, signs), "{config:?}");
        }
    }
}
