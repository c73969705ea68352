//! What a server says of its room, and what the messages of others mean for it. Pure.

use std::net::IpAddr;

use simple_dns::rdata::{A, AAAA, PTR, RData, SRV, TXT};
use simple_dns::{
    CLASS, Label, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, ResourceRecord, TYPE,
};

use super::{MAX_NAME, service};

/// How long others may go by what they have heard, in seconds: so long a server that was killed seems to be there.
const TTL: u32 = 120;

/// The same for one who asks once and from a port of his own (RFC 6762, 6.7).
const TTL_ONCE: u32 = 10;

/// The name under which all types of services are asked for.
const ALL_TYPES: &str = "_services._dns-sd._udp.local";

/// What a server says of its room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Announcement {
    /// The room's name: 1 to 63 bytes.
    pub(crate) name: String,
    /// The label of the host's name, which no other host has.
    pub(crate) host: String,
    /// The port.
    pub(crate) port: u16,
    /// What the TXT record says.
    pub(crate) facts: Vec<(&'static str, String)>,
}

/// What a message means for an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Nothing.
    Nothing,
    /// Somebody asks for it.
    Asked(Asked),
    /// Somebody else has a room of that name.
    Taken,
    /// Somebody else is about to take the name, and it is the other's if both are.
    Contested,
}

/// A question that the announcement answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The message's number, which an answer to one alone repeats.
    id: u16,
    /// Whether it is for the types of services alone.
    types: bool,
    /// Whether the asker would rather have the answer alone.
    pub(crate) alone: bool,
}

/// The message that asks for all rooms.
pub(crate) fn question() -> Vec<u8> {
    let mut packet = Packet::new_query(0);
    packet.questions.push(asks(service(), TYPE::PTR));
    bytes(&packet)
}

