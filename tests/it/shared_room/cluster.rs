//! Several servers of a room, and the store behind them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use super::judge::Loss;
use super::server::Server;
use super::stage::{Harm, Stage, some};
use super::store::Store;
use super::story::Story;
use crate::common::folder;
use crate::common::forwarder::Forwarder;
use crate::common::proxy::Budget;
use crate::common::redis::RedisServer;

#[cfg(planted_faults)]
mod upgrade;

/// How many servers there are from the beginning on.
const SERVERS: usize = 3;

/// How long a server stands still that the others take for dead: more than 6 s.
const LONG: Duration = Duration::from_secs(9);

/// How long nobody reaches the store: three times as long as that.
const OUTAGE: Duration = Duration::from_secs(18);

/// How many milliseconds there are between two losses in a row: some servers have come back from the first one by then, and
/// have shown what was said since.
const BETWEEN_LOSSES: std::ops::Range<u64> = 1_000..5_000;

/// For how many milliseconds the others cannot come back from the second one.
const AHEAD: std::ops::Range<u64> = 1_000..4_000;

/// Servers, each with a wire of its own to the store. The last one joins later.
pub(super) struct Cluster {
    folder: PathBuf,
    store: Store,
    /// What stands in the environment of each server.
    environment: Vec<(String, String)>,
    wires: Vec<Forwarder>,
    servers: Vec<Server>,
}

impl Cluster {
    /// Starts all but the last server; `None` where there is no Redis.
    pub(super) fn open(test: &str) -> Option<Cluster> {
        Cluster::open_with(test, &[], &[])
    }

    /// The same, where all servers have something in their environments, and one of them has more.
    pub(super) fn open_with(
        test: &str,
        of_all: &[(&str, &str)],
        of_one: &[(&str, &str)],
    ) -> Option<Cluster> {
        Some(Cluster::start(test, Store::start()?, of_all, of_one))
    }

    /// The same, where a Sentinel tells servers which store it is.
    pub(super) fn open_watched(test: &str) -> Option<Cluster> {
        Some(Cluster::start(test, Store::start_watched()?, &[], &[]))
    }

    fn start(
        test: &str,
        store: Store,
        of_all: &[(&str, &str)],
        of_one: &[(&str, &str)],
    ) -> Cluster {
        let folder = folder("shared_room", test);
        let environment = owned(of_all);
        let (wires, servers) = (Vec::new(), Vec::new());
        let mut cluster = Cluster { folder, store, environment, wires, servers };
        for number in 0..=SERVERS {
            cluster.add(&format!("server{number}"));
        }
        cluster.servers[1].give(&owned(of_one));
        cluster.servers[..SERVERS].iter_mut().for_each(Server::start);
        cluster
    }

    /// Adds a server that does not run yet.
    fn add(&mut self, name: &str) {
        let wire = Forwarder::start(self.store.address());
        let url = self.store.url(&wire);
        let mut server = Server::new(&self.folder, name, &["--shared", &url]);
        server.give(&self.environment);
        self.servers.push(server);
        self.wires.push(wire);
    }

    fn kill(&mut self, numbers: &[usize], away: Duration, story: &Story) {
        for &number in numbers {
            story.note_kill(number);
            self.servers[number].kill();
        }
        sleep(away);
        numbers.iter().for_each(|&number| self.servers[number].start());
    }

    fn stop(&self, number: usize, time: Duration) {
        self.servers[number].stop(true);
        sleep(time);
        self.servers[number].stop(false);
    }

    /// Servers are led to where the store is now.
    fn lead(&self) {
        self.wires.iter().for_each(|wire| wire.lead_to(self.store.address()));
    }

    /// The store loses something twice. One server does not see what comes between, and is the first to come back from the
    /// second loss. What the servers have lost by both.
    fn lose_twice(&mut self, harm: Harm, dice: &mut Budget, story: &Story) -> String {
        let (lag, pause, ahead) =
            (some(dice, 100..2_000), some(dice, BETWEEN_LOSSES), some(dice, AHEAD));
        let outsider = dice.next(SERVERS as u64) as usize;
        story.tell(&format!(
            "{harm:?}, with {pause:?} between; server {outsider} is back {ahead:?} before the others"
        ));
        let mut replicas = match harm {
            Harm::FailOverTwiceWithLoss => Vec::from(self.store.lagging_replicas::<2>(lag)),
            _ => Vec::new(),
        };
        self.wires[outsider].block(true);
        let mut lost = self.lose(replicas.pop());
        sleep(pause);
        self.block_others(outsider, true);
        lost += &self.lose(replicas.pop());
        self.wires[outsider].block(false);
        sleep(ahead);
        self.block_others(outsider, false);
        lost
    }

