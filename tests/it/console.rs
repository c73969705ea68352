//! The server's own keyboard: what an operator types in the terminal that the server was started in.
#![cfg(unix)]

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use crate::common::process::{server_program, signal};
use crate::common::server::{TestClient, TestServer, a_shared_room, chatserver};
use crate::common::terminal::Terminal;

/// How wide the terminal is: the log's lines do not wrap.
const COLUMNS: u16 = 200;

/// What is shown when lines can be typed.
const GREETING: &str = "-- help lists what can be typed here";

/// A server in a terminal, with its log elsewhere, and where it listens.
fn serve(folder: &Path) -> (Terminal, SocketAddr) {
    let script = format!("exec '{}' {}", server_program(), arguments());
    let mut terminal = Terminal::start(COLUMNS, 24, folder, &["sh", "-c", &script]);
    shows(&mut terminal, GREETING);
    let address = address(&mut terminal);
    (terminal, address)
}

/// Nothing outlives these servers, and their logs are not on the screen.
fn arguments() -> String {
    let shared = a_shared_room().map(|room| format!("--shared {room} ")).unwrap_or_default();
    format!("127.0.0.1 0 --tls off --history none --rate-limit 0 {shared}2>log")
}

/// The address that stands on the screen.
fn address(terminal: &mut Terminal) -> SocketAddr {
    shows(terminal, "listening on ");
    let rows = terminal.all_rows();
    // A shell's prompt may stand before it.
    let address = rows.iter().find_map(|row| row.split_once("listening on "));
    address.and_then(|(_, address)| address.parse().ok()).expect("an address")
}

#[track_caller]
fn shows(terminal: &mut Terminal, text: &str) {
    terminal.shows_what(text, |rows| rows.contains(text));
}

fn join(address: SocketAddr, name: &str) -> TestClient {
    let stream = TcpStream::connect(address).expect("the server accepts");
    let mut client = TestClient::new(stream);
    client.send(format!("/nick {name}\n"));
    client.expect_start("-- chatroom 1: welcome");
    client.expect_start(&format!("-- you are {name}, "));
    client
}

/// Asserts that the member has been told nothing of what was typed, up to now.
#[track_caller]
fn assert_not_told(client: &mut TestClient) {
    client.send("/msg nobody x\n");
    client.expect("!! /msg: nobody here is called nobody");
}

#[test]
fn an_operator_types_at_the_servers_own_keyboard() {
    let folder = crate::common::folder("console", "commands");
    let (mut terminal, address) = serve(&folder);
    let mut alice = join(address, "alice");
    terminal.press("say the server restarts at ten\r");
    alice.expect("-- operator: the server restarts at ten");
    shows(&mut terminal, "-- operator: the server restarts at ten (to 1 member)");
    terminal.press("/who\r");
    let from = alice.stream.local_addr().expect("it is connected");
    shows(&mut terminal, &format!("-- 1 here:\n-- alice, from {from}\n"));
    terminal.press("stats\r");
    shows(&mut terminal, "-- stats: 1 member, 0 of them disconnected\n-- stats: 0 lines, 0 bytes");
    shows(&mut terminal, "\n-- stats: no history\n-- stats: nobody is held back\n");
    shows(&mut terminal, "\n-- stats: running since 20");
    terminal.press("hello\r");
    let unknown = "!! there is no hello here; help lists what can be typed, and say TEXT tells all";
    shows(&mut terminal, unknown);
    terminal.press("help\r");
    shows(&mut terminal, "\n-- kick NAME [WHY]         remove a member, who may come back\n");
    // What is typed wrong is corrected in the terminal itself.
    terminal.press("say oens\x7f\x7f\x7fne\r");
    alice.expect("-- operator: one");
    terminal.press("shutdown\r");
    alice.expect("-- the server is shutting down");
    assert_eq!(terminal.ends(), 0);
    let log = std::fs::read_to_string(folder.join("log")).expect("it is there");
    assert!(log.contains("[INFO ] operator: the server restarts at ten\n"), "{log}");
    assert!(log.contains("[INFO ] shutdown was typed at the keyboard\n"), "{log}");
}

