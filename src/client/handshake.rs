//! The first words with a server: what kind it is, whether it still knows us, and by what name.
//!
//! Pure: the server's lines in, what to do with them out. A server with our banner is asked for the
//! tagged form, and to take up the session that we had, or else for a name at once, and for
//! `alice2`, `alice3`, … where `alice` is taken. Any other server, such as the Python original, is
//! sent nothing but what the user writes.

use unicode_segmentation::UnicodeSegmentation;

use super::door::Door;
use crate::protocol::name::{MAX_CHARACTERS, Name};
use crate::protocol::reply::{ReadRefusal, ServerLine};
use crate::protocol::request::Command;
use crate::protocol::tag::{Format, Seq, Token};

pub(super) use reaction::{Interest, Reaction, Turn};

mod reaction;

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

/// What the server needs to know us again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    /// What it has given us.
    pub(super) token: Token,
    /// The last event that has come.
    pub(super) seen: Seq,
}

/// What becomes of the session of the connection before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Former {
    /// There was none.
    None,
    /// It is to go on, with this.
    GoesOn(Ticket),
    /// It is over: the server is not known to be the same, so it must not see the token.
    Barred,
}

/// The first words, as far as they have come.
#[derive(Debug)]
pub(super) struct Handshake {
    /// The name that the user wants, if there is one.
    wanted: Option<Name>,
    /// The name that we had on the connection before, if it is another one that can be asked for. It is
    /// asked for first, or two who come back at a time could swap their names.
    had: Option<Name>,
    /// With what to take up the session that we had, if we had one.
    ticket: Option<Ticket>,
    /// The session that we had cannot go on over this connection, whatever the server says.
    is_barred: bool,
    /// How far it is.
    stage: Stage,
    /// The server was asked to take up our session although it has no place.
    has_knocked: bool,
    /// The server has given us another name than the one that we ask for.
    is_guest: bool,
    /// What the server asks for before it lets us in.
    pub(super) door: Door,
}

#[derive(Debug)]
enum Stage {
    /// Nothing has come.
    Banner,
    /// The server was asked to take up our session.
    Resuming,
    /// This name was asked for, as the attempt of that number; 0 is the name that we had.
    Asking(Name, usize),
    /// The server is about to give us a name.
    Unnamed,
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
    /// It is ours, as far as we know, but it has not said whether it knows us. What was sent must not
    /// be sent again before that, however long it takes.
    Resuming,
    /// It is ours, but our name is not settled.
    Asking,
    /// It is ours, but it lets us in only for a password or a code, however long the user takes for that.
    AtDoor,
    /// Everything is settled.
    Done(Server),
}

impl Handshake {
    pub(super) fn new(wanted: Option<Name>, ticket: Option<Ticket>) -> Handshake {
        Handshake {
            wanted,
            had: None,
            ticket,
            is_barred: false,
            stage: Stage::Banner,
            has_knocked: false,
            is_guest: false,
            door: Door::default(),
        }
    }

    /// The first words over another connection, of one who was called so.
    pub(super) fn again(wanted: Option<Name>, called: Option<&str>, session: Former) -> Handshake {
        let had = called.and_then(|name| Name::parse(name).ok());
        // The server alone gives those of guests.
        let had = had.filter(|had| !had.likeness().is_guests() && Some(had) != wanted.as_ref());
        let (ticket, is_barred) = match session {
            Former::None => (None, false),
            Former::GoesOn(ticket) => (Some(ticket), false),
            Former::Barred => (None, true),
        };
        Handshake { had, is_barred, ..Handshake::new(wanted, ticket) }
    }

