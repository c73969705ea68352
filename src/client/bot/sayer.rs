//! What a bot says, from any thread.

use std::fmt;
use std::sync::Arc;

use super::error::BadText;
use super::inbox::Inbox;
use super::{Error, Line};
use crate::client::link::{Entered, Link};
use crate::client::typed::{Asks, Typed};
use crate::protocol::request::Command;

/// How many bytes may wait for their receipts. Beyond that, whoever says something waits.
const MOST_WAITING: usize = 1024 * 1024;

/// The longest line, in bytes: no server takes one that is nearly as long.
const MOST_BYTES: usize = 64 * 1024;

/// A handle to speak with as a [`Bot`](super::Bot), for any thread; clones speak as the same one. When the bot has left,
/// there is nobody to speak as.
#[derive(Clone)]
pub struct Sayer {
    /// The way to the server.
    link: Arc<Link>,
    /// What knows the numbers of lines.
    inbox: Arc<Inbox>,
}

impl Sayer {
    pub(super) fn new(link: &Arc<Link>, inbox: &Arc<Inbox>) -> Sayer {
        Sayer { link: Arc::clone(link), inbox: Arc::clone(inbox) }
    }

    pub(super) fn parts(&self) -> (&Arc<Link>, &Arc<Inbox>) {
        (&self.link, &self.inbox)
    }

    /// As [`Bot::say`](super::Bot::say).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn say(&self, text: &str) -> Result<Line, Error> {
        let line = Typed::new(one_line(text)?).into_saying();
        match line.asks() {
            Asks::Say(_) => self.enter(line),
            _ => Err(BadText::Blank.into()),
        }
    }

    /// As [`Bot::act`](super::Bot::act).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn act(&self, text: &str) -> Result<Line, Error> {
        let line = Typed::new(format!("{} {}", Command::Me.word(), one_line(text)?));
        match line.asks() {
            Asks::Act(_) => self.enter(line),
            _ => Err(BadText::Blank.into()),
        }
    }

    /// As [`Bot::whisper`](super::Bot::whisper).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn whisper(&self, to: &str, text: &str) -> Result<Line, Error> {
        if one_line(to)?.contains(char::is_whitespace) {
            return Err(BadText::NoName.into());
        }
        let line = Typed::new(format!("{} {to} {}", Command::Msg.word(), one_line(text)?));
        match line.asks() {
            Asks::Whisper => self.enter(line),
            _ => Err(BadText::Blank.into()),
        }
    }

    fn enter(&self, line: Typed) -> Result<Line, Error> {
        let line = Arc::new(line);
        // One at a time, so that lines have their numbers in the order in which they are sent.
        let mut register = self.inbox.register();
        // The program may know it before the link does.
        if self.inbox.is_over() {
            return Err(Error::Over);
        }
        let number = register.begin(&line);
        let entered = match self.link.enter(Arc::clone(&line), MOST_WAITING) {
            Entered::Full => {
                // Receipts come with the events, which nobody takes meanwhile, perhaps.
                let _unbounded = self.inbox.without_bound();
                self.link.enter_in_time(line, MOST_WAITING)
            }
            entered => entered,
        };
        match entered {
            Entered::Yes => Ok(number),
            Entered::Full | Entered::Over => {
                register.give_up(number);
                Err(Error::Over)
            }
        }
    }
}

impl fmt::Debug for Sayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sayer").finish_non_exhaustive()
    }
}

fn one_line(text: &str) -> Result<&str, BadText> {
    if text.contains(['\r', '\n']) {
        return Err(BadText::LineBreak);
    }
    if text.trim().is_empty() {
        return Err(BadText::Blank);
    }
    if text.len() > MOST_BYTES { Err(BadText::TooLong) } else { Ok(text) }
}
