//! What this server's own archive of a shared room has of the events: the keeper takes what is sealed, in cuts, and
//! nobody waits for that. What leaves the server is settled in the room's log already.
//!
//! Memory waits for the file as far as it may ([`SPARE_PART`]), and the log is read more slowly while much is not
//! kept. Events that are forgotten all the same before the keeper has taken them become a gap.

use std::time::{Duration, Instant};

use super::cut::Cut;
use super::guard::Guard;
use super::round::Following;
use super::{Hub, Shared};
use crate::protocol::tag::Seq;
use crate::server::batch::Batch;
use crate::server::history::store::readers::Readers;
use crate::server::replay::Gap;
use crate::server::room::changes::{Changes, Counters};
use crate::server::system::instant;
use crate::server::transcript::Transcript;

/// By which part of what the room remembers it may exceed that, while it waits for the file.
const SPARE_PART: usize = 4;

/// As which part of what the room remembers events may be unkept before the log is read more slowly.
const UNKEPT_PART: u64 = 4;

/// How far the archive has come. It is guarded by the hub's lock.
#[derive(Debug)]
pub(super) struct Archive {
    /// The number after the last event that was kept or given up, and how many bytes of lines are before that.
    kept: (Seq, u64),
    /// The number of the first event of the next cut.
    next: Seq,
    /// The first event that could not be kept, while some cannot.
    pub(super) unkept: Option<Seq>,
    /// The keeper waits for something to keep. It says so under the lock and only after finding nothing, and the
    /// thread that seals something looks under the same lock; so no waking is lost.
    is_keeper_asleep: bool,
}

impl Archive {
    /// One that has all events before that one.
    fn up_to(kept: (Seq, u64)) -> Archive {
        Archive { kept, next: kept.0, unkept: None, is_keeper_asleep: false }
    }

    /// Whether the keeper sleeps and has to be woken.
    pub(super) fn wants_keeper(&self, shared: &Shared) -> bool {
        self.is_keeper_asleep && self.has_news(shared)
    }

    /// Whether there is something that the keeper has not taken.
    fn has_news(&self, shared: &Shared) -> bool {
        let room = &shared.room;
        room.is_closed() || room.transcript().sealed_end().0 > self.next || room.has_erasures()
    }

    /// The history has all events before that one, as far back as it goes.
    pub(super) fn kept_end(&self) -> Seq {
        self.unkept.unwrap_or(self.kept.0).min(self.kept.0)
    }

    /// Before which event all may be forgotten of those before `end`.
    pub(super) fn may_forget(&self, transcript: &Transcript, end: Seq) -> Seq {
        let (held, memory) = transcript.memory();
        if held <= memory + memory / SPARE_PART { end.min(self.kept.0) } else { end }
    }

    /// The first event that the file does not have, if the room remembers some such event no more.
    pub(super) fn first_unkept(&self, oldest: Seq) -> Option<Seq> {
        self.unkept.or_else(|| (self.kept.0 < oldest).then_some(self.kept.0))
    }
}

impl Hub {
    /// The oldest event that the room remembers, and how much more it can remember, in bytes of memory.
    pub(crate) fn remembered(&self) -> (Seq, usize) {
        self.with(|shared| {
            let transcript = shared.room.transcript();
            let (held, memory) = transcript.memory();
            (transcript.oldest(), memory.saturating_sub(held))
        })
    }

    /// This server keeps an archive of the shared room, which has all events before that one; those right before what
    /// the room [remembers](Hub::remembered) come with it. It is called once, before anybody joins.
    pub(crate) fn archive(&self, kept: Seq, earlier: Vec<Batch>, file: Readers) {
        self.file.set(file).ok();
        self.with(|shared| {
            shared.room.remember(earlier);
            let offset = shared.room.transcript().offset(kept);
            shared.archive = Some(Archive::up_to((kept, offset)));
        });
    }

    /// Whether this server keeps an archive of the shared room.
    pub(crate) fn keeps_archive(&self) -> bool {
        self.with(|shared| shared.room.notes_changes())
    }

    /// Remembers that the archive lacks lines, behind what it has.
    pub(crate) fn note_gap(&self, gap: Gap) {
        self.with(|shared| shared.room.note_gap(gap));
    }

