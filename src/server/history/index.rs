//! The index of the words in a history: FTS5 tables beside the events.
//!
//! It has public lines that are shown again, each under its event's number, in tables of about 2^20 lines
//! (`words_1`, `words_2`, …; the table `chunk` lists them): a search goes through them from the newest on, and
//! what is too old goes with its table. The index is filled behind the room, a step at a time; `room.indexed` is
//! the last event that it has. The thread that calls this decides when; it has a connection of its own.

use rusqlite::{Connection, OptionalExtension, Result, Transaction, TransactionBehavior};

use crate::server::words::tokens::{Tokenizer, VERSION};

/// How many events a step goes through. Fewer cost more each; more keep the others who write waiting.
pub const STEP: u32 = 64;

/// How many lines a chunk gets, up to a step more.
pub const CHUNK: u32 = 1 << 20;

/// How many pages of an outdated chunk a step overwrites. A full one has some 2,500: all of them at once would keep
/// the others who write waiting for 0.15 s.
const PAGES: u32 = 128;

/// Whether there was something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Something was done, and more may be left.
    GoesOn,
    /// The index has every event of the file.
    IsUpToDate,
}

/// Makes the index.
#[derive(Debug)]
pub struct Indexer {
    /// Makes tokens of the lines.
    tokenizer: Tokenizer,
    /// How many events a step goes through: [`STEP`], fewer in tests.
    step: u32,
    /// How many lines a chunk gets: [`CHUNK`], fewer in tests.
    chunk: u32,
}

impl Default for Indexer {
    fn default() -> Indexer {
        Indexer { tokenizer: Tokenizer::default(), step: STEP, chunk: CHUNK }
    }
}

impl Indexer {
    /// Makes the tables that tell how characters compare, which takes some 30 ms, before the first step would
    /// have others wait for that.
    pub fn prepare(&mut self) {
        drop(self.tokenizer.tokens("a"));
    }

    /// One of smaller steps and chunks.
    #[cfg(test)]
    pub(super) fn small(step: u32, chunk: u32) -> Indexer {
        Indexer { tokenizer: Tokenizer::default(), step, chunk }
    }

    /// Does one step, in a transaction of its own: the next [`STEP`] events; or a part of a chunk is dropped that
    /// has words of erased lines, or a chunk of an index that was made of tokens of another version.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written. Nothing of the step is done then.
    pub fn step(&mut self, db: &Connection) -> Result<Progress> {
        let step = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
        let (indexed, version) = state(&step)?;
        let progress = if drop_outdated(&step)? {
            Progress::GoesOn
        } else if version == VERSION {
            self.extend(&step, indexed)?
        } else {
            begin_anew(&step)?
        };
        step.commit()?;
        Ok(progress)
    }

    /// Does one step of dropping the chunks that have words of erased lines, in a transaction of its own. Whether
    /// there was one.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written. Nothing is done then.
    pub fn forget(&mut self, db: &Connection) -> Result<bool> {
        let step = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
        let has_dropped = drop_outdated(&step)?;
        step.commit()?;
        Ok(has_dropped)
    }

    /// Adds the next events.
    fn extend(&mut self, step: &Connection, indexed: i64) -> Result<Progress> {
        let events = events_after(step, indexed, self.step)?;
        let Some(&(newest, _)) = events.last() else { return Ok(Progress::IsUpToDate) };
        let lines: Vec<_> =
            events.iter().filter_map(|(seq, line)| Some((*seq, line.as_deref()?))).collect();
        if let [(first, _), ..] = lines[..] {
            let chunk = self.chunk_for(step, first)?;
            let insert = format!("INSERT INTO words_{chunk}(rowid, t) VALUES(?1, ?2)");
            let mut insert = step.prepare_cached(&insert)?;
            for &(seq, line) in &lines {
                insert.execute((seq, self.tokenizer.tokens(line)))?;
            }
            let update = "UPDATE chunk SET last = ?2, lines = lines + ?3 WHERE id = ?1";
            step.prepare_cached(update)?.execute((chunk, newest, lines.len() as u32))?;
        }
        step.prepare_cached("UPDATE room SET indexed = ?1")?.execute([newest])?;
        let is_whole = events.len() == self.step as usize;
        Ok(if is_whole { Progress::GoesOn } else { Progress::IsUpToDate })
    }

    /// The newest chunk, or another one if that is full, which begins with this event.
    fn chunk_for(&self, step: &Connection, first: i64) -> Result<i64> {
        let newest = "SELECT id, lines FROM chunk ORDER BY id DESC LIMIT 1";
        let newest: Option<(i64, u32)> = step
            .prepare_cached(newest)?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match newest {
            Some((chunk, lines)) if lines < self.chunk => Ok(chunk),
            newest => begin_chunk(step, newest.map_or(1, |(chunk, _)| chunk + 1), first),
        }
    }
}

