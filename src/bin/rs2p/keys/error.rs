//! Why there is no key.

use std::error::Error;
use std::fmt;

use rs2p::KeystoreError;

#[derive(Debug)]
pub(crate) enum KeyError {
    /// The file is there already.
    Exists(String),
    /// The file could not be read or written, or holds no key.
    Keystore(KeystoreError),
}

impl From<KeystoreError> for KeyError {
    fn from(error: KeystoreError) -> Self {
        Self::Keystore(error)
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(file) => {
                write!(f, "{file} is there already, and what is there is never replaced")
            }
            Self::Keystore(error) => error.fmt(f),
        }
    }
}

// The text says all that the keystore knows.
impl Error for KeyError {}
