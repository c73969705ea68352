//! Servers of two builds in one room, and how operators go from one to the other (docs/SHARED.md, "Upgrades").

use std::thread::sleep;

use super::super::stage::some;
use super::super::story::Story;
use super::super::trial::join;
use super::{Cluster, SERVERS, owned};
use crate::common::proxy::Budget;

/// What clients of a server are told that cannot read what the others write.
const TOO_OLD: &str = "-- this server is too old for the room: connect to another one";

/// What such a server logs.
const WHY: &str = "the room's other servers need a newer chatserver by now";

/// Which build a server is (src/server/shared/planted.rs).
const BUILD: &str = "CHATROOM_PLANTED_BUILD";

/// The server that is the first to be of a build with a newer format. The others are not.
const FIRST: usize = 1;
const OTHERS: [usize; 2] = [0, 2];

impl Cluster {
    /// One server after the other ends, and starts as a build that writes what the others skip; then the same back.
    pub(super) fn upgrade_and_back(&mut self, dice: &mut Budget, story: &Story) {
        for build in ["skippable", ""] {
            for number in 0..SERVERS {
                story.tell(&format!("server {number} becomes the build {build:?}"));
                self.servers[number].term();
                sleep(some(dice, 200..1_500));
                self.start_as(number, build);
                sleep(some(dice, 500..2_000));
            }
        }
    }

    /// One server starts as a build whose groups the others cannot read. Those tell their clients, end, and become that
    /// build, too.
    pub(super) fn upgrade_to_a_newer_format(&mut self, dice: &mut Budget, story: &Story) {
        let mut clients = OTHERS.map(|number| {
            let mut client = join(self.servers[number].address, &format!("visitor{number}"));
            assert!(client.who().contains(&format!("visitor{number}")));
            client
        });
        story.tell(&format!("server {FIRST} becomes a build with a newer format"));
        self.servers[FIRST].term();
        self.start_as(FIRST, "newer");
        for (number, client) in OTHERS.into_iter().zip(&mut clients) {
            self.servers[number].wait_for_end(1, WHY);
            let told: Vec<_> = std::iter::from_fn(|| client.line()).collect();
            assert!(told.iter().any(|line| line == TOO_OLD), "server {number} tells {told:#?}");
        }
        story.tell("the others have ended");
        for number in OTHERS {
            sleep(some(dice, 200..1_500));
            self.start_as(number, "newer");
        }
        self.environment.extend(owned(&[(BUILD, "newer")]));
    }

    fn start_as(&mut self, number: usize, build: &str) {
        self.servers[number].give(&owned(&[(BUILD, build)]));
        self.servers[number].start();
    }

    /// Whether that stands anywhere in the room's log.
    pub(in super::super) fn has_in_log(&self, text: &str) -> bool {
        self.store.log().contains(text)
    }

    /// How many groups the log has.
    pub(in super::super) fn groups(&self) -> usize {
        self.store.groups()
    }
}
