//! `chatclient` in a terminal when the connection is lost.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::alice::{CLIENT, alice, start};
use crate::common::peer::{Conversation, Peer, TOKEN, now};
use crate::common::process::{at_home, end, spawn};

const SIZE: (u16, u16) = (90, 10);

/// What a server says that was restarted.
const UNKNOWN: &str = "!! /resume: nobody here can be resumed with that token";

fn folder(name: &str) -> PathBuf {
    crate::common::folder("client_reconnect", name)
}

/// A client that has lost its session: it asks for it, is refused, and joins anew.
fn accept_anew(peer: &Peer, name: &str, seen: u64) -> Conversation {
    let mut server = peer.accept();
    server.greet(&format!("/resume {TOKEN} {seen}"));
    server.refuse(UNKNOWN, &format!("/nick {name}"));
    server.join(name);
    server.hear("/who\n");
    server.say(&format!("-- 1 here: {name}\n"));
    server
}

#[test]
fn a_server_that_was_restarted_is_joined_anew_under_the_same_name_and_nothing_typed_is_lost() {
    let (mut terminal, mut server, peer) = alice(&folder("again"), SIZE, &[], &[]);
    server.say("-- you are now alicia\n= nick alicia\n-- the server is shutting down\n");
    terminal.press("half a l");
    terminal.shows(&["-- the server is shutting down", "alicia> half a l|"]);
    let address = peer.address();
    drop(peer);
    server.close();
    terminal.shows_what("it is said, and tried again", |rows| {
        rows.contains("-- lost the connection to 127.0.0.1:")
            && rows.contains("; trying again\n-- cannot connect to 127.0.0.1:")
            && rows.contains("\nalicia (reconnecting in ")
    });
    terminal.press("ine\rsecond\r");
    terminal.shows_what("what waits", |rows| {
        rows.contains("-- waiting to be sent: half a line\n-- waiting to be sent: second\n")
    });
    let peer = Peer::listen_at(address);
    let mut server = accept_anew(&peer, "alicia", 0);
    server.hear("half a line\nsecond\n");
    terminal.shows_what("the end of it", |rows| {
        rows.contains("which does not know us any more: lines may\n         have been missed")
            && rows.ends_with("<alicia> half a line\n<alicia> second\nalicia> |")
    });
    terminal.press("third\r");
    server.hear("third\n");
}

#[test]
fn a_session_goes_on_and_each_line_is_said_and_shown_once() {
    let (mut terminal, mut server, peer) = alice(&folder("resumed"), (90, 20), &[], &["bob"]);
    server.say("<bob> one\n");
    terminal.shows(&["<bob> one", "alice> |"]);
    terminal.press("first\r");
    server.hear("first\n");
    server.withhold_receipts();
    terminal.press("second\rthird\r");
    server.hear("second\nthird\n");
    // Cut in the middle of a line, and once more in the middle of the first words.
    server.say("<bob> tw");
    let (seen, taken) = (server.seq() - 1, server.taken());
    server.close();
    let mut server = peer.accept();
    server.say_raw("-- chatroom 1: wel");
    server.close();
    terminal.shows_what("it is away", |rows| rows.contains("alice (reconnecting"));
    terminal.press("fourth\r");
    let mut server = peer.accept_again("alice", seen, taken - 2);
    server.hear("/who\n");
    server.say("<bob> two\n<bob> three\n");
    // What was typed meanwhile is said, and stands, after what was said before it.
    server.hear_nothing_for(Duration::from_millis(50));
    server.say("-- 2 here: alice, bob\n");
    server.hear("second\nthird\nfourth\n");
    terminal.shows_what("all of it, once and in order", |rows| {
        let said = [
            "<bob> one",
            "<alice> first",
            "<alice> second",
            "<alice> third",
            "-- welcome back, alice",
            "<bob> two",
            "<bob> three",
            "<alice> fourth",
        ];
        let places: Vec<_> = said.iter().filter_map(|line| rows.find(line)).collect();
        places.len() == said.len()
            && places.is_sorted()
            && said.iter().all(|line| rows.matches(line).count() == 1)
            && rows.ends_with("\nalice> |")
    });
}

