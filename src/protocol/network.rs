//! Networks: the addresses that begin with the same bits, as `192.0.2.0/24`. Pure.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::tag::number;

/// An address, or all that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    /// The first of its addresses. An IPv4 address in IPv6 is an IPv4 address.
    first: IpAddr,
    /// How many bits all of them have in common.
    bits: u8,
}

impl Network {
    /// The network of one address.
    #[must_use]
    pub fn of(address: IpAddr) -> Network {
        let first = address.to_canonical();
        Network { first, bits: width(first) }
    }

    /// Reads an address, or one with the number of bits that count behind a `/`. What stands behind these bits does
    /// not matter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Network> {
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(it, bits)| (it, Some(bits)));
        let address = address.parse::<IpAddr>().ok()?;
        let Some(bits) = bits else { return Some(Network::of(address)) };
        let bits = number(bits)?.try_into().ok().filter(|&bits: &u8| bits <= width(address))?;
        Some(Network { first: masked(address, bits), bits })
    }

    /// Whether an address belongs to it.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        width(address) == width(self.first) && masked(address, self.bits) == self.first
    }

    /// Whether it has addresses of the machine itself.
    #[must_use]
    pub fn has_loopback(self) -> bool {
        self.contains(Ipv4Addr::LOCALHOST.into())
            || self.contains(Ipv6Addr::LOCALHOST.into())
            || self.first.is_loopback()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        if self.bits < width(self.first) { write!(f, "/{}", self.bits) } else { Ok(()) }
    }
}

/// How many bits an address has.
fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// An address whose bits behind the first so many are 0.
fn masked(address: IpAddr, bits: u8) -> IpAddr {
    let behind = u32::from(width(address) - bits);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(behind).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(behind).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::parse(text).expect("a network")
    }

    #[test]
    fn a_network_has_the_addresses_that_begin_like_it() {
        for (text, inside, outside) in [
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.9/24", "192.0.2.255", "192.0.3.0"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::a01:203"),
            ("0.0.0.0/0", "255.1.2.3", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "fe80::1", "127.0.0.1"),
        ] {
            let address = |text: &str| text.parse().expect("an address");
            assert!(network(text).contains(address(inside)), "{text}");
            assert!(!network(text).contains(address(outside)), "{text}");
        }
    }

    #[test]
    fn a_network_is_written_as_it_is_read_without_what_does_not_count() {
        for (text, written) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7/32", "192.0.2.7"),
            ("192.0.2.7/24", "192.0.2.0/24"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:DB8::1/32", "2001:db8::/32"),
        ] {
            assert_eq!(network(text).to_string(), written);
        }
        for text in ["", "bob", "192.0.2", "192.0.2.7/33", "192.0.2.7/", "192.0.2.7/-1", "::/129"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_network_of_this_machine_is_known() {
        for text in ["127.0.0.1", "127.9.9.9", "::1", "127.0.0.0/8", "0.0.0.0/0", "::/0"] {
            assert!(network(text).has_loopback(), "{text}");
        }
        for text in ["192.0.2.0/24", "2001:db8::/32", "126.0.0.0/8"] {
            assert!(!network(text).has_loopback(), "{text}");
        }
    }
}
