//! The conversation as the terminal shows it: the server's lines in, lines with their time and
//! their looks out.
//!
//! It owns what the client itself knows: who is here, who is ignored, whom `/r` answers, which day
//! it was, and whether anybody is looking. Pure: no terminal, no socket; the time comes with
//! each line. Text has been made safe before it comes here.

use std::borrow::Cow;

use chrono::{NaiveDate, NaiveDateTime};

use super::clock;
use super::colours::{Colours, Ink};
use super::editor::Candidates;
use super::handshake::Server;
use super::paragraph::{Layout, Paragraph, Rule};
use super::session::Line;
use super::typed::Typed;
use crate::protocol::name::{Likeness, Name};
use crate::protocol::reply::{self, Message, ReadNotice, ReadSpeech, ServerLine};
use crate::protocol::tag::Millis;
use command::{Answer, Own};
use correspondent::Correspondent;
use ignored::{Change, Ignored};
use mention::Mention;
use painter::{Painter, Stamp, Stress};
use roster::Roster;
use unread::{Place, Unread};

pub(super) use command::{commands, help};
pub(super) use unread::Focus;

mod command;
mod completion;
mod correspondent;
mod ignored;
mod mention;
mod painter;
mod roster;
mod unread;

/// What the rule says above lines that came while nobody was looking.
const UNREAD: &str = "-- new";

/// What stands above the last lines in place of the server's words, for one who has seen a part of them.
pub(super) const NOT_SEEN: &str = "-- not seen yet (of the last lines)";

/// Where lines are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Medium {
    /// On a screen, which lays them out and draws rules.
    Screen,
    /// In a terminal that can do no more than show one after the other.
    Lines,
}

/// When a line is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// The local time.
    pub(super) time: NaiveDateTime,
    /// What that time is.
    pub(super) timing: Timing,
}

/// What the time is that a line has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timing {
    /// It was shown then.
    Shown,
    /// It was said then: the server tells.
    Said,
}

impl Moment {
    /// That of a line that is shown at this local time.
    pub(super) fn of_showing(time: NaiveDateTime) -> Moment {
        Moment { time, timing: Timing::Shown }
    }

    /// The same for a line that was said at this time, if that is known.
    pub(super) fn of(self, said: Option<Millis>) -> Moment {
        match said.and_then(clock::local) {
            None => self,
            Some(time) => Moment { time, timing: Timing::Said },
        }
    }
}

/// What is to be shown. Lines are added to it, so that a flood of them needs but one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Shown {
    /// Lines for the terminal, each with its line end.
    pub(super) text: String,
    /// How each of them is laid out.
    layouts: Vec<Layout>,
    /// The most that one of the lines asks for.
    pub(super) alert: Alert,
}

impl Shown {
    /// The lines, to be laid out.
    pub(super) fn paragraphs(&self) -> impl ExactSizeIterator<Item = Paragraph<'_>> {
        // Each line has a layout, which knows how many there are.
        let mut lines = self.text.lines();
        self.layouts.iter().map(move |layout| Paragraph {
            painted: Cow::Borrowed(lines.next().unwrap_or_default()),
            layout: *layout,
        })
    }

    /// Adds a line end, and how the line before it is laid out.
    fn end_line(&mut self, layout: Layout) {
        self.text.push('\n');
        self.layouts.push(layout);
    }
}

/// How much a line asks for the user's attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Alert {
    /// Not at all.
    #[default]
    Nothing,
    /// Somebody has said or done something.
    Line,
    /// Somebody has spoken of us, or to us alone.
    Mention,
}

/// What a typed line asks the caller to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Send the line as it is.
    Send,
    /// Send this line in its place.
    SendInstead(String),
    /// Send the line as it is, and show the client's own help besides.
    SendAndHelp,
    /// Show this line ([`Conversation::tell`]).
    Tell(String),
    /// Clear the screen.
    Clear,
}

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
    /// What mentions us, once our name is known.
    mention: Option<Mention>,
    /// Whom `/r` answers.
    correspondent: Correspondent,
    /// The day of the last line that was shown.
    day: Option<NaiveDate>,
    /// Whether lines come while nobody looks.
    unread: Unread,
}

impl Conversation {
    /// A conversation of which nothing is known yet.
    pub(super) fn new(colours: Colours, medium: Medium) -> Conversation {
        Conversation {
            painter: Painter { colours },
            medium,
            roster: Roster::default(),
            ignored: Ignored::default(),
            mention: None,
            correspondent: Correspondent::default(),
            day: None,
            unread: Unread::default(),
        }
    }

