//! The JSON inside handshakes and peers lists: typed, bounded reading, and writing as py2p writes.
//!
//! Nothing here builds a tree of values: what a peer sends is read straight into the type that the
//! protocol asks for, or refused. Those types nest three deep, and so does the reading.

use super::Address;

/// The longest string that is read, in bytes: a host name has up to 253.
const MAX_TEXT_LEN: usize = 255;

/// Reads one JSON value, and nothing behind it.
pub(super) fn read<'a, T>(
    json: &'a [u8],
    value: impl FnOnce(&mut Reader<'a>) -> Option<T>,
) -> Option<T> {
    let mut reader = Reader { rest: json };
    let value = value(&mut reader)?;
    reader.peek().is_none().then_some(value)
}

/// What is left of a JSON text. Each method takes one value off it, or is `None` where another
/// stands there.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    /// Reads an address and an id, in either order: where a node is.
    pub(super) fn place(&mut self) -> Option<(Option<Address>, String)> {
        self.take(b'[')?;
        let place = if self.peek() == Some(b'"') {
            let id = self.text()?;
            self.take(b',')?;
            (self.address()?, id)
        } else {
            let address = self.address()?;
            self.take(b',')?;
            (address, self.text()?)
        };
        self.take(b']')?;
        Some(place)
    }

    /// Reads `["host", port]` or `null`.
    pub(super) fn address(&mut self) -> Option<Option<Address>> {
        if self.peek() == Some(b'n') {
            self.rest = self.rest.strip_prefix(b"null")?;
            return Some(None);
        }
        self.take(b'[')?;
        let host = self.text()?;
        self.take(b',')?;
        let port = self.port()?;
        self.take(b']')?;
        Some(Some(Address { host, port }))
    }

    /// Reads a list of at most `max_count` elements.
    pub(super) fn list<T>(
        &mut self,
        max_count: usize,
        element: impl Fn(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.take(b'[')?;
        let mut elements = Vec::new();
        if self.peek() != Some(b']') {
            loop {
                if elements.len() == max_count {
                    return None;
                }
                elements.push(element(self)?);
                if self.take(b',').is_none() {
                    break;
                }
            }
        }
        self.take(b']')?;
        Some(elements)
    }

    /// Reads a text of at most [`MAX_TEXT_LEN`] bytes.
    pub(super) fn text(&mut self) -> Option<String> {
        self.take(b'"')?;
        let mut text = Vec::new();
        loop {
            match self.next()? {
                b'"' => return String::from_utf8(text).ok(),
                b'\\' => {
                    let unit = self.escaped()?;
                    text.extend_from_slice(unit.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..b' ' => return None,
                byte => text.push(byte),
            }
            if text.len() > MAX_TEXT_LEN {
                return None;
            }
        }
    }

    fn port(&mut self) -> Option<u16> {
        self.peek();
        let len = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        if len > 1 && digits.starts_with(b"0") {
            return None;
        }
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// Reads what stands behind a backslash.
    fn escaped(&mut self) -> Option<char> {
        Some(match self.next()? {
            unit @ (b'"' | b'\\' | b'/') => char::from(unit),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.utf16()?;
                if !is_high_surrogate(first) {
                    return char::from_u32(first.into());
                }
                self.rest = self.rest.strip_prefix(b"\\u")?;
                let pair = [first, self.utf16()?];
                return char::decode_utf16(pair).next()?.ok();
            }
            _ => return None,
        })
    }

    /// Reads four hexadecimal digits.
    fn utf16(&mut self) -> Option<u16> {
        let mut code = 0;
        for _ in 0..4 {
            code = code << 4 | char::from(self.next()?).to_digit(16)?;
        }
        u16::try_from(code).ok()
    }

    /// Takes this byte, and the white space before it.
    #[inline(never)]
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.next()).map(|_| ())
    }

    /// The next byte that is no white space.
    #[inline(never)]
    fn peek(&mut self) -> Option<u8> {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
        self.rest.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }
}

fn is_high_surrogate(code: u16) -> bool {
    (0xd800..0xdc00).contains(&code)
}

/// Quotes a text as Python's `json` does: everything outside ASCII is escaped.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    out.push('"');
    for unit in text.chars() {
        match unit {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            ' '..='~' => out.push(unit),
            _ => {
                let mut units = [0; 2];
                for code in unit.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{code:04x}"));
                }
            }
        }
    }
    out.push('"');
    out
}

/// Writes a list of elements that are written already.
pub(super) fn write_list(next_element: &mut dyn FnMut() -> Option<String>) -> String {
    let mut list = String::from("[");
    let mut border = "";
    while let Some(element) = next_element() {
        list.push_str(border);
        list.push_str(&element);
        border = ", ";
    }
    list.push(']');
    list
}

/// Writes where a node is: `[["host", port], "id"]` or `[null, "id"]`.
pub(super) fn write_place(address: Option<&Address>, id: &str) -> String {
    format!("[{}, {}]", write_address(address), quote(id))
}

