//! Callbacks that are told what happens in the room, each on a thread of its own.
//!
//! Such a thread reads the transcript, as the operator's `watch` does: what is settled, in its order. It has no queue,
//! and nothing waits for it. What the callback is too late for, since it is more than 256 KiB of lines behind, is passed
//! over, and the callback is told how much.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::audience::{NOBODY, Recipient};
use super::batch::Batch;
use super::hub::Hub;
use super::hub::watch::News;
use super::system::{now, start_thread};
use crate::problem::Problem;
use crate::protocol::json::{Event, What};
use crate::protocol::tag::{Format, Seq};

/// How long the callbacks may take for what is left when the server ends. Those that take longer are left behind.
const LAST_EVENTS: Duration = Duration::from_secs(1);

/// A program that is no member, and gets what all programs get.
const PROGRAM: Recipient = Recipient { member: NOBODY.member, format: Format::Tagged };

/// A callback that is told what happens.
pub(super) type Callback = Box<dyn FnMut(&Event<'_>) + Send>;

/// The threads of all callbacks.
#[derive(Debug)]
pub(super) struct Listeners {
    /// Where they listen.
    hub: Arc<Hub>,
    /// Whether they are to end once they have had everything.
    is_over: Arc<AtomicBool>,
    /// Disconnected once all of them have ended.
    ended: Receiver<()>,
}

impl Listeners {
    /// Starts a thread for each callback, which is told what happens from now on; `None` if there are none.
    ///
    /// # Errors
    ///
    /// The system has no thread to spare.
    pub(super) fn start(
        hub: &Arc<Hub>,
        callbacks: Vec<Callback>,
    ) -> Result<Option<Listeners>, Problem> {
        if callbacks.is_empty() {
            return Ok(None);
        }
        let (is_over, (held, ended)) = (Arc::new(AtomicBool::new(false)), channel());
        for callback in callbacks {
            let (hub, is_over, held) = (Arc::clone(hub), Arc::clone(&is_over), held.clone());
            // Now, and not when the thread gets to it.
            let from = hub.watch_from();
            start_thread("listener", move || listen(&hub, from, &is_over, callback, held))?;
        }
        Ok(Some(Listeners { hub: Arc::clone(hub), is_over, ended }))
    }

    /// Waits until each has had everything, for a while at most.
    pub(super) fn end(self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.hub.end_watch();
        if self.ended.recv_timeout(LAST_EVENTS) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            log::warn!("the server ends while a callback of its events still works");
        }
    }
}

/// The thread's work. `_held` is dropped at its end.
fn listen(
    hub: &Hub,
    mut from: Seq,
    is_over: &AtomicBool,
    mut callback: Callback,
    _held: Sender<()>,
) {
    while let Some(news) = hub.wait_for_news(PROGRAM, from, is_over) {
        from = each_event(&news, PROGRAM, &mut callback);
    }
}

/// Gives each event that is for all, and for that program, to `take`: what it says itself is for all others. The value
/// is the number of the event to go on with.
pub(super) fn each_event(news: &News, program: Recipient, mut take: impl FnMut(&Event<'_>)) -> Seq {
    match news {
        News::PassedOver(lines, next) => {
            take(&Event::new(None, now(), What::Missed { lines: *lines }));
            *next
        }
        News::Events(batches, range) => {
            for batch in batches {
                for event in public(batch, range, program) {
                    let what = What::of_line(batch.line(event), "");
                    take(&Event::new(Some(event), batch.time(event), what));
                }
            }
            range.end
        }
    }
}

/// The events of a batch in this range that are for all, and for that program.
fn public<'a>(
    batch: &'a Batch,
    range: &'a Range<Seq>,
    program: Recipient,
) -> impl Iterator<Item = Seq> + 'a {
    let envelopes = batch.index().envelopes(0).zip(0..);
    let numbers = envelopes.filter(move |(envelope, _)| {
        !envelope.audience.is_private() && envelope.audience.includes(program)
    });
    numbers.map(|(_, index)| batch.seq(index)).filter(|event| range.contains(event))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

    use super::*;
    use crate::server::{Config, Running, Server, bind};

    /// How long anything may take.
    const DEADLINE: Duration = Duration::from_secs(20);

    fn start(callback: impl FnMut(&Event<'_>) + Send + 'static) -> Running {
        let config = Config::default().replay(0).rate_limit(0);
        let server = Server::open(bind("127.0.0.1", 0).expect("a free port"), config);
        let server = server.expect("a room").on_event(callback);
        server.start().expect("it serves")
    }

    /// A client that says these lines, and waits until the room has them.
    fn say(at: SocketAddr, name: &str, lines: &str) {
        let mut stream = TcpStream::connect(at).expect("it listens");
        write!(stream, "/nick {name}\n{lines}/quit\n").expect("it takes that");
        BufReader::new(stream).lines().map_while(Result::ok).for_each(drop);
    }

    /// The kinds of events, without their times and numbers, up to the end.
    fn all(told: &Receiver<String>) -> Vec<String> {
        std::iter::from_fn(|| match told.recv_timeout(DEADLINE) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the callback is not let go"),
        })
        .collect()
    }

    #[test]
    fn a_callback_is_told_all_that_everybody_knows_and_all_of_it_before_the_end() {
        let (tell, told) = channel();
        let room = start(move |event| {
            tell.send(format!("{} {:?}", event.what.kind(), event.seq)).expect("it is read");
        });
        say(room.address(), "alice", "hello\n/msg alice psst\n/me waves\n");
        room.shut_down().expect("it ends well");
        let kinds = ["joined Some(1)", "said Some(2)", "done Some(3)", "left Some(4)"];
        assert_eq!(all(&told), kinds);
    }

    #[test]
    fn a_callback_that_takes_too_long_holds_nobody_up_and_is_told_what_it_has_missed() {
        let (tell, told) = channel();
        let (go_on, wait) = channel::<()>();
        let room = start(move |event| {
            tell.send(event.what.kind().to_owned()).ok();
            wait.recv().ok();
        });
        say(room.address(), "first", "");
        assert_eq!(told.recv_timeout(DEADLINE).as_deref(), Ok("joined"));
        // The callback is busy with that from now on.
        let lines = format!("{}\n", "x".repeat(1000)).repeat(400);
        say(room.address(), "alice", &lines);
        say(room.address(), "bob", "still here\n");
        drop(go_on);
        room.shut_down().expect("it ends well");
        let kinds = all(&told);
        assert!(kinds.contains(&"missed".to_owned()) && kinds.len() < 400, "{}", kinds.len());
    }
}
