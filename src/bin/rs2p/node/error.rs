//! Why a node could not be run.

use std::error::Error;
use std::fmt;
use std::io;

#[cfg(feature = "tls")]
use rs2p::KeystoreError;
use rs2p::{AddressBookFileError, BindError};

use crate::console::OutputError;

#[derive(Debug)]
pub(crate) enum NodeError {
    /// The node could not be opened.
    Bind { addr: String, error: BindError },
    /// The key of the command line cannot be used.
    #[cfg(feature = "tls")]
    Identity(KeystoreError),
    /// The secret of the command line cannot be used.
    #[cfg(feature = "tls")]
    Secret(KeystoreError),
    /// The address book of the command line cannot be read, or was not written.
    Book(AddressBookFileError),
    /// The operating system does not let the program know of Ctrl-C.
    Signals(ctrlc::Error),
    /// The record of the node could not be written.
    Record(io::Error),
    /// A thread could not be started.
    Thread(io::Error),
    /// What the node had to say could not be written.
    Output(OutputError),
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { addr, .. } => write!(f, "the node could not be opened at {addr}"),
            #[cfg(feature = "tls")]
            Self::Identity(_) => write!(f, "the node's key cannot be used"),
            #[cfg(feature = "tls")]
            Self::Secret(_) => write!(f, "the secret of the mesh cannot be used"),
            Self::Book(_) => write!(f, "the address book cannot be used"),
            Self::Signals(_) => write!(f, "Ctrl-C could not be taken over"),
            Self::Record(_) => write!(f, "the record of the node could not be written"),
            Self::Thread(_) => write!(f, "a thread could not be started"),
            Self::Output(error) => error.fmt(f),
        }
    }
}

impl Error for NodeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Bind { error, .. } => Some(error),
            #[cfg(feature = "tls")]
            Self::Identity(error) | Self::Secret(error) => Some(error),
            Self::Book(error) => Some(error),
            Self::Signals(error) => Some(error),
            Self::Record(error) | Self::Thread(error) => Some(error),
            Self::Output(error) => error.source(),
        }
    }
}
