//! The JSON inside handshakes and peers lists: typed, bounded reading, and writing as py2p writes.
//!
//! Nothing here builds a tree of values: what a peer sends is read straight into the type that the
//! protocol asks for, or refused.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};

use super::Address;

/// The longest string that is read, in bytes: a host name has up to 253.
const MAX_TEXT_LEN: usize = 255;

/// Reads one JSON value by `seed`, and nothing behind it.
pub(super) fn read<'de, S: DeserializeSeed<'de>>(json: &'de [u8], seed: S) -> Option<S::Value> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = seed.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    Some(value)
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

/// Reads a text of at most [`MAX_TEXT_LEN`] bytes.
#[derive(Clone, Copy)]
pub(super) struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Text {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a text of at most {MAX_TEXT_LEN} bytes")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        if text.len() > MAX_TEXT_LEN {
            return Err(E::invalid_length(text.len(), &self));
        }
        Ok(text.to_owned())
    }
}

/// Reads `["host", port]` or `null`.
pub(super) struct MaybeAddress;

impl<'de> DeserializeSeed<'de> for MaybeAddress {
    type Value = Option<Address>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MaybeAddress {
    type Value = Option<Address>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a host and a port, or null")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let host =
            list.next_element_seed(Text)?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
        let port = list.next_element()?.ok_or_else(|| A::Error::invalid_length(1, &self))?;
        match list.next_element::<IgnoredAny>()? {
            None => Ok(Some(Address { host, port })),
            Some(_) => Err(A::Error::invalid_length(3, &self)),
        }
    }
}

/// Reads an address and an id, in either order: where a node is.
#[derive(Clone, Copy)]
pub(super) struct Place;

impl<'de> DeserializeSeed<'de> for Place {
    type Value = (Option<Address>, String);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Place {
    type Value = (Option<Address>, String);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an address and an id")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let first = list.next_element_seed(HalfSeed)?;
        let second = list.next_element_seed(HalfSeed)?;
        let rest = list.next_element::<IgnoredAny>()?;
        match (first, second, rest) {
            (Some(Half::Address(address)), Some(Half::Id(id)), None)
            | (Some(Half::Id(id)), Some(Half::Address(address)), None) => Ok((address, id)),
            _ => Err(A::Error::custom("not an address and an id")),
        }
    }
}

/// One half of a pair, told from the other by its JSON type.
enum Half {
    Address(Option<Address>),
    Id(String),
}

struct HalfSeed;

impl<'de> DeserializeSeed<'de> for HalfSeed {
    type Value = Half;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Half, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for HalfSeed {
    type Value = Half;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an address, null or an id")
    }

    fn visit_str<E: Error>(self, id: &str) -> Result<Half, E> {
        Text.visit_str(id).map(Half::Id)
    }

    fn visit_unit<E: Error>(self) -> Result<Half, E> {
        Ok(Half::Address(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Half, A::Error> {
        MaybeAddress.visit_seq(list).map(Half::Address)
    }
}

/// Reads a list of at most `max_count` elements, each by a copy of `element`.
pub(super) struct List<S> {
    pub(super) element: S,
    pub(super) max_count: usize,
}

impl<'de, S: DeserializeSeed<'de> + Copy> DeserializeSeed<'de> for List<S> {
    type Value = Vec<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, S: DeserializeSeed<'de> + Copy> Visitor<'de> for List<S> {
    type Value = Vec<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {} elements", self.max_count)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element_seed(self.element)? {
            if elements.len() == self.max_count {
                return Err(A::Error::invalid_length(elements.len(), &self));
            }
            elements.push(element);
        }
        Ok(elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port_or_null() {
        let read = |json: &str| read(json.as_bytes(), MaybeAddress);
        let address = Address { host: "127.0.0.1".into(), port: 4444 };
        assert_eq!(read("[\"127.0.0.1\", 4444]"), Some(Some(address.clone())));
        assert_eq!(read(" [ \"\\u0031\\u00327.0.0.1\",4444 ] "), Some(Some(address)));
        assert_eq!(read("null"), Some(None));
        for bad in ["", "[]", "[\"a\"]", "[\"a\",65536]", "[\"a\",-1]", "[\"a\",1.5]", "[1,1]"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        for bad in ["[\"a\",1,2]", "[\"a\",1]x", "{\"a\":1}", "\"a\"", "[\"\\ud800\",1]", "7"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_text_ends_at_its_limit() {
        let quoted = |len: usize| format!("\"{}\"", "x".repeat(len));
        assert!(read(quoted(MAX_TEXT_LEN).as_bytes(), Text).is_some());
        assert!(read(quoted(MAX_TEXT_LEN + 1).as_bytes(), Text).is_none());
    }

    #[test]
    fn depth_and_count_are_bounded() {
        let list = |json: &str| read(json.as_bytes(), List { element: Text, max_count: 2 });
        assert_eq!(list("[\"a\",\"b\"]").map(|texts| texts.len()), Some(2));
        assert_eq!(list("[\"a\",\"b\",\"c\"]"), None);
        assert_eq!(list(&"[".repeat(1 << 20)), None);
    }

    #[test]
    fn texts_are_quoted_in_ascii() {
        assert_eq!(quote("a\"b\\c"), "\"a\\\"b\\\\c\"");
        assert_eq!(quote("mésh😀\n"), "\"m\\u00e9sh\\ud83d\\ude00\\u000a\"");
    }
}
