//! What each line of the server's is for: the user's eyes, the roster, or the program itself.
//!
//! It gives each line to the link, shows what the link makes of it, and tells the user what that means
//! for the session. It reads no socket. The receiver's thread runs it.

use std::net::SocketAddr;

use log::{info, warn};

use super::reading::{Arrived, MAX_LINE};
use super::roll_call::RollCall;
use super::tell_of_connection;
use crate::client::door::Question;
use crate::client::exit_reason::ExitReason;
use crate::client::handshake::{Progress, Server};
use crate::client::link::Link;
use crate::client::output::{Comeback, Output, Presence, Reader};
use crate::client::session::{Line, News};
use crate::problem::Problem;
use crate::protocol::reply::{Count, Message, ReadNotice};

/// Takes the lines of all connections.
pub(super) struct Listener<'a> {
    /// The way to the server.
    link: &'a Link,
    /// Where lines are shown.
    output: &'a dyn Output,
    /// The server, as the user knows it.
    peer: SocketAddr,
    /// The server of the last connection that the user was told of, or began with, as the user would give it.
    server: String,
    /// How far asking is who is here.
    roll_call: RollCall,
    /// What the user knows of the present connection.
    acquaintance: Acquaintance,
    /// Whether it is clear what kind of server it leads to, and so whether anybody can read along.
    is_server_clear: bool,
    /// What a connection that was made again has brought, until the server knows us.
    comeback: Option<Comeback>,
}

/// What the user knows of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Acquaintance {
    /// That there is one.
    Told,
    /// Not that it is another one than before: that is told with the server's first word.
    Untold,
}

