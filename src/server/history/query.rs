//! What was said before, looked for in the file: by words, or the newest lines. It runs in the thread of the
//! session that asks, on a connection of its own that only reads.
//!
//! It goes from the newest event back in portions, each a transaction of its own, so that the file's log does
//! not grow meanwhile: 10,000 rows that the index does not have yet, then one chunk of the index after the
//! other. The index gives candidates, and the matcher decides. The asker's private lines, which are in no
//! index, come from the rows of each portion's range. So what was found is always whole back to some event.

use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, OptionalExtension, Result};

use super::index;
use super::kept::Gap;
use super::store::reading;
use crate::protocol::tag::{Millis, Seq};
use crate::protocol::words::Query;
use crate::server::words::Matcher;
use crate::server::words::tokens;

mod chunks;

/// How many rows one transaction goes through.
const PORTION: u32 = 10_000;

/// The most rows that a search goes through because the index does not have them yet: 0.4 s of work.
const MOST_ROWS: u32 = 1_000_000;

/// After how many steps of SQLite's machine it is asked whether to go on.
const STEPS: i32 = 1000;

/// Whether to look further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    GoOn,
    /// It took long enough: give what was found.
    Enough,
    /// Nobody waits for it any more.
    GiveUp,
}

/// Which events are looked at, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// The member that asks: its own private lines count.
    pub member: u64,
    /// Only events before this one.
    pub before: Seq,
    /// At most so many, the newest.
    pub most: usize,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The events' numbers, the newest first.
    pub events: Vec<Seq>,
    /// How far back it looked, if there is more that it had no time for.
    pub reach: Option<Reach>,
    /// How many bytes of lines it has looked at.
    pub bytes: usize,
}

/// The oldest event that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Its number, or one before it.
    pub seq: Seq,
    /// When it happened.
    pub at: Millis,
}

/// The events that have all of the `words`, or `None` when nobody waits for them any more.
///
/// # Errors
///
/// The file cannot be read.
///
/// # Panics
///
/// If the words are no [request](crate::protocol::request::Request::Search).
pub fn search(
    db: &mut Connection,
    scope: Scope,
    words: &str,
    verdict: impl Fn() -> Verdict + Send + Sync + 'static,
) -> Result<Option<Found>> {
    let query = Query::parse(words).expect("a request has words, and few");
    let candidates = tokens::candidates(&query);
    let mut matcher = Matcher::of(&query);
    watched(db, verdict, |db, verdict| {
        let mut look = Look::new(db, scope, verdict, |line| matcher.has_all(line));
        let index = look.index()?;
        look.through_rows(index.indexed.saturating_add(1), MOST_ROWS)?;
        look.through_chunks(&index.chunks, &candidates)?;
        look.end()
    })
}

/// The newest events that the member is shown again, or `None` when nobody waits for them any more.
///
/// # Errors
///
/// The file cannot be read.
pub fn newest(
    db: &mut Connection,
    scope: Scope,
    verdict: impl Fn() -> Verdict + Send + Sync + 'static,
) -> Result<Option<Found>> {
    watched(db, verdict, |db, verdict| {
        let mut look = Look::new(db, scope, verdict, |_| true);
        look.through_rows(0, u32::MAX)?;
        look.end()
    })
}

/// The gaps behind that event and those after it, in their order.
///
/// # Errors
///
/// The file cannot be read.
pub(crate) fn gaps(db: &mut Connection, from: Seq) -> Result<Vec<Gap>> {
    reading::gaps(db, from..Seq::MAX)
}

/// Does that while SQLite asks, too, whether to go on.
fn watched<T>(
    db: &mut Connection,
    verdict: impl Fn() -> Verdict + Send + Sync + 'static,
    work: impl FnOnce(&Connection, &dyn Fn() -> Verdict) -> Result<T>,
) -> Result<T> {
    let verdict = Arc::new(verdict);
    let asked = Arc::clone(&verdict);
    db.progress_handler(STEPS, Some(move || asked() != Verdict::GoOn))?;
    let done = work(db, &*verdict);
    db.progress_handler(0, None::<fn() -> bool>)?;
    done
}

/// What the index has.
struct Index {
    /// The last event that it has; 0 if it has none, or is made of other tokens.
    indexed: i64,
    /// The chunks with their first events, the newest first.
    chunks: Vec<(i64, i64)>,
}

/// Looks back.
struct Look<'a, W> {
    /// The connection, without a transaction between two portions.
    db: &'a Connection,
    /// The member that asks.
    member: i64,
    /// How many events are to be found.
    most: usize,
    /// How far back it has looked: only events before this one are still to be looked at.
    before: i64,
    /// Says whether to go on.
    verdict: &'a dyn Fn() -> Verdict,
    /// Says whether a line is wanted.
    wants: W,
    /// What was found so far.
    found: Found,
    /// Whether it does not go on although there may be more.
    is_cut: bool,
}

