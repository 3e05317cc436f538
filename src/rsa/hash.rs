//! The hashes that py2p signs with.

use std::fmt;

use ::rsa::Pkcs1v15Sign;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::KeySize;

/// A hash under a signature.
#[doc(alias = "hashop")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hash {
    /// MD5: broken; for keys that are too small for anything else.
    Md5,
    /// SHA-1: broken too.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// All of them, the best first.
    pub const ALL: [Self; 5] = [Self::Sha512, Self::Sha384, Self::Sha256, Self::Sha1, Self::Md5];

    /// The name that py2p gives it, such as `SHA-512`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }

    /// The scheme of a signature with this hash.
    pub(super) fn scheme(self) -> Pkcs1v15Sign {
        match self {
            Self::Md5 => Pkcs1v15Sign::new::<Md5>(),
            Self::Sha1 => Pkcs1v15Sign::new::<Sha1>(),
            Self::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
            Self::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
            Self::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
        }
    }

    pub(super) fn digest(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => Md5::digest(message).to_vec(),
            Self::Sha1 => Sha1::digest(message).to_vec(),
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The longest hash that a key of this size can sign: what py2p signs with unless told otherwise.
pub fn best_hash(size: KeySize) -> Hash {
    match size.bits() {
        746.. => Hash::Sha512,
        618.. => Hash::Sha384,
        490.. => Hash::Sha256,
        362.. => Hash::Sha1,
        _ => Hash::Md5,
    }
}
