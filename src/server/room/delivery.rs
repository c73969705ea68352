//! Private lines for owners of names who are not here: they wait, and are delivered when their readers come. Pure.
//!
//! What waits becomes an event for its reader alone, so a reader that resumes is not without it.

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
        self.add_letter(Letter { reader, other, at, text: Some(text.into()) });
        // The receipt, for a sender that gets one.
        self.push(Envelope { audience: Audience::Nobody, ..self.said(by) }, "");
        let to_author = Envelope::new(Audience::Only(by.member), Kind::Said);
        self.push(to_author, Speech::FromYou(to, text));
        self.room.throughput.add(Said::of(text), at);
        if of_sender == 0 {
            let waits = NameNotice::Waits { name, time: LETTER_TIME };
            self.tell(Audience::Only(by.member), Notice::Name(waits));
        }
        Outcome::Done
    }

    fn add_letter(&mut self, letter: Letter) {
        let id = self.room.people.letters.add(letter);
        self.room.people.note(FactKey::Letter(id));
    }

    /// Gives a member what waits for the owner of its name, if it is that, and tells the senders.
    pub(super) fn deliver(&mut self, id: MemberId) {
        let Some(member) = self.room.members.get(id) else { return };
        let (reader, is_owner) = (member.name().clone(), member.standing.is_owner);
        let word = member.likeness().folded().to_owned();
        if !is_owner || self.room.is_closed || !self.room.people.letters.has(&word) {
            return;
        }
        self.expire_facts();
        let letters = self.room.people.letters.take(&word);
        let lines = letters.iter().filter(|(_, letter)| letter.text.is_some()).count() as u64;
        if lines > 0 {
            let notice = Notice::Name(NameNotice::PrivateLines(lines));
            self.tell(Audience::Only(id), notice);
        }
        let mut day = date(self.stamp.at);
        for (number, letter) in letters {
            self.room.people.note(FactKey::Letter(number));
            self.deliver_one(id, &reader, &letter, &mut day);
        }
        if lines > 0 {
            self.tell(Audience::Only(id), Notice::UpToDate);
        }
    }

    /// Shows a reader one line as those that are shown again are, with its time, and on the first of a day the day.
    fn deliver_one(
        &mut self,
        id: MemberId,
        reader: &Name,
        letter: &Letter,
        day: &mut Option<NaiveDate>,
    ) {
        let Letter { other, at, text, .. } = letter;
        let Some(text) = text else {
            let has_read = NameNotice::HasRead { name: other, at: *at };
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
        self.tell_sender(reader, other, *at);
    }

    /// Tells a sender that its line was read: now, or when it comes, if it is one who owns its name.
    fn tell_sender(&mut self, reader: &Name, sender: &str, at: Millis) {
        let Some(wanted) = Wanted::of(sender) else { return };
        let is_owned = self.room.people.owners.get(wanted.folded()).is_some();
        let here = self.room.members.find(&wanted).filter(|id| {
            !is_owned || self.room.members.get(*id).is_some_and(|it| it.standing.is_owner)
        });
        match here {
            Some(id) => {
                let has_read = NameNotice::HasRead { name: reader.as_str(), at };
                self.tell(Audience::Only(id), Notice::Name(has_read));
            }
            None if is_owned => {
                let (word, other) = (wanted.folded().to_owned(), reader.as_str().into());
                self.add_letter(Letter { reader: word, other, at, text: None });
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
