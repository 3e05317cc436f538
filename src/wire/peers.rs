//! The payload of a peers list: whom a node knows. PROTOCOL.md §3.2.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};

use super::json::{self, List, MaybeAddress, Text};
use super::{Address, DecodeError, Flag, NodeId};

/// One node of a peers list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerEntry {
    /// Where the sender of the list says the node can be reached; `None` if it does not say.
    pub address: Option<Address>,
    /// The id that the sender of the list knows the node by.
    pub id: NodeId,
}

impl PeerEntry {
    /// The payload packets of a list, the sub-flag first.
    pub fn encode_list(entries: &[Self]) -> Vec<Vec<u8>> {
        let texts: Vec<String> = entries
            .iter()
            .map(|entry| {
                let address = json::write_address(entry.address.as_ref());
                format!("[{address}, {}]", json::quote(entry.id.as_str()))
            })
            .collect();
        vec![Flag::Peers.as_bytes().to_vec(), format!("[{}]", texts.join(", ")).into_bytes()]
    }

    /// Reads the payload packets of a list, the sub-flag first. An entry may stand either way
    /// round, `[address, id]` or `[id, address]`. Entries whose id no node could have are left
    /// out.
    ///
    /// # Errors
    ///
    /// [`DecodeError::MissingData`] without a list, and [`DecodeError::BadJson`] where it is no
    /// list of such pairs or has more than `max_count`.
    pub fn decode_list<'a>(
        payload: impl IntoIterator<Item = &'a [u8]>,
        max_count: usize,
    ) -> Result<Vec<Self>, DecodeError> {
        let list = payload.into_iter().nth(1).ok_or(DecodeError::MissingData(FIELD))?;
        let pairs = json::read(list, List { element: Pair, max_count })
            .ok_or(DecodeError::BadJson(FIELD))?;
        let entry = |(address, id): (_, String)| {
            NodeId::parse(id.as_bytes()).ok().map(|id| Self { address, id })
        };
        Ok(pairs.into_iter().filter_map(entry).collect())
    }
}

const FIELD: &str = "peers list";

/// Reads an address and an id, in either order.
#[derive(Clone, Copy)]
struct Pair;

impl<'de> DeserializeSeed<'de> for Pair {
    type Value = (Option<Address>, String);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Pair {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(json: &str) -> Result<Vec<PeerEntry>, DecodeError> {
        PeerEntry::decode_list([&b"peers"[..], json.as_bytes()], 2)
    }

    fn entry(host: &str, id: &str) -> PeerEntry {
        let address = Some(Address { host: host.into(), port: 1 });
        PeerEntry { address, id: id.parse().unwrap() }
    }

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let list = [entry("127.0.0.1", "one"), PeerEntry { address: None, ..entry("", "two") }];
        let payload = PeerEntry::encode_list(&list);
        assert_eq!(payload[1], br#"[[["127.0.0.1", 1], "one"], [null, "two"]]"#);
        let packets = payload.iter().map(Vec::as_slice);
        assert_eq!(PeerEntry::decode_list(packets, 2), Ok(list.to_vec()));
        assert_eq!(PeerEntry::encode_list(&[])[1], b"[]");
    }

    #[test]
    fn a_pair_may_stand_either_way_round() {
        let both = r#"[["one", ["h", 1]], [["h", 1], "two"]]"#;
        assert_eq!(decode(both), Ok(vec![entry("h", "one"), entry("h", "two")]));
    }

    #[test]
    fn entries_with_impossible_ids_are_left_out() {
        assert_eq!(decode(r#"[[null, ""], [["h", 1], "two"]]"#), Ok(vec![entry("h", "two")]));
    }

    #[test]
    fn what_is_no_list_of_pairs_is_refused() {
        let bad = Err(DecodeError::BadJson("peers list"));
        for json in ["", "{}", "[[]]", r#"[["a", "b"]]"#, "[[null, null]]", r#"[[null, "a", 1]]"#] {
            assert_eq!(decode(json), bad, "{json}");
        }
        let three = r#"[[null, "a"], [null, "b"], [null, "c"]]"#;
        assert_eq!(decode(three), bad);
        let none = PeerEntry::decode_list([&b"peers"[..]], 2);
        assert_eq!(none, Err(DecodeError::MissingData("peers list")));
    }
}
