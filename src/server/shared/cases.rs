//! A room on several servers: what its people are told, case by case.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::{any, prop_assert, proptest};

use super::codec::{self, Unread};
use super::snapshot;
use crate::protocol::name::{Likeness, Name, Wanted};
use crate::protocol::proof::KeyHash;
use crate::protocol::reply::{LeaveReason, Refusal};
use crate::protocol::request::{self, Order, Request};
use crate::protocol::tag::{Format, Seq, Token};
use crate::server::admission::Origin;
use crate::server::config::Config;
use crate::server::connection::ConnectionId;
use crate::server::room::Room;
use crate::server::room::effects::{Aside, Effects};
use crate::server::room::entry::{Credentials, Encryption, Entry, Outcome, Stamp, Whence};
use crate::server::room::group::{Act, Group, Joining, Logged, Manner, Position, Utterance};
use crate::server::room::groups::{Applied, HangUp};
use crate::server::room::keeping::Keeping;
use crate::server::room::log::{MAX_MEMBERS, Verdict};
use crate::server::room::people::invitations::CodeHash;
use crate::server::room::token::TokenHash;

/// A room, as one of its servers has it.
struct Trial {
    room: Room,
    effects: Effects,
    ms: u64,
    engine: u64,
    numbers: BTreeMap<u64, u64>,
}

/// The server whose room it is.
const HERE: u64 = 7;

/// Another one.
const THERE: u64 = 8;

fn config() -> Config {
    let mut config = Config { away_timeout: Duration::from_secs(60), ..Config::default() };
    config.entrance.invited = true;
    config
}

fn named(name: &str) -> (Name, Likeness) {
    let name = Name::parse(name).expect("a name");
    (name.clone(), name.likeness())
}

fn token(bits: u128) -> Token {
    Token::new(bits)
}

impl Trial {
    fn new() -> Trial {
        let (room, effects) = (Room::shared(&config(), 5), Effects::of(HERE));
        let mut trial = Trial { room, effects, ms: 1_000, engine: 1, numbers: BTreeMap::new() };
        trial.send(HERE, vec![]);
        trial.send(THERE, vec![]);
        trial
    }

    fn send(&mut self, producer: u64, entries: Vec<(u32, u64, Act<'_>)>) -> Applied {
        let number = self.numbers.entry(producer).or_default();
        *number += 1;
        let number = *number;
        self.send_as(producer, number, entries)
    }

    fn send_as(
        &mut self,
        producer: u64,
        number: u64,
        entries: Vec<(u32, u64, Act<'_>)>,
    ) -> Applied {
        let entry = |(connection, line, act)| Logged { connection, line, act };
        let entries = entries.into_iter().map(entry).collect();
        let (engine, seen) = (self.engine, Position::default());
        let group = Group { room: 5, engine, producer, number, seen, entries };
        let bytes = codec::encode(&group).expect("it is short");
        let group = codec::decode(&bytes).expect("it is whole");
        let position = Position { ms: self.ms, n: self.room.log().expect("there").passed().0 };
        self.room.apply_group(position, bytes.len(), &group, &mut self.effects)
    }

    /// Up to where the log was applied.
    fn position(&self) -> Position {
        self.room.log().expect("it is shared").position()
    }

    fn join(&mut self, producer: u64, connection: u32, name: &str, bits: u128) -> Applied {
        let wanted = (!name.is_empty()).then(|| named(name));
        let (format, token) = match bits {
            0 => (Format::Plain, None),
            bits => (Format::Tagged, Some(TokenHash::of(token(bits)))),
        };
        let credentials = Credentials {
            key: (bits > 0).then(|| KeyHash::from_bytes([bits as u8; 32])),
            may_claim: true,
            ..Credentials::default()
        };
        let whence = whence();
        let joining = Joining { format, whence, credentials, is_let_in: false, token, wanted };
        if producer == HERE && bits > 0 {
            self.effects.expect_token(self::token(bits));
        }
        self.send(producer, vec![(connection, 0, Act::Join(joining))])
    }

    fn say(&mut self, producer: u64, connection: u32, line: u64, text: &str) {
        let said = vec![Utterance { manner: Manner::Said, text }];
        self.send(producer, vec![(connection, line, Act::Speak(said))]);
    }

    fn resume(&mut self, producer: u64, connection: u32, bits: u128, seen: Seq) -> Applied {
        let token = TokenHash::of(token(bits));
        let act = Act::Resume { whence: whence(), token, seen };
        self.send(producer, vec![(connection, 0, act)])
    }

    /// Time passes, and all servers are alive.
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.ms += 1_000;
            let producers: Vec<_> = self.numbers.keys().copied().collect();
            producers.into_iter().for_each(|producer| drop(self.send(producer, vec![])));
        }
    }

