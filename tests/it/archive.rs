//! Each server of a shared room keeps its own archive of it: what comes back after a restart, what the archive lacks, and
//! whose file it is. Behind them is a real Redis.
#![cfg(unix)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::common::folder;
use crate::common::process::{run, signal};
use crate::common::program::{self, flood};
use crate::common::redis::RedisServer;
use crate::common::server::{TestClient, TestServer, chatserver};

/// How far memory reaches in the tests that go beyond it, in bytes, and how much of the log is kept.
const MEMORY: usize = 1 << 20;

const PASSWORD: &str = "correct horse";

/// A server of the room `lobby`, at a port of its own or the one that it had.
fn start(redis: &RedisServer, file: &Path, at: Option<SocketAddr>, options: &[&str]) -> TestServer {
    let port = at.map_or(0, |at| at.port()).to_string();
    let mut command = chatserver();
    command.args(["127.0.0.1", &port, "--rate-limit", "0", "--shared", &redis.url("lobby")]);
    TestServer::run(command.arg("--history").arg(file).args(options))
}

/// Ends it without a warning.
fn kill(mut server: TestServer) -> SocketAddr {
    server.kill();
    server.address
}

/// The archives of two servers.
fn files(test: &str) -> [PathBuf; 2] {
    let folder = folder("archive", test);
    ["one.db", "two.db"].map(|name| folder.join(name))
}

/// What a query gives of an archive, row by row.
fn ask(file: &Path, query: &str) -> Vec<String> {
    let file =
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("it is one");
    let mut query = file.prepare(query).expect("it is SQL");
    let rows = query.query_map([], |row| row.get(0)).expect("it is there");
    rows.collect::<Result<_, _>>().expect("it is text")
}

/// Waits until a query gives that of an archive, which is written behind what is delivered.
#[track_caller]
fn wait_for(file: &Path, query: &str, expected: &[&str]) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while ask(file, query) != expected {
        assert!(std::time::Instant::now() < deadline, "{query}: {:?}", ask(file, query));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// How many public lines an archive has, and lacks.
fn counted(file: &Path) -> [u64; 2] {
    let count = |query| ask(file, query)[0].parse().expect("a number");
    [
        count("SELECT CAST(count(*) AS TEXT) FROM said"),
        count("SELECT CAST(coalesce(sum(lines), 0) AS TEXT) FROM gap"),
    ]
}

/// Passes over what comes up to a line that has this in it.
#[track_caller]
fn until(client: &mut TestClient, part: &str) -> String {
    loop {
        let line = client.line().unwrap_or_else(|| panic!("it ends without {part:?}"));
        if line.contains(part) {
            return line;
        }
    }
}

/// The numbers that were said in what comes until that line.
fn numbers_until(client: &mut TestClient, end: &str) -> Vec<usize> {
    let mut numbers = Vec::new();
    loop {
        let line = client.line().expect("the room goes on");
        if line.ends_with(end) {
            return numbers;
        }
        let said = line.split_once("<talker> ").and_then(|(_, said)| said.split_once(' '));
        numbers.extend(said.and_then(|(number, _)| number.parse::<usize>().ok()));
    }
}

#[test]
fn a_server_that_was_away_has_all_in_its_archive_again_and_nothing_twice() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    let [one, two] = files("restart");
    let (first, second) = (start(&redis, &one, None, &[]), start(&redis, &two, None, &[]));
    let mut alice = first.join("alice");
    let mut bob = second.join("bob");
    alice.send("one\n/msg bob psst\n");
    until(&mut bob, "[alice -> you] psst");
    let at = kill(first);
    bob.send("two\n");
    bob.send("/msg bob done\n");
    until(&mut bob, "!! ");
    let first = start(&redis, &one, Some(at), &[]);
    let mut carol = first.join("carol");
    carol.send("three\n/msg nobody x\n");
    until(&mut carol, "!! /msg: nobody here is called nobody");
    carol.send("/history 9\n");
    until(&mut carol, "-- the last 3 lines:");
    for said in ["<alice> one", "<bob> two", "<carol> three"] {
        assert!(carol.line().is_some_and(|line| line.ends_with(said)));
    }
    carol.expect("-- you are up to date");
    until(&mut bob, "<carol> three");
    let lines = ["one", "two", "three"];
    let all = "SELECT seq || ' ' || at || ' ' || kind || ' ' || coalesce(line, '') FROM event ORDER BY seq";
    for file in [&one, &two] {
        wait_for(file, "SELECT text FROM said ORDER BY seq", &lines);
        for table in ["member", "waiting", "owner", "gap"] {
            wait_for(file, &format!("SELECT CAST(count(*) AS TEXT) FROM {table}"), &["0"]);
        }
        wait_for(file, "SELECT CAST(said AS TEXT) FROM room", &["3"]);
    }
    // Bob's end comes later than all that is asked for here.
    assert_eq!(ask(&one, all), ask(&two, all));
    assert_eq!(ask(&one, "SELECT shared FROM room"), ask(&two, "SELECT shared FROM room"));
}

