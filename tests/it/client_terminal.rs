//! `chatclient` in a terminal: what is typed, what is shown, and what is left behind.

#[cfg(target_os = "linux")]
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::common::alice::CLIENT;
#[cfg(unix)]
use crate::common::peer::BANNER;
use crate::common::peer::{Conversation, Peer};
#[cfg(target_os = "linux")]
use crate::common::process::assert_never_wakes;
#[cfg(unix)]
use crate::common::process::signal;
use crate::common::terminal::Terminal;

/// A folder for a test of that name, empty.
fn folder(name: &str) -> PathBuf {
    crate::common::folder("client_terminal", name)
}

/// A client in a terminal, connected and known as alice.
fn alice(test: &str, columns: u16, rows: u16) -> (Terminal, Conversation) {
    let (terminal, server, _) =
        crate::common::alice::alice(&folder(test), (columns, rows), &[], &[]);
    (terminal, server)
}

/// The same under a shell that shows the state of the terminal before and after.
#[cfg(unix)]
fn alice_under_a_shell(test: &str) -> (Terminal, Conversation) {
    let (terminal, server, _) =
        crate::common::alice::alice_under_a_shell(&folder(test), "--no-reconnect");
    (terminal, server)
}

#[test]
fn what_arrives_scrolls_above_and_leaves_what_is_typed_alone() {
    let (mut terminal, mut server) = alice("arrives", 50, 6);
    terminal.shows(&["-- you are alice, alone here", "alice> |"]);
    terminal.press("hello\x1b[D\x1b[D");
    terminal.shows(&["alice> hel|lo"]);
    for line in ["<bob> one\n", "<bob> two\n<bob> thr", "ee\n"] {
        server.say(line);
    }
    terminal.shows(&["<bob> one", "<bob> two", "<bob> three", "alice> hel|lo"]);
    terminal.press("\r");
    terminal.shows(&["<bob> three", "<alice> hello", "alice> |"]);
    server.hear("hello\n");
}

#[test]
fn our_own_lines_are_shown_as_the_others_see_them() {
    let (mut terminal, mut server) = alice("own", 50, 8);
    terminal.press("//x\r/me waits\r/who\r");
    server.hear("//x\n/me waits\n/who\n");
    server.say("-- 1 here: alice\n-- you are now bob\n");
    terminal.shows(&[
        "<alice> /x",
        "* alice waits",
        "-- 1 here: alice",
        "-- you are now bob",
        "bob> |",
    ]);
}

#[test]
fn a_long_line_scrolls_sideways_and_follows_the_size_of_the_terminal() {
    let (mut terminal, mut server) = alice("sideways", 20, 6);
    terminal.press("0123456789abcdef");
    terminal.shows(&["alice> ‹56789abcdef|"]);
    terminal.press("\x01");
    terminal.shows(&["alice> |0123456789a›"]);
    terminal.press("\x05");
    terminal.resize(10, 6);
    terminal.shows(&["ali> ‹def|"]);
    terminal.resize(40, 6);
    terminal.shows(&["alice> 0123456789abcdef|"]);
    server.say("<bob> hi\n");
    terminal.shows(&["<bob> hi", "alice> 0123456789abcdef|"]);
    terminal.press("\r");
    server.hear("0123456789abcdef\n");
}

#[test]
fn wide_and_combined_characters_are_edited_as_the_reader_sees_them() {
    let (mut terminal, mut server) = alice("wide", 40, 6);
    terminal.press("日本語e\u{301}!\x1b[D\x1b[D\x7f");
    terminal.shows(&["alice> 日本|e\u{301}!"]);
    terminal.press("\r");
    server.hear("日本e\u{301}!\n");
}

#[test]
fn a_pasted_text_arrives_whole() {
    let (mut terminal, mut server) = alice("paste", 80, 10);
    let lines: String = (0..100).map(|i| format!("line {i} of what was pasted\n")).collect();
    terminal.press(&lines);
    server.hear(&lines);
    terminal.shows(&["<alice> line 99 of what was pasted", "alice> |"]);
    let long = "x".repeat(3500);
    terminal.press(&long);
    terminal.press("\r");
    server.hear(&format!("{long}\n"));
}

