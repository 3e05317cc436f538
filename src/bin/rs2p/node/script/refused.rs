//! Why a command was not done, as its answer tells it: a word and a text.

use rs2p::{ConnectError, Refusal, SendError, WhisperError};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) kind: &'static str,
    pub(super) text: String,
}

impl Refused {
    pub(super) fn no_neighbor() -> Self {
        Self::from(Refusal::Gone)
    }

    pub(super) fn no_message(number: u64) -> Self {
        let text = format!("message {number} has not come, or is not kept any more");
        Self { kind: "NoMessage", text }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let kind = if refusal == Refusal::Gone { "NoNeighbor" } else { "Refusal" };
        Self { kind, text: refusal.to_string() }
    }
}

impl From<SendError> for Refused {
    fn from(error: SendError) -> Self {
        Self { kind: "SendError", text: error.to_string() }
    }
}

impl From<WhisperError> for Refused {
    fn from(error: WhisperError) -> Self {
        Self { kind: "WhisperError", text: error.to_string() }
    }
}

impl From<ConnectError> for Refused {
    fn from(error: ConnectError) -> Self {
        Self { kind: "ConnectError", text: error.to_string() }
    }
}
