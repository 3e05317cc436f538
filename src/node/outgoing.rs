//! A message on its way out: encoded and compressed once per method, however many neighbors get
//! it.

use bytes::{BufMut, Bytes, BytesMut};

use crate::wire::{Compression, Compressions, PathfindingMessage, SIZE_HEADER_LEN};

/// Bodies below this many bytes go plain: compressing them costs more than it saves.
const COMPRESS_FROM: usize = 512;

/// Turns one message into frames, keeping what it has made.
#[derive(Debug)]
pub(super) struct Outgoing<'a> {
    message: &'a PathfindingMessage,
    /// What this node compresses with.
    own: Compressions,
    /// One frame per method in use, the plain one under `None`.
    frames: Vec<(Option<Compression>, Bytes)>,
}

impl<'a> Outgoing<'a> {
    pub(super) fn new(message: &'a PathfindingMessage, own: Compressions) -> Self {
        Self { message, own, frames: Vec::new() }
    }

    /// The frame for a neighbor that reads these methods.
    pub(super) fn frame(&mut self, readable: Compressions) -> Bytes {
        let body = self.message.packets().body();
        let method = if body.len() < COMPRESS_FROM {
            None
        } else {
            readable.iter().filter(|&method| self.own.contains(method)).min()
        };
        self.frame_by(method)
    }

    fn frame_by(&mut self, method: Option<Compression>) -> Bytes {
        if let Some((_, frame)) = self.frames.iter().find(|(made, _)| *made == method) {
            return frame.clone();
        }
        let plain = self.message.packets().body();
        let packed = method
            .and_then(|method| method.compress(plain).ok())
            .filter(|packed| packed.len() < plain.len());
        let frame = match (packed, method) {
            (Some(packed), _) => frame_of(&packed),
            (None, None) => frame_of(plain),
            (None, Some(_)) => self.frame_by(None),
        };
        self.frames.push((method, frame.clone()));
        frame
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
    use crate::wire::DecodeLimits;

    fn message(text: &str) -> PathfindingMessage {
        PathfindingMessage::new(b"broadcast", b"me", 1, &["broadcast", text]).unwrap()
    }

    #[test]
    fn neighbors_of_one_method_share_one_frame() {
        let message = message(&"hello ".repeat(200));
        let mut outgoing = Outgoing::new(&message, Compressions::supported());
        let first = outgoing.frame(Compressions::from_names(["gzip"]));
        let second = outgoing.frame(Compressions::from_names(["lzma", "gzip"]));
        assert_eq!(first.as_ptr(), second.as_ptr());
        let plain = outgoing.frame(Compressions::NONE);
        assert!(first.len() < plain.len());
    }

    #[test]
    fn what_does_not_shrink_goes_plain() {
        let gzip = Compressions::from_names(["gzip"]);
        let noise: String = (0..1_000_u32)
            .map(|n| {
                char::from(b' ' + u8::try_from(n.wrapping_mul(2_654_435_761) >> 25).unwrap() % 95)
            })
            .collect();
        for text in ["short", noise.as_str()] {
            let message = message(text);
            let frame = Outgoing::new(&message, gzip).frame(gzip);
            let read = PathfindingMessage::decode(&frame, gzip, DecodeLimits::PROTOCOL).unwrap();
            assert_eq!(read.packets(), message.packets());
            assert!(frame.len() <= message.packets().body().len() + SIZE_HEADER_LEN);
        }
    }

    #[test]
    fn a_method_that_this_node_does_not_use_is_not_used() {
        let message = message(&"hello ".repeat(200));
        let own = Compressions::NONE;
        let frame = Outgoing::new(&message, own).frame(Compressions::supported());
        assert_eq!(frame.len(), message.packets().body().len() + SIZE_HEADER_LEN);
    }
}
