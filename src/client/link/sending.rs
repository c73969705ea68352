//! What the threads do with the outbox: the main thread puts lines in, the sender takes them out,
//! and one more waits for what is not confirmed.

use crate::protocol::tag::Format;
use std::net::Shutdown;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::{Input, Link, Parting, State};
use crate::client::connection::Connection;
use crate::client::handshake::{Progress, Server};
use crate::client::outbox::{Asker, Batch};
use crate::client::session::News;
use crate::client::typed::Typed;
use crate::protocol::request::Command;

/// How long nothing at all may come while a line waits for its receipt. The system has a network that
/// is gone asked after as long when nothing is on the way, but not when something is: then it sends
/// that again and again, on Linux for a quarter of an hour.
const DEAD: Duration = Duration::from_secs(60);

/// What the sender is to do next.
#[derive(Debug)]
pub(in crate::client) enum Task {
    /// Write this, to a server of this kind.
    Write(Arc<Connection>, Server, Batch),
    /// Everything is written, and the user wants to go from a server that is not told so in words.
    Finish(Server),
}

/// Whether a line was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Entered {
    Yes,
    /// Too much waits already.
    Full,
}

impl Link {
    /// Takes a line of the user's to be sent, unless so many bytes wait already.
    pub(in crate::client) fn enter(&self, line: Arc<Typed>, most: usize) -> Entered {
        let mut state = self.state();
        if state.session.outbox.held() > most {
            return Entered::Full;
        }
        self.push(&mut state, line, Asker::User);
        Entered::Yes
    }

    /// The same, but waits until there is room for it.
    pub(in crate::client) fn enter_in_time(&self, line: Typed, most: usize) {
        let is_full = |state: &mut State| state.session.outbox.held() > most;
        let waited = self.changed.wait_while(self.state(), is_full);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        self.push(&mut state, Arc::new(line), Asker::User);
    }

    /// Asks the server who is here, before anything of the user's that is not written.
    pub(in crate::client) fn ask_who(&self) {
        let line = Arc::new(Typed::new(Command::Who.word()));
        self.push(&mut self.state(), line, Asker::Client);
    }

    fn push(&self, state: &mut State, line: Arc<Typed>, asker: Asker) {
        state.session.outbox.enter(line, asker, Instant::now());
        self.changed.notify_all();
    }

    /// Waits until there is something for the sender to do.
    pub(in crate::client) fn next_task(&self) -> Task {
        let mut state = self.state();
        loop {
            state = if state.has_work() { self.greeted(state) } else { self.wait(state) };
            if !state.away
                && let Progress::Done(server) = state.progress
                && let Some(task) = state.task(server)
            {
                return task;
            }
        }
    }

    /// Called when a batch was written, or so many lines of it before the connection was lost.
    pub(in crate::client) fn have_written(&self, batch: &Batch, lines: Result<(), usize>) {
        let mut state = self.state();
        state.writing = false;
        let written = lines.err().unwrap_or(batch.lines.len());
        let format = state.session.format();
        let outbox = &mut state.session.outbox;
        match format {
            Format::Tagged => outbox.give_back(batch.numbers[written]),
            Format::Plain => {
                outbox.forget(written);
                if lines.is_err() {
                    outbox.take_back(Instant::now());
                }
            }
        }
        self.changed.notify_all();
    }

    /// Nothing more will be entered: the sender tells the server, when all is written.
    pub(in crate::client) fn end_input(&self) {
        self.state().input = Input::Over;
        self.changed.notify_all();
    }

    /// Tells the server that we leave, as the last thing that the program does: one that knows us
    /// again would keep our name for a minute otherwise.
    pub(in crate::client) fn say_goodbye(&self) {
        let state = self.state();
        let is_told = state.session.outbox.has_written_quit();
        let may_be_told = state.session.format() == Format::Tagged && !state.away && !state.writing;
        if may_be_told && !is_told {
            state.connection.send_last(Command::Quit.word());
        }
    }