#[test]
fn a_member_is_removed_muted_and_kept_out_from_the_keyboard() {
    let folder = crate::common::folder("console", "orders");
    let (mut terminal, address) = serve(&folder);
    let (mut alice, mut bob) = (join(address, "alice"), join(address, "bob"));
    alice.expect("-- bob joined");
    terminal.press("mute bob 10m too loud\r");
    alice.expect("-- bob cannot speak for 10 min (the operator: too loud)");
    bob.expect("-- bob cannot speak for 10 min (the operator: too loud)");
    bob.send("hello\n");
    bob.expect("!! you cannot speak for 10 min more (the operator: too loud)");
    terminal.press("/kick bob\r");
    alice.expect("-- bob was removed by the operator");
    terminal.press("ban bob 7d spam\r");
    alice.expect("-- bob was banned by the operator for 7 days: spam");
    terminal.press("bans\r");
    shows(&mut terminal, "-- 1 ban:\n-- banned: bob until 20");
    terminal.press("kick carol\r");
    shows(&mut terminal, "!! nobody here is called carol\n");
}

#[test]
fn what_is_watched_is_what_is_said_to_all_and_cannot_control_the_terminal() {
    let folder = crate::common::folder("console", "watch");
    let (mut terminal, address) = serve(&folder);
    let (mut alice, mut bob) = (join(address, "alice"), join(address, "bob"));
    alice.send("before\n");
    bob.expect("<alice> before");
    terminal.press("watch\r");
    shows(&mut terminal, "-- what is said to all is shown from now on, until watch again\n");
    alice.send("/msg bob psst\n");
    bob.expect("[alice -> you] psst");
    alice.send("\x1b]0;a title\x07hello \x1b[2J\x1b[1;1H\u{9b}2Jall\n/me waves\n");
    shows(&mut terminal, "\n<alice> hello all\n* alice waves\n");
    let picture = terminal.picture();
    let row = picture.lines().find(|row| row.ends_with("<alice> hello all")).expect("it is shown");
    assert_eq!(row.find('<'), Some("14:05 ".len()), "{row}");
    terminal.press("watch\r");
    shows(&mut terminal, "\n-- what is said is not shown any more\n");
    alice.send("after\n");
    bob.expect("<alice> hello all");
    bob.expect("* alice waves");
    bob.expect("<alice> after");
    terminal.press("say done\r");
    shows(&mut terminal, "-- operator: done (to 2 members)");
    let rows = terminal.all_rows().join("\n");
    for hidden in ["before", "psst", "after"] {
        assert!(!rows.contains(hidden), "{rows}");
    }
    terminal.assert_not_commanded();
}

