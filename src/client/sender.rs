//! What the user has entered, from the outbox to the socket.
//!
//! One thread does this, in a terminal, and in a filter whose server confirms each line. It never
//! waits for an answer: what is not confirmed stays in the outbox, and when the connection is lost,
//! is given out again. It tells the user how many lines have waited for their receipts for too long, and
//! gives a dead connection up, also while the server takes nothing of what it writes.

use std::io;
use std::sync::Arc;

use log::{info, warn};

use super::exit_reason::ExitReason;
use super::handshake::Server;
use super::link::{Link, Task, Watch, Watched};
use super::net::Connection;
use super::outbox::Batch;
use super::output::Output;
use super::receiver::tell_of_connection;

/// The work of the thread that sends.
pub(super) struct Sender<O> {
    /// Where it takes what is to be sent.
    pub(super) link: Arc<Link>,
    /// Where own lines are shown once they are on their way.
    pub(super) output: Arc<O>,
    /// Whether unconfirmed lines are watched, and how many were shown last.
    pub(super) watch: Watch,
}

impl<O: Output> Sender<O> {
    /// Sends until the user has left. The end, unless the receiver is the one to find it.
    pub(super) fn run(mut self) -> Option<ExitReason> {
        loop {
            let done = match self.link.next_task(self.watch) {
                Task::ShowWaiting(lines) => self.show_waiting(lines),
                Task::Write(connection, server, batch) => self.write(&connection, server, &batch),
                // It closes the connection when it has taken everything, and the receiver ends it.
                Task::Finish(Server::Ours) => match self.link.close_our_side() {
                    Ok(()) => return None,
                    Err(_) => return Some(ExitReason::Clean),
                },
                Task::Finish(Server::Foreign) => return Some(ExitReason::Clean),
                Task::End => return None,
            };
            if let Err(end) = done {
                return Some(end);
            }
        }
    }

    fn write(&mut self, to: &Connection, server: Server, batch: &Batch) -> Result<(), ExitReason> {
        // One that has not said a word: the receiver has had nothing to tell it with.
        if server == Server::Foreign {
            tell_of_connection(&self.link, &*self.output);
        }
        let unseen: Vec<_> = batch.unseen.iter().map(|&place| &*batch.lines[place]).collect();
        if !unseen.is_empty() {
            self.output.show_own(server, &unseen)?;
        }
        match self.send(to, batch)? {
            Ok(()) => {
                self.link.have_written(batch, Ok(()));
                batch.lines.iter().for_each(|line| info!("sent: {}", line.for_log()));
            }
            // The receiver learns it too, and makes another connection or ends the program.
            Err((sent, why)) => {
                warn!("not sent: {why}");
                self.link.have_written(batch, Err(sent));
            }
        }
        Ok(())
    }

    /// Sends the lines. If that fails, the inner error comes with how many of them were sent.
    fn send(
        &mut self,
        to: &Connection,
        batch: &Batch,
    ) -> Result<Result<(), (usize, io::Error)>, ExitReason> {
        let lines = batch.lines.iter().flat_map(|line| [line.wire(), b"\n"]);
        let bytes = lines.collect::<Vec<_>>().concat();
        let mut sent = 0;
        while sent < bytes.len() {
            let deadline = loop {
                match self.link.look_after_receipts(self.watch) {
                    Watched::Overdue(lines) => self.show_waiting(lines)?,
                    Watched::Until(deadline) => break deadline,
                }
            };
            match to.send_until(&bytes[sent..], deadline) {
                Ok(length) => sent += length,
                Err(why) => {
                    let newlines = bytes[..sent].iter().filter(|&&byte| byte == b'\n');
                    return Ok(Err((newlines.count(), why)));
                }
            }
        }
        Ok(Ok(()))
    }

    /// Shows how many lines have waited for their receipts for too long.
    fn show_waiting(&mut self, lines: usize) -> Result<(), ExitReason> {
        self.watch = Watch::On { told: lines };
        self.output.set_waiting(lines)
    }
}
