//! RSA keys.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ::rsa::rand_core::CryptoRngCore;
use ::rsa::traits::PublicKeyParts;
use ::rsa::{BigUint, RsaPrivateKey, RsaPublicKey};

use super::entropy::system_rng;
use super::{KeyError, KeySize};

/// The decimal digits of the largest modulus, and of the largest exponent that is taken, 2^33 - 1.
const MAX_DIGITS: (usize, usize) = (2_467, 10);

/// A public key, which everybody may know. Cheap to clone.
///
/// As text it is what goes over the wire: modulus and exponent in decimal, and a comma between.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: Arc<RsaPublicKey>,
    size: KeySize,
}

impl PublicKey {
    /// The key of modulus `n` and exponent `e`, both big-endian.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if the modulus is even or has another size than a [`KeySize`] can be, or if
    /// the exponent is even or outside of 3 to 2^33 - 1. Nothing else about the key is checked.
    pub fn new(n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        let (n, e) = (number(n)?, number(e)?);
        Self::from_numbers(n, e)
    }

    fn from_numbers(n: BigUint, e: BigUint) -> Result<Self, KeyError> {
        let size = KeySize::weak(n.bits())?;
        let key = RsaPublicKey::new_with_max_size(n, e, KeySize::MAX.bits());
        Ok(Self { key: Arc::new(key.map_err(|_| KeyError::Invalid)?), size })
    }

    /// Its size, which is that of its modulus.
    pub fn size(&self) -> KeySize {
        self.size
    }

    /// The modulus, big-endian.
    pub fn n(&self) -> Vec<u8> {
        self.key.n().to_bytes_be()
    }

    /// The exponent, big-endian.
    pub fn e(&self) -> Vec<u8> {
        self.key.e().to_bytes_be()
    }

    /// What a signature encodes, as long as a block; `None` where it is none by a key of this size.
    pub(super) fn open_signature(&self, signature: &[u8]) -> Option<Vec<u8>> {
        let len = self.size.block_len();
        let number = BigUint::from_bytes_be(signature);
        if signature.len() != len || number >= *self.key.n() {
            return None;
        }
        let opened = number.modpow(self.key.e(), self.key.n()).to_bytes_be();
        let zeros = vec![0; len.checked_sub(opened.len())?];
        Some([zeros, opened].concat())
    }

    pub(super) fn as_inner(&self) -> &RsaPublicKey {
        &self.key
    }
}

/// The key as it goes over the wire.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.key.n(), self.key.e())
    }
}

/// Reads a key as it goes over the wire. Blanks around it, which py2p pads with, are ignored.
impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (n, e) = text.trim_matches(' ').split_once(',').ok_or(KeyError::Malformed)?;
        Self::from_numbers(decimal(n, MAX_DIGITS.0)?, decimal(e, MAX_DIGITS.1)?)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.size)
    }
}

/// A private key, which only its owner may know. Cheap to clone; cleared when the last is dropped.
#[derive(Clone)]
pub struct PrivateKey {
    key: Arc<RsaPrivateKey>,
    public: PublicKey,
}

impl PrivateKey {
    /// The key of modulus `n`, exponents `e` and `d`, and primes `p` and `q`, all big-endian, in
    /// the order in which py2p's keys have them.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if the public half is no [`PublicKey`], or if the parts do not fit together.
    pub fn new(n: &[u8], e: &[u8], d: &[u8], p: &[u8], q: &[u8]) -> Result<Self, KeyError> {
        let (d, p, q) = (number(d)?, number(p)?, number(q)?);
        let public = PublicKey::new(n, e)?;
        // The other order makes the arithmetic below slow, and endless where one is far smaller.
        let primes = if p > q { vec![p, q] } else { vec![q, p] };
        let (n, e) = (public.key.n().clone(), public.key.e().clone());
        let key = RsaPrivateKey::from_components(n, e, d, primes);
        Ok(Self { key: Arc::new(key.map_err(|_| KeyError::Invalid)?), public })
    }

    /// Makes a key from a generator: from the same generator always the same key.
    ///
    /// # Errors
    ///
    /// [`KeyError::Generation`] where no key was found.
    pub fn generate(size: KeySize, rng: &mut impl CryptoRngCore) -> Result<Self, KeyError> {
        let key = RsaPrivateKey::new(rng, size.bits()).map_err(|_| KeyError::Generation)?;
        let (n, e) = (key.n().clone(), key.e().clone());
        let public = PublicKey::from_numbers(n, e)?;
        Ok(Self { key: Arc::new(key), public })
    }

