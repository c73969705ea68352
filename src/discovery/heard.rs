//! What a client makes of the messages that it gets while it looks for rooms. Pure.
//!
//! Anybody on the network can send such a message, so everything is bounded and made safe here, and each room is known by
//! all that tells it from others: who says that another's room is elsewhere has a line of his own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use simple_dns::rdata::{RData, TXT};
use simple_dns::{Name, Packet, PacketFlag, ResourceRecord};

use super::{FACTS, service};
use crate::protocol::text::make_safe;
use crate::tls::Fingerprint;

/// The most rooms that are kept: more cannot be read.
const MOST_ROOMS: usize = 100;

/// The most addresses of one room that are kept.
const MOST_ADDRESSES: usize = 32;

/// What tells a room from others: its name, and its host and port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    /// The name, safe to show, in small letters.
    name: String,
    /// The host's name, which is nothing but that here.
    host: String,
    /// The port.
    port: u16,
}

/// An address, and the interface over which it was heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    /// The address.
    pub(crate) ip: IpAddr,
    /// The interface's number, which an address of the link needs.
    pub(crate) scope: u32,
}

/// A room that was heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Room {
    /// Its name, safe to show, in one row.
    pub(crate) name: String,
    /// Its port.
    pub(crate) port: u16,
    /// Its addresses, of which there may be none that can be used.
    pub(crate) addresses: BTreeSet<Address>,
    /// The fingerprint of its key, if it was told.
    pub(crate) fingerprint: Option<Fingerprint>,
}

/// All that was heard of.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The rooms.
    rooms: BTreeMap<Identity, Room>,
}

impl Heard {
    /// Takes a message that has come over that interface.
    pub(crate) fn hear(&mut self, message: &[u8], scope: u32) {
        let Ok(packet) = Packet::parse(message) else { return };
        if !packet.has_flags(PacketFlag::RESPONSE) {
            return;
        }
        let records: Vec<_> = packet.answers.iter().chain(&packet.additional_records).collect();
        for record in &records {
            if let RData::SRV(srv) = &record.rdata
                && let Some(name) = room_name(&record.name)
                && srv.port > 0
            {
                let host = srv.target.to_string().to_lowercase();
                let identity = Identity { name: name.to_lowercase(), host, port: srv.port };
                let of = Told { records: &records, instance: &record.name, host: &srv.target };
                self.keep(identity, name, record.ttl, &of, scope);
            }
        }
    }

    fn keep(&mut self, identity: Identity, name: String, ttl: u32, of: &Told<'_, '_>, scope: u32) {
        if ttl == 0 {
            self.rooms.remove(&identity);
            return;
        }
        if self.rooms.len() >= MOST_ROOMS && !self.rooms.contains_key(&identity) {
            return;
        }
        let port = identity.port;
        let new = || Room { name, port, addresses: BTreeSet::new(), fingerprint: None };
        let room = self.rooms.entry(identity).or_insert_with(new);
        let room_for = MOST_ADDRESSES.saturating_sub(room.addresses.len());
        room.addresses.extend(of.addresses(scope).take(room_for));
        room.fingerprint = of.fingerprint().or(room.fingerprint.take());
    }

    /// The rooms, by name.
    pub(crate) fn rooms(self) -> Vec<Room> {
        self.rooms.into_values().collect()
    }
}

/// One message, and of which room in it something is asked.
struct Told<'a, 'p> {
    /// All its records.
    records: &'a [&'a ResourceRecord<'p>],
    /// The room's full name.
    instance: &'a Name<'p>,
    /// Its host's.
    host: &'a Name<'p>,
}

impl Told<'_, '_> {
    /// The addresses that others could reach.
    fn addresses(&self, scope: u32) -> impl Iterator<Item = Address> {
        let of_host = self.records.iter().filter(|record| record.name == *self.host);
        let addresses = of_host.filter_map(|record| match &record.rdata {
            RData::A(a) => Some(IpAddr::V4(a.address.into())),
            RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.address.into())),
            _ => None,
        });
        let is_elsewhere = |ip: &IpAddr| {
            let ip = ip.to_canonical();
            !ip.is_unspecified() && !ip.is_loopback() && !ip.is_multicast()
        };
        addresses.filter(is_elsewhere).map(move |ip| Address {
            ip,
            scope: if matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local()) {
                scope
            } else {
                0
            },
        })
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        let of_room = self.records.iter().filter(|record| record.name == *self.instance);
        let txts = of_room.filter_map(|record| match &record.rdata {
            RData::TXT(txt) => Some(txt),
            _ => None,
        });
        txts.filter_map(fact_of_key).find_map(|text| text.parse().ok())
    }
}

/// What the record says of the key.
fn fact_of_key(txt: &TXT<'_>) -> Option<String> {
    let [.., key] = FACTS;
    let mut facts = txt.iter_raw();
    let (_, value) = facts.find(|(name, _)| name.eq_ignore_ascii_case(key.as_bytes()))?;
    String::from_utf8(value?.to_vec()).ok()
}

/// The room's name, if this is the full name of one. Blanks in it are single, so that nothing in it looks like the
/// column that follows it.
fn room_name(full: &Name<'_>) -> Option<String> {
    let [label, rest @ ..] = full.get_labels() else { return None };
    if rest != service().get_labels() {
        return None;
    }
    let safe = make_safe(label.as_ref());
    let name = safe.split_whitespace().collect::<Vec<_>>().join(" ");
    (!name.is_empty()).then_some(name)
}

