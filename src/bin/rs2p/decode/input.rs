//! Where the bytes come from, and what they are: raw, or hexadecimal text.

use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read};

use super::error::InputError;
use super::options::{Form, Source};
use crate::hex::{HexError, HexReader};

/// How much is read at once.
const PIECE_LEN: usize = 64 * 1024;

/// Bytes of a stream, piece by piece.
pub(super) struct Input {
    reader: Box<dyn Read>,
    form: Form,
    hex: HexReader,
    piece: Vec<u8>,
    bytes: Vec<u8>,
}

/// Why there is no next piece.
#[derive(Debug)]
pub(super) enum Unreadable {
    Hex(HexError),
    Io(io::Error),
}

impl Input {
    pub(super) fn open(source: &Source, form: Form) -> Result<Self, InputError> {
        let reader: Box<dyn Read> = match source {
            Source::Stdin => Box::new(io::stdin()),
            Source::Hex(text) => Box::new(Cursor::new(text.clone())),
            Source::File(path) => {
                let file = File::open(path).map_err(|error| InputError::open(path, error))?;
                Box::new(file)
            }
        };
        let (hex, piece) = (HexReader::default(), vec![0; PIECE_LEN]);
        Ok(Self { reader, form, hex, piece, bytes: Vec::new() })
    }

    /// The next bytes of the stream, and whether something is wrong behind them; no bytes and
    /// nothing wrong is the end.
    pub(super) fn next(&mut self) -> (&[u8], Result<(), Unreadable>) {
        self.bytes.clear();
        let mut result = Ok(());
        // A piece of hexadecimal text may hold no bytes at all.
        while self.bytes.is_empty() && result.is_ok() {
            match self.reader.read(&mut self.piece) {
                Ok(0) => {
                    if self.form == Form::Hex {
                        result = self.hex.finish().map_err(Unreadable::Hex);
                    }
                    break;
                }
                Ok(len) => result = self.take(len).map_err(Unreadable::Hex),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => result = Err(Unreadable::Io(error)),
            }
        }
        (&self.bytes, result)
    }

    fn take(&mut self, len: usize) -> Result<(), HexError> {
        let piece = self.piece.get(..len).unwrap_or_default();
        if self.form == Form::ByContent {
            // A size header within the limit begins with a zero byte, which no text does. What
            // begins with another byte that is no text is no frame either.
            let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
            self.form = if piece.first().is_some_and(is_text) { Form::Hex } else { Form::Raw };
        }
        match self.form {
            Form::Hex => self.hex.read(piece, &mut self.bytes),
            Form::Raw | Form::ByContent => {
                self.bytes.extend_from_slice(piece);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], form: Form) -> (Vec<u8>, bool) {
        let mut input = Input::open(&Source::Hex(bytes.to_vec()), form).unwrap();
        let mut all = Vec::new();
        loop {
            let (piece, result) = input.next();
            all.extend_from_slice(piece);
            if result.is_err() || piece.is_empty() {
                return (all, result.is_ok());
            }
        }
    }

    #[test]
    fn the_first_byte_tells_text_from_raw_bytes() {
        assert_eq!(read(b"00ff", Form::ByContent), (vec![0, 0xff], true));
        assert_eq!(read(b"\n00ff", Form::ByContent), (vec![0, 0xff], true));
        assert_eq!(read(b"\0\0\0\x01a", Form::ByContent), (b"\0\0\0\x01a".to_vec(), true));
        assert_eq!(read(b"\xff00", Form::ByContent), (b"\xff00".to_vec(), true));
        assert_eq!(read(b"00ff", Form::Raw), (b"00ff".to_vec(), true));
        assert_eq!(read(b"\0", Form::Hex), (vec![], false));
        assert_eq!(read(b"", Form::ByContent), (vec![], true));
    }

    #[test]
    fn good_bytes_before_a_bad_digit_or_a_half_byte_are_kept() {
        assert_eq!(read(b"00ff g", Form::Hex), (vec![0, 0xff], false));
        assert_eq!(read(b"00ff0", Form::Hex), (vec![0, 0xff], false));
        let long = "00".repeat(PIECE_LEN) + "1";
        assert_eq!(read(long.as_bytes(), Form::Hex), (vec![0; PIECE_LEN], false));
    }
}
