//! A message in a world: what tells it from others, who sent it, and what each machine got of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::trace::hash_of_packets;
use crate::node::bounds::ECHO_WINDOW;
use crate::time::{Instant, UnixTime};
use crate::wire::{Flag, NodeId, Origin as Number, PathfindingMessage, SignedOrigin};

/// What a message says, by whom and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Header {
    pub(super) sender: NodeId,
    /// The one node that it is for; `None` for a broadcast.
    pub(super) to: Option<NodeId>,
    /// A hash of its packets, the sub-flag among them.
    packets: u64,
}

impl Header {
    /// That of a message with these packets behind its header, of which the first is the sub-flag.
    pub(super) fn new<'a>(
        sender: NodeId,
        to: Option<NodeId>,
        payload: impl Iterator<Item = &'a [u8]>,
    ) -> Self {
        Self { sender, to, packets: hash_of_packets(payload) }
    }

    /// That of a message that a node's user has sent.
    pub(super) fn of_user<P: AsRef<[u8]>>(
        sender: NodeId,
        to: Option<NodeId>,
        packets: &[P],
    ) -> Self {
        let flag = if to.is_some() { Flag::Whisper } else { Flag::Broadcast };
        Self::new(
            sender,
            to,
            [flag.as_bytes()].into_iter().chain(packets.iter().map(AsRef::as_ref)),
        )
    }
}

/// Which message of its sender one is, where it says so. PROTOCOL.md §5.2.
pub(super) fn number_of(message: &PathfindingMessage) -> Option<Number> {
    let stated = message.stated_id();
    let signed = || SignedOrigin::decode(stated).map(|signed| signed.origin);
    Number::decode(stated).or_else(signed).filter(|number| number.incarnation != 0)
}

/// A machine, and which of its lives.
pub(super) type Life = (usize, u64);

/// A message; where messages have no numbers, all with the same header.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) number: Option<Number>,
    /// When, for each time that it was sent.
    pub(super) sent_at: Vec<Instant>,
    /// Who sent it, if it was sent once, and by a node under its own name.
    pub(super) origin: Option<Origin>,
    /// Whether others have the same header.
    pub(super) has_equals: bool,
    /// Whether a py2p node has passed it on, which stamps anew whatever it does.
    pub(super) is_echoed: bool,
    /// What each machine has got of it. There is one for each delivery, so they are small.
    pub(super) got: BTreeMap<u32, Receipt>,
}

/// How a node came to send a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    /// Which node.
    pub(super) life: Life,
    /// What its calendar showed.
    pub(super) wall: UnixTime,
    /// How many messages it had sent or got, with this one; `None` where its program sent it in the
    /// midst of what the node told it, and others may have gone out first.
    pub(super) place: Option<u32>,
}

/// What a machine has got of a content in the latest of its lives that got any.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Receipt {
    pub(super) life: u32,
    pub(super) times: u32,
    /// Over how many links the latest had come.
    pub(super) hops: u32,
    /// When the latest came, in milliseconds.
    pub(super) at: u32,
    /// How many messages the machine had sent or got, with the first of these.
    pub(super) place: u32,
    /// Whether the first came with its number.
    pub(super) is_numbered: bool,
    /// Whether the latest may just as well have been the echo of an equal message.
    pub(super) is_doubtful: bool,
    /// Whether it came without its number, and may have been another message with the same header.
    pub(super) is_guess: bool,
}

impl Receipt {
    /// What is true of the first.
    pub(super) fn first(&self) -> (u32, bool) {
        (self.place, self.is_numbered)
    }
}

/// A delivery as it was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entered {
    /// What was delivered.
    pub(super) content: usize,
    /// The place of the message among those that the neighbor has sent or got, where that is known
    /// and one.
    pub(super) place: Option<u32>,
}

impl Content {
    /// What a life of a machine has got.
    pub(super) fn receipt(&self, (machine, life): Life) -> Receipt {
        let of_none = Receipt { life: small(life), ..Receipt::default() };
        let found = self.got.get(&small(machine));
        found.copied().filter(|receipt| receipt.life == of_none.life).unwrap_or(of_none)
    }

    /// The one node that has sent this, once. Of equal messages py2p nodes may make one.
    pub(super) fn origin(&self) -> Option<Origin> {
        self.origin.filter(|_| !(self.is_echoed && self.has_equals))
    }

    /// Whether there are other messages with the same header.
    pub(super) fn has_equals(&self) -> bool {
        self.has_equals
    }

    /// Whether a life of a machine knows the number of this.
    pub(super) fn is_numbered_at(&self, life: Life) -> bool {
        let is_its = self.origin.is_some_and(|origin| origin.life == life);
        self.number.is_some() && (is_its || self.receipt(life).is_numbered)
    }

    /// Whether a life of a machine has sent or got it.
    pub(super) fn is_held_by(&self, life: Life) -> bool {
        self.receipt(life).times > 0 || self.origin.is_some_and(|origin| origin.life == life)
    }

    /// Whether a life of a machine has not got it as often as it was sent.
    pub(super) fn is_left_for(&self, life: Life) -> bool {
        usize::try_from(self.receipt(life).times).is_ok_and(|times| times < self.sent_at.len())
    }

    /// Whether a life of a machine may be given it again at `at`, in milliseconds, because a py2p
    /// node repeats it. PROTOCOL.md §4.3.
    pub(super) fn may_echo(&self, life: Life, at: u32) -> bool {
        let before = self.receipt(life);
        let age = Duration::from_millis(u64::from(at.saturating_sub(before.at)));
        self.is_echoed && before.times > 0 && age >= ECHO_WINDOW
    }

    /// The place of this among the messages that a life of a machine has sent or got.
    pub(super) fn place(&self, life: Life) -> Option<u32> {
        let origin = self.origin?;
        if origin.life == life {
            return origin.place;
        }
        let receipt = self.receipt(life);
        (receipt.times == 1).then_some(receipt.place)
    }
}

/// More than four billion machines, lives, deliveries of one content or links on a way there are
/// not, and no world lasts as many milliseconds.
pub(super) fn small(number: impl TryInto<u32>) -> u32 {
    number.try_into().unwrap_or(u32::MAX)
}
