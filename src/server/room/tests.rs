//! The room as a state machine: what holds for any entries in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::*;
use crate::protocol::name::Wanted;
use crate::protocol::reply::LeaveReason;
use crate::protocol::request::Order;
use crate::protocol::tag::Format;
use crate::server::admission::Origin;
use crate::server::audience::{Envelope, Kind, MemberId, Receipt, Recipient, Rendition};
use crate::server::chunk::Chunk;
use crate::server::room::entry::{Credentials, Encryption, Newcomer, Whence};
use crate::server::room::token::Issued;

const NAMES: [&str; 6] = ["alice", "ALICE", "\u{430}lice", "bob", "will", "vvill"];

/// From where all are.
fn whence() -> Whence {
    let origin = Some(Origin::of([127, 0, 0, 1].into()));
    Whence { encryption: Encryption::Tls, address: None, origin }
}

/// One step of a test, before it is known which member it is.
#[derive(Debug, Clone)]
enum Step {
    Join { name: Option<usize>, format: Format },
    Speak { who: usize, lines: u64 },
    Whisper { who: usize, to: usize },
    Rename { who: usize, name: usize },
    Tag { who: usize },
    Detach { who: usize },
    Resume { who: usize, back: u64 },
    Lost { who: usize },
    Unclaimed { who: usize },
    Leave { who: usize },
    Expire { seconds: u64 },
    Erase { name: usize, seconds: u64 },
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let format = || prop_oneof![Just(Format::Plain), Just(Format::Tagged)];
    let who = || 0..6_usize;
    let name = || 0..NAMES.len();
    prop_oneof![
        4 => (proptest::option::of(name()), format())
            .prop_map(|(name, format)| Step::Join { name, format }),
        8 => (who(), 1..4_u64).prop_map(|(who, lines)| Step::Speak { who, lines }),
        3 => (who(), name()).prop_map(|(who, to)| Step::Whisper { who, to }),
        2 => (who(), name()).prop_map(|(who, name)| Step::Rename { who, name }),
        1 => who().prop_map(|who| Step::Tag { who }),
        2 => who().prop_map(|who| Step::Detach { who }),
        4 => (who(), 0..9_u64).prop_map(|(who, back)| Step::Resume { who, back }),
        3 => who().prop_map(|who| Step::Lost { who }),
        1 => who().prop_map(|who| Step::Unclaimed { who }),
        1 => who().prop_map(|who| Step::Leave { who }),
        2 => (0..90_u64).prop_map(|seconds| Step::Expire { seconds }),
        1 => (name(), 0..90_u64).prop_map(|(name, seconds)| Step::Erase { name, seconds }),
    ]
}

/// A member as a test knows it.
#[derive(Debug, Clone)]
struct Known {
    id: MemberId,
    connection: ConnectionId,
    token: Issued,
    /// How many of its lines it has sent.
    sent: u64,
    /// The first event that it may get.
    joined_at: Seq,
}

/// A room, all that it was applied, and all that followed.
struct Trial {
    room: Room,
    known: Vec<Known>,
    connections: u32,
    elapsed: Duration,
    /// What followed, as text: to be compared with that of another room.
    record: String,
    /// For each connection, the member that it is served as, and from which event on.
    served: BTreeMap<u32, (MemberId, Seq)>,
}

impl Trial {
    fn new() -> Trial {
        let config = Config { max_clients: 3, replay: 0, ..Config::default() };
        Trial {
            room: Room::new(&config),
            known: Vec::new(),
            connections: 0,
            elapsed: Duration::ZERO,
            record: String::new(),
            served: BTreeMap::new(),
        }
    }

    fn apply(&mut self, entry: Entry<'_>) -> Outcome {
        self.elapsed += Duration::from_millis(10);
        let stamp = Stamp { at: self.elapsed.as_millis() as Millis, elapsed: self.elapsed };
        let mut effects = Effects::default();
        let outcome = self.room.apply(stamp, entry, &mut effects);
        writeln!(self.record, "{outcome:?} {effects:?}").expect("a String takes all");
        for attach in &effects.attached {
            self.served.insert(attach.connection.number, (attach.recipient.member, attach.from));
        }
        outcome
    }

    fn connect(&mut self) -> ConnectionId {
        self.connections += 1;
        ConnectionId::local(self.connections)
    }

