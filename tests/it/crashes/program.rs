//! A program in the tagged form that says its lines, whatever becomes of its connections and of the server.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::rows::{Rows, assert_same};
use crate::common::read_in_time;
use crate::common::session::Session;
use crate::common::talker::Talker;
use crate::common::trial::{PATIENCE, Trial};
use crate::common::wire::{Way, Wire};

/// How many lines may be without a receipt.
const ON_THE_WAY: usize = 20;

pub(super) struct Program {
    server: SocketAddr,
    /// How it gets there.
    way: Way,
    talker: Talker,
    session: Session,
    /// Its own last word is in the session's lines.
    has_ended: bool,
}

impl Program {
    pub(super) fn new(server: SocketAddr, way: Way, talker: Talker) -> Program {
        let session = Session::new(&talker.name);
        Program { server, way, talker, session, has_ended: false }
    }

    /// Takes part until all is said and heard, and then until it is released.
    pub(super) fn run(mut self, trial: &Trial) -> Program {
        let _ends_all = trial.ends_all();
        let (mut deadline, mut last) = (None, None);
        while !self.is_done(trial) {
            if trial.is_over() {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
                assert!(Instant::now() < deadline, "{}", self.session.report());
            }
            match Wire::connect(self.server, self.way) {
                Some(mut wire) => {
                    self.talk(&mut wire, trial);
                    // At its end it stays a member.
                    if self.is_done(trial) {
                        last = Some(wire);
                    }
                }
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        trial.mark_done();
        trial.wait_for_release();
        drop(last);
        self
    }

    fn is_done(&self, trial: &Trial) -> bool {
        self.has_ended
            && self.session.on_the_way() == 0
            && self.session.ends.len() == trial.others()
    }

    /// Goes on over this connection, until that is lost or all is done.
    fn talk(&mut self, wire: &mut Wire, trial: &Trial) {
        if wire.send(self.session.hello().as_bytes()).is_err() {
            return;
        }
        let mut bytes = [0; 16 * 1024];
        while !self.is_done(trial) {
            self.make_lines(trial);
            if wire.send(self.session.text().as_bytes()).is_err() {
                return;
            }
            let Some(length) = read_in_time(wire, &mut bytes) else { return };
            self.session.take(&bytes[..length]);
            self.assert_is_well();
        }
    }

    fn make_lines(&mut self, trial: &Trial) {
        // It fails with any other thread.
        let is_over = trial.is_over();
        if !trial.has_begun() || self.session.on_the_way() >= ON_THE_WAY || self.has_ended {
            return;
        }
        let name = self.talker.name.clone();
        if is_over {
            self.session.lines.push((self.talker.end(), name));
            self.has_ended = true;
        } else if self.talker.dice(4) == 0 {
            self.session.lines.push((self.talker.next(), name));
        }
    }

    /// It is refused nothing, has missed nothing and lost nothing.
    fn assert_is_well(&self) {
        let is_bad = |text: &str| {
            text.starts_with("!!")
                || text.starts_with("-- you missed ")
                || text.contains("may be missing")
        };
        let refused = self.session.notices.iter().any(|notice| is_bad(&notice.text));
        let is_back = self.session.again > 0 || !self.session.lost.is_empty();
        let is_well = !refused && !is_back && self.session.complaints.is_empty();
        assert!(is_well, "{}", self.session.report());
    }

    /// It has heard all that it had to, under the same numbers, and all that it has said is there.
    pub(super) fn compare(&self, rows: &Rows) {
        let name = self.session.name();
        let member = rows.member(&self.talker.name);
        let said = self.session.lines.iter().skip(1).filter_map(|(line, name)| line.row(name));
        assert_same(name, rows.of(member).map(|row| row.line.clone()), said);
        let joined = format!("-- {name} joined");
        let join = rows.rows.iter().find(|row| row.line == joined).expect("it has joined").seq;
        let last = self.session.seen;
        let mut expected: Vec<_> =
            rows.heard_by(member).chain(rows.of(member)).map(|row| (row.seq, &row.line)).collect();
        expected.retain(|&(seq, _)| seq > join && seq <= last);
        expected.sort_unstable();
        assert_same(name, self.session.heard.iter().map(|it| (it.seq, &it.line)), expected);
    }
}
