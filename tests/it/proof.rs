//! The proof of a key over real sockets: good ones, and all that somebody in between could try.

use std::fmt::Write;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use data_encoding::BASE32_NOPAD;
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::common::bridge;
use crate::common::program::{self, expect_answers, expect_body, far_away, nonce};
use crate::common::server::{TestClient, TestServer};
use crate::common::terminator::{Identity, Manner, Terminator};
use crate::common::tls::TlsClient;

const BANNER: &str = "-- chatroom 1: welcome (/help for the commands)";
const WRONG: &str = "!! the signature does not fit";
const LATE: &str = "!! /key: that is for right after /tags, before there is a name, and once";
const USAGE: &str = "!! /key goes like this: /key PUBLIC SIGNATURE";

/// What a proof over an unencrypted connection is bound to.
const PLAIN: [u8; 32] = [0; 32];

/// Somebody who has a key.
struct Owner(Ed25519KeyPair);

impl Owner {
    /// The owner of another key for each number.
    fn of(number: u8) -> Owner {
        Owner(Ed25519KeyPair::from_seed_unchecked(&[number; 32]).expect("a seed"))
    }

    /// The line that proves the key for this nonce, over a connection with this exporter.
    fn proof(&self, nonce: &str, exporter: &[u8; 32]) -> String {
        let public = self.0.public_key().as_ref();
        let nonce = BASE32_NOPAD.decode(nonce.to_uppercase().as_bytes()).expect("base32");
        assert_eq!(nonce.len(), 32);
        let signed = [b"chatroom 1 key\n", &nonce[..], exporter, public].concat();
        format!("/key {} {}\n", base32(public), base32(self.0.sign(&signed).as_ref()))
    }
}

fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_lowercase()
}

/// A server that takes both, and no clients of other tests.
fn server() -> TestServer {
    TestServer::start(&["--tls", "optional", "--replay", "0"])
}

/// A plain client that has asked for the tagged form, and its nonce.
fn asked(server: &TestServer) -> (TestClient, String) {
    let mut client = server.connect();
    client.expect_start("-- chatroom 1: welcome ");
    client.send("/tags\n");
    let nonce = nonce(&mut client);
    (client, nonce)
}

/// The same over TLS, at that address, and the connection's exporter.
fn asked_over_tls(address: SocketAddr) -> (TlsClient, String, [u8; 32]) {
    let mut client = TlsClient::connect(address);
    client.expect(BANNER);
    client.send("/tags\n");
    let line = client.line().expect("a nonce");
    let nonce = program::split(&line).1.strip_prefix("= nonce ").expect("a nonce").to_owned();
    let exporter =
        client.connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", None);
    (client, nonce, exporter.expect("the handshake is over"))
}

/// The answer to this line.
fn answer(client: &mut TlsClient, line: &str) -> String {
    client.send(line);
    program::split(&client.line().expect("an answer")).1.to_owned()
}

fn joins(client: &mut TestClient, name: &str) {
    client.send(format!("/nick {name}\n"));
    expect_body(client, |body| body.starts_with(&format!("-- you are {name}, ")));
}

#[test]
fn a_key_is_proved_on_this_machine_and_over_tls_and_takes_nothing_of_the_lines_that_count() {
    let server = server();
    let (mut alice, nonce) = asked(&server);
    alice.send(Owner::of(1).proof(&nonce, &PLAIN));
    expect_answers(&mut alice, &["= key ok"]);
    alice.send("/nick alice\nhi\n");
    expect_body(&mut alice, |body| body == "-- you are alice, alone here");
    expect_body(&mut alice, |body| body.starts_with("= token "));
    expect_answers(&mut alice, &["= nick alice"]);
    program::expect_events(&mut alice, &["+ 2"]);
    let (mut bob, nonce, exporter) = asked_over_tls(server.address);
    let proof = Owner::of(2).proof(&nonce, &exporter);
    assert_eq!(answer(&mut bob, &proof.to_uppercase().replace("/KEY", "/key")), "= key ok");
    assert_eq!(answer(&mut bob, "/nick bob\n"), "-- you are bob, with 1 other here");
}

