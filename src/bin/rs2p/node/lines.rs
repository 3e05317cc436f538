//! Lines of input, each of bounded length.

use std::io::{self, BufRead, Read};

/// The longest line: the longest message twice in hexadecimal digits, and room to spare.
pub(super) const MAX_LINE_LEN: usize = 20 << 20;

/// A line without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Text(String),
    NotUtf8,
    /// Longer than [`MAX_LINE_LEN`]; it was passed over.
    TooLong,
}

/// Reads the next line; `None` at the end of the input.
pub(super) fn next(input: &mut impl BufRead, max_len: usize) -> io::Result<Option<Line>> {
    let mut bytes = Vec::new();
    // Room for the end of the line, so that what is longer shows.
    let limit = u64::try_from(max_len).unwrap_or(u64::MAX).saturating_add(1);
    if input.by_ref().take(limit).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    } else if bytes.len() > max_len {
        skip_line(input)?;
        return Ok(Some(Line::TooLong));
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    Ok(Some(String::from_utf8(bytes).map_or(Line::NotUtf8, Line::Text)))
}

/// Passes over the rest of a line, without keeping any of it.
fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let part = input.fill_buf()?;
        let end = part.iter().position(|&byte| byte == b'\n');
        let len = end.map_or(part.len(), |end| end + 1);
        input.consume(len);
        if end.is_some() || len == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut input: &[u8], max_len: usize) -> Vec<Line> {
        std::iter::from_fn(|| next(&mut input, max_len).unwrap()).collect()
    }

    fn text(text: &str) -> Line {
        Line::Text(text.to_owned())
    }

    #[test]
    fn lines_lose_their_ends_and_the_last_needs_none() {
        assert_eq!(read(b"", 9), []);
        assert_eq!(read(b"a\n\nb\r\nc", 9), [text("a"), text(""), text("b"), text("c")]);
    }

    #[test]
    fn a_line_too_long_is_passed_over_and_the_next_is_read() {
        assert_eq!(read(b"123\n1234\n12\n", 3), [text("123"), Line::TooLong, text("12")]);
        assert_eq!(read(b"123456789", 3), [Line::TooLong]);
    }

    #[test]
    fn a_line_that_is_no_text_is_told() {
        assert_eq!(read(b"\xff\nb\n", 9), [Line::NotUtf8, text("b")]);
    }
}
