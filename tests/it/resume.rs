//! The tagged form, receipts, and coming back after a lost connection, over real sockets.

use std::collections::BTreeSet;

use crate::common::peer::BANNER;
use crate::common::program::{
    Joined, connect, expect_answers, expect_body, expect_done, expect_events, far_away, join,
    nonce, resume, split,
};
use crate::common::server::{TestClient, TestServer};

/// Ends the connection, and waits until the server has noticed.
fn lose(server: &TestServer, client: &TestClient, name: &str) {
    client.finish();
    server.logs(&format!("{name} is away: "));
}

/// Skips what comes up to the answer to `/nosuch`, and gives the events' and facts' lines.
fn rest(client: &mut TestClient) -> Vec<String> {
    client.send("/nosuch\n");
    let lines = std::iter::from_fn(|| client.line());
    let lines = lines.map(|line| split(&line).1.to_owned());
    lines.take_while(|line| !line.starts_with("!! unknown command /nosuch")).collect()
}

#[test]
fn each_line_has_its_number_and_what_is_no_event_has_none() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let Joined { client: mut alice, token } = join(&server, "alice");
    assert_eq!(token.len(), 32);
    bob.expect("-- alice joined");
    bob.send("hi\n/me waits\n/nick robert\n/msg alice psst\n");
    let seqs = expect_events(
        &mut alice,
        &["<bob> hi", "* bob waits", "-- bob is now robert", "[robert -> you] psst"],
    );
    assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
    alice.send("/who\n/tags\n/help me\n");
    expect_answers(
        &mut alice,
        &[
            "-- 2 here: alice, robert",
            "!! /tags: that is for the first line alone",
            "!! /help goes like this: /help",
        ],
    );
    bob.send("/tags\n");
    bob.expect("-- you are now robert");
    bob.expect("[you -> alice] psst");
    bob.expect("!! /tags: that is for the first line alone");
}

#[test]
fn a_replayed_line_has_the_number_and_the_time_of_its_event() {
    let server = TestServer::start(&[]);
    let mut bob = join(&server, "bob").client;
    let mut carol = join(&server, "carol").client;
    expect_done(&mut carol);
    expect_events(&mut bob, &["-- carol joined"]);
    bob.send("hi\n");
    let live = carol.line().expect("a line");
    let mut alice = join(&server, "alice").client;
    expect_answers(&mut alice, &["-- the last line:"]);
    let again = alice.line().expect("a line");
    let tag = |line: &str| line.split_inclusive(' ').take(2).collect::<String>();
    assert_eq!(tag(&again), tag(&live));
    let body = split(&again).1;
    assert!(body.starts_with("| ") && body.ends_with(" <bob> hi"), "{body}");
    expect_answers(&mut alice, &["-- you are up to date"]);
}

#[test]
fn every_line_is_counted_and_what_becomes_an_event_has_a_receipt() {
    let server = TestServer::start(&["--max-line", "100"]);
    let mut bob = server.join("bob");
    let mut alice = connect(&server);
    // A name that is taken is asked for again, as another one, without having been a guest.
    alice.send("/nick Bob\n/nick -\n/nick\n");
    expect_answers(
        &mut alice,
        &[
            "!! /nick: the name Bob is taken",
            "!! /nick: a name cannot start with - or .",
            "!! /nick goes like this: /nick NAME",
        ],
    );
    alice.send("/nick alice\n\none\n   \n/who\n");
    expect_body(&mut alice, |body| body == "-- you are alice, with 1 other here");
    expect_body(&mut alice, |body| body.starts_with("= token "));
    expect_answers(&mut alice, &["= nick alice"]);
    expect_events(&mut alice, &["+ 6"]);
    expect_answers(&mut alice, &["-- 2 here: alice, bob"]);
    alice.send(format!("/msg nobody x\n{}\n/me waves\n/tags\n/resume x\n", "x".repeat(101)));
    expect_answers(
        &mut alice,
        &[
            "!! /msg: nobody here is called nobody",
            "!! that line was too long and was not sent: the most is 100 bytes",
        ],
    );
    expect_events(&mut alice, &["+ 11"]);
    expect_answers(
        &mut alice,
        &[
            "!! /tags: that is for the first line alone",
            "!! /resume goes like this: /resume TOKEN SEQ",
        ],
    );
    alice.send("/msg bob psst\n/nick Alice\n/nick Alice\n//last\n");
    expect_events(&mut alice, &["+ 12", "[you -> bob] psst", "+ 13"]);
    let now = ["-- you are now Alice", "= nick Alice"];
    expect_answers(&mut alice, &[now, now].concat());
    expect_events(&mut alice, &["+ 15"]);
    bob.expect("-- alice joined");
    for line in ["<alice> one", "* alice waves", "[alice -> you] psst", "-- alice is now Alice"] {
        bob.expect(line);
    }
    bob.expect("<Alice> /last");
}