    /// What the connections here were told and are served since the last time.
    fn told(&mut self) -> String {
        let effects = self.effects.take();
        let greetings = effects.attached.iter().map(|it| it.greeting.clone());
        let mut told: String = greetings.collect();
        for (connection, _, aside) in effects.asides {
            assert_eq!(connection.producer, 0, "it is one of this server's");
            if let Aside::Lines(lines) = aside {
                told += &lines;
            }
        }
        told
    }

    fn events(&mut self) -> Vec<String> {
        self.room.transcript_mut().seal();
        let batches = self.room.transcript().read(0, usize::MAX);
        let lines = batches.iter().flat_map(|batch| batch.events());
        lines.map(|event| event.line.to_owned()).collect()
    }
}

fn whence() -> Whence {
    let address = Some([192, 0, 2, 1].into());
    Whence { encryption: Encryption::Tls, address, origin: address.map(Origin::of) }
}

#[test]
fn only_the_server_over_which_a_client_joins_tells_it_and_knows_its_token() {
    let mut trial = Trial::new();
    let joined = trial.join(HERE, 1, "alice", 1);
    assert!(matches!(joined.outcomes[..], [(1, 0, Outcome::Joined { .. })]), "{joined:?}");
    let told = trial.told();
    let told: Vec<_> =
        told.lines().map(|line| line.split_once(" 1000 ").expect("a tag").1).collect();
    let token = format!("= token {}", token(1));
    for line in ["-- you are alice, alone here", &token, "= nick alice"] {
        assert_eq!(told.iter().filter(|it| **it == line).count(), 1, "{told:?}");
    }
    let joined = trial.join(THERE, 1, "bob", 2);
    assert!(joined.outcomes.is_empty() && trial.told().is_empty());
    // Under a name that is taken a program does not join, and its token is of no use.
    let denied = trial.join(HERE, 2, "Alice", 3);
    assert!(matches!(denied.outcomes[..], [(2, 0, Outcome::NoName(_))]), "{denied:?}");
    trial.effects.forget_token(TokenHash::of(self::token(3)));
    assert_eq!(trial.room.count(), (2, 0));
    let producer = HERE;
    assert!(trial.room.member_over(ConnectionId { producer, number: 1 }).is_some());
    let here: Vec<_> =
        trial.room.connections(HERE).map(|(name, it)| (name.to_string(), it)).collect();
    assert_eq!(here, [("alice".to_owned(), ConnectionId::local(1))]);
}

#[test]
fn who_has_asked_two_servers_for_a_name_gets_it_back_when_the_time_of_the_first_one_is_up() {
    let mut trial = Trial::new();
    // The client had heard nothing from the first server, and has gone on to the next: both joins were under way.
    trial.join(THERE, 1, "una", 1);
    trial.send(THERE, vec![(1, 0, Act::Lost)]);
    let denied = trial.join(HERE, 1, "una", 2);
    assert!(matches!(denied.outcomes[..], [(1, 0, Outcome::NoName(_))]), "{denied:?}");
    trial.join(HERE, 1, "una2", 2);
    let rename = || Act::Rename { named: named("una"), credentials: Credentials::default() };
    trial.send(HERE, vec![(1, 1, rename())]);
    assert_eq!(trial.events(), ["-- una joined", "-- una2 joined"]);
    trial.pass(61);
    trial.send(HERE, vec![(1, 2, rename())]);
    let events = trial.events();
    assert_eq!(events[2..], ["-- una left (connection lost)", "-- una2 is now una"], "{events:?}");
}

