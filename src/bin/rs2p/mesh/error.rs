//! Why a mesh could not be built or used.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use rand::rngs::SysError;
use rs2p::{BindError, CloseReason, ConnectError, SendError};

/// What helps where files are short and the limit was not known before.
const FILES_HINT: &str = " (too few open files? raise their limit with `ulimit -n`)";

#[derive(Debug)]
pub(crate) enum MeshError {
    /// The operating system gave no entropy for a seed.
    Entropy(SysError),
    /// The process may not have as many files open as the mesh takes. Nothing was started.
    TooManyFiles { needed: usize, limit: usize },
    /// A node could not be opened.
    Bind { node: usize, error: BindError },
    /// The records of the nodes could not be written.
    Record { path: PathBuf, error: io::Error },
    /// A thread that receives could not be started.
    Thread(io::Error),
    /// Two nodes could not be linked.
    Connect { from: usize, to: usize, error: ConnectError },
    /// A node does not have all of its neighbors in time.
    Joining { node: usize, missing: Vec<usize> },
    /// A node did not take a message.
    Send { node: usize, number: u64, error: SendError },
}

impl fmt::Display for MeshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entropy(_) => write!(f, "no seed could be chosen; give one with --seed"),
            Self::TooManyFiles { needed, limit } => write!(
                f,
                "this mesh needs about {needed} open files and the limit is {limit}; \
                 raise it with `ulimit -n {needed}`, or take fewer nodes"
            ),
            Self::Bind { node, error } => {
                let hint = if is_out_of_files(error) { FILES_HINT } else { "" };
                write!(f, "node {node} could not be opened{hint}")
            }
            Self::Record { path, .. } => {
                write!(f, "the record could not be written to {}", path.display())
            }
            Self::Thread(_) => write!(f, "a receiving thread could not be started"),
            Self::Connect { from, to, error } => {
                // The library does not tell which error of the network it was. Within one machine
                // there is hardly another.
                let is_network = matches!(error, ConnectError::Closed(CloseReason::Network(_)));
                let hint = if is_network { FILES_HINT } else { "" };
                write!(f, "node {from} could not be linked to node {to}{hint}")
            }
            Self::Joining { node, missing } => {
                write!(f, "node {node} was not linked in time to its neighbors {missing:?}")
            }
            Self::Send { node, number, .. } => {
                write!(f, "node {node} could not send message {number}")
            }
        }
    }
}

impl Error for MeshError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Entropy(error) => Some(error),
            Self::Bind { error, .. } => Some(error),
            Self::Record { error, .. } | Self::Thread(error) => Some(error),
            Self::Connect { error, .. } => Some(error),
            Self::Send { error, .. } => Some(error),
            Self::TooManyFiles { .. } | Self::Joining { .. } => None,
        }
    }
}

/// Whether the process (EMFILE) or the machine (ENFILE) has too many files open.
fn is_out_of_files(error: &BindError) -> bool {
    matches!(error, BindError::Io(error) if matches!(error.raw_os_error(), Some(23 | 24)))
}
