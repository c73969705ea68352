//! Names that are owned by a password, and codes: `nc` alone can do everything.

use std::time::{Duration, Instant};

use crate::common::bridge;
#[cfg(target_os = "linux")]
use crate::common::process::signal;
use crate::common::program;
#[cfg(target_os = "linux")]
use crate::common::resources::Process;
use crate::common::server::{TestClient, TestServer, chatserver};
use crate::common::tls::TlsClient;

const BANNER: &str = "-- chatroom 1: welcome (/help for the commands)";
const PASSWORD: &str = "correct horse battery";
const WRONG: &str = "!! that is not it";

/// A client that has made its name its own.
fn registered(server: &TestServer, name: &str) -> TestClient {
    let mut client = server.join(name);
    client.send(format!("/register {PASSWORD}\n"));
    client.expect(&format!("-- {name} is protected by your password now"));
    client
}

#[test]
fn a_name_with_a_password_is_had_by_whoever_has_that() {
    let server = TestServer::start(&[]);
    let mut alice = registered(&server, "alice");
    alice.send("/quit\n");
    alice.expect_end();
    // As the first line, in any case.
    let mut back = server.connect();
    back.send(format!("/login Alice {PASSWORD}\nhello\n"));
    back.expect(BANNER);
    back.expect("-- you are Alice, alone here");
    back.send("/quit\n");
    back.expect_end();
    // And later.
    let mut guest = server.join("somebody");
    guest.expect("-- the last line:");
    guest.expect_start("| ");
    guest.expect("-- you are up to date");
    guest.send(format!("/login alice {PASSWORD}\n"));
    guest.expect("-- you are now alice");
    guest.send("/unregister\n");
    guest.expect("-- alice is free again");
}

#[test]
fn a_program_registers_and_logs_in_and_its_lines_are_counted() {
    let server = TestServer::start(&[]);
    let mut bot = program::join(&server, "bot").client;
    bot.send(format!("/register {PASSWORD}\nhello\n"));
    program::expect_body(&mut bot, |body| body == "-- bot is protected by your password now");
    program::expect_events(&mut bot, &["+ 3"]);
    bot.send("/quit\n");
    while bot.line().is_some() {}
    let mut again = program::connect(&server);
    again.send("/login bot not the password\n");
    program::expect_answers(&mut again, &[WRONG]);
    again.send(format!("/login bot {PASSWORD}\n"));
    program::expect_body(&mut again, |body| body.starts_with("-- you are bot, "));
}

#[test]
fn a_password_is_neither_short_nor_long_and_is_taken_where_nobody_can_read_it() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    for (length, is_right) in [(7, false), (8, true), (128, true), (129, false)] {
        alice.send(format!("/register {}\n", "x".repeat(length)));
        alice.expect(match is_right {
            true => "-- alice is protected by your password now",
            false => "!! a password has 8 to 128 bytes",
        });
    }
    alice.send("/register\n/login alice\n");
    alice.expect("!! /register goes like this: /register PASSWORD");
    alice.expect("!! /login goes like this: /login NAME PASSWORD");
    let server = TestServer::start(&["--proxy", "127.0.0.1"]);
    let mut far = server.connect();
    far.send("PROXY TCP4 192.0.2.7 192.0.2.1 4000 5000\r\n/nick bob\n");
    far.expect(BANNER);
    far.expect("-- you are bob, alone here");
    for line in
        [format!("/register {PASSWORD}"), format!("/login bob {PASSWORD}"), "/pass x".to_owned()]
    {
        far.send(line + "\n");
        far.expect(
            "!! not over an unencrypted connection: use chatclient, or ncat --ssl HOST PORT",
        );
    }
}

#[test]
fn over_tls_passwords_are_taken_from_everywhere() {
    if bridge::is_everywhere() {
        return;
    }
    let server = TestServer::start(&["--proxy", "127.0.0.1", "--tls", "optional"]);
    let mut far = tls_from(&server, 7);
    far.expect(BANNER);
    far.send(format!("/nick bob\n/register {PASSWORD}\n"));
    far.expect("-- you are bob, alone here");
    far.expect("-- bob is protected by your password now");
    far.send("/quit\n");
    far.expect_end();
    let mut back = tls_from(&server, 8);
    back.expect(BANNER);
    back.send(format!("/login bob {PASSWORD}\n"));
    back.expect("-- you are bob, alone here");
}