#[test]
fn what_is_in_the_log_is_made_safe_before_it_is_shown() {
    let mut trial = Trial::new();
    trial.join(HERE, 1, "alice", 0);
    trial.say(HERE, 1, 1, "red \u{1b}[31m\r\nfake \u{202e}");
    let events = trial.events();
    assert_eq!(events.len(), 2, "{events:?}");
    crate::safety::assert_safe(&events[1]);
    let to = "\u{1b}]0;x\u{7}";
    let wanted = Wanted::of(to).expect("it is short");
    trial.send(HERE, vec![(1, 2, Act::Whisper { to, wanted, text: "psst" })]);
    trial.told().lines().for_each(crate::safety::assert_safe);
}

#[test]
fn a_member_resumes_on_another_server_and_its_old_connection_is_hung_up_and_silent() {
    let mut trial = Trial::new();
    trial.join(HERE, 1, "alice", 1);
    trial.say(HERE, 1, 1, "one");
    let seen = trial.room.transcript().end() - 1;
    let resumed = trial.resume(THERE, 4, 1, seen);
    assert_eq!(resumed.hang_up, [HangUp { connection: 1, is_taken_over: true }]);
    assert!(resumed.outcomes.is_empty(), "it is another server's");
    trial.say(HERE, 1, 2, "two");
    trial.say(THERE, 4, 2, "TWO");
    assert_eq!(trial.events()[1..], ["<alice> one", "<alice> TWO"]);
    assert_eq!(trial.effects.take().detached.len(), 1);
    let back = trial.resume(HERE, 2, 1, seen);
    let [(2, 0, Outcome::Resumed { taken: 2, .. })] = back.outcomes[..] else { panic!("{back:?}") };
    assert!(trial.told().contains("= resumed 2\n"));
    let unknown = trial.resume(HERE, 3, 9, seen);
    let refused = Refusal::UnknownToken;
    let [(3, 0, Outcome::Refused(ref why))] = unknown.outcomes[..] else { panic!("{unknown:?}") };
    assert_eq!(why.to_string(), refused.to_string());
    let liar = trial.resume(HERE, 3, 1, 999);
    assert!(matches!(liar.outcomes[..], [(3, 0, Outcome::Refused(Refusal::NoSuchEvent(999)))]));
}

#[test]
fn who_saw_events_that_the_log_has_lost_is_told_and_gets_all_that_came_later() {
    let mut trial = Trial::new();
    trial.join(HERE, 1, "alice", 1);
    trial.join(THERE, 1, "bob", 0);
    let end = trial.room.transcript().end();
    trial.engine = 2;
    trial.ms += 1;
    trial.say(THERE, 1, 1, "after");
    // By 1,024 for each millisecond of the log's time.
    let begun = (1 << 30) + 1_024 * trial.ms;
    assert_eq!(trial.room.transcript().end(), begun + 1);
    trial.told();
    trial.resume(HERE, 2, 1, end - 1);
    let attached = trial.effects.take().attached;
    assert!(!attached[0].greeting.contains("are gone"), "{attached:?}");
    trial.resume(HERE, 3, 1, end + 5);
    let attached = trial.effects.take().attached;
    let gone = "-- some lines that you saw are gone from the room: its store was set back\n";
    assert!(attached[0].greeting.ends_with(gone), "{attached:?}");
    assert_eq!(attached[0].from, begun);
}

