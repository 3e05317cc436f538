//! A peers list is read where it is a list of addresses and ids that is not too long, and only
//! there; the entries with possible ids are found, in order; and what was read is written and read
//! again.
//!
//! Input: the most entries in one byte, the JSON.

use rs2p::wire::{Address, Flag, NodeId, PeerEntry};
use serde_json::Value;

use super::handshake::{is_address, is_text};
use super::script::Script;

pub(super) fn check(data: &[u8]) {
    let mut script = Script::new(data);
    let max_count = usize::from(script.byte());
    let json = script.rest();
    let entries = PeerEntry::decode_list([Flag::Peers.as_bytes(), json], max_count).ok();
    assert_eq!(entries, read(json, max_count));
    let Some(entries) = entries else { return };
    let written = PeerEntry::encode_list(&entries);
    let again = PeerEntry::decode_list(written.iter().map(Vec::as_slice), entries.len());
    assert_eq!(again, Ok(entries));
}

/// The same list, by a JSON reader that builds trees.
fn read(json: &[u8], max_count: usize) -> Option<Vec<PeerEntry>> {
    let list: Value = serde_json::from_slice(json).ok()?;
    let list = list.as_array().filter(|list| list.len() <= max_count)?;
    let places: Option<Vec<_>> = list.iter().map(place).collect();
    let entry = |(address, id): (Option<Address>, &str)| {
        NodeId::parse(id.as_bytes()).ok().map(|id| PeerEntry { address, id })
    };
    Some(places?.into_iter().filter_map(entry).collect())
}

fn place(value: &Value) -> Option<(Option<Address>, &str)> {
    let [first, second] = value.as_array()?.as_slice() else { return None };
    let (address, id) = if first.is_string() { (second, first) } else { (first, second) };
    if !is_address(address) || !is_text(id) {
        return None;
    }
    let host = |index| address.get(index).and_then(Value::as_str).map(str::to_owned);
    let port = |index| {
        address.get(index).and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok())
    };
    let address = host(0).zip(port(1)).map(|(host, port)| Address { host, port });
    Some((address, id.as_str()?))
}
