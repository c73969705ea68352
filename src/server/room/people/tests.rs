//! Whose names are, who is kept out and who cannot speak: what holds for any entries in any order, and the texts.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::super::changes::{Counters, KeptMember};
use super::super::effects::{Aside, Effects};
use super::super::entry::{
    Author, Credentials, Encryption, Entry, Newcomer, NoName, Orderer, Outcome, Stamp, Whence,
};
use super::super::members::member::Member;
use super::super::order::mutes::person_of;
use super::super::restore::Restored;
use super::super::token::Issued;
use super::super::{Keeping, Room};
use super::facts::{Fact, FactKey};
use super::invitations::CodeHash;
use super::owners::MOST_OF_A_KEY;
use crate::protocol::name::{Likeness, Name, Wanted};
use crate::protocol::proof::KeyHash;
use crate::protocol::reply::{LeaveReason, NameNotice, Notice, Tenure};
use crate::protocol::request::{Request, parse};
use crate::protocol::tag::{Format, Millis, Seq};
use crate::server::admission::Origin;
use crate::server::audience::{Audience, Envelope, Kind, MemberId, Receipt};
use crate::server::batch::Batch;
use crate::server::chunk::Chunk;
use crate::server::config::{Config, EntranceConfig};
use crate::server::connection::ConnectionId;

const NAMES: [&str; 6] = ["alice", "ALICE", "al\u{456}ce", "bob", "will", "vvill"];

/// For how long names are kept in these tests.
const KEEP: Duration = Duration::from_secs(1000);

/// A member as a test knows it.
#[derive(Debug, Clone)]
struct Known {
    id: MemberId,
    connection: ConnectionId,
    /// How many lines it has sent.
    sent: u64,
}

/// Somebody who comes.
#[derive(Debug, Clone, Copy, Default)]
struct Comer<'a> {
    name: &'a str,
    key: Option<u8>,
    has_password: bool,
    address: Option<u8>,
    code: Option<CodeHash>,
    /// Whether it joins as a program does.
    is_program: bool,
}

/// A room, and what its history has of it.
struct Trial {
    room: Room,
    config: Config,
    known: Vec<Known>,
    connections: u32,
    elapsed: Duration,
    /// What a history was told.
    facts: BTreeMap<FactKey, Fact>,
    members: BTreeMap<MemberId, KeptMember>,
    counters: Counters,
    /// What connections were told, in its order.
    told: Vec<(ConnectionId, String)>,
}

impl Trial {
    fn new(config: Config) -> Trial {
        let keeping = Keeping { time: None, not_now: None };
        let mut trial = Trial {
            room: Room::new(&config),
            config,
            known: Vec::new(),
            connections: 0,
            elapsed: Duration::from_secs(1),
            facts: BTreeMap::new(),
            members: BTreeMap::new(),
            counters: Counters::NEW,
            told: Vec::new(),
        };
        let restored = Restored { keeping, ..Restored::nothing() };
        trial.room = Room::restore(&trial.config, restored, trial.stamp(), &mut Effects::default());
        trial
    }

    fn open() -> Trial {
        Trial::new(Config { keep_names: Some(KEEP), replay: 5, ..Config::default() })
    }

    fn stamp(&self) -> Stamp {
        Stamp { at: self.elapsed.as_millis() as Millis, elapsed: self.elapsed }
    }

    fn apply(&mut self, entry: Entry<'_>) -> Outcome {
        self.elapsed += Duration::from_millis(10);
        let (stamp, mut effects) = (self.stamp(), Effects::default());
        let outcome = self.room.apply(stamp, entry, &mut effects);
        for attach in &effects.attached {
            self.told.push((attach.connection, attach.greeting.clone()));
        }
        for (connection, _, aside) in effects.asides {
            if let Aside::Lines(lines) = aside {
                self.told.push((connection, lines));
            }
        }
        outcome
    }

    /// The number of somebody who comes, or why it does not.
    fn join(&mut self, comer: Comer<'_>) -> Result<usize, Outcome> {
        self.connections += 1;
        let connection = ConnectionId::local(self.connections);
        let name = Name::parse(comer.name).ok();
        let credentials = Credentials {
            key: comer.key.map(|key| KeyHash::from_bytes([key; 32])),
            has_password: comer.has_password,
            code: comer.code,
            may_claim: true,
        };
        let newcomer = Newcomer {
            connection,
            format: if comer.is_program { Format::Tagged } else { Format::Plain },
            taken: 0,
            whence: Whence {
                encryption: Encryption::Tls,
                address: comer.address.map(|address| [192, 0, 2, address].into()),
                origin: Some(Origin::of([127, 0, 0, 1].into())),
            },
            credentials,
            is_let_in: false,
        };
        let wanted = name.map(|name| (name.clone(), name.likeness()));
        let token = Some(Issued::new(self.connections.into()));
        match self.apply(Entry::Join { newcomer, wanted, token }) {
            Outcome::Joined { member: id, .. } => {
                self.known.retain(|known| known.id != id);
                self.known.push(Known { id, connection, sent: 0 });
                Ok(self.known.len() - 1)
            }
            other => Err(other),
        }
    }

