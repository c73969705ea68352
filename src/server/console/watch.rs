//! Watching: a thread shows what is said to all until the operator has seen enough.
//!
//! It takes a portion, writes it, and takes the next one: a terminal that takes nothing holds up this thread alone,
//! and what the thread is too late for is passed over and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::operated::{Heard, Operated};
use super::screen::Screen;
use crate::problem::Problem;
use crate::protocol::moment::local;
use crate::protocol::reply::Count;
use crate::protocol::tag::{Millis, Seq};
use crate::protocol::text::make_safe;
use crate::server::system::start_thread;
use crate::server::system::thread::JoinHandle;

/// How many milliseconds a time of day is shown for.
const MINUTE: Millis = 60_000;

/// The watching thread.
#[derive(Debug)]
pub(super) struct Watch {
    /// Whether it is to end; set by [`Watch::end`].
    is_over: Arc<AtomicBool>,
    /// Its handle, by which it is joined.
    thread: JoinHandle<()>,
}

impl Watch {
    /// Begins to show what is said from now on.
    ///
    /// # Errors
    ///
    /// The system has no thread to spare.
    pub(super) fn begin<O: Operated>(server: &Arc<O>, screen: &Screen) -> Result<Watch, Problem> {
        let is_over = Arc::new(AtomicBool::new(false));
        let (server, screen, told) = (Arc::clone(server), screen.clone(), Arc::clone(&is_over));
        // Now, and not when the thread gets to it.
        let from = server.watch_from();
        let thread = start_thread("watch", move || show_said(&*server, &screen, from, &told))?;
        Ok(Watch { is_over, thread })
    }

    /// Ends it. Nothing is shown after that.
    pub(super) fn end(self, server: &impl Operated) {
        self.is_over.store(true, Ordering::SeqCst);
        server.end_watch();
        self.thread.join().ok();
    }
}

/// The thread's work.
fn show_said(server: &impl Operated, screen: &Screen, mut from: Seq, is_over: &AtomicBool) {
    let mut clock = Clock::default();
    while let Some(Heard { lines, passed_over, next }) = server.wait_for_said(from, is_over) {
        from = next;
        let mut shown = Vec::with_capacity(lines.len() + 1);
        if passed_over > 0 {
            let lines = Count(passed_over, "line");
            shown.push(format!("-- {lines} not shown: this terminal was too slow"));
        }
        // Lines that come from a file were safe when they were written there.
        let line = |(at, line): &(Millis, String)| {
            format!("{} {}", clock.time(*at), make_safe(line.as_bytes()))
        };
        shown.extend(lines.iter().map(line));
        if screen.show(&shown).is_err() {
            return;
        }
    }
}

/// The time of day as it is shown. It is found out once a minute.
#[derive(Debug, Default)]
struct Clock {
    /// The minute since 1970 that `time` is of.
    minute: Option<Millis>,
    /// The time as `HH:MM`.
    time: String,
}

impl Clock {
    fn time(&mut self, at: Millis) -> &str {
        let minute = at.div_euclid(MINUTE);
        if self.minute != Some(minute) {
            self.minute = Some(minute);
            self.time = local(at).format("%H:%M").to_string();
        }
        &self.time
    }
}
