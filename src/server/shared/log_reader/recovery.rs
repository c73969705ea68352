//! How a server goes on whose log was set back, or trimmed past what it has read: it looks up to where the log is the one
//! that it knows, makes the room anew from there beside the one that clients are served from, and tells the others what
//! they have lost.

use super::super::beginning::is_of_log;
use super::super::engine::Position;
use super::super::follower::{Followed, Follower};
use super::super::log_start::LogStart;
use super::super::meta;
use super::super::refusal::Refusal;
use super::super::set_back::{Groups, Loss};
use super::super::sharing::{hello, new_producer};
use super::super::snapshot;
use super::super::trouble::Trouble;
use super::{ComingBack, LogReader, read};
use crate::server::hub::recovery::Renewed;
use crate::server::room::Room;
use crate::server::room::log::Log;

impl LogReader {
    /// Finds out whether the log is the one that this server knows, and makes the room anew if it is not, or if it was
    /// trimmed past what this server has read.
    ///
    /// # Errors
    ///
    /// The engine does not answer. It is to be tried again.
    pub(super) fn recover(&mut self) -> Result<(), Trouble> {
        let loss = self.search()?;
        let comes_back = loss.is_some() || self.hub.is_coming_back();
        if !comes_back && !self.is_trimmed()? {
            return Ok(());
        }
        self.unapplied.clear();
        let kept = loss.as_ref().map_or_else(|| self.last(), |loss| loss.kept);
        // The log was set back once more, so that other things are lost.
        self.coming_back = self.coming_back.filter(|it| it.kept == kept);
        let (room, from) = self.room_before(kept)?;
        let mut renewed = Renewed::new(room, kept, self.hub.keeps_archive());
        // What was proposed before an attempt failed may be read from now on.
        self.coming_back.iter().for_each(|it| renewed.expect(it.producer));
        let mut groups = self.groups.clone();
        groups.go_back_to(Some(from).filter(|_| kept.is_some()));
        let mut follower = Follower::new(self.engine.clone(), from);
        while !follower.has_caught_up() {
            read_some(&mut follower, &mut groups, &mut renewed)?;
            if let Some((at, form)) = renewed.newer() {
                self.end_as_too_old(at, form);
                return Ok(());
            }
        }
        if comes_back {
            if kept.is_none() && !self.is_same_room()? {
                self.end_as_other_room();
                return Ok(());
            }
            let Some(producer) = self.come_back(&renewed, kept, loss.as_ref()) else {
                return Ok(());
            };
            renewed.expect(producer);
            while !renewed.is_back() && !self.hub.is_log_over() {
                read_some(&mut follower, &mut groups, &mut renewed)?;
                if let Some((at, form)) = renewed.newer() {
                    self.end_as_too_old(at, form);
                    return Ok(());
                }
                if renewed.is_cut_off() || self.hub.take_doubt() {
                    // The log has lost that as well.
                    self.coming_back = None;
                    return Err(Trouble::SetBack);
                }
            }
        }
        (self.follower, self.groups, self.coming_back) = (follower, groups, None);
        let to_do = self.hub.renew(renewed, loss.map(|loss| (loss.kept, loss.time)));
        self.see_to(to_do);
        Ok(())
    }

    /// Whether this room goes on where the log was emptied: the first server that finds it so says which one does.
    fn is_same_room(&mut self) -> Result<bool, Trouble> {
        let agreed = &self.agreed;
        let numbers = self.hub.numbers();
        let there = self.follower.with(|link| meta::offer_again(link, agreed, numbers))?;
        Ok(there == Some(agreed.id))
    }

    /// Proposes what the log has lost, as another producer. `None` if the server ends instead.
    fn come_back(
        &mut self,
        renewed: &Renewed,
        kept: Option<Position>,
        loss: Option<&Loss>,
    ) -> Option<u64> {
        if let Some(ComingBack { producer, .. }) = self.coming_back {
            return Some(producer);
        }
        let lines = self.hub.lines_lost_by(renewed);
        loss.into_iter().for_each(|loss| tell(loss, lines));
        let Some(producer) = new_producer() else {
            self.stop(Refusal::NoRandomNumbers);
            return None;
        };
        let (server, version) = hello(&self.config);
        self.hub.come_back(renewed, producer, kept, (&server, version));
        self.coming_back = Some(ComingBack { producer, kept });
        Some(producer)
    }