#[test]
fn a_proof_is_worth_nothing_on_another_connection() {
    let server = server();
    let (mut alice, nonce) = asked(&server);
    let proof = Owner::of(1).proof(&nonce, &PLAIN);
    alice.send(&proof);
    expect_answers(&mut alice, &["= key ok"]);
    let (mut eve, another) = asked(&server);
    assert_ne!(nonce, another);
    eve.send(&proof);
    expect_answers(&mut eve, &[WRONG]);
    // She is a member as everybody without a key, and has had her try.
    eve.send(Owner::of(2).proof(&another, &PLAIN));
    expect_answers(&mut eve, &[LATE]);
    joins(&mut eve, "eve");
    let (mut eve, nonce, exporter) = asked_over_tls(server.address);
    assert_eq!(answer(&mut eve, &proof), WRONG);
    assert_eq!(answer(&mut eve, &Owner::of(2).proof(&nonce, &exporter)), LATE);
}

#[test]
fn a_proof_for_one_tls_session_cannot_be_relayed_into_another() {
    let server = server();
    // Somebody in between, whose key the client does not look at: TLS to the client, and TLS to the server.
    let inside = bridge::open(server.address);
    let relay = Terminator::start(inside, Manner::Offers(Identity::new("chatroom")));
    let (mut alice, nonce, exporter) = asked_over_tls(relay.address);
    assert_eq!(answer(&mut alice, &Owner::of(1).proof(&nonce, &exporter)), WRONG);
    // The same where it talks to the server in plain.
    let relay = Terminator::start(server.address, Manner::Offers(Identity::new("chatroom")));
    let mut alice = TlsClient::connect(relay.address);
    alice.expect_start("-- chatroom 1: welcome ");
    alice.send("/tags\n");
    let line = alice.line().expect("a nonce");
    let nonce = program::split(&line).1.strip_prefix("= nonce ").expect("a nonce").to_owned();
    let exporter =
        alice.connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", None);
    let proof = Owner::of(1).proof(&nonce, &exporter.expect("the handshake is over"));
    assert_eq!(answer(&mut alice, &proof), WRONG);
    // And where a plain client's proof is to be one over TLS.
    let (mut eve, nonce, _) = asked_over_tls(server.address);
    assert_eq!(answer(&mut eve, &Owner::of(1).proof(&nonce, &PLAIN)), WRONG);
}

#[test]
fn what_is_no_proof_is_told_and_takes_nobody_in() {
    let server = server();
    let mut bob = server.connect();
    bob.send("/nick bob\n");
    bob.expect_start("-- chatroom 1: welcome ");
    bob.expect("-- you are bob, alone here");
    let (mut alice, nonce) = asked(&server);
    let proof = Owner::of(1).proof(&nonce, &PLAIN);
    let [_, public, signature] = proof.trim().split(' ').collect::<Vec<_>>().try_into().unwrap();
    let (shorter, longer) = (&public[1..], format!("{public}a"));
    for arguments in [
        String::new(),
        public.to_owned(),
        format!("{shorter} {signature}"),
        format!("{longer} {signature}"),
        format!("{public} {}", &signature[1..]),
        format!("{public} {signature}a"),
        format!("{public} {signature} more"),
        format!("{} {signature}", public.replace(public.get(..1).unwrap(), "1")),
    ] {
        alice.send(format!("/key {arguments}\n"));
        expect_answers(&mut alice, &[USAGE]);
    }
    // Nothing of that was the one try.
    alice.send(&proof);
    expect_answers(&mut alice, &["= key ok"]);
    alice.send(&proof);
    expect_answers(&mut alice, &[LATE]);
    joins(&mut alice, "alice");
    bob.expect("-- alice joined");
}

