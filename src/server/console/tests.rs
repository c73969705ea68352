//! The console with a server that notes what is done to it, and a terminal that keeps what it is shown.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use super::*;
use crate::protocol::name::Name;
use crate::protocol::reply::Listed;
use crate::protocol::request::Order;
use crate::protocol::tag::Seq;
use crate::server::console::operated::Heard;
use crate::server::hub::overview::Resident;

/// A server that does nothing but to note it.
#[derive(Debug, Default)]
struct Fake {
    /// What was done to it, in order.
    done: Mutex<Vec<String>>,
    /// Whether its room is closed.
    is_closed: bool,
    /// What is said, until it is heard.
    said: Mutex<VecDeque<Heard>>,
    /// Notified when something is said or the watching ends.
    changed: Condvar,
}

impl Fake {
    fn note(&self, what: String) {
        self.done.lock().expect("no panic").push(what);
    }

    fn say(&self, heard: Heard) {
        self.said.lock().expect("no panic").push_back(heard);
        self.changed.notify_all();
    }

    /// Waits until all that was said is heard.
    fn wait_until_heard(&self) {
        let said = self.said.lock().expect("no panic");
        let (said, waited) = self
            .changed
            .wait_timeout_while(said, Duration::from_secs(20), |said| !said.is_empty())
            .expect("no panic");
        assert!(!waited.timed_out(), "{said:?}");
    }
}

impl Operated for Fake {
    fn announce(&self, text: &str) -> Option<usize> {
        self.note(format!("say {text}"));
        (!self.is_closed).then_some(3)
    }

    fn residents(&self) -> Vec<Resident> {
        let listed = |name: &str, is_away| Listed {
            is_away,
            is_exposed: !is_away,
            ..Listed::new(Name::parse(name).expect("a name"))
        };
        let address = "192.0.2.7:4000".parse().ok();
        vec![
            Resident { listed: listed("alice", false), address },
            Resident { listed: listed("bob", true), address: None },
        ]
    }

    fn order(&self, order: &Order<'_>) -> Vec<String> {
        self.note(format!("{order:?}"));
        vec!["-- done".to_owned()]
    }

    fn invite(&self, time: Duration) -> Vec<String> {
        self.note(format!("invite for {time:?}"));
        vec!["-- done".to_owned()]
    }

    fn watch_from(&self) -> Seq {
        1
    }

    fn wait_for_said(&self, _: Seq, is_over: &AtomicBool) -> Option<Heard> {
        let is_nothing =
            |said: &mut VecDeque<Heard>| said.is_empty() && !is_over.load(Ordering::SeqCst);
        let said = self.said.lock().expect("no panic");
        let mut said = self.changed.wait_while(said, is_nothing).expect("no panic");
        let heard = said.pop_front();
        self.changed.notify_all();
        heard
    }

    fn end_watch(&self) {
        drop(self.said.lock().expect("no panic"));
        self.changed.notify_all();
    }

    fn shut_down(&self) {
        self.note("shutdown".to_owned());
    }
}

/// What a terminal was shown.
#[derive(Debug, Clone, Default)]
struct Shown(Arc<Mutex<Vec<u8>>>);

impl Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shown {
    /// Takes what it was shown since the last time.
    fn take(&self) -> String {
        let shown = std::mem::take(&mut *self.0.lock().expect("no panic"));
        String::from_utf8(shown).expect("it is text")
    }
}

fn console(server: Fake) -> (Console<Fake>, Shown) {
    let shown = Shown::default();
    (Console::new(server, Screen::new(shown.clone())), shown)
}

#[test]
fn each_line_is_done_and_answered() {
    let (mut console, shown) = console(Fake::default());
    for (line, done, answer) in [
        ("", None, ""),
        ("say  hello ", Some("say hello"), "-- operator: hello (to 3 members)\n"),
        ("/kick bob", Some("Kick { name: \"bob\", why: \"\" }"), "-- done\n"),
        ("stats", Some("Stats"), "-- done\n"),
        ("who", None, "-- 2 here:\n-- alice, from 192.0.2.7:4000, not encrypted\n-- bob (away)\n"),
        ("exit", None, "!! there is no exit here; did you mean shutdown?\n"),
        ("shutdown", Some("shutdown"), ""),
    ] {
        console.on_line(line.as_bytes());
        let noted = console.server.done.lock().expect("no panic").pop();
        assert_eq!((noted.as_deref(), shown.take().as_str()), (done, answer), "{line:?}");
    }
    console.on_line(b"help");
    let help = shown.take();
    assert!(help.starts_with("-- say TEXT  ") && help.contains("\n-- kick NAME [WHY]  "), "{help}");
}

#[test]
fn keys_that_the_terminal_does_not_edit_do_no_harm() {
    let (mut console, shown) = console(Fake::default());
    console.on_line(b"say \x1b[A\x1b]0;title\x07one\xfftwo\x00");
    let told = "say one\u{fffd}two".to_owned();
    assert_eq!(console.server.done.lock().expect("no panic").pop(), Some(told));
    assert_eq!(shown.take(), "-- operator: one\u{fffd}two (to 3 members)\n");
}

#[test]
fn a_room_that_is_closed_is_told_nothing() {
    let (mut console, shown) = console(Fake { is_closed: true, ..Fake::default() });
    console.on_line(b"say too late");
    assert_eq!(shown.take(), "!! nobody was told: the room is closed\n");
}

#[test]
fn what_is_said_is_shown_with_its_time_until_watch_is_typed_again() {
    let (mut console, shown) = console(Fake::default());
    console.on_line(b"watch");
    let begun = "-- what is said to all is shown from now on, until watch again\n";
    assert_eq!(shown.take(), begun);
    let line = |line: &str| (1_790_000_000_000, line.to_owned());
    let lines = vec![line("<alice> hello"), line("* bob \x1b[2Jwaves")];
    console.server.say(Heard { lines, passed_over: 0, next: 3 });
    console.server.say(Heard { lines: Vec::new(), passed_over: 312, next: 400 });
    console.server.wait_until_heard();
    console.on_line(b"watch");
    console.server.say(Heard { lines: vec![line("<alice> unseen")], passed_over: 0, next: 401 });
    let shown = shown.take();
    let mut rows = shown.lines();
    for said in ["<alice> hello", "* bob waves"] {
        let (time, text) = rows.next().and_then(|row| row.split_once(' ')).expect("a row");
        let digits = time.bytes().filter(u8::is_ascii_digit).count();
        assert_eq!((time.len(), digits, &time[2..3], text), (5, 4, ":", said));
    }
    assert_eq!(rows.next(), Some("-- 312 lines not shown: this terminal was too slow"));
    assert_eq!(rows.next(), Some("-- what is said is not shown any more"));
    assert_eq!(rows.next(), None);
}

#[test]
fn a_terminal_that_is_gone_ends_the_watching_alone() {
    /// A terminal that is gone.
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut console = Console::new(Fake::default(), Screen::new(Gone));
    console.on_line(b"watch");
    console.server.say(Heard { lines: vec![(0, "<alice> x".to_owned())], ..Heard::default() });
    console.server.wait_until_heard();
    console.on_line(b"watch");
    console.on_line(b"kick bob");
    assert_eq!(console.server.done.lock().expect("no panic").len(), 1);
}
