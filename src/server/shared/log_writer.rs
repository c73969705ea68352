//! The thread that writes to a shared room's log: one group at a time, and the same one again until the engine has
//! answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::appender::Appender;
use super::backoff::Backoff;
use super::engine::{Engine, Missing, SNAPSHOTS};
use super::log_start::without_a_way_in;
use super::outbox::Sending;
use super::snapshot;
use super::trouble::Trouble;
use crate::server::config::Config;
use crate::server::hub::Hub;
use crate::server::hub::log::writing::Task;
use crate::server::room::Room;
use crate::server::system::instant;

/// When a group is sent again that has found no log: the reader goes on as another server soon, or somebody else begins
/// the log anew.
const RETRY: Duration = Duration::from_millis(50);

/// How often the coordinator looks whether servers that come later find a way into the room. Those are refused until it has
/// made one.
const BETWEEN_LOOKS: Duration = Duration::from_secs(10);

/// Writes to the log.
#[derive(Debug)]
pub(crate) struct LogWriter {
    /// Whose groups they are.
    hub: Arc<Hub>,
    /// The room's settings.
    config: Config,
    /// The way to the engine.
    appender: Appender,
    /// How long it waits after trouble.
    backoff: Backoff,
    /// When it has looked last for a way into the room, as the coordinator; `None` if it has not, or is to look again.
    pub(super) looked_at: Option<Instant>,
}

impl LogWriter {
    pub(crate) fn new(hub: Arc<Hub>, engine: Arc<dyn Engine>, config: Config) -> LogWriter {
        let (appender, backoff) = (Appender::new(engine), Backoff::new());
        LogWriter { hub, config, appender, backoff, looked_at: None }
    }

    /// Writes until the server has taken its leave.
    pub(crate) fn run(mut self) {
        let mut pause = None;
        while let Some(task) = self.hub.next_task(pause) {
            pause = self.step(task);
        }
    }

    /// Does something. Until when nothing more is to be done.
    pub(super) fn step(&mut self, task: Task) -> Option<Instant> {
        let done = match task {
            Task::Send(sending) => self.send(&sending),
            Task::Keep(snapshot) => self.keep(&snapshot).map(|()| true),
        };
        match done {
            Ok(is_done) => {
                self.backoff.on_success();
                (!is_done).then(|| instant() + RETRY)
            }
            Err(trouble) => Some(self.on_trouble(&trouble)),
        }
    }

    /// Whether there was a log to send it to.
    fn send(&mut self, sending: &Sending) -> Result<bool, Trouble> {
        let missing = if sending.may_begin_log() { Missing::Create } else { Missing::Refuse };
        let place = self.appender.step(|process| sending.bytes(process.0), missing)?;
        match place {
            Some(_) => {
                self.hub.on_sent(sending.producer(), sending.number());
                self.look_for_a_way_in(sending.room())?;
            }
            // Somebody has removed the log, as the reader finds, too.
            None => self.hub.on_doubt(sending.producer()),
        }
        Ok(place.is_some())
    }

    /// Has a snapshot made, from time to time, where somebody has removed all of them and the log was trimmed. The next one
    /// that is due may be days away.
    fn look_for_a_way_in(&mut self, room: u64) -> Result<(), Trouble> {
        let is_due = self.looked_at.is_none_or(|at| instant().duration_since(at) >= BETWEEN_LOOKS);
        if !is_due || !self.hub.is_coordinator() {
            return Ok(());
        }
        self.looked_at = Some(instant());
        if let Some(first) = self.appender.with(|link| without_a_way_in(link, room))?
            && self.hub.keep_snapshot_of(first)
        {
            log::warn!(
                "shared: the room's log was trimmed, and somebody has removed its snapshots; this \
                 server writes another one"
            );
        }
        Ok(())
    }

    /// Keeps a snapshot. Once there are as many as are kept, drops what is in the log before the oldest one; sooner, it
    /// would leave less of the log than the servers may be behind. One that is not kept is no loss: there is another one
    /// soon.
    fn keep(&mut self, snapshot: &[u8]) -> Result<(), Trouble> {
        let oldest = self.appender.with(|link| {
            link.push_snapshot(snapshot)?;
            if link.snapshots()? < SNAPSHOTS { Ok(None) } else { link.snapshot(0) }
        })?;
        let room = oldest.and_then(|oldest| snapshot::decode(&self.config, &oldest).ok());
        match room.as_ref().and_then(Room::log) {
            Some(log) => self.appender.with(|link| link.trim(log.position())),
            None => Ok(()),
        }
    }

    /// When to try again.
    fn on_trouble(&mut self, trouble: &Trouble) -> Instant {
        self.hub.on_trouble(trouble);
        instant() + self.backoff.on_trouble()
    }
}
