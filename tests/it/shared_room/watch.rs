//! Two replicas of a store, and a Sentinel that puts one of them in its place when it dies.

use std::mem::swap;
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::redis::RedisServer;

/// How the Sentinel calls the store.
pub(super) const MASTER: &str = "mymaster";

/// A store takes nothing without a replica, and replicas are given what they need at once.
pub(super) const OPTIONS: [&str; 8] = [
    "--appendonly",
    "yes",
    "--min-replicas-to-write",
    "1",
    "--min-replicas-max-lag",
    "10",
    "--repl-diskless-sync-delay",
    "0",
];

/// How many replicas there are: where one takes the store's place, it has the other one.
const REPLICAS: usize = 2;

/// How long the Sentinel may take to know what has become of all: it looks every ten seconds.
const DEADLINE: Duration = Duration::from_secs(60);

/// What sees to it that there is a store.
pub(super) struct Watch {
    sentinel: RedisServer,
    /// Those that are no store now; one of them may be dead, while it is replaced.
    pub(super) replicas: Vec<RedisServer>,
}

impl Watch {
    /// Watches a store, which has these replicas from now on.
    pub(super) fn start(master: &RedisServer) -> Watch {
        let start = || RedisServer::start(&OPTIONS).expect("there was one before");
        let replicas: Vec<_> = (0..REPLICAS).map(|_| start()).collect();
        replicas.iter().for_each(|replica| follow(replica, master.port));
        let sentinel = RedisServer::start_sentinel(MASTER, master).expect("there was one before");
        // As docs/SHARED.md has it: on a busy machine, a shorter time would be over without anybody's death.
        sentinel.ask(&["SENTINEL", "SET", MASTER, "down-after-milliseconds", "5000"]);
        let watch = Watch { sentinel, replicas };
        watch.settle();
        watch
    }

    /// Where the Sentinel is.
    pub(super) fn address(&self) -> SocketAddr {
        self.sentinel.address()
    }

    /// Waits until the Sentinel may put any of the replicas in the store's place.
    pub(super) fn settle(&self) {
        self.wait("the store has not its replicas", || {
            let is_well = |pair: &&[&str]| **pair == ["flags", "slave"];
            let known = self.sentinel.ask(&["SENTINEL", "REPLICAS", MASTER]);
            let known: Vec<_> = known.lines().collect();
            known.windows(2).filter(is_well).count() == REPLICAS
                && self.replicas.iter().all(|replica| {
                    let info = replica.ask(&["INFO", "replication"]);
                    info.contains("role:slave") && info.contains("master_link_status:up")
                })
        });
    }

    /// All replicas get what the store writes over that way, from now on.
    pub(super) fn lead_replicas(&self, way: SocketAddr) {
        self.replicas.iter().for_each(|replica| follow(replica, way.port()));
    }

    /// The store dies, and another one takes its place.
    pub(super) fn replace(&mut self, store: &mut RedisServer) {
        store.kill();
        let mut elected = None;
        self.wait("no other store is elected", || {
            let address = self.sentinel.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER]);
            let is_it = |it: &RedisServer| {
                address.lines().nth(1) == Some(it.port.to_string().as_str())
                    && it.ask(&["INFO", "replication"]).contains("role:master")
            };
            elected = self.replicas.iter().position(is_it);
            elected.is_some()
        });
        swap(store, &mut self.replicas[elected.expect("it was waited for")]);
    }

    /// Those that are dead come back, and the Sentinel makes them replicas.
    pub(super) fn bring_back(&mut self) {
        for replica in &mut self.replicas {
            if !replica.runs() {
                replica.restart();
            }
        }
    }

    fn wait(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !is_so() {
            let known = || self.sentinel.ask(&["SENTINEL", "REPLICAS", MASTER]);
            assert!(Instant::now() < deadline, "{what}: {}", known());
            sleep(Duration::from_millis(20));
        }
    }
}

/// A replica follows a store from now on, and has all that that has.
fn follow(replica: &RedisServer, port: u16) {
    replica.ask(&["REPLICAOF", "127.0.0.1", &port.to_string()]);
    replica.wait_for(&["INFO", "replication"], "master_link_status:up");
}
