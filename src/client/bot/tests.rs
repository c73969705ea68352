//! Bots in rooms that are in this process, and servers that misbehave.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::*;
use crate::protocol::name::Name;
use crate::server::{self, Config, Running, Server};

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// A server at that place, or at any.
fn server(at: Option<SocketAddr>, config: Config) -> Running {
    let port = at.map_or(0, |at| at.port());
    let listener = server::bind("127.0.0.1", port).expect("a free port");
    Server::open(listener, config).and_then(Server::start).expect("a server")
}

fn named(at: SocketAddr, name: &str) -> Bot {
    Bot::builder(&at.to_string()).name(name).connect().expect("it is let in")
}

/// The next event that is none of those: who comes and goes, and own lines.
fn next_said(bot: &Bot) -> Event {
    loop {
        let event = bot.next_within(DEADLINE).expect("the bot goes on").expect("in time");
        match event {
            Event::Joined { .. }
            | Event::Left { .. }
            | Event::Taken { .. }
            | Event::Notice { .. } => {}
            event => return event,
        }
    }
}

/// Waits for an event.
fn wait_for(bot: &Bot, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut seen = Vec::new();
    loop {
        let event = bot.next_within(DEADLINE).expect("the bot goes on");
        let event = event.unwrap_or_else(|| panic!("only {seen:#?}"));
        seen.push(event);
        if seen.last().is_some_and(&wanted) {
            return seen;
        }
    }
}

fn said(from: &str, text: &str) -> Event {
    Event::Said { from: from.to_owned(), text: text.to_owned() }
}

#[test]
fn what_one_says_the_other_hears_and_own_lines_are_confirmed() {
    let server = server(None, Config::default());
    let (alice, bot) = (named(server.address(), "alice"), named(server.address(), "bot"));
    assert_eq!(bot.name(), "bot");
    let line = bot.say("/quit is a word").expect("a line");
    assert_eq!(next_said(&alice), said("bot", "/quit is a word"));
    assert_eq!(bot.next_within(DEADLINE).expect("well"), Some(Event::Taken { line }));
    bot.act("waits").expect("a line");
    bot.whisper("alice", "psst").expect("a line");
    let (from, text) = ("bot".to_owned(), "waits".to_owned());
    assert_eq!(next_said(&alice), Event::Done { from: from.clone(), text });
    assert_eq!(next_said(&alice), Event::Whispered { from, text: "psst".to_owned() });
    let line = bot.whisper("nobody", "psst").expect("a line");
    let why = "/msg: nobody here is called nobody".to_owned();
    let refused = Event::Refused { line: Some(line), why };
    assert_eq!(next_said(&bot), refused);
    drop(bot);
    wait_for(&alice, |event| *event == Event::Left { name: "bot".to_owned() });
}

