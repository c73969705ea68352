//! The half of a server that writes to the log: one group at a time. One thread has it.

use std::sync::Arc;

use super::connector::Connector;
use super::engine::{Engine, Link, Missing, Position, Process};
use super::trouble::Trouble;

/// Appends groups, and is where snapshots are written.
#[derive(Debug)]
pub(crate) struct Appender {
    /// Its own connection.
    connector: Connector,
}

impl Appender {
    /// Nothing was sent yet.
    pub(crate) fn new(engine: Arc<dyn Engine>) -> Appender {
        Appender { connector: Connector::new(engine) }
    }

    /// Sends a group once, over a new connection if the last attempt has failed. `group` gives its bytes for the process
    /// that it is sent to. Its place; `None` where there is no log, and none is to be made.
    ///
    /// # Errors
    ///
    /// Nobody knows whether the group is in the log. The caller sends the same number and entries again until an answer
    /// comes: where both have arrived, whoever applies them ignores the second.
    pub(crate) fn step<B: AsRef<[u8]>>(
        &mut self,
        group: impl FnOnce(Process) -> B,
        missing: Missing,
    ) -> Result<Option<Position>, Trouble> {
        self.connector.with(|link| {
            let group = group(link.process());
            link.append(group.as_ref(), missing)
        })
    }

    /// Does something else over the connection, such as writing a snapshot.
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
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    #[test]
    fn a_group_whose_answer_was_lost_is_sent_again_over_a_new_connection() {
        let fake = Fake::new();
        let mut appender = Appender::new(fake.engine());
        appender.step(|_| b"one", Missing::Create).expect("it answers");
        fake.lose_answers(1);
        assert!(appender.step(|_| b"two", Missing::Refuse).is_err());
        assert!(appender.step(|_| b"two", Missing::Refuse).expect("it answers").is_some());
        assert_eq!(fake.groups(), [&b"one"[..], b"two", b"two"]);
        assert_eq!(fake.connections(), 2);
    }

    #[test]
    fn a_group_that_is_sent_again_names_the_process_that_it_is_sent_to() {
        let fake = Fake::new();
        let mut appender = Appender::new(fake.engine());
        let of = |process: Process| process.0.to_le_bytes();
        appender.step(of, Missing::Create).expect("it answers");
        fake.fail_over(0);
        assert!(appender.step(of, Missing::Refuse).is_err());
        appender.step(of, Missing::Refuse).expect("it answers");
        let groups = fake.groups();
        assert!(groups.len() == 2 && groups[0] != groups[1], "{groups:?}");
    }

    #[test]
    fn where_the_log_is_gone_nothing_begins_another_one_unasked() {
        let fake = Fake::new();
        let mut appender = Appender::new(fake.engine());
        assert_eq!(appender.step(|_| b"one", Missing::Refuse), Ok(None));
        assert!(appender.step(|_| b"one", Missing::Create).is_ok_and(|at| at.is_some()));
        fake.empty();
        assert_eq!(appender.step(|_| b"two", Missing::Refuse), Ok(None));
        assert_eq!(fake.groups(), [b"two"; 0]);
    }
}
