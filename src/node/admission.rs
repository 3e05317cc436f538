//! Who may join: the lists, the user's own judgement, and the secret of the mesh.
//! PROTOCOL.md §10.5 and §10.6.
//!
//! Each is asked as soon as it can say something: the lists of addresses before a session begins,
//! those of ids when the id is proven, the secret before anything else in a handshake counts, and
//! the user's function last, when everything is known.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::rules::{Rule, RuleKind, Subject};
use super::{CloseMode, Node, Refused};
use crate::conn_id::ConnId;
use crate::error::{CloseReason, Denial, RuleError};
use crate::event::Direction;
#[cfg(feature = "tls")]
use crate::secret::Prover;
use crate::time::Instant;
use crate::wire::{Address, Handshake, NodeId};

/// What a node knows of a peer that would become its neighbor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// The id that it goes by.
    pub id: NodeId,
    /// Whether it has proven that: always under TLS, and never otherwise.
    pub is_id_proven: bool,
    /// Whether it has proven to know the secret of the mesh: always where there is one.
    pub is_secret_proven: bool,
    /// The other end of the connection.
    pub addr: SocketAddr,
    /// Which end dialled.
    pub direction: Direction,
    /// Where it says that it can be reached. A claim.
    pub announced: Option<Address>,
    /// Whether it is a node of this crate, with what that can do beyond the 0.2 protocol.
    pub is_extended: bool,
}

/// Whether a peer may become a neighbor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Allow,
    /// It may not. The text is for this node's own log and [status](crate::Status); the peer learns
    /// no more than that it is not admitted.
    Deny(&'static str),
}

/// A user's own judgement of who may join.
///
/// It is called on the event loop, once for each peer whose handshake has come, and must not wait.
/// Where it panics the peer is denied.
#[derive(Clone)]
pub struct AdmissionCheck {
    check: Arc<dyn Fn(&Candidate) -> Admission + Send + Sync>,
}

impl AdmissionCheck {
    /// The judgement that this function makes.
    pub fn new(check: impl Fn(&Candidate) -> Admission + Send + Sync + 'static) -> Self {
        Self { check: Arc::new(check) }
    }

    /// What a panic leaves half done is the function's own: nothing of the node is lent to it but
    /// the candidate. A peer must not end the node by what it says of itself.
    fn judge(&self, candidate: &Candidate) -> Admission {
        let verdict = catch_unwind(AssertUnwindSafe(|| (self.check)(candidate)));
        verdict.unwrap_or(Admission::Deny("the function that judges it panicked"))
    }
}

impl fmt::Debug for AdmissionCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdmissionCheck(..)")
    }
}

impl Node {
    /// Adds a rule about who may join. One about the same subject on the same list is replaced.
    ///
    /// Who is denied and connected is closed. Whom a new list of those allowed leaves out stays
    /// until the connection ends: as a rule the list has just begun to grow.
    ///
    /// # Errors
    ///
    /// [`RuleError::Full`].
    pub fn add_rule(&mut self, now: Instant, rule: Rule) -> Result<(), RuleError> {
        self.rules.add(now, rule)?;
        if rule.kind == RuleKind::Deny {
            self.close_denied(now);
            self.relieve(now);
        }
        Ok(())
    }

    /// Removes a rule. Returns whether there was one. Where the last who was allowed is removed, or
    /// has expired, nobody may join: [`Node::clear_rules`] does away with the list.
    pub fn remove_rule(&mut self, now: Instant, kind: RuleKind, subject: &Subject) -> bool {
        self.rules.remove(now, kind, subject)
    }

    /// Does away with a list. Without one of those allowed everybody may join.
    pub fn clear_rules(&mut self, kind: RuleKind) {
        self.rules.clear(kind);
    }

    /// The rules that hold, with the time that is left of each.
    pub fn rules(&self, now: Instant) -> impl Iterator<Item = Rule> {
        self.rules.iter(now)
    }

