//! Private lines for owners of names who are not here: they wait, and are delivered when their readers come. Pure.
//!
//! What waits is shown as events for its reader alone, so a reader that resumes is not without it. It waits on until
//! the reader has brought another line or has left, so one whose connection is lost before is shown it again.

use std::collections::BTreeMap;

use chrono::{DateTime, Local, NaiveDate};

use super::entry::{Author, Outcome};
use super::people::facts::FactKey;
use super::people::letters::{LETTER_TIME, Letter, MOST_FOR_ONE, MOST_LETTERS, MOST_OF_SENDER};
use super::{Change, Room};
use crate::protocol::name::{Name, Wanted};
use crate::protocol::reply::{NameNotice, NameRefusal, Notice, Refusal, Speech};
use crate::protocol::tag::Millis;
use crate::server::audience::{Audience, Envelope, Kind, MemberId};
use crate::server::figures::Said;

impl Room {
    /// The name of an owner who is not here, and for whom private lines may wait.
    pub(super) fn absent_owner(&self, wanted: &Wanted) -> Option<Name> {
        let is_kept = self.keeping.is_some_and(|keeping| keeping.not_now.is_none());
        let owner = self.people.owners.get(wanted.folded()).filter(|_| is_kept)?;
        Some(owner.name.clone())
    }
}

impl Change<'_> {
    /// Keeps a private line until the owner of that name comes.
    pub(super) fn send_letter(&mut self, by: Author, to: &Name, text: &str) -> Outcome {
        let Some(from) = self.room.name_of(by.member).cloned() else { return Outcome::Ignored };
        self.expire_facts();
        let reader = to.likeness().folded().to_owned();
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
        self.add_letter(Letter { reader, other, at, text: Some(text.into()), lines: 1 });
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
        let lines = letters.iter().filter(|letter| letter.text.is_some()).count() as u64;
        if lines > 0 {
            self.tell(Audience::Only(id), Notice::Name(NameNotice::PrivateLines(lines)));
        }
        let mut day = date(self.stamp.at);
        letters.iter().for_each(|letter| self.show_letter(id, letter, &mut day));
        if lines > 0 {
            self.tell(Audience::Only(id), Notice::UpToDate);
        }
        if let Some(member) = self.room.members.get_mut(id) {
            member.shown_letters = Some((word, taken));
        }
    }

    /// Shows a reader one line as those that are shown again are, with its time, and on the first of a day the day.
    fn show_letter(&mut self, id: MemberId, letter: &Letter, day: &mut Option<NaiveDate>) {
        let Letter { other, at, text, .. } = letter;
        let Some(text) = text else {
            let has_read = NameNotice::HasRead { name: other, at: *at, lines: letter.lines };
            return self.tell(Audience::Only(id), Notice::Name(has_read));
        };
        let said = date(*at);
        if *day != said
            && let Some(said) = said
        {
            self.tell(Audience::Only(id), format_args!("| -- {said}"));
            *day = Some(said);
        }
        let time = local(*at).format("%H:%M");
        self.tell(Audience::Only(id), format_args!("| {time} [{other} -> you] {text}"));
    }

    /// A member that resumes gets the events in which what waits was shown to it, if it has not seen that.
    pub(super) fn remember_letters(&mut self, id: MemberId) {
        let Some(member) = self.room.members.get_mut(id) else { return };
        let word = member.likeness().folded();
        if member.standing.is_owner && self.room.people.letters.has(word) {
            member.shown_letters = Some((word.to_owned(), member.taken));
        }
    }

    /// A member that was shown what waited has seen it: it waits no more, and the senders are told.
    pub(super) fn letters_are_seen(&mut self, id: MemberId) {
        let Some(member) = self.room.members.get_mut(id) else { return };
        let Some((word, _)) = member.shown_letters.take() else { return };
        let owner = self.room.people.owners.get(&word);
        let Some(reader) = owner.map(|owner| owner.name.clone()) else { return };
        let mut read: BTreeMap<Box<str>, (Millis, u64)> = BTreeMap::new();
        for (number, Letter { other, at, text, .. }) in self.room.people.letters.take(&word) {
            self.room.people.note(FactKey::Letter(number));
            if text.is_some() {
                let (last, lines) = read.entry(other).or_default();
                (*last, *lines) = (at, *lines + 1);
            }
        }
        for (sender, (last, lines)) in read {
            self.tell_sender(&reader, &sender, last, lines);
        }
    }

    /// Tells a sender that so many of its lines were read: now, or when it comes, if it is one who owns its name.
    fn tell_sender(&mut self, reader: &Name, sender: &str, at: Millis, lines: u64) {
        let Some(wanted) = Wanted::of(sender) else { return };
        let is_owned = self.room.people.owners.get(wanted.folded()).is_some();
        let here = self.room.members.find(&wanted).filter(|id| {
            !is_owned || self.room.members.get(*id).is_some_and(|it| it.standing.is_owner)
        });
        match here {
            Some(id) => {
                let has_read = NameNotice::HasRead { name: reader.as_str(), at, lines };
                self.tell(Audience::Only(id), Notice::Name(has_read));
            }
            None if is_owned => {
                let (word, other) = (wanted.folded().to_owned(), reader.as_str().into());
                self.add_letter(Letter { reader: word, other, at, text: None, lines });
            }
            None => {}
        }
    }

    /// Forgets what has ended by now.
    pub(super) fn expire_facts(&mut self) {
        self.room.people.expire(self.stamp.at);
    }
}

fn local(at: Millis) -> DateTime<Local> {
    DateTime::from_timestamp_millis(at).unwrap_or_default().with_timezone(&Local)
}

fn date(at: Millis) -> Option<NaiveDate> {
    Some(local(at).date_naive())
}
