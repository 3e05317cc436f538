//! Every text that is read is the integer that it writes, every integer has one text, and the three
//! ways of reading agree.
//!
//! Input: a text, which is taken for an integer's bytes as well.

use rs2p::wire::base58::{self, ALPHABET, Base58Error, MAX_DIGITS};

/// Above this length the schoolbook methods take too long.
const MAX_LEN: usize = 128;

pub(super) fn check(data: &[u8]) {
    check_text(data);
    check_integer(&data[..data.len().min(MAX_DIGITS)]);
}

fn check_text(text: &[u8]) {
    let (canonical, int, small) =
        (base58::canonical(text), base58::decode(text), base58::decode_u64(text));
    let Ok(canonical) = canonical else {
        assert!(text.iter().any(|byte| !ALPHABET.contains(byte)));
        assert_eq!(canonical, Err(Base58Error::BadDigit));
        assert_eq!(int, Err(Base58Error::BadDigit));
        assert!(small.is_err());
        return;
    };
    assert!(text.iter().all(|byte| ALPHABET.contains(byte)));
    assert!(text.ends_with(canonical) && !canonical.starts_with(b"1"));
    assert!(text[..text.len() - canonical.len()].iter().all(|&byte| byte == b'1'));
    let Ok(int) = int else {
        assert!(canonical.len() > MAX_DIGITS);
        return;
    };
    assert!(canonical.len() <= MAX_DIGITS);
    assert_eq!(base58::encode(&int).as_bytes(), canonical, "an integer has one text");
    let fits = int.len() <= 8;
    let machine = int.iter().fold(0, |value: u64, &byte| value.wrapping_mul(256) + u64::from(byte));
    assert_eq!(small, if fits { Ok(machine) } else { Err(Base58Error::TooLong) });
    if canonical.len() <= MAX_LEN {
        let digit = |byte| ALPHABET.iter().position(|&digit| digit == byte).unwrap();
        assert_eq!(int, convert(canonical.iter().map(|&byte| digit(byte)), 58, 256));
    }
}

fn check_integer(int: &[u8]) {
    let text = base58::encode(int);
    let zeros = int.iter().take_while(|&&byte| byte == 0).count();
    assert_eq!(base58::canonical(text.as_bytes()), Ok(text.as_bytes()));
    if text.len() <= MAX_DIGITS {
        assert_eq!(base58::decode(text.as_bytes()).as_deref(), Ok(&int[zeros..]));
    }
    if int.len() <= MAX_LEN {
        let digits = convert(int.iter().map(|&byte| usize::from(byte)), 256, 58);
        let expected: Vec<u8> = digits.iter().map(|&digit| ALPHABET[usize::from(digit)]).collect();
        assert_eq!(text.as_bytes(), expected);
    }
}

/// The digits of an integer in another base, both the most significant first: schoolbook
/// multiplication.
fn convert(digits: impl Iterator<Item = usize>, from: usize, to: usize) -> Vec<u8> {
    let mut little_endian: Vec<usize> = Vec::new();
    for digit in digits {
        let mut carry = digit;
        for place in &mut little_endian {
            carry += *place * from;
            *place = carry % to;
            carry /= to;
        }
        while carry > 0 {
            little_endian.push(carry % to);
            carry /= to;
        }
    }
    little_endian.iter().rev().map(|&digit| u8::try_from(digit).unwrap()).collect()
}