    /// The half that everybody may know.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Its size, which is that of its modulus.
    pub fn size(&self) -> KeySize {
        self.public.size
    }

    pub(super) fn as_inner(&self) -> &RsaPrivateKey {
        &self.key
    }
}

/// Shows nothing but the size.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.size())
    }
}

/// Makes a pair of keys. 1,024 bits take some 50 ms, 4,096 bits seconds, 8,192 bits up to a minute.
///
/// # Errors
///
/// [`KeyError::Entropy`] where the operating system has none.
pub fn newkeys(size: KeySize) -> Result<(PublicKey, PrivateKey), KeyError> {
    newkeys_with(size, &mut system_rng()?)
}

/// Makes a pair of keys from a generator: from the same generator always the same keys.
///
/// # Errors
///
/// [`KeyError::Generation`] where no keys were found.
pub fn newkeys_with(
    size: KeySize,
    rng: &mut impl CryptoRngCore,
) -> Result<(PublicKey, PrivateKey), KeyError> {
    let private = PrivateKey::generate(size, rng)?;
    Ok((private.public.clone(), private))
}

/// The public key of modulus `n` and exponent `e`, both big-endian: see [`PublicKey::new`].
///
/// # Errors
///
/// As [`PublicKey::new`].
pub fn public_key(n: &[u8], e: &[u8]) -> Result<PublicKey, KeyError> {
    PublicKey::new(n, e)
}

/// Reads a big-endian number that is no longer than the largest modulus.
fn number(bytes: &[u8]) -> Result<BigUint, KeyError> {
    let max = KeySize::MAX.block_len();
    if bytes.len() > max {
        return Err(KeyError::SizeOutOfRange { bits: bytes.len().saturating_mul(8) });
    }
    Ok(BigUint::from_bytes_be(bytes))
}

