//! The terminal, to be written to: answers to what is typed, and what is said while the operator watches.

use std::fmt;
#[cfg(unix)]
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// The terminal. Clones write to the same one.
///
/// The lock is held while lines are written, so that those of two threads do not mix. Only the threads of the keyboard
/// take it, and with no other lock held.
#[derive(Clone)]
pub(super) struct Screen(Arc<Mutex<Box<dyn Write + Send>>>);

impl Screen {
    /// One that writes there.
    pub(super) fn new(out: impl Write + Send + 'static) -> Screen {
        Screen(Arc::new(Mutex::new(Box::new(out))))
    }

    /// The terminal of this process, wherever its standard streams lead.
    #[cfg(unix)]
    pub(super) fn open() -> Option<Screen> {
        File::options().write(true).open("/dev/tty").ok().map(Screen::new)
    }

    /// The terminal of this process, if one of its standard streams leads there.
    #[cfg(windows)]
    pub(super) fn open() -> Option<Screen> {
        use std::io::IsTerminal;
        if io::stdout().is_terminal() {
            Some(Screen::new(io::stdout()))
        } else {
            io::stderr().is_terminal().then(|| Screen::new(io::stderr()))
        }
    }

    /// Writes these lines, in one piece.
    ///
    /// # Errors
    ///
    /// The terminal is gone.
    pub(super) fn show(&self, lines: &[impl AsRef<str>]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let text: String = lines.iter().flat_map(|line| [line.as_ref(), "\n"]).collect();
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Screen")
    }
}
