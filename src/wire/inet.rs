//! The binary format of network addresses: family, prefix, whether it is a cidr, address length,
//! address.
//!
//! Layout: `network_recv` and `network_send` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/network.c>.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt::Write as _;

use super::Malformed;

/// PostgreSQL's numbers of the address families (`src/include/utils/inet.h`).
const IPV4: u8 = 2;
const IPV6: u8 = 3;

/// An address and its prefix length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// The address.
    pub address: IpAddr,
    /// The prefix length in bits.
    pub prefix: u8,
}

impl Network {
    /// The length of the address in bits.
    fn bits(address: &IpAddr) -> u8 {
        if address.is_ipv4() { 32 } else { 128 }
    }

    /// The address as a number.
    #[must_use]
    pub fn number(&self) -> u128 {
        match self.address {
            IpAddr::V4(address) => address.to_bits().into(),
            IpAddr::V6(address) => address.to_bits(),
        }
    }

    /// Whether the prefix covers the whole address: a single host.
    #[must_use]
    pub fn is_host(&self) -> bool {
        self.prefix == Self::bits(&self.address)
    }

    /// Whether all bits to the right of the prefix are zero, as `cidr` requires.
    #[must_use]
    pub fn is_network(&self) -> bool {
        let host_bits = u32::from(Self::bits(&self.address) - self.prefix);
        let mask = 1_u128.checked_shl(host_bits).map_or(u128::MAX, |bit| bit - 1);
        self.number() & mask == 0
    }

    /// Parses `address` or `address/prefix`; abbreviated IPv4 addresses are refused.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let prefix = match prefix {
            Some(prefix) if !prefix.bytes().all(|byte| byte.is_ascii_digit()) => return None,
            Some(prefix) => prefix.parse().ok().filter(|prefix| *prefix <= Self::bits(&address))?,
            None => Self::bits(&address),
        };
        Some(Self { address, prefix })
    }

    /// Decodes the binary format.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let malformed = || Malformed(format!("a network address of {} bytes", bytes.len()));
        let [family, prefix, _is_cidr, length, octets @ ..] = bytes else {
            return Err(malformed());
        };
        let address = match (*family, *length) {
            (IPV4, 4) => IpAddr::from(<[u8; 4]>::try_from(octets).map_err(|_| malformed())?),
            (IPV6, 16) => IpAddr::from(<[u8; 16]>::try_from(octets).map_err(|_| malformed())?),
            _ => return Err(malformed()),
        };
        if *prefix > Self::bits(&address) {
            return Err(Malformed(format!("a network address with a prefix of {prefix} bits")));
        }
        Ok(Self { address, prefix: *prefix })
    }

    /// Encodes as `cidr` or as `inet`.
    #[must_use]
    pub fn bytes(&self, is_cidr: bool) -> Vec<u8> {
        let head = |family, length| [family, self.prefix, u8::from(is_cidr), length];
        match self.address {
            IpAddr::V4(address) => [&head(IPV4, 4)[..], &address.octets()].concat(),
            IpAddr::V6(address) => [&head(IPV6, 16)[..], &address.octets()].concat(),
        }
    }

    /// Appends the text as the server prints it: an `inet` of a single host has no prefix.
    pub fn text(&self, is_cidr: bool, out: &mut String) {
        // Writing to a String cannot fail.
        let _ = match self.address {
            IpAddr::V6(address) => match dotted(address) {
                Some(dotted) => write!(out, "::{dotted}"),
                None => write!(out, "{address}"),
            },
            IpAddr::V4(address) => write!(out, "{address}"),
        };
        if is_cidr || !self.is_host() {
            let _ = write!(out, "/{}", self.prefix);
        }
    }
}

/// The part of an IPv6 address that PostgreSQL prints in IPv4 notation: that of addresses with
/// exactly six zero groups in front.
fn dotted(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let last = u32::try_from(address.to_bits()).ok()?;
    (last > 0xffff).then(|| Ipv4Addr::from_bits(last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(network: Network, is_cidr: bool) -> String {
        let mut out = String::new();
        network.text(is_cidr, &mut out);
        out
    }

    #[test]
    fn test_network_of_texts_round_trips_through_bytes() {
        for shown in ["192.168.0.1", "10.0.0.0/8", "::1", "2001:db8::/32", "0.0.0.0/0", "::1.2.3.4"]
        {
            let network = Network::parse(shown).unwrap();
            assert_eq!(text(network, false), shown);
            let bytes = network.bytes(false);
            assert_eq!(Network::read(&bytes), Ok(network));
            for cut in 0..bytes.len() {
                assert!(Network::read(&bytes[..cut]).is_err(), "{shown} cut at {cut}");
            }
        }
        assert_eq!(text(Network::parse("1.2.3.4").unwrap(), true), "1.2.3.4/32");
    }

    #[test]
    fn test_network_of_bad_texts_and_bytes_is_refused() {
        for text in
            ["", "1.2.3", "1.2.3.4/33", "::1/129", "1.2.3.4/-1", "1.2.3.4/+8", "1.2.3.4/", "x/8"]
        {
            assert_eq!(Network::parse(text), None, "{text}");
        }
        for bytes in [
            &[2, 33, 0, 4, 1, 2, 3, 4][..],
            &[9, 8, 0, 4, 1, 2, 3, 4],
            &[2, 8, 0, 16, 1, 2, 3, 4],
            &[3, 8, 0, 4, 1],
        ] {
            assert!(Network::read(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn test_is_network_checks_the_bits_right_of_the_prefix() {
        for (text, expected) in [
            ("10.0.0.0/8", true),
            ("10.0.0.1/8", false),
            ("10.0.0.1/32", true),
            ("0.0.0.0/0", true),
            ("128.0.0.0/0", false),
            ("::/0", true),
            ("8000::/1", true),
            ("8000::/0", false),
            ("::1/128", true),
        ] {
            assert_eq!(Network::parse(text).unwrap().is_network(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn test_network_of_any_address_round_trips_through_text_and_bytes(bits: u128, shift in 0_u32..128, prefix in 0_u8..=128) {
            let address = IpAddr::V6(Ipv6Addr::from_bits(bits >> shift));
            let network = Network { address, prefix };
            prop_assert_eq!(Network::parse(&text(network, true)), Some(network));
            prop_assert_eq!(Network::read(&network.bytes(true)), Ok(network));
        }
    }
}
