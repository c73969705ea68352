//! The thread that reads a shared room's log, and applies what it reads.
//!
//! Where the log was set back, or was trimmed past what this server has read, it makes the room anew beside the one that
//! clients are served from (`recovery`), and puts it in that one's place once it is whole.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::backoff::Backoff;
use super::codec::{Form, decode};
use super::engine::{Engine, Group};
use super::follower::{Followed, Follower};
use super::meta::Agreed;
use super::refusal::Refusal;
use super::set_back::Groups;
use super::sharing::{hello, new_producer};
use super::trouble::Trouble;
use crate::protocol::reply::SharedNotice;
use crate::server::config::Config;
use crate::server::hub::Hub;
use crate::server::hub::log::reading::{Read, ToDo};
use crate::server::room::group::{Act, Logged, Position};
use crate::server::shutdown::Shutdown;

mod recovery;
#[cfg(all(test, not(shuttle)))]
mod tests;

/// How many bytes of groups are applied under one hold of the hub's lock.
const PORTION: usize = 256 * 1024;

/// Reads the log.
#[derive(Debug)]
pub(crate) struct LogReader {
    /// Whose room it is.
    hub: Arc<Hub>,
    /// The room's settings.
    config: Config,
    /// What holds for the room.
    agreed: Agreed,
    /// Where the log is.
    engine: Arc<dyn Engine>,
    /// Behind which group this server has begun to read it.
    from: Position,
    /// The way to it.
    follower: Follower,
    /// What was read last, to find out whether the log was set back.
    groups: Groups,
    /// How long it waits after trouble.
    backoff: Backoff,
    /// The log may have been set back, and nothing more is applied until that is known.
    must_recover: bool,
    /// How this server comes back to a log that was set back, from the moment on when that is proposed until it is read.
    coming_back: Option<ComingBack>,
    /// Groups that were read, and are not to be applied before it is known whether the log is the same one.
    unapplied: Vec<Group>,
    /// It was told that there are groups which nobody can read.
    has_told_malformed: bool,
    /// What ends the server, and with what.
    end: End,
}

/// A server's return to a log that was set back.
#[derive(Debug, Clone, Copy)]
struct ComingBack {
    /// As which producer it goes on.
    producer: u64,
    /// The last group that the log still had, by which it is known what to propose.
    kept: Option<Position>,
}

/// The end of a server that cannot go on.
#[derive(Debug, Clone)]
pub(crate) struct End {
    /// Ends it.
    pub(crate) shutdown: Shutdown,
    /// Why.
    pub(crate) why: Arc<OnceLock<Refusal>>,
}

impl LogReader {
    /// A reader of the log behind that position, up to which the hub's room has it.
    pub(crate) fn new(
        hub: Arc<Hub>,
        config: Config,
        engine: Arc<dyn Engine>,
        (agreed, from): (Agreed, Position),
        end: End,
    ) -> LogReader {
        let follower = Follower::new(engine.clone(), from);
        let (groups, backoff) = (Groups::default(), Backoff::new());
        let (must_recover, coming_back, has_told_malformed) = (false, None, false);
        let unapplied = Vec::new();
        LogReader {
            hub,
            config,
            agreed,
            engine,
            from,
            follower,
            groups,
            backoff,
            must_recover,
            coming_back,
            unapplied,
            has_told_malformed,
            end,
        }
    }

    /// Reads until nothing more is to be read.
    pub(crate) fn run(mut self) {
        while !self.hub.is_log_over() {
            match self.step() {
                Ok(()) => self.backoff.on_success(),
                Err(trouble) => {
                    self.hub.on_trouble(&trouble);
                    self.hub.pause(self.backoff.on_trouble());
                }
            }
        }
    }