    /// Closes those whom the lists deny. Neighbors last: a connection that waits to take a
    /// neighbor's place must not get it now.
    fn close_denied(&mut self, now: Instant) {
        let (mut others, mut neighbors) = (Vec::new(), Vec::new());
        for (&conn, connection) in self.connections.iter() {
            let id = self.proven_id(conn).or_else(|| connection.id()).or(connection.expected);
            let verdict = self.rules.judge(now, connection.addr.ip(), id);
            if verdict == Err(Denial::Listed) && !connection.is_closing() {
                let denied = if connection.peer().is_some() { &mut neighbors } else { &mut others };
                denied.push(conn);
            }
        }
        for conn in others.into_iter().chain(neighbors) {
            self.end(now, conn, CloseReason::Denied(Denial::Listed), CloseMode::Abort);
        }
    }

    /// What stands against an incoming connection before its session begins. The work with keys is
    /// only for those whom the lists may let in.
    pub(super) fn refused_at_the_door(&mut self, now: Instant, ip: IpAddr) -> Option<Refused> {
        if self.rules.judge(now, ip, None).is_err() {
            self.stats.denied += 1;
            return Some(Refused::Denied);
        }
        if !self.is_plaintext() && !self.throttle.admit(now, ip) {
            return Some(Refused::TooManyHandshakes);
        }
        None
    }

    /// What the lists have against the peer at the end of a connection, whose id has become known.
    pub(super) fn unlisted(&self, now: Instant, conn: ConnId, id: NodeId) -> Option<CloseReason> {
        let ip = self.connections.get(&conn)?.addr.ip();
        self.rules.judge(now, ip, Some(id)).err().map(CloseReason::Denied)
    }

    /// What the user's function has against a peer.
    pub(super) fn unwelcome(&self, conn: ConnId, handshake: &Handshake) -> Option<CloseReason> {
        let admission = self.config.admission.as_ref()?;
        let connection = self.connections.get(&conn)?;
        let candidate = Candidate {
            id: handshake.id,
            is_id_proven: self.proven_id(conn) == Some(handshake.id),
            is_secret_proven: self.has_secret(),
            addr: connection.addr,
            direction: connection.direction,
            announced: handshake.address.clone(),
            is_extended: handshake.extension.is_some(),
        };
        match admission.judge(&candidate) {
            Admission::Allow => None,
            Admission::Deny(text) => Some(CloseReason::Denied(Denial::Function(text))),
        }
    }

    /// Whether the mesh has a secret, so that whoever comes far enough has proven it.
    fn has_secret(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.config.secret.is_some();
        #[cfg(not(feature = "tls"))]
        return false;
    }

    /// What shows on this connection, and on no other, that this node knows the secret.
    pub(super) fn own_proof(&self, conn: ConnId) -> Option<[u8; 32]> {
        #[cfg(feature = "tls")]
        {
            let connection = self.connections.get(&conn)?;
            let binding = connection.session.binding()?;
            let prover = match connection.direction {
                Direction::Outgoing => Prover::Dialer,
                Direction::Incoming => Prover::Acceptor,
            };
            Some(self.config.secret.as_ref()?.prove(prover, &binding))
        }
        #[cfg(not(feature = "tls"))]
        return self.connections.get(&conn).and(None);
    }

    /// What is wrong with the proof of the secret in a handshake.
    pub(super) fn unproven(&self, conn: ConnId, handshake: &Handshake) -> Option<CloseReason> {
        #[cfg(feature = "tls")]
        {
            let secret = self.config.secret.as_ref()?;
            let connection = self.connections.get(&conn)?;
            let prover = match connection.direction {
                Direction::Outgoing => Prover::Acceptor,
                Direction::Incoming => Prover::Dialer,
            };
            let proof = handshake.extension.and_then(|extension| extension.secret);
            let denial = match (proof, connection.session.binding()) {
                (None, _) => Denial::SecretMissing,
                (Some(proof), Some(binding)) if secret.is_proven(prover, &binding, &proof) => {
                    return None;
                }
                _ => Denial::SecretWrong,
            };
            Some(CloseReason::Denied(denial))
        }
        #[cfg(not(feature = "tls"))]
        return self.connections.get(&conn).filter(|_| handshake.extension.is_some()).and(None);
    }
}