/// The last event that the index has, and the version of its tokens.
pub(super) fn state(db: &Connection) -> Result<(i64, i64)> {
    let mut state = db.prepare_cached("SELECT indexed, tokens FROM room")?;
    state.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The next events' numbers, with the lines of those that belong into the index.
fn events_after(db: &Connection, indexed: i64, most: u32) -> Result<Vec<(i64, Option<String>)>> {
    let events = "SELECT seq, CASE WHEN kind = 0 AND only IS NULL THEN line END \
                  FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    let mut events = db.prepare_cached(events)?;
    let rows = events.query_map((indexed, most), |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

fn begin_chunk(step: &Connection, chunk: i64, first: i64) -> Result<i64> {
    step.execute_batch(&format!(
        "CREATE VIRTUAL TABLE words_{chunk} \
         USING fts5(t, content='', columnsize=0, detail=none, tokenize='ascii')"
    ))?;
    let insert = "INSERT INTO chunk(id, first, last, lines) VALUES(?1, ?2, ?2, 0)";
    step.execute(insert, (chunk, first))?;
    Ok(chunk)
}

/// Drops a chunk of an index that was made of other tokens, or begins at the first event if there is none.
fn begin_anew(step: &Connection) -> Result<Progress> {
    let newest = "SELECT id FROM chunk ORDER BY id DESC LIMIT 1";
    match step.query_row(newest, [], |row| row.get(0)).optional()? {
        Some(chunk) => drop_chunk(step, chunk)?,
        None => {
            step.execute("UPDATE room SET indexed = 0, tokens = ?1", [VERSION])?;
        }
    }
    Ok(Progress::GoesOn)
}

/// Has the index made anew from that event on, whose line is erased: chunks that may have words of it are outdated,
/// so no search asks them, and are dropped behind the writer. The caller has a transaction open.
pub(super) fn outdate(db: &Connection, erased: i64) -> Result<()> {
    const FIRST: &str = "SELECT min(first) FROM chunk WHERE last >= ?1 AND NOT is_outdated";
    let first: Option<i64> = db.prepare_cached(FIRST)?.query_row([erased], |row| row.get(0))?;
    if let Some(first) = first {
        let outdate = "UPDATE chunk SET is_outdated = 1 WHERE last >= ?1";
        db.prepare_cached(outdate)?.execute([erased])?;
        let back = "UPDATE room SET indexed = min(indexed, ?1)";
        db.prepare_cached(back)?.execute([first - 1])?;
    }
    Ok(())
}

/// Overwrites some pages of the newest chunk that is outdated, or drops it once it has none. Whether there was one.
fn drop_outdated(step: &Connection) -> Result<bool> {
    let newest = "SELECT id FROM chunk WHERE is_outdated ORDER BY id DESC LIMIT 1";
    let newest: Option<i64> =
        step.prepare_cached(newest)?.query_row([], |row| row.get(0)).optional()?;
    let Some(chunk) = newest else { return Ok(false) };
    let pages = format!(
        "DELETE FROM words_{chunk}_data WHERE id IN (SELECT id FROM words_{chunk}_data LIMIT {PAGES})"
    );
    if step.execute(&pages, [])? == 0 {
        drop_chunk(step, chunk)?;
    }
    Ok(true)
}

/// Drops a chunk, of which no line is left or wanted. The caller has a transaction open.
///
/// # Errors
///
/// The file cannot be written, or there is no such chunk.
pub fn drop_chunk(db: &Connection, chunk: i64) -> Result<()> {
    db.execute_batch(&format!("DROP TABLE IF EXISTS words_{chunk}"))?;
    db.execute("DELETE FROM chunk WHERE id = ?1", [chunk])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::history::sample::{Row, sample};

    fn make(db: &Connection, indexer: &mut Indexer) {
        while indexer.step(db).expect("a step") == Progress::GoesOn {}
    }

    fn found(db: &Connection, chunk: i64, words: &str) -> Vec<i64> {
        let select = format!("SELECT rowid FROM words_{chunk} WHERE words_{chunk} MATCH ?1");
        let mut select = db.prepare(&select).expect("a chunk");
        let rows = select.query_map([words], |row| row.get(0)).expect("a query");
        rows.collect::<Result<_>>().expect("numbers")
    }

    fn chunks(db: &Connection) -> Vec<(i64, i64, i64, u32)> {
        let mut chunks = db.prepare("SELECT id, first, last, lines FROM chunk").expect("a table");
        let row =
            |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        chunks.query_map([], row).expect("a query").collect::<Result<_>>().expect("chunks")
    }

    #[test]
    fn the_index_has_public_lines_that_are_shown_again_and_no_others() {
        let rows = [
            Row::said(1, "<a> build one"),
            Row { only: Some(7), ..Row::said(2, "[a -> you] build two") },
            Row { kind: 1, ..Row::said(3, "-- build joined") },
            Row { line: None, ..Row::said(4, "") },
            Row::said(1 << 30, "<a> builds"),
        ];
        let db = sample(&rows);
        make(&db, &mut Indexer::default());
        assert_eq!(found(&db, 1, "\"build\"*"), [1, 1 << 30]);
        assert_eq!(found(&db, 1, "\"build\""), [1]);
        assert_eq!(chunks(&db), [(1, 1, 1 << 30, 2)]);
        assert_eq!(state(&db), Ok((1 << 30, VERSION)));
        assert_eq!(Indexer::default().step(&db), Ok(Progress::IsUpToDate));
    }

    #[test]
    fn a_full_chunk_is_followed_by_another_one() {
        let rows: Vec<_> = (1..=1000).map(|seq| Row::said(seq, "<a> line")).collect();
        let db = sample(&rows);
        make(&db, &mut Indexer::small(256, 300));
        assert_eq!(chunks(&db), [(1, 1, 512, 512), (2, 513, 1000, 488)]);
        assert_eq!(found(&db, 2, "\"line\"").len(), 488);
    }

    #[test]
    fn an_index_of_other_tokens_is_made_anew() {
        let db = sample(&[Row::said(1, "<a> one")]);
        make(&db, &mut Indexer::default());
        db.execute("UPDATE room SET tokens = tokens + 1", []).expect("a room");
        let mut indexer = Indexer::default();
        assert_eq!(indexer.step(&db), Ok(Progress::GoesOn));
        assert_eq!(chunks(&db), []);
        make(&db, &mut indexer);
        assert_eq!(found(&db, 1, "\"one\""), [1]);
        assert_eq!(state(&db), Ok((1, VERSION)));
    }

    /// A history whose chunks have 40 lines, of which one was erased.
    fn erased(line: i64) -> (Connection, Indexer) {
        let rows: Vec<_> = (1..=100).map(|seq| Row::said(seq, &format!("<a> word{seq}"))).collect();
        let (db, mut indexer) = (sample(&rows), Indexer::small(10, 40));
        make(&db, &mut indexer);
        assert_eq!(chunks(&db), [(1, 1, 40, 40), (2, 41, 80, 40), (3, 81, 100, 20)]);
        db.execute("UPDATE event SET line = NULL WHERE seq = ?1", [line]).expect("a row");
        outdate(&db, line).expect("a room");
        (db, indexer)
    }

    #[test]
    fn chunks_that_have_words_of_an_erased_line_go_and_are_made_anew() {
        let (db, mut indexer) = erased(50);
        assert_eq!(state(&db), Ok((40, VERSION)));
        while indexer.forget(&db).expect("a step") {}
        assert_eq!(chunks(&db), [(1, 1, 40, 40)]);
        make(&db, &mut indexer);
        assert_eq!(chunks(&db), [(1, 1, 40, 40), (2, 41, 90, 49), (3, 91, 100, 10)]);
        let all = |words: &str| (1..=3).flat_map(|chunk| found(&db, chunk, words)).count();
        assert_eq!([all("\"word50\""), all("\"word51\""), all("\"word\"*")], [0, 1, 99]);
    }

    #[test]
    fn a_line_that_the_index_does_not_have_yet_outdates_nothing() {
        let rows: Vec<_> = (1..=20).map(|seq| Row::said(seq, "<a> word")).collect();
        let (db, mut indexer) = (sample(&rows), Indexer::small(10, 40));
        indexer.step(&db).expect("a step");
        outdate(&db, 11).expect("a room");
        assert_eq!((state(&db), indexer.forget(&db)), (Ok((10, VERSION)), Ok(false)));
    }

    #[test]
    fn an_erased_line_goes_on_being_forgotten_in_steps_that_are_made_later() {
        let (db, mut indexer) = erased(90);
        // While one is outdated, another line before it is erased.
        outdate(&db, 3).expect("a room");
        assert_eq!(state(&db), Ok((0, VERSION)));
        while !chunks(&db).is_empty() {
            assert_eq!(indexer.step(&db), Ok(Progress::GoesOn));
        }
        make(&db, &mut indexer);
        assert_eq!(chunks(&db), [(1, 1, 40, 40), (2, 41, 80, 40), (3, 81, 100, 19)]);
    }
}