    /// Waits for something to keep, until `until` at most, and takes all of it. `None` if nothing was sealed by then.
    pub(super) fn cut_for_archive(
        &self,
        guard: &mut Guard<'_>,
        until: Option<Instant>,
    ) -> Option<Cut> {
        let has_news =
            |shared: &Shared| shared.archive.as_ref().is_some_and(|it| it.has_news(shared));
        if !has_news(guard) {
            let left =
                until.map_or(Duration::MAX, |until| until.saturating_duration_since(instant()));
            guard.archive.as_mut()?.is_keeper_asleep = true;
            guard.wait_while(&self.applied, left, |shared| !has_news(shared));
            guard.archive.as_mut()?.is_keeper_asleep = false;
        }
        if has_news(guard) { guard.take_archive_cut() } else { None }
    }
}

impl Shared {
    /// Takes what is sealed, for the archive: the events, and what has to be erased of older ones. The members and all
    /// that is known of people stand in the log.
    pub(super) fn take_archive_cut(&mut self) -> Option<Cut> {
        let closing = self.room.is_closed();
        if closing {
            // Nothing comes any more. The broadcaster knows by itself that it has to look once more.
            self.room.transcript_mut().seal();
        }
        let end = self.room.transcript().sealed_end();
        let from = std::mem::replace(&mut self.archive.as_mut()?.next, end.0);
        let batches = self.room.transcript().read(from, usize::MAX);
        let Changes { members, erasures, counters, .. } = self.room.take_changes();
        let unsealed = self.room.transcript().unsealed_lines();
        let counters = Counters {
            next_seq: end.0,
            said: counters.said.saturating_sub(unsealed),
            joined: 0,
            left: 0,
            ..counters
        };
        let (waiting, facts) = (Vec::new(), Vec::new());
        let changes = Changes { members, waiting, facts, erasures, counters };
        Some(Cut {
            from,
            batches,
            changes,
            following: Following { closing, ..Following::default() },
            end,
        })
    }

    /// The keeper has kept a cut up to there, or has given it up.
    pub(super) fn on_archived(&mut self, end: (Seq, u64)) {
        self.archive.iter_mut().for_each(|archive| archive.kept = end);
    }

    pub(super) fn is_archive_behind(&self) -> bool {
        let transcript = self.room.transcript();
        let most = transcript.memory().1 as u64 / UNKEPT_PART;
        let is_behind = |archive: &Archive| transcript.end_offset() - archive.kept.1 > most;
        self.archive.as_ref().is_some_and(is_behind) && !self.room.is_closed()
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::server::config::Config;
    use crate::server::history::scratch::said;
    use crate::server::hub::log::reading::Read;
    use crate::server::room::Room;
    use crate::server::room::group::{Act, Group, Joining, Logged, Manner, Position, Utterance};
    use crate::server::room::keeping::Keeping;
    use crate::server::shared::outbox::Outbox;
    use crate::server::waker::Waker;

    const ROOM: u64 = 7;
    const MEMORY: usize = 1 << 20;
    const KEEPING: Keeping = Keeping { time: None, not_now: None };

    /// A server that reads what another one of its room, alice's, has written.
    struct Trial {
        hub: Hub,
        groups: u64,
        lines: u64,
    }

    impl Trial {
        /// One whose archive has all that there is, which is nothing.
        fn new() -> Trial {
            let config = Config { memory: MEMORY, ..Config::default() };
            let hub = Hub::new(Waker::new().expect("there are pipes"), &config);
            let mut room = Room::shared(&config, ROOM);
            room.keep(KEEPING, 1, Vec::new());
            let url = crate::server::SharedUrl::parse("redis://cache/lobby").expect("it is one");
            hub.share(room, Outbox::new(ROOM, 1), url, u64::MAX);
            hub.archive(1, Vec::new(), Readers::new("nowhere".into()));
            let mut trial = Trial { hub, groups: 0, lines: 0 };
            let joining = Joining::of_program("alice", None);
            let hello = Act::Hello { server: "chat", version: "1", settings: 0 };
            trial.read(1, [(0, hello)]);
            trial.read(2, [(0, Act::Join(joining))]);
            trial
        }

        /// Reads groups of that producer's with one entry each, under one hold of the lock.
        fn read<'a>(&mut self, producer: u64, entries: impl IntoIterator<Item = (u64, Act<'a>)>) {
            let mut groups = 0;
            let read = |(line, act)| {
                groups += 1;
                let (seen, number) = (Position::START, self.groups + groups);
                let number = if producer == 1 { 1 } else { number };
                let entries = vec![Logged { connection: 1, line, act }];
                let group = Group { room: ROOM, engine: 1, producer, number, seen, entries };
                Read { at: Position { ms: 1_000 + number, n: 0 }, bytes: 0, group: Ok(group) }
            };
            let read: Vec<_> = entries.into_iter().map(read).collect();
            self.hub.apply_log(&read);
            self.groups += if producer == 1 { 0 } else { groups };
        }