    /// Takes the server's next line, which came in this form.
    pub(super) fn receive(&mut self, line: ServerLine<'_>, format: Format) -> Reaction {
        if let Stage::Asking(..) | Stage::Unnamed = self.stage
            && let Some(reaction) = self.door.hear(line)
        {
            return reaction;
        }
        match (&self.stage, line) {
            (Stage::Resuming, ServerLine::Resumed(lines)) => {
                self.stage = Stage::Done(Server::Ours);
                Reaction { interest: Interest::Hidden, asks: vec![], turn: Turn::Resumed(lines) }
            }
            (Stage::Asking(name, _), ServerLine::Nick(nick)) if nick == name.as_str() => {
                self.settle(Server::Ours)
            }
            (Stage::Asking(..), ServerLine::Nick(_)) => {
                self.is_guest = true;
                Reaction::of(Interest::Shown)
            }
            (Stage::Unnamed, ServerLine::Nick(_)) => self.settle(Server::Ours),
            (_, fact) if fact.is_fact() => Reaction::of(Interest::Shown),
            (Stage::Banner | Stage::Silence, line) => self.meet(line),
            (Stage::Resuming, line) => self.hear_whether_resumed(line, format),
            (Stage::Asking(..), line) => self.hear_whether_named(line, format),
            // In the plain form, our name may be one that we were given before the server heard from us.
            (Stage::Unnamed, line)
                if format == Format::Plain && line.refusal() == Some(ReadRefusal::Tags) =>
            {
                self.stage = Stage::Done(Server::Ours);
                Reaction::of(Interest::Hidden)
            }
            (Stage::Unnamed, line) => Reaction::of(interest_after_tags(line)),
            (Stage::Done(_), _) => Reaction::of(Interest::Shown),
        }
    }

    /// Goes no further, because the server has been silent for too long.
    pub(super) fn give_up(&mut self) {
        self.stage = match self.server() {
            None => Stage::Silence,
            Some(server) => Stage::Done(server),
        };
    }

    /// The server has no place for one who comes anew. What to send it all the same, once: our own lost
    /// connection may still have one.
    pub(super) fn knock(&mut self) -> Option<[String; 2]> {
        let ticket = self.ticket.filter(|_| matches!(self.stage, Stage::Banner))?;
        let is_first = !std::mem::replace(&mut self.has_knocked, true);
        is_first.then(|| asks_to_resume(ticket))
    }

    /// Whether nothing has come, and nothing was sent for want of it.
    pub(super) fn awaits_first_line(&self) -> bool {
        matches!(self.stage, Stage::Banner)
    }

    /// Whether the next line is the first one.
    pub(super) fn expects_banner(&self) -> bool {
        matches!(self.stage, Stage::Banner | Stage::Silence)
    }

    pub(super) fn progress(&self) -> Progress {
        match self.stage {
            // Ours was there before, so its banner is late, and not missing.
            Stage::Banner if self.had_session() => Progress::Resuming,
            Stage::Banner => Progress::Nowhere,
            Stage::Resuming => Progress::Resuming,
            Stage::Asking(..) | Stage::Unnamed if self.door.is_shut() => Progress::AtDoor,
            Stage::Asking(..) | Stage::Unnamed => Progress::Asking,
            Stage::Silence => Progress::Done(Server::Foreign),
            Stage::Done(server) => Progress::Done(server),
        }
    }

    /// What kind of server it is, once that is clear.
    pub(super) fn server(&self) -> Option<Server> {
        match self.progress() {
            Progress::Nowhere => None,
            Progress::Resuming | Progress::Asking | Progress::AtDoor => Some(Server::Ours),
            Progress::Done(server) => Some(server),
        }
    }

    fn had_session(&self) -> bool {
        self.ticket.is_some() || self.is_barred
    }

    /// The first line has come.
    fn meet(&mut self, line: ServerLine<'_>) -> Reaction {
        let turn = if self.had_session() { Turn::Anew } else { Turn::None };
        if !line.is_our_banner() {
            return Reaction { turn, ..self.settle(Server::Foreign) };
        }
        if matches!(self.stage, Stage::Silence) {
            // It has settled our name by now, and a command is sent only to a server in time.
            return Reaction { turn, ..self.settle(Server::Ours) };
        }
        let Some(ticket) = self.ticket else {
            let tags = Command::Tags.word().to_owned();
            let asks = [tags].into_iter().chain(self.ask_for_name()).collect();
            return Reaction { interest: Interest::Shown, asks, turn };
        };
        self.stage = Stage::Resuming;
        let asks = if self.has_knocked { vec![] } else { asks_to_resume(ticket).into() };
        Reaction { interest: Interest::Hidden, asks, turn: Turn::None }
    }

