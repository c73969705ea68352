//! Admission: how many clients may be in the server at a time, in all and from one address. Pure; the hub's lock
//! guards it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::protocol::reply::Refusal;

/// The origin of a client: the addresses that count as one.
///
/// The origin of an IPv6 address is its network of 64 bits: a machine that has one address of that network has
/// them all (RFC 4291, 2.5.4). Link-local and unique local addresses count each for itself: the machines of
/// a LAN share their network. All loopback addresses are one origin, this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Origin(IpAddr);

impl Origin {
    pub(super) fn of(address: IpAddr) -> Origin {
        match address.to_canonical() {
            local if local.is_loopback() => Origin(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(v6) if !v6.is_unicast_link_local() && !v6.is_unique_local() => {
                Origin(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into())
            }
            address => Origin(address),
        }
    }

    /// An address that has this origin.
    pub(super) fn address(self) -> IpAddr {
        self.0
    }
}

/// The places in a server, as counters.
#[derive(Debug)]
pub(super) struct Admission {
    /// How many places there are.
    most: usize,
    /// How many places one origin may take; 0 is no limit.
    most_per_address: usize,
    /// How many places are taken. A place that is being taken over counts twice for a moment.
    taken: usize,
    /// How many of the taken places count for each origin. An origin without any has no entry.
    by_origin: HashMap<Origin, usize>,
}

impl Admission {
    pub(super) fn new(most: usize, most_per_address: usize) -> Admission {
        Admission { most, most_per_address, taken: 0, by_origin: HashMap::new() }
    }

    /// Whether any place is taken.
    pub(super) fn are_taken(&self) -> bool {
        self.taken > 0
    }

    /// Takes a place for a client from that origin; `None` is one of whom a proxy says nothing, which is not counted
    /// by address.
    ///
    /// # Errors
    ///
    /// There is no place, or none for that origin.
    pub(super) fn take(&mut self, from: Option<Origin>) -> Result<(), Refusal<'static>> {
        if self.taken >= self.most {
            return Err(Refusal::RoomFull(self.most));
        }
        if let Some(from) = from {
            self.count(from)?;
        }
        self.taken += 1;
        Ok(())
    }

    /// Counts a place for that origin, if it may have one more.
    fn count(&mut self, from: Origin) -> Result<(), Refusal<'static>> {
        let of_origin = self.by_origin.get(&from).copied().unwrap_or(0);
        if self.most_per_address > 0 && of_origin >= self.most_per_address {
            return Err(Refusal::AddressFull(self.most_per_address));
        }
        self.by_origin.insert(from, of_origin + 1);
        Ok(())
    }

    /// Takes a place beyond the limits for a member whose other connection still has one, and gives that back in
    /// a moment.
    pub(super) fn take_over(&mut self, from: Option<Origin>) {
        self.taken += 1;
        if let Some(from) = from {
            *self.by_origin.entry(from).or_default() += 1;
        }
    }

    /// Gives back a place that counts for that origin.
    pub(super) fn give_back(&mut self, from: Option<Origin>) {
        self.taken -= 1;
        let Some(from) = from else { return };
        if let Some(of_origin) = self.by_origin.get_mut(&from) {
            *of_origin -= 1;
            if *of_origin == 0 {
                self.by_origin.remove(&from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(address: &str) -> Origin {
        Origin::of(address.parse().expect("an address"))
    }

    #[test]
    fn an_ipv6_network_is_one_address_but_each_machine_of_a_lan_is_one_of_its_own() {
        for (one, same) in [
            ("192.0.2.1", "::ffff:192.0.2.1"),
            ("2001:db8::1", "2001:db8::ffff:1"),
            ("127.0.0.1", "127.255.0.9"),
            ("127.0.0.1", "::1"),
            ("127.0.0.1", "::ffff:127.0.0.2"),
        ] {
            assert_eq!(origin(one), origin(same));
        }
        for (one, other) in [
            ("192.0.2.1", "192.0.2.2"),
            ("2001:db8::1", "2001:db8:0:1::1"),
            ("fe80::1", "fe80::2"),
            ("febf::1", "febf::2"),
            ("fc00::1", "fc00::2"),
            ("fdff:1:2:3::1", "fdff:1:2:3::2"),
            ("127.0.0.1", "126.0.0.1"),
        ] {
            assert_ne!(origin(one), origin(other));
        }
        // Beside those networks.
        assert_eq!(origin("fec0::1"), origin("fec0::2"));
        assert_eq!(origin("fbff::1"), origin("fbff::2"));
    }

    #[test]
    fn one_address_does_not_take_all_places() {
        let mut seats = Admission::new(4, 2);
        let mut take = |address: &str| seats.take(Some(origin(address)));
        assert_eq!(take("192.0.2.1"), Ok(()));
        assert_eq!(take("::ffff:192.0.2.1"), Ok(()));
        assert_eq!(take("192.0.2.1"), Err(Refusal::AddressFull(2)));
        assert_eq!(take("2001:db8::1"), Ok(()));
        assert_eq!(take("2001:db8::2:1"), Ok(()));
        assert_eq!(take("192.0.2.2"), Err(Refusal::RoomFull(4)));
        seats.give_back(Some(origin("2001:db8::3")));
        assert_eq!(seats.take(Some(origin("2001:db8:0:1::1"))), Ok(()));
        for address in ["192.0.2.1", "192.0.2.1", "2001:db8::1", "2001:db8:0:1::"] {
            seats.give_back(Some(origin(address)));
        }
        assert!(!seats.are_taken() && seats.by_origin.is_empty());
    }

    #[test]
    fn a_member_takes_its_own_place_over_where_there_is_no_other() {
        let mut seats = Admission::new(1, 1);
        let (before, after) = (Some(origin("192.0.2.1")), Some(origin("192.0.2.2")));
        assert_eq!(seats.take(before), Ok(()));
        seats.take_over(after);
        assert_eq!(seats.take(before), Err(Refusal::RoomFull(1)));
        seats.give_back(before);
        assert_eq!(seats.take(before), Err(Refusal::RoomFull(1)));
        seats.give_back(after);
        assert!(!seats.are_taken() && seats.by_origin.is_empty());
    }

    #[test]
    fn those_of_whom_a_proxy_says_nothing_count_for_no_address() {
        let mut seats = Admission::new(4, 1);
        for _ in 0..2 {
            assert_eq!(seats.take(None), Ok(()));
        }
        assert_eq!(seats.take(Some(origin("192.0.2.1"))), Ok(()));
        assert_eq!(seats.take(Some(origin("192.0.2.1"))), Err(Refusal::AddressFull(1)));
        assert_eq!(seats.take(None), Ok(()));
        assert_eq!(seats.take(None), Err(Refusal::RoomFull(4)));
        for from in [Some(origin("192.0.2.1")), None, None, None] {
            seats.give_back(from);
        }
        assert!(!seats.are_taken() && seats.by_origin.is_empty());
    }
}
