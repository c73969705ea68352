//! What was said before: the replay, `/history` and `/search`, over real sockets.

use crate::common::server::{TestClient, TestServer};

/// Lines that are shown again, without the time of day, which is checked here.
fn earlier(client: &mut TestClient) -> String {
    let line = client.expect_start("| ");
    let (time, event) = line[2..].split_once(' ').expect("a time");
    assert!(time.len() == 5 && time.as_bytes()[2] == b':', "{line}");
    event.to_owned()
}

fn expect_earlier(client: &mut TestClient, lines: &[&str]) {
    for line in lines {
        assert_eq!(earlier(client), *line);
    }
}

#[test]
fn a_newcomer_is_shown_what_was_said_and_not_what_was_private() {
    let server = TestServer::start(&["--replay", "4"]);
    let mut alice = server.join("alice");
    let mut bob = server.join("bob");
    bob.send("forgotten\n/nick robert\n/me waits\nhello\n/msg alice psst\nbye\n/nosuch\n");
    bob.expect("-- you are now robert");
    bob.expect("[you -> alice] psst");
    bob.expect("!! unknown command /nosuch; /help lists them; to say it, begin with //");
    alice.expect("-- bob joined");
    let mut carol = server.join("carol");
    carol.expect("-- the last 4 lines:");
    expect_earlier(
        &mut carol,
        &["-- bob is now robert", "* robert waits", "<robert> hello", "<robert> bye"],
    );
    carol.expect("-- you are up to date");
    bob.send("new\n");
    carol.expect("<robert> new");
}

#[test]
fn nothing_is_replayed_where_nothing_was_said_or_nothing_is_wanted() {
    let server = TestServer::start(&["--replay", "0"]);
    let mut alice = server.join("alice");
    alice.send("hello\n/history\n");
    alice.expect("-- the last line:");
    assert_eq!(earlier(&mut alice), "<alice> hello");
    alice.expect("-- you are up to date");
    let mut bob = server.join("bob");
    bob.send("/msg alice psst\n");
    bob.expect("[you -> alice] psst");
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    alice.send("/history\n/history x\n");
    alice.expect("-- nothing has been said");
    alice.expect("!! /history goes like this: /history [N]");
}

#[test]
fn history_shows_ones_own_lines_and_private_ones_to_those_two_alone() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let mut bob = server.join("bob");
    let mut carol = server.join("carol");
    alice.send("/msg bob secret\n");
    bob.expect("-- carol joined");
    bob.expect("[alice -> you] secret");
    // Private lines go by member, not by name.
    alice.send("/nick alicia\n/quit\n");
    bob.expect("-- alice is now alicia");
    bob.expect("-- alicia left");
    let mut other = server.join("alice");
    bob.send("done\n/history 10\n");
    bob.expect("-- alice joined");
    bob.expect("-- the last 3 lines:");
    expect_earlier(&mut bob, &["[alice -> you] secret", "-- alice is now alicia", "<bob> done"]);
    bob.expect("-- you are up to date");
    for outsider in [&mut carol, &mut other] {
        outsider.send("/history\n");
        while outsider.line().expect("an answer") != "-- the last 2 lines:" {}
        expect_earlier(outsider, &["-- alice is now alicia", "<bob> done"]);
        outsider.expect("-- you are up to date");
    }
}

#[test]
fn search_finds_the_newest_lines_with_all_of_the_words() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    alice.send("the Build log\nbuilds 7\nthe log of the BUILD\nrebuilt\n");
    alice.send("/search build LOG\n/search -2 build\n/search \"build log\"\n/search none\n");
    alice.expect("-- the newest 2 with \"build LOG\":");
    expect_earlier(&mut alice, &["<alice> the Build log", "<alice> the log of the BUILD"]);
    alice.expect("-- that is all");
    alice.expect("-- the newest 2 with \"build\":");
    expect_earlier(&mut alice, &["<alice> builds 7", "<alice> the log of the BUILD"]);
    alice.expect("-- that is all");
    alice.expect("-- the newest 1 with \"build log\":");
    expect_earlier(&mut alice, &["<alice> the Build log"]);
    alice.expect("-- that is all");
    alice.expect("-- nothing with \"none\"");
    alice.send("/search\n/search -7\n/search ... \"\"\n");
    alice.expect("!! /search goes like this: /search [-N] WORDS");
    alice.expect("!! /search goes like this: /search [-N] WORDS");
    alice.expect("!! /search: give a word with a letter or a digit");
    alice.send("/search a b c d e f g zz A \"B\"\n/search a b c d e f g \"h i\"\n");
    alice.expect("-- nothing with a b c d e f g zz A \"B\"");
    alice.expect("!! /search takes at most 8 different words");
}

