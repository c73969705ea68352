//! The room, over real sockets.

use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

#[cfg(unix)]
use crate::common::process::signal;
use crate::common::server::{TestClient, TestServer};

#[test]
fn a_line_goes_to_all_but_the_one_who_said_it() {
    let server = TestServer::start(&[]);
    let (mut alice, mut bob, mut carol) =
        (server.join("alice"), server.join("bob"), server.join("carol"));
    alice.expect("-- bob joined");
    alice.expect("-- carol joined");
    bob.expect("-- carol joined");
    alice.send("hello\r\n//slash\n/me waits\n");
    for other in [&mut bob, &mut carol] {
        other.expect("<alice> hello");
        other.expect("<alice> /slash");
        other.expect("* alice waits");
    }
    bob.send("hi\n");
    alice.expect("<bob> hi");
    carol.expect("<bob> hi");
}

#[test]
fn everyone_sees_one_order_and_loses_nothing_under_load() {
    const SENDERS: usize = 8;
    const LINES: usize = 500;
    let server = TestServer::start(&["--max-clients", "20"]);
    let mut watchers: Vec<_> = (0..2).map(|i| server.join(&format!("watcher{i}"))).collect();
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.join(&format!("sender{sender}"));
                for line in 0..LINES {
                    client.send(format!("{sender} {line}\n"));
                }
                client.finish();
                while client.line().is_some() {}
            });
        }
    });
    let said = |watcher: &mut TestClient| {
        let lines = std::iter::from_fn(|| watcher.line()).filter(|line| line.starts_with('<'));
        lines.take(SENDERS * LINES).collect::<Vec<_>>()
    };
    let orders: Vec<_> = watchers.iter_mut().map(said).collect();
    assert_eq!(orders[0], orders[1]);
    for sender in 0..SENDERS {
        let start = format!("<sender{sender}> {sender} ");
        let own = orders[0].iter().filter_map(|line| line.strip_prefix(&start));
        let own: Vec<usize> = own.map(|number| number.parse().unwrap()).collect();
        assert_eq!(own, (0..LINES).collect::<Vec<_>>());
    }
}

#[test]
fn the_hundred_and_first_client_is_refused_and_the_room_goes_on() {
    let server = TestServer::start(&[]);
    let mut members: Vec<_> = (1..=100).map(|i| server.join(&format!("m{i}x"))).collect();
    let mut late = server.connect();
    late.expect("!! the room is full (100 clients)");
    late.expect_end();
    let mut last = members.pop().unwrap();
    last.send("/quit\n");
    // It may still be told how many have joined beside it.
    while last.line().is_some() {}
    let mut next = server.join("next");
    next.send("here\n");
    let first = &mut members[0];
    let heard = std::iter::from_fn(|| first.line()).find(|line| line.starts_with('<'));
    assert_eq!(heard.as_deref(), Some("<next> here"));
}

#[test]
fn clients_that_are_gone_before_they_are_let_in_hold_up_nobody() {
    let server = TestServer::start(&[]);
    for _ in 0..200 {
        server.connect().reset();
    }
    drop(server.join("alice"));
    let log = server.log_up_to("alice joined");
    assert!(!log.iter().any(|line| line.contains("cannot take clients in")), "{log:#?}");
}

#[test]
fn one_address_takes_no_more_places_than_it_may() {
    let server = TestServer::start(&["--max-per-address", "2"]);
    let (mut alice, bob) = (server.join("alice"), server.join("bob"));
    alice.expect("-- bob joined");
    let mut late = server.connect();
    late.expect("!! the room is full for your address (2 clients)");
    late.expect_end();
    bob.finish();
    alice.expect("-- bob left");
    server.join("carol");
}

#[test]
fn a_client_without_newlines_is_a_guest_and_its_bytes_are_lines() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let mut original = server.connect();
    original.send("bare bytes");
    alice.expect("-- guest1 joined");
    alice.expect("<guest1> bare bytes");
    original.send("more");
    alice.expect("<guest1> more");
}

#[test]
fn the_last_line_of_a_half_closed_client_is_said_and_what_is_due_is_delivered() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let mut bob = server.join("bob");
    alice.expect("-- bob joined");
    alice.send("before\n");
    bob.expect("<alice> before");
    bob.send("last \u{e9} words");
    bob.finish();
    bob.expect_end();
    alice.expect("<bob> last \u{e9} words");
    alice.expect("-- bob left");
}