    fn step(&mut self) -> Result<(), Trouble> {
        if self.must_recover {
            self.recover()?;
            self.must_recover = false;
        }
        if self.unapplied.is_empty() {
            match self.follower.step()? {
                Followed::Groups(groups) => self.unapplied = groups,
                Followed::Trimmed | Followed::Changed => {
                    self.must_recover = true;
                    return Ok(());
                }
            }
        }
        // Another server has found the log set back. Its groups fit behind what was read of the old one.
        if self.unapplied.iter().any(comes_back) && self.search()?.is_some() {
            self.must_recover = true;
            return Ok(());
        }
        let groups = std::mem::take(&mut self.unapplied);
        self.must_recover = self.apply(&groups) | self.hub.take_doubt();
        if self.follower.has_waited_in_vain() && self.hub.is_away() {
            // What is written may go elsewhere: to the next master, which this one does not know of yet.
            self.follower.close();
        }
        Ok(())
    }

    /// Applies groups. Whether the log may have been set back.
    fn apply(&mut self, groups: &[Group]) -> bool {
        let mut from = 0;
        while from < groups.len() {
            let mut bytes = 0;
            let portion = groups[from..].iter().take_while(|group| {
                bytes += group.bytes.len();
                bytes - group.bytes.len() < PORTION
            });
            let portion: Vec<_> = portion.collect();
            portion.iter().for_each(|group| self.groups.push(group.at, &group.bytes));
            let read: Vec<_> = portion.into_iter().map(read).collect();
            from += read.len();
            if self.see_to(self.hub.apply_log(&read)) {
                return true;
            }
        }
        false
    }

    /// Sees to what has come of groups. Whether the log may have been set back.
    fn see_to(&mut self, mut to_do: ToDo) -> bool {
        to_do.hang_up();
        if let Some(at) = to_do.malformed.filter(|_| !self.has_told_malformed) {
            self.has_told_malformed = true;
            log::error!(
                "shared: the entry {at} is none of a room's, and is passed over; more of them are \
                 not told"
            );
        }
        if let Some(groups) = to_do.differs_at {
            self.end_as_different(groups);
        }
        if let Some((at, form)) = to_do.newer {
            self.end_as_too_old(at, form);
            return false;
        }
        if let Some(silence) = to_do.died_after {
            self.rise_again(silence);
        }
        to_do.is_doubtful
    }

    /// This server's room is another one than the coordinator's. It takes its leave as at any other end.
    fn end_as_different(&self, groups: u64) {
        let why = Refusal::Different { groups };
        if self.end.why.set(why.clone()).is_ok() {
            log::error!("shared: {why}");
            self.end.shutdown.begin();
        }
    }

    /// The others have written what this version cannot read.
    fn end_as_too_old(&self, at: Position, form: Form) {
        self.hub.tell_all_here(SharedNotice::TooOld);
        self.stop(Refusal::TooOld { at, form });
    }

    /// The log was emptied, and another room has begun there.
    fn end_as_other_room(&self) {
        self.hub.tell_all_here(SharedNotice::OtherRoom);
        self.stop(Refusal::OtherRoom);
    }

    /// Ends the server.
    fn stop(&self, why: Refusal) {
        log::error!("shared: {why}");
        self.end.why.set(why).ok();
        self.hub.end_log();
        self.end.shutdown.begin();
    }

    /// The others have taken this server for dead, after so long without a sign of life; zero if that is not known.
    fn rise_again(&mut self, silence: Duration) {
        let Some(producer) = new_producer() else { return self.stop(Refusal::NoRandomNumbers) };
        if silence.is_zero() {
            log::warn!("shared: the room does not know this server any more; its clients resume");
        } else {
            log::warn!(
                "shared: declared dead after {} s without a sign of life; its clients resume",
                silence.as_secs()
            );
        }
        let (server, version) = hello(&self.config);
        self.hub.rise_again(producer, silence, (&server, version));
    }
}

/// Whether a server says with a group that its log was set back.
fn comes_back(group: &Group) -> bool {
    let says_so = |entry: &Logged<'_>| matches!(entry.act, Act::Back { .. });
    decode(&group.bytes).is_ok_and(|group| group.entries.iter().any(says_so))
}

fn read(group: &Group) -> Read<'_> {
    Read { at: group.at, bytes: group.bytes.len(), group: decode(&group.bytes) }
}
