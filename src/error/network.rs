//! What the operating system said of a connection.

use std::error::Error;
use std::fmt;
use std::io;

/// What the operating system said of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NetworkError {
    kind: io::ErrorKind,
    code: Option<i32>,
}

impl NetworkError {
    /// The kind of error.
    pub fn kind(&self) -> io::ErrorKind {
        self.kind
    }

    /// The operating system's own number for it, where it came from there.
    pub fn raw_os_error(&self) -> Option<i32> {
        self.code
    }
}

impl From<io::Error> for NetworkError {
    fn from(error: io::Error) -> Self {
        Self { kind: error.kind(), code: error.raw_os_error() }
    }
}

impl From<io::ErrorKind> for NetworkError {
    fn from(kind: io::ErrorKind) -> Self {
        Self { kind, code: None }
    }
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => io::Error::from_raw_os_error(code).fmt(f),
            None => self.kind.fmt(f),
        }
    }
}

impl fmt::Debug for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetworkError({:?}, {:?})", self.kind, self.code)
    }
}

impl Error for NetworkError {}
