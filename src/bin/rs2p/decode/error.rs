//! Why nothing could be taken apart.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(crate) enum InputError {
    /// The file could not be opened.
    Open { path: PathBuf, error: io::Error },
    /// Reading failed somewhere in the middle.
    Read(io::Error),
}

impl InputError {
    pub(super) fn open(path: &Path, error: io::Error) -> Self {
        Self::Open { path: path.to_owned(), error }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path, .. } => {
                let path = path.to_string_lossy();
                write!(f, "`{}` is neither hexadecimal nor a file to read", path.escape_debug())
            }
            Self::Read(_) => write!(f, "the input could not be read on"),
        }
    }
}

impl Error for InputError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Open { error, .. } | Self::Read(error) => Some(error),
        }
    }
}
