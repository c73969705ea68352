//! The terminal: raw mode, its size, and the one screen that all threads share.
//!
//! # The lock
//!
//! `face` guards the terminal's picture and the conversation that it is a picture of: what is
//! written under it is one whole repaint, so the threads never write into each other's. Whoever
//! wants it takes `turn` first and gives that back once it has the face. So a thread that repaints
//! all the time cannot get it twice while another one waits for it: the keys are served in a flood.
//! Nothing is logged and no other lock is taken while it is held: a failing log shows a notice here.

use std::io::{self};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::terminal;

use super::clock;
use super::config::{BellChoice, WrapChoice};
use super::conversation::{Action, Alert, Conversation, Focus, Looks};
use super::echo::echo;
use super::exit_reason::ExitReason;
use super::handshake::Server;
use super::kitty;
use super::mutex::{lock, lock_until};
use super::net::Told;
use super::output::{Output, Presence, Reader};
use super::screen::{Screen, Size};
use super::session::Line;
use super::typed::Typed;
use crate::problem::Problem;

use face::{Face, Input, standard_output};
pub(super) use window::Window;

#[cfg(unix)]
pub(super) use events::Resizing;
pub(super) use events::{Event, Events};

mod events;
mod face;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(any(unix, test, fuzzing))]
mod input;
mod lending;
mod window;
mod writing;

/// What a terminal is taken for that does not tell its size.
const USUAL_SIZE: Size = Size { columns: 80, rows: 24 };

/// How long a terminal that takes nothing may hold up the end of the program.
const STALLED: Duration = Duration::from_secs(1);

/// How often it is looked whether a program that has the terminal has ended, at the end of this one.
const LENT_AGAIN: Duration = Duration::from_millis(20);

/// The terminal that the program runs in.
pub(super) struct Terminal {
    /// Taken by whoever wants the face, before it.
    turn: Mutex<()>,
    /// What the lock guards.
    face: Mutex<Face>,
    /// What rings it.
    bell: BellChoice,
    /// How its window tells of what comes, if it does.
    window: Option<Window>,
    /// Another program has it, which has its own modes and must not be painted over.
    is_lent: AtomicBool,
}

/// What the bell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bell {
    /// Nothing.
    Silent,
    /// It rings.
    Rings,
}

impl Terminal {
    /// The terminal, as it is. Lines that are shown before [`begin`](Terminal::begin) wait for it.
    pub(super) fn new(
        looks: Looks,
        wrap: WrapChoice,
        bell: BellChoice,
        window: Option<Window>,
    ) -> Terminal {
        let mut screen = Screen::new(standard_output(), size(), wrap);
        if window.is_some() {
            screen.take_title();
        }
        if cfg!(unix) && kitty::is_spoken(|name| std::env::var(name).ok()) {
            screen.take_keys();
        }
        let (turn, face) = (Mutex::default(), Mutex::new(Face::new(screen, looks)));
        Terminal { turn, face, bell, window, is_lent: AtomicBool::new(false) }
    }

    /// Turns to raw mode and shows the input row; [`close`](Output::close) undoes both.
    pub(super) fn begin(&self) -> Result<(), ExitReason> {
        let mut face = self.face();
        if face.screen.is_over() {
            // Somebody is on the way out already.
            return Ok(());
        }
        terminal::enable_raw_mode()
            .and_then(|()| face.screen.begin(size()))
            .map_err(|why| ExitReason::Failed(Problem::System("use the terminal", why)))?;
        face.titled = None;
        self.set_title(&mut face);
        face.repaint()
    }

    /// Does what typed lines ask of the client itself, and says what else each asks for. Whom `/r` answers is the same
    /// for all of them.
    pub(super) fn obey(&self, lines: &[Typed]) -> Vec<Action> {
        let mut face = self.face();
        lines.iter().map(|line| face.conversation.obey(line)).collect()
    }