    /// Takes a line of the server's, and adds to `shown` what is to be seen of it.
    pub(super) fn receive(&mut self, line: &Line<'_>, at: Moment, shown: &mut Shown) {
        match line.server {
            Server::Ours => {
                let visible = !self.is_of_ignored(line.says);
                self.learn(line.says, visible);
                if visible {
                    self.show(line, at, shown);
                }
            }
            Server::Foreign => {
                let stamp = self.begin(at, shown);
                self.painter.foreign(stamp, &line.text, shown);
                shown.alert = shown.alert.max(Alert::Line);
            }
        }
    }

    /// Adds a line of our own, as the others see it: `<alice> text` or `* alice text`.
    pub(super) fn own(&mut self, line: &str, at: Moment, shown: &mut Shown) {
        self.begin_day(at.time.date(), shown);
        self.paint_own(Stamp::Now(at.time.time()), line, shown);
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

    /// Called when the terminal says whether anybody is looking.
    pub(super) fn focus(&mut self, focus: Focus) {
        self.unread.focus(focus);
    }

    /// Does what a typed line asks of the client itself, and says what else it asks for. Only for
    /// a server that has our banner: another one takes every line for text.
    pub(super) fn obey(&mut self, line: &Typed) -> Action {
        let answer = match command::parse(line) {
            Ok(Own::ForServer) => return Action::Send,
            Ok(Own::Help) => return Action::SendAndHelp,
            Ok(Own::Clear) => return Action::Clear,
            Ok(Own::Reply(text)) => match self.correspondent.name() {
                Some(name) => return Action::SendInstead(format!("/msg {name} {text}")),
                None => Answer::NoPrivateLine,
            },
            Ok(Own::WhoIsIgnored) => Answer::AreIgnored(self.ignored.names().collect()),
            Ok(Own::Ignore(name)) => self.ignore(name),
            Ok(Own::Unignore(name)) => match self.ignored.remove(&name.likeness()) {
                Change::Made => Answer::IsIgnoredNoMore(name),
                Change::Needless => Answer::IsNotIgnored(name),
            },
            Err(misuse) => Answer::Misuse(misuse),
        };
        Action::Tell(answer.to_string())
    }

    /// Our name, once it is known.
    pub(super) fn name(&self) -> Option<&str> {
        self.roster.me()
    }

    /// What Tab may put in before the cursor.
    pub(super) fn candidates(&self, before_cursor: &str) -> Candidates {
        completion::candidates(before_cursor, &self.roster, &self.ignored)
    }

    fn ignore(&mut self, name: Name) -> Answer<'static> {
        let (me, likeness) = (self.roster.me().map(Likeness::of), name.likeness());
        if me.is_some_and(|me| me.is_same_word(&likeness)) {
            return Answer::IsYou;
        }
        match self.ignored.add(name.clone()) {
            Change::Made if self.roster.has_nobody_called(&likeness) => Answer::WillBeIgnored(name),
            Change::Made => Answer::IsIgnored(name),
            Change::Needless => Answer::IsIgnoredAlready(name),
        }
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

    /// Takes over what a line tells of the members. Whoever is not seen to speak is not the last
    /// who spoke.
    pub(super) fn learn(&mut self, line: ServerLine<'_>, visible: bool) {
        match line.message() {
            Some(Message::Speech(speech)) if visible => self.learn_of_speech(speech),
            Some(Message::Speech(speech)) => self.learn_of_hidden_speech(speech),
            Some(Message::Notice(notice)) => self.learn_of_notice(notice),
            // A member who spoke earlier may be gone.
            Some(Message::Refusal(_) | Message::Plain) | None => {}
        }
    }

    fn learn_of_speech(&mut self, speech: ReadSpeech<'_>) {
        match speech {
            ReadSpeech::Said(name, _) | ReadSpeech::Done(name, _) => self.roster.spoke(name),
            ReadSpeech::ToYou(name, _) => {
                self.roster.spoke(name);
                self.correspondent.heard_from(name);
            }
            ReadSpeech::FromYou(name, _) => {
                self.roster.is_here(name);
                self.correspondent.wrote_to(name);
            }
        }
    }

    fn learn_of_hidden_speech(&mut self, speech: ReadSpeech<'_>) {
        match speech {
            ReadSpeech::Said(name, _) | ReadSpeech::Done(name, _) | ReadSpeech::ToYou(name, _) => {
                self.roster.is_here(name);
            }
            // Our own lines are never hidden.
            ReadSpeech::FromYou(..) => {}
        }
    }

    fn learn_of_notice(&mut self, notice: ReadNotice<'_>) {
        self.roster.learn(notice);
        match notice {
            ReadNotice::YouAre(name) | ReadNotice::YouAreNow(name) => {
                self.mention = Some(Mention::of(name));
            }
            ReadNotice::IsNow { old, new } => {
                self.ignored.rename(old, new);
                self.correspondent.rename(old, new);
            }
            _ => {}
        }
    }

    fn show(&mut self, line: &Line<'_>, at: Moment, shown: &mut Shown) {
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
                        Stamp::EarlierHere(at.time.time())
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
                shown.alert = shown.alert.max(alert(message, stress));
            }
        }
    }

    /// Adds what has to stand above a line that comes now, and says what is to stand before it.
    fn begin(&mut self, at: Moment, shown: &mut Shown) -> Stamp<'static> {
        self.begin_unread(shown);
        self.begin_day(at.time.date(), shown);
        Stamp::Now(at.time.time())
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
                let mentions = self.mention.as_ref().is_some_and(|mention| mention.is_in(text));
                mentions && self.roster.me() != Some(name)
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
mod tests {
    use super::super::colours::tests::picture;
    use super::*;

