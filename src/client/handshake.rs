//! The first words with a server: what kind it is, and by what name we are known there.
//!
//! Pure: the server's lines in, what to do with them out. A server with our banner is asked for a
//! name at once, and for `alice2`, `alice3`, … where `alice` is taken. Any other server, such as
//! the Python original, is sent nothing but what the user writes.

use unicode_segmentation::UnicodeSegmentation;

use crate::protocol::name::{MAX_CHARACTERS, Name};
use crate::protocol::reply::{self, Refusal};

/// The last number that is put after a name that is taken. Somebody who is here nine times does
/// not mind being a guest.
const LAST_NUMBER: usize = 9;

/// What kind of server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    /// It has our banner.
    Ours,
    /// It does not, so it knows neither names nor commands.
    Foreign,
}

/// The first words, as far as they have come.
#[derive(Debug)]
pub(super) struct Handshake {
    /// The name that the user wants, if there is one.
    wanted: Option<Name>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Nothing has come.
    Banner,
    /// This name was asked for, as the attempt of that number.
    Asking(Name, usize),
    /// Nothing has come for too long; our own server may still be late.
    Silence,
    /// No more words.
    Done(Server),
}

/// How far the first words have come, for those who wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It is not clear what kind of server it is.
    Nowhere,
    /// It is ours, but our name is not settled.
    Asking,
    /// Everything is settled.
    Done(Server),
}

/// What to do with one line of the server's.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reaction {
    /// Show it to the user.
    Show,
    /// Show it, and ask for this name.
    ShowAndAsk(Name),
    /// It is of no interest to the user: the name was taken. Ask for this one.
    Ask(Name),
}

impl Handshake {
    pub(super) fn new(wanted: Option<Name>) -> Handshake {
        Handshake { wanted, stage: Stage::Banner }
    }

    /// Takes the server's next line.
    pub(super) fn receive(&mut self, line: &str) -> Reaction {
        match &self.stage {
            Stage::Banner | Stage::Silence if !reply::is_banner(line) => {
                self.settle(Server::Foreign)
            }
            // It has settled our name by now, and a command is sent only to a server in time.
            Stage::Silence => self.settle(Server::Ours),
            Stage::Banner => match self.wanted.clone() {
                None => self.settle(Server::Ours),
                Some(name) => {
                    self.stage = Stage::Asking(name.clone(), 1);
                    Reaction::ShowAndAsk(name)
                }
            },
            Stage::Asking(name, _) if reply::your_name(line) == Some(name.as_str()) => {
                self.settle(Server::Ours)
            }
            Stage::Asking(name, attempt) if line == Refusal::NameTaken(name).to_string() => {
                self.ask_again(attempt + 1)
            }
            Stage::Asking(..) if line.starts_with("!! /nick: ") => self.settle(Server::Ours),
            Stage::Asking(..) | Stage::Done(_) => Reaction::Show,
        }
    }

    /// Goes no further, because the server has been silent for too long.
    pub(super) fn give_up(&mut self) {
        self.stage = match self.server() {
            None => Stage::Silence,
            Some(server) => Stage::Done(server),
        };
    }

    /// Whether the next line is the first one.
    pub(super) fn expects_banner(&self) -> bool {
        matches!(self.stage, Stage::Banner | Stage::Silence)
    }

    pub(super) fn progress(&self) -> Progress {
        match self.stage {
            Stage::Banner => Progress::Nowhere,
            Stage::Asking(..) => Progress::Asking,
            Stage::Silence => Progress::Done(Server::Foreign),
            Stage::Done(server) => Progress::Done(server),
        }
    }

    /// What kind of server it is, once that is clear.
    pub(super) fn server(&self) -> Option<Server> {
        match self.progress() {
            Progress::Nowhere => None,
            Progress::Asking => Some(Server::Ours),
            Progress::Done(server) => Some(server),
        }
    }

