//! `chatclient` and servers that are not on its machine, as far as it can tell: whether it talks encrypted then, and
//! what it tells.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::network::Host;
use crate::common::peer::Peer;
use crate::common::process::{at_home, client_program, end, spawn, without_our_variables};
use crate::common::server::TestServer;
use crate::common::terminal::Terminal;
use crate::common::terminator::{Identity, Manner, Terminator};

/// A host with a terminator on it, in front of a server, and a home for its clients.
struct Far {
    host: Host,
    terminator: Terminator,
    home: PathBuf,
}

impl Far {
    fn make(test: &str, server: std::net::SocketAddr, manner: Manner) -> Option<Far> {
        let host = Host::make()?;
        let address = (host.address(), 0);
        let listener = host.on(|| TcpListener::bind(address)).expect("a free port");
        let terminator = Terminator::listen(listener, server, manner);
        Some(Far { host, terminator, home: crate::common::folder("client_tls_far", test) })
    }

    fn arguments(&self) -> [String; 2] {
        self.terminator.arguments()
    }

    /// A client says this; its status, output and complaints.
    #[track_caller]
    fn say(&self, options: &[&str], text: &str) -> (Option<i32>, String, String) {
        let [host, port] = self.arguments();
        self.say_to(&[options, &[&host, &port]].concat(), text)
    }

    #[track_caller]
    fn say_to(&self, arguments: &[&str], text: &str) -> (Option<i32>, String, String) {
        let prefix = self.host.prefix();
        let mut command = Command::new(prefix[0]);
        command.args(&prefix[1..]).arg(client_program());
        command.args(["--name", "alice", "--log-level", "off"]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        without_our_variables(&mut command);
        at_home(&mut command, &self.home);
        let mut child = spawn(&mut command);
        let mut stdin = child.stdin.take().expect("it is piped");
        stdin.write_all(text.as_bytes()).ok();
        drop(stdin);
        end(child)
    }

    /// What the clients know.
    fn known(&self) -> String {
        fs::read_to_string(Path::new(&self.home).join("chatroom/known_servers")).unwrap_or_default()
    }
}

fn usual() -> Identity {
    Identity::new("chatroom")
}

const PLAIN: &str = "chatclient: not encrypted: anyone on the network can read along\n";

#[test]
fn a_server_that_offers_tls_is_talked_to_over_tls_alone_and_from_then_on_from_the_first_byte() {
    let server = TestServer::start(&[]);
    let mut bob = server.join("bob");
    let identity = usual();
    let manner = Manner::Offers(identity.clone());
    let Some(far) = Far::make("offer", server.address, manner) else { return };
    let told = format!("chatclient: encrypted; new server, its key is {}\n", identity.key);
    for told in [told.as_str(), ""] {
        let (status, out, err) = far.say(&[], "hi\n");
        assert_eq!((status, err.as_str()), (Some(0), told));
        assert!(
            out.starts_with("-- chatroom 1: welcome (/help for the commands)\n-- you are "),
            "{out}"
        );
        for line in ["-- alice joined", "<alice> hi", "-- alice left"] {
            bob.expect(line);
        }
    }
    assert_eq!(far.terminator.plain(), "");
    assert!(far.known().contains(&identity.key.whole()));
    // Somebody in between takes the offer out, or answers in plain.
    far.terminator.be(Manner::Plain);
    let (status, _, err) = far.say(&[], "secret\n");
    assert_eq!(status, Some(3), "{err}");
    assert!(
        err.contains(" answers without encryption, and was encrypted before. Nothing was sent.")
    );
    assert!(!far.terminator.plain().contains("secret"));
    // Whoever asks for it gets it.
    let (status, _, err) = far.say(&["--plain"], "in plain\n");
    assert_eq!((status, err.as_str()), (Some(0), PLAIN));
    assert!(far.terminator.plain().contains("in plain"));
}

#[test]
fn at_the_first_contact_a_server_without_tls_is_talked_to_in_plain_with_a_warning() {
    let server = TestServer::start(&[]);
    let Some(far) = Far::make("plain", server.address, Manner::Plain) else { return };
    let (status, _, err) = far.say(&[], "hi\n");
    assert_eq!((status, err.as_str()), (Some(0), PLAIN));
    assert!(far.terminator.plain().contains("hi\n"));
    assert_eq!(far.known(), "");
    let (status, _, err) = far.say(&["--tls"], "hi\n");
    assert_eq!(status, Some(3), "{err}");
}

#[test]
fn a_server_that_is_no_room_is_told_and_spoken_to_as_it_is() {
    let peer = Peer::listen();
    let Some(far) = Far::make("foreign", peer.address(), Manner::Plain) else { return };
    for greeting in ["Welcome to chatroom\n", ""] {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut server = peer.accept();
                server.say(greeting);
                assert_eq!(server.hear_the_end(), "hi\n");
                server.say("<10.0.0.2>hi\n");
                server.close();
            });
            let (status, out, err) = far.say(&[], "hi\n");
            let told = "chatclient: not encrypted: this is not a chatroom server\n";
            assert_eq!((status, err.as_str()), (Some(0), told));
            assert_eq!(out, format!("{greeting}<10.0.0.2>hi\n"));
        });
    }
}

