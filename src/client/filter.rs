//! The client without a terminal: standard input to the server, the server to standard output.
//!
//! The main thread reads. Input is text, which is said whatever it begins with, unless it is to be
//! commands too. Where the server confirms lines, the main thread cuts the input into them, and they
//! go by way of the outbox, so that they outlive a lost connection. A server of ours that does not
//! confirm them gets them one by one, and any other server gets the input byte for byte, in pieces as
//! large as they come. Memory stays bounded however much there is. Standard output gets the received
//! lines and nothing else; errors go to standard error, and make the exit status 1.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use log::{info, warn};

use super::config::{Input, OnLoss};
use super::conversation::{Conversation, Looks, Medium};
use super::exit::wait_for_the_end;
use super::exit_reason::ExitReason;
use super::handshake::Server;
use super::link::Watch;
use super::mutex::lock;
use super::net::Connection;
use super::receiver::end::end_with_refused;
use super::receiver::tell_of_connection;
use super::run::Run;
use super::sender::Sender;
use super::typed::Typed;
use crate::problem::Problem;
use crate::protocol::reply::{Message, ReadSpeech, ServerLine};
use crate::protocol::request::Command;
use crate::protocol::tag::Format;
use input::{read_input, read_lines};
use journal::Journal;
use output::Received;

mod decoder;
mod input;
mod journal;
mod json;
mod output;

/// How many bytes may wait for their receipts. Beyond that standard input is read no further.
const MOST_WAITING: usize = 1024 * 1024;

/// A server that does not close the connection after we have closed our side of it, as the Python
/// original, has said everything when it has been silent for so long.
const SILENCE: Duration = Duration::from_secs(1);

/// Standard output.
#[derive(Default)]
pub(super) struct Filter {
    /// What comes. Held while it is written.
    received: Mutex<Received>,
    /// In a terminal that can do no more than show lines, each has its time.
    conversation: Option<Mutex<Conversation>>,
    /// Only what is said is written, as far as the server's lines can be told apart.
    is_quiet: bool,
    /// What is written is JSON, for a program.
    is_json: bool,
    /// How many lines of the input were refused.
    refused: AtomicUsize,
    /// The program is on its way out: what comes after that is no news.
    is_closed: AtomicBool,
}

impl Filter {
    pub(super) fn new(is_quiet: bool, is_json: bool) -> Filter {
        Filter { is_quiet, is_json, ..Filter::default() }
    }

    /// For a terminal that can do no more than show one line after the other.
    pub(super) fn in_dumb_terminal(looks: Looks) -> Filter {
        let conversation = Some(Mutex::new(Conversation::new(looks, Medium::Lines)));
        Filter { conversation, ..Filter::default() }
    }

    /// A person stays, and so does a program that speaks JSON; any other is told by the end that something is missing.
    fn on_loss_by_default(&self) -> OnLoss {
        if self.conversation.is_some() || self.is_json { OnLoss::ComesBack } else { OnLoss::Ends }
    }

    /// Whether a line of our server's goes to standard output.
    fn wants(&self, line: ServerLine<'_>) -> bool {
        match line.message() {
            Some(Message::Speech(ReadSpeech::FromYou(..))) => !self.is_quiet,
            Some(Message::Speech(_)) => true,
            Some(Message::Refusal(_)) => false,
            Some(Message::Notice(_) | Message::Plain) | None => !self.is_quiet,
        }
    }

    fn received(&self) -> MutexGuard<'_, Received> {
        lock(&self.received)
    }

    /// Waits until nothing has come for a while. A reader of ours that is slow is no silence.
    fn wait_for_silence(&self) {
        loop {
            let before = self.received().shown;
            thread::sleep(SILENCE);
            if self.received().shown == before {
                return;
            }
        }
    }
}

/// Sends standard input, and waits until everything has been delivered.
pub(super) fn run(run: &Run<'_, Filter>) -> ExitReason {
    let by_default = run.output.on_loss_by_default();
    match begin(run, run.config.on_loss.unwrap_or(by_default)) {
        Err(end) => end,
        Ok(Server::Ours) => {
            run.link.wait_for_no_need();
            end_with_refused(&*run.output)
        }
        Ok(Server::Foreign) => {
            run.output.wait_for_silence();
            if !run.link.has_heard() {
                return ExitReason::Failed(run.link.silent());
            }
            run.link.stop_receiving();
            // The receiver shows what stands unfinished, and ends the program. On Windows it may not
            // be woken, where nothing does; the program ends all the same.
            thread::sleep(SILENCE);
            ExitReason::Clean
        }
    }
}

