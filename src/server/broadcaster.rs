//! From the transcript to the sockets, on one thread.
//!
//! It owns the readers: nobody else knows how far a member has read. It goes round them like a lift
//! that never turns: after every few sends it takes what is new in the room, and whoever comes next
//! gets all there is by then. So a line does not wait for the end of another's round, and lines that
//! follow each other share a send. It stops when nothing was new for a whole round, and waits,
//! without a timer, in one `poll` for the room's waker and for the full sockets: sends never block,
//! and a socket that is full is left alone until it takes more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use super::batch::Batch;
use super::connection::ConnectionId;
use super::hub::Hub;
use super::hub::membership::leaving::log_expired;
use super::hub::round::{Arrival, File, Following, Round};
use super::net::socket::timespec;
use super::reader::{Fate, PORTION, Reader};
use super::rendering::Renderings;
use super::room::effects::Aside;
use super::system::{instant, poll};
use crate::protocol::tag::{Format, Seq};

/// How long the last lines may take at a shutdown.
const LAST_MOMENT: Duration = Duration::from_millis(800);

/// After how many sends it is looked for what is new. It costs a lock, a hundredth of that.
const STRETCH: usize = 8;

/// A reader's pace is what it takes in two of these.
const PACE_WINDOW: Duration = Duration::from_millis(200);

/// A reader that takes less than this keeps no pace, in bytes: it comes to 20 KB/s.
const SLOWEST_PACE: u64 = 8_000;

/// A reader that takes less than this part of what the fastest takes keeps no pace.
const PACE_PART: u64 = 4;

/// The broadcaster's thread.
#[derive(Debug)]
pub(crate) struct Broadcaster {
    /// Where it takes what is new.
    hub: Arc<Hub>,
    /// How long a client may take nothing of what it is due.
    timeout: Duration,
    /// One for each connection that is served; nobody else has them.
    readers: Vec<Reader>,
    /// What those get who get the tagged form.
    renderings: Renderings,
    /// Who is next.
    turn: usize,
    /// How many readers, from the next one on, have not been looked at since something was new.
    due: usize,
    /// When the readers' pace was judged last.
    judged: Instant,
    /// When the shutdown may wait no longer, once it has begun.
    deadline: Option<Instant>,
    /// What the history's file has, if there is one, as of the last round.
    file: Option<File>,
}

impl Broadcaster {
    pub(crate) fn new(hub: Arc<Hub>, timeout: Duration) -> Broadcaster {
        Broadcaster {
            hub,
            timeout,
            readers: Vec::new(),
            renderings: Renderings::default(),
            turn: 0,
            due: 0,
            judged: instant(),
            deadline: None,
            file: None,
        }
    }

    /// Serves the readers until the room is closed and all has been delivered, or the last moment
    /// is over. Then the clients are told that nothing more comes.
    pub(crate) fn run(mut self) {
        let mut held = false;
        loop {
            let idle = self.due == 0;
            let round = self.hub.round(held, idle, self.lowest_need());
            let (end, end_offset, nothing) = (round.end, round.end_offset, round.nothing);
            let (more_at, allowed_lag) = (round.due, round.allowed_lag);
            self.take(round);
            let came_round = self.serve(end);
            if self.due > 0 && !came_round {
                continue;
            }
            if self.is_over(end) {
                break;
            }
            let was_held = std::mem::replace(&mut held, self.is_too_fast(end_offset, allowed_lag));
            if idle && nothing && held == was_held {
                self.wait(held, more_at);
            } else if self.readers.iter().any(|reader| reader.full_since.is_some()) {
                self.look_for_room(Some(Duration::ZERO));
            }
        }
        for reader in &self.readers {
            reader.connection.finish();
        }
    }

    /// To see what becomes of the server.
    #[cfg(test)]
    pub(crate) fn break_down_at_the_first_reader(&mut self) {
        self.turn = 1;
    }

