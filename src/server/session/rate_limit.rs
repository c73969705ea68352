//! The rate limit: charges a client for its lines, and waits when it has brought too many. The session's thread
//! runs it.

use std::ops::ControlFlow;
use std::time::Duration;

use super::{Ending, GO_ON, Next, Phase, Session};
use crate::protocol::reply::Notice;
use crate::server::kinds::HELD_BACK;
use crate::server::system::{instant, thread};
use crate::server::token_bucket::{Pass, lines_in};

/// The longest sleep at once of a session that holds its client back: after it, the session notices that the
/// connection or the server has ended.
pub(super) const NAP: Duration = Duration::from_millis(100);

impl Session {
    /// Has what counts as one line count for all of its bytes.
    pub(super) fn charge_for(&mut self, bytes: usize) {
        self.account.bucket.charge(lines_in(bytes) - 1);
    }

    /// Counts something as one line, and waits before that while the client has brought more than it may, unless
    /// the connection is lost.
    pub(super) fn hold_back(&mut self) -> Next {
        while let Pass::After(wait) = self.account.bucket.take(instant()) {
            if self.is_lost() {
                return ControlFlow::Break(Ending::InputOver);
            }
            // Before the log record, since an operator who reads that may ask for the figures next.
            if let Phase::Joined { member, .. } = &self.phase {
                member.mark_held(wait);
            }
            // A client without a name is not told: it may be a member that comes back.
            if matches!(self.phase, Phase::Joined { .. })
                && let Some(rate) = self.account.bucket.news()
            {
                let peer = self.connection.peer();
                log::info!(target: HELD_BACK, "{peer} is held back to {rate} lines a second");
                self.answer_with(Notice::SlowDown(rate));
            }
            self.append();
            thread::sleep(wait.min(NAP));
        }
        GO_ON
    }
}
