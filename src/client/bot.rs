//! A program that takes part: a member of a room, under one name, for as long as the program wants.
//!
//! A [`Bot`] connects as `chatclient` does: encrypted where the server can, to the server that is known. When the
//! connection is lost, or the server is restarted, it comes back under its name, gets what it has missed, and says
//! what it had to say: nothing is lost or said twice. [`Bot::events`] waits for what happens, and [`Bot::say`] does not
//! wait for the network.
//!
//! This one answers `!ping`, in a room that is in the same process here, so that there is one:
//!
//! ```
//! use chatroom::bot::{Bot, Event};
//! # use chatroom::server::{self, Config, Server};
//!
//! # let server = Server::open(server::bind("127.0.0.1", 0)?, Config::default())?.start()?;
//! # let place = server.address().to_string();
//! # let alice = Bot::builder(&place).name("alice").connect()?;
//! let bot = Bot::builder(&place).name("echo").connect()?;
//! # alice.say("!ping")?;
//! for event in bot.events() {
//!     match event? {
//!         Event::Said { from, text } if text == "!ping" => {
//!             bot.say(&format!("pong, {from}"))?;
//! #           break;
//!         }
//!         _ => {}
//!     }
//! }
//! bot.close()?;
//! # assert!(alice.events().flatten().any(|event| matches!(event, Event::Said { text, .. } if text == "pong, alice")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A bot has two threads of its own, which sleep while nothing happens. It may be shared between threads, each event goes
//! to one of them; a [`Sayer`] is a handle to speak with, to be given away. It logs by the crate `log`.

use std::any::Any;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use log::warn;

use super::config::{Destination, OnLoss};
use super::exit_reason::ExitReason;
use super::link::{Beginning, Link, Watch};
use super::net::Routes;
use super::receiver::Receiver;
use super::sender::Sender;
use super::session::ClientSession;
use crate::problem::Problem;
use inbox::Inbox;

pub use crate::protocol::name::BadName;
pub use crate::tls::NoFingerprint;
pub use builder::Builder;
pub use error::{BadText, Error};
pub use event::{Event, Line};
pub use inbox::Events;
pub use sayer::Sayer;

mod builder;
mod error;
mod event;
mod inbox;
mod sayer;
#[cfg(all(test, not(shuttle)))]
mod tests;

/// How long a server may take to show that it is a chat room: as long as for a pipe that is to come back.
const GREETING: Duration = Duration::from_secs(10);

/// How long a bot that is dropped waits for what it has said to be confirmed.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A member of a room. Dropped, it leaves, after it has waited for what it has said to be confirmed, for 5 seconds at
/// most; [`close`](Bot::close) waits as long as it takes, and says what has come of it.
pub struct Bot {
    /// What speaks for it.
    sayer: Sayer,
    /// The threads that receive and send, until they are joined.
    threads: Vec<JoinHandle<()>>,
}

impl Bot {
    /// A bot that is going to join the room at this place: `host`, `host:port`, `[address]:port`; or several with commas,
    /// the servers of one room.
    pub fn builder(place: &str) -> Builder {
        Builder::new(place)
    }

    /// Joins the room.
    fn join(to: &Destination, session: ClientSession) -> Result<Bot, Error> {
        let pass_on = |why: &Problem, next: &str| warn!("{why}; trying {next}");
        let link = Link::connect(Routes::new(to), session, GREETING, |_| (), pass_on)?;
        let (link, inbox) = (Arc::new(link), Arc::new(Inbox::default()));
        let mut bot = Bot { sayer: Sayer::new(&link, &inbox), threads: Vec::new() };
        let receive = |link: &Arc<Link>, inbox: &Arc<Inbox>| {
            Some(Receiver::new(link, &**inbox, OnLoss::ComesBack).run())
        };
        bot.spawn("receiver", receive)?;
        match link.wait_for_beginning() {
            Beginning::Joined => inbox.mark_joined(),
            Beginning::NoChatroom => {
                let server = link.connection().peer();
                // Nothing was said that somebody could confirm.
                link.end();
                return Err(Problem::NoChatroom { server, said: inbox.take_first_line() }.into());
            }
            Beginning::Over => return Err(inbox.take_end().unwrap_or(Error::Over)),
        }
        bot.spawn("sender", |link, inbox| {
            let (link, output) = (Arc::clone(link), Arc::clone(inbox));
            Sender { link, output, watch: Watch::On { told: 0 } }.run()
        })?;
        Ok(bot)
    }

