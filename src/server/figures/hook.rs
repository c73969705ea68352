//! What the operator sees of a hook: in `/stats`, and by SIGUSR1.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::protocol::reply::Count;

/// The figures of a hook. Its threads count, and the one that is asked reads.
#[derive(Debug, Default)]
pub(crate) struct HookFigures {
    /// Whether the program runs.
    is_running: AtomicBool,
    /// How often it was started.
    starts: AtomicU64,
    /// How many lines it has said.
    said: AtomicU64,
    /// How many lines it was not told, since it was too slow.
    passed_over: AtomicU64,
}

impl HookFigures {
    pub(crate) fn on_start(&self) {
        self.starts.fetch_add(1, Ordering::Relaxed);
        self.is_running.store(true, Ordering::Relaxed);
    }

    pub(crate) fn on_end(&self) {
        self.is_running.store(false, Ordering::Relaxed);
    }

    pub(crate) fn on_said(&self, lines: u64) {
        self.said.fetch_add(lines, Ordering::Relaxed);
    }

    pub(crate) fn on_passed_over(&self, lines: u64) {
        self.passed_over.fetch_add(lines, Ordering::Relaxed);
    }
}

/// As a fact that fits a line.
impl fmt::Display for HookFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let runs = if self.is_running.load(Ordering::Relaxed) { "runs" } else { "does not run" };
        write!(f, "on-event {runs}, {}", Count(count(&self.starts), "start"))?;
        write!(f, ", {} said", Count(count(&self.said), "line"))?;
        match count(&self.passed_over) {
            0 => Ok(()),
            lines => write!(f, ", {} passed over: it was too slow", Count(lines, "line")),
        }
    }
}
