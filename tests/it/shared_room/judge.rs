//! Whether all views of a room are one: pure.
//!
//! A **view** is what one member was told, from the gun on, behind which everyone is there. The **late** view is what
//! somebody is shown who joins in the end, at a server that was started in the end: all of it comes from the store.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use super::returns::Return;
use crate::common::session::Heard;

/// What is said when everyone is there; by somebody who is no member of the trial.
pub(super) const GUN: &str = "<visitor> everyone is here";

/// The time of an event that was told in the time of a client's own clock.
pub(super) const NO_TIME: u64 = 0;

/// How many faults of each kind are told.
const MOST: usize = 3;

/// Joins are told so late at most, in milliseconds: those of before the gun may be told behind it.
const SUMMED: u64 = 3_000;

/// How many events are shown before and behind the place where two views part.
const AROUND: usize = 3;

/// What one member was told.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    /// The member, by the name that it has joined under.
    pub(super) name: String,
    /// The events in the order in which they came, own lines as others see them.
    pub(super) heard: Vec<Heard>,
    /// All that it has said, as others see it, but for its names: those come again and again.
    pub(super) said: Vec<Said>,
    /// What it was told besides events.
    pub(super) notices: Vec<String>,
    /// What its session itself finds wrong.
    pub(super) complaints: Vec<String>,
    /// Where it was connected, for whoever looks for the reason of a fault.
    pub(super) moves: Vec<String>,
    /// How it came back from connections that were lost, for a figure.
    pub(super) returns: Vec<Return>,
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Heard { seq, at, line, is_own } in &self.heard {
            writeln!(f, "@{seq} {at} {}{line}", if *is_own { "+ " } else { "" })?;
        }
        let lists =
            [("complains", &self.complaints), ("told", &self.notices), ("moves", &self.moves)];
        for (what, list) in lists {
            list.iter().try_for_each(|text| writeln!(f, "{what}: {text}"))?;
        }
        Ok(())
    }
}

/// A line that gets a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// As others see it.
    pub(super) line: String,
    /// The only one that sees it besides its author.
    pub(super) to: Option<String>,
}

/// What the store has lost at one time.
#[derive(Debug, Clone, Default)]
pub(super) struct Loss {
    /// What was done to it.
    pub(super) what: String,
    /// All that was in the groups that are gone.
    pub(super) bytes: String,
}

/// All that a trial has found out.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    /// What the members were told.
    pub(super) views: Vec<View>,
    /// What was said to all, as the late view has it.
    pub(super) late: Vec<Heard>,
    /// What the store has lost.
    pub(super) losses: Vec<Loss>,
    /// What went wrong besides.
    pub(super) troubles: Vec<String>,
}

/// What was found right.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// How many events there were, from the gun on.
    pub(super) events: usize,
    /// How many of them the store has lost.
    pub(super) lost: usize,
}

/// Compares all views.
///
/// # Errors
///
/// What is wrong, a few examples of each kind, each with its place.
pub(super) fn judge(evidence: &Evidence) -> Result<Verdict, Vec<String>> {
    let mut case = Case::open(evidence);
    case.add(evidence.troubles.clone());
    case.check_sessions();
    case.check_numbers();
    case.check_contents();
    case.check_late();
    case.check_completeness();
    case.check_said();
    case.check_losses();
    case.check_comings();
    if case.faults.is_empty() {
        Ok(Verdict { events: case.all.len(), lost: case.lost.len() })
    } else {
        Err(case.faults)
    }
}

/// An event as it is known.
#[derive(Debug)]
struct Known<'a> {
    event: &'a Heard,
    /// Who has it; an index of views.
    by: usize,
}

struct Case<'a> {
    evidence: &'a Evidence,
    /// The number of the gun.
    gun: u64,
    /// Every event behind the gun that anybody was told.
    all: BTreeMap<u64, Known<'a>>,
    /// The late view behind the gun.
    late: BTreeMap<u64, &'a str>,
    /// What was said to all that the late view does not have.
    lost: BTreeSet<u64>,
    /// Whom each private line is for, besides its author.
    private: HashMap<&'a str, [&'a str; 2]>,
    faults: Vec<String>,
}

