//! `chatclient` and a server that does not let it in as it is: a ban, a removal, a password.

use std::io::BufRead;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::alice::{alice, start};
use crate::common::peer::{Conversation, Peer, TOKEN};
use crate::common::process::{at_home, client_program, end, run, spawn, without_our_variables};

const SIZE: (u16, u16) = (80, 12);

const PASSWORD: &str = "-- this room wants a password: /pass PASSWORD";
const CODE: &str = "-- this room is for invited people: /pass CODE";

/// What must be seen nowhere.
const SECRET: &str = "open sesame";

fn folder(name: &str) -> PathBuf {
    crate::common::folder("client_door", name)
}

/// A client in a pipe, which would be called alice and listens.
fn filter(test: &str, peer: &Peer, options: &[&str]) -> Command {
    let mut command = Command::new(client_program());
    at_home(&mut command, &folder(test)).args(peer.arguments()).args(["--name", "alice"]);
    command.args(["--reconnect", "--listen"]).args(options);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    without_our_variables(&mut command);
    command
}

/// A server that asks the client for this before it lets it in as alice.
fn accept_at_door(peer: &Peer, question: &str) -> Conversation {
    let mut server = peer.accept();
    server.greet("/nick alice");
    server.say(&format!("{question}\n"));
    server
}

/// The right password, or the right code, comes.
fn let_in(server: &mut Conversation, secret: &str) {
    server.hear(&format!("/pass {secret}\n"));
    server.say("-- you may come in\n");
    server.join("alice");
}

/// Asserts that no further connection is made.
fn assert_nobody_comes(peer: &Peer) {
    assert!(!peer.has_somebody_within(Duration::from_millis(300)), "it comes back");
}

#[test]
fn who_is_banned_ends_with_the_servers_words_and_does_not_come_back() {
    let why = "you are banned until 2026-12-05 14:00: flooding";
    let peer = Peer::listen();
    let child = spawn(&mut filter("banned", &peer, &[]));
    let mut server = peer.accept();
    server.say(&format!("!! {why}\n"));
    server.close();
    let told = format!("chatclient: {}: {why}\n", peer.address());
    assert_eq!(end(child), (Some(1), String::new(), told));
    assert_nobody_comes(&peer);
    let mut terminal = start(&folder("banned"), &peer, SIZE, &[]);
    let mut server = peer.accept();
    server.say("!! you are banned\n");
    assert_eq!(terminal.ends(), 1);
    let told = format!("chatclient: {}: you are banned", peer.address());
    terminal.shows_what("why", |rows| rows.contains(&told));
    assert_nobody_comes(&peer);
}

#[test]
fn who_is_removed_ends_with_the_servers_words_and_does_not_come_back() {
    let why = "you were removed by the operator: flooding";
    let peer = Peer::listen();
    let child = spawn(&mut filter("removed", &peer, &["--quiet"]));
    let mut server = peer.accept_as("alice");
    server.say(&format!("<bob> bye\n!! {why}\n"));
    server.close();
    let told = format!("chatclient: {}: {why}\n", peer.address());
    assert_eq!(end(child), (Some(1), "<bob> bye\n".to_owned(), told));
    assert_nobody_comes(&peer);
    let (mut terminal, mut server, peer) = alice(&folder("removed"), SIZE, &[], &["bob"]);
    server.say(&format!("<bob> bye\n!! {why}\n"));
    assert_eq!(terminal.ends(), 1);
    let told = format!("<bob> bye\nchatclient: {}: {why}", peer.address());
    terminal.shows_what("why", |rows| rows.contains(&told));
    assert_nobody_comes(&peer);
}

#[test]
fn a_ban_of_a_name_is_told_at_its_login() {
    let (mut terminal, mut server, peer) = alice(&folder("login"), SIZE, &[], &[]);
    terminal.press("/login bob hunter2\r");
    server.hear("/login bob hunter2\n");
    server.say("!! you are banned: flooding\n");
    assert_eq!(terminal.ends(), 1);
    terminal.shows_what("why", |rows| rows.contains(": you are banned: flooding"));
    assert_nobody_comes(&peer);
}

#[test]
fn a_terminal_asks_for_the_password_unseen_and_gives_it_again_at_the_next_connection() {
    let folder = folder("asked");
    let peer = Peer::listen();
    let mut terminal = start(&folder, &peer, SIZE, &["--log-level", "trace"]);
    let question = format!("password for {}> ", peer.address());
    let mut server = peer.accept();
    terminal.press("half a");
    terminal.shows(&["> half a|"]);
    server.greet("/nick alice");
    server.say(&format!("{PASSWORD}\n"));
    terminal.shows(&[&format!("{question}|")]);
    // A server that is far away may ask before it hears us, and then again.
    server.say(&format!("{PASSWORD}\n"));
    terminal.press("opne");
    terminal.shows(&[&format!("{question}••••|")]);
    terminal.press("\r");
    server.hear("/pass opne\n");
    terminal.shows(&[&format!("{question}|")]);
    server.say("!! that is not it\n");
    terminal.shows(&["!! that is not it", &format!("{question}|")]);
    terminal.press(&format!("\x1b[200~{SECRET}\n\x1b[201~"));
    terminal.shows(&[&format!("{question}{}|", "•".repeat(SECRET.len()))]);
    terminal.press("\r");
    let_in(&mut server, SECRET);
    server.hear("/who\n");
    server.say("-- 1 here: alice\n");
    // What was being written is there again, and lines have their receipts.
    terminal.shows(&["-- you are alice, alone here", "alice> half a|"]);
    terminal.press(" line\r");
    server.hear("half a line\n");
    terminal.shows(&["<alice> half a line", "alice> |"]);
    // It is called back, and the password is not.
    terminal.press("\x1b[A\x1b[A");
    terminal.shows(&["alice> half a line|"]);
    server.close();
    let mut server = peer.accept();
    server.greet(&format!("/resume {TOKEN} 1"));
    server.refuse("!! /resume: nobody here can be resumed with that token", "/nick alice");
    server.say(&format!("{PASSWORD}\n"));
    let_in(&mut server, SECRET);
    server.hear("/who\n");
    terminal.shows_what("that it is in again", |rows| rows.ends_with("alice> half a line|"));
    terminal.assert_never_wrote(SECRET);
    terminal.assert_never_wrote("opne");
    let log = std::fs::read_to_string(folder.join("client.log")).expect("a log");
    assert!(
        log.contains("sent: /pass ***") && !log.contains(SECRET) && !log.contains("opne"),
        "{log}"
    );
    assert!(
        !std::fs::read_to_string(folder.join("chatroom/history")).expect("one").contains("opne")
    );
}

