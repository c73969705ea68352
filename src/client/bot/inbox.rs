//! What comes from the server, until the program takes it, and which of the program's lines are not confirmed.
//!
//! The receiver fills it, and waits while it is full, so the server sends no more; the program's threads empty it.
//! Two locks: `saying` is held while a line is entered, which may take long, and the receiver does not take it;
//! `state` is held for moments, inside of it or alone.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use log::{debug, warn};

use super::event::ME;
use super::{Error, Event, Line as OwnLine};
use crate::client::exit_reason::ExitReason;
use crate::client::handshake::Server;
use crate::client::mutex::lock;
use crate::client::net::Told;
use crate::client::output::{Comeback, Output, Presence, Reader};
use crate::client::session::Line;
use crate::client::typed::Typed;
use crate::problem::Problem;
use crate::protocol::json::What;
use crate::protocol::reply::{self, Message, ReadNotice};

/// How much may wait to be taken, in bytes. A program that takes nothing is sent no more.
const MOST_UNREAD: usize = 1024 * 1024;

/// Why a line is refused of which the server has said so over a connection that was lost.
const UNHEARD: &str = "the server has not said it, and told why while the connection was lost";

/// What comes from the server.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// Held by the thread that enters a line.
    saying: Mutex<()>,
    /// What all threads share.
    state: Mutex<State>,
    /// Notified after each change of the state that somebody may wait for.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What the program has not taken, oldest first.
    events: VecDeque<Event>,
    /// How much that is, in bytes.
    unread: usize,
    /// How many threads wait for receipts: the receiver does not wait meanwhile.
    waiting_for_receipts: usize,
    /// The program's lines that are not known to be said, oldest first.
    unsaid: VecDeque<(OwnLine, Arc<Typed>)>,
    /// How many lines the program has entered.
    entered: u64,
    /// The connection is lost, and the program was told.
    is_lost: bool,
    /// Nobody takes events any more, and the refused lines are counted.
    is_closing: bool,
    /// How many lines were refused since then.
    refused: usize,
    /// The first line of a server that is no chat room.
    first_line: String,
    /// Why nothing more comes, once that is so; `None` for a clean end, and once it was told.
    end: Option<Error>,
    /// Whether nothing more comes.
    is_over: bool,
}

/// The events of a bot, one after the other; see [`Bot::events`](super::Bot::events).
#[derive(Debug)]
pub struct Events<'a>(&'a Inbox);

impl Iterator for Events<'_> {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Result<Event, Error>> {
        self.0.next(None)
    }
}

/// The right to enter a line.
pub(super) struct Register<'a> {
    inbox: &'a Inbox,
    _saying: MutexGuard<'a, ()>,
}

impl Register<'_> {
    /// The number of a line that is about to be entered.
    pub(super) fn begin(&mut self, line: &Arc<Typed>) -> OwnLine {
        let mut state = self.inbox.state();
        state.entered += 1;
        let number = OwnLine(state.entered);
        state.unsaid.push_back((number, Arc::clone(line)));
        number
    }

    /// It was not entered.
    pub(super) fn give_up(&mut self, number: OwnLine) {
        self.inbox.state().unsaid.retain(|(unsaid, _)| *unsaid != number);
    }
}

/// As long as it is there, the inbox is never full.
pub(super) struct Unbounded<'a>(&'a Inbox);

impl Drop for Unbounded<'_> {
    fn drop(&mut self) {
        self.0.state().waiting_for_receipts -= 1;
    }
}

impl Inbox {
    pub(super) fn events(&self) -> Events<'_> {
        Events(self)
    }

    /// The next event, which is waited for until that time; or the end.
    pub(super) fn next(&self, deadline: Option<Instant>) -> Option<Result<Event, Error>> {
        let mut state = self.state();
        loop {
            if let Some(event) = state.events.pop_front() {
                let was_full = state.is_full();
                state.unread -= event.weight();
                if was_full && !state.is_full() {
                    self.changed.notify_all();
                }
                return Some(Ok(event));
            }
            if state.is_over {
                return state.end.take().map(Err);
            }
            state = match deadline {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Lets one thread at a time enter a line.
    pub(super) fn register(&self) -> Register<'_> {
        Register { inbox: self, _saying: lock(&self.saying) }
    }

    /// Has the receiver go on although nobody takes what it brings.
    pub(super) fn without_bound(&self) -> Unbounded<'_> {
        self.state().waiting_for_receipts += 1;
        self.changed.notify_all();
        Unbounded(self)
    }

    /// The bot is in the room. What went wrong before, with others of its servers, is no event.
    pub(super) fn mark_joined(&self) {
        let mut state = self.state();
        state.is_lost = false;
        state.events.retain(|event| !matches!(event, Event::Lost { .. }));
        state.unread = state.events.iter().map(Event::weight).sum();
    }

    /// Nobody takes events any more.
    pub(super) fn begin_closing(&self) {
        self.state().is_closing = true;
        self.changed.notify_all();
    }

    /// Nothing more comes.
    pub(super) fn end(&self, end: ExitReason) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.is_over, true) {
            state.end = error(end);
        }
        self.changed.notify_all();
    }

    /// Whether nothing more comes.
    pub(super) fn is_over(&self) -> bool {
        self.state().is_over
    }

    /// Why nothing more comes, if that is so and there is a reason.
    pub(super) fn take_end(&self) -> Option<Error> {
        self.state().end.take()
    }

    /// What a server that is no chat room has said first.
    pub(super) fn take_first_line(&self) -> String {
        std::mem::take(&mut self.state().first_line)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn push(&self, event: Event) {
        self.state().push(event);
        self.changed.notify_all();
    }
}