/// The address that is best to use, for one whose own networks those are: one that is near, and easy to type.
pub(crate) fn best(
    addresses: &BTreeSet<Address>,
    is_near: impl Fn(IpAddr) -> bool,
) -> Option<Address> {
    let rank = |address: &Address| match address.ip {
        IpAddr::V4(v4) => (v4.is_link_local(), !is_near(address.ip), false),
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), !is_near(address.ip), true),
    };
    addresses.iter().copied().min_by_key(|address| (rank(address), *address))
}

#[cfg(test)]
mod tests {
    use super::super::announcement::Announcement;
    use super::*;

    const KEY: &str = "k3vqd-7m2xa-pz6lt-4wbne";

    fn announcement(name: &str, host: &str) -> Announcement {
        let facts = vec![("txtvers", "1".to_owned()), ("key", KEY.to_owned())];
        Announcement { name: name.to_owned(), host: host.to_owned(), port: 5000, facts }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn rooms(messages: &[(Vec<u8>, u32)]) -> Vec<Room> {
        let mut heard = Heard::default();
        messages.iter().for_each(|(message, scope)| heard.hear(message, *scope));
        heard.rooms()
    }

    #[test]
    fn a_room_that_is_heard_of_over_several_interfaces_is_one() {
        let lab = announcement("lab", "a");
        let link_local = address("fe80::7");
        let found = rooms(&[
            (lab.told(&[address("192.168.1.7"), link_local]), 2),
            (lab.told(&[address("10.0.0.7"), link_local]), 3),
            (lab.told(&[address("192.168.1.7")]), 2),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].fingerprint, KEY.parse().ok());
        let expected = [
            Address { ip: address("10.0.0.7"), scope: 0 },
            Address { ip: address("192.168.1.7"), scope: 0 },
            Address { ip: link_local, scope: 2 },
            Address { ip: link_local, scope: 3 },
        ];
        assert_eq!(found[0].addresses, BTreeSet::from(expected));
    }

    #[test]
    fn who_lies_about_anothers_room_has_a_line_of_his_own() {
        let (lab, liar) = (announcement("lab", "a"), announcement("Lab", "liar"));
        let [near, far] = [address("192.168.1.7"), address("192.168.1.66")];
        let found = rooms(&[(lab.told(&[near]), 2), (liar.told(&[far]), 2), (liar.goodbye(), 2)]);
        assert_eq!(found.len(), 1);
        let found = rooms(&[(liar.told(&[far]), 2), (lab.told(&[near]), 2)]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|room| room.addresses.len() == 1));
    }

    #[test]
    fn what_is_said_is_safe_and_bounded() {
        let told = |name: &str| announcement(name, "a").told(&[address("192.168.1.7")]);
        let name = |name: &str| rooms(&[(told(name), 2)]).first().map(|room| room.name.clone());
        assert_eq!(name("\x1b[31mlab\x07").as_deref(), Some("lab"));
        assert_eq!(name("a\n b\t\t c").as_deref(), Some("a b c"));
        assert_eq!(name("lab   chatclient 6.6.6.6").as_deref(), Some("lab chatclient 6.6.6.6"));
        assert_eq!(name("\x1b[2J"), None);
        // No address that leads to oneself, nor a key that is none.
        let mut lies = announcement("lab", "a");
        lies.facts = vec![("key", "$(reboot)".to_owned())];
        let own = ["127.0.0.1", "::1", "0.0.0.0", "::ffff:127.0.0.1", "224.0.0.1"].map(address);
        let found = rooms(&[(lies.told(&own), 2)]);
        assert!(found[0].addresses.is_empty() && found[0].fingerprint.is_none(), "{found:?}");
        let flood: Vec<_> = (0..5000).map(|n| (told(&format!("lab {n}")), 2)).collect();
        assert_eq!(rooms(&flood).len(), MOST_ROOMS);
        let many: Vec<_> = (0..250).map(|n| address(&format!("10.0.0.{n}"))).collect();
        let found = rooms(&[(announcement("lab", "a").told(&many), 2)]);
        assert_eq!(found[0].addresses.len(), MOST_ADDRESSES);
    }

    #[test]
    fn the_best_address_is_near_and_easy_to_type() {
        let near = |ip: IpAddr| {
            ip.to_string().starts_with("192.168.1.") || ip.to_string().starts_with("fd00:")
        };
        let cases = [
            (&["172.17.0.1", "192.168.1.7", "fd00::7"][..], "192.168.1.7"),
            (&["172.17.0.1", "fd00::7"], "fd00::7"),
            (&["fe80::7", "169.254.1.1", "172.17.0.1"], "172.17.0.1"),
            (&["fe80::7", "169.254.1.1"], "169.254.1.1"),
            (&["fe80::7"], "fe80::7"),
        ];
        for (all, expected) in cases {
            let all = all.iter().map(|text| Address { ip: address(text), scope: 0 }).collect();
            assert_eq!(best(&all, near).map(|it| it.ip), Some(address(expected)));
        }
        assert_eq!(best(&BTreeSet::new(), near), None);
    }

    proptest::proptest! {
        #[test]
        fn no_message_does_harm(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
            let mut heard = Heard::default();
            heard.hear(&bytes, 1);
            let lab = announcement("lab", "a");
            lab.meaning(&bytes, false);
            // Nearly right ones, too.
            let mut message = lab.told(&[address("192.168.1.7")]);
            for (at, byte) in bytes.iter().enumerate().take(3) {
                let place = (usize::from(*byte) * 7 + at * 31) % message.len();
                message[place] ^= byte.rotate_left(3);
            }
            heard.hear(&message, 1);
            lab.meaning(&message, true);
        }
    }
}
