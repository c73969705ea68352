//! A room where not everybody may come in: whoever is not let in is asked, says nothing, and takes no place.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chatroom::server::{self, Config, Running, Server};

#[cfg(unix)]
use crate::common::process::signal;
use crate::common::program;
use crate::common::server::{TestClient, TestServer, chatserver};
use crate::common::tls::TlsClient;
use crate::common::{DEADLINE, bridge, folder};

const BANNER: &str = "-- chatroom 1: welcome (/help for the commands)";
const ASKED: &str = "-- this room wants a password: /pass PASSWORD";
const LET_IN: &str = "-- you may come in";
const WRONG: &str = "!! that is not it";
const PASSWORD: &str = "open sesame";

/// A file with the room's password, for that test.
fn password_file(test: &str) -> PathBuf {
    let file = folder("door", test).join("password");
    fs::write(&file, format!("{PASSWORD}\nand a note\n")).expect("a file");
    file
}

/// A server whose room has a password.
fn closed(test: &str, options: &[&str]) -> TestServer {
    let file = password_file(test);
    let file = file.to_str().expect("its path is text");
    TestServer::start(&[&["--password-file", file], options].concat())
}

/// A client that has been greeted.
fn greeted(server: &TestServer) -> TestClient {
    let mut client = server.connect();
    client.expect(BANNER);
    client
}

/// The next line that does not ask for the password is this one: on a busy machine, a client may be silent for longer
/// than it means to be.
#[track_caller]
fn expect_answer(client: &mut TestClient, line: &str) {
    let mut next = client.line();
    while next.as_deref() == Some(ASKED) {
        next = client.line();
    }
    assert_eq!(next.as_deref(), Some(line));
}

/// A client that has given the password, and joined under `name`.
fn join(server: &TestServer, name: &str) -> TestClient {
    let mut client = server.connect();
    client.send(format!("/pass {PASSWORD}\n/nick {name}\n"));
    client.expect(BANNER);
    expect_answer(&mut client, LET_IN);
    client.expect_start(&format!("-- you are {name}, "));
    client
}

#[test]
fn whoever_is_not_let_in_is_asked_whatever_it_says_and_nothing_of_that_is_said() {
    let server = closed("asked", &[]);
    let mut alice = join(&server, "alice");
    let mut nc = greeted(&server);
    let lines = [
        "",
        "hello",
        "  ",
        "//pass open sesame",
        "/me waits",
        "/who",
        "/msg alice hi",
        "/history",
        "/nosuch",
    ];
    for line in lines {
        nc.send(format!("{line}\n"));
        nc.expect(ASKED);
    }
    // The name is remembered, and asked for no second time.
    nc.send("/nick bob\n");
    nc.expect(ASKED);
    nc.send(format!("/pass {PASSWORD}\nhello\n"));
    expect_answer(&mut nc, LET_IN);
    nc.expect("-- you are bob, with 1 other here");
    alice.expect("-- bob joined");
    alice.expect("<bob> hello");
    nc.send("/who\n");
    nc.expect("-- 2 here: alice, bob");
}

#[test]
fn silence_makes_no_guest_but_is_asked_once_where_a_client_would_have_joined() {
    let server = closed("silence", &[]);
    let mut alice = join(&server, "alice");
    let mut nc = greeted(&server);
    nc.expect(ASKED);
    nc.send(format!("/pass {PASSWORD}\n"));
    expect_answer(&mut nc, LET_IN);
    nc.expect("-- you are guest1, with 1 other here");
    alice.expect("-- guest1 joined");
    alice.send("/who\n");
    alice.expect("-- 2 here: alice, guest1");
}

#[test]
fn a_client_that_sends_no_newline_is_let_in_too() {
    let server = closed("no_newline", &[]);
    let mut python = greeted(&server);
    python.send(format!("/pass {PASSWORD}"));
    expect_answer(&mut python, LET_IN);
    python.expect("-- you are guest1, alone here");
}

