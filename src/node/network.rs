//! A range of IP addresses, as lists of who may join name them.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// One IP address, or all that begin alike: `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`.
///
/// An IPv4 address that is written as one of IPv6 (`::ffff:192.0.2.7`) is that IPv4 address.
///
/// ```
/// use rs2p::Network;
///
/// let network: Network = "10.0.0.0/8".parse()?;
/// assert!(network.contains("10.1.2.3".parse()?));
/// assert!(network.contains("::ffff:10.1.2.3".parse()?));
/// assert!(!network.contains("11.1.2.3".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    /// Canonical, and 0 behind its prefix.
    base: IpAddr,
    prefix_len: u8,
}

impl Network {
    /// The addresses whose first `prefix_len` bits are those of `base`.
    ///
    /// # Errors
    ///
    /// [`ParseNetworkError`] where the prefix is longer than the address, or `base` goes on behind
    /// it: `10.1.2.3/8` may mean `10.0.0.0/8`, or be a slip.
    pub fn new(base: IpAddr, prefix_len: u8) -> Result<Self, ParseNetworkError> {
        if prefix_len > len_of(base) {
            return Err(ParseNetworkError::BadPrefix);
        }
        let canonical = base.to_canonical();
        let cut = len_of(base) - len_of(canonical);
        // A prefix that ends within the mark of a mapped address has others in it as well.
        let (base, prefix_len) = match prefix_len.checked_sub(cut) {
            Some(prefix_len) => (canonical, prefix_len),
            None => (base, prefix_len),
        };
        let network = Self::around(base, prefix_len);
        if network.base == base { Ok(network) } else { Err(ParseNetworkError::HostBits) }
    }

    /// Whether an address is one of these.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_ipv4() == self.base.is_ipv4() && Self::around(ip, self.prefix_len) == *self
    }

    /// All networks that contain an address, from the largest.
    pub(super) fn containing(ip: IpAddr) -> impl Iterator<Item = Self> {
        let ip = ip.to_canonical();
        (0..=len_of(ip)).map(move |prefix_len| Self::around(ip, prefix_len))
    }

    /// About what one place has: the /24 around an IPv4 address, the /48 around one of IPv6.
    #[inline(never)]
    pub(super) fn site(ip: IpAddr) -> Self {
        let ip = ip.to_canonical();
        Self::around(ip, if ip.is_ipv4() { 24 } else { 48 })
    }

    /// About what one provider has: the /16 around an IPv4 address, the /32 around one of IPv6.
    #[inline(never)]
    pub(super) fn provider(ip: IpAddr) -> Self {
        let ip = ip.to_canonical();
        Self::around(ip, if ip.is_ipv4() { 16 } else { 32 })
    }

    /// Its first address.
    pub(super) fn base(&self) -> IpAddr {
        self.base
    }

    /// The network of this prefix around an address.
    #[inline(never)]
    fn around(ip: IpAddr, prefix_len: u8) -> Self {
        let behind = u32::from(len_of(ip).saturating_sub(prefix_len));
        let base = match ip {
            IpAddr::V4(ip) => {
                let bits = u32::MAX.checked_shl(behind).unwrap_or(0) & ip.to_bits();
                IpAddr::V4(Ipv4Addr::from_bits(bits))
            }
            IpAddr::V6(ip) => {
                let bits = u128::MAX.checked_shl(behind).unwrap_or(0) & ip.to_bits();
                IpAddr::V6(Ipv6Addr::from_bits(bits))
            }
        };
        Self { base, prefix_len }
    }
}

/// The length of an address in bits.
fn len_of(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

impl From<IpAddr> for Network {
    fn from(ip: IpAddr) -> Self {
        let ip = ip.to_canonical();
        Self { base: ip, prefix_len: len_of(ip) }
    }
}

impl FromStr for Network {
    type Err = ParseNetworkError;

    fn from_str(text: &str) -> Result<Self, ParseNetworkError> {
        let (base, prefix_len) = match text.split_once('/') {
            Some((base, prefix_len)) => (base, Some(prefix_len)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().map_err(|_| ParseNetworkError::NoAddress)?;
        let Some(digits) = prefix_len else { return Ok(base.into()) };
        // The standard library takes a sign as well.
        let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
        let prefix_len = digits.parse().ok().filter(|_| is_number);
        Self::new(base, prefix_len.ok_or(ParseNetworkError::BadPrefix)?)
    }
}

/// As it is read: an address alone, or with the length of its prefix.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, prefix_len } = self;
        if *prefix_len == len_of(*base) { base.fmt(f) } else { write!(f, "{base}/{prefix_len}") }
    }
}

/// Why a text names no [`Network`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseNetworkError {
    /// There is no IP address in it.
    NoAddress,
    /// The length of the prefix is no number, or longer than the address.
    BadPrefix,
    /// The address goes on behind the prefix.
    HostBits,
}

impl fmt::Display for ParseNetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAddress => "not an IP address",
            Self::BadPrefix => "the length of the prefix is not that of one",
            Self::HostBits => "the address goes on behind its prefix",
        })
    }
}

impl Error for ParseNetworkError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_is_written_as_it_is_read() {
        for text in
            ["192.0.2.7", "10.0.0.0/8", "0.0.0.0/0", "10.0.0.0/31", "2001:db8::/32", "::1", "::/0"]
        {
            assert_eq!(network(text).to_string(), text);
        }
        assert_eq!(network("192.0.2.7/32").to_string(), "192.0.2.7");
        assert_eq!(network("::ffff:10.0.0.0/104").to_string(), "10.0.0.0/8");
        assert_eq!(network("::ffff:192.0.2.7"), network("192.0.2.7"));
        assert_eq!(network("::ffff:0:0/96"), network("0.0.0.0/0"));
    }

    #[test]
    fn what_is_no_network_is_told() {
        for (text, error) in [
            ("", ParseNetworkError::NoAddress),
            ("mesh.example", ParseNetworkError::NoAddress),
            ("10.0.0/8", ParseNetworkError::NoAddress),
            ("10.0.0.0/", ParseNetworkError::BadPrefix),
            ("10.0.0.0/+8", ParseNetworkError::BadPrefix),
            ("10.0.0.0/33", ParseNetworkError::BadPrefix),
            ("10.0.0.0/264", ParseNetworkError::BadPrefix),
            ("::/129", ParseNetworkError::BadPrefix),
            ("10.1.2.3/8", ParseNetworkError::HostBits),
            ("::1/127", ParseNetworkError::HostBits),
        ] {
            assert_eq!(text.parse::<Network>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_network_has_the_addresses_that_begin_alike() {
        for (text, address, expected) in [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "10.0.0.1", false),
            ("::/0", "2001:db8::1", true),
            ("192.0.2.6/31", "192.0.2.7", true),
            ("192.0.2.6/31", "192.0.2.8", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::", false),
            // The whole of IPv6 up to here holds mapped addresses too, which are not of it.
            ("::/80", "::ffff:10.0.0.1", false),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(network(text).contains(address), expected, "{text}, {address}");
            let is_found = Network::containing(address).any(|found| found == network(text));
            assert_eq!(is_found, expected, "{text}, {address}");
        }
    }
}
