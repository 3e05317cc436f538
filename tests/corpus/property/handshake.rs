//! A handshake is read where every field is what the protocol asks for, and only there; and what
//! was read is written and read again.
//!
//! Input: the packets behind the sub-flag, one a line.

use rs2p::wire::{Compressions, Extension, Flag, Handshake, NodeId};
use serde_json::Value;

/// The longest text in a field of JSON.
pub(super) const MAX_TEXT_LEN: usize = 255;

pub(super) fn check(data: &[u8]) {
    let lines: Vec<&[u8]> = data.split(|&byte| byte == b'\n').collect();
    let payload = || std::iter::once(Flag::Handshake.as_bytes()).chain(lines.iter().copied());
    let handshake = Handshake::decode(payload());
    assert_eq!(handshake.is_ok(), is_expected(&lines), "{handshake:?}");
    for line in &lines {
        check_compressions(line);
        check_extension(line);
    }
    let Ok(handshake) = handshake else { return };
    assert_eq!(handshake.id.as_bytes(), lines[0]);
    assert_eq!(handshake.protocol_id.as_bytes(), lines[1]);
    if let Some(address) = &handshake.address {
        assert!(address.host.len() <= MAX_TEXT_LEN);
    }
    assert_eq!(handshake.extension, lines.get(4).and_then(|line| Extension::parse(line)));
    let written = handshake.encode();
    assert_eq!(Handshake::decode(written.iter().map(Vec::as_slice)), Ok(handshake));
}

/// The same question, asked of a JSON reader that builds trees.
fn is_expected(lines: &[&[u8]]) -> bool {
    let &[id, protocol_id, address, names, ..] = lines else { return false };
    let is_address = serde_json::from_slice(address).is_ok_and(|value| is_address(&value));
    let is_list = serde_json::from_slice(names).is_ok_and(|names: Value| {
        names.as_array().is_some_and(|names| names.len() <= 64 && names.iter().all(is_text))
    });
    NodeId::parse(id).is_ok() && NodeId::parse(protocol_id).is_ok() && is_address && is_list
}

pub(super) fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() <= MAX_TEXT_LEN)
}

/// A host and a port, or null.
pub(super) fn is_address(value: &Value) -> bool {
    match value.as_array().map(Vec::as_slice) {
        None => value.is_null(),
        Some([host, port]) => {
            is_text(host) && port.as_u64().is_some_and(|port| u16::try_from(port).is_ok())
        }
        Some(_) => false,
    }
}

fn check_compressions(json: &[u8]) {
    let Some(list) = Compressions::from_json(json) else { return };
    assert_eq!(Compressions::from_json(list.to_json().as_bytes()), Some(list));
}

fn check_extension(packet: &[u8]) {
    let Some(extension) = Extension::parse(packet) else { return };
    assert_eq!(Extension::parse(extension.to_string().as_bytes()), Some(extension));
}