impl<'a> Listener<'a> {
    pub(super) fn new(link: &'a Link, output: &'a dyn Output, peer: SocketAddr) -> Listener<'a> {
        let roll_call = RollCall::new(output.reader());
        let (acquaintance, server) = (Acquaintance::Told, link.server_name());
        let (is_server_clear, comeback) = (false, None);
        Listener { link, output, peer, server, roll_call, acquaintance, is_server_clear, comeback }
    }

    /// Called when there is another connection.
    pub(super) fn begin_again(&mut self, peer: SocketAddr) {
        let is_new_session = !self.link.is_resumable();
        self.peer = peer;
        self.is_server_clear = false;
        self.output.stop_asking();
        self.roll_call.begin_again(is_new_session);
        self.acquaintance = if is_new_session { Acquaintance::Untold } else { Acquaintance::Told };
        self.comeback = Some(Comeback::Anew(0));
    }

    /// Called when the user is not to be told that there is another connection.
    pub(super) fn mark_told(&mut self) {
        self.acquaintance = Acquaintance::Told;
        self.comeback = None;
        self.server = self.link.server_name();
    }

    /// Takes a line, to be shown with others by [`show`](Listener::show).
    ///
    /// # Errors
    ///
    /// The link or the output is at its end.
    pub(super) fn on_line(&mut self, line: Arrived<'_>) -> Result<(), ExitReason> {
        match line {
            Arrived::Line(line) => self.read(&line),
            Arrived::LeftOut => {
                let text = format!("a line of more than {MAX_LINE} bytes was left out");
                warn!("{text}");
                self.output.notice(&text);
                Ok(())
            }
        }
    }

    /// Shows what has come, and lets go what waited for that.
    ///
    /// # Errors
    ///
    /// It cannot be shown.
    pub(super) fn show(&mut self) -> Result<(), ExitReason> {
        self.output.show()?;
        self.link.mark_shown();
        if self.link.is_settled()
            && let Some(how) = self.comeback.take()
        {
            self.output.on_back(how);
        }
        if self.roll_call.has_caught_up() {
            self.link.catch_up();
        }
        Ok(())
    }

    fn read(&mut self, line: &str) -> Result<(), ExitReason> {
        let heard = match self.link.hear(line) {
            Ok(heard) => heard,
            Err(end) => {
                // What has come before is still to be seen.
                self.show()?;
                return Err(end);
            }
        };
        if std::mem::replace(&mut self.acquaintance, Acquaintance::Told) == Acquaintance::Untold {
            let connected = self.connected();
            self.output.notice(&connected);
        }
        if !self.is_server_clear {
            self.is_server_clear = self.link.server().is_some();
            tell_of_connection(self.link, self.output);
        }
        if let Some(settled) = heard.settled {
            self.output.on_settled(&settled);
        }
        if let Some(line) = heard.line {
            info!("received: {}", line.text);
            let is_refusal = matches!(line.says.message(), Some(Message::Refusal(_)));
            if is_refusal && line.server == Server::Ours {
                self.output.on_refusal(&line.text, heard.refused.as_ref());
                self.output.mark_refused(usize::from(self.link.is_settled()));
            }
            self.take(&line)?;
        }
        if !heard.said.is_empty() {
            self.output.on_said(&heard.said);
        }
        heard.news.into_iter().try_for_each(|news| self.tell(news))?;
        self.call_the_roll();
        Ok(())
    }

    fn take(&mut self, line: &Line<'_>) -> Result<(), ExitReason> {
        if self.roll_call.take(line) {
            self.output.learn(line);
            // The answer comes after all that a lost connection had to bring.
            return self.link.settle_covered().map_or(Ok(()), |news| self.tell(news));
        }
        self.output.take(line);
        if line.says.notice() == Some(ReadNotice::CameAndWent) {
            self.roll_call.on_unnamed_members();
        }
        Ok(())
    }

    /// Tells the user something, below what has come.
    fn tell(&mut self, news: News) -> Result<(), ExitReason> {
        if news == News::Resumed {
            // Before it is shown, since the lines that wait go out then.
            self.ask_for_what_was_missed();
            self.comeback = Some(Comeback::Resumed);
        }
        if let News::Anew(again) = news {
            self.comeback = Some(Comeback::Anew(again));
        }
        self.show()?;
        if matches!(news, News::Resumed | News::Anew(_)) {
            self.output.set_presence(Presence::Here);
        }
        match news {
            News::Resumed => self.tell_that_it_goes_on(),
            News::Lost(lines) => {
                let lines = Count(lines, "line");
                self.output.notice(&format!("the room has lost {lines} of yours"));
            }
            News::Anew(again) => self.tell_of_new_session(again),
            News::Refused(lines) => {
                self.output.on_refused_unheard(&lines);
                self.output.mark_refused(lines.len());
                lines.iter().for_each(|line| self.output.on_refused_unseen(line));
            }
            News::Asked(question) => return self.ask(question),
            News::LetIn => self.output.stop_asking(),
            News::NoName(why) => {
                let problem = Problem::NameRefused { server: self.peer, why };
                return Err(ExitReason::Failed(problem));
            }
            News::TooLate => {}
        }
        Ok(())
    }

    /// Has the user asked for what lets us in. Where there is nobody to ask, the program ends.
    fn ask(&self, Question { wanted, is_again }: Question) -> Result<(), ExitReason> {
        if self.output.ask(&format!("{wanted} for {}", self.peer)) {
            return Ok(());
        }
        let how = self.output.way_to_give_secret();
        let why = match is_again {
            false => format!("this room wants a {wanted}: give it with {how}"),
            true => format!("that is not the {wanted}: give another one with {how}"),
        };
        Err(ExitReason::Failed(Problem::ShownOut { server: self.peer, why }))
    }

    fn tell_that_it_goes_on(&mut self) {
        info!("the session goes on");
        let is_elsewhere = self.link.server_name() != self.server;
        let connected = self.connected();
        // Somebody at a terminal sees it by the prompt.
        if is_elsewhere || self.output.reader() == Reader::Program {
            self.output.notice(&connected);
        }
    }

    /// That there is another connection, to the same server or to another one of the room, of which the user is told.
    fn connected(&mut self) -> String {
        let server = self.link.server_name();
        if server == self.server {
            return format!("connected again to {}", self.peer);
        }
        let connected = format!("connected to {server}");
        self.server = server;
        connected
    }

    /// Tells that the server does not know us any more, with how many lines are sent again.
    fn tell_of_new_session(&mut self, again: usize) {
        self.roll_call.on_new_session();
        let known = match self.link.is_kept_from_session() {
            true => "where a new session begins: lines may have been missed",
            false => "which does not know us any more: lines may have been missed",
        };
        let again = match again {
            0 => String::new(),
            1 => ", and the last of ours may be said twice".to_owned(),
            lines => format!(", and the last {lines} of ours may be said twice"),
        };
        let connected = self.connected();
        self.output.notice(&format!("{connected}, {known}{again}"));
    }

    /// The answer to a question comes after all that was missed, and after all receipts that there
    /// are for lines that were taken.
    fn ask_for_what_was_missed(&mut self) {
        let lines_wait = self.output.reader() == Reader::Person && self.link.has_unwritten();
        if lines_wait {
            self.link.fall_behind();
        }
        if lines_wait || self.link.has_covered() {
            self.roll_call.ask_for_what_was_missed(lines_wait);
        }
        self.call_the_roll();
    }

    /// Asks our own server who is here, once it knows our name.
    fn call_the_roll(&mut self) {
        let knows_us = || self.link.progress() == Progress::Done(Server::Ours);
        if self.roll_call.is_to_be_made() && knows_us() {
            self.link.ask_who();
            self.roll_call.mark_asked();
        }
    }
}
