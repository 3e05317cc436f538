//! Who a node is, by a key that it can prove to hold. PROTOCOL.md §10.2.
//!
//! This room knows Ed25519 keys and the id that follows from one. It does not know files (see
//! `keystore`), entropy, or what is proven to whom.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use pem_rfc7468::LineEnding;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

use crate::wire::NodeId;

/// The length of a key, public or secret, in bytes.
pub(crate) const KEY_LEN: usize = 32;

/// The length of a signature in bytes.
pub(crate) const SIGNATURE_LEN: usize = 64;

/// What stands before the secret key in PKCS#8 (RFC 5958, RFC 8410).
const SECRET_HEAD: &[u8] = &[
    0x30, 0x51, 0x02, 0x01, 0x01, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// What stands between the secret key and the public key there.
const SECRET_MIDDLE: &[u8] = &[0x81, 0x21, 0x00];

/// What stands before a public key in a SubjectPublicKeyInfo (RFC 8410).
const PUBLIC_HEAD: &[u8] =
    &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

const PEM_LABEL: &str = "PRIVATE KEY";

/// A key pair for Ed25519 (RFC 8032), which makes a node the one that it says it is.
///
/// Whoever has the secret half is the node: keep it, and keep it to yourself. Clones share one
/// secret, which is wiped from memory when the last goes.
#[derive(Clone)]
pub struct Identity {
    inner: Arc<Inner>,
}

struct Inner {
    pair: Ed25519KeyPair,
    public_key: PublicKey,
    pkcs8: Zeroizing<Vec<u8>>,
}

impl Identity {
    /// The identity with this secret key, which must be as random as any key.
    ///
    /// Tests and simulations get the same identity again this way. Otherwise see
    /// [`Identity::generate`].
    ///
    /// # Errors
    ///
    /// [`IdentityError::Damaged`], which no 32 bytes are known to cause.
    pub fn from_secret(secret: &[u8; KEY_LEN]) -> Result<Self, IdentityError> {
        Self::new(Ed25519KeyPair::from_seed_unchecked(secret), secret)
    }

    /// Reads the text of a key file: an Ed25519 key in PKCS#8 and PEM, as [`Identity::to_pem`] and
    /// OpenSSL write them.
    ///
    /// # Errors
    ///
    /// [`IdentityError`] where it is no such text, or its two halves do not fit each other.
    pub fn from_pem(pem: &str) -> Result<Self, IdentityError> {
        let (label, der) =
            pem_rfc7468::decode_vec(pem.as_bytes()).map_err(|_| IdentityError::NoPem)?;
        let der = Zeroizing::new(der);
        if label != PEM_LABEL {
            return Err(IdentityError::NotAKey);
        }
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der);
        // Both versions of the format have as many bytes before the secret key.
        let secret = der.get(SECRET_HEAD.len()..).and_then(|rest| rest.first_chunk());
        Self::new(pair, secret.ok_or(IdentityError::Damaged)?)
    }

    fn new(
        pair: Result<Ed25519KeyPair, ring::error::KeyRejected>,
        secret: &[u8; KEY_LEN],
    ) -> Result<Self, IdentityError> {
        let pair = pair.map_err(|_| IdentityError::Damaged)?;
        let public_key =
            PublicKey::try_from(pair.public_key().as_ref()).map_err(|_| IdentityError::Damaged)?;
        let pkcs8 = [SECRET_HEAD, secret, SECRET_MIDDLE, &public_key.0].concat();
        Ok(Self { inner: Arc::new(Inner { pair, public_key, pkcs8: Zeroizing::new(pkcs8) }) })
    }

    /// The text to keep in a file: PKCS#8 with both halves, in PEM.
    ///
    /// # Errors
    ///
    /// [`IdentityError::NoPem`], which no key is known to cause.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, IdentityError> {
        pem_rfc7468::encode_string(PEM_LABEL, LineEnding::LF, &self.inner.pkcs8)
            .map(Zeroizing::new)
            .map_err(|_| IdentityError::NoPem)
    }

    /// The half that everybody may know.
    pub fn public_key(&self) -> PublicKey {
        self.inner.public_key
    }

    /// The id of the node that has this identity.
    pub fn node_id(&self) -> NodeId {
        self.public_key().node_id()
    }

    /// Signs bytes. The same bytes have the same signature.
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        let signature = self.inner.pair.sign(message);
        signature.as_ref().first_chunk().copied().unwrap_or([0; SIGNATURE_LEN])
    }

    /// The key pair in PKCS#8.
    pub(crate) fn pkcs8(&self) -> &[u8] {
        &self.inner.pkcs8
    }
}