    const ME: &str = "-- you are alice, with 3 others here";

    /// A minute past two on the day of that number.
    fn at(day: u32) -> Moment {
        let day = NaiveDate::from_ymd_opt(2026, 11, day).expect("a day of November");
        let time = day.and_hms_opt(14, 2, 0).expect("a time of day");
        Moment { time, timing: Timing::Shown }
    }

    impl Conversation {
        /// One in which we are alice, on the 24th.
        fn of_alice(colours: Colours) -> Conversation {
            let mut conversation = Conversation::new(colours, Medium::Screen);
            conversation.hear(ME);
            conversation
        }

        fn hear_on(&mut self, day: u32, line: &str) -> Shown {
            let mut shown = Shown::default();
            self.receive(&Line::from(Server::Ours, line), at(day), &mut shown);
            shown
        }

        fn hear(&mut self, line: &str) -> Shown {
            self.hear_on(24, line)
        }

        /// What is sent or told, or the action's name in brackets.
        fn typed(&mut self, line: &str) -> String {
            match self.obey(&Typed::new(line)) {
                Action::Send => format!("> {line}"),
                Action::SendInstead(line) => format!("> {line}"),
                Action::Tell(line) => line,
                Action::SendAndHelp => "(help)".to_owned(),
                Action::Clear => "(clear)".to_owned(),
            }
        }
    }

    #[test]
    fn a_conversation_looks_like_this() {
        let lines = [
            (ME, "14:02 -- you are alice, with 3 others here"),
            ("<bob> has anyone the log?", "14:02 <bob> has anyone the log?"),
            ("* bob waits", "14:02 * bob waits"),
            ("[carol -> you] psst", "14:02 [carol -> you] psst"),
            ("[you -> carol] thanks", "14:02 [you -> carol] thanks"),
            ("!! /msg: that is you", "14:02 !! /msg: that is you"),
            ("| 13:58 <bob> hi", "13:58 | <bob> hi"),
            ("| 13:58 -- bob is now eve", "13:58 | -- bob is now eve"),
            ("something else", "14:02 something else"),
            ("", "14:02 "),
        ];
        let mut conversation = Conversation::new(Colours::None, Medium::Screen);
        for (line, expected) in lines {
            assert_eq!(conversation.hear(line).text, format!("{expected}\n"));
        }
    }

