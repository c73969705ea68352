//! Clients that send and close at once: the session takes in as many of their bytes as it can, and all of those
//! lines are said. The session's thread runs it.

use super::input::Input;
use super::{Phase, Session, grow_if_full};
use crate::protocol::reply::LeaveReason;
use crate::server::connection::is_gone;
use crate::server::net::transport::Received;
use crate::server::system::{SETTLING, instant};

/// The number of reads after which the session stops acknowledging at once: up to then the client may be one that sends and
/// closes.
const HASTY_READS: usize = 64;

/// How often the session waits for more bytes before the first answer, each time for [`SETTLING`]. Joining takes
/// that much longer.
const SETTLING_READS: usize = 16;

impl Session {
    /// Reads the rest of the bytes that come at once, behind the `n` bytes in the buffer; `reads` is the number of
    /// reads before. Returns how many bytes the buffer has then.
    ///
    /// If a client closes without having read its answers, its system throws away the bytes that it has not sent.
    /// It does not send a part of a segment before the last one is acknowledged (RFC 896), and our system delays
    /// that once we have answered. So the session answers nothing before all is here.
    pub(super) fn take_in(&self, buffer: &mut Vec<u8>, mut n: usize, reads: usize) -> usize {
        if reads < HASTY_READS {
            self.connection.acknowledge();
        }
        for _ in 0..if reads == 0 { SETTLING_READS } else { 0 } {
            grow_if_full(buffer, n);
            match self.connection.receive(&mut buffer[n..], Some(SETTLING)) {
                Ok(Received::Bytes(more)) => n += more,
                Err(why) if is_gone(&why) => {
                    self.connection.mark_gone(&why);
                    break;
                }
                // The next read finds the reason, when nothing more has come.
                Ok(Received::End | Received::Cut) | Err(_) => break,
            }
            self.connection.acknowledge();
        }
        n
    }

    /// Whether the client's lines are not said any more: the server has hung up, or the client is gone and can
    /// resume, so that it says them again. The lines of other clients that are gone are said for a while.
    pub(super) fn is_lost(&self) -> bool {
        if self.connection.close_reason().is_some() {
            return true;
        }
        let Some(gone_since) = self.connection.gone_since() else { return false };
        if self.may_resume() {
            return true;
        }
        let is_late = instant() - gone_since >= self.limits.last_words;
        let is_lost = is_late || self.hub.has_lacked_permit_since(gone_since);
        if is_lost && let Phase::Joined { member, .. } = &self.phase {
            let why = if is_late { "its time is up" } else { "its place is needed" };
            log::info!(
                "{} is gone, and {why}: the rest of what it had sent is lost",
                member.name()
            );
        }
        is_lost
    }

    /// Called when the client's input has ended, and the server has not hung up. A last line without its end
    /// counts, except in the tagged form, where the end is a loss, for a client that ends its lines and was cut
    /// off, and where `may_be_cut` says that more of it may have been sent.
    pub(super) fn finish_input(
        &mut self,
        input: &mut Input,
        may_be_cut: bool,
    ) -> LeaveReason<'static> {
        let was_reset = self.connection.was_reset();
        let is_cut = may_be_cut || input.has_seen_newline() && was_reset;
        if !self.may_resume() && !is_cut {
            // The session ends, whatever the line says.
            let _ = self.finish_line(input);
        }
        if was_reset { LeaveReason::ConnectionLost } else { LeaveReason::Quit("") }
    }
}