#[test]
fn a_blank_line_before_the_first_one_is_counted_too() {
    let server = TestServer::start(&[]);
    let mut alice = server.connect();
    alice.send("\n \n/tags\n/nick alice\nhi\n");
    alice.expect("-- chatroom 1: welcome (/help for the commands)");
    nonce(&mut alice);
    expect_body(&mut alice, |body| body == "-- you are alice, alone here");
    expect_body(&mut alice, |body| body.starts_with("= token "));
    expect_answers(&mut alice, &["= nick alice"]);
    expect_events(&mut alice, &["+ 4"]);
}

#[test]
fn a_program_that_asks_for_no_name_is_a_guest() {
    let server = TestServer::start(&[]);
    let mut silent = connect(&server);
    expect_answers(&mut silent, &["-- you are guest1, alone here"]);
    let mut talks = connect(&server);
    talks.send("hi\n");
    expect_answers(&mut talks, &["-- you are guest2, with 1 other here"]);
    expect_body(&mut talks, |body| body.starts_with("= token "));
    expect_answers(&mut talks, &["= nick guest2"]);
    expect_events(&mut talks, &["+ 1"]);
}

#[test]
fn a_guest_for_its_silence_may_still_ask_for_the_tagged_form_and_its_name() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let mut alice = far_away(&server, "guest1");
    bob.send("early\n");
    alice.expect("<bob> early");
    alice.send("\n/tags\n/nick Bob\n/nick alice\nhi\n");
    nonce(&mut alice);
    expect_body(&mut alice, |body| body.starts_with("= token "));
    expect_answers(&mut alice, &["= nick guest1", "!! /nick: the name Bob is taken"]);
    expect_events(&mut alice, &["+ 3"]);
    expect_answers(&mut alice, &["-- you are now alice", "= nick alice"]);
    expect_events(&mut alice, &["+ 4"]);
    for line in ["-- guest1 joined", "-- guest1 is now alice", "<alice> hi"] {
        bob.expect(line);
    }
    // One that has said anything is not late: it is somebody.
    let mut talks = far_away(&server, "guest2");
    talks.send("hi\n/tags\n");
    talks.expect_start("-- the last ");
    while talks.line().is_some_and(|line| line != "-- you are up to date") {}
    talks.expect("!! /tags: that is for the first line alone");
}

#[test]
fn a_guest_that_asks_late_for_the_tagged_form_may_come_back_with_it() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let mut silent = far_away(&server, "guest1");
    silent.send("/tags\n");
    nonce(&mut silent);
    let told = expect_body(&mut silent, |body| body.starts_with("= token "));
    expect_answers(&mut silent, &["= nick guest1"]);
    bob.send("hi\n");
    let seen = expect_events(&mut silent, &["<bob> hi"])[0];
    lose(&server, &silent, "guest1");
    bob.send("there?\n");
    let mut silent = resume(&server, &told["= token ".len()..], seen);
    expect_answers(&mut silent, &["-- welcome back, guest1", "= resumed 0", "= nick guest1"]);
    expect_events(&mut silent, &["<bob> there?"]);
}

