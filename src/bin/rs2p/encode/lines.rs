//! Messages as `rs2p decode --json` prints them.

use std::io::{BufRead, Read};

use rs2p::wire::DecodeLimits;
use rs2p::{Compression, Compressions, Packets, PathfindingMessage};
use serde_json::Value;

use super::error::{EncodeError, LineError};
use crate::hex;

/// The longest line that is read. What is printed of a frame of 4 MiB is shorter.
const MAX_LINE_LEN: u64 = 64 << 20;

/// Reads one message from each line that is not empty.
pub(super) struct Lines<R> {
    reader: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, number: 0 }
    }

    /// The next line without its end; `None` behind the last.
    fn line(&mut self) -> Result<Option<Vec<u8>>, EncodeError> {
        self.number += 1;
        let mut line = Vec::new();
        let mut start = (&mut self.reader).take(MAX_LINE_LEN + 1);
        start.read_until(b'\n', &mut line).map_err(EncodeError::Read)?;
        if line.len() as u64 > MAX_LINE_LEN {
            let error = LineError::Length { max: MAX_LINE_LEN };
            return Err(EncodeError::Line { number: self.number, error });
        }
        Ok((!line.is_empty()).then_some(line))
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<PathfindingMessage, EncodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.line() {
                Ok(None) => return None,
                Ok(Some(line)) if line.trim_ascii().is_empty() => {}
                Ok(Some(line)) => {
                    let number = self.number;
                    let bad = |error| EncodeError::Line { number, error };
                    return Some(read(&line).map_err(bad));
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Reads a message: `packets`, each with its `hex`, and `compression`. All else is passed over.
fn read(line: &[u8]) -> Result<PathfindingMessage, LineError> {
    let object: Value = serde_json::from_slice(line).map_err(LineError::Json)?;
    let list = object.get("packets").and_then(Value::as_array).ok_or(LineError::NoPackets)?;
    let packets = list.iter().enumerate().map(|(packet, value)| {
        let text = value.get("hex").and_then(Value::as_str).ok_or(LineError::NoHex { packet })?;
        hex::read(text.as_bytes()).map_err(|error| LineError::Hex { packet, error })
    });
    let packets: Vec<Vec<u8>> = packets.collect::<Result<_, _>>()?;
    let compression = match object.get("compression") {
        None | Some(Value::Null) => None,
        Some(name) => {
            let method = name.as_str().and_then(Compression::parse);
            Some(method.filter(|method| method.is_supported()).ok_or(LineError::Method)?)
        }
    };
    let body = Packets::join(&packets).map_err(LineError::TooLong)?.body().clone();
    PathfindingMessage::decode_body(body, Compressions::NONE, DecodeLimits::PROTOCOL)
        .map(|message| message.with_compression(Compressions::from_iter(compression)))
        .map_err(LineError::Message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Vec<Result<PathfindingMessage, String>> {
        let show = |error: EncodeError| format!("{error}: {}", error_source(&error));
        Lines::new(text.as_bytes()).map(|item| item.map_err(show)).collect()
    }

    fn error_source(error: &EncodeError) -> String {
        std::error::Error::source(error).map_or_else(String::new, ToString::to_string)
    }

    #[test]
    fn each_line_is_a_message_and_empty_ones_are_passed_over() {
        let line = r#"{"packets":[{"hex":"61"},{"hex":""},{"hex":""},{"hex":"32"},{"hex":"ff"}]}"#;
        let found = read_all(&format!("{line}\n\n  \n{line}"));
        assert_eq!(found.len(), 2);
        for message in found {
            let message = message.unwrap();
            assert_eq!((message.msg_type(), message.time()), (&b"a"[..], Some(1)));
            assert!(message.payload().eq([b"\xff"]));
        }
    }

    #[test]
    fn a_bad_line_is_named_with_what_is_wrong() {
        for (line, expected) in [
            ("{", "it is not JSON: "),
            ("[]", "it has no `packets`"),
            (r#"{"packets":[{}]}"#, "packet 0 has no text `hex`"),
            (r#"{"packets":[{"hex":"0g"}]}"#, "`hex` of packet 0: byte 1 of the text, `g`"),
            (r#"{"packets":[],"compression":"snappy"}"#, "`compression` is no method"),
            (r#"{"packets":[]}"#, "a message needs at least 4 packets"),
        ] {
            let found = read_all(&format!("\n{line}\n"));
            let error = found[0].as_ref().unwrap_err();
            let expected = format!("line 2 makes no frame: {expected}");
            assert!(error.starts_with(&expected), "{error}");
        }
    }
}
