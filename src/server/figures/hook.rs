//! What the operator sees of a hook: in `/stats`, and by SIGUSR1.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::protocol::reply::Count;
use crate::protocol::tag::Seq;

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
    /// The next event that it is to be told.
    next: AtomicU64,
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

    /// The next event that the program is to be told.
    pub(crate) fn next(&self) -> Seq {
        self.next.load(Ordering::Relaxed)
    }

    pub(crate) fn set_next(&self, next: Seq) {
        self.next.store(next, Ordering::Relaxed);
    }

    /// The figures as a fact that fits a line, in a room whose next event has that number.
    pub(crate) fn fact(&self, end: Seq) -> String {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let runs = if self.is_running.load(Ordering::Relaxed) { "runs" } else { "does not run" };
        let (starts, said) =
            (Count(count(&self.starts), "start"), Count(count(&self.said), "line"));
        let mut fact = format!("on-event {runs}, {starts}, {said} said");
        match end.saturating_sub(self.next()) {
            0 => {}
            behind => fact += &format!(", {} behind", Count(behind, "event")),
        }
        match count(&self.passed_over) {
            0 => {}
            lines => fact += &format!(", {} passed over: it was too slow", Count(lines, "line")),
        }
        fact
    }
}
