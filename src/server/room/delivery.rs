//! Private lines for owners of names who are not here: they wait, and are delivered when their readers come. Pure.
//!
//! What waits is an aside: it is shown with times of day, and only the server that serves the reader knows in which
//! zone. It waits on until the reader has brought another line or has left; one that resumes is shown it again unless
//! it has an event from behind it.

use std::collections::BTreeMap;

use super::effects::Delivery;
use super::entry::{Author, Outcome};
use super::members::member::ShownLetters;
use super::people::facts::FactKey;
use super::people::letters::{LETTER_TIME, Letter, MOST_FOR_ONE, MOST_LETTERS, MOST_OF_SENDER};
use super::{Change, Room};
use crate::protocol::name::{Name, Wanted};
use crate::protocol::reply::{NameNotice, NameRefusal, Notice, Refusal, Speech};
use crate::protocol::tag::{Millis, Seq};
use crate::server::audience::{Audience, Envelope, Kind, MemberId};
use crate::server::figures::Said;

impl Room {
    /// The name of an owner who is not here, and for whom private lines may wait.
    pub(super) fn absent_owner(&self, wanted: &Wanted) -> Option<Name> {
        let owner = self.people.owners.get(wanted.folded()).filter(|_| self.keeps_letters())?;
        Some(owner.name.clone())
    }

    /// Whether private lines may wait for somebody: in the history, or in the log that servers share.
    fn keeps_letters(&self) -> bool {
        self.log.is_some() || self.keeping.is_some_and(|keeping| keeping.not_now.is_none())
    }
}

impl Change<'_> {
    /// Keeps a private line until the owner of that name comes.
    pub(super) fn send_letter(
        &mut self,
        by: Author,
        (to, wanted): (&Name, &Wanted),
        text: &str,
    ) -> Outcome {
        let Some(member) = self.room.members.get(by.member) else { return Outcome::Ignored };
        let (from, other_word) = (member.name().clone(), member.likeness().folded().into());
        self.expire_facts();
        let reader = wanted.folded().to_owned();
        let letters = &self.room.people.letters;
        let (all, of_sender) = letters.count(&reader, from.as_str());
        let name = to.as_str();
        let refusal = if of_sender >= MOST_OF_SENDER {
            Some(NameRefusal::YoursWait { most: MOST_OF_SENDER, name })
        } else if all >= MOST_FOR_ONE {
            Some(NameRefusal::LinesWait { most: MOST_FOR_ONE, name })
        } else if letters.len() >= MOST_LETTERS {
            Some(NameRefusal::TooManyWait)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.refuse(by, &Refusal::Name(refusal));
            return Outcome::Done;
        }
        let (other, at) = (from.as_str().into(), self.stamp.at);
        let text_kept = Some(text.into());
        self.add_letter(Letter { reader, other, other_word, at, text: text_kept, lines: 1 });
        // The receipt, for a sender that gets one.
        self.push(Envelope { audience: Audience::Nobody, ..self.said(by) }, "");
        let to_author = Envelope::new(Audience::Only(by.member), Kind::Said);
        self.push(to_author, Speech::FromYou(to, text));
        self.room.throughput.add(Said::of(text), at);
        if of_sender == 0 {
            let waits = NameNotice::Waits { name, time: LETTER_TIME };
            self.tell(Audience::Only(by.member), Notice::Name(waits));
        }
        Outcome::Receipted
    }

    fn add_letter(&mut self, letter: Letter) {
        let id = self.room.people.letters.add(letter);
        self.room.people.note(FactKey::Letter(id));
    }

    /// Shows a member what waits for the owner of its name, if it is that. It waits on until the member has seen it: of
    /// what was sent to one whose connection is lost, nobody knows.
    pub(super) fn deliver(&mut self, id: MemberId) {
        let Some(member) = self.room.members.get(id) else { return };
        let (is_owner, taken) = (member.standing.is_owner, member.taken);
        let word = member.likeness().folded().to_owned();
        if !is_owner || self.room.is_closed || !self.room.people.letters.has(&word) {
            return;
        }
        self.expire_facts();
        let letters = self.room.people.letters.of(&word);
        let has_lines = letters.iter().any(|letter| letter.text.is_some());
        let shown_at = self.room.transcript.end();
        self.show(id, letters);
        if has_lines {
            self.tell(Audience::Only(id), Notice::UpToDate);
        }
        if let Some(member) = self.room.members.get_mut(id) {
            member.shown_letters = Some(ShownLetters { word, taken, before: shown_at });
        }
    }

    /// Shows a member that has a connection something that waited.
    fn show(&mut self, id: MemberId, letters: Vec<Letter>) {
        let Some(member) = self.room.members.get(id) else { return };
        let Some(connection) = member.connection() else { return };
        let delivery = Delivery { format: member.format(), at: self.stamp.at, letters };
        let before = self.room.transcript.end();
        self.effects.deliver(connection, before, &delivery);
    }

    /// Shows a member that resumes behind the event `seen` what waits, unless it was shown before an event that it has.
    pub(super) fn deliver_again(&mut self, id: MemberId, seen: Seq) {
        let Some(member) = self.room.members.get_mut(id) else { return };
        if member.shown_letters.as_ref().is_none_or(|shown| seen < shown.before) {
            self.deliver(id);
        }
    }

    /// A member that was shown what waited has seen it: it waits no more, and the senders are told.
    pub(super) fn letters_are_seen(&mut self, id: MemberId) {
        let Some(member) = self.room.members.get_mut(id) else { return };
        let Some(ShownLetters { word, .. }) = member.shown_letters.take() else { return };
        let owner = self.room.people.owners.get(&word);
        let Some(reader) = owner.map(|owner| owner.name.clone()) else { return };
        let reader = (reader, word.into_boxed_str());
        let mut read: BTreeMap<(Box<str>, Box<str>), (Millis, u64)> = BTreeMap::new();
        for (number, letter) in self.room.people.letters.take(&reader.1) {
            self.room.people.note(FactKey::Letter(number));
            let Letter { other, other_word, at, text, .. } = letter;
            if text.is_some() {
                let (last, lines) = read.entry((other, other_word)).or_default();
                (*last, *lines) = (at, *lines + 1);
            }
        }
        for (sender, (last, lines)) in read {
            self.tell_sender(&reader, &sender, last, lines);
        }
    }

    /// Tells a sender that so many of its lines were read: now, or when it comes, if it is one who owns its name.
    fn tell_sender(
        &mut self,
        (reader, word): &(Name, Box<str>),
        (_, sender): &(Box<str>, Box<str>),
        at: Millis,
        lines: u64,
    ) {
        let is_owned = self.room.people.owners.get(sender).is_some();
        let here = self.room.members.of_word(sender).filter(|id| {
            self.room
                .members
                .get(*id)
                .is_some_and(|it| !it.is_disconnected() && (!is_owned || it.standing.is_owner))
        });
        let (other, other_word) = (reader.as_str().into(), word.clone());
        let read = Letter { reader: sender.to_string(), other, other_word, at, text: None, lines };
        match here {
            Some(id) => self.show(id, vec![read]),
            None if is_owned => self.add_letter(read),
            None => {}
        }
    }

    /// Forgets what has ended by now.
    pub(super) fn expire_facts(&mut self) {
        self.room.people.expire(self.stamp.at);
    }
}