    fn by(&mut self, who: usize) -> Author {
        let known = &mut self.known[who];
        known.sent += 1;
        Author { member: known.id, connection: known.connection, taken: Some(known.sent) }
    }

    fn say(&mut self, who: usize, text: &str) {
        let by = self.by(who);
        let Some(name) = self.room.name_of(by.member).cloned() else { return };
        let mut chunk = Chunk::default();
        let said = Envelope::new(Audience::AllBut(by.member), Kind::Said);
        let receipt = Receipt::new(by.member, by.taken.expect("it was counted"));
        chunk.push(Envelope { receipt, ..said }, format_args!("<{name}> {text}"));
        chunk.count_said(text);
        self.apply(Entry::Speak { by, chunk: &mut chunk });
    }

    fn whisper(&mut self, who: usize, to: &str, text: &str) {
        let by = self.by(who);
        let wanted = &Wanted::of(to).expect("it is short");
        self.apply(Entry::Whisper { by, to, wanted, text });
    }

    fn rename(&mut self, who: usize, name: &str, has_password: bool) {
        let by = self.by(who);
        let name = Name::parse(name).expect("a name");
        let credentials = Credentials { has_password, may_claim: true, ..Credentials::default() };
        let likeness = name.likeness();
        self.apply(Entry::Rename { by, name: &name, likeness, credentials });
    }

    fn leave(&mut self, who: usize) {
        let by = self.by(who);
        self.apply(Entry::Leave { by, how: LeaveReason::Quit(""), line: None });
    }

    fn lose(&mut self, who: usize) {
        let by = self.by(who);
        self.apply(Entry::Lost { by });
    }

    /// The answers to an order of the server's own keyboard.
    fn console(&mut self, line: &str) -> Vec<String> {
        let Ok(Request::Order(order)) = parse(line) else { panic!("{line} is no order") };
        match self.apply(Entry::order(Orderer::Console, &order)) {
            Outcome::Ordered(ordered) => ordered.answers,
            other => panic!("{other:?}"),
        }
    }

    /// An order of a member.
    fn order(&mut self, who: usize, line: &str) {
        let Ok(Request::Order(order)) = parse(line) else { panic!("{line} is no order") };
        let by = Orderer::Member(self.by(who));
        self.apply(Entry::order(by, &order));
    }

    /// Takes what the history would.
    fn keep(&mut self) {
        let changes = self.room.take_changes();
        for (id, member) in changes.members {
            match member {
                Some(member) => drop(self.members.insert(id, member)),
                None => drop(self.members.remove(&id)),
            }
        }
        for (key, fact) in changes.facts {
            match fact {
                Some(fact) => drop(self.facts.insert(key, fact)),
                None => drop(self.facts.remove(&key)),
            }
        }
        self.counters = changes.counters;
    }

    /// The server ends as suddenly as may be, and starts again.
    fn restart(&mut self) {
        self.keep();
        self.room.transcript.seal();
        let batches = self.room.transcript.read(0, usize::MAX);
        let batches: Vec<Batch> = batches.iter().map(|batch| Batch::clone(batch)).collect();
        let restored = Restored {
            batches,
            members: self.members.iter().map(|(id, it)| (*id, Some(it.clone()))).collect(),
            facts: self.facts.clone().into_iter().collect(),
            counters: self.counters,
            ..Restored::nothing()
        };
        self.room = Room::restore(&self.config, restored, self.stamp(), &mut Effects::default());
        self.known.clear();
    }

    /// All lines that a member may see, one after the other.
    fn seen_by(&mut self, who: usize) -> String {
        let member = self.known[who].id;
        self.room.transcript.seal();
        let mut text = String::new();
        for batch in self.room.transcript.read(0, usize::MAX) {
            for event in batch.begin()..batch.end() {
                let envelope = batch.index().envelopes(batch.index().position(event)).next();
                let is_for = |audience| match audience {
                    Audience::All => true,
                    Audience::AllBut(author) => author != member,
                    Audience::Only(reader) => reader == member,
                    Audience::Programs | Audience::People | Audience::Nobody => false,
                };
                if envelope.is_some_and(|envelope| is_for(envelope.audience)) {
                    writeln!(text, "{}", batch.line(event)).expect("a String takes all");
                }
            }
        }
        text
    }

    /// All that somebody was told besides events.
    fn told_to(&self, who: usize) -> String {
        let connection = self.known[who].connection;
        let told = self.told.iter().filter(|(to, _)| *to == connection);
        told.map(|(_, lines)| lines.as_str()).collect()
    }

