//! What a client takes of a server's lines, over lost connections and in new sessions.

use super::super::outbox::Asker;
use super::*;
use crate::client::handshake::Progress;
use crate::protocol::reply::Refusal;

const BANNER: &str = "-- chatroom 1: welcome (/help for the commands)";
const TOKEN: &str = "000102030405060708090a0b0c0d0e0f";

/// By this machine's clock, which is ten seconds behind the server's.
const NOW: Millis = 1_790_000_000_000;

/// Alice, as she has just joined.
fn alice() -> ClientSession {
    let mut session = ClientSession::new(Name::parse("alice").ok(), None);
    session.hears(&[BANNER, "@- 1790000010000 -- you are alice, alone here"]);
    session.hears(&[&format!("@- 1790000010000 = token {TOKEN}")]);
    session.hears(&["@- 1790000010000 = nick alice"]);
    session
}

impl ClientSession {
    /// What is seen of the lines, what is asked in brackets, and what else is to be known.
    fn hears(&mut self, lines: &[&str]) -> Vec<String> {
        let mut told = Vec::new();
        for line in lines {
            let heard = self.hear(line, Instant::now(), NOW);
            told.extend(heard.line.map(|line| line.text.into_owned()));
            told.extend(heard.asks.iter().map(|ask| format!("({ask})")));
            told.extend(heard.news.iter().map(|news| format!("{news:?}")));
        }
        told
    }

    fn says(&mut self, line: &str) {
        self.outbox.enter(Arc::new(Typed::new(line)), Asker::User, Instant::now());
        self.outbox.next_batch(Server::Ours);
    }

    fn comes_back(&mut self) -> Vec<String> {
        self.lose();
        self.begin_again(Instant::now(), true, Binding::PLAIN);
        self.hears(&[BANNER])
    }
}

#[test]
fn the_servers_limits_hold_until_it_tells_others_and_only_there() {
    let mut session = alice();
    assert_eq!(session.max_line(), None);
    session.hears(&["@- 1 = limits max-line 4096 rate 100"]);
    assert_eq!(session.max_line(), Some(4096));
    session.comes_back();
    assert_eq!(session.max_line(), Some(4096));
    session.hears(&["@- 1 = resumed 1", "@- 1 = limits max-line 512", "@- 1 = nick alice"]);
    assert_eq!(session.max_line(), Some(512));
    session.begin_again(Instant::now(), true, Binding::PLAIN);
    session.hears(&["Welcome to chatroom"]);
    assert_eq!(session.max_line(), None, "it is another kind of server");
}

#[test]
fn a_line_has_the_time_when_it_was_said_and_a_fact_is_no_line() {
    let mut session = alice();
    let heard = session.hear("@7 1790000005000 <bob> hi", Instant::now(), NOW + 9000);
    let line = heard.line.expect("it is a line");
    assert_eq!((&*line.text, line.at), ("<bob> hi", Some(NOW - 5000)));
    let facts = ["@8 1790000005000 + 1", "@- 1790000005000 = colour red", "@9 1 = resumed 3"];
    assert_eq!(session.hears(&facts), [""; 0]);
    let plain = session.hear("<bob> without a tag", Instant::now(), NOW);
    assert_eq!(
        plain.line.map(|line| (line.text.into_owned(), line.at)),
        Some(("<bob> without a tag".to_owned(), None))
    );
    assert_eq!(session.format(), Format::Tagged);
}

#[test]
fn it_goes_on_after_the_last_event_but_what_is_shown_again_is_none() {
    let mut session = alice();
    assert_eq!(session.comes_back(), ["(/tags)".to_owned(), format!("(/resume {TOKEN} 0)")]);
    session.hears(&["@- 1 -- welcome back, alice", "@- 1 = resumed 1", "@- 1 = nick alice"]);
    assert!(!session.has_got_further());
    session.hears(&["@90 1 | 14:05 <bob> old", "@7 1 <bob> hi", "@6 1 <bob> odd", "@- 1 !! x"]);
    assert!(session.has_got_further());
    assert_eq!(session.comes_back()[1], format!("(/resume {TOKEN} 7)"));
}