#[test]
fn lines_that_were_missed_have_the_time_when_they_were_said() {
    let (mut terminal, server, peer) = alice(&folder("times"), SIZE, &[], &[]);
    let seen = server.seq();
    server.close();
    let mut server = peer.accept_again("alice", seen, 2);
    let hour_ago = now() - 3_600_000;
    server.say_raw(format!("@{} {hour_ago} <bob> an hour ago\n", seen + 1));
    terminal.shows_what("the line", |rows| rows.contains("<bob> an hour ago"));
    let earlier = chrono::Local::now() - chrono::TimeDelta::hours(1);
    let minutes = [earlier - chrono::TimeDelta::minutes(1), earlier];
    let rows = terminal.picture();
    let said = |at: &chrono::DateTime<chrono::Local>| {
        rows.contains(&format!("{} <bob> an hour ago", at.format("%H:%M")))
    };
    assert!(minutes.iter().any(said), "{rows}");
}

#[test]
fn a_line_without_a_receipt_is_shown_as_waiting_until_it_comes() {
    let (mut terminal, mut server, _peer) = alice(&folder("waiting"), SIZE, &[], &[]);
    server.withhold_receipts();
    terminal.press("hello\r/who\r");
    server.hear("hello\n/who\n");
    terminal.shows(&["alice (1 line waiting)> |"]);
    let line = server.taken() - 1;
    server.confirm(line);
    terminal.shows(&["alice> |"]);
    // One that is refused waits no more, either.
    terminal.press("/msg bob x\r");
    server.hear("/msg bob x\n");
    terminal.shows(&["alice (1 line waiting)> |"]);
    server.refuse_line(server.taken(), "!! /msg: nobody here is called bob");
    terminal.shows(&["!! /msg: nobody here is called bob", "alice> |"]);
}

#[test]
#[ignore = "it takes a minute"]
fn a_server_that_is_silent_for_a_minute_while_a_line_waits_is_connected_to_again() {
    let (mut terminal, mut server, peer) = alice(&folder("dead"), SIZE, &[], &[]);
    server.withhold_receipts();
    terminal.press("hello\r");
    server.hear("hello\n");
    let (seen, taken) = (server.seq(), server.taken());
    let mut server = peer.accept_again("alice", seen, taken);
    server.confirm(taken);
    server.hear_the_question();
    terminal.shows_what("why, and that it is well", |rows| {
        rows.contains(": timed out; trying again\n-- welcome back, alice\n")
            && rows.ends_with("\nalice> |")
    });
}

#[test]
fn a_connection_over_which_nobody_answers_is_none() {
    let (mut terminal, server, peer) = alice(&folder("mute"), SIZE, &[], &[]);
    let seen = server.seq();
    server.close();
    let mute = peer.accept();
    terminal.press("hello\r");
    terminal.shows_what("that it waits", |rows| {
        rows.contains("-- waiting to be sent: hello") && rows.contains("\nalice (reconnecting")
    });
    let mut server = peer.accept_again("alice", seen, 2);
    server.hear_the_question();
    server.hear("hello\n");
    terminal.shows_what("that it is well", |rows| {
        rows.contains(": timed out; trying again\n") && rows.ends_with("<alice> hello\nalice> |")
    });
    drop(mute);
}

#[test]
fn a_refusal_that_was_lost_with_the_connection_is_told() {
    let (mut terminal, mut server, peer) = alice(&folder("refused"), SIZE, &[], &["bob"]);
    server.withhold_receipts();
    terminal.press("/msg bbo psst\r");
    server.hear("/msg bbo psst\n");
    let (seen, taken) = (server.seq(), server.taken());
    server.close();
    let mut server = peer.accept_again("alice", seen, taken);
    server.hear("/who\n");
    server.say("-- 2 here: alice, bob\n");
    terminal.shows(&["-- refused while the connection was lost: /msg bbo psst", "alice> |"]);
}

