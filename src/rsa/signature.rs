//! Signatures, RSASSA-PKCS1-v1_5.

use ::rsa::rand_core::CryptoRngCore;

use super::entropy::system_rng;
use super::{Hash, PrivateKey, PublicKey, SignError, VerificationError, best_hash};

/// Signs a message. The same key, hash and message always give the same signature.
///
/// # Errors
///
/// [`SignError`]: the key is too small for the hash, or there is no entropy for the blinding.
pub fn sign(message: &[u8], key: &PrivateKey, hash: Hash) -> Result<Vec<u8>, SignError> {
    sign_with(message, key, hash, &mut system_rng()?)
}

/// [`sign`], blinded by numbers from `rng`. What it returns does not depend on them.
///
/// # Errors
///
/// [`SignError::KeyTooSmall`].
pub fn sign_with(
    message: &[u8],
    key: &PrivateKey,
    hash: Hash,
    rng: &mut impl CryptoRngCore,
) -> Result<Vec<u8>, SignError> {
    let (scheme, digest) = hash.digest(message);
    let signature = key.as_inner().sign_with_rng(rng, scheme, &digest);
    signature.map_err(|_| SignError::KeyTooSmall { hash, size: key.size() })
}

/// Verifies a signature, and tells the hash that it was made with, as py2p's `rsa` does.
///
/// Any of the five is good, also one that is broken: whoever cares looks at what is returned.
///
/// # Errors
///
/// [`VerificationError`].
pub fn verify(
    message: &[u8],
    signature: &[u8],
    key: &PublicKey,
) -> Result<Hash, VerificationError> {
    // The one that py2p signs with comes first: the others are then not computed.
    let best = best_hash(key.size());
    let others = Hash::ALL.into_iter().filter(|hash| *hash != best);
    let is_signed_with = |hash: &Hash| {
        let (scheme, digest) = hash.digest(message);
        key.as_inner().verify(scheme, &digest, signature).is_ok()
    };
    std::iter::once(best).chain(others).find(is_signed_with).ok_or(VerificationError)
}
