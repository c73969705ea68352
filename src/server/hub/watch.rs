//! What is said, for the operator at the server's keyboard who watches.
//!
//! The watching thread waits here for what is new and settled. It holds nobody: it takes what the room remembers
//! anyway, and passes over what it is too late for.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::proposing::Brought;
use super::{Hub, Shared};
use crate::protocol::tag::{Format, Seq};
use crate::server::audience::{MemberId, Recipient};
use crate::server::batch::Batch;
use crate::server::room::entry::{Entry, Outcome};

/// How far the watcher may be behind before it passes over all that it has not had, in bytes of lines: more than a
/// terminal takes in a second, and little enough to be read after a pause.
const MOST_BEHIND: u64 = 256 * 1024;

/// How much the watcher is handed at a time, in bytes of lines.
const PORTION: usize = 64 * 1024;

/// Somebody who is no member, and gets what everybody gets: members' numbers begin at 1.
const NOBODY: Recipient = Recipient { member: MemberId(0), format: Format::Plain };

/// What there is for the watcher.
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

    /// Waits for events from that one on, as one thread may at a time. `None` once `is_over`, or the room closes.
    pub(crate) fn wait_for_news(&self, from: Seq, is_over: &AtomicBool) -> Option<News> {
        let mut guard = self.lock();
        loop {
            if guard.room.is_closed() || is_over.load(Ordering::SeqCst) {
                return None;
            }
            if guard.settled_end().0 > from {
                return Some(guard.news(from));
            }
            // No waking is lost: `is_over` is set before `end_watch` takes the lock, and rounds are under it.
            guard.is_watched = true;
            guard.sleep(&self.watched);
            guard.is_watched = false;
        }
    }

    /// Wakes the watching thread, to see that its `is_over` is set.
    pub(crate) fn end_watch(&self) {
        self.with(|shared| self.notify_watcher(shared));
    }

    /// Wakes the watching thread, if it waits. Without one it costs nothing.
    pub(super) fn notify_watcher(&self, shared: &Shared) {
        if shared.is_watched {
            self.watched.notify_one();
        }
    }
}

impl Shared {
    /// What there is for a watcher that has all events before that one.
    fn news(&self, from: Seq) -> News {
        let (transcript, (end, end_offset)) = (self.room.transcript(), self.settled_end());
        let is_late = end_offset.saturating_sub(transcript.offset(from)) > MOST_BEHIND;
        if is_late || from < transcript.oldest() {
            let here = |batch: &Arc<Batch>| batch.index().count_lines(NOBODY, &(from..end));
            let remembered: u64 = transcript.read(from, usize::MAX).iter().map(here).sum();
            let evicted = transcript.evicted(NOBODY.member, from).unwrap_or(0);
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
        assert_eq!(lines(hub.wait_for_news(from, &goes_on)), ["-- operator: one"]);
        hub.announce("two");
        settle(&hub);
        assert_eq!(lines(hub.wait_for_news(from + 1, &goes_on)), ["-- operator: two"]);
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
        let news = hub.wait_for_news(from, &goes_on);
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
            std::thread::spawn(move || hub.wait_for_news(hub.watch_from(), &is_over).is_none())
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
