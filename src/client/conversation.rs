//! The conversation as the terminal shows it: the server's lines in, lines with their time and
//! their looks out.
//!
//! It owns what the client itself knows: who is here, who is ignored, whom `/r` answers, which day
//! it was, and whether anybody is looking. Pure: no terminal, no socket; the time comes with
//! each line. Text has been made safe before it comes here.

use std::time::Duration;

use chrono::{NaiveDate, NaiveDateTime};

use super::colours::{Colours, Ink};
use super::config::JoinsChoice;
use super::editor::Candidates;
use super::handshake::Server;
use super::paragraph::Rule;
use super::session::{Line, NOT_SEEN};
use super::time_format::TimeFormat;
use crate::protocol::name::Likeness;
use crate::protocol::reply::{self, Message, ReadNotice, ReadSpeech, ServerLine};
use comings::Comings;
use correspondent::Correspondent;
use ignored::Ignored;
use mention::Mention;
use painter::{Painter, Stamp, Stress};
use recent_addresses::RecentAddresses;
use roster::Roster;
use sums::Sums;
use unread::{Place, Unread};

pub(super) use command::{commands, help};
pub(super) use obeying::Action;
pub(super) use shown::{Alert, Medium, Moment, Shown, Timing};
pub(super) use unread::Focus;

mod comings;
mod command;
mod completion;
mod correspondent;
mod ignored;
mod learning;
mod mention;
mod obeying;
mod painter;
mod recent_addresses;
mod roster;
mod shown;
mod sums;
mod unread;

/// What the rule says above lines that came while nobody was looking.
const UNREAD: &str = "-- new";

/// The conversation.
#[derive(Debug)]
pub(super) struct Conversation {
    /// Gives lines their looks.
    painter: Painter,
    /// Where they are shown.
    medium: Medium,
    /// Who is here.
    roster: Roster,
    /// Of whom nothing is shown.
    ignored: Ignored,
    /// Which comings and goings are shown.
    comings: Comings,
    /// How often they are shown.
    sums: Sums,
    /// What mentions us, once our name is known.
    mention: Option<Mention>,
    /// What else stands out as that does.
    highlights: Vec<Mention>,
    /// Whom `/r` answers.
    correspondent: Correspondent,
    /// The addresses that were shown.
    addresses: RecentAddresses,
    /// The day of the last line that was shown.
    day: Option<NaiveDate>,
    /// Whether lines come while nobody looks.
    unread: Unread,
}

/// How the user wants the conversation to be shown.
#[derive(Debug, Clone)]
pub(super) struct Looks {
    /// How many colours there are.
    pub(super) colours: Colours,
    /// How times are written.
    pub(super) time: TimeFormat,
    /// Which comings and goings are shown.
    pub(super) joins: JoinsChoice,
    /// Words that stand out as our name does.
    pub(super) highlights: Vec<String>,
}

impl From<Colours> for Looks {
    /// As it is without options.
    fn from(colours: Colours) -> Looks {
        let time = TimeFormat::default();
        Looks { colours, time, joins: JoinsChoice::All, highlights: Vec::new() }
    }
}

impl Conversation {
    /// A conversation of which nothing is known yet.
    pub(super) fn new(looks: impl Into<Looks>, medium: Medium) -> Conversation {
        let Looks { colours, time, joins, highlights } = looks.into();
        Conversation {
            painter: Painter { colours, time },
            medium,
            roster: Roster::default(),
            ignored: Ignored::default(),
            comings: Comings::new(joins),
            sums: Sums::default(),
            mention: None,
            highlights: highlights.iter().map(|words| Mention::of(words)).collect(),
            correspondent: Correspondent::default(),
            addresses: RecentAddresses::default(),
            day: None,
            unread: Unread::default(),
        }
    }

