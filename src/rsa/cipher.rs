//! Encryption and decryption, RSAES-PKCS1-v1_5.

use ::rsa::Pkcs1v15Encrypt;
use ::rsa::rand_core::CryptoRngCore;

use super::entropy::system_rng;
use super::{DecryptionError, EncryptionError, PrivateKey, PublicKey};

/// Encrypts up to [`max_plain_len`](super::KeySize::max_plain_len) bytes.
///
/// # Errors
///
/// [`EncryptionError`]: too many bytes, or no entropy for the padding.
pub fn encrypt(message: &[u8], key: &PublicKey) -> Result<Vec<u8>, EncryptionError> {
    encrypt_with(message, key, &mut system_rng()?)
}

/// [`encrypt`] with padding from `rng`: from the same generator always the same ciphertext.
///
/// # Errors
///
/// [`EncryptionError::TooLong`].
pub fn encrypt_with(
    message: &[u8],
    key: &PublicKey,
    rng: &mut impl CryptoRngCore,
) -> Result<Vec<u8>, EncryptionError> {
    let too_long = EncryptionError::TooLong { len: message.len(), max: key.size().max_plain_len() };
    key.as_inner().encrypt(rng, Pkcs1v15Encrypt, message).map_err(|_| too_long)
}

/// Decrypts what [`encrypt`] made.
///
/// Do not let anybody who may send you ciphertext know whether this failed: with a million
/// questions of that kind they decrypt what they recorded, and sign with your key. The time that
/// it takes tells something, too. A key that decrypts for few, and not for long, is the remedy.
///
/// # Errors
///
/// [`DecryptionError`], which does not tell why.
pub fn decrypt(ciphertext: &[u8], key: &PrivateKey) -> Result<Vec<u8>, DecryptionError> {
    decrypt_with(ciphertext, key, &mut system_rng().map_err(|_| DecryptionError)?)
}

/// [`decrypt`], blinded by numbers from `rng`. What it returns does not depend on them.
///
/// # Errors
///
/// [`DecryptionError`].
pub fn decrypt_with(
    ciphertext: &[u8],
    key: &PrivateKey,
    rng: &mut impl CryptoRngCore,
) -> Result<Vec<u8>, DecryptionError> {
    if ciphertext.len() != key.size().block_len() {
        return Err(DecryptionError);
    }
    let plain = key.as_inner().decrypt_blinded(rng, Pkcs1v15Encrypt, ciphertext);
    plain.map_err(|_| DecryptionError)
}
