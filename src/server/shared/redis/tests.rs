//! The engine against a real Redis, which each test has to itself.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::super::appender::Appender;
use super::super::engine::{COUNT, Engine, Group, Link, Missing, Position};
use super::super::follower::{Followed, Follower};
use super::super::opening::{self, Host, Opened};
use super::super::settings::RoomSettings;
use super::super::stranger::Stranger;
use super::super::trouble::Trouble;
use super::super::url::{Password, SharedUrl};
use super::Redis;
use crate::server::config::{Config, SharedConfig, Told};
use redis_server::RedisServer;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

#[path = "../../../../tests/it/common/redis.rs"]
#[allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]
mod redis_server;

/// The rights that a user of Redis needs, as docs/RUNNING.md has them.
const RIGHTS: &str = "~chatroom:* +xadd +xread +xrange +xtrim +rpush +ltrim +llen +lindex +hgetall +hget \
                      +hsetnx +multi +exec +auth +info +role +config|get";

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(30);

fn engine(url: &str) -> Arc<dyn Engine> {
    let engine = Redis::engine(&SharedUrl::parse(url).expect("it is one"), None, None);
    engine.expect("the system has authorities")
}

fn connect(url: &str) -> Result<Box<dyn Link>, Trouble> {
    engine(url).connect()
}

/// Appends these numbers, which makes the log if there is none.
fn write(redis: &RedisServer, numbers: std::ops::Range<usize>) {
    let mut link = connect(&redis.url("lobby")).expect("it is there");
    for number in numbers {
        link.append(number.to_string().as_bytes(), Missing::Create).expect("it is taken");
    }
}

fn numbers(groups: &[Group]) -> Vec<usize> {
    let number = |group: &Group| String::from_utf8_lossy(&group.bytes).parse();
    groups.iter().map(|group| number(group).expect("it was written as a number")).collect()
}

/// Takes steps until one succeeds.
fn succeed<T>(mut step: impl FnMut() -> Result<T, Trouble>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match step() {
            Ok(done) => return done,
            Err(trouble) => assert!(Instant::now() < deadline, "{trouble}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Opens the room of a server, without a wait for others.
fn open(url: &str) -> Result<Option<Opened>, String> {
    let url = SharedUrl::parse(url).expect("it is one");
    let told = Told::default();
    let shared = SharedConfig { url, password_file: None, authority: None, told };
    let config = Config::default();
    let settings = RoomSettings::of(&config);
    let (memory, max_line) = (config.memory, config.max_line);
    let host = Host { settings, memory, max_line, archive: None };
    // The time passes as fast as the server says that it waits.
    opening::open(&shared, &host, &mut |_| true).map_err(|refusal| refusal.to_string())
}

#[test]
fn a_log_gives_what_was_written_in_its_order() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    let mut link = connect(&redis.url("lobby")).expect("it is there");
    assert_eq!(link.append(b"0", Missing::Refuse), Ok(None));
    let looked = link.look(Position::START).expect("it answers");
    assert_eq!((looked.first, looked.next.len()), (None, 0));
    write(&redis, 0..40);
    let first = link.read(Position::START).expect("it answers");
    assert_eq!(numbers(&first), Vec::from_iter(0..COUNT));
    let looked = link.look(first[3].at).expect("it answers");
    assert_eq!((looked.group.as_deref(), looked.first), (Some(&b"3"[..]), Some(first[0].at)));
    assert_eq!(numbers(&looked.next), Vec::from_iter(4..4 + COUNT));
    let bytes: Vec<u8> = (0..=255).cycle().take(64 * 1024).collect();
    let last = link.append(&bytes, Missing::Refuse).expect("it is taken").expect("there is a log");
    assert_eq!(link.look(last).expect("it answers").group, Some(bytes));
    link.trim(first[10].at).expect("it does it");
    assert_eq!(link.look(first[9].at).expect("it answers").group, None);
    assert_eq!(link.look(first[9].at).expect("it answers").first, Some(first[10].at));
}

#[test]
fn an_entry_of_another_program_is_an_empty_group() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    redis.ask(&["XADD", "chatroom:{lobby}:log", "*", "x", "1"]);
    redis.ask(&["XADD", "chatroom:{lobby}:log", "*", "g", "1", "h", "2"]);
    write(&redis, 7..8);
    let mut link = connect(&redis.url("lobby")).expect("it is there");
    let groups = link.read(Position::START).expect("it answers");
    let bytes: Vec<_> = groups.iter().map(|group| group.bytes.as_slice()).collect();
    assert_eq!(bytes, [&b""[..], b"", b"7"]);
}

#[test]
fn nine_snapshots_are_kept_and_the_oldest_goes_first() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    let mut link = connect(&redis.url("lobby")).expect("it is there");
    assert_eq!((link.snapshots(), link.snapshot(0)), (Ok(0), Ok(None)));
    for number in 0..12_u8 {
        link.push_snapshot(&[number; 1 << 20]).expect("it is taken");
    }
    assert_eq!(link.snapshots(), Ok(9));
    assert_eq!(link.snapshot(0), Ok(Some(vec![3; 1 << 20])));
    assert_eq!(link.snapshot(8), Ok(Some(vec![11; 1 << 20])));
    assert_eq!(link.snapshot(9), Ok(None));
}

