//! Which comings and goings are shown: of all, or of those alone who have said something of late, or none. Pure.

use std::collections::HashMap;

use chrono::{NaiveDateTime, TimeDelta};

use crate::client::config::JoinsChoice;
use crate::protocol::reply::{Message, ReadNotice, ReadSpeech, ServerLine};

/// For how long somebody who has said something counts as one who takes part.
const OF_LATE: TimeDelta = TimeDelta::hours(1);

/// The most names that are kept; beyond that the ones whose hour is over go, and then all.
const MOST: usize = 10_000;

/// Who has said something of late, and what that means for comings and goings.
#[derive(Debug)]
pub(super) struct Comings {
    /// What the user wants to see.
    choice: JoinsChoice,
    /// By name, when somebody has last said something. Names of those who have gone stay, since they may come back.
    spoke: HashMap<String, NaiveDateTime>,
}

impl Comings {
    pub(super) fn new(choice: JoinsChoice) -> Comings {
        Comings { choice, spoke: HashMap::new() }
    }

    /// Whether a line is shown, which comes at that time; it is learned from, too.
    pub(super) fn shows(&mut self, line: ServerLine<'_>, at: NaiveDateTime) -> bool {
        if self.choice == JoinsChoice::All {
            return true;
        }
        let (ServerLine::Message(message) | ServerLine::Earlier { message, .. }) = line else {
            return true;
        };
        match message {
            Message::Speech(
                ReadSpeech::Said(name, _) | ReadSpeech::Done(name, _) | ReadSpeech::ToYou(name, _),
            ) => {
                self.spoke(name, at);
                true
            }
            Message::Notice(notice) => self.shows_notice(notice, at),
            Message::Speech(ReadSpeech::FromYou(..)) | Message::Refusal(_) | Message::Plain => true,
        }
    }

    fn shows_notice(&mut self, notice: ReadNotice<'_>, at: NaiveDateTime) -> bool {
        let takes_part = |name| self.choice == JoinsChoice::Spoken && self.has_spoken(name, at);
        match notice {
            ReadNotice::Joined(name) | ReadNotice::Left(name) => takes_part(name),
            ReadNotice::CameAndWent => false,
            // Whoever reads on has to know who it is that speaks now under another name.
            ReadNotice::IsNow { old, new } => {
                let is_known = self.has_spoken(old, at);
                if let Some(spoke) = self.spoke.remove(old) {
                    self.spoke(new, spoke);
                }
                is_known
            }
            _ => true,
        }
    }

    fn has_spoken(&self, name: &str, at: NaiveDateTime) -> bool {
        self.spoke.get(name).is_some_and(|&spoke| at.signed_duration_since(spoke) < OF_LATE)
    }

    fn spoke(&mut self, name: &str, at: NaiveDateTime) {
        if let Some(spoke) = self.spoke.get_mut(name) {
            *spoke = at.max(*spoke);
            return;
        }
        if self.spoke.len() >= MOST {
            self.spoke.retain(|_, spoke| at.signed_duration_since(*spoke) < OF_LATE);
        }
        if self.spoke.len() >= MOST {
            self.spoke.clear();
        }
        self.spoke.insert(name.to_owned(), at);
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::protocol::reply;

    /// What is shown of these lines, each of which comes at that minute.
    fn shown<'a>(choice: JoinsChoice, lines: &[(i64, &'a str)]) -> Vec<&'a str> {
        let mut comings = Comings::new(choice);
        let noon = NaiveDate::from_ymd_opt(2026, 11, 28).and_then(|day| day.and_hms_opt(12, 0, 0));
        let noon = noon.expect("a time");
        let mut shows = |&(minute, line): &(i64, &str)| {
            comings.shows(reply::parse(line), noon + TimeDelta::minutes(minute))
        };
        lines.iter().filter(|line| shows(line)).map(|(_, line)| *line).collect()
    }

    #[test]
    fn comings_and_goings_are_shown_of_all_or_of_those_who_take_part_or_of_none() {
        use JoinsChoice::{All, None, Spoken};
        let lines = [
            (0, "-- you are alice, with 3 others here"),
            (0, "| 11:50 <eve> earlier"),
            (0, "-- bob joined"),
            (0, "<bob> hi"),
            (1, "-- bob left"),
            (2, "-- carol joined"),
            (2, "-- carol is now carl"),
            (3, "-- bob joined"),
            (3, "-- bob is now bert"),
            (4, "-- carl left (connection lost)"),
            (4, "-- 38 joined, 35 left"),
            (5, "-- eve left"),
            (59, "-- bert was too slow and was dropped"),
            (61, "-- bert joined"),
            (62, "[bert -> you] psst"),
            (63, "-- bert left"),
            (64, "!! /msg: nobody here is called bert"),
        ];
        let all: Vec<_> = lines.iter().map(|(_, line)| *line).collect();
        assert_eq!(shown(All, &lines), all);
        let but_for = |hidden: &[usize]| -> Vec<_> {
            all.iter()
                .enumerate()
                .filter(|(at, _)| !hidden.contains(at))
                .map(|(_, it)| *it)
                .collect()
        };
        assert_eq!(shown(Spoken, &lines), but_for(&[2, 5, 6, 9, 10, 13]));
        assert_eq!(shown(None, &lines), but_for(&[2, 4, 5, 6, 7, 9, 10, 11, 12, 13, 15]));
    }

    #[test]
    fn a_server_that_makes_up_names_gets_no_endless_memory() {
        let mut comings = Comings::new(JoinsChoice::Spoken);
        for number in 0..2 * MOST {
            let line = format!("<guest{number}> hi");
            comings.shows(reply::parse(&line), NaiveDateTime::default());
        }
        assert!(comings.spoke.len() <= MOST);
    }
}