    /// Shows something that does not come from the server, line by line, each with the `-- ` or
    /// `!! ` that it begins with.
    pub(super) fn tell<'a>(&self, lines: impl IntoIterator<Item = &'a str>) {
        let mut face = self.face();
        for line in lines {
            face.show(|conversation, at, shown| conversation.tell(line, at, shown));
        }
        // If it fails, so does the next repaint.
        face.repaint().ok();
    }

    /// How many columns the terminal has.
    pub(super) fn columns(&self) -> usize {
        usize::from(self.face().screen.size().columns)
    }

    /// Called when the window gains or loses the focus.
    pub(super) fn focus(&self, focus: Focus) -> Result<(), ExitReason> {
        let mut face = self.face();
        face.conversation.focus(focus);
        face.call = None;
        if self.window.is_none() {
            return Ok(());
        }
        self.set_title(&mut face);
        face.repaint()
    }

    /// Called when a paste has begun that does not end, and when it has.
    pub(super) fn set_pasting(&self, is_pasting: bool) {
        self.face().is_pasting = is_pasting;
    }

    /// Empties the terminal.
    pub(super) fn clear(&self) -> Result<(), ExitReason> {
        self.face().screen.clear().map_err(broken)
    }

    /// Paints the input row again, over whatever others have written.
    pub(super) fn pin(&self) -> Result<(), ExitReason> {
        self.face().screen.pin().map_err(broken)
    }

    /// Called when the terminal has got another size, before [`resize`](Terminal::resize).
    pub(super) fn hold(&self) {
        self.face().screen.hold();
    }

    /// Takes over the terminal's new size.
    pub(super) fn resize(&self) -> Result<(), ExitReason> {
        self.face().screen.resize(size()).map_err(broken)
    }

    fn face(&self) -> MutexGuard<'_, Face> {
        let _turn = lock(&self.turn);
        lock(&self.face)
    }

    /// The face, unless a stalled terminal keeps another thread from giving it back.
    fn face_at_last(&self) -> Option<MutexGuard<'_, Face>> {
        let deadline = Instant::now() + STALLED;
        let _turn = lock_until(&self.turn, deadline)?;
        lock_until(&self.face, deadline)
    }
}

impl Output for Terminal {
    fn take(&self, line: &Line<'_>) {
        let mut face = self.face();
        let alert = face.show(|conversation, at, shown| {
            conversation.receive(line, at.of(line.at), shown);
        });
        face.unshown = face.unshown.max(Some(alert));
    }

    fn learn(&self, line: &Line<'_>) {
        let mut face = self.face();
        face.conversation.learn(line.says, true);
        face.unshown = face.unshown.max(Some(Alert::Nothing));
    }

    fn due(&self) -> Option<Duration> {
        self.face().conversation.sum_due(clock::local_now())
    }

    fn show(&self) -> Result<(), ExitReason> {
        let mut face = self.face();
        if face.conversation.sum_due(clock::local_now()).is_some_and(|due| due.is_zero()) {
            let alert = face.show(Conversation::show_sum);
            face.unshown = face.unshown.max(Some(alert));
        }
        let Some(alert) = face.unshown.take() else { return Ok(()) };
        self.call(&mut face, alert);
        self.set_title(&mut face);
        face.repaint()
    }

    /// What the others see of them, under the name that we have now.
    fn show_own(&self, server: Server, lines: &[&Typed]) -> Result<(), ExitReason> {
        let mut face = self.face();
        for line in lines {
            let seen = echo(server, face.conversation.name(), line);
            if let Some(seen) = seen {
                face.show(|conversation, at, shown| conversation.own(&seen, at, shown));
            }
        }
        face.repaint()
    }

    fn notice(&self, text: &str) {
        let mut face = self.face();
        face.show(|conversation, at, shown| conversation.notice(text, at, shown));
        // If it fails, so does the next repaint.
        face.repaint().ok();
    }

    fn tell_of_secrecy(&self, told: &Told) {
        if !told.is_first_contact() {
            return self.notice(&told.to_string());
        }
        let mut face = self.face();
        let text = told.to_string();
        face.show(|conversation, at, shown| conversation.bold_notice(&text, at, shown));
        // If it fails, so does the next repaint.
        face.repaint().ok();
    }

    fn set_waiting(&self, lines: usize) -> Result<(), ExitReason> {
        let mut face = self.face();
        face.waiting = lines;
        face.repaint()
    }

    fn set_presence(&self, presence: Presence) {
        let mut face = self.face();
        face.presence = presence;
        face.repaint().ok();
    }

    fn ask(&self, question: &str) -> bool {
        let mut face = self.face();
        face.asked = Some(question.into());
        face.place_input();
        // If it fails, so does the next repaint.
        face.repaint().ok();
        true
    }

    fn stop_asking(&self) {
        let mut face = self.face();
        if face.asked.take().is_some() {
            face.answer = Input::default();
            face.place_input();
            face.repaint().ok();
        }
    }

    fn reader(&self) -> Reader {
        Reader::Person
    }

    fn is_lent(&self) -> bool {
        self.is_lent.load(Ordering::Acquire)
    }

    fn close(&self) {
        // What the user writes there must not be lost.
        while self.is_lent() {
            thread::sleep(LENT_AGAIN);
        }
        let face = self.face_at_last();
        if let Some(mut face) = face {
            // A terminal that is gone needs no restoring.
            face.screen.end().ok();
        }
        terminal::disable_raw_mode().ok();
    }
}

fn broken(why: io::Error) -> ExitReason {
    ExitReason::Failed(Problem::System("write to the terminal", why))
}

/// Some terminals say that they have no columns when they do not know.
fn size() -> Size {
    match terminal::size() {
        Ok((columns, rows)) if columns > 0 && rows > 0 => Size { columns, rows },
        Ok(_) | Err(_) => USUAL_SIZE,
    }
}
