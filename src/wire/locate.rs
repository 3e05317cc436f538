//! The payloads of a request and its response: where is this node? PROTOCOL.md §3.4.

use super::json::{self, Reader};
use super::{Address, DecodeError, Flag, NodeId, RequestId};

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// Where this node can be reached.
    Node(NodeId),
    /// Every node that the answering one knows: `*`.
    Everybody,
}

/// A question for a node's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// The asker's name for the question.
    pub request_id: RequestId,
    /// What it asks for.
    pub wanted: Wanted,
}

impl Request {
    /// The payload packets, the sub-flag first.
    pub fn encode(&self) -> Vec<Vec<u8>> {
        let request_id = self.request_id.as_bytes().to_vec();
        let wanted = match &self.wanted {
            Wanted::Node(id) => id.as_bytes().to_vec(),
            Wanted::Everybody => b"*".to_vec(),
        };
        vec![Flag::Request.as_bytes().to_vec(), request_id, wanted]
    }

    /// Reads the payload packets, the sub-flag first. Packets behind the third are ignored.
    ///
    /// # Errors
    ///
    /// [`DecodeError::MissingData`] or [`DecodeError::BadId`], which name the field at fault.
    pub fn decode<'a>(payload: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, DecodeError> {
        let mut packets = payload.into_iter().skip(1);
        let request_id = packets.next().ok_or(DecodeError::MissingData(REQUEST_ID))?;
        let request_id =
            RequestId::parse(request_id).map_err(|_| DecodeError::BadId(REQUEST_ID))?;
        let wanted = match packets.next() {
            Some(b"*") => Wanted::Everybody,
            packet => Wanted::Node(read_id(packet, WANTED)?),
        };
        Ok(Self { request_id, wanted })
    }
}

/// The answer to a [`Request`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Response {
    /// The asker's name for the question.
    pub request_id: RequestId,
    /// The node that was asked for.
    pub id: NodeId,
    /// Where it can be reached; `None` if the answering node knows it and no address of it.
    pub address: Option<Address>,
}

impl Response {
    /// The payload packets, the sub-flag first.
    pub fn encode(&self) -> Vec<Vec<u8>> {
        let request_id = self.request_id.as_bytes().to_vec();
        let place = json::write_place(self.address.as_ref(), self.id.as_str());
        vec![Flag::Response.as_bytes().to_vec(), request_id, place.into_bytes()]
    }

    /// Reads the payload packets, the sub-flag first. Packets behind the third are ignored.
    ///
    /// # Errors
    ///
    /// [`DecodeError::MissingData`], [`DecodeError::BadId`] or [`DecodeError::BadJson`], which
    /// name the field at fault.
    pub fn decode<'a>(payload: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, DecodeError> {
        let mut packets = payload.into_iter().skip(1);
        let request_id = packets.next().ok_or(DecodeError::MissingData(REQUEST_ID))?;
        let request_id =
            RequestId::parse(request_id).map_err(|_| DecodeError::BadId(REQUEST_ID))?;
        let place = packets.next().ok_or(DecodeError::MissingData(PLACE))?;
        let (address, id) = json::read(place, Reader::place).ok_or(DecodeError::BadJson(PLACE))?;
        let id = NodeId::parse(id.as_bytes()).map_err(|_| DecodeError::BadId(PLACE))?;
        Ok(Self { request_id, id, address })
    }
}

const REQUEST_ID: &str = "request id";
const WANTED: &str = "wanted node id";
const PLACE: &str = "response's address and id";

fn read_id(packet: Option<&[u8]>, field: &'static str) -> Result<NodeId, DecodeError> {
    let packet = packet.ok_or(DecodeError::MissingData(field))?;
    NodeId::parse(packet).map_err(|_| DecodeError::BadId(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slices(payload: &[Vec<u8>]) -> impl Iterator<Item = &[u8]> {
        payload.iter().map(Vec::as_slice)
    }

    fn id(text: &str) -> NodeId {
        text.parse().unwrap()
    }

    fn rid(text: &str) -> RequestId {
        RequestId::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_request_is_read_as_it_was_written() {
        for wanted in [Wanted::Node(id("somebody")), Wanted::Everybody] {
            let request = Request { request_id: rid("question"), wanted };
            assert_eq!(Request::decode(slices(&request.encode())), Ok(request));
        }
    }

    #[test]
    fn a_response_is_read_as_it_was_written() {
        let address = Some(Address { host: "127.0.0.1".into(), port: 4444 });
        for address in [address, None] {
            let response = Response { request_id: rid("question"), id: id("somebody"), address };
            assert_eq!(Response::decode(slices(&response.encode())), Ok(response));
        }
        let response = Response { request_id: rid("q"), id: id("n"), address: None };
        assert_eq!(response.encode()[2], br#"[null, "n"]"#);
    }

    #[test]
    fn a_bad_or_missing_field_is_named() {
        let request =
            |packets: &[&'static str]| Request::decode(packets.iter().map(|p| p.as_bytes()));
        assert_eq!(request(&["request"]), Err(DecodeError::MissingData(REQUEST_ID)));
        assert_eq!(request(&["request", ""]), Err(DecodeError::BadId(REQUEST_ID)));
        assert_eq!(request(&["request", "q"]), Err(DecodeError::MissingData(WANTED)));
        assert_eq!(request(&["request", "q", "a b"]), Err(DecodeError::BadId(WANTED)));
        let response =
            |packets: &[&'static str]| Response::decode(packets.iter().map(|p| p.as_bytes()));
        assert_eq!(response(&["response", "q"]), Err(DecodeError::MissingData(PLACE)));
        assert_eq!(response(&["response", "q", "null"]), Err(DecodeError::BadJson(PLACE)));
        assert_eq!(response(&["response", "q", "[null, \"\"]"]), Err(DecodeError::BadId(PLACE)));
    }
}