#[test]
fn whoever_begins_a_log_removes_the_snapshots_of_another_one_and_nobody_else_does() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    let mut link = connect(&redis.url("lobby")).expect("it is there");
    link.push_snapshot(b"of another log").expect("it is taken");
    assert_eq!(link.append(b"1", Missing::Refuse), Ok(None));
    assert_eq!(link.snapshots(), Ok(1));
    let first = link.append(b"2", Missing::Create).expect("it answers");
    assert_eq!(
        (link.snapshots(), link.look(Position::START).map(|it| it.first)),
        (Ok(0), Ok(first))
    );
    link.push_snapshot(b"of this log").expect("it is taken");
    assert!(link.append(b"3", Missing::Create).is_ok_and(|at| at > first));
    assert_eq!(link.snapshots(), Ok(1));
}

#[test]
fn a_fact_is_what_was_offered_first() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    let mut link = connect(&redis.url("lobby")).expect("it is there");
    assert_eq!(link.offer("away_timeout", "60").as_deref(), Ok("60"));
    assert_eq!(link.offer("away_timeout", "30").as_deref(), Ok("60"));
    assert_eq!(link.facts(), Ok(vec![("away_timeout".to_owned(), "60".to_owned())]));
    // Rooms have nothing to do with each other.
    let mut other = connect(&redis.url("other")).expect("it is there");
    assert_eq!(other.facts(), Ok(Vec::new()));
}

#[test]
fn a_room_is_opened_once_and_joined_by_the_next_server() {
    let Some(redis) = RedisServer::start(&["--appendonly", "yes"]) else { return };
    let first = open(&redis.url("lobby")).expect("it can be shared").expect("it is to begin");
    let second = open(&redis.url("lobby")).expect("it can be shared").expect("it is to begin");
    assert!(first.is_ours && !second.is_ours);
    assert_eq!(first.agreed, second.agreed);
    assert_eq!(redis.ask(&["HGET", "chatroom:{lobby}:meta", "format"]), "1\n");
    let url = SharedUrl::parse(&redis.url("lobby")).expect("it is one");
    let mut link = first.engine.connect().expect("it is there");
    let remarks = link.settings().expect("it answers").remarks(&url);
    let text = &remarks[0].text;
    let survives = ", appendonly everysec): survives its death, may lose 2 s at a power failure";
    assert!(remarks.len() == 1 && text.ends_with(survives), "{remarks:?}");
    redis.ask(&["HSET", "chatroom:{lobby}:meta", "format", "2"]);
    let newer = "the shared room lobby needs a newer chatserver (format 2, this one reads 1); update \
                 this one";
    assert_eq!(open(&redis.url("lobby")).map(drop), Err(newer.to_owned()));
}

