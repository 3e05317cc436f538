//! A message on its way out: encoded and compressed once per form and method, however many
//! neighbors get it.

use bytes::{BufMut, Bytes, BytesMut};

use super::config::{Compress, Config};
use super::ledger::Ticket;
use super::noise::is_noise;
use crate::error::Refusal;
use crate::wire::{Compression, Compressions, MAX_ID_LEN, PathfindingMessage, SIZE_HEADER_LEN};

/// Bodies below this many bytes go plain: compressing them costs more than it saves.
const COMPRESS_FROM: usize = 512;

/// Who a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A node of the 0.2 protocol.
    Legacy,
    /// A node that has told its extension.
    Extended,
}

/// Turns one message into frames, keeping what it has made.
#[derive(Debug)]
pub(super) struct Outgoing {
    forms: Forms,
    /// Why a kind of neighbors is not to get it.
    missing: Refusal,
    /// What this node compresses with, and when.
    own: Compressions,
    compress: Compress,
    /// The longest body that a node with this one's limits takes.
    max_len: usize,
    frames: Vec<Made>,
    /// How often something was compressed.
    compressed: u64,
}

/// A frame that was made.
#[derive(Debug)]
pub(super) struct Made {
    form: Form,
    method: Option<Compression>,
    /// Methods that were tried and came to nothing, so that this one, which is plain, is sent.
    in_vain: Compressions,
    pub(super) frame: Bytes,
    /// Its place in the ledger, once somebody waits for it.
    pub(super) ticket: Option<Ticket>,
}

/// What the kinds of neighbors get.
#[derive(Debug)]
enum Forms {
    Same(PathfindingMessage),
    Each { legacy: Option<PathfindingMessage>, extended: Option<PathfindingMessage> },
}

impl Outgoing {
    /// A message that is the same for everybody.
    pub(super) fn new(message: PathfindingMessage, config: &Config) -> Self {
        // There is no such kind.
        Self::from_forms(Forms::Same(message), Refusal::Gone, config)
    }

    /// A message with a form for each kind of neighbor; `None` for a kind that is not to get it,
    /// because of what `missing` says.
    pub(super) fn with_forms(
        legacy: Option<PathfindingMessage>,
        extended: Option<PathfindingMessage>,
        missing: Refusal,
        config: &Config,
    ) -> Self {
        Self::from_forms(Forms::Each { legacy, extended }, missing, config)
    }

    #[inline(never)]
    fn from_forms(forms: Forms, missing: Refusal, config: &Config) -> Self {
        let Config { compressions, compress, .. } = *config;
        let max_len = config.limits.max_frame_len;
        Self {
            forms,
            missing,
            own: compressions,
            compress,
            max_len,
            frames: Vec::new(),
            compressed: 0,
        }
    }

    /// Compresses nothing: the node before has found that it does not pay.
    pub(super) fn send_plain(&mut self) {
        self.compress = Compress::Never;
    }

    /// How often something was compressed since this was last asked.
    pub(super) fn take_compressed(&mut self) -> u64 {
        std::mem::take(&mut self.compressed)
    }

    /// The message in one form.
    pub(super) fn message(&self, form: Form) -> Option<&PathfindingMessage> {
        match (&self.forms, form) {
            (Forms::Same(message), _) => Some(message),
            (Forms::Each { legacy, .. }, Form::Legacy) => legacy.as_ref(),
            (Forms::Each { extended, .. }, Form::Extended) => extended.as_ref(),
        }
    }

    /// The frame for a neighbor that reads these methods.
    #[cfg(test)]
    pub(super) fn frame(&mut self, form: Form, readable: Compressions) -> Result<Bytes, Refusal> {
        self.made(form, readable).map(|made| made.frame.clone())
    }

    /// The frame for a neighbor that reads these methods.
    ///
    /// # Errors
    ///
    /// Why it is not to get one.
    pub(super) fn made(
        &mut self,
        form: Form,
        readable: Compressions,
    ) -> Result<&mut Made, Refusal> {
        let form = match self.forms {
            Forms::Same(_) => Form::Legacy,
            Forms::Each { .. } => form,
        };
        let message = self.message(form).ok_or(self.missing)?;
        // What is longer than an id there is a signature and hashes, which nothing shortens.
        let noise_len = message.stated_id().len().saturating_sub(MAX_ID_LEN);
        let len = message.packets().body().len().saturating_sub(noise_len);
        let usable = readable.iter().filter(|&method| self.own.contains(method)).min();
        let method = match self.compress {
            Compress::Always => usable,
            // The others cost up to a hundred times as much for a few percent, and a peer that
            // lists only those would set the price of every message.
            Compress::WhenItPays => {
                usable.filter(|&method| method == Compression::Gzip && len >= COMPRESS_FROM)
            }
            Compress::Never => None,
        };
        let index = self.make(form, method).ok_or(self.missing)?;
        self.frames.get_mut(index).ok_or(self.missing)
    }

    /// Makes a frame that was not made before, and tells where it stands.
    fn make(&mut self, form: Form, method: Option<Compression>) -> Option<usize> {
        let is_it = |made: &Made| {
            let is_in_vain = method.is_some_and(|method| made.in_vain.contains(method));
            made.form == form && (made.method == method || is_in_vain)
        };
        if let Some(index) = self.frames.iter().position(is_it) {
            return Some(index);
        }
        let plain = &self.message(form)?.packets().body().clone();
        let is_always = self.compress == Compress::Always;
        let worthwhile = method.filter(|_| is_always || !is_noise(plain));
        let packed = worthwhile.and_then(|method| method.compress(plain).ok()).filter(|packed| {
            // What does not shrink may grow beyond what the neighbor takes.
            packed.len() < plain.len() || is_always && packed.len() <= self.max_len
        });
        self.compressed += u64::from(worthwhile.is_some());
        if let (Some(method), None) = (method, &packed) {
            let index = self.make(form, None)?;
            if let Some(made) = self.frames.get_mut(index) {
                made.in_vain = made.in_vain.iter().chain([method]).collect();
            }
            return Some(index);
        }
        let frame = frame_of(packed.as_deref().unwrap_or(plain));
        let in_vain = Compressions::NONE;
        self.frames.push(Made { form, method, in_vain, frame, ticket: None });
        Some(self.frames.len() - 1)
    }
}