#[test]
fn who_comes_back_from_far_away_is_a_guest_only_until_it_has_said_who_it_is() {
    let server = TestServer::start(&["--max-clients", "2"]);
    let mut bob = server.join("bob");
    let Joined { client: mut alice, token } = join(&server, "alice");
    alice.send("one\ntwo");
    let seen = expect_events(&mut alice, &["+ 2"])[0];
    lose(&server, &alice, "alice");
    bob.send("there?\n");
    let mut far = far_away(&server, "guest1");
    far.expect("-- the last 2 lines:");
    while far.line().is_some_and(|line| line != "-- you are up to date") {}
    far.send(format!("/tags\n/resume {} 0\n", "0".repeat(32)));
    nonce(&mut far);
    far.expect("!! /resume: nobody here can be resumed with that token");
    far.send(format!("/resume {token} {seen}\ntwo\n"));
    expect_answers(&mut far, &["-- welcome back, alice", "= resumed 2", "= nick alice"]);
    expect_events(&mut far, &["<bob> there?", "-- guest1 joined", "-- guest1 left", "+ 3"]);
    for line in ["-- alice joined", "<alice> one", "-- guest1 joined", "-- guest1 left"] {
        bob.expect(line);
    }
    bob.expect("<alice> two");
    // She is lost and found as ever, and takes one place.
    server.connect().expect("!! the room is full (2 clients)");
    lose(&server, &far, "alice");
    let mut again = resume(&server, &token, 0);
    expect_answers(&mut again, &["-- welcome back, alice", "= resumed 3", "= nick alice"]);
    again.send("/quit\n");
    bob.expect("-- alice left");
}

#[test]
fn who_comes_back_has_missed_nothing_and_nobody_was_told() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let Joined { client: mut alice, token } = join(&server, "alice");
    alice.send("one\n/msg bob two\n/who\n");
    let seqs = expect_events(&mut alice, &["+ 2", "+ 3", "[you -> bob] two"]);
    alice.send("three\nunfinished");
    lose(&server, &alice, "alice");
    bob.send("still there?\n/msg alice psst\n/who\n/nick robert\n");
    for line in ["-- alice joined", "<alice> one", "[alice -> you] two", "<alice> three"] {
        bob.expect(line);
    }
    let is_away = "-- alice is away: your line waits until alice is back";
    for line in
        ["[you -> alice] psst", is_away, "-- 2 here: alice (away), bob", "-- you are now robert"]
    {
        bob.expect(line);
    }
    let mut carol = server.connect();
    carol.send("/nick ALICE\n");
    carol.expect("-- chatroom 1: welcome (/help for the commands)");
    carol.expect("-- you are guest1, with 2 others here, 1 of them away");
    let mut alice = resume(&server, &token, seqs[0]);
    expect_answers(&mut alice, &["-- welcome back, alice", "= resumed 5", "= nick alice"]);
    expect_events(
        &mut alice,
        &[
            "+ 3",
            "[you -> bob] two",
            "+ 5",
            "<bob> still there?",
            "[bob -> you] psst",
            "-- bob is now robert",
            "-- guest1 joined",
        ],
    );
    alice.send("four\n");
    expect_events(&mut alice, &["+ 6"]);
    bob.expect("-- guest1 joined");
    bob.expect("<alice> four");
}

/// Passes over what comes before that event, and gives its number.
#[track_caller]
fn event(client: &mut TestClient, body: &str) -> u64 {
    let mut lines = std::iter::from_fn(|| client.line());
    lines.find_map(|line| split(&line).0.filter(|_| split(&line).1 == body)).expect("it comes")
}

#[test]
fn who_says_something_to_one_who_is_away_is_told_so_once_each_time() {
    const IS_AWAY: &str = "-- bob is away: your line waits until bob is back";
    let server = TestServer::start(&[]);
    let Joined { client: mut bob, token } = join(&server, "bob");
    let mut alice = server.join("alice");
    let Joined { client: mut carol, token: token_of_carol } = join(&server, "carol");
    alice.expect("-- carol joined");
    for round in 0..2 {
        lose(&server, &bob, "bob");
        alice.send("/who\n/msg BOB one\n/msg bob two\n");
        alice.expect("-- 3 here: alice, bob (away), carol");
        for line in ["[you -> bob] one", IS_AWAY, "[you -> bob] two"] {
            alice.expect(line);
        }
        carol.send("/msg bob three\n");
        let receipt = format!("+ {}", round + 2);
        let seqs = expect_events(&mut carol, &[&receipt, "[you -> bob] three", IS_AWAY]);
        // It is an event like others: whoever resumes before it gets it again.
        if round == 0 {
            lose(&server, &carol, "carol");
            carol = resume(&server, &token_of_carol, seqs[1]);
            expect_answers(&mut carol, &["-- welcome back, carol", "= resumed 2", "= nick carol"]);
            assert_eq!(expect_events(&mut carol, &[IS_AWAY]), seqs[2..]);
        }
        bob = resume(&server, &token, 0);
        for line in ["[alice -> you] one", "[alice -> you] two", "[carol -> you] three"] {
            event(&mut bob, line);
        }
        alice.send("/who\n");
        alice.expect("-- 3 here: alice, bob, carol");
    }
    carol.send("/msg bob four\n");
    expect_events(&mut carol, &["+ 4", "[you -> bob] four"]);
    event(&mut bob, "[carol -> you] four");
}