#[test]
fn a_client_that_breaks_off_is_told_apart_from_one_that_ends() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let mut bob = server.join("bob");
    alice.expect("-- bob joined");
    bob.send("whole\nbroken in the mid");
    alice.expect("<bob> whole");
    bob.reset();
    alice.expect("-- bob left (connection lost)");
    server.connect().reset();
    let mut carol = server.join("carol");
    alice.expect("-- carol joined");
    carol.send("whole\n");
    alice.expect("<carol> whole");
    drop(carol.stream);
    alice.expect_start("-- carol left");
}

#[test]
fn one_who_names_itself_late_is_a_guest_first_and_one_gone_before_never_joined() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let mut silent = server.connect();
    silent.expect("-- chatroom 1: welcome (/help for the commands)");
    silent.expect("-- you are guest1, with 1 other here");
    silent.send("/nick bob\n");
    silent.expect("-- you are now bob");
    let mut gone = server.connect();
    gone.send("\n  \n\x1b[2J\n");
    gone.finish();
    gone.expect("-- chatroom 1: welcome (/help for the commands)");
    gone.expect_end();
    let mut quits = server.connect();
    quits.send("/quit\n");
    quits.expect("-- chatroom 1: welcome (/help for the commands)");
    quits.expect_end();
    alice.expect("-- guest1 joined");
    alice.expect("-- guest1 is now bob");
    server.join("carol");
    alice.expect("-- carol joined");
}

#[test]
fn text_is_made_safe_before_anyone_sees_it() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let mut bob = server.join("bob");
    alice.expect("-- bob joined");
    for (bytes, text) in [
        (&b"\x1b[2J\x1b]0;title\x07clear\x00\x08\x7f"[..], "clear"),
        (b"a\tb\xc3(", "a\tb\u{fffd}("),
        (b"\xff\xfc\x01telnet", "telnet"),
        ("\u{200f}a\u{200b}l\u{3164}i\u{ad}ce\u{feff}".as_bytes(), "alice"),
        ("\u{202e}right\u{202c} to \u{2066}left\u{9b}31m".as_bytes(), "right to left"),
        ("日本語 👩‍👩‍👧 e\u{301}".as_bytes(), "日本語 👩‍👩‍👧 e\u{301}"),
    ] {
        bob.send(bytes);
        bob.send(b"\n");
        alice.expect(&format!("<bob> {text}"));
    }
}

#[test]
fn a_character_in_two_pieces_is_one_and_what_is_too_long_is_refused() {
    let server = TestServer::start(&["--max-line", "16"]);
    let mut alice = server.join("alice");
    let mut bob = server.join("bob");
    alice.expect("-- bob joined");
    bob.send(b"caf\xc3");
    bob.send(b"\xa9\n");
    alice.expect("<bob> caf\u{e9}");
    bob.send("12345678901234567\n1234567890123456\r\n");
    bob.expect("!! that line was too long and was not sent: the most is 16 bytes");
    alice.expect("<bob> 1234567890123456");
}

#[test]
fn names_commands_and_errors_are_as_the_protocol_spells_them() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let mut other = server.connect();
    other.send("/nick ALICE\n/nick bob\n/who\n/msg alice psst\n/etc\n/quit good night\n");
    other.expect("-- chatroom 1: welcome (/help for the commands)");
    other.expect("-- you are guest1, with 1 other here");
    other.expect("!! /nick: the name ALICE is taken");
    other.expect("-- you are now bob");
    other.expect("-- 2 here: alice, bob");
    other.expect("[you -> alice] psst");
    other.expect("!! unknown command /etc; /help lists them; to say it, begin with //");
    other.expect_end();
    alice.expect("-- guest1 joined");
    alice.expect("-- guest1 is now bob");
    alice.expect("[bob -> you] psst");
    alice.expect("-- bob left: good night");
}

#[test]
fn a_name_that_is_taken_in_any_case_is_found_in_any_case() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    for (name, same) in [("strauß", "STRAUẞ"), ("İpek", "ipek"), ("ali", "ALİ")] {
        let mut other = server.join(name);
        bob.expect(&format!("-- {name} joined"));
        bob.send(format!("/nick {same}\n/msg {same} hello\nhi {same}\n/search -1 {name}\n"));
        bob.expect(&format!("!! /nick: the name {same} is taken"));
        bob.expect(&format!("[you -> {name}] hello"));
        bob.expect(&format!("-- the newest 1 with \"{name}\":"));
        assert!(bob.expect_start("| ").ends_with(&format!(" <bob> hi {same}")));
        bob.expect("-- that is all");
        other.send("/quit\n");
        bob.expect(&format!("-- {name} left"));
    }
}

