//! The payload of a handshake: who a node is. PROTOCOL.md §3.1.

use super::json::{self, Reader};
use super::{Address, Compressions, DecodeError, Extension, Flag, NodeId, Protocol};

/// What a node says of itself at the start of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The id it goes by.
    pub id: NodeId,
    /// The id of the protocol it speaks; compare with [`Protocol::id`].
    pub protocol_id: String,
    /// Where it says it can be reached; `None` if it does not say.
    pub address: Option<Address>,
    /// The compression methods that it can read, of those known here.
    pub compressions: Compressions,
    /// What it can do beyond the 0.2 protocol; `None` for a py2p node.
    pub extension: Option<Extension>,
}

impl Handshake {
    /// The handshake of a node of this protocol that can do nothing beyond it.
    pub fn new(
        id: NodeId,
        protocol: &Protocol,
        address: Option<Address>,
        compressions: Compressions,
    ) -> Self {
        let protocol_id = protocol.id().to_owned();
        Self { id, protocol_id, address, compressions, extension: None }
    }

    /// The payload packets, the sub-flag first.
    pub fn encode(&self) -> Vec<Vec<u8>> {
        let mut payload = vec![
            Flag::Handshake.as_bytes().to_vec(),
            self.id.as_bytes().to_vec(),
            self.protocol_id.as_bytes().to_vec(),
            json::write_address(self.address.as_ref()).into_bytes(),
            self.compressions.to_json().into_bytes(),
        ];
        payload.extend(self.extension.map(|extension| extension.to_string().into_bytes()));
        payload
    }

    /// Reads the payload packets, the sub-flag first. A sixth may be an
    /// [`Extension`]; packets of no known meaning are ignored.
    ///
    /// # Errors
    ///
    /// [`DecodeError::MissingData`], [`DecodeError::BadId`] or [`DecodeError::BadJson`], which
    /// name the field at fault.
    pub fn decode<'a>(payload: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, DecodeError> {
        let mut packets = payload.into_iter().skip(1);
        let mut next = |field| packets.next().ok_or(DecodeError::MissingData(field));
        let id = next(ID)?;
        let protocol_id = next(PROTOCOL_ID)?;
        let address = next(ADDRESS)?;
        let names = next(COMPRESSIONS)?;
        Ok(Self {
            id: NodeId::parse(id).map_err(|_| DecodeError::BadId(ID))?,
            protocol_id: NodeId::parse(protocol_id)
                .map_err(|_| DecodeError::BadId(PROTOCOL_ID))?
                .to_string(),
            address: json::read(address, Reader::address).ok_or(DecodeError::BadJson(ADDRESS))?,
            compressions: Compressions::from_json(names)
                .ok_or(DecodeError::BadJson(COMPRESSIONS))?,
            extension: packets.next().and_then(Extension::parse),
        })
    }
}

const ID: &str = "handshake's node id";
const PROTOCOL_ID: &str = "handshake's protocol id";
const ADDRESS: &str = "handshake's address";
const COMPRESSIONS: &str = "handshake's list of compression methods";

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(packets: [&str; 5]) -> Result<Handshake, DecodeError> {
        Handshake::decode(packets.map(str::as_bytes))
    }

    #[test]
    fn a_handshake_is_read_as_it_was_written() {
        let address = Some(Address { host: "127.0.0.1".into(), port: 4444 });
        let protocol = Protocol::new("mesh", "Plaintext");
        let list = Compressions::from_names(["gzip", "bz2", "lzma"]);
        let handshake = Handshake::new("me".parse().unwrap(), &protocol, address, list);
        let mut payload = handshake.encode();
        assert_eq!(payload.len(), 5, "py2p's five packets");
        assert_eq!(payload[3], br#"["127.0.0.1", 4444]"#);
        assert_eq!(payload[4], br#"["gzip", "bz2", "lzma"]"#);
        payload.push(b"ignored".to_vec());
        assert_eq!(Handshake::decode(payload.iter().map(Vec::as_slice)), Ok(handshake.clone()));
        let extension = Some(Extension { signed: true, ..Extension::new(1, 2) });
        let extended = Handshake { extension, ..handshake };
        let payload = extended.encode();
        assert_eq!(Handshake::decode(payload.iter().map(Vec::as_slice)), Ok(extended));
    }

    #[test]
    fn unknown_compression_names_are_ignored() {
        let handshake = decode(["handshake", "me", "p", "null", r#"["snappy","lzma"]"#]).unwrap();
        assert_eq!(handshake.compressions, Compressions::from_names(["lzma"]));
        assert_eq!(handshake.address, None);
    }

    #[test]
    fn a_bad_or_missing_field_is_named() {
        let good = ["handshake", "me", "p", "null", "[]"];
        assert!(decode(good).is_ok());
        for (index, bad, error) in [
            (1, "", DecodeError::BadId(ID)),
            (2, "a b", DecodeError::BadId(PROTOCOL_ID)),
            (3, "[]", DecodeError::BadJson(ADDRESS)),
            (4, "[1]", DecodeError::BadJson(COMPRESSIONS)),
            (4, r#""gzip""#, DecodeError::BadJson(COMPRESSIONS)),
        ] {
            let mut packets = good;
            packets[index] = bad;
            assert_eq!(decode(packets), Err(error));
        }
        for (count, field) in [(1, ID), (2, PROTOCOL_ID), (3, ADDRESS), (4, COMPRESSIONS)] {
            let packets = good[..count].iter().map(|packet| packet.as_bytes());
            assert_eq!(Handshake::decode(packets), Err(DecodeError::MissingData(field)));
        }
    }
}