/// Sends all of standard input, or leaves the rest to the sender.
fn begin(run: &Run<'_, Filter>, on_loss: OnLoss) -> Result<Server, ExitReason> {
    run.receive(on_loss).map_err(ExitReason::Failed)?;
    if run.config.input == Input::Unread {
        wait_for_the_end();
    }
    let (connection, format) = run.link.wait_for_greeting();
    let server = run.link.server_as_known();
    tell_of_connection(&run.link, &*run.output);
    match format {
        Format::Tagged => return send_lines(run, on_loss).map(|()| Server::Ours),
        // One that has not said a word yet may still turn out to be ours.
        Format::Plain if server == Server::Ours || !run.link.has_heard() => {
            send_plain_lines(run, &connection)?;
            if run.link.server() == Some(Server::Ours) {
                // It may have given us the tagged form since: then the end of the input does not say that we leave.
                // If it fails, the receiver is about to learn why.
                connection.send(format!("{}\n", Command::Quit.word()).as_bytes()).ok();
            }
        }
        Format::Plain if run.config.input == Input::Json => {
            return Err(ExitReason::Failed(Problem::NoChatroom {
                server: connection.peer(),
                said: "something else than a chatroom's banner".to_owned(),
            }));
        }
        Format::Plain => send_bytes(run, &connection)?,
    }
    run.link.close_our_side().map_err(ExitReason::Failed)?;
    Ok(server)
}

/// Puts the lines of standard input into the outbox, as fast as the server confirms them.
fn send_lines(run: &Run<'_, Filter>, on_loss: OnLoss) -> Result<(), ExitReason> {
    let (link, output) = (Arc::clone(&run.link), Arc::clone(&run.output));
    // A dead connection is given up where another can be made.
    let watch = match on_loss {
        OnLoss::ComesBack => Watch::On { told: 0 },
        OnLoss::Ends => Watch::Off,
    };
    let sender = Sender { link, output, watch };
    run.exit.spawn_helper("sender", move || sender.run()).map_err(ExitReason::Failed)?;
    read_lines(run, |line| enter(run, line))?;
    run.link.end_input();
    Ok(())
}

/// Sends the lines of standard input, which the server will not confirm.
fn send_plain_lines(run: &Run<'_, Filter>, connection: &Connection) -> Result<(), ExitReason> {
    read_lines(run, |line| {
        let bytes = [line.wire(), b"\n"].concat();
        send(run, connection, &bytes, &[line]);
        ControlFlow::Continue(())
    })
}

/// Sends standard input to a server that knows nothing of lines.
fn send_bytes(run: &Run<'_, Filter>, connection: &Connection) -> Result<(), ExitReason> {
    let mut journal = Journal::new();
    let mut send_chunk = |chunk: &[u8]| {
        let lines = journal.lines(chunk);
        send(run, connection, chunk, &lines);
        journal.is_mid_line()
    };
    let mut is_mid_line = false;
    read_input(run, |chunk| {
        is_mid_line = send_chunk(chunk);
        ControlFlow::Continue(())
    })?;
    if is_mid_line {
        send_chunk(b"\n");
    }
    Ok(())
}

/// Takes a line in. After `/quit` no more are taken.
fn enter(run: &Run<'_, Filter>, line: Typed) -> ControlFlow<()> {
    info!("input: {}", line.for_log());
    let ends = line.is_quit();
    run.link.enter_in_time(Arc::new(line), MOST_WAITING);
    if ends { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Sends these bytes, in which these lines end.
fn send(run: &Run<'_, Filter>, connection: &Connection, bytes: &[u8], lines: &[Typed]) {
    for line in lines {
        info!("input: {}", line.for_log());
        run.link.about_to_send(line);
    }
    if let Err(why) = connection.send(bytes) {
        warn!("not sent: {why}");
        // The receiver has more to show, perhaps, and then learns it too.
        wait_for_the_end();
    }
    lines.iter().for_each(|line| info!("sent: {}", line.for_log()));
}
