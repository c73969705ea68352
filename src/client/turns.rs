//! Which of a room's servers is tried next, and when. Pure: it is told what has happened, and says what to do.
//!
//! A round tries each server once. The first one tries them in the order in which the user gave them; each later one
//! begins behind the server that was tried last, so that one comes last. Nothing is waited for within a round. With one
//! server, each attempt is a round.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The longest wait between two rounds.
const LONGEST: Duration = Duration::from_secs(30);

/// How long the room may be away, or a line may wait for its receipt, before another server is tried. The server that
/// we leave may have stopped for a moment only.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often, at most, a connection that has not ended is left for that: where the room itself is away, all its servers
/// are as bad.
const SELDOM: Duration = Duration::from_secs(30);

/// The servers of one room, by their places in the user's list, and how far trying them is.
#[derive(Debug)]
pub(super) struct Turns {
    /// For each server, whether it may still be used.
    is_usable: Vec<bool>,
    /// The server of the present attempt, or of the present connection.
    current: usize,
    /// The servers that are still to be tried in this round, in order.
    left: VecDeque<usize>,
    /// A server of this round that answers, and is taken if no other one is any better.
    fallback: Option<(Blemish, usize)>,
    /// How the present server is to be treated.
    manner: Manner,
    /// How many rounds have begun since the last good connection.
    rounds: u32,
    /// When a connection was left last that had not ended.
    gave_up_at: Option<Instant>,
}

/// How a server is to be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// It has to answer soon, let us in, and take up our session, or the next one is tried.
    InPassing,
    /// No other one is left in this round: it may take its time, and is taken as it is.
    AsItIs,
}

/// What has come of the present server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A connection that was good is lost.
    Lost,
    /// It has not answered, or has not let us in.
    NoAnswer,
    /// It has answered, and may be used if there is no better one.
    Passed(Blemish),
    /// It is not the server that it has to be, so it is not used again.
    Wrong,
}

/// Why a server that answers is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Blemish {
    /// Our session cannot go on there, for nothing shows that it may know of it.
    New,
    /// It does not reach the room. Better than a new one: it keeps the session.
    Away,
}

/// The next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attempt {
    /// Which server is tried.
    pub(super) server: usize,
    /// How long to wait before that.
    pub(super) wait: Duration,
    /// Whether all servers have been tried since the round before it began.
    pub(super) begins_round: bool,
}

impl Turns {
    /// The first round of so many servers, of which the first one is tried.
    pub(super) fn new(servers: usize) -> Turns {
        let mut turns = Turns {
            is_usable: vec![true; servers],
            current: 0,
            left: (1..servers).collect(),
            fallback: None,
            manner: Manner::AsItIs,
            rounds: 0,
            gave_up_at: None,
        };
        turns.settle_manner();
        turns
    }

    /// The server of the present attempt, or of the present connection.
    pub(super) fn current(&self) -> usize {
        self.current
    }

    /// How it is to be treated.
    pub(super) fn manner(&self) -> Manner {
        self.manner
    }

    /// Whether a server was not the one that it has to be.
    pub(super) fn has_met_wrong(&self) -> bool {
        self.is_usable.contains(&false)
    }

    /// The attempt after this outcome of the present one; none if no server may be used any more. `dice` is any
    /// number: it varies the wait.
    pub(super) fn after(&mut self, outcome: Outcome, dice: u64) -> Option<Attempt> {
        match outcome {
            Outcome::Lost => (self.rounds, self.left, self.fallback) = (0, VecDeque::new(), None),
            Outcome::NoAnswer => {}
            Outcome::Passed(blemish) => {
                self.fallback = self.fallback.max(Some((blemish, self.current)));
            }
            Outcome::Wrong => self.is_usable[self.current] = false,
        }
        let (mut wait, mut begins_round) = (Duration::ZERO, false);
        if let Some(server) = self.left.pop_front() {
            self.current = server;
            self.settle_manner();
        } else if let Some((_, server)) = self.fallback.take() {
            (self.current, self.manner) = (server, Manner::AsItIs);
        } else {
            self.begin_round()?;
            (wait, begins_round) = (wait_before(self.rounds, dice), true);
            self.rounds = self.rounds.saturating_add(1);
        }
        Some(Attempt { server: self.current, wait, begins_round })
    }