#[test]
fn a_session_that_goes_on_is_told_by_the_server_alone() {
    let mut session = alice();
    session.says("hi");
    session.comes_back();
    let lines =
        ["@- 1 -- welcome back, alice", "@- 1 = resumed 2", "@- 1 = nick alice", "@3 1 + 2"];
    assert_eq!(session.hears(&lines), ["-- welcome back, alice", "Resumed"]);
    assert!(session.has_got_further());
    assert_eq!(session.outbox.unsaid(), 0);
}

#[test]
fn what_was_shown_is_not_shown_again_by_the_next_session() {
    let replay = [
        BANNER,
        "@- 1790000090000 !! /resume: nobody here can be resumed with that token",
        "@- 1790000090000 -- you are alice, with 1 other here",
        "@- 1790000090000 -- the last 3 lines:",
        "@5 1790000010500 | 12:00 <bob> old",
        "@7 1790000020000 | 12:01 <bob> missed",
        "@- 1790000090000 -- you are up to date",
    ];
    let again = |session: &mut ClientSession| {
        session.lose();
        session.begin_again(Instant::now(), true, Binding::PLAIN);
        session.hears(&replay)
    };
    let mut session = alice();
    session.hears(&["@6 1790000010600 <bob> new"]);
    let told = again(&mut session);
    let seen: Vec<_> = told.iter().filter(|line| line.contains("<bob>")).collect();
    assert_eq!(seen, ["| 12:01 <bob> missed"], "{told:?}");
    assert!(told.contains(&NOT_SEEN.to_owned()), "{told:?}");
    // What is asked for is shown.
    let asked = ["@- 1790000091000 -- the last line:", "@5 1790000010500 | 12:00 <bob> old"];
    let shown = session.hears(&asked);
    assert_eq!(shown, ["-- the last line:", "| 12:00 <bob> old"]);
    // Another server has other events of the same numbers.
    let mut session = alice();
    session.hears(&["@6 1790000010100 <bob> before all that"]);
    let told = again(&mut session);
    assert_eq!(told.iter().filter(|line| line.contains("<bob>")).count(), 2, "{told:?}");
}

#[test]
fn a_name_that_was_granted_on_a_lost_connection_is_told() {
    let mut session = alice();
    session.says("/nick bob");
    session.comes_back();
    let lines = ["@- 1 -- welcome back, bob", "@- 1 = resumed 2", "@- 1 = nick bob", "@3 1 + 2"];
    let told = ["-- welcome back, bob", "Resumed", "-- you are now bob"];
    assert_eq!(session.hears(&lines), told);
    session.hears(&["@- 1 -- you are now bob", "@- 1 = nick bob"]);
    session.lose();
    session.token = None;
    session.begin_again(Instant::now(), true, Binding::PLAIN);
    assert_eq!(session.hears(&[BANNER])[2], "(/nick bob)");
}

#[test]
fn a_session_that_is_over_is_told_with_what_may_be_said_twice() {
    let mut session = alice();
    session.says("hi");
    session.comes_back();
    let told = session.hears(&["@- 1 !! /resume: nobody here can be resumed with that token"]);
    assert_eq!(told, ["(/nick alice)", "Anew(1)"]);
    assert!(!session.is_resumable());
    // The numbers begin anew: `/nick` is the first, and the line the second.
    session.hears(&["@- 1 -- you are alice, alone here", "@- 1 = nick alice"]);
    session.outbox.next_batch(Server::Ours);
    session.hears(&["@3 1 + 1"]);
    assert_eq!(session.outbox.unsaid(), 1);
    session.hears(&["@4 1 + 2"]);
    assert_eq!(session.outbox.unsaid(), 0);
}

#[test]
fn a_server_that_may_be_another_one_does_not_see_the_token_and_the_session_begins_anew() {
    let mut session = alice();
    session.says("hi");
    session.lose();
    session.begin_again(Instant::now(), false, Binding::PLAIN);
    // What was sent is not sent again before the server has shown that it is a room.
    assert_eq!(session.handshake.progress(), Progress::Resuming);
    let told = session.hears(&[BANNER]);
    assert_eq!(told, [BANNER, "(/tags)", "(/nick alice)", "Anew(1)"]);
    assert!(!session.is_resumable());
    // Nor is it knocked with where the room is full.
    let mut session = alice();
    session.lose();
    session.begin_again(Instant::now(), false, Binding::PLAIN);
    let heard = session.hear("!! the room is full (100 clients)", Instant::now(), NOW);
    assert!(heard.turned_away.is_some() && heard.asks.is_empty(), "{heard:?}");
}