    #[test]
    fn what_is_for_us_stands_out_and_says_so() {
        use Alert::{Line, Mention, Nothing};
        let cases = [
            ("<bob> hi", "{dim}14:02{plain} <{+}bob{-}> hi{/}\n", Line),
            ("* bob waits", "{dim}14:02{plain} * {+}bob{-} waits{/}\n", Line),
            ("<bob> Alice: hi", "{dim}14:02{plain} {bold}<{+}bob{-}> Alice: hi{/}\n", Mention),
            (
                "* bob greets alice",
                "{dim}14:02{plain} {bold}* {+}bob{-} greets alice{/}\n",
                Mention,
            ),
            (
                "[bob -> you] x",
                "{dim}14:02{plain} {bold}{reverse}[{+}bob{-} -> you]{upright} x{/}\n",
                Mention,
            ),
            (
                "[you -> bob] x",
                "{dim}14:02{plain} {reverse}[you -> {+}bob{-}]{upright} x{/}\n",
                Nothing,
            ),
            ("<alice> I am alice", "{dim}14:02{plain} <{+}alice{-}> I am alice{/}\n", Line),
            ("-- alice2 joined", "{dim}14:02 -- alice2 joined{/}\n", Nothing),
            ("-- bob left: alice!", "{dim}14:02 -- bob left: alice!{/}\n", Nothing),
            ("!! no alice", "{dim}14:02{plain} {bold}{red}!!{-}{plain} no alice{/}\n", Nothing),
            ("| 13:58 <bob> alice!", "{dim}13:58 |{plain} {bold}<{+}bob{-}> alice!{/}\n", Nothing),
            ("| 13:58 -- bob is now x", "{dim}13:58 | -- bob is now x{/}\n", Nothing),
        ];
        for (line, expected, alert) in cases {
            let shown = Conversation::of_alice(Colours::Many).hear(line);
            assert_eq!(picture(&shown.text), expected);
            assert_eq!(shown.alert, alert, "{line}");
        }
    }

    #[test]
    fn we_are_mentioned_by_the_name_that_we_have_now() {
        let mut conversation = Conversation::of_alice(Colours::None);
        conversation.hear("-- you are now al");
        assert_eq!(conversation.hear("<bob> alice: hi").alert, Alert::Line);
        assert_eq!(conversation.hear("<bob> AL: hi").alert, Alert::Mention);
    }

    #[test]
    fn the_alert_of_many_lines_is_the_most_that_one_asks_for() {
        let mut conversation = Conversation::of_alice(Colours::None);
        let mut shown = Shown::default();
        for line in ["-- bob joined", "<bob> alice!", "<bob> hi"] {
            conversation.receive(&Line::from(Server::Ours, line), at(24), &mut shown);
        }
        assert_eq!(shown.text, "14:02 -- bob joined\n14:02 <bob> alice!\n14:02 <bob> hi\n");
        assert_eq!(shown.alert, Alert::Mention);
    }

    #[test]
    fn a_new_day_stands_above_its_first_line() {
        let mut conversation = Conversation::new(Colours::None, Medium::Screen);
        let steps = [
            (23, "<bob> late", "14:02 <bob> late\n"),
            (24, "<bob> early", "-- 2026-11-24\n14:02 <bob> early\n"),
            (24, "<bob> later", "14:02 <bob> later\n"),
            (24, "| -- 2026-11-22", "-- 2026-11-22\n"),
            (24, "| 09:00 <bob> old", "09:00 | <bob> old\n"),
            (24, "| -- 2026-11-24", "-- 2026-11-24\n"),
            (24, "| 09:00 <bob> new", "09:00 | <bob> new\n"),
            (24, "| -- 2026-11-24", ""),
            (24, "<bob> now", "14:02 <bob> now\n"),
            (24, "| -- 2026-11-23", "-- 2026-11-23\n"),
            (24, "<bob> now", "-- 2026-11-24\n14:02 <bob> now\n"),
        ];
        for (day, line, expected) in steps {
            assert_eq!(conversation.hear_on(day, line).text, expected, "{line}");
        }
        let mut shown = Shown::default();
        conversation.own("<alice> hi", at(25), &mut shown);
        assert_eq!(shown.text, "-- 2026-11-25\n14:02 <alice> hi\n");
    }

    #[test]
    fn a_rule_stands_above_what_came_while_nobody_looked() {
        let mut conversation = Conversation::of_alice(Colours::None);
        conversation.typed("/ignore eve");
        let steps = [
            (Focus::Here, "<bob> 1", "14:02 <bob> 1\n"),
            (Focus::Away, "<eve> not shown", ""),
            (Focus::Away, "<bob> 2", "-- new\n14:02 <bob> 2\n"),
            (Focus::Away, "<bob> 3", "14:02 <bob> 3\n"),
            (Focus::Here, "<bob> 4", "14:02 <bob> 4\n"),
            (Focus::Away, "| 09:00 <bob> 5", "-- new\n09:00 | <bob> 5\n"),
        ];
        for (focus, line, expected) in steps {
            conversation.focus(focus);
            assert_eq!(conversation.hear(line).text, expected, "{line}");
        }
        conversation.focus(Focus::Here);
        conversation.focus(Focus::Away);
        conversation.focus(Focus::Here);
        assert_eq!(conversation.hear("<bob> 6").text, "14:02 <bob> 6\n");
    }