    /// What a member's connection was told last.
    fn last_told(&self, who: usize) -> &str {
        let connection = self.known[who].connection;
        let told = self.told.iter().rev().find(|(to, _)| *to == connection);
        told.map_or("", |(_, lines)| lines.trim_end())
    }

    fn name(&self, who: usize) -> &str {
        self.room.name_of(self.known[who].id).map_or("", Name::as_str)
    }

    fn owner(&self, name: &str) -> Option<&super::Owner> {
        self.room.people.owners.get(Likeness::of(name).folded())
    }
}

fn alice(key: u8) -> Comer<'static> {
    Comer { name: "alice", key: Some(key), ..Comer::default() }
}

#[test]
fn a_name_becomes_ones_own_with_the_first_line_under_it_and_stays_so() {
    let mut trial = Trial::open();
    let first = trial.join(alice(1)).expect("it is free");
    assert!(trial.owner("alice").is_none(), "nothing was said");
    trial.say(first, "hello");
    let owned = "-- alice is yours now, for as long as you come back within 1000 s";
    assert_eq!(trial.last_told(first), owned);
    trial.told.clear();
    trial.say(first, "again");
    assert!(trial.told.is_empty(), "it is told once");
    trial.leave(first);
    // Others do not get it, nor one that looks like it, with a key or without.
    for name in ["alice", "ALICE", "al\u{456}ce"] {
        for key in [None, Some(2)] {
            let comer = Comer { name, key, is_program: true, ..Comer::default() };
            let refused = trial.join(comer);
            assert!(matches!(refused, Err(Outcome::NoName(NoName::Owned))), "{name} {refused:?}");
        }
    }
    let guest = trial.join(Comer { name: "alice", ..Comer::default() }).expect("as a guest");
    assert_eq!(trial.name(guest), "guest1");
    let refusal = "!! alice belongs to somebody else; if it is yours: /login alice PASSWORD";
    assert!(trial.told.iter().any(|(_, lines)| lines.trim_end() == refusal), "{:?}", trial.told);
    trial.rename(guest, "Alice", false);
    assert_eq!(trial.name(guest), "guest1");
    trial.restart();
    let back = trial.join(alice(1)).expect("it is its own");
    assert_eq!(trial.name(back), "alice");
}

#[test]
fn a_name_is_free_again_after_its_time_and_a_fourth_takes_the_place_of_the_oldest() {
    let mut trial = Trial::open();
    for name in ["alice", "bob", "carol"] {
        let who = trial.join(Comer { name, ..alice(1) }).expect("it is free");
        trial.say(who, "hello");
        trial.elapsed += KEEP / 4;
        trial.leave(who);
    }
    let dave = trial.join(Comer { name: "dave", ..alice(1) }).expect("it is free");
    trial.say(dave, "hello");
    assert!(trial.owner("alice").is_none() && trial.owner("dave").is_some());
    assert!(trial.told.iter().any(|(_, lines)| lines == "-- alice is free again\n"));
    trial.leave(dave);
    trial.elapsed += KEEP + Duration::from_secs(1);
    for name in ["bob", "dave"] {
        let other = trial.join(Comer { name, ..alice(2) }).expect("nobody came back");
        trial.say(other, "hello");
        assert_eq!(trial.owner(name).and_then(|it| it.key), Some(KeyHash::from_bytes([2; 32])));
    }
}

#[test]
fn names_of_guests_and_refused_names_with_a_number_are_nobodys_own() {
    let mut trial = Trial::open();
    let guest = trial.join(Comer { name: "", ..alice(1) }).expect("as a guest");
    trial.say(guest, "hello");
    assert!(trial.room.people.owners.count() == 0);
    let by = trial.by(guest);
    trial.apply(Entry::Register { by, password: "$argon2id$" });
    assert!(trial.last_told(guest).starts_with("!! nobody owns a name like guest1"));
}

#[test]
fn a_password_makes_a_name_ones_own_and_so_does_a_key_beside_it() {
    let mut trial = Trial::open();
    let bob = trial.join(Comer { name: "bob", ..Comer::default() }).expect("it is free");
    let by = trial.by(bob);
    trial.apply(Entry::Register { by, password: "$argon2id$one" });
    assert_eq!(trial.last_told(bob), "-- bob is protected by your password now");
    let likeness = Likeness::of("BOB");
    assert_eq!(trial.room.password_of(&likeness).as_deref(), Some("$argon2id$one"));
    trial.apply(Entry::RenewPassword { word: "bob", password: "$argon2id$two" });
    assert_eq!(trial.room.password_of(&likeness).as_deref(), Some("$argon2id$two"));
    trial.leave(bob);
    let taken = trial.join(Comer { name: "bob", is_program: true, ..Comer::default() });
    assert!(matches!(taken, Err(Outcome::NoName(NoName::Owned))));
    let back = Comer { name: "bob", has_password: true, ..Comer::default() };
    let bob = trial.join(back).expect("it has the password");
    let by = trial.by(bob);
    trial.apply(Entry::Unregister { by });
    assert_eq!(trial.last_told(bob), "-- bob is free again");
    let by = trial.by(bob);
    trial.apply(Entry::Unregister { by });
    assert_eq!(trial.last_told(bob), "!! bob is not yours");
}