    fn settle(&mut self, server: Server) -> Reaction {
        self.stage = Stage::Done(server);
        Reaction::Show
    }

    fn ask_again(&mut self, attempt: usize) -> Reaction {
        let next = self.wanted.as_ref().filter(|_| attempt <= LAST_NUMBER);
        match next.and_then(|name| numbered(name, attempt)) {
            None => self.settle(Server::Ours),
            Some(name) => {
                self.stage = Stage::Asking(name.clone(), attempt);
                Reaction::Ask(name)
            }
        }
    }
}

/// The name with the number after it, and without its end if it would be too long.
fn numbered(name: &Name, number: usize) -> Option<Name> {
    let number = number.to_string();
    let kept = name.as_str().graphemes(true).take(MAX_CHARACTERS - number.len());
    Name::parse(&(kept.collect::<String>() + &number)).ok()
}

/// The name that the user has on this machine, without the characters that a name cannot have;
/// `None` if nothing is left of it.
#[must_use]
pub fn login_name() -> Option<Name> {
    let variables = ["USER", "LOGNAME", "USERNAME"];
    variables.into_iter().filter_map(std::env::var_os).find_map(|name| fit(&name.to_string_lossy()))
}

fn fit(text: &str) -> Option<Name> {
    let mut kept = String::new();
    for grapheme in text.graphemes(true) {
        let longer = format!("{kept}{grapheme}");
        // A beginning that is a reserved word may go on, so what is asked is each character alone.
        let follows = Name::parse(&format!("a{grapheme}")).is_ok();
        let begins = !kept.is_empty() || Name::parse(grapheme).is_ok();
        if follows && begins && longer.graphemes(true).count() <= MAX_CHARACTERS {
            kept = longer;
        }
    }
    Name::parse(&kept).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANNER: &str = "-- chatroom 1: welcome (/help for the commands)";

    fn name(text: &str) -> Name {
        Name::parse(text).expect("a good name")
    }

    /// The conversation, line by line: what is shown stands as it is, what is hidden in brackets,
    /// and what is asked for after an arrow.
    fn play(wanted: Option<&str>, lines: &[&str]) -> (Vec<String>, Handshake) {
        let mut handshake = Handshake::new(wanted.map(name));
        let play_line = |line: &&str| match handshake.receive(line) {
            Reaction::Show => line.to_string(),
            Reaction::ShowAndAsk(name) => format!("{line} -> {name}"),
            Reaction::Ask(name) => format!("({line}) -> {name}"),
        };
        (lines.iter().map(play_line).collect(), handshake)
    }

    #[test]
    fn a_name_is_asked_for_until_one_is_free() {
        let (played, handshake) = play(
            Some("alice"),
            &[
                BANNER,
                "-- you are guest1, with 2 others here",
                "<bob> hi",
                "!! /nick: the name alice is taken",
                "!! /nick: the name alice2 is taken",
                "-- you are now alice3",
                "!! /nick: the name alice3 is taken",
            ],
        );
        let expected = [
            &format!("{BANNER} -> alice"),
            "-- you are guest1, with 2 others here",
            "<bob> hi",
            "(!! /nick: the name alice is taken) -> alice2",
            "(!! /nick: the name alice2 is taken) -> alice3",
            "-- you are now alice3",
            "!! /nick: the name alice3 is taken",
        ];
        assert_eq!(played, expected);
        assert!(handshake.progress() == Progress::Done(Server::Ours));
    }

    #[test]
    fn a_name_that_is_free_is_settled_at_once() {
        let (_, handshake) = play(Some("alice"), &[BANNER]);
        assert_eq!(handshake.progress(), Progress::Asking);
        let (_, handshake) = play(Some("alice"), &[BANNER, "-- you are alice, alone here"]);
        assert_eq!(handshake.progress(), Progress::Done(Server::Ours));
    }

    #[test]
    fn the_ninth_refusal_is_shown_and_ends_the_asking() {
        let refusals: Vec<String> = (1..=9)
            .map(|number| if number == 1 { "bob".to_owned() } else { format!("bob{number}") })
            .map(|name| format!("!! /nick: the name {name} is taken"))
            .collect();
        let lines: Vec<&str> =
            [BANNER].into_iter().chain(refusals.iter().map(String::as_str)).collect();
        let (played, handshake) = play(Some("bob"), &lines);
        assert_eq!(played[8], "(!! /nick: the name bob8 is taken) -> bob9");
        assert_eq!(played[9], "!! /nick: the name bob9 is taken");
        assert_eq!(handshake.progress(), Progress::Done(Server::Ours));
    }

    #[test]
    fn a_name_that_the_server_does_not_like_is_shown_and_ends_the_asking() {
        let refusal = "!! /nick: a name is no longer than 8 characters";
        let (played, handshake) = play(Some("alice"), &[BANNER, refusal]);
        assert_eq!(played[1], refusal);
        assert_eq!(handshake.progress(), Progress::Done(Server::Ours));
    }

    #[test]
    fn without_a_name_nothing_is_asked() {
        let (played, handshake) = play(None, &[BANNER, "-- you are guest1, alone here"]);
        assert_eq!(played[0], BANNER);
        assert_eq!(handshake.server(), Some(Server::Ours));
    }

    #[test]
    fn a_foreign_server_is_asked_nothing() {
        for first in ["Welcome to chatroom", "", "-- chatroom 2: welcome", "!! the room is full"] {
            let (played, handshake) = play(Some("alice"), &[first, BANNER]);
            assert_eq!(played, [first, BANNER]);
            assert_eq!(handshake.server(), Some(Server::Foreign));
        }
    }

    #[test]
    fn silence_before_the_banner_means_a_foreign_server_and_after_it_nothing() {
        let mut handshake = Handshake::new(Some(name("alice")));
        handshake.give_up();
        assert_eq!(handshake.server(), Some(Server::Foreign));
        assert!(handshake.expects_banner());
        // Late, but ours all the same. It is asked for no name any more.
        assert_eq!(handshake.receive(BANNER), Reaction::Show);
        assert_eq!(handshake.server(), Some(Server::Ours));
        let mut handshake = Handshake::new(Some(name("alice")));
        handshake.give_up();
        assert_eq!(handshake.receive("Welcome to chatroom"), Reaction::Show);
        assert_eq!(handshake.receive(BANNER), Reaction::Show);
        assert_eq!(handshake.server(), Some(Server::Foreign));
        let (_, mut handshake) = play(Some("alice"), &[BANNER]);
        handshake.give_up();
        assert!(handshake.progress() == Progress::Done(Server::Ours));
    }

    #[test]
    fn a_login_name_becomes_a_name_by_leaving_characters_out() {
        let cases = [
            ("alice", Some("alice")),
            ("Alice Smith", Some("AliceSmith")),
            ("-alice", Some("alice")),
            ("..a-b.c_", Some("a-b.c_")),
            ("DOMAIN\\alice", Some("DOMAINalice")),
            ("josé", Some("josé")),
            ("yours", Some("yours")),
            ("you", None),
            ("$$$", None),
            ("", None),
            ("abcdefghijklmnopqrstuvwxyz", Some("abcdefghijklmnopqrstuvwx")),
        ];
        for (login, expected) in cases {
            assert_eq!(fit(login), expected.map(name), "{login}");
        }
    }

    #[test]
    fn a_numbered_name_is_no_longer_than_a_name_may_be() {
        assert_eq!(numbered(&name("alice"), 2), Some(name("alice2")));
        let long = name(&"a".repeat(MAX_CHARACTERS));
        assert_eq!(numbered(&long, 2), Some(name(&("a".repeat(MAX_CHARACTERS - 1) + "2"))));
    }
}
