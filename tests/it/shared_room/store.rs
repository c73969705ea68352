//! The store behind the servers: a Redis, and the one that takes its place.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use crate::common::forwarder::Forwarder;
use crate::common::redis::RedisServer;

/// The room.
const ROOM: &str = "trial";

/// For how many milliseconds nobody writes, so that what is compared stands still: longer than that takes.
const PAUSE: &str = "20000";

/// How long a replica may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// With an append-only file, as with `appendfsync everysec`.
const OPTIONS: [&str; 2] = ["--appendonly", "yes"];

/// The Redis that servers are led to.
pub(super) struct Store {
    redis: RedisServer,
}

impl Store {
    /// Starts it; `None` where there is no Redis.
    pub(super) fn start() -> Option<Store> {
        Some(Store { redis: RedisServer::start(&OPTIONS)? })
    }

    /// Where it is.
    pub(super) fn address(&self) -> SocketAddr {
        address(&self.redis)
    }

    /// How a server is told of the room, over that wire.
    pub(super) fn url(wire: &Forwarder) -> String {
        format!("redis://{}/{ROOM}", wire.address)
    }

    /// SIGKILL, and after some time a start with all that it had.
    pub(super) fn kill(&mut self, away: Duration) {
        self.redis.kill();
        std::thread::sleep(away);
        self.redis.restart();
    }

    /// SIGSTOP for some time.
    pub(super) fn stop(&self, time: Duration) {
        self.redis.stop();
        std::thread::sleep(time);
        self.redis.go_on();
    }

    /// SIGKILL, and a start with nothing; all that it had.
    pub(super) fn lose_everything(&mut self) -> String {
        self.pause();
        let log = log(&self.redis);
        self.redis.kill();
        std::fs::remove_dir_all(self.redis.folder().join("appendonlydir")).expect("it is there");
        self.redis.restart();
        log
    }

    /// Empties it; all that it had.
    pub(super) fn empty(&self) -> String {
        let script =
            "local log = redis.call('XRANGE', KEYS[1], '-', '+') redis.call('FLUSHALL') return log";
        self.redis.ask(&["EVAL", script, "1", &key()])
    }

    /// A replica that has everything takes its place.
    pub(super) fn fail_over(&mut self) {
        let replica = self.replica(self.address());
        self.pause();
        self.wait_for(&replica);
        self.promote(replica);
    }

    /// A replica that was cut off for some time takes its place; what that had not got.
    pub(super) fn fail_over_with_loss(&mut self, lag: Duration) -> String {
        let wire = Forwarder::start(self.address());
        let replica = self.replica(wire.address);
        wire.block(true);
        std::thread::sleep(lag);
        self.pause();
        let (all, kept) = (log(&self.redis), log(&replica));
        self.promote(replica);
        all.strip_prefix(&kept).expect("the replica has a beginning of it").to_owned()
    }

    /// A replica that has got everything over that way.
    fn replica(&self, from: SocketAddr) -> RedisServer {
        let replica = RedisServer::start(&OPTIONS).expect("there was one before");
        let port = from.port().to_string();
        replica.ask(&["REPLICAOF", "127.0.0.1", &port]);
        replica.wait_for(&["INFO", "replication"], "master_link_status:up");
        self.wait_for(&replica);
        replica
    }

    /// Waits until a replica has got everything that was written until now.
    fn wait_for(&self, replica: &RedisServer) {
        let due = offset(&self.redis, "master_repl_offset:");
        let deadline = Instant::now() + DEADLINE;
        while offset(replica, "slave_repl_offset:") < due {
            assert!(Instant::now() < deadline, "the replica lags");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Nobody writes any more.
    fn pause(&self) {
        self.redis.ask(&["CLIENT", "PAUSE", PAUSE, "WRITE"]);
    }

    fn promote(&mut self, replica: RedisServer) {
        self.redis.kill();
        replica.ask(&["REPLICAOF", "NO", "ONE"]);
        self.redis = replica;
    }
}

fn address(redis: &RedisServer) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, redis.port))
}

fn key() -> String {
    format!("chatroom:{{{ROOM}}}:log")
}

/// The whole log; in it is all text as it was said.
fn log(redis: &RedisServer) -> String {
    redis.ask(&["XRANGE", &key(), "-", "+"])
}

fn offset(redis: &RedisServer, name: &str) -> u64 {
    let info = redis.ask(&["INFO", "replication"]);
    let offset = info.lines().find_map(|line| line.strip_prefix(name));
    offset.and_then(|offset| offset.trim().parse().ok()).unwrap_or(0)
}
