//! Ids: base-58 texts of hashes. PROTOCOL.md §1.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256, Sha384};

use super::{Address, PROTOCOL_VERSION, base58};

/// The longest id in characters: SHA-384, the longest hash in use, has 66 base-58 digits.
pub const MAX_ID_LEN: usize = 66;

/// The text of an id, kept in place: 1 to [`MAX_ID_LEN`] visible ASCII characters.
///
/// The bytes behind the text are zero, so that comparing the arrays compares the texts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct IdText {
    bytes: [u8; MAX_ID_LEN],
    len: u8,
}

impl IdText {
    #[inline(never)]
    fn parse(text: &[u8]) -> Result<Self, IdError> {
        let len = u8::try_from(text.len()).map_err(|_| IdError::Length)?;
        let mut bytes = [0; MAX_ID_LEN];
        let slots = bytes.get_mut(..text.len()).ok_or(IdError::Length)?;
        if text.is_empty() {
            return Err(IdError::Length);
        }
        if !text.iter().all(u8::is_ascii_graphic) {
            return Err(IdError::Character);
        }
        slots.copy_from_slice(text);
        Ok(Self { bytes, len })
    }

    /// A hash of up to 48 bytes has up to 66 digits, so its text always fits; only the hash
    /// whose every byte is zero has none, and is written as one zero digit.
    #[inline(never)]
    fn of_hash(hash: &[u8]) -> Self {
        let text = base58::encode(hash);
        Self::parse(text.as_bytes()).unwrap_or_else(|_| {
            let mut bytes = [0; MAX_ID_LEN];
            if let Some(first) = bytes.first_mut() {
                *first = b'1';
            }
            Self { bytes, len: 1 }
        })
    }

    /// The SHA-384 of these parts one after the other. All ids of this kind are made here, because
    /// the hash's code would stand wherever one is.
    fn of_parts<'a>(next_part: &mut dyn FnMut() -> Option<&'a [u8]>) -> Self {
        let mut hash = Sha384::new();
        while let Some(part) = next_part() {
            hash.update(part);
        }
        Self::of_hash(&hash.finalize())
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    #[inline(never)]
    fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// The id of a node.
///
/// py2p's nodes hash their address and a random salt, in base 58. To everybody else an id is
/// opaque: a node takes any 1 to [`MAX_ID_LEN`] visible ASCII characters. By itself an id is a claim
/// and proves nothing; under TLS it is the hash of a key that its node proves to hold.
///
/// ```
/// use rs2p::NodeId;
///
/// let id: NodeId = "Mv358Y9LGUDm7tHx2NL1oT586rpnTxtLr8ozX8NgNHKJGU7vJ9nxZsE2QgS4w91A4".parse()?;
/// assert_eq!(id.short(), "Mv358Y9L");
/// # Ok::<(), rs2p::IdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(IdText);

impl NodeId {
    /// The id that a node gives itself: the hash of its outward address, the protocol's id and a
    /// salt, which py2p draws as the text of a random UUID.
    pub fn new(address: &Address, protocol: &Protocol, salt: &str) -> Self {
        let address = address.python_text();
        let parts = [address.as_str(), protocol.id(), salt].map(str::as_bytes);
        let mut parts = parts.into_iter();
        Self(IdText::of_parts(&mut || parts.next()))
    }

    /// The id of the node that holds an Ed25519 key, by its public half. PROTOCOL.md §10.2.
    pub fn of_key(public_key: &[u8; 32]) -> Self {
        let mut parts = [&b"mesh-id-v1"[..], public_key].into_iter();
        Self(IdText::of_parts(&mut || parts.next()))
    }

    /// Reads an id as another node states it.
    ///
    /// # Errors
    ///
    /// [`IdError`] where `text` is empty, too long, or holds a byte that is not visible ASCII.
    pub fn parse(text: &[u8]) -> Result<Self, IdError> {
        IdText::parse(text).map(Self)
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The text's bytes, as packets hold them.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The first eight characters: enough to tell nodes apart in a log.
    #[inline(never)]
    pub fn short(&self) -> &str {
        let text = self.as_str();
        text.get(..8).unwrap_or(text)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({})", self.as_str())
    }
}

impl FromStr for NodeId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text.as_bytes())
    }
}

/// The id of a message, as py2p computes it: the hash of its payload and its timestamp.
///
/// It names neither the sender nor the borders between packets, so two different messages can
/// share one: nodes of this crate never use it to tell messages apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(IdText);