#[test]
fn what_helps_a_client_in_is_done_and_wrong_use_is_told() {
    let server = closed("helps", &[]);
    let mut nc = greeted(&server);
    for (line, answer) in [
        ("/pass", "!! /pass goes like this: /pass SECRET"),
        ("/nick", "!! /nick goes like this: /nick NAME"),
        ("/login alice", "!! /login goes like this: /login NAME PASSWORD"),
        ("/nick guest7", "!! /nick: the server alone gives names like guest7"),
        ("/nick server", "!! /nick: nobody can be called server"),
        ("/tags", "!! /tags: that is for the first line alone"),
    ] {
        nc.send(format!("{line}\n"));
        nc.expect(answer);
    }
    nc.send("/help\n");
    while nc.line().expect("more help")
        != "-- /invite [FOR]           get a code that lets one person in"
    {}
    nc.send("/quit bye\n");
    nc.expect_end();
    let mut alice = join(&server, "alice");
    alice.send("/who\n");
    alice.expect("-- 1 here: alice");
}

#[test]
fn a_program_is_asked_in_the_tagged_form_and_keeps_its_numbers() {
    let server = closed("program", &[]);
    let mut alice = join(&server, "alice");
    let mut bot = program::connect(&server);
    bot.send("/nick bot\n");
    program::expect_answers(&mut bot, &[ASKED]);
    bot.send("hello?\n/pass wrong\n");
    program::expect_answers(&mut bot, &[ASKED, WRONG]);
    // Its lines are counted as ever: this is the fourth, and the next one the fifth.
    bot.send(format!("/pass {PASSWORD}\nhello\n"));
    program::expect_answers(&mut bot, &[LET_IN]);
    program::expect_body(&mut bot, |body| body.starts_with("-- you are bot, "));
    program::expect_body(&mut bot, |body| body.starts_with("= token "));
    program::expect_body(&mut bot, |body| body == "= nick bot");
    alice.expect("-- bot joined");
    alice.expect("<bot> hello");
    program::expect_events(&mut bot, &["+ 5"]);
}

#[test]
fn a_program_that_resumes_is_not_asked() {
    let server = closed("resumes", &[]);
    let mut alice = join(&server, "alice");
    let mut bot = program::connect(&server);
    bot.send(format!("/pass {PASSWORD}\n/nick bot\n"));
    program::expect_answers(&mut bot, &[LET_IN]);
    program::expect_body(&mut bot, |body| body.starts_with("-- you are bot, "));
    let token = program::expect_body(&mut bot, |body| body.starts_with("= token "));
    let token = token.split(' ').next_back().expect("a token").to_owned();
    program::expect_body(&mut bot, |body| body == "= nick bot");
    alice.expect("-- bot joined");
    bot.reset();
    alice.send("meanwhile\n");
    let mut back = program::resume(&server, &token, 0);
    program::expect_body(&mut back, |body| body == "-- welcome back, bot");
    // A token of nobody's lets nobody in.
    let mut stranger = program::resume(&server, &"0".repeat(32), 0);
    program::expect_answers(
        &mut stranger,
        &["!! /resume: nobody here can be resumed with that token"],
    );
    stranger.send("hello\n");
    program::expect_answers(&mut stranger, &[ASKED]);
}

#[test]
fn a_client_over_tls_is_asked_and_let_in_like_any_other() {
    if bridge::is_everywhere() {
        return;
    }
    let server = closed("tls", &["--tls", "optional"]);
    let mut client = TlsClient::connect(server.address);
    client.expect(BANNER);
    client.send("hello\n");
    client.expect(ASKED);
    client.send("/pass wrong\n");
    client.expect(WRONG);
    client.send(format!("/nick alice\n/pass {PASSWORD}\n"));
    client.expect(ASKED);
    client.expect(LET_IN);
    client.expect("-- you are alice, alone here");
}

#[test]
fn no_password_is_taken_where_others_can_read_it() {
    let server = closed("readable", &["--proxy", "127.0.0.1"]);
    let mut far = server.connect();
    far.send(format!("PROXY TCP4 192.0.2.7 192.0.2.1 4000 5000\r\n/pass {PASSWORD}\n"));
    far.expect(BANNER);
    far.expect("!! not over an unencrypted connection: use chatclient, or ncat --ssl HOST PORT");
    far.send("hello\n");
    far.expect(ASKED);
}

