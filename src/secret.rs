//! What the members of a mesh know, and how one shows that it knows it. PROTOCOL.md §10.5.
//!
//! This room knows the secret and the proofs made of it. It does not know files or entropy (see
//! `keystore`), or what happens to whoever cannot prove it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use pem_rfc7468::LineEnding;
use ring::hmac;
use zeroize::Zeroizing;

/// The length of a secret that is generated, in bytes.
pub(crate) const GENERATED_LEN: usize = 32;

/// The length of a proof in bytes.
pub(crate) const PROOF_LEN: usize = 32;

/// What the proofs are made for, and nothing else ever is.
const DOMAIN: &[u8] = b"rs2p-mesh-secret-v1";

const PEM_LABEL: &str = "RS2P MESH SECRET";

/// What every member of a mesh has to know, where it is not for everybody.
///
/// A node that has one makes nobody its neighbor who cannot prove to know the same: see
/// [`Builder::secret`](crate::Builder::secret). The secret itself is never sent. Each proof is good
/// for one connection and one of its ends, so nobody can pass one on.
///
/// **It is no password.** A node proves the secret to whoever it dials, before that one proves
/// anything; a stranger who is dialled can then try guesses at his leisure, as many as his machines
/// can make. There is no guessing the 32 random bytes of [`MeshSecret::generate`]; what a person can
/// remember is found. Everybody who has the secret is a member, and can let others in: it tells
/// members from strangers, not members from each other.
///
/// Clones share one secret, which is wiped from memory when the last goes.
#[derive(Clone)]
pub struct MeshSecret {
    bytes: Arc<Zeroizing<Vec<u8>>>,
}

/// Which end of a connection proves that it knows the secret. It is part of the proof, so that none
/// can be reflected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prover {
    Dialer,
    Acceptor,
}

impl Prover {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Dialer => b"dialer",
            Self::Acceptor => b"acceptor",
        }
    }
}

impl MeshSecret {
    /// The fewest bytes of a secret.
    pub const MIN_LEN: usize = 16;

    /// The most bytes of a secret.
    pub const MAX_LEN: usize = 1_024;

    /// The secret of these bytes, which must be as random as a key's: see
    /// [`MeshSecret::generate`].
    ///
    /// # Errors
    ///
    /// [`SecretError::TooShort`] and [`SecretError::TooLong`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SecretError> {
        match bytes.len() {
            len if len < Self::MIN_LEN => Err(SecretError::TooShort { len }),
            len if len > Self::MAX_LEN => Err(SecretError::TooLong { len }),
            _ => Ok(Self { bytes: Arc::new(Zeroizing::new(bytes.to_vec())) }),
        }
    }

    /// Reads the text of a secret's file, as [`MeshSecret::to_pem`] writes it.
    ///
    /// # Errors
    ///
    /// [`SecretError`].
    pub fn from_pem(pem: &str) -> Result<Self, SecretError> {
        let (label, bytes) =
            pem_rfc7468::decode_vec(pem.as_bytes()).map_err(|_| SecretError::NoPem)?;
        let bytes = Zeroizing::new(bytes);
        if label != PEM_LABEL {
            return Err(SecretError::NotASecret);
        }
        Self::from_bytes(&bytes)
    }

    /// The text to keep in a file: PEM, as that of an identity, with a label of its own, so that
    /// neither can be taken for the other.
    ///
    /// # Errors
    ///
    /// [`SecretError::NoPem`], which no secret is known to cause.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, SecretError> {
        pem_rfc7468::encode_string(PEM_LABEL, LineEnding::LF, &self.bytes)
            .map(Zeroizing::new)
            .map_err(|_| SecretError::NoPem)
    }

    /// Shows that this end of a connection knows the secret, and that it does so on this
    /// connection, which alone has this binding.
    pub(crate) fn prove(&self, prover: Prover, binding: &[u8]) -> [u8; PROOF_LEN] {
        let proof = hmac::sign(&self.key(), &message(prover, binding));
        proof.as_ref().first_chunk().copied().unwrap_or([0; PROOF_LEN])
    }

    /// Whether a proof is that of the named end of the connection with this binding. Takes as long
    /// for a wrong one as for the right one.
    pub(crate) fn is_proven(&self, prover: Prover, binding: &[u8], proof: &[u8]) -> bool {
        hmac::verify(&self.key(), &message(prover, binding), proof).is_ok()
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.bytes)
    }
}

