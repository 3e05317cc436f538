//! RSA as py2p's `net` has it: keys, encryption and signatures, both PKCS#1 v1.5.
//!
//! This room knows keys of 354 to 8,192 bits ([`KeySize`], [`PublicKey`], [`PrivateKey`]), the five
//! hashes that py2p signs with ([`Hash`](enum@Hash), [`best_hash`]), and the operations on them. It
//! does not know sessions, sockets or messages. Everything here is a function of its arguments:
//! each operation that needs randomness has a form that takes a generator, and one that has the
//! operating system seed one, which `entropy.rs` alone asks it for.
//!
//! It is here to understand py2p, and is legacy through and through. The padding of PKCS#1 v1.5
//! makes an oracle of whoever lets others tell a padding that is right from one that is wrong
//! ([`decrypt`] says more), keys of 1,024 bits are within reach of those who have the means, and
//! the crate below does not compute in constant time (RUSTSEC-2023-0071). New programs want
//! something else.
//!
//! ```
//! use rs2p::rsa::{self, Hash, KeySize};
//!
//! let (public, private) = rsa::newkeys(KeySize::new(1024)?)?;
//! let ciphertext = rsa::encrypt(b"hello", &public)?;
//! assert_eq!(rsa::decrypt(&ciphertext, &private)?, b"hello");
//! let signature = rsa::sign(b"hello", &private, Hash::Sha512)?;
//! assert_eq!(rsa::verify(b"hello", &signature, &public)?, Hash::Sha512);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cipher;
mod entropy;
mod error;
mod hash;
mod key;
mod seeded;
mod signature;
mod size;

pub use ::rsa::rand_core;
pub use cipher::{decrypt, decrypt_with, encrypt, encrypt_with};
pub use entropy::system_seed;
pub use error::{
    DecryptionError, EncryptionError, EntropyError, KeyError, SignError, VerificationError,
};
pub use hash::{Hash, best_hash};
pub use key::{PrivateKey, PublicKey, newkeys, newkeys_with, public_key};
pub use seeded::SeededRng;
pub use signature::{sign, sign_with, verify};
pub use size::KeySize;