#[test]
fn who_wrote_to_one_that_does_not_come_back_is_told_how_much_was_not_read() {
    let server = TestServer::start(&["--away-timeout", "1"]);
    let Joined { client: bob, .. } = join(&server, "bob");
    let mut alice = server.join("alice");
    let Joined { client: mut carol, token } = join(&server, "carol");
    let mut dave = server.join("dave");
    alice.send("/msg bob before\n");
    expect_events(&mut carol, &["-- dave joined"]);
    for line in ["-- carol joined", "-- dave joined", "[you -> bob] before"] {
        alice.expect(line);
    }
    lose(&server, &bob, "bob");
    alice.send("/msg bob one\n/nick alicia\n/msg bob two\n/msg bob three\n");
    carol.send("/msg bob one\n");
    dave.send("/msg bob one\n/quit\n");
    while dave.line().is_some() {}
    let mut told =
        std::iter::from_fn(|| alice.line()).skip_while(|line| !line.contains("bob left"));
    assert_eq!(told.next().as_deref(), Some("-- bob left (connection lost)"));
    let unread = "-- bob did not come back: 3 lines of yours were not read";
    assert_eq!(told.next().as_deref(), Some(unread));
    alice.send("/who\n");
    alice.expect("-- 2 here: alicia, carol");
    let unread = "-- bob did not come back: 1 line of yours was not read";
    let seq = event(&mut carol, unread);
    lose(&server, &carol, "carol");
    carol = resume(&server, &token, seq - 1);
    expect_answers(&mut carol, &["-- welcome back, carol", "= resumed 2", "= nick carol"]);
    assert_eq!(expect_events(&mut carol, &[unread]), [seq]);
}

#[test]
fn the_old_connection_is_closed_first_and_nothing_more_is_read_from_it() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let Joined { client: mut old, token } = join(&server, "alice");
    old.send("one\n");
    let seen = expect_events(&mut old, &["+ 2"])[0];
    let mut new = resume(&server, &token, seen);
    expect_answers(&mut new, &["-- welcome back, alice", "= resumed 2", "= nick alice"]);
    use std::io::Write;
    old.stream.write_all(b"never\n").ok();
    new.send("two\n");
    expect_events(&mut new, &["+ 3"]);
    while old.line().is_some() {}
    for line in ["-- alice joined", "<alice> one", "<alice> two"] {
        bob.expect(line);
    }
    // It may be done again, from where it was before, and as often as it takes.
    let mut newer = resume(&server, &token, 0);
    expect_answers(&mut newer, &["-- welcome back, alice", "= resumed 3", "= nick alice"]);
    expect_events(&mut newer, &["+ 2", "+ 3"]);
    new.expect_end();
    bob.send("still here\n");
    expect_events(&mut newer, &["<bob> still here"]);
}

#[test]
fn who_is_taken_over_was_never_away() {
    let server = TestServer::start(&["--away-timeout", "0"]);
    let Joined { client: mut old, token } = join(&server, "alice");
    expect_done(&mut old);
    for _ in 0..50 {
        let mut new = resume(&server, &token, 0);
        expect_answers(&mut new, &["-- welcome back, alice", "= resumed 1", "= nick alice"]);
        old.expect_end();
        old = new;
    }
    old.send("/quit\n");
    let log = server.log_up_to("alice left");
    assert!(!log.iter().any(|line| line.contains("is away")), "{log:#?}");
}