/// What may not stand beside a name, and what is nobody's.
#[test]
fn nobody_comes_in_under_a_name_that_looks_like_anothers() {
    let server = TestServer::start(&["--rate-limit", "0"]);
    let mut mallory = server.join("mallory");
    let members = ["alice", "will", "İpek", "modern", "نور"].map(|name| server.join(name));
    for _ in &members {
        mallory.expect_start("-- ");
    }
    let looks_like_one = [
        "alice\u{2d7f}",
        "alice\u{1039}",
        "alice\u{17d2}",
        "alice\u{16fe4}",
        "alice\u{13441}",
        "alice\u{94d}",
        "alice\u{1d165}",
        "ali\u{307}ce",
        "аlice",
        "aIice",
        "ᵃˡⁱᶜᵉ",
        "ａｌｉｃｅ",
        "𝐚𝐥𝐢𝐜𝐞",
        "vvill",
        "VViIl",
        "ipek",
        "İPEK",
        "ıpek",
        "modem",
        "ن\u{640}ور",
        "ﻧﻮﺭ",
    ];
    let looks_like_the_servers = [
        "you", "server", "CHATROOM", "operator", "aclmin", "system", "r00t", "a11", "everyone",
        "Hеre", "guest1", "Guest99", "guestl",
    ];
    for name in looks_like_one.into_iter().chain(looks_like_the_servers) {
        mallory.send(format!("/nick {name}\n"));
        mallory.expect_start("!! /nick: ");
    }
    // Whoever joins so is a guest.
    for (guest, name) in [("guest1", "admin"), ("guest2", "guest7"), ("guest3", "vvill")] {
        let mut client = server.connect();
        client.send(format!("/nick {name}\n"));
        client.expect("-- chatroom 1: welcome (/help for the commands)");
        client.expect_start(&format!("-- you are {guest}, "));
        client.expect_start("!! /nick: ");
    }
}

#[test]
fn a_guests_number_is_not_given_to_another_guest() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    for number in 1..=3 {
        let mut guest = server.connect();
        guest.send(format!("/msg alice I am number {number}\n"));
        alice.expect(&format!("-- guest{number} joined"));
        alice.expect(&format!("[guest{number} -> you] I am number {number}"));
        if number == 2 {
            guest.send("/nick bob\n");
            alice.expect("-- guest2 is now bob");
            alice.send("/msg guest2 for whom?\n");
            alice.expect("!! /msg: nobody here is called guest2");
        }
        guest.finish();
        while guest.line().is_some() {}
        alice.expect_start("-- ");
    }
    alice.send("/msg guest1 for whom?\n/nick guest1\n");
    alice.expect("!! /msg: guest1 has just left");
    alice.expect("!! /nick: the server alone gives names like guest1");
}

#[test]
fn a_private_line_to_one_who_has_just_left_says_so() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let mut bob = server.join("bob");
    bob.send("/quit\n");
    bob.expect_end();
    alice.expect("-- bob joined");
    alice.expect("-- bob left");
    alice.send("/msg Bob psst\n/msg carol psst\n");
    alice.expect("!! /msg: Bob has just left");
    alice.expect("!! /msg: nobody here is called carol");
}

#[test]
fn an_http_request_is_never_said() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let mut page = server.connect();
    page.send("POST / HTTP/1.1\r\nHost: x\r\n\r\nsay this\n");
    page.expect("-- chatroom 1: welcome (/help for the commands)");
    page.expect("!! this is a chat room, not a web server");
    page.expect_end();
    // One that comes in pieces, with a pause in which a line would end.
    let mut page = server.connect();
    page.expect("-- chatroom 1: welcome (/help for the commands)");
    page.send("POST / HT");
    page.expect("!! this is a chat room, not a web server");
    page.expect_end();
    // One that is too long to be read is one all the same.
    let mut page = server.connect();
    page.send(format!("POST /?{} HTTP/1.1\r\nHost: x\r\n\r\nsay this\n", "x".repeat(5000)));
    page.expect("-- chatroom 1: welcome (/help for the commands)");
    page.expect("!! this is a chat room, not a web server");
    page.expect_end();
    // One whose method is longer than a line, and one of which a part was taken for a message.
    let mut page = server.connect();
    page.send(format!("{} / HTTP/1.1\r\n\r\nsay this\n", "x".repeat(5000)));
    page.expect("-- chatroom 1: welcome (/help for the commands)");
    page.expect("!! this is a chat room, not a web server");
    page.expect_end();
    let mut page = server.connect();
    page.expect("-- chatroom 1: welcome (/help for the commands)");
    page.send("patch /");
    page.expect("-- you are guest1, with 1 other here");
    page.send(" HTTP/1.1\r\nHost: x\r\n\r\nsay this\n");
    page.expect("!! this is a chat room, not a web server");
    page.expect_end();
    for line in ["-- guest1 joined", "<guest1> patch /", "-- guest1 left"] {
        alice.expect(line);
    }
    server.join("bob");
    alice.expect("-- bob joined");
}

