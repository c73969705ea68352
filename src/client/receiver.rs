//! What comes from the server, from the socket to the output.
//!
//! One thread does this, in both ways of running. It reads as much as there is, splits off the
//! lines, makes them safe and shows them all at once. It wakes for nothing but what arrives, except
//! while a foreign server's line is unfinished. When the connection is lost, it makes the next one.

use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::time::Duration;

use log::{debug, info, warn};

use super::config::OnLoss;
use super::connection::Connection;
use super::exit_reason::ExitReason;
use super::handshake::{Progress, Server};
use super::link::Link;
use super::output::{Output, Presence, Reader};
use super::reconnect::Comeback;
use super::session::{Line, News};
use crate::problem::{Lost, Problem};
use crate::protocol::lines::{self, LineSplitter};
use crate::protocol::reply::{Message, ReadNotice, who_goes_on};
use crate::protocol::tag::Format;
use crate::protocol::telnet::{Decoder, Piece};
use crate::protocol::{GRACE, text};

/// How many bytes are read at once, at most. A terminal takes about a megabyte a second, and a key
/// waits for the chunk that is being shown: in a flood, some 8 ms.
const CHUNK: usize = 8 * 1024;

/// The longest line that is received, in bytes: far longer than any that our server lets through,
/// and short enough for any machine's memory. A longer one is left out, and that is told.
const MAX_LINE: usize = 1024 * 1024;

/// How long a server that has known us may be silent on a new connection. Somebody between us may have
/// taken it who cannot reach the server, and the session waits there for a minute only.
const UNANSWERED: Duration = Duration::from_secs(10);

/// The work of the thread that receives.
pub(super) struct Receiver<'a> {
    /// The way to the server.
    link: &'a Link,
    /// Where it is shown.
    output: &'a dyn Output,
    /// What a lost connection means.
    on_loss: OnLoss,
    /// The present one.
    connection: Arc<Connection>,
    /// Takes telnet's commands out of what comes.
    telnet: Decoder,
    /// Splits the rest into lines.
    splitter: LineSplitter,
    /// What the socket's timeout is set to.
    timeout: Option<Duration>,
    /// How far we are with asking who is here.
    roll_call: RollCall,
    /// What the user has to say waits for what was missed.
    catching_up: bool,
    /// Once the server has been ours, or has let us in, a connection that is lost is worth another.
    was_ours: bool,
    /// What the user has to say may have been sent.
    was_in: bool,
    /// A session that can go on has been had, so there is somebody to confirm what is sent.
    was_resumable: bool,
    /// The connection is another one than before, and the server has not said a word yet.
    is_new: bool,
}

/// How far we are with asking who is here, to know the names before they speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RollCall {
    ToBeMade,
    Asked,
    /// A part of the answer has come.
    Answering,
    Done,
}