    /// Takes a line of the server's, and adds to `shown` what is to be seen of it.
    pub(super) fn receive(&mut self, line: &Line<'_>, at: Moment, shown: &mut Shown) {
        match line.server {
            Server::Ours => {
                let visible =
                    !self.is_of_ignored(line.says) && self.comings.shows(line.says, at.time);
                self.learn(line.says, visible);
                if visible {
                    self.show_sum(at, shown);
                }
                if visible && !self.sums.takes(line.says, at.time) {
                    self.show(line, at, shown);
                }
            }
            Server::Foreign => {
                self.addresses.add(&line.text);
                let stamp = self.begin(at, shown);
                self.painter.foreign(stamp, &line.text, shown);
                shown.alert = shown.alert.max(Alert::Line);
            }
        }
    }

    /// How long it is until a sum of comings and goings is to be shown, if there is one.
    pub(super) fn sum_due(&self, now: NaiveDateTime) -> Option<Duration> {
        self.sums.due(now)
    }

    /// Adds the sum of the comings and goings that were not shown one by one, once it is due.
    pub(super) fn show_sum(&mut self, at: Moment, shown: &mut Shown) {
        if let Some(sum) = self.sums.take(at.time) {
            let says = reply::parse(&sum);
            let line = Line::untagged(Server::Ours, sum.as_str(), says, None);
            self.show(&line, at, shown);
        }
    }

    /// Adds a line of our own, as the others see it: `<alice> text` or `* alice text`.
    pub(super) fn own(&mut self, line: &str, at: Moment, shown: &mut Shown) {
        self.addresses.add(line);
        self.begin_day(at.time.date(), shown);
        self.paint_own(Stamp::Now(at.time), line, shown);
    }

    /// Adds a line that does not come from the server, with the `-- ` or `!! ` that it begins with.
    pub(super) fn tell(&mut self, line: &str, at: Moment, shown: &mut Shown) {
        let stamp = self.begin(at, shown);
        self.paint_own(stamp, line, shown);
    }

    /// Adds something that the client itself has to say.
    pub(super) fn notice(&mut self, text: &str, at: Moment, shown: &mut Shown) {
        self.tell(&format!("-- {text}"), at, shown);
    }

    /// Adds something that the client itself has to say, and that is to be looked at.
    pub(super) fn bold_notice(&mut self, text: &str, at: Moment, shown: &mut Shown) {
        let stamp = self.begin(at, shown);
        self.painter.bold_notice(stamp, text, shown);
    }

    /// Called when the terminal says whether anybody is looking.
    pub(super) fn focus(&mut self, focus: Focus) {
        self.unread.focus(focus);
    }

    /// How many lines were said while nobody was looking.
    pub(super) fn unread(&self) -> usize {
        self.unread.said()
    }

    /// Our name, once it is known.
    pub(super) fn name(&self) -> Option<&str> {
        self.roster.me()
    }

    /// What Tab may put in before the cursor.
    pub(super) fn candidates(&self, before_cursor: &str) -> Candidates {
        completion::candidates(before_cursor, &self.roster, &self.ignored)
    }

    fn is_of_ignored(&self, line: ServerLine<'_>) -> bool {
        if self.ignored.is_empty() {
            return false;
        }
        let (ServerLine::Message(message) | ServerLine::Earlier { message, .. }) = line else {
            return false;
        };
        message.actor().is_some_and(|name| match self.roster.get(name) {
            Some(member) => self.ignored.contains(&member.likeness),
            None => self.ignored.contains(&Likeness::of(name)),
        })
    }