#[test]
fn an_owner_takes_the_place_of_its_own_ghost_and_misses_nothing() {
    let mut trial = Trial::open();
    let bob = trial.join(Comer { name: "bob", ..Comer::default() }).expect("it is free");
    let ghost = trial.join(Comer { is_program: true, ..alice(1) }).expect("it is free");
    trial.say(ghost, "hello");
    trial.lose(ghost);
    trial.whisper(bob, "alice", "psst");
    let stranger = trial.join(Comer { is_program: true, ..alice(2) });
    assert!(matches!(stranger, Err(Outcome::NoName(NoName::Owned))));
    let before = trial.seen_by(bob);
    let id = trial.known[ghost].id;
    let back = trial.join(alice(1)).expect("it is its own");
    assert_eq!((trial.known[back].id, trial.name(back)), (id, "alice"));
    let bob =
        trial.known.iter().position(|known| known.connection.number == 1).expect("bob is here");
    assert_eq!(trial.seen_by(bob), before, "others are told nothing");
    assert!(trial.seen_by(back).contains("[bob -> you] psst"));
    // A second one is not the first.
    let second = trial.join(Comer { is_program: true, ..alice(1) });
    assert!(matches!(second, Err(Outcome::NoName(NoName::Taken))));
}

#[test]
fn private_lines_wait_for_an_owner_and_are_told_to_be_read() {
    let mut trial = Trial::open();
    let alice_here = trial.join(alice(1)).expect("it is free");
    trial.say(alice_here, "hello");
    trial.leave(alice_here);
    let bob = trial.join(Comer { name: "bob", key: Some(2), ..Comer::default() }).expect("free");
    for line in 0..21 {
        trial.whisper(bob, "Alice", &format!("line {line}"));
    }
    assert_eq!(trial.last_told(bob), "!! 20 lines of yours wait for alice already");
    let seen = trial.seen_by(bob);
    let waits = "-- alice is not here: your line waits for 30 days";
    assert_eq!(seen.matches(waits).count(), 1, "{seen}");
    assert!(seen.contains("[you -> alice] line 19"), "{seen}");
    trial.restart();
    let bob = trial.join(Comer { name: "bob", key: Some(2), ..Comer::default() }).expect("free");
    let back = trial.join(alice(1)).expect("it is its own");
    let seen = trial.told_to(back);
    assert!(seen.contains("-- 20 private lines came while you were away:\n"), "{seen}");
    assert!(seen.contains("[bob -> you] line 0\n") && seen.contains("[bob -> you] line 19\n"));
    // Nobody knows whether it was read, if the connection is lost at once.
    let by = trial.by(back);
    let lost = Author { taken: None, ..by };
    trial.apply(Entry::Leave { by: lost, how: LeaveReason::ConnectionLost, line: None });
    assert!(!trial.told_to(bob).contains("has read"));
    let back = trial.join(alice(1)).expect("it is its own");
    assert!(trial.told_to(back).contains("[bob -> you] line 19\n"));
    trial.say(back, "hello");
    let seen = trial.told_to(bob);
    let read = "-- alice has read 20 lines of yours, up to that of ";
    assert_eq!(seen.matches(read).count(), 1, "{seen}");
    assert!(!trial.room.people.letters.has("alice"));
    let eve = trial.join(Comer { name: "eve", ..Comer::default() }).expect("it is free");
    trial.whisper(eve, "nobody", "psst");
    assert_eq!(trial.last_told(eve), "!! /msg: nobody here is called nobody");
}

