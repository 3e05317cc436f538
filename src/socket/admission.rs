//! Who may join.

use std::time::Duration;

use super::MeshSocket;
use crate::error::RuleError;
use crate::node::{Rule, RuleKind, Subject};

impl MeshSocket {
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