#[test]
fn a_filter_comes_back_when_asked_and_ends_when_all_is_confirmed() {
    let peer = Peer::listen();
    let mut command = Command::new(CLIENT);
    at_home(&mut command, &folder("filter")).args(peer.arguments());
    command.args(["--name", "alice", "--reconnect"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(&mut command);
    let mut server = peer.accept_as("alice");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(b"one\ntwo\nthree").expect("it reads");
    drop(stdin);
    server.withhold_receipts();
    server.hear("one\ntwo\nthree\n");
    server.confirm(2);
    let seen = server.seq();
    server.close();
    let mut server = peer.accept_again("alice", seen, 2);
    server.say("<bob> hi\n");
    server.hear("two\nthree\n");
    server.hear("/quit\n");
    server.close();
    let (status, out, err) = end(child);
    assert_eq!(status, Some(0), "{err}");
    assert!(out.ends_with("-- welcome back, alice\n<bob> hi\n"), "{out}");
    assert!(!out.contains('@') && !out.contains("= "), "{out}");
    let told: Vec<&str> = err.lines().collect();
    assert!(told[0].starts_with("chatclient: lost the connection to "), "{err}");
    assert!(told[1].starts_with("chatclient: connected again to "), "{err}");
    assert_eq!(told.len(), 2, "{err}");
}

#[test]
fn a_connection_that_is_lost_again_and_again_loses_and_doubles_nothing() {
    let (mut terminal, mut server, peer) = alice(&folder("flapping"), (60, 60), &[], &[]);
    for number in 1..=9 {
        server.withhold_receipts();
        terminal.press(&format!("{number}\r"));
        server.hear(&format!("{number}\n"));
        server.say(&format!("<bob> {number}\n"));
        // Every third one is not taken, and said again; of the others no receipt has come yet.
        let is_taken = number % 3 != 0;
        let (seen, taken) = (server.seq(), server.taken() - u64::from(!is_taken));
        server.close();
        server = peer.accept_again("alice", seen, taken);
        if is_taken {
            server.confirm(taken);
        }
        server.hear_the_question();
        if !is_taken {
            server.hear(&format!("{number}\n"));
        }
    }
    server.say("<bob> the end\n");
    terminal.shows(&["<bob> the end", "alice> |"]);
    let picture = terminal.picture();
    let said = picture.lines().filter_map(|row| row.get(6..)).filter(|row| row.starts_with('<'));
    let expected = (1..=9).flat_map(|n| [format!("<alice> {n}"), format!("<bob> {n}")]);
    let expected: Vec<_> = expected.chain(["<bob> the end".to_owned()]).collect();
    assert_eq!(said.collect::<Vec<_>>(), expected, "{picture}");
    assert!(!picture.contains("waiting"), "{picture}");
}

#[test]
fn a_name_that_was_granted_while_nobody_heard_it_is_ours() {
    let (mut terminal, mut server, peer) = alice(&folder("granted"), SIZE, &[], &[]);
    server.withhold_receipts();
    terminal.press("/nick bob\r");
    server.hear("/nick bob\n");
    server.close();
    let mut server = peer.accept_again("bob", 0, 3);
    server.confirm(3);
    terminal.shows(&["-- welcome back, bob", "-- you are now bob", "bob> |"]);
}

#[test]
fn what_is_missing_is_a_rule_across_the_terminal() {
    let (mut terminal, mut server, peer) = alice(&folder("missed"), (60, 10), &[], &[]);
    server.say("<bob> one\n-- you missed 312 lines (your connection was too slow)\n<bob> two\n");
    let rule = format!("{} you missed 312 lines (your connection was too slow) ", "─".repeat(3));
    terminal.shows_what("a rule", |rows| {
        let rows: Vec<_> = rows.lines().collect();
        rows.windows(3).any(|rows| {
            let is_rule = rows[1].starts_with(&rule) && rows[1].ends_with("─");
            rows[0] == "<bob> one" && is_rule && rows[2] == "<bob> two"
        })
    });
    server.close();
    let mut server = peer.accept_again("alice", 2, 2);
    server.say("-- you missed 1 line (you were away)\n<bob> four\n");
    terminal.shows_what("a rule", |rows| {
        let rows: Vec<_> = rows.lines().collect();
        rows.ends_with(&["<bob> four", "alice> |"])
            && rows.iter().any(|row| row.contains("── you missed 1 line (you were away) ──"))
    });
}

#[test]
fn a_line_that_was_missed_stands_below_the_day_of_its_saying() {
    let (mut terminal, server, peer) = alice(&folder("days"), SIZE, &[], &[]);
    server.close();
    let mut server = peer.accept_again("alice", 0, 2);
    let day = 24 * 60 * 60 * 1000;
    server.say_raw(format!("@7 {} <bob> long ago\n", now() - 3 * day));
    terminal.shows(&["<bob> long ago", "alice> |"]);
    server.say("<bob> now\n");
    terminal.shows(&["<bob> now", "alice> |"]);
    let picture = terminal.picture();
    let days: Vec<_> = picture.lines().filter(|row| row.starts_with("-- 20")).collect();
    assert_eq!(days.len(), 2, "{picture}");
    assert!(days[0] < days[1], "{picture}");
}

#[test]
fn a_server_that_confirms_nothing_keeps_nobody_who_wants_to_go() {
    let (mut terminal, mut server, _peer) = alice(&folder("stalled"), SIZE, &[], &[]);
    server.withhold_receipts();
    terminal.press("hello\r");
    server.hear("hello\n");
    terminal.press("/quit good night\r");
    assert_eq!(terminal.ends(), 0);
    terminal.shows_what("what is not known", |rows| rows.contains("-- the last line was not sent"));
}

#[test]
fn the_first_attempt_is_made_at_once_and_a_full_room_is_tried_again() {
    let (mut terminal, server, peer) = alice(&folder("full"), SIZE, &[], &[]);
    server.close();
    let mut server = peer.accept();
    server.say("!! the room is full (100 clients)\n");
    server.close();
    terminal.shows_what("the reason", |rows| {
        rows.contains(" does not let us in: the room is full (100 clients); trying again")
    });
    let _server = accept_anew(&peer, "alice", 0);
    terminal.shows_what("she is in", |rows| {
        rows.contains("-- you are alice, alone here") && rows.ends_with("alice> |")
    });
}

#[test]
fn a_server_that_breaks_down_again_and_again_is_not_asked_in_a_hurry() {
    let (mut terminal, server, peer) = alice(&folder("again_and_again"), SIZE, &[], &[]);
    server.close();
    accept_anew(&peer, "alice", 0).close();
    terminal.shows_what("it waits", |rows| rows.contains("\nalice (reconnecting in 1 s)> |"));
}

#[test]
fn who_leaves_while_away_leaves_at_once_and_is_told_what_was_not_sent() {
    for (keys, test) in [("\x03", "ctrl_c"), ("/quit\r", "quit"), ("\x04", "ctrl_d")] {
        let (mut terminal, server, peer) = alice(&folder(test), SIZE, &[], &[]);
        drop(peer);
        server.close();
        terminal.shows_what("it is away", |rows| rows.contains("alice (reconnecting"));
        terminal.press("one\rtwo\r");
        terminal.press(keys);
        assert_eq!(terminal.ends(), 0, "{test}");
        terminal.shows_what(test, |rows| rows.contains("-- the last 2 lines were not sent"));
    }
}

#[test]
fn the_name_that_is_kept_is_the_one_that_it_had() {
    let peer = Peer::listen();
    let mut terminal = start(&folder("wanted"), &peer, SIZE, &[]);
    let mut server = peer.accept();
    server.greet("/nick alice");
    server.refuse("!! /nick: the name alice is taken", "/nick alice2");
    server.join("alice2");
    server.hear("/who\n");
    terminal.shows(&["-- you are alice2, alone here", "alice2> |"]);
    server.close();
    let _server = accept_anew(&peer, "alice2", 0);
    terminal.shows_what("she is called so again", |rows| rows.ends_with("alice2> |"));
}

#[test]
fn without_reconnecting_a_lost_connection_is_the_end() {
    let (mut terminal, server, _peer) = alice(&folder("no"), SIZE, &["--no-reconnect"], &[]);
    server.close();
    assert_eq!(terminal.ends(), 1);
    terminal.shows_what("the reason", |rows| {
        rows.contains("chatclient: lost the connection to 127.0.0.1:")
    });
}

#[test]
fn a_first_connection_that_fails_is_the_end() {
    let peer = Peer::listen();
    let mut terminal = start(&folder("first"), &peer, SIZE, &[]);
    peer.accept().close();
    assert_eq!(terminal.ends(), 1);
}
