//! What is applied and not settled, where a room of this server's own has a history: the keeper takes it in cuts, and
//! nothing that follows from a cut leaves the server before the file has it. For a shared room see `archive`.
//!
//! While the keeper writes one cut, the next one fills: a slow disk makes larger cuts. Sessions wait while
//! more than some bytes are applied and not settled, as they do where the broadcaster is slow.

use std::sync::Arc;
use std::time::Instant;

use super::archive::Archive;
use super::round::Following;
use super::{Hub, Shared};
use crate::protocol::tag::Seq;
use crate::server::batch::Batch;
use crate::server::config::Config;
use crate::server::erasure::Erased;
use crate::server::history::store::readers::Readers;
use crate::server::replay::Gap;
use crate::server::room::Room;
use crate::server::room::changes::Changes;
use crate::server::room::entry::Entry;
use crate::server::room::restore::Restored;
use crate::server::system::instant;

/// How far the history has come. It is guarded by the hub's lock.
#[derive(Debug)]
pub(super) struct Settled {
    /// What follows from cuts that are settled, until the broadcaster takes it.
    following: Following,
    /// The number after the last event that is settled, and how many bytes of lines are before that.
    pub(super) end: (Seq, u64),
    /// The broadcaster has not taken all of it.
    pub(super) is_new: bool,
    /// The first event that could not be kept, while some cannot.
    pub(super) unkept: Option<Seq>,
    /// The number of the first event of the next cut.
    next: Seq,
    /// The keeper waits for something to keep, and until when. It says so under the lock and only after
    /// finding nothing, and the thread that brings something looks under the same lock; so no waking is lost.
    pub(super) keeper_sleeps: Option<Option<Instant>>,
}

impl Settled {
    /// All events before that one are settled.
    pub(super) fn up_to(end: (Seq, u64)) -> Settled {
        let following = Following::default();
        Settled { following, end, is_new: false, unkept: None, next: end.0, keeper_sleeps: None }
    }

    /// From which events on readers are served that the broadcaster has not taken yet. Those that are in a cut
    /// at the moment are not among them.
    pub(super) fn arriving(&self) -> impl Iterator<Item = Seq> {
        self.following.arrivals.iter().map(|arrival| arrival.from)
    }

    /// Takes what follows, for the broadcaster.
    pub(super) fn take(&mut self) -> Following {
        self.is_new = false;
        // Once the last word is settled, it stays so.
        let closing = self.following.closing;
        std::mem::replace(&mut self.following, Following { closing, ..Following::default() })
    }

    /// Whether the keeper sleeps and has to be woken, since something was applied, or is due sooner than it
    /// wakes by itself.
    pub(super) fn wants_keeper(&self, shared: &Shared) -> bool {
        let is_sooner = |until: Option<Instant>, due| until.is_none_or(|until| due < until);
        self.keeper_sleeps.is_some_and(|until| {
            shared.has_applied() || shared.due().is_some_and(|due| is_sooner(until, due))
        })
    }
}

/// All that was applied since the last cut.
#[derive(Debug)]
pub(crate) struct Cut {
    /// The number of its first event; earlier ones in `batches` belong to cuts before it.
    pub(crate) from: Seq,
    /// Its events, sealed.
    pub(crate) batches: Vec<Arc<Batch>>,
    /// What has changed among the members, and the room's counters.
    pub(crate) changes: Changes,
    /// What leaves the server once the cut is settled.
    pub(crate) following: Following,
    /// The number after its last event, and how many bytes of lines are before that.
    pub(crate) end: (Seq, u64),
}

impl Hub {
    /// Puts the room back that a history has. From now on nothing leaves the server before a keeper settles
    /// it. It is called once, before anybody joins.
    pub(crate) fn restore(&self, config: &Config, restored: Restored, file: Option<Readers>) {
        file.into_iter().for_each(|file| drop(self.file.set(file)));
        self.with(|shared| {
            let stamp = shared.stamp();
            shared.room = Room::restore(config, restored, stamp, &mut shared.effects);
            shared.settled = Some(Settled::up_to(shared.room.transcript().sealed_end()));
        });
    }

