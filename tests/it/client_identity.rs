//! The key by which the names of `chatclient`'s user are known: where it is, and when it is proved.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chatroom::protocol::proof::{Binding, Nonce, PublicKey, verify};
use chatroom::protocol::request::{Request, parse};

use crate::common::bridge;
use crate::common::peer::{BANNER, Conversation, Peer};
use crate::common::process::{
    Running, at_home, client_program, end, run, spawn, without_our_variables,
};
use crate::common::server::TestServer;
use crate::common::terminator::{Identity, Manner, Terminator};

const NONCE: &str = "aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq";

/// What the log says of a proof that the server has taken.
const PROVED: &str = "received that our key is proved";

fn folder(test: &str) -> PathBuf {
    crate::common::folder("client_identity", test)
}

/// A client in a pipe, at home in that folder.
fn client(home: &Path) -> Command {
    let mut command = Command::new(client_program());
    without_our_variables(&mut command);
    at_home(&mut command, home).args(["--name", "alice", "--log-level", "debug"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A client that has come to a server which tells it a nonce.
fn come(command: &mut Command) -> (Running, Conversation, Peer) {
    let peer = Peer::listen();
    let child = spawn(command.args(peer.arguments()));
    let mut server = peer.accept();
    server.say(BANNER);
    server.hear("/tags\n");
    server.say_raw(format!("@- 1 = nonce {NONCE}\n"));
    (child, server, peer)
}

/// The key that a client proves.
#[track_caller]
fn proved(command: &mut Command) -> PublicKey {
    let (_child, mut server, _peer) = come(command);
    server.hear("/key ");
    let rest = server.hear_until_silent_for(Duration::from_millis(500));
    let line = format!("/key {}", rest.strip_suffix("\n/nick alice\n").expect(&rest));
    let Ok(Request::Key(key, signature)) = parse(&line) else { panic!("{line}") };
    let nonce = Nonce::parse(NONCE).expect("a nonce");
    assert_eq!(verify(&nonce, &Binding::PLAIN, &key, &signature), Ok(key.hash()));
    key
}

/// Says something, and leaves; the status, and what was complained of.
fn say(command: &mut Command) -> (Option<i32>, String) {
    let mut child = spawn(command);
    // One that ends at once reads nothing.
    child.stdin.take().expect("it is piped").write_all(b"hi\n").ok();
    let (status, _, err) = end(child);
    (status, err)
}

fn log(home: &Path) -> String {
    fs::read_to_string(home.join("client.log")).expect("it logs")
}

#[test]
fn a_user_has_one_key_which_is_made_at_the_first_start_and_can_be_taken_elsewhere() {
    let (home, elsewhere) = (folder("one"), folder("elsewhere"));
    let key = proved(&mut client(&home));
    let file = home.join("chatroom/identity.pem");
    let made = fs::read_to_string(&file).expect("it is there");
    assert!(made.starts_with("-----BEGIN PRIVATE KEY-----\n"), "it is in PEM");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(proved(&mut client(&home)), key);
    assert_ne!(proved(&mut client(&elsewhere)), key);
    let copy = elsewhere.join("mine.pem");
    fs::copy(&file, &copy).expect("ours");
    assert_eq!(proved(client(&elsewhere).arg("--identity").arg(&copy)), key);
    assert_eq!(proved(client(&elsewhere).env("CHATROOM_IDENTITY", &copy)), key);
    // One that is named is made, too.
    let new = elsewhere.join("new.pem");
    let another = proved(client(&elsewhere).arg("--identity").arg(&new));
    assert_eq!(proved(client(&elsewhere).env("CHATROOM_IDENTITY", &new)), another);
    let records = log(&home);
    assert!(records.contains("made the key of your names, "), "{records}");
    // The signature is nobody's business.
    assert!(records.lines().any(|record| record.ends_with("sent: /key")), "{records}");
}

#[test]
fn who_wants_no_key_has_none_and_asks_for_the_name_at_once() {
    let home = folder("none");
    let mut command = client(&home);
    command.arg("--no-identity").env("CHATROOM_IDENTITY", home.join("some.pem"));
    let (_child, mut server, _peer) = come(&mut command);
    server.hear("/nick alice\n");
    server.hear_nothing_for(Duration::from_millis(300));
    assert!(!home.join("chatroom").exists() && !home.join("some.pem").exists());
}

#[test]
fn an_older_server_which_tells_no_nonce_is_not_waited_for_long() {
    let peer = Peer::listen();
    let _child = spawn(client(&folder("older")).args(peer.arguments()));
    let mut server = peer.accept();
    server.say(BANNER);
    server.hear("/tags\n");
    let asked = Instant::now();
    server.hear("/nick alice\n");
    let waited = asked.elapsed();
    assert!((400..2000).contains(&waited.as_millis()), "{waited:?}");
    // It has lost nothing: what comes late still proves that the name is its own.
    server.say_raw(format!("@- 1 = nonce {NONCE}\n"));
    let owned = "!! alice belongs to somebody else; if it is yours: /login alice PASSWORD";
    server.say_raw(format!("@- 1 {owned}\n"));
    server.hear("/key ");
    let rest = server.hear_until_silent_for(Duration::from_millis(300));
    assert!(rest.ends_with("\n/nick alice\n"), "{rest}");
    server.say_raw(format!("@- 1 {owned}\n"));
    server.hear("/nick alice2\n");
}

#[test]
fn a_key_is_proved_to_the_server_at_the_other_end_of_tls_and_to_nobody_in_between() {
    let server = TestServer::start(&["--tls", "optional"]);
    let tls = |address: std::net::SocketAddr| {
        let home = folder(&format!("tls-{}", address.port()));
        let place = [address.ip().to_string(), address.port().to_string()];
        let (status, err) = say(client(&home).arg("--tls").args(place));
        assert_eq!(status, Some(0), "{err}");
        log(&home)
    };
    if !bridge::is_everywhere() {
        let records = tls(server.address);
        assert!(records.contains(PROVED), "{records}");
    }
    let inside = bridge::open(server.address);
    let relay = Terminator::start(inside, Manner::Offers(Identity::new("chatroom")));
    let records = tls(relay.address);
    assert!(records.contains("sent: /key") && !records.contains(PROVED), "{records}");
}

#[test]
fn a_file_that_is_no_key_is_told_and_never_written_over() {
    let home = folder("damaged");
    let server = TestServer::start(&[]);
    let place = [server.address.ip().to_string(), server.address.port().to_string()];
    let file = home.join("chatroom/identity.pem");
    fs::create_dir(home.join("chatroom")).expect("ours");
    fs::write(&file, "-----BEGIN").expect("ours");
    let told = format!(
        "cannot use the identity {}: it is not a private key; move it away, or name another file",
        file.display()
    );
    let (status, err) = say(client(&home).args(&place));
    let expected = format!("chatclient: {told}; going on without it\n");
    assert_eq!((status, err), (Some(0), expected));
    assert_eq!(log(&home).matches(&told).count(), 1);
    // Whoever names a file wants that.
    let (status, err) = say(client(&home).args(&place).arg("--identity").arg(&file));
    assert_eq!((status, err), (Some(1), format!("chatclient: {told}\n")));
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "-----BEGIN");
    // Nor is it looked at where it is of no use.
    let (status, _, err) = run(client(&home).arg("--known"));
    assert_eq!((status, err.as_str()), (Some(0), ""));
}

#[test]
fn a_name_is_the_users_own_by_the_key_and_nobody_elses() {
    let server = TestServer::start(&[]);
    let place = [server.address.ip().to_string(), server.address.port().to_string()];
    let (home, elsewhere) = (folder("own"), folder("not_own"));
    let say = |home: &Path| {
        let mut child = spawn(client(home).args(&place));
        child.stdin.take().expect("it is piped").write_all(b"hi\n").expect("it reads");
        end(child).1
    };
    let told = "-- alice is yours now, until the server ends\n";
    assert!(say(&home).contains(told));
    // Once; and somebody with another key, or none, gets another name.
    let out = say(&home);
    assert!(out.contains("-- you are alice, ") && !out.contains("is yours now"), "{out}");
    let out = say(&elsewhere);
    assert!(out.contains("-- you are alice2, ") && !out.contains("is yours now"), "{out}");
}
