//! The server's own keyboard: where standard input is a terminal, an operator types there what is to be done.
//!
//! A thread of its own reads lines, as the terminal gives them (cooked mode), does what each asks for, and shows the
//! answer. It waits for nobody but the terminal, and holds no lock meanwhile, so a terminal that was stopped with
//! Ctrl+S holds up nothing but the keyboard. Another thread shows what is said, while the operator watches. Nobody
//! joins either of them: a thread that is blocked in the terminal is left behind when the process ends.
//!
//! Its parts: where lines come from (`keyboard`) and where answers go (`screen`), what a line means (`typed`), what it
//! acts on (`operated`), and what is said meanwhile (`watch`).

use std::sync::Arc;

use super::shutdown::Shutdown;
use super::status::Status;
use super::system::start_thread;
use crate::problem::Problem;
use crate::protocol::reply::{Count, Notice, OrderNotice};
use crate::protocol::text::make_safe;
use keyboard::{Keyboard, Typed};
use operated::{Operated, RunningServer};
use screen::Screen;
use typed::Asked;
use watch::Watch;

mod keyboard;
mod operated;
mod screen;
#[cfg(test)]
mod tests;
mod typed;
mod watch;

/// What is shown first, so that it is known that somebody listens.
const GREETING: &str = "-- help lists what can be typed here";

/// What is shown when the keyboard has ended its input.
const FAREWELL: &str = "-- nothing more is read from this keyboard; Ctrl+C ends the server";

/// What can be typed at the server's own keyboard, as its `help` lists it: each with its arguments, and what it is for.
pub fn keyboard_commands() -> impl Iterator<Item = (&'static str, &'static str)> {
    typed::commands()
}

/// Begins to read the keyboard, if there is one.
///
/// # Errors
///
/// The system has no thread to spare.
pub(super) fn begin(status: Status, shutdown: Shutdown) -> Result<(), Problem> {
    let (Some(keyboard), Some(screen)) = (Keyboard::open(), Screen::open()) else { return Ok(()) };
    let console = Console::new(RunningServer { status, shutdown }, screen);
    start_thread("keyboard", move || console.attend(keyboard)).map(drop)
}

/// The thread's work.
#[derive(Debug)]
struct Console<O> {
    /// The server that is acted on; the watching thread has it, too.
    server: Arc<O>,
    /// Where answers are shown; the watching thread writes there, too.
    screen: Screen,
    /// The thread that shows what is said; `None` while nobody watches.
    watch: Option<Watch>,
}

impl<O: Operated> Console<O> {
    fn new(server: O, screen: Screen) -> Console<O> {
        Console { server: Arc::new(server), screen, watch: None }
    }

    /// Does what is typed until the keyboard ends its input or is gone.
    fn attend(mut self, mut keyboard: Keyboard) {
        if keyboard.is_in_front() {
            self.show(&[GREETING]);
        }
        let mut typed = keyboard.next();
        while let Typed::Line(line) = &typed {
            self.on_line(line);
            typed = keyboard.next();
        }
        self.end_watch();
        if matches!(typed, Typed::End) {
            self.show(&[FAREWELL]);
        }
    }

    /// Does what a line asks for, and shows the answer.
    fn on_line(&mut self, line: &[u8]) {
        let command = typed::as_command(&make_safe(line));
        let answer = match typed::parse(&command) {
            Ok(asked) => self.obey(&asked),
            Err(misuse) => vec![misuse.to_string()],
        };
        self.show(&answer);
    }

    fn obey(&mut self, asked: &Asked<'_>) -> Vec<String> {
        match asked {
            Asked::Nothing => Vec::new(),
            Asked::Say(text) => vec![self.say(text)],
            Asked::Watch => vec![self.watch_or_not()],
            Asked::Who => self.who(),
            Asked::Help => typed::help().collect(),
            Asked::Invite(time) => self.server.invite(*time),
            Asked::Order(order) => self.server.order(order),
            Asked::Shutdown => {
                self.server.shut_down();
                Vec::new()
            }
        }
    }

    fn say(&self, text: &str) -> String {
        let Some(members) = self.server.announce(text) else {
            return "!! nobody was told: the room is closed".to_owned();
        };
        log::info!("operator: {text}");
        match members {
            0 => "-- nobody is here to be told".to_owned(),
            members => {
                let notice = Notice::Order(OrderNotice::Says(text));
                format!("{notice} (to {})", Count(members as u64, "member"))
            }
        }
    }

    /// Begins to show what is said, or ends it.
    fn watch_or_not(&mut self) -> String {
        if self.end_watch() {
            return "-- what is said is not shown any more".to_owned();
        }
        match Watch::begin(&self.server, &self.screen) {
            Ok(watch) => {
                self.watch = Some(watch);
                "-- what is said to all is shown from now on, until watch again".to_owned()
            }
            Err(problem) => format!("!! watch: {problem}"),
        }
    }

    /// Ends the watching, and says whether there was one.
    fn end_watch(&mut self) -> bool {
        let watch = self.watch.take();
        watch.map(|watch| watch.end(&*self.server)).is_some()
    }

    fn who(&self) -> Vec<String> {
        let residents = self.server.residents();
        let mut lines = vec![match residents.len() {
            0 => "-- nobody is here".to_owned(),
            here => format!("-- {here} here:"),
        }];
        lines.extend(residents.iter().map(|resident| format!("-- {resident}")));
        lines
    }

    fn show(&self, lines: &[impl AsRef<str>]) {
        // Without a terminal there is nobody to tell; the keyboard finds that out by itself.
        self.screen.show(lines).ok();
    }
}