fn decimal(text: &str, max_digits: usize) -> Result<BigUint, KeyError> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    if text.is_empty() || text.len() > max_digits || !is_number {
        return Err(KeyError::Malformed);
    }
    BigUint::parse_bytes(text.as_bytes(), 10).ok_or(KeyError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rsa::{Hash, SeededRng, decrypt_with, encrypt_with, sign_with, verify};

    fn generate(bits: usize, seed: u8) -> PrivateKey {
        let mut rng = SeededRng::from_seed([seed; 32]);
        newkeys_with(KeySize::weak(bits).unwrap(), &mut rng).unwrap().1
    }

    /// The parts of a key: n, e, d, p and q.
    fn parts(key: &PrivateKey) -> [Vec<u8>; 5] {
        use ::rsa::traits::PrivateKeyParts;
        let inner = key.as_inner();
        let [p, q] = [0, 1].map(|at| inner.primes()[at].to_bytes_be());
        [key.public().n(), key.public().e(), inner.d().to_bytes_be(), p, q]
    }

    fn private([n, e, d, p, q]: &[Vec<u8>; 5]) -> Result<PrivateKey, KeyError> {
        PrivateKey::new(n, e, d, p, q)
    }

    #[test]
    fn a_seed_gives_one_key_of_exactly_the_size_that_works() {
        for bits in [354, 362, 512, 746, 1_022, 1_024] {
            let key = generate(bits, 1);
            assert_eq!(key.size().bits(), bits);
            assert_eq!(key.public(), generate(bits, 1).public());
            assert_ne!(key.public(), generate(bits, 2).public());
            let mut rng = SeededRng::from_seed([3; 32]);
            let ciphertext = encrypt_with(b"hello", key.public(), &mut rng).unwrap();
            assert_eq!(ciphertext.len(), key.size().block_len());
            let mut same = SeededRng::from_seed([3; 32]);
            assert_eq!(encrypt_with(b"hello", key.public(), &mut same), Ok(ciphertext.clone()));
            assert_eq!(decrypt_with(&ciphertext, &key, &mut rng).unwrap(), b"hello");
            let signature = sign_with(b"hello", &key, Hash::Md5, &mut rng).unwrap();
            assert_eq!(verify(b"hello", &signature, key.public()), Ok(Hash::Md5));
        }
    }

    #[test]
    fn numbers_that_make_no_public_key_are_refused() {
        let key = generate(512, 1);
        let (n, e) = (key.public().n(), key.public().e());
        let mut even = n.clone();
        even[63] = 0;
        assert_eq!(PublicKey::new(&even, &e), Err(KeyError::Invalid));
        let large = [&[1][..], &[0xff; 4]].concat();
        assert!(PublicKey::new(&n, &large).is_ok(), "2^33 - 1");
        for e in [&[][..], &[0], &[1], &[2], &[2, 0, 0, 0, 1], &[0xff; 64], &n] {
            assert_eq!(PublicKey::new(&n, e), Err(KeyError::Invalid), "{e:?}");
        }
        assert_eq!(PublicKey::new(&[], &e), Err(KeyError::SizeOutOfRange { bits: 0 }));
        assert_eq!(PublicKey::new(&[15], &[3]), Err(KeyError::SizeOutOfRange { bits: 4 }));
        let huge = PublicKey::new(&vec![0xff; 1 << 20], &e);
        assert_eq!(huge, Err(KeyError::SizeOutOfRange { bits: 8 << 20 }));
        let wide = PublicKey::new(&[&[1][..], &[0xff; 128]].concat(), &e);
        assert_eq!(wide, Err(KeyError::UnusableSize { bits: 1_025 }));
        assert_eq!(PublicKey::new(&[&[0; 10][..], &n].concat(), &e).as_ref(), Ok(key.public()));
    }

    #[test]
    fn texts_that_are_no_public_key_are_refused() {
        let key = generate(512, 1);
        let text = key.public().to_string();
        assert_eq!(text.parse().as_ref(), Ok(key.public()));
        assert_eq!(format!("  {text}    ").parse().as_ref(), Ok(key.public()));
        let zeros = format!("{:0>2500},3", 1);
        for text in
            ["", ",", "1", "1,", ",1", "1,2,3", "+1,3", "1_0,3", "1, 3", "\u{663},3", &zeros]
        {
            assert_eq!(text.parse::<PublicKey>(), Err(KeyError::Malformed), "{text}");
        }
    }

    #[test]
    fn parts_that_do_not_fit_together_make_no_private_key() {
        let good = parts(&generate(512, 1));
        assert!(private(&good).is_ok());
        let [n, e, d, p, q] = good.clone();
        assert!(private(&[n.clone(), e.clone(), d.clone(), q, p]).is_ok(), "in either order");
        let other = parts(&generate(512, 2));
        for (at, part) in other.into_iter().enumerate().filter(|(at, _)| *at != 1) {
            for wrong in [part, vec![], vec![1], vec![0xff; 1_025]] {
                let mut parts = good.clone();
                parts[at] = wrong;
                assert!(private(&parts).is_err(), "part {at}");
            }
        }
        // n times one, and a prime far smaller than the other.
        assert_eq!(private(&[n.clone(), e, d, n, vec![1]]).err(), Some(KeyError::Invalid));
    }

    #[test]
    fn primes_of_very_different_size_do_not_hold_up_a_decryption() {
        // 2^607 - 1 is prime, and so is 7: no library makes such a key, but a file can hold it.
        let large = (BigUint::from(1_u8) << 607) - 1_u8;
        let small = BigUint::from(7_u8);
        let n = &large * &small;
        let order = (&large - 1_u8) * 6_u8;
        let (e, d) = (3_u32..)
            .step_by(2)
            .find_map(|e| {
                let e = BigUint::from(e);
                let d = (1_u32..1_000).find_map(|times| {
                    let product = &order * times + 1_u8;
                    (&product % &e == BigUint::from(0_u8)).then(|| product / &e)
                })?;
                Some((e, d))
            })
            .unwrap();
        let bytes = [n, e, d, small, large].map(|number| number.to_bytes_be());
        let key = private(&bytes).unwrap();
        let mut rng = SeededRng::from_seed([3; 32]);
        let ciphertext = encrypt_with(b"hello", key.public(), &mut rng).unwrap();
        assert_eq!(decrypt_with(&ciphertext, &key, &mut rng).unwrap(), b"hello");
    }

    #[test]
    fn what_is_printed_of_a_private_key_is_its_size() {
        assert_eq!(format!("{:?}", generate(512, 1)), "PrivateKey(512 bits)");
    }
}
