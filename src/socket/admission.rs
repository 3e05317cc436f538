//! Who may join, and meeting nobody but whom one means.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use super::{Connecting, MeshSocket, resolve};
use crate::driver::answer;
use crate::error::{CloseReason, ConnectError, DialError, RuleError};
use crate::node::{Rule, RuleKind, Subject};
use crate::wire::NodeId;

impl MeshSocket {
    /// Connects to this node alone, at an address where it should be. Under TLS it has to prove
    /// that it is the one; in other meshes its id is what it says. Names are resolved on the calling
    /// thread, and each of their addresses is tried in turn.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] of the last address tried; where another node answered there, that is
    /// [`CloseReason::WrongPeer`].
    pub fn connect_to(&self, addr: impl ToSocketAddrs, id: &NodeId) -> Result<(), ConnectError> {
        let mut outcome = Err(ConnectError::SocketClosed);
        for addr in resolve(&addr).map_err(ConnectError::Resolve)? {
            outcome = self.start_connect_to(addr, id).wait();
            if outcome.is_ok() {
                break;
            }
        }
        match outcome {
            // By a connection to whoever answers, which was made or on its way before.
            Ok(other) | Err(ConnectError::Dial(DialError::AlreadyConnected(other)))
                if other != *id =>
            {
                Err(ConnectError::Closed(CloseReason::WrongPeer(other)))
            }
            outcome => outcome.map(|_| ()),
        }
    }

    fn start_connect_to(&self, addr: SocketAddr, id: &NodeId) -> Connecting {
        let id = *id;
        let (dialer, outcome) = answer();
        self.inner.started.handle.tell(move |daemon| daemon.dial_peer(addr, id, dialer));
        Connecting { outcome }
    }

    /// Keeps a connection to each of these addresses, as [`MeshSocket::add_seed`] does, while this
    /// node answers there. Under TLS it has to prove that it is the one.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] where the text names no address.
    pub fn add_seed_peer(&self, addr: impl ToSocketAddrs, id: &NodeId) -> io::Result<()> {
        let id = *id;
        for addr in resolve(&addr)? {
            self.inner.started.handle.tell(move |daemon| {
                let (node, now) = daemon.node();
                node.add_seed_peer(now, addr, id);
            });
        }
        Ok(())
    }

    /// Lets somebody join: a node by its id, or everybody at an address or in a
    /// [`Network`](crate::Network). While nobody was named so, everybody may; from the first call
    /// on, a peer must have been named by its id or its address. Those who are neighbors already
    /// stay. With a lifetime the entry expires by itself. When the last one is gone nobody may
    /// join; only [`MeshSocket::clear_rules`] opens the mesh again.
    ///
    /// # Errors
    ///
    /// [`RuleError`].
    pub fn allow(
        &self,
        subject: impl Into<Subject>,
        lifetime: Option<Duration>,
    ) -> Result<(), RuleError> {
        self.add_rule(Rule { kind: RuleKind::Allow, subject: subject.into(), lifetime })
    }

    /// Lets somebody join no more, whatever else is said of them, and ends the connections to them.
    /// Without a lifetime that is for good; with one they may come again after it.
    ///
    /// An address is neither dialled nor spoken with. An id is known once the peer has proven it
    /// under TLS; in other meshes it is what a peer says, and whoever is denied can say another.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use rs2p::{Encryption, MeshSocket, Network};
    ///
    /// let node = MeshSocket::builder().encryption(Encryption::Plaintext).bind("127.0.0.1:0")?;
    /// let network: Network = "192.0.2.0/24".parse()?;
    /// node.deny(network, Some(Duration::from_secs(3_600)))?;
    /// let outcome = node.connect("192.0.2.7:4444");
    /// assert!(outcome.unwrap_err().to_string().starts_with("not to be dialled"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RuleError`].
    pub fn deny(
        &self,
        subject: impl Into<Subject>,
        lifetime: Option<Duration>,
    ) -> Result<(), RuleError> {
        self.add_rule(Rule { kind: RuleKind::Deny, subject: subject.into(), lifetime })
    }

    fn add_rule(&self, rule: Rule) -> Result<(), RuleError> {
        let added = self.inner.started.handle.ask(move |daemon| {
            let (node, now) = daemon.node();
            node.add_rule(now, rule)
        });
        added.unwrap_or(Err(RuleError::Closed))
    }

    /// Takes back what [`MeshSocket::allow`] or [`MeshSocket::deny`] has said of somebody. Returns
    /// whether there was something to take back. When nobody is left who was allowed, nobody may
    /// join.
    pub fn remove_rule(&self, kind: RuleKind, subject: impl Into<Subject>) -> bool {
        let subject = subject.into();
        let removed = self.inner.started.handle.ask(move |daemon| {
            let (node, now) = daemon.node();
            node.remove_rule(now, kind, &subject)
        });
        removed.unwrap_or(false)
    }

    /// Takes back everything of one kind. Without a list of those allowed, everybody may join.
    pub fn clear_rules(&self, kind: RuleKind) {
        self.inner.started.handle.tell(move |daemon| daemon.node().0.clear_rules(kind));
    }

    /// The rules that hold, with the time that is left of each; none once the socket is closed.
    pub fn rules(&self) -> Vec<Rule> {
        let ask = self.inner.started.handle.ask(|daemon| {
            let (node, now) = daemon.node();
            node.rules(now).collect()
        });
        ask.unwrap_or_default()
    }
}
