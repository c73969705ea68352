//! What happened when: told with its seed when a trial fails.

use std::sync::Mutex;
use std::time::{Instant, SystemTime};

use super::returns::Kill;

/// What was done to a room.
#[derive(Debug)]
pub(super) struct Story {
    /// How to have the same again.
    head: String,
    began: Instant,
    lines: Mutex<Vec<String>>,
    /// The servers that were killed.
    kills: Mutex<Vec<Kill>>,
}

impl Story {
    pub(super) fn new(head: String) -> Story {
        Story { head, began: Instant::now(), lines: Mutex::default(), kills: Mutex::default() }
    }

    /// Adds something that happens now.
    pub(super) fn tell(&self, what: &str) {
        let line = format!("{} {what}", self.now());
        self.lines.lock().expect("nobody has panicked").push(line);
    }

    /// The server at that door is killed now.
    pub(super) fn note_kill(&self, door: usize) {
        let kill = Kill { door, at: Instant::now() };
        self.kills.lock().expect("nobody has panicked").push(kill);
    }

    /// All servers that were killed.
    pub(super) fn kills(&self) -> Vec<Kill> {
        self.kills.lock().expect("nobody has panicked").clone()
    }

    /// The time, as it stands before what is told, and as events have it.
    pub(super) fn now(&self) -> String {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later");
        format!("{:6.2} s ({})", self.began.elapsed().as_secs_f64(), unix.as_millis())
    }

    /// All of it.
    pub(super) fn text(&self) -> String {
        let lines = self.lines.lock().expect("nobody has panicked");
        format!("{}\n{}", self.head, lines.join("\n"))
    }
}

/// Tells the story if a test panics.
pub(super) struct ToldOnPanic<'a>(pub(super) &'a Story);

impl Drop for ToldOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0.text());
        }
    }
}
