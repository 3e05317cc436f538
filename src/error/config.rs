//! What stands against a node before it begins.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

/// Why a configuration makes no node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigError {
    /// The named limit is below its least useful value.
    TooSmall {
        /// The field of [`Config`](crate::Config).
        field: &'static str,
        /// Its least value.
        min: usize,
    },
    /// The named time is too short for anything to happen in it.
    TooShort {
        /// The field of [`Config`](crate::Config).
        field: &'static str,
        /// Its least value.
        min: Duration,
    },
    /// The named time is longer than any wait is sensible.
    TooLong {
        /// The field of [`Config`](crate::Config).
        field: &'static str,
        /// Its greatest value.
        max: Duration,
    },
    /// The named limit is above what the protocol or the node can hold.
    TooLarge {
        /// The field of [`Config`](crate::Config).
        field: &'static str,
        /// Its greatest value.
        max: usize,
    },
    /// The node may have more connections than its process may have open files, 64 of which are
    /// left to others. Allow the process more of them, or the node fewer connections:
    /// [`Limits::max_incoming`](crate::Limits::max_incoming) and `max_outgoing`.
    TooFewDescriptors {
        /// The connections, and 64.
        needed: usize,
        /// The limit of the process: `ulimit -n`.
        limit: usize,
    },
    /// The encryption needs an identity, and there is none.
    NoIdentity,
    /// The encryption that the protocol names is none that this build has.
    UnknownEncryption,
    /// Broadcasts are to be signed, and ids are not proven under this encryption.
    NoSignatures,
    /// There is a secret of the mesh, and an encryption under which nobody could prove to know it.
    SecretWithoutTls,
    /// The encryption is spoken by nodes of this crate alone, and [`Config::extension`] is off.
    ///
    /// [`Config::extension`]: crate::Config::extension
    NoExtension,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall { field, min } => write!(f, "{field} must be at least {min}"),
            Self::TooShort { field, min } => write!(f, "{field} must be at least {min:?}"),
            Self::TooLong { field, max } => write!(f, "{field} must be at most {max:?}"),
            Self::TooLarge { field, max } => write!(f, "{field} must be at most {max}"),
            Self::TooFewDescriptors { needed, limit } => write!(
                f,
                "the process may have {limit} open files, and so many connections need {needed}"
            ),
            Self::NoIdentity => write!(f, "the encryption needs an identity"),
            Self::UnknownEncryption => write!(f, "this build does not have the encryption"),
            Self::NoSignatures => write!(f, "nothing can be signed under this encryption"),
            Self::SecretWithoutTls => {
                write!(f, "a mesh secret can be proven under TLS alone")
            }
            Self::NoExtension => write!(f, "TLS cannot go without the extension of this crate"),
        }
    }
}

impl Error for ConfigError {}

/// Why a socket could not be opened. Nothing was started.
#[derive(Debug)]
#[non_exhaustive]
pub enum BindError {
    /// The address text names no address.
    Resolve(io::Error),
    /// The operating system refused the address, the poller, the thread or its entropy.
    Io(io::Error),
    /// The configuration makes no node.
    Config(ConfigError),
    /// No encryption was chosen, and this build does not have the default, TLS: it was made without
    /// the feature `tls`.
    NoEncryption,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(error) => {
                write!(f, "the address to bind could not be resolved: {error}")
            }
            Self::Io(error) => write!(f, "the operating system refused the socket: {error}"),
            Self::Config(error) => write!(f, "the configuration makes no node: {error}"),
            Self::NoEncryption => write!(
                f,
                "no encryption was chosen, and this build lacks the default, TLS (feature `tls`)"
            ),
        }
    }
}

impl Error for BindError {}