#[test]
fn branches_of_a_log_whose_clock_stands_still_have_numbers_of_their_own() {
    let mut trial = Trial::new();
    trial.join(HERE, 1, "alice", 1);
    let kept = snapshot::encode(&trial.room);
    let numbers = [2, 3].map(|engine| {
        trial.room = snapshot::decode(&config(), &kept).expect("it was written so");
        (trial.engine, trial.numbers) = (engine << 7, BTreeMap::from([(HERE, 2), (THERE, 1)]));
        // The clock of each engine that takes the place of another is behind the log.
        trial.join(HERE, 2, "bob", 2);
        trial.room.numbers()
    });
    let [first, second] = numbers;
    let is_apart = |one: u64, other: u64| one.abs_diff(other) == 1_024 << 7;
    assert!(
        is_apart(first.seq, second.seq) && is_apart(first.member, second.member),
        "{numbers:?}"
    );
}

#[test]
fn members_of_a_server_that_ends_or_dies_have_lost_their_connections() {
    let mut trial = Trial::new();
    for (connection, (name, bits)) in (1..).zip([("alice", 1), ("bob", 0)]) {
        trial.join(THERE, connection, name, bits);
    }
    trial.send(THERE, vec![(0, 0, Act::Bye), (1, 1, Act::Announce("too late"))]);
    assert_eq!(trial.events().last().map(String::as_str), Some("-- bob left (connection lost)"));
    assert_eq!(trial.room.count(), (1, 1));
    assert_eq!(trial.send(THERE, vec![]).verdict, Verdict::Unknown);
    trial.numbers.insert(THERE, 0);
    trial.resume(THERE, 1, 1, 1);
    assert_eq!(trial.room.count(), (1, 0));
    trial.numbers.remove(&THERE);
    trial.pass(6);
    assert_eq!(trial.room.count(), (1, 0));
    trial.ms += 1;
    let applied = trial.send(HERE, vec![]);
    assert_eq!((applied.dead, trial.room.count()), (vec![THERE], (1, 1)));
    trial.pass(59);
    assert_eq!(trial.room.count(), (1, 1));
    trial.ms += 1_000;
    let expired = trial.send(HERE, vec![]).expired;
    assert_eq!(expired.iter().map(Name::as_str).collect::<Vec<_>>(), ["alice"]);
}

#[test]
fn a_group_of_another_room_does_nothing_and_one_that_nobody_can_read_is_passed() {
    let mut trial = Trial::new();
    let digest = trial.room.digest();
    let seen = Position::default();
    let group = Group { room: 6, engine: 9, producer: 9, number: 1, seen, entries: Vec::new() };
    let applied = trial.room.apply_group(seen, 50, &group, &mut trial.effects);
    assert_eq!((applied.verdict, trial.room.digest()), (Verdict::OtherRoom, digest));
    trial.room.pass_over(Position { ms: 1_000, n: 9 });
    let log = trial.room.log().expect("there is one");
    assert_eq!((log.position(), log.room()), (Position { ms: 1_000, n: 9 }, 5));
    assert_eq!((log.passed().0, log.producers().count(), log.coordinator()), (2, 2, Some(HERE)));
    let gap = trial.send_as(HERE, 9, vec![]);
    assert_eq!(gap.verdict, Verdict::Gap);
}

#[test]
fn private_lines_wait_in_the_log_and_are_shown_again_only_to_who_has_not_seen_them() {
    let mut trial = Trial::new();
    trial.join(HERE, 1, "alice", 1);
    trial.say(HERE, 1, 1, "mine");
    trial.send(HERE, vec![(1, 2, Act::Leave(LeaveReason::Quit("")))]);
    trial.join(THERE, 1, "bob", 2);
    let (to, wanted) = ("alice", Wanted::of("alice").expect("it is short"));
    trial.send(THERE, vec![(1, 1, Act::Whisper { to, wanted, text: "psst" })]);
    trial.told();
    trial.join(HERE, 2, "alice", 1);
    let told = trial.told();
    assert!(told.contains("-- 1 private line came while you were away:") && told.contains("psst"));
    let seen = trial.room.transcript().end() - 1;
    trial.resume(HERE, 3, 1, seen);
    assert!(!trial.told().contains("psst"));
    trial.resume(HERE, 4, 1, seen - 1);
    assert!(trial.told().contains("psst"));
    trial.say(HERE, 4, 1, "thanks");
    trial.resume(HERE, 5, 1, 0);
    assert!(!trial.told().contains("psst"));
}