#[test]
fn who_cannot_speak_says_nothing_until_the_time_is_over() {
    let mut trial = Trial::open();
    let bob = Comer { name: "bob", key: Some(2), ..Comer::default() };
    let bob_here = trial.join(bob).expect("it is free");
    let told = "-- bob cannot speak for 10 min (the operator: too loud)";
    assert_eq!(trial.console("/mute bob 10m too loud"), [told]);
    let before = trial.seen_by(bob_here);
    assert!(before.ends_with("-- bob cannot speak for 10 min (the operator: too loud)\n"));
    trial.say(bob_here, "hello");
    assert_eq!(
        trial.last_told(bob_here),
        "!! you cannot speak for 10 min more (the operator: too loud)\n= done"
    );
    trial.rename(bob_here, "robert", false);
    trial.whisper(bob_here, "bob", "psst");
    assert_eq!((trial.seen_by(bob_here), trial.name(bob_here)), (before, "bob"));
    // Neither a new connection, nor another name, nor a restart helps, and what it says last is not told.
    let by = trial.by(bob_here);
    trial.apply(Entry::Leave { by, how: LeaveReason::Quit("buy now"), line: None });
    trial.restart();
    let again = trial.join(Comer { name: "robert", ..bob }).expect("it is free");
    trial.say(again, "hello");
    assert!(trial.last_told(again).starts_with("!! you cannot speak for "));
    trial.elapsed += Duration::from_secs(600);
    trial.told.clear();
    trial.say(again, "hello");
    assert!(trial.last_told(again).starts_with("-- robert is yours now"), "{:?}", trial.told);
    assert_eq!(trial.console("/unmute robert"), ["!! robert can speak"]);
    // One that owns its name by a password has it with a name of its own, too.
    let eve = trial.join(Comer { name: "eve", ..Comer::default() }).expect("it is free");
    let by = trial.by(eve);
    trial.apply(Entry::Register { by, password: "$argon2id$" });
    trial.console("/mute eve 1h");
    trial.leave(eve);
    let bans = trial.console("/bans");
    assert!(bans[1].starts_with("-- muted: eve until ") && bans[1].ends_with(" (the operator)"));
    let other = trial.join(Comer { name: "other", ..Comer::default() }).expect("it is free");
    trial.rename(other, "eve", true);
    trial.say(other, "hello");
    assert!(trial.last_told(other).starts_with("!! you cannot speak for "));
    trial.leave(other);
    assert_eq!(trial.console("/unmute eve"), ["-- eve can speak again"]);
    assert_eq!(trial.console("/unmute eve"), ["!! nobody here is called eve"]);
}

#[test]
fn who_is_banned_goes_and_does_not_come_back() {
    let mut trial = Trial::open();
    let owner = trial.join(Comer { address: Some(1), ..alice(1) }).expect("it is free");
    trial.say(owner, "hello");
    let stranger = Comer { name: "eve", address: Some(2), ..Comer::default() };
    trial.join(stranger).expect("it is free");
    let local = Comer { name: "mallory", ..Comer::default() };
    trial.join(local).expect("it is free");
    for name in ["alice", "eve"] {
        let told = format!("-- {name} was banned by the operator for 7 days: spam");
        assert_eq!(trial.console(&format!("/ban {name} 7d spam")), [told]);
    }
    assert_eq!(
        trial.console("/ban mallory"),
        [
            "-- mallory was banned by the operator",
            "-- mallory is banned by the name alone: the address is nobody's own"
        ]
    );
    assert_eq!(trial.room.count(), (0, 0));
    assert!(trial.told.iter().any(|(_, it)| it.starts_with("!! you are banned until ")));
    trial.restart();
    let is_banned = |trial: &mut Trial, comer| {
        let joined = trial.join(comer);
        matches!(joined, Err(Outcome::Refused(why)) if why.to_string().starts_with("!! you are banned"))
    };
    // The owner by the key, whatever the name and the address; the stranger by the address.
    assert!(is_banned(&mut trial, Comer { name: "carol", address: Some(9), ..alice(1) }));
    assert!(is_banned(&mut trial, Comer { name: "carol", ..stranger }));
    assert!(is_banned(&mut trial, Comer { name: "ma11ory", ..local }));
    assert!(!is_banned(&mut trial, Comer { name: "carol", address: Some(1), ..local }));
    let bans = trial.console("/bans");
    assert_eq!((bans.len(), bans[0].as_str()), (4, "-- 3 bans:"));
    assert!(bans[3] == "-- banned: mallory (the operator)", "{bans:?}");
    assert_eq!(trial.console("/unban ALICE"), ["-- ALICE may come back"]);
    assert_eq!(
        trial.console("/unban alice"),
        ["!! /unban: alice is not banned; /bans lists who is"]
    );
    assert!(!is_banned(&mut trial, alice(1)));
    trial.elapsed += Duration::from_secs(7 * 24 * 60 * 60);
    assert!(!is_banned(&mut trial, stranger));
}

#[test]
fn a_banned_name_is_refused_with_the_ban_and_its_reason_to_its_owner_too() {
    let mut trial = Trial::open();
    let owner = trial.join(alice(1)).expect("it is free");
    trial.say(owner, "hello");
    let by = trial.by(owner);
    trial.apply(Entry::Register { by, password: "hash" });
    trial.console("/ban alice taken over");
    // The owner comes in again without the key, and logs in by the password.
    let stranger = Comer { name: "carol", address: Some(9), ..Comer::default() };
    let stranger = trial.join(stranger).expect("it is free");
    for has_password in [true, false] {
        trial.rename(stranger, "alice", has_password);
        let told = trial.last_told(stranger).to_owned();
        assert_eq!(told, "!! /nick: that name is banned: taken over");
    }
    trial.console("/unban alice");
    trial.rename(stranger, "alice", true);
    assert!(trial.last_told(stranger).contains("-- you are now alice"));
}