    /// Starts a thread that may find the end.
    fn spawn(
        &mut self,
        name: &str,
        work: impl FnOnce(&Arc<Link>, &Arc<Inbox>) -> Option<ExitReason> + Send + 'static,
    ) -> Result<(), Error> {
        let (link, inbox) = self.sayer.parts();
        let (link, inbox) = (Arc::clone(link), Arc::clone(inbox));
        let body = move || {
            let end = panic::catch_unwind(AssertUnwindSafe(|| work(&link, &inbox)));
            if let Some(end) = end.unwrap_or_else(|panic| Some(panicked(&*panic))) {
                // Before whoever waits is woken, who asks why.
                inbox.end(end);
                link.end();
            }
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(body);
        self.threads.push(thread.map_err(|why| Problem::System("start a thread", why))?);
        Ok(())
    }

    /// The name that it has, as the server spells it.
    #[must_use]
    pub fn name(&self) -> String {
        self.link().called().unwrap_or_default()
    }

    /// Waits for what happens, one event after the other. The iterator ends when the bot has left, and after an error,
    /// which is the last event there is.
    ///
    /// A program that takes none for long is a slow reader: the server keeps what is said for a while, and then the
    /// bot is told how much it has missed.
    pub fn events(&self) -> Events<'_> {
        self.inbox().events()
    }

    /// Waits for the next event for so long at most; `None` if none has come.
    ///
    /// # Errors
    ///
    /// The connection is lost for good, and why; told once.
    pub fn next_within(&self, time: Duration) -> Result<Option<Event>, Error> {
        self.inbox().next(Some(Instant::now() + time)).transpose()
    }

    /// Says a line to all, whatever it begins with. It is not waited for: [`Event::Taken`] tells when everybody gets it.
    /// While a megabyte of lines is not confirmed, this waits.
    ///
    /// # Errors
    ///
    /// It is no line, or the bot has left.
    pub fn say(&self, text: &str) -> Result<Line, Error> {
        self.sayer.say(text)
    }

    /// Tells all what the bot does: `* echo waits`.
    ///
    /// # Errors
    ///
    /// As [`say`](Bot::say).
    pub fn act(&self, text: &str) -> Result<Line, Error> {
        self.sayer.act(text)
    }

    /// Says a line to one member alone.
    ///
    /// # Errors
    ///
    /// As [`say`](Bot::say), and that is no name.
    pub fn whisper(&self, to: &str, text: &str) -> Result<Line, Error> {
        self.sayer.whisper(to, text)
    }

    /// A handle to speak with, for another thread. It keeps nobody in the room.
    #[must_use]
    pub fn sayer(&self) -> Sayer {
        self.sayer.clone()
    }

    /// Leaves, once all that was said is confirmed, however long that takes.
    ///
    /// # Errors
    ///
    /// Lines were not confirmed, because the connection is lost for good, or were refused meanwhile.
    pub fn close(mut self) -> Result<(), Error> {
        self.leave(None)
    }

    /// The same, for so long at most.
    ///
    /// # Errors
    ///
    /// The same, or the time is up and lines are not confirmed.
    pub fn close_within(mut self, time: Duration) -> Result<(), Error> {
        self.leave(Some(Instant::now() + time))
    }

    fn leave(&mut self, deadline: Option<Instant>) -> Result<(), Error> {
        self.inbox().begin_closing();
        self.link().end_input();
        self.link().wait_for_end(deadline);
        let (unsaid, peer) = (self.link().unsaid(), self.link().connection().peer());
        let end = self.inbox().take_end();
        self.link().end();
        // One that is connecting is left behind: it ends when that has come to something.
        for thread in self.threads.drain(..).filter(JoinHandle::is_finished) {
            thread.join().ok();
        }
        match end {
            Some(end) => Err(end),
            None if unsaid > 0 => Err(Problem::Unconfirmed { to: peer, lines: unsaid }.into()),
            None => Ok(()),
        }
    }

    fn link(&self) -> &Link {
        self.sayer.parts().0
    }

    fn inbox(&self) -> &Inbox {
        self.sayer.parts().1
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        if !self.link().is_over() {
            self.leave(Some(Instant::now() + LAST_WORDS)).ok();
        }
    }
}

impl fmt::Debug for Bot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bot").field("name", &self.name()).finish_non_exhaustive()
    }
}

fn panicked(panic: &(dyn Any + Send)) -> ExitReason {
    ExitReason::Panicked(super::exit::message(panic))
}