/// A client over TLS that comes from that address, by a proxy.
fn tls_from(server: &TestServer, host: u32) -> TlsClient {
    let mut client = server.connect();
    client.send(format!(
        "PROXY TCP4 10.0.{}.{} 192.0.2.1 4000 5000\r\n",
        host / 250,
        host % 250 + 1
    ));
    let mut client = TlsClient::over(client.stream, &[b"chatroom/1"]);
    client.shake_hands();
    client
}

#[test]
fn guesses_at_one_name_are_delayed_also_from_other_addresses_and_its_owner_gets_in() {
    if bridge::is_everywhere() {
        return;
    }
    let server = TestServer::start(&["--proxy", "127.0.0.1", "--tls", "optional"]);
    let mut alice = tls_from(&server, 1);
    alice.expect(BANNER);
    alice.send(format!("/nick alice\n/register {PASSWORD}\n/quit\n"));
    while alice.line().is_some() {}
    let began = Instant::now();
    for host in 2..4 {
        let mut guesser = tls_from(&server, host);
        guesser.expect(BANNER);
        guesser.send("/login alice not the password\n");
        // As after a name that is taken, a plain client is a guest.
        guesser.expect_start("-- you are guest");
        guesser.expect(WRONG);
        guesser.send("/quit\n");
        while guesser.line().is_some() {}
    }
    assert!(began.elapsed() >= Duration::from_secs(1 + 2));
    // A name without a password counts for the address alone.
    let mut other = tls_from(&server, 4);
    other.expect(BANNER);
    other.send("/tags\n/login nobody not the password\n");
    assert!(other.line().is_some_and(|line| line.contains(" = nonce ")));
    assert!(other.line().is_some_and(|line| line.ends_with(WRONG)));
    assert!(other.line().is_some_and(|line| line.ends_with(" = done")));
    other.send(format!("/login alice {PASSWORD}\n"));
    assert!(other.line().is_some_and(|line| line.ends_with("-- you are alice, alone here")));
}

#[test]
fn a_code_lets_one_person_in_once() {
    let folder = crate::common::folder("passwords", "codes");
    let file = folder.join("password");
    std::fs::write(&file, "open sesame\n").expect("a file");
    let server = TestServer::start(&["--password-file", file.to_str().expect("it is text")]);
    let mut alice = server.connect();
    alice.send("/pass open sesame\n/nick alice\n/invite\n");
    alice.expect(BANNER);
    alice.expect("-- you may come in");
    alice.expect("-- you are alice, alone here");
    alice.expect("!! /invite: that is for members who own their names");
    alice.send(format!("/register {PASSWORD}\n/invite 2h\n"));
    alice.expect("-- alice is protected by your password now");
    let told = alice.expect_start("-- the code ");
    assert!(told.ends_with(" lets one person in, within 2 hours"), "{told}");
    let code = told.split(' ').nth(3).expect("a code").to_owned();
    assert!(code.len() == 9 && code.as_bytes()[4] == b'-', "{code}");
    let mut bob = server.connect();
    bob.send(format!("/pass {}\n/nick bob\n", code.to_uppercase()));
    bob.expect(BANNER);
    bob.expect("-- you may come in");
    bob.expect("-- you are bob, with 1 other here");
    let mut carol = server.connect();
    carol.send(format!("/pass {code}\n"));
    carol.expect(BANNER);
    carol.expect(WRONG);
}