    /// A server that gives us a name after it has heard of the tagged form has not taken up our
    /// session, whatever it says. One that is far away has made us a guest before it heard from us;
    /// what it tells the guest, it tells us again when it knows us.
    fn hear_whether_resumed(&mut self, line: ServerLine<'_>, format: Format) -> Reaction {
        let is_named = format == Format::Tagged && line.your_name().is_some();
        if line.refusal() == Some(ReadRefusal::Resume) || is_named {
            let asks = self.ask_for_name().into_iter().collect();
            return Reaction { interest: interest_after_tags(line), asks, turn: Turn::Anew };
        }
        match format {
            Format::Plain => Reaction::of(Interest::Hidden),
            Format::Tagged => Reaction::of(interest_after_tags(line)),
        }
    }

    fn hear_whether_named(&mut self, line: ServerLine<'_>, format: Format) -> Reaction {
        let Stage::Asking(name, attempt) = &self.stage else {
            return Reaction::of(Interest::Shown);
        };
        match line.refusal() {
            Some(ReadRefusal::NameTaken(taken)) if taken == name.as_str() => {
                self.ask_again(attempt + 1, format)
            }
            Some(ReadRefusal::NameTaken(_) | ReadRefusal::Name) => self.be_given_a_name(format),
            _ if format == Format::Plain && line.your_name() == Some(name.as_str()) => {
                self.settle(Server::Ours)
            }
            _ => Reaction::of(interest_after_tags(line)),
        }
    }

    fn ask_for_name(&mut self) -> Option<String> {
        let first = self.had.clone().map(|had| (had, 0));
        let Some((name, attempt)) = first.or_else(|| Some((self.wanted.clone()?, 1))) else {
            self.stage = Stage::Unnamed;
            return None;
        };
        let ask = format!("{} {name}", Command::Nick.word());
        self.stage = Stage::Asking(name, attempt);
        Some(ask)
    }

    fn settle(&mut self, server: Server) -> Reaction {
        self.stage = Stage::Done(server);
        Reaction::of(Interest::Shown)
    }

    /// We ask no more. In the tagged form there may be no name yet, and one comes.
    fn be_given_a_name(&mut self, format: Format) -> Reaction {
        self.stage = match format {
            Format::Tagged if !self.is_guest => Stage::Unnamed,
            Format::Plain | Format::Tagged => Stage::Done(Server::Ours),
        };
        Reaction::of(Interest::Shown)
    }

    fn ask_again(&mut self, attempt: usize, format: Format) -> Reaction {
        let next = self.wanted.as_ref().filter(|_| attempt <= LAST_NUMBER);
        match next.and_then(|name| numbered(name, attempt)) {
            None => self.be_given_a_name(format),
            Some(name) => {
                let asks = vec![format!("{} {name}", Command::Nick.word())];
                self.stage = Stage::Asking(name, attempt);
                Reaction { interest: Interest::Hidden, asks, turn: Turn::None }
            }
        }
    }
}

fn asks_to_resume(Ticket { token, seen }: Ticket) -> [String; 2] {
    [Command::Tags.word().to_owned(), format!("{} {token} {seen}", Command::Resume.word())]
}

/// That the server refuses what we asked for in passing is not the user's business.
fn interest_after_tags(line: ServerLine<'_>) -> Interest {
    match line.refusal() {
        Some(ReadRefusal::Tags | ReadRefusal::Resume) => Interest::Hidden,
        _ => Interest::Shown,
    }
}

