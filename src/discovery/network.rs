//! The interfaces of this machine, and the sockets that messages go over.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use if_addrs::IfAddr;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::MOST_BYTES;

/// The port of multicast DNS.
const PORT: u16 = 5353;

/// The groups of multicast DNS.
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);

/// The most addresses of one interface that are told.
const MOST_ADDRESSES: usize = 8;

/// An interface to a network: what is said over it is heard on that network alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interface {
    /// The system's number of it.
    pub(crate) index: u32,
    /// Its name.
    pub(crate) name: String,
    /// This machine's addresses there, each with the length of the network's prefix.
    pub(crate) addresses: Vec<(IpAddr, u8)>,
}

impl Interface {
    /// Whether an address belongs to a network that this leads to.
    pub(crate) fn is_near(&self, ip: IpAddr) -> bool {
        self.addresses.iter().any(|&(own, prefix)| match (own, ip) {
            (IpAddr::V4(own), IpAddr::V4(ip)) => {
                (u32::from(own) ^ u32::from(ip)).leading_zeros() >= prefix.into()
            }
            (IpAddr::V6(own), IpAddr::V6(ip)) => {
                (u128::from(own) ^ u128::from(ip)).leading_zeros() >= prefix.into()
            }
            _ => false,
        })
    }

    /// Whether a message from there has come over this.
    fn brings(&self, source: SocketAddr) -> bool {
        match source {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => v6.scope_id() == self.index,
            _ => self.is_near(source.ip()),
        }
    }

    /// The addresses that a room which listens at `at` has there.
    pub(crate) fn reached(&self, at: IpAddr) -> Vec<IpAddr> {
        let all = self.addresses.iter().map(|(own, _)| *own);
        let is_one = |own: &IpAddr| match at.to_canonical() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => own.is_ipv4(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => true,
            at => *own == at,
        };
        all.filter(is_one).take(MOST_ADDRESSES).collect()
    }

    fn has(&self, family: Family) -> bool {
        self.addresses.iter().any(|(own, _)| own.is_ipv4() == (family == Family::V4))
    }
}

/// The interface that a message from there has come over, if it has come from a network that one leads to.
pub(crate) fn interface_of(interfaces: &[Interface], source: SocketAddr) -> Option<&Interface> {
    interfaces.iter().find(|interface| interface.brings(source))
}

/// The interfaces that lead to others.
pub(crate) fn interfaces() -> Vec<Interface> {
    let mut all: Vec<Interface> = Vec::new();
    for one in if_addrs::get_if_addrs().unwrap_or_default() {
        if one.is_loopback() || !one.is_oper_up() {
            continue;
        }
        let prefix = match &one.addr {
            IfAddr::V4(v4) => v4.prefixlen,
            IfAddr::V6(v6) => v6.prefixlen,
        };
        let (index, address) = (one.index.unwrap_or(0), (one.ip(), prefix));
        match all.iter_mut().find(|known| known.index == index && known.name == one.name) {
            Some(known) => known.addresses.push(address),
            None => all.push(Interface { index, name: one.name, addresses: vec![address] }),
        }
    }
    // So that lists of the same ones are the same.
    all.iter_mut().for_each(|interface| interface.addresses.sort_unstable());
    all.sort_unstable_by(|one, other| (one.index, &one.name).cmp(&(other.index, &other.name)));
    all
}

/// One of the two kinds of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// A socket that messages go over.
#[derive(Debug)]
pub(crate) struct Channel {
    /// The socket, which never waits.
    socket: UdpSocket,
    /// Its kind of addresses.
    family: Family,
}

impl Channel {
    /// The port that everybody listens at, which it shares with others on this machine.
    ///
    /// # Errors
    ///
    /// The system's reason.
    pub(crate) fn shared(family: Family) -> io::Result<Channel> {
        Channel::at(family, PORT)
    }

    /// A port of its own, to which answers come that are for us alone.
    ///
    /// # Errors
    ///
    /// The system's reason.
    pub(crate) fn own(family: Family) -> io::Result<Channel> {
        Channel::at(family, 0)
    }

