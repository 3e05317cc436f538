//! What runs on machines that run no node: hostile peers, models of py2p nodes, and whatever else
//! is to meet a mesh.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::hand::Hand;
use super::seal::Seals;
use crate::conn_id::ConnId;
use crate::wire::{FrameDecoder, NodeId, PathfindingMessage};

/// A program that speaks to nodes in bytes, on a machine of a [`World`](super::World) that runs no
/// node: see [`World::add_outsider`](super::World::add_outsider).
///
/// It hears of everything that happens to its machine, and acts through its [`Hand`]. A world
/// repeats from its seed only if the program has no other source of chance than [`Hand::rng`].
pub trait Outsider: fmt::Debug + Send {
    /// The machine starts, or starts again after a crash, with no connection.
    fn on_start(&mut self, hand: &mut Hand<'_>);

    /// A connection is open: one that the program has dialled, or one that somebody opened to it.
    fn on_open(&mut self, _hand: &mut Hand<'_>, _conn: ConnId) {}

    /// Bytes arrived, in the pieces in which they came.
    fn on_bytes(&mut self, _hand: &mut Hand<'_>, _conn: ConnId, _data: &[u8]) {}

    /// The bytes that arrived on a connection have completed a message. Comes after
    /// [`Outsider::on_bytes`]; not for messages of more than 4 MiB, nor behind what is none.
    fn on_message(&mut self, _hand: &mut Hand<'_>, _conn: ConnId, _message: &PathfindingMessage) {}

    /// A connection has ended, or could not be opened. What the other end has ended, the machine
    /// has ended too.
    fn on_close(&mut self, _hand: &mut Hand<'_>, _conn: ConnId) {}

    /// A time that [`Hand::wake_after`] asked for has come.
    fn on_wake(&mut self, _hand: &mut Hand<'_>) {}

    /// Whether it keeps to the protocol. Then a broadcast in its own name is a message of its
    /// user's, and what it passes on is what others have said. Of anybody else each message that
    /// nobody has said before is one that a node may give its user, once.
    fn is_honest(&self) -> bool {
        false
    }
}

/// A machine's program that is no node, and what the world knows of it.
#[derive(Debug)]
pub(super) struct Outside {
    /// `None` while it acts.
    pub(super) outsider: Option<Box<dyn Outsider>>,
    /// Whether its machine has crashed.
    pub(super) is_down: bool,
    pub(super) is_honest: bool,
    pub(super) last_conn: u64,
    /// Under which names it has introduced itself.
    pub(super) ids: BTreeSet<NodeId>,
    /// What its user has been given: from whom, and a hash of the packets.
    pub(super) heard: BTreeSet<(NodeId, u64)>,
    /// What is read and written on each connection.
    pub(super) taps: BTreeMap<ConnId, Taps>,
    /// What lies between that and the bytes.
    pub(super) seals: Seals,
}

/// What cuts the two streams of a connection into messages.
#[derive(Debug, Default)]
pub(super) struct Taps {
    pub(super) read: FrameDecoder,
    pub(super) written: FrameDecoder,
}

impl Outside {
    pub(super) fn new(outsider: Box<dyn Outsider>, seals: Seals) -> Self {
        Self {
            is_honest: outsider.is_honest(),
            outsider: Some(outsider),
            is_down: false,
            last_conn: 0,
            ids: BTreeSet::new(),
            heard: BTreeSet::new(),
            taps: BTreeMap::new(),
            seals,
        }
    }
}