#[test]
fn each_wrong_guess_waits_twice_as_long_also_over_another_connection_and_the_log_has_none_of_them()
{
    let mut server = closed("guesses", &["-v"]);
    let began = Instant::now();
    let mut nc = greeted(&server);
    nc.send("/pass knock\n");
    expect_answer(&mut nc, WRONG);
    assert!(began.elapsed() >= Duration::from_secs(1));
    nc.send("/pass knock2\n");
    expect_answer(&mut nc, WRONG);
    assert!(began.elapsed() >= Duration::from_secs(3));
    // It hangs up instead of waiting, and comes again.
    nc.send("/pass knock3\n");
    server.logs("gave a wrong password");
    server.logs("gave a wrong password");
    server.logs("gave a wrong password");
    drop(nc);
    let mut again = greeted(&server);
    again.send("/pass knock4\n");
    expect_answer(&mut again, WRONG);
    assert!(began.elapsed() >= Duration::from_secs(3 + 4 + 8));
    #[cfg(unix)]
    signal("-TERM", server.id());
    #[cfg(not(unix))]
    server.kill();
    server.status();
    let log = server.rest_of_the_log().join("\n");
    assert!(!log.contains("knock") && !log.contains("sesame"), "{log}");
}

#[test]
fn a_client_that_has_sent_everything_is_told_at_once_that_its_guess_was_wrong() {
    let server = closed("finished", &[]);
    let mut nc = greeted(&server);
    nc.send("/pass wrong\n/pass wrong too\nhello\n");
    nc.finish();
    expect_answer(&mut nc, WRONG);
    nc.expect_end();
}

#[test]
fn a_shutdown_does_not_wait_for_whoever_waits_for_an_answer() {
    let mut server = closed("shutdown", &[]);
    let mut nc = greeted(&server);
    for _ in 0..3 {
        nc.send("/pass wrong\n");
    }
    expect_answer(&mut nc, WRONG);
    expect_answer(&mut nc, WRONG);
    server.logs("gave a wrong password");
    let began = Instant::now();
    #[cfg(unix)]
    {
        signal("-TERM", server.id());
        assert_eq!(server.status(), Some(0));
        assert!(began.elapsed() < DEADLINE / 2);
    }
}

#[test]
fn a_quarter_of_the_clients_may_wait_and_whoever_comes_then_is_told_that_the_room_is_full() {
    let server = closed("waiting", &["--max-clients", "36"]);
    // Those who are in the room do not count.
    let _alice = join(&server, "alice");
    let mut waiting: Vec<_> = (0..9).map(|_| greeted(&server)).collect();
    let mut late = server.connect();
    late.expect("!! the room is full (36 clients)");
    late.expect_end();
    let mut first = waiting.remove(0);
    first.send("/quit\n");
    while first.line().is_some() {}
    let mut next = greeted(&server);
    next.send(format!("/pass {PASSWORD}\n/nick bob\n"));
    expect_answer(&mut next, LET_IN);
    next.expect_start("-- you are bob, ");
    let _last = greeted(&server);
}

#[test]
fn whoever_waits_takes_no_place_and_finds_the_room_full_once_it_has_the_password() {
    let server = closed("places", &["--max-clients", "2"]);
    let waiting: Vec<_> = (0..4).map(|_| greeted(&server)).collect();
    let _alice = join(&server, "alice");
    let _bob = join(&server, "bob");
    let mut carol = greeted(&server);
    carol.send(format!("/pass {PASSWORD}\n"));
    carol.expect("!! the room is full (2 clients)");
    carol.expect_end();
    drop(waiting);
}

#[test]
fn a_member_comes_back_also_where_too_many_wait() {
    let server = closed("back", &["--max-clients", "8"]);
    let mut bot = program::connect(&server);
    bot.send(format!("/pass {PASSWORD}\n/nick bot\n"));
    program::expect_answers(&mut bot, &[LET_IN]);
    program::expect_body(&mut bot, |body| body.starts_with("-- you are bot, "));
    let token = program::expect_body(&mut bot, |body| body.starts_with("= token "));
    let token = token.split(' ').next_back().expect("a token").to_owned();
    program::expect_body(&mut bot, |body| body == "= nick bot");
    bot.reset();
    server.logs("bot is away");
    let _waiting: Vec<_> = (0..8).map(|_| greeted(&server)).collect();
    let mut back = server.connect();
    back.send(format!("/tags\n/resume {token} 0\n"));
    back.expect(BANNER);
    program::nonce(&mut back);
    program::expect_body(&mut back, |body| body == "-- welcome back, bot");
}