impl<'a, W: FnMut(&str) -> bool> Look<'a, W> {
    fn new(
        db: &'a Connection,
        scope: Scope,
        verdict: &'a dyn Fn() -> Verdict,
        wants: W,
    ) -> Look<'a, W> {
        Look {
            db,
            member: scope.member.cast_signed(),
            most: scope.most,
            before: scope.before.try_into().unwrap_or(i64::MAX),
            verdict,
            wants,
            found: Found::default(),
            is_cut: false,
        }
    }

    /// How many are still to be found.
    fn missing(&self) -> usize {
        self.most - self.found.events.len()
    }

    /// Whether to begin another portion.
    fn goes_on(&mut self) -> bool {
        self.is_cut |= self.missing() > 0 && (self.verdict)() != Verdict::GoOn;
        self.missing() > 0 && !self.is_cut
    }

    fn index(&self) -> Result<Index> {
        let _portion = self.db.unchecked_transaction()?;
        let (indexed, version) = index::state(self.db)?;
        if version != tokens::VERSION {
            return Ok(Index { indexed: 0, chunks: Vec::new() });
        }
        let mut chunks = self
            .db
            .prepare_cached("SELECT id, first FROM chunk WHERE NOT is_outdated ORDER BY id DESC")?;
        let chunks = chunks.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Index { indexed, chunks: chunks.collect::<Result<_>>()? })
    }

    /// Goes through the rows from `before` back to the event `floor`, but not through more than `most`
    /// rows.
    fn through_rows(&mut self, floor: i64, most: u32) -> Result<()> {
        let mut left = most;
        while self.before > floor {
            self.is_cut |= left == 0;
            if !self.goes_on() {
                break;
            }
            let portion = left.min(PORTION);
            left -= portion;
            let _portion = self.db.unchecked_transaction()?;
            self.is_cut = ended_early(self.portion_of_rows(floor, portion))?;
        }
        Ok(())
    }

    fn portion_of_rows(&mut self, floor: i64, most: u32) -> Result<()> {
        const ROWS: &str = "SELECT seq, kind = 0 AND (only IS NULL OR only = ?1), line FROM event \
                            WHERE seq >= ?2 AND seq < ?3 ORDER BY seq DESC LIMIT ?4";
        let mut rows = self.db.prepare_cached(ROWS)?;
        let mut rows = rows.query((self.member, floor, self.before, most))?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            count += 1;
            let seq: i64 = row.get(0)?;
            if row.get(1)?
                && let Some(line) = row.get_ref(2)?.as_str_or_null()?
                && self.wants(line)
            {
                self.found.events.push(seq.cast_unsigned());
            }
            self.before = seq;
            if self.missing() == 0 {
                return Ok(());
            }
        }
        if count < most {
            self.before = floor;
        }
        Ok(())
    }

    fn wants(&mut self, line: &str) -> bool {
        self.found.bytes += line.len();
        (self.wants)(line)
    }

    /// What was found, if anybody waits for it.
    fn end(self) -> Result<Option<Found>> {
        if (self.verdict)() == Verdict::GiveUp {
            return Ok(None);
        }
        let mut found = self.found;
        if self.is_cut && found.events.len() < self.most {
            found.reach = reach(self.db, self.before)?;
        }
        Ok(Some(found))
    }
}

/// Whether SQLite was told not to go on.
fn ended_early(portion: Result<()>) -> Result<bool> {
    match portion {
        Ok(()) => Ok(false),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

/// How far back that is, unless nothing is older.
fn reach(db: &Connection, from: i64) -> Result<Option<Reach>> {
    let older = "SELECT 1 FROM event WHERE seq < ?1 LIMIT 1";
    if !db.prepare_cached(older)?.exists([from])? {
        return Ok(None);
    }
    let oldest = "SELECT at FROM event WHERE seq >= ?1 ORDER BY seq LIMIT 1";
    let oldest = db.prepare_cached(oldest)?.query_row([from], |row| row.get(0)).optional()?;
    let newest = "SELECT at FROM event WHERE seq < ?1 ORDER BY seq DESC LIMIT 1";
    let at = match oldest {
        Some(at) => at,
        None => db.prepare_cached(newest)?.query_row([from], |row| row.get(0))?,
    };
    Ok(Some(Reach { seq: from.cast_unsigned(), at }))
}

#[cfg(test)]
mod tests;