#[test]
fn codes_and_erasures_are_told_by_the_server_over_which_they_came() {
    let mut trial = Trial::new();
    trial.join(HERE, 1, "alice", 1);
    trial.say(HERE, 1, 1, "mine");
    trial.told();
    let code = CodeHash::of("7q4k-2mpx");
    let invite = || Act::Invite { code, time: Duration::from_secs(60) };
    trial.effects.expect_code("7q4k-2mpx");
    trial.send(HERE, vec![(1, 2, invite())]);
    assert!(trial.told().contains("-- the code 7q4k-2mpx lets one person in"));
    trial.effects.forget_code(code);
    let passed = trial.send(HERE, vec![(9, 0, Act::Pass { code, key: None })]);
    assert!(matches!(passed.outcomes[..], [(9, 0, Outcome::Done)]), "{passed:?}");
    let passed = trial.send(HERE, vec![(9, 0, Act::Pass { code, key: None })]);
    assert!(matches!(passed.outcomes[..], [(9, 0, Outcome::Refused(_))]), "{passed:?}");
    let erase = || {
        let order = Order::Erase { name: "alice", time: Duration::from_secs(60) };
        Act::Order { order, whom: Some(named("alice")) }
    };
    assert!(trial.send(THERE, vec![(0, 0, erase())]).erased.is_empty());
    trial.say(HERE, 1, 3, "more");
    let erased = trial.send(HERE, vec![(0, 0, erase())]).erased;
    assert_eq!(erased.iter().map(|it| it.lines).collect::<Vec<_>>(), [1]);
    let before = trial.events().len();
    trial.send(HERE, vec![(0, 0, Act::Erased(erased[0].clone()))]);
    let last = trial.events().split_off(before);
    assert_eq!(last, ["-- 1 line of alice was erased by the operator"]);
}

#[test]
fn what_was_over_before_a_set_back_is_over_behind_it_whoever_comes_back_first() {
    let mut trial = Trial::new();
    let code = CodeHash([5; 32]);
    let order = |trial: &mut Trial, order: &str, whom: Option<&str>| {
        let Ok(Request::Order(order)) = request::parse(order) else { panic!("an order") };
        let act = Act::Order { order, whom: whom.map(named) };
        trial.send(THERE, vec![(0, 0, act)]);
    };
    trial.join(THERE, 2, "will", 2);
    order(&mut trial, "/ban will", Some("will"));
    order(&mut trial, "/topic before", None);
    let invite = Act::Invite { code, time: Duration::from_secs(600) };
    trial.send(THERE, vec![(0, 0, invite)]);
    let kept = snapshot::encode(&trial.room);
    let room = || snapshot::decode(&config(), &kept).expect("it was written so");
    let kept_facts = room().facts();
    assert_eq!(kept_facts.len(), 3);
    order(&mut trial, "/unban will", Some("will"));
    order(&mut trial, "/topic after", None);
    trial.send(THERE, vec![(1, 0, Act::Pass { code, key: None })]);
    let (survivor, slow) = (std::mem::replace(&mut trial.room, room()), room());
    let facts = survivor.facts();
    assert_eq!(facts.len(), 1, "{facts:?}");
    let back = |trial: &mut Trial, producer: u64, room: &Room| {
        let lost = room.lost_by(&trial.room, HERE, |_| true, &kept_facts);
        let count = lost.len();
        let entries = lost.into_iter().map(|it| (it.connection, it.line, it.act)).collect();
        trial.send(producer, entries);
        count
    };
    // One that had not read of the end has nothing to tell, and later nothing to bring back.
    assert_eq!(back(&mut trial, 70, &slow), 0);
    assert_eq!(back(&mut trial, 71, &survivor), 4);
    assert_eq!(trial.room.facts(), facts);
    assert_eq!(back(&mut trial, 72, &slow), 0);
    assert_eq!(trial.room.facts(), facts);
    // What was ordered anew meanwhile stays.
    order(&mut trial, "/topic later", None);
    let later = trial.room.facts();
    assert_eq!(back(&mut trial, 73, &slow), 0);
    back(&mut trial, 74, &survivor);
    assert_eq!(trial.room.facts(), later);
}

