//! Tests of the first words.

use std::sync::Arc;

use super::asking::numbered;
use super::*;
use crate::client::door::Secret;
use crate::client::identity::Identity;
use crate::protocol::name::MAX_CHARACTERS;
use crate::protocol::proof::Binding;
use crate::protocol::reply::{self, Refusal, ServerLine};
use crate::protocol::tag::Format;

const BANNER: &str = "-- chatroom 1: welcome (/help for the commands)";

fn name(text: &str) -> Name {
    Name::parse(text).expect("a good name")
}

/// Stands for a while in which no nonce has come.
const SILENCE: &str = "(silence)";

/// A nonce, as the server tells it.
fn nonce() -> String {
    format!("@ = nonce {}", Nonce::new([1; 32]))
}

fn prover() -> Prover {
    Prover { identity: Arc::new(Identity::of_seed([7; 32])), binding: Binding::new([2; 32]) }
}

/// The command that proves the key for that nonce.
fn proof() -> String {
    let Prover { identity, binding } = prover();
    identity.proof(&Nonce::new([1; 32]), &binding)
}

fn told_asks(asks: &[String]) -> String {
    asks.iter().map(|ask| format!(" -> {ask}")).collect()
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
fn play(wanted: Option<&str>, ticket: Option<Ticket>, lines: &[&str]) -> (Vec<String>, Handshake) {
    play_on(Handshake::new(wanted.map(name), ticket, None), lines)
}

fn play_on(mut handshake: Handshake, lines: &[&str]) -> (Vec<String>, Handshake) {
    let mut played = Vec::new();
    for line in lines {
        if *line == SILENCE {
            let asks = handshake.go_on_without_nonce();
            played.push(line.to_string() + &told_asks(&asks));
            continue;
        }
        let Reaction { interest, asks, turn } = match line.strip_prefix("@ ") {
            Some(body) => handshake.receives_tagged(body),
            None => handshake.receive(reply::parse(line), Format::Plain),
        };
        let mut told = match interest {
            Interest::Shown => line.to_string(),
            Interest::Hidden => format!("({line})"),
        };
        told += &told_asks(&asks);
        told += match turn {
            Turn::None => "",
            Turn::Resumed(_) => " resumed",
            Turn::Anew => " anew",
            Turn::Asked(_) => " asked",
            Turn::LetIn => " in",
            Turn::NoName => " no name",
        };
        played.push(told);
    }
    (played, handshake)
}

/// Plays what stands between line ends, and compares it with what is expected to become of it.
#[track_caller]
fn plays(wanted: Option<&str>, ticket: Option<Ticket>, lines: &[(&str, &str)]) -> Handshake {
    goes(Handshake::new(wanted.map(name), ticket, None), lines)
}

/// The same with a key.
#[track_caller]
fn proves(wanted: Option<&str>, ticket: Option<Ticket>, lines: &[(&str, &str)]) -> Handshake {
    goes(Handshake::new(wanted.map(name), ticket, Some(prover())), lines)
}

#[track_caller]
fn goes(handshake: Handshake, lines: &[(&str, &str)]) -> Handshake {
    let (said, expected): (Vec<_>, Vec<_>) = lines.iter().copied().unzip();
    let (played, handshake) = play_on(handshake, &said);
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
    let [Reaction { turn: Turn::LetIn, .. }, Reaction { asks, .. }] =
        &turns(&["-- you may come in", "!! /nick: the name alice is taken"], &mut handshake)[..]
    else {
        panic!("it is not let in");
    };
    assert_eq!(asks, &["/nick alice2"]);
    turns(&["-- you are alice2, alone here", "= nick alice2"], &mut handshake);
    assert_eq!(handshake.progress(), Progress::Done(Server::Ours));
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
        let mut handshake = Handshake::again(Some(name("alice")), Some(called), Former::None, None);
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
    let mut anew = Handshake::new(Some(name("alice")), None, None);
    assert_eq!(anew.knock(), None);
    let mut back = Handshake::new(Some(name("alice")), ticket(), None);
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
    let mut handshake = Handshake::new(Some(name("alice")), None, None);
    handshake.give_up();
    assert_eq!(handshake.server(), Some(Server::Foreign));
    assert!(handshake.expects_banner());
    // Late, but ours all the same. It is asked for nothing any more.
    assert_eq!(handshake.receive(reply::parse(BANNER), Format::Plain), shown());
    assert_eq!(handshake.server(), Some(Server::Ours));
    let mut handshake = Handshake::new(Some(name("alice")), None, None);
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

#[test]
fn a_key_is_proved_with_the_nonce_and_the_name_asked_for_behind_it() {
    let asks = format!("… -> {} -> /nick alice", proof());
    let handshake = proves(
        Some("alice"),
        None,
        &[
            (BANNER, "… -> /tags"),
            (&nonce(), &asks),
            ("@ = key ok", "…"),
            ("@ !! /nick: the name alice is taken", "(…) -> /nick alice2"),
            ("@ -- you are alice2, with 2 others here", "…"),
            ("@ = nick alice2", "…"),
            // A nonce serves once, and its time is over.
            (&nonce(), "…"),
        ],
    );
    assert_eq!(handshake.progress(), Progress::Done(Server::Ours));
    let asks = format!("… -> {}", proof());
    let handshake = proves(None, None, &[(BANNER, "… -> /tags"), (&nonce(), &asks)]);
    assert_eq!(handshake.progress(), Progress::Asking);
}

#[test]
fn a_server_that_tells_no_nonce_is_asked_for_the_name_without() {
    for (line, told) in [
        (SILENCE, "… -> /nick alice"),
        ("@ = nick guest1", "… -> /nick alice"),
        ("!! /tags: that is for the first line alone", "(…) -> /nick alice"),
    ] {
        let mut handshake = proves(Some("alice"), None, &[(BANNER, "… -> /tags"), (line, told)]);
        assert_eq!(handshake.nonce_wait(), None);
        assert_eq!(handshake.go_on_without_nonce(), [""; 0]);
        assert_eq!(handshake.progress(), Progress::Asking);
    }
    // What is told to a guest in the plain form does not end the wait, and a nonce does all the same.
    let asks = format!("… -> {} -> /nick alice", proof());
    let as_guest = ("-- you are guest1, with 2 others here", "…");
    let lines = [(BANNER, "… -> /tags"), as_guest, ("<bob> hi", "…")];
    assert_eq!(proves(Some("alice"), None, &lines[..1]).nonce_wait(), Some(NONCE_WAIT));
    assert_eq!(proves(Some("alice"), None, &lines).nonce_wait(), Some(FAR_NONCE_WAIT));
    proves(Some("alice"), None, &[&lines[..], &[(&nonce(), &asks)]].concat());
}

#[test]
fn a_nonce_that_comes_late_still_proves_that_a_name_is_ours() {
    let owned = "@ !! alice belongs to somebody else; if it is yours: /login alice PASSWORD";
    let again = format!("(…) -> {} -> /nick alice", proof());
    let handshake = proves(
        Some("alice"),
        None,
        &[
            (BANNER, "… -> /tags"),
            (SILENCE, "… -> /nick alice"),
            (&nonce(), "…"),
            (owned, &again),
            ("@ = key ok", "…"),
            (owned, "(…) -> /nick alice2"),
        ],
    );
    assert_eq!(handshake.progress(), Progress::Asking);
    // A guest cannot prove anything any more.
    proves(
        Some("alice"),
        None,
        &[
            (BANNER, "… -> /tags"),
            (SILENCE, "… -> /nick alice"),
            (&nonce(), "…"),
            ("@ = nick guest1", "…"),
            (owned, "(…) -> /nick alice2"),
        ],
    );
}

#[test]
fn who_comes_back_needs_no_proof_unless_the_session_is_over() {
    let resume = format!("(…) -> /tags -> /resume {TOKEN} 17");
    let lines = [(BANNER, &*resume), (&nonce(), "…"), ("@ = resumed 3", "(…) resumed")];
    let handshake = proves(Some("alice"), ticket(), &lines);
    assert_eq!(handshake.progress(), Progress::Done(Server::Ours));
    let unknown = "@ !! /resume: nobody here can be resumed with that token";
    let asks = format!("(…) -> {} -> /nick alice anew", proof());
    let lines = [(BANNER, &*resume), (&nonce(), "…"), (unknown, &*asks)];
    proves(Some("alice"), ticket(), &lines);
    let lines = [(BANNER, &*resume), (unknown, "(…) -> /nick alice anew")];
    proves(Some("alice"), ticket(), &lines);
}

#[test]
fn that_a_proof_is_refused_is_not_the_users_business() {
    let asks = format!("… -> {} -> /nick alice", proof());
    let handshake = proves(
        Some("alice"),
        None,
        &[
            (BANNER, "… -> /tags"),
            (&nonce(), &asks),
            ("@ !! the signature does not fit", "(…)"),
            ("@ = nick alice", "…"),
        ],
    );
    assert_eq!(handshake.progress(), Progress::Done(Server::Ours));
}

/// The first words of one who wants that name alone.
fn insisting(prover: Option<Prover>) -> Handshake {
    Handshake::new(Some(name("alice")), None, prover).with(Door::default(), NameChoice::ThisAlone)
}

#[test]
fn one_who_wants_a_name_alone_takes_no_other_one() {
    for refusal in ["!! /nick: the name alice is taken", "!! /nick: alice belongs to somebody"] {
        let lines = [BANNER, refusal];
        let (played, handshake) = play_on(insisting(None), &lines);
        assert!(played[1].ends_with(" no name"), "{played:?}");
        assert_eq!(handshake.progress(), Progress::Asking);
    }
}

#[test]
fn a_room_that_is_away_is_told_to_one_who_comes_back_and_the_answer_is_waited_for() {
    let away = "-- the room is away: you come in when it is back";
    let lines = [BANNER, away, "-- you are guest1, alone here", "@ = resumed 3"];
    let (played, handshake) = play(Some("alice"), ticket(), &lines);
    assert_eq!(played[1..3], [away, "(-- you are guest1, alone here)"]);
    assert!(played[3].ends_with(" resumed"), "{played:?}");
    assert_eq!(handshake.progress(), Progress::Done(Server::Ours));
}