#[test]
fn what_the_log_has_no_more_is_a_gap_that_is_told_in_its_place() {
    const LINES: usize = 6 * MEMORY / 1000;
    let Some(redis) = RedisServer::start(&[]) else { return };
    let [one, two] = files("gap");
    let memory = ["--memory", &MEMORY.to_string()];
    let (first, second) = (start(&redis, &one, None, &memory), start(&redis, &two, None, &memory));
    let mut alice = first.join("alice");
    alice.send("before\n");
    wait_for(&one, "SELECT text FROM said", &["before"]);
    // It takes its leave, or the log would not be trimmed while it could be the one that does that.
    let (at, mut first) = (first.address, first);
    signal("-TERM", first.id());
    assert_eq!(first.status(), Some(0));
    let mut talker = program::join(&second, "talker");
    flood(&mut talker, 1, LINES);
    let first = start(&redis, &one, Some(at), &memory);
    let mut carol = program::join(&first, "carol");
    flood(&mut talker, LINES + 1, 1);
    until(&mut carol.client, &format!("<talker> {} ", LINES + 1));
    carol.client.send("/history 100000\n");
    until(&mut carol.client, "<alice> before");
    let told = until(&mut carol.client, " not in this server's history");
    let missing: u64 = told
        .split_once(" lines are not in this server's history")
        .and_then(|(before, _)| before.rsplit(' ').next()?.parse().ok())
        .unwrap_or_else(|| panic!("{told}"));
    let shown = numbers_until(&mut carol.client, "-- you are up to date");
    assert!(
        missing > 0 && shown.len() as u64 + missing == LINES as u64 + 1,
        "{missing} {}",
        shown.len()
    );
    assert_eq!(shown, (LINES + 2 - shown.len()..LINES + 2).collect::<Vec<_>>());
    wait_for(&one, "SELECT CAST(max(said) AS TEXT) FROM room", &[&(LINES + 2).to_string()]);
    assert_eq!(counted(&one), [shown.len() as u64 + 1, missing]);
    wait_for(&two, "SELECT CAST(max(said) AS TEXT) FROM room", &[&(LINES + 2).to_string()]);
    assert_eq!(counted(&two), [LINES as u64 + 2, 0]);
}

#[test]
fn both_servers_find_and_show_what_memory_has_no_more() {
    const LINES: usize = 3 * MEMORY / 1000;
    let Some(redis) = RedisServer::start(&[]) else { return };
    let [one, two] = files("beyond");
    let memory = ["--memory", &MEMORY.to_string()];
    let (first, second) = (start(&redis, &one, None, &memory), start(&redis, &two, None, &memory));
    let mut talker = program::join(&first, "talker");
    talker.client.send("the needle in the haystack\n");
    flood(&mut talker, 2, LINES);
    for server in [&first, &second] {
        let mut asker = program::join(server, "asker");
        asker.client.send("/search needle\n");
        until(&mut asker.client, "-- the newest 1 with \"needle\":");
        until(&mut asker.client, " <talker> the needle in the haystack");
        until(&mut asker.client, "-- that is all");
        asker.client.send(format!("/history {}\n", LINES + 1));
        until(&mut asker.client, "-- the last ");
        let heard = numbers_until(&mut asker.client, "-- you are up to date");
        assert_eq!(heard, (2..LINES + 2).collect::<Vec<_>>());
        asker.client.send("/quit\n");
        while asker.client.line().is_some() {}
    }
}

