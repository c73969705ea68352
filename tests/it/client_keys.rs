//! `chatclient` in a terminal: keys beyond typing and sending.

use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::time::Duration;

#[cfg(unix)]
use crate::common::alice::CLIENT;
use crate::common::alice::{alice, start};
#[cfg(unix)]
use crate::common::peer::Conversation;
use crate::common::peer::Peer;
#[cfg(unix)]
use crate::common::process::signal;
#[cfg(unix)]
use crate::common::terminal::Terminal;

const SIZE: (u16, u16) = (60, 8);

fn folder(name: &str) -> PathBuf {
    crate::common::folder("client_keys", name)
}

fn pasted(text: &str) -> String {
    format!("\x1b[200~{text}\x1b[201~")
}

/// A further row below this prompt.
fn below(prompt: &str, row: &str) -> String {
    format!("{}{row}", " ".repeat(prompt.len()))
}

#[test]
fn a_paste_waits_for_enter_and_then_every_line_is_sent() {
    let (mut terminal, mut server, _peer) = alice(&folder("paste"), SIZE, &[], &[]);
    terminal.press(&pasted("one\r\ntwo \x1b[31mred\n\nthree\n"));
    terminal.shows(&["alice (3 lines)>", &below("alice (3 lines)> ", "three|")]);
    terminal.press("!\r");
    server.hear("one\ntwo red\nthree!\n");
    terminal.shows(&["<alice> one", "<alice> two red", "<alice> three!", "alice> |"]);
}

#[test]
fn lines_that_were_pasted_together_are_no_commands() {
    let (mut terminal, mut server, _peer) = alice(&folder("pasted_commands"), SIZE, &[], &[]);
    terminal.press(&pasted("/etc/hosts\n// a comment\n/quit\n/clear\n"));
    terminal.press("\r");
    server.hear("//etc/hosts\n/// a comment\n//quit\n//clear\n");
    let said = ["<alice> /etc/hosts", "<alice> // a comment", "<alice> /quit", "<alice> /clear"];
    terminal.shows(&[said[0], said[1], said[2], said[3], "alice> |"]);
    // So are they when they are called back. One line is what it would be if it were typed.
    terminal.press("\x1b[A\r");
    server.hear("//etc/hosts\n");
    server.hear("/// a comment\n//quit\n//clear\n");
    terminal.press(&pasted("/who\n"));
    terminal.press("\r");
    server.hear("/who\n");
}

#[test]
fn a_long_paste_asks_first_and_loses_nothing() {
    let (mut terminal, mut server, _peer) = alice(&folder("long_paste"), SIZE, &[], &[]);
    let lines: String = (0..10_000).map(|i| format!("line {i} of a long paste\n")).collect();
    terminal.press(&pasted(&lines));
    terminal.press("\r");
    let question = "send 10000 lines? (y/n, Ctrl+U drops them)> ";
    terminal.shows_what(question, |rows| rows.contains(question));
    terminal.press("n");
    terminal.shows_what("back", |rows| rows.ends_with("line 9999 of a long paste|"));
    terminal.press("\ry");
    server.hear(&lines);
    terminal.shows(&["<alice> line 9999 of a long paste", "alice> |"]);
}

/// Crossterm took what follows for the rest of the paste, or of the report, for ever.
#[cfg(unix)]
#[test]
fn a_paste_whose_end_is_lost_is_ended_by_ctrl_c() {
    let (mut terminal, mut server, _peer) = alice(&folder("paste_without_end"), SIZE, &[], &[]);
    terminal.press("\x1b[200~half");
    terminal.shows(&["alice (pasting, Ctrl+C ends it)> |"]);
    terminal.press("\x03");
    terminal.shows(&["alice> half|"]);
    terminal.press(" a line\r");
    server.hear("half a line\n");
}

#[cfg(unix)]
#[test]
fn what_a_terminal_says_of_itself_is_not_typed() {
    let (mut terminal, mut server, _peer) = alice(&folder("replies"), SIZE, &[], &[]);
    for reply in [
        "\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\",
        "\x1bP>|xterm(370)\x1b\\",
        "\x1b_Gi=31;OK\x1b\\",
        "\x1b[>41;370;0c",
        "\x1b[?997;1n",
        "\x1b[?2026;2$y",
        "\x1b]52;c;aGVsbG8=\x07",
    ] {
        terminal.press(reply);
        terminal.press("cats\r");
        server.hear("cats\n");
    }
    // A key in two pieces.
    terminal.press("ab\x1b");
    std::thread::sleep(Duration::from_millis(150));
    terminal.press("[D!\r");
    server.hear("a!b\n");
}