/// Neither name begins with the other, so no two messages of different parts are equal.
fn message(prover: Prover, binding: &[u8]) -> Vec<u8> {
    [DOMAIN, b" ", prover.name(), b" ", binding].concat()
}

/// Shows nothing of it, not even its length.
impl fmt::Debug for MeshSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MeshSecret(..)")
    }
}

/// Why bytes or a text are no secret of a mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretError {
    /// It has fewer bytes than [`MeshSecret::MIN_LEN`].
    TooShort {
        /// Its length in bytes.
        len: usize,
    },
    /// It has more bytes than [`MeshSecret::MAX_LEN`].
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The text is no PEM: not a secret's file, or cut off.
    NoPem,
    /// The text is PEM, and holds something else.
    NotASecret,
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { len } => {
                write!(
                    f,
                    "a secret of {len} bytes is too short, the least is {}",
                    MeshSecret::MIN_LEN
                )
            }
            Self::TooLong { len } => {
                write!(f, "a secret of {len} bytes exceeds the limit of {}", MeshSecret::MAX_LEN)
            }
            Self::NoPem => f.write_str("not a PEM text"),
            Self::NotASecret => f.write_str("not the secret of a mesh"),
        }
    }
}

impl Error for SecretError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> MeshSecret {
        MeshSecret::from_bytes(&[byte; 32]).unwrap()
    }

    #[test]
    fn a_secret_has_a_least_and_a_greatest_length() {
        let of = |len| MeshSecret::from_bytes(&vec![7; len]).map(|_| ());
        assert_eq!(of(15), Err(SecretError::TooShort { len: 15 }));
        assert_eq!(of(16), Ok(()));
        assert_eq!(of(1_024), Ok(()));
        assert_eq!(of(1_025), Err(SecretError::TooLong { len: 1_025 }));
    }

    #[test]
    fn a_proof_holds_for_its_secret_its_end_and_its_connection_alone() {
        let proof = secret(1).prove(Prover::Dialer, &[5; 32]);
        assert!(secret(1).is_proven(Prover::Dialer, &[5; 32], &proof));
        assert!(!secret(2).is_proven(Prover::Dialer, &[5; 32], &proof));
        assert!(!secret(1).is_proven(Prover::Acceptor, &[5; 32], &proof), "reflected");
        assert!(!secret(1).is_proven(Prover::Dialer, &[6; 32], &proof), "replayed");
        assert!(!secret(1).is_proven(Prover::Dialer, &[5; 32], &proof[..31]));
        assert!(!secret(1).is_proven(Prover::Dialer, &[5; 32], &[]));
    }

    #[test]
    fn the_proof_is_an_hmac_that_others_compute_too() {
        // hmac.new(b"\x01" * 32, b"rs2p-mesh-secret-v1 dialer " + b"\x05" * 32, "sha256")
        let expected = "a1387d005135aaa47e992e45e9c96aef6d9ec812afc87ee0f20fd5ea7c6cb548";
        let proof = secret(1).prove(Prover::Dialer, &[5; 32]);
        let hex: String = proof.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
    }

    #[test]
    fn a_file_keeps_the_secret_and_is_no_key() {
        let pem = secret(1).to_pem().unwrap();
        let again = MeshSecret::from_pem(&pem).unwrap();
        assert_eq!(again.bytes, secret(1).bytes);
        let key = pem_rfc7468::encode_string("PRIVATE KEY", LineEnding::LF, &[1; 32]).unwrap();
        assert_eq!(MeshSecret::from_pem(&key).unwrap_err(), SecretError::NotASecret);
        assert_eq!(MeshSecret::from_pem(&pem[..60]).unwrap_err(), SecretError::NoPem);
        assert_eq!(MeshSecret::from_pem("").unwrap_err(), SecretError::NoPem);
        let short = pem_rfc7468::encode_string(PEM_LABEL, LineEnding::LF, &[1; 15]).unwrap();
        assert_eq!(MeshSecret::from_pem(&short).unwrap_err(), SecretError::TooShort { len: 15 });
    }

    #[test]
    fn nothing_of_the_secret_is_shown() {
        assert_eq!(format!("{:?}", secret(1)), "MeshSecret(..)");
    }
}