impl<'a> Case<'a> {
    fn open(evidence: &'a Evidence) -> Case<'a> {
        let is_gun = |it: &&Heard| it.line == GUN;
        let mut guns = evidence.views.iter().filter_map(|view| view.heard.iter().find(is_gun));
        let gun = guns.next().map_or(0, |it| it.seq);
        let mut all = BTreeMap::new();
        for (by, view) in evidence.views.iter().enumerate() {
            for event in view.heard.iter().filter(|it| it.seq > gun) {
                all.entry(event.seq).or_insert(Known { event, by });
            }
        }
        let late = evidence.late.iter().filter(|it| it.seq > gun);
        let late: BTreeMap<_, _> = late.map(|it| (it.seq, it.line.as_str())).collect();
        let is_lost = |(seq, known): &(&u64, &Known<'_>)| {
            is_speech(&known.event.line) && !late.contains_key(seq)
        };
        let lost = all.iter().filter(is_lost).map(|(&seq, _)| seq).collect();
        let private = evidence.views.iter().flat_map(|view| {
            let private = view.said.iter().filter_map(|said| Some((&said.line, said.to.as_ref()?)));
            private.map(|(line, to)| (line.as_str(), [view.name.as_str(), to.as_str()]))
        });
        let private = private.collect();
        let mut case = Case { evidence, gun, all, late, lost, private, faults: Vec::new() };
        for view in &evidence.views {
            if !view.heard.iter().any(|it| it.seq == gun && it.line == GUN) {
                case.faults.push(format!("{} has not heard the gun", view.name));
            }
        }
        case
    }

    /// Adds the first of these faults.
    fn add(&mut self, faults: Vec<String>) {
        let more = faults.len().saturating_sub(MOST);
        self.faults.extend(faults.into_iter().take(MOST));
        if more > 0 {
            self.faults.push(format!("… and {more} more of this kind"));
        }
    }

    /// What each session has found by itself, and what nobody may be told.
    fn check_sessions(&mut self) {
        let mut faults = Vec::new();
        for view in &self.evidence.views {
            faults.extend(view.complaints.iter().map(|why| format!("{}: {why}", view.name)));
            let bad = view.notices.iter().filter(|text| self.is_bad(text));
            faults.extend(bad.map(|text| {
                let moves = view.moves.join("\n       ");
                format!("{} was told {text:?}:\n       {moves}", view.name)
            }));
        }
        self.add(faults);
    }

    /// Whether a notice tells of trouble that there was no reason for.
    fn is_bad(&self, text: &str) -> bool {
        let of_loss = text.contains("set back") || text.contains("may be missing");
        text.starts_with("!! /resume")
            || text.contains("you missed")
            || (self.evidence.losses.is_empty() && of_loss)
    }

    /// Numbers grow in each view.
    fn check_numbers(&mut self) {
        let mut faults = Vec::new();
        for view in &self.evidence.views {
            let mut pairs = view.heard.windows(2).enumerate();
            if let Some((index, _)) = pairs.find(|(_, pair)| pair[0].seq >= pair[1].seq) {
                faults.push(format!("numbers do not grow in {}", place(view, index + 1)));
            }
        }
        self.add(faults);
    }

    /// A number is one event, with one time, for everybody.
    fn check_contents(&mut self) {
        let mut faults = Vec::new();
        for view in &self.evidence.views {
            let differs = view.heard.iter().position(|it| {
                self.all.get(&it.seq).is_some_and(|known| {
                    known.event.line != it.line || !is_one_time(known.event.at, it.at)
                })
            });
            if let Some(index) = differs {
                let known = &self.all[&view.heard[index].seq];
                let other = &self.evidence.views[known.by];
                faults.push(part(view, index, other, known.event.seq));
            }
        }
        self.add(faults);
    }

    /// The late view has what the others have, under the same numbers.
    fn check_late(&mut self) {
        let mut faults = Vec::new();
        for (&seq, &line) in &self.late {
            match self.all.get(&seq) {
                Some(known) if known.event.line == line => {}
                Some(known) => faults.push(format!(
                    "the late view has {line:?} as @{seq}, where {} has {:?}",
                    self.evidence.views[known.by].name, known.event.line
                )),
                None => faults.push(format!("the late view alone has @{seq} {line:?}")),
            }
        }
        let is_known = |line: &str| self.evidence.losses.iter().any(|it| it.bytes.contains(line));
        for seq in &self.lost {
            let known = &self.all[seq];
            if !is_known(text_of(&known.event.line)) {
                let view = &self.evidence.views[known.by];
                let index = view.heard.iter().position(|it| it.seq == *seq).unwrap_or(0);
                faults.push(format!(
                    "the late view has not, though nothing of it was lost, {}",
                    place(view, index)
                ));
            }
        }
        self.add(faults);
    }

    /// Each view has everything that it is due, up to where it ends.
    fn check_completeness(&mut self) {
        let mut faults = Vec::new();
        for view in &self.evidence.views {
            let has: BTreeSet<u64> = view.heard.iter().map(|it| it.seq).collect();
            let last = has.last().copied().unwrap_or(0);
            let due = self.all.range(..=last).filter(|(_, known)| self.is_due(view, known));
            let missing = |seq: &u64| !has.contains(seq) && !self.may_be_lost(*seq);
            if let Some((_, known)) = due.into_iter().find(|(seq, _)| missing(seq)) {
                let after = view.heard.iter().position(|it| it.seq > known.event.seq);
                let other = &self.evidence.views[known.by];
                faults.push(part(view, after.unwrap_or(view.heard.len()), other, known.event.seq));
            }
        }
        self.add(faults);
    }

    /// Whether an event is for the member that has this view.
    fn is_due(&self, view: &View, known: &Known<'_>) -> bool {
        let both = self.private.get(known.event.line.as_str());
        !is_private(&known.event.line) || both.is_some_and(|both| both.contains(&&*view.name))
    }

    /// Whether an event lies where something was lost: behind the last event that the late view has, and before its next
    /// one, or is one of those that are lost.
    fn may_be_lost(&self, seq: u64) -> bool {
        if self.evidence.losses.is_empty() {
            return false;
        }
        let before = self.late.range(..=seq).next_back().map_or(self.gun, |(&seq, _)| seq);
        let behind = self.late.range(seq..).next().map_or(u64::MAX, |(&seq, _)| seq);
        self.lost.contains(&seq)
            || (self.lost.range(before..behind).next().is_some() && !self.late.contains_key(&seq))
    }

    /// Each line is said once, in the order in which its author has said it.
    fn check_said(&mut self) {
        let mut places: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for (&seq, known) in &self.all {
            places.entry(&known.event.line).or_default().push(seq);
        }
        let mut faults = Vec::new();
        for view in &self.evidence.views {
            let mut last = 0;
            for said in &view.said {
                let seqs = places.get(said.line.as_str()).map_or(&[][..], Vec::as_slice);
                let stays: Vec<u64> =
                    seqs.iter().copied().filter(|&seq| !self.may_be_lost(seq)).collect();
                // Whether it was lost rightly, where it is there once, is another question.
                let is_right = seqs.len() == 1 || (stays.len() <= 1 && self.was_lost(&said.line));
                if !is_right {
                    let told: Vec<_> =
                        view.notices.iter().filter(|it| it.starts_with("!!")).collect();
                    faults.push(format!(
                        "{} has said {:?} once, and it is there as {seqs:?}; it was told {told:?}",
                        view.name, said.line
                    ));
                }
                let now = stays.last().copied().unwrap_or(last);
                if now < last {
                    faults.push(format!(
                        "{} has said {:?} later, and it is there as @{now} and not behind @{last}",
                        view.name, said.line
                    ));
                }
                last = last.max(now);
            }
        }
        self.add(faults);
    }

    fn was_lost(&self, line: &str) -> bool {
        self.evidence.losses.iter().any(|loss| loss.bytes.contains(text_of(line)))
    }

    /// Who has seen a line that is lost is told so, and everybody is told that the store was set back.
    fn check_losses(&mut self) {
        if self.evidence.losses.is_empty() {
            return;
        }
        let mut faults = Vec::new();
        let is_notice = |text: &str| text.contains("was set back");
        for view in &self.evidence.views {
            let has = view.heard.iter().find(|it| self.lost.contains(&it.seq));
            if let Some(lost) = has
                && !view.notices.iter().any(|text| is_notice(text))
            {
                faults.push(format!(
                    "{} has seen {:?}, which is lost, and was not told so: {:?}",
                    view.name, lost.line, view.notices
                ));
            }
        }
        let is_event = |known: &Known<'_>| is_notice(&known.event.line);
        if !self.lost.is_empty() && !self.all.values().any(is_event) {
            faults.push("there is no event that tells that the store was set back".to_owned());
        }
        self.add(faults);
    }

    /// Nobody of the trial comes or leaves behind the gun.
    fn check_comings(&mut self) {
        let mut faults = Vec::new();
        let began = self.all.values().next().map_or(0, |known| known.event.at);
        let mut has_sum = false;
        for (seq, known) in self.all.iter().filter(|(_, known)| known.event.at > began + SUMMED) {
            let line = &known.event.line;
            let is_of_visitors = ["-- guest", "-- visitor"].iter().any(|it| line.starts_with(it));
            // A store that stands still holds back the sum of those who came before the gun, and of who fired it.
            let counts =
                line.strip_prefix("-- ").is_some_and(|it| it.starts_with(char::is_numeric));
            let is_sum =
                counts && [" joined", " joined, 1 left"].iter().any(|it| line.ends_with(it));
            if is_sum && !has_sum {
                has_sum = true;
                continue;
            }
            let is_coming = line.starts_with("-- ")
                && [" joined", " left"].iter().any(|it| line.contains(it))
                && !is_of_visitors;
            if is_coming {
                let view = &self.evidence.views[known.by];
                faults.push(format!("{} was told @{seq} {line:?}", view.name));
            }
        }
        self.add(faults);
    }
}

fn is_one_time(one: u64, other: u64) -> bool {
    one == other || [one, other].contains(&NO_TIME)
}

/// Whether the late view has it.
fn is_speech(line: &str) -> bool {
    line.starts_with('<')
}

/// Whether it is not for everybody.
fn is_private(line: &str) -> bool {
    line.starts_with('[')
        || line.contains(" is away: your line")
        || line.contains("did not come back")
}

/// What was said, without who has.
fn text_of(line: &str) -> &str {
    line.split_once("> ").or_else(|| line.split_once("] ")).map_or(line, |(_, text)| text)
}

/// A place in a view.
fn place(view: &View, index: usize) -> String {
    let from = index.saturating_sub(AROUND);
    let to = (index + AROUND + 1).min(view.heard.len());
    let mut text = format!("{}'s view:", view.name);
    for (number, it) in view.heard[from..to].iter().enumerate() {
        let mark = if from + number == index { "->" } else { "  " };
        text.push_str(&format!("\n    {mark} @{} {} {}", it.seq, it.at, it.line));
    }
    let told = view.notices.iter().filter(|notice| !notice.starts_with("= "));
    let told: Vec<_> = told.map(String::as_str).collect();
    text.push_str(&format!("\n       told {told:?}"));
    let moves = view.moves.iter().map(|it| format!("\n       {it}"));
    text + &moves.collect::<String>()
}

/// Where two views part.
fn part(one: &View, index: usize, other: &View, seq: u64) -> String {
    let there = other.heard.iter().position(|it| it.seq == seq).unwrap_or(0);
    format!("two views part:\n  {}\n  {}", place(one, index), place(other, there))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A room of three, in which everything is right.
    fn evidence() -> Evidence {
        let lines = [
            (10, GUN, ""),
            (11, "<ann> ann 1 é.", ""),
            (12, "<bob> bob 1 é.", ""),
            (14, "[ann -> you] ann 2 é.", "bob"),
            (15, "<ann> ann 3 é.", ""),
            (16, "<cid> cid 1 é.", ""),
            (17, "<bob> bob 2 é.", ""),
        ];
        let view = |name: &str| {
            let own = format!("<{name}> ");
            let (mut heard, mut said) = (Vec::new(), Vec::new());
            for (seq, line, to) in lines {
                let is_own = line.starts_with(&own) || line.starts_with(&format!("[{name} "));
                if to.is_empty() || to == name || is_own {
                    heard.push(Heard { seq, at: 1000 + seq, line: line.to_owned(), is_own });
                }
                if is_own {
                    let to = (!to.is_empty()).then(|| to.to_owned());
                    said.push(Said { line: line.to_owned(), to });
                }
            }
            View { name: name.to_owned(), heard, said, ..View::default() }
        };
        let views = ["ann", "bob", "cid"].map(view).to_vec();
        let late = views[2].heard.clone();
        Evidence { views, late, ..Evidence::default() }
    }

    /// The only kind of fault is this one.
    #[track_caller]
    fn assert_finds(evidence: &Evidence, expected: &[&str]) {
        let faults = judge(evidence).expect_err("something is wrong");
        assert_eq!(faults.len(), expected.len(), "{faults:#?}");
        for (fault, expected) in faults.iter().zip(expected) {
            assert!(fault.contains(expected), "no {expected:?} in {faults:#?}");
        }
    }

    fn seq_of(view: &View, line: &str) -> usize {
        view.heard.iter().position(|it| it.line == line).expect("it is there")
    }

    #[test]
    fn a_room_where_all_is_right_is_found_right() {
        assert_eq!(judge(&evidence()), Ok(Verdict { events: 6, lost: 0 }));
    }

    #[test]
    fn what_went_wrong_besides_is_told() {
        let evidence = Evidence { troubles: vec!["it is late".to_owned()], ..evidence() };
        assert_finds(&evidence, &["it is late"]);
    }

    #[test]
    fn a_line_that_comes_twice_is_found() {
        let mut evidence = evidence();
        let twice = evidence.views[2].heard[2].clone();
        evidence.views[2].heard.insert(3, twice);
        assert_finds(&evidence, &["numbers do not grow in cid's view"]);
    }

    #[test]
    fn a_line_that_is_said_twice_is_found() {
        let mut evidence = evidence();
        let again = Heard { seq: 13, at: 1013, ..evidence.views[2].heard[1].clone() };
        for view in &mut evidence.views {
            let behind = seq_of(view, "<bob> bob 1 é.") + 1;
            view.heard.insert(behind, again.clone());
        }
        evidence.late.insert(3, again);
        assert_finds(
            &evidence,
            &["ann has said \"<ann> ann 1 é.\" once, and it is there as [11, 13]"],
        );
    }

    #[test]
    fn a_line_that_one_view_does_not_have_is_found_with_the_place() {
        let mut evidence = evidence();
        let index = seq_of(&evidence.views[1], "<ann> ann 3 é.");
        evidence.views[1].heard.remove(index);
        assert_finds(&evidence, &["two views part:\n  bob's view:"]);
        let fault = &judge(&evidence).expect_err("it is missing")[0];
        assert!(fault.contains("    -> @15 1015 <ann> ann 3 é."), "{fault}");
    }

    #[test]
    fn a_private_line_that_its_reader_does_not_have_is_found() {
        let mut evidence = evidence();
        let index = seq_of(&evidence.views[1], "[ann -> you] ann 2 é.");
        evidence.views[1].heard.remove(index);
        assert_finds(&evidence, &["two views part:\n  bob's view:"]);
    }

    #[test]
    fn a_line_with_a_receipt_that_is_nowhere_else_is_found() {
        let mut evidence = evidence();
        for view in [1, 2] {
            let index = seq_of(&evidence.views[view], "<ann> ann 3 é.");
            evidence.views[view].heard.remove(index);
        }
        evidence.late.retain(|it| it.line != "<ann> ann 3 é.");
        assert_finds(
            &evidence,
            &["the late view has not, though nothing of it was lost", "bob's view", "cid's view"],
        );
    }

    #[test]
    fn a_line_that_was_never_said_is_found() {
        let mut evidence = evidence();
        for view in &mut evidence.views {
            view.heard.retain(|it| it.line != "<ann> ann 3 é.");
        }
        evidence.late.retain(|it| it.line != "<ann> ann 3 é.");
        assert_finds(&evidence, &["ann has said \"<ann> ann 3 é.\" once, and it is there as []"]);
    }

    #[test]
    fn two_lines_in_another_order_are_found() {
        let mut evidence = evidence();
        let view = &mut evidence.views[2].heard;
        let (one, other) = (view[2].line.clone(), view[3].line.clone());
        (view[2].line, view[3].line) = (other, one);
        assert_finds(&evidence, &["two views part"]);
    }

    #[test]
    fn an_order_that_is_not_its_authors_is_found() {
        let mut evidence = evidence();
        evidence.views[1].said.reverse();
        assert_finds(&evidence, &["has said \"<bob> bob 1 é.\" later"]);
    }

    #[test]
    fn another_time_of_the_same_event_is_found() {
        let mut evidence = evidence();
        evidence.views[1].heard[3].at += 1;
        assert_finds(&evidence, &["two views part"]);
    }

    #[test]
    fn somebody_who_is_said_to_have_left_is_found() {
        let mut evidence = evidence();
        let left = "-- ann left (connection lost)".to_owned();
        let left = Heard { seq: 18, at: 9018, line: left, is_own: false };
        evidence.views.iter_mut().for_each(|view| view.heard.push(left.clone()));
        assert_finds(&evidence, &["was told @18 \"-- ann left (connection lost)\""]);
        for view in &mut evidence.views {
            view.heard.last_mut().expect("it was added").line = "-- 2 joined, 3 left".to_owned();
        }
        assert_finds(&evidence, &["was told @18 \"-- 2 joined, 3 left\""]);
    }

    #[test]
    fn a_notice_of_a_loss_without_one_is_found() {
        let mut evidence = evidence();
        evidence.views[0]
            .notices
            .push("-- you missed 1 line (this server was too slow)".to_owned());
        assert_finds(&evidence, &["ann was told"]);
    }

    /// The store is set back by its last two lines, and everything else goes on behind them.
    fn set_back(seen_by: &[usize]) -> Evidence {
        let mut evidence = evidence();
        let jump = 1 << 30;
        let lost = ["<ann> ann 3 é.", "<cid> cid 1 é."];
        evidence.late.retain(|it| !lost.contains(&it.line.as_str()));
        let event = "-- the room's store was set back: some of the newest lines may be missing";
        let event = Heard { seq: jump, at: 2000, line: event.to_owned(), is_own: false };
        for (index, view) in evidence.views.iter_mut().enumerate() {
            view.heard.last_mut().expect("there is one").seq = jump + 1;
            view.heard.insert(view.heard.len() - 1, event.clone());
            if seen_by.contains(&index) {
                let told =
                    "-- some lines that you saw are gone from the room: its store was set back";
                view.notices.push(told.to_owned());
            } else {
                view.heard.retain(|it| !lost.contains(&it.line.as_str()));
            }
        }
        evidence.late.last_mut().expect("there is one").seq = jump + 1;
        let bytes = "…ann 3 é.……cid 1 é.…".to_owned();
        evidence.losses.push(Loss { what: "a failover".to_owned(), bytes });
        evidence
    }

    #[test]
    fn exactly_what_the_store_has_lost_may_be_missing() {
        assert_eq!(judge(&set_back(&[0, 2])), Ok(Verdict { events: 7, lost: 2 }));
        let mut evidence = set_back(&[0, 2]);
        evidence.losses[0].bytes = "…cid 1 é.…".to_owned();
        assert_finds(&evidence, &["though nothing of it was lost"]);
    }

    #[test]
    fn who_has_seen_what_is_lost_has_to_be_told() {
        let mut evidence = set_back(&[0, 2]);
        evidence.views[2].notices.clear();
        assert_finds(&evidence, &["cid has seen \"<ann> ann 3 é.\", which is lost"]);
        let mut evidence = set_back(&[0, 2]);
        for view in &mut evidence.views {
            view.heard.retain(|it| !it.line.contains("set back"));
        }
        assert_finds(&evidence, &["there is no event that tells"]);
    }

    #[test]
    fn what_is_lost_without_a_receipt_is_said_again() {
        // Nobody but bob has seen cid's line before it was lost, and it is said again behind the jump.
        let mut evidence = set_back(&[0, 1, 2]);
        let again = "<cid> cid 1 é.".to_owned();
        let again = Heard { seq: (1 << 30) + 2, at: 3000, line: again, is_own: false };
        evidence.views.iter_mut().for_each(|view| view.heard.push(again.clone()));
        evidence.late.push(again);
        assert_eq!(judge(&evidence), Ok(Verdict { events: 8, lost: 2 }));
        // Twice is once too often.
        let twice = "<cid> cid 1 é.".to_owned();
        let twice = Heard { seq: (1 << 30) + 3, at: 3000, line: twice, is_own: false };
        evidence.views.iter_mut().for_each(|view| view.heard.push(twice.clone()));
        evidence.late.push(twice);
        assert_finds(&evidence, &["cid has said \"<cid> cid 1 é.\" once"]);
    }
}
