//! `chatclient` and passwords: they reach the server, and neither a screen nor a file.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::alice::{alice, start};
use crate::common::peer::{Conversation, Peer};
use crate::common::process::{at_home, client_program, end, spawn, without_our_variables};
use crate::common::terminal::Terminal;

const SIZE: (u16, u16) = (70, 12);

/// What must be seen nowhere.
const SECRET: &str = "hunter2";

/// Everything is logged that there is to be logged.
const LOGGED: [&str; 2] = ["--log-level", "trace"];

fn folder(name: &str) -> PathBuf {
    crate::common::folder("client_secrets", name)
}

/// Asserts that no file in the folder, or in one within it, has the secret in it.
#[track_caller]
fn assert_in_no_file(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("it is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            assert_in_no_file(&path);
        } else {
            let bytes = std::fs::read(&path).expect("it is the test's");
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(SECRET), "{}: {text}", path.display());
        }
    }
}

/// Asserts that the secret has been neither on the screen nor in a file of the test's.
#[track_caller]
fn assert_unseen(terminal: &Terminal, folder: &Path) {
    terminal.assert_never_wrote(SECRET);
    assert_in_no_file(folder);
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("client.log")).expect("a log")
}

fn leave(terminal: &mut Terminal, mut server: Conversation) {
    terminal.press("\x04");
    server.hear_quit();
    server.close();
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn a_password_is_typed_unseen_and_is_in_no_log_and_in_no_history() {
    let folder = folder("typed");
    let (mut terminal, mut server, _peer) = alice(&folder, SIZE, &LOGGED, &[]);
    for (typed, shown) in [
        ("/login alice hunter2", "/login alice •••••••"),
        ("/register hunter2", "/register •••••••"),
        ("/pass hunter2", "/pass •••••••"),
        ("  /LOGIN alice hunter2", "  /LOGIN alice •••••••"),
        ("/lgoin alice hunter2", "/lgoin alice •••••••"),
    ] {
        terminal.press(typed);
        terminal.shows(&[&format!("alice> {shown}|")]);
        terminal.press("\r");
        server.hear(&format!("{typed}\n"));
        terminal.shows(&["-- you are alice, alone here", "alice> |"]);
    }
    terminal.press("hi\r");
    server.hear("hi\n");
    // Neither is it called back.
    terminal.press("\x1b[A\x1b[A");
    terminal.shows(&["<alice> hi", "alice> hi|"]);
    terminal.press("\x15\x12hunter");
    terminal.shows_what("that there is nothing", |rows| rows.contains("not found 'hunter'"));
    terminal.press("\x07");
    leave(&mut terminal, server);
    let logged = log(&folder);
    for line in ["input: /login alice ***", "sent: /login alice ***", "sent: /register ***"] {
        assert!(logged.contains(line), "{logged}");
    }
    assert_eq!(std::fs::read_to_string(folder.join("chatroom/history")).expect("one"), "hi\n");
    assert_unseen(&terminal, &folder);
}

#[test]
fn a_password_is_edited_pasted_and_given_up_unseen() {
    let folder = folder("edited");
    let (mut terminal, mut server, _peer) = alice(&folder, (40, 12), &LOGGED, &[]);
    terminal.press("/pass \x1b[200~hunter2\x1b[201~");
    terminal.shows(&["alice> /pass •••••••|"]);
    terminal.press("\x1b[D\x1b[D\x7f");
    terminal.shows(&["alice> /pass ••••|••"]);
    // What would show it rings.
    terminal.press("\x01\x1b[3~");
    terminal.shows(&["alice> |/pass ••••••"]);
    assert_eq!(terminal.bells(), 1);
    // A long one scrolls as any text does.
    terminal.press("\x05");
    terminal.press(&SECRET.repeat(6));
    let dots = format!("alice> ‹{}|", "•".repeat(31));
    terminal.shows(&[&dots]);
    terminal.resize(70, 12);
    terminal.shows(&[&format!("alice> /pass {}|", "•".repeat(48))]);
    // Given up, it is taken back, but not called back.
    terminal.press("\x03");
    terminal.shows(&["Ctrl+C again leaves> |"]);
    terminal.press("\x1b[A");
    terminal.shows(&["alice> |"]);
    // What was cut does not come back in another place.
    terminal.press("/pass hunter2\x17\x19");
    terminal.shows(&["alice> /pass |"]);
    terminal.press("\x15/pass hunter2");
    terminal.shows(&["alice> /pass •••••••|"]);
    terminal.press("\r");
    server.hear("/pass hunter2\n");
    leave(&mut terminal, server);
    assert_unseen(&terminal, &folder);
}

#[test]
fn what_stands_in_the_row_at_the_end_is_left_behind_with_its_dots() {
    let folder = folder("end");
    let (mut terminal, server, _peer) = alice(&folder, SIZE, &["--no-reconnect"], &[]);
    terminal.press("/login alice hunter2");
    terminal.shows(&["alice> /login alice •••••••|"]);
    server.close();
    assert_eq!(terminal.ends(), 1);
    terminal.shows_what("the row", |rows| rows.contains("\nalice> /login alice •••••••\n"));
    assert_unseen(&terminal, &folder);
}

/// An editor that keeps what it was given.
#[cfg(unix)]
#[test]
fn no_editor_gets_a_password() {
    let folder = folder("compose");
    let peer = Peer::listen();
    let [host, port] = peer.arguments();
    // Nor does it get the room's password from the environment.
    let kept = format!("VISUAL=env >{0}/environment; cp -t {0}", folder.display());
    let password = format!("CHATROOM_PASSWORD={SECRET}");
    let program = ["env", &kept, &password, &client_program(), "--name", "alice", &host, &port];
    let mut terminal = Terminal::start(SIZE.0, SIZE.1, &folder, &program);
    let _server = peer.accept_person("alice", &[]);
    terminal.press("/login alice hunter2\x18\x05");
    let refusal = "-- a line with a password is not given to an editor";
    terminal.shows(&[refusal, "alice> /login alice •••••••|"]);
    terminal.press("\x15hi\x18\x05");
    terminal.shows(&[refusal, "alice> hi|"]);
    let copies = || {
        let files = std::fs::read_dir(&folder).expect("it is there").flatten();
        files.filter(|file| file.file_name().to_string_lossy().starts_with("chatclient-")).count()
    };
    assert_eq!(copies(), 1, "the editor gets other lines");
    assert_unseen(&terminal, &folder);
}

#[test]
fn a_password_that_waits_for_a_connection_is_told_with_dots_and_sent_once() {
    let folder = folder("waits");
    let (mut terminal, mut server, peer) = alice(&folder, (70, 20), &LOGGED, &[]);
    terminal.press("first\r");
    server.hear("first\n");
    terminal.shows(&["<alice> first", "alice> |"]);
    let (seen, address) = (server.seq(), peer.address());
    drop(peer);
    server.close();
    terminal.shows_what("that it is lost", |rows| rows.contains("alice (reconnecting in "));
    terminal.press("/login alice hunter2\r");
    let waits = "-- waiting to be sent: /login alice •••\n";
    terminal.shows_what(waits, |rows| rows.contains(waits));
    let peer = Peer::listen_at(address);
    let mut server = peer.accept_again("alice", seen, 2);
    server.hear_the_question();
    server.hear("/login alice hunter2\n");
    // The server has taken it when the connection is lost once more.
    let (seen, taken) = (server.seq(), server.taken());
    server.close();
    let mut server = peer.accept_again("alice", seen, taken);
    terminal.shows_what("that it has come back twice", |rows| {
        rows.matches("-- welcome back, alice\n").count() == 2 && rows.ends_with("\nalice> |")
    });
    terminal.press("second\r");
    server.hear("second\n");
    leave(&mut terminal, server);
    assert_unseen(&terminal, &folder);
}

#[test]
fn a_server_that_knows_no_commands_gets_it_and_the_screen_does_not() {
    let folder = folder("foreign");
    let peer = Peer::listen();
    let mut terminal = start(&folder, &peer, SIZE, &LOGGED);
    let mut server = peer.accept();
    server.say("Welcome to chatroom\n");
    terminal.shows(&["Welcome to chatroom", "> |"]);
    terminal.press("/login alice hunter2\r");
    server.hear("/login alice hunter2\n");
    terminal.shows(&["Welcome to chatroom", "<you> /login alice •••", "> |"]);
    terminal.press("\x03");
    assert_eq!(terminal.ends(), 0);
    assert_unseen(&terminal, &folder);
}

#[test]
fn a_password_among_pasted_lines_is_not_said_to_all_without_a_question() {
    let folder = folder("pasted");
    let (mut terminal, mut server, _peer) = alice(&folder, SIZE, &LOGGED, &[]);
    terminal.press("\x1b[200~one\n/login alice hunter2\x1b[201~\r");
    let question = "send 2 lines as text? (y/n, Ctrl+U drops them)> ";
    terminal.shows_what(question, |rows| rows.contains(question));
    terminal.press("\x15/pass hunter2\r");
    server.hear("/pass hunter2\n");
    leave(&mut terminal, server);
    assert_unseen(&terminal, &folder);
}

/// A client in a pipe, known as alice, with everything in its log.
fn filter(folder: &Path, peer: &Peer, options: &[&str]) -> Command {
    let mut command = Command::new(client_program());
    at_home(&mut command, folder).args(peer.arguments()).args(["--name", "alice"]).args(LOGGED);
    command.args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    without_our_variables(&mut command);
    command
}

#[test]
fn a_filter_passes_passwords_with_commands_alone_and_logs_stars() {
    let folder = folder("filter");
    let peer = Peer::listen();
    let mut child = spawn(&mut filter(&folder, &peer, &["--commands"]));
    let mut server = peer.accept_as("alice");
    child.stdin.take().expect("piped").write_all(b"/login alice hunter2\n").expect("it reads");
    assert_eq!(server.hear_quit(), "/login alice hunter2\n");
    let error = "!! that line was too long and was not sent: the most is 10 bytes";
    // The last one is `/quit`.
    server.refuse_line(server.taken() - 1, error);
    server.close();
    let (status, out, err) = end(child);
    assert_eq!(status, Some(1));
    assert!(!out.contains(SECRET), "{out}");
    assert!(err.contains("(/login alice ***)") && !err.contains(SECRET), "{err}");
    let logged = log(&folder);
    for line in ["input: /login alice ***", "sent: /login alice ***"] {
        assert!(logged.contains(line), "{logged}");
    }
    assert_in_no_file(&folder);
    // Without it, a line is text, and everybody hears it.
    let mut child = spawn(&mut filter(&folder, &peer, &[]));
    let mut server = peer.accept_as("alice");
    child.stdin.take().expect("piped").write_all(b"/login\n").expect("it reads");
    assert_eq!(server.hear_quit(), "//login\n");
    server.close();
    assert_eq!(end(child).0, Some(0));
}
