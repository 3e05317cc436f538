//! Choosing what a mesh socket is to be like.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use rand::TryRng;
use rand::rngs::SysRng;

#[cfg(feature = "chaos")]
use crate::driver::Chaos;
#[cfg(feature = "sim")]
use crate::driver::Recorder;
use crate::driver::{self, Extras, InboxFull, InboxLimits, Started};
use crate::error::{BindError, ConfigError};
#[cfg(feature = "tls")]
use crate::identity::Identity;
use crate::node::{
    self, AddressBook, Admission, AdmissionCheck, Candidate, Config, Rule, RuleKind, Subject,
};
#[cfg(feature = "tls")]
use crate::secret::MeshSecret;
use crate::socket::{MeshSocket, resolve};
use crate::wire::{Address, Compressions, NodeId, Protocol};

/// How the connections of a mesh are encrypted. Its name is part of the protocol, so meshes of
/// different encryption never mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encryption {
    /// Not at all: everybody on the way can read and change everything. What py2p does.
    Plaintext,
    /// py2p's RSA sockets, for the company of py2p nodes that have them. Legacy: nobody proves who
    /// they are, so whoever sits in between reads and changes everything, and what was recorded can
    /// be read by whoever gets a key later. Messages have 64 KiB at most.
    #[cfg(feature = "rsa")]
    Rsa,
    /// TLS 1.3, in which every node proves the key that its id is made of: see
    /// [`Builder::identity`].
    #[cfg(feature = "tls")]
    Tls,
}

impl Encryption {
    /// What a mesh is encrypted by where nobody chooses: TLS, in a build that has it.
    #[cfg(feature = "tls")]
    pub const DEFAULT: Option<Self> = Some(Self::Tls);

    /// What a mesh is encrypted by where nobody chooses: TLS, in a build that has it.
    #[cfg(not(feature = "tls"))]
    pub const DEFAULT: Option<Self> = None;

    /// The name in the protocol id.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plaintext => node::PLAINTEXT,
            #[cfg(feature = "rsa")]
            Self::Rsa => node::PKCS1,
            #[cfg(feature = "tls")]
            Self::Tls => node::TLS,
        }
    }

    /// Whether every node proves to be who it says it is.
    pub const fn is_authenticated(self) -> bool {
        match self {
            Self::Plaintext => false,
            #[cfg(feature = "rsa")]
            Self::Rsa => false,
            #[cfg(feature = "tls")]
            Self::Tls => true,
        }
    }
}

/// Collects what a [`MeshSocket`] is to be like. Made by [`MeshSocket::builder`].
#[derive(Clone, Debug)]
#[must_use = "nothing is opened before `bind`"]
pub struct Builder {
    subnet: String,
    encryption: Option<Encryption>,
    config: Config,
    inbox: InboxLimits,
    seeds: Vec<(SocketAddr, Option<NodeId>)>,
    extras: Extras,
    book: AddressBook,
    /// What gives it to the node. A program that has none to give is to have nothing of that in it.
    give_book: fn(&Started, AddressBook),
}

impl MeshSocket {
    /// A socket with the defaults, to be changed and bound.
    pub fn builder() -> Builder {
        Builder {
            subnet: "mesh".to_owned(),
            encryption: Encryption::DEFAULT,
            config: Config::new(Protocol::new("mesh", Encryption::Plaintext.name())),
            inbox: InboxLimits { count: 4_096, len: 64 << 20, full: InboxFull::Discard },
            seeds: Vec::new(),
            extras: Extras::default(),
            book: AddressBook::default(),
            give_book: |_, _| {},
        }
    }
}

impl Builder {
    /// The name that keeps this mesh apart from others. Default `mesh`, as in py2p.
    pub fn subnet(mut self, subnet: &str) -> Self {
        subnet.clone_into(&mut self.subnet);
        self
    }