    /// Waits until there is no need to come back: the server is gone, no more will be entered, and
    /// all that was is known to be taken. It may never come to that.
    pub(in crate::client) fn wait_for_no_need(&self) {
        let is_needed = |state: &mut State| {
            let is_over = state.unreachable && state.input != Input::Open;
            !is_over || state.session.outbox.unsaid() > 0
        };
        drop(self.changed.wait_while(self.state(), is_needed));
    }

    /// Has the sender wait, with all but our own question, until what was missed has been shown.
    pub(in crate::client) fn fall_behind(&self) {
        self.state().session.outbox.fall_behind();
    }

    /// Called when that is so.
    pub(in crate::client) fn catch_up(&self) {
        self.state().session.outbox.catch_up();
        self.changed.notify_all();
    }

    /// Whether something of the user's waits to be sent.
    pub(in crate::client) fn has_unwritten(&self) -> bool {
        self.state().session.outbox.has_unwritten()
    }

    /// How many of the user's lines are not known to be said.
    pub(in crate::client) fn unsaid(&self) -> usize {
        self.state().session.outbox.unsaid()
    }

    /// All that a lost connection had to bring has come.
    pub(in crate::client) fn settle_covered(&self) -> Option<News> {
        let news = self.state().session.settle_covered();
        self.changed.notify_all();
        news
    }

    /// Whether it is not yet known what became of lines that a lost connection took.
    pub(in crate::client) fn has_covered(&self) -> bool {
        self.state().session.outbox.has_covered()
    }

    /// Waits until another number of lines than `known` has waited for a receipt for too long. Only
    /// while some wait does it wake by itself; and when nothing at all has come for far too long, it
    /// ends the connection.
    pub(in crate::client) fn next_overdue(&self, known: usize) -> usize {
        let mut state = self.state();
        loop {
            let now = Instant::now();
            let (overdue, next) = state.overdue(now);
            if overdue != known {
                return overdue;
            }
            let dead_at = state.dead_at();
            if dead_at.is_some_and(|at| at <= now) {
                state.given_up = true;
                state.connection.shut_down(Shutdown::Both).ok();
                continue;
            }
            state = match next.into_iter().chain(dead_at).min() {
                None => self.wait(state),
                Some(next) => {
                    let waited = self.changed.wait_timeout(state, next.duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl State {
    /// Whether the sender has something to do, as soon as the server lets it.
    fn has_work(&self) -> bool {
        self.session.outbox.has_unwritten() || self.input == Input::Over
    }

    fn task(&mut self, server: Server) -> Option<Task> {
        let format = self.session.format();
        let outbox = &mut self.session.outbox;
        if !outbox.has_unwritten() && self.input == Input::Over {
            self.input = Input::Finished;
            match format {
                Format::Plain => return Some(Task::Finish(server)),
                Format::Tagged if outbox.has_quit() => {}
                Format::Tagged => {
                    outbox.enter(
                        Arc::new(Typed::new(Command::Quit.word())),
                        Asker::User,
                        Instant::now(),
                    );
                }
            }
        }
        if !outbox.has_unwritten() {
            return None;
        }
        let batch = self.session.outbox.next_batch(server);
        if batch.ends {
            self.parting = Parting::Wanted;
        }
        self.writing = true;
        Some(Task::Write(Arc::clone(&self.connection), server, batch))
    }

    /// Where the server confirms nothing, nothing waits to be confirmed.
    fn overdue(&self, now: Instant) -> (usize, Option<Instant>) {
        if self.gets_receipts() { self.session.outbox.overdue(now) } else { (0, None) }
    }

    /// When the connection is to be taken for dead, if nothing comes until then.
    fn dead_at(&self) -> Option<Instant> {
        let since = self.session.outbox.awaits_since().filter(|_| self.gets_receipts())?;
        let silent_since = self.heard_at.map_or(since, |heard| heard.max(since));
        (!self.given_up).then_some(silent_since + DEAD)
    }

    fn gets_receipts(&self) -> bool {
        let is_here = !self.away && matches!(self.progress, Progress::Done(Server::Ours));
        is_here && self.session.format() == Format::Tagged
    }
}