    #[test]
    fn where_lines_were_missed_there_is_a_rule_on_a_screen_and_a_line_elsewhere() {
        for line in ["-- you missed 3 lines (you were away)", NOT_SEEN] {
            for (medium, expected) in
                [(Medium::Screen, format!("{line}\n")), (Medium::Lines, format!("14:02 {line}\n"))]
            {
                let mut shown = Shown::default();
                let mut conversation = Conversation::new(Colours::None, medium);
                conversation.receive(&Line::from(Server::Ours, line), at(24), &mut shown);
                assert_eq!(shown.text, expected);
            }
        }
    }

    #[test]
    fn our_own_lines_and_the_clients_have_their_time_too() {
        let mut conversation = Conversation::of_alice(Colours::Sixteen);
        let mut shown = Shown::default();
        conversation.own("<alice> I, alice", at(24), &mut shown);
        conversation.own("* alice waits", at(24), &mut shown);
        conversation.own("<you> unnamed", at(24), &mut shown);
        conversation.notice("the log is lost", at(24), &mut shown);
        conversation.tell("!! /r: no", at(24), &mut shown);
        let expected = "{dim}14:02{plain} <{+}alice{-}> I, alice{/}\n\
            {dim}14:02{plain} * {+}alice{-} waits{/}\n\
            {dim}14:02{plain} <you> unnamed{/}\n\
            {dim}14:02 -- the log is lost{/}\n\
            {dim}14:02{plain} {bold}{red}!!{-}{plain} /r: no{/}\n";
        assert_eq!(picture(&shown.text), expected);
        assert_eq!(shown.alert, Alert::Nothing);
    }

    #[test]
    fn nothing_is_read_into_the_lines_of_another_server() {
        for line in ["<bob> alice", "-- bob joined", "| 13:58 <bob> hi", "[bob -> you] hi", "hi"] {
            let mut conversation = Conversation::of_alice(Colours::Many);
            let mut shown = Shown::default();
            conversation.receive(&Line::from(Server::Foreign, line), at(24), &mut shown);
            assert_eq!(picture(&shown.text), format!("{{dim}}14:02{{plain}} {line}{{/}}\n"));
            assert_eq!(shown.alert, Alert::Line);
            assert!(conversation.candidates("b").options.is_empty());
        }
    }

    #[test]
    fn nothing_is_seen_of_whom_we_ignore() {
        let mut conversation = Conversation::of_alice(Colours::None);
        assert_eq!(conversation.typed("/ignore Bob"), "-- Bob is ignored, on this screen alone");
        let hidden = [
            "<bob> alice: hi",
            "* BOB waits for alice",
            "[bob -> you] hi",
            "-- bob left: alice!",
            "-- bob joined",
            "| 13:58 <bob> hi",
            "| 13:58 [bob -> you] hi",
            "| 13:58 -- bob is now carol",
            "-- bob is now robert",
            "<robert> it is me",
        ];
        for line in hidden {
            assert_eq!(conversation.hear(line), Shown::default(), "{line}");
        }
        for line in ["<bobby> hi", "[you -> robert] hi", "<carol> bob is here", "-- 1 here: robert"]
        {
            assert!(!conversation.hear(line).text.is_empty(), "{line}");
        }
        assert_eq!(conversation.typed("/ignore"), "-- ignored: robert");
        assert_eq!(conversation.typed("/unignore ROBERT"), "-- ROBERT is not ignored any more");
        assert!(!conversation.hear("<robert> me again").text.is_empty());
    }

    #[test]
    fn who_is_not_here_is_ignored_and_that_is_told() {
        let mut conversation = Conversation::of_alice(Colours::None);
        conversation.hear("-- 2 here: alice, bob");
        let told = "-- nobody here is called Bbo; who comes under that name is ignored, on this screen alone";
        assert_eq!(conversation.typed("/ignore Bbo"), told);
        assert_eq!(conversation.typed("/ignore BOB"), "-- BOB is ignored, on this screen alone");
        assert_eq!(conversation.hear("<bbo> hi"), Shown::default());
    }