#[test]
fn what_is_erased_is_gone_from_both_archives_and_from_that_of_a_server_that_was_away() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    let [one, two] = files("erase");
    let operators = ["--operator", "alice"];
    let (first, second) =
        (start(&redis, &one, None, &operators), start(&redis, &two, None, &operators));
    let mut alice = second.join("alice");
    alice.send(format!("/register {PASSWORD}\n"));
    until(&mut alice, "alice is protected by your password now");
    let mut bob = first.join("bob");
    bob.send("buy now\n/me sells\n");
    until(&mut alice, "* bob sells");
    let said = "SELECT line FROM event WHERE kind = 0 AND line IS NOT NULL ORDER BY seq";
    [&one, &two]
        .into_iter()
        .for_each(|file| wait_for(file, said, &["<bob> buy now", "* bob sells"]));
    alice.send("/erase bob\n");
    until(&mut alice, "-- 2 lines of bob were erased by alice");
    until(&mut bob, "-- 2 lines of bob were erased by alice");
    [&one, &two].into_iter().for_each(|file| wait_for(file, said, &[]));
    bob.send("buy again\n");
    until(&mut alice, "<bob> buy again");
    [&one, &two].into_iter().for_each(|file| wait_for(file, said, &["<bob> buy again"]));
    let at = kill(first);
    alice.send("/erase bob\n");
    until(&mut alice, "-- 1 line of bob was erased by alice");
    assert_eq!(ask(&one, said), ["<bob> buy again"]);
    let first = start(&redis, &one, Some(at), &operators);
    wait_for(&one, said, &[]);
    let mut carol = first.join("carol");
    carol.send("/search buy\n");
    until(&mut carol, "-- nothing with \"buy\"");
    let told = "SELECT CAST(count(*) AS TEXT) FROM event WHERE line LIKE '%erased by%'";
    [&one, &two].into_iter().for_each(|file| wait_for(file, told, &["2"]));
}

#[test]
fn numbers_go_on_behind_the_archive_where_the_store_was_emptied_meanwhile() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    let [one, _] = files("emptied");
    let server = start(&redis, &one, None, &[]);
    let mut alice = server.join("alice");
    alice.send("before\n");
    wait_for(&one, "SELECT text FROM said", &["before"]);
    let id = ask(&one, "SELECT shared FROM room");
    kill(server);
    redis.ask(&["FLUSHALL"]);
    let server = start(&redis, &one, None, &[]);
    let mut carol = server.join("carol");
    // The newcomer is shown what the archive has.
    until(&mut carol, "<alice> before");
    carol.send("after\n");
    wait_for(&one, "SELECT text FROM said ORDER BY seq", &["before", "after"]);
    assert_eq!(ask(&one, "SELECT shared FROM room"), id);
    let id = id[0].strip_suffix(" lobby").expect("it is noted what the room is called");
    assert!(redis.ask(&["HGET", "chatroom:{lobby}:meta", "id"]).contains(id));
    let jump = "SELECT CAST(max(seq) / (1 << 30) AS TEXT) FROM event";
    assert_eq!(ask(&one, jump), ["1"]);
}