#[test]
fn a_network_is_kept_out_and_the_servers_own_machine_is_not() {
    let mut trial = Trial::open();
    trial.join(Comer { name: "eve", address: Some(2), ..Comer::default() }).expect("it is free");
    let bob = trial.join(Comer { name: "bob", ..Comer::default() }).expect("it is free");
    let told = trial.console("/ban 192.0.2.0/24 spam");
    assert_eq!(
        told,
        [
            "-- 192.0.2.0/24 was banned by the operator: spam",
            "-- eve was banned by the operator: spam"
        ]
    );
    let seen = trial.seen_by(bob);
    assert!(seen.ends_with("-- eve was banned by the operator: spam\n"), "{seen}");
    assert!(!seen.contains("192.0.2"), "nobody is told an address but operators");
    assert_eq!(trial.room.count(), (1, 0));
    let carol = trial.join(Comer { name: "carol", address: Some(3), ..Comer::default() });
    assert!(matches!(carol, Err(Outcome::Refused(_))));
    assert_eq!(trial.console("/ban 127.0.0.1"), ["!! /ban: 127.0.0.1 is the server's own machine"]);
    assert_eq!(trial.console("/unban 192.0.2.0/24"), ["-- 192.0.2.0/24 may come back"]);
}

#[test]
fn operators_keep_order_and_are_kept_by_the_console_alone() {
    let config = Config {
        operators: vec![Name::parse("alice").expect("a name")],
        keep_names: None,
        ..Config::default()
    };
    let mut trial = Trial::new(config);
    let program = Comer { is_program: true, ..alice(1) };
    let claimed = trial.join(program);
    assert!(matches!(claimed, Err(Outcome::NoName(NoName::ForOperator))), "{claimed:?}");
    assert_eq!(trial.room.unclaimed().len(), 1);
    let code = CodeHash::of("7q4k-2mpx");
    trial.apply(Entry::OfferName { word: "alice".to_owned(), code });
    let operator = trial.join(Comer { code: Some(code), ..program }).expect("it has the code");
    trial.order(operator, "/kick alice");
    assert_eq!(
        trial.last_told(operator).split_once("!! ").map(|it| it.1),
        Some("only operators can do that")
    );
    trial.say(operator, "hello");
    assert!(trial.room.unclaimed().is_empty() && !trial.room.claims_name(code));
    assert!(trial.room.has_let_in(KeyHash::from_bytes([1; 32])), "operators come in");
    let bob = trial.join(Comer { name: "bob", key: Some(2), ..Comer::default() }).expect("free");
    trial.order(bob, "/kick alice");
    assert_eq!(trial.last_told(bob), "!! only operators can do that");
    trial.order(operator, "/op bob");
    assert!(trial.last_told(operator).ends_with("!! nobody owns the name bob"));
    trial.say(bob, "hello");
    trial.order(operator, "/op bob");
    assert!(trial.seen_by(bob).ends_with("-- alice made bob an operator\n"));
    trial.order(operator, "/kick bob");
    let only = "!! bob is an operator: only the server's own keyboard can do that";
    assert!(trial.last_told(operator).ends_with(only));
    trial.order(bob, "/deop bob");
    assert!(trial.seen_by(bob).ends_with("-- bob made bob an ordinary member\n"));
    assert_eq!(trial.console("/deop alice"), ["!! alice is an operator by the server's options"]);
    trial.order(operator, "/topic release on Friday");
    assert!(trial.seen_by(bob).ends_with("-- alice set the topic: release on Friday\n"));
    trial.restart();
    let carol = trial.join(Comer { name: "carol", ..Comer::default() }).expect("it is free");
    assert!(trial.told.iter().any(|(_, it)| it == "-- topic: release on Friday\n"));
    let operator = trial.join(program).expect("it is its own");
    trial.order(operator, "/kick carol too loud");
    assert!(!trial.room.members.contains(trial.known[carol].id));
    assert_eq!(trial.last_told(carol), "!! you were removed by alice: too loud");
    assert!(trial.join(Comer { name: "carol", ..Comer::default() }).is_ok(), "it may come back");
}

