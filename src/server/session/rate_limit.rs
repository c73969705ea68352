//! What a client may bring: as how many lines each of its lines counts, and the wait of one that has
//! brought too much.

use std::ops::ControlFlow;
use std::time::Duration;

use super::{Next, Phase, Session};
use crate::protocol::lines::Line;
use crate::protocol::reply::Notice;
use crate::server::kinds::HELD_BACK;
use crate::server::system::{instant, thread};
use crate::server::token_bucket::{Pass, UNIT, lines_in};

/// The longest line end, in bytes.
const LINE_END: usize = 2;

/// How long a session that holds its client back may not notice the server's end.
const NAP: Duration = Duration::from_millis(100);

impl Session {
    /// Does something that counts as a line.
    pub(super) fn within_limits(&mut self, act: impl FnOnce(&mut Session) -> Next) -> Next {
        match self.hold_back() {
            ControlFlow::Continue(()) => act(self),
            ControlFlow::Break(()) => Next::Lose,
        }
    }

    /// Has a line count for all of its bytes; as one line it has counted already.
    pub(super) fn charge_for(&mut self, line: &Line<'_>) {
        let came = std::mem::take(&mut self.begun);
        let bytes = match line {
            // What came besides was the rest of one that was too long, or the line's end.
            Line::Whole(line) => line.len().max(came.saturating_sub(LINE_END)),
            Line::TooLong(_) => came,
        };
        self.account.bucket.charge(lines_in(bytes) - 1);
    }

    /// The same for what has come of a line that is too long, and is not kept. Its client is held back
    /// by it, too.
    pub(super) fn charge_for_skipped(&mut self) -> Next {
        let units = self.begun / UNIT;
        if units == 0 {
            return Next::GoOn;
        }
        self.begun %= UNIT;
        self.within_limits(|session| {
            session.account.bucket.charge(lines_in(units * UNIT) - 1);
            Next::GoOn
        })
    }

    /// Waits while the client has brought more than it may, unless the connection is lost.
    fn hold_back(&mut self) -> ControlFlow<()> {
        while let Pass::After(wait) = self.account.bucket.take(instant()) {
            if self.is_lost() {
                return ControlFlow::Break(());
            }
            // Before the log says so, for whoever reads that asks for the figures next.
            if let Phase::Joined(member) = &self.phase {
                member.mark_held(wait);
            }
            // One that has no name is a newcomer, who may still be somebody that comes back.
            if matches!(self.phase, Phase::Joined(_))
                && let Some(rate) = self.account.bucket.news()
            {
                let peer = self.connection.peer();
                log::info!(target: HELD_BACK, "{peer} is held back to {rate} lines a second");
                self.answer_with(Notice::SlowDown(rate));
            }
            self.append();
            thread::sleep(wait.min(NAP));
        }
        ControlFlow::Continue(())
    }
}