/// Alice has said three lines, and two more that the log has lost. The survivor's room, and up to where the log was kept.
fn two_lines_that_are_lost() -> (Trial, Room, Position) {
    let mut trial = Trial::new();
    trial.join(HERE, 1, "alice", 1);
    (1..=3).for_each(|line| trial.say(HERE, 1, line, "kept"));
    let (bytes, kept) = (snapshot::encode(&trial.room), trial.position());
    trial.say(HERE, 1, 4, "lost");
    trial.say(HERE, 1, 5, "lost");
    let credentials = Credentials::default();
    trial.send(HERE, vec![(1, 6, Act::Rename { named: named("anna"), credentials })]);
    let read = snapshot::decode(&config(), &bytes).expect("it was written so");
    let survivor = std::mem::replace(&mut trial.room, read);
    trial.numbers.insert(HERE, 4);
    trial.ms += 1_000;
    (trial, survivor, kept)
}

/// The survivor comes back under another number.
fn come_back(trial: &mut Trial, producer: u64, (survivor, kept): (&Room, Position)) -> Applied {
    let lost = survivor.lost_by(&trial.room, HERE, |_| true, &survivor.facts());
    let entries = [survivor.back(HERE, kept, true)].into_iter().chain(lost);
    let entries = entries.map(|it| (it.connection, it.line, it.act)).collect();
    trial.effects.producer = producer;
    trial.send(producer, entries)
}

#[test]
fn a_client_that_resumes_before_it_is_adopted_counts_on_from_what_it_was_told() {
    let (mut trial, survivor, kept) = two_lines_that_are_lost();
    let end = trial.room.transcript().end();
    trial.resume(THERE, 9, 1, end - 1);
    let came_back = come_back(&mut trial, 70, (&survivor, kept));
    assert_eq!(came_back.hang_up, [HangUp { connection: 1, is_taken_over: true }]);
    let before = trial.events().len();
    (4..=6).for_each(|line| trial.say(THERE, 9, line, "more"));
    assert_eq!(trial.events().split_off(before), ["<alice> more"; 3]);
    // Nor does it go on over the connection that it had before, once it has none.
    trial.send(THERE, vec![(9, 6, Act::Lost)]);
    let came_back = come_back(&mut trial, 71, (&survivor, kept));
    assert_eq!(came_back.hang_up, [HangUp { connection: 1, is_taken_over: true }]);
    assert_eq!(trial.room.count(), (1, 1));
}

#[test]
fn a_client_that_resumes_once_it_is_adopted_says_no_line_again() {
    let (mut trial, survivor, kept) = two_lines_that_are_lost();
    assert_eq!(come_back(&mut trial, 70, (&survivor, kept)).hang_up, []);
    let end = trial.room.transcript().end();
    let resumed = {
        trial.effects.producer = THERE;
        trial.resume(THERE, 9, 1, end - 1)
    };
    let [(9, _, Outcome::Resumed { ref name, taken: 6, .. })] = resumed.outcomes[..] else {
        panic!("{resumed:?}")
    };
    assert_eq!(name.as_str(), "anna");
    // Another survivor comes late.
    come_back(&mut trial, 71, (&survivor, kept));
    let before = trial.events().len();
    (5..=7).for_each(|line| trial.say(THERE, 9, line, "more"));
    assert_eq!(trial.events().split_off(before), ["<anna> more"]);
}