#[test]
fn an_owner_invites_into_a_closed_room() {
    let entrance = EntranceConfig { invited: true, ..EntranceConfig::default() };
    let mut trial = Trial::new(Config { entrance, ..Config::default() });
    let stranger = trial.join(Comer { name: "bob", ..Comer::default() }).expect("it is free");
    let invite = |trial: &mut Trial, who| {
        let (by, time) = (trial.by(who), Duration::from_secs(86_400));
        trial.apply(Entry::Invite { by, code: "7q4k-2mpx", time });
    };
    invite(&mut trial, stranger);
    assert_eq!(trial.last_told(stranger), "!! /invite: that is for members who own their names");
    let owner = trial.join(alice(1)).expect("it is free");
    trial.say(owner, "hello");
    invite(&mut trial, owner);
    assert_eq!(trial.last_told(owner), "-- the code 7q4k-2mpx lets one person in, within a day");
    trial.restart();
    let (code, key) = (CodeHash::of("7Q4K2MPX"), KeyHash::from_bytes([3; 32]));
    assert!(!trial.room.has_let_in(key));
    let passed = |trial: &mut Trial, code| {
        trial.apply(Entry::Pass { connection: ConnectionId::local(9), code, key: Some(key) })
    };
    assert!(matches!(passed(&mut trial, CodeHash::of("aaaa-aaaa")), Outcome::Refused(_)));
    assert!(matches!(passed(&mut trial, code), Outcome::Done));
    assert!(matches!(passed(&mut trial, code), Outcome::Refused(_)), "it serves once");
    trial.restart();
    assert!(trial.room.has_let_in(key));
    assert_eq!(trial.console("/allow alice"), ["-- alice may come in"]);
    assert!(trial.room.has_let_in(KeyHash::from_bytes([1; 32])));
    assert_eq!(trial.console("/allow eve"), ["!! nobody owns the name eve"]);
}

#[test]
fn without_a_history_a_name_is_ones_own_until_the_server_ends() {
    let room = Room::new(&Config::default());
    let (name, tenure) = (Name::parse("alice").expect("a name"), room.people.tenure(false));
    assert_eq!(tenure, Tenure::UntilTheEnd);
    let notice = Notice::Name(NameNotice::Owned { name: &name, tenure }).to_string();
    assert_eq!(notice, "-- alice is yours now, until the server ends");
}

/// One step of a test.
#[derive(Debug, Clone)]
enum Step {
    Join { name: usize, key: Option<u8>, address: Option<u8>, is_program: bool, knows: bool },
    Say(usize),
    Whisper(usize, usize),
    Rename(usize, usize, bool),
    Register(usize),
    Unregister(usize),
    Leave(usize),
    Lose(usize),
    Pass(u64),
    Console(&'static str, usize),
    Order(usize, &'static str, usize),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    const ORDERS: [&str; 10] = [
        "/kick", "/mute", "/unmute", "/ban", "/unban", "/op", "/deop", "/allow", "/topic", "/ban X",
    ];
    let who = || 0..6_usize;
    let name = || 0..NAMES.len();
    let order = || proptest::sample::select(&ORDERS[..]);
    let key = || prop_oneof![Just(None), (0..3_u8).prop_map(Some)];
    let address = prop_oneof![Just(None), (0..3_u8).prop_map(Some)];
    let knows = prop_oneof![3 => Just(false), 1 => Just(true)];
    prop_oneof![
        6 => (name(), key(), address, proptest::bool::ANY, knows).prop_map(
            |(name, key, address, is_program, knows)| Step::Join { name, key, address, is_program, knows }
        ),
        8 => who().prop_map(Step::Say),
        2 => (who(), name()).prop_map(|(who, to)| Step::Whisper(who, to)),
        3 => (who(), name(), proptest::bool::ANY)
            .prop_map(|(who, name, knows)| Step::Rename(who, name, knows)),
        1 => who().prop_map(Step::Register),
        1 => who().prop_map(Step::Unregister),
        2 => who().prop_map(Step::Leave),
        2 => who().prop_map(Step::Lose),
        2 => (1..1200_u64).prop_map(Step::Pass),
        3 => (order(), name()).prop_map(|(order, name)| Step::Console(order, name)),
        3 => (who(), order(), name()).prop_map(|(who, order, name)| Step::Order(who, order, name)),
        1 => Just(Step::Restart),
    ]
}

impl Trial {
    fn play(&mut self, step: &Step) {
        let here = self.known.len();
        let who = |who: usize| who % here;
        match *step {
            Step::Join { name, key, address, is_program, knows } => {
                // A password that fits is that of an owner who has one.
                let name = NAMES[name];
                let has_one = self.owner(name).is_some_and(|owner| owner.password.is_some());
                let has_password = knows && has_one;
                let comer = Comer { name, key, has_password, address, code: None, is_program };
                self.join(comer).ok();
            }
            Step::Pass(seconds) => {
                self.elapsed += Duration::from_secs(seconds);
                self.apply(Entry::Expire);
            }
            Step::Console(order, name) => drop(self.console(&order_of(order, NAMES[name]))),
            Step::Restart => self.restart(),
            _ if here == 0 => {}
            Step::Say(it) => self.say(who(it), "hello"),
            Step::Whisper(it, to) => self.whisper(who(it), NAMES[to], "psst"),
            Step::Rename(it, name, knows) => {
                let has_one = self.owner(NAMES[name]).is_some_and(|it| it.password.is_some());
                self.rename(who(it), NAMES[name], knows && has_one);
            }
            Step::Register(it) => {
                let by = self.by(who(it));
                self.apply(Entry::Register { by, password: "$argon2id$" });
            }
            Step::Unregister(it) => {
                let by = self.by(who(it));
                self.apply(Entry::Unregister { by });
            }
            Step::Leave(it) => self.leave(who(it)),
            Step::Lose(it) => self.lose(who(it)),
            Step::Order(it, order, name) => self.order(who(it), &order_of(order, NAMES[name])),
        }
    }

