//! Lines in the tagged form, as a program reads them.

use super::server::{TestClient, TestServer};

/// What a program is told once, when it joins.
pub struct Joined {
    pub client: TestClient,
    pub token: String,
}

/// Joins under `name` in the tagged form.
pub fn join(server: &TestServer, name: &str) -> Joined {
    let mut client = connect(server);
    client.send(format!("/nick {name}\n"));
    expect_body(&mut client, |body| body.starts_with(&format!("-- you are {name}, ")));
    let token = fact(&mut client, "token");
    assert_eq!(fact(&mut client, "nick"), name);
    Joined { client, token }
}

/// Says that many long lines, numbered from `first` on, and waits until the last one is confirmed.
pub fn flood(joined: &mut Joined, first: usize, count: usize) {
    let text = "x".repeat(1000);
    let lines: String = (first..first + count).map(|number| format!("{number} {text}\n")).collect();
    let mut writer = joined.client.second();
    let sends = std::thread::spawn(move || writer.send(lines));
    // Its /nick was the first line.
    let last = format!("+ {}", first + count);
    while split(&joined.client.line().expect("the room goes on")).1 != last {}
    sends.join().expect("the server takes it");
}

/// A connection that has asked for the tagged form, and was told its nonce.
pub fn connect(server: &TestServer) -> TestClient {
    let mut client = server.connect();
    client.expect("-- chatroom 1: welcome (/help for the commands)");
    client.send("/tags\n");
    nonce(&mut client);
    client
}

/// The nonce that comes next, which a client can prove its key with.
#[track_caller]
pub fn nonce(client: &mut TestClient) -> String {
    fact(client, "nonce")
}

/// One that is so far away that it is a guest before the server hears from it.
pub fn far_away(server: &TestServer, guest: &str) -> TestClient {
    let mut client = server.connect();
    client.expect_start("-- chatroom 1: welcome (/help for the commands");
    client.expect_start(&format!("-- you are {guest}, "));
    client
}

/// A connection that has asked to take up after that event.
pub fn resume(server: &TestServer, token: &str, seen: u64) -> TestClient {
    let mut client = connect(server);
    client.send(format!("/resume {token} {seen}\n"));
    client
}

/// The next line, which is no event, is what `is_it` wants. What every program is told besides is skipped.
#[track_caller]
pub fn expect_body(client: &mut TestClient, is_it: impl Fn(&str) -> bool) -> String {
    loop {
        let line = client.line().expect("a line");
        match split(&line) {
            (None, body) if is_it(body) => return body.to_owned(),
            (None, body) if is_told_besides(body) => {}
            _ => panic!("{line:?} came"),
        }
    }
}

/// The next line says that the last line that was sent is done.
#[track_caller]
pub fn expect_done(client: &mut TestClient) {
    expect_body(client, |body| body == "= done");
}

/// Whether a line is one of those that most tests are not about: the conversations in docs/PROTOCOL.md and the model of
/// the room have each of them in its place.
fn is_told_besides(body: &str) -> bool {
    body.starts_with("= limits ") || body == "= done"
}

/// The next lines, which are no events, are these.
#[track_caller]
pub fn expect_answers(client: &mut TestClient, bodies: &[&str]) {
    for expected in bodies {
        expect_body(client, |body| body == *expected);
    }
}

/// The next lines are these events; their numbers.
#[track_caller]
pub fn expect_events(client: &mut TestClient, bodies: &[&str]) -> Vec<u64> {
    let mut event = |expected: &&str| {
        loop {
            let line = client.line().unwrap_or_default();
            match split(&line) {
                (Some(seq), body) if body == *expected => return seq,
                (None, body) if is_told_besides(body) => {}
                _ => panic!("{line:?} came instead of {expected:?}"),
            }
        }
    };
    bodies.iter().map(&mut event).collect()
}

#[track_caller]
fn fact(client: &mut TestClient, name: &str) -> String {
    let begins = format!("= {name} ");
    expect_body(client, |body| body.starts_with(&begins))[begins.len()..].to_owned()
}

/// A line's number, if it is an event, and the line itself.
///
/// # Panics
///
/// It has no tag.
#[track_caller]
pub fn split(line: &str) -> (Option<u64>, &str) {
    let (tag, body) = tag(line);
    (tag.map(|(seq, _)| seq), body)
}

/// The number and the time of a line, if it is an event, and the line itself.
///
/// # Panics
///
/// It has no tag.
#[track_caller]
pub fn tag(line: &str) -> (Option<(u64, u64)>, &str) {
    let (seq, rest) = line.strip_prefix('@').and_then(|rest| rest.split_once(' ')).expect(line);
    let (millis, body) = rest.split_once(' ').expect(line);
    let millis = millis.parse().expect(line);
    ((!seq.starts_with('-')).then(|| (seq.parse().expect(line), millis)), body)
}