#[test]
fn a_terminal_that_takes_nothing_holds_nobody_up() {
    const LINES: usize = 4000;
    let folder = crate::common::folder("console", "stopped");
    let (mut terminal, address) = serve(&folder);
    let (mut alice, mut bob) = (join(address, "alice"), join(address, "bob"));
    terminal.press("watch\r");
    shows(&mut terminal, "until watch again");
    // Ctrl+S.
    terminal.press("\x13");
    let line = "x".repeat(200);
    for _ in 0..LINES / 100 {
        alice.send(format!("{line}\n").repeat(100));
    }
    for _ in 0..LINES {
        bob.expect(&format!("<alice> {line}"));
    }
    // Ctrl+Q.
    terminal.press("\x11");
    shows(&mut terminal, " lines not shown: this terminal was too slow\n");
    alice.send("and on it goes\n");
    shows(&mut terminal, "<alice> and on it goes\n");
    // Stopped again, it does not hold up the end.
    terminal.press("\x13");
    alice.send(format!("{line}\n").repeat(500));
    bob.expect("<alice> and on it goes");
    bob.expect(&format!("<alice> {line}"));
    signal("-TERM", terminal.process_id());
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn ctrl_d_ends_the_reading_and_ctrl_c_the_server() {
    let folder = crate::common::folder("console", "ends");
    let (mut terminal, address) = serve(&folder);
    let mut alice = join(address, "alice");
    terminal.press("\x04");
    shows(&mut terminal, "-- nothing more is read from this keyboard; Ctrl+C ends the server\n");
    terminal.press("say nothing\r");
    shows(&mut terminal, "say nothing\n");
    assert_not_told(&mut alice);
    terminal.press("\x03");
    alice.expect("-- the server is shutting down");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn ctrl_c_ends_the_server_while_it_reads() {
    let folder = crate::common::folder("console", "interrupt");
    let (mut terminal, address) = serve(&folder);
    let mut alice = join(address, "alice");
    terminal.press("say half a line\x03");
    alice.expect("-- the server is shutting down");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn a_server_in_the_background_is_not_stopped_and_reads_once_it_is_in_front() {
    let folder = crate::common::folder("console", "background");
    let mut shell = Terminal::start(COLUMNS, 40, &folder, &["sh", "-i"]);
    shell.press(&format!("'{}' {} &\r", server_program(), arguments()));
    let address = address(&mut shell);
    let mut alice = join(address, "alice");
    // All of this is for the shell.
    shell.press("echo typed-$((1 + 1))\r");
    shows(&mut shell, "typed-2\n");
    shell.press("jobs; echo jobs-$((1 + 1))\r");
    shows(&mut shell, "jobs-2\n");
    assert!(shell.picture().contains("Running"), "{}", shell.picture());
    assert_not_told(&mut alice);
    shell.press("fg\r");
    shell.press("say in front\r");
    alice.expect("-- operator: in front");
    // Ctrl+Z stops it, as any job.
    shell.press("\x1a");
    shows(&mut shell, "Stopped");
    shell.press("bg\r");
    shell.press("echo typed-$((2 + 2))\r");
    shows(&mut shell, "typed-4\n");
    assert_not_told(&mut alice);
    shell.press("fg\r");
    shell.press("say in front again\r");
    alice.expect("-- operator: in front again");
    shell.press("\x03");
    alice.expect("-- the server is shutting down");
}

#[test]
fn without_a_terminal_of_its_own_nothing_is_read() {
    let (input, mut typed) = std::io::pipe().expect("a pipe");
    typed.write_all(b"say x\n").expect("it takes a line");
    let server = TestServer::run(chatserver().args(["127.0.0.1", "0"]).stdin(input));
    assert_not_told(&mut server.join("alice"));
    let folder = crate::common::folder("console", "elsewhere");
    let program = server_program();
    let has_setsid = std::process::Command::new("setsid").arg("true").status();
    let setsid = has_setsid.is_ok_and(|status| status.success()).then_some("setsid -w ");
    let no_input = (String::new(), " </dev/null");
    let of_others = setsid.map(|setsid| (setsid.to_owned(), ""));
    for (before, after) in [Some(no_input), of_others].into_iter().flatten() {
        // Nobody ends a server with its terminal that has another one, or none.
        let served = format!("echo $$ >process; exec \"$0\" {}{after}", arguments());
        let script = format!("{before}sh -c '{served}' '{program}'");
        let mut terminal = Terminal::start(COLUMNS, 24, &folder, &["sh", "-c", &script]);
        let mut alice = join(address(&mut terminal), "alice");
        terminal.press("say nothing\rshutdown\r");
        shows(&mut terminal, "shutdown\n");
        assert_not_told(&mut alice);
        assert!(!terminal.picture().contains(GREETING), "{}", terminal.picture());
        let process = std::fs::read_to_string(folder.join("process")).expect("it has begun");
        signal("-TERM", process.trim().parse().expect("a number"));
        alice.expect("-- the server is shutting down");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_keyboard_at_which_nobody_types_wakes_nothing() {
    let folder = crate::common::folder("console", "rest");
    let (terminal, _) = serve(&folder);
    crate::common::process::assert_never_wakes(terminal.process_id());
}
