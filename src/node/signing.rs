//! Signed broadcasts: what this node's own are signed by, and which of others' are taken.
//! PROTOCOL.md §10.4.

use super::seen::{SeenKey, Verdict};
use super::{CloseMode, Config, Node};
use crate::conn_id::ConnId;
use crate::error::{CloseReason, Misbehavior};
use crate::event::DropReason;
#[cfg(feature = "tls")]
use crate::signature::{Check, Leaf, Signer, Verifier};
use crate::time::Instant;
use crate::wire::{MAX_ID_LEN, NodeId, Origin, PathfindingMessage, SignedOrigin};

/// Whether the broadcasts of this node's mesh are signed.
#[derive(Debug)]
pub(super) enum Signing {
    Off,
    #[cfg(feature = "tls")]
    On(Box<Keys>),
}

/// This node's own key, and what it knows of others'.
#[cfg(feature = "tls")]
#[derive(Debug)]
pub(super) struct Keys {
    signer: Signer,
    verifier: Verifier,
}

/// A message of this node's own that has its number.
#[derive(Debug)]
pub(super) struct Numbered<'a> {
    pub(super) origin: Origin,
    pub(super) payload: Vec<&'a [u8]>,
}

impl Signing {
    pub(super) fn new(config: &Config) -> Self {
        #[cfg(feature = "tls")]
        if let Some(identity) = config.identity.clone().filter(|_| config.signs()) {
            let (signer, verifier) = (
                Signer::new(identity, config.protocol.clone()),
                Verifier::new(config.protocol.clone()),
            );
            return Self::On(Box::new(Keys { signer, verifier }));
        }
        // Without the identity that its encryption needs, or the encryption, no node is made.
        let _ = config;
        Self::Off
    }

    pub(super) fn is_on(&self) -> bool {
        match self {
            Self::Off => false,
            #[cfg(feature = "tls")]
            Self::On(_) => true,
        }
    }

    /// The longest packet that stands where the 0.2 protocol has the message id, in one of so many
    /// messages sent together.
    pub(super) fn stated_len(&self, count: usize) -> usize {
        if self.is_on() { SignedOrigin::max_len(count) } else { MAX_ID_LEN }
    }
}

impl Node {
    /// What stands where the 0.2 protocol has the message id, in messages that are sent together.
    pub(super) fn state_origins(&self, now: Instant, messages: &[Numbered<'_>]) -> Vec<Vec<u8>> {
        // What is signed, in a build that can.
        let (sender, time) = (self.id, self.wall(now).as_secs());
        match &self.signing {
            Signing::Off => {
                let _ = (sender, time);
                messages.iter().map(|message| message.origin.encode().to_vec()).collect()
            }
            #[cfg(feature = "tls")]
            Signing::On(keys) => {
                let leaf = |message: &Numbered<'_>| {
                    let payload = message.payload.iter().copied();
                    (message.origin, Leaf::new(&sender, message.origin, time, payload))
                };
                let leaves: Vec<_> = messages.iter().map(leaf).collect();
                keys.signer.sign(&leaves).iter().map(SignedOrigin::encode).collect()
            }
        }
    }

    /// Takes a broadcast or waterfall of a mesh whose messages are signed.
    ///
    /// What costs little comes first, and nothing is remembered of a message before its signature
    /// is found right, so that a forgery does not stand in the way of the message that it is like.
    /// Every node checks before it passes on: whoever sends a forgery made it.
    pub(super) fn on_signed(
        &mut self,
        now: Instant,
        conn: ConnId,
        neighbor: NodeId,
        message: &PathfindingMessage,
    ) {
        let (Ok(sender), Some(signed), Some(time)) = (
            NodeId::parse(message.sender()),
            SignedOrigin::decode(message.stated_id()),
            exact_time(message),
        ) else {
            return self.on_forgery(now, conn, message);
        };
        if sender == self.id {
            return self.drop_message(now, conn, 0, message, DropReason::Own);
        }
        let content = self.digester.content(&sender, message.payload());
        let key = SeenKey::Origin(self.digester.origin(&sender, signed.origin) ^ content);
        let (digest, second) = (key.digest(), self.wall(now).as_secs());
        self.note_stamp(now, second, time);
        if let Some(reason) = self.seen.reject(key, time, second).and_then(Verdict::reason) {
            return self.drop_message(now, conn, digest, message, reason);
        }
        if !self.is_signed(&sender, &signed, time, message) {
            return self.on_forgery(now, conn, message);
        }
        if let Some(reason) = self.seen.insert(key, time, second).reason() {
            return self.drop_message(now, conn, digest, message, reason);
        }
        self.deliver(sender, neighbor, true, message);
        self.note_fresh(now, conn, digest, message);
        self.note_news(now, conn);
        self.relay(now, sender, neighbor, message.stated_id(), message);
        self.hold_back(now, Some(conn), sender, signed.origin, message);
    }

    #[cfg(feature = "tls")]
    fn is_signed(
        &mut self,
        sender: &NodeId,
        signed: &SignedOrigin,
        time: u64,
        message: &PathfindingMessage,
    ) -> bool {
        let Signing::On(keys) = &mut self.signing else { return false };
        let leaf = Leaf::new(sender, signed.origin, time, message.payload());
        let check = keys.verifier.check(sender, signed, leaf);
        self.stats.verified += u64::from(check != Check::Known);
        check != Check::Wrong
    }

    /// No node of this build is in such a mesh.
    #[cfg(not(feature = "tls"))]
    fn is_signed(&mut self, _: &NodeId, _: &SignedOrigin, _: u64, _: &PathfindingMessage) -> bool {
        self.signing.is_on()
    }

    /// A neighbor has sent in another's name what that one did not say.
    pub(super) fn on_forgery(&mut self, now: Instant, conn: ConnId, message: &PathfindingMessage) {
        self.drop_message(now, conn, 0, message, DropReason::Forged);
        let reason = CloseReason::Misbehaved(Misbehavior::Forgery);
        self.end(now, conn, reason, CloseMode::Abort);
    }
}

/// The time of a message, if it stands there in the one way that it is written: zeros in front of
/// it would be a relay's own, signed by nobody.
fn exact_time(message: &PathfindingMessage) -> Option<u64> {
    let time = message.time()?;
    (message.packets().get(3) == Some(message.time_58().as_bytes())).then_some(time)
}