#[test]
fn an_archive_that_has_missed_an_order_to_erase_lines_gets_it_with_a_snapshot() {
    let mut trial = Trial::new();
    trial.join(HERE, 1, "alice", 1);
    trial.say(HERE, 1, 1, "buy now");
    let kept = trial.room.transcript().end();
    trial.say(HERE, 1, 2, "buy more");
    let order = Order::Erase { name: "alice", time: Duration::from_secs(60) };
    let erase = || Act::Order { order, whom: Some(named("alice")) };
    trial.send(THERE, vec![(0, 0, erase())]);
    let end = trial.room.transcript().end();
    let bytes = snapshot::encode(&trial.room);
    let missed = |end: Seq| {
        let mut room = snapshot::decode(&config(), &bytes).expect("it was written so");
        room.erase_in_archive(end);
        room.take_changes().erasures
    };
    let [missed_one] = &missed(kept)[..] else { panic!("{:?}", missed(kept)) };
    let erasure = &missed_one.erasure;
    assert_eq!((erasure.name.as_str(), erasure.by.as_str(), erasure.before), ("alice", "", end));
    assert!(missed(end + 1).is_empty(), "that archive has what came after it");
    // A server that was too slow for the log has these lines in its memory.
    let mut slow = Trial::new();
    slow.join(HERE, 1, "alice", 1);
    slow.say(HERE, 1, 1, "buy now");
    slow.room.keep(Keeping { time: None, not_now: None }, 1, Vec::new());
    slow.room.take_changes();
    let mut renewed = snapshot::decode(&config(), &bytes).expect("it was written so");
    renewed.note_changes();
    renewed.take_the_place_of(slow.room, 0);
    slow.room = renewed;
    assert!(!slow.events().concat().contains("buy"), "{:?}", slow.events());
    assert_eq!(slow.room.take_changes().erasures.len(), 1);
    // There are never more of them than are worth a snapshot's bytes.
    for _ in 0..300 {
        trial.send(THERE, vec![(0, 0, erase())]);
    }
    let bytes = snapshot::encode(&trial.room);
    let mut room = snapshot::decode(&config(), &bytes).expect("it was written so");
    room.erase_in_archive(1);
    assert_eq!(room.take_changes().erasures.len(), 256);
}

#[test]
fn whoever_resumes_at_a_server_that_could_not_read_lines_is_told_how_many() {
    let mut trial = Trial::new();
    trial.join(HERE, 1, "alice", 1);
    trial.join(THERE, 1, "bob", 2);
    let seen = trial.room.transcript().end() - 1;
    let mut slow = Trial::new();
    slow.join(HERE, 1, "alice", 1);
    slow.join(THERE, 1, "bob", 2);
    for line in 1..=5 {
        trial.say(THERE, 1, line, "unread");
    }
    let mut renewed = snapshot::decode(&config(), &snapshot::encode(&trial.room)).expect("written");
    let missed = renewed.missed_since(&slow.room);
    renewed.take_the_place_of(slow.room, missed);
    trial.room = renewed;
    trial.say(THERE, 1, 6, "read");
    // In the middle of the gap, for who has been at another server meanwhile.
    for (connection, seen, missed) in
        [(2, seen, Some(5)), (3, seen + 3, Some(2)), (4, seen + 5, None)]
    {
        trial.told();
        trial.resume(HERE, connection, 1, seen);
        let told = trial.told();
        let notice = missed.map(|missed| format!("-- you missed {missed} lines (you were away)\n"));
        match notice {
            Some(notice) => assert!(told.contains(&notice), "{told}"),
            None => assert!(told.contains("welcome back") && !told.contains("missed"), "{told}"),
        }
    }
}

