//! How what somebody has said is erased: in what the room remembers and in the private lines that wait at once, and in
//! the history's events behind that. Pure.
//!
//! All are told once nothing of it is left anywhere: without a history at once, and else when that says so
//! ([`Entry::Erased`](super::entry::Entry::Erased)).

use std::collections::VecDeque;

use super::entry::Outcome;
use super::people::facts::FactKey;
use super::{Change, MOST_ERASURES, Member, Room};
use crate::protocol::name::{Likeness, Name};
use crate::protocol::reply::{Notice, OrderNotice};
use crate::protocol::tag::{Millis, Seq};
use crate::server::audience::Audience;
use crate::server::erasure::judge::{count_lines, public_ranges};
use crate::server::erasure::{Erased, Erasure, RoomErasure};
use crate::server::transcript::Transcript;

impl Change<'_> {
    /// Erases what was said under that name since then, and what the member has said who is called so now.
    pub(super) fn erase_said(
        &mut self,
        (name, likeness): &(Name, Likeness),
        since: Millis,
        by: &str,
    ) {
        let erasure = self.erasure((name, likeness), since, by);
        self.room.note_erasure(&erasure);
        if self.room.is_closed {
            return;
        }
        let remembered_from = self.room.transcript.oldest();
        let hits = self.room.transcript.erase(&erasure);
        let is_told_here = self.room.log.is_none() || self.via == self.effects.producer;
        let lines = count_lines(&hits) + self.erase_letters(likeness, since);
        let public = public_ranges(&hits);
        self.effects.is_erased |= !hits.is_empty();
        match &mut self.room.changed {
            Some(changed) => {
                // Each server has another number of lines: what one has found is told by all.
                let by = if is_told_here { erasure.by } else { String::new() };
                let erasure = Erasure { by, ..erasure };
                changed.erasures.push(RoomErasure { erasure, lines, remembered_from, public });
            }
            None => {
                let Erasure { name, by, .. } = erasure;
                let erased = Erased { name, by, lines };
                if self.room.log.is_none() {
                    self.tell_erased(&erased);
                } else if is_told_here {
                    self.effects.erased.push(erased);
                }
            }
        }
    }

    /// Erases the private lines that wait and were said under that name since then. How many they were.
    fn erase_letters(&mut self, likeness: &Likeness, since: Millis) -> u64 {
        let erased = self.room.people.letters.erase(likeness.folded(), since);
        for letter in &erased {
            self.room.people.note(FactKey::Letter(*letter));
        }
        erased.len() as u64
    }

    fn erasure(&self, (name, likeness): (&Name, &Likeness), since: Millis, by: &str) -> Erasure {
        let members = &self.room.members;
        let author = members.holder_of(likeness);
        let called = author.and_then(|id| members.get(id)).map_or(name, Member::name);
        let (name, by) = (called.to_string(), by.to_owned());
        Erasure { name, by, author, since, before: self.room.transcript.end() }
    }

    /// Tells everyone that lines were erased, of which nothing is left.
    pub(super) fn tell_erased(&mut self, erased: &Erased) -> Outcome {
        let Erased { name, by, lines } = erased;
        self.effects.is_erased = true;
        let notice = OrderNotice::Erased { lines: *lines, name, by };
        self.tell(Audience::All, Notice::Order(notice));
        Outcome::Done
    }
}

impl RoomErasure {
    /// Carries out an order in what is remembered.
    pub(super) fn carry_out(erasure: Erasure, transcript: &mut Transcript) -> RoomErasure {
        let remembered_from = transcript.oldest();
        let hits = transcript.erase(&erasure);
        let (lines, public) = (count_lines(&hits), public_ranges(&hits));
        RoomErasure { erasure, lines, remembered_from, public }
    }
}

impl Room {
    /// Remembers an order for archives that miss it in the log. Its line tells all of it.
    fn note_erasure(&mut self, erasure: &Erasure) {
        if self.log.is_some() {
            if self.erasures.len() == MOST_ERASURES {
                self.erasures.pop_front();
            }
            self.erasures.push_back(Erasure { by: String::new(), ..erasure.clone() });
        }
    }