#[test]
fn what_is_typed_while_the_connection_is_lost_is_shown_at_the_next_one() {
    let peer = Peer::listen();
    let mut terminal = start(&folder("lost"), &peer, SIZE, &[]);
    let server = accept_at_door(&peer, PASSWORD);
    let question = format!("password for {}> ", peer.address());
    terminal.shows(&[&format!("{question}|")]);
    let address = peer.address();
    drop(peer);
    server.close();
    terminal.shows_what("that it is lost", |rows| rows.contains("; trying again\n"));
    terminal.press(&format!("{SECRET}\r"));
    terminal.shows(&[&format!("{question}|")]);
    let peer = Peer::listen_at(address);
    let mut server = accept_at_door(&peer, PASSWORD);
    let_in(&mut server, SECRET);
    server.hear("/who\n");
    terminal.shows(&["-- you are alice, alone here", "alice> |"]);
    terminal.assert_never_wrote(SECRET);
}

#[test]
fn who_does_not_answer_in_time_or_does_not_want_to_is_out() {
    let peer = Peer::listen();
    let mut terminal = start(&folder("late"), &peer, SIZE, &[]);
    let mut server = accept_at_door(&peer, CODE);
    terminal.shows(&[&format!("code for {}> |", peer.address())]);
    server.say("!! no password in time\n");
    assert_eq!(terminal.ends(), 1);
    terminal.shows_what("why", |rows| rows.contains(": no password in time"));
    assert_nobody_comes(&peer);
    let mut terminal = start(&folder("late"), &peer, SIZE, &[]);
    let _server = accept_at_door(&peer, CODE);
    terminal.shows(&[&format!("code for {}> |", peer.address())]);
    terminal.press("abc\x03");
    terminal.shows(&["Ctrl+C again leaves> |"]);
    terminal.press("\x03");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn a_filter_gives_the_password_that_it_has_or_ends_with_one_clear_line() {
    let peer = Peer::listen();
    let how = "with --password-file FILE, or CHATROOM_PASSWORD\n";
    for (question, wanted) in [(PASSWORD, "password"), (CODE, "code")] {
        let child = spawn(&mut filter("without", &peer, &["--quiet"]));
        let _server = accept_at_door(&peer, question);
        let told =
            format!("chatclient: {}: this room wants a {wanted}: give it {how}", peer.address());
        assert_eq!(end(child), (Some(1), String::new(), told));
        assert_nobody_comes(&peer);
    }
    // One that is wrong is not tried again.
    let child = spawn(filter("wrong", &peer, &["--quiet"]).env("CHATROOM_PASSWORD", "opne"));
    let mut server = accept_at_door(&peer, PASSWORD);
    server.hear("/pass opne\n");
    server.say("!! that is not it\n");
    let (status, out, err) = end(child);
    let told =
        format!("chatclient: {}: that is not the password: give another one {how}", peer.address());
    assert_eq!((status, out), (Some(1), String::new()));
    assert!(err.ends_with(&told) && !err.contains("opne"), "{err}");
    assert_nobody_comes(&peer);
}

#[test]
fn a_filter_has_the_password_from_a_file_or_from_its_environment() {
    let folder = folder("file");
    std::fs::write(folder.join("secret"), format!("{SECRET}\r\na second line\n")).expect("ours");
    let peer = Peer::listen();
    let options = ["--password-file", "../file/secret"];
    for (options, variable) in [(&options[..], "another one"), (&[], SECRET)] {
        let mut command = filter("given", &peer, &[options, &["--quiet"]].concat());
        let mut child = spawn(command.env("CHATROOM_PASSWORD", variable));
        let mut server = accept_at_door(&peer, PASSWORD);
        let_in(&mut server, SECRET);
        server.say("<bob> hi\n");
        let mut said = String::new();
        let out = child.stdout.take().expect("piped");
        std::io::BufReader::new(out).read_line(&mut said).expect("it is said");
        assert_eq!(said, "<bob> hi\n");
    }
    let options = ["--password-file", "nowhere"];
    let (status, _, err) = run(&mut filter("given", &peer, &options));
    assert_eq!(status, Some(1));
    assert!(err.starts_with("chatclient: cannot read the password in nowhere: "), "{err}");
}