#[test]
fn a_banner_that_comes_late_is_waited_for_and_nothing_crosses_in_plain_before_it() {
    let identity = usual();
    for first in ["", "-- chatroom 1: welcome (/help for"] {
        let peer = Peer::listen();
        let Some(far) = Far::make("late", peer.address(), Manner::Plain) else { return };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut server = peer.accept();
                // Longer than a server that says nothing of its own accord was waited for.
                server.hear_nothing_for(Duration::from_millis(3000));
                far.terminator.be(Manner::Offers(identity.clone()));
                server.say(first);
                let banner = "-- chatroom 1: welcome (/help for the commands; TLS on this port)\n";
                server.say(&banner[first.len()..]);
                assert_eq!(server.hear_the_end(), "");
                let mut server = peer.accept_as("alice");
                server.hear("secret\n");
                server.hear_quit();
                server.close();
            });
            let (status, _, err) = far.say(&[], "secret\n");
            let told = format!("chatclient: encrypted; new server, its key is {}\n", identity.key);
            assert_eq!((status, err), (Some(0), told));
        });
        assert_eq!(far.terminator.plain(), "");
    }
}

/// The original server greets without a line end, and a program waits for that for a moment only.
#[test]
fn a_server_that_has_said_something_else_is_not_waited_for_any_longer() {
    let peer = Peer::listen();
    let Some(far) = Far::make("unfinished", peer.address(), Manner::Plain) else { return };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut server = peer.accept();
            server.say("Welcome to chatroom");
            let begun = Instant::now();
            server.hear("hi\n");
            assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
            server.hear_the_end();
            server.say("<10.0.0.2>hi\n");
            server.close();
        });
        let (status, out, err) = far.say(&[], "hi\n");
        let told = "chatclient: not encrypted: this is not a chatroom server\n";
        assert_eq!((status, err.as_str()), (Some(0), told));
        assert_eq!(out, "Welcome to chatroom<10.0.0.2>hi\n");
    });
}

#[test]
fn a_server_that_was_stopped_is_waited_for_and_a_person_may_leave_meanwhile() {
    let peer = Peer::listen();
    let Some(far) = Far::make("stopped", peer.address(), Manner::Plain) else { return };
    let [host, port] = far.arguments();
    let client = client_program();
    let script = format!("'{client}' --name alice --log-level off {host} {port}; echo status=$?");
    let program = [&far.host.prefix()[..], &["sh", "-c", &script]].concat();
    let mut terminal = Terminal::start(100, 12, &far.home, &program);
    let mut server = peer.accept();
    terminal.shows_what("the input row", |rows| rows.contains("> "));
    terminal.press("secret\r");
    // That it waits is shown, and whoever does not want to wait leaves.
    terminal.shows_what("that a line waits", |rows| rows.contains("waiting"));
    server.hear_nothing_for(Duration::from_millis(1000));
    let begun = Instant::now();
    terminal.press("\x03\x03");
    terminal.shows_what("the end", |rows| rows.contains("status="));
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(far.terminator.plain(), "");
}

#[test]
fn a_room_that_requires_encryption_is_joined_at_the_first_contact() {
    let peer = Peer::listen();
    let identity = usual();
    let Some(far) = Far::make("required", peer.address(), Manner::Plain) else { return };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut server = peer.accept();
            far.terminator.be(Manner::Offers(identity.clone()));
            server.say("!! this room is encrypted: use chatclient, or ncat --ssl HOST PORT\n");
            server.close();
            let mut server = peer.accept_as("alice");
            server.hear_quit();
            server.close();
        });
        let (status, _, err) = far.say(&[], "hi\n");
        let told = format!("chatclient: encrypted; new server, its key is {}\n", identity.key);
        assert_eq!((status, err), (Some(0), told));
    });
    assert_eq!(far.terminator.plain(), "");
}

#[test]
fn a_server_that_offers_tls_and_goes_away_is_not_told_a_word_in_plain() {
    let server = TestServer::start(&[]);
    let Some(far) = Far::make("goes", server.address, Manner::Offers(usual())) else { return };
    // The attacker lets the offer through, and nothing else.
    let peer = Peer::listen();
    let Some(attacked) = Far::make("goes_attacked", peer.address(), Manner::Plain) else { return };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut server = peer.accept();
            attacked.terminator.be(Manner::Closes);
            server.say("-- chatroom 1: welcome (/help for the commands; TLS on this port)\n");
            server.hear_the_end();
        });
        let (status, _, err) = attacked.say(&[], "secret\n");
        assert_eq!(status, Some(1), "{err}");
        assert!(err.starts_with("chatclient: lost the connection to "), "{err}");
    });
    assert_eq!(attacked.terminator.plain(), "");
    assert_eq!(far.say(&[], "hi\n").0, Some(0));
}