#[test]
fn a_command_that_is_too_long_is_not_sent_and_can_be_shortened() {
    let (mut terminal, mut server) = alice("full", 70, 6);
    terminal.press(&format!("/topic {}", "x".repeat(2000)));
    terminal.press(&"x".repeat(2093));
    terminal.press("\r");
    let notice = "-- that line has 4100 bytes and was not sent:";
    terminal.shows_what(notice, |rows| rows.contains(notice));
    terminal.press("\x7f\x7f\x7f\x7f\r");
    server.hear(&format!("/topic {}\n", "x".repeat(4089)));
}

#[test]
fn what_arrives_cannot_command_the_terminal() {
    let (mut terminal, mut server) = alice("safe", 50, 6);
    server.say("<bob> \x1b[2J\x1b[1;1H\x1b]0;title\x07red\n");
    terminal.shows(&["-- you are alice, alone here", "<bob> red", "alice> |"]);
}

#[test]
fn a_taken_name_gets_a_number_and_the_user_is_not_bothered() {
    let peer = Peer::listen();
    let [host, port] = peer.arguments();
    let program = [CLIENT, &host, &port, "--name", "alice"];
    let mut terminal = Terminal::start(60, 6, &folder("taken"), &program);
    let mut server = peer.accept();
    terminal.press("early\r");
    server.greet("/nick alice");
    server.refuse("!! /nick: the name alice is taken", "/nick alice2");
    server.join("alice2");
    server.hear("/who\n");
    server.hear("early\n");
    terminal.shows(&["-- you are alice2, alone here", "<alice2> early", "alice2> |"]);
}

