//! Why an operation on RSA keys failed.

use std::error::Error;
use std::fmt;

use super::{Hash, KeySize};

/// Why something is no key, or no size of one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// Keys have 354 to 8,192 bits.
    SizeOutOfRange {
        /// The size that was asked for or found.
        bits: usize,
    },
    /// A key below 1,024 bits, which the caller has to ask for with [`KeySize::weak`].
    WeakSize {
        /// The size that was asked for.
        bits: usize,
    },
    /// A size one above a multiple of eight, which py2p cannot read.
    UnusableSize {
        /// The size that was asked for or found.
        bits: usize,
    },
    /// The text is not the two decimal numbers that make a public key.
    Malformed,
    /// The numbers make no RSA key: an even modulus, an exponent that is even or out of range, or
    /// parts of a private key that do not fit together.
    Invalid,
    /// No primes were found for a key of this size.
    Generation,
    /// The operating system gave no entropy.
    Entropy(EntropyError),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SizeOutOfRange { bits } => {
                write!(f, "an RSA key has 354 to 8192 bits, not {bits}")
            }
            Self::WeakSize { bits } => {
                write!(f, "an RSA key of {bits} bits is weak, and was not asked for as weak")
            }
            Self::UnusableSize { bits } => {
                write!(f, "py2p cannot read what an RSA key of {bits} bits encrypts")
            }
            Self::Malformed => write!(f, "a public key is two decimal numbers and a comma"),
            Self::Invalid => write!(f, "the numbers make no RSA key"),
            Self::Generation => write!(f, "no primes were found for a key"),
            Self::Entropy(_) => write!(f, "no key without entropy"),
        }
    }
}

impl Error for KeyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Entropy(error) => Some(error),
            _ => None,
        }
    }
}

impl From<EntropyError> for KeyError {
    fn from(error: EntropyError) -> Self {
        Self::Entropy(error)
    }
}

/// Why something was not encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncryptionError {
    /// More than the key encrypts at once.
    TooLong {
        /// The number of bytes given.
        len: usize,
        /// The most that the key encrypts.
        max: usize,
    },
    /// The operating system gave no entropy for the padding.
    Entropy(EntropyError),
}

impl fmt::Display for EncryptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { len, max } => {
                write!(f, "{len} bytes are more than the {max} that the key encrypts")
            }
            Self::Entropy(_) => write!(f, "no encryption without entropy"),
        }
    }
}

impl Error for EncryptionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::TooLong { .. } => None,
            Self::Entropy(error) => Some(error),
        }
    }
}

impl From<EntropyError> for EncryptionError {
    fn from(error: EntropyError) -> Self {
        Self::Entropy(error)
    }
}

/// Why something was not signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// The key is too small for signatures with this hash: see [`best_hash`](super::best_hash).
    KeyTooSmall {
        /// The hash asked for.
        hash: Hash,
        /// The size of the key.
        size: KeySize,
    },
    /// The operating system gave no entropy to blind the computation with.
    Entropy(EntropyError),
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyTooSmall { hash, size } => write!(f, "{hash} does not fit a key of {size}"),
            Self::Entropy(_) => write!(f, "no signature without entropy"),
        }
    }
}

impl Error for SignError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::KeyTooSmall { .. } => None,
            Self::Entropy(error) => Some(error),
        }
    }
}

impl From<EntropyError> for SignError {
    fn from(error: EntropyError) -> Self {
        Self::Entropy(error)
    }
}

/// The ciphertext is not for this key, was altered, or the system gave no entropy. It does not
/// say which, on purpose: who can tell the causes apart can decrypt without the key.
#[doc(alias = "decryption_error")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecryptionError;

impl fmt::Display for DecryptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "decryption failed")
    }
}

impl Error for DecryptionError {}

/// The signature is not by this key over this message, with any of the five hashes.
#[doc(alias = "verification_error")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerificationError;

impl fmt::Display for VerificationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "verification failed")
    }
}

impl Error for VerificationError {}

/// The operating system gave no entropy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntropyError;

impl fmt::Display for EntropyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the operating system gave no entropy")
    }
}

impl Error for EntropyError {}