#[test]
fn a_log_that_is_written_down_survives_the_death_of_redis() {
    let options = ["--appendonly", "yes", "--appendfsync", "always"];
    let Some(mut redis) = RedisServer::start(&options) else { return };
    write(&redis, 0..5);
    let mut follower = Follower::new(engine(&redis.url("lobby")), Position::START);
    assert!(matches!(follower.step(), Ok(Followed::Groups(groups)) if groups.len() == 5));
    let process = follower.process();
    redis.kill();
    let trouble = follower.step().expect_err("it is dead");
    assert!(matches!(trouble, Trouble::Away { .. }), "{trouble}");
    redis.restart();
    write(&redis, 5..6);
    let Followed::Groups(groups) = succeed(|| follower.step()) else { panic!("it is the same") };
    assert_eq!(numbers(&groups), [5]);
    assert!(process.is_some() && follower.process() != process);
}

#[test]
fn a_log_that_is_gone_with_its_redis_is_found_to_be_another_one() {
    let Some(mut redis) = RedisServer::start(&[]) else { return };
    write(&redis, 0..5);
    let mut follower = Follower::new(engine(&redis.url("lobby")), Position::START);
    follower.step().expect("it answers");
    let mut appender = Appender::new(engine(&redis.url("lobby")));
    appender.step(|_| b"5", Missing::Refuse).expect("it is taken");
    redis.kill();
    assert!(appender.step(|_| b"6", Missing::Refuse).is_err());
    redis.restart();
    assert_eq!(succeed(|| appender.step(|_| b"6", Missing::Refuse)), None);
    assert_eq!(succeed(|| follower.step()), Followed::Changed);
}

#[test]
fn a_log_that_was_emptied_is_found_to_be_another_one() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    write(&redis, 0..5);
    let mut follower = Follower::new(engine(&redis.url("lobby")), Position::START);
    follower.step().expect("it answers");
    let mut appender = Appender::new(engine(&redis.url("lobby")));
    redis.ask(&["FLUSHALL"]);
    assert_eq!(appender.step(|_| b"5", Missing::Refuse), Ok(None));
    follower.close();
    assert_eq!(follower.step(), Ok(Followed::Changed));
}

#[test]
fn a_log_that_was_trimmed_past_its_reader_is_told() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    write(&redis, 0..3);
    let mut follower = Follower::new(engine(&redis.url("lobby")), Position::START);
    follower.step().expect("it answers");
    // It has caught up, and would wait for the next one.
    write(&redis, 3..60);
    redis.ask(&["XTRIM", "chatroom:{lobby}:log", "MAXLEN", "20"]);
    assert_eq!(follower.step(), Ok(Followed::Trimmed));
}

#[test]
fn a_redis_that_is_stopped_is_away_in_time_and_nothing_is_missed() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    write(&redis, 0..3);
    let mut follower = Follower::new(engine(&redis.url("lobby")), Position::START);
    follower.step().expect("it answers");
    let mut appender = Appender::new(engine(&redis.url("lobby")));
    appender.step(|_| b"3", Missing::Refuse).expect("it is taken");
    redis.stop();
    let place = format!("127.0.0.1:{}", redis.port);
    let silent = Trouble::Away { place, why: None };
    let begun = Instant::now();
    assert_eq!(appender.step(|_| b"4", Missing::Refuse), Err(silent.clone()));
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    // A new connection is taken by the system, and nobody answers there.
    assert_eq!(appender.step(|_| b"4", Missing::Refuse), Err(silent.clone()));
    assert_eq!(follower.step(), Err(silent));
    redis.go_on();
    let at = succeed(|| appender.step(|_| b"4", Missing::Refuse)).expect("there is a log");
    let mut given = Vec::new();
    while follower.last() < at {
        match succeed(|| follower.step()) {
            Followed::Groups(groups) => given.extend(numbers(&groups)),
            other => panic!("{other:?}"),
        }
    }
    // What was sent before and never answered may have arrived as well.
    let repeated = given.iter().filter(|number| **number == 4).count();
    assert!((1..=2).contains(&repeated), "{given:?}");
    given.dedup();
    assert_eq!(given, [3, 4]);
}

#[test]
fn a_redis_without_memory_says_so_and_can_be_given_some() {
    let Some(redis) = RedisServer::start(&["--maxmemory-policy", "noeviction"]) else { return };
    write(&redis, 0..1);
    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let mut appender = Appender::new(engine(&redis.url("lobby")));
    assert_eq!(appender.step(|_| b"1", Missing::Refuse), Err(Trouble::Full));
    assert_eq!(appender.with(|link| link.push_snapshot(b"1")), Err(Trouble::Full));
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    assert!(appender.step(|_| b"1", Missing::Refuse).is_ok_and(|at| at.is_some()));
}