#[test]
fn a_file_is_for_the_room_that_it_was_made_for() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    let [archive, own] = files("whose");
    let fresh = archive.with_file_name("fresh.db");
    kill(start(&redis, &archive, None, &[]));
    // Nobody has been there, so it may become either.
    let alone =
        |file: &Path| TestServer::run(chatserver().args(["127.0.0.1", "0", "--history"]).arg(file));
    kill(alone(&fresh));
    kill(start(&redis, &fresh, None, &[]));
    let server = alone(&own);
    server.join("alice").send("hello\n");
    wait_for(&own, "SELECT text FROM said", &["hello"]);
    kill(server);
    let other = redis.url("other");
    kill(TestServer::run(chatserver().args(["127.0.0.1", "0", "--shared", &other])));
    let lobby = redis.url("lobby");
    // Nobody is in this one, and the archive's room is not to take its place.
    let empty = redis.url("empty");
    for (file, shared) in
        [(&archive, None), (&archive, Some(&other)), (&archive, Some(&empty)), (&own, Some(&lobby))]
    {
        let mut command = chatserver();
        command.args(["127.0.0.1", "0", "--tls", "off", "--history"]).arg(file);
        command.args(shared.iter().flat_map(|url| ["--shared", url.as_str()]));
        let (status, _, told) = run(&mut command);
        let why = format!(
            "chatserver: cannot keep the history in {}: it belongs to another room; give another file",
            file.display()
        );
        assert!(status == Some(1) && told.lines().last() == Some(&why), "{status:?} {told}");
    }
    assert!(redis.ask(&["KEYS", "*empty*"]).is_empty());
}

#[test]
fn a_server_whose_room_is_lost_ends_and_keeps_nothing_of_the_room_that_has_begun_meanwhile() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    let [one, _] = files("lost");
    let mut server = start(&redis, &one, None, &[]);
    let mut alice = server.join("alice");
    alice.send("before\n");
    let said = "SELECT text FROM said";
    wait_for(&one, said, &["before"]);
    // A newcomer is faster than the server whose room it was.
    let begin = "redis.call('FLUSHALL') redis.call('HSET', 'chatroom:{lobby}:meta', 'id', ARGV[1])";
    redis.ask(&["EVAL", begin, "0", "00112233445566778899aabbccddeeff"]);
    assert_eq!(server.status(), Some(1));
    until(
        &mut alice,
        "-- the room's store was emptied, and another room has begun there: connect again",
    );
    let told = server.rest_of_the_log().concat();
    assert!(told.contains("another room has begun there; start this server again"), "{told}");
    // A service manager does that.
    let server = start(&redis, &one, Some(server.address), &[]);
    let mut carol = server.join("carol");
    let reason = "the history file belongs to another room";
    until(&mut carol, &format!("-- what is said here is not kept for now: {reason}"));
    carol.send("after\n/msg nobody x\n");
    until(&mut carol, "!! /msg: nobody here is called nobody");
    carol.send("/history 9\n");
    until(&mut carol, "<carol> after");
    until(&mut carol, "-- you are up to date");
    kill(server);
    assert_eq!(ask(&one, said), ["before"]);
}

#[test]
fn an_archive_is_exported_by_its_file_or_as_the_default_one_of_its_port_and_room() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    let folder = folder("archive", "export");
    let port = crate::common::redis::free_port().to_string();
    let url = redis.url("lobby");
    let here = |command: &mut std::process::Command| {
        command
            .env("XDG_STATE_HOME", &folder)
            .env_remove("STATE_DIRECTORY")
            .env_remove("CHATROOM_HISTORY")
            .env("LOCALAPPDATA", &folder);
    };
    let mut command = chatserver();
    here(command.args(["127.0.0.1", &port, "--shared", &url]));
    let server = TestServer::run(&mut command);
    let file = folder.join("chatroom").join(format!("{port}-lobby.db"));
    server.join("alice").send("hello\n");
    wait_for(&file, "SELECT text FROM said", &["hello"]);
    let texts = [folder.join("one.txt"), folder.join("two.txt")];
    let mut by_room = chatserver();
    here(by_room.args(["127.0.0.1", &port, "--shared", &url, "--export"]).arg(&texts[0]));
    let mut by_file = chatserver();
    by_file.arg("--history").arg(&file).arg("--export").arg(&texts[1]);
    for (mut command, text) in [by_room, by_file].into_iter().zip(&texts) {
        assert_eq!(run(&mut command).0, Some(0));
        let text = std::fs::read_to_string(text).expect("it is written");
        assert!(text.ends_with(" <alice> hello\n"), "{text}");
    }
}
