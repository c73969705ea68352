//! The keyboard on Unix: of the terminal that the process was started in, and only while its job is in the foreground.
//!
//! Whoever reads there from the background is stopped, with all of the job, by SIGTTIN. So the thread that reads has
//! that signal blocked, and its reads fail instead (EIO). What is typed then is for others, such as the shell: the
//! thread does not look again before a while. Brought to the foreground, it reads on.

use std::io::{self, IsTerminal, Stdin};
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;

use super::Typed;

/// The longest line, in bytes, which is that of a terminal in cooked mode (Linux; elsewhere it is shorter). More can
/// come without a line end where the terminal is in another mode.
const MAX_LINE: usize = 4096;

/// How long the thread does not look for input after some has come that is for others.
const FOR_OTHERS: Duration = Duration::from_secs(1);

/// The keyboard.
#[derive(Debug)]
pub(in crate::server::console) struct Keyboard {
    /// Standard input, a terminal. It is read without the standard library's buffer.
    terminal: Stdin,
    /// What has come and is no whole line yet, or several.
    read: Vec<u8>,
}

impl Keyboard {
    /// The keyboard, if standard input is the terminal that the process was started in. Another terminal is somebody
    /// else's, who reads it.
    pub(in crate::server::console) fn open() -> Option<Keyboard> {
        let terminal = io::stdin();
        let is_own = || match tcgetpgrp(&terminal) {
            // A foreground that this process cannot name, in a namespace of its own.
            Ok(_) | Err(Errno::OPNOTSUPP) => true,
            Err(_) => false,
        };
        let is_there = terminal.is_terminal() && is_own();
        is_there.then(|| Keyboard { terminal, read: Vec::new() })
    }

    /// Whether the job is in the foreground.
    pub(in crate::server::console) fn is_in_front(&self) -> bool {
        tcgetpgrp(&self.terminal).is_ok_and(|front| front == getpgrp())
    }

    /// Waits for what is typed next. One thread calls it, and has SIGTTIN blocked from then on.
    pub(in crate::server::console) fn next(&mut self) -> Typed {
        // If it fails, a keystroke may stop a job in the background, as it does with other programs.
        SigSet::from(Signal::SIGTTIN).thread_block().ok();
        loop {
            if let Some(line) = self.take_line() {
                return Typed::Line(line);
            }
            if self.is_gone_after_waiting() {
                return Typed::Gone;
            }
            let mut chunk = [0; MAX_LINE];
            match rustix::io::read(&self.terminal, &mut chunk) {
                Ok(0) => return self.end(),
                Ok(length) => self.read.extend_from_slice(&chunk[..length]),
                Err(Errno::INTR) => {}
                // It is for others; or one of them was faster, and has made reading not wait.
                Err(Errno::IO | Errno::AGAIN) => sleep(FOR_OTHERS),
                Err(_) => return Typed::Gone,
            }
        }
    }

    /// Takes the first line out of what was read, or all of it if it is too long for a line.
    fn take_line(&mut self) -> Option<Vec<u8>> {
        let end = self.read.iter().position(|&byte| byte == b'\n');
        let end = end.or_else(|| (self.read.len() >= MAX_LINE).then(|| self.read.len() - 1))?;
        let mut line: Vec<u8> = self.read.drain(..=end).collect();
        line.pop_if(|last| *last == b'\n');
        Some(line)
    }

    /// The end was typed. What stands before it is a line, after which it may be typed again.
    fn end(&mut self) -> Typed {
        match std::mem::take(&mut self.read) {
            rest if rest.is_empty() => Typed::End,
            rest => Typed::Line(rest),
        }
    }

    /// Waits until there is something to read, or nobody any more who could type it, and says whether that is so.
    fn is_gone_after_waiting(&self) -> bool {
        let mut polled = [PollFd::new(&self.terminal, PollFlags::IN)];
        // If it cannot be waited for, or something else has come, reading tells.
        let is_polled = poll(&mut polled, None).is_ok();
        is_polled && polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
    }
}
