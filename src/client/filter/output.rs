//! What a filter writes: the received lines to standard output, and all else to standard error. The
//! receiver calls it, and whichever thread has something to tell.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::Utc;
use log::warn;

use super::Filter;
use crate::client::clock;
use crate::client::conversation::{Moment, Shown};
use crate::client::exit::complain;
use crate::client::exit_reason::ExitReason;
use crate::client::handshake::Server;
use crate::client::mutex::lock;
use crate::client::net::Told;
use crate::client::output::{Output, Presence, Reader};
use crate::client::session::{Line, Settled};
use crate::client::typed::{Asks, Typed};
use crate::problem::Problem;
use crate::protocol::json::{Event, What};
use crate::protocol::reply::{Message, ReadNotice, ReadSpeech, ServerLine};
use crate::protocol::tag::Millis;

/// How much of a line that was refused is repeated, in characters.
const BEGINNING: usize = 60;

/// What comes from the server, on its way to standard output.
#[derive(Default)]
pub(super) struct Received {
    /// The text of the lines that were taken and are not written yet.
    pub(super) text: String,
    /// Whether a line was taken since the last writing, be it one that is not written.
    pub(super) has_new: bool,
    /// How often something was written.
    pub(super) shown: u64,
    /// The name that we have, for events.
    me: String,
    /// From which line of the input the private line is whose delivery comes next.
    whispered: Option<u64>,
}

impl Received {
    fn add(&mut self, event: &Event<'_>) {
        self.has_new = true;
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{event}");
    }
}

impl Filter {
    /// Takes a line of the server's as an event.
    fn take_event(&self, line: &Line<'_>, received: &mut Received) {
        if let ServerLine::EarlierDay(_) | ServerLine::EarlierUnknown = line.says {
            return;
        }
        let refuses = matches!(line.says.message(), Some(Message::Refusal(_)));
        if !refuses && line.server == Server::Ours && !self.wants(line.says) {
            return;
        }
        if let Some(
            ReadNotice::YouAre(name) | ReadNotice::YouAreNow(name) | ReadNotice::WelcomeBack(name),
        ) = line.says.notice()
        {
            name.clone_into(&mut received.me);
        }
        let is_delivery =
            matches!(line.says.message(), Some(Message::Speech(ReadSpeech::FromYou(..))));
        let source = if is_delivery { received.whispered.take() } else { None };
        let me = received.me.clone();
        let (what, earlier) = match line.says {
            ServerLine::Earlier { text, message, .. } => (What::of(message, text, &me), true),
            ServerLine::Message(message) => (What::of(message, &line.text, &me), false),
            _ => return,
        };
        received.add(&Event {
            own: is_delivery,
            line: line.answers.or(source),
            earlier,
            ..Event::new(line.seq, line.at.unwrap_or_else(now), what)
        });
    }

    /// Takes what became of a line of the input.
    fn take_own(&self, settled: &Settled, received: &mut Received) {
        let (line, me) = (&settled.line, received.me.clone());
        let what = match (settled.event, line.asks()) {
            (Some(_), Asks::Say(words)) => What::Said { from: &me, text: line.words(words) },
            (Some(_), Asks::Act(words)) => What::Done { from: &me, text: line.words(words) },
            (Some(_), Asks::Rename(name)) => What::Renamed { from: &me, new_name: name.as_str() },
            // Its delivery comes next, with the name of who gets it as that is spelled.
            (Some(_), _) => {
                received.whispered = line.source();
                return;
            }
            (None, _) => What::Answered,
        };
        let is_event = settled.event.is_some();
        if !is_event && line.source().is_none() {
            return;
        }
        received.add(&Event {
            own: is_event,
            line: line.source(),
            ..Event::new(settled.event, settled.at.unwrap_or_else(now), what)
        });
    }

