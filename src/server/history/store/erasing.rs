//! How orders to erase lines are kept and carried out in the file: a step at a time, so that nobody waits long, and
//! from where it was after an end in the middle. Whoever calls has begun a transaction.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, Row as Columns, params};

use super::super::index::outdate;
use super::super::kept::{Cut, EraseStep, Erased, Erasure, RoomErasure};
use super::reading::{bound, for_rows, member, oldest, seq};
use super::rows::Row;
use crate::protocol::tag::{Millis, Seq};
use crate::server::erasure::judge::{Hit, Judge, count_lines};

/// By how much the clock may have been set back, in milliseconds: events are in their order, not in that of their
/// times, so it is looked that much before the time from which on lines are erased.
const SET_BACK: Millis = 60 * 60 * 1000;

/// An order that is being carried out.
#[derive(Debug)]
pub(super) struct Pending {
    /// The order.
    pub(super) erasure: Erasure,
    /// The event that is looked at next.
    pub(super) next: Seq,
    /// The lines before that event count; the room has counted the others.
    pub(super) remembered_from: Seq,
    /// How many lines were erased, by the room and here.
    pub(super) lines: u64,
}

/// What is to be done about some of the events of an order.
#[derive(Debug)]
pub(super) struct Judged {
    /// The events that are to be blanked.
    pub(super) hits: Vec<Hit>,
    /// How far it has come, if there is more.
    pub(super) rest: Option<Pending>,
    /// What its room is told.
    pub(super) step: EraseStep,
}

/// Looks at events one after the other, until they are enough.
#[derive(Debug)]
pub(super) struct Portion<'a> {
    /// Decides.
    judge: Judge<'a>,
    /// How many events it still looks at.
    left: u32,
    /// The first event that it has not looked at, if they were enough.
    next: Option<Seq>,
}

impl Pending {
    /// An order that the room has given, and that begins at this event.
    pub(super) fn new(order: &RoomErasure, next: Seq) -> Pending {
        let RoomErasure { erasure, lines, remembered_from, .. } = order.clone();
        Pending { erasure, next, remembered_from, lines }
    }

    /// The events that are still to be looked at.
    pub(super) fn range(&self) -> Range<Seq> {
        self.next..self.erasure.before
    }

    /// What is to be done once these events were found, and it goes on at `next`.
    fn judged(mut self, hits: Vec<Hit>, next: Option<Seq>) -> Judged {
        let counted = hits.iter().filter(|hit| hit.seq < self.remembered_from);
        self.lines += count_lines(counted);
        let outdates_index = hits.iter().any(|hit| hit.is_public);
        match next {
            Some(next) => {
                let step = EraseStep { outdates_index, done: None };
                Judged { hits, rest: Some(Pending { next, ..self }), step }
            }
            None => {
                let (Erasure { name, by, .. }, lines) = (self.erasure, self.lines);
                let done = Some(Erased { name, by, lines });
                Judged { hits, rest: None, step: EraseStep { outdates_index, done } }
            }
        }
    }
}