    /// What the log has lost of what this server has read. Where the log starts with a later group than its first, the
    /// groups before that were trimmed away; one that starts with its first group and behind what was read was emptied, and
    /// somebody has begun it anew.
    pub(super) fn search(&mut self) -> Result<Option<Loss>, Trouble> {
        let begin = match self.start()? {
            LogStart::Later(first) => Some(first),
            LogStart::First | LogStart::Nowhere => None,
        };
        let mut search = self.groups.search();
        while let Some(position) = search.next() {
            let looked = self.follower.with(|link| link.look(position))?;
            let begin = begin.map(|begin| looked.first.map_or(begin, |first| first.min(begin)));
            search.found(self.groups.judge(position, looked.group.as_deref(), begin));
        }
        Ok(search.loss())
    }

    /// Where the log starts.
    fn start(&mut self) -> Result<LogStart, Trouble> {
        let room = self.agreed.id.short();
        self.follower.with(|link| LogStart::find(link, room))
    }

    /// The last group that was read, or the one behind which this server has begun to read; `None` at the log's beginning.
    fn last(&self) -> Option<Position> {
        self.groups.last().or(Some(self.from).filter(|from| *from != Position::START))
    }

    /// Whether the log begins behind what was read.
    fn is_trimmed(&mut self) -> Result<bool, Trouble> {
        let Some(last) = self.last() else { return Ok(false) };
        let looked = self.follower.with(|link| link.look(last))?;
        Ok(looked.group.is_none())
    }

    /// The room of the newest snapshot from which the log leads on up to that group, or of the oldest where there is
    /// none, as for a newcomer, and its position; an empty room where there is no snapshot of this log.
    ///
    /// # Errors
    ///
    /// The engine does not answer; or the log was trimmed, and no snapshot leads on to it: another server writes one.
    fn room_before(&mut self, kept: Option<Position>) -> Result<(Room, Position), Trouble> {
        let count = self.follower.with(|link| link.snapshots())?;
        let mut oldest = None;
        for number in (0..count).rev() {
            let bytes = self.follower.with(|link| link.snapshot(number))?;
            let room = bytes.and_then(|bytes| snapshot::decode(&self.config, &bytes).ok());
            let Some(room) = room else { continue };
            if !self.follower.with(|link| is_of_log(link, &room))? {
                continue;
            }
            let at = room.log().map_or(Position::START, Log::position);
            oldest = Some((room, at));
            if kept.is_some_and(|kept| at <= kept) {
                break;
            }
        }
        match oldest {
            Some(oldest) => Ok(oldest),
            None => match self.start()? {
                LogStart::Later(_) => Err(Trouble::NoSnapshot),
                LogStart::First | LogStart::Nowhere => {
                    let room = Room::shared(&self.config, self.agreed.id.short());
                    Ok((room, Position::START))
                }
            },
        }
    }
}

/// Tells this server's operator what is lost. Most entries of a quiet room are signs of life.
fn tell(loss: &Loss, lines: u64) {
    let (level, lines) = match lines {
        0 => (log::Level::Warn, "no public line".to_owned()),
        1 => (log::Level::Error, "1 public line".to_owned()),
        lines => (log::Level::Error, format!("{lines} public lines")),
    };
    log::log!(
        level,
        "shared: the store was set back: {loss}, and with {them} {lines}",
        them = if loss.groups == 1 { "it" } else { "them" }
    );
}

/// Reads on, and applies that to the room that is made anew.
fn read_some(
    follower: &mut Follower,
    groups: &mut Groups,
    renewed: &mut Renewed,
) -> Result<(), Trouble> {
    match follower.step()? {
        Followed::Groups(read_groups) => {
            for group in &read_groups {
                groups.push(group.at, &group.bytes);
                renewed.apply(&read(group));
            }
            Ok(())
        }
        // Meanwhile once more: the caller begins anew.
        Followed::Trimmed | Followed::Changed => Err(Trouble::SetBack),
    }
}