#[test]
fn the_rights_that_are_documented_are_enough_and_less_is_told() {
    let Some(redis) = RedisServer::start(&["--requirepass", "admin"]) else { return };
    let url = |login: &str| format!("redis://{login}127.0.0.1:{}/lobby", redis.port);
    let admin = |words: &[&str]| {
        let port = redis.port;
        let mut talk =
            super::Talk::begin(&super::Node { host: "127.0.0.1".to_owned(), port }, None)
                .expect("it is there");
        let password = Password("admin".to_owned());
        talk.log_in(&super::Login { user: None, password }).expect("it is the password");
        talk.do_for_test(words);
    };
    let refused = |login: &str| connect(&url(login)).map(drop).map_err(|why| why.to_string());
    let told = |what: &str| Err(format!("Redis refuses us ({what}"));
    assert_eq!(refused(""), told("NOAUTH); give its password with --shared-password-file"));
    assert_eq!(refused(":wrong@"), told("WRONGPASS); check the user and the password"));
    assert_eq!(refused("chat:secret@"), told("WRONGPASS); check the user and the password"));
    assert_eq!(refused(":admin@"), Ok(()));
    let user = ["ACL", "SETUSER", "chat", "on", ">secret"];
    admin(&user);
    let without = "NOPERM); give the user the rights that docs/SHARED.md lists";
    assert_eq!(refused("chat:secret@"), told(without));
    admin(&[&user[..], &RIGHTS.split_whitespace().collect::<Vec<_>>()].concat());
    let opened = open(&url("chat:secret@")).expect("it can be shared").expect("it is to begin");
    let mut link = opened.engine.connect().expect("it lets us in");
    let at = link.append(b"1", Missing::Create).expect("it may").expect("there is a log");
    link.read(Position::START).expect("it may");
    link.look(at).expect("it may");
    link.trim(at).expect("it may");
    link.push_snapshot(b"1").expect("it may");
    link.snapshot(0).expect("it may");
    assert!(link.settings().is_ok_and(|settings| settings.appendonly.is_some()));
    // A provider may keep CONFIG to itself, and each of the others is needed.
    admin(&["ACL", "SETUSER", "chat", "-config|get"]);
    assert!(link.settings().is_ok_and(|settings| settings.appendonly.is_none()));
    // Where another one is missing, no server begins.
    for right in ["xadd", "xtrim", "rpush", "ltrim", "lindex"] {
        admin(&["ACL", "SETUSER", "chat", &format!("-{right}")]);
        let why = format!("NOPERM: {}", right.to_uppercase());
        let told = open(&url("chat:secret@")).map(drop).expect_err("it may not write");
        assert!(told.contains(&format!("Redis refuses us ({why}); give the user")), "{told}");
        admin(&["ACL", "SETUSER", "chat", &format!("+{right}")]);
    }
    admin(&["ACL", "SETUSER", "chat", "-exec"]);
    let told = open(&url("chat:secret@")).map(drop).expect_err("it may not read");
    assert!(told.contains("Redis refuses us (NOPERM)"), "{told}");
    admin(&["ACL", "SETUSER", "chat", "+exec"]);
    open(&url("chat:secret@")).expect("it has all again").expect("it is to begin");
    admin(&["ACL", "SETUSER", "chat", "-xadd"]);
    let code = "NOPERM".to_owned();
    assert_eq!(link.append(b"1", Missing::Create), Err(Trouble::NoRights { code }));
    let elsewhere = format!("redis://chat:secret@127.0.0.1:{}/lobby", redis.port);
    admin(&["ACL", "SETUSER", "chat", "resetkeys", "~other:*"]);
    assert!(open(&elsewhere).is_err_and(|told| told.contains("Redis refuses us (NOPERM: XADD, ")));
}