#[cfg(unix)]
#[test]
fn a_shutdown_tells_everyone_and_is_not_held_up_by_a_stalled_client() {
    let mut server = TestServer::start(&["--rate-limit", "0"]);
    let mut alice = server.join("alice");
    let _stalled = server.join("stalled");
    alice.expect("-- stalled joined");
    let mut bob = server.join("bob");
    alice.expect("-- bob joined");
    let line = format!("{}\n", "x".repeat(4000));
    for _ in 0..2000 {
        bob.send(&line);
        alice.expect_start("<bob> xxx");
    }
    signal("-INT", server.id());
    alice.expect("-- the server is shutting down");
    alice.expect_end();
    assert_eq!(server.status(), Some(0));
}

#[test]
fn a_flood_is_held_back_to_the_pace_of_those_who_read_it() {
    const SENDERS: usize = 4;
    const LINES: usize = 3000;
    let server = TestServer::start(&["--rate-limit", "0", "--memory", "2M"]);
    let mut reader = server.join("reader");
    // It takes nothing, so it does not count, and the others do not wait for it.
    let _stalled = server.join("stalled");
    let text = "x".repeat(3000);
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (server, text) = (&server, &text);
            scope.spawn(move || {
                let mut client = server.join(&format!("sender{sender}"));
                let mut heard = client.second();
                scope.spawn(move || while heard.line().is_some() {});
                for number in 0..LINES {
                    client.send(format!("{number} {text}\n"));
                }
                client.finish();
            });
        }
        let mut heard = 0;
        while heard < SENDERS * LINES {
            let line = reader.line().expect("the room goes on");
            assert!(!line.starts_with("-- you missed"), "{line} after {heard}");
            heard += usize::from(line.starts_with('<'));
            if heard.is_multiple_of(32) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
}

#[test]
fn who_brings_too_much_is_told_once_and_read_more_slowly_and_loses_nothing() {
    let server = TestServer::start(&["--rate-limit", "2"]);
    let mut bob = server.join("bob");
    let mut alice = server.join("alice");
    bob.expect("-- alice joined");
    // Twenty lines pass at once, of which its name was one.
    alice.send((0..20).map(|number| format!("{number}\n")).collect::<String>());
    for number in 0..19 {
        bob.expect(&format!("<alice> {number}"));
    }
    alice.expect("-- slow down: you are read at 2 lines a second");
    // The others are not held back with it.
    bob.send("hi\n");
    alice.expect("<bob> hi");
    bob.expect("<alice> 19");
    alice.send("/quit\n");
    alice.expect_end();
    bob.expect("-- alice left");
}

/// How a sender ends that waits for nothing.
#[cfg(unix)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Haste {
    /// It has read nothing, so its system resets the connection.
    Unread,
    /// It has read all that had come, so its system closes the connection, and resets it at our next word.
    Read,
    /// It breaks the connection off.
    Reset,
}