#[test]
fn whoever_was_invited_and_owns_its_name_is_let_in_after_that_too() {
    let folder = crate::common::folder("passwords", "invited");
    let (file, history) = (folder.join("password"), folder.join("room.db"));
    std::fs::write(&file, "open sesame\n").expect("a file");
    let start = |options: &[&str]| {
        let mut command = chatserver();
        command.args(["127.0.0.1", "0", "--replay", "0", "--durability", "power", "--history"]);
        TestServer::run(command.arg(&history).args(options))
    };
    let mut server = start(&["--password-file", file.to_str().expect("it is text")]);
    let mut alice = server.connect();
    alice.send(format!("/pass open sesame\n/nick alice\n/register {PASSWORD}\n/invite\n"));
    let code = code_of(&mut alice);
    let mut bob = server.connect();
    bob.send(format!("/pass {code}\n/nick bob\n/register {PASSWORD}\n"));
    while bob.line().expect("an answer") != "-- bob is protected by your password now" {}
    server.kill();

    let server = start(&["--invited"]);
    let mut alice = server.connect();
    alice.expect(BANNER);
    alice.send(format!("/login alice {PASSWORD}\n"));
    alice.expect("-- this room is for invited people: /pass CODE");
    let mut bob = server.connect();
    bob.expect(BANNER);
    bob.send(format!("/login bob {PASSWORD}\n/invite\n"));
    bob.expect("-- you may come in");
    bob.expect_start("-- you are bob, ");
    // She has shown whose the name is by then.
    let code = code_of(&mut bob);
    alice.send(format!("/pass {code}\n"));
    alice.expect("-- you may come in");
    alice.expect_start("-- you are alice, ");
    bob.expect("-- alice joined");
}

/// The code that a client is given next.
fn code_of(client: &mut TestClient) -> String {
    loop {
        let line = client.line().expect("a code");
        if let Some(rest) = line.strip_prefix("-- the code ") {
            return rest.split(' ').next().expect("it is there").to_owned();
        }
    }
}

#[test]
fn a_shutdown_waits_for_no_line_of_those_who_compute() {
    let mut server = TestServer::start(&["--rate-limit", "0"]);
    let mut clients: Vec<_> = (0..40).map(|number| server.join(&format!("c{number}x"))).collect();
    for client in &mut clients {
        client.send(format!("/register {PASSWORD}\n").repeat(20));
    }
    clients[0].expect("-- c1x joined");
    #[cfg(target_os = "linux")]
    {
        let began = Instant::now();
        signal("-TERM", server.id());
        assert_eq!(server.status(), Some(0));
        assert!(began.elapsed() < crate::common::DEADLINE / 2);
    }
    #[cfg(not(target_os = "linux"))]
    server.kill();
}

/// The next line that somebody says is this one: guests come meanwhile.
#[cfg(target_os = "linux")]
fn hear(client: &mut TlsClient, line: &str) {
    let mut next = client.line().expect("a line");
    while next.starts_with("-- ") {
        next = client.line().expect("a line");
    }
    assert_eq!(next, line);
}

#[cfg(target_os = "linux")]
#[test]
fn a_hundred_who_guess_cost_the_memory_of_two_and_no_line_of_the_others() {
    const GUESSERS: u32 = 100;
    const LINES: usize = 500;
    /// What two computations take, and 4 MiB for the threads' stacks and what they have allocated besides, in KiB.
    const MOST: usize = 2 * 19 * 1024 + 4 * 1024;
    if bridge::is_everywhere() {
        return;
    }
    let options =
        ["--proxy", "127.0.0.1", "--tls", "optional", "--rate-limit", "0", "--max-clients", "200"];
    let server = TestServer::start(&options);
    let mut alice = tls_from(&server, 1001);
    alice.expect(BANNER);
    alice.send(format!("/nick alice\n/register {PASSWORD}\n"));
    alice.expect_start("-- you are alice, ");
    alice.expect("-- alice is protected by your password now");
    let mut bob = tls_from(&server, 1002);
    bob.expect(BANNER);
    bob.send("/nick bob\n");
    bob.expect_start("-- you are bob, ");
    alice.expect("-- bob joined");
    let mut guessers: Vec<_> = (0..GUESSERS).map(|host| tls_from(&server, host)).collect();
    guessers.iter_mut().for_each(|guesser| guesser.expect(BANNER));
    let process = Process(server.id());
    let idle = process.memory();
    for guesser in &mut guessers {
        guesser.send("/login alice not the password\n");
    }
    for number in 0..LINES {
        alice.send(format!("{number}\n"));
        hear(&mut bob, &format!("<alice> {number}"));
        bob.send(format!("{number} too\n"));
        hear(&mut alice, &format!("<bob> {number} too"));
    }
    // Each has been computed by then.
    for _ in 0..GUESSERS {
        server.logs("gave a wrong password for alice");
    }
    let peak = process.peak_memory();
    assert!(peak <= idle + MOST, "{peak} KiB at most, and {idle} before");
    assert!(process.memory() <= idle + MOST - 2 * 19 * 1024, "it is given back");
}