    fn at(family: Family, port: u16) -> io::Result<Channel> {
        let (domain, any): (_, IpAddr) = match family {
            Family::V4 => (Domain::IPV4, Ipv4Addr::UNSPECIFIED.into()),
            Family::V6 => (Domain::IPV6, Ipv6Addr::UNSPECIFIED.into()),
        };
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        if family == Family::V6 {
            socket.set_only_v6(true)?;
            socket.set_multicast_hops_v6(255)?;
        } else {
            socket.set_multicast_ttl_v4(255)?;
        }
        if port != 0 {
            socket.set_reuse_address(true)?;
            #[cfg(unix)]
            socket.set_reuse_port(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&SocketAddr::new(any, port).into())?;
        Ok(Channel { socket: socket.into(), family })
    }

    /// Hears what is said to all on that network, from now on; again, if the interface was gone meanwhile.
    pub(crate) fn join(&self, interface: &Interface) {
        let socket = SockRef::from(&self.socket);
        // One without multicast is none to complain of: nothing comes from there. The socket still counts as joined to
        // an interface that was gone, so it leaves first.
        match self.family {
            Family::V4 => {
                for (own, _) in &interface.addresses {
                    if let IpAddr::V4(own) = own {
                        socket.leave_multicast_v4(&GROUP_V4, own).ok();
                        socket.join_multicast_v4(&GROUP_V4, own).ok();
                    }
                }
            }
            Family::V6 if interface.has(Family::V6) => {
                socket.leave_multicast_v6(&GROUP_V6, interface.index).ok();
                socket.join_multicast_v6(&GROUP_V6, interface.index).ok();
            }
            Family::V6 => {}
        }
    }

    /// Says something to all on that network. Whether there was a way to; it is none if it has no such address.
    ///
    /// # Errors
    ///
    /// The system's reason.
    pub(crate) fn tell(&self, interface: &Interface, message: &[u8]) -> io::Result<bool> {
        let socket = SockRef::from(&self.socket);
        let v4 = interface.addresses.iter().find_map(|(own, _)| match own {
            IpAddr::V4(own) => Some(own),
            IpAddr::V6(_) => None,
        });
        let group: SocketAddr = match (self.family, v4) {
            (Family::V4, Some(own)) => {
                socket.set_multicast_if_v4(own)?;
                (GROUP_V4, PORT).into()
            }
            (Family::V6, _) if interface.has(Family::V6) => {
                socket.set_multicast_if_v6(interface.index)?;
                (GROUP_V6, PORT).into()
            }
            _ => return Ok(false),
        };
        self.socket.send_to(message, group).map(|_| true)
    }

    /// Says something to one alone.
    pub(crate) fn tell_one(&self, to: SocketAddr, message: &[u8]) {
        // Who asked has a second try.
        self.socket.send_to(message, to).ok();
    }

    /// The next message that has come, and from where; `None` if there is none.
    pub(crate) fn next<'b>(
        &self,
        buffer: &'b mut [u8; MOST_BYTES],
    ) -> Option<(&'b [u8], SocketAddr)> {
        // What cannot be read, as an answer of a host to what it was sent, is no message.
        let (length, source) = self.socket.recv_from(buffer).ok()?;
        Some((&buffer[..length], source))
    }

    /// The socket to poll for messages.
    pub(crate) fn socket(&self) -> &UdpSocket {
        &self.socket
    }
}

/// Whether the asker listens at a port of its own, where nothing comes that is said to all.
pub(crate) fn asks_once(source: SocketAddr) -> bool {
    source.port() != PORT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(index: u32, addresses: &[(&str, u8)]) -> Interface {
        let parse = |&(text, prefix): &(&str, u8)| (text.parse().expect("an address"), prefix);
        let addresses = addresses.iter().map(parse).collect();
        Interface { index, name: format!("eth{index}"), addresses }
    }

    #[test]
    fn a_message_has_come_over_the_interface_of_its_network() {
        let all = [
            interface(2, &[("192.168.1.7", 24), ("fe80::7", 64), ("fd00:1::7", 64)]),
            interface(3, &[("10.0.0.7", 8), ("fe80::8", 64)]),
        ];
        let of = |source: &str| {
            let source = source.parse().expect("an address");
            interface_of(&all, source).map(|interface| interface.index)
        };
        assert_eq!(of("192.168.1.200:5353"), Some(2));
        assert_eq!(of("10.9.8.7:40000"), Some(3));
        assert_eq!(of("[fd00:1::9]:5353"), Some(2));
        assert_eq!(of("[fe80::9%3]:5353"), Some(3));
        assert_eq!(of("192.168.2.1:5353"), None, "from beyond the network");
        assert_eq!(of("[2001:db8::1]:5353"), None);
    }

    #[test]
    fn a_room_is_announced_where_it_can_be_reached() {
        let lan = interface(2, &[("192.168.1.7", 24), ("fe80::7", 64)]);
        let reached = |at: &str| {
            let at = lan.reached(at.parse().expect("an address"));
            at.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(reached("0.0.0.0"), ["192.168.1.7"]);
        assert_eq!(reached("::"), ["192.168.1.7", "fe80::7"]);
        assert_eq!(reached("192.168.1.7"), ["192.168.1.7"]);
        assert_eq!(reached("::ffff:192.168.1.7"), ["192.168.1.7"]);
        assert!(reached("10.0.0.1").is_empty() && reached("127.0.0.1").is_empty());
    }
}
