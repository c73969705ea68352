//! What the user has entered, from the outbox to the socket.
//!
//! One thread does this, in a terminal, and in a filter whose server confirms each line. It never
//! waits for an answer: what is not confirmed stays in the outbox, and when the connection is lost,
//! is given out again.

use std::sync::Arc;

use log::{info, warn};

use super::connection::Connection;
use super::exit::wait_for_the_end;
use super::exit_reason::ExitReason;
use super::handshake::Server;
use super::link::{Link, Task};
use super::outbox::Batch;
use super::output::Output;

/// The work of the thread that sends.
pub(super) struct Sender<O> {
    /// Where it takes what is to be sent.
    pub(super) link: Arc<Link>,
    /// Where own lines are shown once they are on their way.
    pub(super) output: Arc<O>,
}

impl<O: Output> Sender<O> {
    /// Sends until the user has left.
    pub(super) fn run(self) -> ExitReason {
        loop {
            match self.link.next_task() {
                Task::Write(connection, server, batch) => {
                    if let Err(end) = self.write(&connection, server, &batch) {
                        return end;
                    }
                }
                // It closes the connection when it has taken everything, and the receiver ends it.
                Task::Finish(Server::Ours) => match self.link.close_our_side() {
                    Ok(()) => wait_for_the_end(),
                    Err(_) => return ExitReason::Clean,
                },
                Task::Finish(Server::Foreign) => return ExitReason::Clean,
            }
        }
    }

    fn write(&self, to: &Arc<Connection>, server: Server, batch: &Batch) -> Result<(), ExitReason> {
        let unseen: Vec<_> = batch.unseen.iter().map(|&place| &*batch.lines[place]).collect();
        if !unseen.is_empty() {
            self.output.show_own(server, &unseen)?;
        }
        let lines: Vec<_> = batch.lines.iter().map(|line| line.wire()).collect();
        match to.send_lines(&lines) {
            Ok(()) => {
                self.link.have_written(batch, Ok(()));
                batch.lines.iter().for_each(|line| info!("sent: {}", line.for_log()));
            }
            // The receiver learns it too, and makes another connection or ends the program.
            Err((sent, why)) => {
                warn!("not sent: {why}");
                self.link.have_written(batch, Err(sent));
                self.link.wait_for_loss(to);
            }
        }
        Ok(())
    }
}
