//! The thread that reads a shared room's log, and applies what it reads.

use std::sync::Arc;

use super::backoff::Backoff;
use super::codec::decode;
use super::engine::{Engine, Group, Position};
use super::follower::{Followed, Follower};
use crate::server::hub::Hub;
use crate::server::hub::log::{Read, ToDo};

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
    /// Reads what is behind that position.
    pub(crate) fn new(hub: Arc<Hub>, engine: Arc<dyn Engine>, from: Position) -> LogReader {
        LogReader { hub, follower: Follower::new(engine, from), backoff: Backoff::new() }
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
