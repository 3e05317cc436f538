//! How a node is, and how it ended.

use std::fmt;
use std::io;

use crate::event::Trouble;
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

    pub(crate) fn ended(failure: Option<&io::Error>) -> Self {
        let state = failure.map_or(State::Closed, |error| State::Failed(error.to_string()));
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReport {
    /// The loop ended in time, and by this call or an earlier one.
    is_orderly: bool,
    unsent: Vec<(NodeId, usize)>,
}

impl CloseReport {
    pub(crate) fn new(is_orderly: bool, unsent: Vec<(NodeId, usize)>) -> Self {
        Self { is_orderly, unsent }
    }

    /// Whether everything that was sent before was taken by the neighbors' operating systems, and
    /// every connection ended in good order. What their applications make of it is not known.
    pub fn is_clean(&self) -> bool {
        self.is_orderly && self.unsent.is_empty()
    }

    /// The neighbors that did not take everything, and how many bytes were left.
    pub fn unsent(&self) -> &[(NodeId, usize)] {
        &self.unsent
    }
}
