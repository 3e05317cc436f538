//! What others wrote, made fit for a terminal.
//!
//! Everything that could move the cursor, change colors, hide, or turn the direction of writing
//! is written out as an escape; so are bytes that are no UTF-8.

/// The most characters of a message that are shown.
pub(crate) const MAX_SHOWN: usize = 1_000;

/// Bytes as one line of at most so many characters, and a note where that is not all.
pub(crate) fn shown(bytes: &[u8], max: usize) -> String {
    let mut text = String::new();
    let mut count = 0;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if count == max {
                return shortened(text, bytes.len());
            }
            count += 1;
            if is_plain(c) {
                text.push(c);
            } else {
                text.extend(c.escape_default());
            }
        }
        for byte in chunk.invalid() {
            if count == max {
                return shortened(text, bytes.len());
            }
            count += 1;
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

fn shortened(mut text: String, len: usize) -> String {
    text.push_str(&format!(".. ({} bytes in all)", crate::console::grouped(len as u64)));
    text
}

/// Whether a character takes its place in the line and does nothing else.
pub(crate) fn is_plain(c: char) -> bool {
    let does_something = c.is_control()
        || matches!(
            c,
            // Soft hyphen, Arabic letter mark, Hangul fillers, Mongolian vowel separator.
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{ffa0}'
            // Zero-width space; marks of direction. Joiners (200c, 200d) belong to scripts.
            | '\u{200b}' | '\u{200e}' | '\u{200f}'
            // Separators of lines and paragraphs, and the turning of directions.
            | '\u{2028}'..='\u{202e}'
            // Word joiner, invisible operators, isolates, and what is deprecated.
            | '\u{2060}'..='\u{206f}'
            // Byte order mark, annotations, and what stands for undecodable bytes elsewhere.
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            // Tags, which nobody sees.
            | '\u{e0000}'..='\u{e0fff}'
        );
    !does_something
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> String {
        shown(bytes, usize::MAX)
    }

    #[test]
    fn text_of_all_scripts_is_shown_as_it_is() {
        for text in ["hello, mesh", "größer", "日本語", "العربية", "👩\u{200d}🚀", r"C:\new"]
        {
            assert_eq!(all(text.as_bytes()), text);
        }
    }

    #[test]
    fn what_would_act_on_a_terminal_is_written_out() {
        for (bytes, expected) in [
            (&b"\x1b[2Jgone"[..], r"\u{1b}[2Jgone"),
            (b"\x1b]0;title\x07", r"\u{1b}]0;title\u{7}"),
            (b"one\ntwo\r\tthree\0\x7f", r"one\ntwo\r\tthree\u{0}\u{7f}"),
            ("\u{9b}31m".as_bytes(), r"\u{9b}31m"),
            ("a\u{202e}b\u{2066}c\u{200f}".as_bytes(), r"a\u{202e}b\u{2066}c\u{200f}"),
            ("a\u{200b}b\u{2028}c\u{feff}".as_bytes(), r"a\u{200b}b\u{2028}c\u{feff}"),
            ("\u{e0041}".as_bytes(), r"\u{e0041}"),
            (b"\xff\xfe ok \xe2\x82", r"\xff\xfe ok \xe2\x82"),
        ] {
            assert_eq!(all(bytes), expected);
        }
    }

    #[test]
    fn nothing_but_plain_characters_comes_out() {
        let every = (0..=u32::from(char::MAX)).filter_map(char::from_u32).collect::<String>();
        let escaped = all(every.as_bytes());
        assert!(escaped.chars().all(|c| !c.is_control() && is_plain(c)));
        let bytes: Vec<u8> = (0..=255).collect();
        assert!(all(&bytes).chars().all(|c| !c.is_control()));
    }

    #[test]
    fn what_is_long_is_shortened_and_says_so() {
        assert_eq!(shown(b"12345", 5), "12345");
        assert_eq!(shown(&[b'a'; 5_000], 3), "aaa.. (5,000 bytes in all)");
        assert_eq!(shown(&[0xff; 9], 2), r"\xff\xff.. (9 bytes in all)");
    }
}
