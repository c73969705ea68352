//! What a client sends that closes at once: as much of it as can be is taken in, and all of that is said.

use super::input::Input;
use super::{Phase, Session, grow_if_full};
use crate::protocol::reply::LeaveReason;
use crate::server::connection::is_gone;
use crate::server::system::{SETTLING, instant};

/// How often what has come is acknowledged at once: for as long as a client may be one that sends and
/// closes.
const HASTY_READS: usize = 64;

/// How often, and each time for [`SETTLING`], more is waited for before the first answer, so joining
/// takes that much longer.
const SETTLING_READS: usize = 16;

impl Session {
    /// Takes in the rest of what comes at once, behind the `n` bytes in the buffer, after so many reads
    /// before.
    ///
    /// Where a client does not read what it is told and closes, its system throws away what it has not
    /// sent. It does not send a part of a segment before the last one is acknowledged (RFC 896), which our
    /// system does late once we have answered. So nothing is answered before all is here.
    pub(super) fn take_in(&self, buffer: &mut Vec<u8>, mut n: usize, reads: usize) -> usize {
        if reads < HASTY_READS {
            self.connection.acknowledge();
        }
        for _ in 0..if reads == 0 { SETTLING_READS } else { 0 } {
            grow_if_full(buffer, n);
            match self.connection.receive(&mut buffer[n..], Some(SETTLING)) {
                Ok(more @ 1..) => n += more,
                Err(why) if is_gone(&why) => {
                    self.connection.mark_gone(&why);
                    break;
                }
                // What it means is seen when there is nothing more to read.
                Ok(0) | Err(_) => break,
            }
            self.connection.acknowledge();
        }
        n
    }

    /// Whether what the client has brought is not said any more: the server has hung up, or a program is
    /// gone, which says it again. Anybody else's lines are said for a while although it is gone.
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

    /// The client's input has ended, and the server has not hung up. In the tagged form that is a loss,
    /// and a line without its end is not one; nor is it where a client that ends its lines was cut off.
    pub(super) fn finish_input(&mut self, input: &mut Input) -> LeaveReason<'static> {
        let was_reset = self.connection.was_reset();
        let is_cut = input.has_seen_newline() && was_reset;
        if !self.may_resume() && !is_cut {
            // The session ends, whatever the line says.
            let _ = self.finish_line(input);
        }
        if was_reset { LeaveReason::ConnectionLost } else { LeaveReason::Quit("") }
    }
}