impl Portion<'_> {
    /// Looks at `most` events at least, of those that `for_rows` gives in their order until it is told that
    /// they are enough.
    pub(super) fn judge<E>(
        pending: Pending,
        most: u32,
        for_rows: impl FnOnce(&mut dyn FnMut(Row<'_>) -> bool) -> Result<(), E>,
    ) -> Result<Judged, E> {
        let mut portion = Portion { judge: Judge::new(&pending.erasure), left: most, next: None };
        for_rows(&mut |row| portion.take(row))?;
        let (hits, next) = (portion.judge.take_hits(), portion.next);
        Ok(pending.judged(hits, next))
    }

    /// Looks at the next event, unless they are enough. A portion does not end between both copies of a
    /// private line.
    fn take(&mut self, row: Row<'_>) -> bool {
        if self.left == 0 && !self.judge.awaits(row.seq) {
            self.next = Some(row.seq);
            return false;
        }
        self.left = self.left.saturating_sub(1);
        row.event().into_iter().for_each(|event| self.judge.look(event));
        true
    }
}

/// Keeps the orders of a cut, whose events are kept. An attempt that failed at its very end may have kept them
/// after all.
pub(super) fn keep_erasures(connection: &Connection, cut: &Cut) -> rusqlite::Result<()> {
    for order in &cut.erasures {
        let since = order.erasure.since.saturating_sub(SET_BACK);
        let next = first_since(connection, since, order.erasure.before)?;
        let Pending { erasure, next, remembered_from, lines } = Pending::new(order, next);
        connection
            .prepare_cached(
                "INSERT INTO erasure(name, by, author, since, before, next, remembered_from, lines)
                   SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE NOT EXISTS(
                     SELECT 1 FROM erasure WHERE name = ?1 AND by = ?2 AND author IS ?3
                       AND since = ?4 AND before = ?5)",
            )?
            .execute(params![
                erasure.name,
                erasure.by,
                erasure.author.map(|author| author.0.cast_signed()),
                erasure.since,
                bound(erasure.before),
                bound(next),
                bound(remembered_from),
                lines.cast_signed()
            ])?;
    }
    Ok(())
}

/// Does one step of the oldest order, if there is one.
pub(super) fn erase(connection: &Connection, most: u32) -> rusqlite::Result<Option<EraseStep>> {
    let Some((id, pending)) = oldest_order(connection)? else { return Ok(None) };
    let range = pending.range();
    let rows = |take: &mut dyn FnMut(Row<'_>) -> bool| for_rows(connection, range, take).map(drop);
    let Judged { hits, rest, step } = Portion::judge(pending, most, rows)?;
    let mut blank = connection.prepare_cached("UPDATE event SET line = NULL WHERE seq = ?1")?;
    for hit in &hits {
        blank.execute([hit.seq.cast_signed()])?;
    }
    if let Some(first) = hits.iter().find(|hit| hit.is_public) {
        outdate(connection, first.seq.cast_signed())?;
    }
    match rest {
        Some(Pending { next, lines, .. }) => connection
            .prepare_cached("UPDATE erasure SET next = ?2, lines = ?3 WHERE id = ?1")?
            .execute([id, next.cast_signed(), lines.cast_signed()])?,
        None => connection.prepare_cached("DELETE FROM erasure WHERE id = ?1")?.execute([id])?,
    };
    Ok(Some(step))
}

/// The order that comes next, and its number in the file.
pub(super) fn oldest_order(connection: &Connection) -> rusqlite::Result<Option<(i64, Pending)>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, by, author, since, before, next, remembered_from, lines FROM erasure
           ORDER BY id LIMIT 1",
    )?;
    let order = |row: &Columns<'_>| {
        let (name, by) = (row.get(1)?, row.get(2)?);
        let (author, since, before) = (member(row, 3)?, row.get(4)?, seq(row, 5)?);
        let erasure = Erasure { name, by, author, since, before };
        let (next, remembered_from, lines) = (seq(row, 6)?, seq(row, 7)?, seq(row, 8)?);
        Ok((row.get(0)?, Pending { erasure, next, remembered_from, lines }))
    };
    statement.query_row([], order).optional()
}

/// The first event that happened then or later, as far as times follow the order of events; `end` if there is
/// none before that.
fn first_since(connection: &Connection, since: Millis, end: Seq) -> rusqlite::Result<Seq> {
    let mut statement = connection
        .prepare_cached("SELECT seq, at FROM event WHERE seq >= ?1 ORDER BY seq LIMIT 1")?;
    let Some((mut low, _)) = oldest(connection)? else { return Ok(end) };
    let mut high = end;
    while low < high {
        let middle = low + (high - low) / 2;
        let next = |row: &Columns<'_>| Ok((seq(row, 0)?, row.get::<_, Millis>(1)?));
        match statement.query_row([bound(middle)], next).optional()? {
            Some((seq, at)) if at < since => low = seq + 1,
            Some(_) | None => high = middle,
        }
    }
    Ok(low)
}
