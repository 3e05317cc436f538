//! How a node is, and how it ended.

use std::fmt;

use crate::event::{Leftover, Trouble};
use crate::wire::NodeId;

/// How a mesh socket is. Prints as `Nominal` while it runs and nothing went wrong, as py2p's
/// status does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    state: State,
    troubles: Vec<Trouble>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Running,
    Closed,
    Failed(String),
}

impl Status {
    pub(crate) fn running(troubles: Vec<Trouble>) -> Self {
        Self { state: State::Running, troubles }
    }

    pub(crate) fn ended(failure: Option<&String>) -> Self {
        let state = failure.map_or(State::Closed, |text| State::Failed(text.clone()));
        Self { state, troubles: Vec::new() }
    }

    /// Whether the event loop runs.
    pub fn is_running(&self) -> bool {
        self.state == State::Running
    }

    /// Whether it runs and nothing went wrong since [`MeshSocket::clear_status`].
    ///
    /// [`MeshSocket::clear_status`]: crate::MeshSocket::clear_status
    pub fn is_nominal(&self) -> bool {
        self.is_running() && self.troubles.is_empty()
    }

    /// Why the event loop ended without being asked to: the operating system refused it what it
    /// needs, or it panicked, which is a fault of this crate or of the program's logger. Every call
    /// of the socket is then answered as that of a closed one, whoever waited included. `None` for
    /// a loop that runs or was closed.
    pub fn failure(&self) -> Option<&str> {
        if let State::Failed(text) = &self.state { Some(text) } else { None }
    }

    /// The connections that ended by somebody's fault, the oldest first; of more than 64 the
    /// last.
    pub fn troubles(&self) -> &[Trouble] {
        &self.troubles
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::Closed => write!(f, "Closed"),
            State::Failed(error) => write!(f, "Failed: {error}"),
            State::Running if self.troubles.is_empty() => write!(f, "Nominal"),
            State::Running => {
                for (index, trouble) in self.troubles.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "; " };
                    write!(f, "{separator}{trouble}")?;
                }
                Ok(())
            }
        }
    }
}

/// What [`MeshSocket::close`](crate::MeshSocket::close) achieved.
///
/// A neighbor that was there when the socket was closed, and is in neither list of a report on a
/// loop that ended in time, has taken everything that was queued for it. Of those that were lost
/// before, [`Event::PeerLost`](crate::Event::PeerLost) has told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReport {
    /// The loop ended in time, and by this call or an earlier one.
    is_orderly: bool,
    unsent: Vec<(NodeId, usize)>,
    unconfirmed: Vec<NodeId>,
    unpublished: u64,
}

impl CloseReport {
    pub(crate) fn new(is_orderly: bool, left: &[(NodeId, Leftover)], unpublished: u64) -> Self {
        let (mut unsent, mut unconfirmed) = (Vec::new(), Vec::new());
        for (id, left) in left {
            match left {
                Leftover::Unsent(len) => unsent.push((*id, *len)),
                Leftover::Unconfirmed => unconfirmed.push(*id),
            }
        }
        Self { is_orderly, unsent, unconfirmed, unpublished }
    }

    /// Whether everything that was sent before was taken by the neighbors' operating systems, and
    /// every connection ended in good order. What their applications make of it is not known.
    pub fn is_clean(&self) -> bool {
        let is_sent = self.unsent.is_empty() && self.unconfirmed.is_empty();
        self.is_orderly && is_sent && self.unpublished == 0
    }

    /// How many messages were published and sent to nobody, from the beginning on: there was no
    /// neighbor, or, in the end, one that had no room. See
    /// [`MeshSocket::publish`](crate::MeshSocket::publish).
    pub fn unpublished(&self) -> u64 {
        self.unpublished
    }

    /// The neighbors that did not take everything, and how many bytes were left.
    pub fn unsent(&self) -> &[(NodeId, usize)] {
        &self.unsent
    }

    /// The neighbors for which this machine's system took everything, and whose own end did not
    /// come behind it: they were cut off, or ended first, or were not waited for any longer. Whether
    /// they got it all nobody knows.
    pub fn unconfirmed(&self) -> &[NodeId] {
        &self.unconfirmed
    }
}