    /// When the present connection is to be left for another server, if the room is away since then, or a line waits
    /// for its receipt. None if there is no other server.
    pub(super) fn give_up_at(&self, since: Instant) -> Option<Instant> {
        let mut others = (0..self.is_usable.len()).filter(|other| *other != self.current);
        let has_others = others.any(|other| self.is_usable[other]);
        let earliest = self.gave_up_at.map_or(since, |last| last + SELDOM);
        has_others.then(|| (since + PATIENCE).max(earliest))
    }

    /// Called when a connection is left for that.
    pub(super) fn mark_given_up(&mut self, now: Instant) {
        self.gave_up_at = Some(now);
    }

    /// The present server comes last.
    fn begin_round(&mut self) -> Option<()> {
        let servers = self.is_usable.len();
        let places = (1..=servers).map(|step| (self.current + step) % servers);
        self.left = places.filter(|server| self.is_usable[*server]).collect();
        self.current = self.left.pop_front()?;
        self.settle_manner();
        Some(())
    }

    fn settle_manner(&mut self) {
        let is_last = self.left.is_empty() && self.fallback.is_none();
        self.manner = if is_last { Manner::AsItIs } else { Manner::InPassing };
    }
}

/// How long to wait before the next round after so many: not at all before the first, then 1, 2, 4 … 30 s, and up to a
/// tenth more or less, so that a hundred clients do not come back to a server that was restarted in the same instant.
fn wait_before(rounds: u32, dice: u64) -> Duration {
    let Some(doublings) = rounds.checked_sub(1) else { return Duration::ZERO };
    let wait = Duration::from_secs(1 << doublings.min(10)).min(LONGEST);
    wait * (900 + (dice % 201) as u32) / 1000
}

#[cfg(test)]
mod tests {
    use super::Blemish::{Away, New};
    use super::Manner::{AsItIs, InPassing};
    use super::Outcome::{Lost, NoAnswer, Passed, Wrong};
    use super::*;

    /// The dice that vary no wait.
    const EVEN: u64 = 100;

    /// What is tried after each of these outcomes: the server, how, and after how many seconds a new round begins.
    fn tried(turns: &mut Turns, outcomes: &[Outcome]) -> Vec<(usize, Manner, Option<u64>)> {
        let mut after = |outcome: &Outcome| {
            let attempt = turns.after(*outcome, EVEN)?;
            assert_eq!(attempt.server, turns.current());
            assert!(attempt.begins_round || attempt.wait.is_zero(), "a wait within a round");
            let wait = attempt.begins_round.then_some(attempt.wait.as_secs());
            Some((attempt.server, turns.manner(), wait))
        };
        outcomes.iter().map_while(&mut after).collect()
    }

    #[test]
    fn each_attempt_at_a_single_server_is_a_round() {
        let mut turns = Turns::new(1);
        assert_eq!((turns.current(), turns.manner()), (0, AsItIs));
        let outcomes = [Lost, NoAnswer, NoAnswer, Passed(Away), NoAnswer, Lost, NoAnswer];
        let round = |wait| (0, AsItIs, Some(wait));
        let taken = (0, AsItIs, None);
        let expected = [round(0), round(1), round(2), taken, round(4), round(0), round(1)];
        assert_eq!(tried(&mut turns, &outcomes), expected);
        assert_eq!(tried(&mut turns, &[Wrong]), []);
        assert!(turns.has_met_wrong() && turns.give_up_at(Instant::now()).is_none());
    }