#[test]
fn search_finds_words_without_their_accents_and_runs_without_blanks_anywhere() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    alice.send("das Café\n我在上海工作\nwell done 👍🏽\n");
    for (words, line) in
        [("CAFE", "das Café"), ("上海", "我在上海工作"), ("👍 done", "well done 👍🏽")]
    {
        alice.send(format!("/search {words}\n"));
        alice.expect(&format!("-- the newest 1 with \"{words}\":"));
        expect_earlier(&mut alice, &[&format!("<alice> {line}")]);
        alice.expect("-- that is all");
    }
}

/// Its client sends no more than that.
#[test]
fn who_ends_its_input_behind_a_search_is_answered() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    alice.send("the log\n/search log\n");
    alice.finish();
    alice.expect("-- the newest 1 with \"log\":");
    expect_earlier(&mut alice, &["<alice> the log"]);
    alice.expect("-- that is all");
}

/// In a room where everyone talks, a newcomer has everything once, in one order: what was said
/// before it in the replay, and what follows live.
#[test]
fn the_replay_and_what_follows_join_without_a_gap_or_a_double() {
    const LINES: usize = 3000;
    let server = TestServer::start(&["--rate-limit", "0", "--replay", "1000"]);
    let mut bob = server.join("bob");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for line in 0..LINES {
                bob.send(format!("{line}\n"));
                if line.is_multiple_of(50) {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
            }
            bob.send("end\n/quit\n");
            while bob.line().is_some() {}
        });
        for newcomer in 0..20 {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.join(&format!("newcomer{newcomer}"));
                let mut numbers = Vec::new();
                let mut line = client.line();
                while let Some(text) = line.filter(|line| !line.ends_with("<bob> end")) {
                    let said = text.split_once("<bob> ").map(|(_, number)| number);
                    numbers.extend(said.map(|number| number.parse::<usize>().unwrap()));
                    line = client.line();
                }
                let first = numbers.first().copied().unwrap_or(LINES);
                assert_eq!(numbers, (first..LINES).collect::<Vec<_>>());
            });
        }
    });
}

#[test]
fn who_asks_for_more_than_it_reads_is_read_no_further_and_misses_nothing() {
    const LINES: usize = 2000;
    const ASKED: usize = 40;
    let server = TestServer::start(&["--rate-limit", "0"]);
    let mut bob = server.join("bob");
    let mut alice = server.join("alice");
    bob.send(format!("{}\n", "x".repeat(1000)).repeat(LINES));
    bob.send("done\n");
    while alice.line().expect("the room goes on") != "<bob> done" {}
    let mut asks = alice.second();
    std::thread::scope(|scope| {
        // Together the answers are five times as long as what the room remembers.
        scope.spawn(move || asks.send("/history 100000\n".repeat(ASKED)));
        for _ in 0..ASKED {
            alice.expect(&format!("-- the last {} lines:", LINES + 1));
            for _ in 0..LINES {
                alice.expect_start("| ");
            }
            assert_eq!(earlier(&mut alice), "<bob> done");
            alice.expect("-- you are up to date");
        }
    });
}

/// Whoever asks between others' lines has all of them, wherever the answer stands among them.
#[test]
fn who_asks_in_the_middle_of_a_conversation_misses_nothing_of_it() {
    const LINES: usize = 20_000;
    let server = TestServer::start(&["--rate-limit", "0"]);
    let mut alice = server.join("alice");
    let mut bob = server.join("bob");
    let mut asks = alice.second();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for line in 0..LINES {
                bob.send(format!("{line}\n"));
            }
            bob.send("end\n");
            while bob.line().expect("the room goes on") != "<alice> thanks" {}
        });
        scope.spawn(move || {
            for _ in 0..2000 {
                asks.send("mine\n/history 1\n");
                std::thread::sleep(std::time::Duration::from_micros(50));
            }
            asks.send("thanks\n");
        });
        let mut numbers = Vec::new();
        let mut line = alice.line();
        while let Some(text) = line.filter(|line| line != "<bob> end") {
            numbers.extend(text.strip_prefix("<bob> ").map(|n| n.parse::<usize>().unwrap()));
            line = alice.line();
        }
        let missing = (0..LINES).find(|&number| numbers.get(number) != Some(&number));
        assert_eq!(missing, None);
        // All that is asked is answered, and the last line is said.
        while alice.line().is_some_and(|line| line != "-- bob left") {}
    });
}
