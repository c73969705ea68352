//! A shared room that is away, as this server's operator and clients are told of it: once when it is, once when it is
//! back. The threads that talk to the engine call it, with the lock held.

use std::time::{Duration, Instant};

use super::Shared;
use super::log::LogSide;
use crate::protocol::reply::{Notice, SharedNotice};
use crate::server::room::entry::Entry;
use crate::server::shared::liveness::Turn;
use crate::server::shared::trouble::Trouble;
use crate::server::system::instant;

impl LogSide {
    /// The name of the room.
    pub(super) fn room_name(&self) -> String {
        self.url.room.to_string()
    }

    /// For how long the room has been away, and why, if it is.
    pub(super) fn away(&self, now: Instant) -> Option<(Duration, String)> {
        Some((self.liveness.away_for(now)?, self.why_away().to_string()))
    }

    /// The last trouble, or that there is no answer.
    fn why_away(&self) -> Trouble {
        let silent = || Trouble::Away { place: self.url.place(), why: None };
        self.trouble.clone().unwrap_or_else(silent)
    }

    /// Tells the operator of trouble that only hands can mend, once in an absence of the room: it may not be what the room
    /// was told to be away for.
    pub(super) fn on_trouble(&mut self, trouble: Trouble) {
        if self.liveness.is_away() && trouble.needs_hands() && !self.has_told_hands {
            log::error!("shared: the room is still away: {trouble}");
            self.has_told_hands = true;
        }
        self.trouble = Some(trouble);
        self.liveness.on_trouble();
    }

    /// Whether the room is away, or back, since this was asked last. Then the operator is told.
    fn judge_liveness(&mut self) -> Option<SharedNotice> {
        match self.liveness.judge(instant())? {
            Turn::Away { stood_still: Some(time) } => {
                self.has_told_hands = false;
                let seconds = time.as_secs();
                log::warn!(
                    "shared: this server has not run for {seconds} s, as if it had been stopped; \
                     the room is away until it has caught up"
                );
                Some(SharedNotice::Away)
            }
            Turn::Away { stood_still: None } => {
                let why = self.why_away();
                self.has_told_hands = why.needs_hands();
                log::warn!("shared: the room is away: {why}");
                Some(SharedNotice::Away)
            }
            Turn::Back { after } => {
                log::info!("shared: the room is back after {} s", after.as_secs());
                Some(SharedNotice::Back)
            }
        }
    }
}

impl Shared {
    /// Tells this server's clients that the room is away, or back. Whether that is new, of which sessions are to be
    /// notified: some wait for the log only while the room is there.
    pub(super) fn judge_liveness(&mut self) -> bool {
        let notice = self.log.as_mut().and_then(|log| log.judge_liveness());
        let is_new = notice.is_some();
        notice.into_iter().for_each(|notice| {
            self.apply(Entry::Tell(Notice::Shared(notice)));
        });
        is_new
    }
}
