//! What a filter writes: the received lines to standard output, and all else to standard error. The
//! receiver calls it, and whichever thread has something to tell.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Filter;
use crate::client::clock;
use crate::client::conversation::{Moment, Shown};
use crate::client::exit::complain;
use crate::client::exit_reason::ExitReason;
use crate::client::handshake::Server;
use crate::client::mutex::lock;
use crate::client::net::Told;
use crate::client::output::{Output, Presence, Reader};
use crate::client::session::Line;
use crate::client::typed::Typed;
use crate::problem::Problem;

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

    /// Somebody at a terminal sees it among the rest.
    fn on_refusal(&self, error: &str, refused: Option<&Arc<Typed>>) {
        if self.conversation.is_none() {
            complain(&match refused {
                None => error.to_owned(),
                Some(line) => format!("{error} ({})", beginning(line)),
            });
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
