//! The terminal: raw mode, its size, and the one screen that all threads share.
//!
//! # The lock
//!
//! `screen` guards the terminal's picture: what is written under it is one whole repaint, so the
//! threads never write into each other's. Whoever wants it takes `turn` first and gives that back
//! once it has the screen. So a thread that repaints all the time cannot get the screen twice while
//! another one waits for it: the keys are served in a flood. Nothing is logged and no other lock is
//! taken while the screen is held: a failing log shows a notice here.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::{cursor, terminal};

use super::editor::Editor;
use super::output::{Output, Received, Unfinished};
use super::screen::{Screen, Size};
use super::way_out::{End, lock};
use crate::problem::Problem;

/// What a terminal is taken for that does not tell its size.
const USUAL_SIZE: Size = Size { columns: 80, rows: 24 };

/// How long a terminal that takes nothing may hold up the end of the program.
const STALLED: Duration = Duration::from_secs(1);

type Out = Box<dyn Write + Send>;

/// The terminal that the program runs in.
pub(super) struct Terminal {
    turn: Mutex<()>,
    screen: Mutex<Screen<Out>>,
    /// Whether the terminal tells where its cursor is, as far as we know.
    answers: AtomicBool,
}

/// What the bell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bell {
    Silent,
    Rings,
}

impl Terminal {
    /// The terminal, as it is. Lines that are shown before [`begin`](Terminal::begin) wait for it.
    pub(super) fn new() -> Terminal {
        let size = terminal::size().map_or(USUAL_SIZE, size);
        let screen = Mutex::new(Screen::new(standard_output(), size));
        Terminal { turn: Mutex::new(()), screen, answers: AtomicBool::new(true) }
    }

    /// Turns to raw mode and shows the input row; [`close`](Output::close) undoes both.
    pub(super) fn begin(&self) -> Result<(), End> {
        let mut screen = self.screen();
        if screen.is_over() {
            // Somebody is on the way out already.
            return Ok(());
        }
        terminal::enable_raw_mode()
            .and_then(|()| screen.begin())
            .map_err(|why| End::Failed(Problem::System("use the terminal", why)))
    }

    /// Shows what the editor has come to.
    pub(super) fn edit(&self, editor: &Editor, bell: Bell) -> Result<(), End> {
        let mut screen = self.screen();
        screen.set_input(editor.text(), editor.cursor());
        if bell == Bell::Rings {
            screen.ring();
        }
        screen.repaint().map_err(broken)
    }

    /// Shows lines that were made here, of what our name is.
    pub(super) fn show_own(&self, lines: impl FnOnce(Option<&str>) -> String) -> Result<(), End> {
        let mut screen = self.screen();
        let lines = lines(screen.name());
        screen.print(&lines);
        screen.repaint().map_err(broken)
    }

    /// Takes over the terminal's new size. The terminal may be asked where its cursor is, so this is
    /// for the thread that reads the keys, which gets the answer.
    pub(super) fn resize(&self) -> Result<(), End> {
        let mut screen = self.screen();
        let size = terminal::size().map_or(USUAL_SIZE, size);
        let cursor = if screen.may_be_wrapped(size) { self.cursor_column() } else { None };
        screen.resize(size, cursor).map_err(broken)
    }

    /// Asks a terminal that does not answer only once, because that takes two seconds.
    fn cursor_column(&self) -> Option<u16> {
        if !self.answers.load(Ordering::Relaxed) {
            return None;
        }
        let column = cursor::position().ok().map(|(column, _)| column);
        self.answers.store(column.is_some(), Ordering::Relaxed);
        column
    }

    fn screen(&self) -> MutexGuard<'_, Screen<Out>> {
        let _turn = lock(&self.turn);
        lock(&self.screen)
    }

    /// The screen, unless a stalled terminal keeps another thread from giving it back.
    fn screen_at_last(&self) -> Option<MutexGuard<'_, Screen<Out>>> {
        let deadline = Instant::now() + STALLED;
        let _turn = try_until(deadline, &self.turn)?;
        try_until(deadline, &self.screen)
    }
}

impl Output for Terminal {
    fn show(&self, received: &Received) -> Result<(), End> {
        let mut screen = self.screen();
        if let Some(name) = &received.name {
            screen.set_name(name.as_str());
        }
        screen.print(&received.lines);
        screen.repaint().map_err(broken)
    }

    fn notice(&self, text: &str) {
        let mut screen = self.screen();
        screen.print(&format!("-- {text}\n"));
        // If it fails, so does the next repaint.
        screen.repaint().ok();
    }

    fn unfinished(&self) -> Unfinished {
        Unfinished::IsShown
    }

    fn close(&self) {
        let screen = self.screen_at_last();
        if let Some(mut screen) = screen {
            // A terminal that is gone needs no restoring.
            screen.end().ok();
        }
        terminal::disable_raw_mode().ok();
    }
}

fn broken(why: io::Error) -> End {
    End::Failed(Problem::System("write to the terminal", why))
}

/// Some terminals say that they have no columns when they do not know.
fn size((columns, rows): (u16, u16)) -> Size {
    if columns == 0 || rows == 0 { USUAL_SIZE } else { Size { columns, rows } }
}

fn try_until<T>(deadline: Instant, mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    loop {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => {
                return Some(PoisonError::into_inner(poisoned));
            }
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return None,
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// Standard output without the library's line buffer, which would make two writes of one.
#[cfg(unix)]
fn standard_output() -> Out {
    use std::os::fd::AsFd;
    match io::stdout().as_fd().try_clone_to_owned() {
        Ok(file) => Box::new(std::fs::File::from(file)),
        Err(_) => Box::new(io::stdout()),
    }
}

/// Standard output, which on Windows knows how to write Unicode to a console, once that has been
/// told that escape sequences will come.
#[cfg(windows)]
fn standard_output() -> Out {
    crossterm::ansi_support::supports_ansi();
    Box::new(io::stdout())
}