impl MessageId {
    /// The id of this payload, stamped with this base-58 timestamp.
    pub fn new<'a>(payload: impl Iterator<Item = &'a [u8]>, time_58: &str) -> Self {
        let packets = payload.map(|packet| packet as &[u8]);
        let mut parts = packets.chain([time_58.as_bytes()]);
        Self(IdText::of_parts(&mut || parts.next()))
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The text's bytes, as packets hold them.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl FromStr for MessageId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        IdText::parse(text.as_bytes()).map(Self)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({})", self.as_str())
    }
}

/// The name that an asker gives to a question. To others it is opaque.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(IdText);

impl RequestId {
    /// The base-58 text of a number, drawn at random so that nobody can guess it.
    pub fn new(random: u128) -> Self {
        Self(IdText::of_hash(&random.to_be_bytes()))
    }

    /// Reads a name as another node states it.
    ///
    /// # Errors
    ///
    /// [`IdError`] where `text` is empty, too long, or holds a byte that is not visible ASCII.
    pub fn parse(text: &[u8]) -> Result<Self, IdError> {
        IdText::parse(text).map(Self)
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The text's bytes, as packets hold them.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({})", self.as_str())
    }
}

/// Which mesh a node belongs to: nodes of different protocols refuse each other.
///
/// ```
/// use rs2p::Protocol;
///
/// let protocol = Protocol::new("mesh", "Plaintext");
/// assert_eq!(protocol.id(), "DagYachmnjqNrhM5tWX7WPRcNeMfnAwy5D5cBf8GQTHX");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Protocol {
    subnet: String,
    encryption: String,
    id: IdText,
}

impl Protocol {
    /// The protocol of a subnet, which keeps meshes of one program apart, and of the name of the
    /// encryption that its connections use.
    ///
    /// The two texts are hashed without a border between them, as py2p does it: `meshPlain` +
    /// `text` is the same protocol as `mesh` + `Plaintext`.
    pub fn new(subnet: &str, encryption: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(subnet);
        hash.update(encryption);
        hash.update(PROTOCOL_VERSION);
        let id = IdText::of_hash(&hash.finalize());
        Self { subnet: subnet.to_owned(), encryption: encryption.to_owned(), id }
    }

    /// The name that keeps this mesh apart from others.
    pub fn subnet(&self) -> &str {
        &self.subnet
    }

    /// The name of the encryption on the mesh's connections.
    pub fn encryption(&self) -> &str {
        &self.encryption
    }

    /// The text that nodes compare: the hash of subnet, encryption and protocol version.
    pub fn id(&self) -> &str {
        self.id.as_str()
    }
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protocol")
            .field("subnet", &self.subnet)
            .field("encryption", &self.encryption)
            .finish_non_exhaustive()
    }
}

/// Why a text is no id. The writer's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdError {
    /// It has no characters, or more than [`MAX_ID_LEN`].
    Length,
    /// A character is not visible ASCII.
    Character,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => write!(f, "an id has 1 to {MAX_ID_LEN} characters"),
            Self::Character => write!(f, "an id has visible ASCII characters only"),
        }
    }
}

impl Error for IdError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t5_an_id_has_1_to_66_visible_characters() {
        assert_eq!(NodeId::parse(b""), Err(IdError::Length));
        assert!(NodeId::parse(&[b'z'; 66]).is_ok());
        assert_eq!(NodeId::parse(&[b'z'; 67]), Err(IdError::Length));
        assert_eq!(NodeId::parse(&[b'z'; 300]), Err(IdError::Length));
        for bad in [&b"a b"[..], b"\x1b[2J", b"a\n", b"\xff", "é".as_bytes()] {
            assert_eq!(NodeId::parse(bad), Err(IdError::Character), "{bad:?}");
        }
    }

    #[test]
    fn ids_compare_as_their_texts() {
        let id = |text: &str| text.parse::<NodeId>().unwrap();
        assert!(id("a") < id("aa"));
        assert!(id("aa") < id("b"));
        assert_eq!(id("abc").as_str(), "abc");
        assert_eq!(id("abc").short(), "abc");
    }

    #[test]
    fn missing_separators_make_two_protocols_one() {
        assert_eq!(
            Protocol::new("meshPlain", "text").id(),
            Protocol::new("mesh", "Plaintext").id()
        );
    }
}