    /// Has an archive that has all events before `end` carry out the orders that it has missed.
    pub(crate) fn erase_in_archive(&mut self, end: Seq) {
        let remembered_from = self.transcript.oldest();
        let missed = self.erasures.iter().filter(|erasure| erasure.before >= end).cloned();
        let order =
            |erasure| RoomErasure { erasure, lines: 0, remembered_from, public: Vec::new() };
        let missed = missed.map(order).collect::<Vec<_>>();
        self.changed.get_or_insert_default().erasures.extend(missed);
    }

    /// The orders of which a room knew nothing that had those, and in whose place this one comes.
    pub(super) fn erasures_since(&self, known: &VecDeque<Erasure>) -> Vec<Erasure> {
        self.erasures.iter().filter(|erasure| !known.contains(erasure)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::effects::Effects;
    use super::super::entry::{
        Author, Credentials, Encryption, Entry, Newcomer, Orderer, Stamp, Whence,
    };
    use super::super::restore::Restored;
    use super::*;
    use crate::protocol::name::Wanted;
    use crate::protocol::request::Order;
    use crate::protocol::tag::Format;
    use crate::server::audience::{Envelope, Kind, MemberId, Receipt};
    use crate::server::chunk::Chunk;
    use crate::server::config::Config;
    use crate::server::connection::ConnectionId;
    use crate::server::room::entry::Ordered;
    use crate::server::room::token::Issued;

    /// A room, and all that has followed.
    struct Trial {
        room: Room,
        effects: Effects,
        now: Millis,
    }

    impl Trial {
        fn new(has_history: bool) -> Trial {
            let (config, mut effects) = (Config::default(), Effects::default());
            let stamp = Stamp { at: 0, elapsed: Duration::ZERO };
            let room = if has_history {
                Room::restore(&config, Restored::nothing(), stamp, &mut effects)
            } else {
                Room::new(&config)
            };
            Trial { room, effects, now: 0 }
        }

        fn apply(&mut self, entry: Entry<'_>) -> Outcome {
            let elapsed = Duration::from_millis(self.now.cast_unsigned());
            self.room.apply(Stamp { at: self.now, elapsed }, entry, &mut self.effects)
        }

        fn join(&mut self, name: &str, connection: u32) -> Author {
            let name = Name::parse(name).expect("a name");
            let wanted = Some((name.clone(), name.likeness()));
            let (connection, token) =
                (ConnectionId::local(connection), Some(Issued::new(connection.into())));
            let newcomer = Newcomer {
                connection,
                format: Format::Tagged,
                taken: 0,
                whence: Whence { encryption: Encryption::Tls, address: None, origin: None },
                credentials: Credentials::default(),
                is_let_in: false,
            };
            match self.apply(Entry::Join { newcomer, wanted, token }) {
                Outcome::Joined { member, .. } => Author { member, connection, taken: Some(0) },
                outcome => panic!("{outcome:?}"),
            }
        }

        fn say(&mut self, by: &mut Author, line: &str) {
            let taken = by.taken.map_or(1, |taken| taken + 1);
            by.taken = Some(taken);
            let mut chunk = Chunk::default();
            let said = Envelope::new(Audience::AllBut(by.member), Kind::Said);
            chunk.push(Envelope { receipt: Receipt::new(by.member, taken), ..said }, line);
            self.apply(Entry::Speak { by: *by, chunk: &mut chunk });
        }

        fn erase(&mut self, name: &str, since: Millis) -> Ordered {
            let time = Duration::from_millis((self.now - since).cast_unsigned());
            let order = &Order::Erase { name, time };
            match self.apply(Entry::order(Orderer::Console, order)) {
                Outcome::Ordered(ordered) => ordered,
                outcome => panic!("{outcome:?}"),
            }
        }

        /// What everyone is shown of the events, and the receipts of one member.
        fn told(&mut self, author: MemberId) -> (Vec<String>, Vec<u64>) {
            self.room.transcript.seal();
            let (mut lines, mut receipts) = (Vec::new(), Vec::new());
            for batch in self.room.transcript.read(0, usize::MAX) {
                for event in batch.events().filter(|event| batch.has_line(event.seq)) {
                    lines.push(event.line.to_owned());
                }
                for index in 0..batch.index().count() {
                    let receipt = batch.index().receipt(index).filter(|it| it.author == author);
                    receipts.extend(receipt.map(|receipt| receipt.line.get()));
                }
            }
            (lines, receipts)
        }
    }

    /// Alice and bob, who was robert; each has said something before and after a second.
    fn talk(has_history: bool) -> (Trial, Author) {
        let mut trial = Trial::new(has_history);
        let mut bob = trial.join("robert", 1);
        let mut alice = trial.join("alice", 2);
        for now in [0, 1000] {
            trial.now = now;
            trial.say(&mut alice, &format!("<alice> at {now}"));
            trial.say(&mut bob, &format!("<robert> at {now}"));
            let (to, text) = ("alice", "psst");
            let wanted = &Wanted::of(to).expect("it is short");
            bob.taken = bob.taken.map(|taken| taken + 1);
            trial.apply(Entry::Whisper { by: bob, to, wanted, text });
        }
        let name = Name::parse("Bob").expect("a name");
        bob.taken = bob.taken.map(|taken| taken + 1);
        let (likeness, credentials) = (name.likeness(), Credentials::default());
        trial.apply(Entry::Rename { by: bob, name: &name, likeness, credentials });
        trial.say(&mut bob, "<Bob> at last");
        (trial, bob)
    }

    #[test]
    fn what_one_has_said_is_gone_at_once_and_all_are_told_where_there_is_no_history() {
        let (mut trial, bob) = talk(false);
        let end = trial.room.transcript.end();
        let ordered = trial.erase("bob", 1000);
        assert_eq!(ordered.log, ["the operator erased what bob said in the last 0 s"]);
        let (lines, receipts) = trial.told(bob.member);
        let left = [
            "-- alice joined",
            "<alice> at 0",
            "<robert> at 0",
            "[robert -> you] psst",
            "[you -> alice] psst",
            "<alice> at 1000",
            "-- robert is now Bob",
            "-- 3 lines of Bob were erased by the operator",
        ];
        assert_eq!(lines[1..], left);
        assert_eq!(receipts, [1, 2, 3, 4, 5, 6]);
        assert_eq!(trial.room.transcript.end(), end + 1);
        assert!(trial.effects.is_erased && !trial.room.has_erasures());
        let newest: Vec<Seq> = trial.room.transcript.newest(MemberId(9), 3).collect();
        assert_eq!(newest.len(), 3, "a newcomer is shown as many lines as there are");
    }

    #[test]
    fn where_there_is_a_history_all_are_told_once_it_has_done_its_part() {
        let (mut trial, bob) = talk(true);
        let before = trial.room.transcript.end();
        trial.erase("bob", 0);
        assert!(trial.room.has_erasures());
        let changes = trial.room.take_changes();
        let [order] = &changes.erasures[..] else { panic!("{:?}", changes.erasures) };
        let (name, by) = ("Bob".to_owned(), "the operator".to_owned());
        let author = Some(bob.member);
        let erasure = Erasure { name: name.clone(), by: by.clone(), author, since: 0, before };
        assert_eq!((&order.erasure, order.lines, order.remembered_from), (&erasure, 5, 1));
        assert_eq!(order.public.iter().map(|range| range.end - range.start).sum::<u64>(), 3);
        assert!(!trial.room.has_erasures());
        assert_eq!(trial.room.transcript.end(), before, "nobody is told yet");
        trial.apply(Entry::Erased(Erased { name, by, lines: 12 }));
        let (lines, _) = trial.told(bob.member);
        assert_eq!(
            lines.last().map(String::as_str),
            Some("-- 12 lines of Bob were erased by the operator")
        );
    }

    #[test]
    fn under_a_name_that_nobody_has_any_more_what_was_said_under_it_is_erased() {
        let (mut trial, bob) = talk(false);
        trial.erase("ROBERT", 0);
        let (lines, _) = trial.told(bob.member);
        assert!(lines.contains(&"<Bob> at last".to_owned()) && !lines.concat().contains("psst"));
        assert_eq!(
            lines.last().map(String::as_str),
            Some("-- 4 lines of ROBERT were erased by the operator")
        );
        trial.erase("carol", 0);
        let (lines, _) = trial.told(bob.member);
        assert_eq!(
            lines.last().map(String::as_str),
            Some("-- 0 lines of carol were erased by the operator")
        );
        let refused = trial.erase("<bob>", 0);
        assert_eq!(refused.answers, ["!! nobody here is called <bob>"]);
        trial.apply(Entry::Close);
        let before = trial.told(bob.member);
        trial.erase("bob", 0);
        assert_eq!(trial.told(bob.member), before);
    }
}
