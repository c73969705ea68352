//! What lines tell of the members: who is here, who is called what now, and whom `/r` answers. Pure.

use super::Conversation;
use super::mention::Mention;
use crate::protocol::reply::{Message, ReadNotice, ReadSpeech, ServerLine};

impl Conversation {
    /// Takes over what a line tells of the members. Whoever is not seen to speak is not the last
    /// who spoke.
    pub(in crate::client) fn learn(&mut self, line: ServerLine<'_>, visible: bool) {
        match line.message() {
            Some(Message::Speech(speech)) if visible => self.learn_of_speech(speech),
            Some(Message::Speech(speech)) => self.learn_of_hidden_speech(speech),
            Some(Message::Notice(notice)) => self.learn_of_notice(notice),
            // A member who spoke earlier may be gone.
            Some(Message::Refusal(_) | Message::Plain) | None => {}
        }
    }

    fn learn_of_speech(&mut self, speech: ReadSpeech<'_>) {
        match speech {
            ReadSpeech::Said(name, _) | ReadSpeech::Done(name, _) => self.roster.spoke(name),
            ReadSpeech::ToYou(name, _) => {
                self.roster.spoke(name);
                self.correspondent.heard_from(name);
            }
            ReadSpeech::FromYou(name, _) => {
                self.roster.is_here(name);
                self.correspondent.wrote_to(name);
            }
        }
    }

    fn learn_of_hidden_speech(&mut self, speech: ReadSpeech<'_>) {
        match speech {
            ReadSpeech::Said(name, _) | ReadSpeech::Done(name, _) | ReadSpeech::ToYou(name, _) => {
                self.roster.is_here(name);
            }
            // Our own lines are never hidden.
            ReadSpeech::FromYou(..) => {}
        }
    }

    fn learn_of_notice(&mut self, notice: ReadNotice<'_>) {
        self.roster.learn(notice);
        match notice {
            ReadNotice::YouAre(name) | ReadNotice::YouAreNow(name) => {
                self.mention = Some(Mention::of(name));
            }
            ReadNotice::IsNow { old, new } => {
                self.ignored.rename(old, new);
                self.correspondent.rename(old, new);
            }
            _ => {}
        }
    }
}