/// Writes `["host", port]` or `null`.
pub(super) fn write_address(address: Option<&Address>) -> String {
    address.map_or_else(
        || "null".to_owned(),
        |Address { host, port }| format!("[{}, {port}]", quote(host)),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port_or_null() {
        let read = |json: &str| read(json.as_bytes(), Reader::address);
        let address = Address { host: "127.0.0.1".into(), port: 4444 };
        assert_eq!(read("[\"127.0.0.1\", 4444]"), Some(Some(address.clone())));
        assert_eq!(read(" [ \"\\u0031\\u00327.0.0.1\",4444 ] "), Some(Some(address)));
        assert_eq!(read("null"), Some(None));
        for bad in ["", "[]", "[\"a\"]", "[\"a\",65536]", "[\"a\",-1]", "[\"a\",1.5]", "[1,1]"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        for bad in ["[\"a\",1,2]", "[\"a\",1]x", "{\"a\":1}", "\"a\"", "nul", "7", "\u{b}null"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_text_ends_at_its_limit() {
        let quoted = |len: usize| format!("\"{}\"", "x".repeat(len));
        assert!(read(quoted(MAX_TEXT_LEN).as_bytes(), Reader::text).is_some());
        assert!(read(quoted(MAX_TEXT_LEN + 1).as_bytes(), Reader::text).is_none());
    }

    #[test]
    fn t6_depth_and_count_are_bounded() {
        let list = |json: &str| read(json.as_bytes(), |reader| reader.list(2, Reader::text));
        assert_eq!(list("[\"a\",\"b\"]").map(|texts| texts.len()), Some(2));
        assert_eq!(list("[\"a\",\"b\",\"c\"]"), None);
        assert_eq!(list(&"[".repeat(1 << 20)), None);
    }

    #[test]
    fn texts_are_quoted_in_ascii() {
        assert_eq!(quote("a\"b\\c"), "\"a\\\"b\\\\c\"");
        assert_eq!(quote("mésh😀\n"), "\"m\\u00e9sh\\ud83d\\ude00\\u000a\"");
    }

    #[test]
    fn t6_a_pair_of_surrogates_is_one_character_and_half_a_pair_is_none() {
        let read = |json: &str| read(json.as_bytes(), Reader::text);
        assert_eq!(read("\"\\uD800\\udc00\\udbff\\uDFFF\""), Some("\u{10000}\u{10ffff}".into()));
        for bad in ["\\ud800", "\\udbff\\u0041", "\\udc00", "\\udfff\\ud800", "\\ud800\\n\\udc00"] {
            assert_eq!(read(&format!("\"{bad}\"")), None, "{bad}");
        }
    }

    /// The same by way of a tree.
    fn by_serde(json: &[u8]) -> Option<(Option<Address>, String)> {
        let Value::Array(halves) = serde_json::from_slice(json).ok()? else { return None };
        let [first, second] = halves.try_into().ok()?;
        let (address, id) = if first.is_string() { (second, first) } else { (first, second) };
        let address = match address {
            Value::Null => None,
            Value::Array(parts) => {
                let [host, port] = parts.try_into().ok()?;
                let port = u16::try_from(port.as_u64()?).ok()?;
                Some(Address { host: host.as_str()?.to_owned(), port })
            }
            _ => return None,
        };
        Some((address, id.as_str()?.to_owned()))
    }

    /// Pieces of a place, and of what is nearly one.
    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        let token = prop_oneof![
            8 => prop::sample::select(vec![
                "[", "]", ",", "[null,", "[[\"h\",1],", "\"id\"]", "null", "nul", "\"", "\"a\"", " ", "\n",
                "0", "00", "1", "65535", "65536", "-1", "1.0", "1e1", "{}", "true", "\u{b}",
            ]).prop_map(|text| text.as_bytes().to_vec()),
            8 => prop::sample::select(vec![
                "\\u00e9", "\\ud83d", "\\ude00", "\\u0000", "\\u12", "\\uD83D\\uDE00", "\\n", "\\/", "\\\"",
                "\\x", "\\", "é", "\t",
            ]).prop_map(|text| [b"\"", text.as_bytes(), b"\""].concat()),
            1 => any::<Vec<u8>>(),
        ];
        prop::collection::vec(token, 0..9).prop_map(|tokens| tokens.concat())
    }

    /// A place that is well-formed, but for its texts.
    fn places() -> impl Strategy<Value = Vec<u8>> {
        let text = "\"(\\PC|[\\x00-\"]|\\\\([\"/bfnrtu\\\\]|u([0-9a-fA-F]{4}|d[89a-f][0-9a-f]{2}))){0,6}\"";
        let port = prop_oneof![any::<i32>().prop_map(|port| port.to_string()), "[0-9]{1,5}"];
        (text, port, text, " ?").prop_map(|(host, port, id, space)| {
            format!("[{space}[{host}{space},{port}{space}]{space},{id}]{space}").into_bytes()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_place_is_what_serde_json_reads(json in prop_oneof![pieces(), places()]) {
            prop_assert_eq!(read(&json, Reader::place), by_serde(&json));
        }
    }
}
