//! The payload of a peers list: whom a node knows. PROTOCOL.md §3.2.

use super::json::{self, Reader};
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
        let place = |entry: &Self| json::write_place(entry.address.as_ref(), entry.id.as_str());
        let mut places = entries.iter().map(place);
        let list = json::write_list(&mut || places.next());
        vec![Flag::Peers.as_bytes().to_vec(), list.into_bytes()]
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
        let places = json::read(list, |reader| reader.list(max_count, Reader::place))
            .ok_or(DecodeError::BadJson(FIELD))?;
        let mut entries = Vec::with_capacity(places.len());
        for (address, id) in places {
            if let Ok(id) = NodeId::parse(id.as_bytes()) {
                entries.push(Self { address, id });
            }
        }
        Ok(entries)
    }
}

const FIELD: &str = "peers list";

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
