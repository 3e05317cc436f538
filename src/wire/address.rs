//! The address of a node as the protocol writes it: a host and a port. PROTOCOL.md §3.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::DecodeError;
use super::json::{self, Reader};

/// Where a node says it can be reached: a host name or an IP address, and a TCP port.
///
/// What another node says is a claim. Nothing here resolves names or opens connections.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// A host name or the text of an IP address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl Address {
    /// Reads what a handshake says of the address of its node: `["host", port]`, or `null` where
    /// it does not say.
    ///
    /// # Errors
    ///
    /// [`DecodeError::BadJson`] for anything else.
    ///
    /// ```
    /// use rs2p::Address;
    ///
    /// let address = Address::from_json(br#"["127.0.0.1", 4444]"#)?;
    /// assert_eq!(address.unwrap().to_string(), "127.0.0.1:4444");
    /// assert_eq!(Address::from_json(b"null")?, None);
    /// # Ok::<(), rs2p::DecodeError>(())
    /// ```
    pub fn from_json(json: &[u8]) -> Result<Option<Self>, DecodeError> {
        json::read(json, Reader::address).ok_or(DecodeError::BadJson("address"))
    }

    /// The text that goes into a node id: a Python pair, such as `('127.0.0.1', 4444)`.
    pub fn python_text(&self) -> String {
        format!("('{}', {})", self.host, self.port)
    }

    /// The socket address, where the host is an IP address.
    #[inline(never)]
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        self.host.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, self.port))
    }
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Self {
        Self { host: addr.ip().to_string(), port: addr.port() }
    }
}

/// `host:port`, with brackets around an IPv6 address.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_in_json_is_refused() {
        for bad in ["", "[]", "[\"a\"]", "[\"a\", 65536]", "\"a\"", "[\"a\", 1] "] {
            let read = Address::from_json(bad.as_bytes());
            assert_eq!(read.is_err(), !bad.ends_with(' '), "{bad}");
        }
    }

    #[test]
    fn an_address_prints_so_that_it_can_be_dialled() {
        let v4 = Address::from(SocketAddr::from(([127, 0, 0, 1], 4444)));
        assert_eq!((v4.to_string(), v4.python_text()).0, "127.0.0.1:4444");
        assert_eq!(v4.python_text(), "('127.0.0.1', 4444)");
        let v6 = Address { host: "::1".into(), port: 1 };
        assert_eq!(v6.to_string(), "[::1]:1");
        assert_eq!(v6.socket_addr(), "[::1]:1".parse().ok());
        assert_eq!(Address { host: "example.org".into(), port: 1 }.socket_addr(), None);
    }
}