#[test]
fn what_cannot_be_resumed_is_told_and_the_name_stays_open() {
    let server = TestServer::start(&[]);
    let Joined { client: mut alice, token } = join(&server, "alice");
    let unknown = "0".repeat(32);
    let mut other = resume(&server, &unknown, 0);
    other.send(format!("/resume {token} 99\n/resume {token}\n/nick bob\n/resume {token} 0\n"));
    expect_answers(
        &mut other,
        &[
            "!! /resume: nobody here can be resumed with that token",
            "!! /resume: there is no event 99 yet",
            "!! /resume goes like this: /resume TOKEN SEQ",
            "-- you are bob, with 1 other here",
        ],
    );
    expect_body(&mut other, |body| body.starts_with("= token ") && !body.ends_with(&token));
    let late = "!! /resume: that is for right after /tags, before there is a name";
    expect_answers(&mut other, &["= nick bob", late]);
    let mut plain = server.connect();
    plain.send(format!("/resume {token} 0\n"));
    plain.expect("-- chatroom 1: welcome (/help for the commands)");
    plain.expect("-- you are guest1, with 2 others here");
    plain.expect(late);
    // She is where she was.
    alice.send("/who\n");
    expect_events(&mut alice, &["-- bob joined", "-- guest1 joined"]);
    expect_answers(&mut alice, &["-- 3 here: alice, bob, guest1"]);
}

#[test]
fn who_is_away_for_too_long_has_left_and_is_not_known_any_more() {
    let server = TestServer::start(&["--away-timeout", "1"]);
    let mut bob = server.join("bob");
    let Joined { client: alice, token } = join(&server, "alice");
    bob.expect("-- alice joined");
    lose(&server, &alice, "alice");
    bob.expect("-- alice left (connection lost)");
    bob.send("/msg alice psst\n");
    bob.expect("!! /msg: alice has just left");
    let mut alice = resume(&server, &token, 0);
    alice.send("/nick alice\n");
    expect_answers(
        &mut alice,
        &[
            "!! /resume: nobody here can be resumed with that token",
            "-- you are alice, with 1 other here",
        ],
    );
    bob.expect("-- alice joined");
    alice.send("/quit\n");
    bob.expect("-- alice left");
}

#[test]
fn who_is_away_takes_no_place_and_as_many_may_be_away_as_may_be_here() {
    let server = TestServer::start(&["--max-clients", "2"]);
    let mut bob = server.join("bob");
    let mut tokens = Vec::new();
    for name in ["first", "second", "third", "fourth"] {
        let Joined { client, token } = join(&server, name);
        tokens.push(token);
        bob.expect(&format!("-- {name} joined"));
        lose(&server, &client, name);
        if tokens.len() > 2 {
            // All are from one address: who comes and goes drives out nobody who was here before.
            bob.expect(&format!("-- {name} left (connection lost)"));
        }
    }
    bob.send("/who\n");
    bob.expect("-- 3 here: bob, first (away), second (away)");
    let mut first = resume(&server, &tokens[0], 0);
    expect_answers(&mut first, &["-- welcome back, first", "= resumed 1", "= nick first"]);
    first.send("/quit\n");
    bob.expect("-- first left");
    let _alice = server.join("alice");
    bob.expect("-- alice joined");
    let mut late = server.connect();
    late.expect("!! the room is full (2 clients)");
}

/// Her old connection is dead, which nobody has told the server.
#[test]
fn who_comes_back_takes_its_own_place_where_there_is_no_other() {
    const FULL: &str = "!! the room is full (2 clients)";
    const ADDRESS_FULL: &str = "!! the room is full for your address (2 clients)";
    let rooms = [(["--max-clients", "2"], FULL), (["--max-per-address", "2"], ADDRESS_FULL)];
    for (options, full) in rooms {
        let server = TestServer::start(&options);
        let mut bob = server.join("bob");
        let Joined { client: mut dead, token } = join(&server, "alice");
        let opening = format!("/tags\n/resume {token} 0\n");
        // At once, with what it says next, or once it is told that there is no place.
        for (number, waits) in [false, true, false].into_iter().enumerate() {
            let mut alice = server.connect();
            if waits {
                alice.expect(full);
            }
            alice.send(format!("{opening}hello {number}\n"));
            alice.expect(BANNER.trim_end());
            nonce(&mut alice);
            let taken = format!("= resumed {}", number + 1);
            expect_answers(&mut alice, &["-- welcome back, alice", &taken, "= nick alice"]);
            while bob.line().expect("the room goes on") != format!("<alice> hello {number}") {}
            rest(&mut dead);
            dead = alice;
        }
        // Nobody else has come by a place, and neither has one who says that she is alice.
        let late = ["hello\n", "/tags\n/nick alice\n", &opening.replace(&token, &"0".repeat(32))];
        for opening in late {
            let mut late = server.connect();
            late.send(opening);
            late.expect(full);
            late.expect_end();
        }
        let mut silent = server.connect();
        silent.expect(full);
        silent.expect_end();
        // Nor is there a place less.
        dead.send("/quit\n");
        rest(&mut dead);
        server.join("carol");
    }
}