        fn say(&mut self, text: &str, times: usize) {
            let first = self.lines + 1;
            self.lines += times as u64;
            let act = || Act::Speak(vec![Utterance { manner: Manner::Said, text }]);
            self.read(2, (first..=self.lines).map(|line| (line, act())));
        }

        /// The broadcaster's round; the first event that the room remembers then.
        fn round(&self) -> Seq {
            let round = self.hub.round(false, false, Seq::MAX);
            round.file.expect("there is one").oldest.0
        }

        fn cut(&self) -> Option<Cut> {
            self.hub.cut(Some(instant()))
        }

        /// The keeper has kept a cut.
        fn settle(&self, cut: Cut) {
            let Cut { following, end, .. } = cut;
            self.hub.settle(following, end);
        }
    }

    #[test]
    fn what_is_said_leaves_at_once_and_the_archive_takes_it_behind_that() {
        let mut trial = Trial::new();
        trial.round();
        trial.settle(trial.cut().expect("alice has joined"));
        trial.say("one", 1);
        trial.say("two", 1);
        assert!(trial.cut().is_none(), "nobody has sealed it");
        let round = trial.hub.round(false, false, Seq::MAX);
        assert_eq!((round.end, round.nothing), (4, false));
        trial.say("three", 1);
        let cut = trial.cut().expect("two lines are sealed");
        assert_eq!((cut.from, cut.end.0, cut.changes.counters.said), (2, 4, 2));
        assert_eq!((cut.changes.members.len(), cut.following.closing), (1, false));
        assert_eq!(trial.hub.kept_end(), 2);
        trial.settle(cut);
        assert_eq!(trial.hub.kept_end(), 4);
        trial.hub.close();
        let last = trial.cut().expect("the last word");
        assert_eq!((last.from, last.end.0, last.following.closing), (4, 5, true));
    }

    #[test]
    fn memory_waits_for_the_archive_as_far_as_it_may_and_no_farther() {
        let mut trial = Trial::new();
        let text = "x".repeat(16_000);
        let full = MEMORY / text.len();
        // Not in one batch, which would go as a whole.
        for _ in 0..9 {
            trial.say(&text, full / 8);
            assert_eq!(trial.round(), 1, "nothing is kept");
        }
        trial.settle(trial.cut().expect("all of it"));
        assert!(trial.round() > 1, "what is kept goes");
        let kept = trial.hub.kept_end();
        for _ in 0..16 {
            trial.say(&text, full / 8);
            trial.round();
        }
        let (held, memory) = trial.hub.with(|shared| shared.room.transcript().memory());
        assert!(trial.round() > kept && held <= memory + memory / SPARE_PART, "{held}");
        let round = trial.hub.round(false, false, Seq::MAX);
        assert_eq!(round.file.and_then(|file| file.unkept), Some(kept));
        // The keeper finds out by the counters.
        let cut = trial.cut().expect("the rest");
        assert!(cut.batches.first().is_some_and(|first| first.begin() > cut.from));
        assert_eq!(cut.changes.counters.said, trial.lines);
    }

    #[test]
    fn the_log_is_read_on_though_nothing_is_kept_and_faster_once_it_is() {
        let mut trial = Trial::new();
        let text = "x".repeat(16_000);
        trial.say(&text, MEMORY / 2 / text.len());
        trial.round();
        let is_behind = |trial: &Trial| trial.hub.with(|shared| shared.is_archive_behind());
        assert!(is_behind(&trial));
        trial.settle(trial.cut().expect("all of it"));
        assert!(!is_behind(&trial));
        trial.say("more", 1);
        assert_eq!(trial.hub.with(|shared| shared.room.said()), trial.lines);
    }

    #[test]
    fn what_was_said_before_the_log_begins_comes_from_the_archive() {
        let mut room = Room::shared(&Config::default(), ROOM);
        room.transcript_mut().skip_to(100);
        room.transcript_mut().push(said(1, 2), "<alice> new", 0);
        let mut earlier = Batch::beginning_at(90, 0);
        earlier.is_now(0);
        earlier.push(said(1, 1), "<alice> old");
        room.remember(vec![earlier]);
        let transcript = room.transcript();
        assert_eq!((transcript.oldest(), transcript.end()), (90, 101));
        let read = transcript.read(0, usize::MAX);
        assert_eq!((read[0].line(90), read[1].line(100)), ("<alice> old", "<alice> new"));
        assert_eq!(transcript.offset(100), "<alice> old\n".len() as u64);
    }
}