    /// Refuses a line of the input that asks for nothing that can be sent.
    pub(super) fn refuse_input(&self, why: &str, number: u64) {
        warn!("line {number} of the input: {why}");
        let event =
            Event { line: Some(number), ..Event::new(None, now(), What::Refused { text: why }) };
        self.received().add(&event);
        self.mark_refused(1);
        // If it fails, so does what is shown next.
        self.show().ok();
    }
}

/// The time by this machine's clock.
fn now() -> Millis {
    Utc::now().timestamp_millis()
}

impl Output for Filter {
    fn take(&self, line: &Line<'_>) {
        let mut received = self.received();
        received.has_new = true;
        if let Some(conversation) = &self.conversation {
            let at = Moment::of_showing(clock::local_now()).of(line.at);
            let mut shown = Shown::default();
            lock(conversation).receive(line, at, &mut shown);
            received.text.push_str(&shown.text);
        } else if self.is_json {
            self.take_event(line, &mut received);
        } else if line.server == Server::Foreign || self.wants(line.says) {
            received.text.extend([&line.text, "\n"]);
        }
    }

    fn due(&self) -> Option<Duration> {
        let conversation = self.conversation.as_ref()?;
        lock(conversation).sum_due(clock::local_now())
    }

    fn show(&self) -> Result<(), ExitReason> {
        let mut received = self.received();
        if let Some(conversation) = &self.conversation {
            let mut shown = Shown::default();
            lock(conversation).show_sum(Moment::of_showing(clock::local_now()), &mut shown);
            received.has_new |= !shown.text.is_empty();
            received.text.push_str(&shown.text);
        }
        if !std::mem::take(&mut received.has_new) {
            return Ok(());
        }
        received.shown += 1;
        let mut out = io::stdout().lock();
        let written = out.write_all(received.text.as_bytes()).and_then(|()| out.flush());
        received.text.clear();
        written.map_err(|why| match why.kind() {
            // Whoever read it has had enough, as `head` does.
            io::ErrorKind::BrokenPipe => ExitReason::Clean,
            _ => ExitReason::Failed(Problem::System("write to standard output", why)),
        })
    }

    /// Whoever wrote them knows them.
    fn show_own(&self, _: Server, _: &[&Typed]) -> Result<(), ExitReason> {
        Ok(())
    }

    fn notice(&self, text: &str) {
        if !self.is_closed.load(Ordering::Relaxed) {
            complain(text);
        }
    }

    /// A program has nothing to do with what is as it should be.
    fn tell_of_secrecy(&self, told: &Told) {
        if self.conversation.is_some() || !told.is_usual() {
            self.notice(&told.to_string());
        }
    }

    /// Somebody at a terminal sees it among the rest, and so does a program that reads events.
    fn on_refusal(&self, error: &str, refused: Option<&Arc<Typed>>) {
        if self.conversation.is_none() && !self.is_json {
            complain(&match refused {
                None => error.to_owned(),
                Some(line) => format!("{error} ({})", beginning(line)),
            });
        }
    }

    fn on_settled(&self, settled: &Settled) {
        if self.is_json {
            self.take_own(settled, &mut self.received());
        }
    }

    fn on_refused_unseen(&self, line: &Typed) {
        let why = "refused while the connection was lost";
        match line.source() {
            Some(source) if self.is_json => {
                let what = What::Refused { text: why };
                let event = Event { line: Some(source), ..Event::new(None, now(), what) };
                self.received().add(&event);
            }
            _ => self.notice(&format!("{why}: {}", line.for_notice())),
        }
    }

    fn mark_refused(&self, lines: usize) {
        self.refused.fetch_add(lines, Ordering::Relaxed);
    }

    fn refused(&self) -> usize {
        if self.conversation.is_some() { 0 } else { self.refused.load(Ordering::Relaxed) }
    }

    /// There is no prompt to show it.
    fn set_presence(&self, _: Presence) {}

    fn reader(&self) -> Reader {
        Reader::Program
    }

    fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }
}

/// A line that was refused, to be known by.
fn beginning(line: &Typed) -> String {
    let text = line.for_log();
    match text.char_indices().nth(BEGINNING) {
        None => text.into_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