/// On Windows, what has arrived is gone with a reset.
#[cfg(unix)]
#[test]
fn what_has_arrived_of_a_client_that_closes_at_once_is_said_before_it_has_left() {
    const LINES: usize = 110;
    // A hundred lines pass at once, and then ten a second.
    let server = TestServer::start(&["--rate-limit", "10", "--replay", "0"]);
    let mut alice = server.join("alice");
    let numbers: String = (1..LINES).map(|number| format!("{number}\n")).collect();
    let hastes = [Haste::Unread, Haste::Read, Haste::Reset];
    for haste in hastes {
        let mut client = server.connect();
        if haste == Haste::Read {
            client.expect("-- chatroom 1: welcome (/help for the commands)");
        } else {
            // Not read, but there.
            client.stream.peek(&mut [0]).expect("the server speaks");
        }
        client.send(format!("/nick {haste:?}\n{numbers}unfinished"));
        match haste {
            Haste::Unread | Haste::Read => drop(client),
            Haste::Reset => client.reset(),
        }
    }
    let mut heard = Vec::new();
    while heard.iter().filter(|line: &&String| line.contains(" left")).count() < hastes.len() {
        heard.push(alice.line().expect("the room goes on"));
    }
    for haste in hastes {
        let mut all: Vec<_> = (1..LINES).map(|number| number.to_string()).collect();
        // Where the connection was reset, it may have been cut off there.
        all.extend((haste == Haste::Read).then(|| "unfinished".to_owned()));
        let said = format!("<{haste:?}> ");
        let said: Vec<_> = heard.iter().filter_map(|line| line.strip_prefix(&said)).collect();
        assert_eq!(said, all, "{haste:?}");
    }
    let mut original = server.connect();
    original.stream.peek(&mut [0]).expect("the server speaks");
    original.send("bare bytes");
    drop(original);
    while !alice.line().expect("the room goes on").ends_with("> bare bytes") {}
}

#[cfg(unix)]
#[test]
fn one_who_is_gone_holds_its_place_for_as_long_as_a_stalled_one_at_most() {
    // Ten lines pass at once, and all would take a quarter of an hour.
    const LINES: usize = 1000;
    let options = ["--rate-limit", "1", "--stall-timeout", "1", "--replay", "0"];
    let server = TestServer::start(&options);
    let mut alice = server.join("alice");
    let mut bob = server.join("bob");
    alice.expect("-- bob joined");
    bob.send("x\n".repeat(LINES));
    drop(bob);
    let mut said = 0;
    loop {
        match alice.line().expect("the room goes on") {
            line if line.starts_with("-- bob left") => break,
            line => assert_eq!(line, "<bob> x"),
        }
        said += 1;
    }
    assert!(said >= 9, "{said}");
    server.logs("bob is gone, and its time is up: the rest of what it had sent is lost");
}

#[test]
fn who_comes_and_goes_beyond_ten_in_a_second_is_told_together() {
    const MOVES: usize = 40;
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    for number in 0..MOVES {
        let mut passing = server.join(&format!("p{number}x"));
        passing.send("/quit\n");
        // On a slow machine a second is over meanwhile, and it is told of the others, too.
        while passing.line().is_some() {}
    }
    let (mut joined, mut left, mut lines) = (0, 0, 0);
    while joined < MOVES || left < MOVES {
        let line = alice.line().expect("the room goes on");
        let (some_joined, some_left) = moves(&line);
        assert!(!line.contains(" 0 ") && some_joined + some_left > 0, "{line}");
        joined += some_joined;
        left += some_left;
        lines += 1;
    }
    assert_eq!((joined, left), (MOVES, MOVES));
    assert!(lines < MOVES, "{lines} lines");
}

/// How many have joined and how many have left, by a line that tells of some: `-- alice joined`,
/// `-- 38 joined, 35 left`, `-- 38 members joined`.
fn moves(line: &str) -> (usize, usize) {
    let words: Vec<&str> = line.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let count = |count: &str| count.parse().expect("a number");
    match words[..] {
        ["--", name, "joined"] if name.ends_with('x') => (1, 0),
        ["--", name, "left"] if name.ends_with('x') => (0, 1),
        ["--", joined, "joined", left, "left"] => (count(joined), count(left)),
        ["--", joined, "member" | "members", "joined"] => (count(joined), 0),
        ["--", left, "member" | "members", "left"] => (0, count(left)),
        _ => (0, 0),
    }
}

#[test]
fn of_many_who_only_come_or_only_go_no_zero_is_told() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let mut crowd: Vec<_> = (0..20).map(|number| server.join(&format!("p{number}x"))).collect();
    for leaves in [false, true] {
        if leaves {
            for mut member in crowd.drain(..) {
                member.send("/quit\n");
                while member.line().is_some() {}
            }
        }
        let mut told = (0, 0);
        while told != if leaves { (0, 20) } else { (20, 0) } {
            let line = alice.line().expect("the room goes on");
            assert!(!line.contains(" 0 "), "{line}");
            let (joined, left) = moves(&line);
            told = (told.0 + joined, told.1 + left);
        }
    }
}