#[cfg(unix)]
#[test]
fn sighup_has_the_password_read_again_and_a_bad_file_changes_nothing() {
    let file = password_file("sighup");
    let path = file.to_str().expect("its path is text");
    let server = TestServer::start(&["--password-file", path]);
    let mut before = greeted(&server);
    fs::write(&file, "another one\n").expect("a file");
    signal("-HUP", server.id());
    server.logs("SIGHUP: the room's password is read again");
    before.send("/pass another one\n");
    expect_answer(&mut before, LET_IN);
    for (text, told) in [(Some("\n"), "is empty"), (None, "no such file or directory")] {
        match text {
            Some(text) => fs::write(&file, text).expect("a file"),
            None => fs::remove_file(&file).expect("it is there"),
        }
        signal("-HUP", server.id());
        let line = server.logs("the room's password stays as it was");
        assert!(line.contains(told) && line.contains(path), "{line}");
        let mut still = greeted(&server);
        still.send("/pass another one\n");
        expect_answer(&mut still, LET_IN);
    }
}

#[test]
fn a_server_without_its_password_does_not_begin() {
    let folder = folder("door", "unfit");
    let (missing, empty) = (folder.join("missing"), folder.join("empty"));
    fs::write(&empty, "").expect("a file");
    for (file, told) in
        [(&missing, "cannot read the room's password from "), (&empty, " is empty, ")]
    {
        let output = chatserver()
            .args(["127.0.0.1", "0", "--password-file"])
            .arg(file)
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let last = said.lines().last().expect("it complains");
        assert!(last.contains(told) && last.starts_with("chatserver: "), "{said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn the_password_file_may_be_named_by_the_environment() {
    let file = password_file("environment");
    let mut command = chatserver();
    command.args(["127.0.0.1", "0"]).env("CHATROOM_PASSWORD_FILE", file);
    let server = TestServer::run(&mut command);
    let mut nc = greeted(&server);
    nc.send("\n");
    nc.expect(ASKED);
}

#[test]
fn in_an_open_room_nobody_needs_a_password() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    alice.send("/pass open sesame\n");
    alice.expect("!! everybody may come in here");
}

/// A server in this process, whose clients have less time.
struct Impatient(Running);

impl Impatient {
    fn start(test: &str, patience: Duration) -> Impatient {
        let listener = server::bind("127.0.0.1", 0).expect("a free port");
        let mut config = Config::default().password_file(password_file(test));
        config.entrance.patience = patience;
        Impatient(Server::open(listener, config).and_then(Server::start).expect("a server"))
    }

    fn connect(&self) -> TestClient {
        TestClient::new(TcpStream::connect(self.0.address()).expect("it listens"))
    }

    fn end(self) {
        self.0.shut_down().expect("it ends well");
    }
}

#[test]
fn a_client_that_gives_no_password_in_time_is_shown_out_whatever_it_does() {
    let server = Impatient::start("time", Duration::from_secs(1));
    let mut silent = server.connect();
    silent.expect(BANNER);
    silent.expect(ASKED);
    silent.expect("!! no password in time");
    silent.expect_end();
    let mut busy = server.connect();
    busy.expect(BANNER);
    let deadline = Instant::now() + DEADLINE;
    // It may be gone while this is written.
    while busy.stream.write_all(b"hello\n").is_ok() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(Instant::now() < deadline, "it may talk for ever");
    // The server has it wait for longer than its time: that does not count.
    let mut wrong = server.connect();
    wrong.expect(BANNER);
    wrong.send("/pass wrong\n");
    expect_answer(&mut wrong, WRONG);
    wrong.send(format!("/pass {PASSWORD}\n"));
    expect_answer(&mut wrong, LET_IN);
    server.end();
}