#[test]
fn no_password_goes_over_a_connection_that_others_can_read() {
    const SECRET: &str = "open sesame";
    let peer = Peer::listen();
    let Some(far) = Far::make("password", peer.address(), Manner::Plain) else { return };
    fs::write(far.home.join("secret"), SECRET).expect("the folder is ours");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut server = peer.accept();
            server.greet("/nick alice");
            server.say("-- this room wants a password: /pass PASSWORD\n");
            server.hear_the_end();
        });
        let (status, _, err) = far.say(&["--password-file", "secret"], "");
        let told = ": this room wants a password, and others could read it along: the connection is \
                    not encrypted\n";
        assert!(status == Some(1) && err.ends_with(told), "{err}");
    });
    let server = TestServer::start(&[]);
    let Some(far) = Far::make("login", server.address, Manner::Plain) else { return };
    let (status, _, err) = far.say(&["--commands"], "/login alice open sesame\nhi\n");
    let told = "chatclient: not sent: others could read the password along, for the connection is \
                not encrypted\n";
    assert!(status == Some(1) && err.contains(told), "{err}");
    assert!(far.terminator.plain().contains("hi\n"));
    assert!(!far.terminator.plain().contains("sesame"));
}

#[test]
fn an_address_with_a_zone_is_known_by_it() {
    let server = TestServer::start(&[]);
    let Some(host) = Host::make() else { return };
    host.add("fe80::1/64");
    let address = "[fe80::1%1]:0".parse::<std::net::SocketAddr>().expect("an address");
    let listener = host.on(|| TcpListener::bind(address)).expect("a free port");
    let identity = usual();
    let terminator = Terminator::listen(listener, server.address, Manner::Offers(identity.clone()));
    let home = crate::common::folder("client_tls_far", "zone");
    let port = terminator.address.port().to_string();
    let far = Far { host, terminator, home };
    let told = format!("chatclient: encrypted; new server, its key is {}\n", identity.key);
    for told in [told.as_str(), ""] {
        let (status, _, err) = far.say_to(&["fe80::1%lo", &port], "hi\n");
        assert_eq!((status, err.as_str()), (Some(0), told));
    }
    assert!(far.known().contains(&format!("[fe80::1%lo]:{port} ")), "{}", far.known());
    far.terminator.be(Manner::Offers(usual()));
    let (status, _, err) = far.say_to(&["fe80::1%lo", &port], "hi\n");
    assert_eq!(status, Some(3), "{err}");
    assert!(err.ends_with(&format!("  chatclient --forget fe80::1%lo {port}\n")), "{err}");
}

#[test]
fn a_terminal_shows_the_key_in_bold_and_the_warning_where_there_is_none() {
    let server = TestServer::start(&[]);
    let identity = usual();
    let manner = Manner::Offers(identity.clone());
    let Some(far) = Far::make("terminal", server.address, manner) else { return };
    let [host, port] = far.arguments();
    let client = client_program();
    let program =
        [&far.host.prefix()[..], &[&client, "--name", "alice", "--log-level", "off", &host, &port]]
            .concat();
    let mut terminal = Terminal::start(100, 12, &far.home, &program);
    let told = format!("-- encrypted; new server, its key is {}", identity.key);
    terminal.shows_what(&told, |rows| {
        rows.contains(&format!("{told}\n-- chatroom 1: welcome (/help for the commands)\n"))
            && rows.ends_with("\nalice> |")
    });
    assert!(terminal.is_bold(&told));
    terminal.press("/quit\r");
    assert_eq!(terminal.ends(), 0);
    fs::remove_file(far.home.join("chatroom/known_servers")).expect("it is there");
    far.terminator.be(Manner::Plain);
    let mut terminal = Terminal::start(100, 12, &far.home, &program);
    let told = "-- not encrypted: anyone on the network can read along";
    terminal.shows_what(told, |rows| {
        rows.contains(&format!("{told}\n-- chatroom 1: welcome")) && rows.ends_with("\nalice> |")
    });
    terminal.press("/server\r");
    terminal.shows(&[told, "alice> |"]);
    terminal.press("/login alice open sesame\r");
    let told =
        "-- not sent: others could read the password along, for the connection is not encrypted";
    terminal.shows(&[told, "alice> |"]);
    assert!(!far.terminator.plain().contains("sesame"));
}