/// Puts the size header in front of a body. Bodies are within the node's limit, far below 4 GiB.
pub(super) fn frame_of(body: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(body.len() + SIZE_HEADER_LEN);
    frame.put_u32(u32::try_from(body.len()).unwrap_or(u32::MAX));
    frame.put_slice(body);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{DecodeLimits, Protocol};

    fn message(text: &str) -> PathfindingMessage {
        PathfindingMessage::new(b"broadcast", b"me", 1, &["broadcast", text]).unwrap()
    }

    fn config(compressions: Compressions, compress: Compress) -> Config {
        Config { compressions, compress, ..Config::new(Protocol::new("mesh", "Plaintext")) }
    }

    fn outgoing(text: &str, own: Compressions, compress: Compress) -> Outgoing {
        Outgoing::new(message(text), &config(own, compress))
    }

    fn gzip() -> Compressions {
        Compressions::from_names(["gzip"])
    }

    #[test]
    fn t8_neighbors_of_one_method_share_one_frame() {
        let text = "hello ".repeat(200);
        let mut outgoing = outgoing(&text, Compressions::supported(), Compress::WhenItPays);
        let first = outgoing.frame(Form::Legacy, gzip()).unwrap();
        let both = Compressions::from_names(["lzma", "gzip"]);
        let second = outgoing.frame(Form::Legacy, both).unwrap();
        assert_eq!(first.as_ptr(), second.as_ptr());
        let plain = outgoing.frame(Form::Legacy, Compressions::NONE).unwrap();
        assert!(first.len() < plain.len());
    }

    #[test]
    fn each_kind_of_neighbor_gets_its_own_form_or_none() {
        let [legacy, extended] = ["one", "two"].map(|text| Some(message(text)));
        let own = Compressions::NONE;
        let config = config(own, Compress::WhenItPays);
        let missing = Refusal::DuplicateInFlight;
        let mut both = Outgoing::with_forms(legacy, extended.clone(), missing, &config);
        let [one, two] = [Form::Legacy, Form::Extended].map(|form| both.frame(form, own));
        assert_ne!(one, two);
        let mut one_only = Outgoing::with_forms(None, extended, missing, &config);
        assert_eq!(one_only.frame(Form::Legacy, own), Err(missing));
        assert_eq!(one_only.frame(Form::Extended, own), two);
    }

    #[test]
    fn what_would_grow_beyond_the_limit_goes_plain() {
        let mut state = 1_u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        });
        let noise: Vec<u8> = noise.take(2_000).collect();
        let packets = [&b"broadcast"[..], &noise];
        let message = PathfindingMessage::new(b"broadcast", b"me", 1, &packets).unwrap();
        let len = message.packets().body().len();
        for (max_frame_len, is_plain) in [(len, true), (len + 1_000, false)] {
            let mut config = config(gzip(), Compress::Always);
            config.limits.max_frame_len = max_frame_len;
            let frame = Outgoing::new(message.clone(), &config).frame(Form::Legacy, gzip());
            assert_eq!(frame.unwrap().len() == len + SIZE_HEADER_LEN, is_plain);
        }
    }

    #[test]
    fn what_does_not_shrink_goes_plain_unless_always_is_asked_for() {
        let mut state = 1_u32;
        let noise: String = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b'!' + u8::try_from(state >> 24).unwrap() % 94)
        })
        .take(2_000)
        .collect();
        for (text, compress, is_plain) in [
            ("short", Compress::WhenItPays, true),
            ("short", Compress::Always, false),
            (&noise, Compress::Always, false),
        ] {
            let message = message(text);
            let mut outgoing = Outgoing::new(message.clone(), &config(gzip(), compress));
            let frame = outgoing.frame(Form::Legacy, gzip()).unwrap();
            let read = PathfindingMessage::decode(&frame, gzip(), DecodeLimits::PROTOCOL).unwrap();
            assert_eq!(read.packets(), message.packets());
            assert_eq!(read.compression_fail(), is_plain, "{text}");
        }
    }

    #[test]
    fn a_signature_does_not_make_a_short_message_worth_compressing() {
        let stated = |len: usize, text: &str| {
            let payload = ["broadcast", text];
            let message =
                PathfindingMessage::stated(b"broadcast", b"me", &vec![0; len], 1, &payload);
            let config = config(gzip(), Compress::WhenItPays);
            let message = message.unwrap();
            let frame = Outgoing::new(message.clone(), &config).frame(Form::Legacy, gzip());
            frame.unwrap().len() == message.packets().body().len() + SIZE_HEADER_LEN
        };
        assert!(stated(434, &"hello ".repeat(60)), "nearly 900 bytes, half of them a signature");
        assert!(!stated(434, &"hello ".repeat(90)));
        assert!(!stated(16, &"hello ".repeat(90)));
    }

    #[test]
    fn a_method_that_this_node_does_not_use_is_not_used() {
        let text = "hello ".repeat(200);
        let mut outgoing = outgoing(&text, Compressions::NONE, Compress::Always);
        let frame = outgoing.frame(Form::Legacy, Compressions::supported()).unwrap();
        assert_eq!(frame.len(), message(&text).packets().body().len() + SIZE_HEADER_LEN);
    }
}
