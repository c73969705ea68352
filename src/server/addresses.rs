//! The addresses at which others can reach this machine, to be printed and logged at the start.

use std::net::{IpAddr, SocketAddr, UdpSocket};

/// The most addresses that are told: a machine may have a dozen of IPv6, and nobody reads that far.
const MOST: usize = 6;

/// The addresses at which others can reach a server that listens at `at`, the likeliest first. There are none
/// if it listens at one address alone, which its user has named, or if the machine has no network.
#[must_use]
pub fn reachable(at: SocketAddr) -> Vec<IpAddr> {
    if !at.ip().is_unspecified() {
        return Vec::new();
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let up = interfaces.into_iter().filter(if_addrs::Interface::is_oper_up);
    let route = [usual_address("192.0.2.1:9"), usual_address("[2001:db8::1]:9")];
    sorted(at, up.map(|interface| interface.ip()).collect(), &route)
}

/// The address of the interface over which this machine reaches the network beyond its own. The system is asked
/// for the route to `to`, an address for documentation (RFC 5737, RFC 3849); nothing is sent.
fn usual_address(to: &str) -> Option<IpAddr> {
    let any: SocketAddr = if to.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" }.parse().ok()?;
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(to).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The addresses among `all` that others can use: IPv4 first, which is easier to type, and the `usual` ones
/// first among each kind.
fn sorted(at: SocketAddr, mut all: Vec<IpAddr>, usual: &[Option<IpAddr>]) -> Vec<IpAddr> {
    // A link-local address needs the name that the interface has on the other machine.
    let is_local = |address: &IpAddr| match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local(),
    };
    all.retain(|address| !is_local(address) && (at.is_ipv6() || address.is_ipv4()));
    all.sort_by_key(|address| (address.is_ipv6(), !usual.contains(&Some(*address)), *address));
    all.dedup();
    all.truncate(MOST);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn others_are_told_the_likeliest_address_first() {
        let all = || {
            ["127.0.0.1", "::1", "fe80::1", "169.254.7.7", "172.17.0.1", "192.168.1.7", "fd00::7"]
                .map(address)
                .to_vec()
        };
        let usual = [Some(address("192.168.1.7")), None];
        let told = |at: &str| sorted(at.parse().expect("an address"), all(), &usual);
        assert_eq!(told("0.0.0.0:5000"), ["192.168.1.7", "172.17.0.1"].map(address));
        assert_eq!(told("[::]:5000"), ["192.168.1.7", "172.17.0.1", "fd00::7"].map(address));
    }

    #[test]
    fn where_one_address_is_listened_at_it_is_known() {
        for at in ["127.0.0.1:5000", "192.168.1.7:5000", "[::1]:5000"] {
            assert!(reachable(at.parse().expect("an address")).is_empty());
        }
    }
}