impl<'a> Receiver<'a> {
    pub(super) fn new(link: &'a Link, output: &'a dyn Output, on_loss: OnLoss) -> Receiver<'a> {
        Receiver {
            link,
            output,
            on_loss,
            connection: link.connection(),
            telnet: Decoder::default(),
            splitter: LineSplitter::new(MAX_LINE),
            timeout: None,
            roll_call: first_roll_call(output),
            catching_up: false,
            was_ours: false,
            was_in: false,
            was_resumable: false,
            is_new: false,
        }
    }

    /// Receives until there is nothing more, and says what that means.
    pub(super) fn run(mut self) -> ExitReason {
        let mut comeback = Comeback::default();
        loop {
            let end = match self.receive() {
                Ok(lost) => {
                    info!("the connection has ended: {lost:?}");
                    self.with_what_is_unsaid(self.link.judge(lost))
                }
                Err(end) => end,
            };
            self.was_in |= self.link.is_settled();
            self.was_ours |= self.was_in || self.link.server() == Some(Server::Ours);
            self.was_resumable |= self.link.is_resumable();
            match end {
                ExitReason::Failed(ref problem) if self.comes_back_from(problem) => {
                    comeback.reconnect(self.link, self.output, problem);
                    self.begin_again();
                }
                end => return end,
            }
        }
    }

    /// A program has to know that nobody confirms what it said; somebody at a terminal is told.
    fn with_what_is_unsaid(&self, end: ExitReason) -> ExitReason {
        let unsaid = self.link.unsaid();
        match (end, self.output.reader()) {
            (ExitReason::Clean, Reader::Program) if unsaid > 0 => {
                ExitReason::Failed(self.link.unconfirmed(unsaid))
            }
            (ExitReason::Clean, Reader::Program) => end_with_refused(self.output),
            (ExitReason::Clean, Reader::Person) => {
                tell_of_unsaid(self.output, unsaid);
                ExitReason::Clean
            }
            (end, Reader::Person | Reader::Program) => end,
        }
    }

    /// Whether there is to be another connection. A program can only go on where it was, or begin
    /// again if it has not begun.
    fn comes_back_from(&self, problem: &Problem) -> bool {
        let may_return = match problem {
            Problem::ConnectionLost { .. } | Problem::Refused { .. } => self.was_ours,
            Problem::Unconfirmed { .. } => self.link.is_resumable(),
            Problem::UnknownHost { .. }
            | Problem::NameForHost { .. }
            | Problem::Listen { .. }
            | Problem::Connect { .. }
            | Problem::Log { .. }
            | Problem::LogLost { .. }
            | Problem::HistoryLost { .. }
            | Problem::History(_)
            | Problem::System(..)
            | Problem::NoChatroom { .. }
            | Problem::LinesRefused { .. }
            | Problem::LogBack { .. }
            | Problem::LogStays { .. }
            | Problem::TimeIsUp(_)
            | Problem::Bug => false,
        };
        let may_go_on = match self.output.reader() {
            Reader::Person => true,
            Reader::Program => self.was_resumable || !self.was_in,
        };
        may_return && may_go_on && self.on_loss == OnLoss::ComesBack
    }

    fn begin_again(&mut self) {
        self.connection = self.link.connection();
        self.telnet = Decoder::default();
        self.splitter = LineSplitter::new(MAX_LINE);
        self.timeout = None;
        self.catching_up = false;
        self.is_new = !self.link.is_resumable();
        self.roll_call = match self.roll_call {
            // The answer may be lost, or be of who is here no more.
            RollCall::Asked | RollCall::Answering => RollCall::ToBeMade,
            _ if self.is_new => first_roll_call(self.output),
            roll_call @ (RollCall::ToBeMade | RollCall::Done) => roll_call,
        };
    }

    fn receive(&mut self) -> Result<Lost, ExitReason> {
        let mut buffer = vec![0; CHUNK];
        loop {
            self.set_timeout()
                .map_err(|why| ExitReason::Failed(Problem::System("use the socket", why)))?;
            match self.connection.stream().read(&mut buffer) {
                Ok(0) => return self.finish().map(|()| Lost::Closed),
                Ok(length) => self.take(&buffer[..length])?,
                Err(why) => match why.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut
                        if self.link.progress() == Progress::Resuming =>
                    {
                        return Ok(Lost::Broken(ErrorKind::TimedOut.into()));
                    }
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                        if let Some(lost) = self.silence()? {
                            return Ok(lost);
                        }
                    }
                    _ => return self.finish().map(|()| Lost::Broken(why)),
                },
            }
        }
    }

    /// Nothing has come for a while, and a line is unfinished: to a person it is one now, to a
    /// program at the end.
    fn silence(&mut self) -> Result<Option<Lost>, ExitReason> {
        match self.output.reader() {
            Reader::Program if !self.link.has_stopped() => Ok(None),
            Reader::Program => self.finish().map(|()| Some(Lost::Closed)),
            Reader::Person => self.finish().map(|()| None),
        }
    }

    /// Our own server ends its lines, and a slow network must not break one in two.
    fn set_timeout(&mut self) -> io::Result<()> {
        let reader_waits = match self.output.reader() {
            Reader::Person => true,
            // Nothing else would tell it that receiving has ended.
            Reader::Program => cfg!(windows),
        };
        let waits =
            reader_waits && self.splitter.is_mid_line() && self.link.server() != Some(Server::Ours);
        let timeout = match self.link.progress() {
            Progress::Resuming => Some(UNANSWERED),
            Progress::Nowhere | Progress::Asking | Progress::Done(_) => waits.then_some(GRACE),
        };
        if timeout != self.timeout {
            self.connection.stream().set_read_timeout(timeout)?;
            self.timeout = timeout;
        }
        Ok(())
    }

    fn take(&mut self, mut chunk: &[u8]) -> Result<(), ExitReason> {
        debug!("{} bytes have arrived", chunk.len());
        self.link.mark_heard();
        let mut taken = Ok(());
        while taken.is_ok()
            && let Some(piece) = self.telnet.next(&mut chunk)
        {
            // Another kind of server may ask a telnet client for options; it gets no answer.
            if let Piece::Text(text) = piece {
                taken = self.take_text(text);
            }
        }
        taken.and_then(|()| self.show())
    }

    fn take_text(&mut self, mut text: &[u8]) -> Result<(), ExitReason> {
        let mut splitter = std::mem::replace(&mut self.splitter, LineSplitter::new(0));
        let mut taken = Ok(());
        while taken.is_ok()
            && let Some(line) = splitter.next(&mut text)
        {
            match line {
                lines::Line::Whole(line) => taken = self.read_line(line),
                lines::Line::TooLong(_) => {
                    let text = format!("a line of more than {MAX_LINE} bytes was left out");
                    warn!("{text}");
                    self.output.notice(&text);
                }
            }
        }
        self.splitter = splitter;
        taken
    }

    /// Takes what stands unfinished for a line; but in the tagged form, which begins among the first
    /// words, it is none, and comes again, and half a banner is not another server's word.
    fn finish(&mut self) -> Result<(), ExitReason> {
        let last = self.splitter.finish().map(<[u8]>::to_vec);
        let is_among_first_words =
            matches!(self.link.progress(), Progress::Resuming | Progress::Asking);
        if let Some(line) = last
            && self.link.format() == Format::Plain
            && !is_among_first_words
        {
            self.read_line(&line)?;
        }
        self.show()
    }

    fn read_line(&mut self, line: &[u8]) -> Result<(), ExitReason> {
        let line = text::make_safe(line);
        let heard = self.link.hear(&line)?;
        if std::mem::take(&mut self.is_new) {
            self.output.notice(&format!("connected again to {}", self.connection.peer()));
        }
        if let Some(shown) = heard.line {
            info!("received: {}", shown.text);
            let is_refusal = matches!(shown.says.message(), Some(Message::Refusal(_)));
            if is_refusal && shown.server == Server::Ours {
                self.output.on_refusal(&shown.text, heard.refused.as_deref());
                self.output.mark_refused(usize::from(self.link.is_settled()));
            }
            self.take_line(&shown)?;
        }
        heard.news.into_iter().try_for_each(|news| self.tell(news))?;
        self.call_the_roll();
        Ok(())
    }

    fn take_line(&mut self, line: &Line<'_>) -> Result<(), ExitReason> {
        if self.is_roll_call(line) {
            self.output.learn(line);
            // The answer comes after all that a lost connection had to bring.
            return self.link.settle_covered().map_or(Ok(()), |news| self.tell(news));
        }
        self.output.take(line);
        let is_unnamed = line.says.notice() == Some(ReadNotice::CameAndWent);
        if is_unnamed && self.roll_call == RollCall::Done {
            self.roll_call = first_roll_call(self.output);
        }
        Ok(())
    }

    /// Tells the user something, below what has come.
    fn tell(&mut self, news: News) -> Result<(), ExitReason> {
        if news == News::Resumed {
            // Before it is shown, since the lines that wait go out then.
            self.ask_for_what_was_missed();
        }
        self.show()?;
        if matches!(news, News::Resumed | News::Anew(_)) {
            self.output.set_presence(Presence::Here);
        }
        let peer = self.connection.peer();
        match news {
            News::Resumed => {
                info!("the session goes on");
                if self.output.reader() == Reader::Program {
                    self.output.notice(&format!("connected again to {peer}"));
                }
            }
            News::Anew(again) => {
                self.roll_call = first_roll_call(self.output);
                let known = "which does not know us any more: lines may have been missed";
                let again = match again {
                    0 => String::new(),
                    1 => ", and the last of ours may be said twice".to_owned(),
                    lines => format!(", and the last {lines} of ours may be said twice"),
                };
                self.output.notice(&format!("connected again to {peer}, {known}{again}"));
            }
            News::Refused(lines) => {
                self.output.mark_refused(lines.len());
                lines.iter().for_each(|line| {
                    let line = line.for_log();
                    self.output.notice(&format!("refused while the connection was lost: {line}"));
                });
            }
            News::TooLate => {}
        }
        Ok(())
    }

    /// The answer to a question comes after all that was missed, and after all receipts that there
    /// are for lines that were taken.
    fn ask_for_what_was_missed(&mut self) {
        let is_to_wait = self.output.reader() == Reader::Person && self.link.has_unwritten();
        if is_to_wait {
            self.link.fall_behind();
            self.catching_up = true;
        }
        if is_to_wait || self.link.has_covered() {
            self.roll_call = RollCall::ToBeMade;
        }
        self.call_the_roll();
    }

    /// Asks our own server who is here, once it knows our name.
    fn call_the_roll(&mut self) {
        if self.roll_call == RollCall::ToBeMade
            && self.link.progress() == Progress::Done(Server::Ours)
        {
            self.link.ask_who();
            self.roll_call = RollCall::Asked;
        }
    }

    /// Whether `line` belongs to the answer.
    fn is_roll_call(&mut self, line: &Line<'_>) -> bool {
        let belongs = match self.roll_call {
            RollCall::Asked => matches!(line.says.notice(), Some(ReadNotice::Here(_))),
            RollCall::Answering => true,
            RollCall::ToBeMade | RollCall::Done => false,
        };
        if belongs {
            let goes_on = who_goes_on(&line.text);
            self.roll_call = if goes_on { RollCall::Answering } else { RollCall::Done };
        }
        belongs
    }

    fn show(&mut self) -> Result<(), ExitReason> {
        self.output.show()?;
        self.link.mark_shown();
        if self.catching_up && self.roll_call == RollCall::Done {
            self.catching_up = false;
            self.link.catch_up();
        }
        Ok(())
    }
}

fn first_roll_call(output: &dyn Output) -> RollCall {
    match output.reader() {
        Reader::Person => RollCall::ToBeMade,
        Reader::Program => RollCall::Done,
    }
}

/// A clean end, unless lines of the user's were refused.
pub(super) fn end_with_refused(output: &dyn Output) -> ExitReason {
    match output.refused() {
        0 => ExitReason::Clean,
        lines => ExitReason::Failed(Problem::LinesRefused { lines }),
    }
}

/// Tells somebody who leaves how many lines are not known to be said.
pub(super) fn tell_of_unsaid(output: &dyn Output, lines: usize) {
    match lines {
        0 => {}
        1 => output.notice("the last line was not sent"),
        lines => output.notice(&format!("the last {lines} lines were not sent")),
    }
}
