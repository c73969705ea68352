//! What this server has for the log of a shared room and has not read back from it: entries that are gathered, and the
//! groups that were made of them. Pure; the hub's lock guards it.
//!
//! One group is on its way to the engine at a time, and what sessions bring meanwhile fills the next one. A group stays
//! here until it is read back: the engine's answer alone says nothing, since the engine may lose what it has.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::codec::{Entries, Header};
use crate::server::room::group::{Logged, Position};

/// How many bytes of entries may wait to be read back; sessions that bring more wait.
pub(crate) const MOST: usize = 1024 * 1024;

/// How many of them may be of one connection.
const MOST_OF_ONE: usize = 64 * 1024;

/// Entries and groups on their way to the log.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// Which room they are for.
    room: u64,
    /// As which server this one writes.
    producer: u64,
    /// The number of the last group that was made.
    made: u64,
    /// The groups that were made and not read back, oldest first.
    groups: VecDeque<Made>,
    /// What is no group yet, oldest first; nothing is added to any but the last.
    gathered: VecDeque<Gathered>,
    /// What comes behind that, and is not to be sent yet; `None` where nothing is held back.
    held: Option<VecDeque<Gathered>>,
    /// How many bytes of each connection are in all of them.
    shares: HashMap<u32, usize>,
    /// How many bytes of entries all of them have.
    bytes: usize,
    /// Whether the first group may begin a log where there is none.
    may_begin_log: bool,
}

/// Entries of one group.
#[derive(Debug, Default)]
struct Gathered {
    /// As bytes.
    entries: Entries,
    /// Of which connections they are, with how many bytes.
    shares: Vec<(u32, usize)>,
}

/// A group that was made.
#[derive(Debug)]
struct Made {
    /// Its number.
    number: u64,
    /// What is in it.
    gathered: Arc<Gathered>,
    /// Whether the engine has answered that it has it.
    is_sent: bool,
}

/// A group to be sent.
#[derive(Debug)]
pub(crate) struct Sending {
    /// What stands before its entries, but for the process that it is sent to.
    header: Header,
    /// What is in it.
    gathered: Arc<Gathered>,
    /// Whether it may begin a log where there is none.
    may_begin_log: bool,
}

impl Sending {
    /// Whether it may begin a log where there is none.
    pub(crate) fn may_begin_log(&self) -> bool {
        self.may_begin_log
    }

    /// Which room it is for.
    pub(crate) fn room(&self) -> u64 {
        self.header.room
    }

    /// As which server it is written.
    pub(crate) fn producer(&self) -> u64 {
        self.header.producer
    }

    /// Its number.
    pub(crate) fn number(&self) -> u64 {
        self.header.number
    }

    /// The group as bytes, for that process of the engine.
    pub(crate) fn bytes(&self, engine: u64) -> Vec<u8> {
        self.gathered.entries.group(&Header { engine, ..self.header })
    }
}

impl Outbox {
    /// That of a server which has sent nothing yet, to a log that is there.
    pub(crate) fn new(room: u64, producer: u64) -> Outbox {
        Outbox {
            room,
            producer,
            made: 0,
            groups: VecDeque::new(),
            gathered: VecDeque::new(),
            held: None,
            shares: HashMap::new(),
            bytes: 0,
            may_begin_log: false,
        }
    }

    /// Lets the first group begin a log: there is none, and what stands in that group is what a log has to begin with.
    pub(crate) fn begin_log(&mut self) {
        self.may_begin_log = true;
    }

    /// Holds back what is proposed from now on.
    pub(crate) fn hold(&mut self) {
        self.held.get_or_insert_default();
    }