#[test]
fn who_talks_does_not_wait_for_a_backlog_that_others_have_made() {
    const FLOOD: usize = 12_000_000;
    let server = TestServer::start(&["--rate-limit", "0"]);
    let mut slow = server.join("slow");
    let mut bob = server.join("bob");
    let mut alice = server.join("alice");
    socket2::SockRef::from(&slow.stream).set_recv_buffer_size(64 * 1024).unwrap();
    let (taken, done) = (&AtomicUsize::new(0), &AtomicBool::new(false));
    std::thread::scope(|scope| {
        // 800 KB a second at most.
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                let read = slow.stream.read(&mut [0; 4096]).unwrap_or_default();
                taken.fetch_add(read, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let mut flooder = server.join("flooder");
        scope.spawn(move || {
            flooder.send(format!("{}\n", "x".repeat(2999)).repeat(FLOOD / 3000));
            flooder.send("/quit\n");
        });
        bob.skip_to("-- flooder left\n");
        // Until nobody has been fast of late.
        for number in 0..30 {
            alice.send(format!("{number}\n"));
            bob.expect(&format!("<alice> {number}"));
            std::thread::sleep(Duration::from_millis(50));
        }
        let taken = taken.load(Ordering::Relaxed);
        done.store(true, Ordering::Relaxed);
        assert!(taken < FLOOD / 3, "{taken} bytes were waited for");
    });
}

#[test]
fn one_who_takes_nothing_is_dropped_and_the_others_miss_nothing() {
    const LINES: usize = 4000;
    let server =
        TestServer::start(&["--rate-limit", "0", "--memory", "1M", "--stall-timeout", "1"]);
    let mut alice = server.join("alice");
    let stalled = server.join("stalled");
    alice.expect("-- stalled joined");
    let mut bob = server.join("bob");
    alice.expect("-- bob joined");
    let text = "x".repeat(4000);
    let (mut heard, mut dropped) = (0, false);
    while heard < LINES || !dropped {
        if heard < LINES {
            bob.send(format!("{text}\n"));
        }
        match alice.line().as_deref() {
            Some("-- stalled was too slow and was dropped") => dropped = true,
            Some(line) => heard += usize::from(line.starts_with("<bob> x")),
            None => panic!("the room is gone"),
        }
        if dropped && heard == LINES - 1 {
            break;
        }
    }
    drop(stalled);
}

#[test]
fn one_who_lags_too_far_is_told_exactly_how_much_it_missed() {
    const LINES: usize = 6000;
    let server = TestServer::start(&["--rate-limit", "0", "--memory", "1M"]);
    let mut slow = server.join("slow");
    let mut bob = server.join("bob");
    slow.expect("-- bob joined");
    let text = "x".repeat(3000);
    for number in 0..LINES {
        bob.send(format!("{number} {text}\n"));
    }
    bob.send("/who\n");
    bob.expect("-- 2 here: bob, slow");
    let (mut heard, mut missed, mut last) = (0, 0, None);
    while last != Some(LINES - 1) {
        let line = slow.line().expect("the room goes on");
        if let Some(said) = line.strip_prefix("<bob> ") {
            let number = said.strip_suffix(&text).and_then(|said| said.trim_end().parse().ok());
            assert!(number > last, "out of order: {number:?} after {last:?}");
            (heard, last) = (heard + 1, number);
        } else if let Some(told) = line.strip_prefix("-- you missed ") {
            missed += told.split(' ').next().unwrap().parse::<usize>().unwrap();
        }
    }
    assert!(missed > 0);
    assert_eq!(heard + missed, LINES);
}

#[test]
fn long_answers_do_not_count_against_the_one_who_asked_for_them() {
    const ASKED: usize = 2000;
    let server = TestServer::start(&["--rate-limit", "0", "--memory", "1M"]);
    let name = |i| format!("{i:0>24}");
    let _members: Vec<_> = (0..98).map(|i| server.join(&name(i))).collect();
    let mut idle = server.join("idle");
    let mut asker = server.join("asker");
    let mut asks = asker.second();
    std::thread::scope(|scope| {
        // Together the answers are five times as long as what the room remembers.
        scope.spawn(move || asks.send("/who\n".repeat(ASKED)));
        let mut answers = 0;
        while answers < ASKED {
            let line = asker.line().expect("the room goes on");
            assert!(!line.starts_with("-- you missed"), "{line} after {answers} answers");
            answers += usize::from(line.ends_with(" idle"));
        }
    });
    asker.send("thanks\n");
    // It is told of those who have joined, of some of them together, as slow as that was.
    let mut heard = std::iter::from_fn(|| idle.line()).filter(|line| !line.ends_with(" joined"));
    assert_eq!(heard.next().as_deref(), Some("<asker> thanks"));
}
