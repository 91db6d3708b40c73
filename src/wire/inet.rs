//! Network addresses on the wire: family, prefix length, whether it is a network, address.
//!
//! Layout: `network_recv` and `network_send` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/network.c>.

use core::net::IpAddr;
use std::fmt::Write as _;

use super::Malformed;

/// PostgreSQL's numbers of the families (`src/include/utils/inet.h`).
const IPV4: u8 = 2;
const IPV6: u8 = 3;

/// An address, and how many of its bits name the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// The address.
    pub address: IpAddr,
    /// The length of the prefix, in bits.
    pub prefix: u8,
}

impl Network {
    /// Whether the prefix is the whole address: a single host.
    #[must_use]
    pub fn is_host(&self) -> bool {
        self.prefix == bits(&self.address)
    }

    /// Reads `address` or `address/prefix`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let prefix = match prefix {
            Some(prefix) => prefix.parse().ok().filter(|prefix| *prefix <= bits(&address))?,
            None => bits(&address),
        };
        Some(Self { address, prefix })
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// When the bytes are not one.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let malformed = || Malformed(format!("a network address of {} bytes", bytes.len()));
        let [family, prefix, _, length, rest @ ..] = bytes else { return Err(malformed()) };
        let address = match (*family, *length) {
            (IPV4, 4) => IpAddr::from(<[u8; 4]>::try_from(rest).map_err(|_| malformed())?),
            (IPV6, 16) => IpAddr::from(<[u8; 16]>::try_from(rest).map_err(|_| malformed())?),
            _ => return Err(malformed()),
        };
        if *prefix > bits(&address) {
            return Err(malformed());
        }
        Ok(Self { address, prefix: *prefix })
    }

    /// The binary form; of a network, where `is_cidr`.
    #[must_use]
    pub fn bytes(&self, is_cidr: bool) -> Vec<u8> {
        let (family, octets) = match self.address {
            IpAddr::V4(address) => (IPV4, address.octets().to_vec()),
            IpAddr::V6(address) => (IPV6, address.octets().to_vec()),
        };
        let length = if family == IPV4 { 4 } else { 16 };
        [&[family, self.prefix, u8::from(is_cidr), length], &octets[..]].concat()
    }

    /// The text as the server prints an inet.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.address.to_string();
        if !self.is_host() {
            // A String takes whatever is written to it.
            let _ = write!(text, "/{}", self.prefix);
        }
        text
    }
}

fn bits(address: &IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_network_of_texts_survives_its_bytes() {
        for text in ["192.168.0.1", "10.0.0.0/8", "::1", "2001:db8::/32", "0.0.0.0/0"] {
            let network = Network::parse(text).unwrap();
            assert_eq!(network.text(), text);
            let bytes = network.bytes(false);
            assert_eq!(Network::read(&bytes), Ok(network));
            for cut in 0..bytes.len() {
                assert!(Network::read(&bytes[..cut]).is_err(), "{text} cut at {cut}");
            }
        }
    }

    #[test]
    fn test_network_of_bad_texts_and_bytes_is_none() {
        for text in ["", "1.2.3", "1.2.3.4/33", "::1/129", "1.2.3.4/-1", "x/8"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
        for bytes in [&[2, 33, 0, 4, 1, 2, 3, 4][..], &[9, 8, 0, 4, 1, 2, 3, 4], &[3, 8, 0, 4, 1]] {
            assert!(Network::read(bytes).is_err(), "{bytes:?}");
        }
    }
}
