//! What a server writes: each line as it stands in the protocol, and none that a member could have said.

use std::time::Duration;

use super::*;
use crate::protocol::foreign::Foreign;
use crate::protocol::name::Name;
use crate::protocol::request::{Command, Misuse};
use crate::protocol::words::BadQuery;

#[test]
fn every_line_is_as_the_protocol_spells_it() {
    let (alice, bob) = (Name::parse("alice").unwrap(), Name::parse("bob").unwrap());
    let (alice, bob) = (&alice, &bob);
    let you_are = |others, away| Notice::YouAre { name: alice, others, away };
    let kept = |hours: u64| Notice::Kept(Some(Duration::from_secs(hours * 3600)));
    let full = "the server's disk is full";
    let day = chrono::NaiveDate::from_ymd_opt(2026, 5, 1).expect("a day");
    let did_not_come_back = |lines| Notice::DidNotComeBack { name: bob, lines };
    let lines: &[(&dyn fmt::Display, &str)] = &[
        (&Speech::Said(alice, "hi"), "<alice> hi"),
        (&Speech::Done(alice, "waits"), "* alice waits"),
        (&Speech::ToYou(alice, "hi"), "[alice -> you] hi"),
        (&Speech::FromYou(bob, "hi"), "[you -> bob] hi"),
        (&Notice::Banner(Offer::Nothing), "-- chatroom 1: welcome (/help for the commands)"),
        (
            &Notice::Banner(Offer::Tls),
            "-- chatroom 1: welcome (/help for the commands; TLS on this port)",
        ),
        (&you_are(0, 0), "-- you are alice, alone here"),
        (&you_are(1, 0), "-- you are alice, with 1 other here"),
        (&you_are(3, 0), "-- you are alice, with 3 others here"),
        (&you_are(1, 1), "-- you are alice, with 1 other here, 1 of them away"),
        (&you_are(3, 1), "-- you are alice, with 3 others here, 1 of them away"),
        (&you_are(3, 3), "-- you are alice, with 3 others here, 3 of them away"),
        (&Notice::YouAreNow(bob), "-- you are now bob"),
        (
            &kept(90 * 24),
            "-- what is said here is kept for up to 90 days; private lines only while you are here",
        ),
        (
            &kept(12),
            "-- what is said here is kept for up to 12 hours; private lines only while you are here",
        ),
        (
            &kept(1),
            "-- what is said here is kept for up to 1 hour; private lines only while you are here",
        ),
        (
            &kept(24),
            "-- what is said here is kept for up to 1 day; private lines only while you are here",
        ),
        (
            &kept(2 * 365 * 24),
            "-- what is said here is kept for up to 2 years; private lines only while you are here",
        ),
        (
            &Notice::Kept(None),
            "-- what is said here is kept; private lines only while you are here",
        ),
        (
            &Notice::NotKeptHere(full),
            "-- what is said here is not kept for now: the server's disk is full",
        ),
        (&Notice::NotKept(full), "-- what is said is not kept for now: the server's disk is full"),
        (&Notice::KeptAgain(0), "-- what is said is kept again"),
        (&Notice::KeptAgain(1), "-- what is said is kept again, but 1 line is not"),
        (&Notice::KeptAgain(312), "-- what is said is kept again, but 312 lines are not"),
        (&Notice::NotInHistory(1), "-- 1 line is not in this server's history"),
        (&Notice::NotInHistory(312), "-- 312 lines are not in this server's history"),
        (
            &Notice::MachineFailed,
            "-- the server's machine failed: lines of its last moments may be missing",
        ),
        (&Notice::Joined(alice), "-- alice joined"),
        (&Notice::Left(alice, LeaveReason::Quit("")), "-- alice left"),
        (&Notice::Left(alice, LeaveReason::Quit("good night")), "-- alice left: good night"),
        (&Notice::Left(alice, LeaveReason::ConnectionLost), "-- alice left (connection lost)"),
        (&Notice::Left(bob, LeaveReason::TooSlow), "-- bob was too slow and was dropped"),
        (&Notice::CameAndWent { joined: 38, left: 35 }, "-- 38 joined, 35 left"),
        (&Notice::CameAndWent { joined: 1, left: 0 }, "-- 1 member joined"),
        (&Notice::CameAndWent { joined: 0, left: 890 }, "-- 890 members left"),
        (&Notice::CameAndWent { joined: 1, left: 1 }, "-- 1 joined, 1 left"),
        (&Notice::IsNow { old: alice, new: bob }, "-- alice is now bob"),
        (&Notice::Help(Command::Quit), "-- /quit [TEXT]            leave, with a farewell"),
        (&Notice::HelpToSay, "-- TEXT                    say TEXT to all; //TEXT says /TEXT"),
        (&Notice::LastLines(20), "-- the last 20 lines:"),
        (&Notice::LastLines(1), "-- the last line:"),
        (&Notice::LastLines(0), "-- nothing has been said"),
        (&Notice::UpToDate, "-- you are up to date"),
        (
            &Notice::Found { lines: 3, words: "build log", since: None },
            "-- the newest 3 with \"build log\":",
        ),
        (&Notice::Found { lines: 0, words: "x", since: None }, "-- nothing with \"x\""),
        (&Notice::Found { lines: 0, words: "\"a b\" c", since: None }, "-- nothing with \"a b\" c"),
        (
            &Notice::Found { lines: 0, words: "build log", since: Some(day) },
            "-- nothing with \"build log\" since 2026-05-01",
        ),
        (&Notice::Found { lines: 3, words: "x", since: Some(day) }, "-- the newest 3 with \"x\":"),
        (
            &Notice::SearchedBackTo(day),
            "-- searched back to 2026-05-01; older lines were not looked at",
        ),
        (&Notice::ThatIsAll, "-- that is all"),
        (&Notice::SlowDown(100), "-- slow down: you are read at 100 lines a second"),
        (
            &Notice::Missed(312, Missing::TooSlow),
            "-- you missed 312 lines (your connection was too slow)",
        ),
        (
            &Notice::Missed(1, Missing::TooSlow),
            "-- you missed 1 line (your connection was too slow)",
        ),
        (&Notice::Missed(2, Missing::Away), "-- you missed 2 lines (you were away)"),
        (
            &Notice::Missed(312, Missing::ServerTooSlow),
            "-- you missed 312 lines (this server was too slow)",
        ),
        (
            &Notice::Missed(1, Missing::ServerTooSlow),
            "-- you missed 1 line (this server was too slow)",
        ),
        (&Notice::WelcomeBack(alice), "-- welcome back, alice"),
        (&Notice::IsAway(bob), "-- bob is away: your line waits until bob is back"),
        (&did_not_come_back(1), "-- bob did not come back: 1 line of yours was not read"),
        (&did_not_come_back(3), "-- bob did not come back: 3 lines of yours were not read"),
        (&Notice::Here, "-- chatroom is here"),
        (&Notice::ShuttingDown, "-- the server is shutting down"),
        (
            &Refusal::Misuse(Misuse::Unknown("/etc")),
            "!! unknown command /etc; /help lists them; to say it, begin with //",
        ),
        (
            &Refusal::Misuse(Misuse::Unknown("/Exit")),
            "!! unknown command /Exit; did you mean /quit?",
        ),
        (
            &Refusal::Misuse(Misuse::Arguments(Command::Msg)),
            "!! /msg goes like this: /msg NAME TEXT",
        ),
        (
            &Refusal::Misuse(Misuse::Search(BadQuery::TooMany)),
            "!! /search takes at most 8 different words",
        ),
        (
            &Refusal::Misuse(Misuse::Search(BadQuery::NoWord)),
            "!! /search: give a word with a letter or a digit",
        ),
        (&Refusal::Foreign(Foreign::Http), "!! this is a chat room, not a web server"),
        (
            &Refusal::Unencrypted,
            "!! this room is encrypted: use chatclient, or ncat --ssl HOST PORT",
        ),
        (&Refusal::Foreign(Foreign::Proxy), "!! this room takes no PROXY header from your address"),
        (
            &Refusal::Foreign(Foreign::Other),
            "!! this is a chat room: it takes lines of text, and no other protocol",
        ),
        (
            &Refusal::NoProxyHeader,
            "!! this address is a proxy's, and its connections begin with a PROXY header",
        ),
        (&Refusal::NameTaken(bob), "!! /nick: the name bob is taken"),
        (
            &Refusal::GuestName(&Name::guest(7)),
            "!! /nick: the server alone gives names like guest7",
        ),
        (&Refusal::NobodyHere("bob"), "!! /msg: nobody here is called bob"),
        (&Refusal::HasLeft("bob"), "!! /msg: bob has just left"),
        (
            &Refusal::WhisperToHook("hook"),
            "!! /msg: hook is a program of this server, and gets no private lines",
        ),
        (&Refusal::RoomFull(1), "!! the room is full (1 client)"),
        (&Refusal::RoomFull(100), "!! the room is full (100 clients)"),
        (&Refusal::MembersFull(20_000), "!! the room is full (20000 members)"),
        (&Refusal::MembersFull(1), "!! the room is full (1 member)"),
        (&Refusal::AddressFull(8), "!! the room is full for your address (8 clients)"),
        (&Refusal::AddressFull(1), "!! the room is full for your address (1 client)"),
    ];
    for (line, expected) in lines {
        assert_eq!(line.to_string(), *expected);
    }
}

