//! The half of a server that reads the log. One thread has it.
//!
//! What it gives is the log without a gap: XREAD itself says nothing of groups that were dropped before they were read.
//! So a reader that is behind, or has a new connection, looks in the same moment whether the last group that it has read
//! is still there, with the same bytes. A reader that has caught up waits for the next group without looking. If it gets
//! a full answer, it may have been held up meanwhile; it does not use that answer, and looks. A smaller one has no gap:
//! a log is never trimmed to fewer groups than one answer has.

use std::sync::Arc;

use super::connector::Connector;
#[cfg(test)]
use super::engine::Process;
use super::engine::{COUNT, Engine, Group, Link, Looked, Position};
use super::trouble::Trouble;

/// Reads groups in their order.
#[derive(Debug)]
pub(crate) struct Follower {
    /// Its own connection.
    connector: Connector,
    /// The last group that was given.
    last: Position,
    /// Its bytes; `None` where they are not known, as behind a snapshot: then any count.
    bytes: Option<Vec<u8>>,
    /// Whether it has caught up, and may wait.
    is_current: bool,
    /// Whether it has waited in the last step, and nothing was written.
    has_waited: bool,
}

/// What one step has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Followed {
    /// The next groups; none if nothing was written for two seconds, or if all was read.
    Groups(Vec<Group>),
    /// The log begins behind the last group: it was trimmed past it. A snapshot leads on.
    Trimmed,
    /// The last group is not in the log, or is another one: the log was set back, or begun anew.
    Changed,
}

impl Follower {
    /// Reads what is behind this place. At [`Position::START`] it reads all that there is.
    pub(crate) fn new(engine: Arc<dyn Engine>, last: Position) -> Follower {
        let connector = Connector::new(engine);
        Follower { connector, last, bytes: None, is_current: false, has_waited: false }
    }

    /// Goes on behind another place.
    #[cfg(test)]
    pub(crate) fn go_to(&mut self, last: Position) {
        (self.last, self.bytes, self.is_current) = (last, None, false);
    }

    /// Reads once. It waits for two seconds at most where everything was read.
    ///
    /// # Errors
    ///
    /// The log cannot be read. The next step tries it over a new connection, and goes on behind what was given.
    pub(crate) fn step(&mut self) -> Result<Followed, Trouble> {
        let is_new = self.connector.process().is_none();
        self.has_waited = false;
        if self.is_current && !is_new {
            let last = self.last;
            let groups = self.connector.with(|link| link.read(last))?;
            if groups.len() < COUNT {
                self.has_waited = groups.is_empty();
                return Ok(self.give(groups));
            }
            self.is_current = false;
        }
        let last = self.last;
        let looked = self.connector.with(|link| link.look(last))?;
        Ok(match self.judge(&looked) {
            Some(found) => found,
            None => {
                self.is_current = looked.next.len() < COUNT;
                if let Some(bytes) = looked.group {
                    self.bytes = Some(bytes);
                }
                self.give(looked.next)
            }
        })
    }

    /// Whether all was read that there is, as far as it was last looked.
    pub(crate) fn has_caught_up(&self) -> bool {
        self.is_current
    }

    /// Whether it has waited in the last step, and nothing was written.
    pub(crate) fn has_waited_in_vain(&self) -> bool {
        self.has_waited
    }

    /// The last group that was given.
    #[cfg(test)]
    pub(crate) fn last(&self) -> Position {
        self.last
    }

    /// The process that is read from; `None` without a connection.
    #[cfg(test)]
    pub(crate) fn process(&self) -> Option<Process> {
        self.connector.process()
    }

    /// Does something else over the connection, such as reading a snapshot.
    ///
    /// # Errors
    ///
    /// What is done fails, or there is no connection.
    pub(crate) fn with<R>(
        &mut self,
        work: impl FnOnce(&mut dyn Link) -> Result<R, Trouble>,
    ) -> Result<R, Trouble> {
        self.connector.with(work)
    }

    /// Closes the connection. The next step makes another one, and looks.
    pub(crate) fn close(&mut self) {
        self.connector.close();
    }