    fn show(&mut self, line: &Line<'_>, at: Moment, shown: &mut Shown) {
        self.addresses.add(&line.text);
        match line.says {
            // Each line has its day with it.
            ServerLine::EarlierDay(_) if at.timing == Timing::Said => {}
            ServerLine::EarlierDay(day) => {
                self.begin_unread(shown);
                self.begin_day_of_earlier(day, shown);
            }
            ServerLine::Earlier { time, text, message } => {
                self.begin_unread(shown);
                let stamp = match at.timing {
                    Timing::Shown => Stamp::Earlier(time),
                    Timing::Said => {
                        self.begin_day_of_earlier(at.time.date(), shown);
                        Stamp::EarlierHere(at.time)
                    }
                };
                self.paint(stamp, text, message, shown);
            }
            _ if self.medium == Medium::Screen && is_gap(line) => {
                self.begin(at, shown);
                self.painter.rule(&line.text, Rule::Stays, shown);
            }
            says => {
                let stamp = self.begin(at, shown);
                let message = says.message().unwrap_or(Message::Plain);
                let stress = self.paint(stamp, &line.text, message, shown);
                let alert = alert(message, stress);
                if alert >= Alert::Line {
                    self.unread.count_said();
                }
                if alert == Alert::Mention && self.unread.is_away() {
                    shown.call = Some(line.text.to_string());
                }
                shown.alert = shown.alert.max(alert);
            }
        }
    }

    /// Adds what has to stand above a line that comes now, and says what is to stand before it.
    fn begin(&mut self, at: Moment, shown: &mut Shown) -> Stamp<'static> {
        self.begin_unread(shown);
        self.begin_day(at.time.date(), shown);
        Stamp::Now(at.time)
    }

    fn begin_unread(&mut self, shown: &mut Shown) {
        if self.unread.place() == Place::First {
            self.painter.rule(UNREAD, Rule::UntilNext, shown);
        }
    }

    fn begin_day(&mut self, day: NaiveDate, shown: &mut Shown) {
        if self.day.replace(day).is_some_and(|before| before != day) {
            self.painter.day(day, shown);
        }
    }

    /// The first line that is shown may be of any day.
    fn begin_day_of_earlier(&mut self, day: NaiveDate, shown: &mut Shown) {
        if self.day != Some(day) {
            self.painter.day(day, shown);
            self.day = Some(day);
        }
    }

    /// Paints a line that this client writes in the server's words.
    fn paint_own(&self, stamp: Stamp<'_>, line: &str, shown: &mut Shown) {
        let message = reply::parse(line).message().unwrap_or(Message::Plain);
        self.paint(stamp, line, message, shown);
    }

    fn paint(
        &self,
        stamp: Stamp<'_>,
        line: &str,
        message: Message<'_>,
        shown: &mut Shown,
    ) -> Stress {
        let stress = self.stress(message);
        let ink = |name: &str| match self.roster.get(name) {
            Some(member) => member.ink,
            None => Ink::of(&Likeness::of(name)),
        };
        self.painter.line(stamp, (line, message), stress, ink, shown);
        stress
    }

    fn stress(&self, message: Message<'_>) -> Stress {
        let for_us = match message {
            Message::Speech(ReadSpeech::ToYou(..)) => true,
            Message::Speech(ReadSpeech::Said(name, text) | ReadSpeech::Done(name, text)) => {
                let mut sought = self.mention.iter().chain(&self.highlights);
                sought.any(|mention| mention.is_in(text)) && self.roster.me() != Some(name)
            }
            Message::Speech(ReadSpeech::FromYou(..))
            | Message::Notice(_)
            | Message::Refusal(_)
            | Message::Plain => false,
        };
        if for_us { Stress::ForUs } else { Stress::None }
    }
}

/// Whether the line stands where lines are missing, or where those begin that were.
fn is_gap(line: &Line<'_>) -> bool {
    match line.says.notice() {
        Some(ReadNotice::Missed(_)) => true,
        Some(_) => line.text == NOT_SEEN,
        None => false,
    }
}

fn alert(message: Message<'_>, stress: Stress) -> Alert {
    match (message, stress) {
        (_, Stress::ForUs) => Alert::Mention,
        (Message::Speech(ReadSpeech::Said(..) | ReadSpeech::Done(..)), Stress::None) => Alert::Line,
        (_, Stress::None) => Alert::Nothing,
    }
}

#[cfg(test)]
mod tests;