#[test]
fn a_foreign_server_is_shown_without_newlines_and_sent_nothing_but_what_is_typed() {
    let peer = Peer::listen();
    let [host, port] = peer.arguments();
    let program = [CLIENT, &host, &port, "--name", "alice"];
    let mut terminal = Terminal::start(50, 6, &folder("foreign"), &program);
    let mut server = peer.accept();
    server.say("Welcome to chatroom");
    terminal.shows(&["Welcome to chatroom", "> |"]);
    server.hear_nothing_for(Duration::from_millis(50));
    terminal.press("/who\r");
    server.hear("/who\n");
    server.say("<10.0.0.2>hi");
    terminal.shows(&["Welcome to chatroom", "<you> /who", "<10.0.0.2>hi", "> |"]);
    terminal.press("\x03");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn a_silent_server_is_sent_what_is_typed_after_a_second() {
    let peer = Peer::listen();
    let [host, port] = peer.arguments();
    let mut terminal = Terminal::start(50, 6, &folder("silent"), &[CLIENT, &host, &port]);
    let mut server = peer.accept();
    terminal.press("anyone?\r");
    server.hear("anyone?\n");
    terminal.shows(&["<you> anyone?", "> |"]);
}

#[cfg(unix)]
#[test]
fn a_server_of_ours_that_is_late_is_known_when_it_comes() {
    let peer = Peer::listen();
    let [host, port] = peer.arguments();
    let folder = folder("late");
    let mut terminal = Terminal::start(50, 6, &folder, &[CLIENT, &host, &port, "--name", "alice"]);
    let mut server = peer.accept();
    terminal.press("early\r");
    server.hear("early\n");
    server.say(BANNER);
    server.say("-- you are guest1, alone here\n");
    server.hear("/who\n");
    terminal.shows(&["-- you are guest1, alone here", "guest1> |"]);
    terminal.press("/who\rhello\r");
    server.hear("/who\nhello\n");
    terminal.shows(&["-- you are guest1, alone here", "<guest1> hello", "guest1> |"]);
}

#[cfg(unix)]
#[test]
fn a_terminal_that_goes_away_without_a_signal_ends_it() {
    let peer = Peer::listen();
    let [host, port] = peer.arguments();
    // A shell's terminal ends with the shell; what it ran there, without job control, may go on.
    let script =
        format!("trap '' HUP; exec 3<&0; '{CLIENT}' {host} {port} --name alice <&3 & wait");
    let terminal = Terminal::start(50, 6, &folder("hang_up"), &["sh", "-c", &script]);
    let mut server = peer.accept_person("alice", &[]);
    drop(terminal);
    assert_eq!(server.hear_the_end(), "/quit\n");
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_the_terminal_as_it_was() {
    let (mut terminal, mut server) = alice_under_a_shell("ctrl_c");
    terminal.shows(&["alice> |"]);
    terminal.press("half a line\x03");
    terminal.shows(&["Ctrl+C again leaves> |"]);
    terminal.press("\x03");
    assert_eq!(server.hear_quit(), "");
    server.close();
    terminal.shows_what("it is restored", |rows| {
        rows.contains("-- you are alice, alone here\nstatus=0\nrestored")
    });
    assert_eq!(terminal.ends(), 0);
}

/// A server whose queue is full, so that its system says nothing.
#[cfg(target_os = "linux")]
#[test]
fn where_nobody_answers_the_screen_says_who_is_tried() {
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let listener = listener.expect("there are sockets");
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    listener.listen(0).expect("it is bound");
    let place = listener.local_addr().expect("it is bound").as_socket().expect("one of IPv4");
    let waiting = || {
        let waiting = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let waiting = waiting.expect("there are sockets");
        waiting.set_nonblocking(true).expect("it is open");
        waiting.connect(&place.into()).ok();
        waiting
    };
    let _waiting: Vec<_> = (0..4).map(|_| waiting()).collect();
    let command = [CLIENT, "localhost", &place.port().to_string()];
    let mut terminal = Terminal::start(60, 6, &folder("silent"), &command);
    let told = format!("-- connecting to localhost (127.0.0.1:{}) …", place.port());
    terminal.shows_what("who is tried", |rows| rows.contains(&told));
    terminal.press("\x03");
    assert_eq!(terminal.ends(), 0);
}

/// On Windows it may come as an event of the console's instead of a key.
#[test]
fn ctrl_c_is_one_farewell_and_a_clean_end() {
    let (mut terminal, mut server) = alice("ctrl_c_once", 50, 6);
    terminal.press("half a line\x03\x03");
    assert_eq!(server.hear_the_end(), "/quit\n");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn ctrl_c_gives_the_line_up_before_it_leaves() {
    let (mut terminal, mut server) = alice("ctrl_c_twice", 50, 6);
    terminal.press("half a line\x03");
    terminal.shows(&["Ctrl+C again leaves> |"]);
    terminal.press("\x1b[A");
    terminal.shows(&["alice> half a line|"]);
    terminal.press("\x03\x03");
    assert_eq!(server.hear_the_end(), "/quit\n");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn ctrl_d_leaves_when_nothing_is_typed_even_if_the_server_says_nothing() {
    let (mut terminal, _server) = alice("ctrl_d", 50, 6);
    terminal.press("ab\x1b[D\x04");
    terminal.shows(&["alice> a|"]);
    terminal.press("\x7f\x04");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn quit_is_said_and_the_end_is_as_it_was_asked_for() {
    let (mut terminal, mut server) = alice("quit", 50, 6);
    terminal.press("/quit good night\r");
    server.hear("/quit good night\n");
    server.close();
    assert_eq!(terminal.ends(), 0);
}

#[cfg(unix)]
#[test]
fn a_lost_connection_restores_the_terminal_and_then_says_so() {
    let (mut terminal, server) = alice_under_a_shell("lost");
    terminal.shows(&["alice> |"]);
    server.close();
    terminal.shows_what("the reason", |rows| {
        rows.contains("-- you are alice, alone here\nchatclient: lost the connection to 127.0.0.1:")
            && rows.contains("\nstatus=1\nrestored")
    });
}

/// A client under a shell that says how it ended and whether the terminal is as it was; and the
/// number of its process.
#[cfg(unix)]
fn alice_to_be_signalled(test: &str) -> (Terminal, Conversation, u32) {
    let peer = Peer::listen();
    let [host, port] = peer.arguments();
    // The shell tells its child's number, which it keeps by becoming the client.
    let script = format!(
        "stty -g >before; (sh -c 'echo $$ >pid; ulimit -c 0; \
         exec \"{CLIENT}\" {host} {port} --name alice'); echo status=$?; stty -g >after; \
         cmp before after && echo restored"
    );
    let folder = folder(test);
    let mut terminal = Terminal::start(60, 8, &folder, &["sh", "-c", &script]);
    let server = peer.accept_person("alice", &[]);
    terminal.press("half a line");
    terminal.shows(&["alice> half a line|"]);
    let pid = std::fs::read_to_string(folder.join("pid")).expect("the shell wrote it");
    (terminal, server, pid.trim().parse().expect("a number"))
}

#[cfg(unix)]
#[test]
fn signals_end_it_well_and_leave_the_terminal_as_it_was() {
    for name in ["-TERM", "-INT", "-HUP"] {
        let (mut terminal, _server, pid) = alice_to_be_signalled(&format!("signal{name}"));
        signal(name, pid);
        terminal.shows_what(name, |rows| {
            rows.contains("-- you are alice, alone here\nalice> half a line\nstatus=0\nrestored")
        });
    }
    let (mut terminal, _server, pid) = alice_to_be_signalled("signal-QUIT");
    signal("-QUIT", pid);
    terminal.shows_what("it is killed and the terminal restored", |rows| {
        rows.contains("\nalice> half a line\n") && rows.contains("\nstatus=131\nrestored")
    });
}

#[cfg(unix)]
#[test]
fn one_that_was_stopped_from_elsewhere_goes_on_where_it_was() {
    let (mut terminal, mut server, pid) = alice_to_be_signalled("stopped");
    signal("-STOP", pid);
    server.say("<bob> meanwhile\n");
    signal("-CONT", pid);
    terminal.shows(&["<bob> meanwhile", "alice> half a line|"]);
    terminal.press("!\r");
    server.hear("half a line!\n");
}

#[cfg(unix)]
#[test]
fn the_log_has_everything_and_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (mut terminal, mut server) = alice("log", 50, 6);
    terminal.press("hello\r");
    server.hear("hello\n");
    server.say("<bob> hi \x1b[31mthere\n");
    terminal.shows(&["<bob> hi there", "alice> |"]);
    terminal.press("\x04");
    server.hear_quit();
    server.close();
    assert_eq!(terminal.ends(), 0);
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("client_terminal/log/client.log");
    let log = std::fs::read_to_string(&path).expect("a log");
    for part in [
        "connecting to 127.0.0.1:",
        "connected to 127.0.0.1:",
        "sent: /nick alice",
        "received: -- you are alice, alone here",
        "input: hello",
        "sent: hello",
        "received: <bob> hi there",
        "leaving with status 0",
    ] {
        assert!(log.contains(part), "no {part:?} in\n{log}");
    }
    assert!(log.lines().all(|line| line.starts_with("20") && line.contains("INFO")), "{log}");
    let mode = std::fs::metadata(path).expect("a log").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn without_a_log_the_chat_goes_on_and_says_so_once() {
    let peer = Peer::listen();
    let [host, port] = peer.arguments();
    let program = [CLIENT, &host, &port, "--name", "alice", "--log-file", "no/such/folder/log"];
    let mut terminal = Terminal::start(110, 8, &folder("no_log"), &program);
    let mut server = peer.accept_person("alice", &[]);
    terminal.press("hello\r");
    server.hear("hello\n");
    terminal.shows_what("one notice", |rows| {
        rows.contains("<alice> hello") && rows.matches("going on without it").count() == 1
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_that_fills_the_disk_is_given_up_and_the_chat_goes_on() {
    let peer = Peer::listen();
    let [host, port] = peer.arguments();
    let program = [CLIENT, &host, &port, "--name", "alice", "--log-file", "/dev/full"];
    let mut terminal = Terminal::start(110, 8, &folder("full_log"), &program);
    let mut server = peer.accept_person("alice", &[]);
    terminal.press("hello\r");
    server.hear("hello\n");
    terminal.shows_what("one notice", |rows| {
        rows.contains("<alice> hello") && rows.matches("going on without it").count() == 1
    });
}

#[test]
fn a_flood_is_shown_to_its_end_while_keys_are_heard() {
    let (mut terminal, mut server) = alice("flood", 80, 10);
    let flood: String = (0..20_000).map(|i| format!("<bob> line {i} of the flood\n")).collect();
    let talk = std::thread::spawn(move || {
        server.say(&flood);
        server
    });
    terminal.press("still here");
    terminal.shows(&["<bob> line 19999 of the flood", "alice> still here|"]);
    let mut server = talk.join().expect("the flood is over");
    terminal.press("\r");
    server.hear("still here\n");
}

#[cfg(target_os = "linux")]
#[test]
fn an_idle_client_never_wakes() {
    let (mut terminal, mut server) = alice("idle", 50, 6);
    terminal.press("hello\r");
    server.hear("hello\n");
    terminal.shows(&["<alice> hello", "alice> |"]);
    assert_never_wakes(terminal.process_id());
}

#[test]
fn many_who_come_and_go_are_shown_in_sums_also_when_nothing_more_comes() {
    let (mut terminal, mut server) = alice("sums", 60, 24);
    let joins: String = (0..30).map(|number| format!("-- guest{number} joined\n")).collect();
    server.say(&joins);
    terminal.shows(&["-- guest8 joined", "-- guest9 joined", "-- 20 members joined", "alice> |"]);
    // They are known all the same.
    terminal.press("/msg guest29\t");
    terminal.shows(&["alice> /msg guest29 |"]);
}
