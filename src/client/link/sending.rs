//! What the threads do with the outbox: the main thread puts lines in, and the sender takes them out.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::greeting::{GreetingTimer, Readiness};
use super::state::{Input, Parting, Sending, State};
use super::{Link, Watch, Watched};
use crate::client::handshake::Server;
use crate::client::net::Connection;
use crate::client::outbox::{Asker, Batch};
use crate::client::session::News;
use crate::client::typed::Typed;
use crate::protocol::request::Command;
use crate::protocol::tag::Format;

/// What the sender is to do next.
#[derive(Debug)]
pub(in crate::client) enum Task {
    /// Write this, to a server of this kind.
    Write(Arc<Connection>, Server, Batch),
    /// Show that so many lines have waited for receipts for too long.
    ShowWaiting(usize),
    /// Everything is written, and the user wants to go from a server that is not told so in words.
    Finish(Server),
    /// It is over.
    End,
}

/// Whether a line was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Entered {
    /// It was.
    Yes,
    /// Too much waits already.
    Full,
    /// It is over, or the user has left.
    Over,
}

impl Link {
    /// Takes a line of the user's to be sent, unless so many bytes wait already.
    pub(in crate::client) fn enter(&self, line: Arc<Typed>, most: usize) -> Entered {
        self.enter_now(&mut self.state(), line, most)
    }

    /// The same, but waits until there is room for it.
    pub(in crate::client) fn enter_in_time(&self, line: Arc<Typed>, most: usize) -> Entered {
        let is_full = |state: &mut State| {
            let is_open = !state.is_over && state.input == Input::Open;
            is_open && state.session.outbox.held() > most
        };
        let waited = self.changed.wait_while(self.state(), is_full);
        self.enter_now(&mut waited.unwrap_or_else(PoisonError::into_inner), line, most)
    }

    fn enter_now(&self, state: &mut State, line: Arc<Typed>, most: usize) -> Entered {
        if state.is_over || state.input != Input::Open {
            return Entered::Over;
        }
        if state.session.outbox.held() > most {
            return Entered::Full;
        }
        self.push(state, line, Asker::User);
        Entered::Yes
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

    /// Waits until there is something for the sender to do. It wakes by itself only while the server
    /// is waited for, be it for its first words or for a receipt.
    pub(in crate::client) fn next_task(&self, watch: Watch) -> Task {
        let (mut state, mut greeting) = (self.state(), GreetingTimer::default());
        loop {
            if state.is_over {
                return Task::End;
            }
            let due = match state.watch(watch) {
                Watched::Overdue(lines) => return Task::ShowWaiting(lines),
                Watched::Until(due) => due,
            };
            let readiness = if state.has_work() {
                greeting.check(&mut state, self.greeting_wait)
            } else {
                greeting = GreetingTimer::default();
                Readiness::Unknown
            };
            let due = match readiness {
                Readiness::Ready(server) => match state.task(server) {
                    Some(task) => return task,
                    None => due,
                },
                Readiness::Until(silent) => due.into_iter().chain([silent]).min(),
                Readiness::Unknown => due,
            };
            state = self.wait_until(state, due);
        }
    }

    /// Called when a batch was written, or so many lines of it before the connection was lost.
    pub(in crate::client) fn have_written(&self, batch: &Batch, lines: Result<(), usize>) {
        let mut state = self.state();
        state.sending = if lines.is_ok() { Sending::Idle } else { Sending::Failed };
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
        let is_free = !state.is_lost() && state.sending != Sending::Writing;
        let may_be_told = state.session.format() == Format::Tagged && is_free;
        let quit = (may_be_told && !is_told).then(|| Command::Quit.word());
        if !state.is_lost() {
            state.connection.take_leave(quit);
        }
    }

    /// Waits until there is no need to come back: the server is gone, no more will be entered, and
    /// all that was is known to be taken. It may never come to that.
    pub(in crate::client) fn wait_for_no_need(&self) {
        drop(self.changed.wait_while(self.state(), |state| !state.needs_nothing()));
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
}

impl State {
    /// Whether the sender has something to do, as soon as the server lets it.
    fn has_work(&self) -> bool {
        let is_due = self.session.outbox.has_unwritten() || self.input == Input::Over;
        is_due && self.sending != Sending::Failed
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
        self.sending = Sending::Writing;
        Some(Task::Write(Arc::clone(&self.connection), server, batch))
    }
}