    /// The encryption of the mesh's connections. Default [`Encryption::DEFAULT`]: TLS in a build
    /// with the feature `tls`; another has no default. The company of py2p nodes is asked for in so
    /// many words: [`Encryption::Plaintext`], or `Encryption::Rsa` where they have that.
    pub fn encryption(mut self, encryption: Encryption) -> Self {
        self.encryption = Some(encryption);
        self
    }

    /// The key that the node proves to have, and that its id is made of. Default: a new one, for
    /// this socket alone. Only [`Encryption::Tls`] uses it.
    #[cfg(feature = "tls")]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.config.identity = Some(identity);
        self
    }

    /// What every peer must prove to know before it becomes a neighbor. All nodes of the mesh have
    /// the same, or none has one. Default: none, and everybody may join. Only [`Encryption::Tls`]
    /// takes one.
    #[cfg(feature = "tls")]
    pub fn secret(mut self, secret: MeshSecret) -> Self {
        self.config.secret = Some(secret);
        self
    }

    /// Where others can reach this node, if that is not where it binds: behind a port forwarding,
    /// say. Default: where it binds; where it binds every address of the machine, the one that
    /// the machine would send from. Other nodes dial it on somebody's word only if it is an IP
    /// address with a port of 1,024 or above: see PROTOCOL.md §3.2.
    pub fn out_addr(mut self, address: impl Into<Address>) -> Self {
        self.config.out_addr = Some(address.into());
        self
    }

    /// The number of outgoing connections up to which the node dials others of its own accord: those
    /// that others tell it of, and those that it knows from before. Default 8; 0 keeps the shape that
    /// the calls of [`MeshSocket::connect`] make.
    pub fn max_outgoing(mut self, count: usize) -> Self {
        self.config.limits.max_outgoing = count;
        self
    }

    /// The compression methods that the node announces and uses. Default: all of this build.
    pub fn compressions(mut self, methods: Compressions) -> Self {
        self.config.compressions = methods;
        self
    }

    /// An address to keep a connection to, as [`MeshSocket::add_seed`] does. May be called for
    /// each of several.
    pub fn seed(mut self, addr: SocketAddr) -> Self {
        self.seeds.push((addr, None));
        self
    }

    /// An address to keep a connection to while this node answers there, as
    /// [`MeshSocket::add_seed_peer`] does.
    pub fn seed_peer(mut self, addr: SocketAddr, id: NodeId) -> Self {
        self.seeds.push((addr, Some(id)));
        self
    }

    /// Addresses that an earlier run has kept: see [`MeshSocket::address_book`]. The node dials some
    /// of them within its first seconds, the anchors first, up to [`Builder::max_outgoing`].
    pub fn address_book(mut self, book: AddressBook) -> Self {
        (self.book, self.give_book) = (book, give);
        self
    }

    /// Somebody who may join, as [`MeshSocket::allow`] has it, from the beginning: with the first
    /// such call nobody else may.
    pub fn allow(mut self, subject: impl Into<Subject>, lifetime: Option<Duration>) -> Self {
        let (kind, subject) = (RuleKind::Allow, subject.into());
        self.config.rules.push(Rule { kind, subject, lifetime });
        self
    }

    /// Somebody who may not join, as [`MeshSocket::deny`] has it, from the beginning.
    pub fn deny(mut self, subject: impl Into<Subject>, lifetime: Option<Duration>) -> Self {
        let (kind, subject) = (RuleKind::Deny, subject.into());
        self.config.rules.push(Rule { kind, subject, lifetime });
        self
    }

    /// Lets this function judge everybody who would become a neighbor, after the rules and the
    /// secret of the mesh. It is called on the event loop, and must not wait: a call of the socket
    /// that has to wait for the loop is answered there as that of a closed one.
    ///
    /// ```
    /// use rs2p::{Admission, MeshSocket};
    ///
    /// let builder = MeshSocket::builder().admission(|candidate| {
    ///     if candidate.is_id_proven { Admission::Allow } else { Admission::Deny("a stranger") }
    /// });
    /// # drop(builder);
    /// ```
    pub fn admission(
        mut self,
        check: impl Fn(&Candidate) -> Admission + Send + Sync + 'static,
    ) -> Self {
        self.config.admission = Some(AdmissionCheck::new(check));
        self
    }

    /// The most messages that wait to be received. Default 4,096, at least 1. Beyond, the oldest
    /// are discarded and counted: see [`RecvError::Lagged`](crate::RecvError::Lagged).
    pub fn max_inbox_count(mut self, count: usize) -> Self {
        self.inbox.count = count;
        self
    }

    /// The most bytes of messages that wait to be received. Default 64 MiB. Beyond, the oldest
    /// are discarded and counted; one message may exceed it alone.
    pub fn max_inbox_len(mut self, len: usize) -> Self {
        self.inbox.len = len;
        self
    }

    /// What becomes of messages when as many wait to be received as may. Default
    /// [`InboxFull::Discard`].
    pub fn inbox_full(mut self, full: InboxFull) -> Self {
        self.inbox.full = full;
        self
    }

    /// Writes down what happens to the node: its record can be run again, line by line, with
    /// [`Replay`](crate::record::Replay) or `rs2p replay`. A recorder is for one node.
    #[cfg(feature = "sim")]
    pub fn record(mut self, recorder: &Recorder) -> Self {
        self.extras.tape = Some(recorder.tape());
        self
    }

    /// Makes the network of this node bad, for tests: delays what it reads, breaks its connections,
    /// and so on. The node says so in its log.
    #[cfg(feature = "chaos")]
    pub fn chaos(mut self, chaos: &Chaos) -> Self {
        self.extras.chaos = Some(chaos.clone());
        self
    }

    /// Changes any field of the node's configuration. Its protocol follows from
    /// [`Builder::subnet`] and [`Builder::encryption`].
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Opens the socket and starts its event loop. `addr` is where it listens: the first of its
    /// addresses that can be bound. Port 0 lets the operating system choose one.
    ///
    /// # Errors
    ///
    /// [`BindError`]; then nothing was started.
    pub fn bind(self, addr: impl ToSocketAddrs) -> Result<MeshSocket, BindError> {
        let encryption = self.encryption.ok_or(BindError::NoEncryption)?;
        if self.inbox.count == 0 {
            let too_small = ConfigError::TooSmall { field: "max_inbox_count", min: 1 };
            return Err(BindError::Config(too_small));
        }
        let addrs = resolve(&addr).map_err(BindError::Resolve)?;
        let protocol = Protocol::new(&self.subnet, encryption.name());
        let config = Config { protocol: protocol.clone(), ..self.config };
        #[cfg(feature = "tls")]
        let config = with_identity(config, encryption)?;
        let mut seed = [0; 32];
        SysRng.try_fill_bytes(&mut seed).map_err(|error| BindError::Io(io::Error::other(error)))?;
        let started = driver::bind(&addrs, config, self.inbox, seed, self.extras)?;
        for (addr, id) in self.seeds {
            started.handle.tell(move |daemon| {
                let (node, now) = daemon.node();
                match id {
                    Some(id) => node.add_seed_peer(now, addr, id),
                    None => node.add_seed(now, addr),
                }
            });
        }
        (self.give_book)(&started, self.book);
        Ok(MeshSocket::new(started, protocol))
    }
}

/// Gives a node that was started an address book.
fn give(started: &Started, book: AddressBook) {
    started.handle.tell(move |daemon| {
        let (node, now) = daemon.node();
        node.take_address_book(now, &book);
    });
}

/// Makes a key for this socket alone where one is needed and none was given.
#[cfg(feature = "tls")]
fn with_identity(mut config: Config, encryption: Encryption) -> Result<Config, BindError> {
    if encryption == Encryption::Tls && config.identity.is_none() {
        let identity = Identity::generate().map_err(|error| BindError::Io(io::Error::other(error)));
        config.identity = Some(identity?);
    }
    Ok(config)
}
