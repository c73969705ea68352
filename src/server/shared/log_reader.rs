//! The thread that reads a shared room's log, and applies what it reads.

use std::sync::Arc;

use super::backoff::Backoff;
use super::codec::decode;
use super::engine::{Engine, Group, Position};
use super::follower::{Followed, Follower};
use super::meta::RoomId;
use super::outbox::Outbox;
use crate::server::config::Config;
use crate::server::hub::Hub;
use crate::server::hub::log::{Read, ToDo};
use crate::server::room::Room;

/// How many bytes of groups are applied under one hold of the hub's lock.
const PORTION: usize = 256 * 1024;

/// Reads the log.
#[derive(Debug)]
pub(crate) struct LogReader {
    /// Whose room it is.
    hub: Arc<Hub>,
    /// The way to the engine.
    follower: Follower,
    /// How long it waits after trouble.
    backoff: Backoff,
}

impl LogReader {
    /// Gives the hub the room of the oldest snapshot, or a new one, and reads on from there.
    pub(crate) fn begin(
        hub: Arc<Hub>,
        engine: Arc<dyn Engine>,
        config: &Config,
        outbox: Outbox,
        id: RoomId,
    ) -> LogReader {
        hub.share(Room::shared(config, id.short()), outbox);
        let follower = Follower::new(engine, Position::START);
        LogReader { hub, follower, backoff: Backoff::new() }
    }

    /// Reads until nothing more is to be read.
    pub(crate) fn run(mut self) {
        while !self.hub.is_log_over() {
            match self.follower.step() {
                Ok(Followed::Groups(groups)) => {
                    self.backoff.on_success();
                    self.apply(&groups);
                }
                Ok(Followed::Trimmed | Followed::Changed) => todo!(),
                Err(trouble) => {
                    self.hub.on_trouble(trouble);
                    self.hub.pause(self.backoff.on_trouble());
                }
            }
        }
    }

    fn apply(&mut self, groups: &[Group]) {
        let mut from = 0;
        while from < groups.len() {
            let mut bytes = 0;
            let portion = groups[from..].iter().take_while(|group| {
                bytes += group.bytes.len();
                bytes - group.bytes.len() < PORTION
            });
            let read: Vec<_> = portion.map(read).collect();
            from += read.len();
            let to_do = self.hub.apply_log(&read);
            self.see_to(to_do);
        }
    }

    fn see_to(&mut self, mut to_do: ToDo) {
        to_do.hang_up();
    }
}

fn read(group: &Group) -> Read<'_> {
    Read { at: group.at, bytes: group.bytes.len(), group: decode(&group.bytes) }
}
