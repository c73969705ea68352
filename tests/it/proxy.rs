//! Clients that come by way of a proxy, which says in a header where they are.

#![cfg(target_os = "linux")]

use std::net::{SocketAddr, TcpStream};

use crate::common::server::{TestClient, TestServer};
use socket2::{Domain, Socket, Type};

const BANNER: &str = "-- chatroom 1: welcome (/help for the commands)";
const NO_HEADER: &str =
    "!! this address is a proxy's, and its connections begin with a PROXY header";

/// A server behind a proxy on 127.0.0.2.
fn server(options: &[&str]) -> TestServer {
    TestServer::start(&[&["--proxy", "192.0.2.9,127.0.0.2", "--replay", "0"], options].concat())
}

/// The proxy connects.
fn connect(server: &TestServer) -> TestClient {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let proxy: SocketAddr = "127.0.0.2:0".parse().expect("an address");
    socket.bind(&proxy.into()).expect("it is this machine's");
    socket.connect(&server.address.into()).expect("the server accepts");
    TestClient::new(TcpStream::from(socket))
}

/// A header of the second version, for a client of that address.
fn second_version(client: [u8; 4]) -> Vec<u8> {
    let fixed = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f";
    [&fixed[..], &client, &[127, 0, 0, 1, 220, 4, 19, 136], &[4, 0, 0]].concat()
}

#[test]
fn a_client_of_a_proxys_is_where_the_header_says_it_is() {
    let server = server(&[]);
    let mut alice = server.join("alice");
    let headers = [
        b"PROXY TCP4 192.0.2.1 127.0.0.1 56324 5000\r\n".to_vec(),
        b"PROXY TCP6 2001:db8::1 ::1 56324 5000\r\n".to_vec(),
        second_version([192, 0, 2, 1]),
    ];
    let places = ["192.0.2.1:56324", "[2001:db8::1]:56324", "192.0.2.1:56324"];
    let mut clients = Vec::new();
    for (number, (header, place)) in headers.iter().zip(places).enumerate() {
        // At once, with what the client says behind it, and byte by byte.
        for (name, piece) in [("bob", usize::MAX), ("carol", 1)] {
            let name = format!("{name}{number}");
            let bytes = [&header[..], format!("/nick {name}\nhello\n").as_bytes()].concat();
            let mut client = connect(&server);
            bytes.chunks(piece.min(bytes.len())).for_each(|piece| client.send(piece));
            client.expect(BANNER);
            client.expect_start(&format!("-- you are {name}, with "));
            alice.expect(&format!("-- {name} joined"));
            alice.expect(&format!("<{name}> hello"));
            assert!(server.logs(&format!("{name} joined")).contains(&format!(" from {place}, ")));
            clients.push(client);
        }
    }
}

