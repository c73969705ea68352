//! Coming back after the connection was lost: what the user is told of it, and who is connected to. When, and to which
//! server, is decided in `turns`.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use log::{info, warn};

use super::link::{Link, outcome_of};
use super::output::{Output, Presence};
use super::turns::Outcome;
use crate::problem::Problem;

/// A connection that was made again and is lost sooner than this is another failed attempt: the
/// server may let us in and break down at once, again and again.
const STEADY: Duration = Duration::from_secs(10);

/// How long a connection is tried to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endurance {
    /// Until it is.
    ForEver,
    /// Until each server was tried in this round.
    ThisRound,
}

/// What the user was told of attempts, and when the last one worked.
#[derive(Debug, Default)]
pub(super) struct Comeback {
    /// The causes that were told last, one for each server: they are not told twice.
    told: Vec<String>,
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
    /// No server is left to be tried: what became of the last one.
    pub(super) fn reconnect(
        &mut self,
        link: &Link,
        output: &dyn Output,
        lost: Problem,
        endurance: Endurance,
    ) -> Result<(), Problem> {
        let steady = self.connected.is_none_or(|since| since.elapsed() >= STEADY);
        let was_good = link.has_got_further() || (link.is_settled() && steady);
        if was_good || link.is_settled() {
            self.told.clear();
        }
        let mut outcome = if was_good { Outcome::Lost } else { outcome_of(&lost) };
        let mut why = lost;
        link.lose();
        output.on_lost(&why);
        while !link.is_over() {
            let before = link.server_name();
            let next = link.move_on(outcome, RandomState::new().hash_one(()));
            let may_begin = endurance == Endurance::ForEver;
            let Some(next) = next.filter(|next| may_begin || !next.begins_round) else {
                return Err(link.without_a_server(why));
            };
            let server = link.server_name();
            let goes_elsewhere = next.wait.is_zero() && server != before;
            self.tell(output, &why, goes_elsewhere.then_some(&server), link.servers());
            wait(next.wait, link, output);
            match link.reconnect() {
                Ok(()) => break,
                Err(failed) => (outcome, why) = (outcome_of(&failed), failed),
            }
        }
        self.connected = Some(Instant::now());
        if !link.is_resumable() {
            output.set_presence(Presence::Here);
        }
        info!("connected again");
        Ok(())
    }

    /// Says why there is no connection, but not again and again, and where the next one goes if that is not clear.
    fn tell(&mut self, output: &dyn Output, why: &Problem, next: Option<&String>, servers: usize) {
        let cause = why.cause();
        warn!("{cause}");
        if self.told.contains(&cause) {
            return;
        }
        tell_that_it_goes_on(output, why, next.map(String::as_str));
        if self.told.len() >= servers {
            self.told.remove(0);
        }
        self.told.push(cause);
    }
}

/// Says what is wrong with a server, and that the next one is tried, or the same one again.
pub(super) fn tell_that_it_goes_on(output: &dyn Output, why: &Problem, next: Option<&str>) {
    let next = format!("trying {}", next.unwrap_or("again"));
    let (cause, details) = (why.cause(), why.details());
    if details.is_empty() {
        return output.notice(&format!("{cause}; {next}"));
    }
    output.notice(&cause);
    details.iter().for_each(|line| output.notice(line));
    output.notice(&next);
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
