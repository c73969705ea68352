//! What comes from the server, from the socket to the output.
//!
//! One thread does this, in both ways of running. It reads as much as there is (`reading`), gives each
//! line to the link and to the output (`listener`), and shows them all at once. It wakes for nothing but
//! what arrives, except while a foreign server's line is unfinished. When the connection is lost, it makes
//! the next one.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use log::info;

use super::config::OnLoss;
use super::exit_reason::ExitReason;
use super::handshake::{Progress, Server};
use super::link::Link;
use super::net::Openness;
use super::output::{Output, Reader};
use super::reconnect::Comeback;
use crate::problem::{Lost, Problem};
use crate::protocol::GRACE;
use crate::protocol::tag::Format;
use end::Standing;
use listener::Listener;
use reading::{Arrived, Brought, Reading};

pub(super) mod end;
mod listener;
mod reading;
mod roll_call;

/// The least timeout: a socket takes none of zero.
const LEAST: Duration = Duration::from_millis(1);

/// How many bytes are read at once, at most. A terminal takes about a megabyte a second, and a key
/// waits for the chunk that is being shown: in a flood, some 8 ms.
const CHUNK: usize = 8 * 1024;

/// How long a server that has known us may be silent on a new connection. Somebody between us may have
/// taken it who cannot reach the server, and the session waits there for a minute only.
const UNANSWERED: Duration = Duration::from_secs(10);

/// The work of the thread that receives.
pub(super) struct Receiver<'a> {
    /// The way to the server.
    link: &'a Link,
    /// Where what comes is shown.
    output: &'a dyn Output,
    /// What a lost connection means.
    on_loss: OnLoss,
    /// The present connection, as far as it was read.
    reading: Reading,
    /// Takes the lines of all connections.
    listener: Listener<'a>,
    /// The furthest that we have come with the server, over all connections.
    standing: Standing,
    /// Since when the server's nonce is waited for, while it is.
    nonce_since: Option<Instant>,
    /// Whether the next line may be an offer of TLS that is taken up: the first one of a plain connection.
    openness: Openness,
}

/// Why no more lines are taken from a connection that has not ended.
enum Stop {
    /// The program ends.
    Exit(ExitReason),
    /// The server offers TLS, over another connection.
    Offer,
}

impl From<ExitReason> for Stop {
    fn from(reason: ExitReason) -> Stop {
        Stop::Exit(reason)
    }
}