    /// Takes what has changed since the last round.
    fn take(&mut self, round: Round) {
        let Following {
            arrivals,
            departures,
            taggings,
            asides,
            telnet_answers,
            expired,
            is_erased,
            closing,
        } = round.following;
        if closing {
            self.deadline.get_or_insert_with(|| instant() + LAST_MOMENT);
        } else {
            expired.iter().for_each(log_expired);
        }
        arrivals.into_iter().for_each(|arrival| self.welcome(arrival));
        if !round.nothing {
            self.due = self.readers.len();
        }
        for (connection, from) in taggings {
            self.reader(connection).into_iter().for_each(|reader| reader.tag_from(from));
        }
        for (connection, until) in departures {
            self.reader(connection.id()).into_iter().for_each(|reader| reader.until = until);
        }
        for (connection, before, aside) in asides {
            self.hand_over(connection, before, aside);
        }
        for (old, new) in &round.withdrawn {
            self.readers.iter_mut().for_each(|reader| reader.miss_withdrawn(old, new));
        }
        for (connection, answer) in telnet_answers {
            self.reader(connection).into_iter().for_each(|reader| reader.interject(answer));
        }
        // With a history, a reader that lags so far goes on in its file.
        if round.file.is_none() {
            for batch in &round.evicted {
                self.readers.iter_mut().for_each(|reader| reader.skip(batch, Seq::MAX));
            }
        }
        if let Some(File { oldest: (oldest, _), .. }) = round.file {
            for batch in &round.forgotten {
                self.readers.iter_mut().for_each(|reader| reader.skip(batch, oldest));
            }
        }
        self.file = round.file;
        for (connection, fetched) in round.fetched {
            if let Some(reader) = self.reader(connection) {
                reader.on_fetched(fetched);
            }
        }
        if is_erased {
            self.let_go_of_copies();
        }
    }

    /// Lets go of all copies of lines, since some of the lines were erased. What is still needed is made again.
    fn let_go_of_copies(&mut self) {
        self.renderings = Renderings::default();
        self.readers.iter_mut().for_each(Reader::forget_fetched);
    }

    /// Serves one more reader. Another one of the same member or over the same connection goes.
    fn welcome(&mut self, arrival: Arrival) {
        let (member, connection) = (arrival.recipient.member, arrival.connection.id());
        // The member has resumed over another connection.
        if let Some(before) = self.readers.iter().position(|r| r.last_recipient().member == member)
        {
            self.dismiss(before);
        }
        if arrival.recipient.format == Format::Plain
            && arrival.greeting.is_empty()
            && let Some(reader) = self.reader(connection)
        {
            // A plain member of a shared room has joined again over its connection, and gets all that came before that.
            return reader.read_for(arrival.from, arrival.recipient);
        }
        let mut reader = Reader::new(arrival);
        // The client was a guest until now.
        if let Some(before) = self.readers.iter().position(|r| r.connection.id() == connection) {
            reader.begin_with(self.dismiss(before));
        }
        self.readers.push(reader);
    }

    /// Hands a reader what it alone is told. A reader that is gone counts as having taken it.
    fn hand_over(&mut self, connection: ConnectionId, before: Seq, aside: Aside) {
        match (self.reader(connection), aside) {
            (Some(reader), aside) => reader.asides.push_back((before, aside)),
            (None, Aside::Replay(_)) => self.hub.on_replayed(connection),
            (None, Aside::Lines(lines)) => self.hub.on_answered(connection, lines.len()),
        }
    }

    /// The first event that any reader needs of the history's file, or may need.
    fn lowest_need(&self) -> Seq {
        match self.file {
            Some(_) => self.readers.iter().map(|reader| reader.next).min().unwrap_or(Seq::MAX),
            None => Seq::MAX,
        }
    }

    fn reader(&mut self, connection: ConnectionId) -> Option<&mut Reader> {
        self.readers.iter_mut().find(|reader| reader.connection.id() == connection)
    }

