//! Why a record could not be run again.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

#[derive(Debug)]
pub(crate) enum ReplayError {
    /// The file could not be read.
    File { path: PathBuf, error: io::Error },
    /// What stands in it is no record.
    Record { path: PathBuf, error: rs2p::record::ReplayError },
    /// A line of it, by its number, is no text.
    NotText { path: PathBuf, line: u64 },
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, .. } => write!(f, "{} could not be read", path.display()),
            Self::Record { path, .. } => write!(f, "{} cannot be replayed", path.display()),
            Self::NotText { path, line } => {
                write!(f, "{} cannot be replayed: line {line}: it is no text", path.display())
            }
        }
    }
}

impl Error for ReplayError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::File { error, .. } => Some(error),
            Self::Record { error, .. } => Some(error),
            Self::NotText { .. } => None,
        }
    }
}