#[test]
fn tab_completes_commands_and_those_who_are_here() {
    let (mut terminal, mut server, _peer) =
        alice(&folder("tab"), SIZE, &[], &["bob", "bernd", "carol"]);
    server.say("<bernd> hi\n");
    terminal.shows(&["<bernd> hi", "alice> |"]);
    terminal.press("b\t");
    terminal.shows(&["alice> bernd: |"]);
    terminal.press("\t");
    terminal.shows(&["alice> bob: |"]);
    terminal.press("\x1b[Z");
    terminal.shows(&["alice> bernd: |"]);
    terminal.press("ask ca\t\r");
    server.hear("bernd: ask carol \n");
    terminal.press("/ms\tbo\thi\r");
    server.hear("/msg bob hi\n");
}

#[test]
fn what_was_sent_comes_back_in_the_next_run_unless_that_is_not_wanted() {
    let folder = folder("history");
    let (mut terminal, mut server, _peer) = alice(&folder, SIZE, &[], &[]);
    terminal.press("the first\r/password secret\r");
    server.hear("the first\n/password secret\n");
    terminal.press("\x04");
    server.hear_quit();
    server.close();
    assert_eq!(terminal.ends(), 0);
    let kept = history_in(&folder);
    assert_eq!(kept, "the first\n");
    let (mut terminal, mut server, _peer) = alice(&folder, SIZE, &["--no-history"], &[]);
    terminal.press("\x1b[Aunkept\r");
    server.hear("unkept\n");
    assert_eq!(history_in(&folder), kept);
    let (mut terminal, mut server, _peer) = alice(&folder, SIZE, &[], &[]);
    terminal.press("\x12fir");
    terminal.shows(&["search 'fir'> the |first"]);
    terminal.press("\r");
    server.hear("the first\n");
}

fn history_in(folder: &Path) -> String {
    let file = folder.join("chatroom/history");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file).expect("a history").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    std::fs::read_to_string(file).expect("a history")
}

#[test]
fn a_history_that_cannot_be_written_is_told_once_and_the_chat_goes_on() {
    let folder = folder("no_history");
    std::fs::write(folder.join("chatroom"), "a file in the folder's place").expect("a file");
    let peer = Peer::listen();
    let mut terminal = start(&folder, &peer, (120, 8), &[]);
    let mut server = peer.accept_person("alice", &[]);
    terminal.press("one\rtwo\r");
    server.hear("one\ntwo\n");
    terminal.shows_what("one notice", |rows| {
        rows.contains("<alice> two") && rows.matches("-- cannot keep what you send").count() == 1
    });
}

#[test]
fn clear_empties_the_terminal_and_the_own_commands_go_nowhere() {
    let (mut terminal, mut server, _peer) = alice(&folder("clear"), (80, 30), &[], &["bob"]);
    server.say("<bob> hello\n");
    terminal.shows(&["<bob> hello", "alice> |"]);
    terminal.press("/clear\r/ignore bob\r/help\r");
    server.hear("/help\n");
    server.say("-- /who                 list who is here\n<bob> nobody hears this\n-- bob left\n");
    terminal.shows_what("the own help before the server's", |rows| {
        !rows.contains("hello")
            && rows.contains("/ignore")
            && rows.contains("Ctrl+A")
            && rows.contains("-- /who                 list who is here\nalice> |")
    });
}

#[test]
fn a_private_line_is_answered() {
    let (mut terminal, mut server, _peer) = alice(&folder("reply"), SIZE, &[], &["bob"]);
    server.say("[bob -> you] psst\n");
    terminal.shows(&["[bob -> you] psst", "alice> |"]);
    terminal.press("/r what?\r");
    server.hear("/msg bob what?\n");
}

#[test]
fn what_is_too_long_is_seen_before_it_is_sent() {
    let (mut terminal, _server, _peer) = alice(&folder("over"), SIZE, &[], &[]);
    terminal.press(&pasted(&format!("/topic {}", "x".repeat(4093))));
    terminal.shows_what("by how much", |rows| rows.contains("alice (4 bytes too long)> "));
    terminal.press("\x7f\x7f\x7f\x7f");
    terminal.shows_what("no more", |rows| rows.lines().last().unwrap().starts_with("alice> "));
}