#[test]
fn those_who_wait_before_a_full_room_keep_nobody_out_who_comes_back() {
    let server = TestServer::start(&["--max-clients", "2"]);
    let mut bob = server.join("bob");
    let Joined { client: _dead, token } = join(&server, "alice");
    bob.expect("-- alice joined");
    let crowd: Vec<_> = (0..100).map(|_| server.connect()).collect();
    let opening = format!("/tags\n/resume {token} 0\n");
    let is_let_in = |client: &mut TestClient| {
        assert_eq!(client.line().as_deref(), Some(BANNER.trim_end()));
        nonce(client);
        expect_answers(client, &["-- welcome back, alice", "= resumed 1", "= nick alice"]);
    };
    let mut alice = server.connect();
    alice.send(&opening);
    is_let_in(&mut alice);
    drop(crowd);
    // Her connection may be found lost while she is waiting; who is too slow to say so tries again.
    let comes_back = |lost: TestClient| {
        let mut back = server.connect();
        back.expect("!! the room is full (2 clients)");
        lose(&server, &lost, "alice");
        back.send(&opening);
        let is_back = back.line().is_some_and(|line| line == BANNER.trim_end());
        if is_back { Ok(back) } else { Err(()) }
    };
    let mut back = comes_back(alice);
    for _ in 0..5 {
        if back.is_ok() {
            break;
        }
        let mut alice = server.connect();
        alice.send(&opening);
        is_let_in(&mut alice);
        back = comes_back(alice);
    }
    let mut back = back.expect("once it was in time");
    nonce(&mut back);
    expect_answers(&mut back, &["-- welcome back, alice", "= resumed 1", "= nick alice"]);
}

#[test]
fn who_takes_nothing_goes_silently_and_may_come_back() {
    let server =
        TestServer::start(&["--rate-limit", "0", "--memory", "32M", "--stall-timeout", "1"]);
    let mut bob = server.join("bob");
    let Joined { client: mut alice, token } = join(&server, "alice");
    expect_done(&mut alice);
    bob.expect("-- alice joined");
    let text = "x".repeat(4000);
    for number in 0..4000 {
        bob.send(format!("{number} {text}\n"));
    }
    bob.send("end\n");
    server.logs("alice is away: ");
    let first = alice.line().expect("she was sent something");
    drop(alice);
    let mut alice = resume(&server, &token, split(&first).0.expect("an event"));
    expect_answers(&mut alice, &["-- welcome back, alice", "= resumed 1", "= nick alice"]);
    for number in 1..4000 {
        expect_events(&mut alice, &[&format!("<bob> {number} {text}")]);
    }
    expect_events(&mut alice, &["<bob> end"]);
    bob.send("/who\n");
    bob.expect("-- 2 here: alice, bob");
}

#[test]
fn who_comes_back_too_late_for_all_of_it_is_told_exactly_how_much_is_gone() {
    const LINES: u64 = 3000;
    let server = TestServer::start(&["--rate-limit", "0", "--memory", "1M"]);
    let mut bob = server.join("bob");
    let Joined { client: mut alice, token } = join(&server, "alice");
    bob.expect("-- alice joined");
    bob.send("first\n");
    let seen = expect_events(&mut alice, &["<bob> first"])[0];
    alice.send("mine\n");
    bob.expect("<alice> mine");
    lose(&server, &alice, "alice");
    for number in 0..LINES {
        bob.send(format!("{number} {}\n", "x".repeat(1000)));
        if number.is_multiple_of(100) {
            bob.send("/msg bob not for her\n/msg alice for her\n");
        }
    }
    bob.send("/who\n");
    while bob.line().expect("an answer") != "-- 2 here: alice (away), bob" {}
    let mut alice = resume(&server, &token, seen);
    expect_answers(&mut alice, &["-- welcome back, alice", "= resumed 2", "= nick alice"]);
    let told = expect_body(&mut alice, |body| body.ends_with(" lines (you were away)"));
    let missed: u64 = told.split(' ').nth(3).unwrap().parse().unwrap();
    let heard = rest(&mut alice).len() as u64;
    assert!(missed > 0 && heard > 0);
    assert_eq!(heard + missed, LINES + LINES / 100);
}