    /// The store is emptied, or a replica that lags takes its place; what is lost by that.
    fn lose(&mut self, replica: Option<RedisServer>) -> String {
        let Some(replica) = replica else { return self.store.empty() };
        let lost = self.store.fail_over_to(replica);
        self.lead();
        lost
    }

    /// All other servers cannot reach the store, or can again.
    fn block_others(&self, number: usize, is_blocked: bool) {
        let others = self.wires.iter().enumerate().filter(|(other, _)| *other != number);
        others.for_each(|(_, wire)| wire.block(is_blocked));
    }

    /// Harm to a server, or to its wire.
    fn suffer_at(&mut self, number: usize, harm: Harm, dice: &mut Budget, story: &Story) {
        let time = some(dice, 1_000..6_000);
        match harm {
            Harm::KillServer => {
                story.tell(&format!("kill -9 of server {number}, for {time:?}"));
                self.kill(&[number], time, story);
            }
            Harm::KillTwo => {
                let other = (number + 1) % SERVERS;
                story.tell(&format!("kill -9 of servers {number} and {other}, for {time:?}"));
                self.kill(&[number, other], time, story);
            }
            Harm::EndServer => {
                story.tell(&format!("SIGTERM of server {number}, for {time:?}"));
                self.servers[number].term();
                sleep(time);
                self.servers[number].start();
            }
            Harm::StopServer => {
                story.tell(&format!("SIGSTOP of server {number} for 4 s"));
                self.stop(number, Duration::from_secs(4));
            }
            Harm::StopServerLong => {
                story.tell(&format!("SIGSTOP of server {number} for {LONG:?}"));
                self.stop(number, LONG);
            }
            Harm::AddServer => {
                story.tell("the last server starts, or starts anew");
                self.servers[SERVERS].kill();
                self.servers[SERVERS].start();
            }
            Harm::Cut => {
                story.tell(&format!("server {number} is cut off from the store"));
                self.wires[number].cut();
            }
            Harm::Block => {
                story.tell(&format!("server {number} cannot reach the store for {time:?}"));
                self.wires[number].block(true);
                sleep(time);
                self.wires[number].block(false);
            }
            Harm::Freeze => {
                story.tell(&format!(
                    "nothing passes from server {number} to the store for {time:?}"
                ));
                self.wires[number].freeze(true);
                sleep(time);
                self.wires[number].freeze(false);
            }
            other => panic!("a server does not suffer {other:?}"),
        }
    }
}

impl Stage for Cluster {
    fn doors(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(|server| server.address).collect()
    }

    fn suffer(&mut self, harm: Harm, dice: &mut Budget, story: &Story) -> Option<Loss> {
        let mut lost = None;
        let time = some(dice, 200..4_000);
        match harm {
            Harm::KillStore => {
                story.tell(&format!("kill -9 of the store, for {time:?}"));
                self.store.kill(time);
            }
            Harm::StopStore => {
                story.tell(&format!("SIGSTOP of the store for {time:?}"));
                self.store.stop(time);
            }
            Harm::StopStoreLong => {
                story.tell(&format!("SIGSTOP of the store for {OUTAGE:?}"));
                self.store.stop(OUTAGE);
            }
            Harm::FailOver => {
                story.tell("a replica that has everything takes the store's place");
                self.store.fail_over();
                self.lead();
            }
            Harm::FailOverWithLoss => {
                let lag = time / 2;
                story.tell(&format!("a replica that lags by {lag:?} takes the store's place"));
                lost = Some(self.store.fail_over_with_loss(lag));
                self.lead();
            }
            Harm::KillStoreWithLoss => {
                story.tell("kill -9 of the store, which starts with nothing");
                lost = Some(self.store.lose_everything());
            }
            Harm::EmptyStore => {
                story.tell("FLUSHALL");
                lost = Some(self.store.empty());
            }
            Harm::EmptyStoreTwice | Harm::FailOverTwiceWithLoss => {
                lost = Some(self.lose_twice(harm, dice, story));
            }
            #[cfg(planted_faults)]
            Harm::UpgradeAndBack => self.upgrade_and_back(dice, story),
            #[cfg(planted_faults)]
            Harm::UpgradeToNewerFormat => self.upgrade_to_a_newer_format(dice, story),
            of_a_server => {
                let number = dice.next(SERVERS as u64) as usize;
                self.suffer_at(number, of_a_server, dice, story);
            }
        }
        lost.map(|bytes| Loss { what: format!("{harm:?}"), bytes })
    }

    fn servers(&mut self) -> Vec<SocketAddr> {
        let there = self.servers.iter_mut().filter_map(|it| it.runs().then_some(it.address));
        there.collect()
    }

    fn late(&mut self) -> SocketAddr {
        self.add("late");
        let late = self.servers.last_mut().expect("it was added");
        late.start();
        late.address
    }

    fn end(&mut self) {
        self.servers.iter_mut().for_each(Server::term);
    }
}

fn owned(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}