/// The name with the number after it, if that is not 1, and without its end if it would be too long.
fn numbered(name: &Name, number: usize) -> Option<Name> {
    if number == 1 {
        return Some(name.clone());
    }
    let number = number.to_string();
    let kept = name.as_str().graphemes(true).take(MAX_CHARACTERS - number.len());
    Name::parse(&(kept.collect::<String>() + &number)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::door::Secret;
    use crate::protocol::reply::{self, Refusal};

    const BANNER: &str = "-- chatroom 1: welcome (/help for the commands)";

    fn name(text: &str) -> Name {
        Name::parse(text).expect("a good name")
    }

    const TOKEN: &str = "000102030405060708090a0b0c0d0e0f";

    fn ticket() -> Option<Ticket> {
        Some(Ticket { token: Token::parse(TOKEN).expect("a token"), seen: 17 })
    }

    impl Handshake {
        fn receives_tagged(&mut self, body: &str) -> Reaction {
            let line = format!("@- 1 {body}");
            let (_, _, line) = ServerLine::parse_tagged(&line).expect("it has a tag");
            self.receive(line, Format::Tagged)
        }
    }

    /// The conversation, line by line: what is shown stands as it is, what is hidden in brackets,
    /// what is asked for after an arrow, and what becomes of the session behind it.
    fn play(
        wanted: Option<&str>,
        ticket: Option<Ticket>,
        lines: &[&str],
    ) -> (Vec<String>, Handshake) {
        let mut handshake = Handshake::new(wanted.map(name), ticket);
        let mut played = Vec::new();
        for line in lines {
            let Reaction { interest, asks, turn } = match line.strip_prefix("@ ") {
                Some(body) => handshake.receives_tagged(body),
                None => handshake.receive(reply::parse(line), Format::Plain),
            };
            let mut told = match interest {
                Interest::Shown => line.to_string(),
                Interest::Hidden => format!("({line})"),
            };
            told += &asks.iter().map(|ask| format!(" -> {ask}")).collect::<String>();
            told += match turn {
                Turn::None => "",
                Turn::Resumed(_) => " resumed",
                Turn::Anew => " anew",
                Turn::Asked(_) => " asked",
                Turn::LetIn => " in",
            };
            played.push(told);
        }
        (played, handshake)
    }

    /// Plays what stands between line ends, and compares it with what is expected to become of it.
    #[track_caller]
    fn plays(wanted: Option<&str>, ticket: Option<Ticket>, lines: &[(&str, &str)]) -> Handshake {
        let (said, expected): (Vec<_>, Vec<_>) = lines.iter().copied().unzip();
        let (played, handshake) = play(wanted, ticket, &said);
        let expected: Vec<_> =
            expected.iter().zip(said).map(|(expected, line)| expected.replace('…', line)).collect();
        assert_eq!(played, expected);
        handshake
    }

    #[test]
    fn a_name_that_is_somebodys_own_is_as_good_as_taken() {
        let owned = |name| {
            format!("@ !! {name} belongs to somebody else; if it is yours: /login {name} PASSWORD")
        };
        let (alice, alice2) = (owned("alice"), owned("alice2"));
        plays(
            Some("alice"),
            None,
            &[
                (BANNER, "… -> /tags -> /nick alice"),
                (&alice, "(…) -> /nick alice2"),
                (&alice2, "(…) -> /nick alice3"),
                ("@ = nick alice3", "…"),
                (&alice, "…"),
            ],
        );
    }

    #[test]
    fn a_name_is_asked_for_until_one_is_free() {
        let handshake = plays(
            Some("alice"),
            None,
            &[
                (BANNER, "… -> /tags -> /nick alice"),
                ("@ !! /nick: the name alice is taken", "(…) -> /nick alice2"),
                ("@ !! /nick: the name alice2 is taken", "(…) -> /nick alice3"),
                ("@ -- you are alice3, with 2 others here", "…"),
                ("@ = token 000102030405060708090a0b0c0d0e0f", "…"),
                ("@ = nick alice3", "…"),
                ("@ !! /nick: the name alice3 is taken", "…"),
            ],
        );
        assert_eq!(handshake.progress(), Progress::Done(Server::Ours));
    }

    #[test]
    fn one_who_is_a_guest_meanwhile_goes_on_asking() {
        let handshake = plays(
            Some("alice"),
            None,
            &[
                (BANNER, "… -> /tags -> /nick alice"),
                ("@ !! /nick: the name alice is taken", "(…) -> /nick alice2"),
                ("@ -- you are guest1, with 2 others here", "…"),
                ("@ = nick guest1", "…"),
                ("@ <bob> hi", "…"),
                ("@ -- you are now alice2", "…"),
            ],
        );
        assert_eq!(handshake.progress(), Progress::Asking);
    }

    #[test]
    fn a_server_with_our_banner_that_knows_no_tags_is_spoken_to_all_the_same() {
        let handshake = plays(
            Some("alice"),
            None,
            &[
                (BANNER, "… -> /tags -> /nick alice"),
                ("-- you are guest1, with 2 others here", "…"),
                ("!! /tags: that is for the first line alone", "(…)"),
                ("!! /nick: the name alice is taken", "(…) -> /nick alice2"),
                ("-- you are now alice2", "…"),
            ],
        );
        assert_eq!(handshake.progress(), Progress::Done(Server::Ours));
    }

    #[test]
    fn the_name_is_granted_once_the_server_has_let_us_in() {
        let door = "@ -- this room wants a password: /pass PASSWORD";
        let mut handshake = plays(
            Some("alice"),
            None,
            &[(BANNER, "… -> /tags -> /nick alice"), (door, "(…) asked"), (door, "(…)")],
        );
        assert_eq!(handshake.progress(), Progress::AtDoor);
        let secret = Secret::on_first_line("open sesame").expect("not blank");
        assert_eq!(handshake.door.give(secret, true).as_deref(), Some("/pass open sesame"));
        let turns = |lines: &[&str], handshake: &mut Handshake| {
            let reaction = |line: &&str| handshake.receives_tagged(line);
            lines.iter().map(reaction).collect::<Vec<_>>()
        };
        let [Reaction { turn: Turn::LetIn, .. }, Reaction { asks, .. }] = &turns(
            &["-- you may come in", "!! /nick: the name alice is taken"],
            &mut handshake,
        )[..] else {
            panic!("it is not let in");
        };
        assert_eq!(asks, &["/nick alice2"]);
        turns(&["-- you are alice2, alone here", "= nick alice2"], &mut handshake);
        assert_eq!(handshake.progress(), Progress::Done(Server::Ours));
    }

    #[test]
    fn a_session_is_taken_up_where_the_server_knows_it() {
        let resume = format!("(…) -> /tags -> /resume {TOKEN} 17");
        let handshake = plays(
            Some("alice"),
            ticket(),
            &[
                (BANNER, &resume),
                ("@ -- welcome back, alice", "…"),
                ("@ = resumed 3", "(…) resumed"),
                ("@ = nick alice", "…"),
                ("@ = resumed 5", "…"),
            ],
        );
        assert_eq!(handshake.progress(), Progress::Done(Server::Ours));
    }

    #[test]
    fn where_the_server_does_not_know_it_another_one_begins() {
        let resume = format!("(…) -> /tags -> /resume {TOKEN} 17");
        let (unknown, late) = (
            "@ !! /resume: nobody here can be resumed with that token",
            "!! /resume: that is for right after /tags, before there is a name",
        );
        let handshake = plays(
            Some("alice"),
            ticket(),
            &[(BANNER, &resume), (unknown, "(…) -> /nick alice anew"), ("@ = nick alice", "…")],
        );
        assert_eq!(handshake.progress(), Progress::Done(Server::Ours));
        let handshake = plays(
            None,
            ticket(),
            &[(BANNER, &resume), (unknown, "(…) anew"), ("@ = nick guest1", "…")],
        );
        assert_eq!(handshake.progress(), Progress::Done(Server::Ours));
        plays(
            Some("alice"),
            ticket(),
            &[
                (BANNER, &resume),
                ("@ -- you are guest1, alone here", "… -> /nick alice anew"),
                (late, "(…)"),
                ("@ -- you are now alice", "…"),
            ],
        );
        plays(Some("alice"), ticket(), &[("Welcome to chatroom", "… anew")]);
    }

    #[test]
    fn a_server_that_is_far_away_makes_us_a_guest_before_it_hears_from_us() {
        let handshake = plays(
            Some("alice"),
            None,
            &[
                (BANNER, "… -> /tags -> /nick alice"),
                ("-- you are guest1, alone here", "…"),
                ("@ = nick guest1", "…"),
                ("@ !! /nick: the name alice is taken", "(…) -> /nick alice2"),
                ("@ !! /nick: no more names today", "…"),
            ],
        );
        assert_eq!(handshake.progress(), Progress::Done(Server::Ours));
        let resume = format!("(…) -> /tags -> /resume {TOKEN} 17");
        let as_guest = [
            (BANNER, &*resume),
            ("-- you are guest1, alone here", "(…)"),
            ("| 14:05 <bob> hi", "(…)"),
            ("<bob> hi", "(…)"),
        ];
        let known = [("@ -- welcome back, alice", "…"), ("@ = resumed 3", "(…) resumed")];
        plays(Some("alice"), ticket(), &[&as_guest[..], &known].concat());
        let unknown = "!! /resume: nobody here can be resumed with that token";
        let anew = [
            (unknown, "(…) -> /nick alice anew"),
            ("@ = nick guest1", "…"),
            ("@ -- you are now alice", "…"),
            ("@ = nick alice", "…"),
        ];
        let handshake = plays(Some("alice"), ticket(), &[&as_guest[..], &anew].concat());
        assert_eq!(handshake.progress(), Progress::Done(Server::Ours));
    }

    #[test]
    fn a_server_that_does_not_say_whether_it_knows_us_is_waited_for() {
        for lines in [&[][..], &[BANNER], &[BANNER, "@ <bob> hi"]] {
            let (_, handshake) = play(Some("alice"), ticket(), lines);
            assert_eq!(handshake.progress(), Progress::Resuming, "{lines:?}");
        }
    }

    #[test]
    fn a_name_that_is_free_is_settled_at_once() {
        let (_, handshake) = play(Some("alice"), None, &[BANNER]);
        assert_eq!(handshake.progress(), Progress::Asking);
        for line in ["-- you are alice, alone here", "@ = nick alice"] {
            let (_, handshake) = play(Some("alice"), None, &[BANNER, line]);
            assert_eq!(handshake.progress(), Progress::Done(Server::Ours));
        }
    }

    #[test]
    fn the_ninth_refusal_is_shown_and_ends_the_asking() {
        for (tag, progress) in [("", Progress::Done(Server::Ours)), ("@ ", Progress::Asking)] {
            let refusals: Vec<String> = (1..=9)
                .map(|number| if number == 1 { "bob".to_owned() } else { format!("bob{number}") })
                .map(|name| format!("{tag}!! /nick: the name {name} is taken"))
                .collect();
            let lines: Vec<&str> =
                [BANNER].into_iter().chain(refusals.iter().map(String::as_str)).collect();
            let (played, handshake) = play(Some("bob"), None, &lines);
            let last = format!("({tag}!! /nick: the name bob8 is taken) -> /nick bob9");
            assert_eq!(played[8..], [last, format!("{tag}!! /nick: the name bob9 is taken")]);
            assert_eq!(handshake.progress(), progress);
        }
    }

    #[test]
    fn a_name_that_the_server_does_not_like_is_shown_and_ends_the_asking() {
        let refusal = "!! /nick: a name is no longer than 8 characters";
        let (played, handshake) = play(Some("alice"), None, &[BANNER, refusal]);
        assert_eq!(played[1], refusal);
        assert_eq!(handshake.progress(), Progress::Done(Server::Ours));
    }

    #[test]
    fn without_a_name_no_name_is_asked_for() {
        let (played, handshake) = play(None, None, &[BANNER]);
        assert_eq!(played[0], format!("{BANNER} -> /tags"));
        assert_eq!(handshake.progress(), Progress::Asking);
        let guest = "-- you are guest1, alone here";
        let (_, handshake) = play(None, None, &[BANNER, guest]);
        assert_eq!(handshake.progress(), Progress::Asking);
        for line in ["@ = nick guest1", "!! /tags: that is for the first line alone"] {
            let (_, handshake) = play(None, None, &[BANNER, guest, line]);
            assert_eq!(handshake.progress(), Progress::Done(Server::Ours));
        }
    }

    #[test]
    fn the_name_that_we_had_is_asked_for_before_the_one_that_was_wanted() {
        let asks = |called: &str, taken: &[&str]| {
            let mut handshake = Handshake::again(Some(name("alice")), Some(called), Former::None);
            let mut asks = handshake.receive(reply::parse(BANNER), Format::Plain).asks;
            for taken in taken {
                let line = Refusal::NameTaken(&name(taken)).to_string();
                asks.extend(handshake.receives_tagged(&line).asks);
            }
            asks.split_off(1)
        };
        let all = ["/nick alice2", "/nick alice", "/nick alice2", "/nick alice3"];
        assert_eq!(asks("alice2", &["alice2", "alice", "alice2"]), all);
        assert_eq!(asks("alice", &[]), ["/nick alice"]);
        assert_eq!(asks("guest3", &["alice"]), ["/nick alice", "/nick alice2"]);
    }

    #[test]
    fn a_server_that_has_no_place_is_asked_once_whether_we_have_one() {
        let mut anew = Handshake::new(Some(name("alice")), None);
        assert_eq!(anew.knock(), None);
        let mut back = Handshake::new(Some(name("alice")), ticket());
        let asks = back.knock().expect("it has been here");
        assert_eq!(asks, ["/tags".to_owned(), format!("/resume {TOKEN} 17")]);
        assert_eq!(back.knock(), None);
        assert!(back.expects_banner());
        let hidden = Reaction::of(Interest::Hidden);
        assert_eq!(back.receive(reply::parse(BANNER), Format::Plain), hidden);
        assert_eq!(back.progress(), Progress::Resuming);
        assert_eq!(back.receive(ServerLine::Resumed(3), Format::Tagged).turn, Turn::Resumed(3));
    }

    #[test]
    fn a_foreign_server_is_asked_nothing() {
        for first in ["Welcome to chatroom", "", "-- chatroom 2: welcome", "!! the room is full"] {
            let (played, handshake) = play(Some("alice"), None, &[first, BANNER]);
            assert_eq!(played, [first, BANNER]);
            assert_eq!(handshake.server(), Some(Server::Foreign));
        }
    }

    #[test]
    fn silence_before_the_banner_means_a_foreign_server_and_after_it_nothing() {
        let shown = || Reaction::of(Interest::Shown);
        let mut handshake = Handshake::new(Some(name("alice")), None);
        handshake.give_up();
        assert_eq!(handshake.server(), Some(Server::Foreign));
        assert!(handshake.expects_banner());
        // Late, but ours all the same. It is asked for nothing any more.
        assert_eq!(handshake.receive(reply::parse(BANNER), Format::Plain), shown());
        assert_eq!(handshake.server(), Some(Server::Ours));
        let mut handshake = Handshake::new(Some(name("alice")), None);
        handshake.give_up();
        assert_eq!(handshake.receive(reply::parse("Welcome to chatroom"), Format::Plain), shown());
        assert_eq!(handshake.receive(reply::parse(BANNER), Format::Plain), shown());
        assert_eq!(handshake.server(), Some(Server::Foreign));
        let (_, mut handshake) = play(Some("alice"), None, &[BANNER]);
        handshake.give_up();
        assert!(handshake.progress() == Progress::Done(Server::Ours));
    }

    #[test]
    fn a_numbered_name_is_no_longer_than_a_name_may_be() {
        assert_eq!(numbered(&name("alice"), 2), Some(name("alice2")));
        let long = name(&"a".repeat(MAX_CHARACTERS));
        assert_eq!(numbered(&long, 2), Some(name(&("a".repeat(MAX_CHARACTERS - 1) + "2"))));
    }
}