#[test]
fn who_is_cut_off_while_it_is_held_to_its_lines_a_second_has_said_as_many_as_were_counted() {
    let server = TestServer::start(&["--rate-limit", "500"]);
    let mut bob = server.join("bob");
    let Joined { client: mut alice, token } = join(&server, "alice");
    bob.expect("-- alice joined");
    alice.send((1..=20_000).map(|number| format!("{number}\n")).collect::<String>());
    let mut said = 0;
    let mut hear = |line: Option<String>| {
        let number = line.as_deref().and_then(|line| line.strip_prefix("<alice> "));
        assert_eq!(number, Some(&*(said + 1).to_string()), "what comes after {said}");
        said += 1;
        said
    };
    // Beyond what may come at once.
    while hear(bob.line()) < 5100 {}
    alice.reset();
    bob.send("are you there?\n");
    server.logs("alice is away: ");
    bob.send("/nosuch\n");
    let rest = std::iter::from_fn(|| bob.line().filter(|line| !line.starts_with("!! ")));
    let said = rest.map(|line| hear(Some(line))).last().expect("something");
    let mut alice = resume(&server, &token, 0);
    let taken = format!("= resumed {}", said + 1);
    expect_answers(&mut alice, &["-- welcome back, alice", &taken]);
}

#[test]
fn private_lines_do_not_make_the_room_forget_what_one_who_is_away_has_missed() {
    const LINES: usize = 12_000;
    let server = TestServer::start(&["--rate-limit", "0", "--memory", "4M"]);
    let Joined { client: alice, token } = join(&server, "alice");
    let mut bob = server.join("bob");
    let mut carol = server.join("carol");
    lose(&server, &alice, "alice");
    bob.expect("-- carol joined");
    bob.send("hi\n");
    carol.expect("<bob> hi");
    (0..LINES).for_each(|number| bob.send(format!("/msg carol {number}\n")));
    carol.skip_to(&format!("[bob -> you] {}\n", LINES - 1));
    let mut alice = resume(&server, &token, 0);
    expect_answers(&mut alice, &["-- welcome back, alice", "= resumed 1", "= nick alice"]);
    expect_events(&mut alice, &["-- bob joined", "-- carol joined", "<bob> hi"]);
}

#[test]
fn a_program_that_lags_too_far_is_told_how_much_it_missed_and_that_its_lines_were_taken() {
    const LINES: usize = 6000;
    let server = TestServer::start(&["--rate-limit", "0", "--memory", "1M"]);
    let mut slow = join(&server, "slow").client;
    let mut bob = server.join("bob");
    expect_events(&mut slow, &["-- bob joined"]);
    let text = "x".repeat(3000);
    let mut own = 0;
    for number in 0..LINES {
        bob.send(format!("{number} {text}\n"));
        if number.is_multiple_of(1000) {
            slow.send("mine\n");
            bob.expect("<slow> mine");
            own += 1;
        }
    }
    bob.send("/who\n");
    bob.expect("-- 2 here: bob, slow");
    let (mut heard, mut missed, mut receipts, mut last) = (0, 0, Vec::new(), None);
    while last != Some(LINES - 1) {
        let line = slow.line().expect("the room goes on");
        let body = split(&line).1;
        if let Some(said) = body.strip_prefix("<bob> ") {
            let number = said.strip_suffix(&text).and_then(|said| said.trim_end().parse().ok());
            assert!(number > last, "out of order: {number:?} after {last:?}");
            (heard, last) = (heard + 1, number);
        } else if let Some(told) = body.strip_prefix("-- you missed ") {
            missed += told.split(' ').next().unwrap().parse::<usize>().unwrap();
        } else {
            receipts.push(body.strip_prefix("+ ").expect(body).parse::<usize>().unwrap());
        }
    }
    assert!(missed > 0);
    assert_eq!(heard + missed, LINES);
    // Each stands for those before it.
    assert!(receipts.is_sorted_by(|a, b| a < b), "{receipts:?}");
    assert_eq!(receipts.last(), Some(&(own + 1)));
}