    #[test]
    fn a_wrong_command_is_told_how_it_goes() {
        let mut conversation = Conversation::of_alice(Colours::None);
        let cases = [
            ("hello", "> hello"),
            ("/msg bob hi", "> /msg bob hi"),
            ("/frob", "> /frob"),
            ("/help", "(help)"),
            ("/clear", "(clear)"),
            ("/clear x", "!! /clear goes like this: /clear"),
            ("/ignore a b", "!! /ignore goes like this: /ignore [NAME]"),
            ("/ignore ALICE", "!! /ignore: that is you"),
            ("/ignore you", "!! /ignore: nobody can be called you"),
            ("/ignore", "-- nobody is ignored"),
            ("/unignore", "!! /unignore goes like this: /unignore NAME"),
            ("/unignore bob", "!! /unignore: bob is not ignored"),
            ("/ignore bob", "-- bob is ignored, on this screen alone"),
            ("/ignore Bob", "!! /ignore: Bob is ignored already"),
            ("/r", "!! /r goes like this: /r TEXT"),
        ];
        for (line, expected) in cases {
            assert_eq!(conversation.typed(line), expected, "{line}");
        }
    }

    #[test]
    fn an_answer_goes_to_whoever_wrote_last_and_else_to_whom_we_wrote() {
        let mut conversation = Conversation::of_alice(Colours::None);
        conversation.typed("/ignore eve");
        let steps = [
            ("<bob> hi", "!! /r: there is no private line to answer"),
            ("| 13:58 [bob -> you] hi", "!! /r: there is no private line to answer"),
            ("[you -> bob] hi", "> /msg bob hi there"),
            ("-- bob is now rob", "> /msg rob hi there"),
            ("[carol -> you] hi", "> /msg carol hi there"),
            ("[eve -> you] hi", "> /msg carol hi there"),
            ("[you -> rob] hi", "> /msg carol hi there"),
            ("-- carol is now cate", "> /msg cate hi there"),
            ("-- cate left", "> /msg cate hi there"),
        ];
        for (line, expected) in steps {
            conversation.hear(line);
            assert_eq!(conversation.typed("/r  hi there"), expected, "{line}");
        }
    }

    #[test]
    fn whoever_was_heard_last_is_completed_first() {
        let mut conversation = Conversation::of_alice(Colours::None);
        conversation.typed("/ignore bill");
        let lines =
            ["* bob waits", "[ben -> you] hi", "[you -> bart] hi", "<bill> hi", "| 13:58 <bea> hi"];
        for line in lines {
            conversation.hear(line);
        }
        let candidates = conversation.candidates("ask b");
        assert_eq!(candidates.start, 4);
        assert_eq!(candidates.options, ["ben ", "bob ", "bart ", "bill "]);
    }

    /// Every two pieces of what a line may be made of, on a server of each kind.
    #[test]
    fn the_looks_are_nothing_but_the_looks() {
        const PIECES: [&str; 14] = [
            "<bob> ",
            "* bob ",
            "[bob -> you] ",
            "[you -> bob] ",
            "-- ",
            "!! ",
            "| ",
            "14:05 ",
            "alice",
            "日本",
            "bob joined",
            "2026-11-22",
            "",
            "\t",
        ];
        for i in 0..PIECES.len().pow(3) {
            let line = [PIECES[i / 196], PIECES[i / 14 % 14], PIECES[i % 14]].concat();
            for server in [Server::Ours, Server::Foreign] {
                let mut plain = Shown::default();
                let mut conversation = Conversation::of_alice(Colours::None);
                conversation.focus(Focus::Away);
                conversation.receive(&Line::from(server, &line), at(25), &mut plain);
                assert!(!plain.text.contains('\u{1b}'), "{line}");
                for colours in [Colours::Sixteen, Colours::Many] {
                    let mut shown = Shown::default();
                    let mut conversation = Conversation::of_alice(colours);
                    conversation.focus(Focus::Away);
                    conversation.receive(&Line::from(server, &line), at(25), &mut shown);
                    let ends_reset = |line: &str| line.ends_with("\u{1b}[0m");
                    assert!(shown.text.lines().all(ends_reset), "{:?}", shown.text);
                    assert_eq!(without_sequences(&shown.text), plain.text, "{line}");
                    assert_eq!(shown.alert, plain.alert, "{line}");
                }
            }
        }
    }

    fn without_sequences(text: &str) -> String {
        let mut parts = text.split("\u{1b}[");
        let first = parts.next().unwrap_or_default().to_owned();
        let end = |part: &str| part.find('m').expect("SGR and nothing else") + 1;
        first + &parts.map(|part| &part[end(part)..]).collect::<String>()
    }
}