#[test]
fn a_key_that_anybody_could_sign_with_and_one_that_is_no_point_prove_nothing() {
    let server = server();
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut second_spelling = [0xff; 32];
    (second_spelling[0], second_spelling[31]) = (0xee, 0x7f);
    let mut no_point = [0; 32];
    no_point[0] = 2;
    // R = B and S = 1 fit every message, where the key is the neutral element.
    let mut signature = [0x66; 64];
    signature[0] = 0x58;
    signature[32..].fill(0);
    signature[32] = 1;
    for key in [neutral, [0; 32], second_spelling, no_point] {
        let (mut eve, _) = asked(&server);
        eve.send(format!("/key {} {}\n", base32(&key), base32(&signature)));
        expect_answers(&mut eve, &[WRONG]);
    }
}

#[test]
fn a_key_is_for_before_the_name_and_for_the_tagged_form() {
    let server = server();
    let (mut alice, nonce) = asked(&server);
    joins(&mut alice, "alice");
    expect_body(&mut alice, |body| body.starts_with("= token "));
    expect_answers(&mut alice, &["= nick alice"]);
    alice.send(Owner::of(1).proof(&nonce, &PLAIN));
    expect_answers(&mut alice, &[LATE]);
    let mut plain = server.connect();
    plain.expect_start("-- chatroom 1: welcome ");
    plain.send(Owner::of(1).proof(&nonce, &PLAIN));
    plain.expect("-- you are guest1, with 1 other here");
    plain.expect(LATE);
}

#[test]
fn a_client_that_waits_for_its_nonce_is_no_guest_meanwhile_and_one_that_does_not_waits_no_longer() {
    let server = server();
    let mut bob = server.connect();
    bob.send("/nick bob\n");
    bob.expect_start("-- chatroom 1: welcome ");
    bob.expect("-- you are bob, alone here");
    let (mut alice, nonce) = asked(&server);
    // Twice as long as a plain client has.
    thread::sleep(Duration::from_millis(600));
    alice.send(Owner::of(1).proof(&nonce, &PLAIN));
    expect_answers(&mut alice, &["= key ok"]);
    joins(&mut alice, "alice");
    bob.expect("-- alice joined");
    let mut plain = server.connect();
    plain.expect_start("-- chatroom 1: welcome ");
    let since = Instant::now();
    plain.expect("-- you are guest1, with 2 others here");
    assert!(since.elapsed() < Duration::from_millis(900), "{:?}", since.elapsed());
    // One that never proves anything is a guest in the end.
    let (mut silent, _) = asked(&server);
    expect_body(&mut silent, |body| body == "-- you are guest2, with 3 others here");
}

#[test]
fn a_client_that_is_a_guest_before_the_server_hears_from_it_proves_its_key_all_the_same() {
    let server = server();
    let mut alice = far_away(&server, "guest1");
    alice.send("/tags\n");
    let nonce = nonce(&mut alice);
    alice.send(Owner::of(1).proof(&nonce, &PLAIN) + "/nick alice\n");
    expect_answers(&mut alice, &["= key ok"]);
    expect_body(&mut alice, |body| body.starts_with("= token "));
    expect_answers(&mut alice, &["= nick guest1"]);
    program::expect_events(&mut alice, &["+ 1"]);
    expect_answers(&mut alice, &["-- you are now alice", "= nick alice"]);
    // Once.
    alice.send(Owner::of(1).proof(&nonce, &PLAIN));
    expect_answers(&mut alice, &[LATE]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_proof_that_others_can_read_along_is_taken_and_told() {
    let options = ["--tls", "optional", "--replay", "0", "--proxy", "127.0.0.1"];
    let server = TestServer::start(&options);
    let mut alice = server.connect();
    let mut hello = String::from("PROXY TCP4 192.0.2.1 127.0.0.1 1 5000\r\n");
    writeln!(hello, "/tags").expect("memory takes it");
    alice.send(hello);
    alice.expect_start("-- chatroom 1: welcome ");
    let nonce = nonce(&mut alice);
    alice.send(Owner::of(1).proof(&nonce, &PLAIN));
    let told = "-- not encrypted: whoever reads along can take this connection over";
    expect_answers(&mut alice, &["= key ok", told]);
    joins(&mut alice, "alice");
}
