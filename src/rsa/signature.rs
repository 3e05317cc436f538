//! Signatures, RSASSA-PKCS1-v1_5.

use ::rsa::rand_core::CryptoRngCore;

use super::entropy::system_rng;
use super::{Hash, KeySize, PrivateKey, PublicKey, SignError, VerificationError};

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
    let signature = key.as_inner().sign_with_rng(rng, hash.scheme(), &hash.digest(message));
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
    // Whatever the hash: who signs with the last of them, or with none, makes no more work than
    // others do.
    let encoded = key.open_signature(signature).ok_or(VerificationError)?;
    let is_encoded = |hash: &Hash| {
        let digest = head(*hash, key.size()).and_then(|head| encoded.strip_prefix(&head[..]));
        digest.is_some_and(|digest| digest == hash.digest(message))
    };
    Hash::ALL.into_iter().find(is_encoded).ok_or(VerificationError)
}

/// What a signature encodes in front of the digest: the padding, all of it, and the hash's name (RFC
/// 8017, 9.2). `None` where the key is too small for the hash.
fn head(hash: Hash, size: KeySize) -> Option<Vec<u8>> {
    let scheme = hash.scheme();
    let tail_len = scheme.prefix.len().checked_add(scheme.hash_len?)?;
    let padding_len = size.block_len().checked_sub(tail_len)?.checked_sub(3)?;
    let padding = vec![0xff; padding_len];
    (padding_len >= 8).then(|| [&[0, 1], padding.as_slice(), &[0], &scheme.prefix].concat())
}

#[cfg(test)]
mod tests {
    use ::rsa::{BigUint, Pkcs1v15Sign};

    use super::*;
    use crate::rsa::{SeededRng, newkeys_with};

    #[test]
    fn a_signature_is_good_only_if_every_byte_that_it_encodes_is() {
        let mut rng = SeededRng::from_seed([6; 32]);
        let key = newkeys_with(KeySize::weak(746).unwrap(), &mut rng).unwrap().1;
        let good = [head(Hash::Sha256, key.size()).unwrap(), Hash::Sha256.digest(b"m")].concat();
        // Signs whatever is encoded, by the crate below, with no name of a hash in front.
        let encode = |encoded: &[u8]| {
            let inner = key.as_inner();
            let number = BigUint::from_bytes_be(encoded);
            let d = ::rsa::traits::PrivateKeyParts::d(inner);
            let n = ::rsa::traits::PublicKeyParts::n(inner);
            let signature = number.modpow(d, n).to_bytes_be();
            [vec![0; good.len() - signature.len()], signature].concat()
        };
        assert_eq!(verify(b"m", &encode(&good), key.public()), Ok(Hash::Sha256));
        for at in 0..good.len() {
            let mut altered = good.clone();
            altered[at] ^= 1;
            let outcome = verify(b"m", &encode(&altered), key.public());
            assert_eq!(outcome, Err(VerificationError), "byte {at}");
        }
        // Less padding, and rubbish behind the digest: what forgers with e = 3 make.
        let short = [&[0, 1], &good[20..], &[0; 18]].concat();
        assert_eq!(verify(b"m", &encode(&short), key.public()), Err(VerificationError));
        let unnamed = key
            .as_inner()
            .sign(Pkcs1v15Sign::new_unprefixed(), &Hash::Sha256.digest(b"m"))
            .unwrap();
        assert_eq!(verify(b"m", &unnamed, key.public()), Err(VerificationError));
    }

    #[test]
    fn numbers_as_large_as_the_modulus_and_other_lengths_are_no_signatures() {
        let mut rng = SeededRng::from_seed([6; 32]);
        let key = newkeys_with(KeySize::weak(746).unwrap(), &mut rng).unwrap().1;
        let signature = sign_with(b"m", &key, Hash::Sha512, &mut rng).unwrap();
        assert_eq!(verify(b"m", &signature, key.public()), Ok(Hash::Sha512));
        let sum = BigUint::from_bytes_be(&signature) + BigUint::from_bytes_be(&key.public().n());
        let wrapped = sum.to_bytes_be();
        let longer = [&[0][..], &signature].concat();
        for wrong in [&wrapped[..], &longer, &signature[1..], &[], &key.public().n()] {
            assert_eq!(verify(b"m", wrong, key.public()), Err(VerificationError));
        }
    }
}