#[test]
fn the_limit_for_an_address_is_one_for_those_behind_the_proxy() {
    const FULL: &str = "!! the room is full for your address (1 client)";
    let server = server(&["--max-per-address", "1"]);
    let header = |client: u8| format!("PROXY TCP4 192.0.2.{client} 127.0.0.1 1 5000\r\n");
    let from = |header: &str| {
        let mut client = connect(&server);
        client.send(header);
        client
    };
    let mut members: Vec<_> = (1..=3).map(|number| from(&header(number))).collect();
    members.iter_mut().for_each(|client| client.expect(BANNER));
    let mut second = from(&header(2));
    second.expect(FULL);
    second.expect_end();
    // One of the same address that does not come by way of the proxy counts beside it.
    server.connect().expect(BANNER);
    // The proxy itself is not counted, nor are those whom it does not know.
    let mut unknown: Vec<_> = (0..3).map(|_| from("PROXY UNKNOWN\r\n")).collect();
    unknown.iter_mut().for_each(|client| client.expect(BANNER));
    let mut local = from("");
    local.send(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    local.expect(BANNER);
    // A place is free again when its client has gone.
    let mut gone = members.remove(1);
    gone.expect_start("-- you are ");
    gone.send("/quit\n");
    while gone.line().is_some() {}
    server.logs("left (192.0.2.2:1)");
    from(&header(2)).expect(BANNER);
}

#[test]
fn a_proxys_client_that_comes_back_takes_its_own_place_too() {
    let limits = [["--max-clients", "1"], ["--max-per-address", "1"]];
    for (number, options) in limits.into_iter().enumerate() {
        let server = server(&options);
        let header = format!("PROXY TCP4 192.0.2.{} 127.0.0.1 1 5000\r\n", number + 1);
        let mut dead = connect(&server);
        dead.send(format!("{header}/tags\n/nick alice\n"));
        dead.expect(BANNER);
        let mut token = String::new();
        while !token.contains("= token ") {
            token = dead.line().expect("it gets one");
        }
        let token = token.split(' ').next_back().expect("it ends in it").to_owned();
        let mut alice = connect(&server);
        alice.send(format!("{header}/tags\n/resume {token} 0\n"));
        alice.expect(BANNER);
        assert!(alice.line().is_some_and(|line| line.contains(" = nonce ")));
        assert!(alice.line().is_some_and(|line| line.ends_with("-- welcome back, alice")));
        let mut late = connect(&server);
        late.send(header);
        assert!(late.line().is_some_and(|line| line.starts_with("!! the room is full")));
    }
}

#[test]
fn what_one_client_of_a_proxys_has_used_up_counts_for_its_own_address() {
    const BURST: usize = 10;
    let server = server(&["--rate-limit", "1"]);
    let mut alice = server.join("alice");
    for (name, address) in [("bob", 1), ("carol", 2)] {
        let mut client = connect(&server);
        client.send(format!("PROXY TCP4 192.0.2.{address} 127.0.0.1 1 5000\r\n/nick {name}\n"));
        client.send("hello\n".repeat(BURST - 2) + "/quit\n");
        alice.expect(&format!("-- {name} joined"));
        (0..BURST - 2).for_each(|_| alice.expect(&format!("<{name}> hello")));
        alice.expect(&format!("-- {name} left"));
        client.expect(BANNER);
        client.expect_start(&format!("-- you are {name}, "));
        client.expect_end();
    }
    // The next one from there has to wait, but that does not make it a guest.
    let mut bob = connect(&server);
    bob.send("PROXY TCP4 192.0.2.1 127.0.0.1 1 5000\r\n/nick bob\n");
    bob.expect(BANNER);
    bob.expect_start("-- you are bob, ");
    alice.expect("-- bob joined");
}

#[test]
fn a_proxy_that_sends_no_header_gets_nobody_in() {
    let server = server(&[]);
    let mut alice = server.join("alice");
    let cases: [&[u8]; 4] = [
        b"/nick bob\nhello\n",
        b"PROXY TCP4 192.0.2.1 127.0.0.1 1\r\n/nick bob\n",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c",
        b"PROXY TCP4 192.0.2.1 127.0",
    ];
    for bytes in cases {
        let mut client = connect(&server);
        client.send(bytes);
        client.finish();
        client.expect(NO_HEADER);
        client.expect_end();
    }
    // What a proxy does to see whether the server is there is told to nobody.
    drop(connect(&server));
    let mut bob = server.join("bob");
    bob.send("hello\n");
    for line in ["-- bob joined", "<bob> hello"] {
        alice.expect(line);
    }
    let log = server.log_up_to("bob joined");
    assert_eq!(log.iter().filter(|line| line.contains("was refused")).count(), cases.len());
}

#[test]
fn a_proxy_is_waited_for_and_not_for_ever() {
    let server = server(&[]);
    let mut silent = connect(&server);
    let mut slow = connect(&server);
    slow.send("PROXY UNKN");
    for client in [&mut silent, &mut slow] {
        client.expect(NO_HEADER);
        client.expect_end();
    }
}