impl State {
    fn push(&mut self, event: Event) {
        if !self.is_closing {
            self.unread += event.weight();
            self.events.push_back(event);
        }
    }

    fn is_full(&self) -> bool {
        self.unread > MOST_UNREAD && self.waiting_for_receipts == 0 && !self.is_closing
    }

    /// Takes a line out of those that are not known to be said.
    fn settle(&mut self, line: &Arc<Typed>) -> Option<OwnLine> {
        let place = self.unsaid.iter().position(|(_, unsaid)| Arc::ptr_eq(unsaid, line))?;
        self.unsaid.remove(place).map(|(number, _)| number)
    }
}

impl Output for Inbox {
    fn take(&self, line: &Line<'_>) {
        if line.server == Server::Foreign {
            let mut state = self.state();
            if state.first_line.is_empty() {
                state.first_line = line.text.clone().into_owned();
            }
            return;
        }
        let event = line
            .says
            .message()
            .filter(|message| is_news(*message))
            .and_then(|message| Event::of(What::of(message, &line.text, ME)));
        if let Some(event) = event {
            self.push(event);
        }
    }

    /// Waits while the program does not take what has come: then nothing more is read.
    fn show(&self) -> Result<(), ExitReason> {
        let waited = self.changed.wait_while(self.state(), |state| state.is_full());
        drop(waited);
        Ok(())
    }

    /// The program knows what it has said.
    fn show_own(&self, _: Server, _: &[&Typed]) -> Result<(), ExitReason> {
        Ok(())
    }

    fn notice(&self, text: &str) {
        warn!("{text}");
    }

    fn tell_of_secrecy(&self, told: &Told) {
        if !told.is_usual() {
            warn!("{told}");
        }
    }

    fn on_refusal(&self, error: &str, refused: Option<&Arc<Typed>>) {
        let mut state = self.state();
        let line = refused.and_then(|line| state.settle(line));
        state.push(Event::Refused { line, why: reply::words(error).to_owned() });
        self.changed.notify_all();
    }

    fn on_said(&self, lines: &[Arc<Typed>]) {
        let mut state = self.state();
        for line in lines {
            if let Some(line) = state.settle(line) {
                state.push(Event::Taken { line });
            }
        }
        self.changed.notify_all();
    }

    fn on_refused_unheard(&self, lines: &[Arc<Typed>]) {
        let mut state = self.state();
        for line in lines {
            let line = state.settle(line);
            state.push(Event::Refused { line, why: UNHEARD.to_owned() });
        }
        self.changed.notify_all();
    }

    fn on_lost(&self, why: &Problem) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.is_lost, true) {
            state.push(Event::Lost { why: why.cause() });
            self.changed.notify_all();
        }
    }

    fn on_back(&self, how: Comeback) {
        self.state().is_lost = false;
        self.push(match how {
            Comeback::Resumed => Event::Back { is_known: true, again: 0 },
            Comeback::Anew(again) => Event::Back { is_known: false, again },
        });
    }

    fn mark_refused(&self, lines: usize) {
        let mut state = self.state();
        if state.is_closing {
            state.refused += lines;
        }
    }

    fn refused(&self) -> usize {
        self.state().refused
    }

    fn set_presence(&self, presence: Presence) {
        debug!("{presence:?}");
    }

    fn way_to_give_secret(&self) -> &'static str {
        "Builder::password"
    }

    fn reader(&self) -> Reader {
        Reader::Program
    }

    fn close(&self) {}
}

/// Whether a message is about something that happens, and not an answer, or what every newcomer is told.
fn is_news(message: Message<'_>) -> bool {
    match message {
        Message::Notice(notice) => !matches!(
            notice,
            ReadNotice::Banner { .. }
                | ReadNotice::YouAre(_)
                | ReadNotice::WelcomeBack(_)
                | ReadNotice::Here(_)
                | ReadNotice::More(_)
                | ReadNotice::NotEncrypted
                | ReadNotice::From
                | ReadNotice::Help
                | ReadNotice::LastLines
                | ReadNotice::NoLastLines
                | ReadNotice::UpToDate
                | ReadNotice::Found
                | ReadNotice::ThatIsAll
                | ReadNotice::SignOfLife
        ),
        Message::Speech(_) | Message::Refusal(_) | Message::Plain => true,
    }
}

/// Why a bot has ended; `None` if that is well.
fn error(end: ExitReason) -> Option<Error> {
    match end {
        // A bot does not look for rooms, which is what is told so.
        ExitReason::Clean | ExitReason::Told(_) => None,
        ExitReason::Failed(problem) => Some(problem.into()),
        ExitReason::WrongServer { server, .. } => Some((*server).into()),
        ExitReason::Panicked(why) => {
            log::error!("internal error: {why} (this is a bug)");
            Some(Problem::Bug.into())
        }
    }
}