#[test]
fn a_long_text_is_sent_in_several_lines_and_called_back_as_one() {
    let (mut terminal, mut server, _peer) = alice(&folder("split"), SIZE, &[], &[]);
    let (first, second) = ("word ".repeat(819), "end");
    terminal.press(&pasted(&format!("{first}{second}")));
    terminal.shows_what("how many", |rows| rows.contains("alice (2 lines)> "));
    terminal.press("\r");
    server.hear(&format!("{first}\n{second}\n"));
    terminal.shows(&["<alice> end", "alice> |"]);
    terminal.press("\x1b[A\x01/msg bob ");
    terminal.shows_what("for whom", |rows| rows.contains("alice (2 lines to bob)> "));
    terminal.press("\r");
    let (first, second) = ("word ".repeat(817), "word word end");
    server.hear(&format!("/msg bob {first}\n/msg bob {second}\n"));
}

#[test]
fn a_text_is_written_in_rows_and_sent_line_by_line() {
    let (mut terminal, mut server, _peer) = alice(&folder("rows"), SIZE, &[], &[]);
    terminal.press("one\x1b\rtwo\x1b[27;2;13~three");
    let three = below("alice (3 lines)> ", "three|");
    terminal.shows(&["alice (3 lines)> two", &three]);
    server.say("<bob> meanwhile\n");
    terminal.shows(&["<bob> meanwhile", "alice (3 lines)> two", &three]);
    terminal.press("\x1b[A\x1b[A!\r");
    server.hear("one!\ntwo\nthree\n");
    terminal.shows_what("the lines above the last row", |rows| {
        rows.ends_with("<alice> one!\n<alice> two\n<alice> three\nalice> |")
    });
    // Ctrl+C gives all of it up, and it can be called back.
    terminal.press("four\x1b\rfive\x03");
    terminal.shows_what("given up", |rows| rows.ends_with("Ctrl+C again leaves> |"));
    terminal.press("\x1b[A");
    terminal.shows(&["alice (2 lines)> four", &below("alice (2 lines)> ", "five|")]);
}

#[cfg(unix)]
#[test]
fn ctrl_z_gives_the_terminal_back_and_comes_back_right() {
    let peer = Peer::listen();
    let [host, port] = peer.arguments();
    let script = format!(
        "set -m; stty -g >before; '{CLIENT}' {host} {port} --name alice; stty -g >after; \
         cmp before after && echo given-back; read line; fg"
    );
    let mut terminal =
        Terminal::start(SIZE.0, SIZE.1, &folder("suspend"), &["bash", "-c", &script]);
    let mut server = peer.accept_person("alice", &[]);
    terminal.press("first\x1b\rhalf a");
    let [first, half] = ["alice (2 lines)> first", &below("alice (2 lines)> ", "half a|")];
    terminal.shows(&["-- you are alice, alone here", first, half]);
    terminal.press("\x1a");
    terminal.shows_what("the shell", |rows| rows.contains("given-back"));
    server.say("<bob> meanwhile\n");
    terminal.press("\n");
    terminal.shows(&["<bob> meanwhile", first, half]);
    terminal.press(" line\r");
    server.hear("first\nhalf a line\n");
}

#[cfg(unix)]
#[test]
fn one_that_is_stopped_by_a_signal_gives_the_terminal_back_and_comes_back_right() {
    let peer = Peer::listen();
    let [host, port] = peer.arguments();
    // The shell tells its child's number, which it keeps by becoming the client.
    let script = format!(
        "set -m; stty -g >before; (sh -c 'echo $$ >pid; exec \"{CLIENT}\" {host} {port} --name alice'); \
         stty -g >after; cmp before after && echo given-back; read line; fg"
    );
    let folder = folder("stopped");
    let mut terminal = Terminal::start(SIZE.0, SIZE.1, &folder, &["bash", "-c", &script]);
    let mut server = peer.accept_person("alice", &[]);
    terminal.press("half a");
    terminal.shows(&["-- you are alice, alone here", "alice> half a|"]);
    assert!(terminal.marks_pastes());
    let pid = std::fs::read_to_string(folder.join("pid")).expect("the shell wrote it");
    signal("-TSTP", pid.trim().parse().expect("a number"));
    terminal.shows_what("the shell", |rows| rows.contains("given-back"));
    assert!(!terminal.marks_pastes());
    server.say("<bob> meanwhile\n");
    terminal.press("\n");
    terminal.shows(&["<bob> meanwhile", "alice> half a|"]);
    assert!(terminal.marks_pastes());
    terminal.press(" line\r");
    server.hear("half a line\n");
}

