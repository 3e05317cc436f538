//! Why a simulation could not be run.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rand::rngs::SysError;

#[derive(Debug)]
pub(crate) enum SimError {
    /// The operating system gave no entropy for a seed.
    Entropy(SysError),
    /// The trace could not be written.
    Trace { path: PathBuf, error: io::Error },
}

impl SimError {
    pub(super) fn trace(path: &Path, error: io::Error) -> Self {
        Self::Trace { path: path.to_owned(), error }
    }
}

impl fmt::Display for SimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entropy(_) => write!(f, "no seed could be chosen; give one with --seed"),
            Self::Trace { path, .. } => {
                write!(f, "the trace could not be written to {}", path.display())
            }
        }
    }
}

impl Error for SimError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Entropy(error) => Some(error),
            Self::Trace { error, .. } => Some(error),
        }
    }
}