    fn play(&mut self, step: &Step) {
        match *step {
            Step::Join { name, format } => self.join(name.map(|name| NAMES[name]), format),
            Step::Expire { seconds } => {
                self.elapsed += Duration::from_secs(seconds);
                self.apply(Entry::Expire);
            }
            Step::Erase { name, seconds } => {
                let time = Duration::from_secs(seconds);
                let order = &Order::Erase { name: NAMES[name], time };
                self.apply(Entry::order(Orderer::Console, order));
            }
            Step::Close => drop(self.apply(Entry::Close)),
            Step::Speak { who, .. }
            | Step::Whisper { who, .. }
            | Step::Rename { who, .. }
            | Step::Tag { who }
            | Step::Detach { who }
            | Step::Resume { who, .. }
            | Step::Lost { who }
            | Step::Unclaimed { who }
            | Step::Leave { who } => {
                if !self.known.is_empty() {
                    self.act(step, who % self.known.len());
                }
            }
        }
    }

    fn join(&mut self, name: Option<&str>, format: Format) {
        let name = name.map(|name| Name::parse(name).expect("a name"));
        let wanted = name.map(|name| (name.clone(), name.likeness()));
        let connection = self.connect();
        let token = Issued::new(self.connections.into());
        let joined_at = self.room.transcript.end();
        let newcomer = Newcomer {
            connection,
            format,
            taken: 0,
            whence: whence(),
            credentials: Credentials::default(),
            is_let_in: false,
        };
        let entry = Entry::Join { newcomer, wanted, token: Some(token) };
        if let Outcome::Joined { member: id, .. } = self.apply(entry) {
            self.known.push(Known { id, connection, token, sent: 0, joined_at });
        }
    }

    fn act(&mut self, step: &Step, who: usize) {
        let Known { id: member, connection, token, .. } = self.known[who].clone();
        let by = Author { member, connection, taken: Some(self.known[who].sent) };
        let send = |trial: &mut Trial| {
            trial.known[who].sent += 1;
            Author { taken: Some(trial.known[who].sent), ..by }
        };
        match *step {
            Step::Speak { lines, .. } => {
                let mut chunk = Chunk::default();
                let mut last = by;
                for _ in 0..lines {
                    last = send(self);
                    let line = last.taken.expect("it was counted");
                    let receipt = Receipt::new(member, line).filter(|_| self.is_tagged(member));
                    let said = Envelope::new(Audience::AllBut(member), Kind::Said);
                    chunk.push(Envelope { receipt, ..said }, format_args!("<{}> {line}", member.0));
                    chunk.answer(Format::Plain, None, "-- an answer", 0);
                }
                self.apply(Entry::Speak { by: last, chunk: &mut chunk });
            }
            Step::Whisper { to, .. } => {
                let (by, to) = (send(self), NAMES[to]);
                let wanted = &Wanted::of(to).expect("it is short");
                self.apply(Entry::Whisper { by, to, wanted, text: "psst" });
            }
            Step::Rename { name, .. } => {
                let (by, name) = (send(self), Name::parse(NAMES[name]).expect("a name"));
                self.apply(Entry::Rename {
                    by,
                    name: &name,
                    likeness: name.likeness(),
                    credentials: Credentials::default(),
                });
            }
            Step::Tag { .. } if !self.is_tagged(member) => {
                self.apply(Entry::Tag { by, token: Some(token), key: None });
            }
            Step::Detach { .. } => drop(self.apply(Entry::Detach(token.hash))),
            Step::Resume { back, .. } => self.resume(who, back),
            Step::Lost { .. } => drop(self.apply(Entry::Lost { by })),
            Step::Unclaimed { .. } => drop(self.apply(Entry::Unclaimed { member })),
            Step::Leave { .. } => {
                drop(self.apply(Entry::Leave { by, how: LeaveReason::Quit(""), line: None }));
            }
            _ => {}
        }
    }

    /// As the hub does it: the member's old connection is taken away first.
    fn resume(&mut self, who: usize, back: u64) {
        let token = self.known[who].token.hash;
        let seen = self.room.transcript.end().saturating_sub(back + 1);
        if self.room.may_resume(token, seen).is_err() {
            return;
        }
        self.apply(Entry::Detach(token));
        let connection = self.connect();
        let entry = Entry::Resume { connection, whence: whence(), token, seen, instead_of: None };
        if let Outcome::Resumed { taken, .. } = self.apply(entry) {
            // The client says again what was not taken.
            (self.known[who].connection, self.known[who].sent) = (connection, taken);
        }
    }

    fn is_tagged(&self, member: MemberId) -> bool {
        self.room.members.get(member).map(Member::format) == Some(Format::Tagged)
    }