    /// The history has all events before that one, as far back as it goes.
    pub(crate) fn kept_end(&self) -> Seq {
        let kept = |settled: &Settled| settled.unkept.unwrap_or(settled.end.0).min(settled.end.0);
        self.with(|shared| match &shared.settled {
            Some(settled) => kept(settled),
            None => shared.archive.as_ref().map_or(0, Archive::kept_end),
        })
    }

    /// Waits for something to keep, until `until` at most, and takes all of it. `None` if nothing was applied
    /// by then.
    pub(crate) fn cut(&self, until: Option<Instant>) -> Option<Cut> {
        let mut guard = self.lock();
        if guard.archive.is_some() {
            return self.cut_for_archive(&mut guard, until);
        }
        loop {
            guard.expire();
            if guard.has_applied() {
                return guard.take_cut();
            }
            if until.is_some_and(|until| until <= instant()) {
                return None;
            }
            let due = guard.due();
            let wake = until.into_iter().chain(due).min();
            guard.settled.as_mut()?.keeper_sleeps = Some(wake);
            match wake.map(|wake| wake.saturating_duration_since(instant())) {
                None => guard.sleep(&self.applied),
                Some(left) => {
                    let has_nothing = |it: &mut Shared| !it.has_applied() && it.due() == due;
                    guard.wait_while(&self.applied, left, has_nothing);
                }
            }
            guard.settled.as_mut()?.keeper_sleeps = None;
        }
    }

    /// Takes what a restored room has to keep, though nothing may have been applied yet.
    pub(crate) fn first_cut(&self) -> Option<Cut> {
        self.with(|shared| match &shared.archive {
            None => shared.take_cut(),
            Some(_) => shared.take_archive_cut(),
        })
    }

    /// Tells everyone that what is said is not kept for now, from that event on.
    pub(crate) fn stop_keeping(&self, why: &'static str, unkept: Seq) {
        self.with(|shared| {
            shared.set_unkept(Some(unkept));
            shared.apply(Entry::StopKeeping(why));
        });
    }

    /// Tells everyone that what is said is kept again, but for the lines of a gap.
    pub(crate) fn keep_again(&self, gap: Option<Gap>) {
        self.with(|shared| {
            shared.set_unkept(None);
            shared.apply(Entry::KeepAgain(gap));
        });
    }

    /// An order to erase lines is carried out. Everyone is told, by the server that the order came over.
    pub(crate) fn on_erased(&self, erased: Erased) {
        if erased.is_told_here() {
            self.bring(Entry::Erased(erased));
        } else {
            self.with(|shared| shared.effects.is_erased = true);
        }
    }

    /// Nothing is kept any more, since the keeper has ended by a bug: nothing else leaves the server, where it has to be
    /// kept first.
    pub(crate) fn abandon(&self) {
        self.with(|shared| {
            if let Some(settled) = &mut shared.settled {
                settled.following.closing = true;
                settled.is_new = true;
            }
        });
    }

    /// Lets what follows from a cut leave the server.
    pub(crate) fn settle(&self, following: Following, end: (Seq, u64)) {
        self.with(|shared| {
            self.freeing(shared, |shared| match &mut shared.settled {
                Some(settled) => {
                    settled.following.append(following);
                    (settled.end, settled.is_new) = (end, true);
                }
                None => {
                    shared.on_archived(end);
                    self.notify(shared);
                }
            });
        });
    }
}

impl Shared {
    fn set_unkept(&mut self, unkept: Option<Seq>) {
        self.settled.iter_mut().for_each(|settled| settled.unkept = unkept);
        self.archive.iter_mut().for_each(|archive| archive.unkept = unkept);
    }

    fn take_cut(&mut self) -> Option<Cut> {
        let transcript = self.room.transcript_mut();
        transcript.seal();
        let end = transcript.sealed_end();
        let from = std::mem::replace(&mut self.settled.as_mut()?.next, end.0);
        let batches = self.room.transcript().read(from, usize::MAX);
        let changes = self.room.take_changes();
        let following = self.take_following();
        Some(Cut { from, batches, changes, following, end })
    }
}
