//! One server with a history and several doors: the same to clients as several servers.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use super::judge::Loss;
use super::server::Server;
use super::stage::{Harm, Stage, some};
use super::story::Story;
use crate::common::folder;
use crate::common::forwarder::{Forwarder, Tamper};
use crate::common::proxy::Budget;

/// How many doors there are.
const DOORS: usize = 3;

/// The server, which is started again with its history.
pub(super) struct Alone {
    server: Server,
    doors: Vec<Forwarder>,
}

impl Alone {
    /// Starts it.
    pub(super) fn open(test: &str) -> Alone {
        Alone::open_tampering(test, None)
    }

    /// The same, where somebody does something to what the first one hears who comes through an additional door.
    pub(super) fn open_tampering(test: &str, tamper: Option<Tamper>) -> Alone {
        let folder = folder("shared_room", test);
        let file = folder.join("room.db").display().to_string();
        let mut server = Server::new(&folder, "server", &["--history", &file]);
        server.start();
        let address = server.address;
        let mut doors: Vec<_> = (0..DOORS).map(|_| Forwarder::start(address)).collect();
        doors.extend(tamper.map(|tamper| Forwarder::tampering(address, tamper)));
        Alone { server, doors }
    }
}

impl Stage for Alone {
    fn doors(&self) -> Vec<SocketAddr> {
        self.doors.iter().map(|door| door.address).collect()
    }

    fn suffer(&mut self, harm: Harm, dice: &mut Budget, story: &Story) -> Option<Loss> {
        let number = dice.next(DOORS as u64) as usize;
        let door = &self.doors[number];
        match harm {
            Harm::KillServer => {
                story.tell("kill -9 of the server");
                self.server.kill();
                sleep(some(dice, 0..1_000));
                self.server.start();
            }
            Harm::EndServer => {
                story.tell("SIGTERM of the server");
                self.server.term();
                sleep(some(dice, 0..1_000));
                self.server.start();
            }
            Harm::StopServer => {
                story.tell("SIGSTOP of the server");
                self.server.stop(true);
                sleep(Duration::from_secs(4));
                self.server.stop(false);
            }
            Harm::Cut => {
                story.tell(&format!("door {number} is cut"));
                door.cut();
            }
            Harm::Block => {
                let time = some(dice, 1_000..4_000);
                story.tell(&format!("door {number} is shut for {time:?}"));
                door.block(true);
                sleep(time);
                door.block(false);
            }
            Harm::Freeze => {
                let time = some(dice, 1_000..4_000);
                story.tell(&format!("door {number} lets nothing pass for {time:?}"));
                door.freeze(true);
                sleep(time);
                door.freeze(false);
            }
            other => panic!("a server alone does not suffer {other:?}"),
        }
        None
    }

    fn servers(&mut self) -> Vec<SocketAddr> {
        vec![self.server.address]
    }

    fn late(&mut self) -> SocketAddr {
        self.server.address
    }

    fn end(&mut self) {
        self.server.term();
    }
}