    /// Holds nothing back any more, and sends these before what was held back.
    pub(crate) fn let_go_behind<'a>(&mut self, first: impl IntoIterator<Item = &'a Logged<'a>>) {
        let held = self.held.take();
        first.into_iter().for_each(|entry| self.propose(entry));
        self.gathered.extend(held.into_iter().flatten());
    }

    /// As which server this one writes.
    pub(crate) fn producer(&self) -> u64 {
        self.producer
    }

    /// Adds an entry that begins a group, so that what was proposed before is read back before it.
    pub(crate) fn propose_apart(&mut self, entry: &Logged<'_>) {
        self.gathered.push_back(Gathered::default());
        self.propose(entry);
    }

    /// Adds an entry. One that no group has room for is left out; nobody makes such a one.
    pub(crate) fn propose(&mut self, entry: &Logged<'_>) {
        let fits = |gathered: &mut Gathered| {
            let before = gathered.entries.bytes();
            let fits = gathered.entries.push(entry);
            fits.then(|| gathered.entries.bytes() - before)
        };
        let queue = self.held.as_mut().unwrap_or(&mut self.gathered);
        let bytes = match queue.back_mut().and_then(fits) {
            Some(bytes) => bytes,
            None => {
                let mut next = Gathered::default();
                let Some(bytes) = fits(&mut next) else {
                    debug_assert!(false, "an entry is too long for a group");
                    return;
                };
                queue.push_back(next);
                bytes
            }
        };
        if let Some(last) = queue.back_mut() {
            last.shares.push((entry.connection, bytes));
        }
        *self.shares.entry(entry.connection).or_default() += bytes;
        self.bytes += bytes;
    }

    /// How many bytes of entries were not read back.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the session of that connection is not to.
    pub(crate) fn is_full_for(&self, connection: u32) -> bool {
        self.shares.get(&connection).is_some_and(|bytes| *bytes > MOST_OF_ONE)
    }

    /// Whether something of that connection was not read back.
    pub(crate) fn has_of(&self, connection: u32) -> bool {
        self.shares.contains_key(&connection)
    }

    /// Whether there is something to be sent, besides signs of life.
    pub(crate) fn has_news(&self) -> bool {
        !self.gathered.is_empty() || self.groups.iter().any(|made| !made.is_sent)
    }

    /// Whether there is more than one group has room for.
    pub(crate) fn has_full_group(&self) -> bool {
        self.gathered.len() > 1
    }

    /// Whether everything was read back.
    pub(crate) fn is_empty(&self) -> bool {
        let has_held = self.held.as_ref().is_some_and(|held| !held.is_empty());
        self.gathered.is_empty() && self.groups.is_empty() && !has_held
    }

    /// The next group to be sent: one that the engine has not answered, or a new one. Where there is nothing for it, it is
    /// a sign of life, if one is wanted. This server has read the log up to `seen`.
    pub(crate) fn next(&mut self, seen: Position, wants_sign: bool) -> Option<Sending> {
        if !self.groups.iter().any(|made| !made.is_sent) {
            let gathered = match self.gathered.pop_front() {
                Some(gathered) => gathered,
                None if wants_sign => Gathered::default(),
                None => return None,
            };
            self.made += 1;
            let gathered = Arc::new(gathered);
            self.groups.push_back(Made { number: self.made, gathered, is_sent: false });
        }
        let made = self.groups.iter().find(|made| !made.is_sent)?;
        let (room, producer, number) = (self.room, self.producer, made.number);
        let header = Header { room, engine: 0, producer, number, seen };
        let may_begin_log = self.may_begin_log && number == 1;
        Some(Sending { header, gathered: Arc::clone(&made.gathered), may_begin_log })
    }

    /// The engine has answered that it has that group of this producer's.
    pub(crate) fn on_sent(&mut self, producer: u64, number: u64) {
        let is_it = |made: &&mut Made| made.number == number && producer == self.producer;
        if let Some(made) = self.groups.iter_mut().find(is_it) {
            made.is_sent = true;
        }
    }

    /// Whether all groups that were made were read back.
    pub(crate) fn is_read_back(&self) -> bool {
        self.groups.is_empty()
    }

    /// A group of this producer's was read back, and with it those before it.
    pub(crate) fn on_read_back(&mut self, number: u64) {
        while self.groups.front().is_some_and(|made| made.number <= number)
            && let Some(made) = self.groups.pop_front()
        {
            for (connection, bytes) in &made.gathered.shares {
                self.release(*connection, *bytes);
            }
        }
    }

    /// Goes on as another producer, which has sent nothing: what was not read back is sent again, behind what is
    /// proposed meanwhile. That makes no line twice, since each has its number.
    pub(crate) fn begin_anew(&mut self, producer: u64) -> Unread {
        let made = std::mem::take(&mut self.groups).into_iter().map(|made| made.gathered);
        self.let_go_behind([]);
        let gathered = std::mem::take(&mut self.gathered).into_iter().map(Arc::new);
        let unread = made.chain(gathered).collect();
        *self = Outbox::new(self.room, producer);
        Unread(unread)
    }

    /// Adds those entries again that were not read back of the producer before.
    pub(crate) fn propose_again(&mut self, unread: Unread, which: impl Fn(&Logged<'_>) -> bool) {
        for gathered in unread.0 {
            let group =
                gathered.entries.group(&Header { number: 1, producer: 1, ..Header::default() });
            if let Ok(group) = super::codec::decode(&group) {
                let again = group.entries.iter().filter(|entry| which(entry));
                again.for_each(|entry| self.propose(entry));
            }
        }
    }

    fn release(&mut self, connection: u32, bytes: usize) {
        self.bytes -= bytes;
        if let Some(share) = self.shares.get_mut(&connection) {
            *share -= bytes;
            if *share == 0 {
                self.shares.remove(&connection);
            }
        }
    }
}

