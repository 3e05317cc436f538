//! Bytes as hexadecimal text, and back.

use std::fmt;

/// Reads hexadecimal digits, in whatever pieces they arrive.
///
/// Passes over blanks, line breaks, colons, commas, and `0x` where a byte may begin.
#[derive(Debug, Default)]
pub(crate) struct HexReader {
    /// The first half of a byte.
    half: Option<u8>,
    /// The number of characters read.
    at: u64,
    /// Whether the last character was the zero of what may be `0x`.
    may_be_prefix: bool,
}

/// Why a text is not hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HexError {
    /// This byte of the text is no digit.
    NoDigit { at: u64, byte: u8 },
    /// The text ends with half a byte.
    Half { at: u64 },
}

impl HexReader {
    /// Appends the bytes of one piece to `out`.
    pub(crate) fn read(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), HexError> {
        for &byte in text {
            match (self.half, char::from(byte).to_digit(16)) {
                (None, Some(digit)) => {
                    self.half = u8::try_from(digit).ok();
                    self.may_be_prefix = byte == b'0';
                }
                (Some(half), Some(digit)) => {
                    out.push(half << 4 | u8::try_from(digit).unwrap_or_default());
                    self.half = None;
                }
                (Some(_), None) if self.may_be_prefix && byte.eq_ignore_ascii_case(&b'x') => {
                    self.half = None;
                }
                (_, None) if byte.is_ascii_whitespace() || b":,".contains(&byte) => {
                    self.may_be_prefix = false;
                }
                (_, None) => return Err(HexError::NoDigit { at: self.at, byte }),
            }
            self.at = self.at.saturating_add(1);
        }
        Ok(())
    }

    /// Checks that the text did not end within a byte.
    pub(crate) fn finish(&self) -> Result<(), HexError> {
        self.half.map_or(Ok(()), |_| Err(HexError::Half { at: self.at }))
    }
}

impl fmt::Display for HexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDigit { at, byte } => {
                let shown = byte.escape_ascii();
                write!(f, "byte {at} of the text, `{shown}`, is no hexadecimal digit")
            }
            Self::Half { at } => write!(f, "the text ends at its byte {at} with half a byte"),
        }
    }
}

impl std::error::Error for HexError {}

/// Reads a whole text.
pub(crate) fn read(text: &[u8]) -> Result<Vec<u8>, HexError> {
    let mut out = Vec::with_capacity(text.len() / 2);
    let mut reader = HexReader::default();
    reader.read(text, &mut out)?;
    reader.finish().map(|()| out)
}

/// Two digits for each byte.
pub(crate) fn write(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_the_digits_is_passed_over() {
        let expected = [0x00, 0x10, 0xab, 0xff];
        for text in [
            "0010abff",
            "00 10 AB FF\n",
            "00:10:ab:ff",
            "0x00, 0x10, 0xab, 0xff",
            "0X0010abff",
            "0010\r\nab\tff",
            "0 0 1 0 a b f f",
        ] {
            assert_eq!(read(text.as_bytes()), Ok(expected.to_vec()), "{text}");
        }
        assert_eq!(read(b""), Ok(vec![]));
        assert_eq!(write(&expected), "0010abff");
    }

    #[test]
    fn pieces_are_read_as_the_whole() {
        let text = b"0x00 0x1 2:ff";
        for cut in 0..=text.len() {
            let (mut reader, mut out) = (HexReader::default(), Vec::new());
            reader.read(&text[..cut], &mut out).unwrap();
            reader.read(&text[cut..], &mut out).unwrap();
            assert_eq!((out, reader.finish()), (vec![0, 0x12, 0xff], Ok(())), "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_digit_is_named_with_its_place() {
        for (text, at, byte) in [
            ("00g0", 2, b'g'),
            ("x", 0, b'x'),
            ("1x00", 1, b'x'),
            ("0 x1", 2, b'x'),
            ("-", 0, b'-'),
        ] {
            assert_eq!(read(text.as_bytes()), Err(HexError::NoDigit { at, byte }), "{text}");
        }
        assert_eq!(read(b"000 "), Err(HexError::Half { at: 4 }));
        let error = HexError::NoDigit { at: 7, byte: 0x1b };
        assert_eq!(error.to_string(), r"byte 7 of the text, `\x1b`, is no hexadecimal digit");
    }
}