    /// What a history has been told, and what the room has: the same.
    fn is_kept(&mut self) -> bool {
        self.keep();
        let people = &self.room.people;
        self.facts.iter().all(|(key, fact)| people.fact(key).as_ref() == Some(fact))
            && people.owners.count() == self.count(|key| matches!(key, FactKey::Owner(_)))
            && people.letters.len() == self.count(|key| matches!(key, FactKey::Letter(_)))
            && people.topic.is_empty() != self.facts.contains_key(&FactKey::Topic)
    }

    fn count(&self, is_so: impl Fn(&FactKey) -> bool) -> usize {
        self.facts.keys().filter(|key| is_so(key)).count()
    }
}

/// The line of an order about somebody.
fn order_of(order: &str, name: &str) -> String {
    match order {
        "/ban X" => "/ban 192.0.2.1".to_owned(),
        "/mute" | "/ban" => format!("{order} {name} 10m"),
        _ => format!("{order} {name}"),
    }
}

/// How far the transcript is before an entry that may say nothing.
fn end(trial: &Trial) -> Seq {
    trial.room.transcript.end()
}

proptest! {
    #[test]
    fn nobody_has_anothers_name_nobody_speaks_who_may_not_and_all_of_it_outlives_the_server(
        steps in vec(step(), 0..80),
    ) {
        let mut trial = Trial::open();
        for step in &steps {
            let now = trial.stamp().at;
            let silent = match *step {
                Step::Say(it) if !trial.known.is_empty() => {
                    let id = trial.known[it % trial.known.len()].id;
                    let member = trial.room.members.get(id);
                    let person = member.map(person_of);
                    let mute = person.and_then(|it| trial.room.people.mutes.of(&it, now + 10));
                    member.is_some_and(|member| member.is_muted) && mute.is_some()
                }
                _ => false,
            };
            let before = end(&trial);
            trial.play(step);
            prop_assert!(!silent || end(&trial) == before, "a muted member has said something");
            let now = trial.stamp().at;
            let room = &trial.room;
            for (id, member) in room.members.entries() {
                prop_assert_eq!(member.standing, room.standing_of(id), "{:?}", member);
                let person = super::Person { address: None, ..person_of(member) };
                let is_muted = room.people.mutes.of(&person, now).is_some();
                prop_assert!(member.is_muted || !is_muted, "{:?} can speak", member);
                // Whoever has an owned name, or one that looks like it, is its owner.
                if let Some(owner) = room.people.owners.alike(member.likeness()) {
                    prop_assert_eq!(owner.word(), member.likeness().folded());
                    prop_assert!(member.standing.is_owner, "{:?} has {:?}", member, owner);
                }
            }
            for key in 0..3 {
                let owned = room.people.owners.of_key(KeyHash::from_bytes([key; 32])).count();
                prop_assert!(owned <= MOST_OF_A_KEY);
            }
            // Nobody has just come who is banned.
            if let Step::Join { .. } = step
                && let Some(member) = trial.known.last().and_then(|it| room.members.get(it.id))
                && member.connection() == Some(ConnectionId::local(trial.connections))
            {
                let whole = super::Person { address: member.whence.address, ..person_of(member) };
                prop_assert!(room.people.bans.of(&whole, now).is_none());
            }
            prop_assert!(trial.is_kept());
        }
        let standing = |trial: &Trial| -> Vec<_> {
            let resumable = |member: &&Member| member.format() == Format::Tagged;
            let members = trial.room.members.iter().filter(resumable);
            members.map(|it| (it.name().clone(), it.standing, it.key, it.login.clone())).collect()
        };
        let before = (standing(&trial), trial.facts.clone());
        trial.restart();
        prop_assert!(trial.is_kept());
        prop_assert_eq!(before.0, standing(&trial));
    }
}
