//! The part of a search that asks the index, chunk after chunk, and puts the asker's private lines between what it
//! finds.

use std::cmp::Reverse;

use rusqlite::{OptionalExtension, Result};

use super::{Look, ended_early};
use crate::server::words::tokens::Candidates;

/// How many candidates of a chunk are looked at before the index is asked for fewer: 5 ms of work. In tests
/// few, so that small histories have more.
const MOST_CHEAP: u32 = if cfg!(test) { 3 } else { 2000 };

impl<W: FnMut(&str) -> bool> Look<'_, W> {
    /// Goes through the chunks, and in any case through the asker's private lines, back to the first event.
    pub(super) fn through_chunks(
        &mut self,
        chunks: &[(i64, i64)],
        candidates: &Candidates,
    ) -> Result<()> {
        // The oldest chunk stands for all that is before it, too, since only private lines can be there.
        let floors = chunks.iter().enumerate().map(|(at, &(chunk, first))| {
            (Some(chunk), if at + 1 == chunks.len() { 0 } else { first })
        });
        let none = chunks.is_empty().then_some((None, 0));
        for (chunk, floor) in floors.chain(none) {
            if floor >= self.before {
                continue;
            }
            if !self.goes_on() {
                break;
            }
            self.portion_of_chunk(chunk, candidates, floor)?;
        }
        Ok(())
    }

    /// Looks at the events from `before` back to `floor`.
    fn portion_of_chunk(
        &mut self,
        chunk: Option<i64>,
        candidates: &Candidates,
        floor: i64,
    ) -> Result<()> {
        let _portion = self.db.unchecked_transaction()?;
        let mut range = Range { floor, before: self.before, events: Vec::new(), public: 0 };
        if ended_early(self.private(&mut range))? {
            // No public line was looked at, so nothing of this portion is whole.
            self.is_cut = true;
            return Ok(());
        }
        if let Some(chunk) = chunk {
            let is_interrupted = ended_early(self.public(chunk, candidates, &mut range))?;
            self.is_cut |= is_interrupted;
        }
        range.events.retain(|&event| event >= range.floor);
        range.events.sort_unstable_by_key(|&event| Reverse(event));
        range.events.truncate(self.missing());
        self.found.events.extend(range.events.into_iter().map(i64::cast_unsigned));
        self.before = range.floor;
        Ok(())
    }

    /// Adds the asker's private lines that are wanted. If they are enough, no others are looked for that
    /// are older.
    fn private(&mut self, range: &mut Range) -> Result<()> {
        const PRIVATE: &str = "SELECT seq, line FROM event WHERE only = ?1 AND line IS NOT NULL AND kind = 0 \
                               AND seq >= ?2 AND seq < ?3 ORDER BY seq DESC";
        let mut rows = self.db.prepare_cached(PRIVATE)?;
        let mut rows = rows.query((self.member, range.floor, range.before))?;
        while let Some(row) = rows.next()? {
            if self.wants(row.get_ref(1)?.as_str()?) {
                let seq = row.get(0)?;
                range.events.push(seq);
                if range.events.len() == self.missing() {
                    range.floor = seq;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Adds the chunk's lines that are wanted, and moves the floor up to where it ended.
    fn public(&mut self, chunk: i64, candidates: &Candidates, range: &mut Range) -> Result<()> {
        const CHUNK: &str = "SELECT 1 FROM chunk WHERE id = ?1 AND NOT is_outdated";
        let floor = std::mem::replace(&mut range.floor, range.before);
        // It may have become too old meanwhile, or a line of it was erased and it is made anew.
        if !self.db.prepare_cached(CHUNK)?.exists([chunk])? {
            self.is_cut = true;
            return Ok(());
        }
        let few = if candidates.cheap == candidates.strict { u32::MAX } else { MOST_CHEAP };
        for (asked, most) in [(&candidates.cheap, few), (&candidates.strict, u32::MAX)] {
            match self.ask(chunk, asked, floor, most, range)? {
                Asked::Enough => return Ok(()),
                Asked::All => break,
                Asked::TooMuch => {}
            }
        }
        range.floor = floor;
        Ok(())
    }

    /// Looks at the candidates before the range's floor and back to `floor`, but at no more than `most`, and
    /// moves the range's floor to the last one.
    fn ask(
        &mut self,
        chunk: i64,
        candidates: &str,
        floor: i64,
        most: u32,
        range: &mut Range,
    ) -> Result<Asked> {
        const LINE: &str = "SELECT line FROM event \
                            WHERE seq = ?1 AND kind = 0 AND only IS NULL AND line IS NOT NULL";
        let rows = format!(
            "SELECT rowid FROM words_{chunk} \
             WHERE words_{chunk} MATCH ?1 AND rowid >= ?2 AND rowid < ?3 ORDER BY rowid DESC"
        );
        let (mut rows, mut line) = (self.db.prepare(&rows)?, self.db.prepare_cached(LINE)?);
        let mut rows = rows.query((candidates, floor, range.floor))?;
        let mut left = most;
        while let Some(row) = rows.next()? {
            if left == 0 {
                return Ok(Asked::TooMuch);
            }
            left -= 1;
            let seq: i64 = row.get(0)?;
            let wants = |row: &rusqlite::Row<'_>| Ok(self.wants(row.get_ref(0)?.as_str()?));
            if line.query_row([seq], wants).optional()? == Some(true) {
                range.events.push(seq);
                range.public += 1;
            }
            range.floor = seq;
            if range.public == self.missing() {
                return Ok(Asked::Enough);
            }
        }
        Ok(Asked::All)
    }
}

/// What came of asking a chunk for candidates.
enum Asked {
    /// As many lines as were missing.
    Enough,
    /// There are no more candidates.
    All,
    /// There are more than are looked at.
    TooMuch,
}

/// A part of the events, and what was found in it.
struct Range {
    /// The first event that was looked at.
    floor: i64,
    /// The one after the last.
    before: i64,
    /// The private ones, the newest first, and behind them the public ones.
    events: Vec<i64>,
    /// How many of them are public.
    public: usize,
}