#[test]
fn a_history_is_one_servers_own() {
    let mut trial = Trial::new();
    trial.room.keep(Keeping { time: None, not_now: None }, 1, Vec::new());
    trial.join(HERE, 1, "alice", 1);
    trial.join(THERE, 1, "bob", 2);
    assert!(trial.told().contains("-- what is said here is kept;"));
    let (digest, events) = (trial.room.digest(), trial.events());
    let stamp = Stamp { at: 0, elapsed: Duration::ZERO };
    for entry in [Entry::StopKeeping("the server's disk is full"), Entry::Expire] {
        trial.room.apply(stamp, entry, &mut trial.effects);
    }
    let told = trial.told();
    assert_eq!(told.matches("-- what is said is not kept for now").count(), 1, "{told}");
    assert_eq!((trial.room.digest(), trial.events()), (digest, events));
    assert_eq!((trial.room.take_changes().members.len(), trial.room.due()), (2, None));
}

#[test]
fn a_full_room_takes_in_whoever_takes_the_place_of_one_that_is_away() {
    let mut trial = Trial::new();
    for connection in 1..=MAX_MEMBERS as u32 {
        trial.join(THERE, connection, "", u128::from(connection));
    }
    assert_eq!(trial.room.count().0, MAX_MEMBERS);
    let refused = trial.join(HERE, 1, "alice", 1 << 40);
    let [(1, 0, Outcome::Refused(ref why))] = refused.outcomes[..] else { panic!("{refused:?}") };
    assert_eq!(why.to_string(), "!! the room is full (20000 members)");
    trial.send(THERE, vec![(77, 0, Act::Lost)]);
    trial.join(HERE, 1, "alice", 1 << 40);
    assert_eq!(trial.room.count(), (MAX_MEMBERS, 0));
    let begin = std::time::Instant::now();
    let bytes = snapshot::encode(&trial.room);
    println!("{} bytes in {:?}", bytes.len(), begin.elapsed());
    let read = snapshot::decode(&config(), &bytes).expect("it was written so");
    assert_eq!((read.digest(), read.count()), (trial.room.digest(), (MAX_MEMBERS, 0)));
}

#[test]
fn a_snapshot_of_a_newer_program_or_of_other_bytes_is_none() {
    let mut trial = Trial::new();
    trial.join(HERE, 1, "alice", 1);
    let mut bytes = snapshot::encode(&trial.room);
    let read = |bytes: &[u8]| snapshot::decode(&config(), bytes).map(|_| ());
    assert_eq!(
        (read(&bytes), read(&[]), read(&[1])),
        (Ok(()), Err(Unread::Malformed), Err(Unread::Malformed))
    );
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    assert_eq!(read(&bytes), Err(Unread::Malformed));
    bytes[0] = 2;
    assert!(matches!(read(&bytes), Err(Unread::Newer { .. })));
}

proptest! {
    /// Also where the hash at the end fits, which keeps away most of what is wrong.
    #[test]
    fn no_bytes_of_a_snapshot_make_trouble(place: usize, byte: u8, cut in any::<u16>()) {
        let mut trial = Trial::new();
        trial.join(HERE, 1, "alice", 1);
        trial.join(HERE, 2, "", 0);
        trial.send(HERE, vec![(1, 0, Act::Lost)]);
        let whole = snapshot::encode(&trial.room);
        let mut bytes = whole[..whole.len() - 8].to_vec();
        let place = place % bytes.len();
        bytes[place] = byte;
        bytes.truncate(bytes.len() - (cut as usize % 8) * usize::from(cut % 3 == 0));
        let hash = snapshot::hash(&bytes).to_le_bytes();
        let bytes = [&bytes[..], &hash].concat();
        if let Ok(room) = snapshot::decode(&config(), &bytes) {
            prop_assert!(snapshot::decode(&config(), &snapshot::encode(&room)).is_ok());
            trial.room = room;
            trial.pass(70);
        }
    }
}
