//! Hostile peers: scripts of what others may do to a mesh.
//!
//! Each is a kind of [`Attack`]; its machine dials its victims, and again when it is shown the
//! door. They know the protocol, say what they like in bytes, and keep at it for a minute or two.
//! Nothing here needs a node of this crate at the other end, and nothing tells one to spare another.

mod answers;
mod crowd;
mod drip;
mod flood;
mod junk;
mod mask;
mod party;
mod racer;
mod replay;
mod sink;
mod takeover;
mod thrower;

use std::fmt;

use super::app::App;
use super::machine::Machine;
use super::outsider::Outsider;
use super::world::{NodeIndex, World};
use answers::Answers;
use crowd::Crowd;
use drip::Drip;
use flood::Flood;
use racer::Racer;
use replay::Replay;
use sink::Sink;
use takeover::Takeover;
use thrower::Thrower;

/// What a hostile peer does.
///
/// ```
/// use std::time::Duration;
/// use rs2p::sim::{Attack, Topology, World};
///
/// let mut world = World::new(7);
/// world.add_nodes(3);
/// world.link(&Topology::Line);
/// world.add_attacker(Attack::Replay, &[0, 2]);
/// world.run_for(Duration::from_secs(5));
/// world.broadcast(0, &["once"])?;
/// world.run_for(Duration::from_secs(200));
/// assert_eq!(world.app(2).texts(), ["once"]);
/// # Ok::<(), rs2p::SendError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Attack {
    /// Announces frames longer than any limit, before and after the handshake.
    Oversized,
    /// Sends messages that are nothing but the lengths of thousands of packets, or of packets whose
    /// lengths add up to more than there can be.
    HeaderBombs,
    /// Sends empty frames, thousands at a time.
    EmptyFrames,
    /// Sends texts where they are too long, of other characters, or of none.
    BadTexts,
    /// Sends JSON that is deep, long, or of other types.
    BadJson,
    /// Sends a few kilobytes that become megabytes when they are decompressed.
    Bombs,
    /// Sends messages with flags that nobody knows, and with packets that are missing.
    UnknownFlags,
    /// Opens connections and sends a byte now and then, or nothing.
    Drip,
    /// Joins and never reads.
    Sink,
    /// Opens dozens of connections and says nothing on them.
    Crowd,
    /// Repeats each broadcast at once to everybody else with the borders between its packets
    /// moved, and under another name.
    Race,
    /// Broadcasts hundreds of messages stamped all over the window of acceptable times.
    Flood,
    /// Repeats what it has heard after a second, a minute, two minutes and a day.
    Replay,
    /// Introduces itself as other nodes.
    Takeover,
    /// Sends what may come only behind a handshake before it, or a second one.
    Early,
    /// Tells of peers at addresses where others are, or nobody, as many as fit.
    Gossip,
    /// Answers every question first: what is wanted is here.
    Answers,
    /// Asks for everybody, over and over.
    AskAll,
    /// Asks to be sent the last message again, over and over.
    Resend,
    /// Asks for other compression methods, over and over.
    Renegotiate,
}

impl Attack {
    /// Every kind.
    pub const ALL: [Self; 20] = [
        Self::Oversized,
        Self::HeaderBombs,
        Self::EmptyFrames,
        Self::BadTexts,
        Self::BadJson,
        Self::Bombs,
        Self::UnknownFlags,
        Self::Drip,
        Self::Sink,
        Self::Crowd,
        Self::Race,
        Self::Flood,
        Self::Replay,
        Self::Takeover,
        Self::Early,
        Self::Gossip,
        Self::Answers,
        Self::AskAll,
        Self::Resend,
        Self::Renegotiate,
    ];

    /// Whether it may hold the place of a node that has no connection to the victim: where ids are
    /// not proven nobody can tell who was there first, so that such a node is kept out for as long
    /// as the attacker stays. PROTOCOL.md §5.3.
    pub fn takes_places(self) -> bool {
        matches!(self, Self::Takeover | Self::Answers)
    }

    /// Whether it may say a message, or something under its number, before the message itself comes
    /// where it was missed: then it is not told there, where ids are not proven. PROTOCOL.md §5.7.
    pub fn spoils_numbers(self) -> bool {
        matches!(self, Self::Race | Self::Replay)
    }

    /// The program of such a peer.
    fn outsider(self, victims: Vec<NodeIndex>) -> Box<dyn Outsider> {
        match self {
            Self::Drip => Box::new(Drip::new(victims)),
            Self::Sink => Box::new(Sink::new(victims)),
            Self::Crowd => Box::new(Crowd::new(victims)),
            Self::Race => Box::new(Racer::new(victims)),
            Self::Flood => Box::new(Flood::new(victims)),
            Self::Replay => Box::new(Replay::new(victims)),
            Self::Takeover => Box::new(Takeover::new(victims)),
            Self::Answers => Box::new(Answers::new(victims)),
            Self::Oversized
            | Self::HeaderBombs
            | Self::EmptyFrames
            | Self::BadTexts
            | Self::BadJson
            | Self::Bombs
            | Self::UnknownFlags
            | Self::Early
            | Self::Gossip
            | Self::AskAll
            | Self::Resend
            | Self::Renegotiate => Box::new(Thrower::new(self, victims)),
        }
    }
}

/// In a word.
impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl<A: App> World<A> {
    /// Adds a machine of a hostile peer, which begins at once to do this to these nodes. Under TLS it
    /// is a member of the mesh with a key of its own; under RSA it speaks no encryption, so that the
    /// nodes see nothing but noise. [`World::crash`] ends it.
    pub fn add_attacker(&mut self, attack: Attack, victims: &[NodeIndex]) -> NodeIndex {
        // What is signed nobody else can make up.
        let is_signed = self.machines.first().is_some_and(Machine::signs);
        let spoils_numbers = attack.spoils_numbers() && !is_signed;
        self.add_boxed(attack.outsider(victims.to_vec()), spoils_numbers)
    }
}
