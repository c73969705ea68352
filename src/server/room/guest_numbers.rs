//! Which guest is called by which number. Pure.
//!
//! A number is not given twice for as long as the server runs, or an answer to guest1, who has left, would
//! reach the next one. Once [`MOST`] are given out, those come again that nobody has had for longest.

use std::collections::VecDeque;

use super::Room;
use crate::protocol::name::{Likeness, Name};

/// How many numbers are given out before one is given again: names are to stay short.
const MOST: usize = 999;

/// The numbers of guests.
#[derive(Debug, Default)]
pub(super) struct GuestNumbers {
    /// How many were given out, each for the first time.
    given: usize,
    /// Those that were given back, the first one in front: as many as there were guests at once, and
    /// [`MOST`].
    free: VecDeque<usize>,
}

impl GuestNumbers {
    /// A guest of that number is here, from before.
    pub(super) fn restore(&mut self, number: usize) {
        self.given = self.given.max(number);
    }

    /// How many were given out, and those that were given back.
    pub(super) fn parts(&self) -> (usize, &VecDeque<usize>) {
        (self.given, &self.free)
    }

    /// The same, from before; `None` if a number was given back that was not given out.
    pub(super) fn of_parts(given: usize, free: VecDeque<usize>) -> Option<GuestNumbers> {
        free.iter().all(|number| *number <= given).then_some(GuestNumbers { given, free })
    }

    /// The next guest's.
    pub(super) fn take(&mut self) -> usize {
        let again = if self.given < MOST { None } else { self.free.pop_front() };
        again.unwrap_or_else(|| {
            self.given += 1;
            self.given
        })
    }

    /// The guest of that number has left, or has another name.
    pub(super) fn give_back(&mut self, number: usize) {
        self.free.push_back(number);
    }
}

impl Room {
    /// The next guest's name, and what it looks like. Nobody else can have one like that.
    pub(super) fn guest(&mut self) -> (Name, Likeness) {
        loop {
            let name = Name::guest(self.guest_numbers.take());
            let likeness = name.likeness();
            // One from before the log was set back may have it.
            if self.members.is_free(&likeness, None) {
                return (name, likeness);
            }
        }
    }

    /// Nobody has that name any more.
    pub(super) fn on_name_given_up(&mut self, name: &Name) {
        if let Some(number) = name.guest_number() {
            self.guest_numbers.give_back(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_given_again_only_when_all_were_and_the_oldest_first() {
        let mut numbers = GuestNumbers::default();
        for number in 1..=MOST {
            assert_eq!(numbers.take(), number);
            if number % 2 == 0 {
                numbers.give_back(number);
            }
        }
        assert_eq!([numbers.take(), numbers.take()], [2, 4]);
        numbers.give_back(2);
        numbers.give_back(1);
        assert_eq!(numbers.take(), 6);
        for number in (8..MOST).step_by(2).chain([2, 1]) {
            assert_eq!(numbers.take(), number);
        }
        // More at once than there are numbers of few digits.
        assert_eq!([numbers.take(), numbers.take()], [MOST + 1, MOST + 2]);
        numbers.give_back(MOST + 1);
        assert_eq!(numbers.take(), MOST + 1);
    }
}