#[test]
fn what_is_told_of_a_shared_room_is_as_the_protocol_spells_it() {
    let after = |millis| SharedNotice::JoinedAgain(Duration::from_millis(millis));
    let newest = |millis| SharedNotice::SetBack(SetBack::Newest(Duration::from_millis(millis)));
    let set_back = "-- the room's store was set back: ";
    let cases = [
        (
            SharedNotice::Away,
            "-- the room is away: what you say is kept until it is back".to_owned(),
        ),
        (SharedNotice::AwayAtDoor, "-- the room is away: you come in when it is back".to_owned()),
        (SharedNotice::Back, "-- the room is back".to_owned()),
        (after(12_000), "-- the room was away for 12 s, and you have joined again".to_owned()),
        (after(1), "-- the room was away for 1 s, and you have joined again".to_owned()),
        (newest(2001), format!("{set_back}others may not find the lines of the last 3 s")),
        (newest(0), format!("{set_back}others may not find the lines of the last 1 s")),
        (
            SharedNotice::SetBack(SetBack::Everything),
            format!("{set_back}others may not find what was said before"),
        ),
        (
            SharedNotice::SetBack(SetBack::MayBeMissing),
            format!("{set_back}some of the newest lines may be missing"),
        ),
        (
            SharedNotice::LinesGone,
            "-- some lines that you saw are gone from the room: its store was set back".to_owned(),
        ),
        (
            SharedNotice::TooOld,
            "-- this server is too old for the room: connect to another one".to_owned(),
        ),
        (
            SharedNotice::OtherRoom,
            "-- the room's store was emptied, and another room has begun there: connect again"
                .to_owned(),
        ),
    ];
    for (notice, expected) in cases {
        assert_eq!(Notice::Shared(notice).to_string(), expected);
    }
}

