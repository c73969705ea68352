//! The store behind the servers: a Redis, and the one that takes its place.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::watch::{self, Watch};
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
    /// What puts another one in its place, if that is not the trial itself.
    watch: Option<Watch>,
}

impl Store {
    /// Starts it; `None` where there is no Redis.
    pub(super) fn start() -> Option<Store> {
        Some(Store { redis: RedisServer::start(&OPTIONS)?, watch: None })
    }

    /// The same as docs/SHARED.md has it: two replicas, and a Sentinel that puts one of them in its place.
    pub(super) fn start_watched() -> Option<Store> {
        let redis = RedisServer::start(&watch::OPTIONS)?;
        let watch = Some(Watch::start(&redis));
        Some(Store { redis, watch })
    }

    /// Where servers are led to: to itself, or to its Sentinel.
    pub(super) fn address(&self) -> SocketAddr {
        self.watch.as_ref().map_or_else(|| self.redis.address(), Watch::address)
    }

    /// How a server is told of the room, over that wire.
    pub(super) fn url(&self, wire: &Forwarder) -> String {
        let at = wire.address;
        match &self.watch {
            None => format!("redis://{at}/{ROOM}"),
            Some(_) => format!("redis+sentinel://{at}/{}/{ROOM}", watch::MASTER),
        }
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
        pause(&self.redis);
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
        if let Some(watch) = &mut self.watch {
            watch.settle();
            pause(&self.redis);
            watch.replicas.iter().for_each(|replica| wait_for(&self.redis, replica));
            watch.replace(&mut self.redis);
            return watch.bring_back();
        }
        let replica = replica_of(&self.redis, self.redis.address());
        pause(&self.redis);
        wait_for(&self.redis, &replica);
        self.promote(replica);
    }

    /// A replica that was cut off for some time takes its place; what that had not got.
    pub(super) fn fail_over_with_loss(&mut self, lag: Duration) -> String {
        if let Some(watch) = &mut self.watch {
            let wire = Forwarder::start(self.redis.address());
            watch.settle();
            watch.lead_replicas(wire.address);
            // Without a connection to a replica, nothing would be written that can be lost.
            wire.freeze(true);
            std::thread::sleep(lag);
            pause(&self.redis);
            let all = log(&self.redis);
            watch.replace(&mut self.redis);
            // What was on its way never comes.
            wire.cut();
            wire.freeze(false);
            watch.bring_back();
            return behind(&all, &log(&self.redis)).to_owned();
        }
        let [replica] = self.lagging_replicas(lag);
        self.fail_over_to(replica)
    }

    /// Replicas that have had the same, and were cut off some time ago.
    pub(super) fn lagging_replicas<const COUNT: usize>(
        &self,
        lag: Duration,
    ) -> [RedisServer; COUNT] {
        let wire = Forwarder::start(self.redis.address());
        let replicas = std::array::from_fn(|_| replica_of(&self.redis, wire.address));
        wire.block(true);
        std::thread::sleep(lag);
        replicas
    }

    /// A replica takes its place; what that had not got.
    pub(super) fn fail_over_to(&mut self, replica: RedisServer) -> String {
        pause(&self.redis);
        let (all, kept) = (log(&self.redis), log(&replica));
        self.promote(replica);
        behind(&all, &kept).to_owned()
    }

    /// The room's log; in it is all text as it was said.
    #[cfg(planted_faults)]
    pub(super) fn log(&self) -> String {
        log(&self.redis)
    }

    /// How many groups it has.
    #[cfg(planted_faults)]
    pub(super) fn groups(&self) -> usize {
        let length = self.redis.ask(&["XLEN", &key()]);
        length.trim().trim_start_matches(':').parse().expect("it is a number")
    }

    fn promote(&mut self, replica: RedisServer) {
        self.redis.kill();
        replica.ask(&["REPLICAOF", "NO", "ONE"]);
        self.redis = replica;
    }
}

/// A replica that has got everything over that way.
fn replica_of(redis: &RedisServer, way: SocketAddr) -> RedisServer {
    let replica = RedisServer::start(&OPTIONS).expect("there was one before");
    let port = way.port().to_string();
    replica.ask(&["REPLICAOF", "127.0.0.1", &port]);
    replica.wait_for(&["INFO", "replication"], "master_link_status:up");
    wait_for(redis, &replica);
    replica
}

/// Waits until a replica has got everything that was written until now.
fn wait_for(redis: &RedisServer, replica: &RedisServer) {
    let due = offset(redis, "master_repl_offset:");
    let deadline = Instant::now() + DEADLINE;
    while offset(replica, "slave_repl_offset:") < due {
        assert!(Instant::now() < deadline, "the replica lags");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Nobody writes any more.
fn pause(redis: &RedisServer) {
    redis.ask(&["CLIENT", "PAUSE", PAUSE, "WRITE"]);
}

/// What a log has behind the lines that another one begins with as well.
fn behind<'a>(all: &'a str, kept: &str) -> &'a str {
    let same = all.split_inclusive('\n').zip(kept.split_inclusive('\n'));
    let same = same.take_while(|(one, other)| one == other);
    &all[same.map(|(line, _)| line.len()).sum()..]
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