    #[test]
    fn the_first_round_goes_in_the_order_of_the_list_and_the_later_ones_begin_behind_the_last() {
        let mut turns = Turns::new(3);
        assert_eq!((turns.current(), turns.manner()), (0, InPassing));
        let first = [(1, InPassing, None), (2, AsItIs, None)];
        assert_eq!(tried(&mut turns, &[NoAnswer; 2]), first);
        let second = [(0, InPassing, Some(0)), (1, InPassing, None), (2, AsItIs, None)];
        assert_eq!(tried(&mut turns, &[NoAnswer; 3]), second);
        assert_eq!(tried(&mut turns, &[NoAnswer]), [(0, InPassing, Some(1))]);
    }

    #[test]
    fn the_server_that_was_just_lost_comes_last() {
        let mut turns = Turns::new(3);
        tried(&mut turns, &[NoAnswer]);
        let round = [(2, InPassing, Some(0)), (0, InPassing, None), (1, AsItIs, None)];
        assert_eq!(tried(&mut turns, &[Lost, NoAnswer, NoAnswer]), round);
        // One that breaks down at once, again and again, is tried no more often than that.
        let next = [(2, InPassing, Some(1)), (0, InPassing, None), (1, AsItIs, None)];
        assert_eq!(tried(&mut turns, &[NoAnswer; 3]), next);
        assert_eq!(tried(&mut turns, &[NoAnswer]), [(2, InPassing, Some(2))]);
        assert_eq!(tried(&mut turns, &[Lost])[0], (0, InPassing, Some(0)));
    }

    #[test]
    fn a_server_that_was_passed_over_is_taken_if_no_other_one_answers() {
        for blemish in [Away, New] {
            let mut turns = Turns::new(3);
            // The last one has no more time than the others, since one is left behind it.
            let expected = [(1, InPassing, None), (2, InPassing, None), (0, AsItIs, None)];
            assert_eq!(tried(&mut turns, &[Passed(blemish), NoAnswer, NoAnswer]), expected);
            assert_eq!(tried(&mut turns, &[NoAnswer])[0], (1, InPassing, Some(0)));
        }
    }

    #[test]
    fn a_server_that_keeps_the_session_is_better_than_a_new_one() {
        for (first, second, taken) in [(New, Away, 1), (Away, New, 0), (Away, Away, 1)] {
            let mut turns = Turns::new(3);
            let outcomes = [Passed(first), Passed(second), NoAnswer];
            let last = tried(&mut turns, &outcomes)[2];
            assert_eq!(last, (taken, AsItIs, None), "{first:?} {second:?}");
        }
    }

    #[test]
    fn a_wrong_server_is_not_tried_again_and_without_another_there_is_none() {
        let mut turns = Turns::new(3);
        let expected = [(1, InPassing, None), (2, AsItIs, None), (1, InPassing, Some(0))];
        assert_eq!(tried(&mut turns, &[Wrong, NoAnswer, NoAnswer]), expected);
        assert_eq!(tried(&mut turns, &[Lost]), [(2, InPassing, Some(0))]);
        assert_eq!(tried(&mut turns, &[Wrong]), [(1, AsItIs, None)]);
        assert_eq!(turns.give_up_at(Instant::now()), None);
        assert_eq!(tried(&mut turns, &[NoAnswer]), [(1, AsItIs, Some(1))]);
        assert_eq!(tried(&mut turns, &[Wrong]), []);
    }

    #[test]
    fn rounds_come_at_longer_and_longer_intervals() {
        let waits = |dice| (0..9).map(|it| wait_before(it, dice).as_millis()).collect::<Vec<_>>();
        assert_eq!(waits(100), [0, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(waits(0)[..4], [0, 900, 1800, 3600]);
        assert_eq!(waits(200)[..4], [0, 1100, 2200, 4400]);
        assert_eq!(waits(201), waits(0));
        assert_eq!(wait_before(u32::MAX, 100), LONGEST);
    }

    #[test]
    fn a_connection_is_given_up_after_five_seconds_and_at_most_once_in_thirty() {
        let mut turns = Turns::new(2);
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(turns.give_up_at(start), Some(after(5)));
        turns.mark_given_up(after(5));
        assert_eq!(turns.give_up_at(after(6)), Some(after(35)));
        assert_eq!(turns.give_up_at(after(40)), Some(after(45)));
    }
}
