//! Coming back after the connection was lost: when to try again, and what the user is told of it.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use log::{info, warn};

use super::link::Link;
use super::output::{Output, Presence};
use crate::problem::Problem;

/// The longest wait between two attempts.
const LONGEST: Duration = Duration::from_secs(30);

/// A connection that was made again and is lost sooner than this is another failed attempt: the
/// server may let us in and break down at once, again and again.
const STEADY: Duration = Duration::from_secs(10);

/// The attempts since the connection was last a good one, and what the user was told of them.
#[derive(Debug, Default)]
pub(super) struct Comeback {
    /// How many there were since the last connection.
    attempts: u32,
    /// The cause that was told last: it is not told twice.
    told: String,
    /// When the present connection was made, if it is not the first.
    connected: Option<Instant>,
}

impl Comeback {
    /// Makes the next connection, however long that takes. After one that was good, the first attempt
    /// is made at once; and one that got our session any further was good, however short it was.
    ///
    /// It may be over before that, in a process that goes on; then nothing is received any more.
    ///
    /// # Errors
    ///
    /// It leads to a server that is not the right one.
    pub(super) fn reconnect(
        &mut self,
        link: &Link,
        output: &dyn Output,
        lost: &Problem,
    ) -> Result<(), Problem> {
        let steady = self.connected.is_none_or(|since| since.elapsed() >= STEADY);
        if link.has_got_further() || (link.is_settled() && steady) {
            *self = Comeback::default();
        }
        if link.is_settled() {
            self.told.clear();
        }
        link.lose();
        self.tell(output, lost);
        output.on_lost(lost);
        while !link.is_over() {
            wait(self.next_wait(RandomState::new().hash_one(())), link, output);
            match link.reconnect() {
                Ok(()) => break,
                Err(why @ Problem::WrongServer(_)) => return Err(why),
                Err(why) => self.tell(output, &why),
            }
        }
        self.connected = Some(Instant::now());
        if !link.is_resumable() {
            output.set_presence(Presence::Here);
        }
        info!("connected again");
        Ok(())
    }

    /// How long to wait before the next attempt: not at all before the first, then 1, 2, 4 … 30 s,
    /// and up to a tenth more or less, so that a hundred clients do not come back to a server that
    /// was restarted in the same instant. `dice` is any number.
    fn next_wait(&mut self, dice: u64) -> Duration {
        let made = self.attempts;
        self.attempts = made.saturating_add(1);
        let Some(doublings) = made.checked_sub(1) else { return Duration::ZERO };
        let wait = Duration::from_secs(1 << doublings.min(10)).min(LONGEST);
        wait * (900 + (dice % 201) as u32) / 1000
    }

    /// Says why there is no connection, but not again and again.
    fn tell(&mut self, output: &dyn Output, why: &Problem) {
        let cause = why.cause();
        warn!("{cause}");
        if cause != self.told {
            output.notice(&format!("{cause}; trying again"));
            self.told = cause;
        }
    }
}

/// Waits, unless it is over, and lets the user see how long.
fn wait(time: Duration, link: &Link, output: &dyn Output) {
    let until = Instant::now() + time;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || link.is_over() {
            return output.set_presence(Presence::Reconnecting);
        }
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        output.set_presence(Presence::ReconnectingIn(seconds));
        link.pause(left - Duration::from_secs(seconds - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_attempt_is_made_at_once_and_the_others_at_longer_and_longer_intervals() {
        let waits = |dice| {
            let mut comeback = Comeback::default();
            (0..9).map(|_| comeback.next_wait(dice).as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(waits(100), [0, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(waits(0)[..4], [0, 900, 1800, 3600]);
        assert_eq!(waits(200)[..4], [0, 1100, 2200, 4400]);
        assert_eq!(waits(201), waits(0));
        let mut comeback = Comeback { attempts: u32::MAX, ..Comeback::default() };
        assert_eq!(comeback.next_wait(100), LONGEST);
    }
}