#[test]
fn a_room_that_takes_encrypted_clients_alone_turns_this_one_away() {
    let mut session = ClientSession::new(None, None);
    let line = Refusal::Unencrypted.to_string();
    let heard = session.hear(&line, Instant::now(), NOW);
    assert_eq!(heard.turned_away, Some(&line["!! ".len()..]));
    assert!(heard.asks.is_empty(), "{heard:?}");
}

#[test]
fn who_is_banned_or_removed_is_told_so_and_shown_out() {
    let lines = ["!! you are banned", "!! you are banned until 2026-12-05 14:00: flooding"];
    for line in lines {
        let mut session = ClientSession::new(None, None);
        let heard = session.hear(line, Instant::now(), NOW);
        assert_eq!(heard.shown_out, Some(&line[3..]));
    }
    for line in ["!! you were removed by alice: flooding", lines[1]] {
        let tagged = format!("@- 1 {line}");
        let heard = alice().hear(&tagged, Instant::now(), NOW).shown_out.map(str::to_owned);
        assert_eq!(heard.as_deref(), Some(&line[3..]));
    }
    let mut foreign = ClientSession::new(None, None);
    foreign.hears(&["Welcome"]);
    assert_eq!(foreign.hear(lines[0], Instant::now(), NOW).shown_out, None);
    for line in ["@- 1 <bob> !! you are banned", "@- 1 !! you cannot speak for 9 min more (alice)"]
    {
        assert_eq!(alice().hear(line, Instant::now(), NOW).shown_out, None, "{line}");
    }
}

#[test]
fn after_the_word_to_leave_no_other_session_is_wanted() {
    let mut session = alice();
    session.says("hi");
    session.hears(&["@3 1 + 2"]);
    session.says("/quit");
    session.comes_back();
    let told = session.hears(&["@- 1 !! /resume: nobody here can be resumed with that token"]);
    assert_eq!(told, ["(/nick alice)", "TooLate"]);
}

#[test]
fn a_refusal_that_was_lost_is_told() {
    let mut session = alice();
    session.says("/msg nobody hi");
    session.says("hi");
    session.comes_back();
    session.hears(&["@- 1 -- welcome back, alice", "@- 1 = resumed 3", "@- 1 = nick alice"]);
    let refused = News::Refused(vec![Arc::new(Typed::new("/msg nobody hi"))]);
    assert_eq!(session.hears(&["@3 1 + 3"]), [format!("{refused:?}")]);
}

#[test]
fn nothing_that_a_server_says_is_too_odd() {
    let last = u64::MAX;
    let pieces = [
        format!("@{last} 9223372036854775807 + {last}"),
        format!("@{last} 0 = resumed {last}"),
        "@- 0 = resumed 0".to_owned(),
        format!("@- 5 = token {TOKEN}"),
        "@- 5 = token x".to_owned(),
        "@- 5 = nick alice".to_owned(),
        "@- 5 = nick \u{202e}".to_owned(),
        "@0 0 ".to_owned(),
        "@x 0 <bob> hi".to_owned(),
        "@- 5 !! /resume: no".to_owned(),
        "@- 5 !! that line was too long and was not sent: the most is 0 bytes".to_owned(),
        "@- 5 -- you missed 18446744073709551615 lines (x)".to_owned(),
        "-- you are bob, alone here".to_owned(),
        BANNER.to_owned(),
    ];
    for i in 0..pieces.len().pow(3) {
        let n = pieces.len();
        let mut session = alice();
        session.says("hi");
        for piece in [i / n / n, i / n % n, i % n].map(|piece| &pieces[piece]) {
            session.hears(&[piece]);
            session.says("there");
            session.comes_back();
            session.hears(&[piece]);
        }
    }
}