#[cfg(unix)]
#[test]
fn without_anyone_to_continue_it_ctrl_z_does_not_stop_it() {
    let (mut terminal, mut server, _peer) = alice(&folder("orphan"), SIZE, &[], &[]);
    terminal.press("a\x1ab\r");
    server.hear("ab\n");
}

#[cfg(unix)]
#[test]
fn a_dumb_terminal_gets_lines_and_nothing_else() {
    for term in ["export TERM=dumb", "export TERM=", "unset TERM"] {
        gets_lines_and_nothing_else(term);
    }
}

#[cfg(unix)]
fn gets_lines_and_nothing_else(term: &str) {
    let peer = Peer::listen();
    let [host, port] = peer.arguments();
    let script = format!("{term}; '{CLIENT}' {host} {port} --name alice");
    let mut terminal = Terminal::start(SIZE.0, SIZE.1, &folder("dumb"), &["sh", "-c", &script]);
    let mut server = peer.accept_as("alice");
    server.say("<bob> hi\n");
    terminal.shows_what("lines", |rows| {
        rows.trim_end().ends_with("-- you are alice, alone here\n<bob> hi\n|")
    });
    let picture = terminal.picture();
    let line = picture.lines().find(|line| line.ends_with("<bob> hi")).expect("it is there");
    assert_eq!((line.len(), &line[2..3]), ("14:02 <bob> hi".len(), ":"), "{line}");
    terminal.press("hello\n");
    server.hear("hello\n");
    terminal.press("\x04");
    server.hear_quit();
    server.close();
    assert_eq!(terminal.ends(), 0);
}

/// A client whose user has this shell script for an editor, which is given the file as `$1`.
#[cfg(unix)]
fn with_editor(folder: &Path, script: &str) -> (Terminal, Conversation, Peer) {
    use std::os::unix::fs::PermissionsExt;
    let editor = folder.join("editor.sh");
    std::fs::write(&editor, format!("#!/bin/sh\n{script}\n")).expect("the folder is ours");
    let executable = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&editor, executable).expect("the file is ours");
    let peer = Peer::listen();
    let [host, port] = peer.arguments();
    let visual = format!("VISUAL={}", editor.display());
    let kept = format!("TMPDIR={}", folder.display());
    let program = ["env", &visual, &kept, CLIENT, "--name", "alice", &host, &port];
    let mut terminal = Terminal::start(SIZE.0, SIZE.1, folder, &program);
    let server = peer.accept_person("alice", &["bob"]);
    terminal.shows_what("the prompt", |rows| rows.lines().last() == Some("alice> |"));
    (terminal, server, peer)
}

#[cfg(unix)]
#[test]
fn a_text_is_written_in_an_editor_and_what_comes_meanwhile_is_shown_afterwards() {
    let script = "stty -a <&0 | grep -q -- ' icanon' && echo EDITING $(cat \"$1\")
        read -r line
        printf '%s\\n\\033[31mlast\\n' \"$line\" >>\"$1\"";
    let folder = folder("compose");
    let (mut terminal, mut server, _peer) = with_editor(&folder, script);
    terminal.press("first\x18\x05");
    terminal.shows_what("the editor", |rows| rows.contains("EDITING first"));
    server.say("<bob> meanwhile\n");
    std::thread::sleep(Duration::from_millis(200));
    assert!(!terminal.picture().contains("meanwhile"), "{}", terminal.picture());
    // The editor reads it, and not the client.
    terminal.press("second\r");
    let last = below("alice (3 lines)> ", "last|");
    terminal.shows(&["<bob> meanwhile", "alice (3 lines)> second", &last]);
    terminal.press("\r");
    server.hear("first\nsecond\nlast\n");
    // It can be taken back, and nothing is left behind.
    terminal.press("x\x18\x05");
    terminal.shows_what("the editor", |rows| rows.contains("EDITING x"));
    terminal.press("y\r");
    terminal.shows(&["alice (3 lines)> y", &last]);
    terminal.press("\x1f");
    terminal.shows(&["alice> x|"]);
    let files = std::fs::read_dir(&folder).expect("it is there");
    let names = files.flatten().map(|file| file.file_name().to_string_lossy().into_owned());
    assert_eq!(names.filter(|name| name.starts_with("chatclient-")).count(), 0);
}