/// Shows the id, and nothing of the secret.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("node_id", &self.node_id()).finish_non_exhaustive()
    }
}

/// The half of an [`Identity`] that everybody may know.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; KEY_LEN]);

impl PublicKey {
    /// The key as it is written: a point of the curve, unchecked.
    pub fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// The key as it is written.
    pub fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    /// The id of the node that has this key.
    pub fn node_id(&self) -> NodeId {
        NodeId::of_key(&self.0)
    }

    /// Whether this key's holder has signed these bytes.
    pub fn is_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }

    /// The key as TLS wants it (RFC 7250).
    pub(crate) fn to_spki(self) -> Vec<u8> {
        [PUBLIC_HEAD, &self.0].concat()
    }

    /// Reads the only form that [`PublicKey::to_spki`] writes.
    pub(crate) fn from_spki(spki: &[u8]) -> Option<Self> {
        let key = spki.strip_prefix(PUBLIC_HEAD)?;
        Self::try_from(key).ok()
    }
}

impl TryFrom<&[u8]> for PublicKey {
    type Error = IdentityError;

    fn try_from(bytes: &[u8]) -> Result<Self, IdentityError> {
        bytes.try_into().map(Self).map_err(|_| IdentityError::NotAKey)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.node_id().short())
    }
}

/// Why a text holds no identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityError {
    /// It is no PEM: not a key file, or cut off.
    NoPem,
    /// It is PEM, and no private key in PKCS#8 is in it.
    NotAKey,
    /// It is no Ed25519 key, or its two halves do not belong to each other.
    Damaged,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPem => "not a PEM text",
            Self::NotAKey => "not a private key in PKCS#8",
            Self::Damaged => "not an Ed25519 key, or damaged",
        })
    }
}

impl Error for IdentityError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity::from_secret(&[7; KEY_LEN]).unwrap()
    }

    #[test]
    fn a_file_keeps_the_identity() {
        let pem = identity().to_pem().unwrap();
        let again = Identity::from_pem(&pem).unwrap();
        assert_eq!(again.public_key(), identity().public_key());
        assert_eq!(again.pkcs8(), identity().pkcs8());
        assert_eq!(again.sign(b"x"), identity().sign(b"x"));
    }

    #[test]
    fn a_key_of_openssl_is_read() {
        // `openssl genpkey -algorithm ED25519`: the older form, without the public half.
        let pem = "-----BEGIN PRIVATE KEY-----\n\
             MC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n\
             -----END PRIVATE KEY-----\n";
        let read = Identity::from_pem(pem).unwrap();
        assert_eq!(read.pkcs8(), identity().pkcs8());
    }

    #[test]
    fn any_changed_character_of_a_file_is_noticed() {
        let pem = identity().to_pem().unwrap();
        for at in 0..pem.len() {
            let mut bytes = pem.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            let read = Identity::from_pem(&changed);
            assert!(read.is_err(), "{at}: {changed}");
        }
        assert_eq!(Identity::from_pem("").unwrap_err(), IdentityError::NoPem);
        let public = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
        assert_eq!(Identity::from_pem(public).unwrap_err(), IdentityError::NotAKey);
    }

    #[test]
    fn a_signature_holds_for_its_bytes_and_its_key_alone() {
        let (identity, other) = (identity(), Identity::from_secret(&[8; KEY_LEN]).unwrap());
        let signature = identity.sign(b"message");
        assert!(identity.public_key().is_signed(b"message", &signature));
        assert!(!identity.public_key().is_signed(b"massage", &signature));
        assert!(!identity.public_key().is_signed(b"message", &signature[1..]));
        assert!(!other.public_key().is_signed(b"message", &signature));
    }

    #[test]
    fn an_id_is_the_hash_of_the_key() {
        assert_eq!(identity().node_id().as_str().len(), 66);
        assert_ne!(identity().node_id(), Identity::from_secret(&[8; 32]).unwrap().node_id());
        let spki = identity().public_key().to_spki();
        assert_eq!(PublicKey::from_spki(&spki), Some(identity().public_key()));
        assert_eq!(PublicKey::from_spki(&spki[1..]), None);
    }

    #[test]
    fn nothing_of_the_secret_is_shown() {
        let shown = format!("{:?}", identity());
        assert!(
            shown.contains(identity().node_id().as_str())
                && !shown.contains('7'.to_string().repeat(3).as_str()),
            "{shown}"
        );
    }
}
