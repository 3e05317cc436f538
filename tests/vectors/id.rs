//! `protocol_ids`, `node_ids` and `message_ids`: texts of hashes.

use rs2p::wire::{
    Address, Compressions, Handshake, MessageId, NodeId, PROTOCOL_VERSION, Protocol, base58,
};
use sha2::{Digest, Sha256};

use crate::golden::{byte_lists, cases, decimal, int, text, value};

#[test]
fn protocol_ids_are_py2ps() {
    assert_eq!(value("/protocol_ids/protocol_version"), PROTOCOL_VERSION);
    let mut seen = 0;
    for case in cases("/protocol_ids/cases") {
        let protocol = Protocol::new(text(case, "subnet"), text(case, "encryption"));
        assert_eq!(protocol.id(), text(case, "id"));
        assert_eq!(base58::encode(&Sha256::digest(text(case, "hash_input"))), text(case, "id"));
        seen += 1;
    }
    assert_eq!(seen, 11);
}

#[test]
fn node_ids_and_announced_addresses_are_py2ps() {
    let mut seen = 0;
    for case in cases("/node_ids") {
        let port = u16::try_from(int(case, "port")).unwrap();
        let address = Address { host: text(case, "addr").to_owned(), port };
        assert_eq!(address.python_text(), text(case, "addr_text"));
        let protocol = Protocol::new(text(case, "subnet"), text(case, "encryption"));
        let id = NodeId::new(&address, &protocol, text(case, "salt"));
        assert_eq!(id.as_str(), text(case, "id"));

        let handshake = Handshake::new(id, &protocol, Some(address), Compressions::NONE);
        let payload = handshake.encode();
        assert_eq!(payload[3], text(case, "handshake_addr_json").as_bytes());
        assert_eq!(Handshake::decode(payload.iter().map(Vec::as_slice)), Ok(handshake));
        seen += 1;
    }
    assert_eq!(seen, 6);
}

#[test]
fn message_ids_are_py2ps() {
    let mut seen = 0;
    for case in cases("/message_ids") {
        let payload = byte_lists(case, "payload_hex");
        let time_58 = base58::encode_u64(int(case, "time"));
        assert_eq!(time_58, text(case, "time_58"));
        assert_eq!(base58::decode(time_58.as_bytes()), Ok(decimal(&int(case, "time").to_string())));
        let id = MessageId::new(payload.iter().map(Vec::as_slice), &time_58);
        assert_eq!(id.as_str(), text(case, "id"));
        seen += 1;
    }
    assert_eq!(seen, 78);
}
