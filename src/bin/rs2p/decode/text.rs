//! What a peer wrote, made safe for a terminal.

use crate::{hex, safe};

/// The most bytes of a packet that are shown unless all are asked for.
const MAX_SHOWN: usize = 96;

/// Shows bytes as text: control characters, those that turn the direction of writing or cannot be
/// seen, and bytes that are no UTF-8, are escaped. What is mostly no text is shown as `0x` and
/// hexadecimal digits.
pub(super) fn safe(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut readable = 0;
    for chunk in bytes.utf8_chunks() {
        for unit in chunk.valid().chars() {
            readable += push_escaped(&mut text, unit);
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    if readable * 2 < bytes.len() { format!("0x{}", hex::write(bytes)) } else { text }
}

/// Like [`safe`], and no longer than a few lines unless `is_full`.
pub(super) fn shown(bytes: &[u8], is_full: bool) -> String {
    match bytes.get(..MAX_SHOWN) {
        _ if bytes.is_empty() => "(empty)".to_owned(),
        // So that nothing is cut for the sake of a few bytes.
        Some(start) if !is_full && bytes.len() > 2 * MAX_SHOWN => {
            let start = whole_characters(start);
            let rest = bytes.len() - start.len();
            format!("{}… and {rest} bytes (--full shows them)", safe(start))
        }
        _ => safe(bytes),
    }
}

/// Appends a character, and returns how many bytes of input can be read as they are.
fn push_escaped(text: &mut String, unit: char) -> usize {
    match unit {
        // Harmless here: nothing is between quotation marks.
        '"' | '\'' => {
            text.push(unit);
            1
        }
        '\\' => {
            text.push_str("\\\\");
            1
        }
        _ => {
            let escaped = unit.escape_debug();
            let is_readable = escaped.len() == 1 && safe::is_plain(unit) || unit == '\n';
            if escaped.len() == 1 && !is_readable {
                // Seen by nobody, though it counts as a letter.
                text.extend(unit.escape_default());
            } else {
                text.extend(escaped);
            }
            if is_readable { unit.len_utf8() } else { 0 }
        }
    }
}

/// Leaves out the start of a character whose rest is cut off.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => {
            bytes.get(..error.valid_up_to()).unwrap_or(bytes)
        }
        _ => bytes,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_stays_and_what_could_deceive_is_escaped() {
        for (bytes, expected) in [
            (&b"hello, \"mesh\""[..], "hello, \"mesh\""),
            ("héllo 日本".as_bytes(), "héllo 日本"),
            (b"red \x1b[31m", "red \\u{1b}[31m"),
            (b"two\nlines\r\t\0.", "two\\nlines\\r\\t\\0."),
            ("user\u{202e}gpj.exe".as_bytes(), "user\\u{202e}gpj.exe"),
            ("zero\u{200b}width\u{feff}".as_bytes(), "zero\\u{200b}width\\u{feff}"),
            ("next\u{85}csi\u{9b}".as_bytes(), "next\\u{85}csi\\u{9b}"),
            ("soft\u{ad} \u{3164}filled".as_bytes(), "soft\\u{ad} \\u{3164}filled"),
            (b"bad \xff\xc3 utf", "bad \\xff\\xc3 utf"),
            (b"back\\x1b", "back\\\\x1b"),
            (b"\0\0\0\x01\xffa", "0x00000001ff61"),
            (b"", ""),
        ] {
            assert_eq!(safe(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_what_is_missing() {
        assert_eq!(shown(b"", false), "(empty)");
        assert_eq!(shown(&[b'x'; 192], false), "x".repeat(192));
        let cut = format!("{}… and 97 bytes (--full shows them)", "x".repeat(96));
        assert_eq!(shown(&[b'x'; 193], false), cut);
        assert_eq!(shown(&[b'x'; 193], true), "x".repeat(193));
        let wide = format!("x{}", "é".repeat(100));
        let cut = format!("x{}… and 106 bytes (--full shows them)", "é".repeat(47));
        assert_eq!(shown(wide.as_bytes(), false), cut);
    }

    proptest! {
        #[test]
        fn nothing_unseen_reaches_the_terminal(bytes: Vec<u8>, text: String) {
            for bytes in [&bytes[..], text.as_bytes()] {
                for unit in safe(bytes).chars() {
                    let is_unseen = unit.is_control()
                        || ('\u{200b}'..='\u{200f}').contains(&unit)
                        || ('\u{202a}'..='\u{202e}').contains(&unit)
                        || ('\u{2066}'..='\u{2069}').contains(&unit);
                    prop_assert!(!is_unseen, "{:?}", unit);
                }
            }
        }
    }
}