#[test]
fn a_key_of_another_program_is_told_before_anybody_is_let_in() {
    let Some(redis) = RedisServer::start(&[]) else { return };
    for key in ["log", "snaps", "meta"] {
        redis.ask(&["FLUSHALL"]);
        redis.ask(&["SET", &format!("chatroom:{{lobby}}:{key}"), "x"]);
        let url = format!("redis://127.0.0.1:{}", redis.port);
        let told = format!(
            "cannot use the shared room lobby at {url}: another program uses the room's keys in \
             Redis (WRONGTYPE); give another ROOM"
        );
        assert_eq!(open(&redis.url("lobby")).map(drop), Err(told), "{key}");
    }
    let mut link = connect(&redis.url("lobby")).expect("it is there");
    redis.ask(&["SET", "chatroom:{lobby}:log", "x"]);
    assert_eq!(link.append(b"1", Missing::Create), Err(Trouble::WrongType));
    assert_eq!(link.read(Position::START), Err(Trouble::WrongType));
}

#[test]
fn a_replica_is_not_taken_for_its_master() {
    let Some(master) = RedisServer::start(&[]) else { return };
    let of = format!("127.0.0.1 {}", master.port);
    let Some(replica) = RedisServer::start(&["--replicaof", &of]) else { return };
    let place = format!("127.0.0.1:{}", replica.port);
    let trouble = connect(&replica.url("lobby")).map(drop);
    assert_eq!(trouble, Err(Trouble::ReadOnly { place: place.clone() }));
    // A master that is demoted while we are there.
    write(&master, 0..1);
    let mut appender = Appender::new(engine(&master.url("lobby")));
    appender.step(|_| b"1", Missing::Refuse).expect("it is the master");
    replica.ask(&["REPLICAOF", "NO", "ONE"]);
    master.ask(&["REPLICAOF", "127.0.0.1", &replica.port.to_string()]);
    let trouble = appender.step(|_| b"2", Missing::Refuse).expect_err("it is none any more");
    assert!(matches!(trouble, Trouble::ReadOnly { .. } | Trouble::Away { .. }), "{trouble}");
}

#[test]
fn a_master_that_wants_its_replicas_says_so() {
    let Some(redis) = RedisServer::start(&["--min-replicas-to-write", "1"]) else { return };
    let mut link = connect(&redis.url("lobby")).expect("it is there");
    assert_eq!(link.append(b"1", Missing::Create), Err(Trouble::NoReplicas));
}

#[test]
fn a_store_that_is_named_as_a_sentinel_is_told() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let url = format!("redis+sentinel://127.0.0.1:{}/mymaster/lobby", server.port);
    let url = SharedUrl::parse(&url).expect("it is one");
    let engine = Redis::engine(&url, None, None).expect("without TLS");
    let trouble = engine.connect().map(drop).expect_err("it is none");
    let place = format!("127.0.0.1:{}", server.port);
    assert_eq!(trouble, Trouble::NoSentinel { place });
}

#[test]
fn a_sentinel_that_is_named_as_a_store_is_told() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let Some(sentinel) = RedisServer::start_sentinel("mymaster", &server) else { return };
    let place = format!("127.0.0.1:{}", sentinel.port);
    assert_eq!(connect(&sentinel.url("lobby")).map(drop), Err(Trouble::Sentinel { place }));
}

#[test]
fn sentinels_lead_to_the_next_master() {
    let Some(mut master) = RedisServer::start(&[]) else { return };
    let of = format!("127.0.0.1 {}", master.port);
    let Some(replica) = RedisServer::start(&["--replicaof", &of]) else { return };
    replica.wait_for(&["INFO", "replication"], "master_link_status:up");
    let Some(sentinel) = RedisServer::start_sentinel("mymaster", &master) else { return };
    sentinel.wait_for(&["SENTINEL", "replicas", "mymaster"], &replica.port.to_string());
    // The first of the two is dead.
    let (dead, port) = (redis_server::free_port(), sentinel.port);
    let at = format!("redis+sentinel://127.0.0.1:{dead},127.0.0.1:{port}");
    let url = format!("{at}/mymaster/lobby");
    let mut appender = Appender::new(engine(&url));
    appender.step(|_| b"1", Missing::Create).expect("it is there");
    let mut follower = Follower::new(engine(&url), Position::START);
    follower.step().expect("it is there");
    let process = follower.process();
    replica.wait_for(&["XLEN", "chatroom:{lobby}:log"], ":1");
    master.kill();
    succeed(|| appender.step(|_| b"2", Missing::Refuse)).expect("the log is there");
    let Followed::Groups(groups) = succeed(|| follower.step()) else { panic!("nothing is lost") };
    assert_eq!(numbers(&groups), [2]);
    assert_ne!(follower.process(), process);
    let unknown = connect(&format!("{at}/another/lobby")).map(drop);
    assert_eq!(unknown, Err(Trouble::NoMaster { master: "another".to_owned() }));
    let mut link = connect(&url).expect("it is there");
    let url = SharedUrl::parse(&url).expect("it is one");
    let remarks = link.settings().expect("it answers").remarks(&url);
    let last = remarks.last().expect("there is one");
    assert!(last.text.ends_with("set min-replicas-to-write 1"), "{remarks:?}");
}