#[test]
fn what_is_no_line_is_not_said() {
    let server = server(None, Config::default());
    let bot = named(server.address(), "bot");
    let why = |said: Result<Line, Error>| match said {
        Err(Error::Text(why)) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(why(bot.say("one\ntwo")), BadText::LineBreak);
    assert_eq!(why(bot.say(" \t")), BadText::Blank);
    assert_eq!(why(bot.act("")), BadText::Blank);
    assert_eq!(why(bot.say(&"x".repeat(100_000))), BadText::TooLong);
    assert_eq!(why(bot.whisper("two words", "x")), BadText::NoName);
    let sayer = bot.sayer();
    bot.close().expect("nothing was said");
    assert!(matches!(sayer.say("x"), Err(Error::Over)));
}

#[test]
fn a_bot_has_its_name_or_is_not_let_in() {
    let server = server(None, Config::default());
    let place = server.address().to_string();
    let _alice = named(server.address(), "alice");
    let refused = Bot::builder(&place).name("Alice").connect();
    assert!(matches!(refused, Err(Error::NameRefused(_))), "{refused:?}");
    let refused = Bot::builder(&place).name("al ice").connect();
    assert!(matches!(refused, Err(Error::Name(_))), "{refused:?}");
    let guest = Bot::builder(&place).connect().expect("anybody may come in");
    assert_eq!(guest.name(), "guest1");
    drop(server);
    let refused = Bot::builder(&place).connect();
    assert!(matches!(refused, Err(Error::Unreachable(_))), "{refused:?}");
    assert!(matches!(Bot::builder("http://x").connect(), Err(Error::Address { .. })));
}

#[test]
fn a_bot_comes_back_to_a_server_that_was_restarted_and_says_what_it_has_to_say() {
    let first = server(None, Config::default());
    let at = first.address();
    let bot = named(at, "bot");
    first.shut_down().expect("it ends well");
    wait_for(&bot, |event| matches!(event, Event::Lost { .. }));
    // It is not there, and takes what is to be said all the same.
    let line = bot.say("meanwhile").expect("a line");
    let second = server(Some(at), Config::default());
    let alice = named(at, "alice");
    let seen = wait_for(&bot, |event| *event == Event::Taken { line });
    assert!(seen.contains(&Event::Back { is_known: false, again: 0 }), "{seen:#?}");
    bot.say("and now").expect("a line");
    bot.close().expect("all is confirmed");
    let seen = wait_for(&alice, |event| *event == said("bot", "and now"));
    // Alice may have come after it.
    let times = seen.iter().filter(|event| **event == said("bot", "meanwhile")).count();
    assert!(times <= 1, "{seen:#?}");
    drop(second);
}

#[test]
fn many_lines_are_said_once_each_from_many_threads_and_all_before_it_leaves() {
    let config = Config { rate_limit: 0, ..Config::default() };
    let server = server(None, config);
    let (alice, bot) = (named(server.address(), "alice"), named(server.address(), "bot"));
    thread::scope(|scope| {
        for thread in 0..4 {
            let sayer = bot.sayer();
            scope.spawn(move || {
                for line in 0..500 {
                    sayer.say(&format!("{thread} {line}")).expect("a line");
                }
            });
        }
    });
    bot.close().expect("all is confirmed");
    let seen = wait_for(&alice, |event| *event == Event::Left { name: "bot".to_owned() });
    for thread in 0..4 {
        let own = seen.iter().filter_map(|event| match event {
            Event::Said { text, .. } => text.strip_prefix(&format!("{thread} ")),
            _ => None,
        });
        assert!(own.eq((0..500).map(|line| line.to_string())), "thread {thread}");
    }
}

#[test]
fn whoever_is_removed_does_not_come_back() {
    let operators = vec![Name::parse("boss").expect("a name")];
    let server = server(None, Config { operators, ..Config::default() });
    let bot = named(server.address(), "bot");
    let mut boss = TcpStream::connect(server.address()).expect("it listens");
    boss.write_all(b"/nick boss\n/register s3cret-words\n/kick bot it is late\n")
        .expect("it takes that");
    let removed = bot.events().find_map(Result::err);
    let Some(Error::NotLetIn(why)) = removed else { panic!("{removed:?}") };
    assert!(why.to_string().contains("it is late"), "{why}");
    assert!(bot.events().next().is_none() && matches!(bot.say("x"), Err(Error::Over)));
}

#[test]
fn what_is_no_chat_room_is_told_so() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let at = listener.local_addr().expect("it is bound");
    let other = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("it comes");
        stream.write_all(b"220 mail.example ESMTP\r\n").expect("it takes that");
        BufReader::new(stream).lines().map_while(Result::ok).count()
    });
    let refused = Bot::builder(&at.to_string()).name("bot").connect();
    let Err(Error::NoChatroom(Problem::NoChatroom { said, .. })) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(said, "220 mail.example ESMTP");
    assert_eq!(other.join().expect("no panic"), 0, "nothing was sent to it");
}

#[test]
fn a_bot_whose_server_is_gone_leaves_in_time_and_says_what_was_not_said() {
    let server = server(None, Config::default());
    let bot = named(server.address(), "bot");
    server.shut_down().expect("it ends well");
    wait_for(&bot, |event| matches!(event, Event::Lost { .. }));
    bot.say("to nobody").expect("a line");
    let left = bot.close_within(Duration::from_millis(10));
    assert!(matches!(left, Err(Error::NotSaid(Problem::Unconfirmed { lines: 1, .. }))), "{left:?}");
}

#[test]
fn a_bot_that_takes_no_events_gets_them_in_the_end_or_is_told_how_many_it_missed() {
    let server = server(None, Config { rate_limit: 0, ..Config::default() });
    let (alice, bot) = (named(server.address(), "alice"), named(server.address(), "bot"));
    let text = "x".repeat(4000);
    for _ in 0..2000 {
        alice.say(&text).expect("a line");
    }
    alice.say("the end").expect("a line");
    alice.close().expect("all is confirmed");
    let seen = wait_for(&bot, |event| *event == said("alice", "the end"));
    let came = seen.iter().filter(|event| matches!(event, Event::Said { .. })).count() as u64;
    let missed: u64 = seen
        .iter()
        .map(|event| match event {
            Event::Missed { lines } => *lines,
            _ => 0,
        })
        .sum();
    assert_eq!(came + missed, 2001);
}

#[test]
fn one_of_several_servers_is_enough() {
    let gone = server(None, Config::default());
    let nobody = gone.address();
    drop(gone);
    let first = server(None, Config::default());
    let bot = Bot::builder(&format!("{nobody},{}", first.address())).name("bot").connect();
    let bot = bot.expect("the second one answers");
    let alice = named(first.address(), "alice");
    alice.say("hello").expect("a line");
    assert_eq!(next_said(&bot), said("alice", "hello"));
    first.shut_down().expect("it ends well");
    wait_for(&bot, |event| matches!(event, Event::Lost { .. }));
}
