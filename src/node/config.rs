//! What a user may choose about a node.

use std::time::Duration;

use super::AdmissionCheck;
use super::encryption::TLS;
use super::rules::{MAX_RULES, Rule, RuleKind};
use crate::error::ConfigError;
#[cfg(feature = "tls")]
use crate::identity::Identity;
#[cfg(feature = "tls")]
use crate::secret::MeshSecret;
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

/// How a node behaves and how much it is willing to take.
///
/// Every field has a default that suits a mesh of a few hundred nodes on a local or wide network.
/// Change fields on [`Config::new`]; a node checks them once, when it is made.
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
    /// The number of outgoing connections up to which the node dials peers that others tell it
    /// of. Connections that the user asks for count, and are not limited. 0 to follow no peers
    /// list. Default 8, as in py2p.
    pub max_outgoing: usize,
    /// The most incoming connections. Default 117, at least 1.
    pub max_incoming: usize,
    /// The most incoming connections that have not finished their handshakes. Of more, whoever is
    /// at the address that has most of them gives way, or the newcomer. Default 32, at least 1.
    pub max_pending: usize,
    /// The most incoming handshakes a second, where they cost work with keys: under TLS and RSA.
    /// What comes on top is closed before that work begins; of one IPv6 /48, what comes on top of a
    /// quarter. Default 50, 1 to 1,000,000.
    pub max_handshakes: usize,
    /// The most of them at once, after a quiet time. Default 128, 1 to
    /// 1,000,000.
    pub max_handshake_burst: usize,
    /// The most of them a second from one IP address; the addresses of one IPv6 /64 count as one,
    /// and this machine's own are not counted. Default 4, 1 to 1,000,000.
    pub max_handshakes_per_ip: usize,
    /// The most of those at once, after a quiet time. Default 8, 1 to 1,000,000.
    pub max_handshake_burst_per_ip: usize,
    /// The longest message in bytes, in a frame and decompressed, sent and received. Each
    /// connection may hold as much. Default 4 MiB, 1 KiB to 64 MiB.
    pub max_frame_len: usize,
    /// The longest frame in bytes before a peer's handshake is done. Default 4 KiB, at least
    /// 1 KiB.
    pub max_handshake_len: usize,
    /// The most packets of one message, its four header packets included. Default 1,024, at
    /// least 16.
    pub max_packets: usize,
    /// The most bytes that wait for one neighbor; what comes on top is refused, not queued.
    /// Default 8 MiB, at least `max_frame_len`.
    pub max_backlog_len: usize,
    /// How long a dialled address may take to answer. Default 10 s.
    pub connect_timeout: Duration,
    /// How long a peer may take for its handshake once connected. Default 5 s.
    pub handshake_timeout: Duration,
    /// How long bytes may wait for a neighbor that takes none of them before it is cut. Default
    /// 20 s.
    pub stall_timeout: Duration,
    /// How long an ending connection may take to send what is queued. Default 5 s.
    pub linger_timeout: Duration,
    /// How long a node may take to be located, dialled and met. Default 10 s.
    pub locate_timeout: Duration,
    /// The most locates and whispers to distant nodes under way at once, and the most questions,
    /// others' included, that the node remembers, each for twice `locate_timeout`. Default 1,024,
    /// at least 1.
    pub max_requests: usize,
    /// The bytes that each of the node's two memories of messages may take: of those seen, at
    /// about 40 a message, and of the contents that py2p nodes may repeat, at about 56. Default
    /// 64 MiB, at least 64 KiB. They grow as needed.
    pub max_seen_len: usize,
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
            max_outgoing: 8,
            max_incoming: 117,
            max_pending: 32,
            max_handshakes: 50,
            max_handshake_burst: 128,
            max_handshakes_per_ip: 4,
            max_handshake_burst_per_ip: 8,
            max_frame_len: 4 << 20,
            max_handshake_len: 4 << 10,
            max_packets: 1_024,
            max_backlog_len: 8 << 20,
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(20),
            linger_timeout: Duration::from_secs(5),
            locate_timeout: Duration::from_secs(10),
            max_requests: 1_024,
            max_seen_len: 64 << 20,
        }
    }

    /// Whether a node can live with these values.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the first field out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let at_least = |field, value: usize, min| {
            if value < min { Err(ConfigError::TooSmall { field, min }) } else { Ok(()) }
        };
        let at_most = |field, value: usize, max| {
            if value > max { Err(ConfigError::TooLarge { field, max }) } else { Ok(()) }
        };
        at_least("max_incoming", self.max_incoming, 1)?;
        at_least("max_pending", self.max_pending, 1)?;
        for (field, value) in [
            ("max_handshakes", self.max_handshakes),
            ("max_handshake_burst", self.max_handshake_burst),
            ("max_handshakes_per_ip", self.max_handshakes_per_ip),
            ("max_handshake_burst_per_ip", self.max_handshake_burst_per_ip),
        ] {
            at_least(field, value, 1)?;
            at_most(field, value, 1_000_000)?;
        }
        for kind in [RuleKind::Allow, RuleKind::Deny] {
            let count = self.rules.iter().filter(|rule| rule.kind == kind).count();
            at_most("rules", count, MAX_RULES)?;
        }
        at_least("max_frame_len", self.max_frame_len, 1 << 10)?;
        at_most("max_frame_len", self.max_frame_len, 64 << 20)?;
        at_least("max_handshake_len", self.max_handshake_len, 1 << 10)?;
        at_least("max_packets", self.max_packets, 16)?;
        at_least("max_backlog_len", self.max_backlog_len, self.max_frame_len)?;
        at_least("max_requests", self.max_requests, 1)?;
        if let Some(address) = &self.out_addr {
            // The longest that others read in a handshake.
            at_most("out_addr", address.host.len(), 255)?;
            at_least("out_addr", usize::from(address.port), 1)?;
        }
        for (field, value) in [
            ("connect_timeout", self.connect_timeout),
            ("handshake_timeout", self.handshake_timeout),
            ("stall_timeout", self.stall_timeout),
            ("linger_timeout", self.linger_timeout),
            ("locate_timeout", self.locate_timeout),
        ] {
            let min = Duration::from_millis(1);
            if value < min {
                return Err(ConfigError::TooShort { field, min });
            }
        }
        at_least("max_seen_len", self.max_seen_len, 64 << 10)?;
        self.check_encryption()
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
    pub(super) fn signs(&self) -> bool {
        self.protocol.encryption() == TLS && self.signatures != Signatures::Never
    }

    pub(super) fn decode_limits(&self) -> DecodeLimits {
        DecodeLimits { max_body_len: self.max_frame_len, max_packets: self.max_packets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_in_which_nothing_can_happen_is_refused() {
        let mut config = Config::new(Protocol::new("mesh", "Plaintext"));
        config.stall_timeout = Duration::from_micros(999);
        let min = Duration::from_millis(1);
        assert_eq!(config.check(), Err(ConfigError::TooShort { field: "stall_timeout", min }));
        config.stall_timeout = min;
        assert_eq!(config.check(), Ok(()));
    }

    #[cfg(feature = "tls")]
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

    #[test]
    fn the_defaults_make_a_node_and_each_limit_holds_at_its_edge() {
        let good = || Config::new(Protocol::new("mesh", "Plaintext"));
        assert_eq!(good().check(), Ok(()));
        type Set = fn(&mut Config, usize);
        let limits: [(Set, usize, &str); 12] = [
            (|config, value| config.max_incoming = value, 1, "max_incoming"),
            (|config, value| config.max_pending = value, 1, "max_pending"),
            (|config, value| config.max_handshakes = value, 1, "max_handshakes"),
            (|config, value| config.max_handshake_burst = value, 1, "max_handshake_burst"),
            (|config, value| config.max_handshakes_per_ip = value, 1, "max_handshakes_per_ip"),
            (
                |config, value| config.max_handshake_burst_per_ip = value,
                1,
                "max_handshake_burst_per_ip",
            ),
            (|config, value| config.max_frame_len = value, 1 << 10, "max_frame_len"),
            (|config, value| config.max_handshake_len = value, 1 << 10, "max_handshake_len"),
            (|config, value| config.max_packets = value, 16, "max_packets"),
            (|config, value| config.max_backlog_len = value, 4 << 20, "max_backlog_len"),
            (|config, value| config.max_requests = value, 1, "max_requests"),
            (|config, value| config.max_seen_len = value, 64 << 10, "max_seen_len"),
        ];
        for (set, min, field) in limits {
            let mut config = good();
            set(&mut config, min);
            assert_eq!(config.check(), Ok(()), "{field}");
            set(&mut config, min - 1);
            assert_eq!(config.check(), Err(ConfigError::TooSmall { field, min }));
        }
        let mut config = good();
        config.max_frame_len = (64 << 20) + 1;
        let too_large = ConfigError::TooLarge { field: "max_frame_len", max: 64 << 20 };
        assert_eq!(config.check(), Err(too_large));
    }
}
