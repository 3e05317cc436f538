//! A frame as lines of text.

use super::frame::{Body, Fault, Field, Frame};
use super::text::shown;
use crate::console::count;

/// The most notes of one packet that are shown unless all are asked for.
const MAX_NOTES: usize = 8;

/// Every line of a frame, each with its end.
pub(super) fn text(frame: &Frame, is_full: bool) -> String {
    let mut lines = Lines::default();
    lines.push(format_args!("{}", headline(frame)));
    if let Some(body) = &frame.body {
        if !body.fields.is_empty() {
            lines.push(format_args!("  stream    body     len  packet"));
        }
        for field in &body.fields {
            lines.field(frame, body, field, is_full);
        }
        for name in &body.lacks {
            lines.push(format_args!("  fault: the payload lacks its {name}"));
        }
    }
    if let Some(fault) = &frame.fault {
        lines.push(format_args!("  {}", sentence(fault)));
    }
    lines.text
}

/// What came in altogether.
pub(super) fn summary(frames: u64, bad: u64, bytes: u64) -> String {
    let (frames, bytes) = (count(frames, "frame"), count(bytes, "byte"));
    match bad {
        0 => format!("ok: {frames} in {bytes}, all good\n"),
        _ => format!("not ok: {frames} in {bytes}, {bad} not good\n"),
    }
}

fn headline(frame: &Frame) -> String {
    let Frame { index, offset, announced, body, .. } = frame;
    let mut line = format!("frame {index} at byte {offset}: ");
    line.push_str(&match announced {
        Some(announced) => {
            format!("size header {announced:08x}, {} announced", count((*announced).into(), "byte"))
        }
        None => "no whole size header".to_owned(),
    });
    if let Some(Body { bytes, method, fields, .. }) = body {
        line.push_str(&match method {
            Some(method) => format!(", {method} to {}", count(bytes.len() as u64, "byte")),
            None => ", plain".to_owned(),
        });
        if !fields.is_empty() {
            line.push_str(&format!(", {}", count(fields.len() as u64, "packet")));
        }
    }
    line
}

/// Why it is no frame, beginning with where.
fn sentence(fault: &Fault) -> String {
    let place = match (fault.offset, fault.body_offset) {
        (Some(offset), Some(inside)) => format!("byte {offset} (byte {inside} of the body)"),
        (Some(offset), None) => format!("byte {offset}"),
        (None, Some(inside)) => format!("byte {inside} of the decompressed body"),
        (None, None) => "the frame".to_owned(),
    };
    format!("no frame: at {place}: {}", fault.text)
}

#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn push(&mut self, line: std::fmt::Arguments<'_>) {
        self.text.push_str(&format!("{line}\n"));
    }

    fn field(&mut self, frame: &Frame, body: &Body, field: &Field, is_full: bool) {
        let Field { name, range, meaning } = field;
        let bytes = body.bytes.get(range.clone()).unwrap_or_default();
        let offset =
            frame.stream_offset(range.start).map_or_else(|| "-".to_owned(), |at| at.to_string());
        self.push(format_args!(
            "{offset:>8}{:>8}{:>8}  {name:<14}{}",
            range.start,
            bytes.len(),
            shown(bytes, is_full)
        ));
        let max_notes = if is_full { usize::MAX } else { MAX_NOTES };
        for note in meaning.notes.iter().take(max_notes) {
            self.push(format_args!("{:40}{note}", ""));
        }
        if let Some(more) = meaning.notes.len().checked_sub(max_notes).filter(|&more| more > 0) {
            self.push(format_args!("{:40}and {more} more (--full shows them)", ""));
        }
        if let Some(fault) = &meaning.fault {
            self.push(format_args!("{:40}fault: {fault}", ""));
        }
    }
}
