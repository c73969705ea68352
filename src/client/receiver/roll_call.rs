//! Asking our own server who is here, to know the names before their members speak. Pure.
//!
//! The answer to a question comes after all that a lost connection still had to bring. So the same
//! question also tells when that is over, and until then the user's lines wait if they have to.

use crate::client::output::Reader;
use crate::client::session::Line;
use crate::protocol::reply::{ReadNotice, who_goes_on};

/// How far asking is, and what for.
#[derive(Debug)]
pub(super) struct RollCall {
    /// How far it is.
    stage: Stage,
    /// What it is for.
    purpose: Purpose,
    /// Who reads: a program needs no names.
    reader: Reader,
}

/// How far asking is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The server is to be asked.
    ToBeMade,
    /// It was asked.
    Asked,
    /// A part of the answer has come.
    Answering,
    /// All names have come; what may follow at once is on whose connections others can read along.
    Answered,
    /// A part of that has come.
    Following,
    /// All of it has come, or there is nothing to ask.
    Done,
}

/// What the answer is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To know the names.
    Names,
    /// To know that what was missed has come: the user's lines wait for that.
    CatchingUp,
}

impl RollCall {
    pub(super) fn new(reader: Reader) -> RollCall {
        RollCall { stage: first(reader), purpose: Purpose::Names, reader }
    }

    /// Called when there is another connection. If it is another session's too, the names are asked for
    /// anew.
    pub(super) fn begin_again(&mut self, is_new_session: bool) {
        self.purpose = Purpose::Names;
        self.stage = match self.stage {
            // The answer may be lost, or be of members who are here no more.
            Stage::Asked | Stage::Answering => Stage::ToBeMade,
            _ if is_new_session => first(self.reader),
            Stage::Answered | Stage::Following => Stage::Done,
            stage @ (Stage::ToBeMade | Stage::Done) => stage,
        };
    }

    /// Called when another session has begun over the same connection.
    pub(super) fn on_new_session(&mut self) {
        self.stage = first(self.reader);
    }

    /// Called when members came or went without being named.
    pub(super) fn on_unnamed_members(&mut self) {
        if self.knows_names() {
            self.stage = first(self.reader);
        }
    }

    /// Has the server asked, to know when what was missed has come.
    pub(super) fn ask_for_what_was_missed(&mut self, lines_wait: bool) {
        self.stage = Stage::ToBeMade;
        if lines_wait {
            self.purpose = Purpose::CatchingUp;
        }
    }

    /// Whether the server is to be asked.
    pub(super) fn is_to_be_made(&self) -> bool {
        self.stage == Stage::ToBeMade
    }

    /// Called when the server was asked.
    pub(super) fn mark_asked(&mut self) {
        self.stage = Stage::Asked;
    }

    /// Takes a line, and says whether it belongs to the answer.
    pub(super) fn take(&mut self, line: &Line<'_>) -> bool {
        let goes_on = who_goes_on(&line.text);
        let next = match (self.stage, line.says.notice()) {
            (Stage::Asked, Some(ReadNotice::Here(_))) | (Stage::Answering, _) => {
                if goes_on {
                    Stage::Answering
                } else {
                    Stage::Answered
                }
            }
            (Stage::Answered, Some(ReadNotice::NotEncrypted | ReadNotice::From))
            | (Stage::Following, _) => {
                if goes_on {
                    Stage::Following
                } else {
                    Stage::Answered
                }
            }
            (Stage::Answered, _) => {
                self.stage = Stage::Done;
                return false;
            }
            (Stage::ToBeMade | Stage::Asked | Stage::Done, _) => return false,
        };
        self.stage = next;
        true
    }

    /// Whether all names have come that were asked for.
    fn knows_names(&self) -> bool {
        matches!(self.stage, Stage::Answered | Stage::Following | Stage::Done)
    }

    /// Called when what has come is shown. Whether that is all that was missed, and lines wait for it.
    pub(super) fn has_caught_up(&mut self) -> bool {
        let has = self.purpose == Purpose::CatchingUp && self.knows_names();
        if has {
            self.purpose = Purpose::Names;
        }
        has
    }
}

fn first(reader: Reader) -> Stage {
    match reader {
        Reader::Person => Stage::ToBeMade,
        Reader::Program => Stage::Done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::handshake::Server;

    impl RollCall {
        fn takes(&mut self, line: &str) -> bool {
            self.take(&Line::from(Server::Ours, line))
        }
    }

    #[test]
    fn only_an_answer_that_was_asked_for_is_kept_from_the_user() {
        let mut call = RollCall::new(Reader::Person);
        assert!(call.is_to_be_made() && !call.takes("-- 1 here: alice"));
        call.mark_asked();
        let lines = ["<bob> 3 here: x", "-- 3 here: alice, bob,", "-- carol", "-- 1 here: alice"];
        assert_eq!(lines.map(|line| call.takes(line)), [false, true, true, false]);
        call.on_unnamed_members();
        assert!(call.is_to_be_made());
        call.mark_asked();
        call.begin_again(false);
        assert!(call.is_to_be_made(), "the answer may be lost");
    }

    #[test]
    fn whose_connections_can_be_read_along_belongs_to_the_answer() {
        let mut call = RollCall::new(Reader::Person);
        call.mark_asked();
        let lines = [
            "-- 3 here: alice, bob, carol",
            "-- not encrypted: alice,",
            "-- bob",
            "-- from: alice 192.0.2.7",
            "<bob> hi",
            "-- not encrypted: everyone",
        ];
        let taken = lines.map(|line| call.takes(line));
        assert_eq!(taken, [true, true, true, true, false, false]);
        call.on_new_session();
        call.mark_asked();
        let lines = ["-- 1 here: alice", "<alice> hi", "-- not encrypted: everyone"];
        assert_eq!(lines.map(|line| call.takes(line)), [true, false, false]);
    }

    #[test]
    fn marks_around_names_do_not_end_the_answer() {
        let mut call = RollCall::new(Reader::Person);
        call.mark_asked();
        let lines = ["-- 3 here: @alice*, bob*,", "-- @carol* (away)", "-- bob left"];
        assert_eq!(lines.map(|line| call.takes(line)), [true, true, false]);
    }

    #[test]
    fn a_program_asks_only_when_it_was_away() {
        let mut call = RollCall::new(Reader::Program);
        call.on_unnamed_members();
        call.begin_again(true);
        call.on_new_session();
        assert!(!call.is_to_be_made());
        call.ask_for_what_was_missed(false);
        assert!(call.is_to_be_made() && !call.has_caught_up());
    }

    #[test]
    fn lines_wait_until_the_whole_answer_is_shown() {
        let mut call = RollCall::new(Reader::Person);
        call.ask_for_what_was_missed(true);
        call.mark_asked();
        assert!(!call.has_caught_up());
        assert!(call.takes("-- 2 here: alice,") && !call.has_caught_up());
        assert!(call.takes("-- bob") && call.has_caught_up());
        assert!(!call.has_caught_up(), "it is told once");
    }
}