#[cfg(unix)]
#[test]
fn an_editor_that_fails_or_is_not_there_leaves_the_text_as_it_was() {
    let (mut terminal, _server, _peer) = with_editor(
        &folder("compose_failed"),
        "echo EDITING; echo other >\"$1\"; read -r line; exit 3",
    );
    terminal.press("draft\x18\x05");
    terminal.shows_what("the editor", |rows| rows.contains("EDITING"));
    terminal.press("\r");
    terminal.shows_what("why", |rows| rows.contains("ended with exit status: 3"));
    terminal.shows(&["alice> draft|"]);
    // Ctrl+C is for the editor alone.
    terminal.press("\x18\x05");
    terminal.shows_what("the editor", |rows| rows.matches("EDITING").count() == 2);
    terminal.press("\x03");
    terminal.shows_what("why", |rows| rows.contains("signal: 2"));
    terminal.shows(&["alice> draft|"]);
    terminal.press("\x18x!");
    terminal.shows(&["alice> draft!|"]);
    assert_eq!(terminal.bells(), 1);
}

/// Neither a shell nor anything else comes between the address and what opens it.
#[cfg(all(unix, not(target_os = "macos")))]
#[test]
fn an_address_is_opened_by_the_systems_opener_and_by_nothing_else() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder("open");
    let opener = folder.join("xdg-open");
    std::fs::write(
        &opener,
        "#!/bin/sh\nprintf '%s\\n' $# \"$@\" >opened.new\nmv opened.new opened\n[ -z \"$FAIL\" ]\n",
    )
    .expect("it can be written");
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    let peer = Peer::listen();
    let [host, port] = peer.arguments();
    let run = |variables: &str| {
        let path = format!("PATH='{}':$PATH", folder.display());
        let script = format!(
            "env -u WAYLAND_DISPLAY {path} {variables} '{CLIENT}' {host} {port} --name alice"
        );
        let terminal = Terminal::start(100, 8, &folder, &["sh", "-c", &script]);
        (terminal, peer.accept_person("alice", &[]))
    };
    let address = "https://a.b/c?d=$(touch%20x)&e='f;g";
    let (mut terminal, mut server) = run("DISPLAY=:7");
    server.say(&format!("<bob> look: {address}.\n"));
    terminal.shows_what("the address", |rows| rows.contains("<bob> look"));
    terminal.press("/open\r");
    terminal.shows(&[&format!("-- opening {address}"), "alice> |"]);
    let opened = folder.join("opened");
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !opened.exists() {
        assert!(std::time::Instant::now() < deadline, "nothing is opened");
        std::thread::sleep(Duration::from_millis(10));
    }
    let arguments = std::fs::read_to_string(&opened).expect("it is there");
    assert_eq!(arguments, format!("1\n{address}\n"));
    terminal.press("\x03");
    assert_eq!(terminal.ends(), 0);
    for (variables, told) in [
        ("DISPLAY=:7 FAIL=1", format!("-- xdg-open could not open {address}")),
        ("DISPLAY=", format!("-- there is no display here to open it on: {address}")),
    ] {
        let (mut terminal, mut server) = run(variables);
        server.say(&format!("<bob> look: {address}.\n"));
        terminal.shows_what("the address", |rows| rows.contains("<bob> look"));
        terminal.press("/open\r");
        terminal.shows_what(&told, |rows| rows.contains(&told));
        terminal.press("\x03");
        assert_eq!(terminal.ends(), 0);
    }
}

#[test]
fn tab_makes_an_emoji_of_its_name() {
    let (mut terminal, mut server, _peer) = alice(&folder("emoji"), SIZE, &[], &[]);
    terminal.press("done :tada:\t :rocke\t at 12:30:\r");
    server.hear("done 🎉 🚀 at 12:30:\n");
}