    /// Sends to the next few whose sockets take it; true if that has gone beyond the last reader.
    fn serve(&mut self, end: Seq) -> bool {
        let now = instant();
        let mut came_round = false;
        let mut batches: Vec<Arc<Batch>> = Vec::new();
        let mut sends = 0;
        while self.due > 0 && sends < STRETCH {
            self.due -= 1;
            let reader = &mut self.readers[self.turn];
            let goal = end.min(reader.until);
            let mut sent = Ok(());
            let mut may_try = reader.is_behind(goal) && reader.may_try(now, self.timeout);
            if may_try && let Some(file) = self.file {
                reader.look_for_file(file, &self.hub);
                may_try = !reader.waits_for_file();
            }
            if may_try {
                let covered = batches.first().is_some_and(|batch| batch.begin() <= reader.next)
                    && batches.last().is_some_and(|batch| batch.end() > reader.next);
                if !covered && !reader.is_in_file() {
                    batches = self.hub.read(reader.next, PORTION);
                }
                sent = reader.send(&self.hub, &batches, goal, &mut self.renderings, now);
                sends += 1;
            }
            let may_go_on = reader.full_since.is_none() && !reader.waits_for_file();
            if may_go_on && reader.is_behind(goal) {
                self.due = self.readers.len();
            }
            let reader = &mut self.readers[self.turn];
            match sent.map(|()| reader.fate(goal, now, self.timeout)) {
                Ok(Fate::Stays) => self.turn += 1,
                Ok(Fate::Goes) => drop(self.dismiss(self.turn)),
                Err(why) => {
                    reader.on_failed_send(&why);
                    self.dismiss(self.turn);
                }
            }
            if self.turn >= self.readers.len() {
                self.turn = 0;
                came_round = true;
            }
        }
        came_round
    }

    /// Takes a reader out.
    fn dismiss(&mut self, at: usize) -> Reader {
        let reader = self.readers.remove(at);
        self.hub.on_dismissed(reader.connection.id());
        self.turn -= usize::from(at < self.turn);
        self.due = self.due.min(self.readers.len());
        reader
    }

    fn is_over(&self, end: Seq) -> bool {
        self.deadline.is_some_and(|deadline| {
            instant() >= deadline
                || self.readers.iter().all(|reader| !reader.is_behind(end.min(reader.until)))
        })
    }

    /// Whether the senders are to be held: a reader that keeps pace lags too far. One that does not,
    /// because it takes nothing or far less than the others, holds nobody.
    fn is_too_fast(&mut self, end_offset: u64, allowed_lag: u64) -> bool {
        let now = instant();
        if now.duration_since(self.judged) >= PACE_WINDOW {
            self.judged = now;
            self.readers.iter_mut().for_each(|reader| reader.judge(end_offset));
        }
        let lags = |reader: &Reader| {
            !reader.is_in_file() && end_offset.saturating_sub(reader.offset) > allowed_lag
        };
        if !self.readers.iter().any(lags) {
            return false;
        }
        let fastest = self.readers.iter().map(Reader::pace).max().unwrap_or(0);
        let keeping_pace = SLOWEST_PACE.max(fastest / PACE_PART);
        let keeps = |reader: &Reader| reader.takes_all() || reader.pace() >= keeping_pace;
        self.readers.iter().any(|reader| lags(reader) && keeps(reader))
    }

    /// Waits until there is something to do.
    fn wait(&mut self, held: bool, more_at: Option<Instant>) {
        let stalled = self.readers.iter().filter_map(|reader| reader.full_since).min();
        let times = [
            stalled.map(|since| since + self.timeout),
            held.then(|| self.judged + PACE_WINDOW),
            self.deadline,
            more_at,
        ];
        let next = times.into_iter().flatten().min();
        self.look_for_room(next.map(|at| at.saturating_duration_since(instant())));
        // A time may be up.
        self.due = self.readers.len();
    }

    /// Waits for the waker, or for a full socket that takes more.
    fn look_for_room(&mut self, timeout: Option<Duration>) {
        let full: Vec<usize> =
            (0..self.readers.len()).filter(|&i| self.readers[i].full_since.is_some()).collect();
        let connections = full.iter().map(|&i| self.readers[i].connection.as_poll());
        let mut polled: Vec<_> =
            std::iter::once(self.hub.waker().as_poll()).chain(connections).collect();
        let timeout = timeout.map(timespec);
        if poll(&mut polled, timeout.as_ref()).is_err() {
            return;
        }
        let ready: Vec<bool> = polled.iter().map(|polled| !polled.revents().is_empty()).collect();
        debug_assert!(polled[0].revents().difference(PollFlags::IN).is_empty());
        if ready[0] {
            self.hub.waker().rest();
        }
        for (&i, _) in full.iter().zip(&ready[1..]).filter(|(_, ready)| **ready) {
            self.readers[i].full_since = None;
            self.due = self.readers.len();
        }
    }
}