/// What a producer that is no more had sent and not read back.
#[derive(Debug)]
pub(crate) struct Unread(Vec<Arc<Gathered>>);

#[cfg(test)]
mod tests {
    use super::super::codec::decode;
    use super::*;
    use crate::server::room::group::{Act, Manner, Utterance};

    const NOTHING: Position = Position::START;

    fn said(connection: u32, line: u64, text: &str) -> Logged<'_> {
        let act = Act::Speak(vec![Utterance { manner: Manner::Said, text }]);
        Logged { connection, line, act }
    }

    /// The lines of a group, and its number.
    fn lines(sending: &Sending) -> (u64, Vec<u64>) {
        let bytes = sending.bytes(7);
        let group = decode(&bytes).expect("it can be read");
        assert_eq!((group.engine, group.producer), (7, 5));
        (group.number, group.entries.iter().map(|entry| entry.line).collect())
    }

    #[test]
    fn what_is_brought_while_a_group_is_on_its_way_fills_the_next_one() {
        let mut outbox = Outbox::new(1, 5);
        assert!(outbox.next(NOTHING, false).is_none());
        outbox.propose(&said(1, 1, "one"));
        let first = outbox.next(NOTHING, false).expect("there is a line");
        for line in [2, 3] {
            outbox.propose(&said(1, line, "more"));
        }
        assert_eq!(lines(&first), (1, vec![1]));
        // It was not answered.
        assert_eq!(lines(&outbox.next(NOTHING, true).expect("again")), (1, vec![1]));
        outbox.on_sent(5, 1);
        assert_eq!(lines(&outbox.next(NOTHING, false).expect("there is more")), (2, vec![2, 3]));
        outbox.on_sent(5, 2);
        assert_eq!(lines(&outbox.next(NOTHING, true).expect("a sign of life")), (3, vec![]));
        assert!(!outbox.is_empty());
        outbox.on_read_back(3);
        assert!(outbox.is_empty() && !outbox.has_news() && outbox.shares.is_empty());
    }

    #[test]
    fn a_group_that_was_read_back_is_not_sent_again_whatever_the_engine_answers() {
        let mut outbox = Outbox::new(1, 5);
        outbox.propose(&said(1, 1, "one"));
        outbox.next(NOTHING, false);
        outbox.on_read_back(1);
        assert!(outbox.next(NOTHING, false).is_none());
        outbox.on_sent(5, 1);
        outbox.propose(&said(1, 2, "two"));
        assert_eq!(lines(&outbox.next(NOTHING, false).expect("a line")), (2, vec![2]));
    }

    #[test]
    fn sessions_wait_while_too_much_was_not_read_back() {
        let mut outbox = Outbox::new(1, 5);
        let text = "x".repeat(30_000);
        (1..=3).for_each(|line| outbox.propose(&said(9, line, &text)));
        assert!(outbox.is_full_for(9) && !outbox.is_full_for(8) && outbox.bytes() < MOST);
        assert!(outbox.has_of(9) && !outbox.has_of(8));
        assert!(outbox.has_full_group());
        (1..40).for_each(|connection| outbox.propose(&said(connection, 1, &text)));
        assert!(outbox.bytes() > MOST);
        while let Some(sending) = outbox.next(NOTHING, false) {
            outbox.on_sent(5, sending.number());
            outbox.on_read_back(sending.number());
        }
        assert!(!outbox.is_full_for(9) && outbox.bytes == 0);
        assert!(!outbox.has_of(9));
    }

    #[test]
    fn an_entry_that_stands_apart_is_behind_what_was_proposed_before_and_in_another_group() {
        let mut outbox = Outbox::new(1, 5);
        outbox.propose(&said(1, 1, "one"));
        outbox.propose_apart(&Logged::by_server(Act::Bye));
        outbox.propose(&said(1, 2, "late"));
        assert_eq!(lines(&outbox.next(NOTHING, false).expect("a line")), (1, vec![1]));
        outbox.on_sent(5, 1);
        assert_eq!(lines(&outbox.next(NOTHING, false).expect("the rest")), (2, vec![0, 2]));
        let mut empty = Outbox::new(1, 5);
        empty.propose_apart(&Logged::by_server(Act::Bye));
        assert_eq!(lines(&empty.next(NOTHING, false).expect("it alone")), (1, vec![0]));
    }

    #[test]
    fn another_producer_sends_again_what_was_not_read_back() {
        let mut outbox = Outbox::new(1, 4);
        (1..=3).for_each(|line| outbox.propose(&said(1, line, "text")));
        let sent = outbox.next(NOTHING, false).expect("lines");
        outbox.on_sent(4, sent.number());
        outbox.propose(&said(1, 4, "text"));
        let unread = outbox.begin_anew(5);
        outbox.propose(&Logged::by_server(Act::Bye));
        outbox.propose_again(unread, |_| true);
        let again = outbox.next(NOTHING, false).expect("all of it");
        assert_eq!(lines(&again), (1, vec![0, 1, 2, 3, 4]));
    }

    #[test]
    fn what_is_held_back_is_sent_behind_what_came_before_and_signs_of_life_meanwhile() {
        let mut outbox = Outbox::new(1, 5);
        outbox.propose(&said(1, 1, "before"));
        outbox.hold();
        (2..=3).for_each(|line| outbox.propose(&said(1, line, "held")));
        let send = |outbox: &mut Outbox, wants_sign| {
            let sending = outbox.next(NOTHING, wants_sign)?;
            outbox.on_sent(5, sending.number());
            outbox.on_read_back(sending.number());
            Some(lines(&sending))
        };
        assert_eq!(send(&mut outbox, false), Some((1, vec![1])));
        assert_eq!((send(&mut outbox, false), outbox.is_empty()), (None, false));
        assert_eq!(send(&mut outbox, true), Some((2, vec![])));
        outbox.let_go_behind([]);
        assert_eq!(send(&mut outbox, false), Some((3, vec![2, 3])));
        assert!(outbox.is_empty() && outbox.shares.is_empty());
        // Nor is it lost with the producer.
        outbox.hold();
        outbox.propose(&said(1, 4, "held"));
        let unread = outbox.begin_anew(5);
        outbox.propose_again(unread, |_| true);
        assert_eq!(send(&mut outbox, false), Some((1, vec![4])));
    }

    #[test]
    fn a_log_is_begun_by_a_first_group_that_may() {
        let mut outbox = Outbox::new(1, 5);
        let begins = |outbox: &mut Outbox| {
            let sending = outbox.next(NOTHING, true).expect("a sign of life");
            outbox.on_sent(5, sending.number());
            sending.may_begin_log()
        };
        assert!(!begins(&mut outbox));
        outbox.begin_anew(5);
        outbox.begin_log();
        assert_eq!([begins(&mut outbox), begins(&mut outbox)], [true, false]);
    }
}