/// A Redis that speaks TLS besides, on the port that is returned with it and its authority.
fn redis_with_tls(options: &[&str]) -> Option<(RedisServer, u16, RootCertStore)> {
    let (redis, port) = RedisServer::start_with_tls(options)?;
    let authority = authority_in(redis.folder());
    Some((redis, port, authority))
}

/// The authority whose certificate is in that folder.
fn authority_in(folder: &std::path::Path) -> RootCertStore {
    let certificate = CertificateDer::from_pem_file(folder.join("ca.pem")).expect("it is one");
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("it is one");
    roots
}

fn connect_trusting(url: &str, authority: &RootCertStore) -> Result<Box<dyn Link>, Trouble> {
    let url = SharedUrl::parse(url).expect("it is one");
    Redis::engine(&url, None, Some(authority.clone()))?.connect()
}

#[test]
fn a_redis_is_trusted_by_its_authority_alone() {
    let Some((_redis, port, authority)) = redis_with_tls(&["--tls-auth-clients", "no"]) else {
        return;
    };
    let url = format!("rediss://localhost:{port}/lobby");
    let mut link = connect_trusting(&url, &authority).expect("it is trusted");
    link.append(b"1", Missing::Create).expect("it is taken");
    assert_eq!(numbers(&link.read(Position::START).expect("it answers")), [1]);
    let untrusted = |connected: Result<Box<dyn Link>, Trouble>, remedy: &str| {
        let trouble = connected.map(drop).expect_err("it is not trusted");
        assert!(matches!(trouble, Trouble::Untrusted { .. }), "{trouble}");
        assert!(trouble.to_string().ends_with(remedy), "{trouble}");
    };
    // Nobody knows its authority; it is another's; the name is another.
    untrusted(connect(&url), "; name its authority with --shared-ca");
    let other = redis_server::folder();
    redis_server::certify(other.path());
    let other = authority_in(other.path());
    untrusted(connect_trusting(&url, &other), "; name its authority with --shared-ca");
    untrusted(
        connect_trusting(&format!("rediss://127.0.0.1:{port}/lobby"), &authority),
        "; give the host under the name that its certificate has",
    );
}

#[test]
fn tls_on_one_end_alone_is_told_with_the_scheme_to_give() {
    let Some((redis, port, authority)) = redis_with_tls(&["--tls-auth-clients", "no"]) else {
        return;
    };
    let place = |port: u16| format!("localhost:{port}");
    let to_plain = format!("rediss://localhost:{}/lobby", redis.port);
    let (at, stranger) = (place(redis.port), Stranger::SpeaksNoTls);
    let no_tls = Err(Trouble::NoRedis { place: at, stranger });
    assert_eq!(connect_trusting(&to_plain, &authority).map(drop), no_tls);
    let stranger = Stranger::SpeaksTls;
    let tls = Err(Trouble::NoRedis { place: place(port), stranger });
    assert_eq!(connect(&format!("redis://localhost:{port}/lobby")).map(drop), tls);
    let behind = Err(Trouble::TlsBehindSentinels { place: place(port) });
    assert_eq!(connect(&format!("redis+sentinel://localhost:{port}/m/lobby")).map(drop), behind);
}