    /// What is wrong with the log behind what was read; `None` if nothing is.
    fn judge(&self, looked: &Looked) -> Option<Followed> {
        if self.last == Position::START {
            return None;
        }
        match (&looked.group, &self.bytes) {
            (Some(there), Some(known)) if there != known => Some(Followed::Changed),
            (Some(_), _) => None,
            (None, _) if looked.first.is_some_and(|first| first > self.last) => {
                Some(Followed::Trimmed)
            }
            (None, _) => Some(Followed::Changed),
        }
    }

    fn give(&mut self, groups: Vec<Group>) -> Followed {
        if let Some(last) = groups.last() {
            self.last = last.at;
            self.bytes = Some(last.bytes.clone());
        }
        Followed::Groups(groups)
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    /// A log of so many groups, and a reader of it.
    fn read_log(groups: usize) -> (Fake, Follower) {
        let fake = Fake::new();
        fake.write(0..groups);
        let follower = Follower::new(fake.engine(), Position::START);
        (fake, follower)
    }

    /// What a step gives, as the numbers that were written.
    fn step(follower: &mut Follower) -> Vec<usize> {
        match follower.step().expect("it answers") {
            Followed::Groups(groups) => {
                groups.iter().map(|group| Fake::number(&group.bytes)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_groups_are_given_once_and_in_order() {
        let (fake, mut follower) = read_log(40);
        let mut given = Vec::new();
        while given.len() < 40 {
            given.extend(step(&mut follower));
        }
        fake.write(40..41);
        given.extend(step(&mut follower));
        fake.write(41..91);
        while given.len() < 91 {
            given.extend(step(&mut follower));
        }
        assert_eq!(given, Vec::from_iter(0..91));
        assert_eq!(fake.connections(), 1);
    }

    #[test]
    fn a_reader_goes_on_where_it_was_after_trouble() {
        let (fake, mut follower) = read_log(20);
        assert_eq!(step(&mut follower), Vec::from_iter(0..16));
        fake.refuse(Some(Trouble::Loading));
        assert_eq!(follower.step(), Err(Trouble::Loading));
        fake.refuse(None);
        assert_eq!(step(&mut follower), Vec::from_iter(16..20));
        assert_eq!(fake.connections(), 2);
    }

    #[test]
    fn a_reader_that_is_behind_notices_that_the_log_was_trimmed_past_it() {
        let (fake, mut follower) = read_log(60);
        step(&mut follower);
        fake.trim_to(30);
        assert_eq!(follower.step(), Ok(Followed::Trimmed));
        follower.go_to(fake.place_of(40));
        assert_eq!(step(&mut follower)[0], 41);
    }

    /// It has caught up, and is held up while more is written and trimmed than it could read.
    #[test]
    fn a_reader_that_was_held_up_does_not_jump_over_what_was_trimmed() {
        let (fake, mut follower) = read_log(5);
        assert_eq!(step(&mut follower), Vec::from_iter(0..5));
        fake.write(5..60);
        fake.trim_to(30);
        assert_eq!(follower.step(), Ok(Followed::Trimmed));
    }

    #[test]
    fn a_log_that_was_set_back_is_found_by_its_data_over_the_next_connection() {
        // Only to where nothing was read that is gone: nobody has to know.
        let (fake, mut follower) = read_log(10);
        step(&mut follower);
        fake.fail_over(0);
        assert!(follower.step().is_err());
        assert_eq!(follower.step(), Ok(Followed::Groups(Vec::new())));
        // The last group is gone, and nothing is in its place.
        fake.fail_over(3);
        assert!(follower.step().is_err());
        assert_eq!(follower.step(), Ok(Followed::Changed));
        // Another one is in its place.
        let (fake, mut follower) = read_log(10);
        step(&mut follower);
        let place = fake.place_of(9);
        fake.fail_over(1);
        fake.write_at(place, b"another");
        assert!(follower.step().is_err());
        assert_eq!(follower.step(), Ok(Followed::Changed));
        // Everything is gone.
        let (fake, mut follower) = read_log(10);
        step(&mut follower);
        fake.empty();
        fake.break_connections();
        assert!(follower.step().is_err());
        assert_eq!(follower.step(), Ok(Followed::Changed));
    }

    #[test]
    fn a_reader_waits_for_what_is_written() {
        let (fake, mut follower) = read_log(1);
        step(&mut follower);
        let reader = std::thread::spawn(move || step(&mut follower));
        fake.write(1..2);
        assert_eq!(reader.join().expect("it reads"), [1]);
    }
}
