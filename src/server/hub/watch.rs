//! What is said, for those who watch and are no members with a connection: the operator at the server's keyboard, and
//! callbacks and programs that are told what happens.
//!
//! Each watching thread waits here for what is new and settled. It holds nobody: it takes what the room remembers
//! anyway, and passes over what it is too late for.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::proposing::Brought;
use super::{Hub, Shared};
use crate::protocol::tag::Seq;
use crate::server::audience::Recipient;
use crate::server::batch::Batch;
use crate::server::room::entry::{Entry, Outcome};

/// How far a watcher may be behind before it passes over all that it has not had, in bytes of lines: more than a
/// terminal takes in a second, and little enough to be read after a pause.
const MOST_BEHIND: u64 = 256 * 1024;

/// How much a watcher is handed at a time, in bytes of lines.
const PORTION: usize = 64 * 1024;

/// What there is for a watcher.
#[derive(Debug)]
pub(crate) enum News {
    /// The events of this range, which these batches have.
    Events(Vec<Arc<Batch>>, Range<Seq>),
    /// So many lines are passed over, up to that event.
    PassedOver(u64, Seq),
}

impl Hub {
    /// Tells all what the operator at the keyboard says, and says how many members that are; `None` once the room is
    /// closed.
    pub(crate) fn announce(&self, text: &str) -> Option<usize> {
        self.with(|shared| match shared.bring(Entry::Announce { text }) {
            Brought::Done(Outcome::Done) => Some(shared.room.count().0),
            _ => None,
        })
    }

    /// The number of the next event that is settled: watching begins there.
    pub(crate) fn watch_from(&self) -> Seq {
        self.with(|shared| shared.settled_end().0)
    }

    /// Waits for events from that one on; of those that are passed over, the ones are counted that the watcher should have had. `None`
    /// once there is nothing more and `is_over`, or the room is closed.
    pub(crate) fn wait_for_news(
        &self,
        watcher: Recipient,
        from: Seq,
        is_over: &AtomicBool,
    ) -> Option<News> {
        let mut guard = self.lock();
        loop {
            if guard.settled_end().0 > from {
                return Some(guard.news(watcher, from));
            }
            if is_over.load(Ordering::SeqCst) || guard.has_said_the_last_word() {
                return None;
            }
            // No waking is lost: `is_over` is set before `end_watch` takes the lock, and rounds are under it.
            guard.watching += 1;
            guard.sleep(&self.watched);
            guard.watching -= 1;
        }
    }

    /// Wakes the watching threads, to see that their `is_over` is set.
    pub(crate) fn end_watch(&self) {
        self.with(|shared| self.notify_watchers(shared));
    }

    /// Wakes the watching threads that wait. Without one it costs nothing.
    pub(super) fn notify_watchers(&self, shared: &Shared) {
        if shared.watching > 0 {
            self.watched.notify_all();
        }
    }
}

impl Shared {
    /// Whether the room is closed, and all that was said before that is settled.
    fn has_said_the_last_word(&self) -> bool {
        self.room.is_closed() && self.settled_end().0 >= self.room.transcript().end()
    }

    /// What there is for a watcher that has all events before that one.
    fn news(&self, watcher: Recipient, from: Seq) -> News {
        let (transcript, (end, end_offset)) = (self.room.transcript(), self.settled_end());
        let is_late = end_offset.saturating_sub(transcript.offset(from)) > MOST_BEHIND;
        if is_late || from < transcript.oldest() {
            let here = |batch: &Arc<Batch>| batch.index().count_lines(watcher, &(from..end));
            let remembered: u64 = transcript.read(from, usize::MAX).iter().map(here).sum();
            let evicted = transcript.evicted(watcher, from).unwrap_or(0);
            return News::PassedOver(remembered + evicted, end);
        }
        let batches = transcript.read(from, PORTION);
        let end = batches.last().map_or(end, |last| last.end().min(end));
        News::Events(batches, from..end)
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::server::audience::NOBODY;
    use crate::server::config::Config;
    use crate::server::waker::Waker;

    fn hub() -> Hub {
        Hub::new(Waker::new().expect("there are pipes"), &Config::default())
    }

    /// Lets what was applied be watched, as the broadcaster does.
    fn settle(hub: &Hub) {
        hub.round(false, false, Seq::MAX);
    }

    fn lines(news: Option<News>) -> Vec<String> {
        match news {
            Some(News::Events(batches, range)) => {
                let held = |batch: &Arc<Batch>| {
                    let events = range.clone().filter(|&event| batch.holds(event));
                    events.map(|event| batch.line(event).to_owned()).collect::<Vec<_>>()
                };
                batches.iter().flat_map(held).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_watcher_gets_what_comes_after_its_beginning_once_each() {
        let hub = hub();
        assert_eq!(hub.announce("before"), Some(0));
        settle(&hub);
        let (from, goes_on) = (hub.watch_from(), AtomicBool::new(false));
        assert_eq!(hub.announce("one"), Some(0));
        settle(&hub);
        assert_eq!(lines(hub.wait_for_news(NOBODY, from, &goes_on)), ["-- operator: one"]);
        hub.announce("two");
        settle(&hub);
        assert_eq!(lines(hub.wait_for_news(NOBODY, from + 1, &goes_on)), ["-- operator: two"]);
    }

    #[test]
    fn a_watcher_that_is_too_late_passes_over_what_it_has_not_had() {
        let (hub, goes_on) = (hub(), AtomicBool::new(false));
        let (from, text) = (hub.watch_from(), "x".repeat(1000));
        for _ in 0..MOST_BEHIND / 1000 + 1 {
            hub.announce(&text);
        }
        settle(&hub);
        let lines = MOST_BEHIND / 1000 + 1;
        let news = hub.wait_for_news(NOBODY, from, &goes_on);
        assert!(
            matches!(news, Some(News::PassedOver(passed, next)) if passed == lines && next == from + lines),
            "{news:?}"
        );
    }

    #[test]
    fn watching_ends_when_it_is_over_and_when_the_room_closes() {
        let (hub, is_over) = (Arc::new(hub()), Arc::new(AtomicBool::new(false)));
        let watch = |is_over: &Arc<AtomicBool>| {
            let (hub, is_over) = (Arc::clone(&hub), Arc::clone(is_over));
            std::thread::spawn(move || {
                hub.wait_for_news(NOBODY, hub.watch_from(), &is_over).is_none()
            })
        };
        let watching = watch(&is_over);
        is_over.store(true, Ordering::SeqCst);
        hub.end_watch();
        assert!(watching.join().expect("no panic"));
        let watching = watch(&Arc::new(AtomicBool::new(false)));
        hub.close();
        settle(&hub);
        assert!(watching.join().expect("no panic"));
        assert_eq!(hub.announce("too late"), None);
    }
}