#[test]
fn a_refusal_does_not_repeat_a_long_line() {
    let word = format!("/{}", "é".repeat(4000));
    let told = Refusal::Misuse(Misuse::Unknown(&word)).to_string();
    assert_eq!(
        told,
        format!(
            "!! unknown command /{}…; /help lists them; to say it, begin with //",
            "é".repeat(39)
        )
    );
}

#[test]
fn the_list_of_names_is_broken_into_lines_that_fit_a_terminal() {
    let listed = |name: &str, is_away| {
        let name = Name::parse(name).expect("a good name");
        Listed { is_away, ..Listed::new(name) }
    };
    let members: Vec<Listed> =
        (1..=100).map(|number| listed(&format!("guest{number}"), number % 3 == 0)).collect();
    let lines = who(&members);
    let start = "-- 100 here: guest1, guest2, guest3 (away), guest4, ";
    assert!(lines[0].starts_with(start), "{}", lines[0]);
    assert!(lines.iter().all(|line| line.len() < 80 && line.starts_with("-- ")));
    let all = lines.iter().map(|line| line.strip_prefix("-- ").unwrap());
    let all = all.collect::<Vec<_>>().join(" ");
    let (_, names) = all.split_once(": ").expect("a list");
    let names: Vec<_> = Names::parse(names).iter().collect();
    assert_eq!(names, members.iter().map(|it| it.name.as_str()).collect::<Vec<_>>());
    assert_eq!(all.matches(" (away)").count(), 33);
    let (last, before) = lines.split_last().expect("there are names");
    let begins = |line: &String| matches!(parse(line).notice(), Some(ReadNotice::Here(_)));
    assert!(begins(&lines[0]) && !lines[1..].iter().any(begins));
    assert!(before.iter().all(|line| who_goes_on(line)) && !who_goes_on(last));
    assert_eq!(who(&members[..1]), ["-- 1 here: guest1"]);
    let long = "日".repeat(24);
    let two = [listed(&long, true), listed("bob", false)];
    assert_eq!(who(&two)[0], format!("-- 2 here: {long} (away),"));
}

#[test]
fn it_is_told_on_whose_connections_others_can_read_along() {
    let listed = |name: &str, is_exposed| {
        let name = Name::parse(name).expect("a good name");
        Listed { is_exposed, ..Listed::new(name) }
    };
    let members = |exposed: &[&str]| {
        ["alice", "carol", "dave"].map(|name| listed(name, exposed.contains(&name)))
    };
    assert_eq!(not_encrypted(&members(&[])), [""; 0]);
    assert_eq!(not_encrypted(&members(&["carol"])), ["-- not encrypted: carol"]);
    let two = not_encrypted(&members(&["carol", "dave"]));
    assert_eq!(two, ["-- not encrypted: carol, dave"]);
    let all = not_encrypted(&members(&["alice", "carol", "dave"]));
    assert_eq!(all, ["-- not encrypted: everyone"]);
    let mut many: Vec<_> = (1..=30).map(|number| listed(&format!("guest{number}"), true)).collect();
    many.push(listed("alice", false));
    let lines = not_encrypted(&many);
    assert!(lines.len() > 2 && lines.iter().all(|line| line.len() < 80), "{lines:#?}");
    let is_one = |line: &String| parse(line).notice() == Some(ReadNotice::NotEncrypted);
    assert!(is_one(&lines[0]) && is_one(&all[0]) && is_one(&two[0]));
    let is_more = |line: &String| matches!(parse(line).notice(), Some(ReadNotice::More(_)));
    assert!(lines[1..].iter().all(is_more));
}
