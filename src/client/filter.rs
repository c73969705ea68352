//! The client without a terminal: standard input to the server, the server to standard output.
//!
//! The main thread reads and sends, byte for byte, in pieces as large as they come; memory stays
//! bounded however much there is. Standard output gets the received lines and nothing else.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use chrono::Local;
use log::{info, warn};

use super::colours::Colours;
use super::conversation::{Conversation, Moment, Shown};
use super::handshake::Server;
use super::link::Connection;
use super::output::{Output, Presence, Reader, Received};
use super::way_out::{End, complain, lock, wait_for_the_end};
use super::{OnLoss, Session};
use crate::problem::Problem;
use crate::protocol::lines::{Line, LineSplitter};
use crate::protocol::text;

/// How many bytes are read from standard input at once, at most.
const CHUNK: usize = 64 * 1024;

/// The longest line that is written to the log whole, in bytes. It is sent at any length.
const MAX_LOGGED: usize = 64 * 1024;

/// A server that does not close the connection after we have closed our side of it, as the Python
/// original, has said everything when it has been silent for so long.
const SILENCE: Duration = Duration::from_secs(1);

/// Standard output.
#[derive(Default)]
pub(super) struct Filter {
    /// How often something was shown. Held while it is written.
    shown: Mutex<u64>,
    /// In a terminal that can do no more than show lines, each has its time.
    conversation: Option<Mutex<Conversation>>,
}

impl Filter {
    /// For a terminal that can do no more than show one line after the other.
    pub(super) fn in_dumb_terminal() -> Filter {
        let conversation = Some(Mutex::new(Conversation::new(Colours::None)));
        Filter { conversation, ..Filter::default() }
    }

    /// What is written of what was received.
    fn lines<'a>(&self, received: &'a Received) -> Cow<'a, str> {
        let Some(conversation) = &self.conversation else { return Cow::Borrowed(&received.lines) };
        let (mut conversation, mut shown) = (lock(conversation), Shown::default());
        let at = Moment { time: Local::now().naive_local(), columns: 0 };
        for line in received.lines.lines() {
            conversation.receive(line, received.server, at, &mut shown);
        }
        Cow::Owned(shown.text)
    }

    fn shown(&self) -> MutexGuard<'_, u64> {
        lock(&self.shown)
    }

    /// Waits until nothing has come for a while. A reader of ours that is slow is no silence.
    fn wait_for_silence(&self) {
        loop {
            let before = *self.shown();
            thread::sleep(SILENCE);
            if *self.shown() == before {
                return;
            }
        }
    }
}

impl Output for Filter {
    fn show(&self, received: &Received) -> Result<(), End> {
        let mut shown = self.shown();
        *shown += 1;
        let mut out = io::stdout().lock();
        let lines = self.lines(received);
        let written = out.write_all(lines.as_bytes()).and_then(|()| out.flush());
        written.map_err(|why| match why.kind() {
            // Whoever read it has had enough, as `head` does.
            io::ErrorKind::BrokenPipe => End::Clean,
            _ => End::Failed(Problem::System("write to standard output", why)),
        })
    }

    fn notice(&self, text: &str) {
        complain(text);
    }

    /// A filter ends when its connection does.
    fn set_presence(&self, _: Presence) {}

    fn reader(&self) -> Reader {
        Reader::Program
    }

    fn close(&self) {}
}

/// Sends standard input, and waits until everything has been delivered.
pub(super) fn run(session: &Session<'_, Filter>) -> End {
    match send_everything(session) {
        Err(end) => end,
        Ok(Server::Ours) => wait_for_the_end(),
        Ok(Server::Foreign) => {
            session.output.wait_for_silence();
            if !session.link.has_heard() {
                return End::Failed(session.link.silent());
            }
            session.link.stop_receiving();
            // The receiver shows what stands unfinished, and ends the program. Where a system does
            // not wake it, the program ends all the same.
            thread::sleep(SILENCE);
            End::Clean
        }
    }
}

fn send_everything(session: &Session<'_, Filter>) -> Result<Server, End> {
    session.receive(OnLoss::Ends).map_err(End::Failed)?;
    let connection = session.link.wait_for_greeting();
    let server = session.link.server_as_known();
    let mut input = io::stdin().lock();
    let mut journal = Journal::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = match input.read(&mut buffer) {
            Ok(length) => length,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
            Err(why) => return Err(End::Failed(Problem::System("read standard input", why))),
        };
        let end_of_last_line: &[u8] = if journal.input.is_mid_line() { b"\n" } else { b"" };
        let chunk = if length == 0 { end_of_last_line } else { &buffer[..length] };
        send(session, &connection, &mut journal, chunk);
        if length == 0 {
            session.link.close_our_side().map_err(End::Failed)?;
            return Ok(server);
        }
    }
}

fn send(
    session: &Session<'_, Filter>,
    connection: &Connection,
    journal: &mut Journal,
    chunk: &[u8],
) {
    each_line(&mut journal.input, chunk, |line| {
        info!("input: {}", text::make_safe(line));
        session.link.about_to_send(line);
    });
    if let Err(why) = connection.send(chunk) {
        warn!("not sent: {why}");
        // The receiver has more to show, perhaps, and then learns it too.
        wait_for_the_end();
    }
    each_line(&mut journal.sent, chunk, |line| info!("sent: {}", text::make_safe(line)));
}

/// Cuts the stream into lines for the log. The stream itself is sent as it is.
struct Journal {
    input: LineSplitter,
    sent: LineSplitter,
}

impl Journal {
    fn new() -> Journal {
        Journal { input: LineSplitter::new(MAX_LOGGED), sent: LineSplitter::new(MAX_LOGGED) }
    }
}

fn each_line(splitter: &mut LineSplitter, mut chunk: &[u8], mut act: impl FnMut(&[u8])) {
    while let Some(line) = splitter.next(&mut chunk) {
        match line {
            Line::Whole(line) => act(line),
            Line::TooLong(_) => act(format!("(more than {MAX_LOGGED} bytes)").as_bytes()),
        }
    }
}