#[test]
fn a_redis_that_wants_a_certificate_of_ours_is_told() {
    let Some((_redis, port, authority)) = redis_with_tls(&["--tls-auth-clients", "yes"]) else {
        return;
    };
    let connected = connect_trusting(&format!("rediss://localhost:{port}/lobby"), &authority);
    let trouble = connected.map(drop).expect_err("we have none").to_string();
    assert!(trouble.ends_with("; set tls-auth-clients no there: we have no certificate"));
}

#[test]
fn a_redis_with_older_tls_alone_is_told() {
    let older = ["--tls-auth-clients", "no", "--tls-protocols", "TLSv1.2"];
    let Some((_redis, port, authority)) = redis_with_tls(&older) else { return };
    let connected = connect_trusting(&format!("rediss://localhost:{port}/lobby"), &authority);
    let trouble = connected.map(drop).expect_err("there is TLS 1.3 alone").to_string();
    assert!(trouble.ends_with("; allow TLS 1.3 there (tls-protocols)"), "{trouble}");
}

#[test]
fn whoever_is_not_there_or_no_redis_is_told_apart() {
    let port = redis_server::free_port();
    let url = format!("redis://127.0.0.1:{port}/lobby");
    let place = format!("127.0.0.1:{port}");
    let why = Some("Connection refused".to_owned());
    assert_eq!(connect(&url).map(drop), Err(Trouble::Away { place, why }));

    let closed = answered_with(b"", false);
    assert!(matches!(closed, Trouble::Away { .. }), "{closed}");

    let name = "a-name-with-a-part-that-is-longer-than-the-sixty-three-bytes-it-may-have.invalid";
    let unknown = connect(&format!("redis://{name}/lobby")).map(drop);
    let unknown = unknown.expect_err("nobody knows it").to_string();
    assert!(unknown.starts_with(&format!("{name}:6379 does not answer (")), "{unknown}");
}

/// What comes of a server that answers with these bytes, in plain or over TLS.
fn answered_with(answer: &'static [u8], is_over_tls: bool) -> Trouble {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let place = listener.local_addr().expect("it is bound").to_string();
    let ended = Arc::new(AtomicBool::new(false));
    let has_ended = Arc::clone(&ended);
    let address = place.clone();
    let answering = std::thread::spawn(move || {
        use std::io::{Read, Write};
        // Whoever connects last only ends this.
        while let Ok((mut stream, _)) = listener.accept() {
            if has_ended.load(Ordering::SeqCst) {
                return;
            }
            let mut question = [0; 1024];
            assert!(stream.read(&mut question).expect("it asks") > 0);
            stream.write_all(answer).expect("it takes the answer");
        }
    });
    let connected = if is_over_tls {
        connect_trusting(&format!("rediss://{place}/lobby"), &RootCertStore::empty())
    } else {
        connect(&format!("redis://{place}/lobby"))
    };
    ended.store(true, Ordering::SeqCst);
    std::net::TcpStream::connect(address).expect("it listens");
    answering.join().expect("no panic");
    connected.map(drop).expect_err("it is no Redis")
}

#[test]
fn what_is_no_redis_is_told_by_what_it_says() {
    for (answer, stranger) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], Stranger::Server("a web server")),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", Stranger::Server("an SSH server")),
        (b"INFO {\"server_id\":\"N\"} \r\n", Stranger::Server("a NATS server")),
        // This begins as an error of Redis does, and never ends as one.
        (b"-- chatroom 1: welcome\n", Stranger::Server("a chatserver")),
        (b"ERROR\r\n", Stranger::Says("ERROR".to_owned())),
    ] {
        for is_over_tls in [false, true] {
            let trouble = answered_with(answer, is_over_tls);
            let Trouble::NoRedis { stranger: told, .. } = trouble else { panic!("{trouble}") };
            assert_eq!(told, stranger);
        }
    }
}

#[test]
fn no_other_cryptography_than_ours_is_built_in() {
    let locked = include_str!("../../../../Cargo.lock");
    assert!(locked.contains("name = \"ring\""));
    assert!(!locked.contains("name = \"aws-lc-rs\""));
    assert!(!locked.contains("name = \"openssl\""));
}