    /// Every event, with its number, for all to see.
    fn transcript(&mut self) -> String {
        self.room.transcript.seal();
        let mut text = String::new();
        for batch in self.room.transcript.read(0, usize::MAX) {
            for event in batch.begin()..batch.end() {
                let receipt = batch.index().receipt(batch.index().position(event));
                let (at, line) = (batch.time(event), batch.line(event));
                writeln!(text, "{event} {at} {receipt:?} {line}").expect("a String takes all");
            }
        }
        text
    }
}

proptest! {
    #[test]
    fn the_same_entries_give_the_same_room(steps in vec(step(), 0..60), closes in 0..2_u8) {
        let mut trials = [Trial::new(), Trial::new()];
        for trial in &mut trials {
            steps.iter().for_each(|step| trial.play(step));
            if closes == 1 {
                trial.play(&Step::Close);
                steps.iter().for_each(|step| trial.play(step));
            }
        }
        let [one, other] = &mut trials;
        prop_assert_eq!(&one.record, &other.record);
        prop_assert_eq!(one.transcript(), other.transcript());
    }

    #[test]
    fn names_stay_unique_lines_are_taken_once_and_nobody_sees_what_was_before(
        steps in vec(step(), 0..60),
    ) {
        let mut trial = Trial::new();
        for step in &steps {
            trial.play(step);
            let members: Vec<_> = trial.room.members.iter().collect();
            for (at, one) in members.iter().enumerate() {
                let mut others = members[at + 1..].iter();
                prop_assert!(!others.any(|other| one.likeness().is_like(other.likeness())));
            }
            let (_, disconnected) = trial.room.count();
            let counted = members.iter().filter(|member| member.is_disconnected()).count();
            // One whose connection was taken away and that nobody resumed has no time yet.
            prop_assert!(disconnected <= counted && disconnected <= trial.room.max_disconnected);
        }
        trial.room.transcript.seal();
        let batches = trial.room.transcript.read(0, usize::MAX);
        let mut receipts = BTreeSet::new();
        for batch in &batches {
            for index in 0..batch.index().count() {
                if let Some(receipt) = batch.index().receipt(index) {
                    let key = (receipt.author, receipt.line);
                    prop_assert!(receipts.insert(key), "twice: {receipt:?}");
                }
            }
        }
        let mut last = BTreeMap::new();
        for (author, line) in receipts {
            let before = last.insert(author, line.get()).unwrap_or(0);
            prop_assert!(line.get() > before);
        }
        for (member, from) in trial.served.values() {
            let known = trial.known.iter().find(|known| known.id == *member).expect("it joined");
            prop_assert!(*from >= known.joined_at);
            let recipient = Recipient { member: *member, format: Format::Tagged };
            for batch in &batches {
                let before = 0..known.joined_at;
                let own = |piece: &crate::server::audience::Piece| piece.rendition == Rendition::Receipt;
                let mut pieces = batch.index().pieces(recipient, &before);
                prop_assert!(!pieces.any(|piece| own(&piece)), "a receipt before it joined");
            }
        }
    }
}

#[test]
fn an_entry_over_a_connection_that_speaks_for_nobody_changes_nothing() {
    let mut trial = Trial::new();
    trial.join(Some("alice"), Format::Tagged);
    let old = trial.known[0].connection;
    trial.play(&Step::Speak { who: 0, lines: 2 });
    trial.play(&Step::Resume { who: 0, back: 0 });
    assert_ne!(trial.known[0].connection, old);
    let before = trial.transcript();
    let by = Author { member: trial.known[0].id, connection: old, taken: Some(7) };
    let mut chunk = Chunk::default();
    chunk.push(Envelope::new(Audience::All, Kind::Said), "late");
    assert!(matches!(trial.apply(Entry::Speak { by, chunk: &mut chunk }), Outcome::Ignored));
    let left = trial.apply(Entry::Leave { by, how: LeaveReason::Quit(""), line: None });
    assert!(matches!(left, Outcome::Ignored));
    assert_eq!(trial.transcript(), before);
    assert_eq!(trial.room.members.get(by.member).map(|member| member.taken), Some(2));
}

#[test]
fn a_closed_room_takes_no_lines() {
    let mut trial = Trial::new();
    trial.join(Some("alice"), Format::Tagged);
    trial.play(&Step::Speak { who: 0, lines: 1 });
    trial.play(&Step::Close);
    let before = trial.transcript();
    trial.play(&Step::Speak { who: 0, lines: 1 });
    assert_eq!(trial.transcript(), before);
    let member = trial.room.members.get(trial.known[0].id).expect("it is here");
    assert_eq!(member.taken, 1, "the client says it again to the next server");
}