impl<'a> Receiver<'a> {
    pub(super) fn new(link: &'a Link, output: &'a dyn Output, on_loss: OnLoss) -> Receiver<'a> {
        link.set_on_loss(on_loss);
        let reading = Reading::new(link.connection());
        let listener = Listener::new(link, output, reading.peer());
        let (standing, openness) = (Standing::Unknown, reading.openness());
        let nonce_since = None;
        Receiver { link, output, on_loss, reading, listener, standing, nonce_since, openness }
    }

    /// Receives until there is nothing more, and says what that means.
    pub(super) fn run(mut self) -> ExitReason {
        let mut comeback = Comeback::default();
        tell_of_connection(self.link, self.output);
        loop {
            let end = match self.receive() {
                Ok(lost) => {
                    info!("the connection has ended: {lost:?}");
                    self.with_what_is_unsaid(self.link.judge(lost))
                }
                Err(Stop::Exit(end)) => end,
                Err(Stop::Offer) => match self.encrypt() {
                    Ok(()) => continue,
                    Err(problem) => ExitReason::Failed(problem),
                },
            };
            self.standing = self.standing.max(self.present_standing());
            let ExitReason::Failed(problem) = end else { return end };
            let Some(endurance) = self.endurance_after(&problem).filter(|_| !self.link.is_over())
            else {
                return self.failed(problem);
            };
            match comeback.reconnect(self.link, self.output, problem, endurance) {
                Ok(()) => self.begin_again(),
                Err(problem) => return self.failed(problem),
            }
        }
    }

    /// Connects again, over TLS, as the server has offered.
    fn encrypt(&mut self) -> Result<(), Problem> {
        info!("the server offers TLS");
        self.standing = self.standing.max(Standing::Ours);
        self.link.lose();
        self.link.reconnect()?;
        self.begin_again();
        // The user knows nothing of another one.
        self.listener.mark_told();
        Ok(())
    }

    /// Called when there is another connection.
    fn begin_again(&mut self) {
        self.reading = Reading::new(self.link.connection());
        self.openness = self.reading.openness();
        self.listener.begin_again(self.reading.peer());
        if self.link.servers() > 1 && self.standing < Standing::LetIn {
            // That it was tried is told, and the conversation has not begun.
            self.listener.mark_told();
        }
        tell_of_connection(self.link, self.output);
    }

    fn receive(&mut self) -> Result<Lost, Stop> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let nonce_due = self.look_after_nonce();
            let leave_at = self.link.leave_at();
            if leave_at.is_some_and(|at| at <= Instant::now()) {
                self.link.leave();
                return Ok(Lost::Broken(ErrorKind::TimedOut.into()));
            }
            let due = nonce_due.into_iter().chain(leave_at).min();
            let (timeout, is_shows) = self.timeout_or_due(due);
            let brought = self.reading.read(&mut buffer, timeout);
            match brought
                .map_err(|why| ExitReason::Failed(Problem::System("use the socket", why)))?
            {
                Brought::Bytes(length) => {
                    self.link.mark_heard();
                    self.take_lines(&buffer[..length])?;
                    self.listener.show()?;
                }
                Brought::Silence if is_shows => self.listener.show()?,
                Brought::Silence if due.is_some() => {}
                Brought::Silence => {
                    if let Some(lost) = self.on_silence()? {
                        return Ok(lost);
                    }
                }
                Brought::End(lost) => {
                    if self.reading.keeps_unfinished(&lost) {
                        self.finish()?;
                    }
                    return Ok(lost);
                }
            }
        }
    }

    /// Until when the server's nonce is waited for, if it is. Once that is over, goes on without it.
    fn look_after_nonce(&mut self) -> Option<Instant> {
        let Some(wait) = self.link.nonce_wait() else {
            self.nonce_since = None;
            return None;
        };
        let now = Instant::now();
        let due = *self.nonce_since.get_or_insert(now) + wait;
        if due <= now {
            self.nonce_since = None;
            self.link.go_on_without_nonce();
            return None;
        }
        Some(due)
    }

    fn take_lines(&mut self, chunk: &[u8]) -> Result<(), Stop> {
        let (link, listener, openness) = (self.link, &mut self.listener, &mut self.openness);
        self.reading.each_line(chunk, |line| {
            let openness = std::mem::replace(openness, Openness::Closed);
            if openness == Openness::Open
                && let Arrived::Line(line) = &line
                && link.takes_offer(line)
            {
                return Err(Stop::Offer);
            }
            listener.on_line(line).map_err(Stop::Exit)
        })
    }

    /// Nothing has come for a while. If a line is unfinished, it is one now to a person, and to a program
    /// at the end.
    fn on_silence(&mut self) -> Result<Option<Lost>, ExitReason> {
        if self.link.progress() == Progress::Resuming {
            return Ok(Some(Lost::Broken(ErrorKind::TimedOut.into())));
        }
        match self.output.reader() {
            Reader::Program if !self.link.has_stopped() => Ok(None),
            Reader::Program => self.finish().map(|()| Some(Lost::Closed)),
            Reader::Person => self.finish().map(|()| None),
        }
    }

    /// How long to wait for what comes; and whether something is to be shown if nothing has come by then.
    fn timeout_or_due(&self, due: Option<Instant>) -> (Option<Duration>, bool) {
        let timeout = self.timeout(due);
        match self.output.due().map(|due| due.max(LEAST)) {
            Some(due) if timeout.is_none_or(|timeout| due < timeout) => (Some(due), true),
            _ => (timeout, false),
        }
    }

    /// How long to wait for what comes. Our own server ends its lines, and a slow network must not break
    /// one in two.
    fn timeout(&self, due: Option<Instant>) -> Option<Duration> {
        if let Some(due) = due {
            return Some(due.saturating_duration_since(Instant::now()).max(LEAST));
        }
        let reader_waits = match self.output.reader() {
            Reader::Person => true,
            // Nothing else would tell it that receiving has ended.
            Reader::Program => cfg!(windows),
        };
        let waits =
            reader_waits && self.reading.is_mid_line() && self.link.server() != Some(Server::Ours);
        match self.link.progress() {
            // The answer comes when the room is back.
            Progress::Resuming if self.link.is_room_away() => None,
            Progress::Resuming => Some(UNANSWERED),
            Progress::Nowhere | Progress::Asking | Progress::AtDoor | Progress::Done(_) => {
                waits.then_some(GRACE)
            }
        }
    }

    /// Takes what stands unfinished for a line; but in the tagged form, which begins among the first
    /// words, it is none, and comes again, and half a banner is not another server's word.
    fn finish(&mut self) -> Result<(), ExitReason> {
        let is_among_first_words = matches!(
            self.link.progress(),
            Progress::Resuming | Progress::Asking | Progress::AtDoor
        );
        if let Some(line) = self.reading.finish()
            && self.link.format() == Format::Plain
            && !is_among_first_words
        {
            self.listener.on_line(Arrived::Line(line))?;
        }
        self.listener.show()
    }
}

/// Tells the user what is to be known of the present connection, and was not told.
pub(super) fn tell_of_connection(link: &Link, output: &dyn Output) {
    let untold = link.untold();
    if let Some(trouble) = untold.trouble {
        output.notice(&trouble.to_string());
    }
    if let Some(told) = untold.secrecy {
        info!("{told}");
        output.tell_of_secrecy(&told);
    }
}
