//! Base 58 as the protocol uses it: a positional notation of an unsigned INTEGER, most significant
//! digit first. PROTOCOL.md §1.
//!
//! This is not the byte-string encoding of the same alphabet, which keeps leading zero bytes:
//! here zero is the empty text, and leading `1`s mean nothing.

use std::error::Error;
use std::fmt;

/// The digits, from 0 to 57.
pub const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// The longest text that [`decode`] takes, in digits: enough for an integer of 5,990 bits.
///
/// Converting a number's base takes quadratic time, and the longest integer of the protocol has
/// 66 digits.
pub const MAX_DIGITS: usize = 1_024;

/// Encodes an integer given by its big-endian bytes.
///
/// Takes time quadratic in the length of `int`.
///
/// ```
/// use rs2p::wire::base58;
///
/// assert_eq!(base58::encode(&[0, 57]), "z");
/// assert_eq!(base58::encode(&[58]), "21");
/// assert_eq!(base58::encode(&[0, 0]), "");
/// ```
pub fn encode(int: &[u8]) -> String {
    bs58::encode(strip(int, 0)).into_string()
}

/// Encodes a machine integer.
pub fn encode_u64(int: u64) -> String {
    encode(&int.to_be_bytes())
}

/// Decodes an integer of any size to its shortest big-endian bytes; zero has none.
///
/// # Errors
///
/// [`Base58Error::TooLong`] above [`MAX_DIGITS`] significant digits, and
/// [`Base58Error::BadDigit`] for a byte that is no digit.
///
/// ```
/// use rs2p::wire::base58;
///
/// assert_eq!(base58::decode(b"1121").unwrap(), [58]);
/// assert!(base58::decode(b"0").is_err());
/// ```
pub fn decode(text: &[u8]) -> Result<Vec<u8>, Base58Error> {
    let digits = canonical(text)?;
    if digits.len() > MAX_DIGITS {
        return Err(Base58Error::TooLong);
    }
    bs58::decode(digits).into_vec().map_err(|_| Base58Error::BadDigit)
}

/// Decodes a machine integer, in linear time.
///
/// # Errors
///
/// [`Base58Error::TooLong`] for an integer above [`u64::MAX`], and [`Base58Error::BadDigit`] for
/// a byte that is no digit.
#[inline(never)]
pub fn decode_u64(text: &[u8]) -> Result<u64, Base58Error> {
    let mut value: u64 = 0;
    for &byte in canonical(text)? {
        let digit = digit(byte).ok_or(Base58Error::BadDigit)?;
        value = value
            .checked_mul(58)
            .and_then(|shifted| shifted.checked_add(u64::from(digit)))
            .ok_or(Base58Error::TooLong)?;
    }
    Ok(value)
}

/// The shortest text of the same integer: `text` without its leading `1`s. Takes linear time.
///
/// # Errors
///
/// [`Base58Error::BadDigit`] where a byte of `text` is no digit.
pub fn canonical(text: &[u8]) -> Result<&[u8], Base58Error> {
    if text.iter().all(|&byte| digit(byte).is_some()) {
        Ok(strip(text, b'1'))
    } else {
        Err(Base58Error::BadDigit)
    }
}

fn strip(text: &[u8], zero: u8) -> &[u8] {
    let zeros = text.iter().take_while(|&&byte| byte == zero).count();
    text.get(zeros..).unwrap_or_default()
}

/// The value of a digit, read from a table that is the inverse of [`ALPHABET`].
fn digit(byte: u8) -> Option<u8> {
    VALUES.get(usize::from(byte)).copied().filter(|&value| value != NO_DIGIT)
}

const NO_DIGIT: u8 = u8::MAX;

const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        #[expect(clippy::cast_possible_truncation, reason = "58 digits fit a byte")]
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
        {
            values[ALPHABET[value] as usize] = value as u8;
        }
        value = value.saturating_add(1);
    }
    values
};

/// Why a text is no base-58 integer. The writer's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Base58Error {
    /// A byte is none of the 58 digits.
    BadDigit,
    /// The integer is larger than the reader takes.
    TooLong,
}

impl fmt::Display for Base58Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadDigit => write!(f, "a character is not a base-58 digit"),
            Self::TooLong => write!(f, "the base-58 integer is too large"),
        }
    }
}

impl Error for Base58Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_the_empty_text() {
        assert_eq!(encode_u64(0), "");
        assert!(decode(b"").unwrap().is_empty());
        assert_eq!(decode_u64(b"111").unwrap(), 0);
    }

    #[test]
    fn t5_machine_integers_survive_the_round_trip_and_larger_ones_are_refused() {
        for int in [1, 57, 58, 1_466_965_490, u64::MAX - 1, u64::MAX] {
            assert_eq!(decode_u64(encode_u64(int).as_bytes()), Ok(int));
        }
        let above = encode(&[1, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(decode_u64(above.as_bytes()), Err(Base58Error::TooLong));
    }

    #[test]
    fn every_byte_outside_the_alphabet_is_refused() {
        for byte in 0..=u8::MAX {
            let known = ALPHABET.contains(&byte);
            assert_eq!(canonical(&[b'2', byte]).is_ok(), known, "{byte:#x}");
            assert_eq!(decode_u64(&[byte]).is_ok(), known, "{byte:#x}");
            assert_eq!(decode(&[byte]).is_ok(), known, "{byte:#x}");
        }
    }

    #[test]
    fn t5_too_many_digits_are_refused_before_they_cost_anything() {
        assert!(decode(&[b'z'; MAX_DIGITS]).is_ok());
        assert_eq!(decode(&[b'z'; MAX_DIGITS + 1]), Err(Base58Error::TooLong));
        let mut padded = vec![b'1'; 1 << 20];
        padded.push(b'z');
        assert_eq!(decode(&padded).unwrap(), [57]);
    }
}
