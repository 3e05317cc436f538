//! Cuts what comes in into frames, and says why where that ends.

use rs2p::wire::{FrameDecoder, SIZE_HEADER_LEN};

use super::frame::{Fault, Frame, Rules};

/// Cuts one stream. Holds one frame at a time.
#[derive(Debug)]
pub(super) struct Cutter {
    rules: Rules,
    decoder: FrameDecoder,
    /// The bytes taken so far.
    offset: u64,
    /// Where the frame began that is being cut.
    start: u64,
    /// The frames so far.
    count: u64,
    /// Whether the borders between frames are lost.
    is_lost: bool,
}

impl Cutter {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            decoder: FrameDecoder::default(),
            offset: 0,
            start: 0,
            count: 0,
            is_lost: false,
        }
    }

    /// Takes bytes from the front of `input` until a frame is complete; `None` where it is used
    /// up. A frame that is too long ends the stream: what follows has no borders.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Option<Frame> {
        let before = input.len();
        let result = self.decoder.next_frame(input, self.rules.limits.max_body_len);
        self.offset += (before - input.len()) as u64;
        match result {
            Ok(None) => None,
            Ok(Some(body)) => {
                let (index, start) = self.advance();
                Some(Frame::new(index, start, body, &self.rules))
            }
            Err(error) => {
                self.is_lost = true;
                let announced = self.decoder.announced_len();
                let (index, offset) = self.advance();
                let len = SIZE_HEADER_LEN as u64;
                let text = format!("{error}; nothing behind it can be told apart");
                let fault = Some(Fault::at("frame_too_long", offset, text));
                Some(Frame { index, offset, len, announced, body: None, fault })
            }
        }
    }

    /// What is left when there is no more input: a frame that is cut short, or no frame at all.
    pub(super) fn finish(&mut self) -> Option<Frame> {
        let held = self.decoder.buffered_len() as u64;
        let announced = self.decoder.announced_len();
        let (part, len) = match announced {
            Some(announced) => ("body", SIZE_HEADER_LEN as u64 + u64::from(announced)),
            // How many more the header would announce is not known.
            None => ("size header", SIZE_HEADER_LEN as u64),
        };
        let fault = if held > 0 {
            let missing = len.saturating_sub(held);
            let text = format!(
                "the input ends inside the {part} of this frame, which begins at byte {}; missing: \
                 {missing} of {} {len} bytes",
                self.start,
                if announced.is_some() { "its" } else { "the header's" },
            );
            let fault = Fault::at("incomplete", self.offset, text);
            Fault { missing: Some(missing), ..fault }
        } else if self.count == 0 {
            Fault::at("empty", 0, "the input is empty".to_owned())
        } else {
            return None;
        };
        let (index, offset) = self.advance();
        Some(Frame { index, offset, len: held, announced, body: None, fault: Some(fault) })
    }

    /// The end of an input that cannot be read on.
    pub(super) fn abandon(&mut self, kind: &'static str, text: String) -> Frame {
        let fault = Some(Fault::at(kind, self.offset, text));
        let (len, announced) = (self.offset - self.start, self.decoder.announced_len());
        let (index, offset) = self.advance();
        Frame { index, offset, len, announced, body: None, fault }
    }

    /// Whether a frame was too long, so that nothing behind it can be told apart.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// The number and the start of the frame that ends here.
    fn advance(&mut self) -> (u64, u64) {
        let this = (self.count, self.start);
        self.count += 1;
        self.start = self.offset;
        this
    }

    /// The frames so far, and their bytes.
    pub(super) fn totals(&self) -> (u64, u64) {
        (self.count, self.offset)
    }
}
