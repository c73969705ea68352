//! A program in the tagged form that takes part at any of a room's doors, and goes from one to the next: when its
//! connection is lost, when nothing comes of what it says, and when it feels like it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::judge::{Said, View};
use super::returns::Return;
use super::story::Story;
use crate::common::proxy::Budget;
use crate::common::read_in_time;
use crate::common::session::Session;
use crate::common::talker::{Line, Talker};
use crate::common::trial::Trial;
use crate::common::wire::{Way, Wire};

/// How many lines may be without a receipt.
const ON_THE_WAY: usize = 20;

/// How long one look for what has come takes.
const LOOK: Duration = Duration::from_millis(10);

/// How long it waits before it goes on when it was refused.
const BREATH: Duration = Duration::from_millis(500);

/// For how many milliseconds it waits for an answer before it goes elsewhere.
const WAITS: std::ops::Range<u64> = 1_000..6_000;

/// In one of how many looks it goes elsewhere for no reason.
const RESTLESS: u64 = 4_000;

/// How much members say.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// One line in so much time, on the average.
    Every(Duration),
    /// As fast as receipts come, up to so many lines.
    Flood(usize),
}

pub(super) struct Member<'a> {
    doors: &'a [SocketAddr],
    /// The one that it has gone to last; an index.
    door: usize,
    talker: Talker,
    session: Session,
    pace: Pace,
    /// When it says the next line.
    next: Instant,
    /// When it has to go on by: it has waited for an answer since then.
    waiting: Option<Instant>,
    dice: Budget,
    /// Since when it knows that all was said.
    over: Option<Instant>,
    /// Its own last word is in the session's lines.
    has_ended: bool,
    moves: Vec<String>,
    /// When it has lost a connection without being resumed since then, and at which door.
    lost: Option<(Instant, usize)>,
    returns: Vec<Return>,
    story: &'a Story,
}

impl<'a> Member<'a> {
    pub(super) fn new(
        doors: &'a [SocketAddr],
        door: usize,
        talker: Talker,
        pace: Pace,
        seed: u64,
        story: &'a Story,
    ) -> Member<'a> {
        Member {
            doors,
            door: door % doors.len(),
            session: Session::new(&talker.name),
            dice: Budget::new(seed.wrapping_add(door as u64)),
            talker,
            pace,
            next: Instant::now(),
            waiting: None,
            over: None,
            has_ended: false,
            moves: Vec::new(),
            lost: None,
            returns: Vec::new(),
            story,
        }
    }

    /// Takes part until all is said and heard, or until it has no patience any more, and then until it is released.
    pub(super) fn run(mut self, trial: &Trial, patience: Duration) -> View {
        let _ends_all = trial.ends_all();
        let mut is_done = false;
        while !(is_done && trial.is_released()) {
            if !is_done && self.has_no_patience(trial, patience) {
                self.session.complaints.push(format!("gives up: {}", self.session.report()));
                trial.mark_done();
                trial.wait_for_release();
                break;
            }
            match Wire::connect(self.doors[self.door], Way::Plain) {
                Some(mut wire) => {
                    wire.look_for(LOOK);
                    self.note("at", "");
                    let why = self.talk(&mut wire, trial, patience, &mut is_done);
                    self.note("leaves", why);
                    self.lost = self.lost.or(Some((Instant::now(), self.door)));
                }
                None => std::thread::sleep(LOOK),
            }
            self.door = (self.door + 1) % self.doors.len();
        }
        self.view()
    }

    fn note(&mut self, what: &str, why: &str) {
        let (now, door, seen) = (self.story.now(), self.door, self.session.seen);
        self.moves.push(format!("{now} {what} door {door} behind @{seen} {why}"));
    }

    /// Goes on over this connection, until that is over; why it is.
    fn talk(
        &mut self,
        wire: &mut Wire,
        trial: &Trial,
        patience: Duration,
        is_done: &mut bool,
    ) -> &'static str {
        self.waiting = Some(self.patience());
        if wire.send(self.session.hello().as_bytes()).is_err() {
            return "since it takes nothing";
        }
        let told = self.session.notices.len();
        let mut bytes = [0; 16 * 1024];
        loop {
            if !*is_done && self.is_done(trial) {
                *is_done = true;
                trial.mark_done();
            }
            if *is_done && trial.is_released() {
                return "in the end";
            }
            if !*is_done && self.has_no_patience(trial, patience) {
                return "since it has no patience any more";
            }
            self.make_lines(trial);
            if wire.send(self.session.text().as_bytes()).is_err() {
                return "since it takes nothing";
            }
            let taken = self.session.taken;
            let Some(length) = read_in_time(wire, &mut bytes) else { return "since it ends" };
            self.session.take(&bytes[..length]);
            if self.is_refused(told) {
                std::thread::sleep(BREATH);
                return "since it is refused";
            }
            if self.session.written.is_some() && self.session.token.is_some() {
                let lost = self.lost.take();
                let back = lost.map(|(lost, door)| Return { door, lost, back: Instant::now() });
                self.returns.extend(back);
            }
            let is_waiting = self.session.written.is_none() || self.session.on_the_way() > 0;
            if !is_waiting {
                self.waiting = None;
            } else if self.session.taken > taken || self.waiting.is_none() {
                self.waiting = Some(self.patience());
            }
            if self.waiting.is_some_and(|until| until < Instant::now()) {
                return "since nothing comes of what it says";
            }
            if trial.has_begun() && !*is_done && self.dice.next(RESTLESS) == 0 {
                return "for no reason";
            }
        }
    }

    /// Whether it has waited for so long since all was said.
    fn has_no_patience(&mut self, trial: &Trial, patience: Duration) -> bool {
        trial.is_over() && self.over.get_or_insert_with(Instant::now).elapsed() > patience
    }

    fn patience(&mut self) -> Instant {
        Instant::now()
            + Duration::from_millis(WAITS.start + self.dice.next(WAITS.end - WAITS.start))
    }

    /// Whether it was refused over this connection, before which it was told so many notices.
    fn is_refused(&self, before: usize) -> bool {
        self.session.notices[before..].iter().any(|it| it.text.starts_with("!! /resume"))
    }

    fn is_done(&self, trial: &Trial) -> bool {
        self.has_ended
            && self.session.on_the_way() == 0
            && self.session.written.is_some()
            && self.session.ends.len() == trial.others()
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
        } else if self.next <= Instant::now() && self.may_say_more() {
            self.session.lines.push((self.talker.next(), name));
            if let Pace::Every(time) = self.pace {
                // From none to twice as much.
                self.next = Instant::now() + time * self.dice.next(2_000) as u32 / 1_000;
            }
        }
    }

    fn may_say_more(&self) -> bool {
        match self.pace {
            Pace::Every(_) => true,
            Pace::Flood(most) => self.session.lines.len() < most,
        }
    }

    fn view(self) -> View {
        let said =
            self.session.lines.iter().filter(|(line, _)| !matches!(line, Line::Rename { .. }));
        let said = said.filter_map(|(line, name)| {
            let to = if let Line::Private { to, .. } = line { Some(to.clone()) } else { None };
            Some(Said { line: line.row(name)?, to })
        });
        View {
            name: self.session.name().to_owned(),
            said: said.collect(),
            heard: self.session.heard.clone(),
            notices: self.session.notices.iter().map(|notice| notice.text.clone()).collect(),
            complaints: self.session.complaints.clone(),
            moves: self.moves,
            returns: self.returns,
        }
    }
}
