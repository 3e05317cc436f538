//! Reading the fields of a command, each of the type that it must have.

use std::time::Duration;

use rs2p::{Compressions, MessageId, NodeId};
use serde_json::{Map, Value};

use super::command::CommandError;
use crate::hex;

/// The longest wait that can be asked for, in seconds.
const MAX_TIMEOUT: f64 = 86_400.0;

/// The fields of a command. One that is null counts as missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Fields<'a> {
    fn find(self, name: &'static str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text that may be missing; so is an empty one.
    pub(super) fn word(self, name: &'static str) -> Result<Option<&'a str>, CommandError> {
        let text = self.find(name).map(|value| as_text(name, value)).transpose()?;
        Ok(text.filter(|text| !text.is_empty()))
    }

    pub(super) fn text(self, name: &'static str) -> Result<&'a str, CommandError> {
        self.find(name).ok_or(CommandError::Missing(name)).and_then(|value| as_text(name, value))
    }

    pub(super) fn id(self, name: &'static str) -> Result<NodeId, CommandError> {
        self.text(name)?.parse().map_err(|_| wrong(name, "an id of 1 to 66 visible characters"))
    }

    pub(super) fn message_id(self, name: &'static str) -> Result<MessageId, CommandError> {
        self.text(name)?.parse().map_err(|_| wrong(name, "the id of a message"))
    }

    /// A whole number.
    pub(super) fn number<T: TryFrom<u64>>(
        self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, CommandError> {
        let Some(value) = self.find(name) else { return Ok(None) };
        let number = value.as_u64().and_then(|number| number.try_into().ok());
        number.map(Some).ok_or_else(|| wrong(name, expected))
    }

    /// A time in seconds; none where it is missing.
    pub(super) fn timeout(self, name: &'static str) -> Result<Duration, CommandError> {
        let Some(value) = self.find(name) else { return Ok(Duration::ZERO) };
        let seconds = value.as_f64().filter(|seconds| (0.0..=MAX_TIMEOUT).contains(seconds));
        seconds
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .ok_or_else(|| wrong(name, "seconds from 0 to 86400"))
    }

    /// `packets_hex` or, without it, `packets`; no packets without either.
    pub(super) fn packets(self) -> Result<Vec<Vec<u8>>, CommandError> {
        if self.find("packets_hex").is_some() {
            let texts = self.texts("packets_hex")?;
            texts.into_iter().map(|text| hex("packets_hex", text)).collect()
        } else if self.find("packets").is_some() {
            Ok(self.texts("packets")?.into_iter().map(|text| text.as_bytes().to_vec()).collect())
        } else {
            Ok(Vec::new())
        }
    }

    pub(super) fn hex(self, name: &'static str) -> Result<Vec<u8>, CommandError> {
        hex(name, self.text(name)?)
    }

    /// Compression methods. Words that name none are passed over, as in a handshake.
    pub(super) fn methods(self, name: &'static str) -> Result<Compressions, CommandError> {
        Ok(Compressions::from_names(self.texts(name)?))
    }

    fn texts(self, name: &'static str) -> Result<Vec<&'a str>, CommandError> {
        let expected = "a list of texts";
        let value = self.find(name).ok_or(CommandError::Missing(name))?;
        let list = value.as_array().ok_or_else(|| wrong(name, expected))?;
        list.iter().map(|text| text.as_str().ok_or_else(|| wrong(name, expected))).collect()
    }
}

fn wrong(field: &'static str, expected: &'static str) -> CommandError {
    CommandError::Wrong { field, expected }
}

fn as_text<'a>(name: &'static str, value: &'a Value) -> Result<&'a str, CommandError> {
    value.as_str().ok_or_else(|| wrong(name, "a text"))
}

fn hex(name: &'static str, text: &str) -> Result<Vec<u8>, CommandError> {
    hex::read(text.as_bytes()).map_err(|_| wrong(name, "pairs of hexadecimal digits"))
}