#[test]
fn both_forms_of_one_conversation_say_the_same() {
    let server = TestServer::start(&[]);
    let mut plain = server.join("plain");
    let mut tagged = join(&server, "tagged").client;
    plain.expect("-- tagged joined");
    let mut bob = server.join("bob");
    bob.send("hi\n/me waits\n/nick robert\n//x\n/quit good night\n");
    bob.expect("-- you are now robert");
    bob.expect_end();
    let _carol = server.join("carol");
    let said = [
        "-- bob joined",
        "<bob> hi",
        "* bob waits",
        "-- bob is now robert",
        "<robert> /x",
        "-- robert left: good night",
        "-- carol joined",
    ];
    expect_events(&mut tagged, &said);
    said.iter().for_each(|line| plain.expect(line));
    for ask in ["/who\n", "/search hi\n", "/history 3\n", "/help\n", "/nosuch\n"] {
        plain.send(ask);
        tagged.send(ask);
    }
    let mut answers = Vec::new();
    while answers.last().is_none_or(|line: &String| !line.starts_with("!! ")) {
        answers.push(plain.line().expect("an answer"));
    }
    for answer in answers {
        let is_event = answer.starts_with("| ");
        if is_event {
            expect_events(&mut tagged, &[&answer]);
        } else {
            expect_answers(&mut tagged, &[&answer]);
        }
    }
}

/// Keeps a program's roster by the events that it is told, up to the answer to `/who`. That answer, and the last event.
fn keep_roster(client: &mut TestClient, roster: &mut BTreeSet<String>) -> (BTreeSet<String>, u64) {
    let (mut here, mut seen) = (BTreeSet::new(), 0);
    client.send("/who\n");
    loop {
        let line = client.line().expect("the room goes on");
        let (seq, body) = split(&line);
        assert!(seq.is_none_or(|seq| seq > seen), "{line}");
        seen = seq.unwrap_or(seen);
        let words: Vec<&str> = body.split(' ').collect();
        match words[..] {
            ["--", name, "joined"] => assert!(roster.insert(name.to_owned()), "{line}"),
            ["--", name, "left", ..] => assert!(roster.remove(name), "{line}"),
            ["--", old, "is", "now", new] => {
                assert!(roster.remove(old) && roster.insert(new.to_owned()), "{line}");
            }
            ["=", "done"] if !here.is_empty() => return (here, seen),
            ["--", ..] if line.starts_with("@-") && !line.starts_with("@- ") => {
                let names = body.split_once(" here: ").map_or(&body[3..], |(_, names)| names);
                here.extend(names.split([',', ' ']).filter(|it| !it.is_empty()).map(str::to_owned));
            }
            _ => {}
        }
    }
}

#[test]
fn a_program_is_told_by_name_of_all_who_come_and_go_however_many_over_lost_connections_too() {
    let server = TestServer::start(&[]);
    let Joined { client: mut program, token } = join(&server, "program");
    let _plain = server.join("plain");
    let mut roster = BTreeSet::from(["program".to_owned()]);
    let mut crowd: Vec<_> = (0..40).map(|number| server.join(&format!("p{number}"))).collect();
    crowd.iter_mut().take(20).zip(0..).for_each(|(member, number)| {
        member.send(format!("/nick q{number}\n"));
        // Others' new names may come with it.
        let told = format!("-- you are now q{number}");
        while member.line().as_ref() != Some(&told) {}
    });
    let (here, seen) = keep_roster(&mut program, &mut roster);
    assert_eq!((here.len(), &here), (42, &roster));
    // What happens meanwhile it is told when it comes back.
    lose(&server, &program, "program");
    for mut member in crowd.drain(10..) {
        member.send("/quit\n");
        while member.line().is_some() {}
    }
    let _more: Vec<_> = (0..20).map(|number| server.join(&format!("r{number}"))).collect();
    let mut program = resume(&server, &token, seen);
    let (here, _) = keep_roster(&mut program, &mut roster);
    assert_eq!((here.len(), &here), (32, &roster));
}