fn asks(name: Name<'_>, kind: TYPE) -> Question<'_> {
    Question::new(name, QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false)
}

/// A message of ours fits: its names do, and there are few of them.
fn bytes(packet: &Packet<'_>) -> Vec<u8> {
    packet.build_bytes_vec_compressed().unwrap_or_default()
}

impl Announcement {
    /// Asks whether somebody else has a room of that name, and tells with what it is claimed (RFC 6762, 8.1).
    pub(crate) fn probe(&self) -> Vec<u8> {
        let mut packet = Packet::new_query(0);
        let class = QCLASS::CLASS(CLASS::IN);
        packet.questions.push(Question::new(self.instance(), QTYPE::ANY, class, false));
        packet.name_servers.push(self.place(TTL));
        bytes(&packet)
    }

    /// Tells of the room, which is at these addresses.
    pub(crate) fn told(&self, addresses: &[IpAddr]) -> Vec<u8> {
        bytes(&self.reply(addresses, TTL, true))
    }

    /// Tells that the room is gone.
    pub(crate) fn goodbye(&self) -> Vec<u8> {
        bytes(&self.reply(&[], 0, true))
    }

    /// Answers a question, to all who listen.
    pub(crate) fn answer(&self, question: Asked, addresses: &[IpAddr]) -> Vec<u8> {
        if question.types { bytes(&self.types(TTL)) } else { self.told(addresses) }
    }

    /// Answers a question of one who asks from a port of his own.
    pub(crate) fn answer_once(&self, question: Asked, addresses: &[IpAddr]) -> Vec<u8> {
        let mut packet = if question.types {
            self.types(TTL_ONCE)
        } else {
            self.reply(addresses, TTL_ONCE, false)
        };
        packet.set_id(question.id);
        let name = if question.types { Name::new_unchecked(ALL_TYPES) } else { service() };
        packet.questions.push(asks(name, TYPE::PTR));
        bytes(&packet)
    }

    /// What a message means. Once the name `is_ours`, it is contested by nobody who asks whether it is free.
    pub(crate) fn meaning(&self, message: &[u8], is_ours: bool) -> Meaning {
        let Ok(packet) = Packet::parse(message) else { return Meaning::Nothing };
        if packet.has_flags(PacketFlag::RESPONSE) {
            let all = packet.answers.iter().chain(&packet.additional_records);
            let taken = self.others_places(all).next().is_some();
            return if taken { Meaning::Taken } else { Meaning::Nothing };
        }
        let ours = self.rank(&self.srv());
        let mut others = self.others_places(packet.name_servers.iter());
        if !is_ours && others.any(|srv| self.rank(srv) > ours) {
            return Meaning::Contested;
        }
        self.asked(&packet).map_or(Meaning::Nothing, Meaning::Asked)
    }

    /// The next name to try, where somebody else has this one: `lab`, `lab (2)`, `lab (3)`.
    pub(crate) fn rename(&mut self, original: &str, number: u32) {
        let suffix = format!(" ({number})");
        let mut end = original.len().min(MAX_NAME - suffix.len());
        while !original.is_char_boundary(end) {
            end -= 1;
        }
        self.name = original[..end].trim_end().to_owned() + &suffix;
    }

    fn instance(&self) -> Name<'_> {
        let mut labels = vec![Label::new_unchecked(self.name.as_bytes())];
        labels.extend(service().get_labels().iter().cloned());
        Name::new_with_labels(&labels)
    }

    fn host(&self) -> Name<'_> {
        let local = Label::new_unchecked(&b"local"[..]);
        Name::new_with_labels(&[Label::new_unchecked(self.host.as_bytes()), local])
    }

    fn srv(&self) -> SRV<'_> {
        SRV { priority: 0, weight: 0, port: self.port, target: self.host() }
    }

    /// The record that says where the room is.
    fn place(&self, ttl: u32) -> ResourceRecord<'_> {
        ResourceRecord::new(self.instance(), CLASS::IN, ttl, RData::SRV(self.srv()))
    }

    fn types(&self, ttl: u32) -> Packet<'static> {
        let mut packet = Packet::new_reply(0);
        packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
        let data = RData::PTR(PTR(service()));
        let name = Name::new_unchecked(ALL_TYPES);
        packet.answers.push(ResourceRecord::new(name, CLASS::IN, ttl, data));
        packet
    }

    /// All records. Those that are ours alone take the place of what others keep, if `replaces`.
    fn reply(&self, addresses: &[IpAddr], ttl: u32, replaces: bool) -> Packet<'_> {
        let mut packet = Packet::new_reply(0);
        packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
        let listed = RData::PTR(PTR(self.instance()));
        packet.answers.push(ResourceRecord::new(service(), CLASS::IN, ttl, listed));
        let facts = ResourceRecord::new(self.instance(), CLASS::IN, ttl, RData::TXT(self.txt()));
        let mut ours = vec![self.place(ttl), facts];
        ours.extend(addresses.iter().map(|address| {
            let data = match address {
                IpAddr::V4(v4) => RData::A(A { address: (*v4).into() }),
                IpAddr::V6(v6) => RData::AAAA(AAAA { address: (*v6).into() }),
            };
            ResourceRecord::new(self.host(), CLASS::IN, ttl, data)
        }));
        packet.answers.extend(ours.into_iter().map(|record| record.with_cache_flush(replaces)));
        packet
    }

    fn txt(&self) -> TXT<'_> {
        let mut txt = TXT::new();
        for (key, value) in &self.facts {
            // A fact is short.
            txt.add_attribute(key, Some(value.as_bytes())).ok();
        }
        txt
    }

    /// What others say of where the room of this name is.
    fn others_places<'p>(
        &'p self,
        records: impl Iterator<Item = &'p ResourceRecord<'p>>,
    ) -> impl Iterator<Item = &'p SRV<'p>> {
        let instance = self.instance();
        records.filter(move |record| record.ttl > 0 && record.name == instance).filter_map(
            |record| match &record.rdata {
                RData::SRV(srv) if self.rank(srv) != self.rank(&self.srv()) => Some(srv),
                _ => None,
            },
        )
    }

    /// Of two that claim a name at once, the greater one has it (RFC 6762, 8.2).
    fn rank(&self, srv: &SRV<'_>) -> (u16, u16, u16, String) {
        (srv.priority, srv.weight, srv.port, srv.target.to_string().to_lowercase())
    }

    /// The question that this answers, if the message asks one and does not know the answer.
    fn asked(&self, packet: &Packet<'_>) -> Option<Asked> {
        let is_known = packet.answers.iter().any(|record| {
            let names = |ptr: &PTR<'_>| ptr.0 == self.instance();
            record.ttl > TTL / 2 && matches!(&record.rdata, RData::PTR(ptr) if names(ptr))
        });
        let id = packet.id();
        packet.questions.iter().find_map(|question| {
            let is_of = |kinds: &[TYPE]| match question.qtype {
                QTYPE::ANY => true,
                QTYPE::TYPE(kind) => kinds.contains(&kind),
                _ => false,
            };
            let name = &question.qname;
            let types = *name == Name::new_unchecked(ALL_TYPES) && is_of(&[TYPE::PTR]);
            let is_ours = *name == service() && is_of(&[TYPE::PTR]) && !is_known
                || *name == self.instance() && is_of(&[TYPE::SRV, TYPE::TXT])
                || *name == self.host() && is_of(&[TYPE::A, TYPE::AAAA]);
            let alone = question.unicast_response;
            (types || is_ours).then_some(Asked { id, types, alone })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::SERVICE;
    use super::*;

    fn announcement(name: &str, host: &str) -> Announcement {
        let facts = vec![("txtvers", "1".to_owned()), ("tls", "optional".to_owned())];
        Announcement { name: name.to_owned(), host: host.to_owned(), port: 5000, facts }
    }

    fn addresses() -> Vec<IpAddr> {
        ["192.0.2.7", "fd00::7"].map(|text| text.parse().expect("an address")).to_vec()
    }

    #[test]
    fn who_asks_for_rooms_is_told_of_this_one() {
        let lab = announcement("The Lab. No 1", "a");
        let Meaning::Asked(asked) = lab.meaning(&question(), true) else { panic!("it asks") };
        assert!(!asked.alone);
        let answer = lab.answer(asked, &addresses());
        let packet = Packet::parse(&answer).expect("it is a message");
        let shown: Vec<_> = packet.answers.iter().map(|it| it.name.to_string()).collect();
        let instance = r"The Lab\. No 1._chatroom._tcp.local";
        assert_eq!(shown, [SERVICE, instance, instance, "a.local", "a.local"]);
        assert!(packet.answers.iter().skip(1).all(|record| record.cache_flush));
        // The same for one who asks from a port of his own, who keeps it less long.
        let once = lab.answer_once(asked, &addresses());
        let packet = Packet::parse(&once).expect("it is a message");
        assert_eq!((packet.questions.len(), packet.answers.len()), (1, 5));
        assert!(packet.answers.iter().all(|it| it.ttl == TTL_ONCE && !it.cache_flush));
        // Who knows it already is not told again.
        let mut knows = Packet::parse(&answer).expect("it is a message");
        knows.remove_flags(PacketFlag::RESPONSE);
        knows.questions.push(asks(service(), TYPE::PTR));
        assert_eq!(lab.meaning(&bytes(&knows), true), Meaning::Nothing);
    }

    #[test]
    fn what_services_there_are_is_answered_with_the_type() {
        let lab = announcement("lab", "a");
        let mut packet = Packet::new_query(7);
        packet.questions.push(asks(Name::new_unchecked(ALL_TYPES), TYPE::PTR));
        let Meaning::Asked(asked) = lab.meaning(&bytes(&packet), true) else { panic!("it asks") };
        let answer = lab.answer_once(asked, &addresses());
        let packet = Packet::parse(&answer).expect("it is a message");
        assert_eq!((packet.id(), packet.answers.len()), (7, 1));
    }

    #[test]
    fn of_two_rooms_with_one_name_one_gets_another() {
        let (ours, theirs) = (announcement("lab", "a"), announcement("LAB", "b"));
        assert_eq!(ours.meaning(&theirs.told(&addresses()), true), Meaning::Taken);
        // One that goes takes nothing.
        assert_eq!(ours.meaning(&theirs.goodbye(), true), Meaning::Nothing);
        // Both at once: it is the greater one's.
        assert_eq!(ours.meaning(&theirs.probe(), false), Meaning::Contested);
        assert!(matches!(theirs.meaning(&ours.probe(), false), Meaning::Asked(_)));
        // It was there first: who asks is told so, whichever is greater.
        assert!(matches!(ours.meaning(&theirs.probe(), true), Meaning::Asked(_)));
        // Our own words come back to us, and others' rooms are others'.
        assert_eq!(ours.meaning(&ours.told(&addresses()), true), Meaning::Nothing);
        assert_eq!(ours.meaning(&announcement("other", "b").told(&[]), true), Meaning::Nothing);
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number_and_stays_a_label() {
        for (name, renamed) in [
            ("lab".to_owned(), "lab (12)".to_owned()),
            ("x".repeat(63), "x".repeat(58) + " (12)"),
            ("é".repeat(31), "é".repeat(29) + " (12)"),
        ] {
            let mut announcement = announcement(&name, "a");
            announcement.rename(&name, 12);
            assert_eq!(announcement.name, renamed);
            assert!(announcement.name.len() <= MAX_NAME);
            assert!(!announcement.probe().is_empty());
        }
    }

    #[test]
    fn garbage_means_nothing() {
        let lab = announcement("lab", "a");
        let whole = lab.told(&addresses());
        for end in 0..whole.len() {
            assert_eq!(lab.meaning(&whole[..end], true), Meaning::Nothing);
        }
        // A name that is its own continuation.
        let looped = [&[0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], &[0xc0, 12, 0, 12, 0, 1]].concat();
        assert_eq!(lab.meaning(&looped, true), Meaning::Nothing);
        assert_eq!(lab.meaning(&[0xff; 9000], true), Meaning::Nothing);
    }
}
