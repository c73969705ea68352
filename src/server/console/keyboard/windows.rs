//! The keyboard on Windows: the console's, or a pipe's that stands for one.

use std::io::{self, ErrorKind, IsTerminal, Stdin};

use super::Typed;

/// The keyboard.
#[derive(Debug)]
pub(in crate::server::console) struct Keyboard(Stdin);

impl Keyboard {
    /// The keyboard, if standard input is one.
    pub(in crate::server::console) fn open() -> Option<Keyboard> {
        let stdin = io::stdin();
        stdin.is_terminal().then(|| Keyboard(stdin))
    }

    /// Windows has no jobs.
    pub(in crate::server::console) fn is_in_front(&self) -> bool {
        true
    }

    /// Waits for what is typed next.
    pub(in crate::server::console) fn next(&mut self) -> Typed {
        let mut line = String::new();
        loop {
            match self.0.read_line(&mut line) {
                Ok(0) => return Typed::End,
                Ok(_) => return Typed::Line(line.trim_end_matches(['\r', '\n']).into()),
                // Half a character, which the console should not give: what comes next may be whole.
                Err(why) if why.kind() == ErrorKind::InvalidData => line.clear(),
                Err(_) => return Typed::Gone,
            }
        }
    }
}
